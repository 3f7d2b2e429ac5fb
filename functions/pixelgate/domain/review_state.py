"""Combines all reviews of a result: who decided what, and which snapshots are undecided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from pixelgate.domain.comparison import Verdict
from pixelgate.domain.records import Review
from pixelgate.domain.review_request import (
    Action,
    InheritedApproval,
    OnBehalfOf,
    Reviewable,
)

NAMES_SHOWN = 100
# The revision of a result without any review.
FIRST_REVISION = 1
_WORDS_SHOWN = 20


class ReviewState(StrEnum):
    """The state of a build's review."""

    NOT_NEEDED = "not_needed"
    NEEDED = "needed"
    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Applied:
    """A review that counts: who decided what, and when.

    Reviews are ordered by the time at which S3 stored them, not by the arrival of their events.
    `by` is `ReviewRecord.reviewer`.
    """

    id: str
    action: Action
    by: str
    at: str
    reason: str | None = None
    whole: bool = False
    on_behalf_of: OnBehalfOf | None = None

    @property
    def stamp(self) -> tuple[str, str]:
        """Orders reviews: the one with the highest stamp counts."""
        return self.at, self.id


@dataclass(frozen=True)
class Refusal:
    """A review that does not count, and the reason."""

    id: str
    by: str
    at: str
    why: str


@dataclass(frozen=True)
class ReviewLog:
    """All reviews of one execution.

    Adding reviews is commutative and idempotent, as the review with the highest stamp counts for
    each snapshot. So the events of reviews may arrive twice and in any order.

    Attributes:
        execution: the result that was reviewed; empty while the build has none.
        revision: number of changes of this log; a higher revision is newer.
        reviews: the reviews that count, by id.
        decisions: name of a snapshot to the id of its latest review; reviews of the whole build
            are not listed here.
        refused: the latest reviews that do not count, at most 20.
        granted: an approval that was carried over after the result was published.
    """

    execution: str = ""
    revision: int = 0
    reviews: Mapping[str, Applied] = field(default_factory=dict)
    decisions: Mapping[str, str] = field(default_factory=dict)
    refused: tuple[Refusal, ...] = ()
    granted: InheritedApproval | None = None

    def of_execution(self, execution: str) -> ReviewLog:
        """Returns the log of that result; reviews of another result do not count for it."""
        if self.execution == execution:
            return self
        return ReviewLog(execution, self.revision + 1, refused=self.refused)

    def with_review(self, review: Applied, names: Iterable[str]) -> ReviewLog:
        """Returns the log with this review added; the same log if it has the review already."""
        if review.id in self.reviews:
            return self
        reviews = {**self.reviews, review.id: review}
        decisions = dict(self.decisions)
        for name in names:
            latest = decisions.get(name)
            if latest is None or reviews[latest].stamp < review.stamp:
                decisions[name] = review.id
        return replace(self, revision=self.revision + 1, reviews=reviews, decisions=decisions)

    def with_grant(self, granted: InheritedApproval) -> ReviewLog:
        """Returns the log with this carried-over approval, unless it has one already."""
        if self.granted:
            return self
        return replace(self, revision=self.revision + 1, granted=granted)

    def with_refusal(self, refusal: Refusal) -> ReviewLog:
        """Returns the log with this refusal added; only the latest ones are kept."""
        if any(r.id == refusal.id and r.why == refusal.why for r in self.refused):
            return self
        latest = sorted([*self.refused, refusal], key=lambda r: (r.at, r.id, r.why))
        if refusal not in latest[-_WORDS_SHOWN:]:
            return self
        return replace(self, revision=self.revision + 1, refused=tuple(latest[-_WORDS_SHOWN:]))

    def decision(self, name: str) -> Applied | None:
        """Returns the later one of the snapshot's own latest review and that of the whole build."""
        own = self.decisions.get(name)
        reviews = [r for r in (self.reviews[own] if own else None, self.whole) if r]
        return max(reviews, key=lambda r: r.stamp, default=None)

    @property
    def whole(self) -> Applied | None:
        """The latest review of the whole build."""
        reviews = (r for r in self.reviews.values() if r.whole)
        return max(reviews, key=lambda r: r.stamp, default=None)

    def as_json(self) -> dict[str, Any]:
        """Returns review.json of the build."""
        return {"schema_version": 1, **asdict(self)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> ReviewLog:
        """Reads what `as_json` returns."""
        return cls(
            stored["execution"],
            stored["revision"],
            {key: _applied(review) for key, review in stored["reviews"].items()},
            stored["decisions"],
            tuple(Refusal(**refusal) for refusal in stored["refused"]),
            InheritedApproval.from_json(stored.get("granted")),
        )


def _applied(stored: Mapping[str, Any]) -> Applied:
    person = stored.get("on_behalf_of")  # older logs do not have it
    typed = {"action": Action(stored["action"]), "on_behalf_of": person and OnBehalfOf(**person)}
    return Applied(**{**stored, **typed})


@dataclass(frozen=True)
class ReviewSummary:
    """The outcome of a result's reviews.

    Attributes:
        left: names of undecided snapshots, sorted.
        approved: number of approved snapshots among those that need a review.
        rejected: number of rejected snapshots.
        by, reasons: the reviewers and their reasons, in the order of their reviews.
        at: when the latest review that counts was stored; empty if there is none.
        human: whether people decided every snapshot, so that the approval may be carried over.
        complete: whether an approval covers all snapshots; otherwise the build is no baseline.
    """

    state: ReviewState
    left: tuple[str, ...] = ()
    approved: int = 0
    rejected: int = 0
    by: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    at: str = ""
    human: bool = False
    complete: bool = True

    @property
    def result(self) -> Review | None:
        """The field `review` of the build's record, by which it may become a baseline."""
        if self.state is ReviewState.APPROVED and not self.complete:
            return None
        return Review(self.state) if self.state in {*Review} else None


def summarize(reviewable: Reviewable, review_log: ReviewLog) -> ReviewSummary:
    """Sums up the reviews: one rejection rejects the build; it is approved if nothing is left."""
    decided = {
        name: review_log.decision(name) for name in {*reviewable.changes, *review_log.decisions}
    }
    rejected = sum(1 for d in decided.values() if d and d.action is Action.REJECT)
    granted = reviewable.granted or review_log.granted
    left = () if granted else tuple(sorted(n for n in reviewable.changes if not decided[n]))
    mine = [decided[name] for name in reviewable.changes]
    approved = sum(d.action is Action.APPROVE if d else granted is not None for d in mine)
    latest = {d.stamp: d for d in (*decided.values(), review_log.whole) if d}
    counting = [latest[stamp] for stamp in sorted(latest)]
    state = _state(reviewable, review_log, rejected, len(left))
    return ReviewSummary(
        state=state,
        left=left,
        approved=approved,
        rejected=rejected,
        by=_once([*(granted.by if granted else ()), *(d.by for d in counting)]),
        reasons=_once(
            [*([granted.why] if granted else []), *(d.reason for d in counting if d.reason)]
        ),
        at=counting[-1].at if counting else "",
        human=bool(counting)
        and (state is ReviewState.REJECTED or all(decided[n] for n in reviewable.changes)),
        # A review by name of a first upload covers only its errored snapshots, not the added ones.
        complete=not reviewable.first or review_log.whole is not None,
    )


def _state(reviewable: Reviewable, review_log: ReviewLog, rejected: int, left: int) -> ReviewState:
    whole = review_log.whole
    if rejected or (whole and whole.action is Action.REJECT and not reviewable.changes):
        return ReviewState.REJECTED
    if left:
        return ReviewState.NEEDED
    if reviewable.changes or whole:
        return ReviewState.APPROVED
    return ReviewState.NOT_NEEDED


def _once(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))[:_WORDS_SHOWN]


