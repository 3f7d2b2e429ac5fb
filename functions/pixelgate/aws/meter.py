"""Measures what AWS charges a process for: memory times seconds, and requests."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from pixelgate.domain.cost import Usage

_MIB_PER_GB = 1024


class RequestMeter:
    """Counts the requests of the SDK clients that it watches, including retries."""

    def __init__(self, memory_mib: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._gb = memory_mib / _MIB_PER_GB
        self._clock = clock
        self._began = clock()
        self._requests: Counter[str] = Counter()
        self._lock = threading.Lock()

    def watch(self, client: Any) -> None:
        """Counts every request that this boto3 client sends."""
        client.meta.events.register("before-send", self._count)

    def _count(self, event_name: str, **_: Any) -> None:
        # The name is such as "before-send.s3.PutObject". Each retry is counted.
        with self._lock:
            self._requests[event_name.partition(".")[2]] += 1

    def read(self) -> Usage:
        """Returns the usage since this meter was made."""
        with self._lock:
            return Usage(self._gb * (self._clock() - self._began), dict(self._requests))
