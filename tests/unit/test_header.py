"""What the first bytes of a file say, and which files are refused by them alone."""

from __future__ import annotations

import re
import warnings

import pytest
from PIL import Image

from pixelgate.engine.exif import UPRIGHT, orientation_of
from pixelgate.engine.header import Header, canvas_of, read_header
from pixelgate.errors import FaultCode, ImageFault
from support.images import (
    chunk,
    declared_png,
    encoded,
    interlaced_png,
    jpeg,
    palette_png,
    picture,
    png,
    png_16_bit,
    raw_png,
    webp,
)

SIZE = (5, 3)
RED_GREEN = [255, 0, 0, 0, 255, 0]


FORMATS = {
    "PNG": {
        "RGB": png(),
        "RGBA, opaque": png(colour=(1, 2, 3, 255), mode="RGBA"),
        "RGBA": png(colour=(1, 2, 3, 0), mode="RGBA"),
        "palette": palette_png([0, 1] * 7 + [0], 5, RED_GREEN),
        "palette with tRNS": palette_png([0, 1] * 7 + [0], 5, RED_GREEN, alpha=b"\x80"),
        "grey": png(colour=7, mode="L"),
        "grey, tRNS": encoded(picture("L", SIZE, 7), "PNG", transparency=7),
        "RGB, tRNS": encoded(picture("RGB", SIZE, (1, 2, 3)), "PNG", transparency=(1, 2, 3)),
        "grey and alpha": png(colour=(7, 9), mode="LA"),
        "one bit": png(colour=1, mode="1"),
        "grey of 16 bits": png(colour=999, mode="I;16"),
        "RGB of 16 bits": png_16_bit(SIZE, (1, 2, 3)),
        "RGBA of 16 bits": png_16_bit(SIZE, (1, 2, 3, 4)),
        "interlaced": interlaced_png(SIZE, (1, 2, 3)),
    },
    "JPEG": {
        "RGB": jpeg(),
        "grey": jpeg(colour=7, mode="L"),
        "CMYK": jpeg(colour=(1, 2, 3, 4), mode="CMYK"),
    },
    "WEBP": {
        "lossless": webp(),
        "lossy": webp(lossless=False),
        "with alpha": webp(colour=(1, 2, 3, 4), mode="RGBA"),
        "lossy with alpha": webp(colour=(1, 2, 3, 4), mode="RGBA", lossless=False),
    },
}


@pytest.mark.parametrize("format_", FORMATS)
def test_formats_that_are_compared(format_: str) -> None:
    for kind, body in FORMATS[format_].items():
        assert read_header(body) == Header(format_, *SIZE), kind


@pytest.mark.parametrize(
    ("body", "name"),
    [
        pytest.param(encoded(picture("P", SIZE, 0), "GIF"), "GIF", id="GIF"),
        pytest.param(encoded(picture("RGB", SIZE, 0), "BMP"), "BMP", id="BMP"),
        pytest.param(encoded(picture("RGB", SIZE, 0), "TIFF"), "TIFF", id="TIFF, little-endian"),
        pytest.param(b"MM\0*\0\0\0\x08", "TIFF", id="TIFF, big-endian"),
        pytest.param(b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL", id="JPEG XL in a box"),
        pytest.param(b"\xff\x0a\xfa\x1f", "JPEG XL", id="JPEG XL, naked"),
        pytest.param(b"\0\0\0\x20ftypavif\0\0\0\0", "AVIF or HEIC", id="AVIF"),
        pytest.param(b"\0\0\0\x18ftypheic\0\0\0\0", "AVIF or HEIC", id="HEIC"),
        pytest.param(b"%PDF-1.7\n", "PDF", id="PDF"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG", id="SVG"),
    ],
)
def test_foreign_formats_are_told_by_name(body: bytes, name: str) -> None:
    with pytest.raises(ImageFault) as caught:
        read_header(body)
    assert caught.value.reason == (
        f"UNSUPPORTED_FORMAT: the file is {name}; PNG, JPEG and WebP are compared"
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b"", "the file is empty", id="empty"),
        pytest.param(b"<!doctype html>", "the file is no PNG, JPEG or WebP image", id="text"),
        pytest.param(b"\0" * 64, "the file is no PNG, JPEG or WebP image", id="zeros"),
        pytest.param(b"\x89", "the file is no PNG", id="first byte of a PNG"),
        pytest.param(png()[:8], "the header is damaged", id="signature of a PNG"),
        pytest.param(png()[:20], "the header is damaged", id="half the header of a PNG"),
        pytest.param(jpeg()[:2], "the file is no PNG", id="signature of a JPEG"),
        pytest.param(jpeg()[:30], "the header is damaged", id="half the header of a JPEG"),
        pytest.param(webp()[:12], "the header is damaged", id="signature of a WebP"),
        pytest.param(webp()[:20], "the header is damaged", id="half the header of a WebP"),
        pytest.param(png().replace(b"IHDR", b"IHDX"), "the header is damaged", id="no IHDR"),
        pytest.param(raw_png((0, 3), 8, 2, b""), "the header is damaged", id="PNG without width"),
        pytest.param(raw_png((5, 3), 7, 2, b""), "the header is damaged", id="PNG of seven bits"),
    ],
)
def test_what_cannot_be_read_is_unreadable(body: bytes, message: str) -> None:
    with pytest.raises(ImageFault, match="^" + re.escape(message)) as caught:
        read_header(body)
    assert caught.value.code is FaultCode.UNREADABLE


