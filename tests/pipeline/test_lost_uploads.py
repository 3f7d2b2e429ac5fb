"""Manifests whose event never came are found in the bucket and delivered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId, ShardId
from pixelgate.pipeline.cleanup.lost_uploads import deliver_lost_uploads, is_due
from pixelgate.pipeline.compare.outcomes import Published
from support.world import PROJECT, World

IMAGES = {"a.png": b"a"}


@pytest.fixture
def world() -> World:
    return World()


def lost(world: World) -> list[str]:
    """What is delivered now; every delivery must name an upload that was found."""
    delivered: list[str] = []
    found = deliver_lost_uploads(world.service(), delivered.append)
    assert [keys.upload_of(key) for key in delivered] == found
    return delivered


def upload(world: World, name: str, age: float, **fields: Any) -> str:
    """Uploads a build, and makes its manifest look so old."""
    key = keys.uploaded_manifest(world.upload(name, IMAGES, **fields))
    world.objects.modified[key] = world.clock() - age
    return key


@pytest.mark.parametrize(
    ("age", "found"),
    [
        pytest.param(0, False, id="its event may be under way"),
        pytest.param(599, False, id="still"),
        pytest.param(600, True, id="ten minutes"),
        pytest.param(3_599, True, id="almost an hour"),
        pytest.param(3_600, False, id="an hour"),
    ],
)
def test_found_by_age(world: World, age: float, found: bool) -> None:
    key = upload(world, "b1", age)
    assert lost(world) == ([key] if found else [])


def test_what_was_found_is_compared_and_then_not_found_again(world: World) -> None:
    key = upload(world, "b1", 900)
    assert isinstance(world.receive(lost(world)[0]), Published)
    assert world.status("b1")["state"] == "SUCCEEDED"
    assert key in world.objects.objects
    assert lost(world) == []


def test_a_rejected_manifest_was_seen_and_a_later_one_was_not(world: World) -> None:
    key = upload(world, "b1", 900, commit=5)
    world.receive(key)
    status = keys.status(BuildId(PROJECT, "b1"))
    assert world.status("b1")["state"] == "FAILED"
    world.objects.modified[status] = world.clock() - 890
    assert lost(world) == []
    world.objects.modified[key] = world.clock() - 700
    assert lost(world) == [key]


def test_shards_are_found_by_themselves(world: World) -> None:
    manifest = json.loads(world.objects.read(upload(world, "b1", 0)))
    build = BuildId(PROJECT, "b1")
    del world.objects.objects[keys.uploaded_manifest(build)]
    shards = [keys.uploaded_manifest(build, ShardId(n, 2)) for n in (1, 2)]
    for n, key in enumerate(shards, start=1):
        body = {**manifest, "shard": {"index": n, "total": 2, "id": "b1"}}
        world.objects.write(key, json.dumps(body).encode(), "application/json")
        world.objects.modified[key] = world.clock() - 900
    world.receive(shards[0])
    world.objects.modified[keys.status(build)] = world.clock()  # of the first one
    assert lost(world) == [shards[1]]


def test_other_objects_are_no_uploads(world: World) -> None:
    for key in (
        "uploads/shop/b1/a.png",
        "uploads/shop/b1/x/manifest.json",
        "uploads/manifest.json",
    ):
        world.objects.write(key, b"{}", "application/json")
        world.objects.modified[key] = world.clock() - 900
    assert lost(world) == []


def test_uploads_are_listed_every_quarter_of_an_hour() -> None:
    sweeps = [is_due(start + 300.0 * n) for start in (0.0, 150.0, 299.0) for n in range(288)]
    assert sum(sweeps) == 3 * 96
