"""Head and base arrive at once: every order of their steps ends with one comparison, the right one.

Two workers are stopped before each call of a port. All schedules with one change of turns, and all
with two, are run: the first goes k steps, the second j steps, then the first to its end; and the
other way round.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from pixelgate.domain.keys import BuildId, Upload
from pixelgate.domain.records import Review, State
from pixelgate.pipeline.cleanup.sweep import sweep
from pixelgate.pipeline.compare.dispatch import receive
from pixelgate.pipeline.compare.outcomes import Published, Waiting
from support.index_audit import audit_index
from support.schedule import Schedule, run_every_order
from support.world import PROJECT, World

IMAGES = {"a.png": b"a"}
HEAD = BuildId(PROJECT, "head")


@dataclass
class Race:
    """A world in which several workers run by a schedule."""

    turns: list[int] = field(default_factory=list)
    dies: dict[int, int] = field(default_factory=dict)
    # Pages are not what is raced for, and each takes as long as all the rest.
    world: World = field(default_factory=lambda: World(render=lambda *about: b"a page"))

    def __post_init__(self) -> None:
        self.schedule = Schedule(self.turns, self.dies)

    def run(self, *workers: Callable[[], object]) -> list[object]:
        return self.schedule.run(*workers)

    def delivery(self, build: BuildId) -> Callable[[], object]:
        return lambda: self.world.compare(build, **self.ports())

    def sweep(self) -> Callable[[], object]:
        service = self.world.service(**self.ports())
        return lambda: sweep(service, self.world.resumed.append)

    def ports(self) -> dict[str, Any]:
        return self.schedule.ports(self.world)

    def upload(self, name: str, images: dict[str, bytes] | None = None, **fields: Any) -> BuildId:
        return self.world.upload(name, images or IMAGES, **fields)

    def settle(self) -> None:
        """Whoever was called for is delivered."""
        self.world.deliver_resumed()

    def sweep_until_quiet(self) -> None:
        """An hour and a half of sweeps, and of the deliveries that they send."""
        for _ in range(18):
            self.world.clock.sleep(300)
            sweep(self.world.service(), self.world.resumed.append)
            self.settle()


def compared_once_with(race: Race, base: str) -> Schedule:
    status = race.world.status("head")
    assert (status["state"], status["base"]) == ("SUCCEEDED", base)
    written = [k for k in race.world.objects.objects if k.startswith("comparisons/shop/head/")]
    results = [key for key in written if "/masks/" not in key]
    # One report, one comparison.json, what there is to review, and what the history gets.
    assert len(results) == 4, results
    record = race.world.record("head", base)
    assert (record.state, record.claims, record.announced) == (State.SUCCEEDED, 1, True)
    race.world.clock.sleep(100_000)
    assert sweep(race.world.service(), race.world.resumed.append) == []
    assert race.world.resumed == []
    audit_index(PROJECT, race.world.objects, race.world.ledger)
    return race.schedule


def test_head_and_base_at_once() -> None:
    calls: list[int] = []

    def run(turns: list[int]) -> Schedule:
        race = Race(turns)
        head = race.upload("head", {"a.png": b"a2"}, commit="H", base_commit="C")
        base = race.upload("base", commit="C")
        outcomes = race.run(race.delivery(head), race.delivery(base))
        assert isinstance(outcomes[1], Published), outcomes
        assert isinstance(outcomes[0], Published | Waiting), outcomes
        calls.append(len(race.world.resumed))
        race.settle()
        return compared_once_with(race, "base")

    assert run_every_order(run) >= 600
    assert set(calls) == {0, 1}  # never called twice, and it happened both ways


def test_two_bases_at_once_wake_a_waiting_head_once() -> None:
    def run(turns: list[int]) -> Schedule:
        race = Race(turns)
        race.world.compare(race.upload("head", commit="H", base_commit="C"))
        bases = [race.upload(name, commit="C") for name in ("base-1", "base-2")]
        outcomes = race.run(*map(race.delivery, bases))
        assert [type(o) for o in outcomes] == [Published, Published]
        assert race.world.resumed == [HEAD]
        race.settle()
        compared_once_with(race, race.world.status("head")["base"])
        assert race.world.status("head")["baseline"]["kind"] == "exact"
        return race.schedule

    assert run_every_order(run) >= 600


def test_the_wake_and_the_end_of_the_grace_at_once() -> None:
    def run(turns: list[int]) -> Schedule:
        race = Race(turns)
        race.world.compare(race.upload("old", commit="A"))
        race.world.compare(race.upload("head", commit="H", base_commit="C", ancestors=["A"]))
        race.world.clock.sleep(race.world.limits.grace + 1)
        base = race.upload("base", commit="C")
        outcomes = race.run(race.delivery(base), race.sweep())
        assert isinstance(outcomes[0], Published), outcomes
        assert race.world.resumed == [HEAD], outcomes
        race.settle()
        return compared_once_with(race, "base")

    assert run_every_order(run) >= 200


def test_the_head_falls_back_while_the_base_arrives() -> None:
    bases: list[str] = []

    def run(turns: list[int]) -> Schedule:
        race = Race(turns)
        race.world.compare(race.upload("old", commit="A"))
        head = race.upload("head", {"a.png": b"2"}, commit="H", base_commit="C", ancestors=["A"])
        race.world.compare(head)
        race.world.clock.sleep(race.world.limits.grace + 1)
        sweep(race.world.service(), race.world.resumed.append)
        race.world.resumed.clear()
        base = race.upload("base", commit="C")
        outcomes = race.run(race.delivery(head), race.delivery(base))
        assert [type(o) for o in outcomes] == [Published, Published]
        race.settle()
        bases.append(race.world.status("head")["base"])
        compared_once_with(race, race.world.status("head")["base"])
        return race.schedule

    assert run_every_order(run) >= 600
    assert set(bases) == {"old", "base"}


def test_two_deliveries_of_a_waiting_head_and_its_base() -> None:
    """Three workers, each interrupted once."""
    for first in range(0, 24, 2):
        for second in range(0, 24, 3):
            for third in range(0, 24, 3):
                race = Race([0] * first + [1] * second + [2] * third)
                head = race.upload("head", {"a.png": b"2"}, commit="H", base_commit="C")
                base = race.upload("base", commit="C")
                outcomes = race.run(race.delivery(head), race.delivery(base), race.delivery(head))
                assert isinstance(outcomes[1], Published), outcomes
                race.settle()
                for outcome, build in zip(outcomes, (head, base, head), strict=True):
                    if isinstance(outcome, Exception):  # HeldByOther: Lambda delivers again
                        race.world.compare(build)
                race.settle()
                compared_once_with(race, "base")


@pytest.mark.parametrize("review", list(Review))
def test_a_review_during_a_run_is_not_lost(review: Review) -> None:
    """Whoever reviews writes one attribute of the build's record; a run writes others."""

    def run(turns: list[int]) -> Schedule:
        race = Race(turns)
        race.world.compare(race.upload("base", commit="C"))
        head = race.upload("head", {"a.png": b"2"}, commit="H", branch="f", base_commit="C")
        race.world.ledger.register(race.world.ledger.builds[BuildId(PROJECT, "base")])

        def approve() -> None:
            race.schedule.pause()
            if HEAD in race.world.ledger.builds:
                race.world.review("head", review)

        race.run(race.delivery(head), approve)
        record = race.world.ledger.builds[HEAD]
        assert record.complete
        assert record.baseline is not None
        assert race.world.status("head")["state"] == "SUCCEEDED"
        # None: nobody could review it yet, as it was not accepted.
        assert record.review in (None, review)
        return race.schedule

    assert run_every_order(run) >= 50


