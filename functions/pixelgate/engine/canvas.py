"""Lays two images out on one canvas, so that pixels to compare have the same coordinates."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelgate.domain.comparison import Axis, Band
from pixelgate.engine import native
from pixelgate.engine.alignment import Alignment, Indices
from pixelgate.engine.buffers import BufferPool
from pixelgate.engine.header import MAX_PIXELS
from pixelgate.engine.native import Pixels, Shown
from pixelgate.engine.row_alignment import MIN_GAIN, align
from pixelgate.engine.shifts import (
    align_shifted,
    edges,
    far_apart,
    likely_shifts,
    rows_of,
    sample,
    show_the_same,
)

# An inserted column moves the pixels beside it in every row that is not blank there. Even on a
# mostly blank page that is more than this share of the rows.
_ROWS_WITH_COLUMNS = 1 / 8

Chosen = npt.NDArray[np.bool_]  # (rows or columns,)


@dataclass(frozen=True)
class Lines:
    """The source of each row, or of each column, of a canvas."""

    base: Indices  # the line of base for each line of the canvas, -1 where it has none
    head: Indices  # likewise for head
    bands: tuple[Band, ...] = ()

    @classmethod
    def of(cls, base: int, head: int, alignment: Alignment | None) -> Lines:
        """Lines of two images with these numbers of lines; unaligned, line n meets line n."""
        if alignment:
            return cls(alignment.base_lines(), alignment.head_lines(), alignment.bands)
        places = np.arange(max(base, head))
        return cls(np.where(places < base, places, -1), np.where(places < head, places, -1))

    @property
    def one_sided(self) -> Chosen:
        """Which lines only one image has."""
        return (self.base < 0) | (self.head < 0)

    @property
    def shown(self) -> Indices:
        """For each line of the canvas the line of head, or of base where it was deleted."""
        return np.where(self.head < 0, self.base, self.head)


@dataclass(frozen=True)
class Canvas:
    """A canvas with two images on it."""

    # Base and head, both from the canvas's top left corner, with the same channels.
    images: tuple[Pixels, Pixels]
    rows: Lines  # the source of each row
    columns: Lines  # the source of each column
    # The rows in which the images differ where both have pixels, or in which only one of them has
    # pixels.
    unequal_rows: Chosen

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the canvas."""
        return len(self.rows.base), len(self.columns.base)

    @property
    def bands(self) -> tuple[Band, ...]:
        """Rows that were inserted or deleted, then columns."""
        return *self.rows.bands, *self.columns.bands

    @property
    def base(self) -> Pixels:
        """The base image as far as both have pixels."""
        return _overlap(*self.images)[0]

    @property
    def head(self) -> Pixels:
        """The head image as far as both have pixels."""
        return _overlap(*self.images)[1]

    def parts(self, rows: slice, columns: slice) -> tuple[_Parts, _Parts]:
        """The parts of a box that come from base, and those that come from head."""
        return (
            _parts(self.rows.base, self.columns.base, rows, columns),
            _parts(self.rows.head, self.columns.head, rows, columns),
        )


_Parts = list[tuple[slice, slice]]


def lay_out(
    base: Pixels,
    head: Pixels,
    buffers: BufferPool,
    *,
    align_rows: bool,
    max_pixels: int = MAX_PIXELS,
) -> Canvas:
    """Puts two images on a canvas.

    Args:
        base: shape (height, width, 3 or 4).
        head: of any size.
        buffers: memory for an image that gets rows of the other one.
        align_rows: whether to look for inserted and deleted rows and columns. Where there are
            some, each image gets the other's lines in place of those that it lacks: they do not
            differ, and the pixels around them keep their neighbours.
        max_pixels: the largest canvas that aligning may make.
    """
    if base.shape[2] != head.shape[2]:
        base, head = _with_alpha(base), _with_alpha(head)
    unequal = native.unequal_rows(*_overlap(base, head))
    alignments = _alignments(base, head, unequal) if align_rows else (None, None)
    rows, columns = _lines_of(base, head, alignments)
    if len(rows.base) * len(columns.base) > max_pixels:
        alignments = (None, None)
        rows, columns = _lines_of(base, head, alignments)
    if alignments == (None, None):
        return Canvas((base, head), rows, columns, unequal)
    images = (
        _filled(base, head, (rows.base, columns.base), (rows.head, columns.head), buffers, "base"),
        _filled(head, base, (rows.head, columns.head), (rows.base, columns.base), buffers, "head"),
    )
    unequal = native.unequal_rows(*images) | columns.one_sided.any()
    return Canvas(images, rows, columns, unequal)


