"""What the pipeline needs from outside; adapters/ fulfils it, with doubles beside the real ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from pixelgate.comparison import Comparison, Diff
from pixelgate.cost import Usage
from pixelgate.keys import BuildId, ComparisonId
from pixelgate.policy import Policy
from pixelgate.record import Baseline, BuildRecord, ComparisonRecord, Failure, Result


class Objects(Protocol):
    """A bucket, or a folder that is laid out like one."""

    def read(self, key: str, limit: int | None = None) -> bytes:
        """The object's bytes. Raises NotFound, or TooLarge before it reads more than `limit`."""
        ...

    def read_tagged(self, key: str) -> tuple[bytes, str]:
        """The object's bytes and a tag for `replace`. Raises NotFound."""
        ...

    def write(self, key: str, body: bytes, content_type: str) -> None:
        """Writes the whole object at once; a reader sees the old or the new one, never a part."""
        ...

    def replace(self, key: str, body: bytes, content_type: str, tag: str | None) -> None:
        """Writes if the object still has this tag, or for None still is not there.

        Raises WriteConflict.
        """
        ...

    def exists(self, key: str) -> bool:
        """Whether there is an object under this key."""
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

    def complete(self, build: BuildId) -> None:
        """Notes that every image of an accepted build has arrived whole."""
        ...

    def choose_baseline(self, build: BuildId, baseline: Baseline) -> Baseline:
        """Decides what a build is compared with; returns what was decided first."""
        ...

    def claim(
        self, comparison: ComparisonId, reason: str, execution: str, now: float, lease_until: float
    ) -> ComparisonRecord:
        """Takes the comparison for one execution, by one conditional write.

        Raises AlreadyFinished or HeldByOther if it cannot be taken.
        """
        ...

    def heartbeat(self, claim: ComparisonRecord, now: float, lease_until: float) -> None:
        """Prolongs the lease. Raises LeaseLost."""
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

    def settle(self, record: ComparisonRecord) -> None:
        """Notes that status.json tells of this final state; the sweeper leaves it alone then."""
        ...

    def comparison(self, comparison: ComparisonId) -> ComparisonRecord | None:
        """The record of a comparison."""
        ...

    def unfinished(self, lease_before: float) -> Iterable[ComparisonRecord]:
        """Records that are unfinished or unsettled and whose lease ran out before that time."""
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

    def inspect(self, image: bytes) -> None:
        """Reads an image's header. Raises ImageFault if it could not be compared with anything."""
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


class Thumbnailer(Protocol):
    """Draws small pictures."""

    def __call__(
        self, image: bytes, mask: bytes | None, slices: Sequence[tuple[int, int, int]]
    ) -> bytes:
        """The image small, as WebP, with the mask over it.

        `slices` says where the mask's rows are not the image's: row of the mask, row of the image,
        rows. Raises ImageFault.
        """
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
