"""Comparisons that are too much for one worker: handed over, worked on in batches, published."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace

import pytest

from pixelgate.domain import keys
from pixelgate.domain.cost import Usage
from pixelgate.domain.keys import BuildId, ComparisonId
from pixelgate.domain.policy import Noise, Policy
from pixelgate.errors import FaultCode, HeldByOther, ImageFault
from pixelgate.pipeline.compare import batches
from pixelgate.pipeline.compare.batches import Batch, Handed, read_batch
from pixelgate.pipeline.compare.fan_out import (
    BatchCompared,
    Round,
    give_back,
    next_round,
    publish_handed,
    work,
)
from pixelgate.pipeline.compare.outcomes import (
    HandedOver,
    Outcome,
    Published,
    Superseded,
)
from pixelgate.pipeline.compare.run import compare_build
from pixelgate.pipeline.context import Limits
from pixelgate.pipeline.diffing.pairs import DiffCache, DiffStats
from support.doubles.memory_fan_out import MemoryFanOut
from support.world import PROJECT, ScriptedDiffers, World

HEAD = BuildId(PROJECT, "head")
ID = ComparisonId(PROJECT, "head", "base")
MANY = Limits(inline_megapixels=0, batch_pairs=3)


@pytest.fixture
def fan_out() -> MemoryFanOut:
    return MemoryFanOut()


@pytest.fixture
def world(fan_out: MemoryFanOut) -> World:
    """Ten snapshots that differ, two of them in the same way, and some that do not."""
    world = World(limits=MANY)
    same = {"same.png": b"same"}
    old = {f"{i}.png": b"old%d" % i for i in range(10)} | {"twin.png": b"old0"}
    world.compare(world.upload("base", old | same))
    changed = {f"{i}.png": b"new%d" % i for i in range(10)}
    changed |= {"twin.png": b"new0", "new.png": b"garbage, and added"}
    world.upload("head", changed | same, base_build="base")
    return world


def forever() -> float:
    return float("inf")


def handed_of(world: World) -> Handed:
    return Handed(ID, world.record("head", "base").execution)


def planned(world: World, handed: Handed) -> list[Batch]:
    listed = json.loads(world.objects.read(keys.fan_out(ID, handed.execution, "batches.json")))
    return [Batch(**batch) for batch in listed]


def hand_over(world: World, fan_out: MemoryFanOut) -> Handed:
    outcome = world.compare(HEAD, fan_out=fan_out)
    assert isinstance(outcome, HandedOver)
    return handed_of(world)


def run_all(world: World, handed: Handed, *, lost: tuple[int, ...] = ()) -> None:
    for batch in planned(world, handed):
        if batch.number not in lost:
            assert isinstance(work(handed, batch, world.service(), forever), BatchCompared)


def play(world: World, handed: Handed, *, loses: list[set[int]]) -> list[Round]:
    """Maps over the batches round by round, as the state machine does; returns the rounds.

    In each round the batches named for it are lost.
    """
    rounds = [Round(0, "batches.json", 8)]
    for lost in loses:
        listed = world.objects.read(keys.fan_out(ID, handed.execution, rounds[-1].list))
        for batch in (Batch(**fields) for fields in json.loads(listed)):
            if batch.number not in lost:
                work(handed, batch, world.service(), forever)
        rounds.append(next_round(handed, rounds[-1], world.service(), forever))
        if not rounds[-1].batches:
            break
    return rounds


def through(world: World, fan_out: MemoryFanOut) -> Outcome:
    handed = hand_over(world, fan_out)
    run_all(world, handed)
    return publish_handed(handed, world.service(), forever)


def files(world: World, build: str) -> dict[str, str]:
    """What was published, without what names the run and its time."""
    status = world.status(build)
    prefix = status["comparison"].removesuffix("comparison.json")
    names = ("comparison.json", "index.html", "review.json")
    texts = {name: world.objects.read(prefix + name).decode() for name in names}
    texts["status.json"] = json.dumps({**status, "claim": 0})
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?"
    return {
        name: re.sub(moment, "then", text.replace(status["execution"], "execution"))
        for name, text in texts.items()
    }


def test_many_workers_publish_what_one_would(fan_out: MemoryFanOut) -> None:
    def fault(base: bytes, head: bytes) -> None:
        if head == b"new7":
            raise ImageFault(FaultCode.UNREADABLE, "broken")

    published, tallies = [], []
    for limits in (Limits(), MANY):
        world = World(limits=limits, differs=ScriptedDiffers(script=fault))
        same = {"same.png": b"same"}
        old = {f"{i}.png": b"old%d" % i for i in range(10)}
        world.compare(world.upload("base", old | same))
        images = {f"{i}.png": b"new%d" % i for i in range(10)} | {"x.png": b"garbage"} | same
        world.upload("head", images, base_build="base")
        outcome = world.compare(HEAD, fan_out=fan_out)
        if isinstance(outcome, HandedOver):
            handed = handed_of(world)
            run_all(world, handed)
            outcome = publish_handed(handed, world.service(), forever)
        assert isinstance(outcome, Published)
        assert outcome.tally.seconds > 0
        tallies.append(replace(outcome.tally, seconds=0))
        published.append(files(world, "head"))
    assert published[0] == published[1]
    faults = Counter({"UNREADABLE": 2})
    # Nine of ten pixels each; the pair that is broken counts as compared.
    assert tallies == [DiffStats(diffed=10, pixels=90, same_hash=1, faults=faults)] * 2
    counts = json.loads(published[0]["comparison.json"])["counts"]
    assert (counts["changed"], counts["errored"], counts["total"]) == (9, 2, 12)


def test_what_many_workers_cost_is_added_up(world: World, fan_out: MemoryFanOut) -> None:
    class Meter:
        """Each run asks for its usage at its beginning and at its end: one gigabyte second."""

        def __init__(self) -> None:
            self.reads = 0

        def read(self) -> Usage:
            self.reads += 1
            return Usage(float(self.reads), {"s3.GetObject": 10 * self.reads})

    meter = Meter()
    world.compare(HEAD, fan_out=fan_out, meter=meter)
    handed = handed_of(world)
    for batch in planned(world, handed):
        work(handed, batch, world.service(meter=meter), forever)
    publish_handed(handed, world.service(meter=meter), forever)
    cost = world.published("head")["cost"]
    assert cost["gb_seconds"] == 6  # handing over, four batches, publishing
    assert cost["requests"] == {
        "s3.GetObject": 60,
        "states.ExpressExecution": 4,
        "states.StateTransition": 5,
    }


def test_each_unique_pair_is_in_one_batch(world: World, fan_out: MemoryFanOut) -> None:
    handed = hand_over(world, fan_out)
    found = [batches.read_batch(handed, b, world.objects) for b in planned(world, handed)]
    assert [len(pairs) for pairs in found] == [3, 3, 3, 1]
    assert len({pair for pairs in found for pair in pairs}) == 10
    run_all(world, handed)
    assert len(world.differs.calls) == 10


def test_a_batch_holds_no_more_pixels_than_fit(world: World, fan_out: MemoryFanOut) -> None:
    world.limits = replace(MANY, batch_megapixels=0.00002)  # each image has 10 pixels
    handed = hand_over(world, fan_out)
    found = [batches.read_batch(handed, b, world.objects) for b in planned(world, handed)]
    assert [len(pairs) for pairs in found] == [2] * 5


def test_policies_reach_the_workers(fan_out: MemoryFanOut) -> None:
    world = World(limits=MANY)
    world.compare(world.upload("base", {"a.png": b"a", "b.png": b"b"}))
    box = {"x": 1, "y": 2, "width": 3, "height": 4}
    rules = [{"match": "b*", "policy": {"ignore_regions": [box], "noise": {"min_solid_pixels": 4}}}]
    world.upload("head", {"a.png": b"A", "b.png": b"B"}, base_build="base", rules=rules)
    handed = hand_over(world, fan_out)
    [batch] = planned(world, handed)
    first, second = batches.read_batch(handed, batch, world.objects).values()
    assert (first.ignore_regions, first.noise.min_solid_pixels) == ((), Noise().min_solid_pixels)
    assert [vars(b) for b in second.ignore_regions] == [box]
    assert second.noise.min_solid_pixels == 4
    for pair, policy in batches.read_batch(handed, batch, world.objects).items():
        assert policy.fingerprint("odiff 4.5.0") == pair.fingerprint


def test_the_record_says_why(world: World, fan_out: MemoryFanOut) -> None:
    hand_over(world, fan_out)
    assert world.record("head", "base").fan_out == (
        "0 megapixels to compare are more than the 0 for one worker; 10 pairs in 4 batches"
    )
    assert world.status("head")["state"] == "PROCESSING"


@pytest.mark.parametrize(
    ("budget", "left", "alone"),
    [
        pytest.param(1.0, 1_000.0, True, id="fits"),
        pytest.param(0.00009, 1_000.0, False, id="too many pixels"),
        pytest.param(1.0, 74.0, False, id="no time left for any"),
    ],
)
def test_what_fits_one_worker_is_not_handed_over(
    world: World, fan_out: MemoryFanOut, budget: float, left: float, alone: bool
) -> None:
    service = world.service(
        fan_out=fan_out, limits=Limits(inline_megapixels=budget, margin=0 if alone else 74.0)
    )
    outcome = compare_build(HEAD, service, lambda: left)
    assert isinstance(outcome, Published if alone else HandedOver)


def test_nothing_to_compare_is_not_handed_over(fan_out: MemoryFanOut) -> None:
    world = World(limits=MANY)
    world.upload("first", {"a.png": b"a"})
    outcome = world.compare(BuildId(PROJECT, "first"), fan_out=fan_out)
    assert isinstance(outcome, Published)
    assert fan_out.started == {}


def test_without_a_state_machine_one_worker_does_it_all(world: World) -> None:
    assert isinstance(world.compare(HEAD), Published)


def test_the_event_once_more_starts_the_same_execution_and_nothing_else(
    world: World, fan_out: MemoryFanOut
) -> None:
    handed = hand_over(world, fan_out)
    again = world.compare(HEAD, fan_out=fan_out)
    assert isinstance(again, HandedOver)
    assert again.record.execution == handed.execution
    assert fan_out.started == {handed.execution: ID}
    assert (fan_out.calls, world.record("head", "base").claims) == (2, 1)


def test_a_claim_that_was_not_handed_over_is_still_another_s(
    world: World, fan_out: MemoryFanOut
) -> None:
    now = world.clock()
    world.ledger.claim(ID, "because", "e0", now, now + 90)
    with pytest.raises(HeldByOther):
        world.compare(HEAD, fan_out=fan_out)
    assert fan_out.started == {}


def test_a_worker_lists_nothing(
    world: World, fan_out: MemoryFanOut, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a project with 100,000 results, to know of fifty."""
    world.limits = replace(MANY, batch_pairs=50)
    handed = hand_over(world, fan_out)

    def refuse(prefix: str) -> None:
        raise AssertionError(prefix)

    monkeypatch.setattr(world.objects, "list", refuse)
    run_all(world, handed)
    assert len(world.differs.calls) == 10


