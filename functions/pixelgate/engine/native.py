"""The compiled part of the engine: what is done to every pixel, in functions/native/*.c.

Python's lock is free while it works, so two threads compare two pairs at once. Arrays are passed
as they are; a row of an image may be followed by other bytes, a pixel may not.
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntFlag
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]  # (height, width, 3 or 4)
Plane = npt.NDArray[np.uint8]  # (height, width), of flags
Counts = npt.NDArray[np.int32]  # (flags, rows of blocks, columns of blocks)
Shown = npt.NDArray[np.int32]  # (rows or columns, strips)

BLOCK = 16
ASKED = 64  # a flag while odiff judges a pair: the pixel could be a smoothed edge


class Flag(IntFlag):
    """What is said of a pixel of the canvas; each also is a plane of `Counts`, in this order.

    DIFFERS: by any amount. COUNTED: odiff's mask does not have it, but the evidence counts it.
    SENSITIVE: further apart than the sensitive threshold, so it is in odiff's mask.
    STRUCTURAL: further apart than the structural one. ONE_SIDED: only one image has it.
    SMOOTHED: further apart than the sensitive threshold, but odiff takes it for a smoothed edge;
    then it is neither SENSITIVE nor STRUCTURAL.
    """

    DIFFERS = 1
    COUNTED = 2
    SENSITIVE = 4
    STRUCTURAL = 8
    ONE_SIDED = 16
    SMOOTHED = 32

    @property
    def plane(self) -> int:
        """Its position in `Counts`."""
        return self.bit_length() - 1


View = tuple[Pixels, Pixels]  # base and head as RGB, of one size


class _View(ctypes.Structure):
    _fields_ = (
        ("base", ctypes.c_void_p),
        ("head", ctypes.c_void_p),
        ("base_stride", ctypes.c_int64),
        ("head_stride", ctypes.c_int64),
    )


_WHOLE = (
    *("differing", "clear", "strong", "most", "outside", "farthest", "moved", "plain", "solid"),
    *("solid_strong", "signed_light", "light", "red", "blue", "colour", "contrast", "run", "off"),
    "light_off",
)
_BLOCK = np.dtype(
    [(name, np.int32) for name in _WHOLE]
    + [(name, np.float32) for name in ("steepest", "raw", "residue")]
    + [("energy", np.float64)],
    align=True,
)
Blocks = npt.NDArray[np.void]  # (rows of blocks, columns of blocks), of _BLOCK
Chosen = npt.NDArray[np.uint8]  # (rows of blocks, columns of blocks), 1 for a block that is chosen


@dataclass(frozen=True)
class Areas:
    """The connected areas of a mask, largest first; each changed pixel is in exactly one.

    Two changed pixels are connected if they lie in the same or in neighbouring blocks of 16 × 16,
    diagonal neighbours too. Boxes are tight around the pixels.

    Attributes:
        boxes: x, y, width, height and changed pixels of each area, shape (areas, 5).
        of_block: the area of each block, -1 for none; shape (rows of blocks, columns of blocks).
    """

    boxes: npt.NDArray[np.int64]
    of_block: npt.NDArray[np.int32]


@dataclass(frozen=True)
class Both:
    """Some rows of what both images have, as seen on each background.

    Attributes:
        views: base and head, once for each background.
        top: the row of the canvas that is their first.
    """

    views: Sequence[View]
    top: int

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        height, width, _ = self.views[0][0].shape
        return height, width


@dataclass(frozen=True)
class Part:
    """Some rows and columns of an image, moved together.

    Attributes:
        rows: which ones, in order; shape (height,).
        asked_rows: for each of them whether odiff is asked about it; else it only lies around.
        runs: first column and number of columns of each group of neighbours, shape (groups, 2).
        asked_columns: for each column of the part, shape (width,).
    """

    rows: npt.NDArray[np.int64]
    asked_rows: npt.NDArray[np.bool_]
    runs: npt.NDArray[np.int64]
    asked_columns: npt.NDArray[np.bool_]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return len(self.rows), len(self.asked_columns)


def has(flags: Plane, flag: Flag) -> npt.NDArray[np.bool_]:
    """Which pixels have a flag. numpy takes an enumeration for 64 bits a pixel; this does not."""
    found: npt.NDArray[np.bool_] = flags & np.uint8(flag) != 0
    return found


def unequal_rows(base: Pixels, head: Pixels) -> npt.NDArray[np.bool_]:
    """Which rows of two images of one shape differ, shape (height,)."""
    height, width, channels = base.shape
    found = np.empty(height, bool)
    _library().pg_unequal_rows(
        *_rows(base), *_rows(head), height, width * channels, found.ctypes.data
    )
    return found


def hash_rows(image: Pixels) -> npt.NDArray[np.uint64]:
    """A number for each row; equal rows have equal ones, others nearly never. Shape (height,)."""
    height, width, channels = image.shape
    found = np.empty(height, np.uint64)
    _library().pg_hash_rows(*_rows(image), height, width * channels, found.ctypes.data)
    return found


def edges_in_rows(image: Pixels, least: int, strips: int) -> Shown:
    """How much each row shows, whatever plain colour is behind it.

    Args:
        image: shape (height, width, channels).
        least: by so many levels neighbouring pixels differ at an edge.
        strips: the row is counted in so many parts of the same width.

    Returns:
        Channel values at an edge, shape (height, strips).
    """
    height, width, channels = image.shape
    found = np.empty((height, strips), np.int32)
    _library().pg_edges_in_rows(
        *_rows(image), height, width, channels, least, strips, found.ctypes.data
    )
    return found


def edges_in_columns(image: Pixels, least: int, strips: int) -> Shown:
    """The same of each column; shape (width, strips)."""
    height, width, channels = image.shape
    found, room = np.empty((width, strips), np.int32), np.empty(width * channels, np.uint8)
    _library().pg_edges_in_columns(
        *_rows(image),
        *(height, width, channels, least, strips),
        room.ctypes.data,
        found.ctypes.data,
    )
    return found


def apart_in_rows(base: Pixels, head: Pixels, least: int) -> npt.NDArray[np.int32]:
    """How many channel values of each row lie so many levels apart; images of one shape."""
    height, width, channels = base.shape
    found = np.empty(height, np.int32)
    _library().pg_apart_in_rows(
        *_rows(base), *_rows(head), height, width * channels, least, found.ctypes.data
    )
    return found


def apart_in_columns(base: Pixels, head: Pixels, least: int) -> npt.NDArray[np.int32]:
    """The same of each column."""
    height, width, channels = base.shape
    found, room = np.empty(width, np.int32), np.empty(width * channels, np.uint8)
    _library().pg_apart_in_columns(
        *_rows(base),
        *_rows(head),
        *(height, width, channels, least),
        room.ctypes.data,
        found.ctypes.data,
    )
    return found


def lines_alike(
    ours: Shown, theirs: Shown, lines: npt.NDArray[np.int64], shift: int, share: int
) -> npt.NDArray[np.bool_]:
    """Which lines show the same as their partners at a shift, but for one in so many of its edges.

    Args:
        ours: what each line of an image shows, shape (lines, strips).
        theirs: what those of the other one show, in as many strips.
        lines: which of ours are looked at; the answer has their shape.
        shift: a line's partner lies so far behind its place; false if it has none.
        share: the differences of all strips may sum up to this part (1 / share).
    """
    lines = np.ascontiguousarray(lines, np.int64)
    found = np.empty(len(lines), bool)
    _library().pg_show_the_same(
        ours.ctypes.data,
        theirs.ctypes.data,
        *(ours.shape[1], len(theirs)),
        *(lines.ctypes.data, len(lines)),
        *(shift, share),
        found.ctypes.data,
    )
    return found


def cheapest_pairs(
    shifts: npt.NDArray[np.int64],
    costs: npt.NDArray[np.int32],
    head: int,
    alone: int,
    joint: int,
) -> tuple[int, npt.NDArray[np.int64]]:
    """Pairs the lines (rows or columns) of two images at the least cost.

    Args:
        shifts: where a line's partner may lie; ascending, 0 and head - base among them.
        costs: of each line of base with its partner at each shift, shape (shifts, base).
        head: lines of head.
        alone: what a line without a partner costs.
        joint: what each change of the shift costs beside that.

    Returns:
        What all of it costs; for each line of base the shift's position, -1 without a partner.
    """
    count, base = costs.shape
    chosen = np.empty(base, np.int64)
    whole = _library().pg_cheapest_pairs(
        np.ascontiguousarray(shifts).ctypes.data,
        *(count, np.ascontiguousarray(costs).ctypes.data),
        *(base, head, alone, joint),
        chosen.ctypes.data,
    )
    return _done(whole), chosen


def judge(view: View, rows: npt.NDArray[np.bool_], least: tuple[int, int], flags: Plane) -> None:
    """Notes how far pixels lie apart.

    Args:
        view: the images.
        rows: whether to look at a row, shape (height,).
        least: smallest distances that count as sensitive and as structural.
        flags: shape (height, width); zero in the rows that are looked at.
    """
    height, width, _ = view[0].shape
    _library().pg_judge(
        _views([view]), height, width, np.ascontiguousarray(rows).ctypes.data, *least, *_rows(flags)
    )


def find_questions(view: View, flags: Plane) -> npt.NDArray[np.bool_]:
    """Marks as ASKED what could be a smoothed edge; returns the rows with any, shape (height,)."""
    height, width, _ = view[0].shape
    rows = np.zeros(height, bool)
    _library().pg_find_questions(_views([view]), height, width, *_rows(flags), rows.ctypes.data)
    return rows


def find_first(flags: Plane, flag: Flag) -> tuple[int, int] | None:
    """Row and column of the first pixel that has a flag."""
    found = int(_library().pg_find_first(*_rows(flags), *flags.shape, flag))
    return None if found < 0 else divmod(found, flags.shape[1])


def columns_with(flags: Plane, flag: int) -> npt.NDArray[np.bool_]:
    """In which columns a pixel has a flag, shape (width,)."""
    columns = np.zeros(flags.shape[1], bool)
    _library().pg_mark_columns(*_rows(flags), *flags.shape, flag, columns.ctypes.data)
    return columns


def write_bitmap(image: Pixels, part: Part, into: npt.NDArray[np.uint8]) -> None:
    """Writes a part of an RGB image as the pixels of a BMP, the last row first.

    Args:
        image: shape (height, width, 3).
        part: which rows and columns.
        into: has room for the rows, each padded to four bytes.
    """
    _library().pg_write_bitmap(
        *_rows(image),
        part.rows.ctypes.data,
        len(part.rows),
        part.runs.ctypes.data,
        len(part.runs),
        into.ctypes.data,
    )


def hear(flags: Plane, part: Part, mask: Pixels | None) -> tuple[int, int, int]:
    """Takes odiff's mask of a part for its word on what it was asked about: ASKED is cleared.

    Args:
        flags: of the whole; what odiff forgives becomes SMOOTHED.
        part: what odiff saw.
        mask: opaque where a pixel counts, shape (rows, columns, 3 or 4); None if odiff says that
            nothing differs.

    Returns:
        How many pixels the mask shows; how many of these are nearer than the threshold; and how
        many others it does not show although they cannot be smoothed edges.
    """
    heard = np.empty(3, np.int64)
    _library().pg_hear(
        *_rows(flags),
        part.rows.ctypes.data,
        part.asked_rows.ctypes.data,
        len(part.rows),
        part.runs.ctypes.data,
        len(part.runs),
        part.asked_columns.ctypes.data,
        *((heard.ctypes.data, 0, 0) if mask is None else (*_rows(mask), mask.shape[2])),
        heard.ctypes.data,
    )
    shown, nearer, forgiven = heard.tolist()
    return shown, nearer, forgiven


def unite(flags: Plane, others: Plane) -> None:
    """Adds to a plane what was found on another background."""
    _library().pg_unite(*_rows(flags), *_rows(others), *flags.shape)


def blend(image: Pixels, level: int) -> Pixels:
    """An RGBA image as seen on a grey background of that level, shape (height, width, 3)."""
    height, width, _ = image.shape
    seen = np.empty((height, width, 3), np.uint8)
    _library().pg_blend(*_rows(image), height, width, level, seen.ctypes.data)
    return seen


def unfilter(image: npt.NDArray[np.uint8], height: int, width: int, channels: int) -> bool:
    """Undoes the filters of a PNG's rows in place; false if a row has one that does not exist.

    Args:
        image: height × (1 + width × channels) bytes; afterwards the pixels lie at its beginning.
        height: of the image.
        width: of the image.
        channels: 3 or 4.
    """
    zeros = np.zeros(width * channels, np.uint8)
    return bool(
        _library().pg_unfilter(image.ctypes.data, height, width, channels, zeros.ctypes.data)
    )


def without_alpha(image: Pixels, into: Pixels) -> bool:
    """Writes a contiguous RGBA image as RGB; false if anything shines through it."""
    return bool(
        _library().pg_drop_useless_alpha(image.ctypes.data, image.size // 4, into.ctypes.data)
    )


def count_blocks(flags: Plane) -> Counts:
    """How many pixels of each block have each flag; blocks at the edges may reach past it."""
    height, width = flags.shape
    counts = np.empty((len(Flag), -(-height // BLOCK), -(-width // BLOCK)), np.int32)
    _library().pg_count_blocks(*_rows(flags), height, width, counts.ctypes.data)
    return counts


def find_areas(flags: Plane, counts: Counts) -> Areas:
    """The connected areas of the mask: of odiff's pixels and of those that the evidence counts."""
    changed = counts[Flag.SENSITIVE.plane] + counts[Flag.COUNTED.plane]
    of_block = np.empty(changed.shape, np.int32)
    boxes = np.empty((np.count_nonzero(changed), 5), np.int64)
    found = _library().pg_find_areas(
        *_rows(flags), *flags.shape, changed.ctypes.data, of_block.ctypes.data, boxes.ctypes.data
    )
    return Areas(boxes[: _done(found)], of_block)


