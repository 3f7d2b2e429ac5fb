"""Learned noise in the pipeline: read at most once, frozen on the result, never in the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from pixelgate.domain import keys
from pixelgate.domain.comparison import Diff, Region
from pixelgate.domain.learned_noise import decode, encode
from pixelgate.domain.policy import Policy
from pixelgate.domain.verdict import Evidence, Picture
from pixelgate.past.model import Past
from pixelgate.past.noise import remember
from pixelgate.report.load import comparison_of
from support.doubles.memory import MemoryBucket
from support.images import MASK
from support.reviews import Reviewed
from support.world import PROJECT, ScriptedDiffers, World

KEY = keys.learned_noise(PROJECT)
BASE = {"a.png": b"a", "b.png": b"b"}
# What one image shows beside another: the letter after "~" says how much of it stirs.
STIRS = {"n": 300, "m": 290, "l": 301}
SHAPE = Evidence(blocks=4, differing=80, clear=80, strong=60, most=200, raw=0.3, raw_high=0.3,
                 residue=0.3, residue_high=0.3, residue_most=0.3, stray=0.1)  # fmt: skip
TOTAL = 10_000


class Differs(ScriptedDiffers):
    """Finds a shape that differs, as large as the head says; `~x` also changes elsewhere."""

    def diff(
        self, base: bytes, head: bytes, policy: Policy, wanted: Callable[[], bool] = lambda: True
    ) -> Diff:
        self.calls.append((base, head))
        word = (head if b"~" in head else base).decode().partition("~")[2]
        regions = [
            Region(600, 10, 40, 20, STIRS[letter], 0) for letter in word[:1] if letter in STIRS
        ]
        areas = [SHAPE] * len(regions)
        if "x" in word:
            regions.append(Region(5, 5, 9, 9, 40, len(areas)))
            areas.append(SHAPE)
        pixels = sum(region.pixels for region in regions)
        return Diff(
            *(pixels, pixels, TOTAL, (100, 100), (100, 100), tuple(regions), MASK),
            picture=Picture(differing=pixels), areas=tuple(areas), fingerprint="f" * 32,
        )  # fmt: skip


class Reads(MemoryBucket):
    """A bucket that counts how often the learned noise is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def read(self, key: str, limit: int | None = None) -> bytes:
        self.asked += key == KEY
        return super().read(key, limit)


@dataclass
class Learning(Reviewed):
    """A project of which a snapshot stirs."""

    world: World = field(default_factory=lambda: World(objects=Reads(), differs=Differs()))

    def result(self, build: str) -> dict[str, Any]:
        status = self.world.status(build)
        found: dict[str, Any] = json.loads(self.world.objects.read(status["comparison"]))
        return found

    def image(self, build: str, name: str = "a.png") -> dict[str, Any]:
        found: dict[str, Any] = self.result(build)["images"][name]
        return found

    def stir(self, number: int, word: str = "n") -> None:
        """Two builds of one commit, of which the second one stirs."""
        pull = {"commit": f"c{number}", "base_build": "b0", "pull_request": number}
        self.build(f"r{number}a", BASE, **pull)
        self.build(f"r{number}b", {**BASE, "a.png": f"a{number}~{word}".encode()}, **pull)

    @property
    def asked(self) -> int:
        objects = self.world.objects
        assert isinstance(objects, Reads)
        return objects.asked


@pytest.fixture
def learning() -> Learning:
    made = Learning()
    made.world.objects.clock = made.world.clock
    made.build("b0", BASE, branch="main")
    return made


@pytest.fixture
def learned(learning: Learning) -> Learning:
    """Three commits whose second build stirred, and a night."""
    for number in (1, 2, 3):
        learning.stir(number)
    assert remember(PROJECT, learning.world.objects) == 1
    return learning


