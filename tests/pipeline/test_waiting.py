"""A base that comes late: waited for, woken by its arrival once, or given up in words."""

from __future__ import annotations

from typing import Any

import pytest

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId, ComparisonId
from pixelgate.domain.records import Review, State
from pixelgate.pipeline.announce.status import iso
from pixelgate.pipeline.announce.waiting import resume_waiting_builds
from pixelgate.pipeline.cleanup.sweep import Action, sweep
from pixelgate.pipeline.compare.outcomes import Failed, Published, Waiting
from pixelgate.pipeline.intake.accept import accept_build
from support.world import PROJECT, World

IMAGES = {"a.png": b"a"}
HEAD = BuildId(PROJECT, "head")


def upload_head(world: World, **fields: Any) -> BuildId:
    said = {"commit": "H", "branch": "feature", "base_commit": "C", **fields}
    return world.upload("head", {"a.png": b"a2"}, **said)


def end_grace(world: World) -> list[Action]:
    world.clock.sleep(world.limits.grace + 1)
    return [s.action for s in sweep(world.service(), world.resumed.append)]


def test_a_head_waits_for_a_base_that_is_named_and_not_there(world: World) -> None:
    assert isinstance(world.compare(upload_head(world)), Waiting)
    status = world.status("head")
    assert status["state"] == "WAITING_FOR_BASE"
    assert status["baseline_reason"] == (
        "waiting for a build of base_commit C; if none comes within 10 minutes, "
        "the next best baseline serves"
    )
    assert (status["verdict"], status["base"], status["error"]) == (None, None, None)
    assert status["wait_until"] == "1970-01-12T13:56:40.000+00:00"  # ten minutes later


def test_the_base_s_arrival_wakes_it(world: World) -> None:
    world.compare(upload_head(world))
    world.compare(world.upload("base", IMAGES, commit="C"))
    assert world.resumed == [HEAD]
    [outcome] = world.deliver_resumed()
    assert isinstance(outcome, Published)
    status = world.status("head")
    assert (status["base"], status["baseline"]["kind"]) == ("base", "exact")
    assert status["verdict"] == "needs_review"


def test_it_is_woken_once_and_not_by_the_next_base(world: World) -> None:
    world.compare(upload_head(world))
    for name in ("base", "base-2"):
        world.clock.sleep(1)
        world.compare(world.upload(name, IMAGES, commit="C"))
    assert world.resumed == [HEAD]
    world.deliver_resumed()
    world.clock.sleep(1)
    world.compare(world.upload("base-3", IMAGES, commit="C"))
    assert world.resumed == []
    assert world.status("head")["base"] == "base-2"


def test_many_heads_wait_for_one_base(world: World) -> None:
    for n in range(5):
        build = world.upload(f"h{n}", IMAGES, commit=f"H{n}", base_commit="C")
        assert isinstance(world.compare(build), Waiting)
    world.compare(world.upload("base", IMAGES, commit="C"))
    outcomes = world.deliver_resumed()
    assert [type(o) for o in outcomes] == [Published] * 5
    assert {world.status(f"h{n}")["base"] for n in range(5)} == {"base"}


def test_a_base_that_waits_itself_wakes_its_heads_before_it_is_compared(world: World) -> None:
    world.compare(upload_head(world))
    waiting_base = world.upload("base", IMAGES, commit="C", base_commit="B")
    assert isinstance(world.compare(waiting_base), Waiting)
    [outcome] = world.deliver_resumed()
    assert isinstance(outcome, Published)
    assert world.status("head")["base"] == "base"


def test_a_base_of_which_images_are_missing_is_not_taken_and_not_waited_for(world: World) -> None:
    world.compare(upload_head(world, ancestors=["B"]))
    failed = world.compare(world.upload("base", IMAGES, missing=("a.png",), commit="C"))
    assert isinstance(failed, Failed)
    assert world.resumed == []
    late = world.upload("late", IMAGES, commit="H2", base_commit="C")
    assert isinstance(world.compare(late), Published)
    assert world.status("late")["baseline"]["passed_over"] == [
        {"build": "base", "why": "its upload is incomplete: images of it are not in the bucket"}
    ]


