"""The small picture of a list: its size, what part of a page it shows, and its mark."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from pixelgate.engine.mask import write_mask
from pixelgate.engine.native import Flag
from pixelgate.engine.thumbnail import thumbnail
from pixelgate.errors import ImageFault
from support.images import encoded, jpeg, png, webp

Box = tuple[int, int, int, int]


def page(size: tuple[int, int]) -> bytes:
    """Rows that say how far down they are: from dark to bright."""
    width, height = size
    rows = np.linspace(0, 255, height).astype(np.uint8)
    pixels = np.repeat(rows[:, None], width, axis=1)
    return encoded(Image.fromarray(pixels).convert("RGB"), "PNG")


def mask(size: tuple[int, int], *boxes: Box) -> bytes:
    flags = np.zeros((size[1], size[0]), np.uint8)
    for x, y, width, height in boxes:
        flags[y : y + height, x : x + width] = Flag.SENSITIVE
    return write_mask(flags)


def opened(body: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.int_]]:
    with Image.open(io.BytesIO(body)) as image:
        assert image.format == "WEBP"
        return np.asarray(image.convert("RGB")).astype(int)


def marked(pixels: np.ndarray[tuple[int, ...], np.dtype[np.int_]]) -> list[tuple[int, int]]:
    """Rows and columns of pixels that are clearly redder than green: the pages are grey."""
    found = np.argwhere(pixels[..., 0] - pixels[..., 1] > 60)
    return [(int(y), int(x)) for y, x in found]


@pytest.mark.parametrize(
    ("size", "small"),
    [
        ((1280, 800), (160, 100)),
        ((1170, 2532), (80, 120)),
        ((400, 100), (160, 40)),
        ((40, 30), (40, 30)),
        ((1, 1), (1, 1)),
        ((2000, 1), (160, 1)),
        ((1, 2000), (1, 2)),
    ],
)
def test_it_fits_into_the_list(size: tuple[int, int], small: tuple[int, int]) -> None:
    pixels = opened(thumbnail(png(size)))
    assert (pixels.shape[1], pixels.shape[0]) == small


@pytest.mark.parametrize("body", [png((50, 40)), jpeg((50, 40)), webp((50, 40))])
def test_every_kind_of_image_has_one(body: bytes) -> None:
    assert opened(thumbnail(body)).shape == (40, 50, 3)


def test_transparent_images_stay_so() -> None:
    with Image.open(io.BytesIO(thumbnail(png((50, 40), (9, 9, 9, 0), "RGBA")))) as image:
        assert image.mode == "RGBA"
        assert image.getchannel("A").getextrema() == (0, 0)


def test_a_single_pixel_of_a_large_page_is_framed_where_it_is() -> None:
    size = (1600, 1200)
    pixels = opened(thumbnail(page(size), mask(size, (800, 600, 1, 1))))
    found = marked(pixels)
    assert found
    assert all(abs(y - 60) <= 4 and abs(x - 80) <= 4 for y, x in found)
    assert marked(opened(thumbnail(page(size)))) == [], "without a mask"


def test_what_changed_has_a_frame_and_keeps_its_colour() -> None:
    """A recolour is seen as it is: a tint would make a slightly other blue purple."""
    size, blue = (160, 120), (20, 60, 220)
    image = Image.new("RGB", size, blue)
    boxes = mask(size, (40, 30, 80, 60)), mask(size, (0, 0, 160, 120))
    framed, whole = (opened(thumbnail(encoded(image, "PNG"), m)) for m in boxes)
    for pixels in (framed, whole):
        inside = pixels[44:76, 56:104]
        assert np.abs(inside - blue).max() <= 6
    assert np.min(framed[60, 37:39, 0]) > 120, "left of it, a pixel away"
    assert np.abs(framed[60, 0:30] - blue).max() <= 6
    assert np.min(whole[60, 0:2, 0]) > 120, "up to the edge: along the edge"


def test_of_a_tall_page_the_part_with_the_first_change_is_shown() -> None:
    size = (100, 1000)
    top = opened(thumbnail(page(size)))
    assert top[0].mean() < 5, "without a change it begins at the top"
    pixels = opened(thumbnail(page(size), mask(size, (10, 700, 20, 30), (0, 950, 9, 9))))
    # 150 rows, a quarter of them before the change: from row 663 to 813.
    assert pixels[0, 70, 1] == pytest.approx(255 * 663 / 999, abs=6)
    assert pixels[-1, 70, 1] == pytest.approx(255 * 812 / 999, abs=6)
    assert min(marked(pixels))[0] == pytest.approx(37 * 120 / 150, abs=5)


def test_the_mask_is_put_where_its_rows_lie_in_the_image() -> None:
    """Two rows were deleted at 10: below them the mask lies two rows lower than the image."""
    slices = ((0, 0, 10), (12, 10, 28)), ()
    canvas = mask((40, 40), (0, 10, 40, 2), (20, 32, 4, 2))
    found = marked(opened(thumbnail(page((40, 38)), canvas, slices)))
    assert {y for y, _ in found} <= set(range(26, 36))
    assert {27, 34} <= {y for y, x in found if x == 21}, "above it and below"


def test_a_canvas_that_is_larger_than_the_image_is_cut() -> None:
    canvas = mask((60, 60), (50, 0, 10, 60), (10, 10, 2, 2))
    found = marked(opened(thumbnail(page((40, 30)), canvas)))
    assert found
    assert all(6 <= y <= 15 and 6 <= x <= 15 for y, x in found)


def test_it_is_small() -> None:
    size = (1280, 800)
    noise = np.random.default_rng(1).integers(0, 256, (800, 1280, 3), dtype=np.uint8)
    body = encoded(Image.fromarray(noise), "PNG", compress_level=1)
    assert len(thumbnail(body, mask(size, (0, 0, 640, 400)))) < 8_000


def test_an_image_that_cannot_be_read_is_a_fault() -> None:
    with pytest.raises(ImageFault):
        thumbnail(b"no image")
