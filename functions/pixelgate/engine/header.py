"""What an image's first bytes say of it, read before anything is decoded."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import ExifTags, Image, UnidentifiedImageError

from pixelgate.engine.chunks import size_of
from pixelgate.errors import FaultCode, ImageFault

# Two decoded 40 Mpx images and odiff's own buffers fit into the memory of one worker.
MAX_PIXELS = 40_000_000
FORMATS = ("PNG", "JPEG", "WEBP")

# Pillow would refuse from 179 Mpx on and warn from 89; our own limit is lower and says more.
Image.MAX_IMAGE_PIXELS = None

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
# Each scan of a progressive JPEG goes over the whole picture. Real ones have some ten; with a
# thousand of them 200 KB keep a decoder busy for half a minute.
_MAX_SCANS = 100
# Signs that an error's text is for programmers.
_INSIDES = ("Plugin", "<", "literal", "argument", "0x")

# Formats that people do have and that we tell by name instead of calling them unreadable.
_LYING = frozenset({5, 6, 7, 8})  # Exif orientations that exchange width and height
_FOREIGN = {
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\xff\x0a": "JPEG XL",
    b"%PDF": "PDF",
    b"<svg": "SVG",
}


@dataclass(frozen=True)
class Header:
    """Format, and size in pixels as the image is shown."""

    format: str
    width: int
    height: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height


def read_header(body: bytes) -> Header:
    """Reads the header of a PNG, JPEG or WebP file, whatever its name is.

    Raises:
        ImageFault: UNREADABLE or UNSUPPORTED_FORMAT.
    """
    if not body:
        raise ImageFault(FaultCode.UNREADABLE, "the file is empty")
    size = size_of(body)
    if size is not None:
        return Header("PNG", *size)
    scans = body.count(b"\xff\xda") if body.startswith(_JPEG) else 0
    if scans > _MAX_SCANS:
        raise ImageFault(
            FaultCode.UNREADABLE, f"the JPEG has {scans:,} scans; up to {_MAX_SCANS} are read"
        )
    try:
        with Image.open(io.BytesIO(body), formats=FORMATS) as image:
            if getattr(image, "is_animated", False):
                raise ImageFault(
                    FaultCode.UNSUPPORTED_FORMAT, "the image is animated; one picture is compared"
                )
            width, height = image.size
            if orientation(image) in _LYING:
                width, height = height, width
            return Header(format=image.format or "", width=width, height=height)
    except ImageFault:
        raise
    except UnidentifiedImageError as error:
        raise _not_ours(body) from error
    except MemoryError:
        raise  # the machine's fault, not the image's
    except Exception as error:
        # Pillow's parsers raise a dozen kinds of error on damaged files: SyntaxError, ValueError,
        # struct.error, OSError … all of them mean the same here.
        raise ImageFault(FaultCode.UNREADABLE, f"the header is damaged{in_words(error)}") from error


def in_words(error: Exception) -> str:
    """What a library says of a damaged file, unless it speaks of its own insides."""
    said = str(error)
    return "" if not said or any(sign in said for sign in _INSIDES) else f": {said}"


def orientation(image: Image.Image) -> int:
    """How a camera held the picture, by Exif; 1 is upright. Screenshots are, and PNG has none."""
    if image.format == "PNG":
        return 1  # looking for it would decode the whole image
    stored = image.getexif().get(ExifTags.Base.Orientation, 1)
    return stored if isinstance(stored, int) else 1


def canvas_of(base: Header, head: Header) -> tuple[int, int]:
    """The canvas that holds both images: the larger width and the larger height.

    Raises:
        ImageFault: EXCEEDS_PIXEL_LIMIT.
    """
    width, height = max(base.width, head.width), max(base.height, head.height)
    if width * height > MAX_PIXELS:
        raise ImageFault(
            FaultCode.EXCEEDS_PIXEL_LIMIT,
            f"{width}×{height} are {width * height:,} pixels; up to {MAX_PIXELS:,} are compared",
        )
    return width, height


def _not_ours(body: bytes) -> ImageFault:
    if body.startswith((_PNG, _JPEG)) or (body.startswith(b"RIFF") and body[8:12] == b"WEBP"):
        return ImageFault(FaultCode.UNREADABLE, "the header is damaged")
    for magic, name in _FOREIGN.items():
        if body.startswith(magic):
            return ImageFault(
                FaultCode.UNSUPPORTED_FORMAT, f"the file is {name}; PNG, JPEG and WebP are compared"
            )
    if body[4:12] in {b"ftypavif", b"ftypavis", b"ftypheic", b"ftypheix", b"ftypmif1"}:
        return ImageFault(
            FaultCode.UNSUPPORTED_FORMAT,
            "the file is AVIF or HEIC; PNG, JPEG and WebP are compared",
        )
    return ImageFault(FaultCode.UNREADABLE, "the file is no PNG, JPEG or WebP image")