def test_what_a_lost_batch_had_diffed_is_found_and_the_rest_is_errored(
    world: World, fan_out: MemoryFanOut
) -> None:
    """Its worker wrote one diff before it was killed, for the last time."""
    handed = hand_over(world, fan_out)
    [first, *_] = planned(world, handed)
    left = 2

    def die(base: bytes, head: bytes) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise MemoryError

    world.differs.script = die
    with pytest.raises(MemoryError):
        work(handed, first, world.service(pool=replace(world.differs, size=1)), forever)
    world.differs.script = lambda base, head: None
    diffed = sum(key.startswith("cache/") for key in world.objects.objects)
    run_all(world, handed, lost=(0,))
    outcome = publish_handed(handed, world.service(), forever)
    assert isinstance(outcome, Published)
    assert outcome.record.verdict == "needs_review"
    images = world.published("head")["images"]
    reasons = [i["reason"] for i in images.values() if i["status"] == "errored"]
    missing = [r for r in reasons if r.startswith("RESULT_MISSING")]
    assert len(missing) >= 1
    # "0.png" and "twin.png" show the same pair, in the first batch.
    assert len(missing) in (3 - diffed, 4 - diffed)
    assert outcome.record.counts["errored"] == len(missing) + 1  # new.png is garbage


def test_lost_batches_are_run_again_before_anything_is_errored(
    world: World, fan_out: MemoryFanOut
) -> None:
    handed = hand_over(world, fan_out)
    rounds = play(world, handed, loses=[{0, 2}, set(), set()])
    assert rounds[1:] == [Round(1, "lost-1.json", 4, batches=2), Round(2, "lost-1.json", 4)]
    outcome = publish_handed(handed, world.service(), forever)
    assert isinstance(outcome, Published)
    assert outcome.record.counts["errored"] == 1  # new.png is garbage
    assert outcome.record.counts["changed"] == 11
    assert len(world.differs.calls) == 10


