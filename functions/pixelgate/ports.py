"""What the pipeline needs from outside; storage/, aws/ and notify/ fulfil it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from pixelgate.domain.baseline import Choice
from pixelgate.domain.comparison import Comparison, Diff
from pixelgate.domain.cost import Usage
from pixelgate.domain.keys import BuildId, ComparisonId
from pixelgate.domain.policy import Policy
from pixelgate.domain.records import (
    Baseline,
    BuildRecord,
    ComparisonRecord,
    Failure,
    Lookup,
    Result,
    Review,
)
from pixelgate.domain.review_request import Decision, ReviewRecord


@dataclass(frozen=True)
class Listed:
    """An object in a listing.

    Attributes:
        key: of the object.
        size: in bytes.
        tag: other bytes would have another one.
        modified: when it was written last, seconds since 1970.
    """

    key: str
    size: int
    tag: str
    modified: float


class Bucket(Protocol):
    """A bucket, or a folder that is laid out like one. It may be used by several threads.

    As a client opens it, every method raises BucketError where the bucket cannot be used, and
    Refused where that is for want of a permission.
    """

    def read(self, key: str, limit: int | None = None) -> bytes:
        """The object's bytes. Raises NotFound, or TooLarge before it reads more than `limit`."""
        ...

    def read_tagged(self, key: str, limit: int | None = None) -> tuple[bytes, str]:
        """The object's bytes and a tag for `replace`. Raises NotFound or TooLarge."""
        ...

    def read_range(self, key: str, offset: int, length: int) -> bytes:
        """So many of the object's bytes from that offset on; fewer at its end. Raises NotFound."""
        ...

    def read_changed(self, key: str, tag: str | None) -> tuple[bytes, str] | None:
        """As `read_tagged`, or None if the object still has this tag. Raises NotFound."""
        ...

    def write(self, key: str, body: bytes, content_type: str) -> None:
        """Writes the whole object at once; a reader sees the old or the new one, never a part."""
        ...

    def replace(self, key: str, body: bytes, content_type: str, tag: str | None) -> None:
        """Writes if the object still has this tag, or for None still is not there.

        Raises WriteConflict.
        """
        ...

    def put_new(self, key: str, body: bytes, content_type: str, sha256: bytes) -> bool:
        """Writes unless there is an object already; returns whether it wrote.

        The receiver checks the digest; a body that was damaged on its way is not stored.
        """
        ...

    def exists(self, key: str) -> bool:
        """Whether there is an object under this key."""
        ...

    def list(self, prefix: str) -> Iterator[Listed]:
        """Every object whose key begins so, in the order of their keys, however many there are."""
        ...

    def check_write(self, key: str) -> None:
        """Asks whether a put under this key would be allowed; nothing is written."""
        ...

    def caller(self) -> str:
        """Who we are to the bucket's owner."""
        ...


Objects = Bucket  # the pipeline's name for it


@dataclass(frozen=True)
class Aged:
    """An object in a listing: its key, its bytes, and when it was written, seconds since 1970."""

    key: str
    size: int
    modified: float


class Attic(Protocol):
    """A bucket for those who tidy it up."""

    def entries(self, prefix: str) -> Iterator[Aged]:
        """Every object whose key begins so, in the order of their keys."""
        ...

    def folders(self, prefix: str) -> Iterator[str]:
        """The names of the folders directly below a prefix, without listing what is in them."""
        ...

    def copy(self, key: str, to: str) -> None:
        """Copies an object, if it is still there."""
        ...

    def delete(self, keys: Collection[str]) -> None:
        """Deletes objects; those that are gone already do not matter."""
        ...


