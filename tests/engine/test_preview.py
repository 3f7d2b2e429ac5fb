"""The picture of a pull request's comment: its three panes, their colours, and what lies where."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from pixelgate.domain.comparison import Axis, Band, BandKind, Diff
from pixelgate.engine.mask import write_mask
from pixelgate.engine.native import Flag
from pixelgate.engine.preview import ABSENT, GAP, PANE, TALLEST, WIDTH, preview
from pixelgate.engine.thumbnail import MARK
from pixelgate.errors import ImageFault
from pixelgate.pipeline.diffing.thumbnails import slices_of
from pixelgate.ports import Slices
from support.images import encoded, png

Pixels = npt.NDArray[Any]
Box = tuple[int, int, int, int]
SAME: tuple[Slices, Slices] = (((), ()), ((), ()))
BLUE, RED, GREEN = (20, 60, 200), (200, 40, 40), (30, 160, 70)


def drawn(
    size: tuple[int, int], colour: tuple[int, ...], *boxes: tuple[Box, tuple[int, ...]]
) -> bytes:
    """An image of one colour with boxes (x, y, width, height) of others."""
    image = Image.new("RGB", size, colour)
    for (x, y, width, height), other in boxes:
        image.paste(other, (x, y, x + width, y + height))
    return encoded(image, "PNG")


def mask(size: tuple[int, int], *boxes: Box) -> bytes:
    flags = np.zeros((size[1], size[0]), np.uint8)
    for x, y, width, height in boxes:
        flags[y : y + height, x : x + width] = Flag.SENSITIVE
    return write_mask(flags)


def panes(body: bytes) -> tuple[Pixels, Pixels, Pixels]:
    """Base, head and difference, with alpha; checks that nothing is in the gaps."""
    with Image.open(io.BytesIO(body)) as image:
        assert (image.format, image.mode, image.width) == ("PNG", "RGBA", WIDTH)
        pixels = np.asarray(image).astype(int)
    starts = [n * (PANE + GAP) for n in range(3)]
    for start in starts[1:]:
        assert not pixels[:, start - GAP : start, 3].any()
    first, second, third = (pixels[:, start : start + PANE] for start in starts)
    return first, second, third


def colours(pixels: Pixels) -> set[tuple[int, ...]]:
    return {tuple(map(int, colour)) for colour in np.unique(pixels.reshape(-1, 4), axis=0)}


def box_of(flags: Pixels) -> Box:
    """The smallest box round what is set: x, y, width, height."""
    rows, columns = np.flatnonzero(flags.any(axis=1)), np.flatnonzero(flags.any(axis=0))
    x, y = int(columns[0]), int(rows[0])
    return x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1


def is_colour(pixels: Pixels, colour: tuple[int, ...]) -> Pixels:
    found: Pixels = (pixels[..., :3] == colour).all(axis=-1)
    return found


def is_crossed(pane: Pixels) -> bool:
    return len(colours(pane)) == 2 and (*ABSENT, 255) in colours(pane)


@pytest.mark.parametrize(
    ("size", "height"),
    [
        ((1280, 800), 200),
        ((320, 100), 100),
        ((960, 1440), 480),
        ((960, 9000), TALLEST),
        ((40, 30), 30),
        ((40, 2000), TALLEST),
        ((1, 1), 1),
        ((4000, 1), 1),
    ],
)
def test_it_is_three_panes_wide_and_not_too_high(size: tuple[int, int], height: int) -> None:
    body = preview(png(size), png(size), mask(size, (0, 0, 1, 1)), SAME)
    assert {pane.shape for pane in panes(body)} == {(height, PANE, 4)}


def test_base_comes_first_then_head_then_the_difference_each_in_its_colours() -> None:
    size, box = (640, 400), (100, 200, 60, 40)
    body = preview(drawn(size, BLUE), drawn(size, BLUE, (box, RED)), mask(size, box), SAME)
    base, head, difference = panes(body)
    assert colours(base) == {(*BLUE, 255)}
    assert {(*BLUE, 255), (*RED, 255)} <= colours(head)
    assert box_of(is_colour(head, RED)) == (50, 100, 30, 20)
    # One pixel wider on each side, as a single pixel of a page would not be seen.
    assert box_of(is_colour(difference, MARK)) == (49, 99, 32, 22)
    grey = difference[~is_colour(difference, MARK)]
    assert (grey == grey[:, :1])[:, :3].all()
    assert grey[:, 0].min() > 130  # faded, so that the marks stand out


def test_one_pixel_of_a_page_is_seen() -> None:
    size = (1600, 1000)
    _, _, difference = panes(preview(png(size), png(size), mask(size, (800, 500, 1, 1)), SAME))
    assert box_of(is_colour(difference, MARK)) == (159, 99, 3, 3)


def test_a_small_image_keeps_its_size_and_lies_in_the_middle() -> None:
    size = (40, 30)
    base, _, difference = panes(
        preview(drawn(size, BLUE), drawn(size, RED), mask(size, (3, 4, 5, 6)), SAME)
    )
    assert box_of(base[..., 3] > 0) == (140, 0, 40, 30)
    assert box_of(is_colour(difference, MARK)) == (143, 4, 5, 6)


def test_of_a_high_page_the_part_is_shown_that_changed_most() -> None:
    size = (320, 5000)
    little, much = (0, 10, 4, 4), (10, 4000, 200, 100)
    head = drawn(size, BLUE, (little, RED), (much, GREEN))
    _, shown, difference = panes(preview(drawn(size, BLUE), head, mask(size, little, much), SAME))
    assert box_of(is_colour(shown, GREEN)) == (10, 191, 200, 100)
    assert box_of(is_colour(difference, MARK)) == (10, 191, 200, 100)
    assert (*RED, 255) not in colours(shown)


def test_what_comes_after_inserted_and_deleted_rows_is_at_the_same_height() -> None:
    """Head has 20 rows more at 10, and lacks 15 of base's at 60 of the canvas; then a red bar."""
    base = drawn((320, 100), BLUE, ((0, 40, 320, 15), GREEN), ((0, 70, 320, 10), RED))
    head = drawn((320, 105), BLUE, ((0, 10, 320, 20), GREEN), ((0, 75, 320, 10), RED))
    bands = (
        Band(BandKind.INSERTED, 10, 20, 10, 10),
        Band(BandKind.DELETED, 60, 15, 40, 60),
    )
    diff = Diff(1, 1, 1, (320, 100), (320, 105), bands=bands)
    places = slices_of(diff, BandKind.DELETED), slices_of(diff, BandKind.INSERTED)
    covered = mask((320, 120), (0, 10, 320, 20))
    old, new, difference = panes(preview(base, head, covered, places))
    assert len(old) == 120
    assert box_of(is_colour(old, ABSENT)) == (0, 10, 320, 20)
    assert box_of(is_colour(new, ABSENT)) == (0, 60, 320, 15)
    assert box_of(is_colour(old, RED)) == box_of(is_colour(new, RED)) == (0, 90, 320, 10)
    assert box_of(is_colour(old, GREEN)) == (0, 60, 320, 15)
    assert box_of(is_colour(difference, MARK)) == (0, 10, 320, 20)
    # Base shows in the difference where head has nothing.
    assert difference[62, 0, 0] != difference[50, 0, 0]
    assert not is_colour(difference, ABSENT).any()


