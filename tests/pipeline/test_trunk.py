"""Where only the baseline branch's role makes baselines: its builds' ids begin with `trunk.`."""

from __future__ import annotations

import pytest

from pixelgate.bootstrap import trunk_only
from pixelgate.domain.records import Review
from support.world import World


@pytest.fixture
def world() -> World:
    return World()


def test_a_pull_request_s_job_that_says_main_makes_no_baseline(world: World) -> None:
    world.compare(world.upload("trunk.1", {"a.png": b"right"}, commit="c1"), trunk_only=True)
    world.clock.sleep(1)
    # A job with another role may write any id but `trunk.*`, and any manifest.
    world.compare(world.upload("forged", {"a.png": b"wrong"}, commit="c2"), trunk_only=True)
    head = world.upload("head", {"a.png": b"wrong"}, branch="topic", base_branch="main")
    world.compare(head, trunk_only=True)
    status = world.status("head")
    assert (status["base"], status["verdict"]) == ("trunk.1", "needs_review")
    passed_over = world.published("head")["baseline"]["passed_over"]
    assert [p["build"] for p in passed_over] == ["forged"]
    assert "does not begin with 'trunk.'" in passed_over[0]["why"]


def test_a_changed_build_that_says_main_is_not_approved_by_rule(world: World) -> None:
    world.compare(world.upload("trunk.1", {"a.png": b"old"}), trunk_only=True)
    for build, state in (("forged", "needed"), ("trunk.2", "approved")):
        changed = world.upload(build, {"a.png": b"new"}, base_build="trunk.1")
        world.compare(changed, trunk_only=True)
        assert world.status(build)["review"]["state"] == state


def test_builds_from_before_are_still_baselines_if_a_person_approved_them(world: World) -> None:
    world.compare(world.upload("old", {"a.png": b"same"}), trunk_only=False)
    world.review("old", Review.APPROVED)
    world.compare(world.upload("head", {"a.png": b"same"}, base_build="old"), trunk_only=True)
    assert (world.status("head")["base"], world.status("head")["verdict"]) == ("old", "passed")


def test_the_prefix_is_optional_if_the_stack_says_so(world: World) -> None:
    world.compare(world.upload("old", {"a.png": b"same"}), trunk_only=False)
    world.compare(world.upload("head", {"a.png": b"same"}, base_build="old"), trunk_only=False)
    assert (world.status("head")["base"], world.status("head")["verdict"]) == ("old", "passed")


def test_what_the_stack_says() -> None:
    assert trunk_only({"PIXELGATE_TRUNK_PREFIX": "required"})
    assert not trunk_only({"PIXELGATE_TRUNK_PREFIX": "optional"})
    assert not trunk_only({})  # a function whose stack is older than its code
