"""Which build a head is compared with: exact, ancestor, branch; squashed, rebased, passed over."""

from __future__ import annotations

from typing import Any

import pytest

from pixelgate.domain.records import Review
from pixelgate.pipeline.cleanup.sweep import sweep
from pixelgate.pipeline.compare.outcomes import Failed, Published, Waiting
from support.world import World

IMAGES = {"a.png": b"a"}


def build(world: World, name: str, *, review: Review | None = None, **fields: Any) -> None:
    """A build that was compared, a second after the one before."""
    world.clock.sleep(1)
    assert isinstance(world.compare(world.upload(name, IMAGES, **fields)), Published)
    if review:
        world.review(name, review)


def head(world: World, **fields: Any) -> dict[str, Any]:
    """The status of a head that finds its baseline at once."""
    world.clock.sleep(1)
    branch = {"branch": "feature", "commit": "H", **fields}
    assert isinstance(world.compare(world.upload("head", IMAGES, **branch)), Published)
    return world.status("head")


def passed_over(status: dict[str, Any]) -> dict[str, str]:
    return {c.get("build") or c["commit"]: c["why"] for c in status["baseline"]["passed_over"]}


def test_the_exact_base_comes_first(world: World) -> None:
    build(world, "b2", commit="C2")
    build(world, "b1", commit="C1")
    status = head(world, base_commit="C2", ancestors=["C1"], base_branch="main")
    assert status["base"] == "b2"
    assert status["baseline"] == {"kind": "exact", "passed_over": []}
    assert status["baseline_reason"] == "the newest build of base_commit C2"


def test_the_newest_eligible_build_of_the_base_commit(world: World) -> None:
    build(world, "old", commit="C")
    build(world, "good", commit="C")
    build(world, "rejected", commit="C", review=Review.REJECTED)
    build(world, "fork.x", commit="C")
    build(world, "part", commit="C", selective=True)
    build(world, "feature", commit="C", branch="feature")
    status = head(world, base_commit="C")
    assert (status["base"], status["baseline"]["kind"]) == ("good", "exact")
    assert passed_over(status) == {
        "feature": "nobody has approved it, and its branch 'feature' is no baseline branch",
        "part": "it holds only a part of the suite",
        "fork.x": "a fork's build is never a baseline",
        "rejected": "it was rejected",
    }


def test_an_exact_base_that_may_not_serve_is_not_waited_for(world: World) -> None:
    build(world, "old", commit="C1")
    build(world, "bad", commit="C3", review=Review.REJECTED)
    status = head(world, base_commit="C3", ancestors=["C2", "C1"])
    assert status["base"] == "old"
    assert status["baseline"] == {
        "kind": "ancestor",
        "distance": 2,
        "passed_over": [
            {"build": "bad", "why": "it was rejected"},
            {"commit": "C2", "why": "it has no build"},
        ],
    }
    assert status["baseline_reason"] == (
        "base_commit C3 cannot be compared with: its build bad may not serve: it was rejected. "
        "Instead the nearest ancestor with a build that may serve, 2 commits before the base: "
        "the newest build of commit C1"
    )


def test_a_push_without_a_base_is_compared_with_its_nearest_ancestor(world: World) -> None:
    build(world, "p2", commit="P2")
    build(world, "p3", commit="P3")
    status = head(world, branch="main", ancestors=["H", "P1", "P2", "P3"], base_branch="main")
    assert (status["base"], status["baseline"]["kind"]) == ("p2", "ancestor")
    assert status["baseline"]["distance"] == 2
    assert "2 commits before this commit" in status["baseline_reason"]


def test_the_base_branch_is_the_last_resort_and_said_to_be(world: World) -> None:
    build(world, "main-1", commit="M1")
    build(world, "main-2", commit="M2")
    build(world, "main-3", commit="M3", review=Review.REJECTED)
    build(world, "other", commit="O", branch="release")
    status = head(world, ancestors=["X", "Y"], base_branch="main")
    assert (status["base"], status["baseline"]["kind"]) == ("main-2", "branch")
    assert (
        "the newest build of base_branch main that may serve, of commit M2"
        in (status["baseline_reason"])
    )
    assert passed_over(status)["main-3"] == "it was rejected"


