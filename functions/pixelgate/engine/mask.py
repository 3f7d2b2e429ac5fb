"""Masks: which pixels changed, as an array, as a small PNG, and as a list of regions."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixelgate.comparison import Region
from pixelgate.policy import Rectangle

Mask = npt.NDArray[np.bool_]  # (height, width), true where a pixel changed

# Changes closer than this belong together: the letters of a word, the dots of a border. Counted
# in blocks, because joining single pixels would be slow in Python and list every letter.
BLOCK = 16


def read_mask(body: bytes) -> Mask:
    """Reads odiff's mask: changed pixels are coloured, all others transparent."""
    with Image.open(io.BytesIO(body), formats=("PNG",)) as image:
        rgba = image if image.mode == "RGBA" else image.convert("RGBA")  # a copy is 160 MB at worst
        return np.asarray(rgba.getchannel("A")) > 0


def write_mask(mask: Mask) -> bytes:
    """A PNG with one bit a pixel: opaque where it changed, else transparent.

    So it is an overlay as it stands, and a CSS mask in every browser.
    """
    image = Image.fromarray(mask.view(np.uint8), "P")
    image.putpalette([255, 0, 0, 255, 0, 0])
    out = io.BytesIO()
    image.save(out, "PNG", bits=1, transparency=b"\x00\xff", compress_level=6)
    return out.getvalue()


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


def regions(mask: Mask) -> tuple[Region, ...]:
    """The connected areas of a mask, largest first; each changed pixel is in exactly one.

    Two changed pixels are connected if they lie in the same or in neighbouring blocks of 16 × 16,
    diagonal neighbours too. Boxes are tight around the pixels.
    """
    if not mask.any():
        return ()
    height, width = mask.shape
    padded = np.pad(mask, ((0, -height % BLOCK), (0, -width % BLOCK)))
    tiles = padded.reshape(padded.shape[0] // BLOCK, BLOCK, padded.shape[1] // BLOCK, BLOCK)
    pixels = np.count_nonzero(tiles, axis=(1, 3))
    rows, columns = np.nonzero(pixels)
    pixels = pixels[rows, columns]
    # Where the first and the last changed pixel of each such block lie, on the canvas.
    used_rows, used_columns = tiles.any(axis=3)[rows, :, columns], tiles.any(axis=1)[rows, columns]
    top, bottom = _first_and_last(used_rows, rows)
    left, right = _first_and_last(used_columns, columns)

    areas = _join_neighbours(rows, columns)
    found = []
    for area in _members(areas):
        x, y = int(np.min(left[area])), int(np.min(top[area]))
        far_x, far_y = int(np.max(right[area])), int(np.max(bottom[area]))
        found.append(Region(x, y, far_x - x + 1, far_y - y + 1, int(pixels[area].sum())))
    return tuple(sorted(found, key=lambda r: (-r.pixels, r.y, r.x)))


def _first_and_last(
    used: npt.NDArray[np.bool_], blocks: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Canvas positions of the first and last true of each row of `used`, shape (n, BLOCK)."""
    first = blocks * BLOCK + used.argmax(axis=1)
    last = blocks * BLOCK + BLOCK - 1 - used[:, ::-1].argmax(axis=1)
    return first, last


def _members(areas: npt.NDArray[np.intp]) -> list[npt.NDArray[np.intp]]:
    """For each area the indices of its blocks."""
    order = np.argsort(areas, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(areas[order])) + 1)


def _join_neighbours(
    rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]
) -> npt.NDArray[np.intp]:
    """The number of the connected area to which each block belongs."""
    index = {place: i for i, place in enumerate(zip(rows.tolist(), columns.tolist(), strict=True))}
    areas = np.full(len(index), -1)
    area = 0
    for start, first in index.items():
        if areas[first] >= 0:
            continue
        areas[first] = area
        pending = [start]
        while pending:
            row, column = pending.pop()
            for r in (row - 1, row, row + 1):
                for c in (column - 1, column, column + 1):
                    neighbour = index.get((r, c))
                    if neighbour is not None and areas[neighbour] < 0:
                        areas[neighbour] = area
                        pending.append((r, c))
        area += 1
    return areas
