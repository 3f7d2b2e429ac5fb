"""Approvals that nobody writes again: the same changes in the same pull request, and by rule."""

from __future__ import annotations

from typing import Any

import pytest

from pixelgate.domain.comparison import Diff
from pixelgate.domain.keys import BuildId
from pixelgate.domain.policy import Policy
from pixelgate.domain.records import BuildRecord, Lookup, Review, Series
from pixelgate.errors import OutOfTime
from pixelgate.pipeline.compare.run import compare_build
from pixelgate.pipeline.diffing.pairs import diff_pairs
from pixelgate.pipeline.review import carry_over
from pixelgate.pipeline.review.apply import carry_out
from support.reviews import Reviewed
from support.world import PROJECT, sha

BASE = {"a.png": b"a", "b.png": b"b", "gone.png": b"g", "same.png": b"s"}
# a and b changed, gone was removed, new was added.
HEAD = {"a.png": b"a2", "b.png": b"b2", "new.png": b"n", "same.png": b"s"}
SERIES = Series(Lookup.PULL_REQUEST, "5")
REASON = "carried over from build b1, where the same changes were approved"


@pytest.fixture
def reviewed() -> Reviewed:
    made = Reviewed()
    made.build("b0", BASE, branch="main")
    build(made, "b1")
    return made


def build(reviewed: Reviewed, name: str, /, pull_request: Any = 5, **images: bytes) -> None:
    """A build of the pull request: HEAD, with other bytes for a, b or new."""
    changed = {**HEAD, **{f"{image}.png": body for image, body in images.items()}}
    reviewed.build(name, changed, base_build="b0", pull_request=pull_request)


def close(reviewed: Reviewed, *pairs: tuple[bytes, bytes]) -> None:
    """Makes these pairs of images pass when they are compared, in either order."""
    real = reviewed.world.differs.diff
    alike = {frozenset(pair) for pair in pairs}

    def diff(base: bytes, head: bytes, policy: Policy, wanted: Any = None) -> Diff:
        if frozenset((base, head)) in alike:
            reviewed.world.differs.calls.append((base, head))
            return Diff(0, 0, 10, (10, 1), (10, 1))
        return real(base, head, policy)

    reviewed.world.differs.diff = diff  # type: ignore[method-assign]


def test_an_approval_is_carried_over_to_names_in_another_unicode_form() -> None:
    made = Reviewed()
    made.build("b0", {"\u00fc.png": b"u"}, branch="main")
    made.build("b1", {"\u00fc.png": b"u2"}, base_build="b0", pull_request=5)
    made.review("b1", action="approve", reason="meant")
    made.build("b2", {"u\u0308.png": b"u2"}, base_build="b0", pull_request=5)
    assert made.said("b2")["state"] == "approved"
    made.build("b3", {"u\u0308.png": b"u3"}, base_build="b0", pull_request=5)
    assert made.said("b3")["state"] == "needed"


def test_the_same_images_are_approved_once(reviewed: Reviewed) -> None:
    reviewed.review("b1", action="approve", reason="meant")
    diffed = len(reviewed.world.differs.calls)
    build(reviewed, "b2")
    said = reviewed.said("b2")
    assert (said["state"], said["left"], said["approved"]) == ("approved", 0, 4)
    assert (said["by"], said["reasons"]) == (["AWS:ada"], [REASON])
    assert said["carried_from"] == "b1"
    assert reviewed.record("b2") == "approved"
    assert reviewed.world.status("b2")["verdict"] == "needs_review"
    assert len(reviewed.world.differs.calls) == diffed
    assert reviewed.heard("b2")[-1] == ("Comparison", "SUCCEEDED", "approved")


def test_an_image_within_policy_of_the_approved_one_is_the_same(reviewed: Reviewed) -> None:
    reviewed.review("b1", action="approve")
    close(reviewed, (b"a2", b"a2'"), (b"n", b"n'"))
    build(reviewed, "b2", a=b"a2'", new=b"n'")
    assert reviewed.state("b2") == "approved"
    assert {(b"a2", b"a2'"), (b"n", b"n'")} <= set(reviewed.world.differs.calls)


