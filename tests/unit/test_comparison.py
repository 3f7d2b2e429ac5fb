"""What comparison.json says: statuses, counts, the verdict, and every field as design has it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from pixelgate.domain.baseline import Choice, Kind
from pixelgate.domain.comparison import (
    Axis,
    Band,
    BandKind,
    Comparison,
    Counts,
    Diff,
    Judgement,
    Measured,
    Region,
    Snapshot,
    Status,
    Verdict,
    judge,
)
from pixelgate.domain.keys import NO_BASE, ComparisonId
from pixelgate.domain.policy import Noise, Policy, Sensitivity
from pixelgate.domain.verdict import Evidence, Explained, Mark, NoiseKind, Picture
from support.gold import Gold
from support.manifests import digest

GOLD = Path(__file__).parent / "gold" / "comparison.json"
ALONE = Evidence(blocks=2, differing=6, clear=4, run=3, hue=0.5, one_sided=2)
NOISE = Evidence(blocks=1, differing=90, clear=9, strong=8, most=17)
DIFF = Diff(
    changed_pixels=4,
    counted_pixels=3,
    structural_pixels=4,
    total_pixels=200,
    base_size=(10, 20),
    head_size=(10, 18),
    regions=(Region(1, 2, 3, 4, 5, area=0), Region(8, 9, 1, 2, 2, area=1)),
    areas=(ALONE, NOISE),
    explained=(Explained(NoiseKind.BLEND, 1, 90, 17, 0.0, 0.0),),
    mask=b"never in the manifest",
    bands=(
        Band(BandKind.DELETED, 2, 2, 2, 2),
        Band(BandKind.INSERTED, 1, 3, 1, 1, Axis.COLUMNS),
    ),
    picture=Picture(differing=96, blocks=50, touched=40, dense=2.5),
    fingerprint="never in the manifest either",
)
FULL = Comparison(
    id=ComparisonId("shop", "b1", "b0"),
    baseline_reason="the manifest names this build as base_build",
    choice=Choice(Kind.NAMED),
    execution="e1",
    created="2026-01-02T03:04:05.678+00:00",
    engine={"name": "odiff", "version": "4.5.0"},
    policy=Policy(max_changed_pixels=1),
    snapshots={
        "added.png": Snapshot(Status.ADDED, head_sha256=digest(1), head_size=(10, 20)),
        "changed.png": Snapshot(
            *(Status.CHANGED, digest(2), digest(3), (10, 18), (10, 20)),
            measured=Measured(DIFF, "diffs/shop/f/0-1.png"),
            group="changed-0123456789abcdef",
            judgement=Judgement(True, (Mark.ONE_SIDED, None), kinds=(None, NoiseKind.BLEND)),
            policy={"ignore_regions": ({"x": 0, "y": 0, "width": 1, "height": 1},)},
            details={"group": "G", "display_name": "D", "tags": ["t"], "context": {"os": "linux"}},
        ),
        "errored.png": Snapshot(
            Status.ERRORED, digest(4), digest(5), reason="UNREADABLE: the file is empty"
        ),
        "passed.png": Snapshot(
            *(Status.UNCHANGED, digest(6), digest(7), (1, 1), (1, 1)),
            measured=Measured(Diff(0, 0, 1, (1, 1), (1, 1)), None),
        ),
        "renamed.png": Snapshot(
            *(Status.RENAMED, digest(8), digest(8), (1, 1), (1, 1)), previous_name="old.png"
        ),
    },
    warnings=("unknown field 'x' was ignored",),
)


def test_comparison_manifest_is_the_accepted_one(gold: Gold) -> None:
    shown = FULL.as_json()
    assert shown["policy"].pop("noise") == vars(Noise())  # numbers that are tuned
    gold.check(f"{json.dumps(shown, indent=1)}\n".encode(), GOLD)


@pytest.mark.parametrize(
    "snapshots", [FULL.snapshots, {"ä/\u2028.png": Snapshot(Status.ADDED)}, {}]
)
def test_what_is_written_image_by_image_is_what_is_written_at_once(
    snapshots: Mapping[str, Snapshot],
) -> None:
    comparison = replace(FULL, snapshots=snapshots)
    at_once = json.dumps(comparison.as_json(), ensure_ascii=False)
    assert comparison.encoded().decode() == at_once


@pytest.mark.parametrize(
    ("head_size", "base_size", "changed"),
    [
        pytest.param((10, 20), (10, 20), False, id="same"),
        pytest.param((10, 20), (10, 21), True, id="other height"),
        pytest.param((10, 20), (11, 20), True, id="other width"),
        pytest.param((10, 20), (20, 10), True, id="turned"),
        pytest.param((10, 20), None, None, id="base unknown"),
        pytest.param(None, (10, 20), None, id="head unknown"),
    ],
)
def test_size_changed(
    head_size: tuple[int, int] | None, base_size: tuple[int, int] | None, changed: bool | None
) -> None:
    entry = Snapshot(Status.CHANGED, head_size=head_size, base_size=base_size).as_json()
    assert entry.get("size_changed") is changed


def test_every_status_has_its_count() -> None:
    counts = Counts.of(Status)
    assert vars(counts) == dict.fromkeys(map(str, Status), 1) | {"quarantined": 0}
    assert counts.total == len(Status)
    some = Counts.of(iter([Status.CHANGED] * 2 + [Status.SKIPPED] * 3))
    assert some == Counts(changed=2, skipped=3)


PASSED, NEEDS_REVIEW = Verdict.PASSED, Verdict.NEEDS_REVIEW


@pytest.mark.parametrize(
    ("counts", "has_base", "verdict"),
    [
        pytest.param(Counts(), True, PASSED, id="nothing at all"),
        pytest.param(Counts(unchanged=9), True, PASSED, id="all unchanged"),
        pytest.param(Counts(renamed=1), True, PASSED, id="renamed shows the same picture"),
        pytest.param(Counts(skipped=1), True, PASSED, id="skipped was meant"),
        pytest.param(Counts(changed=1, unchanged=9), True, NEEDS_REVIEW, id="changed"),
        pytest.param(Counts(added=1, unchanged=9), True, NEEDS_REVIEW, id="added"),
        pytest.param(Counts(removed=1, unchanged=9), True, NEEDS_REVIEW, id="removed"),
        pytest.param(Counts(errored=1, unchanged=9), True, NEEDS_REVIEW, id="errored"),
        pytest.param(Counts(added=9), False, PASSED, id="a first upload"),
        pytest.param(Counts(added=9, errored=1), False, NEEDS_REVIEW, id="first and unreadable"),
        pytest.param(Counts(), False, PASSED, id="first and empty"),
    ],
)
def test_judge(counts: Counts, has_base: bool, verdict: Verdict) -> None:
    assert judge(counts, has_base=has_base) is verdict


def test_a_comparison_without_a_base_says_null_and_passes_what_is_added() -> None:
    added = {"a.png": Snapshot(Status.ADDED)}
    with_base = Comparison(ComparisonId("p", "b1", "b0"), "", "", "", {}, Policy(), added)
    without = Comparison(ComparisonId("p", "b1", NO_BASE), "", "", "", {}, Policy(), added)
    assert (with_base.verdict, with_base.as_json()["base"]) == (NEEDS_REVIEW, "b0")
    assert (without.verdict, without.as_json()["base"]) == (PASSED, None)


# Nothing explains a pixel that differs by all of its edge's height; a blend explains the others.
SHAPE = Evidence(blocks=1, differing=50, clear=50, strong=50, most=200, steepest=1.0)
BLENDED = Evidence(blocks=1, differing=50, clear=50, strong=50, most=200)


def diff(*regions: tuple[int, Evidence], counted: int = 0) -> Diff:
    """100 × 100 pixels with these regions, each of an area of its own."""
    pixels = sum(n for n, _ in regions)
    return Diff(
        changed_pixels=pixels - counted,
        counted_pixels=counted,
        structural_pixels=0,
        total_pixels=10_000,
        base_size=(100, 100),
        head_size=(100, 100),
        regions=tuple(Region(0, 0, n, 1, n, area=at) for at, (n, _) in enumerate(regions)),
        areas=tuple(area for _, area in regions),
        picture=Picture(differing=pixels),
    )


def test_each_region_has_its_mark_or_the_noise_that_explains_it() -> None:
    judged = diff((50, BLENDED), (9, SHAPE), (1, ALONE)).judge(Policy())
    assert judged.marks == (None, Mark.SHAPE, Mark.ONE_SIDED)
    assert judged.kinds == (NoiseKind.BLEND, None, None)
    assert judged.changed


def test_regions_of_one_area_share_what_was_measured() -> None:
    both = replace(
        diff((5, BLENDED), (4, SHAPE)),
        regions=tuple(Region(9 * n, 0, 3, 1, 3, area=a) for n, a in enumerate((1, 0, 1))),
    )
    assert both.judge(Policy()).marks == (Mark.SHAPE, None, Mark.SHAPE)


def test_a_region_of_no_area_differs_by_rounding_only() -> None:
    faint = replace(diff((5, SHAPE)), regions=(Region(0, 0, 5, 1, 5),), areas=())
    assert faint.judge(Policy()) == Judgement(False, (None,), kinds=(NoiseKind.LEVELS,))


STRICTLY = [Policy(strict=True), Policy(sensitivity=Sensitivity.EXACT)]


@pytest.mark.parametrize("policy", STRICTLY)
def test_strictly_any_pixel_counts_and_the_marks_still_tell(policy: Policy) -> None:
    noise = diff((1, BLENDED))
    assert not noise.judge(Policy()).changed
    assert noise.judge(policy) == Judgement(True, (None,), kinds=(NoiseKind.BLEND,))
    assert diff((9, SHAPE)).judge(policy) == Judgement(True, (Mark.SHAPE,), kinds=(None,))
    assert diff().judge(replace(policy, max_region_pixels=0)) == Judgement(False, ())


@pytest.mark.parametrize("policy", [Policy(), *STRICTLY])
@pytest.mark.parametrize(
    ("tolerance", "changed"),
    [
        pytest.param({"max_changed_pixels": 59}, True, id="a pixel too few"),
        pytest.param({"max_changed_pixels": 60}, False, id="all pixels of the mask"),
        pytest.param({"max_changed_ratio": 0.0059}, True, id="too small a share"),
        pytest.param({"max_changed_ratio": 0.006}, False, id="the share"),
        pytest.param({"max_region_pixels": 39}, True, id="smaller regions"),
        pytest.param({"max_region_pixels": 40}, False, id="regions of that size"),
    ],
)
def test_tolerances_let_pass_what_counts_and_keep_its_marks(
    policy: Policy, tolerance: dict[str, Any], changed: bool
) -> None:
    """Of its 60 pixels the evidence alone counts 25."""
    judged = diff((40, SHAPE), (20, SHAPE), counted=25).judge(replace(policy, **tolerance))
    assert judged == Judgement(changed, (Mark.SHAPE,) * 2, kinds=(None, None))


@pytest.mark.parametrize(("policy", "largest"), [(Policy(), 9), *((p, 50) for p in STRICTLY)])
def test_a_region_of_noise_is_no_larger_region_unless_it_counts(
    policy: Policy, largest: int
) -> None:
    found = diff((50, BLENDED), (9, SHAPE))
    assert found.passes(replace(policy, max_region_pixels=largest))
    assert not found.passes(replace(policy, max_region_pixels=largest - 1))


def test_sensitivity_decides_what_a_noise_explains() -> None:
    usual = Noise()
    at_limit = replace(BLENDED, residue_most=usual.blend_residue)
    found = diff((50, at_limit))
    assert found.passes(Policy())
    assert not found.passes(Policy(sensitivity=Sensitivity.CAREFUL))
    beyond = diff((50, replace(BLENDED, residue_most=1.4 * usual.blend_residue)))
    assert not beyond.passes(Policy())
    assert beyond.passes(Policy(sensitivity=Sensitivity.TOLERANT))


def test_every_field_of_the_evidence_is_in_the_manifest() -> None:
    entry = FULL.snapshots["changed.png"].as_json()
    assert [set(area) for area in entry["areas"]] == [{f.name for f in fields(Evidence)}] * 2
    assert set(entry["differing"]) == {f.name for f in fields(Picture)}
    assert [set(noise) for noise in entry["noise"]] == [{f.name for f in fields(Explained)}]


def test_a_band_that_was_stored_before_there_were_columns_is_one_of_rows() -> None:
    stored = {"kind": "inserted", "y": 7, "height": 2, "base_y": 5, "head_y": 6}
    assert Band.from_json(stored) == Band(BandKind.INSERTED, 7, 2, 5, 6, Axis.ROWS)
