"""A bucket and a table that an older version filled: what the present one does with them."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.pipeline.compare.outcomes import Duplicate, Published
from pixelgate.pipeline.compare.run import compare_build
from pixelgate.pipeline.review.apply import CarriedOut
from pixelgate.storage.dynamodb_comparisons import DynamoLedger
from support.doubles.memory import MemoryBucket
from support.reviews import Reviewed
from support.world import PROJECT, World

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

STORED = Path(__file__).parents[1] / "fixtures" / "stored"
LATER = 1_780_100_000.0  # a day after; within the month in which it was filled


@dataclass
class _World(World):
    ledger: Any = None


# Fields of status.json that came later; who reads them does without.
NEWER = {"author"}


@pytest.fixture
def town(dynamodb: DynamoDBClient, table: str) -> Reviewed:
    objects = MemoryBucket()
    for key, body in json.loads((STORED / "bucket.json").read_text()).items():
        read = body["text"].encode() if "text" in body else base64.b64decode(body["base64"])
        objects.write(key, read, "application/octet-stream")
    for item in json.loads((STORED / "table.json").read_text())["items"]:
        dynamodb.put_item(TableName=table, Item=item)
    world = _World(objects=objects, ledger=DynamoLedger(dynamodb, table))
    world.clock.now = LATER
    return Reviewed(world)


def test_a_result_of_then_stands_when_its_event_comes_again(town: Reviewed) -> None:
    before = town.world.status("head")
    outcome = compare_build(BuildId(PROJECT, "head"), town.service())
    assert isinstance(outcome, Duplicate)
    assert town.world.status("head") == before


def test_a_new_build_is_compared_with_a_base_of_then(town: Reviewed) -> None:
    images = {"a.png": b"a2", "b.png": b"b1", "c.png": b"c1"}
    outcome = town.build("new", images, base_build="base")
    assert isinstance(outcome, Published)
    assert town.world.published("new")["counts"]["unchanged"] == 2
    # The cache has another place now, so the pair is measured again.
    assert (outcome.tally.diffed, outcome.tally.cached) == (1, 0)
    mask = town.world.published("new")["images"]["a.png"]["mask"]
    assert town.world.objects.exists(mask)


def test_masks_of_then_stay_where_reports_of_then_look_for_them(town: Reviewed) -> None:
    town.build("new", {"a.png": b"a2", "b.png": b"b2"}, base_build="base")
    masks = {i.get("mask") for i in town.world.published("head")["images"].values()} - {None}
    assert len(masks) == 2
    assert all(town.world.objects.exists(mask) for mask in masks)


def test_a_build_of_then_is_approved(town: Reviewed) -> None:
    execution = town.world.status("late")["execution"]
    outcome = town.review("late", action="approve", execution=execution)
    assert isinstance(outcome, CarriedOut)
    assert (town.state("late"), town.record("late")) == ("approved", "approved")
    history = town.world.ledger.reviews(BuildId(PROJECT, "late"))
    assert [review.action for review in history] == ["reject", "approve", "approve"]


def test_a_build_that_waited_then_goes_on(town: Reviewed) -> None:
    outcome = town.build("never", {"a.png": b"a1"}, branch="main")
    assert isinstance(outcome, Published)
    assert town.world.resumed == [BuildId(PROJECT, "waits")]
    town.resume("waits")
    assert town.world.status("waits")["base"] == "never"


def test_every_status_of_then_has_the_fields_of_now(town: Reviewed) -> None:
    town.build("new", {"a.png": b"a2"}, base_build="base")
    fields = town.world.status("new").keys()
    old = [key for key in town.world.objects.objects if key.endswith("/status.json")]
    assert len(old) >= 9
    for key in old:
        assert fields - NEWER <= json.loads(town.world.objects.read(key)).keys() <= fields
    assert keys.status(BuildId(PROJECT, "bad")) in old
