"""What the report says: headline, sections, facts, links."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pixelgate import keys
from pixelgate.comparison import Comparison, Diff, Measured, Region, Snapshot, Status
from pixelgate.keys import NO_BASE
from pixelgate.policy import Policy
from pixelgate.report.model import Card, Picture, Report, build_model, percent
from support.comparisons import SNAPSHOTS, comparison
from support.manifests import digest

REPORT_KEY = "comparisons/shop/b1/b0/e1/index.html"
UP = "../../../../.."


def model(shown: Comparison) -> Report:
    return build_model(shown, lambda sha256: keys.image("shop", sha256), REPORT_KEY)


def cards(report: Report) -> dict[str, Card]:
    return {card.name: card for section in report.sections for card in section.cards}


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        pytest.param(0, 100, "0 %", id="nothing"),
        pytest.param(1, 40_000_000, "< 0.01 %", id="something is never nothing"),
        pytest.param(99, 1_000_000, "< 0.01 %", id="just under"),
        pytest.param(100, 1_000_000, "0.01 %", id="just there"),
        pytest.param(75, 1_000_000, "< 0.01 %", id="a 77-pixel icon on a page"),
        pytest.param(123, 1_000_000, "0.012 %", id="two digits"),
        pytest.param(1, 3, "33 %", id="a third"),
        pytest.param(6, 1_000, "0.6 %", id="no trailing zero"),
        pytest.param(5, 100, "5 %", id="five"),
        pytest.param(99, 100, "99 %", id="ninety-nine"),
        pytest.param(995, 1_000, "99.50 %", id="over ninety-nine"),
        pytest.param(999_999, 1_000_000, "99.99 %", id="less is never all"),
        pytest.param(100, 100, "100 %", id="all"),
    ],
)
def test_percent(part: int, whole: int, text: str) -> None:
    assert percent(part, whole) == text


def several(**counts: int) -> dict[str, Snapshot]:
    return {
        f"{status}-{n}.png": Snapshot(Status(status))
        for status, number in counts.items()
        for n in range(number)
    }


@pytest.mark.parametrize(
    ("snapshots", "base", "headline", "advice"),
    [
        pytest.param(
            {},
            "b0",
            "There was nothing to compare",
            "Neither the base nor the head holds a screenshot.",
            id="empty",
        ),
        pytest.param(
            {},
            NO_BASE,
            "There was nothing to compare",
            "Neither the base nor the head holds a screenshot.",
            id="empty first upload",
        ),
        pytest.param(
            several(added=1),
            NO_BASE,
            "Passed: a first upload of 1 snapshot",
            "There is no baseline to compare with",
            id="first upload of one",
        ),
        pytest.param(
            several(added=1_234),
            NO_BASE,
            "Passed: a first upload of 1,234 snapshots",
            "There is no baseline to compare with",
            id="first upload of many",
        ),
        pytest.param(
            several(added=2, errored=1),
            NO_BASE,
            "Needs review: 1 could not be compared, 2 added",
            "There is no baseline to compare with",
            id="first upload with an unreadable image",
        ),
        pytest.param(
            several(errored=3),
            "b0",
            "Needs review: 3 could not be compared",
            "Not one snapshot could be compared",
            id="all errored",
        ),
        pytest.param(
            several(errored=1, unchanged=1),
            "b0",
            "Needs review: 1 could not be compared",
            "",
            id="one errored",
        ),
        pytest.param(
            several(unchanged=1),
            "b0",
            "Passed: 1 snapshot, nothing to review",
            "",
            id="passed",
        ),
        pytest.param(
            several(unchanged=2, renamed=1, skipped=1),
            "b0",
            "Passed: 4 snapshots, nothing to review",
            "",
            id="passed with renamed and skipped",
        ),
        pytest.param(
            several(added=2),
            "b0",
            "Needs review: 2 added",
            "",
            id="everything is new and there was a base",
        ),
        pytest.param(
            several(removed=1, added=2, changed=1_003, unchanged=5),
            "b0",
            "Needs review: 1,003 changed, 2 added, 1 removed",
            "",
            id="needs review",
        ),
    ],
)
def test_headline(snapshots: dict[str, Snapshot], base: str, headline: str, advice: str) -> None:
    report = model(comparison(snapshots, base=base))
    assert report.headline == headline
    assert report.advice.startswith(advice)
    assert bool(report.advice) is bool(advice)


def test_counts_and_sections_stand_in_the_order_of_a_review() -> None:
    report = model(comparison())
    assert [(status, number) for status, _, number in report.counts] == [
        ("errored", 1),
        ("changed", 2),
        ("added", 1),
        ("removed", 1),
        ("renamed", 1),
        ("skipped", 1),
        ("unchanged", 2),
    ]
    assert report.total == 9
    assert [(s.status, s.title, s.folded, len(s.cards)) for s in report.sections] == [
        ("errored", "Could not be compared", False, 1),
        ("changed", "Changed", False, 2),
        ("added", "Added", False, 1),
        ("removed", "Removed", False, 1),
        ("renamed", "Renamed", True, 1),
        ("skipped", "Skipped", True, 1),
        ("unchanged", "Unchanged", True, 2),
    ]


def test_status_that_does_not_occur_has_a_zero_and_no_section() -> None:
    report = model(comparison(several(unchanged=1)))
    assert [number for *_, number in report.counts] == [0, 0, 0, 0, 0, 0, 1]
    assert [s.status for s in report.sections] == ["unchanged"]


def test_the_largest_change_comes_first_then_names() -> None:
    def changed(pixels: int) -> Snapshot:
        return Snapshot(
            Status.CHANGED, measured=Measured(Diff(pixels, 0, 100, (10, 10), (10, 10)), None)
        )

    report = model(comparison({"b": changed(5), "a": changed(5), "z": changed(9), "c": changed(1)}))
    assert [card.name for card in report.sections[0].cards] == ["z", "a", "b", "c"]


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        pytest.param("button/added.png", ("320×200",), id="added"),
        pytest.param(
            "button/changed a little.png",
            ("320×200", "77 of 64,000 pixels (0.12 %)", "1 region", "colour only"),
            id="colour only",
        ),
        pytest.param(
            "card/smaller.png",
            ("320×220 → 300×200", "10,400 of 70,400 pixels (15 %)", "2 regions"),
            id="size changed",
        ),
        pytest.param("errored.png", ("320×200",), id="errored"),
        pytest.param("gone.png", ("320×200",), id="removed"),
        pytest.param("new name.png", ("was old name.png", "320×200"), id="renamed"),
        pytest.param("passed.png", ("320×200", "0 of 64,000 pixels (0 %)"), id="passed"),
    ],
)
def test_facts(name: str, facts: tuple[str, ...]) -> None:
    assert cards(model(comparison()))[name].facts == facts


def test_a_size_that_nobody_knows_is_not_told() -> None:
    report = model(comparison({"a.png": Snapshot(Status.ADDED, head_sha256=digest(1))}))
    [card] = cards(report).values()
    assert card.facts == ()
    assert card.head == Picture(f"{UP}/images/shop/{digest(1)}", None)


def test_card_of_a_change() -> None:
    assert cards(model(comparison()))["card/smaller.png"] == Card(
        name="card/smaller.png",
        anchor="card%2Fsmaller.png",
        display_name=None,
        base=Picture(f"{UP}/images/shop/{digest(5)}", (320, 220)),
        head=Picture(f"{UP}/images/shop/{digest(4)}", (300, 200)),
        mask=f"{UP}/diffs/shop/f/5-4.png",
        canvas=(320, 220),
        slices=(),
        facts=("320×220 → 300×200", "10,400 of 70,400 pixels (15 %)", "2 regions"),
        reason=None,
    )


def test_card_of_an_error_tells_the_reason_and_shows_no_mask() -> None:
    card = cards(model(comparison()))["errored.png"]
    assert card.reason == "UNREADABLE: head: the file is empty"
    assert card.mask is None


def test_display_name_is_told() -> None:
    assert cards(model(comparison()))["button/changed a little.png"].display_name == "Button & icon"


def test_picture_that_cannot_be_shown_is_left_out() -> None:
    report = build_model(comparison(), {digest(4): "images/x"}.get, REPORT_KEY)
    card = cards(report)["card/smaller.png"]
    assert (card.base, card.head) == (None, Picture(f"{UP}/images/x", (300, 200)))


def test_canvas_holds_both_pictures() -> None:
    mixed = Snapshot(
        Status.CHANGED,
        digest(1),
        digest(2),
        (30, 50),
        (50, 30),
        Measured(Diff(1, 1, 2_500, (50, 30), (30, 50), (Region(0, 0, 1, 1, 1),)), "m.png"),
    )
    assert cards(model(comparison({"a": mixed})))["a"].canvas == (50, 50)


def test_head_of_the_report() -> None:
    report = model(comparison())
    assert (report.title, report.head, report.base) == ("shop: b1", "b1", "b0")
    assert report.warnings == ("unknown field 'base_comit' was ignored",)
    assert model(comparison({}, base=NO_BASE)).base is None


def test_facts_of_the_run() -> None:
    assert model(comparison()).facts == (
        ("Baseline", "the manifest names this build as base_build"),
        ("Compared", "2026-01-02T03:04:05.678+00:00"),
        ("Engine", "odiff 4.5.0"),
        (
            "Policy",
            "structural threshold 0.15, sensitive threshold 0.0225, anti-aliasing left out, "
            "what looks like noise passes",
        ),
        ("Execution", "e1"),
    )


def test_every_snapshot_has_a_card_and_an_anchor_of_its_own() -> None:
    shown = cards(model(comparison()))
    assert shown.keys() == SNAPSHOTS.keys()
    assert len({card.anchor for card in shown.values()}) == len(SNAPSHOTS)


@pytest.mark.parametrize(
    ("tolerances", "words"),
    [
        pytest.param({}, "what looks like noise passes", id="none"),
        pytest.param({"strict": True}, "any changed pixel counts", id="strict"),
        pytest.param(
            {"max_changed_pixels": 1},
            "what looks like noise or up to 1 changed pixel pass",
            id="pixels",
        ),
        pytest.param(
            {"strict": True, "max_changed_pixels": 1}, "up to 1 changed pixel pass", id="… strictly"
        ),
        pytest.param(
            {"strict": True, "max_changed_ratio": 0.002, "max_region_pixels": 12},
            "up to 0.002 of the pixels or regions of up to 12 pixels pass",
            id="share and region",
        ),
    ],
)
def test_what_passes_is_said(tolerances: dict[str, Any], words: str) -> None:
    report = model(replace(comparison(), policy=Policy(**tolerances)))
    assert dict(report.facts)["Policy"].endswith(words)