def test_what_is_lost_in_every_round_is_errored(world: World, fan_out: MemoryFanOut) -> None:
    handed = hand_over(world, fan_out)
    rounds = play(world, handed, loses=[{0, 1, 2, 3}, {1, 3}, {3}, set()])
    assert [r.batches for r in rounds] == [0, 4, 2, 0]
    assert [r.concurrency for r in rounds] == [8, 4, 2, 2]
    outcome = publish_handed(handed, world.service(), forever)
    assert isinstance(outcome, Published)
    images = world.published("head")["images"]
    lost = [i["reason"] for i in images.values() if i["status"] == "errored"]
    assert sum(reason.startswith("RESULT_MISSING") for reason in lost) == 1
    assert len(lost) == 2  # new.png is garbage
    assert outcome.record.verdict == "needs_review"


def test_rounds_are_in_the_cost(world: World, fan_out: MemoryFanOut) -> None:
    handed = hand_over(world, fan_out)
    play(world, handed, loses=[{1, 2}, {2}, set()])
    store = DiffCache(world.objects, PROJECT, handed.pictures)
    usage = batches.gather_results(handed, (), store, world.objects).usage
    assert usage is not None
    assert usage.requests == {"states.ExpressExecution": 4 + 2 + 1, "states.StateTransition": 11}


