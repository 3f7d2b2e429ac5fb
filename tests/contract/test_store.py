"""What every bucket does for a client, be it on S3, in a folder or in memory."""

from __future__ import annotations

import hashlib

import pytest

from pixelgate.errors import NotFound, WriteConflict
from pixelgate.storage.store import Store

TYPE = "image/png"


def digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


def test_a_listing_has_what_begins_so_by_key(store: Store) -> None:
    for key in ("images/shop/b", "images/shop/a", "images/shop2/c", "images/sho", "other"):
        store.write(key, key.encode(), TYPE)
    assert [(e.key, e.size) for e in store.entries("images/shop/")] == [
        ("images/shop/a", 13),
        ("images/shop/b", 13),
    ]
    assert [e.key for e in store.entries("images/shop")] == [
        "images/shop/a",
        "images/shop/b",
        "images/shop2/c",
    ]


def test_a_listing_of_nothing_is_empty(store: Store) -> None:
    assert list(store.entries("images/shop/")) == []


def test_a_listing_goes_past_a_thousand(store: Store) -> None:
    for number in range(1_205):
        store.write(f"images/shop/{number:04}", b"", TYPE)
    assert [e.key for e in store.entries("images/shop/")] == [
        f"images/shop/{number:04}" for number in range(1_205)
    ]


def test_a_listing_says_when_it_was_written(store: Store) -> None:
    store.write("a", b"", TYPE)
    (entry,) = store.entries("a")
    assert entry.modified > 1_700_000_000


def test_what_is_new_is_put(store: Store) -> None:
    assert store.put_new("images/shop/a", b"one", TYPE, digest(b"one")) is True
    assert store.read("images/shop/a") == b"one"


def test_what_is_there_stays(store: Store) -> None:
    store.put_new("images/shop/a", b"one", TYPE, digest(b"one"))
    assert store.put_new("images/shop/a", b"two", TYPE, digest(b"two")) is False
    assert store.read("images/shop/a") == b"one"


def test_what_has_not_changed_is_not_read_again(store: Store) -> None:
    store.write("status", b"one", TYPE)
    first = store.read_changed("status", None)
    assert first is not None
    assert first[0] == b"one"
    assert store.read_changed("status", first[1]) is None
    store.write("status", b"two", TYPE)
    second = store.read_changed("status", first[1])
    assert second is not None
    assert (second[0], second[1] != first[1]) == (b"two", True)


@pytest.mark.parametrize("tag", [None, '"0123"'])
def test_what_is_not_there_has_not_changed_either(store: Store, tag: str | None) -> None:
    with pytest.raises(NotFound):
        store.read_changed("status", tag)


def test_a_probe_writes_nothing(store: Store) -> None:
    store.check_write("uploads/shop/@doctor/probe")
    assert list(store.entries("uploads/")) == []


def test_a_client_reads_and_replaces_as_everybody(store: Store) -> None:
    store.replace("a", b"one", TYPE, None)
    with pytest.raises(WriteConflict):
        store.replace("a", b"two", TYPE, None)
    body, tag = store.read_tagged("a")
    store.replace("a", b"three", TYPE, tag)
    assert (body, store.read("a"), store.exists("a"), store.exists("b")) == (
        b"one",
        b"three",
        True,
        False,
    )


def test_everybody_is_somebody(store: Store) -> None:
    assert store.caller()
