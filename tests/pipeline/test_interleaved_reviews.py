"""An approval comes while others wait for it or look for it: every order ends alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pixelgate.pipeline.cleanup.sweep import sweep
from pixelgate.pipeline.compare.outcomes import Published, Waiting
from pixelgate.pipeline.compare.run import compare_build
from pixelgate.pipeline.review.apply import CarriedOut, carry_out
from support.index_audit import audit_index
from support.reviews import Reviewed
from support.schedule import Schedule, run_every_order
from support.world import PROJECT, World

BASE, HEAD = {"a.png": b"a"}, {"a.png": b"a2"}
# S is the squash of pull request #5 on main; main's own build of it has not come.
LANDED = {"base_commit": "S", "landed": {"S": {"pull_request": 5}}}


@dataclass
class Race:
    """A base, a pull request's build on top of it, and workers that run by a schedule."""

    turns: list[int]
    dies: dict[int, int] = field(default_factory=dict)
    reviewed: Reviewed = field(
        default_factory=lambda: Reviewed(World(render=lambda *about: b"a page"))
    )

    def __post_init__(self) -> None:
        self.schedule = Schedule(self.turns, self.dies)
        self.reviewed.build("b0", BASE, branch="main", commit="c0")
        self.reviewed.build("b1", HEAD, commit="c1", base_commit="c0", pull_request=5)

    def upload(self, name: str, images: dict[str, bytes], **fields: Any) -> Any:
        """The delivery of a build's event, step by step."""
        self.reviewed.world.clock.sleep(60)
        build = self.reviewed.world.upload(name, images, branch="topic", **fields)
        service = self.service()
        return lambda: compare_build(build, service)

    def approval(self) -> Any:
        """The delivery of the event of b1's approval, step by step."""
        written = self.reviewed.write("b1", action="approve")
        service = self.service()
        return lambda: carry_out(written, service)

    def service(self) -> Any:
        return self.reviewed.service(**self.schedule.ports(self.reviewed.world))

    def settle(self) -> None:
        self.called = [build.build for build in self.reviewed.world.resumed]
        while self.reviewed.world.resumed:
            self.reviewed.resume(self.reviewed.world.resumed.pop(0).build)

    def check_quiet(self) -> None:
        """Nothing is left to the sweeper."""
        self.reviewed.world.clock.sleep(100_000)
        resumed = self.reviewed.world.resumed
        assert sweep(self.reviewed.service(), resumed.append) == []
        assert resumed == []
        audit_index(PROJECT, self.reviewed.world.objects, self.reviewed.world.ledger)


def test_head_begins_to_wait_while_its_base_is_approved() -> None:
    """Called at most once, and compared with the approved build whatever the order."""
    called: set[int] = set()

    def run(turns: list[int]) -> Schedule:
        race = Race(turns)
        outcomes = race.schedule.run(race.upload("next", HEAD, **LANDED), race.approval())
        assert isinstance(outcomes[0], Published | Waiting), outcomes
        assert isinstance(outcomes[1], CarriedOut), outcomes
        race.settle()
        status = race.reviewed.world.status("next")
        assert (status["state"], status["base"]) == ("SUCCEEDED", "b1")
        assert race.reviewed.world.record("next", "b1").claims == 1
        assert race.called in ([], ["next"])
        called.add(len(race.called))
        race.check_quiet()
        return race.schedule

    assert run_every_order(run) >= 300
    assert called == {0, 1}  # it happened both ways


def test_a_build_of_a_branch_is_compared_while_the_one_before_it_is_approved() -> None:
    """As in a pull request, where CI knows no number of one."""
    ways: set[str] = set()

    def run(turns: list[int]) -> Schedule:
        race = Race(turns)
        race.reviewed.build("p1", HEAD, commit="p1", base_commit="c0", base_branch="main")
        again = race.upload("p2", HEAD, base_commit="c0", base_branch="main")
        written, service = race.reviewed.write("p1", action="approve"), race.service()
        outcomes = race.schedule.run(again, lambda: carry_out(written, service))
        assert isinstance(outcomes[0], Published), outcomes
        assert isinstance(outcomes[1], CarriedOut), outcomes
        race.settle()
        said = race.reviewed.said("p2")
        assert (said["state"], said["carried_from"]) == ("approved", "p1"), said
        ways.add("called" if race.called else race.reviewed.heard("p2")[-1][0])
        race.check_quiet()
        return race.schedule

    assert run_every_order(run, step=2) >= 100
    assert ways == {"called", "Comparison", "Review"}


def test_two_approvals_wake_a_waiting_head_once() -> None:
    def run(turns: list[int]) -> Schedule:
        race = Race(turns)
        race.reviewed.build("b1-2", HEAD, commit="c1", base_commit="c0", pull_request=5)
        race.reviewed.build("next", HEAD, **LANDED)
        other = race.reviewed.write("b1-2", action="approve")
        service = race.service()
        race.schedule.run(race.approval(), lambda: carry_out(other, service))
        woken = [b.build for b in race.reviewed.world.resumed if b.build == "next"]
        assert woken == ["next"]
        race.settle()
        assert race.reviewed.world.status("next")["baseline"]["kind"] == "exact"
        race.check_quiet()
        return race.schedule

    assert run_every_order(run, step=2) >= 100


def test_a_build_is_compared_while_the_one_before_it_is_approved() -> None:
    """It carries the approval over in its run, right after it, or when it is called."""
    ways: set[str] = set()

    def run(turns: list[int]) -> Schedule:
        race = Race(turns)
        again = race.upload("b2", HEAD, base_commit="c0", pull_request=5)
        outcomes = race.schedule.run(again, race.approval())
        assert isinstance(outcomes[0], Published), outcomes
        assert outcomes[0].announce_error is None, outcomes
        assert isinstance(outcomes[1], CarriedOut), outcomes
        race.settle()
        said = race.reviewed.said("b2")
        assert (said["state"], said["carried_from"]) == ("approved", "b1"), said
        assert race.reviewed.record("b2") == "approved"
        heard = race.reviewed.heard("b2")
        assert heard[-1][1:] == ("SUCCEEDED", "approved")
        ways.add("called" if race.called else heard[-1][0])
        race.check_quiet()
        return race.schedule

    assert run_every_order(run) >= 300
    assert ways == {"called", "Comparison", "Review"}


def test_an_approval_whose_worker_is_killed_at_any_step_still_wakes() -> None:
    """Lambda delivers the review again; the head is called once or more, compared once."""
    for step in range(1, 40):
        race = Race([], {0: step})
        race.reviewed.build("next", HEAD, **LANDED)
        written = race.reviewed.write("b1", action="approve")
        service = race.service()
        [outcome] = race.schedule.run(lambda: carry_out(written, service))  # noqa: B023
        race.reviewed.world.clock.sleep(60)
        race.reviewed.deliver(written)
        race.settle()
        # Between the wake and the call only the sweeper knows.
        race.reviewed.world.clock.sleep(400)
        sweep(race.reviewed.service(), race.reviewed.world.resumed.append)
        race.settle()
        status = race.reviewed.world.status("next")
        assert (status["state"], status["base"]) == ("SUCCEEDED", "b1"), step
        if isinstance(outcome, CarriedOut):
            break
    assert 15 <= step < 39
