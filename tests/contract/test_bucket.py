"""What every bucket does, be it on S3, in a folder or in memory."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest

from pixelgate.errors import NotFound, TooLarge, WriteConflict
from pixelgate.ports import Bucket
from pixelgate.storage.folder import FolderBucket

KEY = "builds/shop/b1/status.json"
TYPE = "application/json"


def digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"one", id="text"),
        pytest.param(b"", id="empty"),
        pytest.param(bytes(range(256)), id="every byte"),
        pytest.param(b"\r\n\n\r", id="line ends"),
        pytest.param(b"x" * 3_000_000, id="3 MB"),
    ],
)
def test_bytes_stay_what_they_are(bucket: Bucket, body: bytes) -> None:
    assert bucket.exists(KEY) is False
    bucket.write(KEY, body, "application/octet-stream")
    assert bucket.exists(KEY) is True
    assert bucket.read(KEY) == body
    assert bucket.read_tagged(KEY)[0] == body


def test_more_than_the_reader_allows_is_not_read(bucket: Bucket) -> None:
    bucket.write("a", b"12345", "text/plain")
    assert bucket.read("a", 5) == bucket.read_tagged("a", 5)[0] == b"12345"
    for read in (bucket.read, bucket.read_tagged):
        with pytest.raises(TooLarge, match="a has 5 bytes; 4 are allowed"):
            read("a", 4)


@pytest.mark.parametrize(
    ("offset", "length", "expected"),
    [
        pytest.param(0, 2, b"01", id="the beginning"),
        pytest.param(3, 4, b"3456", id="the middle"),
        pytest.param(8, 5, b"89", id="past the end"),
        pytest.param(10, 1, b"", id="behind the end"),
    ],
)
def test_a_range_is_read(bucket: Bucket, offset: int, length: int, expected: bytes) -> None:
    bucket.write("a", b"0123456789", "text/plain")
    assert bucket.read_range("a", offset, length) == expected


def test_what_was_not_written_or_was_deleted_is_not_found(bucket: Bucket) -> None:
    bucket.write("deleted", b"one", TYPE)
    bucket.delete(["deleted"])
    for key in (KEY, "deleted"):
        assert bucket.exists(key) is False
        with pytest.raises(NotFound, match=key):
            bucket.read(key)
        with pytest.raises(NotFound, match=key):
            bucket.read_tagged(key)
        with pytest.raises(NotFound):
            bucket.read_range(key, 0, 1)


@pytest.mark.parametrize("key", ["builds", "builds/shop/b1", "builds/shop/b1/status"])
def test_beginning_of_a_key_is_no_object(bucket: Bucket, key: str) -> None:
    bucket.write(KEY, b"one", TYPE)
    assert bucket.exists(key) is False


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
def test_keys_mean_what_they_say(bucket: Bucket, key: str) -> None:
    bucket.write(key, b"one", TYPE)
    assert bucket.read(key) == b"one"
    assert bucket.exists(key) is True
    _, tag = bucket.read_tagged(key)
    bucket.replace(key, b"two", TYPE, tag)
    assert bucket.read(key) == b"two"


def test_keys_that_look_alike_are_two(bucket: Bucket) -> None:
    alike = ("a b", "a+b", "a%20b", "A b")
    for key in alike:
        bucket.write(key, key.encode(), TYPE)
    assert [bucket.read(key) for key in alike] == [key.encode() for key in alike]


def test_first_write_of_all_wins(bucket: Bucket) -> None:
    bucket.replace(KEY, b"one", TYPE, None)
    with pytest.raises(WriteConflict, match=KEY):
        bucket.replace(KEY, b"two", TYPE, None)
    assert bucket.read(KEY) == b"one"


def test_write_with_an_old_tag_loses(bucket: Bucket) -> None:
    bucket.write(KEY, b"a long one", TYPE)
    _, tag = bucket.read_tagged(KEY)
    assert bucket.read_tagged(KEY)[1] == tag
    bucket.write(KEY, b"two", TYPE)
    assert bucket.read_tagged(KEY)[1] != tag
    with pytest.raises(WriteConflict, match=KEY):
        bucket.replace(KEY, b"three", TYPE, tag)
    assert bucket.read(KEY) == b"two"


def test_of_two_writes_with_one_tag_the_second_loses(bucket: Bucket) -> None:
    bucket.replace(KEY, b"one", TYPE, None)
    _, tag = bucket.read_tagged(KEY)
    bucket.replace(KEY, b"two", TYPE, tag)
    with pytest.raises(WriteConflict):
        bucket.replace(KEY, b"three", TYPE, tag)
    assert bucket.read(KEY) == b"two"


def test_tag_of_a_deleted_object_is_an_old_one(bucket: Bucket) -> None:
    bucket.write(KEY, b"one", TYPE)
    _, tag = bucket.read_tagged(KEY)
    bucket.delete([KEY])
    with pytest.raises(WriteConflict, match=KEY):
        bucket.replace(KEY, b"two", TYPE, tag)
    assert bucket.exists(KEY) is False


def test_a_listing_shows_what_begins_so_in_its_order(bucket: Bucket) -> None:
    for key in ("u/b/2.png", "u/b.x", "u/b/10.png", "u/b/a/1.png", "u/c/1.png", "u/b/ü.png"):
        bucket.write(key, key.encode(), "image/png")
    keys = ["u/b/10.png", "u/b/2.png", "u/b/a/1.png", "u/b/ü.png"]
    assert [(o.key, o.size) for o in bucket.list("u/b/")] == [(k, len(k.encode())) for k in keys]
    assert [o.key for o in bucket.list("u/b")] == ["u/b.x", *keys]
    assert list(bucket.list("nothing/")) == []


def test_a_listing_tells_other_bytes_by_their_tag(bucket: Bucket) -> None:
    bucket.write("u/a", b"1", "image/png")
    [before] = bucket.list("u/")
    bucket.write("u/a", b"2", "image/png")
    [after] = bucket.list("u/")
    assert before.tag != after.tag
    bucket.write("u/a", b"1", "image/png")
    assert [found.tag for found in bucket.list("u/")] == [before.tag]


def test_a_listing_has_no_end_at_a_thousand(bucket: Bucket) -> None:
    for n in range(1_001):
        bucket.write(f"u/{n:04}", b"x", "image/png")
    assert [o.key for o in bucket.list("u/")] == [f"u/{n:04}" for n in range(1_001)]


def test_a_listing_says_when_it_was_written(bucket: Bucket, tmp_path: Path) -> None:
    bucket.write("a", b"", TYPE)
    [found] = bucket.list("a")
    now = time.time()
    if isinstance(bucket, FolderBucket):  # the machine dates files, whatever the tests' clock says
        (tmp_path / "now").touch()
        now = (tmp_path / "now").stat().st_mtime
    assert abs(found.modified - now) < 60


def test_folders_are_listed_by_name(bucket: Bucket) -> None:
    for key in ("a/shop/1", "a/shop/2", "a/web/x/y", "a/none", "b/other/1"):
        bucket.write(key, b"", TYPE)
    assert list(bucket.folders("a/")) == ["shop", "web"]
    assert list(bucket.folders("")) == ["a", "b"]
    assert list(bucket.folders("nothing/")) == []


# moto goes on listing the folders of deleted objects; S3 does not.
@pytest.mark.parametrize("bucket", ["memory", "folder"], indirect=True)
def test_a_folder_goes_with_its_last_object(bucket: Bucket) -> None:
    bucket.write("a/shop/1", b"", TYPE)
    bucket.write("a/web/1", b"", TYPE)
    bucket.delete(["a/shop/1"])
    assert list(bucket.folders("a/")) == ["web"]


def test_more_than_a_thousand_are_deleted_and_what_is_not_there_is_ignored(
    bucket: Bucket,
) -> None:
    for number in range(3):
        bucket.write(f"k/{number}", b"", TYPE)
    bucket.delete([])
    bucket.delete(["k", "k/0", "k/none", *(f"none/{n}" for n in range(1_000)), "k/2"])
    assert [found.key for found in bucket.list("")] == ["k/1"]


@pytest.mark.parametrize("bucket", ["memory", "s3", "s3 for a client"], indirect=True)
def test_what_was_deleted_can_be_read_where_versions_are_kept(bucket: Bucket) -> None:
    for key in ("images/x", "images/x2"):
        bucket.write(key, b"earlier", "image/png")
        bucket.write(key, key.encode(), "image/png")
    bucket.delete(["images/x", "images/x2"])
    bucket.delete(["images/x"])
    assert not bucket.exists("images/x")
    assert bucket.read_deleted("images/x", limit=8) == b"images/x"
    with pytest.raises(TooLarge):
        bucket.read_deleted("images/x", limit=7)
    for missing in ("images/", "images/y"):
        with pytest.raises(NotFound):
            bucket.read_deleted(missing)


@pytest.mark.parametrize("bucket", ["folder"], indirect=True)
def test_what_was_deleted_is_gone_where_no_versions_are_kept(bucket: Bucket) -> None:
    bucket.write("a", b"", TYPE)
    bucket.delete(["a"])
    with pytest.raises(NotFound):
        bucket.read_deleted("a")


def test_what_is_new_is_put_and_what_is_there_stays(bucket: Bucket) -> None:
    assert bucket.put_new("images/shop/a", b"one", TYPE, digest(b"one")) is True
    assert bucket.put_new("images/shop/a", b"two", TYPE, digest(b"two")) is False
    assert bucket.read("images/shop/a") == b"one"


def test_what_has_not_changed_is_not_read_again(bucket: Bucket) -> None:
    bucket.write("status", b"one", TYPE)
    first = bucket.read_changed("status", None)
    assert first is not None
    assert first[0] == b"one"
    assert bucket.read_changed("status", first[1]) is None
    bucket.write("status", b"two", TYPE)
    second = bucket.read_changed("status", first[1])
    assert second is not None
    assert (second[0], second[1] != first[1]) == (b"two", True)


@pytest.mark.parametrize("tag", [None, '"0123"'])
def test_what_is_not_there_has_not_changed_either(bucket: Bucket, tag: str | None) -> None:
    with pytest.raises(NotFound):
        bucket.read_changed("status", tag)


def test_a_probe_writes_nothing_and_everybody_is_somebody(bucket: Bucket) -> None:
    bucket.check_write("uploads/shop/@doctor/probe")
    assert list(bucket.list("uploads/")) == []
    assert bucket.caller()
