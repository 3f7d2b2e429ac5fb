"""Images of two sizes: what only one of them has is changed, and the rest is compared."""

from __future__ import annotations

import numpy as np
import pytest

from pixelgate.domain.policy import Policy
from pixelgate.engine.differ import OdiffDiffer
from support.agreement import checked_mask
from support.drawings import png
from support.pixels import grey, with_box
from support.plain_odiff import Pixels, unaligned

SIZES = [
    # base, head, changed, canvas
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
]


def named(row: tuple[tuple[int, int], tuple[int, int], int, tuple[int, int]]) -> str:
    (w, h), (v, g), *_ = row
    return f"{w}×{h} to {v}×{g}"


@pytest.mark.parametrize("alpha", [False, True], ids=["opaque", "transparent"])
@pytest.mark.parametrize(("base", "head", "changed", "canvas"), SIZES, ids=map(named, SIZES))
def test_only_what_both_have_can_be_equal(
    differ: OdiffDiffer,
    base: tuple[int, int],
    head: tuple[int, int],
    changed: int,
    canvas: tuple[int, int],
    alpha: bool,
) -> None:
    def image(size: tuple[int, int]) -> Pixels:
        pixels = grey(*size, 255)
        clear = np.zeros((size[1], size[0], 1), np.uint8)
        return np.dstack([pixels, clear]) if alpha else pixels

    diff = differ.diff(png(image(base)), png(image(head)), unaligned(Policy()))
    assert (diff.changed_pixels, diff.structural_pixels) == (changed, changed)
    assert (diff.base_size, diff.head_size) == (base, head)
    mask = checked_mask(diff)
    assert mask.shape == canvas[::-1]
    both = min(base[0], head[0]), min(base[1], head[1])
    assert not mask[: both[1], : both[0]].any()
    assert mask[both[1] :].all()
    assert mask[:, both[0] :].all()


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
    differ: OdiffDiffer, head_size: tuple[int, int], box: tuple[int, int, int, int], changed: int
) -> None:
    base, head = grey(30, 30), with_box(grey(*head_size), *box, colour=(255, 0, 0))
    there = differ.diff(png(base), png(head), unaligned(Policy()))
    back = differ.diff(png(head), png(base), unaligned(Policy()))
    assert (there.changed_pixels, back.changed_pixels) == (changed, changed)
    assert np.array_equal(checked_mask(there), checked_mask(back))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 1), (1, 2), (2, 2), (3, 3), (5, 1)])
@pytest.mark.parametrize("antialiasing", [True, False])
def test_the_smallest_images_are_compared_to_the_pixel(
    differ: OdiffDiffer, size: tuple[int, int], antialiasing: bool
) -> None:
    """Less than 64 bytes of bitmap, rows that are all padding, no neighbours to look at."""
    policy = unaligned(Policy(antialiasing=antialiasing))
    same = differ.diff(png(grey(*size, 0)), png(grey(*size, 0)), policy)
    other = differ.diff(png(grey(*size, 0)), png(grey(*size, 255)), policy)
    assert (same.changed_pixels, same.total_pixels) == (0, size[0] * size[1])
    assert checked_mask(other).all()
