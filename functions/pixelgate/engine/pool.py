"""A fixed number of differs, shared by any number of threads."""

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

# Beside the largest image that is allowed, one of a phone may be compared. The largest pair alone
# takes up to 1.5 GB (make bench-memory).
_PIXELS_BESIDE = 3_000_000


class _Budget:
    """Lets so much be under way at a time; who asks for more than there ever is gets it alone."""

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
        """Takes over differs, none of which compares a canvas of more pixels than this."""
        self.size = len(differs)
        self._all = tuple(differs)
        self._free: queue.SimpleQueue[Differ] = queue.SimpleQueue()
        self._budget = _Budget(max_pixels + _PIXELS_BESIDE)
        self._max_pixels = max_pixels
        for differ in differs:
            self._free.put(differ)

    def diff(
        self,
        base: bytes,
        head: bytes,
        policy: Policy,
        wanted: Callable[[], bool] = lambda: True,
    ) -> Diff:
        """Compares with the next free differ. Raises ImageFault, or NotWanted by then."""
        with self._budget.take(max(_pixels(base), _pixels(head))):
            differ = self._free.get()
            try:
                if not wanted():
                    raise NotWanted
                return differ.diff(base, head, policy)
            finally:
                self._free.put(differ)

    def inspect(self, image: bytes) -> tuple[int, int]:
        """Reads the header and checks the size; returns width and height. Raises ImageFault."""
        header = read_header(image)
        canvas_of(header, header, self._max_pixels)
        return header.size

    def close(self) -> None:
        """Ends every differ; nothing may be under way."""
        for differ in self._all:
            differ.close()


def _pixels(body: bytes) -> int:
    """Pixels by the header; 0 if it cannot be read, which the differ will say in words."""
    try:
        header = read_header(body)
    except ImageFault:
        return 0
    return header.width * header.height
