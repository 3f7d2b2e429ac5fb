"""A double of the bucket for those who tidy it up."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator

from pixelgate.ports import Aged
from support.doubles.memory import MemoryObjects


class MemoryAttic:
    """A bucket in a dictionary for those who tidy it up; `clock` dates what is written."""

    def __init__(self, objects: MemoryObjects, clock: Callable[[], float] = time.time) -> None:
        self._objects = objects
        objects.clock = clock

    def entries(self, prefix: str) -> Iterator[Aged]:
        """Bucket by key, with the time at which they were written."""
        for found in self._objects.list(prefix):
            yield Aged(found.key, found.size, self._objects.modified.get(found.key, 0.0))

    def folders(self, prefix: str) -> Iterator[str]:
        """Names up to the next "/"."""
        below = (found.key.removeprefix(prefix) for found in self._objects.list(prefix))
        yield from sorted({key.partition("/")[0] for key in below if "/" in key})

    def delete(self, keys: Collection[str]) -> None:
        """Deletes; what was there can be read for some time."""
        for key in keys:
            self._objects.delete(key)
