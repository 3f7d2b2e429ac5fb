"""When a diff passes, and which diffs one policy shares with another."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelgate.domain import policy
from pixelgate.domain.policy import Noise, Policy, Rectangle, Sensitivity
from pixelgate.errors import BadManifest

ENGINE = "odiff 4.5.0"
# What a policy with numbers of our own is stored under. If this changes although no number of the
# rule came or went, every stored diff is made anew.
NUMBERS: dict[str, Any] = {f.name: n for n, f in enumerate(fields(Noise))}
NUMBERED = Policy(noise=Noise(**NUMBERS))
ZEROS: list[dict[str, Any]] = [{f.name: 0} for f in fields(Noise)]
PINNED = "464da778de699e1d"


LIMITS = {"max_changed_pixels": 1, "max_changed_ratio": 0.01, "max_region_pixels": 1}


@pytest.mark.parametrize(
    ("set_here", "changed", "total", "largest", "passes"),
    [
        pytest.param({}, 0, 10_000, 0, True, id="nothing changed"),
        pytest.param({}, 1, 40_000_000, 1, False, id="one pixel of very many is a change"),
        pytest.param({"max_changed_pixels": 5}, 5, 100, 5, True, id="pixels: at the limit"),
        pytest.param({"max_changed_pixels": 5}, 6, 100, 6, False, id="pixels: one more"),
        pytest.param({"max_changed_ratio": 0.01}, 100, 10_000, 9, True, id="ratio: at the limit"),
        pytest.param({"max_changed_ratio": 0.01}, 101, 10_000, 9, False, id="ratio: one more"),
        # 0.29 × 100 is 28.999999999999996 to a computer.
        pytest.param({"max_changed_ratio": 0.29}, 29, 100, 9, True, id="ratio: 29 of 100 are 0.29"),
        pytest.param({"max_changed_ratio": 0.29}, 30, 100, 9, False, id="ratio: 30 of 100 are not"),
        pytest.param({"max_changed_ratio": 1.0}, 100, 100, 100, True, id="ratio: everything"),
        pytest.param({"max_region_pixels": 7}, 70, 100, 7, True, id="region: at the limit"),
        pytest.param({"max_region_pixels": 7}, 8, 100, 8, False, id="region: one more"),
        pytest.param({"max_region_pixels": 0}, 1, 100, 1, False, id="region: none allowed"),
        # Any one limit suffices.
        pytest.param(LIMITS | {"max_changed_ratio": 0.5}, 50, 100, 50, True, id="one: ratio"),
        pytest.param(LIMITS | {"max_changed_pixels": 9}, 9, 100, 9, True, id="one: pixels"),
        pytest.param(LIMITS | {"max_region_pixels": 9}, 90, 100, 9, True, id="one: region"),
        pytest.param(LIMITS, 2, 100, 2, False, id="past all of them"),
    ],
)
def test_tolerates(
    set_here: dict[str, Any], changed: int, total: int, largest: int, passes: bool
) -> None:
    assert Policy(**set_here).tolerates(changed, total, largest) is passes


@given(st.integers(1, 10_000), st.integers(1, 10_000))
def test_ratio_that_a_person_computes_from_the_counts_passes(a: int, b: int) -> None:
    changed, total = min(a, b), max(a, b)
    assert Policy(max_changed_ratio=changed / total).tolerates(changed, total, changed)


OTHER_REGIONS = [(0, 0, 1, 1), (1, 0, 1, 1), (0, 1, 1, 1), (0, 0, 2, 1)]


def test_fingerprint_tells_apart_what_decides_the_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    others = [
        Policy(structural_threshold=0.16),
        Policy(sensitive_threshold=0.02),
        Policy(antialiasing=False),
        Policy(align_rows=False),
        *(Policy(sensitivity=word) for word in Sensitivity),
        *(Policy(noise=replace(Noise(), **zero)) for zero in ZEROS),
        *(Policy(ignore_regions=(Rectangle(*box),)) for box in OTHER_REGIONS),
    ]
    found = [other.fingerprint(ENGINE) for other in others]
    found.append(Policy().fingerprint("odiff 4.5.1"))
    monkeypatch.setattr(policy, "ALGORITHM", policy.ALGORITHM + 1)
    found.append(Policy().fingerprint(ENGINE))
    assert len(set(found)) == len(found)


def test_exact_is_strict_to_the_fingerprint() -> None:
    exact = Policy(sensitivity=Sensitivity.EXACT)
    assert Policy(strict=True).fingerprint(ENGINE) == exact.fingerprint(ENGINE)


@pytest.mark.parametrize(
    "limit", [{"max_changed_pixels": 9}, {"max_changed_ratio": 0.5}, {"max_region_pixels": 9}]
)
def test_fingerprint_leaves_out_what_only_judges(limit: dict[str, Any]) -> None:
    assert Policy(**limit).fingerprint(ENGINE) == Policy().fingerprint(ENGINE)


def test_fingerprint_is_pinned() -> None:
    assert NUMBERED.fingerprint(ENGINE) == PINNED


def test_fingerprint_is_the_same_in_another_process() -> None:
    program = f"from pixelgate.domain.policy import Policy; print(Policy().fingerprint({ENGINE!r}))"
    answer = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONHASHSEED": "1234"},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert answer.stdout.strip() == Policy().fingerprint(ENGINE)


def test_overrides_replace_single_fields_and_single_numbers_of_noise() -> None:
    changed = Policy(max_changed_pixels=3).with_overrides({"antialiasing": False})
    assert changed == Policy(max_changed_pixels=3, antialiasing=False)
    overrides = {"noise": {"min_solid_pixels": 5}}
    once = Policy().with_overrides(overrides)
    assert overrides == {"noise": {"min_solid_pixels": 5}}
    twice = once.with_overrides({"noise": {"min_line_pixels": 6}, "strict": True})
    assert once == Policy(noise=Noise(min_solid_pixels=5))
    assert twice == Policy(strict=True, noise=Noise(min_solid_pixels=5, min_line_pixels=6))


def test_sensitive_threshold_may_not_lie_above_the_structural_one() -> None:
    for sensitive in (0.1, 0.05):
        both = {"structural_threshold": 0.1, "sensitive_threshold": sensitive}
        assert Policy().with_overrides(both) == Policy(0.1, sensitive)
    with pytest.raises(BadManifest, match=r"^sensitive_threshold 0\.11 lies above"):
        Policy().with_overrides({"structural_threshold": 0.1, "sensitive_threshold": 0.11})


def test_differences_are_the_fields_that_differ_and_all_numbers_of_the_rule() -> None:
    own = Policy(max_changed_pixels=3, ignore_regions=(Rectangle(1, 2, 3, 4),))
    assert own.differences(Policy()) == {
        "max_changed_pixels": 3,
        "ignore_regions": ({"x": 1, "y": 2, "width": 3, "height": 4},),
    }
    assert own.differences(own) == {}
    noisy = Policy(noise=Noise(min_solid_pixels=5))
    assert noisy.differences(Policy()) == {"noise": vars(Noise(min_solid_pixels=5))}


def test_exact_is_strict() -> None:
    assert Policy(strict=True).is_exact
    assert Policy(sensitivity=Sensitivity.EXACT).is_exact
    for other in (Sensitivity.CAREFUL, Sensitivity.DEFAULT, Sensitivity.TOLERANT):
        assert not Policy(sensitivity=other).is_exact


# What proves a noise or a change, and what is no size of a difference, is the same at each.
SCALED = {
    *("blend_moved", "blend_outside", "blend_off", "blend_raw", "blend_residue"),
    *("fringe_outside", "fringe_raw", "fringe_residue"),
    *("text_outside", "text_off", "text_raw", "text_raw_high"),
    *("text_residue", "text_residue_high", "text_residue_most"),
    *("text_few_residue_high", "text_stray", "fringe_stray"),
    *("codec_outside", "codec_raw", "codec_residue", "codec_residue_high", "codec_residue_most"),
    *("palette_outside", "palette_residue_high"),
    *("photo_outside", "photo_raw"),
    *("photo_residue_sparse", "photo_residue_high", "photo_residue_most"),
}


@pytest.mark.parametrize(
    ("word", "scale"),
    [
        (Sensitivity.CAREFUL, 0.6),
        (Sensitivity.DEFAULT, 1.0),
        (Sensitivity.TOLERANT, 1.5),
        (Sensitivity.EXACT, 1.0),
    ],
)
def test_sensitivity_scales_the_sizes_that_a_noise_may_have(word: str, scale: float) -> None:
    own = Noise(blend_raw=0.5, levels=5)
    limits = vars(Policy(noise=own).with_overrides({"sensitivity": word}).limits)
    for name, number in vars(own).items():
        assert limits[name] == (number * scale if name in SCALED else number), name
