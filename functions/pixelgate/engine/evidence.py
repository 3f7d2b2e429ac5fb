"""What tells a change from noise, measured on each region; see pixelgate.verdict for the rule."""

from __future__ import annotations

import hashlib
from functools import reduce
from operator import or_

import numpy as np
import numpy.typing as npt

from pixelgate.comparison import Band, BandKind
from pixelgate.engine import mask as masks
from pixelgate.engine.difference import Difference, Views
from pixelgate.engine.mask import BLOCK, Areas, Mask
from pixelgate.engine.neighbourhood import Levels, Part, Places
from pixelgate.engine.pixels import Rgb, Rgba, on_background
from pixelgate.verdict import Evidence, Spread

# Levels of brightness: what has a match within that, one pixel further on, is there in both.
_NEARLY, _ROUGHLY = 2, 12
_SHORTEST_RUN = 16
# A block shows something if its pixels reach over so many levels of one channel.
_TEXTURE = 16
_SAMPLED = 4  # of four rows one is looked at: text and edges are higher


def spread_of(found: Difference, views: Views) -> Spread:
    """How far differences reach over the picture.

    Args:
        found: where the images differ, on any background.
        views: the images.
    """
    differing = masks.count(found.at_all)
    if not differing:
        return Spread()
    height, width = views.base.shape[:2]
    shows = reduce(or_, (_textured(views.base, level) for level in views.levels))
    touched = masks.block_counts(found.at_all[:height, :width]) > 0
    faint = found.faint[:height, :width]
    recoloured = 0
    if faint.any():
        for stripe in Part.around(faint, views, views.levels[-1]).stripes():
            plain = stripe.neighbours().one_colour() & stripe.take(faint)
            recoloured += masks.count(stripe.inner(plain))
    return Spread(differing, masks.count(shows), masks.count(shows & touched), recoloured)


