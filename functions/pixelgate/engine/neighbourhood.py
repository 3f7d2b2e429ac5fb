"""Pixels and their neighbours, in stripes: how light they are, whether they have one colour."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from pixelgate.engine.difference import Index, Views, part_around
from pixelgate.engine.mask import Mask
from pixelgate.engine.pixels import Rgb

Levels = npt.NDArray[np.int16]  # (rows, columns)
Places = npt.NDArray[np.intp]  # (rows,) or (columns,), of the canvas

# Rows looked at together: the intermediate arrays of 40 Mpx at once would take a gigabyte.
_STRIPE = 256

_Plane = TypeVar("_Plane", Mask, Levels)


@dataclass(frozen=True)
class Part:
    """The rows and columns of two images around the pixels of a mask.

    Attributes:
        views: the images.
        level: the background they are seen on.
        rows: of the canvas, ascending.
        columns: likewise.
    """

    views: Views
    level: int
    rows: Places
    columns: Places

    @classmethod
    def around(cls, mask: Mask, views: Views, level: int) -> Part:
        """Everything that decides about these pixels; at least one is set."""
        rows, columns = part_around(mask)
        height, width = mask.shape
        return cls(views, level, np.arange(height)[rows], np.arange(width)[columns])

    def stripes(self) -> Iterator[Stripe]:
        """The part from top to bottom, each stripe with the row above it and the row below."""
        for start in range(0, len(self.rows), _STRIPE):
            stop = min(start + _STRIPE, len(self.rows))
            first, last = max(0, start - 1), min(len(self.rows), stop + 1)
            rows, columns = _narrow(self.rows[first:last]), _narrow(self.columns)
            seen = {level: self.views.part(rows, columns, level) for level in self.views.levels}
            base, head = seen[self.level]
            yield Stripe(
                base=base,
                head=head,
                seen=tuple(image for pair in seen.values() for image in pair),
                source=(rows, columns),
                at=slice(start, stop),
                within=slice(start - first, stop - first),
                rows=self.rows[start:stop],
                place=_both(_narrow(self.rows[start:stop]), columns),
            )


def _narrow(places: Places) -> Index:
    """Places without gaps as a slice: numpy then makes no copy."""
    first, last = int(places[0]), int(places[-1]) + 1
    return slice(first, last) if last - first == len(places) else places


def _both(rows: Index, columns: Index) -> tuple[Index, ...]:
    """An index for these rows and columns of an array."""
    if isinstance(rows, slice) or isinstance(columns, slice):
        return rows, columns
    return np.ix_(rows, columns)


@dataclass(frozen=True)
class Stripe:
    """Some rows of a part.

    Attributes:
        base: shape (rows, columns, 3), with a row above and below where there is one.
        head: the same.
        seen: both images on every background.
        source: the rows and columns of the images that were taken.
        at: which rows of the part they are, without those around them.
        within: the same rows, counted from the top of `base`.
        rows: the same rows, of the canvas.
        place: an index for them and the columns on the canvas.
    """

    base: Rgb
    head: Rgb
    seen: tuple[Rgb, ...]
    source: tuple[Index, Index]
    at: slice
    within: slice
    rows: Places
    place: tuple[Index, ...]

    def take(self, mask: Mask) -> Mask:
        """The stripe of a mask, with the rows above and below."""
        return mask[self.source[0]][:, self.source[1]]

    def inner(self, plane: _Plane) -> _Plane:
        """A plane of the stripe without the rows above and below."""
        return plane[self.within]

    def neighbours(self) -> Neighbours:
        """Where a pixel has its neighbour's colour in both images, on every background.

        On black alone, all of a black picture is one colour, whatever shines through.
        """
        codes = [_codes(image) for image in self.seen]
        right = [c[:, 1:] == c[:, :-1] for c in codes]
        below = [c[1:] == c[:-1] for c in codes]
        return Neighbours(reduce(and_, right), reduce(and_, below))

    def changed_below(self, same: Neighbours, changed: Mask) -> Mask:
        """Changed pixels whose lower neighbour changed as well and has their colour."""
        asked = self.take(changed)
        found = np.zeros_like(asked)
        np.logical_and(same.below, asked[1:] & asked[:-1], out=found[:-1])
        return found

    def brighter(self) -> Levels:
        """By how much each pixel became brighter."""
        return _brightness(self.head) - _brightness(self.base)

    def near(self, changed: Mask) -> Mask:
        """Changed pixels and their neighbours."""
        found: Mask = _around(self.take(changed).astype(np.int16), np.maximum) > 0
        return found

    def without_match(self) -> Levels:
        """By how much the brightness of a pixel lies outside that of the other's 3 × 3 there."""
        base, head = _brightness(self.base), _brightness(self.head)
        lacking = np.zeros_like(base)
        for one, other in ((base, head), (head, base)):
            np.maximum(lacking, _around(other, np.minimum) - one, out=lacking)
            np.maximum(lacking, one - _around(other, np.maximum), out=lacking)
        return lacking


@dataclass(frozen=True)
class Neighbours:
    """Where a pixel has its neighbour's colour in both images, on every background.

    Attributes:
        right: shape (height, width - 1): equal to the pixel on its right.
        below: shape (height - 1, width).
    """

    right: Mask
    below: Mask

    def one_colour(self) -> Mask:
        """Pixels whose neighbours all have their colour, as far as there are any."""
        height, width = self.right.shape[0], self.below.shape[1]
        rows = np.ones((height, width), bool)
        rows[:, :-1] &= self.right
        rows[:, 1:] &= self.right
        found = rows.copy()
        found[:-1] &= rows[1:] & self.below
        found[1:] &= rows[:-1] & self.below
        return found


def _codes(image: Rgb) -> npt.NDArray[np.uint32]:
    """One number for each colour."""
    padded = np.zeros((*image.shape[:2], 4), np.uint8)
    padded[..., :3] = image
    codes: npt.NDArray[np.uint32] = padded.view(np.uint32)[..., 0]
    return codes


def _brightness(image: Rgb) -> Levels:
    """From 0 to 255; shape (height, width)."""
    weighted = image[..., 0] * np.uint16(77)
    weighted += image[..., 1] * np.uint16(150)
    weighted += image[..., 2] * np.uint16(29)
    return (weighted >> 8).astype(np.int16)


def _around(levels: Levels, choose: np.ufunc) -> Levels:
    """The smallest or the largest of each pixel and its eight neighbours."""
    down: Levels = levels.copy()
    choose(down[1:], levels[:-1], out=down[1:])
    choose(down[:-1], levels[1:], out=down[:-1])
    across = down.copy()
    choose(across[:, 1:], down[:, :-1], out=across[:, 1:])
    choose(across[:, :-1], down[:, 1:], out=across[:, :-1])
    return across