def join_blocks(touched: Chosen, reach: int) -> tuple[npt.NDArray[np.int32], int]:
    """Joins blocks that lie at most `reach` blocks apart.

    Returns:
        A number for each block, from 0 on in reading order, -1 where it is not touched; and how
        many there are.
    """
    of_block = np.empty(touched.shape, np.int32)
    down, across = touched.shape
    found = _library().pg_join_blocks(
        touched.ctypes.data, across, down, reach, of_block.ctypes.data
    )
    return of_block, int(found)


def measure_blocks(view: View, flags: Plane) -> Blocks:
    """What was measured on each block in which anything differs, but for its residue.

    Args:
        view: base and head; their first row begins a row of blocks.
        flags: of the same pixels.
    """
    height, width = flags.shape
    differing = np.ascontiguousarray(count_blocks(flags)[Flag.DIFFERS.plane])
    blocks = np.empty(differing.shape, _BLOCK)
    views = _views([view])
    _done(
        _library().pg_measure_blocks(
            views, height, width, *_rows(flags), differing.ctypes.data, blocks.ctypes.data
        )
    )
    lengths = np.empty(width, np.int32)
    _library().pg_find_runs(
        views, height, width, *_rows(flags), lengths.ctypes.data, blocks.ctypes.data
    )
    return blocks


