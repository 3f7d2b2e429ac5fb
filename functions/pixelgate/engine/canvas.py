"""Two images laid out on one canvas, so that what belongs together lies in one place."""

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
from pixelgate.engine.native import Shown
from pixelgate.engine.pixels import Rgb, Rgba
from pixelgate.engine.row_alignment import MIN_GAIN, align
from pixelgate.engine.shifts import (
    align_shifted,
    edges,
    far_apart,
    likely_shifts,
    sample,
    show_the_same,
)

Chosen = npt.NDArray[np.bool_]  # (rows or columns,)


@dataclass(frozen=True)
class Lines:
    """Where the rows of a canvas come from, or its columns.

    Attributes:
        base: for each of them base's, or -1 where base has none.
        head: likewise.
        bands: what was inserted or deleted.
    """

    base: Indices
    head: Indices
    bands: tuple[Band, ...] = ()

    @classmethod
    def of(cls, base: int, head: int, alignment: Alignment | None) -> Lines:
        """Of images with so many; without an alignment each lies in its place."""
        if alignment:
            return cls(alignment.base_lines(), alignment.head_lines(), alignment.bands)
        places = np.arange(max(base, head))
        return cls(np.where(places < base, places, -1), np.where(places < head, places, -1))

    @property
    def one_sided(self) -> Chosen:
        """Which of them only one image has."""
        return (self.base < 0) | (self.head < 0)

    @property
    def shown(self) -> Indices:
        """For each of them head's, or base's where it was deleted."""
        return np.where(self.head < 0, self.base, self.head)


@dataclass(frozen=True)
class Canvas:
    """A canvas and what lies on it.

    Attributes:
        images: base and head, from the canvas's top left corner; with as many channels.
        rows: where the rows come from.
        columns: where the columns come from.
        unequal_rows: in which rows the images differ as far as both reach, or something lies that
            only one of them has.
    """

    images: tuple[Rgb | Rgba, Rgb | Rgba]
    rows: Lines
    columns: Lines
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
    def base(self) -> Rgb | Rgba:
        """The base image as far as both have pixels."""
        return _overlap(*self.images)[0]

    @property
    def head(self) -> Rgb | Rgba:
        """The head image as far as both have pixels."""
        return _overlap(*self.images)[1]

    def parts(self, rows: slice, columns: slice) -> tuple[_Parts, _Parts]:
        """The parts of a box that base really has, and those that head has."""
        return (
            _parts(self.rows.base, self.columns.base, rows, columns),
            _parts(self.rows.head, self.columns.head, rows, columns),
        )


_Parts = list[tuple[slice, slice]]


