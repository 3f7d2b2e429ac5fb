"""
Every error that this package raises on purpose, and how it is handled:

* PixelgateError
  - BadManifest         the upload is wrong                -> build FAILED / BAD_MANIFEST; no retry
  - BuildConflict       a build id is used a second time   -> the same
  - ReviewRefused       a review cannot be carried out     -> status.json has the reason
  - AlreadyFinished     the comparison has its result      -> return; the event came twice
  - HeldByOther         another worker holds the lease     -> raise; Lambda delivers again later
  - StillWaiting        the comparison waits for its base  -> return; the base's arrival resumes it
  - LeaseLost           another worker has taken over      -> return; that worker goes on
  - ComparisonFailed    this run cannot go on
    - Curable           a retry may help                   -> lease given back, raise; after the
      - BaseMissing                                           last attempt FAILED with its code
      - OutOfTime
    - Incurable         no retry can help                  -> comparison FAILED with its code
      - ImagesMissing
  - ImageFault          one image cannot be compared       -> that image is errored, the run goes on
    - EngineDied        odiff ended in the middle          -> one more try, then the same
  - NotFound            no object under that key           -> handled by the caller
  - TooLarge            an object is over a limit          -> the same; nothing was read
  - WriteConflict       a compare-and-set lost             -> read again and decide again
  - NotWanted           the run ended meanwhile            -> the pair is dropped
  - NotTold             an event or notice was not sent    -> the next delivery or sweep sends it
    - NoticeRefused     the receiver rejects the notice    -> logged and counted; no retry
    - TryLater          the receiver asks us to wait       -> raise; Lambda delivers again later
  - BucketError         a client cannot use the bucket     -> exit code 2 and the message
    - Refused           … as it lacks a permission         -> the same, unless there is another way
  - SandboxFailed       the local AWS does not run         -> the same
  - UsageError          the command line is wrong          -> exit code 2 and the message

Any other exception (such as a network error or a bug) counts as Curable with code INTERNAL.
"""

from __future__ import annotations

from enum import StrEnum


class ErrorCode(StrEnum):
    """Why a build or comparison is FAILED; `error.code` of status.json."""

    BAD_MANIFEST = "BAD_MANIFEST"
    BASE_MISSING = "BASE_MISSING"
    IMAGE_MISSING = "IMAGE_MISSING"
    TIMEOUT = "TIMEOUT"
    INTERNAL = "INTERNAL"


class FaultCode(StrEnum):
    """Why one image is `errored`: the first word of its `reason`."""

    EXCEEDS_PIXEL_LIMIT = "EXCEEDS_PIXEL_LIMIT"
    UNREADABLE = "UNREADABLE"
    UNSUPPORTED_FORMAT = "UNSUPPORTED_FORMAT"
    IMAGE_MISSING = "IMAGE_MISSING"
    HASH_MISMATCH = "HASH_MISMATCH"
    EXCEEDS_BYTE_LIMIT = "EXCEEDS_BYTE_LIMIT"
    ENGINE_FAILED = "ENGINE_FAILED"
    ENGINE_TIMEOUT = "ENGINE_TIMEOUT"
    RESULT_MISSING = "RESULT_MISSING"


class PixelgateError(Exception):
    """Any error that pixelgate raises on purpose."""


class BadManifest(PixelgateError):
    """The manifest breaks a rule; the message names the image, the field and the rule."""


class BuildConflict(PixelgateError):
    """A build id was used a second time, with another manifest."""


class ReviewRefused(PixelgateError):
    """A review does not count; the message gives the reason."""


class AlreadyFinished(PixelgateError):
    """The comparison is SUCCEEDED, or FAILED for good; the ledger has its record."""


class HeldByOther(PixelgateError):
    """Another worker holds the comparison's lease.

    Attributes:
        renewed: when that worker last wrote the record, in seconds since 1970; None if unknown.
    """

    def __init__(self, message: str, renewed: float | None = None) -> None:
        super().__init__(message)
        self.renewed = renewed


class StillWaiting(PixelgateError):
    """The comparison is WAITING_FOR_BASE; it cannot be claimed until it is resumed."""


class LeaseLost(PixelgateError):
    """This execution no longer owns the comparison, so its write was refused."""


class ComparisonFailed(PixelgateError):
    """This run cannot finish the comparison."""

    code = ErrorCode.INTERNAL


class Curable(ComparisonFailed):
    """A later attempt may succeed."""


class OutOfTime(Curable):
    """The worker is near its time limit; the next attempt uses the diffs that it finished."""

    code = ErrorCode.TIMEOUT


class Incurable(ComparisonFailed):
    """No later attempt can succeed."""


class BaseMissing(Incurable):
    """The base that the manifest names did not come in time, and no other build may replace it."""

    code = ErrorCode.BASE_MISSING


class ImagesMissing(Incurable):
    """The manifest lists images that are not in the bucket, so the upload is incomplete."""

    code = ErrorCode.IMAGE_MISSING


class ImageFault(PixelgateError):
    """One image cannot be compared.

    Attributes:
        code: the kind of fault.
        reason: the `reason` of the errored snapshot, `CODE: message`.
    """

    def __init__(self, code: FaultCode, message: str) -> None:
        super().__init__(message)
        self.code = code

    @property
    def reason(self) -> str:
        """`CODE: message`, as comparison.json has it."""
        return f"{self.code}: {self}"


class EngineDied(ImageFault):
    """The odiff process ended, stalled or answered out of turn while it compared this pair."""


class NotFound(PixelgateError):
    """There is no object under that key."""


class TooLarge(PixelgateError):
    """The object has more bytes than the reader allows."""


class WriteConflict(PixelgateError):
    """Another worker wrote the object first."""


class NotWanted(PixelgateError):
    """The run that asked for a pair to be compared has ended."""


class NotTold(PixelgateError):
    """An event or notice about a recorded state could not be sent; the state stays recorded."""


class NoticeRefused(NotTold):
    """The receiver rejects a notice, and would reject it again."""


class TryLater(NotTold):
    """The receiver asks for a longer wait than the time that this worker has left."""


class UsageError(PixelgateError):
    """The command line is wrong, or asks for something impossible."""


class BucketError(PixelgateError):
    """The bucket cannot be used; the message gives the reason and a remedy."""


class Refused(BucketError):
    """The credentials lack a permission."""


class SandboxFailed(PixelgateError):
    """The local AWS could not be made or did not do what it should; the message says why."""


def why_unread(error: OSError | UnicodeError) -> str:
    """Returns the reason that a text file could not be read; the caller adds the file's name."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return f"it is no UTF-8: {error}"
