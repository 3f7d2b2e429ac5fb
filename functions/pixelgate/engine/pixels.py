"""Decoded pixels: from a file to an array, onto a background, and into a file for odiff."""

from __future__ import annotations

import io
import struct

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from pixelgate.engine.header import FORMATS, orientation
from pixelgate.errors import FaultCode, ImageFault

Rgba = npt.NDArray[np.uint8]  # (height, width, 4)
Rgb = npt.NDArray[np.uint8]  # (height, width, 3)
Box = tuple[slice, slice]  # rows and columns

_STRIPE = 256  # rows


def decode(body: bytes) -> Rgb | Rgba:
    """Decodes PNG, JPEG or WebP to 8 bits a channel.

    Returns:
        Shape (height, width, 3), or (height, width, 4) if any pixel is transparent.

    Raises:
        ImageFault: UNREADABLE.
    """
    try:
        with Image.open(io.BytesIO(body), formats=FORMATS) as image:
            image.load()
            upright = image if orientation(image) == 1 else ImageOps.exif_transpose(image)
            return _without_useless_alpha(_eight_bit(upright))
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
    key = image.info.get("transparency")
    if isinstance(key, tuple) and max(key) > 255:
        # Pillow reads 16 bits a channel as 8 and leaves the transparent colour at 16.
        image.info["transparency"] = tuple(level >> 8 for level in key)
    return image.convert("RGB") if image.mode == "CMYK" else image


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    """Pillow copies an image even when it has the mode already."""
    return image if image.mode == mode and "transparency" not in image.info else image.convert(mode)


def _without_useless_alpha(image: Image.Image) -> Rgb | Rgba:
    if "A" not in image.getbands() and "transparency" not in image.info:
        return np.asarray(_in_mode(image, "RGB"))
    pixels = np.asarray(_in_mode(image, "RGBA"))
    return pixels if np.any(pixels[..., 3] != 255) else np.ascontiguousarray(pixels[..., :3])


def is_opaque(image: Rgb | Rgba) -> bool:
    """Whether nothing shines through anywhere."""
    return bool(image.shape[2] == 3)


def on_background(image: Rgb | Rgba, level: int) -> Rgb:
    """The image as seen on a grey background of that level, shape (height, width, 3)."""
    if is_opaque(image):
        return image
    height, width, _ = image.shape
    seen = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, _STRIPE):  # in stripes: the 16-bit products of 40 Mpx fill 500 MB
        stripe = image[top : top + _STRIPE]
        alpha = stripe[..., 3:].astype(np.uint16)
        mixed = stripe[..., :3] * alpha + np.uint16(level) * (255 - alpha) + 127
        seen[top : top + _STRIPE] = mixed // 255
    return seen


def changed_box(base: Rgb, head: Rgb, margin: int) -> Box | None:
    """The rows and columns outside which two images of one shape are equal.

    Args:
        base: shape (height, width, 3).
        head: the same shape.
        margin: how many equal rows and columns to keep around it, as far as there are any.

    Returns:
        None if the images are equal.
    """
    height, width, _ = base.shape
    # Rows are compared as bytes: that is one memcmp each, and the loops end at the first change.
    base_rows, head_rows = (np.ascontiguousarray(i).reshape(height, -1) for i in (base, head))
    differing = (y for y in range(height) if base_rows[y].data != head_rows[y].data)
    top = next(differing, None)
    if top is None:
        return None
    bottom = height - 1
    while base_rows[bottom].data == head_rows[bottom].data:
        bottom -= 1
    band = slice(top, bottom + 1)
    columns = (base_rows[band] != head_rows[band]).any(axis=0).reshape(width, 3).any(axis=1)
    xs = np.flatnonzero(columns)
    return (
        slice(max(0, top - margin), bottom + 1 + margin),
        slice(max(0, int(xs[0]) - margin), int(xs[-1]) + 1 + margin),
    )


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
