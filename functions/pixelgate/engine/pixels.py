"""Decoded pixels: from a file to an array, onto a background."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

from pixelgate.engine import colour, exif, native, png
from pixelgate.engine.buffers import BufferPool
from pixelgate.engine.header import stored_size
from pixelgate.engine.icc import SRGB, Profile
from pixelgate.engine.native import Pixels
from pixelgate.engine.png_chunks import SIGNATURE, Preamble, essential, preamble_of
from pixelgate.errors import FaultCode, ImageFault

# Pillow refuses images from 179 Mpx on and warns from 89. Our own limit is lower, and its error
# names the size.
Image.MAX_IMAGE_PIXELS = None
_FORMATS = ("PNG", "JPEG", "WEBP")
# An error text with one of these is meant for programmers, not for users.
_INSIDES = ("Plugin", "<", "literal", "argument", "0x")
_GREY_MODES = frozenset({"1", "L", "LA", "I", "I;16"})
_GREY_COLOURS = frozenset({0, 4})


@dataclass(frozen=True)
class Picture:
    """A decoded image."""

    # As a browser shows them: upright, in sRGB; shape (height, width, 3), or (height, width, 4) if
    # any pixel is transparent.
    pixels: Pixels
    profile: str = SRGB.name  # the name of the colour profile that the file's own numbers had


def decode(body: bytes, buffers: BufferPool | None = None, purpose: str = "image") -> Pixels:
    """Decodes an image and returns its pixels; arguments and errors as of `read`."""
    return read(body, buffers, purpose).pixels


def read(body: bytes, buffers: BufferPool | None = None, purpose: str = "image") -> Picture:
    """Decodes PNG, JPEG or WebP to 8 bits a channel, oriented and in sRGB as a browser shows it.

    The pixels may lie in `buffers`, where the next image of that purpose overwrites them.

    Raises:
        ImageFault: UNREADABLE.
    """
    buffers = buffers or BufferPool()
    preamble = preamble_of(body)
    ordinary = png.read(body, buffers, purpose)
    if ordinary is None:
        pixels, profile, orientation = _by_pillow(body, preamble, buffers, purpose)
    else:
        pixels = _without_useless_alpha(ordinary, buffers, purpose)
        profile, orientation = SRGB, exif.UPRIGHT
    if preamble is not None:
        profile = colour.of_png(preamble.metadata)
        profile = _usable(profile, is_grey=preamble.colour in _GREY_COLOURS)
        orientation = exif.of_png(preamble.metadata.get(b"eXIf", b""))
    pixels = turned(pixels, orientation)
    if profile.way is not None:
        pixels = pixels if pixels.flags.writeable else pixels.copy()
        profile.convert(pixels)
    return Picture(pixels, profile.name)


def _by_pillow(
    body: bytes, preamble: Preamble | None, buffers: BufferPool, purpose: str
) -> tuple[Pixels, Profile, int]:
    """Decodes with Pillow: pixels, and a JPEG's or WebP's profile and orientation."""
    try:
        with open_image(body) as image:
            if image.size != stored_size(body):  # the limits were held against the header's
                raise ImageFault(FaultCode.UNREADABLE, "the image is damaged: it has two sizes")
            image.load()
            profile = colour.of_icc(image.info.get("icc_profile"))
            profile = _usable(profile, is_grey=image.mode in _GREY_MODES)
            if image.mode == "CMYK":
                profile = SRGB  # Pillow converts CMYK to sRGB without the profile
            orientation = exif.orientation_of(image.info.get("exif", b""))
            wide = preamble is not None and preamble.depth > 8
            opaque = _opaque_by_all_bits(body, image) if wide else None
            pixels = _as_array(_eight_bit(image), buffers, purpose)
            if opaque is not None:
                pixels = _without_useless_alpha(np.dstack([pixels, opaque]), buffers, purpose)
            return pixels, profile, orientation
    except (MemoryError, ImageFault):
        raise
    except Exception as error:
        # Pillow raises a dozen kinds of error on damaged files.
        raise ImageFault(FaultCode.UNREADABLE, f"the image is damaged{in_words(error)}") from error


def open_image(body: bytes) -> ImageFile.ImageFile:
    """Opens an image with Pillow. Of a PNG, Pillow gets only the chunks that browsers read.

    Raises:
        Exception: of any kind, if the file is damaged or in another format.
    """
    if body.startswith(SIGNATURE):
        body = essential(body)
    return Image.open(io.BytesIO(body), formats=_FORMATS)


def in_words(error: Exception) -> str:
    """A library's error text for a damaged file; empty if only programmers understand it."""
    text = str(error)
    return "" if not text or any(sign in text for sign in _INSIDES) else f": {text}"


