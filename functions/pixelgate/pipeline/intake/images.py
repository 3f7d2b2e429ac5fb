"""Makes sure that what a manifest lists has arrived, before anybody builds on it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from itertools import islice

from pixelgate.domain import keys
from pixelgate.domain.matching import Kind
from pixelgate.errors import FaultCode, ImageFault, ImagesMissing, NotFound, TooLarge, WriteConflict
from pixelgate.pipeline.diffing.listing import list_if_cheaper
from pixelgate.pipeline.diffing.plan import Plan
from pixelgate.ports import DifferPool, Objects

MAX_IMAGE_BYTES = 256 * 1024 * 1024
_NAMES_SHOWN = 10
_THREADS = 8


class BucketImages:
    """A project's images in the bucket, checked against their hashes."""

    def __init__(self, objects: Objects, project: str) -> None:
        self._objects = objects
        self._project = project

    def read(self, sha256: str) -> bytes:
        """The bytes of one image.

        Raises:
            ImageFault: IMAGE_MISSING, HASH_MISMATCH or EXCEEDS_BYTE_LIMIT.
        """
        key = keys.image(self._project, sha256)
        try:
            body = self._read(key, sha256)
        except NotFound as error:
            raise ImageFault(FaultCode.IMAGE_MISSING, f"{key} is not in the bucket") from error
        except TooLarge as error:
            raise ImageFault(FaultCode.EXCEEDS_BYTE_LIMIT, str(error)) from error
        if hashlib.sha256(body).hexdigest() != sha256:
            raise ImageFault(
                FaultCode.HASH_MISMATCH, f"{key} holds bytes with another hash than its name"
            )
        return body

    def asked_for(self, hashes: Collection[str]) -> Callable[[str], bool]:
        """Answers for each of these hashes whether there is an object for it."""
        listed = list_if_cheaper(self._objects, keys.image(self._project, ""), len(hashes))

        def exists(sha256: str) -> bool:
            there = listed is not None and keys.image(self._project, sha256) in listed
            return there or self.exists(sha256)

        return exists

    def exists(self, sha256: str) -> bool:
        """Whether there is an object for that hash; one that was set aside is taken back."""
        key = keys.image(self._project, sha256)
        if self._objects.exists(key):
            return True
        try:
            self._take_back(key, sha256)
        except NotFound:
            return False
        return True

    def _read(self, key: str, sha256: str) -> bytes:
        try:
            return self._objects.read(key, MAX_IMAGE_BYTES)
        except NotFound:
            return self._take_back(key, sha256)

    def _take_back(self, key: str, sha256: str) -> bytes:
        """An upload found it there before garbage collection set it aside. Raises NotFound."""
        body = self._objects.read(keys.aside(self._project, sha256), MAX_IMAGE_BYTES)
        with suppress(WriteConflict):  # somebody else has taken it back, or uploaded it anew
            self._objects.replace(key, body, _type_of(body), None)
        return body


def check_images(
    plan: Plan,
    *,
    base_is_complete: bool,
    images: BucketImages,
    pool: DifferPool,
    check: Callable[[], None],
) -> dict[str, ImageFault]:
    """Reads what no comparison has read yet; returns what is wrong with it, by name.

    Added images are read, hashed and their headers looked at: they will be a baseline. Images of
    differing pairs are only asked for, as the diff reads them. Unchanged and renamed ones are as
    good as the base they come from, if all of that one has arrived.

    Args:
        plan: what the build holds.
        base_is_complete: whether every image of the base has arrived whole.
        images: where they should be.
        pool: who can tell an image.
        check: called between any two images; raises to stop early.

    Raises:
        ImagesMissing: the upload is incomplete; the message lists names.
    """
    to_read, to_find = _unseen(plan, base_is_complete)
    exists = images.asked_for(to_find)

    def look(sha256: str) -> ImageFault | None:
        try:
            if sha256 in to_read:
                pool.inspect(images.read(sha256))
            elif not exists(sha256):
                raise ImageFault(FaultCode.IMAGE_MISSING, "not in the bucket")
        except ImageFault as fault:
            return fault
        return None

    faults: dict[str, ImageFault] = {}
    for sha256, fault in _look_at_all(sorted(to_read | to_find), look, check):
        if fault:
            faults |= {m.name: fault for m in plan.matches if m.head == sha256}
    missing = sorted(n for n, f in faults.items() if f.code is FaultCode.IMAGE_MISSING)
    if missing:
        raise ImagesMissing(_in_words(missing))
    return faults


def _unseen(plan: Plan, base_is_complete: bool) -> tuple[set[str], set[str]]:
    """Hashes that nobody has read, and hashes that the diff is going to read."""
    seen = {Kind.UNCHANGED, Kind.RENAMED} if base_is_complete else set()
    to_read = {m.head for m in plan.matches if m.head and m.kind not in {*seen, Kind.DIFFERING}}
    to_find = {m.head for m in plan.matches if m.head and m.kind is Kind.DIFFERING}
    return to_read, to_find - to_read


def _look_at_all(
    hashes: Iterable[str],
    look: Callable[[str], ImageFault | None],
    check: Callable[[], None],
) -> Iterator[tuple[str, ImageFault | None]]:
    waiting = iter(hashes)
    running: dict[Future[ImageFault | None], str] = {}
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="arrival") as threads:
        while True:
            check()
            for sha256 in islice(waiting, _THREADS - len(running)):
                running[threads.submit(look, sha256)] = sha256
            if not running:
                return
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                yield running.pop(future), future.result()


def _type_of(body: bytes) -> str:
    if body.startswith(b"\xff\xd8"):
        return "image/jpeg"
    return "image/webp" if body.startswith(b"RIFF") else "image/png"


def _in_words(missing: list[str]) -> str:
    shown = ", ".join(repr(name) for name in missing[:_NAMES_SHOWN])
    more = f" and {len(missing) - _NAMES_SHOWN} more" if len(missing) > _NAMES_SHOWN else ""
    return (
        f"the upload is incomplete, these images are not in the bucket: {shown}{more}; "
        "upload images before the manifest, as a new build"
    )
