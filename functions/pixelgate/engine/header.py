"""Reads an image's format and size from its header, before anything is decoded."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass

from PIL import Image, ImageFile, UnidentifiedImageError

from pixelgate.engine import exif
from pixelgate.engine.png_chunks import SIGNATURE, Preamble, essential, preamble_of
from pixelgate.errors import FaultCode, ImageFault

# The default limit of a canvas: a page 2560 pixels wide may be 19,500 high. If both images are
# transparent and change all over, 50 megapixels take 1.8 GB with two odiff processes; opaque images
# take half of that (make bench-memory).
MAX_PIXELS = 50_000_000
FORMATS = ("PNG", "JPEG", "WEBP")

# Pillow refuses images from 179 Mpx on and warns from 89. Our own limit is lower, and its error
# names the size.
Image.MAX_IMAGE_PIXELS = None

_JPEG = b"\xff\xd8\xff"
# A decoder goes over the whole picture for each scan of a progressive JPEG. Real files have about
# ten scans; a file of 200 KB with a thousand scans keeps a decoder busy for half a minute.
_MAX_SCANS = 100
_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
# An error text with one of these is meant for programmers, not for users.
_INSIDES = ("Plugin", "<", "literal", "argument", "0x")

# Common formats that we do not read. The error names the format instead of "unreadable".
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
    """Reads the header of a PNG, JPEG or WebP file. The file's name does not matter.

    Raises:
        ImageFault: UNREADABLE or UNSUPPORTED_FORMAT.
    """
    if not body:
        raise ImageFault(FaultCode.UNREADABLE, "the file is empty")
    preamble = preamble_of(body)
    orientation = _orientation_of_png(preamble)
    if preamble is not None and preamble.simple:
        return _shown("PNG", preamble.width, preamble.height, orientation)
    if body.startswith(_JPEG) and _has_many_scans(body):
        raise ImageFault(
            FaultCode.UNREADABLE, f"the JPEG has more than {_MAX_SCANS} scans, which are not read"
        )
    try:
        with open_image(body) as image:
            if getattr(image, "is_animated", False):
                raise ImageFault(
                    FaultCode.UNSUPPORTED_FORMAT, "the image is animated; one picture is compared"
                )
            if preamble is None:
                orientation = exif.orientation_of(image.info.get("exif", b""))
            return _shown(image.format or "", *image.size, orientation)
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
    """A library's error text for a damaged file; empty if only programmers understand it."""
    text = str(error)
    return "" if not text or any(sign in text for sign in _INSIDES) else f": {text}"


def open_image(body: bytes) -> ImageFile.ImageFile:
    """Opens an image with Pillow. Of a PNG, Pillow gets only the chunks that browsers read.

    Raises:
        Exception: of any kind, if the file is damaged or in another format.
    """
    if body.startswith(SIGNATURE):
        body = essential(body)
    return Image.open(io.BytesIO(body), formats=FORMATS)


def canvas_of(base: Header, head: Header, most: int = MAX_PIXELS) -> tuple[int, int]:
    """The canvas that holds both images: the larger width and the larger height.

    `most` is the limit of the canvas, in pixels.

    Raises:
        ImageFault: EXCEEDS_PIXEL_LIMIT.
    """
    width, height = max(base.width, head.width), max(base.height, head.height)
    if width * height > most:
        raise ImageFault(
            FaultCode.EXCEEDS_PIXEL_LIMIT,
            f"{width}×{height} are {width * height:,} pixels; up to {most:,} are compared",
        )
    return width, height


def _orientation_of_png(preamble: Preamble | None) -> int:
    """The orientation of a PNG. As in browsers, only an eXIf chunk before the pixels counts."""
    return exif.of_png(preamble.metadata.get(b"eXIf", b"")) if preamble else exif.UPRIGHT


def _shown(format_: str, width: int, height: int, orientation: int) -> Header:
    if orientation in exif.LYING:
        width, height = height, width
    return Header(format_, width, height)


def _has_many_scans(body: bytes) -> bool:
    """Whether a JPEG has too many scans before its end marker. Bytes after that are not read.

    Segments are skipped as libjpeg skips them. The length of a scan or of an unknown marker is not
    trusted, so nothing that libjpeg could take for a scan is skipped.
    """
    at, scans = 2, 0
    while match := _MARKER.search(body, at):
        at, marker = match.end(), match[1][0]
        if marker == _END:
            return False
        if marker == _SCAN:
            scans += 1
            if scans > _MAX_SCANS:
                return True
        elif marker >= 0xC0 and marker != _START:
            at += max(2, int.from_bytes(body[at : at + 2]))
    return False


def _not_ours(body: bytes) -> ImageFault:
    if body.startswith((SIGNATURE, _JPEG)) or (body.startswith(b"RIFF") and body[8:12] == b"WEBP"):
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
