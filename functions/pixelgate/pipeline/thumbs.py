"""Thumbnails of what a reviewer looks at, made once for each picture and found by later runs."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from pixelgate import keys
from pixelgate.comparison import BandKind, Diff, Snapshot, Status
from pixelgate.errors import ImageFault, NotFound
from pixelgate.generation import Generations
from pixelgate.pipeline.presence import present
from pixelgate.ports import Images, Objects, Thumbnailer

# Raised whenever the same image and mask may give another thumbnail than before.
RECIPE = 1
_SHOWN = frozenset({Status.ERRORED, Status.CHANGED, Status.ADDED, Status.REMOVED, Status.RENAMED})
_THREADS = 2


@dataclass(frozen=True)
class _Wanted:
    """One thumbnail: of which image, or of which else if that cannot be read, and its mask."""

    candidates: tuple[str, ...]
    mask: str | None
    slices: tuple[tuple[int, int, int], ...]
    keys: tuple[str, ...]  # where it may be; the first is where it is written


def with_thumbs(
    snapshots: Mapping[str, Snapshot],
    *,
    project: str,
    objects: Objects,
    images: Images,
    thumbnail: Thumbnailer,
    check: Callable[[], None] = lambda: None,
    has_time: Callable[[], bool] = lambda: True,
    generations: Generations | None = None,
) -> dict[str, Snapshot]:
    """The snapshots, those of which a thumbnail could be made with its key.

    Args:
        snapshots: by name.
        project: whose.
        objects: where masks are found and thumbnails kept; one that is there is not made again.
        images: where the bytes come from.
        thumbnail: who draws.
        check: called after each one; raises to stop the run.
        has_time: asked before each one; the rest goes without if there is none left.
        generations: of the run's beginning; by default, that is now.
    """
    both = (generations or Generations.at(time.time())).both
    wanted = {name: w for name, s in snapshots.items() if (w := _wanted(s, project, both))}
    unique = {w.keys[0]: w for w in wanted.values()}
    listed = [present(objects, keys.thumbnails(project, g), len(unique)) for g in both]

    def make(one: _Wanted) -> str | None:
        for key, there in zip(one.keys, listed, strict=True):
            if key in there if there is not None else objects.exists(key):
                return key
        if not has_time():
            return None
        for sha256 in one.candidates:
            try:
                mask = objects.read(one.mask) if one.mask else None
                body = thumbnail(images.read(sha256), mask, one.slices)
            except (ImageFault, NotFound):
                continue  # its snapshot tells why
            objects.write(one.keys[0], body, "image/webp")
            return one.keys[0]
        return None

    made: dict[str, str | None] = {}
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="thumb") as threads:
        try:
            for wanted_key, key in zip(unique, threads.map(make, unique.values()), strict=True):
                check()
                made[wanted_key] = key
        except BaseException:
            threads.shutdown(wait=True, cancel_futures=True)
            raise
    return {
        name: replace(s, thumb=key)
        if name in wanted and (key := made.get(wanted[name].keys[0]))
        else s
        for name, s in snapshots.items()
    }


def _wanted(snapshot: Snapshot, project: str, generations: tuple[str, ...]) -> _Wanted | None:
    """Of head, or of base where there is no head; named by what it is made of."""
    candidates = tuple(sha for sha in (snapshot.head_sha256, snapshot.base_sha256) if sha)
    if snapshot.status not in _SHOWN or not candidates:
        return None
    if snapshot.status is not Status.ERRORED:
        candidates = candidates[:1]
    mask: str | None = None
    slices: tuple[tuple[int, int, int], ...] = ()
    if snapshot.status is Status.CHANGED and snapshot.measured and snapshot.measured.mask_key:
        mask, slices = snapshot.measured.mask_key, _slices(snapshot.measured.diff)
    made_of = "\n".join((str(RECIPE), *candidates, mask or ""))
    name = hashlib.sha256(made_of.encode()).hexdigest()
    places = tuple(keys.thumbnail(project, name, generation) for generation in generations)
    return _Wanted(candidates, mask, slices, places)


def _slices(diff: Diff) -> tuple[tuple[int, int, int], ...]:
    """Row of the canvas, row of head, rows: where head lies if rows were inserted or deleted."""
    slices, y, source = [], 0, 0
    for band in diff.bands:
        if band.y > y:
            slices.append((y, source, band.y - y))
            source += band.y - y
        if band.kind is BandKind.INSERTED:
            slices.append((band.y, source, band.height))
            source += band.height
        y = band.y + band.height
    if diff.bands and source < diff.head_size[1]:
        slices.append((y, source, diff.head_size[1] - source))
    return tuple(slices)