def test_a_base_that_is_being_taken_in_is_waited_for(world: World) -> None:
    """Its record is there, its images are not looked at yet."""
    seen: list[object] = []
    exists = world.objects.exists

    def compare_head_meanwhile(key: str) -> bool:
        world.objects.exists = exists  # type: ignore[method-assign]
        seen.append(world.compare(upload_head(world)))
        return exists(key)

    world.compare(world.upload("zero", IMAGES, commit="Z"))
    world.objects.exists = compare_head_meanwhile  # type: ignore[method-assign]
    world.compare(world.upload("base", {"a.png": b"x"}, commit="C", base_commit="Z"))
    assert [type(o) for o in seen] == [Waiting]
    assert world.resumed == [HEAD]


def test_a_squashed_base_wakes_by_its_tree(world: World) -> None:
    world.compare(upload_head(world, landed={"C": {"tree": "T"}}))
    world.compare(world.upload("pr", IMAGES, commit="P", branch="f", pull_request=5, tree="T"))
    [outcome] = world.deliver_resumed()
    assert isinstance(outcome, Waiting)  # nobody has approved it
    world.review("pr", Review.APPROVED)
    resume_waiting_builds(BuildId(PROJECT, "pr"), world.service())
    [outcome] = world.deliver_resumed()
    assert isinstance(outcome, Published)
    assert world.status("head")["base"] == "pr"


def test_two_that_wait_for_one_another_s_files_wake_each_other_once(world: World) -> None:
    """Both are of a branch that changes nothing; what it was made from has no build yet."""
    waits: dict[str, Any] = {
        "base_commit": "C",
        "tree": "T",
        "landed": {"C": {"tree": "T"}},
        "branch": "f",
    }
    for name in ("one", "two"):
        world.compare(world.upload(name, IMAGES, commit=f"commit-of-{name}", **waits))
    delivered = 0
    while world.resumed and delivered < 10:
        world.resume(world.resumed.pop(0))
        delivered += 1
    assert delivered < 3
    assert world.status("two")["state"] == "WAITING_FOR_BASE"


def test_an_arrival_that_may_not_serve_wakes_it_and_it_waits_on(world: World) -> None:
    world.compare(upload_head(world, landed={"C": {"pull_request": 5}}))
    world.compare(world.upload("pr", IMAGES, commit="P", branch="f", pull_request=5))
    [outcome] = world.deliver_resumed()
    assert isinstance(outcome, Waiting)
    before = world.status("head")["wait_until"]
    world.compare(world.upload("base", IMAGES, commit="C"))
    assert isinstance(world.deliver_resumed()[0], Published)
    assert world.record("head", "base").state is State.SUCCEEDED
    assert before == "1970-01-12T13:56:40.000+00:00"  # the wait did not begin anew


def test_after_the_grace_the_nearest_ancestor_serves_and_the_words_say_so(world: World) -> None:
    world.compare(world.upload("old", IMAGES, commit="A"))
    assert isinstance(world.compare(upload_head(world, ancestors=["B", "A"])), Waiting)
    assert end_grace(world) == [Action.END_WAIT]
    [outcome] = world.deliver_resumed()
    assert isinstance(outcome, Published)
    status = world.status("head")
    assert status["base"] == "old"
    assert status["baseline"] == {
        "kind": "grace",
        "distance": 2,
        "passed_over": [
            {"commit": "C", "why": "it has no build"},
            {"commit": "B", "why": "it has no build"},
        ],
    }
    assert status["baseline_reason"] == (
        "no build of base_commit C came within 10 minutes (did its snapshot job run and upload?). "
        "Instead the nearest ancestor with a build that may serve, 2 commits before the base: "
        "the newest build of commit A"
    )
    assert world.published("head")["baseline_reason"] == status["baseline_reason"]


