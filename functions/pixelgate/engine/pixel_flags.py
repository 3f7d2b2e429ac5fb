"""Where two images on a canvas differ: one plane of flags, from their rows to the mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelgate.domain.policy import Policy, Rectangle
from pixelgate.engine import native
from pixelgate.engine.buffers import BufferPool
from pixelgate.engine.canvas import Canvas, runs_of
from pixelgate.engine.native import BLOCK, Both, Flag, Plane, View
from pixelgate.engine.odiff_mask import Reference
from pixelgate.engine.pixels import is_opaque, on_background
from pixelgate.engine.yiq import least

# odiff judges a pixel by its neighbours' neighbours: with two rows kept around each row in
# question, a part of the image gives the very pixels that the whole gives.
_MARGIN = 2
WHITE, BLACK = 255, 0
_ALONE = Flag.DIFFERS | Flag.SENSITIVE | Flag.STRUCTURAL | Flag.ONE_SIDED


@dataclass(frozen=True)
class Planes:
    """What was found on a canvas.

    Attributes:
        flags: of each pixel, shape (height, width).
        both: the rows in which anything differs, as far as both images have them, with two more
            around.
        levels: grey levels of the backgrounds on which the images were compared.
    """

    flags: Plane
    both: Both
    levels: tuple[int, ...]


def find(canvas: Canvas, policy: Policy, buffers: BufferPool, reference: Reference) -> Planes:
    """Compares two images, each pixel with the one in the same place.

    On white, and on black too if anything shines through: what looks the same on both looks the
    same on every background, because blending is linear. odiff itself blends on white and would
    not see white turn half transparent.

    Args:
        canvas: what was laid out.
        policy: the thresholds.
        buffers: where the flags may lie.
        reference: is asked what counts.

    Raises:
        ImageFault: odiff failed on it.
    """
    base, head = canvas.base, canvas.head
    levels = (WHITE,) if is_opaque(base) and is_opaque(head) else (WHITE, BLACK)
    flags = buffers.zeros("flags", canvas.shape)
    height, width, _ = base.shape
    rows = slice(*_around(canvas.unequal_rows | canvas.rows.one_sided[:height]))
    views = [(on_background(base[rows], n), on_background(head[rows], n)) for n in levels]
    one = flags[rows, :width]
    _compare(views[0], canvas.unequal_rows[rows], policy, one, reference)
    for view in views[1:]:
        other = buffers.zeros("flags on the other background", one.shape)
        _compare(view, canvas.unequal_rows[rows], policy, other, reference)
        native.unite(one, other)
    flags[canvas.rows.one_sided] = _ALONE
    for columns in runs_of(canvas.columns.one_sided):
        flags[:, columns] = _ALONE
    return Planes(flags, Both(views, rows.start), levels)


def clear(
    flags: Plane,
    boxes: tuple[Rectangle, ...],
    rows: npt.NDArray[np.intp],
    columns: npt.NDArray[np.intp],
) -> None:
    """Clears what lies inside these boxes; they may reach past the canvas.

    Args:
        flags: is changed in place.
        boxes: in the rows and columns that a person sees.
        rows: for each row of the canvas which one that is, shape (height,).
        columns: likewise, shape (width,).
    """
    for box in boxes:
        inside = (rows >= box.y) & (rows < box.y + box.height)
        for across in runs_of((columns >= box.x) & (columns < box.x + box.width)):
            flags[inside, across] = 0


def _compare(
    view: View, rows: npt.NDArray[np.bool_], policy: Policy, flags: Plane, reference: Reference
) -> None:
    """Sets the flags of two images on one background."""
    limits = (
        least(policy.sensitive_threshold),
        least(policy.structural_threshold),
    )
    native.judge(view, rows, limits, flags)
    reference.judge(view, flags, policy.sensitive_threshold, antialiasing=policy.antialiasing)


def _around(rows: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """From the first of these rows to behind the last, and the margin; nothing if there is none.

    It begins where a row of blocks does. Blocks are measured whole and with what lies around them,
    so the margin goes around whole blocks.
    """
    places = np.flatnonzero(rows)
    if not places.size:
        return 0, 0
    start, stop = int(places[0]) // BLOCK * BLOCK, int(places[-1]) + 1
    return max(0, start - _MARGIN) // BLOCK * BLOCK, min(
        len(rows), -(-stop // BLOCK) * BLOCK + _MARGIN
    )