def test_drift_does_not_chain(reviewed: Reviewed) -> None:
    """Each build is close to the one before; the third is far from what a person saw."""
    reviewed.review("b1", action="approve")
    close(reviewed, (b"a2", b"a2'"), (b"a2'", b"a2''"))
    build(reviewed, "b2", a=b"a2'")
    assert reviewed.said("b2")["carried_from"] == "b1"
    build(reviewed, "b3", a=b"a2''")
    assert (reviewed.state("b3"), reviewed.record("b3")) == ("needed", None)


def test_later_builds_go_back_to_what_a_person_approved(reviewed: Reviewed) -> None:
    reviewed.review("b1", action="approve")
    build(reviewed, "b2")
    build(reviewed, "b3")
    assert reviewed.said("b3")["carried_from"] == "b1"
    assert [d.build.build for d in reviewed.world.ledger.decisions(PROJECT, SERIES)] == ["b1"]


def test_a_person_who_approves_a_carried_over_build_is_followed_from_there(
    reviewed: Reviewed,
) -> None:
    reviewed.review("b1", action="approve")
    close(reviewed, (b"a2", b"a2'"), (b"a2'", b"a2''"))
    build(reviewed, "b2", a=b"a2'")
    reviewed.review("b2", action="approve", by="AWS:bob")
    build(reviewed, "b3", a=b"a2''")
    said = reviewed.said("b3")
    assert (said["state"], said["carried_from"]) == ("approved", "b2")
    assert "AWS:bob" in said["by"]


def test_a_part_of_a_carried_over_build_is_not_all_of_it(reviewed: Reviewed) -> None:
    reviewed.review("b1", action="approve")
    close(reviewed, (b"a2", b"a2'"), (b"a2'", b"a2''"))
    build(reviewed, "b2", a=b"a2'")
    reviewed.review("b2", action="approve", names=["b.png"])
    build(reviewed, "b3", a=b"a2''")
    assert reviewed.state("b3") == "needed"
    build(reviewed, "b4", a=b"a2'")
    assert reviewed.said("b4")["carried_from"] == "b1"


@pytest.mark.parametrize(
    ("images", "why"),
    [
        pytest.param({**HEAD, "more.png": b"m"}, "one more", id="one change more"),
        pytest.param({**HEAD, "a.png": b"a"}, "one less", id="one change less"),
        pytest.param({**HEAD, "gone.png": b"g2"}, "changed", id="changed, no longer removed"),
    ],
)
def test_other_changes_are_for_a_person(
    reviewed: Reviewed, images: dict[str, bytes], why: str
) -> None:
    reviewed.review("b1", action="approve")
    reviewed.build("b2", images, base_build="b0", pull_request=5)
    assert reviewed.state("b2") == "needed", why


def test_unreadable_image_is_the_same_only_byte_for_byte(reviewed: Reviewed) -> None:
    build(reviewed, "b2", new=b"garbage")
    reviewed.review("b2", action="approve")
    build(reviewed, "b3", new=b"garbage")
    assert reviewed.said("b3")["carried_from"] == "b2"
    build(reviewed, "b4", new=b"garbage, another")
    assert reviewed.state("b4") == "needed"


@pytest.mark.parametrize("pull_request", [6, None, "55"])
def test_other_pull_requests_are_others(reviewed: Reviewed, pull_request: Any) -> None:
    reviewed.review("b1", action="approve")
    reviewed.build("b2", HEAD, base_build="b0", pull_request=pull_request)
    assert reviewed.state("b2") == "needed"


def test_nothing_is_carried_over_from_what_was_not_approved(reviewed: Reviewed) -> None:
    reviewed.review("b1", action="approve", names=["a.png"])
    build(reviewed, "b2")
    assert reviewed.state("b2") == "needed"
    reviewed.review("b1", action="reject", names=["b.png"])
    build(reviewed, "b3")
    assert reviewed.state("b3") == "needed"


def test_a_later_rejection_ends_it(reviewed: Reviewed) -> None:
    reviewed.review("b1", action="approve")
    build(reviewed, "b2")
    reviewed.review("b2", action="reject", names=["a.png"], by="AWS:bob")
    build(reviewed, "b3")
    assert reviewed.state("b3") == "needed"