def test_a_jpeg_of_a_hundred_scans_is_read_and_one_more_is_refused() -> None:
    body = jpeg()
    more = b"\xff\xda" * (100 - body.count(b"\xff\xda"))
    assert read_header(body[:-2] + more + body[-2:]).size == SIZE
    with pytest.raises(ImageFault) as caught:
        read_header(body[:-2] + more + b"\xff\xda" + body[-2:])
    assert caught.value.reason == (
        "UNREADABLE: the JPEG has more than 100 scans, which are not read"
    )


@pytest.mark.parametrize("scans", [b"\xff\xda" * 200, b"\xff\xff\xda" * 200])
def test_what_looks_like_scans_behind_the_end_or_in_a_comment_is_only_data(scans: bytes) -> None:
    body = jpeg()
    comment = b"\xff\xfe" + (len(scans) + 2).to_bytes(2) + scans
    assert read_header(body + scans).size == SIZE
    assert read_header(body[:2] + comment + body[2:]).size == SIZE
    assert read_header(png() + scans).size == SIZE


@pytest.mark.parametrize("marker", [b"\xff\x01", b"\xff\x02", b"\xff\xd8", b"\xff\xd0"])
def test_scans_cannot_hide_behind_a_marker_that_has_no_length(marker: bytes) -> None:
    body = jpeg()
    hidden = marker + b"\x01\x94" + b"\xff\xda" * 200
    with pytest.raises(ImageFault, match="more than 100 scans"):
        read_header(body[:-2] + hidden + body[-2:])


def read_or_fault(body: bytes) -> tuple[int, int] | FaultCode:
    try:
        return read_header(body).size
    except ImageFault as fault:
        return fault.code


@pytest.mark.parametrize(
    "body", [png((50, 50)), jpeg((50, 50)), webp((50, 50), lossless=False)], ids=FORMATS
)
def test_wherever_a_file_is_cut_its_header_is_read_or_it_is_unreadable(body: bytes) -> None:
    found = [read_or_fault(body[:cut]) for cut in range(len(body) + 1)]
    assert set(found) == {(50, 50), FaultCode.UNREADABLE}
    assert found[-1] == (50, 50)


def header(width: int, height: int) -> Header:
    return Header("PNG", width, height)


@pytest.mark.parametrize(
    ("base", "head", "canvas"),
    [
        pytest.param((5, 3), (5, 3), (5, 3), id="equal"),
        pytest.param((5, 3), (3, 5), (5, 5), id="wider and higher"),
        pytest.param((30, 30), (50, 50), (50, 50), id="larger head"),
        pytest.param((50, 50), (30, 30), (50, 50), id="larger base"),
        pytest.param((8_000, 6_250), (1, 1), (8_000, 6_250), id="exactly 50,000,000"),
        pytest.param((50_000_000, 1), (1, 1), (50_000_000, 1), id="in one row"),
    ],
)
def test_canvas_holds_both(
    base: tuple[int, int], head: tuple[int, int], canvas: tuple[int, int]
) -> None:
    assert canvas_of(header(*base), header(*head)) == canvas


