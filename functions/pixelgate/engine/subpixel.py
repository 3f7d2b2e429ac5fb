"""Finds out whether a page moved by a fraction of a pixel: all its lines then moved equally far.

Such a line is smoothed over two pixels: one side gains what the other side loses. A border that
appears, disappears, fades or changes its colour does not do that. A border that moves by a whole
pixel moves too far. docs/verdict.md has the rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelgate.domain.policy import Noise
from pixelgate.engine import native
from pixelgate.engine.native import Flag, Lines, Plane

# How far gain and loss of a line may differ by rounding, in levels: the least limit, the largest
# limit, and the limit as a share of the line's change.
_LEAST_REST, _MOST_REST, _REST = 1.0, 2.5, 0.15
# The least move that can be distinguished from no move, in pixels.
_LEAST_SHIFT = 0.02
# The least change of a line, in levels; with fewer levels its move cannot be measured.
_LEAST_CHANGE = 3.0
# Lines needed on each side: a border on one side changes only edges of that side.
_EACH_SIDE = 2


@dataclass(frozen=True)
class Shift:
    """The move of a page."""

    right: float  # the move to the right, in pixels; 0 if no lines show one
    down: float  # the move down, in pixels; 0 if no lines show one
    flags: Plane  # the flags of the images, without the pixels of the moved lines


def find(view: native.View, flags: Plane, noise: Noise) -> Shift | None:
    """Looks for lines that all moved by the same fraction of a pixel.

    The flags of the pixels are not changed.

    Returns:
        The move; None if the lines show none.
    """
    shifts, cleared = {}, None
    for down in (False, True):
        lines = native.find_lines(view, flags, noise.min_line_pixels, down=down)
        agreeing = lines[_agree(lines, noise)]
        if not len(agreeing):
            continue
        shifts[down] = float(np.median(agreeing["shift"]))
        cleared = flags.copy() if cleared is None else cleared
        for place in _places(agreeing, down):
            cleared[place] &= ~np.uint8(Flag.DIFFERS)
    if cleared is None:
        return None
    return Shift(shifts.get(False, 0.0), shifts.get(True, 0.0), cleared)


def _agree(lines: Lines, noise: Noise) -> npt.NDArray[np.bool_]:
    """Marks the lines that moved alike; none if they are too few, or too many others differ."""
    shift, step = lines["shift"], lines["step"]
    rest = np.clip(_REST * lines["change"], _LEAST_REST, _MOST_REST)
    measurable = (lines["rest"] <= rest) & (lines["change"] >= _LEAST_CHANGE)
    measurable &= (abs(shift) > _LEAST_SHIFT) & (abs(shift) <= noise.shift_most)
    if not measurable.any():
        return measurable
    middle = np.median(shift[measurable])
    alike = measurable & (abs(shift - middle) <= noise.shift_apart) & (shift * middle > 0)
    sides = min(np.count_nonzero(step[alike] >= 0), np.count_nonzero(step[alike] <= 0))
    number = np.count_nonzero(alike)
    enough = number >= max(noise.min_shift_lines, noise.shift_coverage * len(lines))
    return alike if enough and sides >= _EACH_SIDE else np.zeros_like(alike)


def _places(lines: Lines, down: bool) -> Iterator[tuple[slice, slice]]:
    for line in lines:
        x, y, length, thick = (int(line[name]) for name in ("x", "y", "length", "thick"))
        height, width = (thick, length) if down else (length, thick)
        yield slice(y, y + height), slice(x, x + width)
