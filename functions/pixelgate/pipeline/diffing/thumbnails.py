"""Draws the thumbnails of a report's list.

The key of a thumbnail is a hash of its inputs. So the report can contain the key before the
thumbnail is drawn, and the verdict does not wait for it.
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

# Increased when the same image and mask would give another thumbnail than before.
RECIPE = 2
_THREADS = 2


@dataclass(frozen=True)
class _Wanted:
    """One thumbnail to draw, of the first candidate that can be read, with the mask over it.

    `slices` says where the image lies on the canvas, see `_slices`.
    """

    candidates: tuple[str, ...]
    mask: str | None
    slices: Slices
    key: str


def with_thumbnail_keys(snapshots: Mapping[str, Snapshot], folder: str) -> dict[str, Snapshot]:
    """Returns the snapshots; those that will have a thumbnail get its key."""
    return {
        name: replace(s, thumb=w.key) if (w := _wanted(s, folder)) else s
        for name, s in snapshots.items()
    }


def thumbnail_requests(
    snapshots: Mapping[str, Snapshot], folder: str, existing: Collection[str] = ()
) -> Usage:
    """Counts the S3 requests for drawing the thumbnails that are not in `existing`."""
    wanted = (w for s in snapshots.values() if (w := _wanted(s, folder)))
    unique = {w.key: w for w in wanted if w.key not in existing}
    reads = sum(1 + bool(w.mask) for w in unique.values())
    asked = {"s3.GetObject": reads, "s3.PutObject": len(unique)}
    return Usage(requests={name: n for name, n in asked.items() if n})


def draw_thumbnails(
    snapshots: Mapping[str, Snapshot],
    *,
    folder: str,
    objects: Bucket,
    images: Images,
    thumbnail: Thumbnailer,
    check: Callable[[], None] = lambda: None,
    has_time: Callable[[], bool] = lambda: True,
    existing: Collection[str] = (),
) -> dict[str, Snapshot]:
    """Draws the thumbnails of the snapshots that a person looks at, except those in `existing`.

    `check` is called after each thumbnail; it raises to stop the run. `has_time` is called before
    each thumbnail; the rest is skipped when it returns False.

    Returns:
        The snapshots; those whose thumbnail exists now have its key.
    """
    wanted = {name: w for name, s in snapshots.items() if (w := _wanted(s, folder))}
    unique = {w.key: w for w in wanted.values()}

    def draw(thumb: _Wanted) -> str | None:
        if not has_time():
            return None
        for sha256 in thumb.candidates:
            try:
                mask = objects.read(thumb.mask) if thumb.mask else None
                body = thumbnail(images.read(sha256), mask, thumb.slices)
            except (ImageFault, NotFound):
                continue  # the snapshot's reason has the fault
            objects.write(thumb.key, body, "image/webp")
            return thumb.key
        return None

    made: set[str | None] = {key for key in unique if key in existing}
    missing = [thumb for key, thumb in unique.items() if key not in made]
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="thumb") as threads:
        try:
            for key in threads.map(draw, missing):
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
    """Returns the thumbnail of a snapshot: the head's image, or the base's if there is no head."""
    candidates = tuple(sha for sha in (snapshot.head_sha256, snapshot.base_sha256) if sha)
    if snapshot.status not in PICTURED or not candidates:
        return None
    if snapshot.status is not Status.ERRORED:
        candidates = candidates[:1]
    mask: str | None = None
    slices: Slices = ((), ())
    if snapshot.status is Status.CHANGED and snapshot.measured and snapshot.measured.mask_key:
        mask, slices = snapshot.measured.mask_key, _slices(snapshot.measured.diff)
    inputs = "\n".join((str(RECIPE), *candidates, (mask or "").removeprefix(folder)))
    name = hashlib.sha256(inputs.encode()).hexdigest()
    return _Wanted(candidates, mask, slices, keys.thumbnail(folder, name))


def _slices(diff: Diff) -> Slices:
    """Maps the canvas to the head's rows and columns: tuples of (canvas, head, length)."""
    return slices_of(diff, BandKind.INSERTED)


def slices_of(diff: Diff, own: BandKind) -> Slices:
    """Maps the canvas to one image: to head, whose own bands are INSERTED, or to base."""
    return _lines_of(diff, Axis.ROWS, own), _lines_of(diff, Axis.COLUMNS, own)


def _lines_of(diff: Diff, axis: Axis, own: BandKind) -> tuple[tuple[int, int, int], ...]:
    slices, at, source = [], 0, 0
    bands = [band for band in diff.bands if band.axis is axis]
    for band in bands:
        if band.start > at:
            slices.append((at, source, band.start - at))
            source += band.start - at
        if band.kind is own:
            slices.append((band.start, source, band.length))
            source += band.length
        at = band.stop
    size = diff.head_size if own is BandKind.INSERTED else diff.base_size
    lines = size[axis is Axis.ROWS]
    if bands and source < lines:
        slices.append((at, source, lines - source))
    return tuple(slices)
