"""Transparency: changed is what looks changed on any background, white and black among them."""

from __future__ import annotations

import numpy as np
import pytest

from engine.conftest import Compare
from support.agreement import odiffs_mask
from support.pixels import grey, rgba
from support.plain_odiff import Pixels

WHITE, BLACK, RED = (255, 255, 255), (0, 0, 0), (255, 0, 0)


@pytest.mark.parametrize(
    ("base", "head", "changed", "structural"),
    [
        pytest.param((*BLACK, 0), (*RED, 0), False, False, id="colour under full transparency"),
        pytest.param((*WHITE, 0), (*WHITE, 1), False, False, id="white, hardly there, on black"),
        pytest.param((*WHITE, 0), (*WHITE, 5), False, False, id="white of alpha 5 on black"),
        pytest.param((*WHITE, 0), (*WHITE, 6), True, False, id="white of alpha 6 on black"),
        pytest.param((*WHITE, 0), (*WHITE, 39), True, False, id="white of alpha 39 on black"),
        pytest.param((*WHITE, 0), (*WHITE, 40), True, True, id="white of alpha 40 on black"),
        pytest.param((*BLACK, 0), (*BLACK, 5), False, False, id="black of alpha 5 on white"),
        pytest.param((*BLACK, 0), (*BLACK, 6), True, False, id="black of alpha 6 on white"),
        pytest.param((*BLACK, 0), (*BLACK, 40), True, True, id="black of alpha 40 on white"),
        pytest.param((*WHITE, 255), (*WHITE, 249), True, False, id="white lets a little through"),
        pytest.param((*WHITE, 255), (*WHITE, 250), False, False, id="white lets less through"),
        pytest.param((*WHITE, 255), (*WHITE, 128), True, True, id="white turns half transparent"),
        pytest.param((*WHITE, 255), (*WHITE, 0), True, True, id="white goes"),
        pytest.param((*BLACK, 255), (*BLACK, 0), True, True, id="black goes"),
        pytest.param((*BLACK, 255), (*BLACK, 128), True, True, id="black turns half transparent"),
        pytest.param((*BLACK, 0), (*WHITE, 255), True, True, id="nothing turns opaque white"),
        pytest.param((*RED, 255), (*RED, 254), False, False, id="red lets next to nothing through"),
        pytest.param((*RED, 128), (*RED, 128), False, False, id="equal and half transparent"),
        pytest.param((128,) * 4, (*(128,) * 3, 140), True, False, id="grey gets denser"),
        pytest.param((*BLACK, 128), (*WHITE, 128), True, True, id="black for white, by half"),
    ],
)  # fmt: skip
def test_a_change_of_alpha_is_seen_where_any_background_shows_it(
    compare: Compare,
    base: tuple[int, ...],
    head: tuple[int, ...],
    changed: bool,
    structural: bool,
) -> None:
    """A block of it in the middle of an even ground of the base's colour, 48 pixels."""
    before, after = rgba(20, 16, *base), rgba(20, 16, *base)
    after[5:11, 6:14] = head
    for pair in ((before, after), (after, before)):
        diff = compare(*pair, align_rows=False)
        assert (diff.changed_pixels, diff.structural_pixels) == (48 * changed, 48 * structural)
        assert odiffs_mask(diff)[5:11, 6:14].all() == changed


@pytest.mark.parametrize(
    ("base", "head", "changed"),
    [
        pytest.param(grey(9, 9, 40), rgba(9, 9, 40, 40, 40, 255), 0, id="opaque alpha comes in"),
        pytest.param(grey(9, 9, 255), rgba(9, 9, *WHITE, 128), 81, id="half transparent white"),
        pytest.param(rgba(10, 10, *WHITE, 0), rgba(12, 11, *WHITE, 0), 32, id="unseen growth"),
    ],
)
def test_an_alpha_channel_may_come_in_and_what_is_transparent_may_grow(
    compare: Compare, base: Pixels, head: Pixels, changed: int
) -> None:
    diff = compare(base, head, align_rows=False)
    assert (diff.changed_pixels, diff.structural_pixels) == (changed, changed)
    assert diff.total_pixels == head.shape[0] * head.shape[1]
    assert odiffs_mask(diff)[:10, :10].all() == (changed == 81)


def test_one_transparent_pixel_changes_no_verdict_elsewhere(compare: Compare) -> None:
    """It sends the whole image along the road of transparent ones."""
    random = np.random.default_rng(5)
    base = random.integers(0, 256, (40, 50, 3), np.uint8)
    head = np.clip(base + random.integers(-30, 31, base.shape), 0, 255).astype(np.uint8)
    opaque = odiffs_mask(compare(base, head, align_rows=False))
    both = [np.dstack([image, np.full((40, 50), 255, np.uint8)]) for image in (base, head)]
    for image in both:
        image[0, 0, 3] = 0
    seen = odiffs_mask(compare(*both, align_rows=False))
    near = np.zeros_like(opaque)
    near[:3, :3] = True  # neighbours of the transparent pixel, at which the smoothing rule looks
    assert np.array_equal(seen[~near], opaque[~near])
    assert 0 < np.count_nonzero(opaque) < opaque.size