@pytest.mark.parametrize("wanted", ["build", "tree", "pull_request"])
def test_it_is_the_same_whatever_it_waits_for(wanted: str) -> None:
    said: dict[str, dict[str, Any]] = {
        "build": {"base_build": "base"},
        "tree": {"base_commit": "S", "landed": {"S": {"tree": "T"}}},
        "pull_request": {"base_commit": "S", "landed": {"S": {"pull_request": 5}}},
    }

    def run(turns: list[int]) -> Schedule:
        race = Race(turns)
        head = race.upload("head", {"a.png": b"2"}, commit="H", **said[wanted])
        base = race.upload("base", commit="C", tree="T", pull_request=5, branch="f")
        # Approved as soon as it is there, as a carried-over approval is.
        register = race.world.ledger.register

        def approved(build: Any) -> Any:
            stored = register(build)
            if build.id.build == "base":
                race.world.review("base", Review.APPROVED)
                return race.world.ledger.builds[build.id]
            return stored

        race.world.ledger.register = approved  # type: ignore[method-assign]
        race.run(race.delivery(head), race.delivery(base))
        race.settle()
        return compared_once_with(race, "base")

    assert run_every_order(run) >= 600


@pytest.mark.parametrize("delivered_again", [True, False])
@pytest.mark.parametrize("victim", [0, 1], ids=["the head's worker", "the base's worker"])
@pytest.mark.parametrize("head_first", [True, False])
def test_a_worker_that_is_killed_at_any_step_leaves_nothing_open(
    victim: int, head_first: bool, delivered_again: bool
) -> None:
    """Lambda delivers again what dies; without that the sweeper finds what has been claimed."""
    order = [0] * 40 if head_first else [1] * 40
    ends = []
    for step in range(1, 25):
        race = Race(order, {victim: step})
        head = race.upload("head", {"a.png": b"2"}, commit="H", base_commit="C")
        base = race.upload("base", commit="C")
        race.run(race.delivery(head), race.delivery(base))
        race.settle()
        if delivered_again:
            race.world.clock.sleep(120)
            race.world.compare([head, base][victim])
            race.settle()
        begun = any(c.head == "head" for c in race.world.ledger.comparisons)
        race.sweep_until_quiet()
        open_ones = [c for c in race.world.ledger.comparisons.values() if not c.announced]
        assert open_ones == [], (step, open_ones)
        if begun:
            status = race.world.status("head")
            assert status["state"] == "SUCCEEDED", (step, status)
            ends.append(status["baseline"]["kind"])
    assert len(ends) >= 15
    if delivered_again:
        assert set(ends) == {"exact"}


def test_a_woken_worker_that_is_killed_at_any_step_is_replaced_by_the_sweeper() -> None:
    ended = 0
    for step in range(1, 40):
        race = Race(dies={0: step})
        race.world.compare(race.upload("head", {"a.png": b"2"}, commit="H", base_commit="C"))
        race.world.compare(race.upload("base", commit="C"))
        assert race.world.resumed.pop() == HEAD
        service = race.world.service(**race.ports())
        [outcome] = race.run(lambda s=service: receive(Upload(HEAD, resumed=True), s))  # type: ignore[misc]
        ended += isinstance(outcome, Published)
        race.sweep_until_quiet()
        assert all(c.announced for c in race.world.ledger.comparisons.values()), step
        status = race.world.status("head")
        assert (status["state"], status["base"]) == ("SUCCEEDED", "base"), step
    assert 5 <= ended <= 20  # in most runs it was killed, in the last ones it had come to its end
