"""Reads and changes the review log of a build, and combines it with the changes to review."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pixelgate.domain import keys
from pixelgate.domain.comparison import NEEDING_REVIEW
from pixelgate.domain.keys import BuildId
from pixelgate.domain.records import ComparisonRecord, State
from pixelgate.domain.review_request import Reviewable
from pixelgate.domain.review_state import (
    ReviewLog,
    ReviewSummary,
    summarize,
    to_status_json,
    to_status_json_without_result,
)
from pixelgate.pipeline.announce.update import change_log, read_json
from pixelgate.ports import Bucket


@dataclass(frozen=True)
class ReviewStatus:
    """The state of a comparison's review: log, changes to review, and what follows from both.

    Without a result, or if that was deleted, there is only the log.
    """

    review_log: ReviewLog
    reviewable: Reviewable | None = None
    summary: ReviewSummary | None = None

    @property
    def quarantine(self) -> Mapping[str, Any] | None:
        """The field `quarantine` of status.json; None if there is nothing to say."""
        return self.reviewable.quarantine if self.reviewable else None

    def to_status_json(self, record: ComparisonRecord) -> dict[str, Any] | None:
        """Encodes the field `review` of status.json."""
        if self.reviewable:
            return to_status_json(self.reviewable, self.review_log)
        left = sum(record.counts.get(status, 0) for status in NEEDING_REVIEW)
        return to_status_json_without_result(record.verdict, left, self.review_log)


def read_review_status(record: ComparisonRecord, objects: Bucket) -> ReviewStatus:
    """Reads the state of a comparison's review."""
    review_log = read_review_log(record.head, objects)
    if record.state is not State.SUCCEEDED:
        return ReviewStatus(review_log)
    review_log = review_log.of_execution(record.execution)
    reviewable = read_reviewable(record, objects)
    summary = summarize(reviewable, review_log) if reviewable else None
    return ReviewStatus(review_log, reviewable, summary)


def read_review_log(build: BuildId, objects: Bucket) -> ReviewLog:
    """Reads the review log of a build; it is empty if there is no review."""
    return _log_of(read_json(objects, keys.review_log(build)))


def read_reviewable(record: ComparisonRecord, objects: Bucket) -> Reviewable | None:
    """Reads the changes of a published result; None if it was deleted."""
    stored = read_json(objects, keys.result(record.id, record.execution, "review.json"))
    return Reviewable.from_json(stored) if stored else None


def change_review_log(
    build: BuildId, objects: Bucket, change: Callable[[ReviewLog], ReviewLog]
) -> ReviewLog:
    """Changes the review log by compare-and-set; returns the new one. Raises WriteConflict."""
    return change_log(objects, keys.review_log(build), _log_of, change)


def _log_of(stored: Any) -> ReviewLog:
    return ReviewLog.from_json(stored) if stored else ReviewLog()