@pytest.mark.parametrize(
    ("said", "serves"),
    [
        pytest.param({"selective": True}, False, id="nobody knows of what"),
        pytest.param({"all_names": ["a.png", "b.png"]}, False, id="one of two"),
        pytest.param({"all_names": ["a.png"]}, True, id="all of the suite"),
    ],
)
def test_a_selective_upload_is_a_base_only_if_it_holds_all_names(
    world: World, said: dict[str, Any], serves: bool
) -> None:
    build(world, "old", commit="A")
    build(world, "part", commit="C", **said)
    status = head(world, base_commit="C", ancestors=["A"])
    assert status["base"] == ("part" if serves else "old")


def test_forks_cannot_crowd_out_the_builds_of_a_branch(world: World) -> None:
    build(world, "main-1", commit="M1")
    for n in range(60):
        build(world, f"fork.{n}", commit=f"F{n}", branch="main")
    assert head(world, ancestors=["X"], base_branch="main")["base"] == "main-1"


def test_a_build_of_the_base_s_own_commit_does_not_wait_for_another(world: World) -> None:
    build(world, "old", commit="A")
    status = head(world, commit="C", base_commit="C", ancestors=["A"])
    assert (status["base"], status["baseline"]["kind"]) == ("old", "ancestor")


def test_a_second_build_of_a_commit_may_be_compared_with_the_first(world: World) -> None:
    build(world, "first", commit="C")
    assert head(world, commit="C", base_commit="C")["base"] == "first"


def test_a_build_is_never_its_own_base(world: World) -> None:
    build(world, "main-1", commit="M1")
    status = head(world, branch="main", commit="M2", base_branch="main")
    assert status["base"] == "main-1"


def test_without_any_baseline_everything_is_added_and_passes(world: World) -> None:
    status = head(world, ancestors=["X"], base_branch="main")
    assert (status["base"], status["verdict"], status["counts"]["added"]) == (None, "passed", 1)
    assert status["baseline"]["kind"] == "none"
    assert status["baseline_reason"].endswith("every snapshot counts as added")


@pytest.mark.parametrize(
    ("images", "verdict"), [(IMAGES, "needs_review"), ({}, "passed")], ids=["pictures", "none"]
)
def test_where_nothing_but_unapproved_builds_are_what_is_new_needs_a_person(
    world: World, images: dict[str, bytes], verdict: str
) -> None:
    """A clone that is too shallow to see the base branch does not make a pull request pass."""
    build(world, "b", commit="C", branch="stacked", review=Review.REJECTED)
    fields: dict[str, Any] = {"branch": "f", "base_commit": "C", "allow_empty": True}
    world.compare(world.upload("head", images, **fields))
    status = world.status("head")
    assert (status["base"], status["verdict"]) == (None, verdict)
    assert (status["baseline"]["kind"], status["counts"]["added"]) == ("refused", len(images))
    assert status["baseline_reason"] == (
        "base_commit C cannot be compared with: its build b may not serve: it was rejected, and "
        "nothing else may: every snapshot counts as added, and needs a person"
    )


@pytest.mark.parametrize(
    "what", [{"name": "fork.b"}, {"selective": True}], ids=["a fork's", "a part"]
)
def test_what_can_never_be_approved_for_it_leaves_a_first_upload_one(
    world: World, what: dict[str, Any]
) -> None:
    fields = {"branch": "f", "commit": "C", "name": "b", **what}
    build(world, **fields)
    status = head(world, ancestors=["C"])
    assert (status["baseline"]["kind"], status["verdict"]) == ("none", "passed")


