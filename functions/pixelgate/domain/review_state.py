"""What all reviews of a result decide together, and what is left for a person to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from pixelgate.domain.comparison import Verdict
from pixelgate.domain.records import Review
from pixelgate.domain.review_request import Action, InheritedApproval, Reviewable

NAMES_SHOWN = 100
# Of a result on which nobody has said anything yet.
FIRST_REVISION = 1
_WORDS_SHOWN = 20


class ReviewState(StrEnum):
    """How far the review of a build is."""

    NOT_NEEDED = "not_needed"
    NEEDED = "needed"
    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Applied:
    """One review that counts: who said what, and when.

    Reviews are ordered by S3's clock, not by the order in which their events come.
    """

    id: str
    action: Action
    by: str
    at: str
    reason: str | None = None
    whole: bool = False

    @property
    def stamp(self) -> tuple[str, str]:
        """Of two reviews of one snapshot the one with the higher stamp counts."""
        return self.at, self.id


@dataclass(frozen=True)
class Refusal:
    """A review that does not count, and why."""

    id: str
    by: str
    at: str
    why: str


@dataclass(frozen=True)
class ReviewLog:
    """Everything that reviews have decided about one execution.

    Merging is commutative and idempotent: the last review of each snapshot counts, in the order
    of their stamps. So the events of reviews may come twice and in any order.

    Attributes:
        execution: of which result; empty while the build has none.
        revision: counts what changed; a higher one is the newer.
        reviews: the reviews that count, by id.
        decisions: name of a snapshot to the id of its latest review by name.
        refused: the latest reviews that do not count.
        granted: an approval that was carried over after the result was published.
    """

    execution: str = ""
    revision: int = 0
    reviews: Mapping[str, Applied] = field(default_factory=dict)
    decisions: Mapping[str, str] = field(default_factory=dict)
    refused: tuple[Refusal, ...] = ()
    granted: InheritedApproval | None = None

    def of_execution(self, execution: str) -> ReviewLog:
        """The ballot of that result: decisions on another one do not count for it."""
        if self.execution == execution:
            return self
        return ReviewLog(execution, self.revision + 1, refused=self.refused)

    def with_review(self, review: Applied, names: Iterable[str]) -> ReviewLog:
        """Adds a review; the same ballot if it is there already."""
        if review.id in self.reviews:
            return self
        reviews = {**self.reviews, review.id: review}
        decisions = dict(self.decisions)
        for name in names:
            present = decisions.get(name)
            if present is None or reviews[present].stamp < review.stamp:
                decisions[name] = review.id
        return replace(self, revision=self.revision + 1, reviews=reviews, decisions=decisions)

    def with_grant(self, granted: InheritedApproval) -> ReviewLog:
        """Adds an approval that was carried over; the first one stays."""
        if self.granted:
            return self
        return replace(self, revision=self.revision + 1, granted=granted)

    def with_refusal(self, refusal: Refusal) -> ReviewLog:
        """Adds a refusal, and forgets the oldest of many."""
        if any(r.id == refusal.id and r.why == refusal.why for r in self.refused):
            return self
        latest = sorted([*self.refused, refusal], key=lambda r: (r.at, r.id, r.why))
        if refusal not in latest[-_WORDS_SHOWN:]:
            return self
        return replace(self, revision=self.revision + 1, refused=tuple(latest[-_WORDS_SHOWN:]))

    def decision(self, name: str) -> Applied | None:
        """What counts for a snapshot: its own latest review or that of the whole build."""
        own = self.decisions.get(name)
        found = [r for r in (self.reviews[own] if own else None, self.whole) if r]
        return max(found, key=lambda r: r.stamp, default=None)

    @property
    def whole(self) -> Applied | None:
        """The latest review of the whole build."""
        found = (r for r in self.reviews.values() if r.whole)
        return max(found, key=lambda r: r.stamp, default=None)

    def as_json(self) -> dict[str, Any]:
        """review.json of the build."""
        return {
            "schema_version": 1,
            "execution": self.execution,
            "revision": self.revision,
            "reviews": {key: vars(review) for key, review in self.reviews.items()},
            "decisions": dict(self.decisions),
            "refused": [vars(refusal) for refusal in self.refused],
            "granted": self.granted.as_json() if self.granted else None,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> ReviewLog:
        """The inverse of `as_json`."""
        return cls(
            stored["execution"],
            stored["revision"],
            {
                key: Applied(**{**review, "action": Action(review["action"])})
                for key, review in stored["reviews"].items()
            },
            stored["decisions"],
            tuple(Refusal(**refusal) for refusal in stored["refused"]),
            InheritedApproval.from_json(stored.get("granted")),
        )


@dataclass(frozen=True)
class ReviewSummary:
    """What a ballot makes of its subject.

    Attributes:
        state: how far the review is.
        left: names that nobody has decided, sorted.
        approved: how many snapshots that needed a person are approved.
        rejected: how many snapshots are rejected.
        by: who decided, in the order of their reviews.
        reasons: what they said.
        at: when the latest review was written that counts; empty if none was.
        human: whether people decided all of it, so that it may be carried over.
        complete: whether an approval is one of all snapshots; else the build is no baseline.
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
        """`review` of the build's record, on which its use as a baseline depends."""
        if self.state is ReviewState.APPROVED and not self.complete:
            return None
        return Review(self.state) if self.state in {*Review} else None


def summarize(reviewable: Reviewable, review_log: ReviewLog) -> ReviewSummary:
    """Counts: one rejection rejects the build, and it is approved when nothing is left."""
    decided = {
        name: review_log.decision(name) for name in {*reviewable.changes, *review_log.decisions}
    }
    rejected = sum(1 for d in decided.values() if d and d.action is Action.REJECT)
    granted = reviewable.granted or review_log.granted
    left = () if granted else tuple(sorted(n for n in reviewable.changes if not decided[n]))
    approved = sum(
        1
        for name in reviewable.changes
        if ((d := decided[name]) and d.action is Action.APPROVE) or (granted and not d)
    )
    counting = sorted(
        {d.stamp: d for d in (*decided.values(), review_log.whole) if d}.values(),
        key=lambda d: d.stamp,
    )
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
        # Of a first upload a review by name decides what could not be read; the rest is unseen.
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
    """`review` of status.json."""
    summary = summarize(reviewable, review_log)
    granted = reviewable.granted or review_log.granted
    return {
        "state": summary.state,
        "left": len(summary.left),
        "names": list(summary.left[:NAMES_SHOWN]),
        "approved": summary.approved,
        "rejected": summary.rejected,
        "by": list(summary.by),
        "reasons": list(summary.reasons),
        "carried_from": granted.build if granted else None,
        **_tail(review_log),
    }


def to_status_json_without_result(
    verdict: str | None, left: int, review_log: ReviewLog
) -> dict[str, Any] | None:
    """`review` where there is nothing to review yet, or nobody knows what: refusals only."""
    if verdict is None and not review_log.refused:
        return None
    state = ReviewState.NOT_NEEDED if verdict == Verdict.PASSED else ReviewState.NEEDED
    return {
        "state": state,
        "left": left,
        "names": [],
        "approved": 0,
        "rejected": 0,
        "by": [],
        "reasons": [],
        "carried_from": None,
        **_tail(review_log),
    }


def _tail(review_log: ReviewLog) -> dict[str, Any]:
    return {"refused": [vars(r) for r in review_log.refused], "revision": review_log.revision}
