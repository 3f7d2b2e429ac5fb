"""What the engine must say of pairs of images: changed pixels, structural pixels, all pixels.

A row is a fact of design or of odiff that users rely on; its numbers are exact.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pytest
from PIL import ExifTags, Image

from pixelgate.comparison import Region
from pixelgate.engine.differ import OdiffDiffer
from pixelgate.engine.mask import read_mask
from pixelgate.errors import FaultCode, ImageFault
from pixelgate.policy import Policy, Rectangle

Pixels = npt.NDArray[np.uint8]


def grey(width: int, height: int, level: int) -> Pixels:
    return np.full((height, width, 3), level, np.uint8)


def with_block(image: Pixels, x: int, y: int, size: int, colour: tuple[int, ...]) -> Pixels:
    changed = image.copy()
    changed[y : y + size, x : x + size] = colour
    return changed


def rgba(width: int, height: int, *colour: int) -> Pixels:
    return np.full((height, width, 4), colour, np.uint8)


def png(pixels: Pixels) -> bytes:
    return encoded(Image.fromarray(pixels), "PNG")


def encoded(image: Image.Image, file_format: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, file_format, **options)
    return out.getvalue()


WHITE, BLACK, RED = (255, 255, 255), (0, 0, 0), (255, 0, 0)

PAIRS = [
    ("identical", grey(100, 100, 128), grey(100, 100, 128), 0, 0, 10_000),
    (
        "a red block of 20×20 in grey",
        grey(100, 100, 128),
        with_block(grey(100, 100, 128), 10, 10, 20, RED),
        400,
        400,
        10_000,
    ),
    ("30×30 grows to 50×50", grey(30, 30, 100), grey(50, 50, 100), 1_600, 1_600, 2_500),
    ("50×50 shrinks to 30×30", grey(50, 50, 100), grey(30, 30, 100), 1_600, 1_600, 2_500),
    ("grows and changes colour", grey(50, 50, 100), grey(80, 80, 200), 6_400, 6_400, 6_400),
    ("30 rows more", grey(100, 50, 100), grey(100, 80, 100), 3_000, 3_000, 8_000),
    ("30 columns more", grey(50, 100, 100), grey(80, 100, 100), 3_000, 3_000, 8_000),
    ("white grows by white", grey(100, 100, 255), grey(100, 150, 255), 5_000, 5_000, 15_000),
    ("white shrinks by white", grey(100, 150, 255), grey(100, 100, 255), 5_000, 5_000, 15_000),
    ("wider but lower", grey(20, 10, 9), grey(10, 20, 9), 300, 300, 400),
    ("grey 100 and 106: the sensitive pass", grey(50, 50, 100), grey(50, 50, 106), 2_500, 0, 2_500),
    ("grey 100 and 105: neither", grey(50, 50, 100), grey(50, 50, 105), 0, 0, 2_500),
    ("grey 100 and 140: both", grey(50, 50, 100), grey(50, 50, 140), 2_500, 2_500, 2_500),
    ("one pixel each, equal", grey(1, 1, 7), grey(1, 1, 7), 0, 0, 1),
    ("one pixel each, different", grey(1, 1, 0), grey(1, 1, 255), 1, 1, 1),
    (
        "opaque white turns half transparent",
        rgba(50, 50, *WHITE, 255),
        rgba(50, 50, *WHITE, 128),
        2_500,
        2_500,
        2_500,
    ),
    (
        "white without alpha turns half transparent",
        grey(50, 50, 255),
        rgba(50, 50, *WHITE, 128),
        2_500,
        2_500,
        2_500,
    ),
    (
        "transparent black turns opaque white",
        rgba(50, 50, *BLACK, 0),
        rgba(50, 50, *WHITE, 255),
        2_500,
        2_500,
        2_500,
    ),
    (
        "opaque black turns half transparent",
        rgba(50, 50, *BLACK, 255),
        rgba(50, 50, *BLACK, 128),
        2_500,
        2_500,
        2_500,
    ),
    (
        "colour under full transparency is not seen",
        rgba(50, 50, *BLACK, 0),
        rgba(50, 50, *RED, 0),
        0,
        0,
        2_500,
    ),
    (
        "transparent growth counts",
        rgba(10, 10, *WHITE, 255),
        rgba(10, 20, *WHITE, 0),
        200,
        200,
        200,
    ),
]


@pytest.mark.parametrize(
    ("base", "head", "changed", "structural", "total"),
    [pytest.param(*row[1:], id=row[0]) for row in PAIRS],
)
def test_counts_mask_and_regions(
    differ: OdiffDiffer, base: Pixels, head: Pixels, changed: int, structural: int, total: int
) -> None:
    diff = differ.diff(png(base), png(head), Policy())
    assert (diff.changed_pixels, diff.structural_pixels, diff.total_pixels) == (
        changed,
        structural,
        total,
    )
    assert diff.base_size == (base.shape[1], base.shape[0])
    assert diff.head_size == (head.shape[1], head.shape[0])
    assert sum(region.pixels for region in diff.regions) == changed
    if changed == 0:
        assert diff.mask is None
    else:
        assert diff.mask is not None
        mask = read_mask(diff.mask)
        assert mask.size == total
        assert np.count_nonzero(mask) == changed


def test_the_mask_shows_just_where(differ: OdiffDiffer) -> None:
    base = grey(100, 100, 128)
    diff = differ.diff(png(base), png(with_block(base, 10, 30, 20, RED)), Policy())
    assert diff.regions == (Region(10, 30, 20, 20, 400),)
    assert diff.mask is not None
    mask = read_mask(diff.mask)
    assert mask[30:50, 10:30].all()
    assert np.count_nonzero(mask) == 400


def test_the_mask_of_a_taller_head_shows_its_growth(differ: OdiffDiffer) -> None:
    diff = differ.diff(png(grey(100, 100, 255)), png(grey(100, 150, 255)), Policy())
    assert diff.mask is not None
    mask = read_mask(diff.mask)
    assert mask.shape == (150, 100)
    assert not mask[:100].any()
    assert mask[100:].all()


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
    ("interlaced", lambda: png(grey(40, 40, 128)), lambda: interlaced_grey(40, 128), 0),
]  # fmt: skip


def interlaced_grey(size: int, level: int) -> bytes:
    """An Adam7 PNG, written by hand: Pillow reads them and writes none."""
    rows = b""
    for x0, y0, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4),
                           (1, 0, 2, 2), (0, 1, 1, 2)):  # fmt: skip
        width, height = len(range(x0, size, dx)), len(range(y0, size, dy))
        rows += (b"\0" + bytes([level]) * width) * height
    return png_file(struct.pack(">IIBBBBB", size, size, 8, 0, 0, 0, 1), zlib.compress(rows))


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
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

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
    ("only a signature", b"\x89PNG\r\n\x1a\n", FaultCode.UNREADABLE, "no PNG|damaged"),
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
        "60000×60000 are 3,600.0 Mpx",
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
    assert code is FaultCode.EXCEEDS_PIXEL_LIMIT or str(caught.value).startswith(side)
    assert differ.diff(good, png(grey(96, 64, 0)), Policy()).total_pixels == 6_144


def test_a_bomb_is_refused_before_anything_is_decoded(
    differ: OdiffDiffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "pixelgate.engine.differ.decode", lambda body: pytest.fail("it was decoded")
    )
    monkeypatch.setattr(
        "pixelgate.engine.odiff.OdiffServer.compare", lambda *a: pytest.fail("odiff was asked")
    )
    bomb = png_file(struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0), zlib.compress(b"\0"))
    with pytest.raises(ImageFault):
        differ.diff(bomb, png(photo()), Policy())


IGNORED = [
    pytest.param(Rectangle(10, 10, 20, 20), 0, id="just the block"),
    pytest.param(Rectangle(10, 10, 19, 19), 39, id="one row and one column short"),
    pytest.param(Rectangle(11, 11, 100, 100), 39, id="one late, and past the image"),
    pytest.param(Rectangle(0, 0, 5, 5), 400, id="elsewhere"),
    pytest.param(Rectangle(500, 500, 5, 5), 400, id="outside"),
]


@pytest.mark.parametrize(("box", "left"), IGNORED)
def test_ignored_regions(differ: OdiffDiffer, box: Rectangle, left: int) -> None:
    base = grey(100, 100, 128)
    policy = Policy(ignore_regions=(box,))
    diff = differ.diff(png(base), png(with_block(base, 10, 10, 20, RED)), policy)
    assert (diff.changed_pixels, diff.structural_pixels) == (left, left)


def test_growth_can_be_ignored(differ: OdiffDiffer) -> None:
    policy = Policy(ignore_regions=(Rectangle(0, 100, 100, 50),))
    diff = differ.diff(png(grey(100, 100, 255)), png(grey(100, 150, 255)), policy)
    assert (diff.changed_pixels, diff.total_pixels) == (0, 15_000)


def ellipse(shift: float) -> Pixels:
    """A black ellipse, drawn eight times as large and made small, so that its edge is smooth."""
    y, x = np.mgrid[0:1_600, 0:1_600]
    inside = ((x - 800 - 8 * shift) / 640) ** 2 + ((y - 800) / 400) ** 2 < 1
    small = 255 - 255 * inside.reshape(200, 8, 200, 8).mean(axis=(1, 3))
    return np.repeat(small[..., None], 3, axis=2).astype(np.uint8)


@pytest.mark.parametrize("shift", [1 / 8, 4 / 8])
def test_smoothed_edges_count_only_if_asked_for(differ: OdiffDiffer, shift: float) -> None:
    base, head = png(ellipse(0)), png(ellipse(shift))
    ignored = differ.diff(base, head, Policy())
    counted = differ.diff(base, head, Policy(antialiasing=False))
    assert ignored.changed_pixels == 0
    assert counted.changed_pixels > 100


def test_a_bitmap_and_a_png_are_the_same_to_odiff(differ: OdiffDiffer) -> None:
    """The route over decoded pixels must count what odiff counts on the files as they came."""
    random = np.random.default_rng(7)
    base = random.integers(0, 256, (61, 83, 3), np.uint8)
    head = base.copy()
    head[5:50, 9:70] = (head[5:50, 9:70] + random.integers(0, 40, (45, 61, 3))).astype(np.uint8)
    opaque = np.full((61, 83, 1), 255, np.uint8)

    as_they_came = differ.diff(png(base), png(head), Policy())
    decoded = differ.diff(png(np.dstack([base, opaque])), png(np.dstack([head, opaque])), Policy())
    assert decoded == as_they_came
    assert 0 < as_they_came.structural_pixels < as_they_came.changed_pixels
