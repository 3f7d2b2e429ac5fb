"""Thumbnails of what a reviewer looks at, drawn for each report.

The key of a thumbnail follows from what it is made of, so the report can name it before it is
drawn, and the verdict does not wait for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from pixelgate.domain import keys
from pixelgate.domain.comparison import PICTURED, Axis, BandKind, Diff, Snapshot, Status
from pixelgate.domain.cost import Usage
from pixelgate.errors import ImageFault, NotFound
from pixelgate.ports import Bucket, Images, Slices, Thumbnailer

# Raised whenever the same image and mask may give another thumbnail than before.
RECIPE = 1
_THREADS = 2


@dataclass(frozen=True)
class _Wanted:
    """One thumbnail: of which image, or of which else if that cannot be read, and its mask."""

    candidates: tuple[str, ...]
    mask: str | None
    slices: Slices
    key: str


def with_addresses(snapshots: Mapping[str, Snapshot], folder: str) -> dict[str, Snapshot]:
    """The snapshots, those that are to have a thumbnail with its key."""
    return {
        name: replace(s, thumb=w.key) if (w := _wanted(s, folder)) else s
        for name, s in snapshots.items()
    }


def requests_of(
    snapshots: Mapping[str, Snapshot], folder: str, there: Collection[str] = ()
) -> Usage:
    """What drawing them takes if no other than those is there: S3's requests, not the seconds."""
    wanted = (w for s in snapshots.values() if (w := _wanted(s, folder)))
    unique = {w.key: w for w in wanted if w.key not in there}
    reads = sum(1 + bool(w.mask) for w in unique.values())
    asked = {"s3.GetObject": reads, "s3.PutObject": len(unique)}
    return Usage(requests={name: n for name, n in asked.items() if n})


def with_thumbs(
    snapshots: Mapping[str, Snapshot],
    *,
    folder: str,
    objects: Bucket,
    images: Images,
    thumbnail: Thumbnailer,
    check: Callable[[], None] = lambda: None,
    has_time: Callable[[], bool] = lambda: True,
    there: Collection[str] = (),
) -> dict[str, Snapshot]:
    """The snapshots, those of which a thumbnail could be made with its key.

    Args:
        snapshots: by name.
        folder: of the report's pictures, see `keys.pictures`.
        objects: where masks are found and thumbnails kept.
        images: where the bytes come from.
        thumbnail: who draws.
        check: called after each one; raises to stop the run.
        has_time: asked before each one; the rest goes without if there is none left.
        there: keys of those that are drawn already.
    """
    wanted = {name: w for name, s in snapshots.items() if (w := _wanted(s, folder))}
    unique = {w.key: w for w in wanted.values()}

    def make(one: _Wanted) -> str | None:
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


def _wanted(snapshot: Snapshot, folder: str) -> _Wanted | None:
    """Of head, or of base where there is no head; named by what it is made of."""
    candidates = tuple(sha for sha in (snapshot.head_sha256, snapshot.base_sha256) if sha)
    if snapshot.status not in PICTURED or not candidates:
        return None
    if snapshot.status is not Status.ERRORED:
        candidates = candidates[:1]
    mask: str | None = None
    slices: Slices = ((), ())
    if snapshot.status is Status.CHANGED and snapshot.measured and snapshot.measured.mask_key:
        mask, slices = snapshot.measured.mask_key, _slices(snapshot.measured.diff)
    made_of = "\n".join((str(RECIPE), *candidates, (mask or "").removeprefix(folder)))
    name = hashlib.sha256(made_of.encode()).hexdigest()
    return _Wanted(candidates, mask, slices, keys.thumbnail(folder, name))


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
