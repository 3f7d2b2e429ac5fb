"""Smoothed edges: left out when anti-aliasing is recognised, counted exactly when it is not."""

from __future__ import annotations

import numpy as np
import pytest

from engine.conftest import Compare
from support.agreement import odiffs_mask
from support.pixels import ellipse, grey, with_box

UNMOVED = ellipse(0)


# A smooth ellipse, moved: changed and structural pixels with anti-aliasing counted, and without.
# As odiff 4.5.0 says of the whole images.
@pytest.mark.parametrize(
    ("shift", "counted", "left"),
    [
        (1 / 8, (335, 0), 0),
        (2 / 8, (430, 122), 0),
        (4 / 8, (501, 255), 0),
        (7 / 8, (564, 378), 0),
        (8 / 8, (591, 410), 4),
        (12 / 8, (709, 526), 27),
        (16 / 8, (797, 634), 79),
    ],
)
def test_a_smooth_edge_may_move_by_less_than_a_pixel(
    compare: Compare, shift: float, counted: tuple[int, int], left: int
) -> None:
    moved = ellipse(shift)
    every = compare(UNMOVED, moved, antialiasing=False, align_rows=False)
    smoothed = compare(UNMOVED, moved, align_rows=False)
    assert (every.changed_pixels, every.structural_pixels) == counted
    assert (smoothed.changed_pixels, smoothed.structural_pixels) == (left, left)
    assert not (odiffs_mask(smoothed) & ~odiffs_mask(every)).any()


@pytest.mark.parametrize(
    ("box", "step", "changed"),
    [
        pytest.param((20, 20, 1, 1), 10, 1, id="a single pixel, hardly darker"),
        pytest.param((20, 20, 1, 1), 100, 1, id="a single pixel, much darker"),
        pytest.param((0, 20, 40, 1), 100, 40, id="a line across"),
        pytest.param((20, 0, 1, 40), 100, 40, id="a line down"),
        pytest.param((0, 0, 1, 1), 100, 1, id="a pixel in the corner"),
        pytest.param((39, 39, 1, 1), 100, 1, id="a pixel in the last corner"),
    ],
)
def test_what_is_new_on_an_even_ground_is_no_smoothing(
    compare: Compare, box: tuple[int, int, int, int], step: int, changed: int
) -> None:
    base = grey(40, 40, 200)
    diff = compare(base, with_box(base, *box, colour=(200 - step,) * 3), align_rows=False)
    x, y, width, height = box
    assert diff.changed_pixels == changed
    assert odiffs_mask(diff)[y : y + height, x : x + width].all()


def test_what_changed_elsewhere_does_not_change_the_verdict_on_an_edge(compare: Compare) -> None:
    """The engine hands over only what changed: how much that is must not matter."""
    moved, far = ellipse(4 / 8), ellipse(4 / 8)
    far[0, 0] = far[-1, -1] = (255, 0, 0)
    near = odiffs_mask(compare(UNMOVED, moved, align_rows=False))
    wide = odiffs_mask(compare(UNMOVED, far, align_rows=False))
    assert np.argwhere(wide & ~near).tolist() == [[0, 0], [199, 199]]
    assert not (near & ~wide).any()