def to_status_json(reviewable: Reviewable, review_log: ReviewLog) -> dict[str, Any]:
    """Returns the field `review` of status.json."""
    granted = reviewable.granted or review_log.granted
    summary = summarize(reviewable, review_log)
    return _status_json(summary, len(summary.left), granted, review_log)


def to_status_json_without_result(
    verdict: str | None, left: int, review_log: ReviewLog
) -> dict[str, Any] | None:
    """Returns `review` of status.json if there is no result, or its review.json is missing.

    It lists refused reviews and, if there is a verdict, the number of snapshots to review.
    """
    if verdict is None and not review_log.refused:
        return None
    state = ReviewState.NOT_NEEDED if verdict == Verdict.PASSED else ReviewState.NEEDED
    return _status_json(ReviewSummary(state), left, None, review_log)


def _status_json(
    summary: ReviewSummary, left: int, granted: InheritedApproval | None, review_log: ReviewLog
) -> dict[str, Any]:
    return {
        "state": summary.state,
        "left": left,
        "names": list(summary.left[:NAMES_SHOWN]),
        "approved": summary.approved,
        "rejected": summary.rejected,
        "by": list(summary.by),
        "reasons": list(summary.reasons),
        "carried_from": granted.build if granted else None,
        "refused": [vars(refusal) for refusal in review_log.refused],
        "revision": review_log.revision,
    }