def test_only_earlier_builds_are_followed(reviewed: Reviewed) -> None:
    """b1 was uploaded first but is compared last, after a person has approved b2."""
    world = reviewed.world
    world.clock.sleep(60)
    early = world.upload("b2", HEAD, base_build="b0", pull_request=5, branch="topic")
    world.ledger.register(
        BuildRecord(
            BuildId(PROJECT, "b2"),
            "commit-of-b2",
            sha(world.objects.read("uploads/shop/b2/manifest.json")),
            created=world.clock.now,
            branch="topic",
            pull_request="5",
        )
    )
    build(reviewed, "b3")
    reviewed.review("b3", action="approve")
    world.compare(early)
    assert reviewed.state("b2") == "needed"


def test_forks_and_our_own_builds_approve_nothing_for_each_other(reviewed: Reviewed) -> None:
    reviewed.review("b1", action="approve")
    build(reviewed, "fork.b2")
    assert reviewed.state("fork.b2") == "needed"
    reviewed.review("fork.b2", action="approve")
    build(reviewed, "fork.b3")
    assert reviewed.said("fork.b3")["carried_from"] == "fork.b2"
    build(reviewed, "b4")
    assert reviewed.said("b4")["carried_from"] == "b1"


def test_what_the_reviews_say_counts_and_not_the_index(reviewed: Reviewed) -> None:
    """A worker died between the two: the pull request's index is behind."""
    reviewed.review("b1", action="approve")
    [said] = reviewed.world.ledger.decisions(PROJECT, SERIES)
    reviewed.review("b1", action="reject")
    reviewed.world.ledger.decided[(PROJECT, SERIES)][said.build] = (99, said)
    assert said.review is Review.APPROVED
    build(reviewed, "b2")
    assert reviewed.state("b2") == "needed"


def test_worker_that_runs_out_of_time_comparing_with_the_approved_gives_the_lease_back(
    reviewed: Reviewed, monkeypatch: pytest.MonkeyPatch
) -> None:
    reviewed.review("b1", action="approve")
    reviewed.world.clock.sleep(60)
    images = {**HEAD, "a.png": b"a2'"}
    upload = reviewed.world.upload("b2", images, base_build="b0", pull_request=5, branch="topic")
    left = [900.0]

    def late(*args: Any, **kwargs: Any) -> Any:
        left[0] = 1.0
        return diff_pairs(*args, **kwargs)

    monkeypatch.setattr(carry_over, "diff_pairs", late)
    with pytest.raises(OutOfTime):
        compare_build(upload, reviewed.service(), lambda: left[0])
    assert reviewed.world.record("b2", "b0").lease_until == 0
    monkeypatch.undo()
    close(reviewed, (b"a2", b"a2'"))
    reviewed.world.compare(upload)
    assert reviewed.state("b2") == "approved"


# --- on a branch, where CI knows no pull request --------------------------------------------------


def on_branch(reviewed: Reviewed, name: str, images: dict[str, bytes] = HEAD, **fields: Any) -> str:
    """A build of the branch `topic` without a pull request; returns the state of its review."""
    reviewed.build(name, images, **{"base_build": "b0", "base_branch": "main", **fields})
    return reviewed.state(name)


def test_where_ci_knows_no_pull_request_the_same_images_of_a_branch_are_approved_once(
    reviewed: Reviewed,
) -> None:
    assert on_branch(reviewed, "p1") == "needed"
    reviewed.review("p1", action="approve")
    assert on_branch(reviewed, "p2") == "approved"
    assert reviewed.said("p2")["carried_from"] == "p1"
    assert (reviewed.record("p2"), reviewed.world.status("p2")["verdict"]) == (
        "approved",
        "needs_review",
    )