class Ledger(Protocol):
    """The records on which concurrent workers agree; every method is one atomic step."""

    def register(self, build: BuildRecord) -> BuildRecord:
        """Accepts a build; returns the stored record, also when it was accepted before.

        Raises BuildConflict if the id was accepted with another manifest.
        """
        ...

    def reject(self, build: BuildId, message: str, now: float) -> None:
        """Records a build whose manifest is wrong, unless one was accepted under that id."""
        ...

    def build(self, build: BuildId) -> BuildRecord | None:
        """The accepted build of that id."""
        ...

    def builds_at(self, project: str, commit: str) -> list[BuildRecord]:
        """The accepted builds of a commit, newest first."""
        ...

    def builds_by(self, project: str, lookup: Lookup, value: str) -> Iterator[BuildRecord]:
        """The accepted builds of a branch, tree or pull request, newest first, read as needed."""
        ...

    def existing_lookup_keys(self, project: str, topics: Collection[str]) -> set[str]:
        """Those topics that builds of the project have; a refused one may have left some too."""
        ...

    def mark_images_valid(self, build: BuildId) -> None:
        """Notes that every image of an accepted build has arrived whole."""
        ...

    def mark_images_present(self, build: BuildId) -> None:
        """Notes that every image of an accepted build is there, whole or not."""
        ...

    def mark_images_missing(self, build: BuildId) -> None:
        """Notes that images of an accepted build are not there."""
        ...

    def forget(self, build: BuildId, now: float) -> bool:
        """Hides an accepted build from everybody for good, unless it was approved.

        Nobody finds it any more, and its id cannot be uploaded again. Returns whether it is hidden.
        """
        ...

    def forgotten(self, build: BuildId) -> float | None:
        """Since when an accepted build is hidden; None if it is not."""
        ...

    def bury(self, build: BuildId) -> None:
        """Removes a hidden build, of which nothing is left, and with it all that leads to it."""
        ...

    def choose_baseline(self, build: BuildId, baseline: Baseline) -> Baseline:
        """Decides what a build is compared with; returns what was decided first."""
        ...

    def set_review(self, build: BuildId, review: Review | None, revision: int) -> None:
        """Says what people said of a build, unless a later revision has been told already."""
        ...

    def add_review(self, review: ReviewRecord) -> ReviewRecord:
        """Adds to the history of a build; returns what was written first under that id."""
        ...

    def reviews(self, build: BuildId) -> list[ReviewRecord]:
        """The history of a build's reviews, the oldest first."""
        ...

    def set_decision(self, pull_request: str, decision: Decision, revision: int) -> None:
        """Says what people decided on a build, unless a later revision has been told already."""
        ...

    def decisions(self, project: str, pull_request: str) -> list[Decision]:
        """The builds of a pull request that people decided, the latest decision first."""
        ...

    def reopen(self, record: ComparisonRecord, now: float) -> ComparisonRecord:
        """Notes that there is something new to tell of a final state: it is unsettled again.

        Raises LeaseLost if the record has another execution or is gone.
        """
        ...

    def claim(
        self,
        comparison: ComparisonId,
        reason: str,
        execution: str,
        now: float,
        lease_until: float,
        choice: Choice | None = None,
    ) -> ComparisonRecord:
        """Takes the comparison for one execution, by one conditional write.

        Raises AlreadyFinished, HeldByOther or StillWaiting if it cannot be taken.
        """
        ...

    def wait(
        self, claim: ComparisonRecord, topics: Iterable[str], wait_until: float, now: float
    ) -> ComparisonRecord:
        """PROCESSING → WAITING_FOR_BASE, to be found by its topics. Raises LeaseLost."""
        ...

    def waiting(self, project: str, topics: Iterable[str]) -> list[ComparisonId]:
        """Comparisons that have ever waited for one of these topics."""
        ...

    def wake(self, comparison: ComparisonId, now: float) -> bool:
        """WAITING_FOR_BASE → PROCESSING without an owner; True for whoever did it, once."""
        ...

    def end_wait(self, comparison: ComparisonId, message: str, now: float) -> None:
        """Closes a comparison that only stood for a missing base, if there is one."""
        ...

    def heartbeat(self, claim: ComparisonRecord, now: float, lease_until: float) -> None:
        """Prolongs the lease. Raises LeaseLost."""
        ...

    def hand_over(
        self, claim: ComparisonRecord, reason: str, now: float, lease_until: float
    ) -> ComparisonRecord:
        """Notes that others go on under this claim, and why; they keep it. Raises LeaseLost."""
        ...

    def release(self, claim: ComparisonRecord, code: str, message: str, now: float) -> None:
        """Gives the lease back and keeps the error for a person to read. Raises LeaseLost."""
        ...

    def publish(self, claim: ComparisonRecord, result: Result, now: float) -> ComparisonRecord:
        """PROCESSING → SUCCEEDED, once. Raises LeaseLost."""
        ...

    def fail(self, claim: ComparisonRecord, failure: Failure, now: float) -> ComparisonRecord:
        """PROCESSING → FAILED, once. Raises LeaseLost."""
        ...

    def mark_announced(self, record: ComparisonRecord) -> None:
        """Notes that all of this is told; the sweeper leaves it alone then.

        Does nothing if the record was reopened since it was read.
        """
        ...

    def comparison(self, comparison: ComparisonId) -> ComparisonRecord | None:
        """The record of a comparison."""
        ...

    def unfinished(self, lease_before: float) -> Iterable[ComparisonRecord]:
        """Records that are unfinished or unsettled and whose lease ran out before that time."""
        ...


