"""A double of the client's bucket in memory."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator

from pixelgate.errors import BucketError
from pixelgate.storage.store import Entry
from support.doubles.memory import MemoryObjects


class MemoryStore(MemoryObjects):
    """A bucket in a dictionary, which remembers when each object was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: dict[str, float] = {}

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Every object whose key begins so."""
        with self._lock:
            found = [
                Entry(key, len(body), self.written[key])
                for key, body in self.objects.items()
                if key.startswith(prefix)
            ]
        yield from sorted(found, key=lambda entry: entry.key.encode())

    def put_new(self, key: str, body: bytes, content_type: str, sha256: bytes) -> bool:
        """Writes unless there is an object already."""
        if hashlib.sha256(body).digest() != sha256:
            raise BucketError(f"{key} was damaged on its way")
        with self._lock:
            if key in self.objects:
                return False
            self._put(key, body, content_type)
            return True

    def read_changed(self, key: str, tag: str | None) -> tuple[bytes, str] | None:
        """The object's bytes and its version, if that is another one."""
        body, present = self.read_tagged(key)
        return None if present == tag else (body, present)

    def check_write(self, key: str) -> None:
        """Everybody may write."""

    def caller(self) -> str:
        """Nobody in particular."""
        return "this process"

    def _put(self, key: str, body: bytes, content_type: str) -> None:
        super()._put(key, body, content_type)
        self.written[key] = time.time()
