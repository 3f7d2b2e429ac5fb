"""Two images laid out on one canvas, so that what belongs together lies in one place."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelgate.comparison import Band
from pixelgate.engine import native
from pixelgate.engine.header import MAX_PIXELS
from pixelgate.engine.pixels import Rgb, Rgba
from pixelgate.engine.rooms import Rooms
from pixelgate.engine.rows import Alignment, Indices, align

Rows = npt.NDArray[np.bool_]  # (height,)


@dataclass(frozen=True)
class Canvas:
    """A canvas and what lies on it.

    Attributes:
        images: base and head, from the canvas's top left corner; with as many channels.
        shape: height and width of the canvas.
        unequal_rows: whether the rows that both images have differ, as far as both reach.
        one_sided_rows: of the canvas, those that only one of the images has.
        rows: for each row of the canvas the head's row there, or base's where it was deleted.
        bands: rows that were inserted or deleted.
    """

    images: tuple[Rgb | Rgba, Rgb | Rgba]
    shape: tuple[int, int]
    unequal_rows: Rows
    one_sided_rows: Rows
    rows: npt.NDArray[np.intp]
    bands: tuple[Band, ...] = ()

    @property
    def base(self) -> Rgb | Rgba:
        """The base image as far as both have pixels."""
        return _overlap(*self.images)[0]

    @property
    def head(self) -> Rgb | Rgba:
        """The head image as far as both have pixels."""
        return _overlap(*self.images)[1]


def lay_out(
    base: Rgb | Rgba,
    head: Rgb | Rgba,
    rooms: Rooms,
    *,
    align_rows: bool,
    max_pixels: int = MAX_PIXELS,
) -> Canvas:
    """Puts two images on a canvas.

    Args:
        base: shape (height, width, 3 or 4).
        head: of any size.
        rooms: where an image with another one's rows may lie.
        align_rows: whether to look for inserted and deleted rows. Where there are some, each
            image gets the other's rows in place of those that it lacks: they are no difference,
            and what lies around them keeps its neighbours.
        max_pixels: the largest canvas to make by aligning rows.
    """
    if base.shape[2] != head.shape[2]:
        base, head = _with_alpha(base), _with_alpha(head)
    unequal = native.unequal_rows(*_overlap(base, head))
    alignment = align(base, head, unequal, max_pixels=max_pixels) if align_rows else None
    if alignment:
        return _aligned(base, head, alignment, rooms)
    shape = max(base.shape[0], head.shape[0]), max(base.shape[1], head.shape[1])
    rows = np.arange(shape[0])
    return Canvas((base, head), shape, unequal, rows >= len(unequal), rows)


def _overlap(base: Rgb | Rgba, head: Rgb | Rgba) -> tuple[Rgb | Rgba, Rgb | Rgba]:
    """Both images as far as both reach."""
    height, width = min(base.shape[0], head.shape[0]), min(base.shape[1], head.shape[1])
    return base[:height, :width], head[:height, :width]


def _with_alpha(image: Rgb | Rgba) -> Rgba:
    """The image with an alpha channel: rows are the same only if they have the same channels."""
    if image.shape[2] == 4:
        return image
    return np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])


def _aligned(base: Rgb | Rgba, head: Rgb | Rgba, alignment: Alignment, rooms: Rooms) -> Canvas:
    base_rows, head_rows = alignment.base_rows(), alignment.head_rows()
    shape = len(base_rows), *head.shape[1:]
    images = (
        _filled(base, base_rows, head, head_rows, rooms.take("filled base", shape)),
        _filled(head, head_rows, base, base_rows, rooms.take("filled head", shape)),
    )
    lacking = (base_rows < 0) | (head_rows < 0)
    rows = np.where(head_rows < 0, base_rows, head_rows)
    return Canvas(images, shape[:2], native.unequal_rows(*images), lacking, rows, alignment.bands)


def _filled(
    image: Rgb | Rgba, own: Indices, other: Rgb | Rgba, others: Indices, room: Rgb | Rgba
) -> Rgb | Rgba:
    """An image with the rows of another one where it has none.

    Args:
        image: shape (height, width, channels).
        own: for each row of the canvas the image's row, or -1.
        other: the other image.
        others: likewise for it.
        room: of the canvas's shape.
    """
    borders = np.flatnonzero(np.diff(own < 0)) + 1
    if not borders.size:
        return image
    for start, stop in itertools.pairwise([0, *borders.tolist(), len(own)]):
        source, rows = (other, others) if own[start] < 0 else (image, own)
        room[start:stop] = source[rows[start] : rows[start] + stop - start]
    return room
