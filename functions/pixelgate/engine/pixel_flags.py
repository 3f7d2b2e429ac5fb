"""Sets the flags of each pixel of a canvas: whether it differs, and what odiff decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelgate.domain.policy import Policy, Rectangle
from pixelgate.engine import native
from pixelgate.engine.buffers import BufferPool
from pixelgate.engine.canvas import Canvas, runs_of
from pixelgate.engine.native import BLOCK, Flag, Plane, View
from pixelgate.engine.odiff_mask import MARGIN, Reference
from pixelgate.engine.pixels import is_opaque, on_background
from pixelgate.engine.yiq import least

WHITE, BLACK = 255, 0
_ALONE = Flag.DIFFERS | Flag.SENSITIVE | Flag.STRUCTURAL | Flag.ONE_SIDED


@dataclass(frozen=True)
class Planes:
    """The flags of a canvas and the rows that were compared."""

    flags: Plane  # of each pixel, shape (height, width)
    # The rows of base and head in which anything differs, as far as both images have them, with two
    # more around; on each background.
    views: Sequence[View]
    top: int  # the row of the canvas that is their first
    levels: tuple[int, ...]  # grey levels of the backgrounds, 0 to 255

    @property
    def compared(self) -> Plane:
        """The flags of the pixels of the views."""
        height, width, _ = self.views[0][0].shape
        return self.flags[self.top : self.top + height, :width]

    @property
    def blocks(self) -> tuple[slice, slice]:
        """The rows and columns of blocks in which the views lie."""
        down, across = native.in_blocks(*self.compared.shape)
        return slice(self.top // BLOCK, self.top // BLOCK + down), slice(across)


def find(canvas: Canvas, policy: Policy, buffers: BufferPool, reference: Reference) -> Planes:
    """Compares two images, each pixel with the one in the same place.

    Images are compared on white, and also on black if either has transparency. Blending is linear,
    so images that look the same on both look the same on every background. odiff blends on white
    only and would not notice white that becomes half transparent.

    Raises:
        ImageFault: odiff failed on it.
    """
    base, head = canvas.base, canvas.head
    levels = (WHITE,) if is_opaque(base) and is_opaque(head) else (WHITE, BLACK)
    flags = buffers.zeros("flags", canvas.shape)
    height, width, _ = base.shape
    rows = slice(*_around(canvas.unequal_rows | canvas.rows.one_sided[:height]))
    views = [(on_background(base[rows], n), on_background(head[rows], n)) for n in levels]
    compared = flags[rows, :width]
    _compare(views[0], canvas.unequal_rows[rows], policy, compared, reference)
    for view in views[1:]:
        others = buffers.zeros("flags on the other background", compared.shape)
        _compare(view, canvas.unequal_rows[rows], policy, others, reference)
        native.unite(compared, others)
    flags[canvas.rows.one_sided] = _ALONE
    for columns in runs_of(canvas.columns.one_sided):
        flags[:, columns] = _ALONE
    return Planes(flags, views, rows.start, levels)


def clear(
    flags: Plane,
    boxes: tuple[Rectangle, ...],
    rows: npt.NDArray[np.intp],
    columns: npt.NDArray[np.intp],
) -> None:
    """Clears the flags inside these boxes, which may reach past the canvas.

    The boxes are in the rows and columns that a person sees; `rows` and `columns` say which of
    these each row and column of the canvas is.
    """
    for box in boxes:
        inside = (rows >= box.y) & (rows < box.y + box.height)
        for across in runs_of((columns >= box.x) & (columns < box.x + box.width)):
            flags[inside, across] = 0


def _compare(
    view: View, rows: npt.NDArray[np.bool_], policy: Policy, flags: Plane, reference: Reference
) -> None:
    """Sets the flags of two images on one background."""
    limits = least(policy.sensitive_threshold), least(policy.structural_threshold)
    native.judge(view, rows, limits, flags)
    reference.judge(view, flags, policy.sensitive_threshold, antialiasing=policy.antialiasing)


def _around(rows: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """The rows from the first to the last of these, with a margin; (0, 0) if there are none.

    The range begins at a row of blocks. Blocks are measured whole and with their surroundings, so
    the margin goes around whole blocks.
    """
    places = np.flatnonzero(rows)
    if not places.size:
        return 0, 0
    start, stop = int(places[0]) // BLOCK * BLOCK, int(places[-1]) + 1
    return max(0, start - MARGIN) // BLOCK * BLOCK, min(
        len(rows), -(-stop // BLOCK) * BLOCK + MARGIN
    )