def no_blocks(shape: tuple[int, ...]) -> Blocks:
    """Blocks in which nothing differs."""
    return np.zeros(shape, _BLOCK)


def measure_residue(view: View, flags: Plane, wanted: Chosen, blocks: Blocks) -> None:
    """Sets the residue of the wanted blocks; the other arguments are those of measure_blocks."""
    height, width = flags.shape
    _library().pg_measure_residue(
        _views([view]), height, width, *_rows(flags), wanted.ctypes.data, blocks.ctypes.data
    )


def find_text(image: Pixels, wanted: Chosen) -> Chosen:
    """Which of the wanted blocks of an RGB image look like text."""
    height, width, _ = image.shape
    text = wanted.copy()
    _library().pg_find_text(*_rows(image), height, width, text.ctypes.data)
    return text


def count_pixels(view: View, wanted: Chosen, levels: int, flags: Plane) -> None:
    """Sets COUNTED where a pixel of the wanted blocks differs by more than so many levels.

    Not where odiff's mask has it already.
    """
    height, width = flags.shape
    _library().pg_count_pixels(
        _views([view]), height, width, wanted.ctypes.data, levels, *_rows(flags)
    )


def has_few_colours(image: Pixels, most: int = 256) -> bool:
    """Whether an RGB image has at most so many colours."""
    height, width, _ = image.shape
    return int(_library().pg_count_colours(*_rows(image), height, width, most)) <= most


