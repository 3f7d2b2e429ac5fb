"""Announces the state in a record: writes status.json and sends an event."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from itertools import islice
from typing import Any

from pixelgate.domain import keys, state_events
from pixelgate.domain.comparison import Verdict
from pixelgate.domain.eligibility import approved_by_rule, series_of
from pixelgate.domain.keys import BuildId
from pixelgate.domain.records import BuildRecord, ComparisonRecord, Review, Series
from pixelgate.domain.review_request import Decision
from pixelgate.domain.review_state import FIRST_REVISION
from pixelgate.errors import NotTold
from pixelgate.pipeline.announce.index import add_to_index
from pixelgate.pipeline.announce.review_store import ReviewStatus, read_review_status
from pixelgate.pipeline.announce.status import status_of, status_of_rejected, write_status
from pixelgate.pipeline.announce.waiting import resume_waiting_builds
from pixelgate.pipeline.context import StorageContext
from pixelgate.ports import Events

_KEPT = 1_000
# How many builds of a series are read to find the newest: forks may claim any number or branch.
_READ = 500


class Backlog:
    """An emitter that keeps unsent events of passing states and sends them before the next event.

    A final state needs no backlog: its record is not marked as announced, so the next delivery or
    the sweeper announces it again. A passing state has no such mark, and an error of its event
    must not stop the comparison.
    """

    def __init__(self, emitter: Events) -> None:
        self._emitter = emitter
        self._waiting: deque[tuple[str, dict[str, Any]]] = deque(maxlen=_KEPT)

    def emit(self, kind: str, detail: Mapping[str, Any]) -> None:
        """Sends the backlog, then this event. Raises NotTold."""
        while self._waiting:
            self._emitter.emit(*self._waiting[0])
            self._waiting.popleft()
        self._emitter.emit(kind, detail)

    def try_to_emit(self, kind: str, detail: Mapping[str, Any]) -> None:
        """Sends this event, or adds it to the backlog."""
        try:
            self.emit(kind, detail)
        except NotTold:
            self._waiting.append((kind, dict(detail)))


def announce_progress(record: ComparisonRecord, storage: StorageContext, **changes: Any) -> None:
    """Announces that a build is compared or waits; `changes` as for `announce_result`."""
    status = {**status_of(record, build=storage.ledger.build(record.head)), **changes}
    _write(status, record.head, storage)
    storage.events.try_to_emit(state_events.COMPARISON, state_events.detail(status))


def announce_rejection(
    build: BuildId, message: str, now: float, storage: StorageContext, **changes: Any
) -> None:
    """Announces a rejected manifest; `changes` as for `announce_result`. Raises NotTold."""
    status = _write({**status_of_rejected(build, message, now), **changes}, build, storage)
    storage.events.emit(state_events.COMPARISON, state_events.detail(status))


def announce_result(record: ComparisonRecord, storage: StorageContext, **changes: Any) -> None:
    """Announces a final state: writes status.json, sends the event, and marks the record.

    Before it marks the record, it adds the result to the project's index.

    A later delivery repeats all steps for a record without the mark; each step can be repeated.
    `changes` are fields of status.json that differ from the record. Raises NotTold if the event was
    not sent; the record is then not marked, so it is announced again.
    """
    now = read_review_status(record, storage.objects)
    build = storage.ledger.build(record.head)
    if build:
        _record_review(build, now, storage)
    status = {**status_of(record, now.to_status_json(record), build, now.quarantine), **changes}
    status = _write(status, record.head, storage)
    reviewed = now.summary and (now.review_log.reviews or now.review_log.granted)
    kind = state_events.REVIEW if reviewed else state_events.COMPARISON
    storage.events.emit(kind, state_events.detail(status))
    # After all that people wait for; whoever repeats the announcement repeats this.
    add_to_index(record, now, storage.objects)
    storage.ledger.mark_announced(record)


def rewrite_status(record: ComparisonRecord, storage: StorageContext, **changes: Any) -> None:
    """Rewrites status.json without sending an event."""
    now = read_review_status(record, storage.objects)
    build = storage.ledger.build(record.head)
    status = status_of(record, now.to_status_json(record), build, now.quarantine)
    _write({**status, **changes}, record.head, storage)


def _write(status: dict[str, Any], build: BuildId, storage: StorageContext) -> dict[str, Any]:
    """Writes status.json and, if the build failed, its page; returns the status with its key."""
    if status["error"] is not None and storage.render_failure is not None:
        key = keys.failure(build)
        storage.objects.write(key, storage.render_failure(status), "text/html; charset=utf-8")
        status = {**status, "report": key}
    write_status(storage.objects, build, status)
    return status


def _record_review(build: BuildRecord, now: ReviewStatus, storage: StorageContext) -> None:
    """Writes the state of the review to the build's record and to its pull request or branch.

    The writes come first, then the search for builds that wait for this one or that were compared
    before the approval. So no such build is missed, in whatever order the steps interleave.
    """
    if now.summary is None:
        return
    result, revision = now.summary.result, now.review_log.revision
    if result is None and revision == FIRST_REVISION:
        return  # there is no review, as for most builds
    storage.ledger.set_review(build.id, result, revision)
    by_rule = approved_by_rule(build, storage.baseline_branches, storage.trunk_only)
    only_by_rule = by_rule and not now.review_log.reviews
    # A build that is approved by rule resumed the waiting builds when its images were present.
    if result is Review.APPROVED and not only_by_rule:
        resume_waiting_builds(build.id, storage)
    series = series_of(build, storage.baseline_branches)
    if series is not None and now.review_log.reviews:
        decided = result if now.summary.human else None
        decision = Decision(build.id, decided, now.summary.at)
        storage.ledger.set_decision(series, decision, revision)
        if decided is Review.APPROVED:
            _resume_newest_build(build, series, storage)


def _resume_newest_build(approved: BuildRecord, series: Series, storage: StorageContext) -> None:
    """Resumes the newest build of the series, so that it can carry the approval over.

    A build that is still being compared looks for approvals itself after its publication. If no
    worker can be called, it raises, so that the result is announced again.
    """
    builds = storage.ledger.builds_by(approved.id.project, series.lookup, series.value)
    same = (
        b
        for b in islice(builds, _READ)
        if b.trusted == approved.trusted and series_of(b, storage.baseline_branches) == series
    )
    newest = next(same, None)
    if newest is None or newest.created <= approved.created or newest.comparison is None:
        return
    comparison = storage.ledger.comparison(newest.comparison)
    if comparison and comparison.verdict == Verdict.NEEDS_REVIEW and not newest.review:
        storage.resume(newest.id)
