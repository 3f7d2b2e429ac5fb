"""The ports: protocols that storage/, aws/, notify/ and engine/ implement for the pipeline."""

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
    Series,
)
from pixelgate.domain.review_request import Decision, ReviewRecord


@dataclass(frozen=True)
class Listed:
    """An object in a listing, with its size in bytes.

    Other bytes would have another `tag`. `modified` is in seconds since 1970.
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
        """Returns the object's bytes.

        Raises NotFound, or TooLarge if it has more than `limit` bytes.
        """

    def read_tagged(self, key: str, limit: int | None = None) -> tuple[bytes, str]:
        """Returns the object's bytes and a tag for `replace`. Raises NotFound or TooLarge."""

    def read_range(self, key: str, offset: int, length: int) -> bytes:
        """Returns `length` bytes from `offset` on, or fewer at the end. Raises NotFound."""

    def read_changed(self, key: str, tag: str | None) -> tuple[bytes, str] | None:
        """As `read_tagged`, or None if the object still has this tag. Raises NotFound."""

    def write(self, key: str, body: bytes, content_type: str) -> None:
        """Writes the object atomically: readers see the old one or the new one, never a part."""

    def replace(self, key: str, body: bytes, content_type: str, tag: str | None) -> None:
        """Writes the object if it still has this tag, or, with tag None, if it does not exist.

        Raises WriteConflict otherwise.
        """

    def put_new(self, key: str, body: bytes, content_type: str, sha256: bytes) -> bool:
        """Writes unless there is an object already; returns whether it wrote.

        The receiver checks the digest; a body that was damaged on its way is not stored.
        """

    def exists(self, key: str) -> bool:
        """Whether there is an object under this key."""

    def read_deleted(self, key: str, limit: int | None = None) -> bytes:
        """The bytes that a deleted object had last. Raises NotFound if they are gone, TooLarge."""

    def list(self, prefix: str) -> Iterator[Listed]:
        """Yields all objects whose keys begin with the prefix, in the order of their keys."""

    def folders(self, prefix: str) -> Iterator[str]:
        """Yields the names of the folders directly below a prefix, but not their content."""

    def delete(self, keys: Collection[str]) -> None:
        """Deletes objects but not their older versions; keys without an object are ignored."""

    def check_write(self, key: str) -> None:
        """Asks whether a put under this key would be allowed; nothing is written."""

    def caller(self) -> str:
        """Who we are to the bucket's owner."""


class Ledger(Protocol):
    """The records on which concurrent workers agree; every method is atomic."""

    def register(self, build: BuildRecord) -> BuildRecord:
        """Accepts a build; returns the stored record, also if it was accepted before.

        Raises BuildConflict if the id was accepted with another manifest.
        """

    def reject(self, build: BuildId, message: str, now: float) -> None:
        """Records a build with a wrong manifest, unless a build with that id was accepted."""

    def build(self, build: BuildId) -> BuildRecord | None:
        """Returns the accepted build with that id; None if there is none."""

    def builds_at(self, project: str, commit: str) -> list[BuildRecord]:
        """Returns the accepted builds of a commit, newest first."""

    def builds_by(self, project: str, lookup: Lookup, value: str) -> Iterator[BuildRecord]:
        """Yields the accepted builds of a branch, tree or pull request, newest first."""

    def existing_lookup_keys(self, project: str, topics: Collection[str]) -> set[str]:
        """Returns those topics that builds of the project have, or that a refused one left."""

    def mark_images_valid(self, build: BuildId) -> None:
        """Records that all images of an accepted build are present and valid."""

    def mark_images_present(self, build: BuildId) -> None:
        """Records that all images of an accepted build are present, valid or not."""

    def mark_images_missing(self, build: BuildId) -> None:
        """Records that images of an accepted build are missing."""

    def hide(self, build: BuildId, now: float) -> bool:
        """Hides an accepted build for good, unless it was approved; returns whether it is hidden.

        No lookup returns a hidden build, and its id cannot be used again.
        """

    def hidden_since(self, build: BuildId) -> float | None:
        """Returns when a build was hidden, seconds since 1970; None if it was not."""

    def delete_build(self, build: BuildId) -> None:
        """Deletes the record of a hidden build, and all records by which it could be found."""

    def choose_baseline(self, build: BuildId, baseline: Baseline) -> Baseline:
        """Sets a build's baseline, unless it has one; returns the one that was set first."""

    def set_review(self, build: BuildId, review: Review | None, revision: int) -> None:
        """Sets the decision on a build, unless a later revision of it is recorded."""

    def add_review(self, review: ReviewRecord) -> ReviewRecord:
        """Adds a review to a build's history; returns the one that was added first with that id."""

    def reviews(self, build: BuildId) -> list[ReviewRecord]:
        """Returns a build's history of reviews, oldest first."""

    def set_decision(self, series: Series, decision: Decision, revision: int) -> None:
        """Records a decision on a build of a series, unless a later revision is recorded."""

    def decisions(self, project: str, series: Series) -> list[Decision]:
        """Returns the decisions on the builds of a series, latest first."""

    def reopen(self, record: ComparisonRecord, now: float) -> ComparisonRecord:
        """Records that a final state has changed and must be announced again.

        Raises LeaseLost if the record has another execution or is gone.
        """

    def claim(
        self,
        comparison: ComparisonId,
        reason: str,
        execution: str,
        now: float,
        lease_until: float,
        choice: Choice | None = None,
    ) -> ComparisonRecord:
        """Claims the comparison for one execution, by one conditional write.

        Raises AlreadyFinished, HeldByOther or StillWaiting if it cannot be claimed.
        """

    def wait(
        self, claim: ComparisonRecord, topics: Iterable[str], wait_until: float, now: float
    ) -> ComparisonRecord:
        """PROCESSING → WAITING_FOR_BASE; `waiting` finds it by its topics. Raises LeaseLost."""

    def waiting(self, project: str, topics: Iterable[str]) -> list[ComparisonId]:
        """Returns all comparisons that wait, or once waited, for one of these topics."""

    def wake(self, comparison: ComparisonId, now: float) -> bool:
        """WAITING_FOR_BASE → PROCESSING without an owner; returns whether this call did it."""

    def end_wait(self, comparison: ComparisonId, message: str, now: float) -> None:
        """Ends a comparison that stood for a missing base, if there is one."""

    def heartbeat(self, claim: ComparisonRecord, now: float, lease_until: float) -> None:
        """Renews the lease. Raises LeaseLost."""

    def hand_over(
        self, claim: ComparisonRecord, reason: str, now: float, lease_until: float
    ) -> ComparisonRecord:
        """Records that other workers continue under this claim, and why. Raises LeaseLost."""

    def release(self, claim: ComparisonRecord, code: str, message: str, now: float) -> None:
        """Gives the lease back and records the error for people. Raises LeaseLost."""

    def publish(self, claim: ComparisonRecord, result: Result, now: float) -> ComparisonRecord:
        """PROCESSING → SUCCEEDED, once. Raises LeaseLost."""

    def fail(self, claim: ComparisonRecord, failure: Failure, now: float) -> ComparisonRecord:
        """PROCESSING → FAILED, once. Raises LeaseLost."""

    def mark_announced(self, record: ComparisonRecord) -> None:
        """Records that this final state was announced, so that the sweeper ignores it.

        Does nothing if the record was reopened after it was read.
        """

    def comparison(self, comparison: ComparisonId) -> ComparisonRecord | None:
        """Returns the record of a comparison; None if there is none."""

    def unfinished(self, lease_before: float) -> Iterable[ComparisonRecord]:
        """Yields records that are unfinished or not announced, if their lease ended before then."""