def textured(image: Pixels, levels: Sequence[int]) -> npt.NDArray[np.bool_]:
    """Which blocks show something on any background, shape (rows of blocks, columns of blocks)."""
    height, width, channels = image.shape
    across = -(-width // BLOCK)
    shows = np.zeros((-(-height // BLOCK), across), bool)
    row, low, high = (np.empty(3 * n, np.uint8) for n in (width, across, across))
    buffers = tuple(room.ctypes.data for room in (row, low, high, shows))
    for level in levels:
        _library().pg_find_texture(*_rows(image), height, width, channels, level, *buffers)
    return shows


def pack(flags: Plane, flag: Flag, before: int = 0) -> npt.NDArray[np.uint8]:
    """A flag as rows of bits, each after so many zero bytes; shape (height, bytes)."""
    height, width = flags.shape
    packed = np.empty((height, before + -(-width // 8)), np.uint8)
    _library().pg_pack(*_rows(flags), height, width, flag, before, packed.ctypes.data)
    return packed


def pack_two(flags: Plane, first: Flag, second: Flag, before: int) -> npt.NDArray[np.uint8]:
    """Two flags as rows of two bits a pixel: 1 where it has the first, 2 where only the second.

    Returns:
        Shape (height, bytes), each row after so many zero bytes.
    """
    height, width = flags.shape
    packed = np.empty((height, before + -(-width // 4)), np.uint8)
    _library().pg_pack_two(*_rows(flags), height, width, first, second, before, packed.ctypes.data)
    return packed


def gather(flags: Plane, flag: Flag, image: Pixels, into: Pixels) -> int:
    """Copies the pixels of an image that have a flag, row by row, and returns how many.

    Args:
        flags: shape (height, width).
        flag: which.
        image: shape (height, width, channels).
        into: shape (pixels, channels), contiguous; has room for all of them.
    """
    height, width, channels = image.shape
    return int(
        _library().pg_gather(
            *_rows(flags), *_rows(image), height, width, channels, flag, into.ctypes.data
        )
    )


def _rows(image: npt.NDArray[Any]) -> tuple[int, int]:
    """Where an image begins, and how many bytes its rows are apart."""
    pixel = image.strides[1:]
    close = (image.shape[2], 1) if image.ndim == 3 else (1,)
    # Where there is only one of something, or nothing, numpy says any distance.
    if pixel != close and image.size and not image[:1].flags.c_contiguous:
        raise ValueError(f"pixels of {image.shape} lie {pixel} bytes apart")
    return image.__array_interface__["data"][0], image.strides[0]


def _views(views: Sequence[View]) -> ctypes.Array[_View]:
    found = []
    for base, head in views:
        if base.shape != head.shape or base.shape[2] != 3:
            raise ValueError(f"{base.shape} and {head.shape} are not two RGB images of one size")
        (first, stride), (second, other) = _rows(base), _rows(head)
        found.append(_View(first, second, stride, other))
    return (_View * len(found))(*found)


def _done(answer: int) -> int:
    if answer < 0:
        raise MemoryError
    return answer


_POINTER, _SIZE = ctypes.c_void_p, ctypes.c_int64
_IMAGE = (_POINTER, _SIZE)
_VIEW = (ctypes.POINTER(_View), _SIZE, _SIZE)
_SIGNATURES: dict[str, tuple[Any, ...]] = {
    "pg_unequal_rows": (_IMAGE, _IMAGE, _SIZE, _SIZE, _POINTER),
    "pg_hash_rows": (_IMAGE, _SIZE, _SIZE, _POINTER),
    "pg_judge": (_VIEW, _POINTER, *(_SIZE,) * 2, _IMAGE),
    "pg_find_questions": (_VIEW, _IMAGE, _POINTER),
    "pg_find_first": (_IMAGE, *(_SIZE,) * 3),
    "pg_mark_columns": (_IMAGE, *(_SIZE,) * 3, _POINTER),
    "pg_write_bitmap": (_IMAGE, _POINTER, _SIZE, _POINTER, _SIZE, _POINTER),
    "pg_hear": (_IMAGE, _POINTER, *(_POINTER, _SIZE) * 2, _POINTER, _IMAGE, _SIZE, _POINTER),
    "pg_edges_in_rows": (_IMAGE, *(_SIZE,) * 5, _POINTER),
    "pg_edges_in_columns": (_IMAGE, *(_SIZE,) * 5, *(_POINTER,) * 2),
    "pg_apart_in_rows": (_IMAGE, _IMAGE, *(_SIZE,) * 3, _POINTER),
    "pg_apart_in_columns": (_IMAGE, _IMAGE, *(_SIZE,) * 4, *(_POINTER,) * 2),
    "pg_show_the_same": (*(_POINTER,) * 2, *(_SIZE,) * 2, _POINTER, *(_SIZE,) * 3, _POINTER),
    "pg_cheapest_pairs": (_POINTER, _SIZE, _POINTER, *(_SIZE,) * 4, _POINTER),
    "pg_unite": (_IMAGE, _IMAGE, _SIZE, _SIZE),
    "pg_blend": (_IMAGE, _SIZE, _SIZE, _SIZE, _POINTER),
    "pg_unfilter": (_POINTER, *(_SIZE,) * 3, _POINTER),
    "pg_drop_useless_alpha": (_POINTER, _SIZE, _POINTER),
    "pg_count_blocks": (_IMAGE, _SIZE, _SIZE, _POINTER),
    "pg_find_areas": (_IMAGE, _SIZE, _SIZE, _POINTER, _POINTER, _POINTER),
    "pg_join_blocks": (_POINTER, *(_SIZE,) * 3, _POINTER),
    "pg_measure_blocks": (_VIEW, _IMAGE, _POINTER, _POINTER),
    "pg_measure_residue": (_VIEW, _IMAGE, _POINTER, _POINTER),
    "pg_find_runs": (_VIEW, _IMAGE, _POINTER, _POINTER),
    "pg_find_text": (_IMAGE, _SIZE, _SIZE, _POINTER),
    "pg_count_pixels": (_VIEW, _POINTER, _SIZE, _IMAGE),
    "pg_count_colours": (_IMAGE, *(_SIZE,) * 3),
    "pg_find_texture": (_IMAGE, *(_SIZE,) * 4, *(_POINTER,) * 4),
    "pg_pack_two": (_IMAGE, *(_SIZE,) * 5, _POINTER),
    "pg_pack": (_IMAGE, *(_SIZE,) * 4, _POINTER),
    "pg_gather": (_IMAGE, _IMAGE, *(_SIZE,) * 4, _POINTER),
}


@cache
def _library() -> ctypes.CDLL:
    """Loads it once; every function answers a number of 64 bits."""
    path = Path(__file__).with_name(f"native-{platform.machine()}.so")
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise RuntimeError(
            f"{path} cannot be loaded: {error}; in a checkout, `make setup` builds it"
        ) from error
    for name, signature in _SIGNATURES.items():
        function = getattr(library, name)
        function.argtypes = tuple(
            chain.from_iterable(a if isinstance(a, tuple) else (a,) for a in signature)
        )
        function.restype = ctypes.c_int64
    return library
