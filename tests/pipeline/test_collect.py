"""Garbage collection: what goes, when, and what is told of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId, ComparisonId
from pixelgate.domain.records import Review
from pixelgate.errors import WriteConflict
from pixelgate.pipeline.cleanup.garbage import DAY, Collected, Retention, collect
from pixelgate.pipeline.compare.outcomes import Rejected
from support.doubles.memory_attic import MemoryAttic
from support.world import PROJECT, World, sha

RETENTION = Retention(days=30, delay=7 * DAY)


@dataclass
class Tidied:
    """A world that is tidied up."""

    world: World = field(default_factory=lambda: World(render=lambda *about: b"a page"))

    def __post_init__(self) -> None:
        self.attic = MemoryAttic(self.world.objects, self.world.clock)

    def build(self, name: str, *images: bytes, **fields: Any) -> Any:
        named = {f"{i}.png": body for i, body in enumerate(images)}
        return self.world.compare(self.world.upload(name, named, **{"branch": "topic", **fields}))

    def collect(self, *, delete: bool = True) -> Collected:
        return collect(PROJECT, self.world.service(), self.attic, RETENTION, delete=delete)

    def days(self, days: float) -> None:
        self.world.clock.sleep(days * DAY)

    def diffs(self) -> int:
        """How many masks there are, each with its result in it."""
        return sum(key.startswith("diffs/") for key in self.world.objects.objects)

    def there(self) -> set[str]:
        """The builds, and the images by their bytes."""
        found = set()
        for key, body in self.world.objects.objects.items():
            if key.startswith("images/"):
                found.add(body.decode())
            if key.startswith("builds/") and key.endswith("/manifest.json"):
                found.add(key.split("/")[2])
        return found


@pytest.fixture
def tidied() -> Tidied:
    """An old build of a topic, one on main, and one that a person approved."""
    made = Tidied()
    made.build("old", b"x", b"shared")
    made.build("main", b"m", b"shared", branch="main")
    made.build("liked", b"l", b"shared")
    made.world.review("liked", Review.APPROVED)
    made.days(31)
    return made


EVERYTHING = {"old", "main", "liked", "x", "m", "l", "shared"}


def test_a_dry_run_tells_what_would_go_and_changes_nothing(tidied: Tidied) -> None:
    before = dict(tidied.world.objects.objects)
    done = tidied.collect(delete=False)
    assert (done.builds, done.images, done.kept) == (
        ["old"],
        1,
        {"approved": 1, "may be a baseline": 1},
    )
    assert done.size > 0
    assert tidied.world.objects.objects == before
    assert tidied.world.ledger.build(BuildId(PROJECT, "old"))


def test_a_build_and_what_only_it_refers_to_go_step_by_step(tidied: Tidied) -> None:
    assert tidied.collect().forgotten == 1
    assert tidied.world.ledger.build(BuildId(PROJECT, "old")) is None
    assert tidied.there() == EVERYTHING  # nothing of it has gone
    tidied.days(6)
    assert tidied.collect().removed == 0  # too early
    tidied.days(1)
    done = tidied.collect()
    assert (done.removed, done.set_aside) == (1, 1)
    assert tidied.there() == EVERYTHING - {"old", "x"}
    assert keys.aside(PROJECT, sha(b"x")) in tidied.world.objects.objects
    assert tidied.world.ledger.forgotten(BuildId(PROJECT, "old")) is None
    tidied.days(8)
    tidied.collect()
    left = [key for key in tidied.world.objects.objects if "old" in key or sha(b"x") in key]
    assert left == []


def test_an_approval_before_the_first_step_keeps_the_build(tidied: Tidied) -> None:
    assert tidied.collect(delete=False).builds == ["old"]
    tidied.world.review("old", Review.APPROVED)
    for _ in range(5):
        assert tidied.collect().forgotten == 0
        tidied.days(8)
    assert tidied.there() == EVERYTHING


def test_the_id_of_a_hidden_build_is_refused_in_words_and_free_when_it_is_gone(
    tidied: Tidied,
) -> None:
    tidied.collect()
    refused = tidied.build("old", b"x", b"shared")
    assert isinstance(refused, Rejected)
    assert "was removed after its retention" in refused.message
    tidied.days(8)
    assert tidied.collect().removed == 1
    tidied.build("old", b"new")
    assert tidied.world.status("old")["state"] == "SUCCEEDED"


def test_an_upload_that_found_the_image_there_gets_it_back(tidied: Tidied) -> None:
    tidied.collect()
    tidied.days(8)
    tidied.collect()
    assert "x" not in tidied.there()  # set aside
    manifest = {"0.png": b"x", "1.png": b"more"}
    outcome = tidied.world.compare(tidied.world.upload("latest", manifest, missing=("0.png",)))
    assert tidied.world.status("latest")["state"] == "SUCCEEDED", outcome
    assert "x" in tidied.there()


def test_what_is_aside_and_needed_by_an_upload_that_still_waits_is_taken_back(
    tidied: Tidied,
) -> None:
    tidied.collect()
    tidied.days(8)
    tidied.collect()
    tidied.world.upload("late", {"0.png": b"x"}, missing=("0.png",))  # its event has not come
    assert tidied.collect().restored == 1
    assert "x" in tidied.there()


def test_a_young_image_is_left_alone_though_nobody_refers_to_it_yet(tidied: Tidied) -> None:
    tidied.world.objects.write(keys.image(PROJECT, sha(b"young")), b"young", "image/png")
    assert tidied.collect().set_aside == 0
    tidied.days(6)
    assert tidied.collect().set_aside == 0
    assert "young" in tidied.there()


def test_what_waits_and_what_is_somebody_s_base_stay(tidied: Tidied) -> None:
    tidied.build("head", b"h", base_build="old")
    tidied.build("waits", b"w", base_commit="never")
    for _ in range(4):
        tidied.days(8)
        tidied.collect()
    assert tidied.collect(delete=False).kept["not finished"] == 1
    assert {"waits", "w"} <= tidied.there()


def test_the_base_of_a_kept_build_stays_as_long_as_that() -> None:
    tidied = Tidied()
    tidied.build("base", b"b")
    tidied.world.review("base", Review.APPROVED)
    tidied.days(25)
    tidied.build("head", b"h", base_build="base")
    tidied.world.review("base", Review.REJECTED)
    tidied.days(10)
    done = tidied.collect()
    assert (done.forgotten, done.kept) == (0, {"young": 1, "base of a kept build": 1})


def test_a_mask_stays_as_long_as_a_comparison_shows_it_and_goes_with_its_generation() -> None:
    tidied = Tidied()
    tidied.build("base", b"b", branch="main")
    tidied.build("head", b"h", base_build="base")
    assert tidied.diffs() == 1
    tidied.days(31)
    tidied.collect()
    tidied.days(8)
    assert tidied.collect().removed == 1
    assert tidied.diffs() == 1  # a run of this month may still find them
    tidied.days(60)
    assert tidied.collect().deleted == 2  # with what was aside
    assert tidied.diffs() == 0


def test_a_mask_that_is_too_old_to_be_found_stays_while_it_is_shown() -> None:
    tidied = Tidied()
    tidied.build("base", b"b", branch="main")
    tidied.build("head", b"h", base_build="base")
    tidied.world.review("head", Review.APPROVED)
    tidied.days(100)
    tidied.collect()
    assert tidied.diffs() == 1


def test_what_is_no_generation_of_ours_is_left_alone(tidied: Tidied) -> None:
    strange = f"diffs/{PROJECT}/thumbs/x.webp"
    tidied.world.objects.write(strange, b"", "image/webp")
    tidied.days(300)
    tidied.collect()
    assert strange in tidied.world.objects.objects


@pytest.mark.parametrize(
    "key",
    [
        keys.accepted_manifest(BuildId(PROJECT, "odd")),
        keys.status(BuildId(PROJECT, "odd")),
        keys.result(ComparisonId(PROJECT, "odd", "@none"), "e", "comparison.json"),
    ],
)
def test_what_we_wrote_and_cannot_read_stops_it(tidied: Tidied, key: str) -> None:
    tidied.world.objects.write(key, b"{", "application/json")
    before = dict(tidied.world.objects.objects)
    with pytest.raises(ValueError, match="Expecting"):
        tidied.collect()
    assert tidied.world.objects.objects == before


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"images": {"a": 1}}', b"[" * 100_000])
def test_what_others_wrote_and_nobody_can_read_names_nothing(tidied: Tidied, body: bytes) -> None:
    tidied.world.write_manifest("nonsense", body)
    assert tidied.collect().forgotten == 1


def test_an_upload_that_nobody_has_accepted_for_a_month_keeps_nothing(tidied: Tidied) -> None:
    tidied.world.upload("never", {"0.png": b"n"})
    tidied.days(29)
    assert tidied.collect(delete=False).images == 1  # x
    tidied.days(2)
    assert tidied.collect(delete=False).images == 2


def test_a_second_collector_at_the_same_time_is_told_so(tidied: Tidied) -> None:
    tidied.collect()
    tidied.days(8)
    going = {"schema_version": 1, "until": tidied.world.clock.now + 100, "images": []}
    tidied.world.objects.write(keys.going(PROJECT), json.dumps(going).encode(), "application/json")
    with pytest.raises(WriteConflict, match="another run is collecting shop's garbage"):
        tidied.collect()
    assert "x" in tidied.there()
