"""What is judged from stored measurements is what the engine says of the images, by every rule."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest

from pixelgate.domain.comparison import Diff
from pixelgate.domain.learned_noise import LearnedNoise, Patch, Proof, learn, strength_of
from pixelgate.domain.policy import Policy
from pixelgate.engine.differ import OdiffDiffer
from pixelgate.past.replay import stored_verdict
from support.drawings import png
from support.drawn_cases import rows
from support.learned_cases import Series, series
from support.scenes import scene

_BOX = {"x": 0, "y": 0, "width": 90, "height": 60}
_FIELDS: dict[str, dict[str, Any]] = {
    "default": {},
    "strict": {"strict": True},
    "exact": {"sensitivity": "exact"},
    "careful": {"sensitivity": "careful"},
    "tolerant": {"sensitivity": "tolerant"},
    "high thresholds": {"sensitive_threshold": 0.1, "structural_threshold": 0.3},
    "low thresholds": {"sensitive_threshold": 0.0001, "structural_threshold": 0.001},
    "anti-aliasing counts": {"antialiasing": False},
    "pixels": {"max_changed_pixels": 60},
    "ratio": {"max_changed_ratio": 0.01},
    "region": {"max_region_pixels": 50},
    "strict with pixels": {"strict": True, "max_changed_pixels": 200},
    "strict with region": {"strict": True, "max_region_pixels": 50},
    "high thresholds with ratio": {"sensitive_threshold": 0.1, "max_changed_ratio": 0.01},
    "no rows aligned": {"align_rows": False},
    "a box ignored": {"ignore_regions": [_BOX]},
    "a box ignored, strict": {"ignore_regions": [_BOX], "strict": True},
    "many levels": {"noise": {"levels": 12}},
    "no level": {"noise": {"levels": 0}},
    "few plain pixels": {"noise": {"min_plain_pixels": 4}},
}
RULES = {name: Policy().with_overrides(fields) for name, fields in _FIELDS.items()}
# Where what is stored under the default policy always suffices, and where it may not.
ALWAYS = {"default", "strict", "exact", "high thresholds", "low thresholds",
          "anti-aliasing counts", "pixels", "ratio", "region", "strict with pixels"}  # fmt: skip


def drawn(seed: int, number: int) -> list[tuple[str, tuple[bytes, bytes]]]:
    """Some labelled pairs, of all kinds of change and of noise."""
    some = ((row.id, row.draw()) for row in random.Random(seed).sample(rows(), number))
    return [(name, (pair.base, pair.head)) for name, pair in some]


def check(
    differ: OdiffDiffer,
    name: str,
    pair: tuple[bytes, bytes],
    learned: LearnedNoise | None = None,
) -> Counter[tuple[str, bool]]:
    """Compares under every rule, and judges each from the measurements under each other."""
    diffs: dict[str, Diff] = {rule: differ.diff(*pair, RULES[rule]) for rule in RULES}
    told: Counter[tuple[str, bool]] = Counter()
    for old, new, same_odiff in product(RULES, RULES, (True, False)):
        stored = Diff.from_json(diffs[old].as_json())
        said = stored_verdict(stored, RULES[old], RULES[new], learned, same_odiff=same_odiff)
        truth = diffs[new].judge(RULES[new], learned).changed
        assert said in (None, truth), f"{name}: {old} → {new}, same odiff: {same_odiff}"
        if old == "default" and same_odiff:
            told[new, said is not None] += 1
    return told


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_drawn_cases_are_judged_as_the_engine_would(differ: OdiffDiffer, seed: int) -> None:
    told: Counter[tuple[str, bool]] = Counter()
    for name, pair in drawn(seed, 8):
        told += check(differ, name, pair)
    # The limits on pixels of the default policy itself are judged; other masks need the images.
    assert {rule for rule in RULES if not told[rule, False]} >= ALWAYS - {"strict with pixels"}
    assert told["careful", False] > 0
    assert told["no rows aligned", False] > 0


@pytest.mark.parametrize("seed", range(22))
def test_random_scenes_are_judged_as_the_engine_would(differ: OdiffDiffer, seed: int) -> None:
    told = check(differ, f"scene {seed}", scene(seed))
    assert not [rule for rule in ALWAYS if told[rule, False]]


@pytest.mark.parametrize("one", random.Random(4).sample([*series()], 4), ids=lambda one: one.name)
def test_so_is_what_learned_noise_explains(differ: OdiffDiffer, one: Series) -> None:
    learned = learn(_proofs(differ, one))
    assert learned is not None
    for states, edits in [(one.teaching[0], {}), *((s, e) for e, s in one.changes.values())]:
        pair = one.draw(states, edits)
        told = check(differ, one.name, (pair.base, pair.head), learned)
        assert not told["default", False]
    # It explains what it was learned from, and a policy may say that it does not.
    pair = one.draw(one.teaching[0], {})
    diff = differ.diff(pair.base, pair.head, Policy())
    assert stored_verdict(diff, Policy(), Policy(), learned) is False
    assert stored_verdict(diff, Policy(), Policy(learned_noise=False), learned) is True
    assert stored_verdict(diff, Policy(), Policy()) is True


def _proofs(differ: OdiffDiffer, one: Series) -> Iterator[Proof]:
    for number, states in enumerate(one.teaching):
        pair = one.draw(states, {})
        diff = differ.diff(pair.base, pair.head, Policy())
        patches = tuple(
            Patch.of(mark, region, region.pixels, strength_of(diff.areas[region.area]))
            for region, mark in zip(diff.regions, diff.judge(Policy()).marks, strict=True)
            if mark is not None and region.area is not None
        )
        build, commit = f"b{number}", f"c{number}"
        yield Proof(f"2026-11-{number + 1:02}", build, commit, True, diff.total_pixels, patches)


def test_every_pixel_that_differs_counts_under_a_strict_policy(differ: OdiffDiffer) -> None:
    # On this the verdict under a strict rule rests, where another policy measured.
    for seed in range(20):
        diff = differ.diff(*scene(seed), RULES["strict"])
        assert diff.changed_pixels + diff.counted_pixels == diff.picture.differing


def test_what_only_one_image_has_counts_under_any_noise(differ: OdiffDiffer) -> None:
    base = np.full((60, 80, 3), 200, np.uint8)
    head = np.full((80, 80, 3), 200, np.uint8)
    diff = differ.diff(png(base), png(head), Policy())
    assert stored_verdict(diff, Policy(), RULES["tolerant"]) is True
    pixels = Policy().with_overrides({"sensitivity": "tolerant", "max_changed_pixels": 5_000})
    assert stored_verdict(diff, Policy(), pixels) is None


def test_equal_pixels_are_quiet_under_any_rule(differ: OdiffDiffer) -> None:
    picture = np.full((40, 40, 3), 90, np.uint8)
    diff = differ.diff(png(picture), png(picture) + b"\0", Policy())
    assert [stored_verdict(diff, Policy(), rule) for rule in RULES.values()] == [False] * len(RULES)
    ignored = RULES["a box ignored"]
    assert stored_verdict(diff, ignored, ignored) is False
    # What was ignored then may differ.
    assert stored_verdict(diff, ignored, Policy()) is None
