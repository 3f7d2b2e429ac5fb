"""Decoded pixels: from a file to an array, onto a background, and into a file for odiff."""

from __future__ import annotations

import io
import struct

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixelgate.engine.header import FORMATS
from pixelgate.errors import FaultCode, ImageFault

Rgba = npt.NDArray[np.uint8]  # (height, width, 4)
Rgb = npt.NDArray[np.uint8]  # (height, width, 3)

_STRIPE = 256  # rows


def decode(body: bytes) -> Rgba:
    """Decodes PNG, JPEG or WebP to 8-bit RGBA, shape (height, width, 4).

    Raises:
        ImageFault: UNREADABLE.
    """
    try:
        with Image.open(io.BytesIO(body), formats=FORMATS) as image:
            image.load()
            return np.asarray(_eight_bit(image).convert("RGBA"))
    except MemoryError:
        raise  # the machine's fault, not the image's
    except Exception as error:
        # As in read_header: damaged files make Pillow raise errors of a dozen kinds.
        raise ImageFault(FaultCode.UNREADABLE, f"the image is damaged: {error}") from error


def _eight_bit(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # Pillow's own conversion of 16-bit grey clips at 255 instead of scaling.
        levels = np.asarray(image).astype(np.uint32)
        grey = (levels >> 8).astype(np.uint8)
        transparent = levels == image.info.get("transparency", -1)
        return Image.fromarray(np.dstack([grey, np.where(transparent, 0, 255).astype(np.uint8)]))
    return image.convert("RGB") if image.mode == "CMYK" else image


def is_opaque(image: Rgba) -> bool:
    """Whether no pixel lets anything shine through."""
    return bool(np.all(image[..., 3] == 255))


def on_background(image: Rgba, level: int) -> Rgb:
    """The image as seen on a grey background of that level, shape (height, width, 3)."""
    height, width, _ = image.shape
    seen = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, _STRIPE):  # in stripes: the 16-bit products of 40 Mpx fill 500 MB
        stripe = image[top : top + _STRIPE]
        alpha = stripe[..., 3:].astype(np.uint16)
        mixed = stripe[..., :3] * alpha + np.uint16(level) * (255 - alpha) + 127
        seen[top : top + _STRIPE] = mixed // 255
    return seen


def as_bitmap(image: Rgb) -> bytes:
    """The pixels as an uncompressed file for odiff, which reads it far faster than a PNG.

    A 24-bit BMP, bottom row first, rows padded to four bytes. BMP stores blue, green, red; odiff's
    reader takes them for red, green, blue, so we write them in that order and odiff sees the very
    colours that it would see in a PNG (measured with 4.5.0; a test compares the two routes).
    """
    height, width, _ = image.shape
    stride = (width * 3 + 3) // 4 * 4
    rows = np.zeros((height, stride), np.uint8)
    rows[:, : width * 3] = image[::-1].reshape(height, width * 3)
    file_header = struct.pack("<2sIHHI", b"BM", 54 + rows.size, 0, 0, 54)
    info_header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, rows.size, 0, 0, 0, 0)
    return file_header + info_header + rows.tobytes()
