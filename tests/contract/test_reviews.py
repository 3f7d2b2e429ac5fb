"""What every ledger keeps of what people said: in memory and on DynamoDB."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pixelgate.domain.keys import BuildId, ComparisonId
from pixelgate.domain.records import (
    BuildRecord,
    ComparisonRecord,
    Failure,
    Lookup,
    Result,
    Review,
    Series,
)
from pixelgate.domain.review_request import Decision, ReviewRecord
from pixelgate.errors import ErrorCode, LeaseLost
from pixelgate.ports import Ledger

B1 = BuildId("shop", "b1")
ID = ComparisonId("shop", "b1", "b0")
T = 1_767_323_045.678
RESULT = Result("needs_review", {"total": 1}, "comparison.json", "index.html")
LINE = ReviewRecord(B1, "r1", "approve", "AWS:ada", "2026-01-01", "a" * 64, "e1", "looks right")


def accepted(ledger: Ledger, build: BuildId = B1) -> BuildRecord:
    made = BuildRecord(
        build, "c1", "a" * 64, created=1000.25, branch="topic", pull_request="5", trusted=True
    )
    return ledger.register(made)


def review_of(ledger: Ledger, build: BuildId = B1) -> Review | None:
    found = ledger.build(build)
    assert found is not None
    return found.review


def published(ledger: Ledger) -> ComparisonRecord:
    claim = ledger.claim(ID, "because", "e1", T, T + 90)
    return ledger.publish(claim, RESULT, T + 10)


def open_records(ledger: Ledger) -> list[ComparisonId]:
    return [record.id for record in ledger.unfinished(T + 1_000)]


# --- the build's review -------------------------------------------------------------------------


def test_what_people_said_stands_on_the_build_whoever_is_late(ledger: Ledger) -> None:
    made = accepted(ledger)
    ledger.set_review(B1, Review.APPROVED, 2)
    assert ledger.build(B1) == replace(made, review=Review.APPROVED)
    assert accepted(ledger).review is Review.APPROVED  # a second delivery of its manifest
    ledger.set_review(B1, Review.REJECTED, 4)
    ledger.set_review(B1, Review.APPROVED, 3)
    ledger.set_review(B1, None, 4)
    assert review_of(ledger) is Review.REJECTED
    ledger.set_review(B1, None, 5)
    assert review_of(ledger) is None


def test_review_makes_no_build(ledger: Ledger) -> None:
    ledger.set_review(B1, Review.APPROVED, 2)
    assert ledger.build(B1) is None


# --- history ------------------------------------------------------------------------------------


def test_history_is_read_the_oldest_first(ledger: Ledger) -> None:
    late = replace(LINE, id="r0", at="2026-01-03", reason=None)
    refused = replace(LINE, id="r2", at="2026-01-02", execution="", refused="stale")
    for line in (late, LINE, refused):
        assert ledger.add_review(line) == line
    assert ledger.reviews(B1) == [LINE, refused, late]


def test_history_is_written_once(ledger: Ledger) -> None:
    ledger.add_review(LINE)
    other = replace(LINE, action="reject", by="AWS:bob", sha256="b" * 64, refused="no")
    assert ledger.add_review(other) == LINE
    assert ledger.reviews(B1) == [LINE]


def test_history_of_other_builds_is_another(ledger: Ledger) -> None:
    for build in ("b1", "b10", "b"):
        ledger.add_review(replace(LINE, build=BuildId("shop", build)))
    ledger.add_review(replace(LINE, build=BuildId("web", "b1")))
    assert ledger.reviews(B1) == [LINE]
    assert ledger.reviews(BuildId("shop", "b2")) == []


# --- decisions in a pull request or on a branch ---------------------------------------------------


def of(number: str) -> Series:
    return Series(Lookup.PULL_REQUEST, number)


SERIES = of("5")


def decided(build: str, at: str, review: Review | None = Review.APPROVED) -> Decision:
    return Decision(BuildId("shop", build), review, at)


def test_latest_decision_of_a_pull_request_comes_first(ledger: Ledger) -> None:
    ledger.set_decision(SERIES, decided("b1", "2026-01-02"), 2)
    ledger.set_decision(SERIES, decided("b2", "2026-01-03", Review.REJECTED), 2)
    ledger.set_decision(SERIES, decided("b3", "2026-01-01", None), 2)
    assert ledger.decisions("shop", SERIES) == [
        decided("b2", "2026-01-03", Review.REJECTED),
        decided("b1", "2026-01-02"),
        decided("b3", "2026-01-01", None),
    ]


def test_later_revision_of_a_decision_stands(ledger: Ledger) -> None:
    ledger.set_decision(SERIES, decided("b1", "2026-01-03", Review.REJECTED), 3)
    ledger.set_decision(SERIES, decided("b1", "2026-01-02"), 2)
    assert ledger.decisions("shop", SERIES) == [decided("b1", "2026-01-03", Review.REJECTED)]


@pytest.mark.parametrize("other", ["55", "5/b1", "", "x" * 2_000, "#5"])
def test_decisions_of_other_pull_requests_are_others(ledger: Ledger, other: str) -> None:
    ledger.set_decision(of(other), decided("b1", "2026-01-01"), 2)
    assert ledger.decisions("shop", SERIES) == []
    assert ledger.decisions("web", of(other)) == []
    assert ledger.decisions("shop", of(other)) == [decided("b1", "2026-01-01")]


@pytest.mark.parametrize("branch", ["topic", "5", "branch/5", "x/" * 1_000])
def test_decisions_of_a_branch_are_not_those_of_a_pull_request_of_that_name(
    ledger: Ledger, branch: str
) -> None:
    series = Series(Lookup.BRANCH, branch)
    ledger.set_decision(series, decided("b1", "2026-01-01"), 2)
    ledger.set_decision(of(branch), decided("b2", "2026-01-02"), 2)
    assert ledger.decisions("shop", series) == [decided("b1", "2026-01-01")]
    assert ledger.decisions("shop", of(branch)) == [decided("b2", "2026-01-02")]
    assert ledger.decisions("web", series) == []
    assert ledger.decisions("shop", Series(Lookup.BRANCH, f"{branch}2")) == []


# --- something new to tell ------------------------------------------------------------------------


def test_reopened_record_is_found_by_the_sweeper_until_it_is_told(ledger: Ledger) -> None:
    done = published(ledger)
    ledger.mark_announced(done)
    assert open_records(ledger) == []
    again = ledger.reopen(done, T + 20)
    assert again == replace(done, updated=T + 20, announced=False)
    assert open_records(ledger) == [ID]
    ledger.mark_announced(again)
    assert open_records(ledger) == []


def test_who_told_of_less_does_not_settle_more(ledger: Ledger) -> None:
    done = published(ledger)
    ledger.reopen(done, T + 20)
    ledger.mark_announced(done)
    assert open_records(ledger) == [ID]


def test_only_a_final_state_of_this_execution_is_reopened(ledger: Ledger) -> None:
    claim = ledger.claim(ID, "because", "e1", T, T + 90)
    with pytest.raises(LeaseLost):
        ledger.reopen(claim, T + 20)
    failed = ledger.fail(claim, Failure(ErrorCode.INTERNAL, "no", retryable=True), T + 10)
    assert ledger.reopen(failed, T + 20).updated == T + 20
    with pytest.raises(LeaseLost):
        ledger.reopen(replace(failed, id=ComparisonId("shop", "b2", "b0")), T + 20)
    ledger.claim(ID, "because", "e2", T + 30, T + 120)
    with pytest.raises(LeaseLost):
        ledger.reopen(failed, T + 40)
