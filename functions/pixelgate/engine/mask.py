"""Masks: which pixels changed, as an array, as a small PNG, and as a list of regions."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelgate.engine.pixels import decode, is_opaque
from pixelgate.policy import Rectangle

Mask = npt.NDArray[np.bool_]  # (height, width), true where a pixel changed
_Places = npt.NDArray[np.intp]  # (blocks,)

# Changes closer than this belong together: the letters of a word, the dots of a border. Counted
# in blocks, because joining single pixels would be slow in Python and list every letter.
BLOCK = 16

_PALETTE = bytes((255, 0, 0, 255, 0, 0))
_ALPHA = bytes((0, 255))


def read_mask(body: bytes) -> Mask:
    """Reads a mask: changed pixels are opaque, all others transparent.

    Raises:
        ImageFault: UNREADABLE.
    """
    pixels = decode(body)
    if is_opaque(pixels):
        return np.ones(pixels.shape[:2], bool)
    found: Mask = pixels[..., 3] != 0
    return found


def write_mask(mask: Mask) -> bytes:
    """A PNG with one bit a pixel: opaque red where it changed, else transparent.

    So it is an overlay as it stands, and a CSS mask in every browser.
    """
    height, width = mask.shape
    # Each row begins with its filter, 0 for none.
    rows = np.zeros((height, 1 + (width + 7) // 8), np.uint8)
    rows[:, 1:] = np.packbits(mask, axis=1)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 3, 0, 0, 0)),
            _chunk(b"PLTE", _PALETTE),
            _chunk(b"tRNS", _ALPHA),
            _chunk(b"IDAT", zlib.compress(rows.data, 6)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def clear(mask: Mask, boxes: tuple[Rectangle, ...], rows: npt.NDArray[np.intp]) -> None:
    """Clears what lies inside these boxes; they may reach past the mask.

    Args:
        mask: is changed in place.
        boxes: in the rows that a person sees.
        rows: for each row of the mask which one that is, shape (height,).
    """
    for box in boxes:
        inside = (rows >= box.y) & (rows < box.y + box.height)
        mask[inside, box.x : box.x + box.width] = False


def count(mask: Mask) -> int:
    """How many pixels changed."""
    return int(np.count_nonzero(mask))


Boxes = list[tuple[int, int, int, int, int]]  # x, y, width, height, pixels


@dataclass(frozen=True)
class Areas:
    """The connected areas of a mask, largest first; each changed pixel is in exactly one.

    Two changed pixels are connected if they lie in the same or in neighbouring blocks of 16 × 16,
    diagonal neighbours too. Boxes are tight around the pixels.

    Attributes:
        boxes: of each area.
        of_block: the area of each block, -1 for none; shape (rows of blocks, columns of blocks).
    """

    boxes: Boxes
    of_block: npt.NDArray[np.intp]

    def total(self, counts: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.float64]:
        """Adds up a number for each block, shape as `of_block`, by area; shape (areas,)."""
        used = self.of_block >= 0
        return np.bincount(self.of_block[used], counts[used], len(self.boxes))

    def most(self, counts: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.float64]:
        """The largest of a number of each block, by area; shape (areas,), at least 0."""
        found = np.zeros(len(self.boxes))
        used = self.of_block >= 0
        np.maximum.at(found, self.of_block[used], counts[used].astype(np.float64))
        return found


def find_areas(mask: Mask) -> Areas:
    """Finds the connected areas of a mask."""
    counts = block_counts(mask)
    rows, columns = np.nonzero(counts)
    pixels = counts[rows, columns]
    top, left, bottom, right = _extents(mask, rows, columns)
    areas = _join_neighbours(rows, columns)
    found = []
    for blocks in _members(areas):
        x, y = int(np.min(left[blocks])), int(np.min(top[blocks]))
        width = int(np.max(right[blocks])) - x + 1
        height = int(np.max(bottom[blocks])) - y + 1
        found.append(((x, y, width, height, int(np.sum(pixels[blocks]))), blocks))
    found.sort(key=lambda area: (-area[0][4], area[0][1], area[0][0]))
    of_block = np.full(counts.shape, -1, np.intp)
    for number, (_, blocks) in enumerate(found):
        of_block[rows[blocks], columns[blocks]] = number
    return Areas([box for box, _ in found], of_block)


def block_counts(mask: Mask) -> npt.NDArray[np.uint16]:
    """How many pixels of each block of 16 × 16 are set, shape (rows of blocks, columns of blocks).

    The blocks at the right and at the bottom may reach past the mask.
    """
    height, width = mask.shape
    across, down = -(-width // BLOCK), -(-height // BLOCK)
    # Row by row, then column by column: sums over short axes take several times as long.
    bits = mask.view(np.uint8)
    rows = np.zeros((down, across * BLOCK), np.uint8)
    for offset in range(min(BLOCK, height)):
        part = bits[offset::BLOCK]
        rows[: len(part), :width] += part
    counts = np.zeros((down, across), np.uint16)
    for offset in range(BLOCK):
        counts += rows[:, offset::BLOCK]
    return counts


def _extents(mask: Mask, rows: _Places, columns: _Places) -> tuple[_Places, ...]:
    """The first and last row and column of the canvas that changed in each block.

    Returns:
        Top, left, bottom and right, shape (blocks,) each.
    """
    height, width = mask.shape
    tiles = np.zeros((len(rows), BLOCK, BLOCK), bool)
    for i, (row, column) in enumerate(zip(rows.tolist(), columns.tolist(), strict=True)):
        y, x = row * BLOCK, column * BLOCK
        tiles[i, : height - y, : width - x] = mask[y : y + BLOCK, x : x + BLOCK]
    used_rows, used_columns = tiles.any(axis=2), tiles.any(axis=1)
    return (
        rows * BLOCK + used_rows.argmax(axis=1),
        columns * BLOCK + used_columns.argmax(axis=1),
        rows * BLOCK + BLOCK - 1 - used_rows[:, ::-1].argmax(axis=1),
        columns * BLOCK + BLOCK - 1 - used_columns[:, ::-1].argmax(axis=1),
    )


def _members(areas: npt.NDArray[np.intp]) -> list[npt.NDArray[np.intp]]:
    """For each area the indices of its blocks."""
    if not areas.size:
        return []
    order = np.argsort(areas, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(areas[order])) + 1)


def _join_neighbours(
    rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]
) -> npt.NDArray[np.intp]:
    """The connected area to which each block belongs, as some number.

    Joined are whole runs of blocks that lie side by side, not single blocks: a mask full of noise
    has ten thousand blocks in a hundred runs.

    Args:
        rows: of the blocks, ascending.
        columns: ascending within a row.
    """
    if not rows.size:
        return np.zeros(0, np.intp)
    begins = np.ones(len(rows), bool)
    begins[1:] = (np.diff(rows) != 0) | (np.diff(columns) != 1)
    starts = np.flatnonzero(begins)
    ends = np.append(starts[1:], len(rows)) - 1
    runs = list(
        zip(rows[starts].tolist(), columns[starts].tolist(), columns[ends].tolist(), strict=True)
    )
    parents = list(range(len(runs)))

    def root(run: int) -> int:
        while parents[run] != run:
            parents[run] = run = parents[parents[run]]
        return run

    above = 0  # the first run that can still touch this one or a later one
    for run, (row, first, last) in enumerate(runs):
        while runs[above][0] < row - 1 or (
            runs[above][0] == row - 1 and runs[above][2] < first - 1
        ):
            above += 1
        other = above
        while runs[other][0] == row - 1 and runs[other][1] <= last + 1:
            parents[root(other)] = root(run)
            other += 1
    areas = np.array([root(run) for run in range(len(runs))], np.intp)
    return np.repeat(areas, ends - starts + 1)
