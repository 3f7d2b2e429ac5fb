"""The rules of the records, kept by every ledger: in memory and on DynamoDB."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from pixelgate.domain.baseline import Choice, Kind, PassedOver
from pixelgate.domain.keys import NO_BASE, BuildId, ComparisonId
from pixelgate.domain.records import (
    Baseline,
    BuildRecord,
    ComparisonRecord,
    Failure,
    Lookup,
    Result,
    Review,
    State,
)
from pixelgate.errors import (
    AlreadyFinished,
    BuildConflict,
    ErrorCode,
    HeldByOther,
    LeaseLost,
    StillWaiting,
)
from pixelgate.ports import Ledger

B1 = BuildRecord(BuildId("shop", "b1"), "c1", "a" * 64, created=1000.25)
ID = ComparisonId("shop", "b1", "b0")
T = 1_767_323_045.678
LEASE = 90.0
RESULT = Result(
    verdict="needs_review",
    counts={"total": 3, "changed": 1, "unchanged": 2, "added": 0},
    comparison_key="comparisons/shop/b1/b0/e1/comparison.json",
    report_key="comparisons/shop/b1/b0/e1/index.html",
)
OTHER_RESULT = Result("passed", {"total": 0}, "other", "other")
CURABLE = Failure(ErrorCode.INTERNAL, "ValueError: no", retryable=True)
FINAL = Failure(ErrorCode.IMAGE_MISSING, "a.png is missing", retryable=False)

# Words that could break a key apart, as people do name branches and builds, and the longest ones.
NAMES = [
    pytest.param("feature#12", id="#"),
    pytest.param("100%", id="%"),
    pytest.param("a%23b", id="percent-encoded already"),
    pytest.param("my shop", id="space"),
    pytest.param("ünï 日本 👩\u200d💻", id="letters of the world"),
    pytest.param("a+b&c=d?e:f@g", id="other signs"),
    *(pytest.param(c * (255 // len(c.encode())), id=f"255 bytes of {c}") for c in "x#% é日"),
]


def claim(
    ledger: Ledger, execution: str = "e1", at: float = T, of: ComparisonId = ID
) -> ComparisonRecord:
    return ledger.claim(of, "because", execution, at, at + LEASE)


def stored(ledger: Ledger, of: ComparisonId = ID) -> ComparisonRecord:
    record = ledger.comparison(of)
    assert record is not None
    return record


def unfinished(ledger: Ledger, lease_before: float) -> set[ComparisonId]:
    return {record.id for record in ledger.unfinished(lease_before)}


# --- builds -------------------------------------------------------------------------------------


def test_an_accepted_build_is_found_as_it_came_first(ledger: Ledger) -> None:
    assert ledger.build(B1.id) is None
    assert ledger.builds_at("shop", "c1") == []
    assert ledger.register(B1) == B1
    assert ledger.register(replace(B1, created=2000.0)) == B1  # a second delivery
    assert ledger.build(B1.id) == B1
    assert ledger.builds_at("shop", "c1") == [B1]


def test_another_manifest_under_a_used_id_is_a_conflict_and_makes_no_build(ledger: Ledger) -> None:
    # Else whoever may upload could put an old build before a commit's or a branch's true one.
    ledger.register(B1)
    other = replace(B1, commit="c2", branch="main", manifest_sha256="b" * 64, created=9000.0)
    with pytest.raises(BuildConflict, match="shop/b1 was uploaded before with another manifest"):
        ledger.register(other)
    assert ledger.build(B1.id) == B1
    assert ledger.builds_at("shop", "c2") == []
    assert list(ledger.builds_by("shop", Lookup.BRANCH, "main")) == []
    assert ledger.builds_at("shop", "c1") == [B1]


def test_a_rejected_build_is_no_build_and_may_be_uploaded_anew(ledger: Ledger) -> None:
    ledger.reject(B1.id, "wrong", T)
    assert ledger.build(B1.id) is None
    assert ledger.builds_at("shop", "c1") == []
    ledger.reject(B1.id, "still wrong", T + 1)
    assert ledger.register(B1) == B1
    assert ledger.builds_at("shop", "c1") == [B1]
    ledger.reject(B1.id, "wrong", T)  # too late
    assert ledger.build(B1.id) == B1
    assert ledger.register(B1) == B1


def test_builds_of_a_commit_come_newest_first_and_those_of_one_moment_in_an_order(
    ledger: Ledger,
) -> None:
    moments = {"b1": 1000.0, "b2": 3000.5, "b3": 2000.0, "b4": 3000.25, "b6": 1000.0, "b5": 1000.0}
    for build, created in moments.items():
        ledger.register(BuildRecord(BuildId("shop", build), "c1", build, created))
    found = [b.id.build for b in ledger.builds_at("shop", "c1")]
    assert found == ["b2", "b4", "b3", "b6", "b5", "b1"]


def test_builds_of_other_commits_and_projects_are_others(ledger: Ledger) -> None:
    for project, build, commit in (
        ("shop", "b1", "c1"),
        ("shop", "b2", "c12"),
        ("shop", "b3", "c"),
        ("shop2", "b4", "c1"),
        ("shop", "b5", "c1#b1"),
        ("shop", "b6", "c1%"),
    ):
        ledger.register(BuildRecord(BuildId(project, build), commit, build, 1000.0))
    assert [b.id for b in ledger.builds_at("shop", "c1")] == [BuildId("shop", "b1")]
    assert [b.id for b in ledger.builds_at("shop", "c1#b1")] == [BuildId("shop", "b5")]
    assert [b.id for b in ledger.builds_at("shop", "c1%")] == [BuildId("shop", "b6")]


@pytest.mark.parametrize("first", [Baseline("b0", "the base commit"), Baseline(NO_BASE, "none")])
def test_first_decision_on_a_baseline_stands(ledger: Ledger, first: Baseline) -> None:
    ledger.register(B1)
    assert ledger.choose_baseline(B1.id, first) == first
    assert ledger.choose_baseline(B1.id, Baseline("b9", "late")) == first
    assert ledger.build(B1.id) == replace(B1, baseline=first)
    assert ledger.register(B1) == replace(B1, baseline=first)  # a second delivery


def test_how_a_baseline_was_chosen_is_kept_with_it(ledger: Ledger) -> None:
    ledger.register(B1)
    passed_over = (PassedOver("it was rejected", build="b8"), PassedOver("no build", commit="c8"))
    baseline = Baseline("b0", "an ancestor", Choice(Kind.ANCESTOR, 2, passed_over))
    assert ledger.choose_baseline(B1.id, baseline) == baseline
    assert ledger.build(B1.id) == replace(B1, baseline=baseline)
    claimed = ledger.claim(ID, "an ancestor", "e1", T, T + LEASE, baseline.choice)
    assert claimed.choice == baseline.choice
    assert stored(ledger).choice == baseline.choice
    ledger.publish(claimed, RESULT, T + 1)
    assert stored(ledger).choice == baseline.choice


FULL = replace(B1, branch="feature/ü #1", pull_request="5", tree="7ee", trusted=False)


@pytest.mark.parametrize("lookup", list(Lookup))
def test_builds_are_found_newest_first(ledger: Ledger, lookup: Lookup) -> None:
    value = lookup.of(FULL)
    assert value is not None
    builds = [
        replace(FULL, id=BuildId("shop", f"b{n}"), manifest_sha256=f"{n}" * 64, created=created)
        for n, created in ((1, 1000.0), (2, 30_000.5), (3, 2000.0))
    ]
    other = replace(FULL, id=BuildId("shop", "b4"), branch="x", pull_request="6", tree="y")
    elsewhere = replace(FULL, id=BuildId("shop2", "b5"))
    for build in (*builds, other, elsewhere):
        ledger.register(build)
    assert [b.id.build for b in ledger.builds_by("shop", lookup, value)] == ["b2", "b3", "b1"]
    assert list(ledger.builds_by("shop", lookup, "nothing")) == []


def test_a_build_that_is_delivered_twice_is_found_once_where_it_was(ledger: Ledger) -> None:
    ledger.register(FULL)
    ledger.register(replace(FULL, id=BuildId("shop", "b2"), created=1500.0))
    ledger.register(replace(FULL, created=2000.0))
    found = ledger.builds_by("shop", Lookup.BRANCH, FULL.branch)
    assert [b.id.build for b in found] == ["b2", "b1"]


def test_what_is_known_of_a_project(ledger: Ledger) -> None:
    ledger.register(FULL)
    ledger.register(replace(B1, id=BuildId("shop2", "b1"), commit="c9"))
    asked = ["commit:c1", "commit:c9", "tree:7ee", "tree:7", "pull_request:5", "commit:5"]
    assert ledger.existing_lookup_keys("shop", asked) == {"commit:c1", "tree:7ee", "pull_request:5"}
    assert ledger.existing_lookup_keys("shop", []) == set()


def test_nine_hundred_topics_are_asked_for_to_the_last(ledger: Ledger) -> None:
    topics = [f"commit:c{n}" for n in range(900)]
    for n in (0, 99, 100, 450, 899):
        ledger.register(
            replace(B1, id=BuildId("shop", f"b{n}"), commit=f"c{n}", manifest_sha256=f"{n:064}")
        )
    assert ledger.existing_lookup_keys("shop", topics) == {
        f"commit:c{n}" for n in (0, 99, 100, 450, 899)
    }


def test_many_builds_of_a_branch_are_read_to_the_end(ledger: Ledger) -> None:
    for n in range(30):
        ledger.register(replace(FULL, id=BuildId("shop", f"b{n}"), created=1000.0 + n))
    found = ledger.builds_by("shop", Lookup.BRANCH, FULL.branch)
    assert [b.id.build for b in found] == [f"b{n}" for n in reversed(range(30))]


def test_what_is_said_of_a_build_s_images(ledger: Ledger) -> None:
    ledger.register(B1)
    ledger.mark_images_missing(B1.id)
    assert ledger.build(B1.id) == replace(B1, lost=True)
    ledger.mark_images_present(B1.id)
    assert ledger.build(B1.id) == replace(B1, arrived=True)
    ledger.mark_images_valid(B1.id)
    assert ledger.build(B1.id) == replace(B1, arrived=True, complete=True)
    assert ledger.register(B1).complete  # a second delivery forgets nothing


# --- waiting ------------------------------------------------------------------------------------

WAIT = ComparisonId("shop", "b1", "@commit:c0")
UNTIL = T + 600


def waits(ledger: Ledger, *topics: str, of: ComparisonId = WAIT) -> ComparisonRecord:
    return ledger.wait(claim(ledger, of=of), topics or ("commit:c0",), UNTIL, T + 1)


def test_who_waits_is_found_by_each_of_its_topics(ledger: Ledger) -> None:
    other = ComparisonId("shop", "b2", "@build:b0")
    waits(ledger, "commit:c0", "tree:7")
    waits(ledger, "build:b0", "tree:7", of=other)
    assert ledger.waiting("shop", ["commit:c0"]) == [WAIT]
    assert ledger.waiting("shop", ["tree:7"]) == [WAIT, other]
    assert ledger.waiting("shop", ["build:b0", "commit:c0", "tree:7"]) == [WAIT, other]
    assert ledger.waiting("shop", ["tree:77", "commit:c"]) == []
    assert ledger.waiting("shop2", ["tree:7"]) == []
    assert ledger.waiting("shop", []) == []


def test_a_wait_is_a_state_that_nobody_can_claim(ledger: Ledger) -> None:
    record = waits(ledger)
    assert record.state is State.WAITING_FOR_BASE
    assert (record.wait_until, record.lease_until, record.attempts) == (UNTIL, UNTIL, 0)
    assert not record.finished
    assert stored(ledger, WAIT) == record
    for later in (T + 2, UNTIL + 10_000):
        with pytest.raises(StillWaiting):
            claim(ledger, "e2", later, WAIT)
    assert stored(ledger, WAIT) == record


def test_one_of_many_wakes_it(ledger: Ledger) -> None:
    waits(ledger)
    assert [ledger.wake(WAIT, T + n) for n in range(5)] == [True, False, False, False, False]
    record = stored(ledger, WAIT)
    assert (record.state, record.lease_until, record.updated) == (State.PROCESSING, 0.0, T)


def test_who_is_awake_can_be_claimed_at_once_and_keeps_its_time(ledger: Ledger) -> None:
    first = waits(ledger)
    ledger.wake(WAIT, T + 5)
    again = claim(ledger, "e2", T + 5, WAIT)
    assert (again.attempts, again.claims) == (1, 2)
    assert (again.created, again.wait_until) == (first.created, UNTIL)
    assert ledger.wait(again, ["commit:c0"], UNTIL, T + 6).state is State.WAITING_FOR_BASE


def test_what_does_not_wait_cannot_be_woken(ledger: Ledger) -> None:
    assert not ledger.wake(WAIT, T)
    claimed = claim(ledger, of=WAIT)
    assert not ledger.wake(WAIT, T)
    ledger.fail(claimed, FINAL, T)
    assert not ledger.wake(WAIT, T)
    assert stored(ledger, WAIT).state is State.FAILED


@pytest.mark.parametrize("awake", [True, False])
def test_a_wait_that_is_over_is_closed_for_good(ledger: Ledger, awake: bool) -> None:
    waits(ledger)
    if awake:
        ledger.wake(WAIT, T + 2)
    ledger.end_wait(WAIT, "it has come", T + 3)
    record = stored(ledger, WAIT)
    assert (record.state, record.announced, record.retryable) == (State.FAILED, True, False)
    assert (record.error_code, record.error_message) == (ErrorCode.BASE_MISSING, "it has come")
    assert not ledger.wake(WAIT, T + 4)
    with pytest.raises(AlreadyFinished):
        claim(ledger, "e2", T + 4, WAIT)
    assert list(ledger.unfinished(T + 1_000_000)) == []


def test_whoever_works_on_a_wait_that_was_closed_has_lost_it(ledger: Ledger) -> None:
    mine = claim(ledger, of=WAIT)
    ledger.end_wait(WAIT, "it has come", T + 1)
    with pytest.raises(LeaseLost):
        ledger.wait(mine, ["commit:c0"], UNTIL, T + 2)


def test_closing_what_is_not_there_or_finished_changes_nothing(ledger: Ledger) -> None:
    ledger.end_wait(WAIT, "it has come", T)
    assert ledger.comparison(WAIT) is None
    done = ledger.fail(claim(ledger, of=WAIT), FINAL, T + 1)
    ledger.end_wait(WAIT, "it has come", T + 2)
    assert stored(ledger, WAIT) == done


def test_the_sweeper_finds_a_wait_when_its_grace_is_over(ledger: Ledger) -> None:
    record = waits(ledger)
    assert list(ledger.unfinished(UNTIL)) == []
    assert list(ledger.unfinished(UNTIL + 1)) == [record]


# --- claims -------------------------------------------------------------------------------------


def test_first_claim_makes_the_record_in_processing(ledger: Ledger) -> None:
    assert ledger.comparison(ID) is None
    expected = ComparisonRecord(
        id=ID,
        state=State.PROCESSING,
        execution="e1",
        lease_until=T + LEASE,
        attempts=1,
        claims=1,
        created=T,
        claimed=T,
        updated=T,
        baseline_reason="because",
    )
    assert claim(ledger) == expected
    assert ledger.comparison(ID) == expected


def claimed_again(first: ComparisonRecord, at: float, attempts: int) -> ComparisonRecord:
    """A first claim's record after the second one."""
    times: dict[str, Any] = {"claimed": at, "updated": at, "lease_until": at + LEASE}
    return replace(first, execution="e2", attempts=attempts, claims=2, **times)


