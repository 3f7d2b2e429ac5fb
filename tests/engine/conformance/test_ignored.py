"""Ignored regions hide their own pixels, to the last row and column, and not one more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pixelgate.domain.policy import Policy, Rectangle
from pixelgate.engine.differ import OdiffDiffer
from pixelgate.engine.odiff import OdiffServer
from support.agreement import checked_mask
from support.drawings import png
from support.pixels import grey, with_box
from support.plain_odiff import Mask, unaligned

RED = (255, 0, 0)
BASE = grey(60, 50)
HEAD = with_box(BASE, 10, 10, 20, 20, RED)


def visible(differ: OdiffDiffer, *boxes: Rectangle) -> Mask:
    """The mask of the red block when these boxes are ignored; its numbers agree."""
    policy = replace(unaligned(Policy()), ignore_regions=boxes)
    diff = differ.diff(png(BASE), png(HEAD), policy)
    assert diff.structural_pixels == diff.changed_pixels
    return checked_mask(diff)


def block_without(*boxes: Rectangle) -> Mask:
    """The same, counted out pixel by pixel."""
    mask = np.zeros(BASE.shape[:2], bool)
    for y in range(10, 30):
        for x in range(10, 30):
            mask[y, x] = not any(
                b.x <= x < b.x + b.width and b.y <= y < b.y + b.height for b in boxes
            )
    return mask


BOXES = [
    pytest.param([Rectangle(10, 10, 20, 20)], 0, id="just the block"),
    pytest.param([Rectangle(11, 10, 19, 20)], 20, id="the left column is left"),
    pytest.param([Rectangle(10, 11, 20, 19)], 20, id="the top row is left"),
    pytest.param([Rectangle(10, 10, 19, 20)], 20, id="the right column is left"),
    pytest.param([Rectangle(10, 10, 20, 19)], 20, id="the bottom row is left"),
    pytest.param([Rectangle(11, 11, 18, 18)], 76, id="a frame of one pixel is left"),
    pytest.param([Rectangle(10, 10, 1, 1)], 399, id="the top left pixel"),
    pytest.param([Rectangle(29, 10, 1, 1)], 399, id="the top right pixel"),
    pytest.param([Rectangle(10, 29, 1, 1)], 399, id="the bottom left pixel"),
    pytest.param([Rectangle(29, 29, 1, 1)], 399, id="the bottom right pixel"),
    pytest.param([Rectangle(9, 9, 1, 1)], 400, id="the pixel before the block"),
    pytest.param([Rectangle(30, 30, 1, 1)], 400, id="the pixel behind the block"),
    pytest.param([Rectangle(0, 0, 10, 50)], 400, id="up to the block from the left"),
    pytest.param([Rectangle(30, 0, 30, 50)], 400, id="from the block to the right"),
    pytest.param([Rectangle(0, 0, 60, 50)], 0, id="all of the image"),
    pytest.param([Rectangle(0, 0, 2**31 - 1, 2**31 - 1)], 0, id="as large as a box can be"),
    pytest.param([Rectangle(2**31 - 1, 2**31 - 1, 2**31 - 1, 1)], 400, id="as far as can be"),
    pytest.param([Rectangle(60, 0, 9, 9)], 400, id="beside the image, where odiff would wrap"),
    pytest.param([Rectangle(55, 12, 30, 1)], 400, id="past the right edge does not wrap"),
    pytest.param([Rectangle(20, 20, 500, 500)], 300, id="past the right and the bottom edge"),
    pytest.param([Rectangle(10, 10, 12, 20), Rectangle(18, 10, 12, 20)], 0, id="overlapping"),
    pytest.param([Rectangle(10, 10, 10, 20), Rectangle(20, 10, 10, 20)], 0, id="touching"),
    pytest.param([Rectangle(10, 10, 9, 20), Rectangle(20, 10, 10, 20)], 20, id="a gap between"),
    pytest.param([Rectangle(15, 15, 5, 5)] * 3, 375, id="three times the same"),
]  # fmt: skip


@pytest.mark.parametrize(("boxes", "left"), BOXES)
def test_a_box_hides_its_own_pixels_and_no_other(
    differ: OdiffDiffer, boxes: list[Rectangle], left: int
) -> None:
    mask = visible(differ, *boxes)
    assert np.count_nonzero(mask) == left
    assert np.array_equal(mask, block_without(*boxes))


def test_a_thousand_boxes_are_as_good_as_one(differ: OdiffDiffer) -> None:
    """The request line on which odiff ends holds some 300; a manifest may list 1,000."""
    chequered = [Rectangle(x, y, 1, 1) for y in range(10, 30) for x in range(10 + y % 2, 30, 2)]
    elsewhere = [Rectangle(40 + n % 20, n % 50, 1, 1) for n in range(800)]
    mask = visible(differ, *chequered, *elsewhere)
    assert np.count_nonzero(mask) == 200
    assert np.array_equal(mask, block_without(*chequered))


@pytest.mark.parametrize("box", [p.values[0][0] for p in BOXES[:12]], ids=str)  # type: ignore[index]
def test_a_box_hides_what_the_same_box_hides_from_odiff(
    differ: OdiffDiffer, odiff: Path, tmp_path_factory: pytest.TempPathFactory, box: Rectangle
) -> None:
    """Odiff's corners are inclusive: x2 is x + width - 1."""
    folder = tmp_path_factory.mktemp("plain")
    (folder / "b.png").write_bytes(png(BASE))
    (folder / "h.png").write_bytes(png(HEAD))
    corners = {"x1": box.x, "y1": box.y, "x2": box.x + box.width - 1, "y2": box.y + box.height - 1}
    with OdiffServer(odiff) as server:
        answer = server.compare(
            folder / "b.png",
            folder / "h.png",
            folder / "m.png",
            {"threshold": 0.0225, "antialiasing": True, "ignoreRegions": [corners]},
        )
    assert np.count_nonzero(visible(differ, box)) == answer.pixels