def test_the_choice_stands_in_comparison_json_and_in_the_record(world: World) -> None:
    build(world, "old", commit="C1")
    build(world, "bad", commit="C2", review=Review.REJECTED)
    status = head(world, base_commit="C2", ancestors=["C1"])
    assert world.published("head")["baseline"] == status["baseline"]
    record = world.record("head", "old")
    assert record.choice is not None
    assert record.choice.as_json() == status["baseline"]
    decided = world.ledger.builds[record.head].baseline
    assert decided is not None
    assert decided.choice == record.choice


def test_no_more_than_twenty_candidates_are_remembered(world: World) -> None:
    build(world, "old", commit="C40")
    status = head(world, ancestors=[f"C{n}" for n in range(1, 41)])
    assert status["baseline"]["distance"] == 40
    assert [c["commit"] for c in status["baseline"]["passed_over"]] == [
        f"C{n}" for n in range(1, 21)
    ]


# Squash and rebase merges: the commit on main was never built, its pull request was.


def test_a_squashed_pull_request_is_found_by_its_tree(world: World) -> None:
    build(world, "old", commit="M1")
    build(
        world, "pr5", commit="P5", branch="feature", pull_request=5, tree="T5",
        review=Review.APPROVED,
    )  # fmt: skip
    landed = {"S": {"tree": "T5", "pull_request": 5}}
    status = head(world, base_commit="S", ancestors=["M1"], landed=landed)
    assert (status["base"], status["baseline"]["kind"]) == ("pr5", "exact")
    assert status["baseline_reason"] == (
        "base_commit S has the same files as commit P5 of this build"
    )


def test_a_rebased_pull_request_is_found_by_its_number_if_it_was_approved(world: World) -> None:
    build(world, "old", commit="M1")
    build(
        world, "pr5-1", commit="P5a", branch="f", pull_request=5, tree="T", review=Review.APPROVED
    )
    build(
        world, "pr5-2", commit="P5b", branch="f", pull_request=5, tree="U", review=Review.APPROVED
    )
    landed = {"S": {"tree": "another", "pull_request": "5"}}
    status = head(world, base_commit="S", ancestors=["M1"], landed=landed)
    assert (status["base"], status["baseline"]["kind"]) == ("pr5-2", "exact")
    assert status["baseline_reason"] == "base_commit S is merged pull request #5, of this build"


def test_what_passed_and_landed_is_answered_for_by_what_it_was_compared_with(
    world: World,
) -> None:
    """Nobody has to review a build that changes nothing, and nobody waits for another one."""
    build(world, "main-1", commit="M1")
    pr5: dict[str, Any] = {"commit": "P5", "branch": "f", "pull_request": 5, "tree": "T5"}
    build(world, "pr5", **pr5, base_commit="M1")
    status = head(world, base_commit="S", landed={"S": {"tree": "T5"}})
    assert (status["base"], status["baseline"]["kind"]) == ("main-1", "exact")
    assert status["baseline_reason"] == (
        "base_commit S has the same files as commit P5 of build pr5, "
        "which passed against this build"
    )
    assert passed_over(status) == {
        "pr5": "nobody has approved it, and its branch 'f' is no baseline branch"
    }


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"images": {"a.png": b"changed"}}, id="it has changes"),
        pytest.param({"base_commit": None}, id="it was compared with nothing"),
        pytest.param({"selective": True}, id="it is a part"),
        pytest.param({"base": Review.REJECTED}, id="its base was rejected"),
        pytest.param({"review": Review.REJECTED}, id="it was rejected"),
    ],
)
def test_nothing_answers_for_what_landed_otherwise(world: World, how: dict[str, Any]) -> None:
    build(world, "old", commit="M0")
    build(world, "main-1", commit="M1")
    fields: dict[str, Any] = {"commit": "P5", "branch": "f", "tree": "T5", "base_commit": "M1"}
    fields |= {name: how[name] for name in ("base_commit", "selective") if name in how}
    world.compare(world.upload("pr5", how.get("images", IMAGES), **fields))
    world.review("pr5", how.get("review"))
    world.review("main-1", how.get("base"))
    status = head(world, ancestors=["S", "M0"], landed={"S": {"tree": "T5"}})
    assert status["base"] == "old"