def test_a_late_approval_reaches_the_newest_build_of_the_branch(reviewed: Reviewed) -> None:
    for name in ("p1", "p2"):
        on_branch(reviewed, name)
    # Neither a pull request from the branch nor a fork's branch of that name is the newest.
    on_branch(reviewed, "p3", pull_request=6)
    on_branch(reviewed, "fork.p4")
    reviewed.review("p1", action="approve")
    assert [b.build for b in reviewed.world.resumed] == ["p2"]
    reviewed.resume("p2")
    assert reviewed.said("p2")["carried_from"] == "p1"
    assert reviewed.sweep() == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param({"branch": "other"}, {}, id="another branch"),
        pytest.param({"branch": "topi"}, {}, id="one whose name begins alike"),
        pytest.param({"pull_request": 5}, {}, id="from a pull request to its branch"),
        pytest.param({}, {"pull_request": 5}, id="from the branch to its pull request"),
        pytest.param({"pull_request": "topic"}, {}, id="a pull request that is called so"),
        pytest.param(
            {"branch": "develop"},
            {"branch": "develop", "base_branch": "develop"},
            id="the base branch",
        ),
    ],
)
def test_other_branches_are_others(
    reviewed: Reviewed, first: dict[str, Any], second: dict[str, Any]
) -> None:
    on_branch(reviewed, "p1", **first)
    reviewed.review("p1", action="approve")
    assert reviewed.world.resumed == []
    assert on_branch(reviewed, "p2", **second) == "needed"


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(("fork.p1", "p2"), id="from a fork"),
        pytest.param(("p1", "fork.p2"), id="to a fork"),
        pytest.param(("fork.p1", "fork.p2"), id="from one fork to another of the same branch"),
    ],
)
def test_forks_take_no_part_in_approvals_by_branch(
    reviewed: Reviewed, names: tuple[str, str]
) -> None:
    """`patch-1` is what GitHub calls everybody's first branch."""
    first, second = names
    on_branch(reviewed, first, branch="patch-1")
    reviewed.review(first, action="approve")
    assert on_branch(reviewed, second, branch="patch-1") == "needed"


def test_who_says_main_takes_over_no_approval(reviewed: Reviewed) -> None:
    """Where only `trunk.*` builds are approved by rule, any job may still say `main`."""
    world, strict = reviewed.world, {"trunk_only": True}
    world.review("b0", Review.APPROVED)
    for name in ("forged-1", "forged-2"):
        world.clock.sleep(60)
        world.compare(world.upload(name, HEAD, base_build="b0", branch="main"), **strict)
        assert reviewed.state(name) == "needed"
        carry_out(reviewed.write(name, action="approve"), reviewed.service(**strict))
    assert world.ledger.decided == {}


def test_the_id_of_a_trunk_build_gives_it_no_approvals_of_other_branches(
    reviewed: Reviewed,
) -> None:
    on_branch(reviewed, "p1")
    reviewed.review("p1", action="approve")
    assert on_branch(reviewed, "trunk.p2", branch="release") == "needed"
    assert on_branch(reviewed, "trunk.p3") == "approved"  # a person saw these pictures


def test_a_branch_name_that_is_used_again_does_not_bring_back_what_was_replaced(
    reviewed: Reviewed,
) -> None:
    """Approved was a → a2. Main has a3 by now, and a2 there would undo that."""
    on_branch(reviewed, "p1")
    reviewed.review("p1", action="approve")
    reviewed.build("b9", {**BASE, "a.png": b"a3"}, branch="main")
    assert on_branch(reviewed, "p2", base_build="b9") == "needed"
    # In a pull request, whose number is not given again, the base may move on.
    reviewed.review("b1", action="approve")
    reviewed.build("b2", HEAD, base_build="b9", pull_request=5)
    assert reviewed.state("b2") == "approved"


@pytest.mark.parametrize(("alike", "state"), [(False, "needed"), (True, "approved")])
def test_a_removed_snapshot_must_have_looked_as_it_did_when_its_removal_was_approved(
    reviewed: Reviewed, alike: bool, state: str
) -> None:
    on_branch(reviewed, "p1")
    reviewed.review("p1", action="approve")
    if alike:
        close(reviewed, (b"g", b"another"))
    reviewed.build("b9", {**BASE, "gone.png": b"another"}, branch="main")
    assert on_branch(reviewed, "p2", base_build="b9") == state


def test_drift_does_not_chain_on_a_branch(reviewed: Reviewed) -> None:
    on_branch(reviewed, "p1")
    reviewed.review("p1", action="approve")
    close(reviewed, (b"a2", b"a2'"), (b"a2'", b"a2''"))
    assert on_branch(reviewed, "p2", {**HEAD, "a.png": b"a2'"}) == "approved"
    assert on_branch(reviewed, "p3", {**HEAD, "a.png": b"a2''"}) == "needed"


