"""How a camera held a picture: the one thing that Exif says and that browsers heed."""

from __future__ import annotations

import numpy as np
from PIL import ExifTags, Image

from pixelgate.engine.native import Pixels

UPRIGHT = 1
LYING = frozenset({5, 6, 7, 8})  # orientations that exchange width and height
_TIFF = (b"II*\0", b"MM\0*")


def orientation_of(block: bytes) -> int:
    """The orientation that an Exif block names, 1 to 8; upright if it names none or is damaged.

    Args:
        block: as in a PNG's eXIf chunk or, with `Exif` before it, as in a JPEG.
    """
    if not block.removeprefix(b"Exif\0\0").startswith(_TIFF):
        return UPRIGHT
    try:
        exif = Image.Exif()
        exif.load(block)
        stored = exif.get(ExifTags.Base.Orientation, UPRIGHT)
    except MemoryError:
        raise
    except Exception:
        return UPRIGHT  # a dozen kinds of errors, as of any damaged file; browsers ignore it, too
    return stored if isinstance(stored, int) and 1 <= stored <= 8 else UPRIGHT


def of_png(block: bytes) -> int:
    """The same of an eXIf chunk, in which browsers want no `Exif` before the block."""
    return orientation_of(block) if block.startswith(_TIFF) else UPRIGHT


def turned(pixels: Pixels, orientation: int) -> Pixels:
    """The picture as it is shown, contiguous; the same array if it is upright."""
    if orientation == UPRIGHT:
        return pixels
    if orientation in LYING:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
