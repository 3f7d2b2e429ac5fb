"""How near a difference that passed came to the limits of the verdict."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pixelgate.domain.comparison import Diff, Region
from pixelgate.domain.headroom import headroom
from pixelgate.domain.policy import Noise, Policy, Sensitivity
from pixelgate.domain.verdict import Evidence, Picture

# An area with differences of two levels only: rounding explains it.
ROUNDED = Evidence(blocks=1, differing=50, most=2)
LOST = Evidence(blocks=1, differing=50, one_sided=50)


def diff(area: Evidence, changed: int = 40) -> Diff:
    region = Region(0, 0, 10, 10, changed, area=0)
    picture = Picture(differing=area.differing)
    sizes = (10, 100), (10, 100)
    return Diff(changed, 0, 1_000, *sizes, (region,), picture=picture, areas=(area,))


@pytest.mark.parametrize(
    ("plain", "expected"),
    [
        (0, None),  # no limit is near
        (1, None),
        (4, 0.938),
        (49, 0.5),
        (79, 0.188),  # under a fifth
        (99, 0.0),
        (100, None),  # it counts
    ],
)
def test_headroom_is_what_is_left_of_the_nearest_limit_of_a_noise(
    plain: int, expected: float | None
) -> None:
    assert headroom(diff(replace(ROUNDED, plain=plain)), Policy()) == expected


def test_a_limit_that_is_set_higher_leaves_more() -> None:
    near = diff(replace(ROUNDED, plain=90))
    low, high = headroom(near, Policy()), headroom(near, Policy(noise=Noise(min_plain_pixels=200)))
    assert (low, high) == (0.094, 0.531)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Policy(), None),
        (Policy(max_changed_pixels=39), None),
        (Policy(max_changed_pixels=40), 0.0),
        (Policy(max_changed_pixels=50), 0.2),
        (Policy(max_changed_ratio=0.05), 0.2),
        (Policy(max_region_pixels=80), 0.5),
        (Policy(max_changed_pixels=50, max_region_pixels=80), 0.5),  # it passes by either
        (Policy(strict=True, max_changed_pixels=50), 0.2),
        (Policy(sensitivity=Sensitivity.EXACT, max_changed_pixels=50), 0.2),
    ],
)
def test_what_passes_by_its_pixels_has_what_is_left_of_them(
    policy: Policy, expected: float | None
) -> None:
    assert headroom(diff(LOST), policy) == expected


def test_what_passes_by_noise_and_by_pixels_has_the_larger_one() -> None:
    near = diff(replace(ROUNDED, plain=99))
    assert headroom(near, Policy(max_changed_pixels=50)) == 0.2


def test_equal_pictures_have_none() -> None:
    same = Diff(0, 0, 1_000, (10, 100), (10, 100))
    assert headroom(same, Policy()) is None


@pytest.mark.parametrize("plain", range(4, 100, 5))
def test_headroom_agrees_with_lowering_the_limit_by_hand(plain: int) -> None:
    near = diff(replace(ROUNDED, plain=plain))
    left = headroom(near, Policy())
    assert left is not None
    for step, passes in ((left, True), (left + 0.032, False)):
        lowered = Policy(noise=Noise(min_plain_pixels=100 * (1 - step)))  # type: ignore[arg-type]
        assert near.passes(lowered) is passes
