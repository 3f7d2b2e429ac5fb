"""Finds the colour profile of a file, with Chromium's order of precedence."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

from pixelgate.engine import icc
from pixelgate.engine.icc import D65, SRGB, Point, Profile

Metadata = Mapping[bytes, bytes]
Primaries = tuple[Point, Point, Point, Point]  # red, green, blue, white

_SRGB_COLOURS: Primaries = (0.64, 0.33), (0.30, 0.60), (0.15, 0.06), D65
# By the numbers of ITU-T H.273.
_PRIMARIES: Mapping[int, Primaries] = {
    1: _SRGB_COLOURS,
    5: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), D65),
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), D65),
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), D65),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), D65),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), D65),
}
_SRGB_CURVE = 13
_GAMMAS: Mapping[int, float | None] = {
    **dict.fromkeys((1, 6, 14, 15), 2.4),  # BT.709 and related curves, as screens apply them
    4: 2.2,
    5: 2.8,
    8: 1.0,
    _SRGB_CURVE: None,
}
# PQ and HLG: how a browser shows them depends on the screen, so they are named, not converted.
_HDR = frozenset({16, 18})
_NAMES = {(9, _SRGB_CURVE): "BT.2020 colours", (12, _SRGB_CURVE): "Display P3"}
# The exponent is 100,000 divided by this. A gamma this close to sRGB's, without cHRM, is ignored.
_SRGB_GAMMA, _NEAR = 45_455, 0.05
_STEEPEST = 100.0
_INTENTS = frozenset(range(4))
_LONGEST_KEYWORD = 79


def of_png(metadata: Metadata) -> Profile:
    """The profile of a PNG.

    A cICP chunk takes precedence over iCCP, iCCP over sRGB, and sRGB over gAMA with cHRM. Damaged
    and unknown chunks are skipped. A cHRM chunk without gAMA has no effect.
    """
    rules = (_by_cicp, _by_iccp, _by_srgb, _by_gamma)
    return next((profile for rule in rules if (profile := rule(metadata))), SRGB)


def of_icc(block: object) -> Profile:
    """The profile of a JPEG or a WebP, by its ICC block if there is a good one."""
    return (icc.read(block) if isinstance(block, bytes) else None) or SRGB


def _by_cicp(metadata: Metadata) -> Profile | None:
    block = metadata.get(b"cICP", b"")
    if len(block) != 4:
        return None
    primaries, curve, matrix, full_range = block
    if primaries not in _PRIMARIES or matrix or full_range != 1:
        return None
    name = _NAMES.get((primaries, curve), f"cICP {primaries}/{curve}")
    if curve in _HDR:
        return Profile(name)
    if curve not in _GAMMAS:
        return None
    return icc.read(icc.from_numbers(*_PRIMARIES[primaries], _GAMMAS[curve]), name)


def _by_iccp(metadata: Metadata) -> Profile | None:
    keyword, end, rest = metadata.get(b"iCCP", b"").partition(b"\0")
    if not end or not 1 <= len(keyword) <= _LONGEST_KEYWORD or not rest.startswith(b"\0"):
        return None
    stream = zlib.decompressobj()
    try:
        block = stream.decompress(rest[1:], icc.MAX_BYTES + 1)
    except zlib.error:
        return None
    return icc.read(block) if stream.eof else None


def _by_srgb(metadata: Metadata) -> Profile | None:
    block = metadata.get(b"sRGB", b"")
    return SRGB if len(block) == 1 and block[0] in _INTENTS else None


def _by_gamma(metadata: Metadata) -> Profile | None:
    block = metadata.get(b"gAMA", b"")
    (gamma,) = struct.unpack(">I", block) if len(block) == 4 else (0,)
    colours = _chromaticities(metadata.get(b"cHRM", b""))
    if not gamma or (colours is None and abs(gamma / _SRGB_GAMMA - 1) <= _NEAR):
        return None
    exponent = min(max(100_000 / gamma, 1 / _STEEPEST), _STEEPEST)
    name = f"gamma {gamma / 100_000:g}" + (" with colours of its own" if colours else "")
    try:
        return icc.read(icc.from_numbers(*(colours or _SRGB_COLOURS), exponent), name)
    except ValueError:
        return None


def _chromaticities(block: bytes) -> Primaries | None:
    if len(block) != 32:
        return None
    x = [number / 100_000 for number in struct.unpack(">8i", block)]
    white, red, green, blue = zip(x[::2], x[1::2], strict=True)
    return red, green, blue, white