def test_the_last_decision_on_a_branch_counts(reviewed: Reviewed) -> None:
    on_branch(reviewed, "p1")
    reviewed.review("p1", action="approve")
    on_branch(reviewed, "p2")
    reviewed.review("p2", action="reject", names=["a.png"])
    assert on_branch(reviewed, "p3") == "needed"


@pytest.mark.parametrize("pull_request", [5, None])
def test_a_rejection_counts_when_its_build_was_removed(
    reviewed: Reviewed, pull_request: Any
) -> None:
    for name, action in (("p1", "approve"), ("p2", "reject")):
        on_branch(reviewed, name, pull_request=pull_request)
        reviewed.review(name, action=action)
    assert reviewed.world.ledger.hide(BuildId(PROJECT, "p2"), 0)
    assert on_branch(reviewed, "p3", pull_request=pull_request) == "needed"


def test_an_approval_whose_result_is_no_longer_recorded_is_not_carried_over(
    reviewed: Reviewed,
) -> None:
    """Results are recorded for 90 days."""
    on_branch(reviewed, "p1")
    reviewed.review("p1", action="approve")
    del reviewed.world.ledger.comparisons[BuildId(PROJECT, "p1").against("b0")]
    assert on_branch(reviewed, "p2") == "needed"


def test_what_was_carried_over_on_a_branch_is_no_baseline_once_its_source_is_rejected(
    reviewed: Reviewed,
) -> None:
    on_branch(reviewed, "p1")
    reviewed.review("p1", action="approve")
    on_branch(reviewed, "p2")
    reviewed.build("next", HEAD, base_build="p2", branch="stacked")
    assert reviewed.world.status("next")["base"] == "p2"
    reviewed.review("p1", action="reject")
    reviewed.build("later", HEAD, base_build="p2", branch="stacked")
    assert reviewed.world.status("later")["error"]["message"].startswith(
        "base_build p2 cannot be compared with: its approval was carried over from build p1, "
        "which was rejected since"
    )


# --- by rule --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "fields", "approved"),
    [
        ("b2", {"branch": "main"}, True),
        ("b2", {"branch": "master"}, True),
        ("b2", {"branch": "topic"}, False),
        ("b2", {"branch": "main-2"}, False),
        pytest.param("fork.b2", {"branch": "main"}, False, id="a fork's main"),
        pytest.param("b2", {"branch": "main", "pull_request": 7}, False, id="a pull request's"),
    ],
)
def test_builds_on_baseline_branches_are_approved_by_rule(
    reviewed: Reviewed, name: str, fields: dict[str, Any], approved: bool
) -> None:
    reviewed.build(name, HEAD, base_build="b0", **fields)
    said = reviewed.said(name)
    if approved:
        reasons = [f"approved by rule: {fields['branch']} is a baseline branch"]
        assert (said["state"], said["left"], said["by"]) == ("approved", 0, [])
        assert (said["reasons"], reviewed.record(name)) == (reasons, "approved")
    else:
        assert (said["state"], reviewed.record(name)) == ("needed", None)


def test_baseline_branches_are_patterns(reviewed: Reviewed) -> None:
    reviewed.world.clock.sleep(60)
    upload = reviewed.world.upload("b2", HEAD, base_build="b0", branch="release/1.2")
    reviewed.world.compare(upload, baseline_branches=("main", "release/*"))
    assert reviewed.state("b2") == "approved"


def test_a_person_rejects_what_the_rule_approved(reviewed: Reviewed) -> None:
    reviewed.build("b2", HEAD, base_build="b0", branch="main")
    reviewed.review("b2", action="reject", names=["a.png"])
    assert (reviewed.state("b2"), reviewed.record("b2")) == ("rejected", "rejected")


def test_rule_seeds_no_carry_over(reviewed: Reviewed) -> None:
    reviewed.build("b2", HEAD, base_build="b0", branch="main")
    assert reviewed.world.ledger.decisions(PROJECT, SERIES) == []


# --- an approval that comes after the next build was compared -------------------------------------


