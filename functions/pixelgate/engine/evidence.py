"""What tells a change from noise, measured on a pair; see pixelgate.verdict for the rule."""

from __future__ import annotations

import hashlib

import numpy as np

from pixelgate.comparison import Region
from pixelgate.engine import native
from pixelgate.engine.canvas import Canvas
from pixelgate.engine.native import Areas, Counts, Flag, Plane
from pixelgate.engine.planes import Planes
from pixelgate.verdict import Spread


def regions_of(planes: Planes, counts: Counts, areas: Areas) -> tuple[Region, ...]:
    """The areas of the mask, each with what was measured on it."""
    evidence = native.measure(planes.flags, planes.both, counts, areas)
    return tuple(
        Region(x, y, width, height, pixels, one)
        for (x, y, width, height, pixels), one in zip(areas.boxes.tolist(), evidence, strict=True)
    )


def spread_of(canvas: Canvas, planes: Planes, counts: Counts) -> Spread:
    """How far differences reach over the picture."""
    differing = int(counts[Flag.DIFFERS.plane].sum())
    if not differing:
        return Spread()
    shows = native.textured(canvas.base, planes.levels)
    height, width = canvas.base.shape[:2]
    if (height, width) != canvas.shape:
        # A block at the edge of the smaller image holds pixels that only the other one has.
        touched = native.count_blocks(planes.flags[:height, :width])[Flag.DIFFERS.plane] > 0
    else:
        touched = counts[Flag.DIFFERS.plane] > 0
    recoloured = 0
    if counts[Flag.FAINT.plane].any():
        recoloured = native.count_recoloured(planes.flags, planes.both, counts)
    return Spread(
        differing, int(np.count_nonzero(shows)), int(np.count_nonzero(shows & touched)), recoloured
    )


def fingerprint_of(canvas: Canvas, flags: Plane, counts: Counts, areas: Areas) -> str | None:
    """Names a change by its shape and its colours, wherever on the canvas it lies.

    Returns:
        None if nothing changed and nothing was recoloured.
    """
    flag = Flag.SENSITIVE if len(areas.boxes) else Flag.FAINT
    rows, columns = _reach_of(areas) if len(areas.boxes) else _reach_of_faint(flags)
    if rows.stop == 0:
        return None
    box = flags[rows, columns]
    name = hashlib.sha256(f"{flag.name} {box.shape}".encode())
    name.update(native.pack(box, flag))
    room = np.empty((int(counts[flag.plane].sum()), canvas.base.shape[2]), np.uint8)
    for image, parts in zip(canvas.images, canvas.parts(rows, columns), strict=True):
        found = 0
        for part in parts:
            found += native.gather(flags[part], flag, image[part], room[found:])
        # With its size: what one image gained is not what the other one lost.
        name.update(str(found).encode())
        name.update(room[:found])
    return name.hexdigest()[:32]


def _reach_of(areas: Areas) -> tuple[slice, slice]:
    """The rows and the columns from the first changed pixel to the last."""
    left, top, width, height, _ = areas.boxes.T
    bottom, right = np.max(top + height), np.max(left + width)
    return slice(int(np.min(top)), int(bottom)), slice(int(np.min(left)), int(right))


def _reach_of_faint(flags: Plane) -> tuple[slice, slice]:
    """The same of faint pixels, which make no areas; empty if there are none."""
    faint = native.has(flags, Flag.FAINT)
    found = []
    for axis in (1, 0):
        places = np.flatnonzero(faint.any(axis=axis))
        found.append(slice(int(places[0]), int(places[-1]) + 1) if places.size else slice(0, 0))
    return found[0], found[1]
