"""The index of a project: what published results and reviews leave there, and how it is merged."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.errors import BucketError, NotTold
from pixelgate.past.model import Entry, Past
from pixelgate.past.pairs import PairKind, same_input
from pixelgate.pipeline.announce.index import add_to_index
from pixelgate.pipeline.announce.review_store import read_review_status
from pixelgate.pipeline.cleanup.index import merge_index
from pixelgate.pipeline.compare.run import compare_build
from support.doubles.memory import MemoryBucket
from support.reviews import Reviewed
from support.tidied import Tidied
from support.world import PROJECT, sha

BASE = {"a.png": b"a", "b.png": b"b", "same.png": b"s"}
HEAD = {"a.png": b"a2", "b.png": b"b2", "same.png": b"s"}
HOUR = 3_600.0
NO_INDEX = r"1970-01\.json\.gz is no index of pixelgate"


@pytest.fixture
def reviewed() -> Reviewed:
    """A base build, and b1 with two changes."""
    made = Reviewed()
    made.world.objects.clock = made.world.clock
    made.build("b0", BASE, branch="main")
    made.build("b1", HEAD, base_build="b0", pull_request=5, author="Grace", tree="7" * 40)
    return made


def past(reviewed: Reviewed, **options: Any) -> Past:
    return Past.of(reviewed.world.objects, PROJECT, **options)


def entry(reviewed: Reviewed, build: str) -> Entry:
    found = past(reviewed).entry(build)
    assert found is not None
    return found


def merge(reviewed: Reviewed, later: float = 2 * HOUR) -> int:
    reviewed.world.clock.sleep(later)
    return merge_index(PROJECT, reviewed.world.objects, reviewed.world.clock())


def index(reviewed: Reviewed) -> list[str]:
    prefix = keys.index(PROJECT)
    return [e.key.removeprefix(prefix) for e in reviewed.world.objects.list(prefix)]


# --- what is written ------------------------------------------------------------------------------


def test_a_published_comparison_leaves_what_was_not_unchanged(reviewed: Reviewed) -> None:
    found = entry(reviewed, "b1")
    told = (found.base, found.commit, found.branch, found.pull_request, found.author, found.tree)
    assert told == ("b0", "commit-of-b1", "topic", "5", "Grace", "7" * 40)
    assert (found.verdict, found.review, found.trusted) == ("needs_review", "needed", True)
    assert found.counts["unchanged"] == 1
    assert found.shots.keys() == {"a.png", "b.png"}
    shot = found.shots["a.png"]
    assert (shot.status, shot.head, shot.base) == ("changed", sha(b"a2"), sha(b"a"))
    assert (shot.pixels, shot.total, shot.group) == (1, 10, found.shots["b.png"].group)
    [spot] = shot.regions
    assert (spot.x, spot.y, spot.width, spot.height, spot.pixels) == (0, 0, 1, 1, 1)
    assert (spot.mark, spot.noise) == ("one_sided", None)
    mask = found.mask(shot)
    assert mask is not None
    assert reviewed.world.objects.exists(mask)
    assert reviewed.world.objects.exists(found.report)


def test_the_hashes_of_earlier_attempts_come_from_the_manifest_also_of_what_is_unchanged(
    reviewed: Reviewed,
) -> None:
    build = reviewed.world.upload("b2", HEAD, base_build="b0", branch="topic")
    key = keys.uploaded_manifest(build)
    manifest = json.loads(reviewed.world.objects.read(key))
    manifest["images"]["same.png"]["attempts"] = ["1" * 64, sha(b"s")]
    reviewed.world.objects.write(key, json.dumps(manifest).encode(), "application/json")
    compare_build(build, reviewed.service())
    assert entry(reviewed, "b2").attempts == {"same.png": ("1" * 64, sha(b"s"))}
    assert [(p.kind, p.first, p.second) for p in same_input(past(reviewed))["same.png"]] == [
        (PairKind.ATTEMPT, "1" * 64, sha(b"s")),
        (PairKind.ATTEMPT, sha(b"s"), sha(b"s")),
    ]
    assert entry(reviewed, "b1").attempts == {}


def test_a_first_upload_leaves_every_snapshot(reviewed: Reviewed) -> None:
    found = entry(reviewed, "b0")
    assert (found.base, found.first, found.review) == (None, True, "not_needed")
    assert {name: shot.head for name, shot in found.shots.items()} == {
        name: sha(body) for name, body in BASE.items()
    }


def test_the_image_of_a_snapshot_is_known_through_the_chain_of_bases(reviewed: Reviewed) -> None:
    reviewed.review("b1", action="approve")
    reviewed.build("b2", {**HEAD, "b.png": b"b"}, base_build="b1")
    found = past(reviewed)
    newest = entry(reviewed, "b2")
    images = {name: found.hash(newest, name) for name in ("a.png", "b.png", "same.png", "no.png")}
    known = {"a.png": sha(b"a2"), "b.png": sha(b"b"), "same.png": sha(b"s"), "no.png": None}
    assert images == known


def test_a_build_of_a_fork_is_not_trusted(reviewed: Reviewed) -> None:
    reviewed.build("fork.1", HEAD, base_build="b0", branch="main")
    assert not entry(reviewed, "fork.1").trusted
    assert [e.build for e in past(reviewed).on_branch("main")] == ["b0"]


def test_a_failed_comparison_leaves_nothing(reviewed: Reviewed) -> None:
    reviewed.world.clock.sleep(60)
    images = {"gone.png": b"g"}
    build = reviewed.world.upload("lost", images, missing=("gone.png",), base_build="b0")
    reviewed.world.compare(build)
    assert reviewed.world.status("lost")["state"] == "FAILED"
    assert past(reviewed).entry("lost") is None


def test_an_approval_by_rule_is_told_with_the_result(reviewed: Reviewed) -> None:
    reviewed.build("m2", HEAD, base_build="b0", branch="main")
    found = entry(reviewed, "m2")
    assert (found.review, found.granted) == (
        "approved",
        "approved by rule: main is a baseline branch",
    )


# --- reviews --------------------------------------------------------------------------------------


def test_a_review_adds_who_decided_what_and_why(reviewed: Reviewed) -> None:
    reviewed.review("b1", action="reject", names=["a.png"], reason="too blue", by="AWS:bob")
    reviewed.review("b1", action="approve", reason="as agreed")
    found = entry(reviewed, "b1")
    told = [(r.action, r.by, r.names, r.reason) for r in found.reviews]
    assert told == [
        ("reject", "AWS:bob", ("a.png",), "too blue"),
        ("approve", "AWS:ada", None, "as agreed"),
    ]
    assert found.review == "approved"
    assert found.shots.keys() == {"a.png", "b.png"}


def test_a_decision_that_was_overturned_keeps_its_names(reviewed: Reviewed) -> None:
    reviewed.review("b1", action="reject", names=["a.png", "b.png"])
    reviewed.review("b1", action="approve", names=["a.png"])
    names = [given.names for given in entry(reviewed, "b1").reviews]
    assert names == [("a.png", "b.png"), ("a.png",)]


@pytest.mark.parametrize("merged", [(), (0,), (1,), (0, 1), (2,), (0, 2), (0, 1, 2)])
def test_the_index_says_the_same_however_often_it_is_merged_between(
    reviewed: Reviewed, merged: tuple[int, ...]
) -> None:
    steps: list[Callable[[], object]] = [
        lambda: None,
        lambda: reviewed.review("b1", action="reject", names=["a.png"], reason="no"),
        lambda: reviewed.review("b1", action="approve", names=["a.png", "b.png"]),
    ]
    for number, step in enumerate(steps):
        step()
        if number in merged:
            assert merge(reviewed) > 0
    found = entry(reviewed, "b1")
    assert (found.review, len(found.reviews), found.revision) == ("approved", 2, 3)
    assert [given.action for given in found.reviews] == ["reject", "approve"]
    assert found.shots.keys() == {"a.png", "b.png"}


def test_an_approval_that_is_carried_over_is_told(reviewed: Reviewed) -> None:
    reviewed.review("b1", action="approve")
    reviewed.build("b2", HEAD, base_build="b0", pull_request=5)
    found = entry(reviewed, "b2")
    assert (found.review, found.carried_from) == ("approved", "b1")


def test_an_approval_that_is_carried_over_late_is_told(reviewed: Reviewed) -> None:
    reviewed.build("b2", HEAD, base_build="b0", pull_request=5)
    assert entry(reviewed, "b2").review == "needed"
    reviewed.review("b1", action="approve")
    reviewed.resume("b2")
    found = entry(reviewed, "b2")
    assert (found.review, found.carried_from) == ("approved", "b1")


# --- faults ---------------------------------------------------------------------------------------


def test_a_result_whose_announcement_died_is_indexed_by_the_sweeper(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = Reviewed()

    def down(kind: str, detail: Any) -> None:
        raise NotTold("the bus is down")

    with monkeypatch.context() as patched:
        patched.setattr(made.bus, "emit", down)
        made.build("b0", BASE, branch="main")
    assert index(made) == []
    made.sweep()
    assert entry(made, "b0").shots.keys() == BASE.keys()


def test_a_review_that_comes_before_the_sweeper_finds_the_result_indexed(
    reviewed: Reviewed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(kind: str, detail: Any) -> None:
        raise NotTold("the bus is down")

    with monkeypatch.context() as patched:
        patched.setattr(reviewed.bus, "emit", down)
        reviewed.build("b2", HEAD, base_build="b0", pull_request=6)
    assert past(reviewed).entry("b2") is None
    reviewed.review("b2", action="approve")
    found = entry(reviewed, "b2")
    assert (found.review, len(found.shots)) == ("approved", 2)


def test_two_announcements_of_one_state_are_one(reviewed: Reviewed) -> None:
    before = index(reviewed)
    record = reviewed.world.record("b1", "b0")
    now = read_review_status(record, reviewed.world.objects)
    add_to_index(record, now, reviewed.world.objects)
    assert index(reviewed) == before
    assert merge(reviewed) == 2
    [(month, merged)] = months(reviewed).items()
    add_to_index(record, now, reviewed.world.objects)  # a sweeper that slept through the merge
    assert merge(reviewed) == 1
    assert months(reviewed) == {month: merged}


def months(reviewed: Reviewed) -> dict[str, list[str]]:
    """Returns the lines of each month."""
    return {
        name: gzip.decompress(reviewed.world.objects.read(keys.index(PROJECT) + name))
        .decode()
        .splitlines()
        for name in index(reviewed)
    }


def test_what_is_younger_than_an_hour_waits_for_the_next_night(reviewed: Reviewed) -> None:
    assert merge(reviewed, later=HOUR / 2) == 0
    assert merge(reviewed, later=HOUR / 2) == 2
    assert index(reviewed) == ["1970-01.json.gz"]
    assert merge(reviewed) == 0


class Interrupted(MemoryBucket):
    """A bucket that runs something once, before a method of its."""

    def __init__(self, before: str, run: Callable[[], object]) -> None:
        super().__init__()
        self.before, self.run, self.done = before, run, False

    def _once(self, method: str) -> None:
        if method == self.before and not self.done:
            self.done = True
            self.run()

    def replace(self, key: str, body: bytes, content_type: str, tag: str | None) -> None:
        self._once("replace")
        super().replace(key, body, content_type, tag)

    def read(self, key: str, limit: int | None = None) -> bytes:
        self._once("read")
        return super().read(key, limit)

    def delete(self, names: Any) -> None:
        self._once("delete")
        super().delete(names)


def copied(reviewed: Reviewed, bucket: MemoryBucket) -> MemoryBucket:
    """Puts the objects of a world into another bucket."""
    bucket.clock = reviewed.world.clock
    for key, body in reviewed.world.objects.objects.items():
        bucket.write(key, body, "any")
    reviewed.world.objects = bucket
    return bucket


@pytest.mark.parametrize("before", ["replace", "delete", "read"])
def test_two_merges_at_once_lose_nothing_and_double_nothing(
    reviewed: Reviewed, before: str
) -> None:
    bucket = Interrupted(before, lambda: merge_index(PROJECT, bucket, later))
    copied(reviewed, bucket)
    reviewed.world.clock.sleep(2 * HOUR)
    later = reviewed.world.clock() + 2 * HOUR
    merge_index(PROJECT, bucket, later)
    assert bucket.done
    assert [len(lines) for lines in months(reviewed).values()] == [2]
    assert [e.build for e in past(reviewed).entries] == ["b0", "b1"]


def test_who_reads_while_the_first_month_is_made_misses_nothing(reviewed: Reviewed) -> None:
    bucket = Interrupted("read", lambda: merge_index(PROJECT, bucket, later))
    copied(reviewed, bucket)
    later = reviewed.world.clock() + 2 * HOUR
    assert [e.build for e in past(reviewed).entries] == ["b0", "b1"]
    assert index(reviewed) == ["1970-01.json.gz"]


def test_a_merge_that_died_before_it_deleted_is_repeated_without_a_trace(
    reviewed: Reviewed,
) -> None:
    class Died(Exception):
        pass

    def die() -> None:
        raise Died

    copied(reviewed, Interrupted("delete", die))
    with pytest.raises(Died):
        merge(reviewed)
    assert [e.build for e in past(reviewed).entries] == ["b0", "b1"]
    assert merge(reviewed) == 2
    assert [len(lines) for lines in months(reviewed).values()] == [2]


@pytest.mark.parametrize("body", [b"{}", b"[1]", b"\x1f\x8b\x08", b"\x1f\x8b\x08" + b"\xff" * 40])
def test_what_is_no_index_is_named_and_not_overwritten(reviewed: Reviewed, body: bytes) -> None:
    key = keys.index_month(PROJECT, "1970-01")
    reviewed.world.objects.write(key, body, "text/plain")
    with pytest.raises(ValueError, match=NO_INDEX):
        merge(reviewed)
    assert reviewed.world.objects.read(key) == body
    with pytest.raises(BucketError, match=NO_INDEX):
        past(reviewed)


@pytest.mark.parametrize("line", ["1", "[]", "{}", '{"shots": 5}', "half of {"])
def test_a_line_that_is_none_of_ours_is_named(reviewed: Reviewed, line: str) -> None:
    key = keys.index_month(PROJECT, "1970-01")
    reviewed.world.objects.write(key, gzip.compress(f"{line}\n".encode()), "text/plain")
    with pytest.raises(BucketError, match=NO_INDEX):
        past(reviewed)


def test_a_field_of_a_later_version_is_ignored(reviewed: Reviewed) -> None:
    merge(reviewed)
    [(name, lines)] = months(reviewed).items()
    later = [json.dumps({**json.loads(line), "colour": "blue"}) for line in lines]
    body = gzip.compress("".join(f"{line}\n" for line in later).encode())
    reviewed.world.objects.write(keys.index(PROJECT) + name, body, "any")
    assert [e.build for e in past(reviewed).entries] == ["b0", "b1"]


# --- other parts of pixelgate ---------------------------------------------------------------------


def test_garbage_collection_keeps_the_index_and_the_index_keeps_no_image() -> None:
    tidied = Tidied()
    tidied.build("old", b"x", b"shared")
    tidied.build("main", b"m", b"shared", branch="main")
    merge_index(PROJECT, tidied.world.objects, tidied.world.clock() + 2 * HOUR)
    for _ in range(3):
        tidied.days(31)
        tidied.collect()
    assert tidied.there() == {"main", "m", "shared"}
    found = Past.of(tidied.world.objects, PROJECT)
    assert {e.build for e in found.entries} == {"old", "main"}
    assert not tidied.world.objects.exists(keys.accepted_manifest(BuildId(PROJECT, "old")))
