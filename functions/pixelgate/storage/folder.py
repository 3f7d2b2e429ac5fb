"""The bucket as a folder of the same layout, and the images of folders of screenshots."""

from __future__ import annotations

import hashlib
import os
import stat
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

_UNFINISHED = ".pg"  # begins the names of files that are being written
_MODE = 0o644


class FolderBucket:
    """Stores objects as files below one folder; a key is a relative path. For one process."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, key: str, limit: int | None = None) -> bytes:
        """Reads the file."""
        path = self._root / key
        try:
            size = path.stat().st_size
            if limit is not None and size > limit:
                raise TooLarge(f"{key} has {size:,} bytes; {limit:,} are allowed")
            return path.read_bytes()
        except FileNotFoundError as error:
            raise NotFound(key) from error

    def read_tagged(self, key: str, limit: int | None = None) -> tuple[bytes, str]:
        """Reads the file; its tag is a hash of its bytes."""
        body = self.read(key, limit)
        return body, hashlib.sha256(body).hexdigest()

    def read_range(self, key: str, offset: int, length: int) -> bytes:
        """Reads the whole file and cuts it."""
        return self.read(key)[offset : offset + length]

    def write(self, key: str, body: bytes, content_type: str) -> None:
        """Writes another file and renames it, so that no reader sees a part."""
        put_file(self._root / key, body)

    def replace(self, key: str, body: bytes, content_type: str, tag: str | None) -> None:
        """Compares the tag, then writes."""
        present = self.read_tagged(key)[1] if self.exists(key) else None
        if present != tag:
            raise WriteConflict(key)
        self.write(key, body, content_type)

    def read_changed(self, key: str, tag: str | None) -> tuple[bytes, str] | None:
        """Reads the file and compares its tag."""
        body, present = self.read_tagged(key)
        return None if present == tag else (body, present)

    def put_new(self, key: str, body: bytes, content_type: str, sha256: bytes) -> bool:
        """Writes unless the file exists."""
        if hashlib.sha256(body).digest() != sha256:
            raise BucketError(f"{key} was damaged on its way")
        if self.exists(key):
            return False
        self.write(key, body, content_type)
        return True

    def check_write(self, key: str) -> None:
        """Asks for the folder's permissions."""
        if self._root.exists() and not os.access(self._root, os.W_OK):
            raise Refused(f"{self._root} may not be written")

    def caller(self) -> str:
        """Returns the user's number."""
        return f"user {os.getuid()}"

    def exists(self, key: str) -> bool:
        """Whether the file exists."""
        return (self._root / key).is_file()

    def read_deleted(self, key: str, limit: int | None = None) -> bytes:
        """Always raises NotFound, as a folder keeps no versions."""
        raise NotFound(key)

    def list(self, prefix: str) -> Iterator[Listed]:
        """Reads every file, for its tag."""
        for key, path in self._files(prefix):
            body = path.read_bytes()
            tag = hashlib.sha256(body).hexdigest()
            yield Listed(key, len(body), tag, path.stat().st_mtime)

    def folders(self, prefix: str) -> Iterator[str]:
        """Leaves out empty folders, as a bucket has none."""
        below = (key.removeprefix(prefix) for key, _ in self._files(prefix))
        yield from sorted({key.partition("/")[0] for key in below if "/" in key})

    def delete(self, keys: Collection[str]) -> None:
        """Deletes files for good, but not their folders."""
        for key in keys:
            if self.exists(key):
                (self._root / key).unlink(missing_ok=True)

    def _files(self, prefix: str) -> Sequence[tuple[str, Path]]:
        """Returns keys and paths, sorted, without files that are being written."""
        files = (path for path in self._root.rglob("*") if path.is_file())
        keys = ((path.relative_to(self._root).as_posix(), path) for path in files)
        return sorted(
            (key, path)
            for key, path in keys
            if key.startswith(prefix) and not path.name.startswith(_UNFINISHED)
        )


class FolderImages:
    """Reads images by hash, from the files that had these hashes when they were scanned."""

    def __init__(self, paths: Mapping[str, Path]) -> None:
        self._paths = paths

    def read(self, sha256: str) -> bytes:
        """Reads one image."""
        path = self._paths[sha256]
        try:
            body = path.read_bytes()
        except OSError as error:
            raise ImageFault(FaultCode.IMAGE_MISSING, f"{path} cannot be read: {error}") from error
        if hashlib.sha256(body).hexdigest() != sha256:
            raise ImageFault(FaultCode.HASH_MISMATCH, f"{path} was changed while it was compared")
        return body


def put_file(path: Path, body: bytes) -> None:
    """Writes a file, in folders that it makes: whole, or not at all.

    A file that is replaced keeps its mode.

    Raises:
        OSError: it could not be written. It has the file's path, which the system leaves out of
            an error of a full disk.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else _MODE
        descriptor, unfinished = tempfile.mkstemp(prefix=_UNFINISHED, dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(body)
            Path(unfinished).chmod(mode)
            Path(unfinished).replace(path)
        except BaseException:
            Path(unfinished).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def find_images(folder: Path) -> dict[str, Path]:
    """Returns the images below a folder by name (relative path with "/"), without hidden ones.

    A link is followed if it leads to something below the folder; a folder that contains itself is
    entered once. Raises OSError if a folder cannot be read, as its snapshots would count as
    removed. `pixelgate.client.layouts` knows the folders of test runners, too.
    """
    images: dict[str, Path] = {}
    pending: list[tuple[Path, frozenset[tuple[int, int]]]] = [(folder, frozenset())]
    root = folder.resolve()
    while pending:
        current, ancestors = pending.pop()
        status = current.stat()
        identity = (status.st_dev, status.st_ino)
        if identity in ancestors:
            continue
        for path in sorted(current.iterdir()):
            if path.name.startswith(".") or (path.is_symlink() and not _is_below(path, root)):
                continue
            if path.is_dir():
                pending.append((path, ancestors | {identity}))
            elif path.suffix.lower() in IMAGE_SUFFIXES | FOREIGN_SUFFIXES:
                images[path.relative_to(folder).as_posix()] = path
    return dict(sorted(images.items()))


def _is_below(link: Path, root: Path) -> bool:
    """Whether a link leads to something below a folder."""
    return Path(os.path.realpath(link)).is_relative_to(root)
