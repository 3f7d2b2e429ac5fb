"""The part of the ledger on DynamoDB that keeps what people said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pixelgate.domain.keys import BuildId
from pixelgate.domain.records import ComparisonRecord, Review, State
from pixelgate.domain.review_request import Decision, ReviewRecord
from pixelgate.errors import LeaseLost
from pixelgate.storage.codec import encode
from pixelgate.storage.dynamodb_builds import DynamoBuilds
from pixelgate.storage.dynamodb_items import (
    assignment,
    build_key,
    comparison_key,
    comparison_record,
    decision_of,
    digest,
    review_record,
)
from pixelgate.storage.dynamodb_table import KEPT_SECONDS, Refused

# Two workers may tell of two reviews in the wrong order: only a later revision is written.
NEWER = "attribute_not_exists(review_revision) OR review_revision < :revision"
# Whoever has garbage collection hide a build has made sure that it was not approved.
THERE = "attribute_exists(pk) AND attribute_not_exists(forgotten)"


class DynamoReviews(DynamoBuilds):
    """Reviews in the ledger's table. They never expire: who approved what is asked years later."""

    def set_review(self, build: BuildId, review: Review | None, revision: int) -> None:
        """Says on the build's item what people said."""
        says = "SET review_revision = :revision, review = :review"
        values: dict[str, Any] = {":revision": revision, ":review": review}
        if review is None:
            says = "SET review_revision = :revision REMOVE review"
            del values[":review"]
        self._update_if(build_key(build), says, f"{THERE} AND ({NEWER})", values)

    def add_review(self, review: ReviewRecord) -> ReviewRecord:
        """Puts the item unless there is one; who comes second gets the first one's."""
        key = _review_key(review.build, review.id)
        update, values, names = assignment(encode(review, without={"build", "id"}))
        self._update_if(key, update, "attribute_not_exists(pk)", values, names)
        stored = self._get(key)
        assert stored is not None  # noqa: S101 - nobody may delete
        return review_record(stored)

    def reviews(self, build: BuildId) -> list[ReviewRecord]:
        """The history of a build, the oldest first."""
        items = self._entries(build.project, f"review/{build.build}/")
        return sorted(map(review_record, items), key=lambda r: (r.at, r.id))

    def set_decision(self, pull_request: str, decision: Decision, revision: int) -> None:
        """Writes the item of the build in its pull request."""
        key = {
            "pk": decision.build.project,
            "sk": f"decided/{digest(pull_request)}/{decision.build.build}",
        }
        fields = {
            "review": None,  # open again: an earlier decision must not stand
            **encode(decision, without={"build"}),
            "pull_request": pull_request,
        }
        update, values, names = assignment(fields)
        self._update_if(
            key,
            f"{update}, review_revision = :revision",
            NEWER,
            {**values, ":revision": revision},
            names,
        )

    def decisions(self, project: str, pull_request: str) -> list[Decision]:
        """What people decided in a pull request, the latest first."""
        items = self._entries(project, f"decided/{digest(pull_request)}/")
        return sorted(map(decision_of, items), key=lambda d: (d.at, d.build), reverse=True)

    def reopen(self, record: ComparisonRecord, now: float) -> ComparisonRecord:
        """Puts a finished item back into the index; `mark_announced` must know its new time."""
        item = self._update_if(
            comparison_key(record.id),
            "SET updated = :now, unfinished = :yes, expires_at = :expires_at",
            "#state IN (:succeeded, :failed) AND execution = :execution",
            {
                ":now": now,
                ":yes": "yes",
                ":expires_at": int(now + KEPT_SECONDS),
                ":succeeded": State.SUCCEEDED,
                ":failed": State.FAILED,
                ":execution": record.execution,
            },
            {"#state": "state"},
        )
        if item is None:
            raise LeaseLost(f"{record.id}: execution {record.execution} is no longer the latest")
        return comparison_record(record.id, item)

    def _update_if(
        self,
        key: Mapping[str, str],
        update: str,
        condition: str,
        values: Mapping[str, Any],
        names: Mapping[str, str] | None = None,
    ) -> dict[str, Any] | None:
        """The new item, or None if the condition did not hold."""
        try:
            return self._update(key, update, condition, values, names)
        except Refused:
            return None


def _review_key(build: BuildId, review_id: str) -> dict[str, str]:
    return {"pk": build.project, "sk": f"review/{build.build}/{review_id}"}