def turned(pixels: Pixels, orientation: int) -> Pixels:
    """The picture as it is shown, contiguous; the same array if it is upright."""
    if orientation == exif.UPRIGHT:
        return pixels
    if orientation in exif.LYING:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _usable(profile: Profile, *, is_grey: bool) -> Profile:
    """Ignores a grey profile on an image with colours."""
    return SRGB if profile.is_grey and not is_grey else profile


def _opaque_by_all_bits(body: bytes, image: Image.Image) -> npt.NDArray[np.uint8] | None:
    """The alpha of 16-bit RGB that has a transparent colour; takes that colour from the image.

    Pillow keeps the upper eight bits of each channel, and two colours may share these. It is made
    to read the lower ones too.
    """
    key = image.info.get("transparency")
    if image.mode != "RGB" or not isinstance(key, tuple):
        return None
    del image.info["transparency"]
    with open_image(body) as low_bytes:
        low_bytes.tile = [tile._replace(args="RGB;16L") for tile in low_bytes.tile]
        low_bytes.load()
        hidden = np.ones(image.size[::-1], bool)
        for channel, level in enumerate(key):  # one at a time: a page of 50 megapixels is large
            hidden &= np.asarray(image.getchannel(channel)) == level >> 8
            hidden &= np.asarray(low_bytes.getchannel(channel)) == level & 255
    return np.where(hidden, np.uint8(0), np.uint8(255))


def _eight_bit(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # Pillow's own conversion of 16-bit grey clips at 255 instead of scaling.
        levels = np.asarray(image).astype(np.uint32)
        grey = (levels >> 8).astype(np.uint8)
        transparent = levels == image.info.get("transparency", -1)
        return Image.fromarray(np.dstack([grey, np.where(transparent, 0, 255).astype(np.uint8)]))
    key = image.info.get("transparency")
    if isinstance(key, tuple):
        # Of two bytes a level, of which eight bits need one.
        image.info["transparency"] = tuple(level & 255 for level in key)
    return image.convert("RGB") if image.mode == "CMYK" else image


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    """Converts an image unless it has the mode already: Pillow would copy it even then."""
    return image if image.mode == mode and "transparency" not in image.info else image.convert(mode)


def _as_array(image: Image.Image, buffers: BufferPool, purpose: str) -> Pixels:
    if "A" not in image.getbands() and "transparency" not in image.info:
        return np.asarray(_in_mode(image, "RGB"))
    return _without_useless_alpha(np.asarray(_in_mode(image, "RGBA")), buffers, purpose)


def _without_useless_alpha(pixels: Pixels, buffers: BufferPool, purpose: str) -> Pixels:
    if pixels.shape[2] == 3:
        return pixels
    pixels = np.ascontiguousarray(pixels)
    opaque = buffers.take(f"{purpose}, 3 channels", (*pixels.shape[:2], 3))
    return opaque if native.without_alpha(pixels, opaque) else pixels


def is_opaque(image: Pixels) -> bool:
    """Whether nothing shines through anywhere."""
    return bool(image.shape[2] == 3)


def on_background(image: Pixels, level: int) -> Pixels:
    """The image as seen on a grey background of that level, shape (height, width, 3)."""
    if is_opaque(image):
        return image
    return native.blend(image, level)
