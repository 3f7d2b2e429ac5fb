"""Checks that the images of a build are in the bucket, before it can become a baseline."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from contextlib import suppress

from pixelgate.domain import keys
from pixelgate.domain.matching import Kind
from pixelgate.domain.wording import joined
from pixelgate.errors import FaultCode, ImageFault, ImagesMissing, NotFound, TooLarge, WriteConflict
from pixelgate.pipeline.diffing.listing import list_if_cheaper
from pixelgate.pipeline.diffing.plan import Plan
from pixelgate.pipeline.parallel import bounded_map
from pixelgate.ports import Bucket, DifferPool

MAX_IMAGE_BYTES = 256 * 1024 * 1024
_NAMES_SHOWN = 10
_THREADS = 8


class BucketImages:
    """The images of a project in the bucket; every read checks the hash."""

    def __init__(self, objects: Bucket, project: str) -> None:
        self._objects = objects
        self._project = project

    def read(self, sha256: str) -> bytes:
        """Reads an image. Raises ImageFault: IMAGE_MISSING, HASH_MISMATCH, EXCEEDS_BYTE_LIMIT."""
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

    def existence_check(self, hashes: Collection[str]) -> Callable[[str], bool]:
        """Returns a function that answers whether an image is in the bucket.

        `hashes` are all images that will be looked up: for many of them one listing is cheaper.
        """
        listed = list_if_cheaper(self._objects, keys.image(self._project, ""), len(hashes))

        def exists(sha256: str) -> bool:
            in_list = listed is not None and keys.image(self._project, sha256) in listed
            return in_list or self.exists(sha256)

        return exists

    def exists(self, sha256: str) -> bool:
        """Whether an image is in the bucket; a deleted one is restored first.

        A deleted object that is too large to be compared stays deleted.
        """
        key = keys.image(self._project, sha256)
        if self._objects.exists(key):
            return True
        try:
            self._restore(key, sha256)
        except (NotFound, TooLarge):
            return False
        return True

    def _read(self, key: str, sha256: str) -> bytes:
        try:
            return self._objects.read(key, MAX_IMAGE_BYTES)
        except NotFound:
            return self._restore(key, sha256)

    def _restore(self, key: str, sha256: str) -> bytes:
        """Restores an image that garbage collection deleted too early. Raises NotFound."""
        try:
            body = self._objects.read_deleted(key, MAX_IMAGE_BYTES)
        except NotFound:
            body = self._objects.read(keys.old_image(self._project, sha256), MAX_IMAGE_BYTES)
        with suppress(WriteConflict):  # another worker has restored it, or a client uploaded it
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
    """Checks the images of the head that no comparison has read yet.

    Added images are read and hashed, and their headers are checked, because they will be a
    baseline. For images of differing pairs only their existence is checked; the diff reads them.
    Unchanged and renamed images were checked with the base, if the base is complete. `check` is
    called between any two images; it raises to stop early.

    Returns:
        The faults of unreadable images, by snapshot name.

    Raises:
        ImagesMissing: the upload is incomplete; the message lists names.
    """
    seen = {Kind.UNCHANGED, Kind.RENAMED} if base_is_complete else set()
    to_read = {m.head for m in plan.matches if m.head and m.kind not in {*seen, Kind.DIFFERING}}
    to_find = {m.head for m in plan.matches if m.head and m.kind is Kind.DIFFERING} - to_read
    exists = images.existence_check(to_find)

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
    hashes = sorted(to_read | to_find)
    for sha256, fault in bounded_map(look, hashes, _THREADS, check=check):
        if fault:
            faults |= {m.name: fault for m in plan.matches if m.head == sha256}
    missing = sorted(n for n, f in faults.items() if f.code is FaultCode.IMAGE_MISSING)
    if missing:
        raise ImagesMissing(
            "the upload is incomplete, these images are not in the bucket: "
            f"{joined(missing, _NAMES_SHOWN)}; "
            "upload images before the manifest, as a new build"
        )
    return faults


def _type_of(body: bytes) -> str:
    if body.startswith(b"\xff\xd8"):
        return "image/jpeg"
    return "image/webp" if body.startswith(b"RIFF") else "image/png"