def test_a_lease_protects_its_holder_until_it_ends_and_is_taken_over_then(ledger: Ledger) -> None:
    mine = claim(ledger, at=1000.0)  # whole seconds, so that the sum is exact
    for early in (1000.0, 1000.0 + LEASE - 0.001):
        with pytest.raises(HeldByOther, match=r"b1 against b0 is being processed by .*\be1\b"):
            claim(ledger, "e2", at=early)
    assert stored(ledger) == mine
    assert claim(ledger, "e2", at=1000.0 + LEASE) == claimed_again(mine, 1000.0 + LEASE, 2)


def test_heartbeat_prolongs_the_lease(ledger: Ledger) -> None:
    mine = claim(ledger, at=1000.0)
    ledger.heartbeat(mine, 1050.0, 1050.0 + LEASE)
    assert stored(ledger) == replace(mine, updated=1050.0, lease_until=1140.0)
    assert unfinished(ledger, 1140.0) == set()
    assert unfinished(ledger, 1141.0) == {ID}
    with pytest.raises(HeldByOther):
        claim(ledger, "e2", at=1139.0)
    assert claim(ledger, "e2", at=1140.0).execution == "e2"


def test_released_lease_is_free_at_once_and_keeps_the_error_until_then(ledger: Ledger) -> None:
    mine = claim(ledger)
    ledger.release(mine, "TIMEOUT", "near its end", T + 5)
    assert stored(ledger) == replace(
        mine, lease_until=0.0, updated=T + 5, error_message="TIMEOUT: near its end"
    )
    assert unfinished(ledger, T) == {ID}
    again = claim(ledger, "e2", at=T + 6)
    assert stored(ledger).error_message is None
    done = ledger.publish(again, RESULT, T + 7)
    assert (done.error_code, done.error_message, done.attempts) == (None, None, 2)


