"""50 Mpx are compared, one row or column more is refused, and nothing of it is decoded first."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from pixelgate.domain.comparison import Region
from pixelgate.domain.policy import Policy
from pixelgate.engine.differ import OdiffDiffer
from pixelgate.errors import FaultCode, ImageFault
from support.agreement import checked_mask
from support.images import chunk, encoded, jpeg, png
from support.plain_odiff import unaligned

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def bits(width: int, height: int, dot: tuple[int, int] | None = None) -> bytes:
    """A black PNG of one bit a pixel: 50 Mpx are 6 KB."""
    image = Image.new("1", (width, height))
    if dot:
        image.putpixel(dot, 1)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def bodiless_png(width: int, height: int) -> bytes:
    """All that comes before the first compressed byte; there is none."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return SIGNATURE + chunk(b"IHDR", header) + struct.pack(">I", 60_000_000) + b"IDAT"


def bodiless_jpeg(width: int, height: int) -> bytes:
    """A JPEG up to its first scan, with another size in its frame header."""
    body = jpeg((16, 16))
    frame = body.index(b"\xff\xc0")
    patched = body[: frame + 5] + struct.pack(">HH", height, width) + body[frame + 9 :]
    return patched[: patched.index(b"\xff\xda") + 14]


def patched_webp(width: int, height: int) -> bytes:
    """A lossless WebP of a few pixels that says it is larger; 16,383 is the most it can say."""
    noise = np.random.default_rng(2).integers(0, 256, (16, 16, 3), np.uint8)
    body = encoded(Image.fromarray(noise), "WEBP", lossless=True)
    at = body.index(b"VP8L") + 9
    (word,) = struct.unpack_from("<I", body, at)
    sizes = (word & 0xF000_0000) | (width - 1) | (height - 1) << 14
    return body[:at] + struct.pack("<I", sizes) + body[at + 4 :]


MAKERS = [bodiless_png, bodiless_jpeg, patched_webp]


def test_fifty_megapixels_are_compared_to_the_last_pixel(differ: OdiffDiffer) -> None:
    base, head = bits(8_000, 6_250), bits(8_000, 6_250, (7_999, 6_249))
    diff = differ.diff(base, head, unaligned(Policy()))
    assert (diff.changed_pixels, diff.structural_pixels, diff.total_pixels) == (1, 1, 50_000_000)
    assert diff.regions == (Region(7_999, 6_249, 1, 1, 1, 0),)
    assert diff.picture.differing == diff.areas[0].differing == 1
    assert diff.areas[0].most == 255
    assert checked_mask(diff)[6_249, 7_999]


def test_a_canvas_of_fifty_megapixels_may_come_of_two_strips(differ: OdiffDiffer) -> None:
    diff = differ.diff(bits(8_000, 1), bits(1, 6_250), unaligned(Policy()))
    assert (diff.changed_pixels, diff.total_pixels) == (49_999_999, 50_000_000)
    assert sum(region.pixels for region in diff.regions) == 49_999_999


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    ("width", "height"), [(8_001, 6_250), (8_000, 6_251), (7_072, 7_072), (16_383, 16_383)]
)
@pytest.mark.parametrize("side", ["base", "head"])
def test_more_is_refused_by_the_header_alone(
    differ: OdiffDiffer,
    make: Callable[[int, int], bytes],
    width: int,
    height: int,
    side: str,
) -> None:
    """A decoder would say UNREADABLE: there is no body to decode."""
    large, small = make(width, height), png()
    pair = (large, small) if side == "base" else (small, large)
    with pytest.raises(ImageFault) as caught:
        differ.diff(*pair, Policy())
    assert caught.value.reason == (
        f"EXCEEDS_PIXEL_LIMIT: {side}: {width}×{height} are {width * height:,} pixels; "
        "up to 50,000,000 are compared"
    )


@pytest.mark.parametrize("make", MAKERS)
def test_at_the_limit_the_body_is_read_and_missed(
    differ: OdiffDiffer, make: Callable[[int, int], bytes]
) -> None:
    """The same files, not too large: so it is the header that decided above."""
    with pytest.raises(ImageFault) as caught:
        differ.diff(make(8_000, 6_250), png(), Policy())
    assert caught.value.code is FaultCode.UNREADABLE


@pytest.mark.parametrize(
    ("base", "head"), [((8_001, 1), (1, 6_250)), ((1, 6_251), (8_000, 1)), ((9_000, 9), (9, 9_000))]
)
def test_two_small_images_may_need_too_large_a_canvas(
    differ: OdiffDiffer,
    base: tuple[int, int],
    head: tuple[int, int],
) -> None:
    with pytest.raises(ImageFault) as caught:
        differ.diff(bodiless_png(*base), bodiless_png(*head), Policy())
    width, height = max(base[0], head[0]), max(base[1], head[1])
    assert caught.value.reason == (
        f"EXCEEDS_PIXEL_LIMIT: {width}×{height} are {width * height:,} pixels; "
        "up to 50,000,000 are compared"
    )
