"""Announces the state in a record: writes status.json and sends an event."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from itertools import islice
from typing import Any

from pixelgate.domain import keys, state_events
from pixelgate.domain.comparison import Verdict
from pixelgate.domain.eligibility import approved_by_rule
from pixelgate.domain.keys import BuildId, ComparisonId
from pixelgate.domain.records import BuildRecord, ComparisonRecord, Lookup, Review, State
from pixelgate.domain.review_request import Decision
from pixelgate.domain.review_state import FIRST_REVISION
from pixelgate.errors import NotTold
from pixelgate.pipeline.announce.review_store import ReviewStatus, read_review_status
from pixelgate.pipeline.announce.status import status_of, status_of_rejected, write_status
from pixelgate.pipeline.announce.waiting import resume_waiting_builds
from pixelgate.pipeline.context import StorageContext
from pixelgate.ports import Events

_KEPT = 1_000
# How many builds of a pull request are read to find the newest: forks may claim any number.
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


def announce_progress(record: ComparisonRecord, records: StorageContext, **changes: Any) -> None:
    """Announces that a build is compared or waits; `changes` as for `announce_result`."""
    status = {**status_of(record, build=records.ledger.build(record.head)), **changes}
    write_status(records.objects, record.head, status)
    records.events.try_to_emit(state_events.COMPARISON, state_events.detail(status))


def announce_rejection(
    build: BuildId, message: str, now: float, records: StorageContext, **changes: Any
) -> None:
    """Announces a rejected manifest; `changes` as for `announce_result`. Raises NotTold."""
    status = {**status_of_rejected(build, message, now), **changes}
    status = _with_page(status, build, records)
    write_status(records.objects, build, status)
    records.events.emit(state_events.COMPARISON, state_events.detail(status))


def announce_result(record: ComparisonRecord, records: StorageContext, **changes: Any) -> None:
    """Announces a final state: writes status.json, sends the event, and marks the record.

    A later delivery repeats all steps for a record without the mark; each step can be repeated.

    Args:
        record: the comparison's record, as it was read or written last.
        records: the ports.
        changes: fields of status.json that differ from the record.

    Raises:
        NotTold: the event was not sent. The record is not marked, so it is announced again.
    """
    now = read_review_status(record, records.objects)
    build = records.ledger.build(record.head)
    if build:
        _record_review(build, now, records)
    status = {**status_of(record, now.to_status_json(record), build), **changes}
    status = _with_page(status, record.head, records)
    write_status(records.objects, record.head, status)
    reviewed = now.summary and (now.review_log.reviews or now.review_log.granted)
    kind = state_events.REVIEW if reviewed else state_events.COMPARISON
    records.events.emit(kind, state_events.detail(status))
    records.ledger.mark_announced(record)


def rewrite_status(record: ComparisonRecord, records: StorageContext, **changes: Any) -> None:
    """Rewrites status.json without sending an event."""
    review = read_review_status(record, records.objects).to_status_json(record)
    build = records.ledger.build(record.head)
    status = {**status_of(record, review, build), **changes}
    write_status(records.objects, record.head, _with_page(status, record.head, records))


def _with_page(status: dict[str, Any], build: BuildId, records: StorageContext) -> dict[str, Any]:
    """Returns the status; writes and adds the report page if the build failed."""
    if status["error"] is None or records.render_failure is None:
        return status
    key = keys.failure(build)
    records.objects.write(key, records.render_failure(status), "text/html; charset=utf-8")
    return {**status, "report": key}


def _record_review(build: BuildRecord, now: ReviewStatus, records: StorageContext) -> None:
    """Writes the state of the review to the build's record and to its pull request.

    The writes come first, then the search for builds that wait for this one or that were compared
    before the approval. So no such build is missed, in whatever order the steps interleave.
    """
    if now.summary is None:
        return
    result, revision = now.summary.result, now.review_log.revision
    if result is None and revision == FIRST_REVISION:
        return  # there is no review, as for most builds
    records.ledger.set_review(build.id, result, revision)
    by_rule = approved_by_rule(build, records.baseline_branches, records.trunk_only)
    only_by_rule = by_rule and not now.review_log.reviews
    # A build that is approved by rule resumed the waiting builds when its images were present.
    if result is Review.APPROVED and not only_by_rule:
        resume_waiting_builds(build.id, records)
    if build.pull_request is not None and now.review_log.reviews:
        decided = result if now.summary.human else None
        decision = Decision(build.id, decided, now.summary.at)
        records.ledger.set_decision(build.pull_request, decision, revision)
        if decided is Review.APPROVED:
            _resume_newest_build(build, build.pull_request, records)


def _resume_newest_build(approved: BuildRecord, pull_request: str, records: StorageContext) -> None:
    """Resumes the newest build of the pull request, so that it can carry the approval over.

    A build that is still being compared looks for approvals itself after its publication.

    Raises:
        Exception: no worker could be called. The sweeper does not look for this case, so the
            result stays unannounced and is announced again.
    """
    builds = records.ledger.builds_by(approved.id.project, Lookup.PULL_REQUEST, pull_request)
    same = (b for b in islice(builds, _READ) if b.trusted == approved.trusted)
    newest = next(same, None)
    if newest is None or newest.created <= approved.created or newest.baseline is None:
        return
    comparison = records.ledger.comparison(
        ComparisonId(newest.id.project, newest.id.build, newest.baseline.build)
    )
    if comparison is None or comparison.state is not State.SUCCEEDED or newest.review:
        return
    if comparison.verdict == Verdict.NEEDS_REVIEW:
        records.resume(newest.id)