@pytest.mark.parametrize("name", NAMES)
def test_keys_hold_every_name(ledger: Ledger, name: str) -> None:
    build = BuildRecord(BuildId(name, name), name, "a" * 64, 1000.0)
    assert ledger.register(build) == build
    assert ledger.build(build.id) == build
    assert ledger.builds_at(name, name) == [build]
    assert ledger.choose_baseline(build.id, Baseline(name, name)) == Baseline(name, name)
    waiting = ComparisonId(name, name, f"@commit:{name}")
    mine = claim(ledger, of=waiting)
    assert mine.id == waiting
    assert stored(ledger, waiting) == mine
    assert list(ledger.unfinished(T + LEASE + 1)) == [mine]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(("a#b", "c"), ("a", "b#c"), id="#"),
        pytest.param(("a%23b", "c"), ("a#b", "c"), id="% and #"),
        pytest.param(("a b", "c"), ("a+b", "c"), id="space and +"),
        pytest.param(("A", "c"), ("a", "c"), id="upper and lower case"),
        pytest.param(("b1", "b0"), ("b1", NO_BASE), id="no base"),
    ],
)
def test_names_that_look_alike_are_two(
    ledger: Ledger, one: tuple[str, str], other: tuple[str, str]
) -> None:
    first, second = ComparisonId("shop", *one), ComparisonId("shop", *other)
    claim(ledger, "e1", of=first)
    claim(ledger, "e2", of=second)
    assert stored(ledger, first).execution == "e1"
    assert stored(ledger, second).execution == "e2"