def test_squashed_ancestors_are_found_too(world: World) -> None:
    pr5: dict[str, Any] = {"commit": "P5", "branch": "f", "pull_request": 5, "tree": "T5"}
    build(world, "pr5", **pr5, review=Review.APPROVED)
    status = head(world, ancestors=["S2", "S1"], landed={"S1": {"tree": "T5"}})
    assert (status["base"], status["baseline"]["distance"]) == ("pr5", 2)


def test_a_pull_request_is_not_its_own_landed_base(world: World) -> None:
    build(world, "first", commit="P1", branch="f", pull_request=5, review=Review.APPROVED)
    build(world, "main-1", commit="M1")
    status = head(world, pull_request=5, ancestors=["S", "M1"], landed={"S": {"pull_request": 5}})
    assert status["base"] == "main-1"


# Named by its id.


def test_a_build_that_is_named_serves_once_it_is_approved(world: World) -> None:
    """Naming it is CI's word; nobody has looked."""
    build(world, "b", commit="C", branch="feature")
    upload = world.upload("head", IMAGES, branch="feature", base_build="b")
    assert isinstance(world.compare(upload), Failed)
    assert world.status("head")["error"]["message"].startswith(
        "base_build b cannot be compared with: nobody has approved it"
    )
    world.review("b", Review.APPROVED)
    assert isinstance(world.compare(upload), Published)
    status = world.status("head")
    assert (status["base"], status["baseline"]["kind"]) == ("b", "named")


def test_a_named_build_that_never_comes_is_a_failure_and_may_be_tried_again(world: World) -> None:
    upload = world.upload("head", IMAGES, base_build="typo")
    assert isinstance(world.compare(upload), Waiting)
    world.clock.sleep(world.limits.grace + 1)
    sweep(world.service(), world.resumed.append)
    [outcome] = world.deliver_resumed()
    assert isinstance(outcome, Failed)
    assert world.status("head")["error"] == {
        "code": "BASE_MISSING",
        "message": "base_build typo cannot be compared with: no build of base_build typo came "
        "within 10 minutes (did its snapshot job run and upload?), and the manifest names nothing "
        "else. Upload it or approve it, then write this build's manifest once more",
    }
    build(world, "typo", commit="C")
    assert isinstance(world.compare(upload), Published)
    assert world.status("head")["base"] == "typo"


# A push to a release branch.

RELEASE: dict[str, Any] = {"branch": "release/2", "base_branch": "main"}


def released(world: World, **fields: Any) -> dict[str, Any]:
    """The status of a push to release/2, which left main at M1; R2 and R1 are its own commits."""
    where = {"base_commit": "M1", "ancestors": ["M0"], "branch_commits": ["R2", "R1"]}
    return head(world, **{**RELEASE, "commit": "R3", **where, **fields})


def test_a_push_to_a_release_branch_is_compared_with_its_own_approved_build(world: World) -> None:
    build(world, "m1", commit="M1")
    build(world, "r1", commit="R1", review=Review.APPROVED, **RELEASE)
    build(world, "r2", commit="R2", **RELEASE)
    status = released(world)
    assert (status["base"], status["baseline"]["kind"]) == ("r1", "ancestor")
    assert status["baseline"]["distance"] == 2
    assert status["baseline_reason"] == (
        "the nearest commit of release/2 itself with a build that may serve, 2 commits before "
        "this commit: the newest build of commit R1"
    )
    assert passed_over(status) == {
        "r2": "nobody has approved it, and its branch 'release/2' is no baseline branch"
    }


