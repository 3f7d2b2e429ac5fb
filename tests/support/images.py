"""Small image files of every kind that a snapshot may have, made on the spot."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence

from PIL import Image

# The seven passes of Adam7: first column, first row, step across, step down.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
          (0, 1, 1, 2))  # fmt: skip

Colour = int | tuple[int, ...]


def picture(mode: str, size: tuple[int, int], colour: Colour) -> Image.Image:
    return Image.new(mode, size, colour)


def encoded(image: Image.Image, format: str, **options: object) -> bytes:  # noqa: A002 - Pillow's
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def png(
    size: tuple[int, int] = (5, 3), colour: Colour = (200, 100, 50), mode: str = "RGB"
) -> bytes:
    return encoded(picture(mode, size, colour), "PNG")


# A mask as a scripted differ gives it; a stored one carries its result behind its first chunk.
MASK = png((10, 1), (255, 0, 0))


def jpeg(
    size: tuple[int, int] = (5, 3), colour: Colour = (200, 100, 50), mode: str = "RGB"
) -> bytes:
    return encoded(picture(mode, size, colour), "JPEG", quality=95)


def webp(
    size: tuple[int, int] = (5, 3),
    colour: Colour = (200, 100, 50),
    mode: str = "RGB",
    lossless: bool = True,
) -> bytes:
    return encoded(picture(mode, size, colour), "WEBP", lossless=lossless)


def palette_png(
    pixels: Sequence[int], width: int, palette: Sequence[int], alpha: bytes | None = None
) -> bytes:
    """A palette PNG; `alpha` is its tRNS chunk."""
    image = Image.frombytes("P", (width, len(pixels) // width), bytes(pixels))
    image.putpalette(list(palette))
    return encoded(image, "PNG", **({} if alpha is None else {"transparency": alpha}))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def raw_png(
    size: tuple[int, int], depth: int, colour_type: int, scanlines: bytes, interlace: int = 0
) -> bytes:
    """A PNG of given scanlines, for the kinds that Pillow reads and does not write."""
    header = struct.pack(">IIBBBBB", *size, depth, colour_type, 0, 0, interlace)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(scanlines))
        + chunk(b"IEND", b"")
    )


def png_16_bit(size: tuple[int, int], samples: tuple[int, ...]) -> bytes:
    """Sixteen bits a sample; one sample a pixel is grey, three are red, green and blue."""
    pixel = struct.pack(f">{len(samples)}H", *samples)
    row = b"\0" + pixel * size[0]
    return raw_png(size, 16, {1: 0, 2: 4, 3: 2, 4: 6}[len(samples)], row * size[1])


def interlaced_png(size: tuple[int, int], colour: tuple[int, int, int]) -> bytes:
    width, height = size
    scanlines = b"".join(
        b"\0" + bytes(colour) * len(range(x, width, step_x))
        for x, y, step_x, step_y in _ADAM7
        if x < width
        for _ in range(y, height, step_y)
    )
    return raw_png(size, 8, 2, scanlines, interlace=1)


def declared_png(width: int, height: int) -> bytes:
    """A PNG that declares any size and holds not one pixel."""
    return raw_png((width, height), 8, 2, b"")