class FanOut(Protocol):
    """Starts the workers that continue a large comparison and publish it."""

    def start(self, execution: str, comparison: ComparisonId) -> None:
        """Starts the workers; a second call for the same execution does nothing."""


class Events(Protocol):
    """Sends events about changes of state to other systems."""

    def emit(self, kind: str, detail: Mapping[str, Any]) -> None:
        """Sends one event at least once; its `id` identifies duplicates. Raises NotTold."""


class PatientEvents(Events, Protocol):
    """Also sends events about intermediate states, without delaying the work."""

    def try_to_emit(self, kind: str, detail: Mapping[str, Any]) -> None:
        """Sends one event, or keeps it until the next one is sent."""


class Differ(Protocol):
    """Compares the pixels of two images; for one thread at a time."""

    def diff(self, base: bytes, head: bytes, policy: Policy) -> Diff:
        """Returns the diff of two images. Raises ImageFault."""

    def close(self) -> None:
        """Ends the processes that it keeps running."""


class DifferPool(Protocol):
    """Compares the pixels of two images, for several threads at once."""

    @property
    def size(self) -> int:
        """The number of pairs that are compared at the same time."""

    def diff(self, base: bytes, head: bytes, policy: Policy, wanted: Callable[[], bool]) -> Diff:
        """Returns the diff of two images, once a differ is free.

        Raises ImageFault, or NotWanted if `wanted` returns False by then.
        """

    def inspect(self, image: bytes) -> tuple[int, int]:
        """Reads width and height from the header. Raises ImageFault if it cannot be compared."""


# Makes a report as UTF-8 HTML from a comparison, a function from an image's sha256 to its key (None
# if the image cannot be shown), and the report's own key, to which its links are relative.
Renderer = Callable[[Comparison, Callable[[str], str | None], str], bytes]

# Makes the page of a failed run, with the error and a remedy, as UTF-8 HTML from status.json.
FailureRenderer = Callable[[Mapping[str, Any]], bytes]

# Maps the mask's rows, then its columns, to those of the image, which differ where there are bands.
# Each entry: first line in the mask, first line in the image, number of lines.
Slices = tuple[Sequence[tuple[int, int, int]], Sequence[tuple[int, int, int]]]


# Makes a small WebP of an image, with the mask (if there is one) drawn over it. Raises ImageFault.
Thumbnailer = Callable[[bytes, bytes | None, Slices], bytes]

# Makes a PNG with base, head and their difference beside one another: from the two images (None for
# one that does not exist), the mask, and where the canvas lies on each. Raises ImageFault.
Previewer = Callable[[bytes | None, bytes | None, bytes | None, tuple[Slices, Slices]], bytes]

# Returns a context that lasts as long as the stage of that name, for timings.
Stages = Callable[[str], AbstractContextManager[None]]


class Meter(Protocol):
    """Counts the resources that this process uses and AWS charges for."""

    def read(self) -> Usage:
        """Returns what was used since the process began."""


class Images(Protocol):
    """The images of a project."""

    def read(self, sha256: str) -> bytes:
        """Returns the image with that hash. Raises ImageFault if it is missing or damaged."""


@dataclass(frozen=True)
class Progress:
    """Functions that receive the progress of long work."""

    # Called with the name of a stage and the number of its steps.
    begin: Callable[[str, int], None] = lambda stage, total: None
    step: Callable[[], None] = lambda: None  # called after each step
    say: Callable[[str], None] = lambda words: None  # called with a message for the log


SILENT = Progress()
