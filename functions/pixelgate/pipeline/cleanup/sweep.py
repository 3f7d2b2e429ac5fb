"""The sweeper: finishes comparisons on which no worker works any more."""

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
    """What the sweeper does with a record whose lease has expired."""

    TELL = "tell"  # announces the final state
    CLOSE = "close"  # closes the record of a wait that is over
    END_WAIT = "end wait"  # resumes a build whose grace period is over
    RESUME = "resume"  # delivers the build to a worker
    GIVE_UP = "give up"  # records a failure


@dataclass(frozen=True)
class Swept:
    """A record, and what the sweeper did with it."""

    record: ComparisonRecord
    action: Action


def decide(record: ComparisonRecord, now: float, limits: Limits, answered: bool) -> Action:
    """Decides what to do with a record whose lease has expired.

    A final state only has to be announced. A build is resumed, unless its attempts are used up or
    its record has not changed for so long that resuming evidently does not help.

    Args:
        record: the record, which is unfinished or not announced.
        now: seconds since 1970.
        limits: attempts and times.
        answered: of the record of a wait, whether its build is compared meanwhile.
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
    storage: StorageContext, resume: Callable[[BuildId], None], *, waits_only: bool = False
) -> list[Swept]:
    """Goes once through the records whose lease has expired.

    With `waits_only`, only waits whose grace period is over are ended. A comparison whose worker
    died is resumed less often, so that it has time between two sweeps. Errors of some records are
    raised as an ExceptionGroup after the other records were swept.
    """
    now = storage.clock()
    swept: list[Swept] = []
    failures: list[Exception] = []
    for record in storage.ledger.unfinished(now):
        if waits_only and record.state is not State.WAITING_FOR_BASE:
            continue
        try:
            action = _sweep(record.id, now, storage, resume)
        except LeaseLost:
            continue  # another worker has just claimed it
        except Exception as error:
            error.add_note(str(record.id))
            failures.append(error)
            continue
        if action:
            swept.append(Swept(record, action))
    if failures:
        raise ExceptionGroup("not every comparison could be swept", failures)
    return swept


def _sweep(
    comparison: ComparisonId, now: float, storage: StorageContext, resume: Callable[[BuildId], None]
) -> Action | None:
    # Read again, because the index is some seconds old.
    record = storage.ledger.comparison(comparison)
    if record is None or record.announced or record.lease_until > now:
        return None
    waits = record.state is State.WAITING_FOR_BASE
    if record.updated > now - storage.limits.sweep_after and not waits:
        return None  # Lambda's own retry may still come
    action = decide(record, now, storage.limits, _is_answered(record, storage))
    match action:
        case Action.TELL:
            announce_result(record, storage)
        case Action.CLOSE:
            storage.ledger.end_wait(record.id, OVER, now)
        case Action.END_WAIT:
            if not storage.ledger.wake(record.id, now):
                return None  # its base has just come
            resume(record.head)
        case Action.RESUME:
            resume(record.head)
        case Action.GIVE_UP:
            fail(
                record, Failure(ErrorCode.TIMEOUT, _timeout_message(record, storage), True), storage
            )
    return action


def _is_answered(record: ComparisonRecord, storage: StorageContext) -> bool:
    """Whether a record is that of a wait for a base or shards that is over."""
    if not record.id.waits:
        return False
    build = storage.ledger.build(record.head)
    if record.id.base == SHARDS or build is None or build.baseline is None:
        return record.id.base == SHARDS and build is not None
    # A worker may have died between the choice of the baseline and the claim.
    return storage.ledger.comparison(record.head.against(build.baseline.build)) is not None


def _timeout_message(record: ComparisonRecord, storage: StorageContext) -> str:
    if record.id.base == SHARDS:
        return (
            f"{record.baseline_reason} within {storage.limits.shard_patience / 60:.0f} minutes of "
            "the last one; run the others, or say with finalize that no more will come"
        )
    last = f"; its last error was: {record.error_message}" if record.error_message else ""
    return (
        f"the worker stopped without an error in attempt {record.attempts} of "
        f"{storage.limits.max_attempts}, and no retry came{last}"
    )
