"""The bucket as a client sees it; s3_store.py fulfils it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Entry:
    """One line of a listing.

    Attributes:
        key: of the object.
        size: in bytes.
        modified: when it was written last, seconds since 1970.
    """

    key: str
    size: int
    modified: float


class Store(Protocol):
    """The bucket for a client, who asks for much at once and may be allowed little.

    Where the bucket cannot be used, every method raises BucketError, and Refused where that is for
    want of a permission.
    """

    def read(self, key: str, limit: int | None = None) -> bytes:
        """The object's bytes. Raises NotFound, or TooLarge before it reads more than `limit`."""
        ...

    def read_tagged(self, key: str) -> tuple[bytes, str]:
        """The object's bytes and a tag. Raises NotFound."""
        ...

    def read_changed(self, key: str, tag: str | None) -> tuple[bytes, str] | None:
        """As `read_tagged`, or None if the object still has this tag. Raises NotFound."""
        ...

    def write(self, key: str, body: bytes, content_type: str) -> None:
        """Writes the whole object at once."""
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

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Every object whose key begins so, by key, however many pages that takes."""
        ...

    def check_write(self, key: str) -> None:
        """Asks whether a put under this key would be allowed; nothing is written."""
        ...

    def caller(self) -> str:
        """Who we are to the bucket's owner."""
        ...
