"""Ignored regions hide their own pixels, to the last row and column, and not one more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.conftest import Compare
from pixelgate.domain.policy import Rectangle
from pixelgate.engine.odiff import OdiffServer
from support.agreement import mask_of
from support.drawings import png
from support.pixels import grey, with_box
from support.plain_odiff import Mask

BASE = grey(60, 50)
HEAD = with_box(BASE, 10, 10, 20, 20, (255, 0, 0))


def visible(compare: Compare, *boxes: Rectangle) -> Mask:
    """The mask of the red block when these boxes are ignored."""
    diff = compare(BASE, HEAD, ignore_regions=boxes, align_rows=False)
    assert diff.structural_pixels == diff.changed_pixels
    return mask_of(diff)


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
    pytest.param([Rectangle(0, 0, 10, 50)], 400, id="up to the block from the left"),
    pytest.param([Rectangle(30, 0, 30, 50)], 400, id="from the block to the right"),
    pytest.param([Rectangle(0, 0, 2**31 - 1, 2**31 - 1)], 0, id="as large as a box can be"),
    pytest.param([Rectangle(2**31 - 1, 2**31 - 1, 2**31 - 1, 1)], 400, id="as far as can be"),
    pytest.param([Rectangle(60, 0, 9, 9)], 400, id="beside the image, where odiff would wrap"),
    pytest.param([Rectangle(55, 12, 30, 1)], 400, id="past the right edge does not wrap"),
    pytest.param([Rectangle(10, 10, 10, 20), Rectangle(20, 10, 10, 20)], 0, id="touching"),
    pytest.param([Rectangle(10, 10, 9, 20), Rectangle(20, 10, 10, 20)], 20, id="a gap between"),
]  # fmt: skip


@pytest.mark.parametrize(("boxes", "left"), BOXES)
def test_a_box_hides_its_own_pixels_and_no_other(
    compare: Compare, boxes: list[Rectangle], left: int
) -> None:
    mask = visible(compare, *boxes)
    assert np.count_nonzero(mask) == left
    assert np.array_equal(mask, block_without(*boxes))


def test_a_thousand_boxes_are_as_good_as_one(compare: Compare) -> None:
    """The request line on which odiff ends holds some 300; a manifest may list 1,000."""
    chequered = [Rectangle(x, y, 1, 1) for y in range(10, 30) for x in range(10 + y % 2, 30, 2)]
    elsewhere = [Rectangle(40 + n % 20, n % 50, 1, 1) for n in range(800)]
    mask = visible(compare, *chequered, *elsewhere)
    assert np.count_nonzero(mask) == 200
    assert np.array_equal(mask, block_without(*chequered))


def test_a_box_hides_what_the_same_box_hides_from_odiff(
    compare: Compare, odiff: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Odiff's corners are inclusive: x2 is x + width - 1."""
    folder = tmp_path_factory.mktemp("plain")
    base, head, mask = (folder / name for name in ("b.png", "h.png", "m.png"))
    base.write_bytes(png(BASE))
    head.write_bytes(png(HEAD))
    options = {"threshold": 0.0225, "antialiasing": True}
    with OdiffServer(odiff) as server:
        for (box, *_), left in (row.values for row in BOXES[:8]):  # type: ignore[misc]
            right, bottom = box.x + box.width - 1, box.y + box.height - 1
            corners = {"x1": box.x, "y1": box.y, "x2": right, "y2": bottom}
            answer = server.compare(base, head, mask, {**options, "ignoreRegions": [corners]})
            assert np.count_nonzero(visible(compare, box)) == answer.pixels == left


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
def test_what_only_one_image_has_can_be_ignored_too(
    compare: Compare, box: Rectangle, left: int
) -> None:
    small, large = grey(60, 40, 255), grey(60, 50, 255)
    for pair in ((small, large), (large, small)):
        diff = compare(*pair, ignore_regions=(box,), align_rows=False)
        assert (diff.changed_pixels, diff.structural_pixels) == (left, left)
        assert diff.total_pixels == 3_000
        assert np.count_nonzero(mask_of(diff)[40:]) == left


def test_smoothing_looks_at_the_true_neighbours_below_an_ignored_box(compare: Compare) -> None:
    """A box that cut pixels out before the comparison would change the verdict beside it."""
    base, head = grey(40, 40, 255), grey(40, 40, 255)
    base[:, 20:], head[:, 21:] = 0, 0
    base[:, 20], head[:, 21] = 128, 128
    whole = mask_of(compare(base, head, align_rows=False))
    box = Rectangle(21, 0, 19, 40)
    part = mask_of(compare(base, head, ignore_regions=(box,), align_rows=False))
    assert np.array_equal(part[:, :21], whole[:, :21])
    assert not part[:, 21:].any()
