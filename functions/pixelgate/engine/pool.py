"""A fixed number of differs, shared by any number of threads."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext

from pixelgate.comparison import Diff
from pixelgate.engine.header import canvas_of, read_header
from pixelgate.errors import ImageFault, NotWanted
from pixelgate.policy import Policy
from pixelgate.ports import Differ

# Two pairs of this size at once fit into a worker's memory; larger ones go one after the other.
_LARGE_PIXELS = 10_000_000


class SharedDiffers:
    """A fixed number of differs for any number of threads."""

    def __init__(self, differs: Sequence[Differ]) -> None:
        self.size = len(differs)
        self._all = tuple(differs)
        self._free: queue.SimpleQueue[Differ] = queue.SimpleQueue()
        self._one_large = threading.Lock()
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
        large = max(_pixels(base), _pixels(head)) > _LARGE_PIXELS
        with self._one_large if large else nullcontext():
            differ = self._free.get()
            try:
                if not wanted():
                    raise NotWanted
                return differ.diff(base, head, policy)
            finally:
                self._free.put(differ)

    def inspect(self, image: bytes) -> None:
        """Reads the header and checks the size. Raises ImageFault."""
        header = read_header(image)
        canvas_of(header, header)

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
