"""Calls the compiled part of the engine, functions/native/*.c, which handles single pixels.

It releases Python's lock, so two threads can compare two pairs at once. Arrays are passed without
a copy: rows of an image may have gaps between them, pixels of a row may not.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntFlag
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelgate.engine.compiled import native_library

Pixels = npt.NDArray[np.uint8]  # (height, width, 3 or 4)
Plane = npt.NDArray[np.uint8]  # (height, width), of flags
Counts = npt.NDArray[np.int32]  # (flags, rows of blocks, columns of blocks)
Shown = npt.NDArray[np.int32]  # (rows or columns, strips)

BLOCK = 16
ASKED = 64  # a flag while odiff judges a pair: the pixel could be a smoothed edge


class Flag(IntFlag):
    """Flags of a pixel of the canvas. Each is also a plane of `Counts`, in this order.

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

# The whole numbers and the fractions that are measured on a block.
_WHOLE = (
    *("differing", "clear", "strong", "most", "outside", "farthest", "moved", "plain", "solid"),
    *("solid_strong", "signed_light", "light", "red", "blue", "colour", "contrast", "run", "off"),
    "light_off",
)
_REAL = ("steepest", "raw", "residue", "stray")
_BLOCK = np.dtype(
    [*((n, np.int32) for n in _WHOLE), *((n, np.float32) for n in _REAL), ("energy", np.float64)],
    align=True,
)
_LINE = np.dtype(
    [(name, np.int32) for name in ("x", "y", "length", "thick")]
    + [(name, np.float32) for name in ("shift", "rest", "change", "step")]
)
_MOST_LINES = 4_096
Lines = npt.NDArray[np.void]  # (lines,), of _LINE
Blocks = npt.NDArray[np.void]  # (rows of blocks, columns of blocks), of _BLOCK
Chosen = npt.NDArray[np.uint8]  # (rows of blocks, columns of blocks), 1 for a block that is chosen


@dataclass(frozen=True)
class Areas:
    """The connected areas of a mask, largest first; each changed pixel is in exactly one.

    Two changed pixels are connected if they lie in the same or in neighbouring blocks of 16 × 16,
    diagonal neighbours too. Boxes are tight around the pixels.
    """

    # Columns x, y, width, height and changed pixels of each area, shape (areas, 5).
    boxes: npt.NDArray[np.int64]
    # The area of each block, -1 for none; shape (rows of blocks, columns of blocks).
    of_block: npt.NDArray[np.int32]


@dataclass(frozen=True)
class Part:
    """Some rows and columns of an image, moved together."""

    rows: npt.NDArray[np.int64]  # which ones, in order; shape (height,)
    # For each of them whether odiff is asked about it; else it only lies around.
    asked_rows: npt.NDArray[np.bool_]
    # First column and number of columns of each group of neighbours, shape (groups, 2).
    runs: npt.NDArray[np.int64]
    asked_columns: npt.NDArray[np.bool_]  # for each column of the part, shape (width,)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return len(self.rows), len(self.asked_columns)


