"""Merges the new lines of a project's index into one object a month, once a day."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from pixelgate.domain import keys
from pixelgate.domain.history import join, raw_lines
from pixelgate.errors import NotFound, WriteConflict
from pixelgate.pipeline.announce.index import CONTENT_TYPE
from pixelgate.pipeline.parallel import bounded_map
from pixelgate.ports import Bucket

# A month is written by this function alone, and by `pixelgate admin index`.
_TRIES = 20
_THREADS = 16
# The lines that one run takes; the next run takes the rest.
_MOST = 20_000


def merge_index(project: str, objects: Bucket, now: float, *, older_than: float = 3_600.0) -> int:
    """Moves new lines of the index into the objects of their months; returns how many.

    Lines that were written in the last `older_than` seconds stay. Runs may overlap, and may be
    killed at any point: a line is deleted only once it is in its month, and a line that is there
    already is not added again.

    Raises:
        ValueError: an object of the index is none of ours. Nothing of its month was changed.
    """
    found = (e for e in objects.list(keys.index_new(project)) if now - e.modified >= older_than)
    months: dict[str, list[str]] = defaultdict(list)
    for entry in found:
        if month := keys.index_month_of(entry.key):
            months[month].append(entry.key)
    moved = 0
    for month in sorted(months):
        names = months[month][: _MOST - moved]
        bodies = _read(objects, names)
        add_lines(objects, keys.index_month(project, month), bodies)
        objects.delete(list(bodies))
        moved += len(bodies)
    return moved


def add_lines(objects: Bucket, key: str, bodies: Mapping[str, bytes]) -> int:
    """Adds compressed lines to the object of a month, unless it has them; returns how many.

    `bodies` is in no order; its keys are for messages. Raises ValueError or WriteConflict.
    """
    for _ in range(_TRIES):
        try:
            stored, tag = objects.read_tagged(key)
        except NotFound:
            stored, tag = b"", None
        known = {_digest(line) for line in _lines(key, stored)}
        lacking = {
            _digest(line): line
            for name, body in sorted(bodies.items())
            for line in _lines(name, body)
            if _digest(line) not in known
        }
        if not lacking:
            return 0
        try:
            # Compressed bytes may be joined: what is there need not be made again.
            objects.replace(key, stored + join(lacking.values()), CONTENT_TYPE, tag)
        except WriteConflict:
            continue
        return len(lacking)
    raise WriteConflict(f"{key} was written by others {_TRIES} times in a row")


def _read(objects: Bucket, names: Iterable[str]) -> dict[str, bytes]:
    """Reads objects, but not those that another run has deleted meanwhile."""

    def read(key: str) -> bytes | None:
        try:
            return objects.read(key)
        except NotFound:
            return None

    return {key: body for key, body in bounded_map(read, names, _THREADS) if body is not None}


def _lines(key: str, body: bytes) -> Iterator[bytes]:
    try:
        yield from raw_lines(body) if body else ()
    except ValueError as error:
        raise ValueError(f"{key} is no index of pixelgate: {error}") from error


def _digest(line: bytes) -> bytes:
    return hashlib.sha256(line).digest()
