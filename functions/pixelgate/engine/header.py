"""Reads an image's format and size from its first bytes, without a library."""

from __future__ import annotations

from dataclasses import dataclass

from pixelgate.engine import exif, jpeg_header, webp_header
from pixelgate.engine.png_chunks import SIGNATURE, form_is_valid, preamble_of
from pixelgate.errors import FaultCode, ImageFault

# The default limit of a canvas: a page 2560 pixels wide may be 19,500 high. If both images are
# transparent and change all over, 50 megapixels take 1.8 GB with two odiff processes; opaque images
# take half of that (make bench-memory).
MAX_PIXELS = 50_000_000

_JPEG = b"\xff\xd8\xff"
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
_NO_FRAMES = 2**31  # from this number of frames on, browsers ignore the animation
_HEIF = frozenset({b"ftypavif", b"ftypavis", b"ftypheic", b"ftypheix", b"ftypmif1"})


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
    format_, width, height, orientation = _read(body)
    if orientation in exif.LYING:
        width, height = height, width
    return Header(format_, width, height)


def stored_size(body: bytes) -> tuple[int, int]:
    """Width and height before the orientation is applied; arguments and errors of read_header."""
    _, width, height, _ = _read(body)
    return width, height


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


def _read(body: bytes) -> tuple[str, int, int, int]:
    """The format, the stored width and height, and the orientation."""
    if body.startswith(SIGNATURE):
        return "PNG", *_read_png(body)
    if body.startswith(_JPEG):
        return "JPEG", *jpeg_header.read(body)
    if body.startswith(b"RIFF") and body[8:12] == b"WEBP":
        return "WEBP", *webp_header.read(body)
    raise _not_ours(body)


def _read_png(body: bytes) -> tuple[int, int, int]:
    if not form_is_valid(body):
        raise ImageFault(FaultCode.UNREADABLE, "the header is damaged")
    width, height = int.from_bytes(body[16:20]), int.from_bytes(body[20:24])
    preamble = preamble_of(body)
    if preamble is None:
        # A file that was cut within its first pixels has a size, and fails when it is decoded.
        if b"IDAT" not in body:
            raise ImageFault(FaultCode.UNREADABLE, "the header is damaged: there are no pixels")
        return width, height, exif.UPRIGHT
    if 1 < int.from_bytes(preamble.metadata.get(b"acTL", b"")[:4]) < _NO_FRAMES:
        raise ImageFault(
            FaultCode.UNSUPPORTED_FORMAT, "the image is animated; one picture is compared"
        )
    # As in browsers, only an eXIf chunk before the pixels counts.
    return width, height, exif.of_png(preamble.metadata.get(b"eXIf", b""))


def _not_ours(body: bytes) -> ImageFault:
    for magic, name in _FOREIGN.items():
        if body.startswith(magic):
            return ImageFault(
                FaultCode.UNSUPPORTED_FORMAT, f"the file is {name}; PNG, JPEG and WebP are compared"
            )
    if body[4:12] in _HEIF:
        return ImageFault(
            FaultCode.UNSUPPORTED_FORMAT,
            "the file is AVIF or HEIC; PNG, JPEG and WebP are compared",
        )
    return ImageFault(FaultCode.UNREADABLE, "the file is no PNG, JPEG or WebP image")
