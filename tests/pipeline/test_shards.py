"""Builds in shards: complete when all are in, or finalize says so; never a base before."""

from __future__ import annotations

import json
from functools import partial
from itertools import permutations
from typing import Any

import pytest

from pixelgate.domain import keys
from pixelgate.domain.keys import SHARDS, BuildId, ShardId
from pixelgate.pipeline.cleanup.sweep import Action, sweep
from pixelgate.pipeline.compare.dispatch import Collecting
from pixelgate.pipeline.compare.outcomes import Duplicate, Failed, Gone, Published, Rejected
from pixelgate.pipeline.intake.shards import keep_shard
from support.schedule import Schedule, run_every_order
from support.world import PROJECT, World, sha

BUILD = BuildId(PROJECT, "p1")


def put_shard(world: World, index: int, total: int, images: dict[str, bytes], **fields: Any) -> str:
    """Uploads one shard; returns the key of its manifest."""
    return world.upload_shard("p1", ShardId(index, total), images, **{"commit": "C", **fields})


def put_finalize(world: World, **fields: Any) -> str:
    body = {"schema_version": 1, "project": PROJECT, "build": "p1", **fields}
    world.objects.write(keys.finalize(BUILD), json.dumps(body).encode(), "application/json")
    return keys.finalize(BUILD)


def one_image(index: int) -> dict[str, bytes]:
    return {f"{index}.png": b"%d" % index}


def test_it_is_compared_when_all_are_in_and_is_the_same_build_whatever_came_first() -> None:
    bodies = set()
    for order in permutations([1, 2, 3]):
        world = World()
        outcomes = [world.receive(put_shard(world, n, 3, one_image(n))) for n in order]
        assert [type(o) for o in outcomes] == [Collecting, Collecting, Published]
        assert world.status("p1")["counts"]["total"] == 3
        assert set(world.published("p1")["images"]) == {"1.png", "2.png", "3.png"}
        bodies.add(world.objects.objects[keys.accepted_manifest(BUILD)])
    assert len(bodies) == 1


def test_until_then_status_says_which_are_in(world: World) -> None:
    world.receive(put_shard(world, 1, 4, one_image(1)))
    world.receive(put_shard(world, 3, 4, one_image(3)))
    status = world.status("p1")
    assert (status["state"], status["verdict"]) == ("PROCESSING", None)
    assert status["baseline_reason"] == "shards 1, 3 of 4 came; shards 2, 4 did not yet"


def test_a_head_waits_for_the_last_shard_of_its_base(world: World) -> None:
    world.receive(put_shard(world, 1, 2, one_image(1)))
    world.compare(world.upload("head", one_image(1), commit="H", base_commit="C"))
    assert world.resumed == []
    assert isinstance(world.receive(put_shard(world, 2, 2, one_image(2))), Published)
    world.deliver_resumed()
    assert world.status("head")["base"] == "p1"


def test_a_missing_shard_is_no_baseline_and_the_sweeper_says_so(world: World) -> None:
    world.receive(put_shard(world, 2, 3, one_image(2)))
    world.clock.sleep(world.limits.shard_patience + world.limits.sweep_after + 1)
    swept = sweep(world.service(), world.resumed.append)
    assert [(s.record.id.base, s.action) for s in swept] == [(SHARDS, Action.GIVE_UP)]
    assert world.status("p1")["error"] == {
        "code": "TIMEOUT",
        "message": "shard 2 of 3 came; shards 1, 3 did not yet within 60 minutes of the last one; "
        "run the others, or say with finalize that no more will come",
    }
    assert world.ledger.build(BUILD) is None
    # It is no dead end: the others come after all.
    world.receive(put_shard(world, 1, 3, one_image(1)))
    assert isinstance(world.receive(put_shard(world, 3, 3, one_image(3))), Published)
    assert world.status("p1")["state"] == "SUCCEEDED"


def test_nothing_is_left_open_when_all_are_in(world: World) -> None:
    for n in (1, 2):
        world.receive(put_shard(world, n, 2, one_image(n)))
    world.clock.sleep(100_000)
    assert sweep(world.service(), world.resumed.append) == []


