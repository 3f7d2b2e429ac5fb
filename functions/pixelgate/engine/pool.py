"""Shares a fixed number of differs among any number of threads."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from pixelgate.domain.comparison import Diff
from pixelgate.domain.policy import Policy
from pixelgate.engine.header import MAX_PIXELS, canvas_of, read_header
from pixelgate.errors import ImageFault, NotWanted
from pixelgate.ports import Differ

# While the largest allowed image is compared, one of a phone may be compared beside it. The
# largest pair alone takes up to 1.8 GB (make bench-memory).
_PIXELS_BESIDE = 3_000_000


class _Budget:
    """Limits the pixels that are compared at a time; a larger request runs alone."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0
        self._freed = threading.Condition()

    @contextmanager
    def take(self, amount: int) -> Iterator[None]:
        amount = min(amount, self._most)
        with self._freed:
            self._freed.wait_for(lambda: self._taken + amount <= self._most)
            self._taken += amount
        try:
            yield
        finally:
            with self._freed:
                self._taken -= amount
                self._freed.notify_all()


class SharedDiffers:
    """A fixed number of differs for any number of threads."""

    def __init__(self, differs: Sequence[Differ], max_pixels: int = MAX_PIXELS) -> None:
        """Creates a pool that owns these differs; none compares a canvas over `max_pixels`."""
        self.size = len(differs)
        self._all = tuple(differs)
        self._free: queue.SimpleQueue[Differ] = queue.SimpleQueue()
        self._budget = _Budget(max_pixels + _PIXELS_BESIDE)
        self._max_pixels = max_pixels
        for differ in differs:
            self._free.put(differ)

    def diff(
        self, base: bytes, head: bytes, policy: Policy, wanted: Callable[[], bool] = lambda: True
    ) -> Diff:
        """Compares with the next free differ.

        Raises:
            ImageFault: an image cannot be compared.
            NotWanted: `wanted` became false while the pair waited.
        """
        with self._budget.take(max(_pixels(base), _pixels(head))):
            differ = self._free.get()
            try:
                if not wanted():
                    raise NotWanted
                return differ.diff(base, head, policy)
            finally:
                self._free.put(differ)

    def inspect(self, image: bytes) -> tuple[int, int]:
        """Reads the header and checks the size; returns width and height, or raises ImageFault."""
        header = read_header(image)
        canvas_of(header, header, self._max_pixels)
        return header.size

    def close(self) -> None:
        """Closes every differ; no comparison may be running."""
        for differ in self._all:
            differ.close()


def _pixels(body: bytes) -> int:
    """Pixels by the header; 0 if it cannot be read, for which the differ raises an error."""
    try:
        header = read_header(body)
    except ImageFault:
        return 0
    return header.width * header.height