def lay_out(
    base: Rgb | Rgba,
    head: Rgb | Rgba,
    buffers: BufferPool,
    *,
    align_rows: bool,
    max_pixels: int = MAX_PIXELS,
) -> Canvas:
    """Puts two images on a canvas.

    Args:
        base: shape (height, width, 3 or 4).
        head: of any size.
        buffers: where an image with another one's rows may lie.
        align_rows: whether to look for inserted and deleted rows and columns. Where there are
            some, each image gets the other's in place of those that it lacks: they are no
            difference, and what lies around them keeps its neighbours.
        max_pixels: the largest canvas to make by aligning.
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
    base: Rgb | Rgba, head: Rgb | Rgba, alignments: tuple[Alignment | None, Alignment | None]
) -> tuple[Lines, Lines]:
    rows, columns = (
        Lines.of(base.shape[axis], head.shape[axis], one) for axis, one in enumerate(alignments)
    )
    return rows, columns


def runs_of(chosen: Chosen) -> Iterator[slice]:
    """The stretches in which all are chosen."""
    edges = np.flatnonzero(np.diff(chosen, prepend=False, append=False))
    return itertools.starmap(slice, edges.reshape(-1, 2).tolist())


def _overlap(base: Rgb | Rgba, head: Rgb | Rgba) -> tuple[Rgb | Rgba, Rgb | Rgba]:
    """Both images as far as both reach."""
    height, width = min(base.shape[0], head.shape[0]), min(base.shape[1], head.shape[1])
    return base[:height, :width], head[:height, :width]


def _with_alpha(image: Rgb | Rgba) -> Rgba:
    """The image with an alpha channel: rows are the same only if they have the same channels."""
    if image.shape[2] == 4:
        return image
    return np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])


def _alignments(
    base: Rgb | Rgba, head: Rgb | Rgba, unequal: Chosen
) -> tuple[Alignment | None, Alignment | None]:
    """Looks for rows, then for columns in the rows that are paired.

    Where there are no such rows, there may be some in the columns that are paired; and where there
    are neither, both may have come in together.
    """
    places = np.flatnonzero(unequal)
    if len(places) < MIN_GAIN:
        return None, None
    width, height = (max(base.shape[n], head.shape[n]) for n in (1, 0))
    rows = _equal_rows(base, head, unequal, width)
    if rows:
        return rows, _columns_of(base, head, *rows.pairs(), rows.length)
    some = sample(base, head, places, places)
    if not far_apart(*some, len(places)):
        return None, None
    moved = not show_the_same(*some)
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
    base: Rgb | Rgba, head: Rgb | Rgba, shown: tuple[Shown, Shown]
) -> tuple[Alignment | None, Alignment | None]:
    """Looks for rows and columns that came in together: one explains nothing without the other."""
    # A column that came in changes where in a row it lies what the row shows, not how much it is.
    likely = likely_shifts(*shown, strips=1)
    shift = int(likely[0]) if likely.size else 0
    start, stop = max(0, -shift), min(len(base), len(head) - shift)
    if not shift or stop - start < MIN_GAIN:
        return None, None
    ours = np.arange(start, stop)
    columns = _columns_of(base, head, ours, ours + shift, len(base) + len(head))
    rows = _rows_of(base, head, columns) if columns else None
    return (rows, columns) if rows else (None, None)


def _equal_rows(
    base: Rgb | Rgba, head: Rgb | Rgba, unequal: Chosen, width: int
) -> Alignment | None:
    """Looks for rows as far as both images are wide, on a canvas of that width."""
    across = min(base.shape[1], head.shape[1])
    most = MAX_PIXELS // max(1, width)
    return align(base[:, :across], head[:, :across], unequal, max_lines=most)


def _alike_rows(
    base: Rgb | Rgba, head: Rgb | Rgba, width: int, shown: tuple[Shown, Shown]
) -> Alignment | None:
    """The same for rows that are not equal; shown: what each shows, as far as both reach."""
    shifts = likely_shifts(*shown)
    most = MAX_PIXELS // max(1, width)
    return align_shifted(*_as_wide(base, head), Axis.ROWS, shifts, max_lines=most)


def _as_wide(base: Rgb | Rgba, head: Rgb | Rgba) -> tuple[Rgb | Rgba, Rgb | Rgba]:
    """Both images as far as both are wide."""
    across = min(base.shape[1], head.shape[1])
    return base[:, :across], head[:, :across]


def _rows_of(base: Rgb | Rgba, head: Rgb | Rgba, columns: Alignment) -> Alignment | None:
    """Looks for rows in the columns that both images have."""
    ours, theirs = columns.pairs()
    lines = np.arange(min(len(base), len(head)))
    some = sample(base, head, lines, lines)
    some = np.take(some[0], ours, axis=1), np.take(some[1], theirs, axis=1)
    if not far_apart(*some, len(lines)):
        return None
    base, head = np.take(base, ours, axis=1), np.take(head, theirs, axis=1)
    unequal = native.unequal_rows(*_overlap(base, head))
    rows = _equal_rows(base, head, unequal, columns.length)
    if rows:
        return rows
    shown = edges(*_as_wide(base, head), Axis.ROWS)
    return _alike_rows(base, head, columns.length, shown)


def _columns_of(
    base: Rgb | Rgba, head: Rgb | Rgba, ours: Indices, theirs: Indices, height: int
) -> Alignment | None:
    """Looks for columns in these rows, on a canvas of that height."""
    if not far_apart(*sample(base, head, ours, theirs), len(ours)):
        return None
    # Enough rows to see what a column shows.
    some = sample(base, head, ours, theirs, rows=128)
    shifts = likely_shifts(*edges(*some, Axis.COLUMNS))
    if not shifts.size:
        return None
    most = MAX_PIXELS // max(1, height)
    images = _taken(base, ours), _taken(head, theirs)
    return align_shifted(*images, Axis.COLUMNS, shifts, max_lines=most)


def _taken(image: Rgb | Rgba, rows: Indices) -> Rgb | Rgba:
    """Some rows of an image; without a copy where they lie together."""
    first, last = int(rows[0]), int(rows[-1])
    return image[first : last + 1] if last - first + 1 == len(rows) else image[rows]


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
    image: Rgb | Rgba,
    other: Rgb | Rgba,
    own: tuple[Indices, Indices],
    others: tuple[Indices, Indices],
    buffers: BufferPool,
    side: str,
) -> Rgb | Rgba:
    """An image as large as the canvas, with the pixels of another one where it has none.

    Args:
        image: shape (height, width, channels).
        other: the other image.
        own: for each row and for each column of the canvas the image's, or -1.
        others: likewise for the other image.
        buffers: where it may lie.
        side: which image it is.
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