def in_blocks(height: int, width: int) -> tuple[int, int]:
    """How many rows and columns of blocks that many pixels need; the last may reach past them."""
    return -(-height // BLOCK), -(-width // BLOCK)


def has(flags: Plane, flag: int) -> npt.NDArray[np.bool_]:
    """Which pixels have a flag. numpy takes an enumeration for 64 bits a pixel; this does not."""
    marked: npt.NDArray[np.bool_] = flags & np.uint8(flag) != 0
    return marked


def unequal_rows(base: Pixels, head: Pixels) -> npt.NDArray[np.bool_]:
    """Which rows of two images of one shape differ, shape (height,)."""
    unequal = np.empty(len(base), bool)
    row = math.prod(base.shape[1:])
    _library().pg_unequal_rows(*_rows(base), *_rows(head), len(base), row, unequal)
    return unequal


def hash_rows(image: Pixels) -> npt.NDArray[np.uint64]:
    """A number for each row; equal rows have equal ones, others nearly never. Shape (height,)."""
    hashes = np.empty(len(image), np.uint64)
    _library().pg_hash_rows(*_rows(image), len(image), math.prod(image.shape[1:]), hashes)
    return hashes


def edges_in_rows(image: Pixels, least: int, strips: int) -> Shown:
    """Counts the edges in each row, which do not depend on the plain colour behind it.

    Args:
        image: shape (height, width, channels).
        least: neighbouring pixels that differ by this many levels are an edge.
        strips: each row is divided into this many parts of equal width.

    Returns:
        Channel values at an edge, shape (height, strips).
    """
    height, width, _ = image.shape
    edges = np.empty((height, strips), np.int32)
    for n in range(strips):
        start, stop = width * n // strips, min(width * (n + 1) // strips, width - 1)
        after = image[:, start + 1 : stop + 1]
        edges[:, n] = apart_in_rows(image[:, start:stop], after, least)
    return edges


def edges_in_columns(image: Pixels, least: int, strips: int) -> Shown:
    """The same of each column; shape (width, strips)."""
    height, width, _ = image.shape
    edges = np.zeros((width, strips), np.int32)
    for n in range(strips):
        rows = image[height * n // strips : height * (n + 1) // strips]
        edges[:-1, n] = apart_in_columns(rows[:, :-1], rows[:, 1:], least)
    return edges


def apart_in_rows(base: Pixels, head: Pixels, least: int) -> npt.NDArray[np.int32]:
    """Counts the channel values of each row that differ by at least this many levels."""
    counts = np.empty(len(base), np.int32)
    row = math.prod(base.shape[1:])
    _library().pg_apart_in_rows(*_rows(base), *_rows(head), len(base), row, least, counts)
    return counts


def apart_in_columns(base: Pixels, head: Pixels, least: int) -> npt.NDArray[np.int32]:
    """The same of each column."""
    _, width, channels = base.shape
    counts, room = np.empty(width, np.int32), np.empty(width * channels, np.uint8)
    _library().pg_apart_in_columns(*_rows(base), *_rows(head), *base.shape, least, room, counts)
    return counts


def lines_alike(
    ours: Shown, theirs: Shown, lines: npt.NDArray[np.int64], shift: int, share: int
) -> npt.NDArray[np.bool_]:
    """Which lines have the same edges as their partners at a shift, but for a share of them.

    Args:
        ours: what each line of an image shows, shape (lines, strips).
        theirs: what those of the other one show, in as many strips.
        lines: which of ours are looked at; the answer has their shape.
        shift: a line's partner lies so far behind its place; false if it has none.
        share: the differences of all strips may sum up to this part (1 / share).
    """
    partners = lines + shift
    there = (partners >= 0) & (partners < len(theirs))
    own, their = ours[lines[there]].astype(np.int64), theirs[partners[there]]
    apart = np.abs(own - their).sum(axis=1)
    alike = np.zeros(len(lines), bool)
    alike[there] = share * apart <= np.maximum(own.sum(axis=1), their.sum(axis=1))
    return alike


def cheapest_pairs(
    shifts: npt.NDArray[np.int64], costs: npt.NDArray[np.int32], head: int, alone: int, joint: int
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
    cost = _library().pg_cheapest_pairs(shifts, count, costs, base, head, alone, joint, chosen)
    return _done(cost), chosen


def judge(view: View, rows: npt.NDArray[np.bool_], least: tuple[int, int], flags: Plane) -> None:
    """Sets DIFFERS, SENSITIVE and STRUCTURAL by the distance of each pair of pixels.

    Args:
        view: the images.
        rows: whether to look at a row, shape (height,).
        least: smallest distances that count as sensitive and as structural.
        flags: shape (height, width); zero in the rows that are looked at.
    """
    _library().pg_judge(*_pair(view), rows, *least, *_rows(flags))


def find_questions(view: View, flags: Plane) -> npt.NDArray[np.bool_]:
    """Marks pixels that could be smoothed edges as ASKED; returns which rows have any."""
    rows = np.zeros(len(view[0]), bool)
    _library().pg_find_questions(*_pair(view), *_rows(flags), rows)
    return rows


def find_first(flags: Plane, flag: Flag) -> tuple[int, int] | None:
    """Row and column of the first pixel that has a flag."""
    place = int(_library().pg_find_first(*_rows(flags), *flags.shape, flag))
    return None if place < 0 else divmod(place, flags.shape[1])


def columns_with(flags: Plane, flag: int) -> npt.NDArray[np.bool_]:
    """In which columns a pixel has a flag, shape (width,)."""
    columns: npt.NDArray[np.bool_] = has(flags, flag).any(axis=0)
    return columns


def write_bitmap(image: Pixels, part: Part, into: npt.NDArray[np.uint8]) -> None:
    """Writes a part of an RGB image as a BMP has it: last row first, each padded to four bytes."""
    _library().pg_write_bitmap(
        *_rows(image), part.rows, len(part.rows), part.runs, len(part.runs), into
    )


def take_verdict(flags: Plane, part: Part, mask: Pixels | None) -> tuple[int, int, int]:
    """Applies odiff's mask of a part to the pixels that it was asked about, and clears ASKED.

    Args:
        flags: of the whole canvas; pixels that odiff forgives become SMOOTHED.
        part: what odiff saw.
        mask: opaque where a pixel counts, shape (rows, columns, 3 or 4); None if odiff says that
            nothing differs.

    Returns:
        How many pixels the mask shows; how many of these are nearer than the threshold; and how
        many others it does not show although they cannot be smoothed edges.
    """
    answer = np.empty(3, np.int64)
    # Without a mask any address will do, as nothing is read from it.
    seen = (_rows(flags)[0], 0, 0) if mask is None else (*_rows(mask), mask.shape[2])
    _library().pg_take_verdict(
        *(*_rows(flags), part.rows, part.asked_rows, len(part.rows), part.runs, len(part.runs)),
        *(part.asked_columns, *seen, answer),
    )
    shown, nearer, forgiven = answer.tolist()
    return shown, nearer, forgiven


def unite(flags: Plane, others: Plane) -> None:
    """Combines a plane with the flags found on another background."""
    _library().pg_unite(*_rows(flags), *_rows(others), *flags.shape)


def blend(image: Pixels, level: int) -> Pixels:
    """An RGBA image as seen on a grey background of that level, shape (height, width, 3)."""
    seen = np.empty((*image.shape[:2], 3), np.uint8)
    _library().pg_blend(*_rows(image), *image.shape[:2], level, seen)
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
    return bool(_library().pg_unfilter(image, height, width, channels, zeros))


def without_alpha(image: Pixels, into: Pixels) -> bool:
    """Writes a contiguous RGBA image as RGB; false if anything shines through it."""
    return bool(_library().pg_drop_useless_alpha(image, image.size // 4, into))


def count_blocks(flags: Plane) -> Counts:
    """How many pixels of each block have each flag."""
    counts = np.empty((len(Flag), *in_blocks(*flags.shape)), np.int32)
    _library().pg_count_blocks(*_rows(flags), *flags.shape, counts)
    return counts


def find_areas(flags: Plane, counts: Counts) -> Areas:
    """The connected areas of the mask: of odiff's pixels and of those that the evidence counts."""
    changed = counts[Flag.SENSITIVE.plane] + counts[Flag.COUNTED.plane]
    of_block, number = join_blocks((changed > 0).astype(np.uint8), 1)
    boxes = np.empty((number, 5), np.int64)
    _library().pg_enclose(*_rows(flags), *flags.shape, changed, of_block, boxes, number)
    x, y, _, _, pixels = boxes.T
    order = np.lexsort((x, y, -pixels))
    rank = np.full(number + 1, -1, np.int32)  # the last is that of no area
    rank[order] = np.arange(number)
    return Areas(boxes[order], rank[of_block])


def join_blocks(touched: Chosen, reach: int) -> tuple[npt.NDArray[np.int32], int]:
    """Joins blocks that lie at most `reach` blocks apart.

    Returns:
        A number for each block, from 0 on in reading order, -1 where it is not touched; and how
        many there are.
    """
    of_block = np.empty(touched.shape, np.int32)
    down, across = touched.shape
    return of_block, int(_library().pg_join_blocks(touched, across, down, reach, of_block))


def measure_blocks(view: View, flags: Plane, differing: npt.NDArray[np.int32]) -> Blocks:
    """What was measured on each block in which anything differs, but for its residue.

    `differing`: how many pixels of each block differ. The first row of the images begins a row
    of blocks.
    """
    blocks = np.empty(differing.shape, _BLOCK)
    lengths = np.empty((differing.shape[1], BLOCK), np.uint16)
    differing = np.ascontiguousarray(differing)
    _done(_library().pg_measure_blocks(*_pair(view), *_rows(flags), differing, lengths, blocks))
    return blocks


def no_blocks(shape: tuple[int, ...]) -> Blocks:
    """Blocks in which nothing differs."""
    return np.zeros(shape, _BLOCK)


def measure_residue(view: View, flags: Plane, wanted: Chosen, blocks: Blocks) -> None:
    """Sets the residue of the wanted blocks; the other arguments are those of measure_blocks."""
    _library().pg_measure_residue(*_pair(view), *_rows(flags), wanted, blocks)


def find_lines(view: View, flags: Plane, least: int, *, down: bool) -> Lines:
    """The straight lines and edges that differ, each the same along all of its length.

    With `down`, the lines that lie across, else those that stand; from `least` pixels on.

    Returns:
        None of them if there are more than 4,096.
    """
    lines = np.empty(_MOST_LINES, _LINE)
    runs = np.empty((flags.shape[1], 3), np.int32)
    number = _library().pg_find_lines(
        *_pair(view), *_rows(flags), down, least, runs, lines, len(lines)
    )
    return lines[: number if number <= len(lines) else 0]


def count_shifted(
    view: View, flags: Plane, right: float, down: float
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """How many pixels of each block a move of the page by a fraction explains; and the others.

    Those that differ by more than two levels are counted.
    """
    shifted, others = np.empty((2, *in_blocks(*flags.shape)), np.int32)
    _library().pg_count_shifted(*_pair(view), *_rows(flags), right, down, shifted, others)
    return shifted, others


def find_text(image: Pixels, wanted: Chosen) -> Chosen:
    """Which of the wanted blocks of an RGB image look like text."""
    text = wanted.copy()
    _library().pg_find_text(*_rows(image), *image.shape[:2], text)
    return text


def count_pixels(
    view: View, wanted: Chosen, levels: int, flags: Plane, counted: npt.NDArray[np.int32]
) -> None:
    """Sets COUNTED where a pixel of the wanted blocks differs by more than this many levels.

    Pixels in odiff's mask stay as they are.

    Args:
        view: base and head.
        wanted: the blocks to look at.
        levels: what a channel may differ by without counting.
        flags: of the same pixels; is changed.
        counted: how many pixels of each block are COUNTED, at least for those blocks; is changed.
    """
    start, row = _rows(counted)
    across = row // counted.itemsize
    _library().pg_count_pixels(*_pair(view), wanted, levels, *_rows(flags), start, across)


def sum_areas(
    blocks: Blocks, labels: npt.NDArray[np.int32], number: int
) -> tuple[Mapping[str, npt.NDArray[np.int64]], Mapping[str, npt.NDArray[Any]]]:
    """Sums up the measurements of the blocks of each area.

    The labels are the areas of the blocks, in their shape, -1 for one that is left out.

    Returns:
        The sums of each area, by name, `blocks` among them; and the largest that any of its blocks
        has, `sparse_residue` among them, over blocks of which less than a quarter differs. Each has
        shape (areas,).
    """
    sums = np.zeros((number, 1 + len(_WHOLE)), np.int64)
    most = np.zeros((number, len(_WHOLE)), np.int32)
    real = np.zeros((number, 4), np.float32)
    _library().pg_sum_areas(
        blocks, np.ascontiguousarray(labels, np.int32), blocks.size, sums, most, real
    )
    fractions = ("steepest", "residue", "sparse_residue", "stray")
    return (
        dict(zip(("blocks", *_WHOLE), sums.T, strict=True)),
        dict(zip((*_WHOLE, *fractions), (*most.T, *real.T), strict=True)),
    )


def has_few_colours(image: Pixels, most: int = 256) -> bool:
    """Whether an RGB image has at most this many colours."""
    return int(_library().pg_count_colours(*_rows(image), *image.shape[:2], most)) <= most


def textured(image: Pixels, levels: Sequence[int]) -> npt.NDArray[np.bool_]:
    """Which blocks show something on any background, shape (rows of blocks, columns of blocks)."""
    _, width, _ = image.shape
    shows = np.zeros(in_blocks(*image.shape[:2]), bool)
    row, low, high = (np.empty(3 * n, np.uint8) for n in (width, shows.shape[1], shows.shape[1]))
    for level in levels:
        _library().pg_find_texture(*_rows(image), *image.shape, level, row, low, high, shows)
    return shows


def pack(flags: Plane, flag: Flag, before: int = 0) -> npt.NDArray[np.uint8]:
    """A flag as rows of bits, each after `before` zero bytes; shape (height, bytes)."""
    height, width = flags.shape
    packed = np.empty((height, before + -(-width // 8)), np.uint8)
    _library().pg_pack(*_rows(flags), height, width, flag, before, packed)
    return packed


def pack_two(flags: Plane, first: Flag, second: Flag, before: int) -> npt.NDArray[np.uint8]:
    """Two flags as rows of two bits a pixel: 1 where it has the first, 2 where only the second.

    Returns:
        Shape (height, bytes), each row after `before` zero bytes.
    """
    height, width = flags.shape
    packed = np.empty((height, before + -(-width // 4)), np.uint8)
    _library().pg_pack_two(*_rows(flags), height, width, first, second, before, packed)
    return packed


def gather(flags: Plane, flag: Flag, image: Pixels, into: Pixels) -> int:
    """Copies the pixels of an image that have a flag, row by row, and returns how many.

    `into` has the shape (pixels, channels), is contiguous, and has room for all of them.
    """
    return int(_library().pg_gather(*_rows(flags), *_rows(image), *image.shape, flag, into))


def _rows(image: npt.NDArray[Any]) -> tuple[int, int]:
    """The address of an image and the distance of its rows in bytes."""
    pixel = image.strides[1:]
    close = (image.shape[2], 1) if image.ndim == 3 else (1,)
    # Where there is only one of something, or nothing, numpy says any distance.
    if pixel != close and image.size and not image[:1].flags.c_contiguous:
        raise ValueError(f"pixels of {image.shape} lie {pixel} bytes apart")
    return image.__array_interface__["data"][0], image.strides[0]


class _Pair(ctypes.Structure):
    _fields_ = (
        ("base", ctypes.c_void_p),
        ("head", ctypes.c_void_p),
        ("base_stride", ctypes.c_int64),
        ("head_stride", ctypes.c_int64),
    )


def _pair(view: View) -> tuple[_Pair, int, int]:
    """Both images, and their height and width."""
    base, head = view
    if base.shape != head.shape or base.shape[2] != 3:
        raise ValueError(f"{base.shape} and {head.shape} are not two RGB images of one size")
    (first, stride), (second, other_stride) = _rows(base), _rows(head)
    return _Pair(first, second, stride, other_stride), *base.shape[:2]


def _done(answer: int) -> int:
    if answer < 0:
        raise MemoryError
    return answer


class _Array:
    """An array whose elements lie side by side, as the address of the first one."""

    @staticmethod
    def from_param(array: npt.NDArray[Any]) -> ctypes.c_void_p:
        if not array.flags.c_contiguous:
            raise ValueError(f"an array of {array.shape} has gaps between its elements")
        return ctypes.c_void_p(array.__array_interface__["data"][0])


# The arguments of each function: P what `_pair` returns, R what `_rows` returns, A an array,
# N a whole number, F a fraction.
_ARGUMENTS = {
    "P": (ctypes.POINTER(_Pair), ctypes.c_int64, ctypes.c_int64),
    "R": (ctypes.c_void_p, ctypes.c_int64),
    "A": (_Array,),
    "N": (ctypes.c_int64,),
    "F": (ctypes.c_double,),
}
_FUNCTIONS = """
    unequal_rows RRNNA  hash_rows RNNA  unite RRNN  blend RNNNA  unfilter ANNNA
    apart_in_rows RRNNNA  apart_in_columns RRNNNNAA  cheapest_pairs ANANNNNA
    judge PANNR  find_questions PRA  find_first RNNN
    write_bitmap RANANA  take_verdict RAANANARNA  drop_useless_alpha ANA
    count_blocks RNNA  enclose RNNAAAN  join_blocks ANNNA  sum_areas AANAAA
    measure_blocks PRAAA  measure_residue PRAA  find_lines PRNNAAN  count_shifted PRFFAA
    count_pixels PANRR  find_text RNNA  find_texture RNNNNAAAA  count_colours RNNN
    pack RNNNNA  pack_two RNNNNNA  gather RRNNNNA
"""


@cache
def _library() -> ctypes.CDLL:
    """Loads the library once; every function returns a 64-bit integer."""
    path = native_library()
    if path is None:
        raise RuntimeError(
            "the engine's compiled part is missing; in a checkout, `make setup` builds it"
        )
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise RuntimeError(f"{path} cannot be loaded: {error}") from error
    words = _FUNCTIONS.split()
    for name, arguments in zip(words[::2], words[1::2], strict=True):
        function = getattr(library, f"pg_{name}")
        function.argtypes = tuple(kind for letter in arguments for kind in _ARGUMENTS[letter])
        function.restype = ctypes.c_int64
    return library
