"""A page that moved by a fraction of a pixel: its lines and edges say so, all of them by as much.

A line that moves so is smoothed over two pixels: what it gives to one side it takes from the other.
A border that appears, goes, fades or takes another colour does not, and one that moves by a pixel
moves by more. docs/verdict.md has the rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelgate.domain.policy import Noise
from pixelgate.engine import native
from pixelgate.engine.native import Flag, Lines, Plane

# What rounding leaves of what a line gives and takes, in levels: at least, at most, and as a share
# of its change.
_LEAST_REST, _MOST_REST, _REST = 1.0, 2.5, 0.15
# A line that moved by less cannot be told from one that did not.
_LEAST_SHIFT = 0.02
# Lines fainter than that have too few levels to say how far they moved.
_LEAST_CHANGE = 3.0
# Edges of the same side alone are also what a border on one side makes.
_EACH_SIDE = 2


@dataclass(frozen=True)
class Shift:
    """How far a page moved, and the lines that say so.

    Attributes:
        right: to the right, in pixels; 0 if no lines say so.
        down: down, in the same way.
        flags: those of the images, without what the lines explain.
    """

    right: float
    down: float
    flags: Plane


def find(view: native.View, flags: Plane, noise: Noise) -> Shift | None:
    """Looks for lines that all moved by the same fraction of a pixel.

    Args:
        view: base and head.
        flags: of the same pixels; they are left as they are.
        noise: the numbers of the rule.
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
    """Which lines moved alike; none if they are too few or if too many others differ."""
    none = np.zeros(len(lines), bool)
    shift, step = lines["shift"], lines["step"]
    rest = np.clip(_REST * lines["change"], _LEAST_REST, _MOST_REST)
    told = (lines["rest"] <= rest) & (lines["change"] >= _LEAST_CHANGE)
    told &= (abs(shift) > _LEAST_SHIFT) & (abs(shift) <= noise.shift_most)
    if not told.any():
        return none
    middle = np.median(shift[told])
    alike = told & (abs(shift - middle) <= noise.shift_apart) & (shift * middle > 0)
    sides = min(np.count_nonzero(step[alike] >= 0), np.count_nonzero(step[alike] <= 0))
    number = np.count_nonzero(alike)
    enough = number >= max(noise.min_shift_lines, noise.shift_coverage * len(lines))
    return alike if enough and sides >= _EACH_SIDE else none


def _places(lines: Lines, down: bool) -> Iterator[tuple[slice, slice]]:
    for line in lines:
        x, y, length, thick = (int(line[name]) for name in ("x", "y", "length", "thick"))
        height, width = (thick, length) if down else (length, thick)
        yield slice(y, y + height), slice(x, x + width)
