"""States of snapshots: which evidence makes one broken, flaky, at risk or quiet."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pixelgate.past.flakes import Flakiness, State, states
from pixelgate.past.model import Entry, Past, Shot
from support.pasts import entry, given, passed, seen

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def ago(days: float) -> str:
    return (NOW - timedelta(days=days)).isoformat()


def reruns(differing: int, pairs: int, images: str = "BCDEFGH") -> list[Entry]:
    """Two builds of each of so many commits; the second of some has an image of its own."""
    made = [entry("b0", None, seen("x", "A"), at=ago(60))]
    for n in range(pairs):
        fields: dict[str, Any] = {"commit": f"c{n}", "branch": f"t{n}", "pull_request": str(n)}
        odd = (seen("x", images[n % len(images)], "A"),) if n < differing else ()
        made += [
            entry(f"p{n}", "b0", at=ago(40 - n / 10), **fields),
            entry(f"q{n}", "b0", *odd, at=ago(39.95 - n / 10), **fields),
        ]
    return made


def missed(*images: str, review: str = "needed", latest: float = 1, **fields: Any) -> list[Entry]:
    """Builds of `main`, half a day apart, compared with an approved one whose image is A."""
    made = [entry("m0", None, seen("x", "A"), at=ago(50))]
    # A pull request is compared with main, which makes it a branch that others rely on.
    made.append(entry("pr", "m0", at=ago(49), branch="topic", pull_request="1"))
    for n, image in enumerate(images):
        shots = {"A": (), ".": (Shot("x", "skipped"),), "!": (Shot("x", "errored", "B", "A"),)}
        shown = shots.get(image, (seen("x", image, "A"),))
        at = ago(latest + (len(images) - 1 - n) / 2)
        made.append(entry(f"m{n + 1}", "m0", *shown, at=at, review=review, **fields))
    return made


def state(entries: list[Entry], now: datetime = NOW) -> Flakiness:
    return states(Past.made_of("shop", entries), now)["x"]


@pytest.mark.parametrize(
    ("differing", "pairs", "expected"),
    [
        (9, 9, State.QUIET),  # too few pairs
        (0, 10, State.QUIET),
        (1, 10, State.FLAKY),  # 1.8 to 40.4 %
        (1, 17, State.FLAKY),  # 1.05 %
        (1, 18, State.QUIET),  # 0.99 %
        (2, 35, State.FLAKY),
        (3, 300, State.QUIET),  # 1 % itself is not over 1 %
        (10, 10, State.FLAKY),
    ],
)
def test_flaky_is_who_differs_in_surely_more_than_one_percent_of_ten_pairs(
    differing: int, pairs: int, expected: State
) -> None:
    found = state(reruns(differing, pairs))
    assert (found.state, len(found.pairs), len(found.differing)) == (expected, pairs, differing)


def test_the_evidence_names_builds_images_rate_and_interval() -> None:
    found = state(reruns(2, 20)).as_json()
    assert {key: found[key] for key in ("pairs", "differing", "rate", "low", "high")} == {
        "pairs": 20, "differing": 2, "rate": 0.1, "low": 0.0279, "high": 0.301,
    }  # fmt: skip
    assert found["why"] == (
        "2 of 20 pairs with the same input differ: 2.8 to 30.1 % of all, with 95 % confidence"
    )
    assert found["evidence"] == [
        {"at": ago(39.95), "kind": "commit", "earlier_build": "p0", "build": "q0", "first": "A",
         "second": "B", "differs": True},
        {"at": ago(39.85), "kind": "commit", "earlier_build": "p1", "build": "q1", "first": "A",
         "second": "C", "differs": True},
    ]  # fmt: skip
    assert (found["commit_pairs"], found["returned_pairs"], found["images"]) == (20, 0, 3)


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        ("BBBBB", State.BROKEN),
        ("ABBBBB", State.BROKEN),
        ("CBBBBB", State.BROKEN),
        ("BB.BBB", State.BROKEN),  # a part of the suite says nothing about it
        ("BB!BBB", State.BROKEN),  # nor does what could not be compared
        ("BBBB", State.QUIET),
        ("BBBBBA", State.QUIET),
        ("BBBCB", State.QUIET),
        ("BBABB", State.QUIET),
    ],
)
def test_broken_is_whose_last_five_results_are_one_image_that_nobody_approved(
    images: str, expected: State
) -> None:
    assert state(missed(*images)).state is expected


def test_a_rejected_image_is_still_broken_and_an_accepted_one_is_not() -> None:
    assert state(missed(*"BBBBB", review="rejected")).state is State.BROKEN
    approved = missed(*"BBBBB")
    approved[-1] = replace(approved[-1], review="approved", reviews=(given("01", "approve", "x"),))
    assert state(approved).state is State.QUIET
    assert state(missed(*"BBBBB", granted="main is a baseline branch")).state is State.QUIET


def test_an_open_change_of_a_pull_request_or_of_a_topic_branch_is_not_broken() -> None:
    assert state(missed(*"BBBBB", pull_request="7")).state is State.QUIET
    assert state(missed(*"BBBBB", branch="topic/7")).state is State.QUIET
    assert state(missed(*"BBBBB", trusted=False)).state is State.QUIET


def test_nothing_is_broken_on_a_branch_that_had_no_build_for_a_month() -> None:
    assert state(missed(*"BBBBB", latest=31)).state is State.QUIET
    assert state(missed(*"BBBBB", latest=29)).state is State.BROKEN


def test_where_the_baseline_is_the_odd_image_of_a_flake_it_is_flaky_and_not_broken() -> None:
    entries = [*reruns(3, 12, images="B"), *missed(*"BBBBB")]
    assert state(entries).state is State.FLAKY
    other = [*reruns(3, 12, images="C"), *missed(*"BBBBB")]
    found = state(other)
    assert found.state is State.BROKEN  # what was seen with the same input is another image
    assert [e.build for e, _ in found.in_a_row] == ["m1", "m2", "m3", "m4", "m5"]
    assert found.words == ("the last 5 results on main are one image (B) that nobody has approved")


@pytest.mark.parametrize(
    ("headroom", "days", "expected"),
    [
        (0.199, 1, State.AT_RISK),
        (0.2, 1, State.QUIET),
        (0.0, 29.9, State.AT_RISK),
        (0.0, 30.1, State.QUIET),
        (None, 1, State.QUIET),
    ],
)
def test_at_risk_is_whose_worst_headroom_of_a_month_is_under_a_fifth(
    headroom: float | None, days: float, expected: State
) -> None:
    entries = [
        entry("a", None, seen("x", "A"), at=ago(80)),
        entry("b", "a", passed("x", "B", "A", headroom=headroom), at=ago(days)),
        entry("c", "b", passed("x", "C", "B", headroom=0.9), at=ago(0.5)),
        entry("d", "c", passed("x", "D", "C", headroom=0.01), at=ago(0.4), trusted=False),
    ]
    assert state(entries).state is expected


def test_the_worst_headroom_is_named_with_its_build() -> None:
    entries = [
        entry("a", None, seen("x", "A"), at=ago(9)),
        entry("b", "a", passed("x", "B", "A", headroom=0.5), at=ago(8)),
        entry("c", "b", passed("x", "C", "B", headroom=0.125), at=ago(7)),
        entry("d", "c", passed("x", "D", "C", headroom=0.25), at=ago(6)),
    ]
    found = state(entries)
    assert (found.row()["headroom"], found.row()["headroom_build"]) == (0.125, "c")
    assert found.words == "12 % of the headroom to the verdict's limits was left in build c"


@pytest.mark.parametrize("entries", [reruns(2, 20), missed(*"BBBBB")], ids=["flaky", "broken"])
def test_a_quarantine_makes_nothing_look_clean(entries: list[Entry]) -> None:
    stamped = [replace(e, quarantined={"x": "flaky; until 2026-12-31"}) for e in entries]
    plain, hidden = state(entries), state(stamped)
    assert hidden.state is plain.state is not State.QUIET
    assert hidden.as_json() == plain.as_json()


def test_a_time_with_another_zone_is_the_same_time() -> None:
    zone = NOW.astimezone(tz=None)
    assert state(missed(*"BBBBB"), zone) == state(missed(*"BBBBB"))


def test_a_snapshot_without_any_pair_is_quiet_and_says_so() -> None:
    found = state([entry("a", None, seen("x", "A"), at=ago(1))])
    assert (found.state, found.rate, found.interval) == (State.QUIET, None, (0.0, 1.0))
    assert found.words == "no pair with the same input is known"
