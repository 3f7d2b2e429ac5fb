"""A build whose shards have not all come: what `wait` and `status` find out, and what they say."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from pixelgate.client.polling import Seen, gave_up, in_words, wait_for_result, with_shards
from pixelgate.client.shards import Shards, find_shards
from pixelgate.client.upload import check_unused, submit
from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId, ShardId
from pixelgate.errors import BucketError, Refused, UsageError
from pixelgate.ports import Listed, Progress
from support.doubles.memory import MemoryBucket
from support.world import PROJECT, World

from .test_polling import Time

BUILD = BuildId(PROJECT, "p1")


def put(world: World, index: int, total: int) -> None:
    """A shard that was uploaded and accepted."""
    key = world.upload_shard("p1", ShardId(index, total), {f"{index}.png": b"x"}, commit="C")
    world.receive(key)


def begin(world: World, index: int, total: int) -> None:
    """A plain shard of which images are there, but no manifest."""
    folder = keys.uploads(BUILD, ShardId(index, total))
    for number in range(30):
        world.objects.write(f"{folder}{number}.png", b"x", "image/png")


@pytest.fixture
def world() -> World:
    return World(render=lambda *about: b"a page")


def seen_in(world: World) -> Seen:
    return with_shards(world.objects, BUILD, Seen(status_of(world), None))


def status_of(world: World) -> dict[str, object] | None:
    return world.status("p1") if world.objects.exists(keys.status(BUILD)) else None


def test_missing_shards_are_named(world: World) -> None:
    for index in (1, 3):
        put(world, index, 4)
    shards = find_shards(world.objects, BUILD)
    assert shards == Shards((ShardId(1, 4), ShardId(3, 4)))
    assert shards.words == "shards 1, 3 of 4 came; shards 2, 4 did not yet"
    assert shards.advice(BUILD) == (
        "Run the jobs of shards 2, 4, or `pixelgate finalize p1` to compare the others without them"
    )
    assert shards.as_json() == {"total": 4, "came": [1, 3], "begun": [], "missing": [2, 4]}


def test_a_shard_that_is_being_uploaded_is_told_from_one_that_is_not_there(world: World) -> None:
    put(world, 1, 3)
    begin(world, 3, 3)
    shards = find_shards(world.objects, BUILD)
    assert shards is not None
    assert shards.words == (
        "shard 1 of 3 came; shards 2, 3 did not yet; the upload of shard 3 has begun"
    )
    assert shards.missing == (2, 3)


def test_before_the_first_shard_is_accepted_those_that_began_tell_how_many_there_are(
    world: World,
) -> None:
    begin(world, 2, 3)
    seen = seen_in(world)
    assert seen.status is None
    assert seen.shards is not None
    assert seen.shards.words == "none of the 3 shards came yet; the upload of shard 2 has begun"


def test_where_nobody_knows_the_number_finalize_is_waited_for(world: World) -> None:
    put(world, 2, 0)
    shards = find_shards(world.objects, BUILD)
    assert shards is not None
    assert shards.words == "shard 2 came; it is complete when finalize says so"
    assert shards.advice(BUILD) == "After the last one, run `pixelgate finalize p1`"
    assert shards.as_json() == {"total": None, "came": [2], "begun": [], "missing": None}


def test_a_build_without_shards_has_none(world: World) -> None:
    world.upload("p1", {"a.png": b"a"})
    assert find_shards(world.objects, BUILD) is None
    world.upload_shard("p10", ShardId(1, 2), {"a.png": b"a"})
    assert find_shards(world.objects, BUILD) is None


def test_once_the_shards_are_merged_they_are_no_matter(world: World) -> None:
    for index in (1, 2):
        put(world, index, 2)
    assert seen_in(world).shards is None
    waits = World()
    for index in (1, 2):
        key = waits.upload_shard("p1", ShardId(index, 2), {}, allow_empty=True, base_commit="B")
        waits.receive(key)
    assert waits.status("p1")["state"] == "WAITING_FOR_BASE"
    assert seen_in(waits).shards is None


class Deaf(MemoryBucket):
    """A bucket whose listings fail, of these prefixes."""

    def __init__(self, error: BucketError, *prefixes: str) -> None:
        super().__init__()
        self.error, self.prefixes = error, prefixes

    def list(self, prefix: str) -> Iterator[Listed]:
        if prefix.startswith(self.prefixes):
            raise self.error
        yield from super().list(prefix)

    def folders(self, prefix: str) -> Iterator[str]:
        if prefix.startswith(self.prefixes):
            raise self.error
        yield from super().folders(prefix)


def test_who_may_not_list_uploads_sees_what_was_accepted() -> None:
    """Such as a reviewer."""
    world = World(Deaf(Refused("no"), "uploads/"))
    put(world, 1, 2)
    assert find_shards(world.objects, BUILD) == Shards((ShardId(1, 2),))


def test_who_may_list_nothing_reads_the_status(world: World) -> None:
    put(world, 1, 2)
    store = Deaf(Refused("no"), "uploads/", "builds/")
    store.write(keys.status(BUILD), json.dumps(world.status("p1")).encode(), "application/json")
    said, time = list[str](), Time()
    progress = Progress(say=said.append)
    seen = wait_for_result(store, BUILD, 20, clock=time.clock, progress=progress)
    assert said == ["waiting for shards: shard 1 of 2 came; shard 2 did not yet"]
    assert seen.shards is None
    assert in_words(seen.status) == said[0]


def test_waiting_tells_which_shards_are_missing_as_they_come(world: World) -> None:
    said, time = list[str](), Time()
    for seconds, index in ((8, 3), (16, 1), (60, 2)):
        time.at(seconds, lambda index=index: put(world, index, 3))  # type: ignore[misc]
    progress = Progress(say=said.append)
    seen = wait_for_result(world.objects, BUILD, 100, clock=time.clock, progress=progress)
    assert (seen.status or {})["state"] == "SUCCEEDED"
    assert seen.shards is None
    assert said == [
        "waiting for the comparison to begin",
        "waiting for shards: shard 3 of 3 came; shards 1, 2 did not yet",
        "waiting for shards: shards 1, 3 of 3 came; shard 2 did not yet",
    ]


def test_a_shard_whose_status_is_late_is_told_by_the_bucket(world: World) -> None:
    """Of two shards accepted at once, functions of before may have told of one only."""
    put(world, 1, 3)
    outdated = world.objects.objects[keys.status(BUILD)]
    put(world, 2, 3)
    world.objects.write(keys.status(BUILD), outdated, "application/json")
    seen = wait_for_result(world.objects, BUILD, 1, clock=Time().clock)
    assert seen.shards is not None
    assert seen.shards.missing == (3,)


def test_giving_up_names_the_missing_shards_and_the_cure(world: World) -> None:
    put(world, 1, 2)
    seen = wait_for_result(world.objects, BUILD, 30, clock=Time().clock)
    assert gave_up(BUILD, seen, 30) == (
        "shop/p1 is not compared after 30 s: shard 1 of 2 came; shard 2 did not yet. Run the jobs "
        "of shard 2, or `pixelgate finalize p1` to compare the others without them. "
        "`pixelgate wait` waits again"
    )


def test_an_outage_of_the_listing_ends_no_wait(world: World) -> None:
    store = Deaf(BucketError("down"), "builds/", "uploads/")
    assert wait_for_result(store, BUILD, 30, clock=Time().clock) == Seen(None, None)
    with pytest.raises(BucketError, match="down"):
        with_shards(store, BUILD, Seen(None, None))


def test_the_first_seconds_ask_for_no_shards() -> None:
    class Counting(MemoryBucket):
        listings = 0

        def list(self, prefix: str) -> Iterator[Listed]:
            self.listings += 1
            yield from super().list(prefix)

    counting, time = Counting(), Time()
    status = {"state": "SUCCEEDED"}
    time.at(
        4, lambda: counting.write(keys.status(BUILD), json.dumps(status).encode(), "application/j")
    )
    wait_for_result(counting, BUILD, 60, clock=time.clock)
    assert counting.listings == 0


@pytest.mark.parametrize("late", [False, True], ids=["before the images", "with the manifest"])
def test_the_advice_after_a_shard_s_conflict_is_for_who_uses_shards(
    store: MemoryBucket, late: bool
) -> None:
    key = keys.uploaded_manifest(BUILD, ShardId(2, 4))
    submit(store, key, b"one", None)

    def ask() -> None:
        if late:
            submit(store, key, b"two", None)
        else:
            check_unused(store, key, b"two", lambda: None)

    with pytest.raises(UsageError) as caught:
        ask()
    words = str(caught.value).removeprefix("nothing was uploaded: ")
    assert words == (
        f"shard 2 of 4 of shop/p1 was uploaded before with other content ({key}), and a shard is "
        "written once. If two jobs have the same number, give each its own --shard I/N. If all "
        "jobs run again, give all of them another --parallel-id (PIXELGATE_PARALLEL_ID), such as "
        "one with the number of the attempt"
    )
