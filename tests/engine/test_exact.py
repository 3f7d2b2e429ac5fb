"""The shortcuts change nothing: what we say of two images is what plain odiff says of them.

We decode once, hand odiff only the part that changed as a bitmap, and take the second threshold
from the mask of the first. Plain odiff gets both files as PNGs, whole, once for each threshold.
"""

from __future__ import annotations

import numpy as np
import pytest

from pixelgate.engine.differ import OdiffDiffer
from pixelgate.engine.yiq import least
from support.agreement import disagreement
from support.drawings import random_pair
from support.plain_odiff import PlainOdiff, mismatch
from support.yiq import distances


@pytest.mark.parametrize("seed", range(60))
def test_random_pairs_come_out_as_from_plain_odiff(
    differ: OdiffDiffer, plain: PlainOdiff, seed: int
) -> None:
    pair = random_pair(np.random.default_rng(seed))
    found = differ.diff(pair.base, pair.head, pair.policy)
    wanted = plain.expected(pair.base_pixels, pair.head_pixels, pair.policy)
    assert mismatch(found, wanted) is None
    assert disagreement(found) is None


@pytest.mark.parametrize("threshold", [0.0, 0.01, 0.0225, 0.1, 0.15, 0.5])
def test_the_distance_of_two_colours_is_odiffs(plain: PlainOdiff, threshold: float) -> None:
    """65,536 pairs of colours, most of them near one another."""
    random = np.random.default_rng(11)
    base = random.integers(0, 256, (256, 256, 3))
    spread = np.geomspace(1, 300, 256)[:, None, None]
    head = np.clip(base + random.normal(0, 1, (256, 256, 3)) * spread, 0, 255)
    one, other = base.astype(np.uint8), head.astype(np.uint8)
    wanted = plain.mask(one, other, threshold, False)
    found = distances(one, other) >= least(threshold)
    assert np.array_equal(found, wanted)
    assert 0 < np.count_nonzero(wanted) < 65_536
