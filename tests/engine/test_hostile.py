"""Images that mean harm: each is refused in words or read as Pillow reads it, and work goes on."""

from __future__ import annotations

import re
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelgate.domain.comparison import Diff
from pixelgate.domain.policy import Policy
from pixelgate.engine.differ import OdiffDiffer
from pixelgate.engine.odiff import OdiffServer
from pixelgate.engine.pool import SharedDiffers
from pixelgate.errors import FaultCode, ImageFault
from support import hostile
from support.agreement import checked_mask
from support.drawings import png
from support.hostile import DATA, END, HEIGHT, ROWS, SIGNATURE, WIDTH, header, with_chunks
from support.images import chunk, encoded, interlaced_png, png_16_bit
from support.plain_odiff import pixels_of

GOOD = hostile.good_png()
OTHER = hostile.other_png()
# What no reason may say: Python's own words, and where our files lie.
FOREIGN_WORDS = re.compile(
    r"object at 0x|<_io|<class|\bb'|Traceback|invalid literal|NoneType|\w+Error\b|/tmp|\.py\b"
)

TOO_LARGE, UNREADABLE, UNSUPPORTED = (
    FaultCode.EXCEEDS_PIXEL_LIMIT,
    FaultCode.UNREADABLE,
    FaultCode.UNSUPPORTED_FORMAT,
)
REFUSED: list[tuple[str, bytes, FaultCode]] = [
    # dimensions
    ("no width", SIGNATURE + header(0, HEIGHT) + DATA + END, UNREADABLE),
    ("no height", SIGNATURE + header(WIDTH, 0) + DATA + END, UNREADABLE),
    ("2^31 − 1 wide", SIGNATURE + header(2**31 - 1, 1) + DATA + END, TOO_LARGE),
    ("2^31 wide", SIGNATURE + header(2**31, 1) + DATA + END, TOO_LARGE),
    ("2^32 − 1 both ways", SIGNATURE + header(2**32 - 1, 2**32 - 1) + DATA + END, TOO_LARGE),
    ("a second header, too large", with_chunks(header(60_000, 60_000)), UNREADABLE),
    ("a first header, too large",
     SIGNATURE + header(10**6, 10**6) + header() + DATA + END, TOO_LARGE),
    ("a second header, smaller", with_chunks(header(8, 8)), UNREADABLE),
    ("a short header", SIGNATURE + chunk(b"IHDR", b"\0\0\0\1") + DATA + END, UNREADABLE),
    ("a JPEG of 65500×65500", hostile.patched_jpeg(65_500, 65_500), TOO_LARGE),
    ("a JPEG of no size", hostile.patched_jpeg(0, 0), UNREADABLE),
    ("a WebP of 16383×16383", hostile.patched_webp(16_383, 16_383, lossless=False), TOO_LARGE),
    ("the same, lossless", hostile.patched_webp(16_383, 16_383, lossless=True), TOO_LARGE),
    ("a WebP of no size", hostile.patched_webp(0, 0, lossless=False), UNREADABLE),
    # kinds that there are not
    ("3 bits of colour", SIGNATURE + header(depth=3) + DATA + END, UNREADABLE),
    ("colour type 5", SIGNATURE + header(kind=5) + DATA + END, UNREADABLE),
    # structure
    ("nothing but a header", SIGNATURE + header(), UNREADABLE),
    ("no pixels", SIGNATURE + header() + END, UNREADABLE),
    ("pixels before the header", SIGNATURE + DATA + header() + END, UNREADABLE),
    ("a header with a wrong CRC", SIGNATURE + hostile.wrong_crc(header()) + DATA + END, UNREADABLE),
    *((f"{kind!r} of {length:,} bytes", with_chunks(struct.pack(">I", length) + kind), UNREADABLE)
      for kind in (b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"iCCP", b"eXIf", b"tEXt")
      for length in (2**31 - 1, 2**31, 2**32 - 4, 2**32 - 1)),
    # the compressed stream
    ("no stream", hostile.with_data(b"not zlib at all"), UNREADABLE),
    ("too few rows", hostile.with_data(zlib.compress(ROWS[:-500])), UNREADABLE),
    ("a filter that is none", hostile.with_data(zlib.compress(b"\x09" + ROWS[1:])), UNREADABLE),
    # palettes
    ("300 palette entries", hostile.with_palette(chunk(b"PLTE", bytes(900))), UNREADABLE),
    ("a palette with a wrong CRC",
     hostile.with_palette(hostile.wrong_crc(chunk(b"PLTE", bytes(6)))), UNREADABLE),
    # animation
    ("an animated PNG", hostile.animated("PNG"), UNSUPPORTED),
    ("an animated WebP", hostile.animated("WEBP"), UNSUPPORTED),
    ("two frames announced", with_chunks(chunk(b"acTL", struct.pack(">II", 2, 0))), UNSUPPORTED),
    # another format under our name
    *((f"{name} bytes", hostile.other_format(name), UNSUPPORTED)
      for name in ("GIF", "BMP", "TIFF", "PDF", "AVIF")),
    *((f"{name} bytes", hostile.other_format(name), UNREADABLE)
      for name in ("ICO", "PPM", "TGA", "PCX", "SGI", "DDS", "JPEG2000")),
    ("a GIF's head on a PNG", b"GIF89a" + GOOD, UNSUPPORTED),
    ("HTML", b"<!doctype html><title>404</title>" + GOOD, UNREADABLE),
    ("an SVG", b'<svg xmlns="http://www.w3.org/2000/svg"/>', UNSUPPORTED),
    ("no byte", b"", UNREADABLE),
    ("a single byte", b"\x89", UNREADABLE),
    ("a JPEG of 200 scans", hostile.many_scans(200), UNREADABLE),
    ("a megabyte of zeros", bytes(1_000_000), UNREADABLE),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")  # Pillow warns of some; in production that is no error
@pytest.mark.parametrize(("body", "code"), [pytest.param(*r[1:], id=r[0]) for r in REFUSED])
@pytest.mark.parametrize("side", ["base", "head"])
def test_it_is_refused_in_words_and_the_next_pair_is_compared(
    differ: OdiffDiffer, side: str, body: bytes, code: FaultCode
) -> None:
    with pytest.raises(ImageFault) as caught:
        differ.diff(*((body, GOOD) if side == "base" else (GOOD, body)), Policy())
    reason = caught.value.reason
    assert caught.value.code is code
    assert FOREIGN_WORDS.search(reason) is None
    assert len(reason) < 200
    assert reason.isprintable()
    assert not (body.startswith(SIGNATURE) and "no PNG, JPEG or WebP" in reason)
    assert differ.diff(GOOD, OTHER, Policy()).changed_pixels == 20


GREYS = Image.fromarray(hostile.NOISE).convert("L")
KEY = chunk(b"tRNS", b"".join(bytes([0, int(level)]) for level in hostile.NOISE[0, 0]))
AS_PILLOW: dict[str, bytes] = {
    "grey": encoded(GREYS, "PNG"),
    "one bit": encoded(GREYS.convert("1"), "PNG"),
    "a palette with a transparent entry": encoded(GREYS.quantize(4), "PNG", transparency=0),
    "a CMYK JPEG": encoded(Image.fromarray(hostile.NOISE).convert("CMYK"), "JPEG"),
    "a lossless WebP": hostile.webp(lossless=True),
    "a transparent colour": with_chunks(KEY),
    "the same behind a text of pixels": with_chunks(chunk(b"tEXt", b"a\0IDAT"), KEY),
    "16-bit grey": png_16_bit((9, 7), (0x64FF,)),
    "16-bit RGB": png_16_bit((9, 7), (0x6400, 0x00FF, 0xFF00)),
    "16-bit RGB with alpha": png_16_bit((9, 7), (0x6400, 0x00FF, 0xFF00, 0x8000)),
    "interlaced": interlaced_png((19, 21), (9, 8, 7)),
    "bytes behind the end": GOOD + b"junk" * 1_000,
    "a PNG and a zip archive": GOOD + b"PK\3\4" + bytes(100),
    "a PNG and a JPEG": GOOD + hostile.jpeg(),
    "a JPEG and a PNG": hostile.jpeg() + GOOD,
    "a JPEG with HTML in it": hostile.jpeg(comment=b"<script>alert(1)</script>"),
    "pixels whose CRC is wrong": SIGNATURE + header() + hostile.wrong_crc(DATA) + END,
    "an end whose CRC is wrong": hostile.wrong_crc(GOOD),
    "no end": GOOD[:-12],
    "a wrong checksum of the stream": hostile.with_data(zlib.compress(ROWS)[:-1] + b"\0"),
    "a chunk that nobody knows": with_chunks(chunk(b"quUx", b"hi")),
    "a critical chunk that nobody knows": with_chunks(chunk(b"QUUX", b"hi")),
    "no palette": hostile.with_palette(),
    "a palette that ends in a colour": hostile.with_palette(chunk(b"PLTE", b"\1\2\3\4")),
    "a palette of too few colours": hostile.with_palette(chunk(b"PLTE", b"\1\2\3"), most=200),
    "transparency before its palette": hostile.with_palette(
        chunk(b"tRNS", b"\x80"), chunk(b"PLTE", b"\1\2\3\4\5\6")
    ),
    "more transparency than palette": hostile.with_palette(
        chunk(b"PLTE", b"\1\2\3\4\5\6"), chunk(b"tRNS", bytes(300))
    ),
    "frames without number": with_chunks(chunk(b"acTL", struct.pack(">II", 2**32 - 1, 0))),
    "a JPEG in many scans": hostile.many_scans(40),
    "interlace method 2": SIGNATURE + header(interlace=2) + DATA + END,
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("body", AS_PILLOW.values(), ids=AS_PILLOW)
def test_it_is_read_as_pillow_reads_it_or_refused_as_pillow_refuses_it(
    differ: OdiffDiffer, body: bytes
) -> None:
    """Browsers' and tools' files have such flaws; a faster decoder must not make others of them."""
    try:
        meant = pixels_of(body)
    except (OSError, ValueError, SyntaxError):
        with pytest.raises(ImageFault) as caught:
            differ.diff(GOOD, body, Policy())
        assert caught.value.code is FaultCode.UNREADABLE
        assert FOREIGN_WORDS.search(caught.value.reason) is None
        return
    strict = Policy(0.0, 0.0, antialiasing=False)
    assert differ.diff(png(meant), body, strict).changed_pixels == 0
    other = meant.copy()
    other[0, 0, 0] ^= 0x80
    other[0, 0, 3:] = 255
    assert differ.diff(png(other), body, strict).changed_pixels == 1


P3_CHUNK = chunk(b"cICP", bytes((12, 13, 0, 1)))
# Chunks that are damaged or mean nothing, and that a browser passes over.
PASSED_OVER: dict[str, bytes] = {
    "a text with a wrong CRC": hostile.wrong_crc(chunk(b"tEXt", b"a\0b")),
    "colours with a wrong CRC": hostile.wrong_crc(P3_CHUNK),
    "a transparent colour with a wrong CRC": hostile.wrong_crc(KEY),
    "a transparent colour of two bytes": chunk(b"tRNS", b"\0\1"),
    "frames with a wrong CRC": hostile.wrong_crc(chunk(b"acTL", struct.pack(">II", 2, 0))),
    "a text that is no stream": chunk(b"zTXt", b"k\0\0zz"),
    "a text of 70 MB": chunk(b"zTXt", b"k\0\0" + hostile.bomb(70_000_000)),
    "a profile that is no stream": chunk(b"iCCP", b"k\0\0zz"),
    "a profile that is cut off": chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(999))[:-5]),
    "a profile of nonsense": chunk(b"iCCP", b"k\0\0" + zlib.compress(b"nonsense" * 99)),
    "a profile of 70 MB": chunk(b"iCCP", b"k\0\0" + hostile.bomb(70_000_000)),
    "a profile without a name's end": chunk(b"iCCP", b"abc"),
    "colours of three bytes": chunk(b"cICP", b"\x0c\x0d\0"),
    "colours that nobody knows": chunk(b"cICP", bytes((99, 99, 0, 1))),
    "a time without its bytes": chunk(b"tIME", b""),
    "a resolution without its bytes": chunk(b"pHYs", b""),
    "an Exif block of nonsense": chunk(b"eXIf", b"MM\0*" + b"\xff" * 20),
    "a gamma of nought": chunk(b"gAMA", bytes(4)),
    "primaries on a line": chunk(b"cHRM", bytes(32)) + chunk(b"gAMA", struct.pack(">I", 100_000)),
}


