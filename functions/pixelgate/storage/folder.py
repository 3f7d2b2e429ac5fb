"""A folder laid out like the bucket, and folders of screenshots as builds."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from pixelgate.domain.manifest import FOREIGN_SUFFIXES, IMAGE_SUFFIXES
from pixelgate.errors import (
    BucketError,
    FaultCode,
    ImageFault,
    NotFound,
    Refused,
    TooLarge,
    WriteConflict,
)
from pixelgate.ports import Listed

_BEING_WRITTEN = ".pg"


class FolderBucket:
    """Bucket as files below one folder; a key is a relative path."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, key: str, limit: int | None = None) -> bytes:
        """The file's bytes."""
        path = self._root / key
        try:
            size = path.stat().st_size
            if limit is not None and size > limit:
                raise TooLarge(f"{key} has {size:,} bytes; {limit:,} are allowed")
            return path.read_bytes()
        except FileNotFoundError as error:
            raise NotFound(key) from error

    def read_tagged(self, key: str, limit: int | None = None) -> tuple[bytes, str]:
        """The file's bytes and their hash."""
        body = self.read(key, limit)
        return body, hashlib.sha256(body).hexdigest()

    def read_range(self, key: str, offset: int, length: int) -> bytes:
        """Some of the file's bytes."""
        return self.read(key)[offset : offset + length]

    def write(self, key: str, body: bytes, content_type: str) -> None:
        """Writes beside the file and renames, so that no reader sees half of it."""
        path = self._root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, beside = tempfile.mkstemp(prefix=_BEING_WRITTEN, dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(body)
        Path(beside).chmod(0o644)
        Path(beside).replace(path)

    def replace(self, key: str, body: bytes, content_type: str, tag: str | None) -> None:
        """Writes if the file still holds the same; for one process only."""
        present = self.read_tagged(key)[1] if self.exists(key) else None
        if present != tag:
            raise WriteConflict(key)
        self.write(key, body, content_type)

    def read_changed(self, key: str, tag: str | None) -> tuple[bytes, str] | None:
        """The file's bytes and their hash, if that is another one."""
        body, present = self.read_tagged(key)
        return None if present == tag else (body, present)

    def put_new(self, key: str, body: bytes, content_type: str, sha256: bytes) -> bool:
        """Writes unless there is a file already; for one process only."""
        if hashlib.sha256(body).digest() != sha256:
            raise BucketError(f"{key} was damaged on its way")
        if self.exists(key):
            return False
        self.write(key, body, content_type)
        return True

    def check_write(self, key: str) -> None:
        """Asks the folder."""
        if self._root.exists() and not os.access(self._root, os.W_OK):
            raise Refused(f"{self._root} may not be written")

    def caller(self) -> str:
        """The user who runs this."""
        return f"user {os.getuid()}"

    def exists(self, key: str) -> bool:
        """Whether the file is there."""
        return (self._root / key).is_file()

    def read_deleted(self, key: str, limit: int | None = None) -> bytes:
        """A folder keeps no versions."""
        raise NotFound(key)

    def list(self, prefix: str) -> Iterator[Listed]:
        """Files by key."""
        for key, path in self._files(prefix):
            body = path.read_bytes()
            tag = hashlib.sha256(body).hexdigest()
            yield Listed(key, len(body), tag, path.stat().st_mtime)

    def folders(self, prefix: str) -> Iterator[str]:
        """Folders with a file below them: an empty one is none, as in a bucket."""
        below = (key.removeprefix(prefix) for key, _ in self._files(prefix))
        yield from sorted({key.partition("/")[0] for key in below if "/" in key})

    def delete(self, keys: Collection[str]) -> None:
        """Deletes files for good, and leaves their folders."""
        for key in keys:
            if self.exists(key):
                (self._root / key).unlink(missing_ok=True)

    def _files(self, prefix: str) -> Sequence[tuple[str, Path]]:
        """Files by key. What is being written lies beside them, hidden, and is none of them."""
        files = (path for path in self._root.rglob("*") if path.is_file())
        found = ((path.relative_to(self._root).as_posix(), path) for path in files)
        return sorted(
            (key, path)
            for key, path in found
            if key.startswith(prefix) and not path.name.startswith(_BEING_WRITTEN)
        )


class FolderImages:
    """Images by hash, from the files that had these hashes when the folders were scanned."""

    def __init__(self, paths: Mapping[str, Path]) -> None:
        self._paths = paths

    def read(self, sha256: str) -> bytes:
        """The bytes of one image."""
        path = self._paths[sha256]
        try:
            body = path.read_bytes()
        except OSError as error:
            raise ImageFault(FaultCode.IMAGE_MISSING, f"{path} cannot be read: {error}") from error
        if hashlib.sha256(body).hexdigest() != sha256:
            raise ImageFault(FaultCode.HASH_MISMATCH, f"{path} was changed while it was compared")
        return body


def find_images(folder: Path) -> dict[str, Path]:
    """The images below a folder by name: relative path with "/". Hidden ones are left out.

    Links are followed, to files and to folders; a folder within itself is entered once.

    Raises:
        OSError: a folder cannot be read; what lies in it must not be taken for removed.
    """
    found: dict[str, Path] = {}
    pending: list[tuple[Path, frozenset[tuple[int, int]]]] = [(folder, frozenset())]
    while pending:
        where, ancestors = pending.pop()
        status = where.stat()
        place = (status.st_dev, status.st_ino)
        if place in ancestors:
            continue
        for path in sorted(where.iterdir()):
            if path.name.startswith("."):
                continue
            if path.is_dir():
                pending.append((path, ancestors | {place}))
            elif path.suffix.lower() in IMAGE_SUFFIXES | FOREIGN_SUFFIXES:
                found[path.relative_to(folder).as_posix()] = path
    return dict(sorted(found.items()))
