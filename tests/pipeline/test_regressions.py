"""Faults that a review found in an earlier state of the pipeline, each as it could happen."""

from __future__ import annotations

import threading
import time

import pytest

from pixelgate.domain import keys
from pixelgate.domain.comparison import Diff
from pixelgate.domain.keys import NO_BASE, BuildId
from pixelgate.domain.policy import Policy
from pixelgate.domain.records import State
from pixelgate.engine.pool import SharedDiffers
from pixelgate.errors import ErrorCode, OutOfTime
from pixelgate.pipeline.cleanup.sweep import sweep
from pixelgate.pipeline.compare.outcomes import Duplicate, Failed, Published, Rejected, Waiting
from pixelgate.pipeline.diffing.pairs import DiffCache, DiffStats, diff_pairs
from pixelgate.pipeline.diffing.plan import Pair
from support.world import PROJECT, World, sha


class Died(BaseException):
    """The process is killed."""


def build(name: str) -> BuildId:
    return BuildId(PROJECT, name)


def test_an_image_that_a_failed_base_never_had_does_not_pass(world: World) -> None:
    failed = world.compare(world.upload("A", {"a.png": b"x"}, missing=("a.png",)))
    assert isinstance(failed, Failed)
    world.compare(world.upload("B", {"a.png": b"x"}, missing=("a.png",), base_commit="commit-of-A"))
    assert world.status("B")["error"]["code"] == "IMAGE_MISSING"


def test_images_of_a_complete_base_are_not_asked_for_again(world: World) -> None:
    world.compare(world.upload("A", {"a.png": b"x", "b.png": b"y"}))
    head = world.upload("B", {"a.png": b"x", "c.png": b"y"}, base_build="A")
    world.objects.reads.clear()
    assert isinstance(world.compare(head), Published)
    assert not [key for key in world.objects.reads if key.startswith("images/")]


@pytest.mark.parametrize("stored", [b"garbage", b"other bytes"], ids=["no image", "wrong hash"])
def test_a_first_upload_of_garbage_does_not_pass(stored: bytes) -> None:
    world = World()
    head = world.upload("head", {"a.png": b"garbage", "b.png": b"fine"})
    world.objects.write(keys.image(PROJECT, sha(b"garbage")), stored, "image/png")
    world.compare(head)
    assert world.status("head")["verdict"] == "needs_review"
    images = world.published("head")["images"]
    assert images["a.png"]["status"] == "errored"
    assert images["b.png"]["status"] == "added"


def test_garbage_does_not_pass_for_unchanged_in_the_next_build(world: World) -> None:
    images = {"a.png": b"garbage", "b.png": b"fine"}
    world.compare(world.upload("one", images))
    world.compare(world.upload("two", images, base_build="one"))
    assert world.status("two")["verdict"] == "needs_review"
    found = world.published("two")["images"]
    assert found["a.png"]["status"] == "errored"
    assert found["b.png"]["status"] == "unchanged"


def test_names_of_the_suite_excuse_nothing_in_a_full_build(world: World) -> None:
    world.compare(world.upload("base", {"a.png": b"a", "b.png": b"b"}))
    names = ["a.png", "b.png"]
    world.compare(
        world.upload("head", {"a.png": b"a"}, base_build="base", selective=False, all_names=names)
    )
    assert world.status("head")["counts"]["removed"] == 1
    assert world.status("head")["verdict"] == "needs_review"


def test_a_manifest_that_is_put_back_is_told_again(world: World) -> None:
    first = world.upload("A", {"a.png": b"x"})
    body = world.objects.read(keys.uploaded_manifest(first))
    world.compare(first)
    world.clock.sleep(10)
    assert isinstance(world.compare(world.upload("A", {"a.png": b"y"})), Rejected)
    world.clock.sleep(10)
    assert isinstance(world.compare(world.write_manifest("A", body)), Duplicate)
    assert world.status("A")["state"] == "SUCCEEDED"
    assert world.status("A")["error"] is None


def test_a_result_does_not_cover_a_refusal_that_came_while_it_was_made(world: World) -> None:
    world.compare(world.upload("A", {"a.png": b"x"}))
    head = world.upload("H", {"a.png": b"z"}, base_build="A")

    def another_manifest(base: bytes, head_image: bytes) -> None:
        world.clock.sleep(1)
        world.compare(world.upload("H", {"a.png": b"w"}, base_build="A"))
        world.clock.sleep(1)

    world.differs.script = another_manifest
    world.compare(head)
    assert world.status("H")["error"]["code"] == "BAD_MANIFEST"


