"""The reviews of the ledger, and the decisions that follow from them."""

from __future__ import annotations

from pixelgate.domain.keys import BuildId
from pixelgate.domain.records import ComparisonRecord, Lookup, Review, Series
from pixelgate.domain.review_request import Decision, ReviewRecord
from pixelgate.errors import LeaseLost
from pixelgate.storage.codec import encode
from pixelgate.storage.dynamodb_builds import DynamoBuilds
from pixelgate.storage.dynamodb_items import (
    build_key,
    comparison_key,
    comparison_record,
    decision_of,
    digest,
    review_record,
)
from pixelgate.storage.dynamodb_table import KEPT_SECONDS

# Two workers may write two decisions in the wrong order: the one with the later revision stays.
NEWER = "(attribute_not_exists(review_revision) OR review_revision < :review_revision)"


class DynamoReviews(DynamoBuilds):
    """The part of the ledger that stores reviews; they never expire, unlike comparisons."""

    def set_review(self, build: BuildId, review: Review | None, revision: int) -> None:
        """Writes the decision to the build's item, unless the build is hidden."""
        self._update_if(
            build_key(build),
            {"review_revision": revision, **({"review": review} if review else {})},
            f"attribute_exists(pk) AND attribute_not_exists(forgotten) AND {NEWER}",
            remove=[] if review else ["review"],
        )

    def add_review(self, review: ReviewRecord) -> ReviewRecord:
        """Writes the review's item unless it exists, and reads it."""
        key = {"pk": review.build.project, "sk": f"review/{review.build.build}/{review.id}"}
        self._update_if(key, encode(review, without={"build", "id"}), "attribute_not_exists(pk)")
        stored = self._get(key)
        assert stored is not None  # noqa: S101 - nobody may delete it
        return review_record(stored)

    def reviews(self, build: BuildId) -> list[ReviewRecord]:
        """Reads a build's reviews, which lie by id."""
        items = self._query(build.project, f"review/{build.build}/")
        return sorted(map(review_record, items), key=lambda r: (r.at, r.id))

    def set_decision(self, series: Series, decision: Decision, revision: int) -> None:
        """Writes the item of a build in its pull request or branch."""
        build = decision.build
        self._update_if(
            {"pk": build.project, "sk": f"{_decided(series)}{build.build}"},
            {
                "review": None,  # replaces an earlier decision if the build needs a review again
                **encode(decision, without={"build"}),
                series.lookup: series.value,
                "review_revision": revision,
            },
            NEWER,
        )

    def decisions(self, project: str, series: Series) -> list[Decision]:
        """Reads the decisions of a pull request or a branch, which lie by build."""
        items = self._query(project, _decided(series))
        return sorted(map(decision_of, items), key=lambda d: (d.at, d.build), reverse=True)

    def reopen(self, record: ComparisonRecord, now: float) -> ComparisonRecord:
        """Puts a finished item back into the index; `mark_announced` has to know its new time."""
        item = self._update_if(
            comparison_key(record.id),
            {"updated": now, "unfinished": "yes", "expires_at": int(now + KEPT_SECONDS)},
            "#state IN (:SUCCEEDED, :FAILED) AND execution = :owner",
            {"owner": record.execution},
        )
        if item is None:
            raise LeaseLost(f"{record.id}: execution {record.execution} is no longer the latest")
        return comparison_record(record.id, item)


def _decided(series: Series) -> str:
    """Returns how the sort keys of a series begin; a digest has no "/", so no two are alike."""
    kind = "" if series.lookup is Lookup.PULL_REQUEST else f"{series.lookup}/"
    return f"decided/{kind}{digest(series.value)}/"