# --- the end of a comparison --------------------------------------------------------------------


def test_published_result_is_the_record_and_is_never_claimed_again(ledger: Ledger) -> None:
    mine = claim(ledger)
    expected = replace(
        mine,
        state=State.SUCCEEDED,
        updated=T + 7,
        verdict="needs_review",
        counts={"total": 3, "changed": 1, "unchanged": 2, "added": 0},
        comparison_key=RESULT.comparison_key,
        report_key=RESULT.report_key,
        version=RESULT.version,
    )
    assert ledger.publish(mine, RESULT, T + 7) == expected
    with pytest.raises(AlreadyFinished, match="shop: b1 against b0 is SUCCEEDED"):
        claim(ledger, "e2", at=T + 1_000_000)
    assert ledger.comparison(ID) == expected


def test_result_is_published_once(ledger: Ledger) -> None:
    mine = claim(ledger)
    done = ledger.publish(mine, RESULT, T + 1)
    with suppress(LeaseLost):  # DynamoDB's takes it for the SDK's second sending
        assert ledger.publish(mine, OTHER_RESULT, T + 2) == done
    assert ledger.comparison(ID) == done


@pytest.mark.parametrize("failure", [CURABLE, FINAL], ids=["curable", "for good"])
def test_failure_is_the_record(ledger: Ledger, failure: Failure) -> None:
    mine = claim(ledger)
    expected = replace(
        mine,
        state=State.FAILED,
        updated=T + 7,
        attempts=0,
        error_code=failure.code,
        error_message=failure.message,
        retryable=failure.retryable,
    )
    assert ledger.fail(mine, failure, T + 7) == expected
    assert ledger.comparison(ID) == expected
    if failure is FINAL:
        with pytest.raises(AlreadyFinished, match="shop: b1 against b0 is FAILED"):
            claim(ledger, "e2", at=T + 1_000_000)
        assert ledger.comparison(ID) == expected


