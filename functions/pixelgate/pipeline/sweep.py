"""Finds what nobody works on any more: no state is left for ever."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from pixelgate.errors import ErrorCode, LeaseLost
from pixelgate.keys import BuildId
from pixelgate.pipeline.run import fail
from pixelgate.pipeline.service import Limits, Records
from pixelgate.pipeline.telling import tell
from pixelgate.record import ComparisonRecord, Failure


class Action(StrEnum):
    """What to do about a record whose lease has run out."""

    TELL = "tell"
    CLOSE = "close"
    RESUME = "resume"
    GIVE_UP = "give up"


@dataclass(frozen=True)
class Swept:
    """A record that the sweeper took care of."""

    record: ComparisonRecord
    action: Action


def decide(record: ComparisonRecord, now: float, limits: Limits, answered: bool) -> Action:
    """What becomes of a record that is unfinished or untold although its lease has run out.

    A final state only has to be told. A record that waited for a base is closed without a word
    when the build has one. Otherwise a new delivery is sent, unless every attempt is used up, or
    nothing has moved for so long that sending again evidently does not help.

    Args:
        record: the record.
        now: seconds since 1970.
        limits: attempts and times.
        answered: whether the build's baseline has been decided.
    """
    if record.finished:
        return Action.TELL
    if record.id.waits and answered:
        return Action.CLOSE
    if record.attempts >= limits.max_attempts or now - record.updated > limits.give_up_after:
        return Action.GIVE_UP
    return Action.RESUME


def sweep(records: Records, resume: Callable[[BuildId], None]) -> list[Swept]:
    """Goes once through the records whose lease ran out with no retry coming.

    Args:
        records: where they lie.
        resume: delivers a build's event once more.

    Raises:
        ExceptionGroup: what could not be taken care of; the other records were.
    """
    now = records.clock()
    swept: list[Swept] = []
    failures: list[Exception] = []
    for found in records.ledger.unfinished(now):
        try:
            action = _take_care(found, now, records, resume)
        except LeaseLost:
            continue  # somebody has come back to it in this very moment
        except Exception as error:
            error.add_note(str(found.id))
            failures.append(error)
            continue
        if action:
            swept.append(Swept(found, action))
    if failures:
        raise ExceptionGroup("not every comparison could be taken care of", failures)
    return swept


def _take_care(
    found: ComparisonRecord, now: float, records: Records, resume: Callable[[BuildId], None]
) -> Action | None:
    # The index lags behind: what it shows may have moved on since.
    record = records.ledger.comparison(found.id)
    if record is None or record.settled or record.lease_until > now:
        return None
    if record.updated > now - records.limits.sweep_after:
        return None  # Lambda's own retry may still come
    action = decide(record, now, records.limits, _is_answered(record, records))
    match action:
        case Action.TELL:
            tell(record, records)
        case Action.CLOSE:
            _close(record, records)
        case Action.RESUME:
            resume(record.head)
        case Action.GIVE_UP:
            fail(record, Failure(ErrorCode.TIMEOUT, _epitaph(record, records), True), records)
    return action


def _is_answered(record: ComparisonRecord, records: Records) -> bool:
    if not record.id.waits:
        return False
    build = records.ledger.build(record.head)
    return build is not None and build.baseline is not None


def _close(record: ComparisonRecord, records: Records) -> None:
    """Ends a wait that is over; status.json tells of the real comparison."""
    over = Failure(ErrorCode.BASE_MISSING, "the base came and was compared with", retryable=False)
    records.ledger.settle(records.ledger.fail(record, over, records.clock()))


def _epitaph(record: ComparisonRecord, records: Records) -> str:
    last = f"; its last error was: {record.error_message}" if record.error_message else ""
    return (
        f"the worker stopped without a word in attempt {record.attempts} of "
        f"{records.limits.max_attempts} and no retry came{last}"
    )