def later(made: Learning, build: str, word: str, **fields: Any) -> str:
    """A build of another commit that stirs; returns the status of the snapshot."""
    images = {**BASE, "a.png": f"{build}~{word}".encode()}
    made.build(build, images, base_build="b0", **fields)
    return str(made.image(build)["status"])


def test_what_stirred_three_times_passes_the_fourth_time(learned: Learning) -> None:
    assert later(learned, "b1", "n") == "unchanged"
    assert learned.world.status("b1")["verdict"] == "passed"


def test_before_the_night_it_counts(learning: Learning) -> None:
    for number in (1, 2, 3):
        learning.stir(number)
    assert later(learning, "b1", "n") == "changed"


@pytest.mark.parametrize(
    ("word", "status"),
    [("n", "unchanged"), ("m", "unchanged"), ("l", "changed"), ("nx", "changed"), ("x", "changed")],
    ids=["the same", "a little less", "a pixel more", "and a change elsewhere", "elsewhere"],
)
def test_it_explains_that_much_and_no_more(learned: Learning, word: str, status: str) -> None:
    assert later(learned, "b1", word) == status


def test_a_change_beside_it_counts_for_itself(learned: Learning) -> None:
    later(learned, "b1", "nx")
    regions = learned.image("b1")["regions"]
    assert [(r["mark"], r["noise"]) for r in regions] == [(None, "learned"), ("shape", None)]
    assert learned.world.status("b1")["counts"]["changed"] == 1
    assert "learned_noise" not in learned.world.status("b1")["counts"]


def test_result_and_status_name_what_was_learned(learned: Learning) -> None:
    later(learned, "b1", "m")
    image = learned.image("b1")
    [place] = image["learned_noise"]["places"]
    assert (place["pairs"], place["commits"], place["builds"]) == (3, 3, 3)
    assert (place["boxes"], place["most_pixels"]) == ([[600, 10, 40, 20]], 300)
    assert image["regions"][0]["place"] == 0
    counts = learned.world.status("b1")["counts"]
    assert (counts["unchanged"], counts["learned_noise"], counts["total"]) == (2, 1, 2)
    assert learned.result("b1")["counts"] == counts


def test_a_result_stays_what_it_was_when_more_or_less_is_learned(learned: Learning) -> None:
    later(learned, "b1", "n")
    before = learned.result("b1")
    learned.world.objects.delete([KEY])
    assert later(learned, "b2", "n") == "changed"
    assert learned.result("b1") == before
    read = comparison_of(before)
    assert json.loads(read.encoded()) == before
    judgement = read.snapshots["a.png"].judgement
    assert judgement is not None
    assert judgement.learned is not None
    measured = read.snapshots["a.png"].measured
    assert measured is not None
    assert measured.diff.judge(read.policy, judgement.learned).changed is False
    assert measured.diff.judge(read.policy).changed is True


def test_cached_measurements_are_judged_anew(learned: Learning) -> None:
    """The same pair, with and without what was learned: measured once, judged each time."""
    objects, calls = learned.world.objects, learned.world.differs.calls
    body = objects.read(KEY)
    objects.delete([KEY])
    images = {**BASE, "a.png": b"new~n"}
    learned.build("b1", images, base_build="b0")
    measured = len(calls)
    objects.write(KEY, body, "application/json")
    learned.build("b2", images, base_build="b0")
    objects.delete([KEY])
    learned.build("b3", images, base_build="b0")
    assert len(calls) == measured
    said = [learned.image(build)["status"] for build in ("b1", "b2", "b3")]
    assert said == ["changed", "unchanged", "changed"]


def test_it_is_read_once_and_only_where_something_counts(learned: Learning) -> None:
    before = learned.asked
    learned.build("b1", BASE, base_build="b0")
    assert learned.asked == before
    learned.build("b2", {"a.png": b"p~n", "b.png": b"q~n"}, base_build="b0")
    assert learned.asked == before + 1


