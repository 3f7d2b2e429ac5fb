"""Thumbnails of what a reviewer looks at, made once a month for each picture.

Where one lies follows from what it is made of. So the report can say that before it is drawn, and
the verdict need not wait for pictures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from pixelgate.domain import keys
from pixelgate.domain.comparison import Axis, BandKind, Diff, Snapshot, Status
from pixelgate.domain.cost import Usage
from pixelgate.errors import ImageFault, NotFound
from pixelgate.pipeline.diffing.listing import list_if_cheaper
from pixelgate.ports import Images, Objects, Slices, Thumbnailer

# Raised whenever the same image and mask may give another thumbnail than before.
RECIPE = 1
_SHOWN = frozenset({Status.ERRORED, Status.CHANGED, Status.ADDED, Status.REMOVED, Status.RENAMED})
_THREADS = 2


@dataclass(frozen=True)
class _Wanted:
    """One thumbnail: of which image, or of which else if that cannot be read, and its mask."""

    candidates: tuple[str, ...]
    mask: str | None
    slices: Slices
    key: str


def with_addresses(
    snapshots: Mapping[str, Snapshot], project: str, generation: str
) -> dict[str, Snapshot]:
    """The snapshots, those that are to have a thumbnail with its key."""
    return {
        name: replace(s, thumb=w.key) if (w := _wanted(s, project, generation)) else s
        for name, s in snapshots.items()
    }


def requests_of(
    snapshots: Mapping[str, Snapshot], project: str, generation: str, there: Collection[str] = ()
) -> Usage:
    """What drawing them takes if no other than those is there: S3's requests, not the seconds."""
    wanted = (w for s in snapshots.values() if (w := _wanted(s, project, generation)))
    unique = {w.key: w for w in wanted if w.key not in there}
    reads = sum(1 + bool(w.mask) for w in unique.values())
    asked = {"s3.GetObject": reads, "s3.PutObject": len(unique)}
    return Usage(requests={name: n for name, n in asked.items() if n})


def with_thumbs(
    snapshots: Mapping[str, Snapshot],
    *,
    project: str,
    generation: str,
    objects: Objects,
    images: Images,
    thumbnail: Thumbnailer,
    check: Callable[[], None] = lambda: None,
    has_time: Callable[[], bool] = lambda: True,
    there: Collection[str] = (),
) -> dict[str, Snapshot]:
    """The snapshots, those of which a thumbnail could be made with its key.

    Args:
        snapshots: by name.
        project: whose.
        generation: in which the run began; what was drawn before is not looked for.
        objects: where masks are found and thumbnails kept; one that is there is not made again.
        images: where the bytes come from.
        thumbnail: who draws.
        check: called after each one; raises to stop the run.
        has_time: asked before each one; the rest goes without if there is none left.
        there: keys that are known to be there, and need not be asked for.
    """
    wanted = {name: w for name, s in snapshots.items() if (w := _wanted(s, project, generation))}
    unique = {w.key: w for w in wanted.values()}
    listed = list_if_cheaper(objects, keys.thumbnails(project, generation), len(unique))

    def make(one: _Wanted) -> str | None:
        if one.key in listed if listed is not None else objects.exists(one.key):
            return one.key
        if not has_time():
            return None
        for sha256 in one.candidates:
            try:
                mask = objects.read(one.mask) if one.mask else None
                body = thumbnail(images.read(sha256), mask, one.slices)
            except (ImageFault, NotFound):
                continue  # its snapshot tells why
            objects.write(one.key, body, "image/webp")
            return one.key
        return None

    made: set[str | None] = {key for key in unique if key in there}
    missing = [one for key, one in unique.items() if key not in made]
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="thumb") as threads:
        try:
            for key in threads.map(make, missing):
                check()
                made.add(key)
        except BaseException:
            threads.shutdown(wait=True, cancel_futures=True)
            raise
    return {
        name: replace(s, thumb=wanted[name].key)
        if name in wanted and wanted[name].key in made
        else s
        for name, s in snapshots.items()
    }


def _wanted(snapshot: Snapshot, project: str, generation: str) -> _Wanted | None:
    """Of head, or of base where there is no head; named by what it is made of."""
    candidates = tuple(sha for sha in (snapshot.head_sha256, snapshot.base_sha256) if sha)
    if snapshot.status not in _SHOWN or not candidates:
        return None
    if snapshot.status is not Status.ERRORED:
        candidates = candidates[:1]
    mask: str | None = None
    slices: Slices = ((), ())
    if snapshot.status is Status.CHANGED and snapshot.measured and snapshot.measured.mask_key:
        mask, slices = snapshot.measured.mask_key, _slices(snapshot.measured.diff)
    made_of = "\n".join((str(RECIPE), *candidates, mask or ""))
    name = hashlib.sha256(made_of.encode()).hexdigest()
    return _Wanted(candidates, mask, slices, keys.thumbnail(project, name, generation))


def _slices(diff: Diff) -> Slices:
    """Where head lies on the canvas, if rows or columns were inserted or deleted."""
    return _slices_of(diff, Axis.ROWS), _slices_of(diff, Axis.COLUMNS)


def _slices_of(diff: Diff, axis: Axis) -> tuple[tuple[int, int, int], ...]:
    slices, at, source = [], 0, 0
    bands = [band for band in diff.bands if band.axis is axis]
    for band in bands:
        if band.start > at:
            slices.append((at, source, band.start - at))
            source += band.start - at
        if band.kind is BandKind.INSERTED:
            slices.append((band.start, source, band.length))
            source += band.length
        at = band.stop
    lines = diff.head_size[axis is Axis.ROWS]
    if bands and source < lines:
        slices.append((at, source, lines - source))
    return tuple(slices)
