"""Where each threshold begins to see: the last step that it lets pass and the first it reports."""

from __future__ import annotations

import numpy as np
import pytest

from pixelgate.domain.policy import Policy
from pixelgate.engine.differ import OdiffDiffer
from support.agreement import odiffs_mask
from support.drawings import png
from support.pixels import grey
from support.plain_odiff import Pixels, unaligned

# From grey 100: the smallest step that is seen, as odiff 4.5.0 was measured.
FIRST_SEEN = [
    # threshold, grey, red, green, blue
    (0.0, 1, 1, 1, 1),
    (0.01, 3, 5, 4, 8),
    (0.0225, 6, 11, 9, 18),
    (0.1, 27, 47, 38, 79),
    (0.15, 40, 71, 57, 119),
]
CHANNELS = {"grey": (0, 1, 2), "red": (0,), "green": (1,), "blue": (2,)}
EDGES = [
    pytest.param(threshold, CHANNELS[name], sign * step, id=f"{threshold} {name} {sign * step:+}")
    for threshold, *steps in FIRST_SEEN
    for name, step in zip(CHANNELS, steps, strict=True)
    for sign in (1, -1)
    if 100 + sign * step >= 0
]


def stepped(channels: tuple[int, ...], step: int) -> Pixels:
    """Grey 100 with a box of 7×5 at (4, 3), in which some channels are `step` further on."""
    image = grey(16, 12, 100)
    image[3:8, 4:11, channels] = 100 + step
    return image


@pytest.mark.parametrize(("threshold", "channels", "step"), EDGES)
def test_a_step_is_seen_from_the_threshold_on_and_one_less_is_not(
    differ: OdiffDiffer, threshold: float, channels: tuple[int, ...], step: int
) -> None:
    base, policy = png(grey(16, 12, 100)), unaligned(Policy(threshold, threshold))
    less = step - 1 if step > 0 else step + 1
    unseen = differ.diff(base, png(stepped(channels, less)), policy)
    seen = differ.diff(base, png(stepped(channels, step)), policy)

    assert (unseen.changed_pixels, unseen.structural_pixels) == (0, 0)
    assert (seen.changed_pixels, seen.structural_pixels) == (35, 35)
    assert odiffs_mask(seen)[3:8, 4:11].all()


@pytest.mark.parametrize(
    ("step", "changed", "structural"), [(5, 0, 0), (6, 35, 0), (39, 35, 0), (40, 35, 35)]
)
def test_both_passes_of_the_default_policy_begin_where_they_should(
    differ: OdiffDiffer, step: int, changed: int, structural: int
) -> None:
    base, head = png(grey(16, 12, 100)), png(stepped((0, 1, 2), step))
    diff = differ.diff(base, head, unaligned(Policy()))
    assert (diff.changed_pixels, diff.structural_pixels) == (changed, structural)
    assert np.count_nonzero(odiffs_mask(diff)) == changed


@pytest.mark.parametrize(
    ("threshold", "first"), [(0.01, 3), (0.0225, 6), (0.15, 40), (0.5, 133), (0.9, 238)]
)
def test_steps_from_black_are_seen_alike(differ: OdiffDiffer, threshold: float, first: int) -> None:
    """One row of 256 steps: what is seen is all from the first seen on."""
    base, head = grey(256, 1, 0), grey(256, 1, 0)
    head[0] = np.arange(256)[:, None]
    policy = unaligned(Policy(threshold, threshold, antialiasing=False))
    mask = odiffs_mask(differ.diff(png(base), png(head), policy))
    assert np.flatnonzero(mask[0]).tolist() == list(range(first, 256))


def test_odiff_sees_nothing_at_threshold_one_and_the_evidence_counts_white_for_black(
    differ: OdiffDiffer,
) -> None:
    diff = differ.diff(png(grey(9, 9, 0)), png(grey(9, 9, 255)), unaligned(Policy(1.0, 1.0)))
    assert not odiffs_mask(diff).any()
    assert (diff.changed_pixels, diff.counted_pixels) == (0, 81)
