"""Finds what nobody works on any more: no state is left for ever."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from pixelgate.domain.keys import SHARDS, BuildId, ComparisonId
from pixelgate.domain.records import ComparisonRecord, Failure, State
from pixelgate.errors import ErrorCode, LeaseLost
from pixelgate.pipeline.announce.announce import announce_result
from pixelgate.pipeline.announce.waiting import OVER
from pixelgate.pipeline.compare.failures import fail
from pixelgate.pipeline.context import Limits, StorageContext


class Action(StrEnum):
    """What to do about a record whose lease has run out."""

    TELL = "tell"
    CLOSE = "close"
    END_WAIT = "end wait"
    RESUME = "resume"
    GIVE_UP = "give up"


@dataclass(frozen=True)
class Swept:
    """A record that the sweeper took care of."""

    record: ComparisonRecord
    action: Action


def decide(record: ComparisonRecord, now: float, limits: Limits, answered: bool) -> Action:
    """What becomes of a record that is unfinished or untold although its lease has run out.

    A final state only has to be told. A record that stood for a base, or for shards, is closed
    without a word when they have come. A wait whose grace is over is ended, and the build
    delivered once more, to be compared with the next best. Otherwise a new delivery is sent,
    unless every attempt is used up, or nothing has moved for so long that sending again evidently
    does not help.

    Args:
        record: the record.
        now: seconds since 1970.
        limits: attempts and times.
        answered: whether the build is being compared with its baseline, or its shards are all
            there.
    """
    if record.finished:
        return Action.TELL
    if record.id.waits and answered:
        return Action.CLOSE
    if record.state is State.WAITING_FOR_BASE:
        return Action.END_WAIT
    if record.attempts >= limits.max_attempts or now - record.updated > limits.give_up_after:
        return Action.GIVE_UP
    return Action.RESUME


def sweep(
    records: StorageContext, resume: Callable[[BuildId], None], *, waits_only: bool = False
) -> list[Swept]:
    """Goes once through the records whose lease ran out with no retry coming.

    Args:
        records: where they lie.
        resume: delivers a build's event once more.
        waits_only: looks only for waits whose grace is over. What has died is sent again, and for
            that to be of use there must be time between two sweeps.

    Raises:
        ExceptionGroup: what could not be taken care of; the other records were.
    """
    now = records.clock()
    swept: list[Swept] = []
    failures: list[Exception] = []
    for found in records.ledger.unfinished(now):
        if waits_only and found.state is not State.WAITING_FOR_BASE:
            continue
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
    found: ComparisonRecord, now: float, records: StorageContext, resume: Callable[[BuildId], None]
) -> Action | None:
    # The index lags behind: what it shows may have moved on since.
    record = records.ledger.comparison(found.id)
    if record is None or record.announced or record.lease_until > now:
        return None
    waits = record.state is State.WAITING_FOR_BASE
    if record.updated > now - records.limits.sweep_after and not waits:
        return None  # Lambda's own retry may still come
    action = decide(record, now, records.limits, _is_answered(record, records))
    match action:
        case Action.TELL:
            announce_result(record, records)
        case Action.CLOSE:
            records.ledger.end_wait(record.id, OVER, now)
        case Action.END_WAIT:
            if not records.ledger.wake(record.id, now):
                return None  # its base has come in this very moment
            resume(record.head)
        case Action.RESUME:
            resume(record.head)
        case Action.GIVE_UP:
            fail(
                record, Failure(ErrorCode.TIMEOUT, _timeout_message(record, records), True), records
            )
    return action


def _is_answered(record: ComparisonRecord, records: StorageContext) -> bool:
    """Whether what a record stood for has come, and a real comparison took its place."""
    if not record.id.waits:
        return False
    build = records.ledger.build(record.head)
    if record.id.base == SHARDS or build is None or build.baseline is None:
        return record.id.base == SHARDS and build is not None
    # A worker may have died between the choice and the claim.
    real = ComparisonId(record.id.project, record.id.head, build.baseline.build)
    return records.ledger.comparison(real) is not None


def _timeout_message(record: ComparisonRecord, records: StorageContext) -> str:
    if record.id.base == SHARDS:
        return (
            f"{record.baseline_reason} within {records.limits.shard_patience / 60:.0f} minutes of "
            "the last one; run the others, or say with finalize that no more will come"
        )
    last = f"; its last error was: {record.error_message}" if record.error_message else ""
    return (
        f"the worker stopped without a word in attempt {record.attempts} of "
        f"{records.limits.max_attempts} and no retry came{last}"
    )
