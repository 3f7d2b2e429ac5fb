"""Pictures of a pull request's comment in a run: which ones, when, and never a reason to fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from pixelgate.domain import keys
from pixelgate.domain.comparison import Diff, Measured, Snapshot, Status
from pixelgate.domain.keys import ComparisonId
from pixelgate.domain.policy import Policy
from pixelgate.domain.preview import MOST, SECONDS, Previews, file_of
from pixelgate.errors import FaultCode, ImageFault
from pixelgate.pipeline.announce.announce import Backlog
from pixelgate.pipeline.compare.batches import Batch, Handed
from pixelgate.pipeline.compare.fan_out import publish_handed, work
from pixelgate.pipeline.compare.outcomes import HandedOver, Published
from pixelgate.pipeline.context import Limits
from pixelgate.pipeline.diffing.previews import most_different
from pixelgate.ports import Slices
from support.doubles.memory import MemoryEvents
from support.doubles.memory_fan_out import MemoryFanOut
from support.manifests import digest
from support.world import PROJECT, ScriptedDiffers, World

BASE = {f"{n}.png": b"old%d" % n for n in range(9)}
HEAD = {f"{n}.png": b"new%d" % n for n in range(9)}


@dataclass
class Drawer:
    """Says what it was given; `before` runs first and may raise."""

    before: Callable[[bytes | None, bytes | None], None] = lambda base, head: None
    calls: list[tuple[bytes | None, bytes | None, bytes | None]] = field(default_factory=list)

    def __call__(
        self,
        base: bytes | None,
        head: bytes | None,
        mask: bytes | None,
        places: tuple[Slices, Slices],
    ) -> bytes:
        self.calls.append((base, head, mask))
        self.before(base, head)
        return b"%s | %s | %s" % (base or b"none", head or b"none", b"mask" if mask else b"none")


class BySize(ScriptedDiffers):
    """Says that 7 tenths of `new7` changed, each image in a way of its own."""

    def diff(
        self, base: bytes, head: bytes, policy: Policy, wanted: Callable[[], bool] = lambda: True
    ) -> Diff:
        much = int(head.removeprefix(b"new"))
        told = super().diff(base, head, policy, wanted)
        return replace(told, changed_pixels=much, fingerprint=f"{much}" * 32)


@pytest.fixture
def world() -> World:
    made = World(differs=BySize())
    made.compare(made.upload("b0", BASE))
    return made


def compare(world: World, drawer: Drawer | None, build: str = "b1", **fields: Any) -> Published:
    fields = {"base_build": "b0", "pull_request": 5, "branch": "topic", **fields}
    images = fields.pop("images", HEAD)
    changes = fields.pop("changes", {})
    outcome = world.compare(world.upload(build, images, **fields), preview=drawer, **changes)
    assert isinstance(outcome, Published)
    return outcome


def listed(world: World, build: str = "b1") -> Previews | None:
    folder = folder_of(world, build)
    if not world.objects.exists(keys.preview_list(folder)):
        assert not list(world.objects.list(folder))
        return None
    found = Previews.parse(world.objects.read(keys.preview_list(folder)))
    assert found is not None
    return found


def folder_of(world: World, build: str = "b1") -> str:
    execution = world.status(build)["execution"]
    return keys.previews(keys.pictures(ComparisonId(PROJECT, build, "b0"), execution))


def names(world: World, build: str = "b1") -> list[str] | None:
    found = listed(world, build)
    return None if found is None else [picture.name for picture in found.pictures]


def test_the_six_most_different_are_drawn_largest_share_first(world: World) -> None:
    drawer = Drawer()
    outcome = compare(world, drawer)
    assert outcome.preview_error is None
    assert names(world) == ["8.png", "7.png", "6.png", "5.png", "4.png", "3.png"]
    assert [call[:2] for call in drawer.calls] == [
        (b"old%d" % n, b"new%d" % n) for n in (8, 7, 6, 5, 4, 3)
    ]
    found = listed(world)
    assert found is not None
    first = found.pictures[0]
    picture = b"old8 | new8 | mask"
    assert (first.file, first.status, first.share, first.like) == (
        *(file_of(picture), "changed"),
        *(0.8, 0),
    )
    assert world.objects.read(folder_of(world) + first.file) == picture
    assert found.until == int(world.clock.now) + SECONDS


def test_they_lie_beside_the_masks_and_the_mask_of_the_snapshot_is_drawn(world: World) -> None:
    drawer = Drawer()
    compare(world, drawer, images={**BASE, "8.png": b"new8"})
    result = world.status("b1")["comparison"].removesuffix("comparison.json")
    assert folder_of(world) == f"{result}previews/"
    stored = json.loads(world.objects.read(f"{result}comparison.json"))
    assert drawer.calls[0][2] == world.objects.read(stored["images"]["8.png"]["mask"])


def test_without_the_setting_nothing_is_drawn(world: World) -> None:
    compare(world, None)
    assert names(world) is None


@pytest.mark.parametrize(
    ("build", "fields"),
    [
        ("fork.b1", {}),
        ("b1", {"pull_request": None}),
        ("b1", {"images": BASE}),
    ],
    ids=["a fork's build", "a build without a pull request", "a build that passed"],
)
def test_who_gets_none(world: World, build: str, fields: dict[str, Any]) -> None:
    drawer = Drawer()
    compare(world, drawer, build, **fields)
    assert (names(world, build), drawer.calls) == (None, [])


def test_they_are_there_when_the_result_is_announced(world: World) -> None:
    """The notifier writes the comment at once, and hears of nothing later."""
    seen: list[Any] = []

    class Bus(MemoryEvents):
        def emit(self, kind: str, detail: Any) -> None:
            if detail["state"] == "SUCCEEDED":
                seen.append(names(world))
            super().emit(kind, detail)

    compare(world, Drawer(), changes={"events": Backlog(Bus())})
    assert seen == [["8.png", "7.png", "6.png", "5.png", "4.png", "3.png"]]


def test_what_keeps_them_from_being_drawn_is_told_and_changes_nothing(world: World) -> None:
    def fail(base: bytes | None, head: bytes | None) -> None:
        raise MemoryError("too large")

    outcome = compare(world, Drawer(fail))
    assert str(outcome.preview_error) == "too large"
    assert outcome.announce_error is None
    assert world.status("b1")["state"] == "SUCCEEDED"
    assert names(world) is None


def test_one_that_cannot_be_drawn_gives_its_place_to_the_next(world: World) -> None:
    def fail(base: bytes | None, head: bytes | None) -> None:
        if head in {b"new8", b"new5"}:
            raise ImageFault(FaultCode.UNREADABLE, "damaged")

    assert compare(world, Drawer(fail)).preview_error is None
    assert names(world) == ["7.png", "6.png", "4.png", "3.png", "2.png", "1.png"]


def test_ten_thousand_that_cannot_be_drawn_are_not_all_tried(world: World) -> None:
    def fail(base: bytes | None, head: bytes | None) -> None:
        raise ImageFault(FaultCode.UNREADABLE, "damaged")

    drawer = Drawer(fail)
    many = {f"new{n}.png": b"%d" % n for n in range(3 * MOST)}
    compare(world, drawer, images={**BASE, **many})
    assert names(world) == []
    assert len(drawer.calls) == 2 * MOST


def test_drawing_ends_in_time(world: World) -> None:
    drawer = Drawer(lambda base, head: world.clock.sleep(8))
    compare(world, drawer)
    assert names(world) == ["8.png", "7.png"]


def test_what_was_handed_to_many_workers_has_them_too() -> None:
    world = World(differs=BySize(), limits=Limits(inline_megapixels=0, batch_pairs=3))
    world.compare(world.upload("b0", BASE))
    drawer, comparison = Drawer(), ComparisonId(PROJECT, "b1", "b0")
    head = world.upload("b1", HEAD, base_build="b0", pull_request=5, branch="topic")
    handed_over = world.compare(head, fan_out=MemoryFanOut(), preview=drawer)
    assert isinstance(handed_over, HandedOver)
    handed = Handed(comparison, handed_over.record.execution)
    plan = world.objects.read(keys.fan_out(comparison, handed.execution, "batches.json"))
    for fields in json.loads(plan):
        work(handed, Batch(**fields), world.service(preview=drawer), lambda: float("inf"))
    assert drawer.calls == []
    outcome = publish_handed(handed, world.service(preview=drawer), lambda: float("inf"))
    assert isinstance(outcome, Published)
    assert names(world) == ["8.png", "7.png", "6.png", "5.png", "4.png", "3.png"]


# --- which ----------------------------------------------------------------------------------------


def changed(pixels: int, group: str | None = None, counted: int = 0) -> Snapshot:
    diff = Diff(pixels, 0, 100, (10, 10), (10, 10), counted_pixels=counted)
    return Snapshot(
        *(Status.CHANGED, digest(1), digest(2)), measured=Measured(diff, "mask"), group=group
    )


FOUND = {
    "a": changed(10, "header"),
    "b": changed(30, "header"),
    "c": changed(30, "header"),
    "d": changed(20),
    "e": changed(5, counted=50),
    "added": Snapshot(Status.ADDED, digest(3)),
    "broken": Snapshot(Status.ERRORED, digest(4), digest(5), reason="UNREADABLE: head: damaged"),
    "gone": Snapshot(Status.REMOVED, None, digest(6)),
    "copied": Snapshot(Status.RENAMED, digest(7), digest(7)),
    "quiet": Snapshot(Status.UNCHANGED, digest(8), digest(8)),
    "left out": Snapshot(Status.SKIPPED, None, digest(9)),
}


def test_each_group_is_shown_by_its_most_different_snapshot() -> None:
    found = most_different(FOUND, has_base=True)
    shown = [(name, others) for name, _, others in found]
    assert shown == [("e", 0), ("b", 2), ("d", 0), ("gone", 0), ("added", 0), ("broken", 0)]


def test_of_a_first_upload_only_errors_need_a_review() -> None:
    assert [name for name, _, _ in most_different(FOUND, has_base=False)] == ["broken"]


def test_groups_of_added_and_removed_count_once() -> None:
    twins = {n: Snapshot(Status.ADDED, digest(3), group="added-3") for n in ("x", "y")}
    assert [(n, others) for n, _, others in most_different(twins, has_base=True)] == [("x", 1)]
