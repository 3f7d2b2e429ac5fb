"""Finds what nobody works on any more: no state is left for ever."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from pixelgate.errors import ErrorCode, LeaseLost
from pixelgate.keys import BuildId
from pixelgate.pipeline.run import fail, tell
from pixelgate.pipeline.service import Records
from pixelgate.record import ComparisonRecord, Failure


class Action(StrEnum):
    """What to do about a record whose lease has run out."""

    TELL = "tell"
    RESUME = "resume"
    GIVE_UP = "give up"


@dataclass(frozen=True)
class Swept:
    """A record that the sweeper took care of."""

    record: ComparisonRecord
    action: Action


def decide(record: ComparisonRecord, now: float, max_attempts: int, give_up_after: float) -> Action:
    """What becomes of a record that is unfinished or untold although its lease has run out.

    A final state only has to be told. Otherwise a new delivery is sent, unless every attempt is
    used up, or nothing has moved for so long that sending again evidently does not help.
    """
    if record.finished:
        return Action.TELL
    if record.attempts >= max_attempts or now - record.updated > give_up_after:
        return Action.GIVE_UP
    return Action.RESUME


def sweep(records: Records, resume: Callable[[BuildId], None]) -> list[Swept]:
    """Goes once through the records whose lease ran out with no retry coming.

    Args:
        records: where they lie.
        resume: delivers a build's event once more.
    """
    now, limits = records.clock(), records.limits
    swept = []
    for found in records.ledger.unfinished(now):
        # The index lags behind: what it shows may have moved on since.
        record = records.ledger.comparison(found.id)
        if record is None or record.settled or record.lease_until > now:
            continue
        if record.updated > now - limits.sweep_after:
            continue  # Lambda's own retry may still come
        action = decide(record, now, limits.max_attempts, limits.give_up_after)
        _act(action, record, records, resume)
        swept.append(Swept(record, action))
    return swept


def _act(
    action: Action, record: ComparisonRecord, records: Records, resume: Callable[[BuildId], None]
) -> None:
    match action:
        case Action.TELL:
            tell(record, records)
        case Action.RESUME:
            resume(record.head)
        case Action.GIVE_UP:
            last = f"; its last error was: {record.error_message}" if record.error_message else ""
            message = (
                f"the worker stopped without a word in attempt {record.attempts} of "
                f"{records.limits.max_attempts} and no retry came{last}"
            )
            try:
                fail(record, Failure(ErrorCode.TIMEOUT, message, retryable=True), records)
            except LeaseLost:
                return  # somebody has come back to it in this very moment
