"""What people decide is what later builds are compared with, and who waits is heard of."""

from __future__ import annotations

from typing import Any

import pytest

from support.reviews import Reviewed

BASE = {"a.png": b"a"}
HEAD = {"a.png": b"a2"}


@pytest.fixture
def reviewed() -> Reviewed:
    """A baseline, and a pull request's build on top of it that changes a picture."""
    made = Reviewed()
    made.build("b0", BASE, branch="main", commit="c0")
    made.build("b1", HEAD, commit="c1", base_commit="c0", pull_request=5)
    return made


def next_build(reviewed: Reviewed, name: str = "b2") -> dict[str, Any]:
    """A build on top of the pull request's commit."""
    reviewed.build(name, HEAD, commit="c2", base_commit="c1", ancestors=["c0"], pull_request=6)
    return reviewed.world.status(name)


def test_approved_build_is_a_baseline(reviewed: Reviewed) -> None:
    reviewed.review("b1", action="approve")
    status = next_build(reviewed)
    assert (status["base"], status["baseline"]["kind"]) == ("b1", "exact")
    assert status["review"]["state"] == "not_needed"


def test_build_that_is_approved_in_part_is_none(reviewed: Reviewed) -> None:
    reviewed.build("b1+", {**HEAD, "b.png": b"b"}, commit="c1", base_commit="c0", pull_request=5)
    reviewed.review("b1+", action="approve", names=["b.png"])
    assert next_build(reviewed)["base"] == "b0"


def test_carried_over_approval_ends_with_the_one_that_it_rests_on(reviewed: Reviewed) -> None:
    reviewed.review("b1", action="approve")
    reviewed.build("b1-again", HEAD, commit="c1-again", base_commit="c0", pull_request=5)
    reviewed.review("b1", action="reject")
    again = {"base_commit": "c1-again", "ancestors": ["c0"], "pull_request": 6}
    reviewed.build("b2", HEAD, commit="c2", **again)
    status = reviewed.world.status("b2")
    assert status["base"] == "b0"
    assert status["baseline"]["passed_over"][0]["why"] == (
        "its approval was carried over from build b1, which was rejected since"
    )
    reviewed.review("b1-again", action="approve")
    reviewed.build("b3", HEAD, commit="c3", **again)
    assert reviewed.world.status("b3")["base"] == "b1-again"


def test_names_that_are_approved_of_a_first_upload_make_no_baseline_of_the_rest(
    reviewed: Reviewed,
) -> None:
    first = {"broken.png": b"garbage", "never-seen.png": b"x"}
    reviewed.build("first", first, commit="f1")
    reviewed.review("first", action="approve", names=["broken.png"])
    assert (reviewed.state("first"), reviewed.record("first")) == ("approved", None)
    reviewed.build("next", first, commit="f2", ancestors=["f1"])
    assert reviewed.world.status("next")["baseline"]["kind"] == "refused"
    reviewed.review("first", action="approve")
    assert reviewed.record("first") == "approved"


def test_build_that_waits_is_heard_of_and_can_be_reviewed_when_it_is_compared(
    reviewed: Reviewed,
) -> None:
    reviewed.build("b3", HEAD, commit="c9", base_commit="c8", pull_request=7)
    assert reviewed.heard("b3") == [
        ("Comparison", "PROCESSING", None),
        ("Comparison", "WAITING_FOR_BASE", None),
    ]
    reviewed.review("b3", action="approve")
    waiting = reviewed.world.status("b3")
    assert waiting["state"] == "WAITING_FOR_BASE"
    assert "has no result yet" in waiting["review"]["refused"][0]["why"]
    reviewed.build("b8", BASE, branch="main", commit="c8")
    reviewed.world.deliver_resumed()
    assert reviewed.world.status("b3")["base"] == "b8"
    assert (reviewed.state("b3"), reviewed.record("b3")) == ("needed", None)
    reviewed.review("b3", action="approve")
    assert reviewed.record("b3") == "approved"


# --- who waits for what is approved ---------------------------------------------------------------

# S is the squash of pull request #5 on main; main's own build of it has not come.
LANDED = {"base_commit": "S", "landed": {"S": {"pull_request": 5}}, "ancestors": ["c0"]}


def test_approval_wakes_once_however_often_its_event_comes(reviewed: Reviewed) -> None:
    reviewed.build("next", HEAD, commit="c2", **LANDED)
    written = reviewed.write("b1", action="approve")
    for _ in range(3):
        reviewed.deliver(written)
    assert [b.build for b in reviewed.world.resumed] == ["next"]


@pytest.mark.parametrize("said", [{"action": "reject"}, {"action": "approve", "names": ["a.png"]}])
def test_review_that_makes_no_baseline_wakes_nobody(
    reviewed: Reviewed, said: dict[str, Any]
) -> None:
    two = {**HEAD, "b.png": b"b"}
    reviewed.build("b1+", two, commit="c3", base_commit="c0", pull_request=5)
    reviewed.build("next", HEAD, commit="c2", **LANDED)
    reviewed.review("b1+", **said)
    assert reviewed.world.resumed == []
    assert reviewed.world.status("next")["state"] == "WAITING_FOR_BASE"


def test_approval_that_is_carried_over_wakes_too(reviewed: Reviewed) -> None:
    """The next build waits for a commit with the files of one that is rejected, then approved."""
    reviewed.review("b1", action="approve")
    again = {"commit": "c1-again", "base_commit": "c0", "pull_request": 5}
    reviewed.build("next", HEAD, commit="c2", base_commit="c1-again")
    reviewed.build("b1-again", HEAD, **again)
    assert reviewed.said("b1-again")["carried_from"] == "b1"
    reviewed.world.deliver_resumed()
    assert reviewed.world.status("next")["base"] == "b1-again"


def test_build_approved_by_rule_wakes_when_its_images_come_and_asks_nobody_again(
    reviewed: Reviewed,
) -> None:
    asked: list[Any] = []
    waiting = reviewed.world.ledger.waiting

    def count(project: str, topics: Any) -> Any:
        asked.append(topics)
        return waiting(project, topics)

    reviewed.world.ledger.waiting = count  # type: ignore[method-assign]
    reviewed.build("b2", HEAD, branch="main", commit="c2", base_commit="c0")
    assert (reviewed.state("b2"), len(asked)) == ("approved", 1)
