"""What a replay answers: what people decided, the order, the sums."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pixelgate.domain.comparison import Diff, Measured
from pixelgate.domain.policy import Policy
from pixelgate.past.life import How, Ruling
from pixelgate.past.model import Past
from pixelgate.past.replay import (
    COLUMNS,
    Answer,
    Decided,
    Piece,
    Replayed,
    Source,
    by_snapshot,
    in_order,
    is_risky,
    replayed,
    same_inputs,
    totals,
)
from support.pasts import at, entry, given, passed, seen

DIFF = Diff(5, 5, 100, (10, 10), (10, 10))


def piece(name: str = "a.png", *, loud: bool = True, how: How = How.OPEN, **fields: Any) -> Piece:
    known: dict[str, Any] = {
        "entry": entry("b1", "b0"), "ruling": Ruling(how), "measured": Measured(DIFF, None),
        "old": Policy(), "new": Policy(), **fields,
    }  # fmt: skip
    return Piece(name=name, base="b" * 64, head="a" * 64, loud=loud, **known)


@pytest.mark.parametrize(
    ("was", "is_", "answer"),
    [
        (True, True, Answer.STILL_CAUGHT),
        (True, False, Answer.NEWLY_QUIET),
        (False, True, Answer.NEWLY_LOUD),
        (False, False, Answer.STILL_QUIET),
        (True, None, Answer.UNKNOWN),
        (False, None, Answer.UNKNOWN),
    ],
)
def test_answers(was: bool, is_: bool | None, answer: Answer) -> None:
    assert replayed(piece(loud=was), is_, Source.STORED).answer is answer


@pytest.mark.parametrize(
    ("ruling", "decided"),
    [
        (Ruling(How.APPROVED, given("30", "approve")), Decided.APPROVED),
        (Ruling(How.CARRIED), Decided.APPROVED),
        (Ruling(How.REJECTED, given("30", "reject")), Decided.REJECTED),
        (Ruling(How.OPEN), Decided.UNDECIDED),
        # A rule is no person.
        (Ruling(How.RULE), Decided.UNDECIDED),
        (Ruling(How.PASSED), Decided.UNDECIDED),
        # A fork's build is never accepted, but a person may have looked.
        (Ruling(How.FORK, given("30", "reject")), Decided.REJECTED),
        (Ruling(How.FORK, given("30", "approve")), Decided.APPROVED),
        (Ruling(How.FORK), Decided.UNDECIDED),
    ],
)
def test_what_people_decided(ruling: Ruling, decided: Decided) -> None:
    assert piece(ruling=ruling).decided is decided


@pytest.mark.parametrize(
    ("fields", "loud"),
    [
        ({}, False),  # no pixel of the diff differs
        ({"gone": "it is gone"}, None),
        ({"old": None}, None),
        ({"new": None}, None),
        ({"current": False}, None),
        ({"measured": None}, None),
        ({"errored": True, "measured": None}, True),
        ({"errored": True, "measured": None, "current": False}, None),
    ],
)
def test_what_is_stored_tells_only_what_it_can(fields: dict[str, Any], loud: bool | None) -> None:
    assert piece(**fields).stored() is loud


def answer(name: str, what: Answer, how: How = How.OPEN, **fields: Any) -> Replayed:
    return Replayed(piece(name, how=how, **fields), what, Source.STORED)


QUIET_REJECTED = answer("z.png", Answer.NEWLY_QUIET, How.REJECTED)
GONE_REJECTED = answer("y.png", Answer.UNKNOWN, How.REJECTED)
QUIET_OPEN = answer("x.png", Answer.NEWLY_QUIET)
LOUD_NOISE = answer("w.png", Answer.NEWLY_LOUD, How.PASSED, noise=True)
QUIET_APPROVED = answer("a.png", Answer.NEWLY_QUIET, How.APPROVED)
CAUGHT = answer("a.png", Answer.STILL_CAUGHT, How.REJECTED)
QUIET = answer("a.png", Answer.STILL_QUIET, How.PASSED)
ALL = (QUIET, CAUGHT, QUIET_APPROVED, LOUD_NOISE, QUIET_OPEN, GONE_REJECTED, QUIET_REJECTED)


def test_the_most_urgent_come_first() -> None:
    found = in_order(ALL)
    assert found[:5] == [QUIET_REJECTED, GONE_REJECTED, QUIET_OPEN, LOUD_NOISE, QUIET_APPROVED]
    older = replace(
        QUIET_OPEN, piece=replace(QUIET_OPEN.piece, entry=entry("b0", "b", at=at(1, 1)))
    )
    assert in_order([older, QUIET_OPEN]) == [QUIET_OPEN, older]


def test_sums() -> None:
    assert totals(ALL) == {
        "differences": 7,
        "still_caught": 1,
        "newly_quiet": {"total": 3, "rejected": 1, "approved": 1, "undecided": 1},
        "newly_loud": {"total": 1, "same_input": 1},
        "still_quiet": 1,
        "unknown": {"total": 1, "rejected": 1, "approved": 0, "undecided": 0},
    }
    assert totals(())["differences"] == 0


def test_a_row_for_each_snapshot_whose_verdict_changes() -> None:
    rows = by_snapshot(ALL)
    assert [row["name"] for row in rows] == ["z.png", "a.png", "x.png", "w.png", "y.png"]
    assert rows[1] == {
        "name": "a.png", "still_caught": 1, "newly_quiet": 1, "newly_quiet_rejected": 0,
        "newly_quiet_approved": 1, "newly_quiet_undecided": 0, "newly_loud": 0,
        "newly_loud_same_input": 0, "still_quiet": 1, "unknown": 0,
    }  # fmt: skip
    assert by_snapshot([QUIET, CAUGHT]) == []


def test_both_unicode_forms_of_a_name_are_one_snapshot() -> None:
    both = [answer("\u00fc.png", Answer.NEWLY_QUIET), answer("u\u0308.png", Answer.NEWLY_LOUD)]
    [row] = by_snapshot(both)
    assert (row["newly_quiet"], row["newly_loud"]) == (1, 1)


def test_only_a_rejected_change_that_would_be_quiet_is_risky() -> None:
    assert is_risky(ALL)
    assert not is_risky(one for one in ALL if one is not QUIET_REJECTED)


def test_a_row_has_all_columns() -> None:
    assert tuple(QUIET_REJECTED.row()) == COLUMNS


def test_images_of_the_same_input() -> None:
    past = Past.made_of("shop", [
        entry("b0", None, seen("a.png", "A"), at=at(1)),
        entry("b1", "b0", passed("a.png", "B", "A"), at=at(2), commit="c-b0"),
        entry("b2", "b0", passed("a.png", "C", "A"), at=at(3)),
    ])  # fmt: skip
    noise = same_inputs(past)
    assert noise("a.png", "A", "B")
    assert noise("a.png", "B", "A")
    assert not noise("a.png", "A", "C")
    assert not noise("b.png", "A", "B")
