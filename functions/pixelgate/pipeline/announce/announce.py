"""Tells what the record says: in status.json, in the build's review, and as an event."""

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
# Builds of one pull request that are read to find the newest: forks may name it as they like.
_READ = 500


class Backlog:
    """An emitter whose passing states may come late: what did not go out goes before the next.

    Final states are told again by the next delivery or the sweeper, as their record says that
    they are not told. A passing state has no such memory, and must not hold up the comparison.
    """

    def __init__(self, emitter: Events) -> None:
        self._emitter = emitter
        self._waiting: deque[tuple[str, dict[str, Any]]] = deque(maxlen=_KEPT)

    def emit(self, kind: str, detail: Mapping[str, Any]) -> None:
        """Sends what waits, then this. Raises NotTold."""
        while self._waiting:
            self._emitter.emit(*self._waiting[0])
            self._waiting.popleft()
        self._emitter.emit(kind, detail)

    def try_to_emit(self, kind: str, detail: Mapping[str, Any]) -> None:
        """Sends this, or keeps it for later."""
        try:
            self.emit(kind, detail)
        except NotTold:
            self._waiting.append((kind, dict(detail)))


def announce_progress(record: ComparisonRecord, records: StorageContext, **changes: Any) -> None:
    """Tells of a passing state: somebody waits, or works; `changes` as for `announce_result`."""
    status = {**status_of(record, build=records.ledger.build(record.head)), **changes}
    write_status(records.objects, record.head, status)
    records.events.try_to_emit(state_events.COMPARISON, state_events.detail(status))


def announce_rejection(
    build: BuildId, message: str, now: float, records: StorageContext, **changes: Any
) -> None:
    """Tells that a manifest was refused; `changes` as for `announce_result`. Raises NotTold."""
    status = {**status_of_rejected(build, message, now), **changes}
    status = _with_page(status, build, records)
    write_status(records.objects, build, status)
    records.events.emit(state_events.COMPARISON, state_events.detail(status))


def announce_result(record: ComparisonRecord, records: StorageContext, **changes: Any) -> None:
    """Brings a final state to everybody and notes that it is told.

    Whoever comes back to a record that is not settled does all of it again; each step bears that.

    Args:
        record: of the comparison, as it was read or written last.
        records: the ports.
        changes: what status.json says otherwise than the record.

    Raises:
        NotTold: the event did not go out; the record stays unsettled, so it is told again.
    """
    now = read_review_status(record, records.objects)
    build = records.ledger.build(record.head)
    if build:
        _note(build, now, records)
    status = {**status_of(record, now.to_status_json(record), build), **changes}
    status = _with_page(status, record.head, records)
    write_status(records.objects, record.head, status)
    reviewed = now.summary and (now.review_log.reviews or now.review_log.granted)
    kind = state_events.REVIEW if reviewed else state_events.COMPARISON
    records.events.emit(kind, state_events.detail(status))
    records.ledger.mark_announced(record)


def rewrite_status(record: ComparisonRecord, records: StorageContext, **changes: Any) -> None:
    """Writes status.json once more, for nobody but who reads it."""
    review = read_review_status(record, records.objects).to_status_json(record)
    build = records.ledger.build(record.head)
    status = {**status_of(record, review, build), **changes}
    write_status(records.objects, record.head, _with_page(status, record.head, records))


def _with_page(status: dict[str, Any], build: BuildId, records: StorageContext) -> dict[str, Any]:
    """The status; that of a failure with a page that says what happened and what to do."""
    if status["error"] is None or records.render_failure is None:
        return status
    key = keys.failure(build)
    records.objects.write(key, records.render_failure(status), "text/html; charset=utf-8")
    return {**status, "report": key}


def _note(build: BuildRecord, now: ReviewStatus, records: StorageContext) -> None:
    """Tells the build's record what people said, and its pull request whom to follow.

    Written first, looked at then: who waits for this build, or was compared before the approval
    came, is found whichever way the steps interleave.
    """
    if now.summary is None:
        return
    result, revision = now.summary.result, now.review_log.revision
    if result is None and revision == FIRST_REVISION:
        return  # nobody has ever said anything, as of most builds
    records.ledger.set_review(build.id, result, revision)
    spoken = now.review_log.reviews or not approved_by_rule(build, records.baseline_branches)
    if result is Review.APPROVED and spoken:
        resume_waiting_builds(
            build.id, records
        )  # those approved by rule did so when their images came
    if build.pull_request is not None and now.review_log.reviews:
        said = result if now.summary.human else None
        decision = Decision(build.id, said, now.summary.at)
        records.ledger.set_decision(build.pull_request, decision, revision)
        if said is Review.APPROVED:
            _look_again(build, build.pull_request, records)


def _look_again(approved: BuildRecord, pull_request: str, records: StorageContext) -> None:
    """Calls a worker for the newest build of the pull request, if it was compared before this.

    One that is still being compared looks by itself once its result is published.

    Raises:
        Exception: nobody could be called. No sweeper looks for this, so it is told again.
    """
    found = records.ledger.builds_by(approved.id.project, Lookup.PULL_REQUEST, pull_request)
    same = (b for b in islice(found, _READ) if b.trusted == approved.trusted)
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
