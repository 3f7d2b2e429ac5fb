"""Images that mean harm, or that somebody's broken tool has made."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

from support.images import chunk, encoded

SIGNATURE = b"\x89PNG\r\n\x1a\n"
WIDTH, HEIGHT = 64, 48
END = chunk(b"IEND", b"")

# Noise: its stream is real Huffman code in every format, so that damage in it is damage.
NOISE = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
ROWS = b"".join(b"\0" + row.tobytes() for row in NOISE)
DATA = chunk(b"IDAT", zlib.compress(ROWS))


def header(
    width: int = WIDTH, height: int = HEIGHT, depth: int = 8, kind: int = 2, interlace: int = 0
) -> bytes:
    """An IHDR chunk; kind 0 is grey, 2 is RGB, 3 is a palette."""
    body = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlace)
    return chunk(b"IHDR", body)


def with_chunks(*before: bytes, after: bytes = b"") -> bytes:
    """The good picture with chunks before and after its pixels."""
    return SIGNATURE + header() + b"".join(before) + DATA + after + END


def with_data(stream: bytes) -> bytes:
    """The good picture's header and any compressed stream."""
    return SIGNATURE + header() + chunk(b"IDAT", stream) + END


def with_palette(*chunks: bytes, most: int = 2) -> bytes:
    """A picture that uses so many palette entries, and whatever is there of a palette."""
    rows = b"".join(b"\0" + bytes([y % most]) * WIDTH for y in range(HEIGHT))
    data = chunk(b"IDAT", zlib.compress(rows))
    return SIGNATURE + header(kind=3) + b"".join(chunks) + data + END


def wrong_crc(good: bytes) -> bytes:
    """A chunk whose checksum is another."""
    return good[:-1] + bytes([good[-1] ^ 1])


def bomb(size: int) -> bytes:
    """A small zlib stream that says it is so many zeros."""
    return zlib.compress(bytes(size), 9)


def jpeg(**options: object) -> bytes:
    """The good picture with loss."""
    return encoded(Image.fromarray(NOISE), "JPEG", **options)


def webp(**options: object) -> bytes:
    """The good picture as WebP."""
    return encoded(Image.fromarray(NOISE), "WEBP", **options)


def patched_jpeg(width: int, height: int) -> bytes:
    """A JPEG whose frame header says another size."""
    body = jpeg()
    frame = body.index(b"\xff\xc0")
    return body[: frame + 5] + struct.pack(">HH", height, width) + body[frame + 9 :]


def patched_webp(width: int, height: int, *, lossless: bool) -> bytes:
    """A WebP whose frame header says another size."""
    body = webp(lossless=lossless)
    if not lossless:
        at = body.index(b"VP8 ") + 14
        return body[:at] + struct.pack("<HH", width, height) + body[at + 4 :]
    at = body.index(b"VP8L") + 9
    (word,) = struct.unpack_from("<I", body, at)
    sizes = (word & 0xF000_0000) | (width - 1) | (height - 1) << 14
    return body[:at] + struct.pack("<I", sizes) + body[at + 4 :]


def other_format(name: str) -> bytes:
    """The good picture in a format that is none of ours."""
    return encoded(Image.fromarray(NOISE), name)


def animated(name: str) -> bytes:
    """Two frames."""
    return encoded(
        Image.fromarray(NOISE), name, save_all=True, append_images=[Image.fromarray(255 - NOISE)]
    )


def good_png() -> bytes:
    """The good picture."""
    return with_chunks()


def other_png() -> bytes:
    """The good picture with a box of 5×4 pixels of other colours: 20 changed pixels."""
    pixels = NOISE.copy()
    pixels[10:14, 20:25] ^= 0x80
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


# Each costs little to send. What is too dear to make at import is made when it is asked for.
BOMBS: dict[str, Callable[[], bytes]] = {
    "pixels behind the last row": lambda: with_data(zlib.compress(ROWS + bytes(100_000_000), 9)),
    "8000×5000 and a small body": lambda: SIGNATURE + header(8_000, 5_000) + DATA + END,
    "a text of 100 MB": lambda: with_chunks(chunk(b"zTXt", b"k\0\0" + bomb(100_000_000))),
    "a text of 100 MB behind the pixels": lambda: with_chunks(
        after=chunk(b"zTXt", b"k\0\0" + bomb(100_000_000))
    ),
    "an international text of 100 MB": lambda: with_chunks(
        chunk(b"iTXt", b"k\0\1\0\0\0" + bomb(100_000_000))
    ),
    "a colour profile of 100 MB": lambda: with_chunks(chunk(b"iCCP", b"k\0\0" + bomb(100_000_000))),
    "a hundred texts of 900 KB": lambda: with_chunks(
        chunk(b"zTXt", b"k\0\0" + bomb(900_000)) * 100
    ),
    "100,000 texts": lambda: with_chunks(chunk(b"tEXt", b"a\0b") * 100_000),
    "100,000 texts behind the pixels": lambda: with_chunks(after=chunk(b"tEXt", b"a\0b") * 100_000),
    "100,000 empty pieces of pixels": lambda: with_chunks(chunk(b"IDAT", b"") * 100_000),
    "pixels in pieces of a byte": lambda: (
        SIGNATURE
        + header()
        + b"".join(chunk(b"IDAT", bytes([byte])) for byte in zlib.compress(ROWS))
        + END
    ),
    "a JPEG that says 2000×2000": lambda: patched_jpeg(2_000, 2_000),
    "a lossless WebP that says 6000×6000": lambda: patched_webp(6_000, 6_000, lossless=True),
    "a WebP that says 6000×6000": lambda: patched_webp(6_000, 6_000, lossless=False),
    "a small JPEG of 2,000 scans": lambda: many_scans(2_000),
    "a JPEG of 100,000 comments": lambda: jpeg()[:2] + b"\xff\xfe\0\2" * 100_000 + jpeg()[2:],
    "a JPEG with a million fill bytes": lambda: jpeg()[:2] + b"\xff" * 1_000_000 + jpeg()[2:],
}


def many_scans(count: int, picture: Image.Image | None = None) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    body = encoded(picture or Image.fromarray(NOISE), "JPEG", progressive=True)
    return body[:-2] + body[body.rindex(b"\xff\xda") : -2] * count + b"\xff\xd9"
