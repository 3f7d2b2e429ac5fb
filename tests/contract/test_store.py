"""What every bucket does for a client, be it on S3, in a folder or in memory."""

from __future__ import annotations

import hashlib

import pytest

from pixelgate.errors import NotFound, WriteConflict
from pixelgate.ports import Bucket

TYPE = "image/png"


def digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


def test_a_listing_has_what_begins_so_by_key(objects: Bucket) -> None:
    for key in ("images/shop/b", "images/shop/a", "images/shop2/c", "images/sho", "other"):
        objects.write(key, key.encode(), TYPE)
    assert [(e.key, e.size) for e in objects.list("images/shop/")] == [
        ("images/shop/a", 13),
        ("images/shop/b", 13),
    ]
    assert [e.key for e in objects.list("images/shop")] == [
        "images/shop/a",
        "images/shop/b",
        "images/shop2/c",
    ]


def test_a_listing_of_nothing_is_empty(objects: Bucket) -> None:
    assert list(objects.list("images/shop/")) == []


def test_a_listing_goes_past_a_thousand(objects: Bucket) -> None:
    for number in range(1_205):
        objects.write(f"images/shop/{number:04}", b"", TYPE)
    assert [e.key for e in objects.list("images/shop/")] == [
        f"images/shop/{number:04}" for number in range(1_205)
    ]


def test_a_listing_says_when_it_was_written(objects: Bucket) -> None:
    objects.write("a", b"", TYPE)
    (entry,) = objects.list("a")
    assert entry.modified > 1_700_000_000


def test_what_is_new_is_put(objects: Bucket) -> None:
    assert objects.put_new("images/shop/a", b"one", TYPE, digest(b"one")) is True
    assert objects.read("images/shop/a") == b"one"


def test_what_is_there_stays(objects: Bucket) -> None:
    objects.put_new("images/shop/a", b"one", TYPE, digest(b"one"))
    assert objects.put_new("images/shop/a", b"two", TYPE, digest(b"two")) is False
    assert objects.read("images/shop/a") == b"one"


def test_what_has_not_changed_is_not_read_again(objects: Bucket) -> None:
    objects.write("status", b"one", TYPE)
    first = objects.read_changed("status", None)
    assert first is not None
    assert first[0] == b"one"
    assert objects.read_changed("status", first[1]) is None
    objects.write("status", b"two", TYPE)
    second = objects.read_changed("status", first[1])
    assert second is not None
    assert (second[0], second[1] != first[1]) == (b"two", True)


@pytest.mark.parametrize("tag", [None, '"0123"'])
def test_what_is_not_there_has_not_changed_either(objects: Bucket, tag: str | None) -> None:
    with pytest.raises(NotFound):
        objects.read_changed("status", tag)


def test_a_probe_writes_nothing(objects: Bucket) -> None:
    objects.check_write("uploads/shop/@doctor/probe")
    assert list(objects.list("uploads/")) == []


def test_a_client_reads_and_replaces_as_everybody(objects: Bucket) -> None:
    objects.replace("a", b"one", TYPE, None)
    with pytest.raises(WriteConflict):
        objects.replace("a", b"two", TYPE, None)
    body, tag = objects.read_tagged("a")
    objects.replace("a", b"three", TYPE, tag)
    assert (body, objects.read("a"), objects.exists("a"), objects.exists("b")) == (
        b"one",
        b"three",
        True,
        False,
    )


def test_everybody_is_somebody(objects: Bucket) -> None:
    assert objects.caller()
