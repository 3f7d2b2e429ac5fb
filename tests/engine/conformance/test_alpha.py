"""Transparency: changed is what looks changed on any background, white and black among them."""

from __future__ import annotations

import numpy as np
import pytest

from pixelgate.domain.policy import Policy
from pixelgate.engine.differ import OdiffDiffer
from support.agreement import odiffs_mask
from support.drawings import png
from support.pixels import grey, rgba
from support.plain_odiff import unaligned

WHITE, BLACK, RED = (255, 255, 255), (0, 0, 0), (255, 0, 0)

# base, head, seen by the sensitive pass, seen by the structural pass
COLOURS = [
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
    pytest.param((128, 128, 128, 128), (128, 128, 128, 140), True, False, id="grey gets denser"),
    pytest.param((0, 0, 0, 128), (255, 255, 255, 128), True, True, id="black for white, by half"),
]


@pytest.mark.parametrize(("base", "head", "changed", "structural"), COLOURS)
def test_a_change_of_alpha_is_seen_where_any_background_shows_it(
    differ: OdiffDiffer,
    base: tuple[int, ...],
    head: tuple[int, ...],
    changed: bool,
    structural: bool,
) -> None:
    """A block of it in the middle of an even ground of the base's colour, 48 pixels."""
    before, after = rgba(20, 16, *base), rgba(20, 16, *base)
    after[5:11, 6:14] = head
    for one, other in ((before, after), (after, before)):
        diff = differ.diff(png(one), png(other), unaligned(Policy()))
        assert (diff.changed_pixels, diff.structural_pixels) == (48 * changed, 48 * structural)
        assert odiffs_mask(diff)[5:11, 6:14].all() == changed


def test_an_opaque_alpha_channel_says_nothing(differ: OdiffDiffer) -> None:
    diff = differ.diff(png(grey(9, 9, 40)), png(rgba(9, 9, 40, 40, 40, 255)), unaligned(Policy()))
    assert (diff.changed_pixels, diff.mask) == (0, None)


def test_white_without_an_alpha_channel_turns_half_transparent(differ: OdiffDiffer) -> None:
    diff = differ.diff(png(grey(9, 9, 255)), png(rgba(9, 9, *WHITE, 128)), unaligned(Policy()))
    assert (diff.changed_pixels, diff.structural_pixels) == (81, 81)
    assert odiffs_mask(diff).all()


def test_one_transparent_pixel_changes_no_verdict_elsewhere(differ: OdiffDiffer) -> None:
    """It sends the whole image along the road of transparent ones."""
    random = np.random.default_rng(5)
    base = random.integers(0, 256, (40, 50, 3), np.uint8)
    head = np.clip(base + random.integers(-30, 31, base.shape), 0, 255).astype(np.uint8)
    opaque = odiffs_mask(differ.diff(png(base), png(head), unaligned(Policy())))
    full = np.full((40, 50, 1), 255, np.uint8)
    both = [np.dstack([image, full]) for image in (base, head)]
    for image in both:
        image[0, 0, 3] = 0
    seen = odiffs_mask(differ.diff(png(both[0]), png(both[1]), unaligned(Policy())))
    near = np.zeros_like(opaque)
    near[:3, :3] = True  # neighbours of the transparent pixel, at which the smoothing rule looks
    assert np.array_equal(seen[~near], opaque[~near])
    assert 0 < np.count_nonzero(opaque) < opaque.size


def test_transparent_growth_is_changed_though_no_background_shows_it(
    differ: OdiffDiffer,
) -> None:
    diff = differ.diff(
        png(rgba(10, 10, *WHITE, 0)), png(rgba(12, 11, *WHITE, 0)), unaligned(Policy())
    )
    assert (diff.changed_pixels, diff.total_pixels) == (32, 132)
    assert not odiffs_mask(diff)[:10, :10].any()