def test_a_wrong_shard_is_named_and_may_be_put_right(world: World) -> None:
    world.receive(put_shard(world, 1, 2, one_image(1)))
    outcome = world.receive(put_shard(world, 2, 2, one_image(2), branch=7))
    assert isinstance(outcome, Rejected)
    error = world.status("p1")["error"]
    assert error["code"] == "BAD_MANIFEST"
    assert error["message"].startswith("shard 2 of 2: branch: ")
    world.clock.sleep(1)
    assert isinstance(world.receive(put_shard(world, 2, 2, one_image(2))), Published)
    assert world.status("p1")["state"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("other", "said", "message"),
    [
        ({"1.png": b"3"}, {}, "images['1.png']: shard 1 of 2 and shard 2 of 2 both hold it"),
        (
            {"u\u0308.png": b"2"},
            {},
            r"images: '\xfc.png' and 'u\u0308.png' are one name in two Unicode forms; a build can "
            "hold only one: shard 1 of 2 has the first, shard 2 of 2 the second",
        ),
        ({}, {"commit": "D"}, 'commit: shard 1 of 2 says "C", shard 2 of 2 says "D"'),
        ({}, {"branch": "f"}, 'branch: shard 1 of 2 says "main", shard 2 of 2 says "f"'),
        ({}, {"base_commit": "B"}, 'base_commit: shard 1 of 2 says null, shard 2 of 2 says "B"'),
        (
            {},
            {"defaults": {"strict": True}},
            'defaults: shard 1 of 2 says null, shard 2 of 2 says {"strict": true}',
        ),
    ],
    ids=["one image", "one name", "commit", "branch", "base", "defaults"],
)
def test_shards_that_contradict_one_another_are_both_named(
    world: World, other: dict[str, bytes], said: dict[str, Any], message: str
) -> None:
    world.receive(put_shard(world, 1, 2, {**one_image(1), "\u00fc.png": b"1"}))
    outcome = world.receive(put_shard(world, 2, 2, {**one_image(2), **other}, **said))
    assert isinstance(outcome, Rejected)
    assert world.status("p1")["error"] == {"code": "BAD_MANIFEST", "message": message}


def test_shards_that_do_not_agree_on_their_number_are_both_named(world: World) -> None:
    world.receive(put_shard(world, 1, 2, one_image(1)))
    assert isinstance(world.receive(put_shard(world, 2, 3, one_image(2))), Rejected)
    message = world.status("p1")["error"]["message"]
    assert "shard 1 of 2 and shard 2 of 3 do not agree on the total" in message


def test_what_shards_may_say_differently_is_joined(world: World) -> None:
    said: dict[str, Any] = {
        "ancestors": ["A", "B"],
        "landed": {"A": {"tree": "TA"}},
        "ci_url": "https://ci/1",
    }
    world.receive(put_shard(world, 1, 2, one_image(1), **said))
    said = {"ancestors": ["A"], "landed": {"B": {"tree": "TB"}}, "ci_url": "https://ci/2"}
    world.receive(put_shard(world, 2, 2, one_image(2), **said))
    merged = json.loads(world.objects.objects[keys.accepted_manifest(BUILD)])
    assert merged["ancestors"] == ["A", "B"]
    assert merged["landed"] == {"A": {"tree": "TA"}, "B": {"tree": "TB"}}
    assert merged["ci_url"] == "https://ci/1"
    assert "shard" not in merged


def test_of_what_shards_know_of_the_base_the_most_counts(world: World) -> None:
    """One job has a shallow clone, or an older client."""
    deep: dict[str, Any] = {
        "landed": {"A": {"tree": "TA", "committed": 1_800_000_000}},
        "branch_commits": ["R2", "R1"],
        "grace": 30,
    }
    shallow: dict[str, Any] = {"landed": {"A": {"tree": "TA"}}, "branch_commits": []}
    for order in ((deep, shallow), (shallow, deep)):
        one = World()
        for n, said in enumerate(order, 1):
            one.receive(put_shard(one, n, 2, one_image(n), **said))
        merged = json.loads(one.objects.objects[keys.accepted_manifest(BUILD)])
        assert {name: merged[name] for name in deep} == deep
    for n in (1, 2):
        world.receive(put_shard(world, n, 2, one_image(n)))
    merged = json.loads(world.objects.objects[keys.accepted_manifest(BUILD)])
    assert not {"branch_commits", "grace"} & merged.keys()


