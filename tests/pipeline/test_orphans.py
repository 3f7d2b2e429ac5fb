"""What dead runs left is found after a day, and never what anybody may read."""

from __future__ import annotations

import pytest

from pixelgate.domain import keys
from pixelgate.domain.keys import ComparisonId
from pixelgate.domain.records import Failure
from pixelgate.errors import ErrorCode
from pixelgate.pipeline.cleanup.orphans import orphans, projects
from support.world import PROJECT, World

DAY = 86_400.0
FAILURE = Failure(ErrorCode.INTERNAL, "it broke", True)
RECORD = ComparisonId(PROJECT, "head", "@none")


@pytest.fixture
def world() -> World:
    """A published build, whose worker was the second one: the first left two files."""
    made = World()
    made.objects.clock = made.clock
    build = made.upload("head", {"a.png": b"a"})
    write(made, "dead", "comparison.json")
    write(made, "dead", "fan-out/results/000001.json")
    made.clock.sleep(60)
    made.compare(build)
    return made


def write(world: World, execution: str, name: str) -> None:
    world.objects.write(keys.result(RECORD, execution, name), b"{}", "application/json")


def found(world: World, days: float = 1.5) -> dict[str, list[str]]:
    """What is found so many days later: names of files, by execution."""
    world.clock.sleep(days * DAY)
    all_found = orphans(PROJECT, world.service(), older_than=DAY)
    return {run: [key.split("/", 5)[5] for key in files] for run, files in all_found}


def test_what_a_dead_run_left_is_found(world: World) -> None:
    assert found(world) == {"dead": ["comparison.json", "fan-out/results/000001.json"]}
    assert projects(world.objects) == [PROJECT]


def test_a_run_that_may_still_be_at_work_is_left_alone(world: World) -> None:
    assert found(world, 0.9) == {}
    write(world, "dead", "fan-out/results/000002.json")
    assert found(world, 0.5) == {}


def test_of_the_published_run_only_what_its_workers_left_for_one_another(world: World) -> None:
    published = world.record("head", "@none").execution
    write(world, published, "fan-out/plan.jsonl")
    assert found(world)[published] == ["fan-out/plan.jsonl"]


def test_as_long_as_the_comparison_is_open_nothing_is_an_orphan(world: World) -> None:
    record = world.record("head", "@none")
    world.ledger.comparisons[RECORD] = world.ledger.claim(
        ComparisonId(PROJECT, "other", "@none"), "", "e9", world.clock.now, world.clock.now + 90
    )
    assert found(world) == {}
    world.ledger.comparisons[RECORD] = record
    assert "dead" in found(world)


def test_without_a_record_nothing_is_an_orphan(world: World) -> None:
    """It has expired: it cannot tell any more what it had published."""
    del world.ledger.comparisons[RECORD]
    assert found(world) == {}


def test_what_a_status_shows_is_none_though_the_record_has_begun_a_new_life(world: World) -> None:
    shown = world.record("head", "@none").execution
    del world.ledger.comparisons[RECORD]
    world.ledger.claim(RECORD, "", "e9", world.clock.now, world.clock.now + 90)
    claim = world.ledger.comparisons[RECORD]
    world.ledger.fail(claim, FAILURE, world.clock.now)
    assert shown not in found(world)


def test_what_is_older_than_the_record_is_none(world: World) -> None:
    write(world, "earlier", "comparison.json")
    key = keys.result(RECORD, "earlier", "comparison.json")
    world.objects.modified[key] = world.record("head", "@none").created - 30 * DAY
    assert "earlier" not in found(world)


def test_a_run_that_failed_for_good_leaves_orphans(world: World) -> None:
    build = world.upload("failing", {"a.png": b"b"})
    record = ComparisonId(PROJECT, "failing", "@none")
    claim = world.ledger.claim(record, "", "e9", world.clock.now, world.clock.now + 90)
    key = keys.result(record, "e9", "comparison.json")
    world.objects.write(key, b"{}", "application/json")
    world.ledger.fail(claim, FAILURE, world.clock.now)
    assert build.build == "failing"
    assert found(world)["e9"] == ["comparison.json"]
