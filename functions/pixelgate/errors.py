"""
Every error this package raises on purpose, and what becomes of it:

* PixelgateError
  - BadManifest         the upload is wrong                -> build FAILED / BAD_MANIFEST; no retry
  - BuildConflict       a build id is used a second time   -> the same
  - ReviewRefused       a review cannot be carried out     -> status.json says why; no retry
  - AlreadyFinished     the comparison has its result      -> return; the event came twice
  - HeldByOther         another worker holds the lease     -> raise; Lambda delivers again later
  - StillWaiting        the comparison waits for its base  -> return; the base's arrival wakes it
  - LeaseLost           another worker has taken over      -> return; that worker finishes
  - ComparisonFailed    this run cannot go on
    - Curable           a retry may help                   -> lease given back, raise; after the
      - BaseMissing                                           last attempt FAILED with its code
      - OutOfTime
    - Incurable         no retry can help                  -> comparison FAILED with its code
      - ImagesMissing
  - ImageFault          one image cannot be compared       -> that image is errored, the run goes on
    - EngineDied        odiff ended in the middle          -> one more try, then the same
  - NotFound            no object under that key           -> translated by whoever asked
  - TooLarge            an object is over a limit          -> the same; nothing was read
  - WriteConflict       a compare-and-set lost             -> read again and decide again
  - NotWanted           the run ended meanwhile            -> dropped; nobody waits for it
  - NotTold             an event or notice did not go out  -> the next delivery or sweep tells it
    - NoticeRefused     the other side will never take it  -> logged and counted; no retry
    - TryLater          the other side asks us to wait     -> raise; Lambda delivers again later
  - BucketError         a client cannot use the bucket     -> exit code 2 and the message
    - Refused           … for want of a permission         -> the same, unless there is another way
  - UsageError          the person at the command line     -> exit code 2 and the message

Anything else that is raised (a network that is down, a bug) counts as Curable with code INTERNAL.
"""

from __future__ import annotations

from enum import StrEnum


class ErrorCode(StrEnum):
    """Why a build or comparison is FAILED, as `status.json` says it."""

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
    """A build id was used again with another manifest; a build is written once."""


class ReviewRefused(PixelgateError):
    """A review does not count; the message names the field and the rule."""


class AlreadyFinished(PixelgateError):
    """The comparison is SUCCEEDED, or FAILED for good; ask the ledger for its record."""


class HeldByOther(PixelgateError):
    """Another worker holds the comparison's lease."""


class StillWaiting(PixelgateError):
    """The comparison is WAITING_FOR_BASE; nobody may claim it before it is woken."""


class LeaseLost(PixelgateError):
    """This execution no longer owns the comparison; its write was refused."""


class ComparisonFailed(PixelgateError):
    """This run cannot finish the comparison."""

    code = ErrorCode.INTERNAL


class Curable(ComparisonFailed):
    """A later attempt may succeed."""


class OutOfTime(Curable):
    """The worker is near its time limit; its finished diffs stay for the next attempt."""

    code = ErrorCode.TIMEOUT


class Incurable(ComparisonFailed):
    """No later attempt can succeed."""


class BaseMissing(Incurable):
    """The base that the manifest names did not come in time, and nothing can stand in for it."""

    code = ErrorCode.BASE_MISSING


class ImagesMissing(Incurable):
    """The manifest lists images that are not in the bucket: the upload was incomplete."""

    code = ErrorCode.IMAGE_MISSING


class ImageFault(PixelgateError):
    """One image cannot be compared.

    Attributes:
        code: what kind of fault it is.
        reason: the `reason` of the errored image, `CODE: words for a person`.
    """

    def __init__(self, code: FaultCode, message: str) -> None:
        super().__init__(message)
        self.code = code

    @property
    def reason(self) -> str:
        """`CODE: message`, as the comparison manifest stores it."""
        return f"{self.code}: {self}"


class EngineDied(ImageFault):
    """The odiff process ended, stalled or lost its place while it worked on this pair."""


class NotFound(PixelgateError):
    """There is no object under that key."""


class TooLarge(PixelgateError):
    """The object has more bytes than the reader allows."""


class WriteConflict(PixelgateError):
    """Somebody else wrote the object first."""


class NotWanted(PixelgateError):
    """The run for which a pair was to be compared has ended."""


class NotTold(PixelgateError):
    """Somebody outside could not be told of what is true; it stays true."""


class NoticeRefused(NotTold):
    """The other side refuses what it was told; another try would be refused as well."""


class TryLater(NotTold):
    """The other side asks for a longer wait than this worker has left."""


class UsageError(PixelgateError):
    """The command line asks for something that cannot be done."""


class BucketError(PixelgateError):
    """The bucket cannot be used; the message says why, and what to do about it."""


class Refused(BucketError):
    """These credentials may not do that."""


def why_unread(error: OSError | UnicodeError) -> str:
    """Why a text file cannot be read, without the file, which whoever tells of it names."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return f"it is no UTF-8: {error}"
