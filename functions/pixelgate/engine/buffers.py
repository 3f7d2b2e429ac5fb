"""Memory that is used again for the next pair: fresh pages cost as much as some of the work."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

# Larger arrays are given back to the system: two workers keep seven of these each at most.
_KEPT_BYTES = 16 * 1024 * 1024


class BufferPool:
    """Arrays of bytes by what they are for. For one thread, and one pair at a time."""

    def __init__(self) -> None:
        self._kept: dict[str, npt.NDArray[np.uint8]] = {}

    def take(self, purpose: str, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
        """An array of that shape with anything in it; the last one of that purpose is lost."""
        size = math.prod(shape)
        if size > _KEPT_BYTES:
            return np.empty(shape, np.uint8)
        kept = self._kept.get(purpose)
        if kept is None or kept.size < size:
            kept = self._kept[purpose] = np.empty(size, np.uint8)
        return kept[:size].reshape(shape)

    def zeros(self, purpose: str, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
        """The same, all of it zero."""
        if math.prod(shape) > _KEPT_BYTES:
            return np.zeros(shape, np.uint8)  # pages that are never touched cost nothing
        room = self.take(purpose, shape)
        room.fill(0)
        return room