def fingerprint_of(
    found: Difference, images: tuple[Rgb | Rgba, Rgb | Rgba], bands: tuple[Band, ...]
) -> str | None:
    """Names a change by its shape and its colours, wherever on the canvas it lies.

    Args:
        found: planes of the canvas's shape.
        images: base and head, laid on the canvas from its top left corner.
        bands: rows of the canvas that only one of them really has.

    Returns:
        None if nothing changed and nothing was recoloured.
    """
    plane = found.sensitive if found.sensitive.any() else found.faint
    rows, columns = (np.flatnonzero(plane.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return None
    box = plane[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    name = hashlib.sha256(str(box.shape).encode())
    name.update(np.packbits(box))
    for image, lacking in zip(images, (BandKind.INSERTED, BandKind.DELETED), strict=True):
        height, width = image.shape[:2]
        own = plane[:height, :width].copy() if bands else plane[:height, :width]
        for band in bands:
            own[band.y : band.y + band.height] &= band.kind is not lacking
        places = np.flatnonzero(own)
        pixels = np.ascontiguousarray(image).reshape(height * width, -1).take(places, axis=0)
        # With its size: what one image gained is not what the other one lost.
        name.update(str(pixels.shape).encode())
        name.update(pixels)
    return name.hexdigest()[:32]


def evidence_of(
    areas: Areas, changed: Mask, found: Difference, views: Views, one_sided: Mask | None
) -> list[Evidence]:
    """Measures every area of a mask.

    Args:
        areas: of the mask.
        changed: the mask itself, of the canvas's shape.
        found: where the images differ on any background, planes of the canvas's shape.
        views: the images, as far as both have pixels.
        one_sided: pixels that only one of the images has, where there are any.
    """
    differing = areas.total(masks.block_counts(found.at_all))
    structural = areas.total(masks.block_counts(found.structural))
    alone = np.zeros(len(areas.boxes))
    if one_sided is not None:
        alone = areas.total(masks.block_counts(one_sided & changed))
    seen = np.max([_measure(areas, changed, views, level) for level in views.levels], axis=0)
    return [
        Evidence(
            differing=int(differing[i]),
            structural=int(structural[i]),
            solid=int(seen[0, i]),
            bold=int(seen[1, i]),
            unmatched=int(seen[2, i]),
            line=int(seen[3, i]),
            balance=round(float(seen[4, i]), 3),
            one_sided=int(alone[i]),
        )
        for i in range(len(areas.boxes))
    ]


def _measure(areas: Areas, changed: Mask, views: Views, level: int) -> npt.NDArray[np.float64]:
    """Solid, bold and unmatched pixels, longest run and balance; shape (5, areas)."""
    height, width = views.base.shape[:2]
    both = changed[:height, :width]
    if not both.any():
        return np.zeros((5, len(areas.boxes)))
    part = Part.around(both, views, level)
    solid, bold, unmatched = (np.zeros_like(changed) for _ in range(3))
    below = np.zeros((len(part.rows), len(part.columns)), bool)
    run = np.zeros(len(areas.boxes))
    change = np.zeros((2, len(areas.boxes)))
    for stripe in part.stripes():
        asked = stripe.inner(stripe.take(both))
        same, lacking = stripe.neighbours(), stripe.inner(stripe.without_match())
        solid[stripe.place] = asked & stripe.inner(same.one_colour())
        bold[stripe.place] = asked & (lacking > _ROUGHLY)
        unmatched[stripe.place] = asked & (lacking > _NEARLY)
        across = stripe.inner(same.right) & asked[:, 1:] & asked[:, :-1]
        _lengthen(run, areas, across, stripe.rows, part.columns, turned=False)
        below[stripe.at] = stripe.inner(stripe.changed_below(same, both))
        brighter = stripe.inner(stripe.brighter() * stripe.near(both))
        change += _change(areas, brighter, stripe.rows, part.columns)
    _lengthen(run, areas, below.T, part.rows, part.columns, turned=True)
    return np.stack(
        [
            areas.total(masks.block_counts(solid)),
            areas.most(_most_around(_windows(masks.block_counts(bold)))),
            areas.total(masks.block_counts(unmatched)),
            run,
            np.abs(change[0]) / np.maximum(change[1], 1),
        ]
    )


def _windows(counts: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    """For each block the sum over it and its neighbours on the right and below."""
    down = counts.copy()
    down[:-1] += counts[1:]
    found = down.copy()
    found[:, :-1] += down[:, 1:]
    return found


def _most_around(windows: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    """For each block the largest of the four windows that it lies in."""
    down = windows.copy()
    np.maximum(down[1:], windows[:-1], out=down[1:])
    found = down.copy()
    np.maximum(found[:, 1:], down[:, :-1], out=found[:, 1:])
    return found


def _lengthen(
    run: npt.NDArray[np.float64],
    areas: Areas,
    lines: Mask,
    rows: Places,
    columns: Places,
    *,
    turned: bool,
) -> None:
    """Notes the longest straight run of each area; short ones stay 0.

    Args:
        run: by area; is changed in place.
        areas: of the mask.
        lines: true where a pixel and the next one along the line belong to one run.
        rows: of the canvas, for each row that was looked at.
        columns: likewise.
        turned: whether the lines are columns.
    """
    line, start, length = _runs(lines)
    y, x = (start, line) if turned else (line, start)
    area = areas.of_block[rows[y] // BLOCK, columns[x] // BLOCK]
    np.maximum.at(run, area, length + 1.0)


def _runs(lines: Mask) -> tuple[npt.NDArray[np.intp], ...]:
    """Line, beginning and length of the longer runs of true values along the rows of an array."""
    width = lines.shape[1] + 2
    padded = np.zeros((lines.shape[0], width), np.int8)
    padded[:, 1:-1] = lines
    steps = np.diff(padded.reshape(-1))
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    long = ends - starts >= _SHORTEST_RUN - 1
    starts, ends = starts[long], ends[long]
    return starts // width, starts % width, ends - starts


def _change(
    areas: Areas, brighter: Levels, rows: Places, columns: Places
) -> npt.NDArray[np.float64]:
    """By how much each area became brighter, and by how much it changed; shape (2, areas)."""
    y, x = np.nonzero(brighter)
    values = brighter[y, x]
    area = areas.of_block[rows[y] // BLOCK, columns[x] // BLOCK]
    inside = area >= 0
    area, values = area[inside], values[inside]
    size = len(areas.boxes)
    return np.stack([np.bincount(area, values, size), np.bincount(area, np.abs(values), size)])


def _textured(image: Rgb | Rgba, level: int) -> Mask:
    """Which blocks show something on a background, shape (rows of blocks, columns of blocks)."""
    sampled = on_background(image[::_SAMPLED], level)
    highest, lowest = (_by_block(sampled, choose) for choose in (np.maximum, np.minimum))
    found: Mask = ((highest - lowest) >= _TEXTURE).any(axis=2)
    return found


def _by_block(sampled: npt.NDArray[np.uint8], choose: np.ufunc) -> npt.NDArray[np.uint8]:
    """The highest or lowest level of each block and channel; every fourth row is given."""
    found = sampled
    # Row by row and column by column: reductions over short axes take ten times as long.
    for axis, step in ((0, BLOCK // _SAMPLED), (1, BLOCK)):
        parts = [found[k::step] if axis == 0 else found[:, k::step] for k in range(step)]
        found = parts[0].copy()
        for part in parts[1:]:
            view = found[: len(part)] if axis == 0 else found[:, : part.shape[1]]
            choose(view, part, out=view)
    return found
