"""The seven rules of a comparison's record, each broken by a fault that really happens."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from pixelgate.domain import keys
from pixelgate.domain.keys import NO_BASE, BuildId
from pixelgate.domain.records import ComparisonRecord, State
from pixelgate.errors import (
    EngineDied,
    ErrorCode,
    FaultCode,
    HeldByOther,
    ImageFault,
    LeaseLost,
    OutOfTime,
)
from pixelgate.pipeline.cleanup.sweep import Action, sweep
from pixelgate.pipeline.compare.outcomes import (
    Duplicate,
    Failed,
    Gone,
    Published,
    Superseded,
)
from pixelgate.pipeline.compare.run import compare_build
from pixelgate.pipeline.context import Limits
from support.world import PROJECT, World


class Died(BaseException):
    """The process is killed: no handler of ours runs, as with SIGKILL."""


class NetworkDown(Exception):
    """A fault that a retry can cure."""


@pytest.fixture
def world() -> World:
    """A base build that is compared already, and a head that differs in one of two images."""
    world = World()
    world.compare(world.upload("base", {"a.png": b"a", "b.png": b"b"}))
    world.upload("head", {"a.png": b"a", "b.png": b"b2"}, base_build="base")
    return world


HEAD = BuildId(PROJECT, "head")


def raising(error: BaseException) -> Callable[[bytes, bytes], None]:
    def script(base: bytes, head: bytes) -> None:
        raise error

    return script


def of_many(images: int) -> tuple[World, BuildId]:
    """A world, and a head of which every image differs from its base's."""
    world = World()
    world.compare(world.upload("base", {f"{i}.png": b"%d" % i for i in range(images)}))
    changed = {f"{i}.png": b"%d!" % i for i in range(images)}
    return world, world.upload("head", changed, base_build="base")


# Rule 1: the claim is one conditional write.


