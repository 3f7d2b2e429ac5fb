"""50 Mpx are compared, one row or column more is refused, and nothing of it is decoded first."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from pixelgate.domain.comparison import Region
from pixelgate.domain.policy import Policy
from pixelgate.engine.differ import OdiffDiffer
from pixelgate.errors import FaultCode, ImageFault
from support.agreement import checked_mask
from support.hostile import patched_jpeg, patched_webp
from support.images import declared_png, encoded, png
from support.plain_odiff import unaligned

PLAIN = unaligned(Policy())


def bits(width: int, height: int, dot: tuple[int, int] | None = None) -> bytes:
    """A black PNG of one bit a pixel: 50 Mpx are 6 KB."""
    image = Image.new("1", (width, height))
    if dot:
        image.putpixel(dot, 1)
    return encoded(image, "PNG")


def large_jpeg(width: int, height: int) -> bytes:
    """Up to its first scan: a decoder makes do with a scan that ends too soon."""
    body = patched_jpeg(width, height)
    return body[: body.index(b"\xff\xda") + 14]


def large_webp(width: int, height: int) -> bytes:
    """Of a few pixels; 16,383 is the most it can say."""
    return patched_webp(width, height, lossless=True)


def test_fifty_megapixels_are_compared_to_the_last_pixel(differ: OdiffDiffer) -> None:
    diff = differ.diff(bits(8_000, 6_250), bits(8_000, 6_250, (7_999, 6_249)), PLAIN)
    assert (diff.changed_pixels, diff.structural_pixels, diff.total_pixels) == (1, 1, 50_000_000)
    assert diff.regions == (Region(7_999, 6_249, 1, 1, 1, 0),)
    assert diff.picture.differing == diff.areas[0].differing == 1
    assert diff.areas[0].most == 255
    assert checked_mask(diff)[6_249, 7_999]


def test_a_canvas_of_fifty_megapixels_may_come_of_two_strips(differ: OdiffDiffer) -> None:
    diff = differ.diff(bits(8_000, 1), bits(1, 6_250), PLAIN)
    assert (diff.changed_pixels, diff.total_pixels) == (49_999_999, 50_000_000)
    assert sum(region.pixels for region in diff.regions) == 49_999_999


@pytest.mark.parametrize("make", [declared_png, large_jpeg, large_webp])
@pytest.mark.parametrize("side", ["base", "head"])
def test_more_is_refused_by_the_header_alone(
    differ: OdiffDiffer, make: Callable[[int, int], bytes], side: str
) -> None:
    """A decoder would say UNREADABLE, as of the largest that is allowed: it has no such body."""

    def refusal(width: int, height: int) -> ImageFault:
        large = make(width, height)
        base, head = (large, png()) if side == "base" else (png(), large)
        with pytest.raises(ImageFault) as caught:
            differ.diff(base, head, Policy())
        return caught.value

    for width, height in ((8_001, 6_250), (8_000, 6_251), (7_072, 7_072), (16_383, 16_383)):
        assert refusal(width, height).reason == (
            f"EXCEEDS_PIXEL_LIMIT: {side}: {width}×{height} are {width * height:,} pixels; "
            "up to 50,000,000 are compared"
        )
    assert refusal(8_000, 6_250).code is FaultCode.UNREADABLE


@pytest.mark.parametrize(
    ("base", "head"), [((8_001, 1), (1, 6_250)), ((1, 6_251), (8_000, 1)), ((9_000, 9), (9, 9_000))]
)
def test_two_small_images_may_need_too_large_a_canvas(
    differ: OdiffDiffer, base: tuple[int, int], head: tuple[int, int]
) -> None:
    with pytest.raises(ImageFault) as caught:
        differ.diff(declared_png(*base), declared_png(*head), Policy())
    width, height = np.maximum(base, head).tolist()
    assert caught.value.reason == (
        f"EXCEEDS_PIXEL_LIMIT: {width}×{height} are {width * height:,} pixels; "
        "up to 50,000,000 are compared"
    )