def _lines_of(
    base: Pixels, head: Pixels, alignments: tuple[Alignment | None, Alignment | None]
) -> tuple[Lines, Lines]:
    rows, columns = (
        Lines.of(base.shape[axis], head.shape[axis], alignment)
        for axis, alignment in enumerate(alignments)
    )
    return rows, columns


def runs_of(chosen: Chosen) -> Iterator[slice]:
    """Yields each run of consecutive chosen lines as a slice."""
    if not chosen.size:
        return iter(())
    ends = [0, *(np.flatnonzero(chosen[1:] != chosen[:-1]) + 1).tolist(), len(chosen)]
    first = 0 if chosen[0] else 1
    return map(slice, ends[first::2], ends[first + 1 :: 2])


def _overlap(base: Pixels, head: Pixels) -> tuple[Pixels, Pixels]:
    """The part of both images that lies inside both."""
    height, width = min(base.shape[0], head.shape[0]), min(base.shape[1], head.shape[1])
    return base[:height, :width], head[:height, :width]


def _with_alpha(image: Pixels) -> Pixels:
    """The image with an alpha channel: rows can be compared only if both have one or neither."""
    if image.shape[2] == 4:
        return image
    return np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])


def _alignments(
    base: Pixels, head: Pixels, unequal: Chosen
) -> tuple[Alignment | None, Alignment | None]:
    """Looks for inserted and deleted rows, then for columns in the rows that are paired.

    If there are no such rows, it looks for columns first and then for rows in them. If neither is
    found, both may have been inserted together.
    """
    places = np.flatnonzero(unequal)
    if len(places) < MIN_GAIN:
        return None, None
    width, height = (max(base.shape[n], head.shape[n]) for n in (1, 0))
    rows = _equal_rows(base, head, unequal, width)
    if rows:
        return rows, _columns_of(base, head, *rows.pairs(), rows.length)
    sampled = sample(base, head, places, places)
    if not far_apart(*sampled, len(places)):
        return None, None
    moved = not show_the_same(*sampled)
    shown = edges(*_as_wide(base, head), Axis.ROWS) if moved else None
    rows = _alike_rows(base, head, width, shown) if shown else None
    if rows:
        return rows, _columns_of(base, head, *rows.pairs(), rows.length)
    lines = np.arange(len(unequal))
    columns = _columns_of(base, head, lines, lines, height)
    if columns:
        return _rows_of(base, head, columns), columns
    if shown is None:
        return None, None
    if base.shape[1] != head.shape[1]:
        shown = edges(base, head, Axis.ROWS)
    return _align_both(base, head, shown)


def _align_both(
    base: Pixels, head: Pixels, shown: tuple[Shown, Shown]
) -> tuple[Alignment | None, Alignment | None]:
    """Looks for rows and columns that were inserted together: alone, neither explains anything."""
    # An inserted column moves a row's edges sideways; it does not change how many there are.
    likely = likely_shifts(*shown, strips=1)
    shift = int(likely[0]) if likely.size else 0
    start, stop = max(0, -shift), min(len(base), len(head) - shift)
    if not shift or stop - start < MIN_GAIN:
        return None, None
    ours = np.arange(start, stop)
    columns = _columns_of(base, head, ours, ours + shift, len(base) + len(head))
    rows = _rows_of(base, head, columns) if columns else None
    return (rows, columns) if rows else (None, None)


def _equal_rows(base: Pixels, head: Pixels, unequal: Chosen, width: int) -> Alignment | None:
    """Aligns equal rows over the width that both images have, on a canvas of that width."""
    most = MAX_PIXELS // max(1, width)
    return align(*_as_wide(base, head), unequal, max_lines=most)


