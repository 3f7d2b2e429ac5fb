"""Reads the size of a WebP from its first chunk (RFC 9649)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from pixelgate.engine import exif
from pixelgate.errors import FaultCode, ImageFault

_CHUNKS_AT = 12
_KEY_FRAME = b"\x9d\x01\x2a"
_LOSSLESS = 0x2F
_ANIMATED, _HAS_EXIF = 0x02, 0x08


def read(body: bytes) -> tuple[int, int, int]:
    """Width, height and orientation.

    Raises:
        ImageFault: UNREADABLE or UNSUPPORTED_FORMAT.
    """
    length = int.from_bytes(body[4:8], "little")
    if length + 8 > len(body):
        raise ImageFault(
            FaultCode.UNREADABLE,
            f"the header is damaged: it speaks of {length + 8:,} bytes, the file has {len(body):,}",
        )
    kind, data = next(_chunks(body), (b"", b""))
    match kind:
        case b"VP8 " if len(data) >= 10 and data[3:6] == _KEY_FRAME and not data[0] & 1:
            width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 6))
        case b"VP8L" if len(data) >= 5 and data[0] == _LOSSLESS:
            bits = int.from_bytes(data[1:5], "little")
            width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8X" if len(data) >= 10:
            if data[0] & _ANIMATED:
                raise ImageFault(
                    FaultCode.UNSUPPORTED_FORMAT, "the image is animated; one picture is compared"
                )
            width, height = (1 + int.from_bytes(data[i : i + 3], "little") for i in (4, 7))
            if data[0] & _HAS_EXIF:
                return width, height, _orientation(body)
        case _:
            width = height = 0
    if not width or not height:
        raise ImageFault(FaultCode.UNREADABLE, "the header is damaged")
    return width, height, exif.UPRIGHT


def _orientation(body: bytes) -> int:
    block = next((bytes(data) for kind, data in _chunks(body) if kind == b"EXIF"), b"")
    return exif.orientation_of(block.removeprefix(b"Exif\0\0"))


def _chunks(body: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """The chunks that end inside the file: their four letters and what they hold."""
    view, at = memoryview(body), _CHUNKS_AT
    while at + 8 <= len(body):
        kind, length = struct.unpack_from("<4sI", body, at)
        if at + 8 + length > len(body):
            return
        yield kind, view[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