def test_inserted_columns_move_what_is_right_of_them() -> None:
    base = drawn((100, 40), BLUE, ((60, 0, 10, 40), RED))
    head = drawn((130, 40), BLUE, ((90, 0, 10, 40), RED))
    bands = (Band(BandKind.INSERTED, 20, 30, 20, 20, Axis.COLUMNS),)
    diff = Diff(1, 1, 1, (100, 40), (130, 40), bands=bands)
    places = slices_of(diff, BandKind.DELETED), slices_of(diff, BandKind.INSERTED)
    old, new, _ = panes(preview(base, head, mask((130, 40), (20, 0, 30, 40)), places))
    assert box_of(is_colour(old, RED)) == box_of(is_colour(new, RED))
    assert box_of(is_colour(old, ABSENT))[2:] == (30, 40)


def test_images_of_two_sizes_lie_on_the_larger_canvas() -> None:
    old, new, _ = panes(
        preview(drawn((50, 40), BLUE), drawn((80, 60), RED), mask((80, 60), (50, 0, 30, 60)), SAME)
    )
    assert box_of(is_colour(old, BLUE))[2:] == (50, 40)
    assert box_of(is_colour(new, RED))[2:] == (80, 60)
    assert is_colour(old, ABSENT).sum() == 80 * 60 - 50 * 40


@pytest.mark.parametrize(
    ("base", "head", "crossed"),
    [
        (None, png((400, 300)), [True, False, True]),
        (png((400, 300)), None, [False, True, True]),
        (png((400, 300)), b"garbage", [False, True, True]),
        (png((400, 300)), png((400, 200)), [False, False, True]),
    ],
)
def test_in_the_place_of_what_is_missing_is_a_crossed_field(
    base: bytes | None, head: bytes | None, crossed: list[bool]
) -> None:
    found = panes(preview(base, head, None, SAME))
    assert [is_crossed(pane) for pane in found] == crossed
    assert {len(pane) for pane in found} == {240}


def test_what_shines_through_is_white() -> None:
    clear = encoded(Image.new("RGBA", (30, 30), (255, 0, 0, 0)), "PNG")
    base, _, _ = panes(preview(clear, png((30, 30)), mask((30, 30), (0, 0, 1, 1)), SAME))
    assert colours(base[base[..., 3] > 0][None]) == {(255, 255, 255, 255)}


def test_without_any_image_there_is_no_picture() -> None:
    with pytest.raises(ImageFault, match="neither image can be read"):
        preview(b"garbage", None, None, SAME)


def test_the_largest_picture_fits_into_an_attachment() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (1500, 1000, 3)).astype(np.uint8)
    body = encoded(Image.fromarray(noise), "PNG")
    assert len(preview(body, body, mask((1000, 1500), (0, 0, 500, 700)), SAME)) < 2_000_000


def test_the_same_images_give_the_same_bytes() -> None:
    """Else the same picture would be uploaded again with each build."""
    given = drawn((400, 300), BLUE), drawn((400, 300), RED), mask((400, 300), (0, 0, 9, 9)), SAME
    assert preview(*given) == preview(*given)
