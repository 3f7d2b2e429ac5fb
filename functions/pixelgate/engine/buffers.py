"""Memory that is reused for the next pair, because allocating fresh pages takes time."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

# Larger arrays are returned to the system. Each of two workers keeps at most seven of these.
_KEPT_BYTES = 16 * 1024 * 1024


class BufferPool:
    """A pool of byte arrays, each named by its purpose. For one thread, one pair at a time."""

    def __init__(self) -> None:
        self._kept: dict[str, npt.NDArray[np.uint8]] = {}

    def take(self, purpose: str, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
        """An uninitialised array of this shape; overwrites the last one of the same purpose."""
        size = math.prod(shape)
        if size > _KEPT_BYTES:
            return np.empty(shape, np.uint8)
        kept = self._kept.get(purpose)
        if kept is None or kept.size < size:
            kept = self._kept[purpose] = np.empty(size, np.uint8)
        return kept[:size].reshape(shape)

    def zeros(self, purpose: str, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
        """Like `take`, but filled with zeros."""
        if math.prod(shape) > _KEPT_BYTES:
            return np.zeros(shape, np.uint8)  # pages that are never touched cost nothing
        room = self.take(purpose, shape)
        room.fill(0)
        return room