@pytest.mark.parametrize("passed_over", PASSED_OVER.values(), ids=PASSED_OVER)
def test_what_browsers_pass_over_changes_nothing(differ: OdiffDiffer, passed_over: bytes) -> None:
    strict = Policy(0.0, 0.0, antialiasing=False)
    for body in (with_chunks(passed_over), with_chunks(after=passed_over)):
        diff = differ.diff(GOOD, body, strict)
        assert (diff.changed_pixels, diff.total_pixels) == (0, WIDTH * HEIGHT)
        assert differ.diff(OTHER, body, Policy()).changed_pixels == 20


WHOLE = {
    "PNG": GOOD,
    "interlaced PNG": interlaced_png((WIDTH, HEIGHT), (9, 8, 7)),
    "JPEG": hostile.jpeg(),
    "progressive JPEG": hostile.jpeg(progressive=True),
    "WebP": hostile.webp(quality=80),
    "lossless WebP": hostile.webp(lossless=True),
}


@pytest.mark.parametrize("body", WHOLE.values(), ids=WHOLE)
def test_wherever_a_file_is_cut_off_it_is_unreadable(differ: OdiffDiffer, body: bytes) -> None:
    """A PNG may lack its end, which is behind its last pixel; all before is missed."""
    codes, answers = set(), set()
    for end in np.linspace(1, len(body) - 40, 60).astype(int).tolist():
        with pytest.raises(ImageFault) as caught:
            differ.diff(body[:end], GOOD, Policy())
        codes.add(caught.value.code)
        assert FOREIGN_WORDS.search(caught.value.reason) is None
        if end % 3 == 0:
            answers.add(differ.diff(GOOD, OTHER, Policy()).changed_pixels)
    assert codes == {FaultCode.UNREADABLE}
    assert answers == {20}


def test_good_pairs_between_bad_ones_keep_their_answers(odiff: Path) -> None:
    """Two differs, two threads: no answer reaches another's pair, whatever was before it."""
    moved = np.roll(hostile.NOISE, 1, axis=1)
    good = [(GOOD, GOOD), (GOOD, OTHER), (OTHER, GOOD), (GOOD, png(moved))]
    with OdiffDiffer(OdiffServer(odiff)) as alone:
        right = [alone.diff(*pair, Policy()) for pair in good]
    pool = SharedDiffers([OdiffDiffer(OdiffServer(odiff)) for _ in range(2)])

    def ask(number: int) -> Diff | None:
        if number % 2:
            bad = REFUSED[number % len(REFUSED)][1]
            with pytest.raises(ImageFault):
                pool.diff(GOOD, bad, Policy())
            return None
        return pool.diff(*good[number // 2 % len(good)], Policy())

    try:
        with ThreadPoolExecutor(2) as threads:
            answers = [a for a in threads.map(ask, range(2 * len(REFUSED) * 2)) if a]
    finally:
        pool.close()
    assert answers == [right[n % len(good)] for n in range(len(answers))]
    assert [checked_mask(diff).sum() for diff in right[:3]] == [0, 20, 20]
