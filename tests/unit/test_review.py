"""What a review may say, what it decides, and what is left for a person afterwards."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from pixelgate.domain.comparison import Comparison
from pixelgate.domain.records import Review
from pixelgate.domain.review_request import (
    Action,
    Change,
    InheritedApproval,
    Reviewable,
    ReviewBody,
    parse,
    select,
)
from pixelgate.domain.review_state import (
    Applied,
    Refusal,
    ReviewLog,
    ReviewState,
    summarize,
    to_status_json,
    to_status_json_without_result,
)
from pixelgate.errors import ReviewRefused
from support.comparisons import SNAPSHOTS, comparison

APPROVE, REJECT = Action.APPROVE, Action.REJECT
A = Change("changed", "1" * 64, "2" * 64, ("changed-1", "checkout"))
B = Change("added", "3" * 64, None, (None, "checkout"))
C = Change("removed", None, "4" * 64)
SUBJECT = Reviewable("e1", {"a.png": A, "b.png": B, "c.png": C}, frozenset({"same.png"}))
NOTHING = Reviewable("e1", {}, frozenset({"same.png"}))


def body(**fields: Any) -> bytes:
    return json.dumps({"schema_version": 1, "action": "approve", **fields}).encode()


def review(n: int, action: Action = APPROVE, *, whole: bool = False, by: str = "ada") -> Applied:
    return Applied(f"r{n}", action, by, f"2026-01-01T00:00:0{n}.000+00:00", f"why {n}", whole)


def review_log(*reviews: tuple[Applied, tuple[str, ...]]) -> ReviewLog:
    made = ReviewLog().of_execution("e1")
    for one, names in reviews:
        made = made.with_review(one, names)
    return made


# --- what a review may say ----------------------------------------------------------------------


def test_a_review_speaks_of_everything_or_of_what_it_names() -> None:
    assert parse(body()) == ReviewBody(schema_version=1, action="approve")
    assert parse(body()).whole
    named: dict[str, Any] = {"names": ["a"], "globs": ["b*"], "groups": ["g"]}
    said = parse(body(action="reject", execution="e1", reason="no", **named))
    assert (said.action, said.execution, said.reason) == ("reject", "e1", "no")
    assert {name: getattr(said, name) for name in named} == named
    assert not said.whole


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (b"", "the review is not valid JSON"),
        (b"[]", "the review must be a JSON object"),
        (b'{"action":"approve","action":"reject"}', "the review has the key 'action' twice"),
        (b'{"schema_version":1}', "action: must be given"),
        (b'{"action":"approve"}', "schema_version: must be given"),
        (body(schema_version=2), "schema_version: this pixelgate reads schema version 1, not 2"),
        (body(action="accept"), r"action: must be 'approve' or 'reject' \(got 'accept'\)"),
        (body(nmaes=["a"]), "nmaes: there is no such field"),
        (body(names=[]), "names: an empty list selects nothing; leave it out for all"),
        (body(globs=[]), "globs: an empty list selects nothing"),
        (body(groups=[]), "groups: an empty list selects nothing"),
        (body(names="a"), "names: must be a list"),
        (body(names=[1]), r"names\[0\]: must be a text"),
        (body(reason="x" * 2_001), "reason: may have up to 2,000 characters"),
        (b'{"schema_version":1,"action":"approve","reason":"\\ud800"}', "is not valid Unicode"),
    ],
)
def test_refused(written: bytes, message: str) -> None:
    with pytest.raises(ReviewRefused, match=message):
        parse(written)


# --- what it selects ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "selected"),
    [
        ({}, set()),
        ({"names": ["a.png"]}, {"a.png"}),
        ({"names": ["same.png"]}, {"same.png"}),
        ({"globs": ["*.png"]}, {"a.png", "b.png", "c.png"}),
        ({"globs": ["a*", "c*"]}, {"a.png", "c.png"}),
        ({"groups": ["changed-1"]}, {"a.png"}),
        ({"groups": ["checkout"]}, {"a.png", "b.png"}),
        ({"names": ["c.png"], "groups": ["changed-1"]}, {"a.png", "c.png"}),
    ],
)
def test_selects(fields: dict[str, Any], selected: set[str]) -> None:
    assert select(parse(body(**fields)), SUBJECT) == selected


@pytest.mark.parametrize("fields", [{"names": ["\u00fc.png"]}, {"globs": ["\u00fc*"]}])
def test_selects_by_a_name_in_another_unicode_form(fields: dict[str, Any]) -> None:
    reviewable = Reviewable("e1", {"u\u0308.png": A, "b.png": B})
    assert select(parse(body(**fields)), reviewable) == {"u\u0308.png"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"names": ["a.png", "x.png"]}, "names: the build has no snapshot 'x.png'$"),
        ({"names": [f"x{n}" for n in range(7)]}, "'x0', 'x1', 'x2', 'x3', 'x4' and 2 more"),
        ({"globs": ["x*"]}, r"globs: 'x\*' matches no snapshot that needs a review"),
        ({"globs": ["same*"]}, r"'same\*' matches no snapshot that needs a review"),
        ({"globs": ["[a].png"]}, r"'\[a\].png' matches no snapshot"),
        ({"groups": ["changed-2"]}, "no snapshot that needs a review has group 'changed-2'"),
    ],
)
def test_selects_nothing_by_mistake(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ReviewRefused, match=message):
        select(parse(body(**fields)), SUBJECT)


def test_a_manifest_s_group_adds_nothing_to_a_change_that_is_approved() -> None:
    sly = Change("changed", "5" * 64, "6" * 64, ("changed-2", "changed-1"))
    reviewable = Reviewable("e1", {"a.png": A, "sly.png": sly})
    assert select(parse(body(groups=["changed-1"])), reviewable) == {"a.png"}


# --- what there is to review ----------------------------------------------------------------------


def test_what_needs_a_person_is_what_makes_the_verdict() -> None:
    made = Reviewable.of(comparison())
    assert {name: c.status for name, c in made.changes.items()} == {
        "button/added.png": "added",
        "button/changed a little.png": "changed",
        "card/smaller.png": "changed",
        "errored.png": "errored",
        "gone.png": "removed",
    }
    assert made.changes.keys() | made.others == SNAPSHOTS.keys()
    assert made.execution == "e1"


def test_of_a_first_upload_only_what_cannot_be_read_needs_a_person() -> None:
    first: Comparison = comparison(base="@none")
    assert Reviewable.of(first).changes.keys() == {"errored.png"}


def test_subject_is_read_as_it_was_written() -> None:
    granted = InheritedApproval("carried over", ("ada",), "b0")
    for reviewable in (SUBJECT, Reviewable("e1", SUBJECT.changes, SUBJECT.others, granted)):
        assert Reviewable.from_json(json.loads(json.dumps(reviewable.as_json()))) == reviewable


# --- what is decided ------------------------------------------------------------------------------


def test_unreviewed_build_needs_everything() -> None:
    assert to_status_json(SUBJECT, review_log()) == {
        "state": "needed",
        "left": 3,
        "names": ["a.png", "b.png", "c.png"],
        "approved": 0,
        "rejected": 0,
        "by": [],
        "reasons": [],
        "carried_from": None,
        "refused": [],
        "revision": 1,
    }


Reviews = list[tuple[Applied, tuple[str, ...]]]
One = tuple[Applied, tuple[str, ...]]
ALL, NONE = (review(1, whole=True), ()), (review(1, REJECT, whole=True), ())
LATER_ALL: One = (review(2, whole=True), ())
APPROVED_A: One = (review(1), ("a.png",))
APPROVED_B: One = (review(2), ("b.png",))
REJECTED_A: One = (review(1, REJECT), ("a.png",))
REJECTED_SAME: One = (review(2, REJECT), ("same.png",))
# Reviews, the state, what is left, and how many are approved and rejected.
DECIDED: dict[str, tuple[Reviews, str, list[str], int, int]] = {
    "all": ([ALL], "approved", [], 3, 0),
    "none": ([NONE], "rejected", [], 0, 3),
    "a part": ([APPROVED_A], "needed", ["b.png", "c.png"], 1, 0),
    "a part and the rest": ([APPROVED_A, (review(2), ("b.png", "c.png"))], "approved", [], 3, 0),
    "one rejection rejects the build": ([REJECTED_A, APPROVED_B], "rejected", ["c.png"], 1, 1),
    "a later approval takes a rejection back": ([REJECTED_A, LATER_ALL], "approved", [], 3, 0),
    "an earlier one does not": ([(review(2, REJECT), ("a.png",)), ALL], "rejected", [], 2, 1),
    "all rejected but one": ([NONE, (review(2), ("a.png",))], "rejected", [], 1, 2),
    "what passed is rejected by name": ([ALL, REJECTED_SAME], "rejected", [], 3, 1),
}


@pytest.mark.parametrize(
    ("reviews", "state", "left", "approved", "rejected"), DECIDED.values(), ids=DECIDED
)
def test_decided(
    reviews: Reviews, state: str, left: list[str], approved: int, rejected: int
) -> None:
    summary = summarize(SUBJECT, review_log(*reviews))
    assert (summary.state, list(summary.left)) == (state, left)
    assert (summary.approved, summary.rejected) == (approved, rejected)


@pytest.mark.parametrize(
    ("reviews", "state", "result"),
    [
        ([], ReviewState.NOT_NEEDED, None),
        ([ALL], ReviewState.APPROVED, Review.APPROVED),
        ([NONE], ReviewState.REJECTED, Review.REJECTED),
        ([REJECTED_SAME], ReviewState.REJECTED, Review.REJECTED),
        ([(review(1), ("same.png",))], ReviewState.NOT_NEEDED, None),
    ],
)
def test_build_in_which_nothing_changed(
    reviews: Reviews, state: ReviewState, result: Review | None
) -> None:
    summary = summarize(NOTHING, review_log(*reviews))
    assert (summary.state, summary.result) == (state, result)


def test_order_and_repetition_of_events_decide_nothing() -> None:
    reviews: Reviews = [
        (review(1), ("a.png", "b.png")),
        (review(2, REJECT, by="bob"), ("b.png",)),
        (review(3, whole=True, by="eve"), ()),
        (review(4, REJECT), ("c.png",)),
    ]
    results = set()
    for order in itertools.permutations(reviews):
        made = review_log(*order, *order)
        summary = summarize(SUBJECT, made)
        results.add((summary, made.revision))
    [(summary, revision)] = results
    assert revision == 5
    assert summary.state is ReviewState.REJECTED
    assert (summary.approved, summary.rejected) == (2, 1)
    assert (summary.by, summary.at) == (("eve", "ada"), "2026-01-01T00:00:04.000+00:00")


def test_decisions_on_another_result_do_not_count() -> None:
    made = review_log((review(1, whole=True), ())).of_execution("e2")
    assert (made.reviews, made.decisions, made.revision) == ({}, {}, 3)
    assert summarize(SUBJECT, made).state is ReviewState.NEEDED


def test_ballot_is_read_as_it_was_written() -> None:
    made = review_log((review(1), ("a.png",)), (review(2, REJECT, whole=True), ()))
    made = made.with_refusal(Refusal("r3", "bob", "2026-01-01", "no"))
    assert ReviewLog.from_json(json.loads(json.dumps(made.as_json()))) == made


def test_the_latest_twenty_refusals_are_told() -> None:
    made = ReviewLog()
    for n in range(25):
        made = made.with_refusal(Refusal(f"r{n:02}", "bob", f"2026-01-{n + 1:02}", "no"))
    assert [r.id for r in made.refused] == [f"r{n:02}" for n in range(5, 25)]
    assert made.with_refusal(Refusal("r00", "bob", "2026-01-01", "no")) == made
    assert made.with_refusal(made.refused[3]) == made


def test_a_hundred_names_are_told_and_all_are_counted() -> None:
    reviewable = Reviewable("e1", {f"{n:03}.png": A for n in range(150)})
    said = to_status_json(reviewable, review_log())
    assert (said["left"], len(said["names"]), said["names"][-1]) == (150, 100, "099.png")


def test_granted_approval_counts_until_a_person_says_otherwise() -> None:
    approval = InheritedApproval("carried over", ("ada",), "b0")
    granted = Reviewable("e1", SUBJECT.changes, granted=approval)
    summary = summarize(granted, review_log())
    assert (summary.state, summary.approved, summary.by) == (ReviewState.APPROVED, 3, ("ada",))
    said = to_status_json(granted, review_log())
    assert (said["carried_from"], said["reasons"]) == ("b0", ["carried over"])
    assert summarize(granted, review_log(REJECTED_A)).state is ReviewState.REJECTED


@pytest.mark.parametrize(
    ("reviews", "human"),
    [
        ([ALL], True),
        ([(review(1), ("a.png", "b.png", "c.png"))], True),
        pytest.param([APPROVED_A], False, id="the rest was granted"),
        ([REJECTED_A], True),
        ([], False),
    ],
)
def test_only_what_people_decided_in_full_is_theirs(reviews: Reviews, human: bool) -> None:
    granted = Reviewable("e1", SUBJECT.changes, granted=InheritedApproval("rule"))
    assert summarize(granted, review_log(*reviews)).human is human


def test_build_without_a_result_tells_refusals_only() -> None:
    assert to_status_json_without_result(None, 0, ReviewLog()) is None
    made = ReviewLog().with_refusal(Refusal("r1", "bob", "2026-01-01", "too early"))
    said = to_status_json_without_result(None, 0, made)
    assert said is not None
    assert (said["state"], said["left"], said["revision"]) == ("needed", 0, 1)
    assert said["refused"] == [{"id": "r1", "by": "bob", "at": "2026-01-01", "why": "too early"}]