def test_a_release_branch_that_is_a_baseline_branch_needs_no_approval(world: World) -> None:
    for name in ("trunk.r1", "trunk.r2"):
        world.clock.sleep(1)
        upload = world.upload(name, IMAGES, commit=name.removeprefix("trunk."), **RELEASE)
        world.compare(upload, baseline_branches=("main", "release/*"), trunk_only=True)
    upload = world.upload(
        "trunk.r3", IMAGES, **RELEASE, commit="r3", branch_commits=["r2", "r1"], base_commit="M1"
    )
    world.compare(upload, baseline_branches=("main", "release/*"), trunk_only=True)
    status = world.status("trunk.r3")
    assert (status["base"], status["baseline"]["distance"]) == ("trunk.r2", 1)


@pytest.mark.parametrize(
    "own",
    [
        pytest.param({}, id="nobody approved"),
        pytest.param({"review": Review.REJECTED}, id="rejected"),
        pytest.param({"name": "fork.r", "review": Review.APPROVED}, id="a fork's, approved"),
        pytest.param({"selective": True, "review": Review.APPROVED}, id="a part, approved"),
        pytest.param({"name": "trunk.r"}, id="the trunk's prefix, but no baseline branch"),
        pytest.param({"commit": "R4", "review": Review.APPROVED}, id="of a commit that is gone"),
    ],
)
def test_without_an_approved_build_of_its_own_it_falls_back_as_any_build(
    world: World, own: dict[str, Any]
) -> None:
    build(world, "m1", commit="M1")
    build(world, **{"name": "r", "commit": "R2", **RELEASE, **own})
    status = released(world)
    assert (status["base"], status["baseline"]["kind"]) == ("m1", "exact")


def test_the_first_push_to_a_release_branch_waits_for_where_it_left_main(world: World) -> None:
    upload = world.upload(
        "head", IMAGES, **RELEASE, commit="R1", base_commit="M1", branch_commits=[]
    )
    assert isinstance(world.compare(upload), Waiting)
    build(world, "m1", commit="M1")
    world.deliver_resumed()
    assert world.status("head")["base"] == "m1"


def test_a_pull_request_that_landed_on_a_release_branch_is_its_own(world: World) -> None:
    build(world, "m1", commit="M1")
    pr9: dict[str, Any] = {"branch": "fix", "pull_request": 9, "tree": "T9", "commit": "F"}
    build(world, "pr9", **pr9, review=Review.APPROVED)
    status = released(world, landed={"R2": {"tree": "T9", "pull_request": 9}})
    assert (status["base"], status["baseline"]["distance"]) == ("pr9", 1)


def test_in_a_shallow_clone_the_newest_approved_build_of_the_release_branch_serves(
    world: World,
) -> None:
    build(world, "r1", commit="R1", review=Review.APPROVED, **RELEASE)
    build(world, "r2", commit="R2", **RELEASE)
    build(world, "m1", commit="M1")
    shallow: dict[str, Any] = {"base_commit": None, "ancestors": [], "branch_commits": []}
    status = released(world, **shallow)
    assert (status["base"], status["baseline"]["kind"]) == ("r1", "branch")
    assert "the newest build of release/2 itself that may serve" in status["baseline_reason"]


def test_in_a_shallow_clone_a_release_branch_without_builds_falls_back_to_main(
    world: World,
) -> None:
    build(world, "m1", commit="M1")
    shallow: dict[str, Any] = {"base_commit": None, "ancestors": [], "branch_commits": []}
    assert released(world, **shallow)["base"] == "m1"


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"pull_request": 7}, id="a pull request from the release branch"),
        pytest.param({"branch_commits": None}, id="an older client"),
    ],
)
def test_what_is_no_push_to_a_release_branch_is_compared_with_its_base(
    world: World, said: dict[str, Any]
) -> None:
    build(world, "m1", commit="M1")
    build(world, "r2", commit="R2", review=Review.APPROVED, **RELEASE)
    assert released(world, **said)["base"] == "m1"


def test_a_build_that_is_named_comes_before_a_release_branch_s_own(world: World) -> None:
    build(world, "m1", commit="M1")
    build(world, "r2", commit="R2", review=Review.APPROVED, **RELEASE)
    assert released(world, base_build="m1")["baseline"]["kind"] == "named"
