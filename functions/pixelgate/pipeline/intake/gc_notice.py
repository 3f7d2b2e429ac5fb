"""Workers and garbage collection, about images: who takes one away says so, who needs it waits."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from pixelgate.domain import keys
from pixelgate.errors import NotFound, WriteConflict
from pixelgate.pipeline.context import StorageContext
from pixelgate.pipeline.intake.images import BucketImages

# Between two workers' clocks; and a delete that was sent is over by then (bootstrap limits it).
SKEW = 60.0
# A plain upload may have found an image there so long before it says that it needs it.
_MEMORY = 3_600.0
_POLL_SECONDS = 5.0
_LETTERS = 16  # of a hash; a chance likeness costs one look


@dataclass(frozen=True)
class Going:
    """What garbage collection is about to take away, or has just taken away.

    Attributes:
        until: when it will certainly be over, seconds since 1970.
        images: beginnings of hashes.
        tag: of the object that says so; None if there is none.
    """

    until: float = 0.0
    images: frozenset[str] = frozenset()
    tag: str | None = None

    def of(self, hashes: Iterable[str]) -> set[str]:
        """Those hashes that it speaks of."""
        return {sha256 for sha256 in hashes if sha256[:_LETTERS] in self.images}


def read_going(project: str, records: StorageContext) -> Going:
    """What is going at this moment."""
    try:
        body, tag = records.objects.read_tagged(keys.going(project))
    except NotFound:
        return Going()
    said = json.loads(body)
    return Going(said["until"], frozenset(said["images"]), tag)


class Announcement:
    """A collector's word on what it takes away: one collector at a time, and not for long."""

    def __init__(self, project: str, records: StorageContext) -> None:
        """Takes the word.

        Raises:
            WriteConflict: another collector has it.
        """
        self._project = project
        self._records = records
        now = records.clock()
        self._said = read_going(project, records)
        if self._said.until > now:
            raise WriteConflict(f"another run is collecting {project}'s garbage")
        if now - self._said.until > _MEMORY:
            self._said = Going(0.0, frozenset(), self._said.tag)

    def say(self, hashes: Collection[str], until: float) -> None:
        """Adds images to what is going. Raises WriteConflict."""
        self._write(self._said.images | {sha256[:_LETTERS] for sha256 in hashes}, until)

    def end(self) -> None:
        """Says that it is over; which images they were stays known. Raises WriteConflict."""
        self._write(self._said.images, self._records.clock())

    def may_delete(self) -> bool:
        """Whether there is so much time left that a delete is over before anybody stops waiting."""
        return self._records.clock() < self._said.until - SKEW

    def _write(self, images: frozenset[str], until: float) -> None:
        key = keys.going(self._project)
        said = {"schema_version": 1, "until": until, "images": sorted(images)}
        body = json.dumps(said).encode()
        self._records.objects.replace(key, body, "application/json", self._said.tag)
        tag = self._records.objects.read_tagged(key)[1]
        self._said = Going(until, images, tag)


def outlast(
    hashes: Collection[str], project: str, records: StorageContext, check: Callable[[], None]
) -> None:
    """Waits until garbage collection is done with images that a build needs, and has them back.

    To be called when the build's manifest has been accepted. Then either the collector, which looks
    once more at what was accepted after it has said what is going, sees the manifest and spares
    them; or its word was there before the manifest, and is read here.

    Args:
        hashes: images of the build.
        project: whose.
        records: the bucket.
        check: called while it waits; raises to stop.
    """
    while danger := (going := read_going(project, records)).of(hashes):
        if records.clock() >= going.until + SKEW:
            images = BucketImages(records.objects, project)
            for sha256 in sorted(danger):
                images.exists(sha256)  # which takes it back; one that never came is told of later
            return
        check()
        records.sleep(_POLL_SECONDS)