@pytest.mark.parametrize(
    ("box", "left"),
    [
        pytest.param(Rectangle(0, 40, 60, 10), 0, id="all of the growth"),
        pytest.param(Rectangle(0, 40, 60, 9), 60, id="all but its last row"),
        pytest.param(Rectangle(0, 41, 60, 9), 60, id="all but its first row"),
        pytest.param(Rectangle(1, 40, 58, 10), 20, id="all but its first and last column"),
        pytest.param(Rectangle(0, 0, 60, 40), 600, id="all but the growth"),
        pytest.param(Rectangle(59, 49, 1, 1), 599, id="its last pixel"),
        pytest.param(Rectangle(59, 49, 99, 99), 599, id="its last pixel and beyond"),
    ],
)
@pytest.mark.parametrize("grows", [True, False], ids=["grows", "shrinks"])
def test_what_only_one_image_has_can_be_ignored_too(
    differ: OdiffDiffer, box: Rectangle, left: int, grows: bool
) -> None:
    small, large = png(grey(60, 40, 255)), png(grey(60, 50, 255))
    policy = replace(unaligned(Policy()), ignore_regions=(box,))
    diff = differ.diff(*((small, large) if grows else (large, small)), policy)
    assert (diff.changed_pixels, diff.structural_pixels, diff.total_pixels) == (left, left, 3_000)
    assert np.count_nonzero(checked_mask(diff)[40:]) == left


def test_smoothing_looks_at_the_true_neighbours_below_an_ignored_box(differ: OdiffDiffer) -> None:
    """A box that cut pixels out before the comparison would change the verdict beside it."""
    base, head = grey(40, 40, 255), grey(40, 40, 255)
    base[:, 20:], head[:, 21:] = 0, 0
    base[:, 20], head[:, 21] = 128, 128
    whole = checked_mask(differ.diff(png(base), png(head), unaligned(Policy())))
    policy = replace(unaligned(Policy()), ignore_regions=(Rectangle(21, 0, 19, 40),))
    part = checked_mask(differ.diff(png(base), png(head), policy))
    assert np.array_equal(part[:, :21], whole[:, :21])
    assert not part[:, 21:].any()
