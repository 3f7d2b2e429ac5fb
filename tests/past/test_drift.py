"""Drift: many steps that passed, and what they add up to."""

from __future__ import annotations

from typing import Any

import pytest

from pixelgate.domain.comparison import Diff, Region
from pixelgate.domain.policy import Policy
from pixelgate.domain.verdict import Evidence, Picture
from pixelgate.past import drift
from pixelgate.past.drift import Chain, chain_of, chains, measure
from pixelgate.past.model import Entry, Past
from support.pasts import entry, passed, seen


def past(*entries: Entry) -> Past:
    return Past.made_of("shop", entries)


FIRST = entry("0", None, seen("a", "A"), seen("b", "B"))


def line(*shots: Any) -> Past:
    """Builds 1, 2, … of main after a first one, each with at most one shot."""
    entries = [
        entry(str(n), str(n - 1), *((shot,) if shot else ())) for n, shot in enumerate(shots, 1)
    ]
    return past(FIRST, *entries)


def chain(made: Past, name: str = "a") -> Chain | None:
    return chain_of(made, made.entries[-1], name)


def test_steps_that_passed_lead_back_to_the_image_that_was_accepted() -> None:
    made = line(passed("a", "A1", "A", pixels=3), None, passed("a", "A2", "A1", pixels=4), None)
    found = chain(made)
    assert found is not None
    assert (found.anchor, found.head, found.pixels) == ("A", "A2", 7)
    assert [step.entry.build for step in found.steps] == ["1", "3"]
    assert found.since == FIRST
    assert chain(made, "b") is None


def test_an_accepted_change_begins_a_new_chain() -> None:
    made = line(
        passed("a", "A1", "A"),
        passed("a", "A2", "A1"),
        seen("a", "C", "A2"),
        passed("a", "C1", "C"),
        passed("a", "C2", "C1"),
    )
    found = chain(made)
    assert found is not None
    assert (found.anchor, found.since and found.since.build) == ("C", "3")


@pytest.mark.parametrize(
    ("what", "shots"),
    [
        ("no step", [None, None]),
        ("one step, which passed against the anchor itself", [passed("a", "A1", "A"), None]),
        ("back to the anchor", [passed("a", "A1", "A"), passed("a", "A", "A1")]),
        ("a change at the end", [passed("a", "A1", "A"), seen("a", "C", "A1")]),
        ("removed", [passed("a", "A1", "A"), passed("a", "A2", "A1"), seen("a", None, "A2")]),
    ],
)
def test_no_drift(what: str, shots: list[Any]) -> None:
    assert chain(line(*shots)) is None


def test_a_rename_keeps_the_chain() -> None:
    made = line(
        passed("a", "A1", "A"),
        seen("z", "A1", "A1", status="renamed", previous="a"),
        passed("z", "A2", "A1"),
    )
    found = chain(made, "z")
    assert found is not None
    assert (found.name, found.anchor, found.head) == ("z", "A", "A2")
    assert [c.name for c in chains(made, made.entries[-1])] == ["z"]


def test_where_the_index_ends_the_oldest_known_image_is_the_anchor() -> None:
    made = past(
        entry("5", "4", passed("a", "A1", "A"), first=False),
        entry("6", "5", passed("a", "A2", "A1")),
    )
    found = chain(made)
    assert found is not None
    assert (found.anchor, found.since) == ("A", None)


def test_builds_beside_the_chain_do_not_matter() -> None:
    made = past(
        FIRST,
        entry("1", "0", passed("a", "A1", "A")),
        entry("pr", "1", seen("a", "X", "A1"), pull_request="7"),
        entry("2", "1", passed("a", "A2", "A1"), at="2026-11-02T00:00:00+00:00"),
    )
    found = chain(made)
    assert found is not None
    assert [step.entry.build for step in found.steps] == ["1", "2"]


def test_of_a_build_all_chains_are_found_the_largest_first() -> None:
    made = past(
        FIRST,
        entry("1", "0", passed("a", "A1", "A", pixels=1), passed("b", "B1", "B", pixels=5)),
        entry("2", "1", passed("a", "A2", "A1", pixels=1), passed("b", "B2", "B1", pixels=5)),
    )
    assert [(c.name, c.pixels) for c in chains(made, made.entries[-1])] == [("b", 10), ("a", 2)]


@pytest.mark.parametrize(
    ("fields", "fits"),
    [
        ({}, True),
        ({"pull_request": "7"}, False),
        ({"trusted": False}, False),
        ({"partial": True}, False),
        ({"review": "needed"}, False),
        ({"review": "rejected"}, False),
        ({"review": "approved"}, True),
        ({"branch": "other"}, False),
    ],
)
def test_drift_is_measured_at_the_newest_build_that_could_be_a_baseline(
    fields: dict[str, Any], fits: bool
) -> None:
    later = entry("1", "0", at="2026-11-05T00:00:00+00:00", **fields)
    found = drift.newest(past(FIRST, later), "main")
    assert found is (later if fits else FIRST)


def difference(pixels: int) -> Diff:
    """Of pixels that count."""
    area = Evidence(blocks=1, differing=pixels, one_sided=pixels)
    region = Region(0, 0, 10, 10, pixels, area=0)
    sizes = (10, 100), (10, 100)
    return Diff(
        pixels, 0, 1_000, *sizes, (region,), picture=Picture(differing=pixels), areas=(area,)
    )


def test_each_step_passed_and_all_of_them_would_not_have() -> None:
    shots = [passed("a", f"A{n}", f"A{n - 1}" if n > 1 else "A", pixels=9) for n in range(1, 5)]
    made = line(*shots)
    policy = Policy(max_changed_pixels=10)
    measured = list(
        measure(
            chains(made, made.entries[-1]),
            lambda c: difference(36) if (c.anchor, c.head) == ("A", "A4") else None,
            lambda name: policy,
        )
    )
    [found] = measured
    assert found.needs_review
    assert found.words == (
        "a changed in 4 steps since build 0 (2026-11-01), each of which passed; now it would need "
        "a review against the image that was accepted then: 36 of 1,000 pixels differ"
    )
    assert (found.row()["pixels"], found.row()["pixels_of_steps"]) == (36, 36)


def test_what_can_no_longer_be_compared_is_left_out() -> None:
    made = line(passed("a", "A1", "A"), passed("a", "A2", "A1"))
    found = chains(made, made.entries[-1])
    assert list(measure(found, lambda c: None, lambda name: Policy())) == []
    [near] = measure(found, lambda c: difference(5), lambda name: Policy(max_changed_pixels=10))
    assert not near.needs_review
    assert "now it still passes against" in near.words
