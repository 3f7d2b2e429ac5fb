"""Colour profiles, drawn byte by byte, and PNG chunks that speak of colours."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence

from support.images import chunk

# The columns of RGB to XYZ under D50, as in ColorSync's and Chromium's own profiles.
_P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
_SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
_D50 = (0.9642, 1.0, 0.8249)
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def display_p3() -> bytes:
    """What a Mac puts into its screenshots."""
    return rgb_profile("Display P3", _P3, _parametric(SRGB_CURVE))


def srgb(name: str = "my sRGB") -> bytes:
    """Plain sRGB under any name, its curve by parameters."""
    return rgb_profile(name, _SRGB, _parametric(SRGB_CURVE))


def srgb_by_table(points: int = 1024) -> bytes:
    """Plain sRGB as HP wrote it down: its curve is a table."""
    levels = [n / (points - 1) for n in range(points)]
    light = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in levels]
    numbers = [round(v * 65535) for v in light]
    curve = b"curv" + struct.pack(f">4xI{points}H", points, *numbers)
    return rgb_profile("sRGB IEC61966-2.1", _SRGB, curve)


def linear() -> bytes:
    """The colours of sRGB, and numbers that are light."""
    return rgb_profile("linear", _SRGB, _parametric((1.0,)))


def linear_grey() -> bytes:
    """The same for greys."""
    return _profile(b"GRAY", "linear grey", {b"kTRC": _parametric((1.0,))})


def rgb_profile(name: str, columns: Sequence[Sequence[float]], curve: bytes) -> bytes:
    """A profile of three primaries and one curve."""
    tags = {bytes((c,)) + b"XYZ": _xyz(column) for c, column in zip(b"rgb", columns, strict=True)}
    return _profile(b"RGB ", name, tags | {bytes((c,)) + b"TRC": curve for c in b"rgb"})


def iccp(profile: bytes) -> bytes:
    """The chunk that holds a profile."""
    return chunk(b"iCCP", b"any name\0\0" + zlib.compress(profile))


def cicp(primaries: int, curve: int, matrix: int = 0, full: int = 1) -> bytes:
    """Colours by the numbers of ITU-T H.273."""
    return chunk(b"cICP", bytes((primaries, curve, matrix, full)))


def gama(number: int) -> bytes:
    """Gamma times 100,000."""
    return chunk(b"gAMA", struct.pack(">I", number))


def chrm(*numbers: int) -> bytes:
    """White, red, green and blue, x and y times 100,000."""
    return chunk(b"cHRM", struct.pack(">8I", *numbers))


def exif(orientation: int, *, prefix: bytes = b"", order: str = ">") -> bytes:
    """An Exif block with nothing but an orientation."""
    magic = b"MM\0*" if order == ">" else b"II*\0"
    return prefix + magic + struct.pack(f"{order}IHHHIHHI", 8, 1, 0x112, 3, 1, orientation, 0, 0)


def _profile(space: bytes, name: str, tags: Mapping[bytes, bytes]) -> bytes:
    text = name.encode("utf-16-be")
    described = b"mluc" + struct.pack(">4xII2s2sII", 1, 12, b"en", b"US", len(text), 28) + text
    tags = {b"desc": described, b"wtpt": _xyz(_D50)} | dict(tags)
    at, table, data = 132 + 12 * len(tags), b"", b""
    for tag, value in tags.items():
        padded = value + bytes(-len(value) % 4)
        table += tag + struct.pack(">II", at + len(data), len(value))
        data += padded
    head = bytearray(128)
    head[0:4] = struct.pack(">I", at + len(data))
    head[8:12], head[12:16], head[16:20], head[20:24] = b"\x04\x30\0\0", b"mntr", space, b"XYZ "
    head[36:40], head[68:80] = b"acsp", _fixed(_D50)
    return bytes(head) + struct.pack(">I", len(tags)) + table + data


def _parametric(numbers: Sequence[float]) -> bytes:
    return b"para" + struct.pack(">4xHH", {1: 0, 5: 3}[len(numbers)], 0) + _fixed(numbers)


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(values)


def _fixed(values: Sequence[float]) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(v * 65536) for v in values))
