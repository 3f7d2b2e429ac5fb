"""Where two decoded images differ, pixel by pixel, and which part of them odiff has to see."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from pixelgate.engine.mask import Mask
from pixelgate.engine.pixels import Rgb, Rgba, is_opaque, on_background
from pixelgate.engine.yiq import distances, least
from pixelgate.policy import Policy

# Rows compared at once: so much of both images stays in the processor's cache, and the
# intermediate arrays of a 40 Mpx pair stay small.
_STRIPE = 64
# odiff judges a pixel by its neighbours' neighbours: with two rows and columns kept around each
# pixel in question, a part of the image gives the very pixels that the whole gives.
_MARGIN = 2
WHITE, BLACK = 255, 0

Index = slice | npt.NDArray[np.intp]
Pixels = TypeVar("Pixels", npt.NDArray[np.uint8], Mask)


@dataclass(frozen=True)
class Difference:
    """Where two images of one shape differ; each plane has the shape (height, width).

    Attributes:
        at_all: pixels that differ by any amount.
        sensitive: those further apart than the sensitive threshold.
        structural: those further apart than the structural one.
        faint: those further apart than a recolour has to be, and not than the sensitive one.
    """

    at_all: Mask
    sensitive: Mask
    structural: Mask
    faint: Mask

    def __or__(self, other: Difference) -> Difference:
        """What differs in either, as for the same images on two backgrounds."""
        sensitive = self.sensitive | other.sensitive
        return Difference(
            self.at_all | other.at_all,
            sensitive,
            self.structural | other.structural,
            (self.faint | other.faint) & ~sensitive,
        )


@dataclass(frozen=True)
class Views:
    """Two decoded images of one shape, and the backgrounds on which they are seen.

    Attributes:
        base: shape (height, width, 3 or 4).
        head: the same height and width.
        levels: grey levels of the backgrounds; one will do where both images are opaque.
    """

    base: Rgb | Rgba
    head: Rgb | Rgba
    levels: tuple[int, ...]

    @classmethod
    def of(cls, base: Rgb | Rgba, head: Rgb | Rgba) -> Views:
        """On white, and on black too if anything shines through."""
        opaque = is_opaque(base) and is_opaque(head)
        return cls(base, head, (WHITE,) if opaque else (WHITE, BLACK))

    def part(self, rows: Index, columns: Index, level: int) -> tuple[Rgb, Rgb]:
        """These rows and columns of both images as seen on one background."""
        base, head = take(self.base, rows, columns), take(self.head, rows, columns)
        return on_background(base, level), on_background(head, level)


def difference(views: Views, level: int, policy: Policy) -> Difference:
    """Compares two images on one background, as odiff does without its anti-aliasing rule.

    Args:
        views: the images.
        level: the background.
        policy: the thresholds.
    """
    height, width, _ = views.base.shape
    found = Difference(*(np.zeros((height, width), bool) for _ in range(4)))
    for top in range(0, height, _STRIPE):
        rows = slice(top, min(top + _STRIPE, height))
        base, head = views.part(rows, slice(None), level)
        unequal = base != head
        if not unequal.any():
            continue
        # Far cheaper than asking each pixel: most changes take a few columns.
        used = np.flatnonzero(unequal.any(axis=0)) // 3
        columns = slice(int(used[0]), int(used[-1]) + 1)
        red, green, blue = np.moveaxis(unequal[:, columns], 2, 0)
        pixels = np.logical_or(red, green, out=found.at_all[rows, columns])
        pixels |= blue
        _judge(found, pixels, (rows, columns), (base[:, columns], head[:, columns]), policy)
    return found


def _judge(
    found: Difference,
    pixels: Mask,
    at: tuple[slice, slice],
    part: tuple[Rgb, Rgb],
    policy: Policy,
) -> None:
    """Notes which pixels of a part lie how far apart."""
    # Picking them out costs more than it saves where there are many.
    many = 3 * np.count_nonzero(pixels) > pixels.size
    places = (...,) if many else np.nonzero(pixels)
    apart = distances(part[0][places], part[1][places])
    changed = apart >= least(policy.sensitive_threshold)
    found.sensitive[at][places] = changed
    found.structural[at][places] = apart >= least(policy.structural_threshold)
    found.faint[at][places] = (apart >= least(policy.noise.recolour_threshold)) & ~changed


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