# A shard that is uploaded again replaces nothing.


def test_a_shard_that_is_delivered_twice_is_one(world: World) -> None:
    key = put_shard(world, 1, 2, one_image(1))
    outcomes = [world.receive(key), world.receive(key)]
    assert [o.repeated for o in outcomes if isinstance(o, Collecting)] == [False, False]
    assert isinstance(world.receive(put_shard(world, 2, 2, one_image(2))), Published)


def test_a_shard_of_a_re_run_replaces_nothing_that_was_accepted(world: World) -> None:
    world.receive(put_shard(world, 1, 2, {"1.png": b"first"}))
    again = world.receive(put_shard(world, 1, 2, {"1.png": b"second", "x.png": b"x"}))
    assert isinstance(again, Collecting)
    assert again.repeated
    assert isinstance(world.receive(put_shard(world, 2, 2, one_image(2))), Published)
    images = world.published("p1")["images"]
    assert {n: i["head_sha256"] for n, i in images.items()} == {
        "1.png": sha(b"first"),
        "2.png": sha(b"2"),
    }
    late = world.receive(put_shard(world, 2, 2, {"2.png": b"third"}))
    assert isinstance(late, Duplicate)
    assert world.published("p1")["images"] == images


# finalize


def test_finalize_completes_what_nobody_has_counted(world: World) -> None:
    for n in (1, 2, 7):
        assert isinstance(world.receive(put_shard(world, n, 0, one_image(n))), Collecting)
    assert world.status("p1")["baseline_reason"] == (
        "shards 1, 2, 7 came; it is complete when finalize says so"
    )
    assert isinstance(world.receive(put_finalize(world)), Published)
    assert world.status("p1")["counts"]["total"] == 3
    head = world.upload("head", one_image(1), commit="H", base_commit="C")
    world.compare(head)
    assert world.status("head")["base"] == "p1"


def test_finalize_takes_shards_whose_events_are_still_on_their_way(world: World) -> None:
    late = [put_shard(world, n, 0, one_image(n)) for n in (1, 2)]
    assert isinstance(world.receive(put_finalize(world)), Published)
    assert world.status("p1")["counts"]["total"] == 2
    assert [type(world.receive(key)) for key in late] == [Duplicate, Duplicate]


@pytest.mark.parametrize(
    ("total", "said"), [(4, {}), (0, {"total": 4})], ids=["the shards know", "finalize knows"]
)
def test_finalize_without_all_shards_compares_the_rest_and_makes_no_baseline(
    world: World, total: int, said: dict[str, Any]
) -> None:
    world.compare(world.upload("base", {f"{n}.png": b"%d" % n for n in range(1, 5)}, commit="B"))
    for n in (1, 3):
        world.receive(put_shard(world, n, total, one_image(n), base_commit="B"))
    assert isinstance(world.receive(put_finalize(world, **said)), Published)
    counts = world.status("p1")["counts"]
    assert (counts["unchanged"], counts["skipped"], counts["removed"]) == (2, 2, 0)
    assert world.published("p1")["warnings"] == [
        "shards 2, 4 of 4 never came: what they hold is skipped, and this build is never a baseline"
    ]
    world.compare(world.upload("head", one_image(1), commit="H", base_commit="C"))
    assert world.status("head")["base"] is None
    assert world.status("head")["baseline"]["passed_over"] == [
        {"build": "p1", "why": "it holds only a part of the suite"}
    ]


def test_a_shard_that_comes_after_finalize_is_refused_by_name(world: World) -> None:
    world.receive(put_shard(world, 1, 0, one_image(1)))
    world.receive(put_finalize(world))
    assert isinstance(world.receive(put_shard(world, 2, 0, one_image(2))), Rejected)
    assert world.status("p1")["error"]["message"] == (
        "shard 2: it came after the build was closed with shard 1; "
        "upload all of them under another parallel id"
    )


def test_finalize_of_nothing_is_an_error(world: World) -> None:
    assert isinstance(world.receive(put_finalize(world)), Rejected)
    assert "nothing to finalize" in world.status("p1")["error"]["message"]


