"""Pairs with the same input: which images are evidence of a flake, and which are none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from pixelgate.past.model import Entry, Past, Seen, Shot
from pixelgate.past.pairs import Pair, PairKind, same_input
from support.pasts import at, entry, given, passed, seen


def chain(images: str, **fields: Any) -> list[Entry]:
    """Builds `b1`, `b2` … of `main`, a day apart, each compared with the first.

    A letter is the image of `x`, a dot a build that skipped it, a dash one without it.
    """
    shots = {"-": seen("x", None, "A"), ".": Shot("x", "skipped")}
    made = [entry("b1", None, seen("x", "A"), at=at(1), **fields)]
    for day, image in enumerate(images[1:], 2):
        shot = () if image == "A" else (shots.get(image) or seen("x", image, "A"),)
        made.append(entry(f"b{day}", "b1", *shot, at=at(day), **fields))
    assert images[0] == "A"
    return made


def brief(past: Past) -> list[str]:
    """Kind, images and build of the pairs of `x`."""
    return [f"{p.kind} {p.first}{p.second} {p.build}" for p in same_input(past).get("x", ())]


def of(*entries: Entry, since: datetime | None = None) -> list[str]:
    return brief(Past.made_of("shop", entries, since))


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        ("A", []),
        ("AA", ["commit AA b2"]),
        ("AB", ["commit AB b2"]),
        ("ABA", ["commit AB b2", "commit BA b3"]),
        ("A.B", ["commit AB b3"]),
        ("A-A", ["commit AA b3"]),
        ("A.", []),
    ],
)
def test_builds_of_one_commit_are_paired_with_the_one_before(
    images: str, expected: list[str]
) -> None:
    assert of(*chain(images, commit="c")) == expected


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        ("AAA", ["returned AA b2"]),
        ("ABA", ["returned AB b2"]),
        ("ABB", []),
        ("ABC", []),
        ("ABABA", ["returned AB b2", "returned BA b3", "returned AB b4"]),
        ("AB.A", ["returned AB b2"]),
        ("AABBA", []),
    ],
)
def test_a_snapshot_that_returns_to_its_image_within_three_builds_is_a_pair(
    images: str, expected: list[str]
) -> None:
    assert of(*chain(images)) == expected


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({"commit": "c", "tree": "t"}, {"commit": "c", "tree": "t"}, ["commit AB b2"]),
        ({"commit": "c", "tree": "t"}, {"commit": "d", "tree": "t"}, ["tree AB b2"]),
        ({"commit": "c", "tree": "t"}, {"commit": "d", "tree": "u"}, []),
        ({"commit": "c", "tree": "t"}, {"commit": "c"}, ["commit AB b2"]),
        ({"commit": "c", "tree": "t"}, {"commit": "c", "tree": "u"}, []),
        ({"commit": "c"}, {"commit": "c", "branch": "other"}, ["commit AB b2"]),
        # CI builds a pull request's merge with its base, and says the commit of the head.
        ({"commit": "c"}, {"commit": "c", "pull_request": "5"}, []),
        (
            {"commit": "c"},
            {"commit": "c", "branch": "feature", "pull_request": "5"},
            ["commit AB b2"],
        ),
        ({"commit": "c"}, {"commit": "c", "trusted": False}, []),
    ],
)
def test_what_two_builds_must_have_in_common(
    first: dict[str, Any], second: dict[str, Any], expected: list[str]
) -> None:
    a, b = chain("AB")
    assert of(replace(a, **first), replace(b, **second)) == expected


def test_attempts_are_paired_in_their_order_and_the_last_with_the_builds_image() -> None:
    a, b = chain("AB")
    assert of(a, replace(b, attempts={"x": ("C", "C", "D")})) == [
        "attempt CC b2",
        "attempt CD b2",
        "attempt DB b2",
    ]
    assert of(a, replace(b, attempts={"x": ("C",)}, trusted=False)) == []
    assert of(a, replace(b, attempts={"y": ("C",)})) == []


def test_a_change_that_people_approved_and_reverted_is_no_pair() -> None:
    a, b, c = chain("ABA")
    approved = replace(b, review="approved", reviews=(given("01", "approve", "x"),))
    rejected = replace(b, review="rejected", reviews=(given("01", "reject", "x"),))
    carried = replace(b, review="approved", granted="as in b0", carried_from="b0")
    by_rule = replace(b, review="approved", granted="main is a baseline branch")
    assert of(a, approved, c) == []
    assert of(a, carried, c) == []
    assert of(a, rejected, c) == ["returned AB b2"]
    assert of(a, by_rule, c) == ["returned AB b2"]


def test_a_build_that_is_paired_with_its_twin_is_not_counted_again_when_the_image_returns() -> None:
    a, b, c = chain("ABA")
    assert of(a, replace(b, commit="c-b1"), c) == ["commit AB b2"]
    assert of(a, b, replace(c, commit="c-b2")) == ["commit BA b3"]


def test_builds_of_pull_requests_and_other_branches_do_not_stand_between() -> None:
    a, b, c = chain("ABA")
    assert of(a, replace(b, pull_request="5"), c) == []
    assert of(a, replace(b, branch="other"), c) == []


def test_quarantine_changes_no_pair() -> None:
    plain = chain("ABA", commit="c")
    stamped = [replace(e, quarantined={"x": "flaky"}) for e in plain]
    assert of(*stamped) == of(*plain)


def test_a_pair_knows_where_its_images_were_diffed_in_either_order() -> None:
    a, b, c = chain("ABA", commit="c")
    measured = replace(b, shots={"x": seen("x", "B", "A", total=100, pixels=3)})
    past = Past.made_of("shop", [a, measured, c])
    shot = measured.shots["x"]
    assert same_input(past)["x"] == (
        Pair("x", PairKind.COMMIT, "A", "B", at(2), "b2", Seen(measured, shot), "b1"),
        Pair("x", PairKind.COMMIT, "B", "A", at(3), "b3", Seen(measured, shot), "b2"),
    )
    # Same images, never diffed: there is nothing to see. And b is compared, but without a measure.
    assert [p.seen for p in same_input(Past.made_of("shop", [a, b, c]))["x"]] == [None, None]


def test_what_passed_counts_as_it_differs() -> None:
    a, b = entry("a", None, seen("x", "A")), entry("b", "a", passed("x", "B", "A"), commit="c-a")
    (pair,) = same_input(Past.made_of("shop", [a, b]))["x"]
    assert pair.differs


def test_a_pair_belongs_to_the_time_of_its_later_build() -> None:
    entries = chain("AABA", commit="c")
    assert of(*entries, since=datetime(2026, 11, 3, tzinfo=UTC)) == ["commit AB b3", "commit BA b4"]


def test_what_was_not_listed_since_the_history_began_is_known_from_later_bases() -> None:
    # b1, which listed x, is gone; b2 to b4 are as it was, and b5 says what that is.
    entries = [e for e in chain("AAAAB", commit="c") if e.build != "b1"]
    assert of(*entries) == ["commit AA b3", "commit AA b4", "commit AB b5"]


def test_bases_that_were_compared_again_later_are_found() -> None:
    a = entry("a", None, seen("x", "A"), at=at(9), commit="c")  # the latest of its executions
    b, c = entry("b", "a", at=at(2), commit="c"), entry("c", "b", at=at(3), commit="c")
    assert of(a, b, c) == ["commit AA c", "commit AA a"]


def test_names_are_those_of_the_last_entries_in_whatever_unicode_form() -> None:
    one, two = "u\u0308", "\u00fc"
    a = entry("a", None, seen(two, "A"), commit="c")
    b = entry("b", "a", seen(one, "B", "A"), commit="c", at=at(2))
    assert [p.first + p.second for p in same_input(Past.made_of("shop", [a, b]))[one]] == ["AB"]


def test_a_past_without_builds_has_no_pairs() -> None:
    assert same_input(Past("shop")) == {}
