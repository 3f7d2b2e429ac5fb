"""One object for each pair: the mask as a PNG, with what was measured as a text within it.

A browser shows the mask and passes the text by; a later run reads the text. One object takes one
request to write, where two take two, and a mask cannot be there without its result.
"""

from __future__ import annotations

import struct
import zlib

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEAD = 33  # the signature and IHDR, which comes first in every PNG
_KEYWORD = b"pixelgate\x00"


def _chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


# Where nothing differs there is no mask: one transparent pixel carries the text.
_NO_MASK = (
    _SIGNATURE
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 6, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress(bytes(5)))
    + _chunk(b"IEND", b"")
)


def with_result(mask: bytes | None, result: bytes) -> bytes:
    """A PNG that shows the mask and carries the result.

    Args:
        mask: a PNG; None if nothing differs.
        result: ASCII text.
    """
    mask = mask or _NO_MASK
    return mask[:_HEAD] + _chunk(b"tEXt", _KEYWORD + result) + mask[_HEAD:]


def result_in(body: bytes) -> bytes | None:
    """The result that a mask carries; None if it carries none, as those of older versions."""
    length, kind = int.from_bytes(body[_HEAD : _HEAD + 4]), body[_HEAD + 4 : _HEAD + 8]
    text = body[_HEAD + 8 : _HEAD + 8 + length]
    if kind != b"tEXt" or not text.startswith(_KEYWORD):
        return None
    return text.removeprefix(_KEYWORD)