def test_finalize_names_the_shard_that_is_wrong(world: World) -> None:
    put_shard(world, 1, 0, one_image(1))
    put_shard(world, 2, 0, one_image(2), commit="")
    assert isinstance(world.receive(put_finalize(world)), Rejected)
    assert world.status("p1")["error"]["message"].startswith("shard 2: commit: ")
    world.clock.sleep(1)
    put_shard(world, 2, 0, one_image(2))
    assert isinstance(world.receive(put_finalize(world)), Published)


def test_a_shard_whose_manifest_is_gone_is_nothing_to_do(world: World) -> None:
    assert isinstance(world.receive(keys.uploaded_manifest(BUILD, ShardId(1, 2))), Gone)


def test_the_sweeper_s_event_finds_a_build_of_shards(world: World) -> None:
    """Its last worker died after it had kept the shard."""
    world.receive(put_shard(world, 1, 2, one_image(1)))
    put_shard(world, 2, 2, one_image(2))
    keep_shard(BUILD, ShardId(2, 2), world.objects, world.differs)
    assert isinstance(world.compare(BUILD), Published)


def test_selective_shards_know_what_was_removed(world: World) -> None:
    world.compare(world.upload("base", {f"{n}.png": b"%d" % n for n in range(1, 6)}, commit="B"))
    suite = [f"{n}.png" for n in range(1, 5)]
    for n in (1, 2):
        said: dict[str, Any] = {"base_commit": "B", "all_names": suite}
        world.receive(put_shard(world, n, 2, one_image(n), **said))
    counts = world.status("p1")["counts"]
    assert (counts["unchanged"], counts["skipped"], counts["removed"]) == (2, 2, 1)
    assert world.ledger.builds[BUILD].selective


def test_shards_may_list_the_suite_in_two_unicode_forms(world: World) -> None:
    world.compare(world.upload("base", {"u\u0308.png": b"1", "1.png": b"2"}, commit="B"))
    for n, listed in ((1, "\u00fc.png"), (2, "u\u0308.png")):
        said: dict[str, Any] = {"base_commit": "B", "all_names": [listed, "1.png", "2.png"]}
        world.receive(put_shard(world, n, 2, one_image(n), **said))
    images = world.published("p1")["images"]
    assert images["u\u0308.png"]["status"] == "skipped"
    assert len(images) == 3


def test_two_shards_that_are_accepted_at_once_are_both_told_of() -> None:
    """Or a person would run a job again that has done its work."""

    def run(turns: list[int]) -> Schedule:
        world, schedule = World(), Schedule(turns)
        put = [put_shard(world, n, 4, one_image(n)) for n in (1, 3)]
        ports = schedule.ports(world)
        outcomes = schedule.run(*(partial(world.receive, key, **ports) for key in put))
        assert [type(o) for o in outcomes] == [Collecting, Collecting], outcomes
        told = "shards 1, 3 of 4 came; shards 2, 4 did not yet"
        assert world.status("p1")["baseline_reason"] == told
        assert world.record("p1", SHARDS).baseline_reason == told
        return schedule

    assert run_every_order(run) >= 100


@pytest.mark.parametrize("closes", [False, True], ids=["two last shards", "finalize"])
def test_two_deliveries_at_once_make_one_build(closes: bool) -> None:
    """Neither may end as something that a person has to act on."""

    def run(turns: list[int]) -> Schedule:
        world, schedule = World(render=lambda *about: b"a page"), Schedule(turns)
        put = [put_shard(world, n, 2, one_image(n)) for n in (1, 2)]
        if closes:
            world.receive(put[0])
            put[0] = put_finalize(world)
        ports = schedule.ports(world)
        outcomes = schedule.run(*(partial(world.receive, key, **ports) for key in put[::-1]))
        assert not any(isinstance(o, Rejected | Failed) for o in outcomes), outcomes
        status = world.status("p1")
        assert (status["state"], status["counts"]["total"]) == ("SUCCEEDED", 2)
        assert not world.ledger.builds[BUILD].selective
        assert world.record("p1", "@none").claims == 1
        world.clock.sleep(100_000)
        for swept in sweep(world.service(), world.resumed.append):
            assert swept.action is Action.CLOSE
        assert world.status("p1") == status
        return schedule

    assert run_every_order(run) >= 100
