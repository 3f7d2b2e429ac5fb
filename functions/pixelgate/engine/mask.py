"""Masks: which pixels changed, as an array, as a small PNG, and as a list of regions."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelgate.comparison import Region
from pixelgate.engine.pixels import decode, is_opaque
from pixelgate.policy import Rectangle

Mask = npt.NDArray[np.bool_]  # (height, width), true where a pixel changed

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


def without(mask: Mask, boxes: tuple[Rectangle, ...]) -> Mask:
    """The mask with nothing set inside these boxes; they may reach past it."""
    if not boxes:
        return mask
    cleared = mask.copy()
    for box in boxes:
        cleared[box.y : box.y + box.height, box.x : box.x + box.width] = False
    return cleared


def count(mask: Mask) -> int:
    """How many pixels changed."""
    return int(np.count_nonzero(mask))


@dataclass(frozen=True)
class _Blocks:
    """The blocks of 16 × 16 in which something changed; all arrays have one entry a block.

    Attributes:
        rows: counted from the top, in blocks.
        columns: from the left, in blocks.
        pixels: how many changed.
        top: the first row of the canvas that changed in it; left, bottom, right likewise.
    """

    rows: npt.NDArray[np.intp]
    columns: npt.NDArray[np.intp]
    pixels: npt.NDArray[np.intp]
    top: npt.NDArray[np.intp]
    left: npt.NDArray[np.intp]
    bottom: npt.NDArray[np.intp]
    right: npt.NDArray[np.intp]


def regions(mask: Mask) -> tuple[Region, ...]:
    """The connected areas of a mask, largest first; each changed pixel is in exactly one.

    Two changed pixels are connected if they lie in the same or in neighbouring blocks of 16 × 16,
    diagonal neighbours too. Boxes are tight around the pixels.
    """
    blocks = _blocks(mask)
    found = []
    for area in _members(_join_neighbours(blocks.rows, blocks.columns)):
        x, y = int(np.min(blocks.left[area])), int(np.min(blocks.top[area]))
        far_x, far_y = int(np.max(blocks.right[area])), int(np.max(blocks.bottom[area]))
        pixels = int(np.sum(blocks.pixels[area]))
        found.append(Region(x, y, far_x - x + 1, far_y - y + 1, pixels))
    return tuple(sorted(found, key=lambda r: (-r.pixels, r.y, r.x)))


def block_counts(mask: Mask) -> npt.NDArray[np.uint16]:
    """How many pixels of each block of 16 × 16 are set, shape (rows of blocks, columns of blocks).

    The blocks at the right and at the bottom may reach past the mask.
    """
    height, width = mask.shape
    across, down = -(-width // BLOCK), -(-height // BLOCK)
    counts = np.zeros((down, across * BLOCK), np.uint8)
    whole = height // BLOCK
    # Down first: whole rows of bytes are added at once.
    bits = mask.view(np.uint8)
    bits[: whole * BLOCK].reshape(whole, BLOCK, width).sum(
        axis=1, dtype=np.uint8, out=counts[:whole, :width]
    )
    if whole < down:
        bits[whole * BLOCK :].sum(axis=0, dtype=np.uint8, out=counts[whole, :width])
    return counts.reshape(down, across, BLOCK).sum(axis=2, dtype=np.uint16)


def _blocks(mask: Mask) -> _Blocks:
    height, width = mask.shape
    counts = block_counts(mask)
    rows, columns = np.nonzero(counts)
    tiles = np.zeros((len(rows), BLOCK, BLOCK), bool)
    for i, (row, column) in enumerate(zip(rows.tolist(), columns.tolist(), strict=True)):
        y, x = row * BLOCK, column * BLOCK
        tiles[i, : height - y, : width - x] = mask[y : y + BLOCK, x : x + BLOCK]
    used_rows, used_columns = tiles.any(axis=2), tiles.any(axis=1)
    return _Blocks(
        rows,
        columns,
        counts[rows, columns].astype(np.intp),
        top=rows * BLOCK + used_rows.argmax(axis=1),
        left=columns * BLOCK + used_columns.argmax(axis=1),
        bottom=rows * BLOCK + BLOCK - 1 - used_rows[:, ::-1].argmax(axis=1),
        right=columns * BLOCK + BLOCK - 1 - used_columns[:, ::-1].argmax(axis=1),
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
