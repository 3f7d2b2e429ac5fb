"""What is judged from stored measurements is what the engine says of the images, by every rule."""

from __future__ import annotations

import random
from collections import Counter
from itertools import product
from typing import Any

import numpy as np
import pytest

from pixelgate.domain.comparison import Diff
from pixelgate.domain.policy import Policy
from pixelgate.engine.differ import OdiffDiffer
from pixelgate.past.replay import stored_verdict
from support.drawings import png
from support.drawn_cases import rows
from support.plain_odiff import Pixels

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


def scene(seed: int) -> tuple[bytes, bytes]:
    """A screen and an edited one: boxes, noise, more rows, another size, transparency."""
    random_ = np.random.default_rng(seed)
    height, width = (int(n) for n in random_.integers(40, 160, 2))
    base: Pixels = np.full((height, width, 4), 255, np.uint8)
    for _ in range(int(random_.integers(1, 12))):
        paint(base, random_, 255)
    head = base.copy()
    if seed % 3 == 0:  # seen through, on white and on black
        paint(head, random_, int(random_.integers(0, 256)))
        paint(base, random_, int(random_.integers(0, 256)))
    for _ in range(int(random_.integers(0, 3))):
        paint(head, random_, 255)
    if seed % 2:
        rough = random_.integers(-3, 4, (*head.shape[:2], 3))
        head[..., :3] = np.clip(head[..., :3].astype(int) + rough, 0, 255).astype(np.uint8)
    if seed % 5 == 0:
        at = int(random_.integers(0, height))
        head = np.insert(head, at, np.repeat(head[at : at + 1], 7, axis=0), axis=0)
    if seed % 7 == 0:
        head = head[:, : width - int(random_.integers(1, 20))]
    return png(base), png(np.ascontiguousarray(head))


def paint(pixels: Pixels, random_: np.random.Generator, alpha: int) -> None:
    height, width = pixels.shape[:2]
    x, y = int(random_.integers(0, width)), int(random_.integers(0, height))
    w, h = (int(n) for n in random_.integers(1, 40, 2))
    some = random_.integers(0, 256, 3)
    # Some are faint, so that they differ by few levels.
    before = pixels[y : y + h, x : x + w, :3].astype(int)
    faint = before + random_.integers(-6, 7, 3)
    colour = np.clip(faint if random_.random() < 0.4 else some, 0, 255).astype(np.uint8)
    pixels[y : y + h, x : x + w, :3] = colour
    pixels[y : y + h, x : x + w, 3] = alpha


def drawn(seed: int, number: int) -> list[tuple[str, tuple[bytes, bytes]]]:
    """Some labelled pairs, of all kinds of change and of noise."""
    some = ((row.id, row.draw()) for row in random.Random(seed).sample(rows(), number))
    return [(name, (pair.base, pair.head)) for name, pair in some]


def check(differ: OdiffDiffer, name: str, pair: tuple[bytes, bytes]) -> Counter[tuple[str, bool]]:
    """Compares under every rule, and judges each from the measurements under each other."""
    diffs: dict[str, Diff] = {rule: differ.diff(*pair, RULES[rule]) for rule in RULES}
    told: Counter[tuple[str, bool]] = Counter()
    for old, new, same_odiff in product(RULES, RULES, (True, False)):
        stored = Diff.from_json(diffs[old].as_json())
        said = stored_verdict(stored, RULES[old], RULES[new], same_odiff=same_odiff)
        truth = diffs[new].judge(RULES[new]).changed
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
