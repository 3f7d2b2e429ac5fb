"""What a person is told of images that mean harm, and that they cost no more than a moment."""

from __future__ import annotations

import io
import struct
import time

import pytest
from PIL import ExifTags, Image

from pixelgate.domain.policy import Policy
from pixelgate.engine.differ import OdiffDiffer
from pixelgate.errors import FaultCode, ImageFault
from support import hostile
from support.hostile import DATA, END, HEIGHT, SIGNATURE, WIDTH, header
from support.images import chunk, encoded, png
from support.pixels import grey

GOOD = hostile.good_png()


def reason(differ: OdiffDiffer, body: bytes) -> str:
    with pytest.raises(ImageFault) as caught:
        differ.diff(GOOD, body, Policy())
    return caught.value.reason


def test_a_jpeg_of_very_many_scans_is_refused_in_time(differ: OdiffDiffer) -> None:
    """110 KB for 14 s, 10 MB for 20 minutes: refuse by the number of SOS markers."""
    body = hostile.many_scans(500, Image.new("L", (6_000, 5_000)))
    started = time.process_time()
    assert reason(differ, body).startswith(FaultCode.UNREADABLE)
    assert time.process_time() - started < 3


def test_a_size_just_over_the_limit_is_not_rounded_to_it(differ: OdiffDiffer) -> None:
    said = reason(differ, SIGNATURE + header(8_000, 6_251) + DATA + END)
    assert "8000×6251 are 50,008,000 pixels; up to 50,000,000 are compared" in said


def test_an_image_too_large_by_itself_is_named_with_its_own_size(differ: OdiffDiffer) -> None:
    said = reason(differ, SIGNATURE + header(2**31 - 1, 1) + DATA + END)
    assert "head" in said
    assert f"{2**31 - 1}×1 " in said


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(SIGNATURE + header(0, HEIGHT) + DATA + END, id="no width"),
        pytest.param(SIGNATURE + hostile.wrong_crc(header()) + DATA + END, id="CRC of IHDR"),
        pytest.param(SIGNATURE + header(WIDTH, HEIGHT), id="cut off behind IHDR"),
        pytest.param(
            hostile.with_palette(hostile.wrong_crc(chunk(b"PLTE", bytes(6)))), id="CRC of PLTE"
        ),
    ],
)
def test_a_damaged_png_is_not_called_another_kind_of_file(differ: OdiffDiffer, body: bytes) -> None:
    assert "no PNG, JPEG or WebP" not in reason(differ, body)


def test_an_orientation_that_is_no_number_does_not_spoil_the_picture(differ: OdiffDiffer) -> None:
    # Pillow writes none: a TIFF of one entry, text of four bytes where a short number belongs.
    entry = struct.pack("<HHI4s", ExifTags.Base.Orientation, 2, 4, b"AAA\0")
    exif = b"Exif\0\0" + struct.pack("<2sHIH", b"II", 42, 8, 1) + entry + bytes(4)
    body = encoded(Image.fromarray(grey(9, 9)), "WEBP", lossless=True, exif=exif)
    with Image.open(io.BytesIO(body)) as image:
        assert image.getexif()[ExifTags.Base.Orientation] == "AAA"
    assert differ.diff(png((9, 9), (128,) * 3), body, Policy()).changed_pixels == 0