def test_curable_failure_is_claimed_by_a_new_delivery_and_forgotten(ledger: Ledger) -> None:
    mine = claim(ledger)
    ledger.fail(mine, CURABLE, T + 1)
    # At once: the lease of the failed run means nothing any more.
    assert claim(ledger, "e2", at=T + 2) == claimed_again(mine, T + 2, 1)
    assert stored(ledger) == claimed_again(mine, T + 2, 1)


def test_attempts_count_from_one_after_a_failure_and_claims_go_on(ledger: Ledger) -> None:
    counted = []
    for n in range(6):
        mine = claim(ledger, f"e{n}", at=T + n)
        counted.append((mine.attempts, mine.claims))
        if n == 3:
            ledger.fail(mine, CURABLE, T + n)
        else:
            ledger.release(mine, "INTERNAL", "no", T + n)
    assert counted == [(1, 1), (2, 2), (3, 3), (4, 4), (1, 5), (2, 6)]


# --- the fence ----------------------------------------------------------------------------------

Write = Callable[[Ledger, ComparisonRecord], object]
WRITES: dict[str, Write] = {
    "heartbeat": lambda ledger, c: ledger.heartbeat(c, T + 500, T + 900),
    "release": lambda ledger, c: ledger.release(c, "TIMEOUT", "late", T + 500),
    "hand over": lambda ledger, c: ledger.hand_over(c, "too much", T + 500, T + 900),
    "wait": lambda ledger, c: ledger.wait(c, ["commit:c0"], UNTIL, T + 500),
    "publish": lambda ledger, c: ledger.publish(c, OTHER_RESULT, T + 500),
    "fail": lambda ledger, c: ledger.fail(c, FINAL, T + 500),
}
LATER = T + LEASE
# What the worker that took over has done meanwhile.
MEANWHILE: dict[str, Write] = {
    "nothing": lambda ledger, c: None,
    "published": lambda ledger, c: ledger.publish(c, RESULT, LATER + 1),
    "failed": lambda ledger, c: ledger.fail(c, CURABLE, LATER + 1),
    "released": lambda ledger, c: ledger.release(c, "TIMEOUT", "near its end", LATER + 1),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("meanwhile", MEANWHILE.values(), ids=MEANWHILE)
def test_late_worker_changes_nothing(ledger: Ledger, meanwhile: Write, write: Write) -> None:
    mine = claim(ledger)
    meanwhile(ledger, claim(ledger, "e2", at=LATER))
    before = stored(ledger)
    with pytest.raises(LeaseLost, match="execution e1 is no longer the owner"):
        write(ledger, mine)
    assert ledger.comparison(ID) == before


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_nobody_writes_to_what_was_never_claimed(ledger: Ledger, write: Write) -> None:
    mine = replace(claim(ledger), id=ComparisonId("shop", "b1", "another"))
    with pytest.raises(LeaseLost):
        write(ledger, mine)
    assert ledger.comparison(mine.id) is None


# DynamoDB takes the same end again for the SDK's second sending.
@pytest.mark.parametrize(
    ("end", "name"),
    [(end, name) for end in ("publish", "fail") for name in WRITES if name != end],
)
def test_own_end_is_not_undone(ledger: Ledger, end: str, name: str) -> None:
    mine = claim(ledger)
    WRITES[end](ledger, mine)
    done = stored(ledger)
    with pytest.raises(LeaseLost):
        WRITES[name](ledger, mine)
    assert ledger.comparison(ID) == done


def test_worker_whose_lease_ran_out_unnoticed_may_still_publish(ledger: Ledger) -> None:
    # Nobody has taken over: its work is as good as it was.
    mine = claim(ledger)
    assert ledger.publish(mine, RESULT, T + LEASE + 60).state is State.SUCCEEDED


# --- what nobody works on -----------------------------------------------------------------------


def test_builds_are_not_among_the_unfinished(ledger: Ledger) -> None:
    assert unfinished(ledger, T) == set()
    ledger.register(B1)
    ledger.reject(BuildId("shop", "b2"), "wrong", T)
    assert unfinished(ledger, T + 10_000) == set()


def test_dead_lease_is_unfinished(ledger: Ledger) -> None:
    mine = claim(ledger)
    assert unfinished(ledger, T + LEASE) == set()
    assert list(ledger.unfinished(T + LEASE + 0.001)) == [mine]


@pytest.mark.parametrize("end", [RESULT, CURABLE, FINAL], ids=["result", "curable", "for good"])
def test_end_is_unfinished_until_it_is_settled(ledger: Ledger, end: Result | Failure) -> None:
    mine = claim(ledger)
    if isinstance(end, Result):
        final = ledger.publish(mine, end, T + 1)
    else:
        final = ledger.fail(mine, end, T + 1)
    assert final.announced is False
    assert list(ledger.unfinished(T + 1_000)) == [final]
    for _ in range(2):
        ledger.mark_announced(final)
        assert stored(ledger) == replace(final, announced=True)
        assert unfinished(ledger, T + 1_000) == set()


def test_what_goes_on_or_was_never_claimed_cannot_be_settled(ledger: Ledger) -> None:
    mine = claim(ledger)
    ledger.mark_announced(mine)
    assert stored(ledger) == mine
    assert unfinished(ledger, T + 1_000) == {ID}
    never = replace(mine, id=ComparisonId("shop", "b1", "another"), state=State.SUCCEEDED)
    ledger.mark_announced(never)
    assert ledger.comparison(never.id) is None


def test_new_claim_of_a_settled_failure_is_unfinished_again(ledger: Ledger) -> None:
    ledger.mark_announced(ledger.fail(claim(ledger), CURABLE, T + 1))
    again = claim(ledger, "e2", at=T + 2)
    assert again.announced is False
    assert unfinished(ledger, T + 1_000) == {ID}


def test_late_settling_does_not_settle_a_later_end(ledger: Ledger) -> None:
    first = ledger.fail(claim(ledger), CURABLE, T + 1)
    second = ledger.publish(claim(ledger, "e2", at=T + 2), RESULT, T + 3)
    ledger.mark_announced(first)
    assert stored(ledger) == second
    assert unfinished(ledger, T + 1_000) == {ID}


def test_unfinished_ones_are_told_from_all_projects_and_only_they(ledger: Ledger) -> None:
    ids = [ComparisonId(project, "b1", f"b{n}") for project in ("shop", "bank") for n in range(4)]
    for n, comparison in enumerate(ids):
        claim(ledger, f"e{n}", at=T + n * 1_000, of=comparison)
    ledger.mark_announced(ledger.publish(stored(ledger, ids[1]), RESULT, T))
    assert unfinished(ledger, T + 5_000) == {ids[0], ids[2], ids[3], ids[4]}


def test_counts_and_times_come_back_as_numbers(ledger: Ledger) -> None:
    done = ledger.publish(claim(ledger), RESULT, T + 0.1)
    record = stored(ledger)
    assert all(type(n) is int for n in record.counts.values())
    assert type(record.updated) is type(record.lease_until) is type(record.created) is float
    assert record.updated == done.updated == T + 0.1


# --- handing over -------------------------------------------------------------------------------


def test_what_is_handed_over_keeps_its_execution_and_has_a_longer_lease(ledger: Ledger) -> None:
    first = claim(ledger)
    record = ledger.hand_over(first, "too much", T + 5, T + 905)
    assert record == replace(first, fan_out="too much", lease_until=T + 905, updated=T + 5)
    assert stored(ledger) == record
    with pytest.raises(HeldByOther):
        claim(ledger, "e2", T + 904)
    assert claim(ledger, "e2", T + 905).fan_out is None
    assert stored(ledger).fan_out is None


def test_the_reason_stays_with_the_result(ledger: Ledger) -> None:
    record = ledger.hand_over(claim(ledger), "too much", T, T + 900)
    assert ledger.publish(record, RESULT, T + 60).fan_out == "too much"


# --- forgetting ---------------------------------------------------------------------------------


@pytest.fixture
def builds(ledger: Ledger) -> list[BuildId]:
    """Three builds of one commit and branch, the last one approved; the others are forgotten."""
    made = [BuildId("shop", name) for name in ("old", "rejected", "approved")]
    for build in made:
        ledger.register(BuildRecord(build, "c", "f" * 64, created=1.0, branch="topic"))
    ledger.set_review(made[1], Review.REJECTED, 1)
    ledger.set_review(made[2], Review.APPROVED, 1)
    assert [ledger.hide(build, 5.0) for build in made] == [True, True, False]
    return made


def test_a_build_is_forgotten_unless_it_was_approved(ledger: Ledger, builds: list[BuildId]) -> None:
    assert [build for build in builds if ledger.build(build)] == builds[2:]
    assert [found.id for found in ledger.builds_at("shop", "c")] == builds[2:]
    assert [found.id for found in ledger.builds_by("shop", Lookup.BRANCH, "topic")] == builds[2:]
    assert [ledger.hidden_since(build) for build in builds] == [5.0, 5.0, None]
    assert ledger.hide(builds[0], 9.0)  # again
    assert ledger.hidden_since(builds[0]) == 5.0
    assert not ledger.hide(BuildId("shop", "never"), 5.0)


def test_what_is_forgotten_is_neither_uploaded_again_nor_approved(
    ledger: Ledger, builds: list[BuildId]
) -> None:
    with pytest.raises(BuildConflict, match="was removed after its retention"):
        ledger.register(BuildRecord(builds[0], "c", "f" * 64, created=6.0))
    ledger.set_review(builds[0], Review.APPROVED, 7)
    assert ledger.build(builds[0]) is None
    assert ledger.hide(builds[0], 8.0)  # it was not approved


def test_an_id_can_be_used_again_when_its_build_is_buried(
    ledger: Ledger, builds: list[BuildId]
) -> None:
    for build in builds:
        ledger.delete_build(build)
    assert [ledger.hidden_since(build) for build in builds] == [None, None, None]
    assert [build for build in builds if ledger.build(build)] == builds[2:]
    ledger.register(BuildRecord(builds[0], "d", "e" * 64, created=9.0))
    assert [found.id for found in ledger.builds_at("shop", "d")] == builds[:1]
    assert [found.id for found in ledger.builds_at("shop", "c")] == builds[2:]
