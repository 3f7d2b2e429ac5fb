"""Reads the chunks of a PNG: the metadata before the pixels, and what a decoder needs."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_START = SIGNATURE + b"\0\0\0\rIHDR"
_IHDR = ">IIBBBBB"
_HEADER_AT, _FORM = 8, slice(24, 29)
# 8 bits a channel, colour without or with alpha, not interlaced.
_CHANNELS = {bytes((8, 2, 0, 0, 0)): 3, bytes((8, 6, 0, 0, 0)): 4}
_ANCILLARY = 32  # this bit of a chunk type's first letter
# Ancillary chunks that Pillow needs to see: they mark an animation.
_MOVES = frozenset({b"acTL", b"fcTL", b"fdAT"})
# The bits a channel may have, by kind of colour.
_DEPTHS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
_KEY_BYTES = {0: 2, 2: 6}  # length of tRNS by kind of colour: grey, RGB

Sum = Callable[[memoryview], int]  # CRC-32


class Unusual(Exception):
    """The file is damaged, or has another form than the PNGs that browsers write."""


class Chunk(NamedTuple):
    """One chunk, which ends inside the file."""

    kind: bytes  # its four letters
    data: memoryview  # what it holds
    whole: memoryview  # the chunk with its length, kind and checksum

    @property
    def is_critical(self) -> bool:
        """Whether a decoder that does not know this chunk has to reject the file."""
        return not self.kind[0] & _ANCILLARY

    def is_intact(self, sum_of: Sum = zlib.crc32) -> bool:
        """Whether its checksum is right."""
        return sum_of(self.whole[4:-4]) == int.from_bytes(self.whole[-4:])


@dataclass(frozen=True)
class Preamble:
    """The form of a PNG's pixels and the metadata before them."""

    depth: int  # bits a channel
    colour: int  # kind of colour: 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGBA
    metadata: Mapping[bytes, bytes]  # the data of the first intact ancillary chunk of each kind


def form_is_valid(body: bytes) -> bool:
    """Whether a PNG begins with an intact header that browsers read."""
    header = next(walk(body), None) if body.startswith(_START) else None
    if header is None or not header.is_intact():
        return False
    width, height, depth, colour, packing, filters, interlace = struct.unpack(_IHDR, header.data)
    return (
        width > 0
        and height > 0
        and depth in _DEPTHS.get(colour, ())
        and (packing, filters) == (0, 0)
        and interlace in (0, 1)
    )


def preamble_of(body: bytes) -> Preamble | None:
    """Reads what comes before the pixels; None without an intact header and pixels after it.

    Ancillary chunks with a wrong checksum are skipped, as in browsers.
    """
    if not body.startswith(_START):
        return None
    chunks = walk(body)
    header = next(chunks, None)
    if header is None or not header.is_intact():
        return None
    metadata: dict[bytes, bytes] = {}
    for chunk in chunks:
        if chunk.kind == b"IDAT":
            return Preamble(header.data[8], header.data[9], metadata)
        if not chunk.is_critical and chunk.kind not in metadata and chunk.is_intact():
            metadata[chunk.kind] = bytes(chunk.data)
    return None


def form_of(body: bytes) -> tuple[int, int, int] | None:
    """Width, height and 3 or 4 channels, if the file begins as browsers write a PNG; else None."""
    channels = _CHANNELS.get(body[_FORM]) if body.startswith(_START) else None
    if channels is None:
        return None
    width, height = struct.unpack_from(">II", body, 16)
    return (width, height, channels) if width and height else None


def pixel_data(body: bytes, sum_of: Sum) -> Iterator[memoryview]:
    """The compressed pixels of such a file, in parts.

    Raises:
        Unusual: the header or pixels have a wrong checksum, a chunk reaches past the file, one
            that is no pixels has to be understood, a colour is transparent, the pixels lie in
            several places, or the end is missing.
    """
    chunks = walk(body)
    header = next(chunks, None)
    if header is None or not header.is_intact(sum_of):
        raise Unusual
    begun = behind = False
    for chunk in chunks:
        if chunk.kind == b"IDAT":
            if behind or not chunk.is_intact(sum_of):
                break
            begun = True
            yield chunk.data
        elif chunk.kind == b"IEND":
            return
        elif chunk.is_critical or (chunk.kind == b"tRNS" and not begun):
            break
        else:
            behind = begun
    raise Unusual


def essential(body: bytes) -> bytes:
    """A PNG without the chunks that browsers skip, for a parser that would reject their contents.

    Critical chunks stay, damaged or not, and so does a chunk that reaches past the end of the
    file: the parser has an error for it. A tRNS chunk stays if its checksum and length are right
    and it comes before the pixels.
    """
    kept, at, behind = [memoryview(SIGNATURE)], len(SIGNATURE), False
    transparency = False
    for chunk in walk(body):
        at += len(chunk.whole)
        behind |= chunk.kind == b"IDAT"
        if chunk.kind == b"tRNS":
            keep = not behind and not transparency and _is_transparency(chunk, colour=body[25])
            transparency |= keep
        else:
            keep = chunk.is_critical or (chunk.kind in _MOVES and chunk.is_intact())
        if keep:
            kept.append(chunk.whole)
    kept.append(memoryview(body)[at:])
    return b"".join(kept)


def _is_transparency(chunk: Chunk, colour: int) -> bool:
    length = len(chunk.data)
    return length == _KEY_BYTES.get(colour, length) and chunk.is_intact()


def walk(body: bytes) -> Iterator[Chunk]:
    """Yields chunks up to IEND, or up to the first that reaches past the end of the file."""
    view, at = memoryview(body), _HEADER_AT
    while at + 12 <= len(body):
        length, kind = struct.unpack_from(">I4s", body, at)
        end = at + 12 + length
        if end > len(body):
            return
        yield Chunk(kind, view[at + 8 : end - 4], view[at:end])
        if kind == b"IEND":
            return
        at = end
