"""Thumbnails in a run: of what a reviewer looks at, once, and never a reason to fail."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from pixelgate.domain import keys
from pixelgate.domain.comparison import (
    Axis,
    Band,
    BandKind,
    Diff,
    Measured,
    Region,
    Snapshot,
    Status,
)
from pixelgate.errors import FaultCode, ImageFault, LeaseLost, NotFound
from pixelgate.pipeline.compare.outcomes import Published
from pixelgate.pipeline.compare.run import compare_build
from pixelgate.pipeline.diffing.thumbnails import draw_thumbnails, thumbnail_requests
from pixelgate.ports import Slices
from pixelgate.report import render_failure
from support.manifests import digest
from support.pages import parsed
from support.world import World


@dataclass
class Drawer:
    """Says what it was given; `broken` images cannot be read."""

    broken: tuple[bytes, ...] = ()
    calls: list[tuple[bytes, bytes | None, Slices]] = field(default_factory=list)
    lock: Any = field(default_factory=threading.Lock)

    def __call__(self, image: bytes, mask: bytes | None, slices: Slices) -> bytes:
        with self.lock:
            self.calls.append((image, mask, slices))
        if image in self.broken:
            raise ImageFault(FaultCode.UNREADABLE, "damaged")
        return b"small " + image


@pytest.fixture
def drawer() -> Drawer:
    return Drawer()


def run(world: World, drawer: Drawer, head: dict[str, bytes], base: dict[str, bytes]) -> Any:
    service = world.service(thumbnail=drawer)
    assert isinstance(compare_build(world.upload("b0", base), service), Published)
    drawer.calls.clear()
    outcome = compare_build(world.upload("b1", head, base_build="b0"), service)
    assert isinstance(outcome, Published)
    return world.published(outcome.record.id.head)


def test_what_a_reviewer_looks_at_has_a_thumbnail(world: World, drawer: Drawer) -> None:
    head = {"same": b"1", "changed": b"2", "new": b"3", "renamed": b"5"}
    base = {"same": b"1", "changed": b"0", "gone": b"4", "old name": b"5"}
    images = run(world, drawer, head, base)["images"]
    shown = {
        name: world.objects.read(image["thumb"]) if "thumb" in image else None
        for name, image in images.items()
    }
    assert shown == {
        "same": None,
        "changed": b"small 2",
        "new": b"small 3",
        "gone": b"small 4",
        "renamed": b"small 5",
    }
    assert images["changed"]["thumb"].startswith("comparisons/shop/b1/b0/execution-2/thumbs/")
    [changed] = [call for call in drawer.calls if call[0] == b"2"]
    assert changed == (b"2", world.objects.read(images["changed"]["mask"]), ((), ()))


def test_none_is_made_twice_for_one_report(world: World, drawer: Drawer) -> None:
    head = {"a": b"1", "the same": b"1", "b": b"2"}
    run(world, drawer, head, {"x": b"0"})
    assert sorted(call[0] for call in drawer.calls) == [b"0", b"1", b"2"]


def test_the_same_image_with_another_mask_is_another_picture(world: World, drawer: Drawer) -> None:
    one = run(world, drawer, {"a": b"2"}, {"a": b"1"})["images"]["a"]["thumb"]
    outcome = compare_build(
        world.upload("b2", {"a": b"2"}, base_build="b0", defaults={"structural_threshold": 0.2}),
        world.service(thumbnail=drawer),
    )
    assert isinstance(outcome, Published)
    other = world.published(outcome.record.id.head)["images"]["a"]["thumb"]
    assert one != other


def test_an_image_that_cannot_be_drawn_has_none_and_the_others_have(world: World) -> None:
    images = run(world, Drawer(broken=(b"2",)), {"a": b"2", "b": b"3"}, {"a": b"1"})["images"]
    assert not world.objects.exists(images["a"]["thumb"])
    assert world.objects.exists(images["b"]["thumb"])


def test_the_verdict_does_not_wait_for_pictures(world: World) -> None:
    seen = []

    def draw(image: bytes, mask: bytes | None, slices: Slices) -> bytes:
        seen.append(world.status("b1")["state"])
        return b"small"

    compare_build(world.upload("b1", {"a": b"1"}), world.service(thumbnail=draw))
    assert seen == ["SUCCEEDED"]


def test_what_keeps_thumbnails_from_being_drawn_is_told_and_changes_nothing(world: World) -> None:
    def fail(image: bytes, mask: bytes | None, slices: Slices) -> bytes:
        raise OSError("no space left")

    outcome = compare_build(world.upload("b1", {"a": b"1"}), world.service(thumbnail=fail))
    assert isinstance(outcome, Published)
    assert str(outcome.thumbnail_error) == "no space left"
    assert world.status("b1")["state"] == "SUCCEEDED"
    assert outcome.announce_error is None


def test_what_thumbnails_will_take_is_in_the_cost() -> None:
    snapshots = {
        "changed": changed(),
        "new": Snapshot(Status.ADDED, digest(3)),
        "the same": Snapshot(Status.ADDED, digest(3)),
        "quiet": Snapshot(Status.UNCHANGED, digest(4), digest(4)),
    }
    assert thumbnail_requests(snapshots, "e/").requests == {
        "s3.GetObject": 3,
        "s3.PutObject": 2,
    }
    assert thumbnail_requests({"quiet": snapshots["quiet"]}, "e/").requests == {}


def test_an_errored_snapshot_shows_the_image_that_can_be_read() -> None:
    broken = Snapshot(Status.ERRORED, digest(1), digest(2), reason="UNREADABLE: head: damaged")
    held, drawer = Held(), Drawer(broken=(digest(1).encode(),))
    thumb = draw(broken, held, drawer)
    assert thumb
    assert held.written[thumb] == b"small " + digest(2).encode()


def test_a_run_without_a_drawer_has_no_thumbnails(world: World) -> None:
    service = world.service()
    outcome = compare_build(world.upload("b0", {"a": b"1"}), service)
    assert isinstance(outcome, Published)
    assert "thumb" not in world.published(outcome.record.id.head)["images"]["a"]


@pytest.mark.parametrize(
    ("time_left", "seconds_each", "drawn"),
    [
        pytest.param(900.0, 0.0, 9, id="time for all"),
        pytest.param(900.0, 50.0, 3, id="two minutes and no longer"),
        pytest.param(149.0, 0.0, 0, id="the worker is near its own end"),
    ],
)
def test_thumbnails_never_keep_a_run_from_its_end(
    world: World, time_left: float, seconds_each: float, drawn: int
) -> None:
    def slowly(image: bytes, mask: bytes | None, slices: Slices) -> bytes:
        with lock:
            world.clock.sleep(seconds_each)
        return b"small"

    lock = threading.Lock()
    build = world.upload("b1", {f"{n}": bytes([n]) for n in range(9)})
    outcome = compare_build(build, world.service(thumbnail=slowly), lambda: time_left)
    assert isinstance(outcome, Published)
    images = world.published("b1")["images"]
    there = sum(world.objects.exists(image["thumb"]) for image in images.values())
    # Two threads: when the time is over another one may be under way.
    assert drawn <= there <= drawn + bool(seconds_each)


@dataclass
class Held:
    """Images and masks that are there whatever is asked."""

    missing: tuple[str, ...] = ()
    written: dict[str, bytes] = field(default_factory=dict)

    def read(self, key: str, limit: int | None = None) -> bytes:
        if key in self.missing:
            raise NotFound(key)
        return key.rpartition("/")[2].encode()

    def exists(self, key: str) -> bool:
        return key in self.written

    def write(self, key: str, body: bytes, content_type: str) -> None:
        assert content_type == "image/webp"
        self.written[key] = body


def changed(bands: tuple[Band, ...] = ()) -> Snapshot:
    diff = Diff(1, 1, 90, (9, 10), (9, 10), (Region(0, 0, 1, 1, 1),), bands=bands)
    return Snapshot(Status.CHANGED, digest(1), digest(2), measured=Measured(diff, "mask.png"))


def draw(
    snapshot: Snapshot, held: Held, drawer: Drawer, check: Callable[[], None] = lambda: None
) -> str | None:
    made = draw_thumbnails(
        {"a": snapshot},
        folder="e/",
        objects=held,  # type: ignore[arg-type]
        images=held,
        thumbnail=drawer,
        check=check,
    )
    return made["a"].thumb


@pytest.mark.parametrize(
    ("bands", "slices"),
    [
        ((), ((), ())),
        ((Band(BandKind.INSERTED, 3, 2, 3, 3),), (((0, 0, 3), (3, 3, 2), (5, 5, 5)), ())),
        ((Band(BandKind.DELETED, 3, 2, 3, 3),), (((0, 0, 3), (5, 3, 7)), ())),
        (
            (Band(BandKind.DELETED, 0, 2, 0, 0), Band(BandKind.INSERTED, 6, 6, 6, 4)),
            (((2, 0, 4), (6, 4, 6)), ()),
        ),
        (
            (Band(BandKind.INSERTED, 3, 2, 3, 3, Axis.COLUMNS),),
            ((), ((0, 0, 3), (3, 3, 2), (5, 5, 4))),
        ),
    ],
)
def test_the_drawer_is_told_where_head_lies_on_the_canvas(
    bands: tuple[Band, ...], slices: Slices
) -> None:
    drawer = Drawer()
    assert draw(changed(bands), Held(), drawer)
    assert drawer.calls == [(digest(1).encode(), b"mask.png", slices)]


def test_a_mask_that_is_gone_costs_only_the_thumbnail() -> None:
    assert draw(changed(), Held(missing=("mask.png",)), Drawer()) is None


def test_who_loses_the_lease_stops() -> None:
    def lost() -> None:
        raise LeaseLost("another worker took over")

    with pytest.raises(LeaseLost):
        draw(changed(), Held(), Drawer(), check=lost)


def test_a_failed_run_leaves_a_page_that_says_why(world: World) -> None:
    build = world.upload("b1", {"a": b"1"}, missing=("a",))
    compare_build(build, world.service(render_failure=render_failure))
    status = world.status(build.build)
    assert (status["state"], status["report"]) == ("FAILED", keys.failure(build))
    page = parsed(world.objects.read(status["report"]))
    assert "Failed: an image never arrived" in page.text
    assert status["error"]["message"].rstrip(".") in page.text