def test_a_wait_for_a_base_ends_when_the_base_has_come(world: World) -> None:
    head = world.upload("head", {"a.png": b"a"}, base_build="base")
    assert isinstance(world.compare(head), Waiting)
    world.clock.sleep(30)
    world.compare(world.upload("base", {"a.png": b"a"}))
    world.clock.sleep(30)
    assert isinstance(world.compare(head), Published)
    for _ in range(4):
        world.clock.sleep(300)
        assert sweep(world.service(), lambda b: pytest.fail("resumed")) == []
    waiting = world.record("head", "@build:base")
    assert (waiting.state, waiting.error_code) == (State.FAILED, ErrorCode.BASE_MISSING)
    assert world.status("head")["state"] == "SUCCEEDED"


def test_a_base_whose_worker_died_does_not_hide_the_one_before(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It registered the build and was killed before it had copied the manifest."""

    def die(*args: object) -> None:
        raise Died

    world.compare(world.upload("b1", {"a.png": b"a"}, commit="c"))
    world.clock.sleep(1)
    monkeypatch.setattr(world.objects, "replace", die)
    with pytest.raises(Died):
        world.compare(world.upload("b2", {"a.png": b"a"}, commit="c"))
    monkeypatch.undo()
    world.compare(world.upload("head", {"a.png": b"a"}, base_commit="c"))
    assert world.status("head")["base"] == "b1"


def test_the_lease_is_prolonged_while_images_are_looked_for(world: World) -> None:
    head = world.upload("head", {f"{i}.png": b"%d" % i for i in range(320)})
    read, lock = world.objects.read, threading.Lock()
    left: list[float] = []

    def slow(key: str, limit: int | None = None) -> bytes:
        with lock:
            if key.startswith("images/"):
                world.clock.sleep(0.5)
                left.append(world.record("head", NO_BASE).lease_until - world.clock.now)
        return read(key, limit)

    world.objects.read = slow  # type: ignore[method-assign]
    assert isinstance(world.compare(head), Published)
    assert len(left) == 320
    assert min(left) > 0


def test_one_bad_record_does_not_stop_the_sweep(world: World) -> None:
    world.compare(world.upload("base", {"a.png": b"a"}))

    def boom(base: bytes, head: bytes) -> None:
        raise RuntimeError("boom")

    world.differs.script = boom
    for name in ("h1", "h2"):
        with pytest.raises(RuntimeError):
            world.compare(world.upload(name, {"a.png": name.encode()}, base_build="base"))
    world.clock.sleep(world.limits.sweep_after + 1)
    sent: list[BuildId] = []

    def resume(head: BuildId) -> None:
        if head.build == "h1":
            raise RuntimeError("poison")
        sent.append(head)

    with pytest.raises(ExceptionGroup, match="not every comparison"):
        sweep(world.service(), resume)
    assert sent == [build("h2")]


def test_a_manifest_over_the_limit_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pixelgate.pipeline.intake.accept.MAX_BYTES", 100)
    world = World()
    assert isinstance(world.compare(world.upload("A", {"a.png": b"x"})), Rejected)
    assert "100 are allowed" in world.status("A")["error"]["message"]


def test_an_early_stop_waits_for_what_is_under_way_and_no_more(world: World) -> None:
    begun: list[float] = []

    class Images:
        def read(self, sha256: str) -> bytes:
            return b"x"

    class Slow:
        def diff(self, base: bytes, head: bytes, policy: Policy) -> Diff:
            begun.append(time.monotonic())
            time.sleep(0.2)
            return world.differs.diff(base, head, policy)

        def close(self) -> None: ...

    def stop_when_begun() -> None:
        if begun:
            raise OutOfTime("near")

    with pytest.raises(OutOfTime):
        diff_pairs(
            {Pair(f"{i:064d}", "2" * 64, "f" * 16): Policy() for i in range(20)},
            images=Images(),
            store=DiffCache(world.objects, "p", "e/"),
            pool=SharedDiffers([Slow(), Slow()]),
            tally=DiffStats(),
            check=stop_when_begun,
        )
    assert len(begun) <= 4