def test_a_search_for_lost_batches_renews_the_lease(world: World, fan_out: MemoryFanOut) -> None:
    handed = hand_over(world, fan_out)
    world.clock.sleep(300)
    next_round(handed, Round(0, "batches.json", 8), world.service(), forever)
    assert world.record("head", "base").lease_until == world.clock() + 900


def test_nothing_is_run_again_for_a_lost_execution(world: World, fan_out: MemoryFanOut) -> None:
    first = hand_over(world, fan_out)
    world.clock.sleep(901)
    hand_over(world, fan_out)
    before = dict(world.objects.objects)
    wanted = next_round(first, Round(0, "batches.json", 8), world.service(), forever)
    assert wanted.batches == 0
    assert world.objects.objects == before


def test_no_result_at_all_is_never_passed(world: World, fan_out: MemoryFanOut) -> None:
    handed = hand_over(world, fan_out)
    outcome = publish_handed(handed, world.service(), forever)
    assert isinstance(outcome, Published)
    assert outcome.record.counts["errored"] == 12
    assert outcome.record.verdict == "needs_review"


def test_results_of_two_odiffs_are_never_mixed(world: World, fan_out: MemoryFanOut) -> None:
    """Another version is deployed after the plan and the first batch."""

    def cached() -> set[str]:
        return {key.split("/")[2] for key in world.objects.objects if key.startswith("cache/")}

    older = ("odiff", "4.3.8")
    handed = hand_over(world, fan_out)
    first, *others = planned(world, handed)
    work(handed, first, world.service(), forever)
    assert cached() == {Policy().fingerprint("odiff 4.5.0")}
    for batch in others:
        work(handed, batch, world.service(engine=older), forever)
    assert cached() == {Policy().fingerprint(f"odiff {v}") for v in ("4.5.0", "4.3.8")}
    outcome = publish_handed(handed, world.service(engine=older), forever)
    assert isinstance(outcome, Published)
    result = world.published("head")
    assert result["engine"]["version"] == "4.3.8"
    # What the other version measured does not count as this one's.
    lost = [name for name, i in result["images"].items() if "RESULT_MISSING" in i.get("reason", "")]
    pairs = read_batch(handed, first, world.objects)
    assert len(lost) in (len(pairs), len(pairs) + 1)  # two names show the same pair
    assert outcome.record.counts["errored"] == len(lost) + 1  # new.png is garbage


