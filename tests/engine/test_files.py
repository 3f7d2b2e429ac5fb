"""Files as people have them: every format is compared by its pixels, and what is wrong is said."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from PIL import ExifTags, Image

from pixelgate.domain.policy import Policy
from pixelgate.engine.differ import OdiffDiffer
from pixelgate.errors import FaultCode, ImageFault
from support.drawings import png
from support.images import chunk, encoded, interlaced_png
from support.pixels import grey, rgba
from support.plain_odiff import Pixels


def photo() -> Pixels:
    """Soft gradients: what lossy formats keep well."""
    y, x = np.mgrid[0:64, 0:96]
    return np.dstack([x * 2, y * 3, 128 + 0 * x]).astype(np.uint8)


FORMATS: list[tuple[str, Callable[[], bytes], Callable[[], bytes], int]] = [
    ("JPEG bytes", lambda: encoded(Image.fromarray(photo()), "JPEG", quality=98),
     lambda: encoded(Image.fromarray(photo()), "JPEG", quality=98, progressive=True), 0),
    ("WebP against PNG", lambda: png(photo()),
     lambda: encoded(Image.fromarray(photo()), "WEBP", lossless=True), 0),
    ("CMYK JPEG", lambda: encoded(Image.fromarray(grey(9, 9, 255)), "JPEG"),
     lambda: encoded(Image.fromarray(grey(9, 9, 255)).convert("CMYK"), "JPEG"), 0),
    ("palette", lambda: png(grey(40, 40, 128)),
     lambda: encoded(Image.fromarray(grey(40, 40, 128)).quantize(4), "PNG"), 0),
    ("palette with transparency", lambda: png(grey(40, 40, 128)),
     lambda: encoded(Image.fromarray(grey(40, 40, 128)).quantize(4), "PNG", transparency=0), 1_600),
    ("grey without colour", lambda: png(grey(40, 40, 128)),
     lambda: encoded(Image.fromarray(grey(40, 40, 128)).convert("L"), "PNG"), 0),
    ("one bit", lambda: png(grey(40, 40, 255)),
     lambda: encoded(Image.fromarray(grey(40, 40, 255)).convert("1"), "PNG"), 0),
    ("16 bit grey", lambda: png(grey(40, 40, 128)),
     lambda: encoded(Image.fromarray(np.full((40, 40), 128 * 257, np.uint16)), "PNG"), 0),
    ("16 bit grey, one shade off", lambda: png(grey(40, 40, 160)),
     lambda: encoded(Image.fromarray(np.full((40, 40), 128 * 257, np.uint16)), "PNG"), 1_600),
    ("16 bit grey against alpha", lambda: png(rgba(40, 40, 128, 128, 128, 255)),
     lambda: encoded(Image.fromarray(np.full((40, 40), 128 * 257, np.uint16)), "PNG"), 0),
    ("16 bit grey with a transparent level", lambda: png(rgba(40, 40, 0, 0, 0, 0)),
     lambda: encoded(Image.fromarray(np.full((40, 40), 7_000, np.uint16)), "PNG",
                     transparency=7_000), 0),
    ("16 bit colour with a transparent colour", lambda: png(rgba(40, 40, 0, 0, 0, 0)),
     lambda: sixteen_bit_with_key(), 0),
    ("a photo held upside down, by Exif", lambda: png(photo()[::-1, ::-1]),
     lambda: turned(photo(), 3), 0),
    ("a photo held sideways, by Exif", lambda: png(np.rot90(photo(), -1).copy()),
     lambda: turned(photo(), 6), 0),
    ("interlaced", lambda: png(grey(40, 40, 128)),
     lambda: interlaced_png((40, 40), (128, 128, 128)), 0),
]  # fmt: skip


def sixteen_bit_with_key() -> bytes:
    """16 bits a channel, all of one colour, and that colour is the transparent one."""
    colour = struct.pack(">HHH", 20_000, 3_000, 50_000)
    body = zlib.compress((b"\0" + colour * 40) * 40)
    header = struct.pack(">IIBBBBB", 40, 40, 16, 2, 0, 0, 0)
    return png_file(header, body, before=[(b"tRNS", colour)])


def turned(pixels: Pixels, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return encoded(Image.fromarray(pixels), "WEBP", lossless=True, exif=exif)


def png_file(header: bytes, data: bytes, before: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    extra = b"".join(chunk(kind, body) for kind, body in before)
    image = extra + chunk(b"IDAT", data)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + image + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("base", "head", "changed"), [pytest.param(*row[1:], id=row[0]) for row in FORMATS]
)
def test_formats_are_compared_by_their_pixels(
    differ: OdiffDiffer, base: Callable[[], bytes], head: Callable[[], bytes], changed: int
) -> None:
    assert differ.diff(base(), head(), Policy()).changed_pixels == changed
    assert differ.diff(head(), base(), Policy()).changed_pixels == changed


def text_like() -> bytes:
    """A PNG of 7 KB whose stream is real Huffman code, so that damage in it is damage."""
    return png(np.random.default_rng(3).integers(0, 8, (64, 96, 3), np.uint8) * 30)


def damaged() -> bytes:
    body = bytearray(text_like())
    body[len(body) // 2 : len(body) // 2 + 16] = bytes(16)
    return bytes(body)


FAULTS: list[tuple[str, bytes, FaultCode, str]] = [
    ("zero bytes", b"", FaultCode.UNREADABLE, "the file is empty"),
    ("text", b"hello, I am no image", FaultCode.UNREADABLE, "no PNG, JPEG or WebP"),
    ("only a signature", b"\x89PNG\r\n\x1a\n", FaultCode.UNREADABLE, "the header is damaged$"),
    ("truncated", text_like()[:3_000], FaultCode.UNREADABLE, "damaged"),
    ("damaged in the middle", damaged(), FaultCode.UNREADABLE, "damaged"),
    (
        "truncated JPEG",
        encoded(Image.fromarray(photo()), "JPEG")[:600],
        FaultCode.UNREADABLE,
        "damaged",
    ),
    (
        "animated WebP",
        encoded(
            Image.fromarray(photo()),
            "WEBP",
            save_all=True,
            append_images=[Image.fromarray(photo()[::-1])],
        ),
        FaultCode.UNSUPPORTED_FORMAT,
        "animated",
    ),
    (
        "animated PNG",
        encoded(
            Image.fromarray(photo()),
            "PNG",
            save_all=True,
            append_images=[Image.fromarray(photo()[::-1])],
        ),
        FaultCode.UNSUPPORTED_FORMAT,
        "animated",
    ),
    ("GIF", encoded(Image.fromarray(photo()), "GIF"), FaultCode.UNSUPPORTED_FORMAT, "is GIF"),
    ("BMP", encoded(Image.fromarray(photo()), "BMP"), FaultCode.UNSUPPORTED_FORMAT, "is BMP"),
    ("TIFF", encoded(Image.fromarray(photo()), "TIFF"), FaultCode.UNSUPPORTED_FORMAT, "is TIFF"),
    (
        "60,000×60,000 in the header",
        png_file(struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0), zlib.compress(b"\0" * 99)),
        FaultCode.EXCEEDS_PIXEL_LIMIT,
        r"60000×60000 are 3,600,000,000 pixels; up to 50,000,000 are compared$",
    ),
]


@pytest.mark.parametrize(
    ("body", "code", "words"), [pytest.param(*row[1:], id=row[0]) for row in FAULTS]
)
@pytest.mark.parametrize("side", ["base", "head"])
def test_what_cannot_be_read_is_said_and_the_next_pair_is_compared(
    differ: OdiffDiffer, side: str, body: bytes, code: FaultCode, words: str
) -> None:
    good = png(photo())
    pair = (body, good) if side == "base" else (good, body)
    with pytest.raises(ImageFault, match=words) as caught:
        differ.diff(*pair, Policy())
    assert caught.value.code is code
    assert str(caught.value).startswith(f"{side}: ")
    assert differ.diff(good, png(grey(96, 64, 0)), Policy()).total_pixels == 6_144


def test_a_bomb_is_refused_before_anything_is_decoded(
    differ: OdiffDiffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixelgate.engine.differ.read", lambda *_: pytest.fail("it was decoded"))
    monkeypatch.setattr(
        "pixelgate.engine.odiff.OdiffServer.compare", lambda *a: pytest.fail("odiff was asked")
    )
    bomb = png_file(struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0), zlib.compress(b"\0"))
    with pytest.raises(ImageFault):
        differ.diff(bomb, png(photo()), Policy())
