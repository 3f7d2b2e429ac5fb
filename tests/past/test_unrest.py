"""The region of unrest: what it covers, how its boxes are merged, and what it would have hidden."""

from __future__ import annotations

import random
import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pixelgate.domain.manifest_schema import PolicyFields
from pixelgate.domain.policy import Rectangle
from pixelgate.domain.policy_rules import policies_of
from pixelgate.past.model import Entry, Past, Shot, Spot
from pixelgate.past.pairs import same_input
from pixelgate.past.unrest import Unrest, merged, rule_text, unrest
from support.pasts import entry, given, seen

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def ago(days: float) -> str:
    return (NOW - timedelta(days=days)).isoformat()


def shot(head: str, *spots: Spot, **fields: Any) -> Shot:
    return seen("x", head, "A", total=10_000, pixels=9, regions=spots, **fields)


def flaky(*changes: Shot) -> list[Entry]:
    """A build of `main`, and each of these shots in another build of the same commit."""
    made = [entry("b0", None, seen("x", "A"), at=ago(100), commit="c")]
    made += [
        entry(f"b{n}", "b0", change, at=ago(99 - n), commit="c")
        for n, change in enumerate(changes, 1)
    ]
    return made


def approved(build: str, change: Shot, days: float, **fields: Any) -> Entry:
    review = given("05", "approve", "x", at=ago(days - 0.1))
    return entry(build, "b0", change, **{"at": ago(days), "branch": "t", "pull_request": "1",
                 "review": "approved", "reviews": (review,), **fields})  # fmt: skip


def found(*entries: Entry) -> Unrest | None:
    past = Past.made_of("shop", entries)
    return unrest(past, "x", same_input(past).get("x", ()), NOW)


def test_the_boxes_cover_what_differed_with_a_margin() -> None:
    first, second = shot("B", Spot(20, 30, 10, 10, 9, "plain")), shot("C", Spot(2, 1, 4, 4, 4))
    proposal = found(*flaky(first, replace(second, head="A"), second))
    assert proposal is not None
    assert proposal.boxes == (Rectangle(0, 0, 10, 9), Rectangle(16, 26, 18, 18))
    assert (proposal.measured, proposal.differing) == (3, 3)


def test_pairs_that_were_never_diffed_give_no_region() -> None:
    assert found(*flaky(seen("x", "B", "A"))) is None
    assert found(entry("b0", None, seen("x", "A"), at=ago(3))) is None


@pytest.mark.parametrize(
    ("change", "days", "hidden"),
    [
        (shot("N", Spot(22, 32, 5, 5, 9, "plain")), 10, 1),
        (shot("N", Spot(22, 32, 50, 5, 9, "plain")), 10, 0),  # it reaches out of the box
        (shot("N", Spot(22, 32, 5, 5, 9, "plain"), Spot(80, 80, 5, 5, 9, "plain")), 10, 0),
        # What a noise explained did not count anyway.
        (shot("N", Spot(22, 32, 5, 5, 9, "plain"), Spot(80, 80, 5, 5, 9, None, "text")), 10, 1),
        (shot("N", Spot(22, 32, 5, 5, 9, "plain"), more=(1, 5)), 10, 0),  # nobody knows where
        (shot("N"), 10, 0),
        (shot("N", Spot(22, 32, 5, 5, 9, "plain")), 91, None),
    ],
)
def test_it_counts_the_approved_changes_that_it_would_have_hidden(
    change: Shot, days: float, hidden: int | None
) -> None:
    entries = flaky(shot("B", Spot(20, 30, 10, 10, 9, "plain")))
    proposal = found(*entries, approved("p1", change, days))
    assert proposal is not None
    assert proposal.approved == (0 if hidden is None else 1)
    assert [h.row()["build"] for h in proposal.hidden] == (["p1"] if hidden else [])


def test_what_nobody_approved_is_not_counted() -> None:
    entries, change = flaky(shot("B", Spot(0, 0, 9, 9, 9))), shot("N", Spot(1, 1, 2, 2, 4))
    for fields in (
        {"reviews": (), "review": "needed"},
        {"reviews": (given("05", "reject", "x"),), "review": "rejected"},
        {"reviews": (), "granted": "main is a baseline branch"},
        {"trusted": False},
    ):
        proposal = found(*entries, approved("p1", change, 10, **fields))
        assert proposal is not None
        assert proposal.approved == 0


def test_the_proposal_in_words() -> None:
    entries = flaky(shot("B", Spot(0, 0, 9, 9, 9), more=(2, 5)), shot("C", Spot(0, 0, 9, 9, 9)))
    proposal = found(*entries, approved("p1", shot("N", Spot(1, 1, 2, 2, 4, "plain")), 10))
    assert proposal is not None
    assert proposal.words == (
        "1 box covers what differed in 1 of 2 pairs with the same input. The images of the others "
        "were never compared with one another. Some differed in more regions than the history "
        "keeps. In the last 90 days 1 change was approved; this would have hidden 1: p1."
    )
    assert proposal.as_json()["hidden_changes"] == [
        {"at": ago(10), "build": "p1", "name": "x", "by": "ada", "image": "N", "pixels": 9}
    ]


# --- boxes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([(0, 0, 10, 10), (0, 0, 10, 10)], [(0, 0, 10, 10)]),
        ([(0, 0, 10, 10), (2, 2, 3, 3)], [(0, 0, 10, 10)]),
        ([(0, 0, 10, 10), (10, 0, 10, 10)], [(0, 0, 20, 10)]),
        ([(0, 0, 10, 10), (12, 0, 10, 10)], [(0, 0, 22, 10)]),
        # A cross would become four times as large.
        ([(0, 40, 100, 10), (40, 0, 10, 100)], [(40, 0, 10, 100), (0, 40, 100, 10)]),
        ([(0, 0, 10, 10), (500, 500, 10, 10)], [(0, 0, 10, 10), (500, 500, 10, 10)]),
    ],
)
def test_boxes_become_one_where_that_adds_little(
    boxes: list[tuple[int, ...]], expected: list[tuple[int, ...]]
) -> None:
    assert merged(Rectangle(*box) for box in boxes) == tuple(Rectangle(*box) for box in expected)


@pytest.mark.parametrize("seed", range(12))
def test_merged_boxes_are_few_cover_every_pixel_and_do_not_depend_on_the_order(seed: int) -> None:
    chance = random.Random(seed)
    boxes = [
        Rectangle(
            chance.randrange(90), chance.randrange(90), chance.randint(1, 9), chance.randint(1, 9)
        )
        for _ in range(chance.choice([1, 5, 40, 400]))
    ]
    result = merged(boxes)
    assert len(result) <= 8
    assert merged(chance.sample(boxes, len(boxes))) == result

    def pixels(box: Rectangle) -> set[tuple[int, int]]:
        return {
            (x, y)
            for x in range(box.x, box.x + box.width)
            for y in range(box.y, box.y + box.height)
        }

    covered = set().union(*map(pixels, result))
    assert set().union(*map(pixels, boxes)) <= covered


# --- what is written ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.png", 'q"uo\\te.png', "ü/[x] ?.png"])
def test_the_lines_for_the_file_ignore_the_boxes_and_those_that_were_ignored_before(
    name: str,
) -> None:
    known, new = Rectangle(0, 0, 5, 5), Rectangle(7, 8, 9, 10)
    text = rule_text(name, [new, known], [known])
    policies = policies_of(PolicyFields.model_validate(tomllib.loads(text)))
    assert policies.of(name).ignore_regions == (known, new)
    assert policies.of("other.png").ignore_regions == ()
