"""Tells what the record says: in status.json, in the build's review, and as an event."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from pixelgate import events, keys
from pixelgate.ballot import FIRST_REVISION
from pixelgate.errors import NotTold
from pixelgate.keys import BuildId
from pixelgate.pipeline.ballots import Standing, standing
from pixelgate.pipeline.service import Records
from pixelgate.pipeline.status import announce, status_of, status_of_rejected
from pixelgate.ports import Events, Ledger
from pixelgate.record import BuildRecord, ComparisonRecord
from pixelgate.review import Decision

_KEPT = 1_000


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


def say(record: ComparisonRecord, records: Records) -> None:
    """Tells of a passing state: somebody waits, or works."""
    status = status_of(record)
    announce(records.objects, record.head, status)
    records.events.try_to_emit(
        events.COMPARISON, events.detail(status, records.ledger.build(record.head))
    )


def say_rejected(build: BuildId, message: str, now: float, records: Records) -> None:
    """Tells that a manifest was refused. Raises NotTold."""
    status = _with_page(status_of_rejected(build, message, now), build, records)
    announce(records.objects, build, status)
    records.events.emit(events.COMPARISON, events.detail(status, None))


def tell(record: ComparisonRecord, records: Records, **changes: Any) -> None:
    """Brings a final state to everybody and notes that it is told.

    Whoever comes back to a record that is not settled does all of it again; each step bears that.

    Args:
        record: of the comparison, as it was read or written last.
        records: the ports.
        changes: what status.json says otherwise than the record.

    Raises:
        NotTold: the event did not go out; the record stays unsettled, so it is told again.
    """
    now = standing(record, records.objects)
    build = records.ledger.build(record.head)
    if build:
        _note(build, now, records.ledger)
    status = _with_page({**status_of(record, now.block(record)), **changes}, record.head, records)
    announce(records.objects, record.head, status)
    kind = events.REVIEW if now.counted and now.ballot.reviews else events.COMPARISON
    records.events.emit(kind, events.detail(status, build))
    records.ledger.settle(record)


def repeat(record: ComparisonRecord, records: Records, **changes: Any) -> None:
    """Writes status.json once more, for nobody but who reads it."""
    review = standing(record, records.objects).block(record)
    status = {**status_of(record, review), **changes}
    announce(records.objects, record.head, _with_page(status, record.head, records))


def _with_page(status: dict[str, Any], build: BuildId, records: Records) -> dict[str, Any]:
    """The status; that of a failure with a page that says what happened and what to do."""
    if status["error"] is None or records.render_failure is None:
        return status
    key = keys.failure(build)
    records.objects.write(key, records.render_failure(status), "text/html; charset=utf-8")
    return {**status, "report": key}


def _note(build: BuildRecord, now: Standing, ledger: Ledger) -> None:
    """Tells the build's record what people said, and its pull request whom to follow."""
    if now.counted is None:
        return
    result, revision = now.counted.result, now.ballot.revision
    if result is None and revision == FIRST_REVISION:
        return  # nobody has ever said anything, as of most builds
    ledger.set_review(build.id, result, revision)
    if build.pull_request is not None and now.ballot.reviews:
        said = result if now.counted.human else None
        ledger.set_decision(build.pull_request, Decision(build.id, said, now.counted.at), revision)