def test_after_the_grace_a_first_upload_passes_and_says_why(world: World) -> None:
    world.compare(upload_head(world))
    end_grace(world)
    world.deliver_resumed()
    status = world.status("head")
    assert (status["verdict"], status["base"]) == ("passed", None)
    assert status["baseline"]["kind"] == "none"
    assert status["baseline_reason"].startswith("no build of base_commit C came within 10 minutes")


def test_the_sweep_of_every_minute_ends_waits_and_leaves_the_dead_alone(world: World) -> None:
    world.compare(upload_head(world))
    dead = world.ledger.claim(ComparisonId(PROJECT, "x", "y"), "", "e", world.clock(), 0.0)
    world.clock.sleep(world.limits.grace + 1)
    swept = sweep(world.service(), world.resumed.append, waits_only=True)
    assert [(s.record.id.head, s.action) for s in swept] == [("head", Action.END_WAIT)]
    swept = sweep(world.service(), world.resumed.append)
    assert [(s.record.id, s.action) for s in swept] == [(dead.id, Action.RESUME)]


def test_a_second_delivery_while_it_waits_says_so_and_no_more(world: World) -> None:
    head = upload_head(world)
    world.compare(head)
    world.objects.objects.pop(keys.status(head))
    assert isinstance(world.compare(head), Waiting)
    assert world.status("head")["state"] == "WAITING_FOR_BASE"
    assert world.record("head", "@commit:C").claims == 1


def test_a_head_with_missing_images_fails_instead_of_waiting(world: World) -> None:
    head = world.upload("head", IMAGES, missing=("a.png",), commit="H", base_commit="C")
    assert isinstance(world.compare(head), Failed)
    assert world.status("head")["error"]["code"] == "IMAGE_MISSING"


def test_a_fork_s_build_wakes_nobody(world: World) -> None:
    world.compare(upload_head(world))
    world.compare(world.upload("fork.base", IMAGES, commit="C"))
    assert world.resumed == []


def test_a_fork_waits_for_its_base_like_others(world: World) -> None:
    fork = world.upload("fork.head", IMAGES, commit="F", base_commit="C")
    assert isinstance(world.compare(fork), Waiting)
    world.compare(world.upload("base", IMAGES, commit="C"))
    world.deliver_resumed()
    assert world.status("fork.head")["base"] == "base"


def test_what_is_uploaded_during_the_wait_changes_nothing(world: World) -> None:
    head = upload_head(world)
    world.compare(head)
    accepted = world.objects.read(keys.uploaded_manifest(head))
    world.objects.write(keys.uploaded_manifest(head), b"{}", "application/json")
    world.compare(world.upload("base", IMAGES, commit="C"))
    assert isinstance(world.deliver_resumed()[0], Published)
    assert world.objects.read(keys.accepted_manifest(head)) == accepted


def test_images_are_looked_at_once_however_long_it_waits(world: World) -> None:
    world.compare(upload_head(world))
    end_grace(world)
    world.deliver_resumed()
    assert len([key for key in world.objects.reads if key.startswith("images/")]) == 1


# Grace is a setting of a project, and an old base commit is not waited for.

NOW = 1_800_000_000.0


def committed(seconds_ago: float) -> dict[str, Any]:
    """What git says of the base commit C."""
    return {"landed": {"C": {"tree": "T", "committed": int(NOW - seconds_ago)}}}


@pytest.fixture
def built(world: World) -> World:
    """A world of today, with a build of the commit A on main."""
    world.clock.now = NOW - 1
    world.compare(world.upload("old", IMAGES, commit="A"))
    world.clock.now = NOW
    return world


