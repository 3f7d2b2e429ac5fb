"""Ends a run after an error: rejects the build, records a failure, or leaves it to a retry."""

from __future__ import annotations

from contextlib import suppress

from pixelgate.domain.keys import BuildId
from pixelgate.domain.records import ComparisonRecord, Failure
from pixelgate.errors import BaseMissing, ComparisonFailed, ErrorCode, Incurable, LeaseLost, NotTold
from pixelgate.pipeline.announce.announce import announce_rejection, announce_result
from pixelgate.pipeline.announce.status import iso
from pixelgate.pipeline.compare.outcomes import Failed, Outcome, Rejected, Superseded
from pixelgate.pipeline.context import CompareContext, StorageContext


def reject(build: BuildId, message: str, service: CompareContext, observed_at: str) -> Rejected:
    """Rejects a build with an invalid upload; `observed_at` is the time when it was read."""
    now = service.clock()
    service.ledger.reject(build, message, now)
    announce_rejection(build, message, now, service, updated=max(iso(now), observed_at))
    return Rejected(message)


def fail(claim: ComparisonRecord, failure: Failure, storage: StorageContext) -> ComparisonRecord:
    """Records a final failure and announces it. Raises LeaseLost.

    If the event cannot be sent, the sweeper sends it later. An error here would only make Lambda
    deliver the upload's event again.
    """
    record = storage.ledger.fail(claim, failure, storage.clock())
    with suppress(NotTold):
        announce_result(record, storage)
    return record


def end_after_error(error: Exception, claim: ComparisonRecord, service: CompareContext) -> Outcome:
    """Ends a claimed run: records the error as a failure, or gives the lease back and raises it."""
    if isinstance(error, LeaseLost):
        return Superseded(claim.id)
    code, message = ErrorCode.INTERNAL, f"{type(error).__name__}: {error}"
    if isinstance(error, ComparisonFailed):
        code, message = error.code, str(error)
    final = isinstance(error, Incurable)
    if final or claim.attempts >= service.limits.max_attempts:
        # A missing base may still come; a new upload of the manifest is then compared with it.
        retryable = not final or isinstance(error, BaseMissing)
        try:
            return Failed(fail(claim, Failure(code, message, retryable), service))
        except LeaseLost:
            return Superseded(claim.id)
    try:
        service.ledger.release(claim, code, message, service.clock())
    except Exception as release_error:  # the lease expires by itself
        error.add_note(f"the lease could not be given back: {release_error}")
    raise error
