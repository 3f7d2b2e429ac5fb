"""What the report says: headline, kind, entries, facts, links."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from pixelgate.domain import keys
from pixelgate.domain.baseline import Choice
from pixelgate.domain.comparison import Comparison, Diff, Measured, Snapshot, Status
from pixelgate.domain.cost import Usage
from pixelgate.domain.keys import NO_BASE
from pixelgate.report.model import Entry, Report, build_failure, build_model
from support.comparisons import SNAPSHOTS, comparison
from support.gold import Gold
from support.manifests import digest

GOLD = Path(__file__).parent / "gold" / "report.json"
REPORT_KEY = "comparisons/shop/b1/b0/e1/index.html"
UP = "../../../../.."


def model(shown: Comparison, **options: Any) -> Report:
    return build_model(shown, lambda sha256: keys.image("shop", sha256), REPORT_KEY, **options)


def entries(report: Report) -> dict[str, Entry]:
    return {entry.name: entry for entry in report.entries}


def facts(report: Report) -> dict[str, tuple[str, ...]]:
    return dict(report.facts)


def test_model_is_the_accepted_one(gold: Gold) -> None:
    page = json.dumps(asdict(model(comparison())), indent=1, ensure_ascii=False)
    gold.check(f"{page}\n".encode(), GOLD)


def several(**counts: int) -> dict[str, Snapshot]:
    return {
        f"{status}-{n}.png": Snapshot(Status(status))
        for status, number in counts.items()
        for n in range(number)
    }


ADVICE = {
    "empty": "Neither the base nor the head holds a screenshot.",
    "first": "There is no baseline to compare with",
    "errored": "Not one snapshot could be compared",
    "usual": "",
}


@pytest.mark.parametrize(
    ("base", "snapshots", "kind", "headline"),
    [
        ("b0", {}, "empty", "There was nothing to compare"),
        (NO_BASE, {}, "empty", "There was nothing to compare"),
        (NO_BASE, {"added": 1}, "first", "Passed: a first upload of 1 snapshot"),
        (NO_BASE, {"added": 1_234}, "first", "Passed: a first upload of 1,234 snapshots"),
        (
            *(NO_BASE, {"added": 2, "errored": 1}, "first"),
            "Needs review: 1 could not be compared, 2 added",
        ),
        (NO_BASE, {"errored": 3}, "errored", "Needs review: 3 could not be compared"),
        ("b0", {"errored": 3}, "errored", "Needs review: 3 could not be compared"),
        ("b0", {"errored": 1, "unchanged": 1}, "usual", "Needs review: 1 could not be compared"),
        ("b0", {"unchanged": 1}, "usual", "Passed: 1 snapshot, nothing to review"),
        (
            *("b0", {"unchanged": 2, "renamed": 1, "skipped": 1}, "usual"),
            "Passed: 4 snapshots, nothing to review",
        ),
        ("b0", {"added": 2}, "usual", "Needs review: 2 added"),
        (
            *("b0", {"removed": 1, "added": 2, "changed": 1_003, "unchanged": 5}, "usual"),
            "Needs review: 1,003 changed, 2 added, 1 removed",
        ),
    ],
)
def test_headline(base: str, snapshots: dict[str, int], kind: str, headline: str) -> None:
    report = model(comparison(several(**snapshots), base=base))
    assert (report.kind, report.headline) == (kind, headline)
    advice = ADVICE["first" if base == NO_BASE and snapshots else kind]
    assert report.advice.startswith(advice)
    assert bool(report.advice) is bool(advice)
    assert report.reviewable is headline.startswith("Needs review")


def test_entries_stand_in_the_order_of_a_review_and_by_name() -> None:
    shown = [(entry.status, entry.name) for entry in model(comparison()).entries]
    assert shown == [
        ("errored", "errored.png"),
        ("changed", "button/changed a little.png"),
        ("changed", "card/smaller.png"),
        ("added", "button/added.png"),
        ("removed", "gone.png"),
        ("renamed", "new name.png"),
        ("skipped", "skipped.png"),
        ("unchanged", "passed.png"),
        ("unchanged", "same.png"),
    ]
    assert len(shown) == len(SNAPSHOTS)


def test_a_size_that_nobody_knows_is_not_told() -> None:
    report = model(comparison({"a.png": Snapshot(Status.ADDED, head_sha256=digest(1))}))
    [entry] = report.entries
    assert (entry.head_size, entry.base_size) == (None, None)
    assert entry.head == f"{UP}/images/shop/{digest(1)}"


def test_an_image_that_cannot_be_shown_has_no_link() -> None:
    report = build_model(comparison(), lambda _: None, REPORT_KEY)
    assert {(entry.base, entry.head) for entry in report.entries} == {(None, None)}
    assert entries(report)["gone.png"].base_size == (320, 200)


def test_tags_with_names_are_shown_as_their_words() -> None:
    details = {"tags": {"project": "webkit", "browser": "webkit", "platform": "linux"}}
    [entry] = model(comparison({"a": Snapshot(Status.ADDED, digest(1), details=details)})).entries
    assert entry.tags == ("webkit", "linux")


def test_what_the_manifest_says_is_told() -> None:
    details = {
        "display_name": "Cart, empty",
        "description": "With nobody signed in",
        "group": "checkout",
        "tags": ["dark", "mobile"],
        "context": {"browser": "chromium 130", "viewport": "390×844"},
    }
    shown = {"cart.png": Snapshot(Status.ADDED, digest(1), details=details)}
    [entry] = model(comparison(shown)).entries
    assert entry.title == "Cart, empty"
    assert entry.tags == ("dark", "mobile")
    assert entry.facts == (
        ("Description", "With nobody signed in"),
        ("Belongs to", "checkout"),
        ("browser", "chromium 130"),
        ("viewport", "390×844"),
    )


def test_a_policy_of_its_own_is_told() -> None:
    noise = {**vars(comparison().policy.noise), "min_solid_pixels": 60}
    own = {"strict": True, "max_changed_pixels": 5, "noise": noise}
    diff = Measured(Diff(1, 1, 4, (2, 2), (2, 2)), None)
    shown = {"a.png": Snapshot(Status.CHANGED, measured=diff, policy=own)}
    [entry] = model(comparison(shown)).entries
    assert entry.facts == (
        ("Own policy", "strict true, max_changed_pixels 5, noise.min_solid_pixels 60"),
    )


def test_facts_of_a_run() -> None:
    assert facts(model(comparison())) == {
        "Baseline": ("the manifest names this build as base_build",),
        "Compared": ("2026-01-02 03:04:05 UTC",),
        "Engine": ("odiff 4.5.0, algorithm 2",),
        "Policy": (
            "structural threshold 0.15, sensitive threshold 0.0225, anti-aliasing left out, "
            "noise passes",
        ),
        "Execution": ("e1",),
    }


def test_an_engine_of_before_names_no_algorithm() -> None:
    shown = replace(comparison(), engine={"name": "odiff", "version": "4.4.0"})
    assert facts(model(shown))["Engine"] == ("odiff 4.4.0",)


def test_how_long_the_run_took_is_told() -> None:
    shown = replace(comparison(), started="2026-01-02T03:04:01.100+00:00")
    assert facts(model(shown))["Compared"] == ("2026-01-02 03:04:05 UTC", "in 4.6 s")


def test_baselines_that_were_passed_over_are_told() -> None:
    baseline = {
        "kind": "ancestor",
        "distance": 3,
        "passed_over": [
            {"build": "b7", "why": "it was rejected"},
            {"commit": "4f2a9c1d77aa00112233", "why": "it has no build"},
        ],
    }
    shown = replace(comparison(), choice=Choice.from_json(baseline))
    assert facts(model(shown))["Baseline"][1:] == (
        "3 commits before head",
        "passed over b7: it was rejected",
        "passed over 4f2a9c1d77aa: it has no build",
    )


def test_what_the_run_cost_is_told() -> None:
    used = Usage(120.0, {"s3.PutObject": 200, "s3.GetObject": 400, "dynamodb.UpdateItem": 5})
    shown = replace(comparison(several(unchanged=500)), cost=used)
    # 120 × 0.0000166667 + 200 × 0.000005 + 400 × 0.0000004 + 5 × 0.000000625
    assert facts(model(shown))["Cost"] == (
        "$0.0032",
        "120.0 GB-seconds; requests: 5 to dynamodb, 600 to s3",
        "$0.0063 for a thousand snapshots, by AWS list prices, us-east-1, 2025-11",
    )


@pytest.mark.parametrize(
    ("code", "headline", "advice"),
    [
        ("BAD_MANIFEST", "Failed: the manifest is wrong", "Correct what it names"),
        ("BASE_MISSING", "Failed: the base is not there", "Did its job run and upload?"),
        ("IMAGE_MISSING", "Failed: an image never arrived", "Upload all images first"),
        ("TIMEOUT", "Failed: the run took too long", "What was compared is kept"),
        ("INTERNAL", "Failed: the run ended with an error of its own", "It was tried as often"),
    ],
)
def test_a_run_that_failed_says_why_and_what_to_do(code: str, headline: str, advice: str) -> None:
    report = build_failure(
        {
            "project": "shop",
            "build": "b1",
            "base": None,
            "error": {"code": code, "message": "images: 'a.png' is missing"},
            "execution": "e9",
            "updated": "2026-01-02T03:04:05.678+00:00",
        }
    )
    assert report.kind == "failed"
    assert report.headline == headline
    assert report.advice.startswith(f"images: 'a.png' is missing. {advice}")
    assert facts(report)["Error"] == (code, "images: 'a.png' is missing")
    assert facts(report)["Failed"] == ("2026-01-02 03:04:05 UTC",)
    assert facts(report)["Execution"] == ("e9",)


def test_a_failure_without_words_is_a_page_too() -> None:
    report = build_failure({"project": "shop", "build": "b1"})
    assert report.headline == "Failed: the run ended with an error of its own"
    assert report.advice.startswith("It was tried as often")
