"""`pixelgate admin`: garbage goes step by step, if it is told to; older results are indexed."""

from __future__ import annotations

from typing import Any

import pytest

from pixelgate import bootstrap
from pixelgate.domain.keys import BuildId
from pixelgate.past.model import Past
from pixelgate.pipeline.cleanup.garbage import DAY
from support.doubles.memory import MemoryBucket
from support.world import PROJECT, World

from .conftest import Cli

TABLE = ("--table", "t", "--baseline-branches", "main")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    world.objects.clock = world.clock
    for name, branch in (("old", "topic"), ("base", "main")):
        world.compare(world.upload(name, {"a.png": name.encode()}, branch=branch))
    world.clock.sleep(100 * DAY)

    def opened(bucket: str, table: str, branches: tuple[str, ...]) -> Any:
        assert (bucket, table) == ("shots", "t")
        return world.service(baseline_branches=branches)

    monkeypatch.setattr(bootstrap, "open_storage", opened)
    return world


def test_nothing_is_changed_unless_it_is_told_to(run: Cli, world: World) -> None:
    before = dict(world.objects.objects)
    done = run("admin", "gc", *TABLE)
    assert done.code == 0
    assert done.out.splitlines() == [
        "shop: builds kept: 1 may be a baseline",
        "past retention: 1 builds, 1 images; 0.2 MB",
        "  old",
        "nothing was changed; --delete takes the next step",
    ]
    assert world.objects.objects == before


def test_each_run_takes_a_step(run: Cli, world: World) -> None:
    done = run("admin", "gc", "--delete", *TABLE)
    assert "now: 1 builds hidden, 0 removed, 0 images deleted" in done.out
    assert world.ledger.build(BuildId(PROJECT, "old")) is None
    world.clock.sleep(8 * DAY)
    done = run("admin", "gc", "--delete", *TABLE)
    assert "now: 0 builds hidden, 1 removed, 1 images deleted" in done.out


def test_what_cannot_be_read_stops_it_in_words(run: Cli, world: World) -> None:
    world.objects.write("builds/shop/old/status.json", b"{", "application/json")
    done = run("admin", "gc", "--delete", *TABLE)
    assert done.code == 2
    assert "nothing was removed" in done.err


def test_longer_retention_keeps_it(run: Cli, world: World) -> None:
    assert "past retention: 0 builds" in run("admin", "gc", "--retention", "101", *TABLE).out


def test_the_stack_s_baseline_branches_must_be_named(run: Cli, world: World) -> None:
    assert run("admin", "gc", "--table", "t").code == 2
    assert "names no branch" in run("admin", "gc", "--table", "t", "--baseline-branches", ",").err


# --- the index ------------------------------------------------------------------------------------


@pytest.fixture
def older(bucket: MemoryBucket) -> World:
    """Two projects whose results are not in the index."""
    made = World(objects=bucket)
    for name in ("b0", "b1"):
        made.compare(made.upload(name, {"a.png": name.encode()}))
    for key in [key for key in bucket.objects if "history" in key]:
        bucket.delete([key])
    bucket.write("builds/other/1/status.json", b"{}", "application/json")
    return made


def test_older_results_are_indexed_once_and_it_says_what_that_cost(
    run: Cli, older: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run("admin", "index", "--project", "shop")
    assert (done.code, done.out) == (
        0,
        "shop: 2 results added, 0 were there; 14 requests to S3, $0.0000\n",
    )
    assert [e.build for e in Past.of(older.objects, PROJECT).entries] == ["b0", "b1"]
    monkeypatch.delenv("PIXELGATE_PROJECT")
    done = run("admin", "index")
    assert done.out.splitlines() == [
        "other: 0 results added, 0 were there; 3 requests to S3, $0.0000",
        "shop: 0 results added, 2 were there; 5 requests to S3, $0.0000",
    ]


def test_a_result_that_cannot_be_indexed_is_named(run: Cli, older: World) -> None:
    older.objects.write("builds/shop/b0/manifest.json", b"{}", "application/json")
    done = run("admin", "index", "--project", "shop")
    assert done.code == 2
    assert "1 results added" in done.out
    assert "b0: not added: project: must be given" in done.err


# --- as JSON --------------------------------------------------------------------------------------


def test_garbage_collection_as_json(run: Cli, world: World) -> None:
    said = run("admin", "gc", "--json", *TABLE).json
    assert (said["deleting"], said["kept"], said["builds"]) == (
        False, {"may be a baseline": 1}, ["old"],
    )  # fmt: skip
    assert run("admin", "gc", "--delete", "--json", *TABLE).json["hidden"] == 1


def test_what_was_indexed_as_json(run: Cli, older: World) -> None:
    older.objects.write("builds/shop/b0/manifest.json", b"{}", "application/json")
    done = run("admin", "index", "--project", "shop", "--json")
    assert done.code == 2
    [row] = done.json["projects"]
    assert (row["project"], row["added"], row["known"]) == ("shop", 1, 0)
    assert row["left"].keys() == {"b0"}