def test_late_approval_reaches_the_newest_build(reviewed: Reviewed) -> None:
    build(reviewed, "b2")
    assert reviewed.state("b2") == "needed"
    reviewed.review("b1", action="approve", reason="meant")
    assert [b.build for b in reviewed.world.resumed] == ["b2"]
    reviewed.resume("b2")
    said = reviewed.said("b2")
    assert (said["state"], said["left"], said["approved"]) == ("approved", 0, 4)
    assert (said["by"], said["reasons"], said["carried_from"]) == (["AWS:ada"], [REASON], "b1")
    assert reviewed.record("b2") == "approved"
    assert reviewed.heard("b2")[-2:] == [
        ("Comparison", "SUCCEEDED", "needed"),
        ("Review", "SUCCEEDED", "approved"),
    ]
    assert reviewed.sweep() == []


def test_late_approval_is_carried_once_however_often_the_build_is_called(
    reviewed: Reviewed,
) -> None:
    build(reviewed, "b2")
    reviewed.review("b1", action="approve")
    reviewed.resume("b2")
    told, events = reviewed.world.status("b2"), len(reviewed.bus.emitted)
    reviewed.resume("b2")
    assert reviewed.world.status("b2") == told
    assert len(reviewed.bus.emitted) == events


def test_late_approval_is_measured_against_the_approved_image(reviewed: Reviewed) -> None:
    close(reviewed, (b"a2", b"a2'"))
    build(reviewed, "b2", a=b"a2'")
    build(reviewed, "b3", a=b"a3")
    reviewed.review("b1", action="approve")
    assert [b.build for b in reviewed.world.resumed] == ["b3"]  # the newest one only
    reviewed.resume("b3")
    assert (reviewed.state("b3"), reviewed.record("b3")) == ("needed", None)
    assert reviewed.state("b2") == "needed"


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"action": "reject"}, "a rejection"),
        ({"action": "approve", "names": ["a.png"]}, "a part"),
    ],
)
def test_what_is_no_approval_calls_nobody(
    reviewed: Reviewed, fields: dict[str, Any], what: str
) -> None:
    build(reviewed, "b2")
    reviewed.review("b1", **fields)
    assert reviewed.world.resumed == [], what


def test_late_approval_leaves_alone_what_people_decided(reviewed: Reviewed) -> None:
    build(reviewed, "b2")
    reviewed.review("b2", action="reject", names=["a.png"])
    reviewed.review("b1", action="approve")
    assert reviewed.world.resumed == []
    reviewed.resume("b2")
    assert (reviewed.state("b2"), reviewed.record("b2")) == ("rejected", "rejected")


def test_build_of_a_fork_is_not_reached_by_the_approval_of_ours(reviewed: Reviewed) -> None:
    build(reviewed, "fork.b2")
    reviewed.review("b1", action="approve")
    assert reviewed.world.resumed == []
    reviewed.resume("fork.b2")
    assert reviewed.state("fork.b2") == "needed"


def test_a_review_whose_call_fails_is_delivered_again(reviewed: Reviewed) -> None:
    build(reviewed, "b2")
    written = reviewed.write("b1", action="approve")

    def throttled(build: BuildId) -> None:
        raise ConnectionError("TooManyRequestsException")

    with pytest.raises(ConnectionError):
        carry_out(written, reviewed.service(resume=throttled))
    reviewed.deliver(written)
    assert {b.build for b in reviewed.world.resumed} == {"b2"}


def test_a_look_that_runs_out_of_time_is_taken_again(reviewed: Reviewed) -> None:
    close(reviewed, (b"a2", b"a2'"))
    build(reviewed, "b2", a=b"a2'")
    reviewed.review("b1", action="approve")
    with pytest.raises(OutOfTime):
        compare_build(BuildId(PROJECT, "b2"), reviewed.service(), lambda: 10.0, resumed=True)
    assert reviewed.state("b2") == "needed"
    reviewed.resume("b2")
    assert reviewed.said("b2")["carried_from"] == "b1"


def test_status_says_of_which_build_it_is(reviewed: Reviewed) -> None:
    status = reviewed.world.status("b1")
    assert (status["commit"], status["branch"], status["pull_request"]) == (
        "commit-of-b1",
        "topic",
        "5",
    )