def test_thirty_two_deliveries_at_once_publish_once(world: World) -> None:
    results: list[object] = []
    start = threading.Barrier(32)

    def deliver() -> None:
        start.wait()
        try:
            results.append(type(world.compare(HEAD)))
        except HeldByOther:
            results.append(HeldByOther)

    threads = [threading.Thread(target=deliver) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert results.count(Published) == 1
    assert set(results) <= {Published, Duplicate, HeldByOther}
    assert len(results) == 32
    assert world.record("head", "base").claims == 1


# Rule 2: every later write is fenced.


def test_a_late_worker_changes_nothing(world: World) -> None:
    """The first worker is paused inside its diff; the second one takes over and publishes."""

    def pause_and_be_overtaken(base: bytes, head: bytes) -> None:
        world.differs.script = lambda base, head: None
        world.clock.sleep(world.limits.lease + 1)
        assert isinstance(world.compare(HEAD), Published)

    world.differs.script = pause_and_be_overtaken
    outcome = world.compare(HEAD)

    assert isinstance(outcome, Superseded)
    assert world.record("head", "base").execution == "execution-3"
    status = world.status("head")
    assert status["execution"] == "execution-3"
    assert "/execution-3/" in status["comparison"]
    assert world.published("head")["execution"] == "execution-3"


@pytest.mark.parametrize("attempts_left", [True, False], ids=["release", "fail"])
def test_a_late_worker_that_fails_changes_nothing_either(world: World, attempts_left: bool) -> None:
    def be_overtaken_and_fail(base: bytes, head: bytes) -> None:
        world.differs.script = lambda base, head: None
        world.clock.sleep(world.limits.lease + 1)
        world.compare(HEAD)
        raise NetworkDown("late")

    world.differs.script = be_overtaken_and_fail
    if attempts_left:
        with pytest.raises(NetworkDown):
            world.compare(HEAD)
    else:
        late = world.compare(HEAD, limits=Limits(max_attempts=1))
        assert isinstance(late, Superseded)

    assert world.record("head", "base").state is State.SUCCEEDED
    assert world.status("head")["state"] == "SUCCEEDED"
    assert world.status("head")["execution"] == "execution-3"


def test_processing_of_a_paused_worker_does_not_cover_the_result(world: World) -> None:
    """It is paused between its claim and its first word in status.json."""
    claim = world.ledger.claim

    def claim_and_pause(*args: object) -> ComparisonRecord:
        record = claim(*args)  # type: ignore[arg-type]
        world.ledger.claim = claim  # type: ignore[method-assign]
        world.clock.sleep(world.limits.lease + 1)
        assert isinstance(world.compare(HEAD), Published)
        return record

    world.ledger.claim = claim_and_pause  # type: ignore[method-assign,assignment]
    assert isinstance(world.compare(HEAD), Superseded)
    assert world.status("head")["state"] == "SUCCEEDED"


# Rule 3: publication is the exactly-once gate; nothing is visible before it.


def test_nothing_is_visible_before_the_publication(world: World) -> None:
    seen: list[str] = []
    publish = world.ledger.publish

    def look_first(*args: object) -> ComparisonRecord:
        status = world.status("head")
        seen.append(f"{status['state']} {status['comparison']} {status['verdict']}")
        return publish(*args)  # type: ignore[arg-type]

    world.ledger.publish = look_first  # type: ignore[method-assign,assignment]
    world.compare(HEAD)
    assert seen == ["PROCESSING None None"]


# Rule 4: a failure that a retry can cure never ends in a terminal state.


def test_a_failure_that_a_retry_cures_gives_the_lease_back_and_the_retry_runs(
    world: World,
) -> None:
    world.differs.script = raising(NetworkDown("no route"))
    with pytest.raises(NetworkDown):
        world.compare(HEAD)
    record = world.record("head", "base")
    assert record.state is State.PROCESSING
    assert record.error_message == "INTERNAL: NetworkDown: no route"
    assert world.status("head")["state"] == "PROCESSING"

    world.differs.script = lambda base, head: None
    outcome = world.compare(HEAD)  # at once: no lease to wait for
    assert isinstance(outcome, Published)
    assert len(world.differs.calls) == 2
    assert world.record("head", "base").error_message is None


def test_after_the_last_attempt_it_is_failed_once_with_code_and_message(world: World) -> None:
    world.differs.script = raising(NetworkDown("no route"))
    for _ in range(2):
        with pytest.raises(NetworkDown):
            world.compare(HEAD)
    outcome = world.compare(HEAD)

    assert isinstance(outcome, Failed)
    assert outcome.record.error_code is ErrorCode.INTERNAL
    assert world.status("head")["error"] == {
        "code": "INTERNAL",
        "message": "NetworkDown: no route",
    }
    assert world.status("head")["verdict"] is None


def test_a_failed_comparison_runs_again_when_it_is_delivered_anew(world: World) -> None:
    world.limits = Limits(max_attempts=1)
    world.differs.script = raising(NetworkDown("no route"))
    assert isinstance(world.compare(HEAD), Failed)
    world.differs.script = lambda base, head: None
    assert isinstance(world.compare(HEAD), Published)
    assert world.status("head")["state"] == "SUCCEEDED"
    assert world.status("head")["error"] is None


def test_a_lost_image_fails_at_once_and_for_good() -> None:
    world = World()
    build = world.upload("b", {"a.png": b"a", "b.png": b"b"}, missing=("b.png",))
    outcome = world.compare(build)
    assert isinstance(outcome, Failed)
    error = world.status("b")["error"]
    assert error["code"] == "IMAGE_MISSING"
    assert "'b.png'" in error["message"]
    assert "'a.png'" not in error["message"]
    assert isinstance(world.compare(build), Duplicate)
    assert world.record("b", NO_BASE).claims == 1


def test_a_status_that_cannot_be_written_gives_the_lease_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow_down(*args: object) -> None:
        raise NetworkDown("503 Slow Down")

    monkeypatch.setattr(world.objects, "replace", slow_down)
    with pytest.raises(NetworkDown):
        world.compare(HEAD)
    monkeypatch.undo()
    assert isinstance(world.compare(HEAD), Published)  # at once, as Lambda's first retry


def test_a_lease_that_cannot_be_given_back_runs_out_and_hides_no_error(world: World) -> None:
    def unreachable(*args: object) -> None:
        raise NetworkDown("ledger")

    world.differs.script = raising(NetworkDown("differ"))
    world.ledger.release = unreachable  # type: ignore[method-assign,assignment]
    with pytest.raises(NetworkDown, match="differ") as caught:
        world.compare(HEAD)
    assert caught.value.__notes__ == ["the lease could not be given back: ledger"]


# Rule 5: near its time limit a worker stops early.


def test_a_worker_short_of_time_keeps_its_diffs_and_gives_the_lease_back() -> None:
    world, head = of_many(40)
    left = [1_000.0]

    def use_time(base: bytes, head: bytes) -> None:
        left[0] -= 100

    world.differs.script = use_time
    with pytest.raises(OutOfTime):
        compare_build(head, world.service(), lambda: left[0])
    done = len(world.differs.calls)
    assert 0 < done < 40
    record = world.record("head", "base")
    assert (record.state, record.lease_until) == (State.PROCESSING, 0.0)

    outcome = world.compare(head)
    assert isinstance(outcome, Published)
    assert outcome.tally.cached == done
    assert outcome.tally.diffed == 40 - done
    assert len(world.differs.calls) == 40


def test_the_lease_is_prolonged_while_work_goes_on() -> None:
    world, head = of_many(40)
    world.differs.script = lambda base, head: world.clock.sleep(10)  # 400 s in all
    assert isinstance(world.compare(head), Published)
    assert world.record("head", "base").lease_until > world.clock.now - 60


def test_a_worker_whose_heartbeat_is_refused_stops_before_the_end() -> None:
    world, head = of_many(60)

    def refuse(*args: object) -> None:
        raise LeaseLost

    world.ledger.heartbeat = refuse  # type: ignore[method-assign,assignment]
    world.differs.script = lambda base, head: world.clock.sleep(10)
    assert isinstance(world.compare(head), Superseded)
    assert len(world.differs.calls) < 60


# Rule 6: no state is left for ever.


def test_the_sweeper_delivers_a_dead_comparison_again(world: World) -> None:
    world.differs.script = raising(Died())
    with pytest.raises(Died):
        world.compare(HEAD)
    resumed: list[BuildId] = []
    assert sweep(world.service(), resumed.append) == []
    world.clock.sleep(world.limits.sweep_after + 1)
    swept = sweep(world.service(), resumed.append)
    assert [(s.record.id.head, s.action) for s in swept] == [("head", Action.RESUME)]
    assert resumed == [HEAD]


def test_the_sweeper_leaves_a_living_lease_alone(world: World) -> None:
    world.differs.script = raising(Died())
    with pytest.raises(Died):
        world.compare(HEAD)
    claim = world.record("head", "base")
    world.clock.sleep(world.limits.sweep_after + 1)
    world.ledger.heartbeat(claim, world.clock.now, world.clock.now + 90)
    assert sweep(world.service(), lambda build: pytest.fail("resumed")) == []


def test_the_sweeper_gives_up_when_every_attempt_died(world: World) -> None:
    world.differs.script = raising(Died())
    for _ in range(3):
        with pytest.raises(Died):
            world.compare(HEAD)
        world.clock.sleep(world.limits.lease + 1)
    world.clock.sleep(world.limits.sweep_after)
    swept = sweep(world.service(), lambda build: pytest.fail("resumed"))
    assert [s.action for s in swept] == [Action.GIVE_UP]
    assert world.status("head")["error"]["code"] == "TIMEOUT"
    assert "attempt 3 of 3" in world.status("head")["error"]["message"]
    assert sweep(world.service(), lambda build: None) == []


def test_the_sweeper_gives_up_when_sending_again_does_not_help(world: World) -> None:
    world.differs.script = raising(NetworkDown("no route"))
    with pytest.raises(NetworkDown):
        world.compare(HEAD)
    world.clock.sleep(world.limits.give_up_after + 1)
    swept = sweep(world.service(), lambda build: pytest.fail("resumed"))
    assert [s.action for s in swept] == [Action.GIVE_UP]
    assert "no route" in world.status("head")["error"]["message"]


@pytest.mark.parametrize("by", ["the next delivery", "the sweeper"])
def test_a_result_that_its_worker_did_not_tell_is_told(
    world: World, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(record: ComparisonRecord) -> None:
        world.objects.objects.pop(keys.status(HEAD))
        raise Died

    monkeypatch.setattr(world.ledger, "mark_announced", die)
    with pytest.raises(Died):
        world.compare(HEAD)
    monkeypatch.undo()
    if by == "the sweeper":
        world.clock.sleep(world.limits.sweep_after + world.limits.lease)
        swept = sweep(world.service(), lambda build: pytest.fail("resumed"))
        assert [s.action for s in swept] == [Action.TELL]
    else:
        assert isinstance(world.compare(HEAD), Duplicate)
    assert world.status("head")["verdict"] == "needs_review"
    assert world.record("head", "base").announced
    assert sweep(world.service(), lambda build: None) == []


# Rule 7: one image's failure is that image's, and never a pass.


@pytest.mark.parametrize(
    "fault",
    [
        ImageFault(FaultCode.UNREADABLE, "head: the image is damaged"),
        ImageFault(FaultCode.EXCEEDS_PIXEL_LIMIT, "too large"),
        EngineDied(FaultCode.ENGINE_FAILED, "odiff was killed by signal 9"),
    ],
    ids=lambda fault: fault.code,
)
def test_an_image_that_cannot_be_compared_is_errored_and_the_run_goes_on(
    fault: ImageFault,
) -> None:
    world = World()
    world.compare(world.upload("base", {"bad.png": b"x", "good.png": b"y", "same.png": b"z"}))
    head = world.upload(
        "head", {"bad.png": b"x2", "good.png": b"y2", "same.png": b"z"}, base_build="base"
    )

    def script(base: bytes, head: bytes) -> None:
        if base == b"x":
            raise fault

    world.differs.script = script
    outcome = world.compare(head)
    assert isinstance(outcome, Published)
    assert outcome.record.verdict == "needs_review"
    images = world.published("head")["images"]
    assert images["bad.png"]["status"] == "errored"
    assert images["bad.png"]["reason"] == fault.reason
    assert images["good.png"]["status"] == "changed"
    assert images["same.png"]["status"] == "unchanged"


# And what else can be delivered.


def test_a_manifest_overwritten_later_changes_no_baseline(world: World) -> None:
    world.upload("base", {"a.png": b"forged", "b.png": b"b2"})
    assert isinstance(world.compare(HEAD), Published)
    images = world.published("head")["images"]
    assert {name: image["status"] for name, image in images.items()} == {
        "a.png": "unchanged",
        "b.png": "changed",
    }


def test_a_manifest_that_is_gone_is_nothing_to_do() -> None:
    assert isinstance(World().compare(BuildId(PROJECT, "never")), Gone)


def test_a_second_delivery_compares_with_the_base_of_the_first() -> None:
    world = World()
    world.compare(world.upload("old", {"a.png": b"1"}, commit="c1"))
    head = world.upload("head", {"a.png": b"2"}, base_commit="c1")
    world.differs.script = raising(NetworkDown())
    with pytest.raises(NetworkDown):
        world.compare(head)
    world.clock.sleep(5)
    world.compare(world.upload("new", {"a.png": b"2"}, commit="c1"))
    world.differs.script = lambda base, head: None
    world.compare(head)
    assert world.status("head")["base"] == "old"


def test_equal_pairs_are_diffed_once() -> None:
    world = World()
    world.compare(world.upload("base", {f"{i}.png": b"before" for i in range(5)}))
    world.compare(world.upload("head", {f"{i}.png": b"after" for i in range(5)}, base_build="base"))
    assert len(world.differs.calls) == 1
    assert world.published("head")["counts"]["changed"] == 5