@pytest.mark.parametrize(
    ("base", "head", "told"),
    [
        pytest.param((8_000, 6_251), (1, 1), "8000×6251 are 50,008,000", id="one more row"),
        pytest.param((1, 1), (8_000, 6_251), "8000×6251 are 50,008,000", id="… in head"),
        pytest.param((50_000_001, 1), (1, 1), "50000001×1 are 50,000,001", id="one more pixel"),
        pytest.param((10, 8_000), (8_000, 10), "8000×8000 are 64,000,000", id="only together"),
    ],
)
def test_canvas_over_the_limit_is_refused(
    base: tuple[int, int], head: tuple[int, int], told: str
) -> None:
    with pytest.raises(ImageFault) as caught:
        canvas_of(header(*base), header(*head))
    limit = "pixels; up to 50,000,000 are compared"
    assert caught.value.reason == f"EXCEEDS_PIXEL_LIMIT: {told} {limit}"


def test_the_limit_is_whoever_compares_to_set() -> None:
    assert canvas_of(header(30, 20), header(1, 1), most=600) == (30, 20)
    with pytest.raises(ImageFault, match="30×21 are 630 pixels; up to 600 are compared"):
        canvas_of(header(30, 20), header(1, 21), most=600)


def test_bomb_is_refused_by_its_header() -> None:
    bomb = declared_png(60_000, 60_000)
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        declared = read_header(bomb)
    assert declared == Header("PNG", 60_000, 60_000)
    with pytest.raises(ImageFault, match=r"^60000×60000 are 3,600,000,000 pixels;") as caught:
        canvas_of(declared, read_header(png()))
    assert caught.value.code is FaultCode.EXCEEDS_PIXEL_LIMIT


def exif_block(orientation: int, before: bytes = b"") -> bytes:
    """A big-endian Exif block: entries `before`, then the orientation."""
    entries = before + b"\x01\x12\0\3\0\0\0\1" + orientation.to_bytes(2) + b"\0\0"
    return b"MM\0*\0\0\0\x08" + (len(entries) // 12).to_bytes(2) + entries + bytes(4)


DAMAGED_ENTRY = b"\x01\x0f\0\2\x7f\xff\xff\xff\x7f\xff\xff\xff"  # a text that lies outside


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("before", [b"", DAMAGED_ENTRY], ids=["alone", "behind a damaged entry"])
def test_orientation_is_read_from_every_format(orientation: int, before: bytes) -> None:
    exif = b"Exif\0\0" + exif_block(orientation, before)
    shown = SIZE[::-1] if orientation in (5, 6, 7, 8) else SIZE
    for format_ in FORMATS:
        body = encoded(picture("RGB", SIZE, 7), format_, exif=exif)
        assert read_header(body).size == shown, format_


@pytest.mark.parametrize("cut", range(20))
def test_a_picture_whose_exif_block_is_cut_off_is_upright(cut: int) -> None:
    assert orientation_of(exif_block(6)[:cut]) == UPRIGHT


def test_a_jpeg_with_two_sizes_is_unreadable() -> None:
    body = jpeg()
    frame = body.index(b"\xff\xc0")
    length = int.from_bytes(body[frame + 2 : frame + 4]) + 2
    with pytest.raises(ImageFault, match="it has two sizes"):
        read_header(body[:frame] + body[frame : frame + length] * 2 + body[frame + length :])


def test_what_is_between_two_segments_of_a_jpeg_is_passed_over() -> None:
    body = jpeg()
    frame = body.index(b"\xff\xc0")
    assert read_header(body[:frame] + b"\0junk\xff\xff" + body[frame:]).size == SIZE


def test_an_animation_of_one_frame_is_a_picture() -> None:
    body = png()
    assert read_header(body[:33] + chunk(b"acTL", b"\0\0\0\1\0\0\0\0") + body[33:]).size == SIZE