class FanOut(Protocol):
    """What lets many workers go on with a comparison, and then has it published."""

    def start(self, execution: str, comparison: ComparisonId) -> None:
        """Starts it, once however often it is called for the same execution."""
        ...


class Events(Protocol):
    """Tells everybody else of a change of state."""

    def emit(self, kind: str, detail: Mapping[str, Any]) -> None:
        """Sends one event; at least once, so its `id` tells a second one. Raises NotTold."""
        ...


class PatientEvents(Events, Protocol):
    """Also tells of passing states, which must not hold up the work."""

    def try_to_emit(self, kind: str, detail: Mapping[str, Any]) -> None:
        """Sends one event, or keeps it until the next one goes out."""
        ...


@dataclass(frozen=True)
class CommitStatus:
    """A line beside a commit.

    Attributes:
        state: pending, success, failure or error.
        description: at most 140 letters.
        url: where it leads; None for nowhere.
    """

    state: str
    description: str
    url: str | None = None


@dataclass(frozen=True)
class Comment:
    """A comment of a pull request."""

    id: int
    body: str


class Forge(Protocol):
    """Where the pull requests are.

    Every method raises NoticeRefused if a retry cannot help, else NotTold.
    """

    def commit_status(self, repository: str, commit: str, context: str) -> CommitStatus | None:
        """The latest status of that context."""
        ...

    def set_commit_status(
        self, repository: str, commit: str, context: str, status: CommitStatus
    ) -> None:
        """Adds a status."""
        ...

    def comments(self, repository: str, pull_request: int) -> list[Comment]:
        """All comments of a pull request, the oldest first."""
        ...

    def add_comment(self, repository: str, pull_request: int, body: str) -> int:
        """Writes a comment; returns its id."""
        ...

    def edit_comment(self, repository: str, comment: int, body: str) -> bool:
        """Replaces a comment's text; returns whether it was still there."""
        ...

    def delete_comment(self, repository: str, comment: int) -> None:
        """Removes a comment, if it is still there."""
        ...


class Differ(Protocol):
    """Compares the pixels of two images. Used by one thread at a time."""

    def diff(self, base: bytes, head: bytes, policy: Policy) -> Diff:
        """Measures two images. Raises ImageFault."""
        ...

    def close(self) -> None:
        """Ends what it keeps running."""
        ...


class DifferPool(Protocol):
    """Compares the pixels of two images, for several threads at once."""

    @property
    def size(self) -> int:
        """How many pairs are compared at the same time."""
        ...

    def diff(self, base: bytes, head: bytes, policy: Policy, wanted: Callable[[], bool]) -> Diff:
        """Measures two images as soon as a differ is free, if that is wanted by then.

        Raises ImageFault, or NotWanted.
        """
        ...

    def inspect(self, image: bytes) -> tuple[int, int]:
        """Width and height by the header. Raises ImageFault if nothing could compare it."""
        ...


class Renderer(Protocol):
    """Makes the report."""

    def __call__(
        self, comparison: Comparison, image_key: Callable[[str], str | None], report_key: str
    ) -> bytes:
        """The report as UTF-8 HTML.

        Args:
            comparison: what to report.
            image_key: from an image's sha256 to where it lies; None if it cannot be shown.
            report_key: where the report will lie; its links are relative to that.
        """
        ...


class FailureRenderer(Protocol):
    """Makes the page of a run that failed."""

    def __call__(self, status: Mapping[str, Any]) -> bytes:
        """What happened and what to do, as UTF-8 HTML; `status` is what status.json says."""
        ...


# Where the mask's rows, and where its columns, are not the image's: the first in the mask, the
# first in the image, how many.
Slices = tuple[Sequence[tuple[int, int, int]], Sequence[tuple[int, int, int]]]


class Thumbnailer(Protocol):
    """Draws small pictures."""

    def __call__(self, image: bytes, mask: bytes | None, slices: Slices) -> bytes:
        """The image small, as WebP, with the mask over it. Raises ImageFault."""
        ...


class Meter(Protocol):
    """Counts what this process uses of what AWS charges for."""

    def read(self) -> Usage:
        """What was used since the process began."""
        ...


class Images(Protocol):
    """Where the bytes of a project's images come from."""

    def read(self, sha256: str) -> bytes:
        """The bytes of that hash. Raises ImageFault if they are missing or others."""
        ...


class Stages(Protocol):
    """Is told which stage of a run is under way, for traces and timings."""

    def __call__(self, name: str) -> AbstractContextManager[None]:
        """A context that lasts as long as the stage."""
        ...
