"""Where two decoded images differ, pixel by pixel, and which part of them odiff has to see."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from pixelgate.engine.mask import Mask
from pixelgate.engine.pixels import Rgb
from pixelgate.engine.yiq import distances, least

# Rows compared at once: so much of both images stays in the processor's cache, and the
# intermediate arrays of a 40 Mpx pair stay small.
_STRIPE = 64
# odiff judges a pixel by its neighbours' neighbours: with two rows and columns kept around each
# pixel in question, a part of the image gives the very pixels that the whole gives.
_MARGIN = 2

Index = slice | npt.NDArray[np.intp]
Pixels = TypeVar("Pixels", Rgb, Mask)


@dataclass(frozen=True)
class Difference:
    """Where two images of one shape differ; each plane has the shape (height, width).

    Attributes:
        at_all: pixels that differ by any amount.
        sensitive: those further apart than the sensitive threshold.
        structural: those further apart than the structural one.
    """

    at_all: Mask
    sensitive: Mask
    structural: Mask


def difference(
    base: Rgb, head: Rgb, *, sensitive_threshold: float, structural_threshold: float
) -> Difference:
    """Compares two opaque images of one shape, as odiff does without its anti-aliasing rule.

    Args:
        base: shape (height, width, 3).
        head: the same shape.
        sensitive_threshold: see Policy.
        structural_threshold: see Policy; not below the sensitive one.
    """
    height, width, _ = base.shape
    found = Difference(*(np.zeros((height, width), bool) for _ in range(3)))
    near, far = least(sensitive_threshold), least(structural_threshold)
    buffer = np.empty((_STRIPE, width, 3), bool)
    for top in range(0, height, _STRIPE):
        rows = slice(top, min(top + _STRIPE, height))
        unequal = np.not_equal(base[rows], head[rows], out=buffer[: rows.stop - top])
        if not unequal.any():
            continue
        # Far cheaper than asking each pixel: most changes take a few columns.
        used = np.flatnonzero(unequal.any(axis=0)) // 3
        columns = slice(int(used[0]), int(used[-1]) + 1)
        red, green, blue = np.moveaxis(unequal[:, columns], 2, 0)
        pixels = np.logical_or(red, green, out=found.at_all[rows, columns])
        pixels |= blue
        part = base[rows, columns], head[rows, columns]
        if 3 * np.count_nonzero(pixels) > pixels.size:
            # Picking them out would cost more than it saves.
            apart = distances(*part)
            found.sensitive[rows, columns] = apart >= near
            found.structural[rows, columns] = apart >= far
        else:
            places = np.nonzero(pixels)
            apart = distances(part[0][places], part[1][places])
            found.sensitive[rows, columns][places] = apart >= near
            found.structural[rows, columns][places] = apart >= far
    return found


def part_around(mask: Mask) -> tuple[Index, Index]:
    """The rows and columns that odiff must see to judge the pixels of a mask.

    All others can be left out and the rest be moved together: no pixel in question and none of
    the neighbours that decide about it gets another neighbour by that.

    Args:
        mask: the pixels in question, at least one.
    """
    return _around(mask.any(axis=1)), _around(mask.any(axis=0))


def _around(used: npt.NDArray[np.bool_]) -> Index:
    """The used places and their neighbours, as a range where little lies between them."""
    kept = used.copy()
    for distance in range(1, _MARGIN + 1):
        kept[distance:] |= used[:-distance]
        kept[:-distance] |= used[distance:]
    places = np.flatnonzero(kept)
    first, last = int(places[0]), int(places[-1]) + 1
    # Picking single columns costs more than it saves where nearly all are kept.
    return places if len(places) < 0.75 * (last - first) else slice(first, last)


def take(image: Pixels, rows: Index, columns: Index) -> Pixels:
    """The part of an image or mask in these rows and columns."""
    return image[rows][:, columns]


def put(mask: Mask, rows: Index, columns: Index, part: Mask) -> None:
    """Writes a part's mask back to where `take` took it from."""
    if isinstance(rows, slice) or isinstance(columns, slice):
        mask[rows, columns] = part
    else:
        mask[np.ix_(rows, columns)] = part


def as_bitmap(image: Rgb) -> bytearray:
    """The pixels as an uncompressed file for odiff, which reads it far faster than a PNG.

    A 24-bit BMP, bottom row first, rows padded to four bytes. BMP stores blue, green, red; odiff's
    reader takes them for red, green, blue, so we write them in that order and odiff sees the very
    colours that it would see in a PNG (measured with 4.5.0; a test compares the two routes).
    """
    height, width, _ = image.shape
    stride = (width * 3 + 3) // 4 * 4
    size = stride * height
    # odiff takes a file of less than 64 bytes, up to two pixels, for a damaged one. Filled in
    # place: each further copy of 40 Mpx would be 120 MB.
    file = bytearray(max(64, 54 + size))
    struct.pack_into("<2sIHHI", file, 0, b"BM", 54 + size, 0, 0, 54)
    struct.pack_into("<IiiHHIIiiII", file, 14, 40, width, height, 1, 24, 0, size, 0, 0, 0, 0)
    rows = np.frombuffer(file, np.uint8, size, offset=54).reshape(height, stride)
    rows[:, : width * 3].reshape(height, width, 3)[:] = image[::-1]
    return file
