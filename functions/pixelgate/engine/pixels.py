"""Decoded pixels: from a file to an array, onto a background."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from pixelgate.engine import native, png
from pixelgate.engine.header import FORMATS, in_words, orientation
from pixelgate.engine.rooms import Rooms
from pixelgate.errors import FaultCode, ImageFault

Rgba = npt.NDArray[np.uint8]  # (height, width, 4)
Rgb = npt.NDArray[np.uint8]  # (height, width, 3)


def decode(body: bytes, rooms: Rooms | None = None, purpose: str = "image") -> Rgb | Rgba:
    """Decodes PNG, JPEG or WebP to 8 bits a channel.

    Args:
        body: the file.
        rooms: where the pixels may lie; memory of their own by default.
        purpose: whose rooms: the next image of that purpose overwrites the pixels.

    Returns:
        Shape (height, width, 3), or (height, width, 4) if any pixel is transparent.

    Raises:
        ImageFault: UNREADABLE.
    """
    rooms = rooms or Rooms()
    ordinary = png.read(body, rooms, purpose)
    if ordinary is not None:
        return _without_useless_alpha(ordinary, rooms, purpose)
    try:
        with Image.open(io.BytesIO(body), formats=FORMATS) as image:
            image.load()
            upright = image if orientation(image) == 1 else ImageOps.exif_transpose(image)
            return _as_array(_eight_bit(upright), rooms, purpose)
    except MemoryError:
        raise
    except Exception as error:
        # As in read_header: damaged files make Pillow raise errors of a dozen kinds.
        raise ImageFault(FaultCode.UNREADABLE, f"the image is damaged{in_words(error)}") from error


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


def _as_array(image: Image.Image, rooms: Rooms, purpose: str) -> Rgb | Rgba:
    if "A" not in image.getbands() and "transparency" not in image.info:
        return np.asarray(_in_mode(image, "RGB"))
    return _without_useless_alpha(np.asarray(_in_mode(image, "RGBA")), rooms, purpose)


def _without_useless_alpha(pixels: Rgb | Rgba, rooms: Rooms, purpose: str) -> Rgb | Rgba:
    if pixels.shape[2] == 3:
        return pixels
    pixels = np.ascontiguousarray(pixels)
    opaque = rooms.take(f"{purpose}, 3 channels", (*pixels.shape[:2], 3))
    return opaque if native.without_alpha(pixels, opaque) else pixels


def is_opaque(image: Rgb | Rgba) -> bool:
    """Whether nothing shines through anywhere."""
    return bool(image.shape[2] == 3)


def on_background(image: Rgb | Rgba, level: int) -> Rgb:
    """The image as seen on a grey background of that level, shape (height, width, 3)."""
    if is_opaque(image):
        return image
    return native.blend(image, level)
