"""The chunks of a PNG as browsers write their screenshots; all others are Pillow's."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator

_START = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_HEADER_AT, _FORM = 8, slice(24, 29)
# 8 bits a channel, colour without or with alpha, not interlaced.
_CHANNELS = {bytes((8, 2, 0, 0, 0)): 3, bytes((8, 6, 0, 0, 0)): 4}
# What browsers say of colours and of dots an inch, and how long that is. Whether a picture moves,
# or has a profile or texts that are damaged, is for Pillow to tell.
_HARMLESS = {b"sRGB": 1, b"gAMA": 4, b"cHRM": 32, b"pHYs": 9}
_MAY_BE_LEFT_OUT = 32  # in the first letter of a chunk's kind

Sum = Callable[[memoryview], int]  # CRC-32


class Unusual(Exception):
    """The file is damaged, or not as browsers write it."""


def form_of(body: bytes) -> tuple[int, int, int] | None:
    """Width, height and 3 or 4 channels, if the file begins as such a PNG; else None."""
    channels = _CHANNELS.get(body[_FORM]) if body.startswith(_START) else None
    if channels is None:
        return None
    width, height = struct.unpack_from(">II", body, 16)
    return (width, height, channels) if width and height else None


def size_of(body: bytes) -> tuple[int, int] | None:
    """Width and height of such a PNG, if Pillow would find nothing to say before its pixels."""
    form = form_of(body)
    if form is None:
        return None
    try:
        for kind, data in chunks_of(body, zlib.crc32, until=b"IDAT"):
            if _HARMLESS.get(kind) != len(data):
                return None
    except Unusual:
        return None
    return form[:2]


def chunks_of(
    body: bytes, sum_of: Sum, until: bytes = b"IEND"
) -> Iterator[tuple[bytes, memoryview]]:
    """The kind and the data of each chunk behind the header, up to the first one of a kind.

    Raises:
        Unusual: a checksum or a length is wrong, or a chunk is neither data nor one that may be
            left out, or makes a colour transparent.
    """
    view, at = memoryview(body), _HEADER_AT
    while at + 12 <= len(body):
        length, kind = struct.unpack_from(">I4s", body, at)
        if kind == until:
            return
        end = at + 8 + length
        if end + 4 > len(body) or sum_of(view[at + 4 : end]) != int.from_bytes(view[end : end + 4]):
            break
        if at != _HEADER_AT:
            if kind == b"tRNS" or (kind != b"IDAT" and not kind[0] & _MAY_BE_LEFT_OUT):
                break
            yield kind, view[at + 8 : end]
        at = end + 4
    raise Unusual
