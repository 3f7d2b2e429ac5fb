"""Two images laid out on one canvas, so that what belongs together lies in one place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelgate.comparison import Band
from pixelgate.engine.difference import Difference, Views
from pixelgate.engine.header import MAX_PIXELS
from pixelgate.engine.mask import Mask
from pixelgate.engine.pixels import Rgb, Rgba
from pixelgate.engine.rows import Alignment, align


@dataclass(frozen=True)
class Canvas:
    """A canvas and what lies on it.

    Attributes:
        views: both images as far as both have pixels, from the top left corner of the canvas.
        images: base and head, whole.
        shape: height and width of the canvas.
        one_sided: pixels that only one image has; None if there are none.
        rows: for each row of the canvas the head's row there, or base's where it was deleted.
        bands: rows that were inserted or deleted.
    """

    views: Views
    images: tuple[Rgb | Rgba, Rgb | Rgba]
    shape: tuple[int, int]
    one_sided: Mask | None
    rows: npt.NDArray[np.intp]
    bands: tuple[Band, ...] = ()

    def extend(self, found: Difference) -> Difference:
        """The planes of the whole canvas: what only one image has counts as changed."""
        if self.one_sided is None:
            return found
        planes = []
        for plane in (found.at_all, found.sensitive, found.structural, found.faint):
            whole = np.zeros(self.shape, bool)
            whole[: plane.shape[0], : plane.shape[1]] = plane
            planes.append(whole)
        at_all, sensitive, structural, faint = planes
        for plane in (at_all, sensitive, structural):
            plane |= self.one_sided
        return Difference(at_all, sensitive, structural, faint)


def lay_out(base: Rgb | Rgba, head: Rgb | Rgba, *, align_rows: bool) -> Canvas:
    """Puts two images on a canvas.

    Args:
        base: shape (height, width, 3 or 4).
        head: of any size.
        align_rows: whether to look for inserted and deleted rows. Where there are some, each
            image gets the other's rows in place of those that it lacks: they are no difference,
            and what lies around them keeps its neighbours.
    """
    if align_rows and base.shape[2] != head.shape[2]:
        base, head = _with_alpha(base), _with_alpha(head)
    alignment = align(base, head, max_pixels=MAX_PIXELS) if align_rows else None
    if alignment:
        return _aligned(base, head, alignment)
    height, width = min(base.shape[0], head.shape[0]), min(base.shape[1], head.shape[1])
    shape = max(base.shape[0], head.shape[0]), max(base.shape[1], head.shape[1])
    one_sided = None
    if shape != (height, width):
        one_sided = np.ones(shape, bool)
        one_sided[:height, :width] = False
    views = Views.of(base[:height, :width], head[:height, :width])
    return Canvas(views, (base, head), shape, one_sided, np.arange(shape[0]))


def _with_alpha(image: Rgb | Rgba) -> Rgba:
    """The image with an alpha channel: rows are the same only if they have the same channels."""
    if image.shape[2] == 4:
        return image
    return np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])


def _aligned(base: Rgb | Rgba, head: Rgb | Rgba, alignment: Alignment) -> Canvas:
    base_rows, head_rows = alignment.base_rows(), alignment.head_rows()
    inserted, deleted = base_rows < 0, head_rows < 0
    new_base, new_head = base[base_rows], head[head_rows]
    new_base[inserted] = head[head_rows[inserted]]
    new_head[deleted] = base[base_rows[deleted]]
    one_sided = np.zeros(new_head.shape[:2], bool)
    one_sided[inserted | deleted] = True
    rows = np.where(deleted, base_rows, head_rows)
    views = Views.of(new_base, new_head)
    shape = len(rows), head.shape[1]
    return Canvas(views, (new_base, new_head), shape, one_sided, rows, alignment.bands)
