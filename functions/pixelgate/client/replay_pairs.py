"""Carries the plan of a replay out: measures pairs on this machine, and answers.

What was fetched and measured is kept in a folder, so that a run that was interrupted goes on there:

    images/<project>/<sha256>              images
    <code>/cache/<project>/<policy>/…      measurements, as the pipeline caches them
    <code>/masks/<policy>/…                their masks

`<code>` stands for this version's engine and verdict, byte for byte.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from pixelgate.client.replay import Plan, Reading
from pixelgate.domain import keys
from pixelgate.domain.comparison import Measured
from pixelgate.errors import FaultCode, ImageFault, NotFound, TooLarge, UsageError
from pixelgate.past.replay import Replayed, Source, replayed
from pixelgate.pipeline.diffing.pairs import DiffCache, DiffStats, diff_pairs
from pixelgate.pipeline.diffing.plan import Pair
from pixelgate.pipeline.intake.images import MAX_IMAGE_BYTES
from pixelgate.ports import SILENT, Bucket, DifferPool, Progress
from pixelgate.storage.folder import FolderBucket

Results = Mapping[Pair, Measured | ImageFault]
# What an image's hash or place is to blame for: it says nothing about the rule.
_GONE = frozenset({FaultCode.IMAGE_MISSING, FaultCode.HASH_MISMATCH, FaultCode.EXCEEDS_BYTE_LIMIT})
_DECIDING = ("engine", "domain")


def code_fingerprint() -> str:
    """Returns a hash of the code that measures and judges, as it is installed."""
    package = Path(str(files("pixelgate")))
    found = hashlib.sha256()
    for folder in _DECIDING:
        for path in sorted((package / folder).rglob("*")):
            if path.suffix in {".py", ".so", ".dylib", ".pyd", ".dll"}:
                found.update(path.name.encode())
                found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()[:16]


@dataclass(frozen=True)
class Kept:
    """The folder in which fetched images and measurements are kept; `project` is whose."""

    folder: Path
    project: str
    code: str

    @property
    def objects(self) -> FolderBucket:
        """The measurements and masks of this version's code."""
        return FolderBucket(self.folder / self.code)

    @property
    def cache(self) -> DiffCache:
        """The measurements as a cache."""
        return DiffCache(self.objects, self.project, "", lists=False)

    def has_image(self, sha256: str) -> bool:
        """Whether an image was fetched."""
        return (self.folder / keys.image(self.project, sha256)).is_file()

    def has_pair(self, pair: Pair) -> bool:
        """Whether a pair was measured."""
        try:
            return self.cache.load(pair) is not None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(
                f"{self.folder} holds a measurement that pixelgate did not write ({error!r}); "
                "delete the folder, and what is needed is fetched and measured again"
            ) from error


class KeptImages:
    """The images of a project; each is fetched from the bucket once, and its hash checked."""

    def __init__(self, kept: Kept, store: Bucket) -> None:
        self._kept, self._store = kept, store
        self._files = FolderBucket(kept.folder)
        self._locks: dict[str, threading.Lock] = {}

    def read(self, sha256: str) -> bytes:
        """Reads an image.

        Raises ImageFault: IMAGE_MISSING, HASH_MISMATCH or EXCEEDS_BYTE_LIMIT.
        """
        # Pairs that share an image are measured at once.
        with self._locks.setdefault(sha256, threading.Lock()):
            return self._read(sha256)

    def _read(self, sha256: str) -> bytes:
        key = keys.image(self._kept.project, sha256)
        try:
            body = self._files.read(key)
            if hashlib.sha256(body).hexdigest() == sha256:
                return body
        except NotFound:
            pass
        try:
            body = self._store.read(key, MAX_IMAGE_BYTES)
        except NotFound as error:
            raise ImageFault(FaultCode.IMAGE_MISSING, f"{key} is not in the bucket") from error
        except TooLarge as error:
            raise ImageFault(FaultCode.EXCEEDS_BYTE_LIMIT, str(error)) from error
        if hashlib.sha256(body).hexdigest() != sha256:
            raise ImageFault(
                FaultCode.HASH_MISMATCH, f"{key} holds bytes with another hash than its name"
            )
        self._files.write(key, body, "application/octet-stream")
        return body


def measure(
    todo: Plan,
    kept: Kept,
    images: KeptImages,
    pool: DifferPool,
    *,
    check: Callable[[], None] = lambda: None,
    progress: Progress = SILENT,
) -> Results:
    """Measures the pairs of a plan, or takes them from the folder.

    `check` is called every few seconds and before each pair; it raises to stop. What was measured
    until then is kept.

    Raises:
        BucketError: the bucket cannot be used.
        OSError: the folder cannot be written.
    """
    progress.begin("measuring", len(todo.pairs))
    return diff_pairs(
        todo.pairs,
        images=images,
        store=kept.cache,
        pool=pool,
        tally=DiffStats(),
        check=check,
        done=progress.step,
    )


def answers(reading: Reading, todo: Plan, results: Results) -> Iterator[Replayed]:
    """Yields the answer of each piece, in the order of the reading."""
    for number, piece in enumerate(reading.pieces):
        if number in todo.stored:
            yield replayed(piece, todo.stored[number], Source.STORED)
        elif number in todo.lost:
            yield replayed(piece, None, Source.NONE, todo.lost[number])
        else:
            pair = todo.pair_of[number]
            match results[pair]:
                case ImageFault(code=code) as fault if code in _GONE:
                    yield replayed(piece, None, Source.NONE, fault.reason)
                case ImageFault():
                    yield replayed(piece, True, Source.IMAGES)
                case Measured(diff=diff):
                    loud = diff.judge(todo.pairs[pair], piece.learned).changed
                    yield replayed(piece, loud, Source.IMAGES)
