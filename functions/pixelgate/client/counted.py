"""Counts what a command asks of the bucket, so that it can say what that costs."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from pixelgate.domain.cost import Usage
from pixelgate.ports import Bucket, Listed

# To the internet, by the list of domain.cost, without the free 100 GB a month; within the bucket's
# region nothing is charged.
USD_PER_GB_OUT = 0.09
_PAGE = 1_000  # keys of one request for a listing
_PUTS = frozenset({"write", "replace", "put_new"})


def dollars(usage: Usage, bytes_out: int) -> float:
    """Returns the price of requests, and of bytes that leave the region."""
    return usage.dollars + bytes_out / 1e9 * USD_PER_GB_OUT


class CountedBucket:
    """A bucket whose requests are counted, by the names that S3 gives them, and the bytes it sends.

    Give `bucket` to whoever makes the requests. A request that lists more than a page counts as
    several; one that fails counts as well. Retries of the SDK are not counted.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._lock = threading.Lock()
        self._requests: Counter[str] = Counter()
        self.bytes_out = 0
        self.bucket: Any = self

    @property
    def usage(self) -> Usage:
        """The requests until now."""
        with self._lock:
            return Usage(requests=dict(sorted(self._requests.items())))

    @property
    def usd(self) -> float:
        """The price of all until now, in US dollars, with the bytes that left the region."""
        return dollars(self.usage, self.bytes_out)

    @property
    def words(self) -> str:
        """What the requests cost, as a sentence."""
        used = self.usage
        number = sum(used.requests.values())
        return f"read with {number:,} requests to S3, ${used.dollars:.6f}"

    def _count(self, operation: str, bytes_out: int = 0) -> None:
        with self._lock:
            self._requests[f"s3.{operation}"] += 1
            self.bytes_out += bytes_out

    def read(self, key: str, limit: int | None = None) -> bytes:
        """Reads; an object that is not there costs a request too."""
        try:
            body = self._bucket.read(key, limit)
        except Exception:
            self._count("GetObject")
            raise
        self._count("GetObject", len(body))
        return body

    def list(self, prefix: str) -> Iterator[Listed]:
        """Lists, a thousand keys a request."""
        self._count("ListObjectsV2")
        for number, entry in enumerate(self._bucket.list(prefix), 1):
            if number > 1 and number % _PAGE == 1:
                self._count("ListObjectsV2")
            yield entry

    def __getattr__(self, name: str) -> Callable[..., Any]:
        operation = "PutObject" if name in _PUTS else "GetObject"
        method: Callable[..., Any] = getattr(self._bucket, name)

        def call(*args: Any, **options: Any) -> Any:
            self._count(operation)
            return method(*args, **options)

        return call
