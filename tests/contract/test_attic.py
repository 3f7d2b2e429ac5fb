"""The bucket for those who tidy it up, and how the ledger forgets, on every adapter."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from pixelgate.domain.keys import BuildId
from pixelgate.domain.records import BuildRecord, Lookup, Review
from pixelgate.errors import BuildConflict, NotFound, TooLarge
from pixelgate.ports import Attic, Bucket, Ledger
from pixelgate.storage.s3 import S3Objects
from pixelgate.storage.s3_attic import S3Attic
from support import aws
from support.doubles.memory import MemoryObjects
from support.doubles.memory_attic import MemoryAttic

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture(params=["memory", "s3"])
def tidied(request: pytest.FixtureRequest) -> tuple[Bucket, Attic]:
    if request.param == "memory":
        in_memory = MemoryObjects()
        return in_memory, MemoryAttic(in_memory)
    client: S3Client = request.getfixturevalue("s3")
    name = aws.make_bucket(client)
    return S3Objects(client, name), S3Attic(client, name)


def test_objects_are_listed_with_their_times(tidied: tuple[Bucket, Attic]) -> None:
    objects, attic = tidied
    for key in ("a/2", "a/1", "b/1"):
        objects.write(key, b"xyz", "text/plain")
    found = list(attic.entries("a/"))
    assert [(entry.key, entry.size) for entry in found] == [("a/1", 3), ("a/2", 3)]
    assert all(abs(entry.modified - time.time()) < 60 for entry in found)


def test_folders_are_told_by_name(tidied: tuple[Bucket, Attic]) -> None:
    objects, attic = tidied
    for key in ("a/shop/1", "a/shop/2", "a/web/x/y", "a/none", "b/other/1"):
        objects.write(key, b"", "text/plain")
    assert list(attic.folders("a/")) == ["shop", "web"]


def test_what_was_deleted_can_be_read(tidied: tuple[Bucket, Attic]) -> None:
    objects, attic = tidied
    for key in ("images/x", "images/x2"):
        objects.write(key, b"earlier", "image/png")
        objects.write(key, key.encode(), "image/png")
    attic.delete(["images/x", "images/x2"])
    attic.delete(["images/x"])
    assert not objects.exists("images/x")
    assert objects.read_deleted("images/x", limit=8) == b"images/x"
    with pytest.raises(TooLarge):
        objects.read_deleted("images/x", limit=7)
    for missing in ("images/", "images/y"):
        with pytest.raises(NotFound):
            objects.read_deleted(missing)


def test_many_are_deleted_and_none_that_is_gone_matters(tidied: tuple[Bucket, Attic]) -> None:
    objects, attic = tidied
    for number in range(3):
        objects.write(f"k/{number}", b"", "text/plain")
    attic.delete([])
    attic.delete(["k/0", "k/2", "k/none", *(f"none/{n}" for n in range(1_000))])
    assert [entry.key for entry in attic.entries("")] == ["k/1"]


@pytest.fixture
def builds(ledger: Ledger) -> list[BuildId]:
    """Three builds of one commit and branch, the last one approved; the others are forgotten."""
    made = [BuildId("shop", name) for name in ("old", "rejected", "approved")]
    for build in made:
        ledger.register(BuildRecord(build, "c", "f" * 64, created=1.0, branch="topic"))
    ledger.set_review(made[1], Review.REJECTED, 1)
    ledger.set_review(made[2], Review.APPROVED, 1)
    assert [ledger.forget(build, 5.0) for build in made] == [True, True, False]
    return made


def test_a_build_is_forgotten_unless_it_was_approved(ledger: Ledger, builds: list[BuildId]) -> None:
    assert [build for build in builds if ledger.build(build)] == builds[2:]
    assert [found.id for found in ledger.builds_at("shop", "c")] == builds[2:]
    assert [found.id for found in ledger.builds_by("shop", Lookup.BRANCH, "topic")] == builds[2:]
    assert [ledger.forgotten(build) for build in builds] == [5.0, 5.0, None]
    assert ledger.forget(builds[0], 9.0)  # again
    assert ledger.forgotten(builds[0]) == 5.0
    assert not ledger.forget(BuildId("shop", "never"), 5.0)


def test_what_is_forgotten_is_neither_uploaded_again_nor_approved(
    ledger: Ledger, builds: list[BuildId]
) -> None:
    with pytest.raises(BuildConflict, match="was removed after its retention"):
        ledger.register(BuildRecord(builds[0], "c", "f" * 64, created=6.0))
    ledger.set_review(builds[0], Review.APPROVED, 7)
    assert ledger.build(builds[0]) is None
    assert ledger.forget(builds[0], 8.0)  # it was not approved


def test_an_id_can_be_used_again_when_its_build_is_buried(
    ledger: Ledger, builds: list[BuildId]
) -> None:
    for build in builds:
        ledger.bury(build)
    assert [ledger.forgotten(build) for build in builds] == [None, None, None]
    assert [build for build in builds if ledger.build(build)] == builds[2:]
    ledger.register(BuildRecord(builds[0], "d", "e" * 64, created=9.0))
    assert [found.id for found in ledger.builds_at("shop", "d")] == builds[:1]
    assert [found.id for found in ledger.builds_at("shop", "c")] == builds[2:]
