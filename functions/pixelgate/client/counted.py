"""Counts the requests of a command to the bucket, so that it can say what they cost."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from pixelgate.domain.cost import Usage
from pixelgate.ports import Bucket, Listed

_PAGE = 1_000  # keys of one request for a listing


class CountedBucket:
    """A bucket whose requests are counted, by the names that S3 gives them.

    Give `bucket` to whoever makes the requests. A request that lists more than a page counts as
    several; one that fails counts as well.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._lock = threading.Lock()
        self.requests: Counter[str] = Counter()
        self.bucket: Any = self

    @property
    def usage(self) -> Usage:
        """The requests until now."""
        with self._lock:
            return Usage(requests=dict(self.requests))

    @property
    def words(self) -> str:
        """What they cost, as a sentence."""
        used = self.usage
        number = sum(used.requests.values())
        return f"read with {number:,} requests to S3, ${used.dollars:.6f}"

    def _count(self, operation: str, number: int = 1) -> None:
        with self._lock:
            self.requests[f"s3.{operation}"] += number

    def list(self, prefix: str) -> Iterator[Listed]:
        """Lists, a thousand keys a request."""
        self._count("ListObjectsV2")
        for number, entry in enumerate(self._bucket.list(prefix), 1):
            if number > 1 and number % _PAGE == 1:
                self._count("ListObjectsV2")
            yield entry

    def __getattr__(self, name: str) -> Callable[..., Any]:
        operation = "PutObject" if name in {"write", "replace", "put_new"} else "GetObject"
        method: Callable[..., Any] = getattr(self._bucket, name)

        def call(*args: Any, **options: Any) -> Any:
            self._count(operation)
            return method(*args, **options)

        return call
