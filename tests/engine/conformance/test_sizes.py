"""Images of two sizes: what only one of them has is changed, and the rest is compared."""

from __future__ import annotations

import numpy as np
import pytest

from engine.conftest import Compare
from support.agreement import checked_mask
from support.pixels import grey, rgba, with_box


@pytest.mark.parametrize("alpha", [False, True], ids=["opaque", "transparent"])
@pytest.mark.parametrize(
    ("base", "head", "changed", "canvas"),
    [
        ((30, 30), (50, 50), 1_600, (50, 50)),
        ((50, 50), (30, 30), 1_600, (50, 50)),
        ((30, 30), (31, 30), 30, (31, 30)),
        ((30, 30), (29, 30), 30, (30, 30)),
        ((30, 30), (30, 31), 30, (30, 31)),
        ((30, 30), (30, 29), 30, (30, 30)),
        ((40, 20), (20, 40), 1_200, (40, 40)),
        ((20, 40), (40, 20), 1_200, (40, 40)),
        ((1, 1), (1, 1), 0, (1, 1)),
        ((1, 1), (2, 2), 3, (2, 2)),
        ((1, 1), (1, 2), 1, (1, 2)),
        ((1, 1), (2, 1), 1, (2, 1)),
        ((1, 1), (300, 200), 59_999, (300, 200)),
        ((1, 200), (1, 200), 0, (1, 200)),
        ((1, 200), (1, 199), 1, (1, 200)),
        ((200, 1), (200, 1), 0, (200, 1)),
        ((199, 1), (200, 1), 1, (200, 1)),
        ((1, 200), (200, 1), 39_999, (200, 200)),
        ((15, 17), (16, 16), 32, (16, 17)),
    ],
    ids=str,
)
def test_only_what_both_have_can_be_equal(
    compare: Compare,
    base: tuple[int, int],
    head: tuple[int, int],
    changed: int,
    canvas: tuple[int, int],
    alpha: bool,
) -> None:
    pair = [rgba(*size, 255, 255, 255, 0) if alpha else grey(*size, 255) for size in (base, head)]
    diff = compare(*pair, align_rows=False)
    assert (diff.changed_pixels, diff.structural_pixels) == (changed, changed)
    assert (diff.base_size, diff.head_size) == (base, head)
    mask = checked_mask(diff)
    assert mask.shape == canvas[::-1]
    width, height = np.minimum(base, head)
    assert not mask[:height, :width].any()
    assert mask[height:].all()
    assert mask[:, width:].all()


@pytest.mark.parametrize(
    ("head_size", "box", "changed"),
    [
        pytest.param((40, 40), (29, 29, 1, 1), 701, id="in the last pixel of the overlap"),
        pytest.param((40, 40), (25, 25, 15, 15), 725, id="across the overlap's corner"),
        pytest.param((40, 40), (30, 30, 10, 10), 700, id="beside the overlap"),
        pytest.param((20, 20), (0, 0, 1, 1), 501, id="in the first pixel"),
        pytest.param((20, 20), (0, 19, 20, 1), 520, id="in the last row of the overlap"),
        pytest.param((45, 20), (19, 0, 3, 3), 759, id="wider but lower"),
    ],
)
def test_a_change_in_the_overlap_is_added(
    compare: Compare, head_size: tuple[int, int], box: tuple[int, int, int, int], changed: int
) -> None:
    base, head = grey(30, 30), with_box(grey(*head_size), *box, colour=(255, 0, 0))
    there = compare(base, head, align_rows=False)
    back = compare(head, base, align_rows=False)
    assert (there.changed_pixels, back.changed_pixels) == (changed, changed)
    assert np.array_equal(checked_mask(there), checked_mask(back))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 1), (1, 2), (2, 2), (3, 3), (5, 1)])
@pytest.mark.parametrize("antialiasing", [True, False])
def test_the_smallest_images_are_compared_to_the_pixel(
    compare: Compare, size: tuple[int, int], antialiasing: bool
) -> None:
    """Less than 64 bytes of bitmap, rows that are all padding, no neighbours to look at."""
    black, white = grey(*size, 0), grey(*size, 255)
    same = compare(black, black, antialiasing=antialiasing, align_rows=False)
    other = compare(black, white, antialiasing=antialiasing, align_rows=False)
    assert (same.changed_pixels, same.total_pixels) == (0, size[0] * size[1])
    assert checked_mask(other).all()
