"""What every bucket does, be it on S3, in a folder or in memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pixelgate.errors import NotFound, TooLarge, WriteConflict
from pixelgate.ports import Bucket

KEY = "builds/shop/b1/status.json"
TYPE = "application/json"


def test_what_was_written_is_read(objects: Bucket) -> None:
    objects.write(KEY, b"one", TYPE)
    assert objects.read(KEY) == b"one"
    assert objects.read_tagged(KEY)[0] == b"one"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(bytes(range(256)), id="every byte"),
        pytest.param(b"\r\n\n\r", id="line ends"),
        pytest.param(b"x" * 3_000_000, id="3 MB"),
    ],
)
def test_bytes_stay_what_they_are(objects: Bucket, body: bytes) -> None:
    objects.write(KEY, body, "application/octet-stream")
    assert objects.read(KEY) == body


def test_more_than_the_reader_allows_is_not_read(objects: Bucket) -> None:
    objects.write("a", b"12345", "text/plain")
    assert objects.read("a", 5) == b"12345"
    with pytest.raises(TooLarge, match="a has 5 bytes; 4 are allowed"):
        objects.read("a", 4)


@pytest.mark.parametrize(
    ("offset", "length", "expected"),
    [
        pytest.param(0, 2, b"01", id="the beginning"),
        pytest.param(3, 4, b"3456", id="the middle"),
        pytest.param(8, 5, b"89", id="past the end"),
        pytest.param(10, 1, b"", id="behind the end"),
    ],
)
def test_a_range_is_read(objects: Bucket, offset: int, length: int, expected: bytes) -> None:
    objects.write("a", b"0123456789", "text/plain")
    assert objects.read_range("a", offset, length) == expected


def test_a_range_of_nothing_is_not_found(objects: Bucket) -> None:
    with pytest.raises(NotFound):
        objects.read_range("a", 0, 1)


def test_what_was_not_written_is_not_found(objects: Bucket) -> None:
    with pytest.raises(NotFound, match=KEY):
        objects.read(KEY)
    with pytest.raises(NotFound, match=KEY):
        objects.read_tagged(KEY)


def test_what_was_deleted_is_not_found(objects: Bucket, delete: Callable[[str], object]) -> None:
    objects.write(KEY, b"one", TYPE)
    delete(KEY)
    with pytest.raises(NotFound):
        objects.read(KEY)
    assert objects.exists(KEY) is False


def test_an_object_is_there_once_it_was_written(objects: Bucket) -> None:
    assert objects.exists(KEY) is False
    objects.write(KEY, b"", TYPE)
    assert objects.exists(KEY) is True


@pytest.mark.parametrize("key", ["builds", "builds/shop/b1", "builds/shop/b1/status"])
def test_beginning_of_a_key_is_no_object(objects: Bucket, key: str) -> None:
    objects.write(KEY, b"one", TYPE)
    assert objects.exists(key) is False


def test_later_write_replaces_the_whole_object(objects: Bucket) -> None:
    objects.write(KEY, b"a long one", TYPE)
    objects.write(KEY, b"short", TYPE)
    assert objects.read(KEY) == b"short"


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("builds/my shop/b 1/status.json", id="spaces"),
        pytest.param("builds/shop/feature+x/status.json", id="plus"),
        pytest.param("builds/shop/100%/status.json", id="%"),
        pytest.param("builds/shop/a%20b/status.json", id="percent-encoded already"),
        pytest.param("builds/shop/#12/status.json", id="#"),
        pytest.param("builds/shop/a?b=c&d/status.json", id="?"),
        pytest.param("comparisons/shop/b1/@none/e1/index.html", id="@"),
        pytest.param("builds/läden/日本/status.json", id="letters of the world"),
        pytest.param("builds/shop/'\"<>:;,\\/status.json", id="other signs"),
    ],
)
def test_keys_mean_what_they_say(objects: Bucket, key: str) -> None:
    objects.write(key, b"one", TYPE)
    assert objects.read(key) == b"one"
    assert objects.exists(key) is True
    _, tag = objects.read_tagged(key)
    objects.replace(key, b"two", TYPE, tag)
    assert objects.read(key) == b"two"


def test_keys_that_look_alike_are_two(objects: Bucket) -> None:
    for key in ("a b", "a+b", "a%20b", "A b"):
        objects.write(key, key.encode(), TYPE)
    assert [objects.read(k) for k in ("a b", "a+b", "a%20b", "A b")] == [
        b"a b",
        b"a+b",
        b"a%20b",
        b"A b",
    ]


def test_first_write_of_all_wins(objects: Bucket) -> None:
    objects.replace(KEY, b"one", TYPE, None)
    with pytest.raises(WriteConflict, match=KEY):
        objects.replace(KEY, b"two", TYPE, None)
    assert objects.read(KEY) == b"one"


def test_write_with_the_present_tag_wins(objects: Bucket) -> None:
    objects.write(KEY, b"one", TYPE)
    _, tag = objects.read_tagged(KEY)
    objects.replace(KEY, b"two", TYPE, tag)
    assert objects.read(KEY) == b"two"


def test_write_with_an_old_tag_loses(objects: Bucket) -> None:
    objects.write(KEY, b"one", TYPE)
    _, tag = objects.read_tagged(KEY)
    objects.write(KEY, b"two", TYPE)
    with pytest.raises(WriteConflict, match=KEY):
        objects.replace(KEY, b"three", TYPE, tag)
    assert objects.read(KEY) == b"two"


def test_of_two_writes_with_one_tag_the_second_loses(objects: Bucket) -> None:
    objects.replace(KEY, b"one", TYPE, None)
    _, tag = objects.read_tagged(KEY)
    objects.replace(KEY, b"two", TYPE, tag)
    with pytest.raises(WriteConflict):
        objects.replace(KEY, b"three", TYPE, tag)
    assert objects.read(KEY) == b"two"


def test_tag_of_a_deleted_object_is_an_old_one(
    objects: Bucket, delete: Callable[[str], object]
) -> None:
    objects.write(KEY, b"one", TYPE)
    _, tag = objects.read_tagged(KEY)
    delete(KEY)
    with pytest.raises(WriteConflict, match=KEY):
        objects.replace(KEY, b"two", TYPE, tag)
    assert objects.exists(KEY) is False


def test_other_contents_have_other_tags(objects: Bucket) -> None:
    objects.write(KEY, b"one", TYPE)
    _, one = objects.read_tagged(KEY)
    assert objects.read_tagged(KEY)[1] == one
    objects.write(KEY, b"two", TYPE)
    assert objects.read_tagged(KEY)[1] != one


def test_limit_holds_for_tagged_reads_too(objects: Bucket) -> None:
    objects.write("a", b"12345", "text/plain")
    assert objects.read_tagged("a", 5)[0] == b"12345"
    with pytest.raises(TooLarge, match="a has 5 bytes; 4 are allowed"):
        objects.read_tagged("a", 4)


def test_a_listing_shows_what_lies_under_a_prefix_in_its_order(objects: Bucket) -> None:
    for key in ("u/b/2.png", "u/b.x", "u/b/10.png", "u/b/a/1.png", "u/c/1.png", "u/b/ü.png"):
        objects.write(key, key.encode(), "image/png")
    found = list(objects.list("u/b/"))
    keys = ["u/b/10.png", "u/b/2.png", "u/b/a/1.png", "u/b/ü.png"]
    assert [o.key for o in found] == keys
    assert [o.size for o in found] == [len(key.encode()) for key in keys]
    assert list(objects.list("nothing/")) == []


def test_a_listing_tells_other_bytes_by_their_tag(objects: Bucket) -> None:
    objects.write("u/a", b"1", "image/png")
    [before] = objects.list("u/")
    objects.write("u/a", b"2", "image/png")
    [after] = objects.list("u/")
    assert before.tag != after.tag
    objects.write("u/a", b"1", "image/png")
    assert [found.tag for found in objects.list("u/")] == [before.tag]


def test_a_listing_has_no_end_at_a_thousand(objects: Bucket) -> None:
    for n in range(1_001):
        objects.write(f"u/{n:04}", b"x", "image/png")
    assert [o.key for o in objects.list("u/")] == [f"u/{n:04}" for n in range(1_001)]
