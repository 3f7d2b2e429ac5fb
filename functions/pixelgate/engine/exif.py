"""How a camera held a picture: the one thing that Exif says and that browsers heed."""

from __future__ import annotations

import struct

UPRIGHT = 1
LYING = frozenset({5, 6, 7, 8})  # orientations that exchange width and height
_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_TAG = 0x0112
_SHORT, _LONG, _BYTE = 3, 4, 1
_PLACES = {_BYTE: "B", _SHORT: "H", _LONG: "I"}


def orientation_of(block: bytes) -> int:
    """The orientation that an Exif block names, 1 to 8; upright if it names none or is damaged.

    Args:
        block: a TIFF header with its first directory, as in a PNG's eXIf chunk; `Exif` may precede
            it, as in a JPEG.
    """
    block = block.removeprefix(b"Exif\0\0")
    order = _ORDERS.get(block[:4])
    if order is None:
        return UPRIGHT
    try:
        (directory,) = struct.unpack_from(f"{order}I", block, 4)
        (entries,) = struct.unpack_from(f"{order}H", block, directory)
        for at in range(directory + 2, directory + 2 + 12 * entries, 12):
            tag, kind, count = struct.unpack_from(f"{order}HHI", block, at)
            if tag == _TAG and kind in _PLACES and count == 1:
                (stored,) = struct.unpack_from(f"{order}{_PLACES[kind]}", block, at + 8)
                return stored if 1 <= stored <= 8 else UPRIGHT
    except struct.error:
        return UPRIGHT  # it ends too early; browsers ignore it, too
    return UPRIGHT


def of_png(block: bytes) -> int:
    """The same of an eXIf chunk, in which browsers want no `Exif` before the block."""
    return orientation_of(block) if block[:4] in _ORDERS else UPRIGHT