def test_results_of_another_execution_are_not_read(world: World, fan_out: MemoryFanOut) -> None:
    run_all(world, hand_over(world, fan_out))
    world.clock.sleep(901)
    second = hand_over(world, fan_out)
    for key in [k for k in world.objects.objects if k.startswith("cache/")]:
        del world.objects.objects[key]
    outcome = publish_handed(second, world.service(), forever)
    assert isinstance(outcome, Published)
    assert outcome.record.counts["errored"] == 12


def test_workers_and_publisher_of_a_lost_execution_change_nothing(
    world: World, fan_out: MemoryFanOut
) -> None:
    first = hand_over(world, fan_out)
    world.clock.sleep(901)
    second = hand_over(world, fan_out)
    assert first.execution != second.execution
    before = dict(world.objects.objects)
    [batch, *_] = planned(world, first)
    assert work(first, batch, world.service(), forever) == Superseded(ID)
    assert publish_handed(first, world.service(), forever) == Superseded(ID)
    assert give_back(first, "too late", world.service()) is False
    assert world.objects.objects == before
    run_all(world, second)
    assert isinstance(publish_handed(second, world.service(), forever), Published)


def test_each_worker_prolongs_the_lease_when_a_third_is_over(
    world: World, fan_out: MemoryFanOut
) -> None:
    handed = hand_over(world, fan_out)
    begun = world.clock()
    first, second, third, *_ = planned(world, handed)
    world.clock.sleep(299)
    work(handed, first, world.service(), forever)
    assert world.record("head", "base").lease_until == begun + 900
    world.clock.sleep(1)
    work(handed, second, world.service(), forever)
    assert world.record("head", "base").lease_until == begun + 300 + 900
    world.clock.sleep(1)
    work(handed, third, world.service(), forever)
    assert world.record("head", "base").lease_until == begun + 300 + 900


def test_a_publisher_that_fails_gives_the_lease_back_and_succeeds_the_next_time(
    world: World, fan_out: MemoryFanOut
) -> None:
    handed = hand_over(world, fan_out)
    run_all(world, handed)

    def broken(*_: object) -> bytes:
        raise ConnectionError("S3 is down")

    with pytest.raises(ConnectionError):
        publish_handed(handed, world.service(render=broken), forever)
    assert world.record("head", "base").error_message == "INTERNAL: ConnectionError: S3 is down"
    outcome = publish_handed(handed, world.service(), forever)
    assert isinstance(outcome, Published)
    assert world.record("head", "base").error_message is None