def test_it_is_not_read_for_a_page_of_another_size(learned: Learning) -> None:
    learned.world.differs = ScriptedDiffers()
    before = learned.asked
    assert later(learned, "b1", "n") == "changed"
    assert learned.asked == before


@pytest.mark.parametrize(
    "policy", [{"learned_noise": False}, {"strict": True}, {"sensitivity": "exact"}]
)
def test_a_policy_switches_it_off(learned: Learning, policy: dict[str, Any]) -> None:
    before = learned.asked
    assert later(learned, "b1", "n", defaults=policy) == "changed"
    assert learned.asked == before


def test_a_rule_switches_it_off_for_some(learned: Learning) -> None:
    rules = [{"match": "a*", "policy": {"learned_noise": False}}]
    assert later(learned, "b1", "n", rules=rules) == "changed"


def test_of_another_snapshot_nothing_was_learned(learned: Learning) -> None:
    learned.build("b1", {**BASE, "b.png": b"q~n"}, base_build="b0")
    assert learned.image("b1", "b.png")["status"] == "changed"


@pytest.mark.parametrize("body", [b"", b"{}", b"garbage", b'{"schema_version": 9}'])
def test_an_object_that_is_none_of_ours_hides_nothing(learned: Learning, body: bytes) -> None:
    learned.world.objects.write(KEY, body, "application/json")
    assert later(learned, "b1", "n") == "changed"
    [warning] = learned.result("b1")["warnings"]
    assert warning.startswith(f"learned noise explains nothing, as {KEY} cannot be used: ")


def test_what_it_explained_confirms_it_the_next_night(learned: Learning) -> None:
    learned.stir(4)
    assert learned.image("r4b")["status"] == "unchanged"
    remember(PROJECT, learned.world.objects)
    [place] = decode(learned.world.objects.read(KEY))["a.png"].places
    assert place.pairs == 4
    entry = Past.of(learned.world.objects, PROJECT).entry("r4b")
    assert entry is not None
    [spot] = entry.shots["a.png"].regions
    assert (spot.mark, spot.noise, spot.kind) == (None, "learned", "shape")
    assert entry.shots["a.png"].noises == ("learned",)


def test_a_rejection_unlearns_it(learned: Learning) -> None:
    learned.build("b1", {**BASE, "a.png": b"z~l", "b.png": b"q~n"}, base_build="b0")
    learned.review("b1", action="reject", names=["b.png"])
    remember(PROJECT, learned.world.objects)
    assert later(learned, "b2", "n") == "unchanged", "of the other snapshot"
    learned.stir(5, "l")
    learned.review("r5b", action="reject", names=["a.png"])
    remember(PROJECT, learned.world.objects)
    assert later(learned, "b3", "n") == "unchanged", "the rejected one was larger"
    learned.build("b4", {**BASE, "a.png": b"y~n"}, base_build="b0",
                  defaults={"learned_noise": False})  # fmt: skip
    learned.review("b4", action="reject", names=["a.png"])
    remember(PROJECT, learned.world.objects)
    assert later(learned, "b5", "n") == "changed"


def test_names_in_another_unicode_form_are_the_same(learned: Learning) -> None:
    noise = decode(learned.world.objects.read(KEY))["a.png"]
    other = Learning()
    other.world.objects.write(KEY, encode({"a\u0308.png": noise}), "application/json")
    other.build("b0", {"\u00e4.png": b"a"}, branch="main")
    other.build("b1", {"\u00e4.png": b"a~n"}, base_build="b0")
    assert other.image("b1", "\u00e4.png")["status"] == "unchanged"


def test_a_place_of_before_explains_nothing_on_a_larger_page(learned: Learning) -> None:
    noise = decode(learned.world.objects.read(KEY))["a.png"]
    larger = replace(noise, total=noise.total + 100)
    learned.world.objects.write(KEY, encode({"a.png": larger}), "application/json")
    assert later(learned, "b1", "n") == "changed"