def _alike_rows(
    base: Pixels, head: Pixels, width: int, shown: tuple[Shown, Shown]
) -> Alignment | None:
    """Aligns rows that are alike but not equal; shown: the edges in each row."""
    shifts = likely_shifts(*shown)
    most = MAX_PIXELS // max(1, width)
    return align_shifted(*_as_wide(base, head), Axis.ROWS, shifts, max_lines=most)


def _as_wide(base: Pixels, head: Pixels) -> tuple[Pixels, Pixels]:
    """Both images, cut to the width of the narrower one."""
    across = min(base.shape[1], head.shape[1])
    return base[:, :across], head[:, :across]


def _rows_of(base: Pixels, head: Pixels, columns: Alignment) -> Alignment | None:
    """Aligns rows over the columns that both images have."""
    ours, theirs = columns.pairs()
    lines = np.arange(min(len(base), len(head)))
    sampled = sample(base, head, lines, lines)
    sampled = np.take(sampled[0], ours, axis=1), np.take(sampled[1], theirs, axis=1)
    if not far_apart(*sampled, len(lines)):
        return None
    base, head = np.take(base, ours, axis=1), np.take(head, theirs, axis=1)
    unequal = native.unequal_rows(*_overlap(base, head))
    rows = _equal_rows(base, head, unequal, columns.length)
    if rows:
        return rows
    shown = edges(*_as_wide(base, head), Axis.ROWS)
    return _alike_rows(base, head, columns.length, shown)


def _columns_of(
    base: Pixels, head: Pixels, ours: Indices, theirs: Indices, height: int
) -> Alignment | None:
    """Aligns columns over these rows, on a canvas of that height."""
    if not far_apart(*sample(base, head, ours, theirs), len(ours), _ROWS_WITH_COLUMNS):
        return None
    # So many rows are enough to see the edges in a column.
    sampled = sample(base, head, ours, theirs, rows=128)
    shifts = likely_shifts(*edges(*sampled, Axis.COLUMNS))
    if not shifts.size:
        return None
    most = MAX_PIXELS // max(1, height)
    images = rows_of(base, ours), rows_of(head, theirs)
    return align_shifted(*images, Axis.COLUMNS, shifts, max_lines=most)


def _parts(own_rows: Indices, own_columns: Indices, rows: slice, columns: slice) -> _Parts:
    across = [
        slice(columns.start + run.start, columns.start + run.stop)
        for run in runs_of(own_columns[columns] >= 0)
    ]
    return [
        (slice(rows.start + run.start, rows.start + run.stop), part)
        for run in runs_of(own_rows[rows] >= 0)
        for part in across
    ]


def _filled(
    image: Pixels,
    other: Pixels,
    own: tuple[Indices, Indices],
    others: tuple[Indices, Indices],
    buffers: BufferPool,
    side: str,
) -> Pixels:
    """An image as large as the canvas, with the other image's pixels where it has none.

    Args:
        image: shape (height, width, channels).
        other: the other image.
        own: for each row and for each column of the canvas the image's, or -1.
        others: likewise for the other image.
        buffers: memory for it.
        side: "base" or "head".
    """
    if (own[0] >= 0).all() and (own[1] >= 0).all():
        return image
    room = buffers.take(f"filled {side}", (len(own[0]), len(own[1]), image.shape[2]))
    pieces = [_pieces(*lines) for lines in zip(own, others, strict=True)]
    for rows, columns in itertools.product(*pieces):
        place = room[rows[0], columns[0]]
        if rows[1] and columns[1]:
            place[:] = image[rows[1], columns[1]]
        elif rows[2] and columns[2]:
            place[:] = other[rows[2], columns[2]]
        else:
            place[:] = 0  # inserted rows have no pixels in deleted columns
    return room


def _pieces(own: Indices, others: Indices) -> list[tuple[slice, slice | None, slice | None]]:
    """The canvas's lines in pieces, and where each lies in the image and in the other one."""
    borders = np.flatnonzero(np.diff(own < 0) | np.diff(others < 0)) + 1

    def lines(sources: Indices, start: int, stop: int) -> slice | None:
        first = int(sources[start])
        return None if first < 0 else slice(first, first + stop - start)

    return [
        (slice(start, stop), lines(own, start, stop), lines(others, start, stop))
        for start, stop in itertools.pairwise([0, *borders.tolist(), len(own)])
    ]
