"""The life of a snapshot and of a project."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from pixelgate.past import life
from pixelgate.past.life import How, Row, accepted_images, as_csv, snapshot_life
from pixelgate.past.model import Entry, Past
from support.pasts import at, entry, given, passed, seen

NEEDS = {"verdict": "needs_review", "review": "needed"}
APPROVED = {"verdict": "needs_review", "review": "approved"}
REJECTED = {"verdict": "needs_review", "review": "rejected"}
RULE = "approved by rule: main is a baseline branch"


def past(*entries: Entry) -> Past:
    return Past.made_of("shop", entries)


# --- what became of a snapshot --------------------------------------------------------------------

CHANGED = seen("a", "2", "1")
BY_ADA = (given("10", "approve", reason="new header"),)

RULINGS: dict[str, tuple[Entry, tuple[How, str, str]]] = {
    "first upload": (entry("b", None, seen("a", "1")), (How.FIRST, "", "first upload")),
    "passed": (entry("b", "x", passed("a", "2", "1")), (How.PASSED, "", "")),
    "passed in a build that is open": (
        entry("b", "x", passed("a", "2", "1"), **NEEDS),
        (How.OPEN, "", ""),
    ),
    "passed in a build that was rejected": (
        entry("b", "x", passed("a", "2", "1"), **REJECTED),
        (How.REJECTED, "", "its build was rejected"),
    ),
    "whole build": (
        entry("b", "x", CHANGED, reviews=BY_ADA, **APPROVED),
        (How.APPROVED, "ada", "new header"),
    ),
    "by name": (
        entry("b", "x", CHANGED, reviews=(given("10", "approve", "a"),), **NEEDS),
        (How.APPROVED, "ada", ""),
    ),
    "another one's name": (
        entry("b", "x", CHANGED, reviews=(given("10", "approve", "b"),), **NEEDS),
        (How.OPEN, "", ""),
    ),
    "the last review counts": (
        entry("b", "x", CHANGED, reviews=(*BY_ADA, given("11", "reject", "a", reason="no"))),
        (How.REJECTED, "ada", "no"),
    ),
    "by rule": (entry("b", "x", CHANGED, granted=RULE, **APPROVED), (How.RULE, "", RULE)),
    "open": (entry("b", "x", CHANGED, **NEEDS), (How.OPEN, "", "")),
    "in quarantine": (
        entry("b", "x", CHANGED, verdict="passed", quarantined={"a": "fonts"}),
        (How.OPEN, "", "in quarantine: fonts"),
    ),
    "a fork's, whoever approved it": (
        entry("fork.b", "x", CHANGED, reviews=BY_ADA, trusted=False, **APPROVED),
        (How.FORK, "ada", "new header"),
    ),
    "a fork's that passed": (
        entry("fork.b", "x", passed("a", "2", "1"), trusted=False),
        (How.FORK, "", "a fork's build is never accepted"),
    ),
}


@pytest.mark.parametrize("case", RULINGS)
def test_what_became_of_a_snapshot(case: str) -> None:
    one, expected = RULINGS[case]
    found = life.ruling(past(one), one, one.shots["a"])
    assert (found.how, found.by, found.why) == expected
    assert found.accepted == (found.how not in {How.OPEN, How.REJECTED, How.FORK})


def test_an_approval_that_was_carried_over_names_who_gave_it() -> None:
    first = entry("b1", "x", CHANGED, reviews=BY_ADA, **APPROVED)
    second = entry("b2", "x", CHANGED, carried_from="b1", granted="carried over", **APPROVED)
    found = life.ruling(past(first, second), second, CHANGED)
    assert (found.how, found.by, found.why) == (How.CARRIED, "ada", "new header")
    alone = life.ruling(past(second), second, CHANGED)  # b1 is not in the index
    assert (alone.how, alone.by, alone.why) == (How.CARRIED, "", "carried over")


# --- a snapshot's life ----------------------------------------------------------------------------


def lived() -> Past:
    return past(
        entry("1", None, seen("old", "A"), seen("other", "O"), at=at(1)),
        entry("2", "1", seen("old", "B", "A"), at=at(2), pull_request="7", branch="topic",
              reviews=BY_ADA, **APPROVED),
        entry("3", "1", seen("old", "B", "A"), at=at(3), granted=RULE, **APPROVED),
        entry("4", "3", seen("new", "B", "B", status="renamed", previous="old"), at=at(4)),
        entry("5", "4", seen("new", "C", "B"), at=at(5), **REJECTED,
              reviews=(given("10", "reject", reason="too blue"),)),
        entry("6", "4", seen("old", "Z"), at=at(6), granted=RULE, **APPROVED),
        entry("7", "4", at=at(7)),
        entry("8", "4", seen("new", "A", "B"), at=at(8), granted=RULE, **APPROVED),
        entry("fork.9", "8", seen("new", "F", "A"), at=at(9), trusted=False, **APPROVED),
        entry("10", "8", seen("new", None, "A"), at=at(10), granted=RULE, **APPROVED),
    )  # fmt: skip


def test_a_snapshot_is_followed_through_its_renames() -> None:
    steps = snapshot_life(lived(), "new")
    assert [(s.entry.build, s.shot.status, str(s.ruling.how)) for s in steps] == [
        ("1", "added", "first"),
        ("2", "changed", "approved"),
        ("3", "changed", "by rule"),
        ("4", "renamed", "passed"),
        ("5", "changed", "rejected"),
        ("8", "changed", "by rule"),
        ("fork.9", "changed", "fork"),
        ("10", "removed", "by rule"),
    ]


def test_the_accepted_images_are_told_with_the_build_that_brought_each() -> None:
    images = accepted_images(snapshot_life(lived(), "new"))
    found = [(i.hash, i.entry.build) for i in images]
    assert found == [("A", "1"), ("B", "2"), ("A", "8"), (None, "10")]
    row = images[1].row()
    assert (row["commit"], row["by"], row["reason"]) == ("c-2", "ada", "new header")
    assert row["decided"] == "2026-11-01T12:10:00.000Z"


def test_a_branch_leaves_out_pull_requests_and_other_branches() -> None:
    images = accepted_images(snapshot_life(lived(), "new", branch="main"))
    assert [i.entry.build for i in images] == ["1", "3", "8", "10"]
    assert snapshot_life(lived(), "new", branch="none") == ()


def test_a_name_that_never_was_has_no_life() -> None:
    assert snapshot_life(lived(), "absent") == ()


# --- a project's life -----------------------------------------------------------------------------


def project() -> Past:
    counts = {"total": 100, "changed": 1}
    return past(
        entry("1", None, seen("a", "1"), seen("b", "1"), at="2026-10-30T00:00:00+00:00", usd=0.01,
              counts={"total": 100, "added": 100}),
        entry("2", "1", seen("a", "2", "1"), at=at(1), pull_request="7", branch="topic", usd=0.02,
              counts=counts, reviews=(given("30", "approve"),), **APPROVED),
        entry("3", "1", seen("a", "3", "1"), at=at(1, 11), pull_request="7", branch="topic",
              counts=counts, reviews=(given("00", "reject"), given("59", "reject")), **REJECTED),
        entry("4", "1", seen("a", "2", "1"), at=at(4), counts=counts, granted=RULE, usd=0.03,
              **APPROVED),
        entry("5", "4", at=at(5), counts={"total": 100}, usd=0.0),
        entry("6", "4", seen("b", "4", "1"), at=at(6), counts=counts, branch="wip", **NEEDS),
        entry("fork.7", "4", seen("a", "9", "2"), at=at(7), pull_request="7", trusted=False,
              branch="topic", counts=counts, **NEEDS),
    )  # fmt: skip


def test_the_builds_of_a_project() -> None:
    rows = life.builds(project())
    assert [row["build"] for row in rows] == ["fork.7", "6", "5", "4", "2", "3", "1"]
    assert rows[4] == {
        "at": at(1),
        "build": "2",
        "branch": "topic",
        "pull_request": "7",
        "commit": "c-2",
        "author": None,
        "fork": False,
        "base": "1",
        "verdict": "needs_review",
        "review": "approved",
        "by": ["ada"],
        "seconds_to_review": 1800.0,
        "snapshots": 100,
        "changed": 1,
        "added": 0,
        "removed": 0,
        "errored": 0,
        "usd": 0.02,
    }
    assert rows[5]["seconds_to_review"] == 3600.0  # to the first review


def test_the_series_of_a_project_tell_forks_apart() -> None:
    rows = life.series(project())
    found = [(r["branch"], r["pull_request"], r["fork"], r["builds"], r["open"]) for r in rows]
    assert found == [
        ("topic", "7", True, 1, 1),
        ("wip", None, False, 1, 1),
        ("main", None, False, 3, 0),
        ("topic", "7", False, 2, 0),
    ]


def test_the_rates_of_a_project() -> None:
    assert life.rates(project()) == {
        "project": "shop",
        "builds": 7,
        "needed_review": 5,
        "change_rate": 0.7143,
        "decided": 2,
        "approved": 1,
        "rejected": 1,
        "approval_rate": 0.5,
        "without_a_review": 1,
        "open": 2,
        "median_seconds_to_review": 2700.0,
        "p90_seconds_to_review": 3600.0,
        "usd": 0.06,
        "usd_per_build": 0.015,
        "unpriced": 3,
    }


def test_the_snapshots_that_change_most_leave_out_forks_and_first_uploads() -> None:
    rows = life.snapshots(project())
    shown = ("name", "builds", "changes", "change_rate", "approved", "rejected", "images", "last")
    assert [tuple(row[name] for name in shown) for row in rows] == [
        ("a", 5, 3, 0.6, 1, 1, 2, at(4)),
        ("b", 5, 1, 0.2, 0, 0, 1, at(6)),
    ]
    assert [row["name"] for row in life.snapshots(project(), top=1)] == ["a"]


def test_the_months_of_a_project() -> None:
    rows = life.months(project())
    found = [(r["month"], r["builds"], r["snapshots"], r["usd"], r["usd_per_build"]) for r in rows]
    assert found == [("2026-10", 1, 100, 0.01, 0.01), ("2026-11", 6, 600, 0.05, 0.016667)]


@pytest.mark.parametrize("table", life.TABLES)
def test_an_empty_past_has_empty_tables(table: str) -> None:
    rows = life.TABLES[table](past())
    if table == "rates":
        [row] = rows
        assert (row["builds"], row["change_rate"], row["usd_per_build"]) == (0, None, None)
    else:
        assert rows == []


# --- CSV ------------------------------------------------------------------------------------------


def test_a_table_as_csv_is_read_back() -> None:
    text = as_csv(life.builds(project()))
    assert text.startswith("at,build,branch,pull_request,")
    read = list(csv.DictReader(io.StringIO(text)))
    assert read[4]["by"] == "ada"
    assert (read[0]["fork"], read[0]["seconds_to_review"]) == ("true", "")


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ('=HYPERLINK("http://x")', '\'=HYPERLINK("http://x")'),
        ("@x", "'@x"),
        ("-1+1", "'-1+1"),
        ('a, "b"\nc', 'a, "b"\nc'),
        (None, ""),
        (-1, "-1"),
        (["=x", "y"], "'=x y"),
    ],
)
def test_a_cell_is_no_formula(value: Any, cell: str) -> None:
    rows: list[Row] = [{"a": value, "b": "end"}]
    assert list(csv.reader(io.StringIO(as_csv(rows)))) == [["a", "b"], [cell, "end"]]


def test_a_table_without_rows_has_its_header() -> None:
    assert as_csv([], ("a", "b")) == "a,b\r\n"