def test_a_project_says_how_long_it_waits(built: World) -> None:
    head = upload_head(built, ancestors=["A"], grace=90)
    assert isinstance(built.compare(head), Waiting)
    status = built.status("head")
    assert "if none comes within 90 seconds" in status["baseline_reason"]
    assert status["wait_until"] == iso(NOW + 90)
    built.clock.sleep(89)
    assert sweep(built.service(), built.resumed.append, waits_only=True) == []
    built.clock.sleep(2)
    [swept] = sweep(built.service(), built.resumed.append, waits_only=True)
    assert swept.action is Action.END_WAIT
    built.deliver_resumed()
    status = built.status("head")
    assert (status["base"], status["baseline"]["kind"]) == ("old", "grace")
    assert "came within 90 seconds" in status["baseline_reason"]


def test_a_project_without_patience_does_not_wait_at_all(built: World) -> None:
    assert isinstance(built.compare(upload_head(built, ancestors=["A"], grace=0)), Published)
    assert built.status("head")["base"] == "old"


def test_a_project_with_more_patience_than_the_stack_waits_longer(built: World) -> None:
    built.compare(upload_head(built, grace=3_600))
    assert built.status("head")["wait_until"] == iso(NOW + 3_600)
    assert end_grace(built) == []


def test_a_base_commit_older_than_the_grace_is_not_waited_for(built: World) -> None:
    """Path filters skip commits that change other folders: these never have a build."""
    said = committed(7_200)
    assert isinstance(built.compare(upload_head(built, ancestors=["B", "A"], **said)), Published)
    status = built.status("head")
    assert (status["base"], status["baseline"]["kind"]) == ("old", "ancestor")
    assert status["baseline"]["distance"] == 2
    assert status["baseline_reason"] == (
        "base_commit C cannot be compared with: it has no build and is 120 minutes old, which is "
        "longer than a build waits for its base. Instead the nearest ancestor with a build that "
        "may serve, 2 commits before the base: the newest build of commit A"
    )


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="an older client does not say how old it is"),
        pytest.param(committed(599), id="it is young"),
        pytest.param(committed(-1), id="it is of tomorrow"),
        pytest.param(committed(NOW), id="it is of 1970"),
        pytest.param({**committed(7_200), "grace": 7_300}, id="this project waits longer"),
        pytest.param({"landed": {"B": {"committed": int(NOW - 9_999)}}}, id="another one is old"),
    ],
)
def test_a_base_commit_that_may_still_be_built_is_waited_for(
    built: World, fields: dict[str, Any]
) -> None:
    assert isinstance(built.compare(upload_head(built, ancestors=["A"], **fields)), Waiting)


def test_an_old_base_commit_that_is_being_built_is_waited_for(built: World) -> None:
    """Its own build waits for an image, say, because somebody ran the job again."""
    base = built.upload("base", IMAGES, commit="C")
    accept_build(base, built.service())
    head = upload_head(built, ancestors=["A"], **committed(7_200))
    assert isinstance(built.compare(head), Waiting)
    built.compare(base)
    built.deliver_resumed()
    assert built.status("head")["base"] == "base"


def test_an_old_base_commit_that_has_a_build_is_the_base(built: World) -> None:
    built.compare(built.upload("base", IMAGES, commit="C"))
    built.clock.sleep(7_200)
    built.compare(upload_head(built, ancestors=["A"], **committed(7_200)))
    assert built.status("head")["baseline"]["kind"] == "exact"


def test_a_wait_does_not_end_because_the_base_commit_grows_older(built: World) -> None:
    """What counts is its age when the build came, whenever its event is delivered again."""
    head = upload_head(built, ancestors=["A"], **committed(599))
    assert isinstance(built.compare(head), Waiting)
    built.clock.sleep(300)
    assert isinstance(built.compare(head), Waiting)


def test_where_nothing_else_may_serve_an_old_base_commit_leaves_a_first_upload(
    world: World,
) -> None:
    world.clock.now = NOW
    assert isinstance(world.compare(upload_head(world, **committed(7_200))), Published)
    status = world.status("head")
    assert (status["base"], status["baseline"]["kind"]) == (None, "none")
    assert "it has no build and is 120 minutes old" in status["baseline_reason"]
