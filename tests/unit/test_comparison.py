"""What comparison.json says: statuses, counts, the verdict, and every field as design has it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from pixelgate.baseline import Choice, Kind
from pixelgate.comparison import (
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
from pixelgate.keys import NO_BASE, ComparisonId
from pixelgate.policy import Policy, Rectangle
from pixelgate.verdict import Evidence, Mark, Spread
from support.manifests import digest

ALONE = Evidence(differing=6, structural=4, line=3, balance=0.5, one_sided=2)
NOISE = Evidence(differing=90, solid=1, bold=2, unmatched=1)
DIFF = Diff(
    changed_pixels=7,
    structural_pixels=4,
    total_pixels=200,
    base_size=(10, 20),
    head_size=(10, 18),
    regions=(Region(1, 2, 3, 4, 5, ALONE), Region(8, 9, 1, 2, 2, NOISE)),
    mask=b"never in the manifest",
    bands=(
        Band(BandKind.DELETED, 2, 2, 2, 2),
        Band(BandKind.INSERTED, 1, 3, 1, 1, Axis.COLUMNS),
    ),
    spread=Spread(differing=96, blocks=50, touched=40, recoloured=3),
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
            Status.CHANGED,
            head_sha256=digest(2),
            base_sha256=digest(3),
            head_size=(10, 18),
            base_size=(10, 20),
            measured=Measured(DIFF, "diffs/shop/f/0-1.png"),
            group="changed-0123456789abcdef",
            judgement=Judgement(True, (Mark.ONE_SIDED, None), False),
            policy={"ignore_regions": ({"x": 0, "y": 0, "width": 1, "height": 1},)},
            details={"group": "G", "display_name": "D", "tags": ["t"], "context": {"os": "linux"}},
        ),
        "errored.png": Snapshot(
            Status.ERRORED,
            head_sha256=digest(4),
            base_sha256=digest(5),
            reason="UNREADABLE: the file is empty",
        ),
        "passed.png": Snapshot(
            Status.UNCHANGED,
            head_sha256=digest(6),
            base_sha256=digest(7),
            head_size=(1, 1),
            base_size=(1, 1),
            measured=Measured(Diff(0, 0, 1, (1, 1), (1, 1)), None),
        ),
        "renamed.png": Snapshot(
            Status.RENAMED,
            head_sha256=digest(8),
            base_sha256=digest(8),
            head_size=(1, 1),
            base_size=(1, 1),
            previous_name="old.png",
        ),
    },
    warnings=("unknown field 'x' was ignored",),
)


def test_comparison_manifest_is_pinned() -> None:
    assert json.loads(json.dumps(FULL.as_json())) == {
        "schema_version": 1,
        "project": "shop",
        "head": "b1",
        "base": "b0",
        "baseline_reason": "the manifest names this build as base_build",
        "baseline": {"kind": "named", "passed_over": []},
        "execution": "e1",
        "created": "2026-01-02T03:04:05.678+00:00",
        "engine": {"name": "odiff", "version": "4.5.0"},
        "policy": {
            "structural_threshold": 0.15,
            "sensitive_threshold": 0.0225,
            "antialiasing": True,
            "align_rows": True,
            "strict": False,
            "noise": {
                "min_solid_pixels": 9,
                "min_bold_pixels": 36,
                "min_line_pixels": 32,
                "local_blocks": 4,
                "local_share": 0.125,
                "min_structural_pixels": 3,
                "min_structural_share": 0.25,
                "min_ink_pixels": 4,
                "min_balance": 0.25,
                "one_way_balance": 0.9,
                "min_unmatched_pixels": 3,
                "clean_share": 0.3,
                "min_tint_pixels": 32,
                "crisp_share": 0.9,
                "recolour_threshold": 0.006,
                "min_recoloured_pixels": 100,
                "whole_picture": 0.99,
                "whole_picture_blocks": 0.9,
            },
            "max_changed_pixels": 1,
            "max_changed_ratio": 0.0,
            "max_region_pixels": None,
            "ignore_regions": [],
        },
        "verdict": "needs_review",
        "counts": {
            "total": 5,
            "changed": 1,
            "added": 1,
            "removed": 0,
            "renamed": 1,
            "unchanged": 1,
            "skipped": 0,
            "errored": 1,
        },
        "warnings": ["unknown field 'x' was ignored"],
        "images": {
            "added.png": {"status": "added", "head_sha256": digest(1), "head_size": [10, 20]},
            "changed.png": {
                "status": "changed",
                "head_sha256": digest(2),
                "base_sha256": digest(3),
                "head_size": [10, 18],
                "base_size": [10, 20],
                "size_changed": True,
                "changed_pixels": 7,
                "structural_pixels": 4,
                "total_pixels": 200,
                "mask": "diffs/shop/f/0-1.png",
                "regions": [
                    {
                        "x": 1,
                        "y": 2,
                        "width": 3,
                        "height": 4,
                        "pixels": 5,
                        "differing": 6,
                        "structural": 4,
                        "solid": 0,
                        "bold": 0,
                        "unmatched": 0,
                        "line": 3,
                        "balance": 0.5,
                        "one_sided": 2,
                        "mark": "one_sided",
                    },
                    {
                        "x": 8,
                        "y": 9,
                        "width": 1,
                        "height": 2,
                        "pixels": 2,
                        "differing": 90,
                        "structural": 0,
                        "solid": 1,
                        "bold": 2,
                        "unmatched": 1,
                        "line": 0,
                        "balance": 0.0,
                        "one_sided": 0,
                        "mark": None,
                    },
                ],
                "bands": [
                    {
                        "kind": "deleted",
                        "axis": "rows",
                        "y": 2,
                        "height": 2,
                        "base_y": 2,
                        "head_y": 2,
                    },
                    {
                        "kind": "inserted",
                        "axis": "columns",
                        "x": 1,
                        "width": 3,
                        "base_x": 1,
                        "head_x": 1,
                    },
                ],
                "differing": {"differing": 96, "blocks": 50, "touched": 40, "recoloured": 3},
                "recoloured": False,
                "policy": {"ignore_regions": [{"x": 0, "y": 0, "width": 1, "height": 1}]},
                "group": "changed-0123456789abcdef",
                "details": {
                    "group": "G",
                    "display_name": "D",
                    "tags": ["t"],
                    "context": {"os": "linux"},
                },
            },
            "errored.png": {
                "status": "errored",
                "head_sha256": digest(4),
                "base_sha256": digest(5),
                "reason": "UNREADABLE: the file is empty",
            },
            "passed.png": {
                "status": "unchanged",
                "head_sha256": digest(6),
                "base_sha256": digest(7),
                "head_size": [1, 1],
                "base_size": [1, 1],
                "size_changed": False,
                "changed_pixels": 0,
                "structural_pixels": 0,
                "total_pixels": 1,
                "regions": [],
                "differing": {"differing": 0, "blocks": 0, "touched": 0, "recoloured": 0},
            },
            "renamed.png": {
                "status": "renamed",
                "head_sha256": digest(8),
                "base_sha256": digest(8),
                "head_size": [1, 1],
                "base_size": [1, 1],
                "size_changed": False,
                "previous_name": "old.png",
            },
        },
    }


@pytest.mark.parametrize(
    "snapshots", [FULL.snapshots, {"ä/\u2028.png": Snapshot(Status.ADDED)}, {}]
)
def test_what_is_written_image_by_image_is_what_is_written_at_once(
    snapshots: Mapping[str, Snapshot],
) -> None:
    comparison = replace(FULL, snapshots=snapshots)
    at_once = json.dumps(comparison.as_json(), ensure_ascii=False)
    assert comparison.encoded().decode() == at_once


def test_comparison_without_a_base_says_null() -> None:
    first = Comparison(
        ComparisonId("shop", "b1", NO_BASE), "names no base", "e1", "now", {}, Policy(), {}
    )
    assert first.as_json()["base"] is None


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


def test_statuses_stand_in_the_order_of_a_review() -> None:
    assert list(Status) == [
        "errored",
        "changed",
        "added",
        "removed",
        "renamed",
        "skipped",
        "unchanged",
    ]


def test_counts_of_statuses() -> None:
    statuses = [Status.CHANGED] * 2 + [Status.SKIPPED] * 3 + [Status.ERRORED]
    counts = Counts.of(iter(statuses))
    assert counts == Counts(changed=2, skipped=3, errored=1)
    assert counts.total == 6


def test_every_status_has_its_count() -> None:
    counts = Counts.of(Status)
    assert vars(counts) == dict.fromkeys(map(str, Status), 1)
    assert counts.total == len(Status)


def test_counts_show_the_total_first() -> None:
    assert list(Counts(removed=1).as_json().items()) == [
        ("total", 1),
        ("changed", 0),
        ("added", 0),
        ("removed", 1),
        ("renamed", 0),
        ("unchanged", 0),
        ("skipped", 0),
        ("errored", 0),
    ]


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


def test_verdict_of_a_comparison_knows_whether_there_is_a_base() -> None:
    added = {"a.png": Snapshot(Status.ADDED)}
    with_base = Comparison(ComparisonId("p", "b1", "b0"), "", "", "", {}, Policy(), added)
    without = Comparison(ComparisonId("p", "b1", NO_BASE), "", "", "", {}, Policy(), added)
    assert (with_base.verdict, without.verdict) == (NEEDS_REVIEW, PASSED)


@pytest.mark.parametrize(
    ("policy", "passes"),
    [
        pytest.param(Policy(), False, id="built-in"),
        pytest.param(Policy(max_changed_pixels=7), True, id="seven pixels"),
        pytest.param(Policy(max_changed_pixels=6), False, id="six pixels"),
        pytest.param(Policy(max_region_pixels=5), True, id="largest region has five"),
        pytest.param(Policy(max_region_pixels=4), False, id="regions of four"),
        pytest.param(Policy(max_changed_ratio=0.035), True, id="7 of 200"),
        pytest.param(Policy(ignore_regions=(Rectangle(0, 0, 99, 99),)), False, id="not here"),
    ],
)
def test_diff_is_judged_by_what_was_measured(policy: Policy, passes: bool) -> None:
    assert DIFF.passes(policy) is passes


def test_diff_without_regions_has_no_largest_one() -> None:
    assert Diff(0, 0, 1, (1, 1), (1, 1)).passes(Policy(max_region_pixels=0))


def test_a_band_that_was_stored_before_there_were_columns_is_one_of_rows() -> None:
    stored = {"kind": "inserted", "y": 7, "height": 2, "base_y": 5, "head_y": 6}
    assert Band.from_json(stored) == Band(BandKind.INSERTED, 7, 2, 5, 6, Axis.ROWS)
