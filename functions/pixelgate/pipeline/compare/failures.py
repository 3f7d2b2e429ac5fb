"""What becomes of a run that goes wrong: refused, failed for good, or left to a retry."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from pixelgate.domain.keys import BuildId
from pixelgate.domain.records import ComparisonRecord, Failure
from pixelgate.errors import BaseMissing, ComparisonFailed, ErrorCode, Incurable, LeaseLost, NotTold
from pixelgate.pipeline.announce.announce import announce_rejection, announce_result
from pixelgate.pipeline.announce.status import iso
from pixelgate.pipeline.compare.outcomes import Failed, Outcome, Rejected, Superseded
from pixelgate.pipeline.context import CompareContext, StorageContext


def reject(build: BuildId, message: str, service: CompareContext, observed_at: str) -> Rejected:
    """Says of a build that its upload is wrong; `observed_at` is when that was looked at."""
    now = service.clock()
    service.ledger.reject(build, message, now)
    announce_rejection(build, message, now, service, updated=max(iso(now), observed_at))
    return Rejected(message)


def fail(claim: ComparisonRecord, failure: Failure, records: StorageContext) -> ComparisonRecord:
    """Records a failure for good. Raises LeaseLost.

    Should its event not go out, the sweeper tells of it: raising here would only make Lambda
    deliver once more what has failed for good.
    """
    record = records.ledger.fail(claim, failure, records.clock())
    with suppress(NotTold):
        announce_result(record, records)
    return record


def guarded(
    claim: ComparisonRecord, work: Callable[[], Outcome], service: CompareContext
) -> Outcome:
    """Runs a claimed comparison; whatever goes wrong, the claim is never left dangling.

    Raises:
        Exception: a retry may help; the lease was given back and the error recorded.
    """
    try:
        return work()
    except LeaseLost:
        return Superseded(claim.id)
    except Incurable as error:
        # A base may come yet: then the manifest, written once more, is compared with it.
        return _fail_unless_lost(claim, error, isinstance(error, BaseMissing), service)
    except Exception as error:
        if claim.attempts >= service.limits.max_attempts:
            return _fail_unless_lost(claim, error, True, service)
        _release(claim, error, service)
        raise


def _fail_unless_lost(
    claim: ComparisonRecord, error: Exception, retryable: bool, service: CompareContext
) -> Outcome:
    try:
        return Failed(fail(claim, Failure(_code(error), _in_words(error), retryable), service))
    except LeaseLost:
        return Superseded(claim.id)


def _release(claim: ComparisonRecord, error: Exception, service: CompareContext) -> None:
    """Gives the lease back; if even that fails, the lease runs out by itself."""
    try:
        service.ledger.release(claim, _code(error), _in_words(error), service.clock())
    except Exception as second:
        error.add_note(f"the lease could not be given back: {second}")


def _code(error: Exception) -> ErrorCode:
    return error.code if isinstance(error, ComparisonFailed) else ErrorCode.INTERNAL


def _in_words(error: Exception) -> str:
    return str(error) if isinstance(error, ComparisonFailed) else f"{type(error).__name__}: {error}"
