"""A double of the client's bucket in a folder; for one process only."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from pixelgate.errors import BucketError, Refused
from pixelgate.storage.folder import FolderObjects
from pixelgate.storage.store import Entry


class FolderStore(FolderObjects):
    """Objects as files below one folder, which a client lists and fills."""

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Every file whose key begins so."""
        found = []
        for where, _, names in os.walk(self._root / prefix.rpartition("/")[0]):
            for name in names:
                path = Path(where, name)
                key = path.relative_to(self._root).as_posix()
                if key.startswith(prefix):
                    status = path.stat()
                    found.append(Entry(key, status.st_size, status.st_mtime))
        yield from sorted(found, key=lambda entry: entry.key.encode())

    def put_new(self, key: str, body: bytes, content_type: str, sha256: bytes) -> bool:
        """Writes unless there is a file already."""
        if hashlib.sha256(body).digest() != sha256:
            raise BucketError(f"{key} was damaged on its way")
        if self.exists(key):
            return False
        self.write(key, body, content_type)
        return True

    def read_changed(self, key: str, tag: str | None) -> tuple[bytes, str] | None:
        """The file's bytes and their hash, if that is another one."""
        body, present = self.read_tagged(key)
        return None if present == tag else (body, present)

    def check_write(self, key: str) -> None:
        """Asks the folder."""
        if self._root.exists() and not os.access(self._root, os.W_OK):
            raise Refused(f"{self._root} may not be written")

    def caller(self) -> str:
        """The user who runs this."""
        return f"user {os.getuid()}"
