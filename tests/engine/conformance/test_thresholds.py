"""Where each threshold begins to see: the last step that it lets pass and the first it reports."""

from __future__ import annotations

import numpy as np
import pytest

from engine.conftest import Compare
from support.agreement import odiffs_mask
from support.pixels import grey
from support.plain_odiff import Pixels

CHANNELS = {"grey": (0, 1, 2), "red": (0,), "green": (1,), "blue": (2,)}
GREY = grey(16, 12, 100)


def stepped(step: int, channels: tuple[int, ...] = (0, 1, 2)) -> Pixels:
    """Grey 100 with a box of 7×5 at (4, 3), in which some channels are `step` further on."""
    image = GREY.copy()
    image[3:8, 4:11, channels] = 100 + step
    return image


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("threshold", "steps"),
    [
        # From grey 100: the smallest step in grey, red, green, blue that is seen, as odiff 4.5.0
        # was measured.
        (0.0, (1, 1, 1, 1)),
        (0.01, (3, 5, 4, 8)),
        (0.0225, (6, 11, 9, 18)),
        (0.1, (27, 47, 38, 79)),
        (0.15, (40, 71, 57, 119)),
    ],
)
def test_a_step_is_seen_from_the_threshold_on_and_one_less_is_not(
    compare: Compare, threshold: float, steps: tuple[int, ...], sign: int
) -> None:
    for (name, channels), step in zip(CHANNELS.items(), steps, strict=True):
        if 100 + sign * step < 0:
            continue
        unseen, seen = (
            compare(GREY, stepped(sign * n, channels), structural_threshold=threshold,
                    sensitive_threshold=threshold, align_rows=False)
            for n in (step - 1, step)
        )  # fmt: skip
        assert (unseen.changed_pixels, unseen.structural_pixels) == (0, 0), name
        assert (seen.changed_pixels, seen.structural_pixels) == (35, 35), name
        assert odiffs_mask(seen)[3:8, 4:11].all()


@pytest.mark.parametrize(
    ("step", "changed", "structural"), [(5, 0, 0), (6, 35, 0), (39, 35, 0), (40, 35, 35)]
)
def test_both_passes_of_the_default_policy_begin_where_they_should(
    compare: Compare, step: int, changed: int, structural: int
) -> None:
    diff = compare(GREY, stepped(step), align_rows=False)
    assert (diff.changed_pixels, diff.structural_pixels) == (changed, structural)
    assert np.count_nonzero(odiffs_mask(diff)) == changed


@pytest.mark.parametrize(
    ("threshold", "first"), [(0.01, 3), (0.0225, 6), (0.15, 40), (0.5, 133), (0.9, 238), (1.0, 256)]
)
def test_steps_from_black_are_seen_alike(compare: Compare, threshold: float, first: int) -> None:
    """One row of 256 steps: what is seen is all from the first seen on."""
    base, head = grey(256, 1, 0), grey(256, 1, 0)
    head[0] = np.arange(256)[:, None]
    diff = compare(base, head, structural_threshold=threshold, sensitive_threshold=threshold,
                   antialiasing=False, align_rows=False)  # fmt: skip
    assert np.flatnonzero(odiffs_mask(diff)[0]).tolist() == list(range(first, 256))


def test_where_odiff_sees_nothing_the_evidence_counts_white_for_black(compare: Compare) -> None:
    diff = compare(grey(9, 9, 0), grey(9, 9, 255), structural_threshold=1.0,
                   sensitive_threshold=1.0, align_rows=False)  # fmt: skip
    assert (diff.changed_pixels, diff.counted_pixels) == (0, 81)
