"""Uploads: what is missing first, the manifest last, and again from where it stopped."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pixelgate.client.scan import scan
from pixelgate.client.upload import (
    Sent,
    finalize,
    find_present,
    read_names,
    send_images,
    send_plain,
    submit,
)
from pixelgate.domain.keys import BuildId
from pixelgate.errors import BucketError, Refused, UsageError
from pixelgate.ports import Listed, Progress
from support import images
from support.doubles.memory import MemoryBucket

BUILD = BuildId("shop", "1-1")


class Counting(MemoryBucket):
    """A bucket that counts what it is asked, and may fail at some put."""

    def __init__(self, fails_at: int | None = None, deaf: bool = False) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.put: list[str] = []
        self.fails_at = fails_at
        self.deaf = deaf
        self._counting = threading.Lock()

    def exists(self, key: str) -> bool:
        with self._counting:
            self.asked.append(f"head {key}")
        if self.deaf:
            raise Refused("no s3:ListBucket")
        return super().exists(key)

    def list(self, prefix: str) -> Iterator[Listed]:
        with self._counting:
            self.asked.append(f"list {prefix}")
        if self.deaf:
            raise Refused("no s3:ListBucket")
        yield from super().list(prefix)

    def put_new(self, key: str, body: bytes, content_type: str, sha256: bytes) -> bool:
        with self._counting:
            if len(self.put) == self.fails_at:
                raise BucketError("S3 could not be reached")
            self.put.append(key)
        return super().put_new(key, body, content_type, sha256)


def words() -> tuple[Progress, list[str]]:
    said: list[str] = []
    return Progress(say=said.append), said


def many(folder: Path, number: int) -> Path:
    folder.mkdir(exist_ok=True)
    for i in range(number):
        (folder / f"{i:04}.png").write_bytes(images.png((2, 2), (i % 256, i // 256, 7)))
    return folder


def test_images_lie_under_their_hashes(store: MemoryBucket, folder: Path) -> None:
    sent = send_images(store, "shop", scan(folder))
    assert sent == Sent(images=3, unique=2, present=0, uploaded=2)
    bodies = [(folder / name).read_bytes() for name in ("a.png", "sub/b.jpg")]
    assert store.objects == {f"images/shop/{hashlib.sha256(b).hexdigest()}": b for b in bodies}
    assert sorted(store.content_types.values()) == ["image/jpeg", "image/png"]


def test_only_the_missing_are_sent(tmp_path: Path) -> None:
    store, (progress, said) = Counting(), words()
    folder = many(tmp_path / "shots", 20)
    send_images(store, "shop", scan(folder))
    store.put.clear()
    many(folder, 23)
    assert send_images(store, "shop", scan(folder), progress) == Sent(23, 23, 20, 3)
    assert len(store.put) == 3
    assert said == ["20 of 23 already there, uploading 3"]


def test_few_are_asked_for_one_by_one(tmp_path: Path) -> None:
    store = Counting()
    send_images(store, "shop", scan(many(tmp_path / "shots", 200)))
    assert sum(what.startswith("head images/shop/") for what in store.asked) == 200
    assert len(store.asked) == 200


def test_more_than_200_are_found_by_sixteen_listings(tmp_path: Path) -> None:
    store, (progress, said) = Counting(), words()
    found = scan(many(tmp_path / "shots", 201))
    send_images(store, "shop", found)
    store.asked.clear()
    send_images(store, "shop", found, progress)
    assert sorted(store.asked) == [f"list images/shop/{digit}" for digit in "0123456789abcdef"]
    assert said == ["201 of 201 already there"]


def test_hashes_of_another_project_are_not_ours(tmp_path: Path) -> None:
    store, found = MemoryBucket(), scan(many(tmp_path / "shots", 3))
    send_images(store, "shop2", found)
    wanted = [entry.sha256 for entry in found.entries.values()]
    assert find_present(store, "shop", wanted) == set()
    assert find_present(store, "shop2", wanted) == set(wanted)


@pytest.mark.parametrize("number", [3, 201])
def test_who_may_not_ask_sends_everything(tmp_path: Path, number: int) -> None:
    store, (progress, said) = Counting(deaf=True), words()
    found = scan(many(tmp_path / "shots", number))
    assert send_images(store, "shop", found, progress).uploaded == number
    assert said[0].startswith("these credentials may not list existing images")
    # What is there stays, and counts as there.
    assert send_images(store, "shop", found) == Sent(number, number, number, 0)


def test_an_upload_that_fails_says_how_far_it_came_and_goes_on(tmp_path: Path) -> None:
    store, found = Counting(fails_at=60), scan(many(tmp_path / "shots", 100))
    with pytest.raises(BucketError) as caught:
        send_images(store, "shop", found)
    first, second = str(caught.value).splitlines()
    assert first == "S3 could not be reached"
    there = len(store.objects)
    assert there == 60
    assert second.endswith("no comparison was started. Run the same command again to continue")
    assert second.startswith("60 of 100 images are uploaded, but not the manifest")
    store.fails_at, store.put = None, []
    assert send_images(store, "shop", found) == Sent(100, 100, 60, 40)
    assert len(store.put) == 40


def test_a_file_that_changes_meanwhile_is_no_image_of_that_hash(
    store: MemoryBucket, folder: Path
) -> None:
    found = scan(folder)
    (folder / "sub" / "b.jpg").write_bytes(images.jpeg((7, 4), (99, 20, 20)))
    with pytest.raises(UsageError, match=r"sub/b.jpg changed during the upload"):
        send_images(store, "shop", found)
    (folder / "sub" / "b.jpg").unlink()
    with pytest.raises(UsageError, match=r"sub/b.jpg cannot be read any more: No such file"):
        send_images(store, "shop", found)


def test_a_forks_images_lie_beside_its_manifest(store: MemoryBucket, folder: Path) -> None:
    build = BuildId("shop", "fork.1")
    assert send_plain(store, build, scan(folder)).uploaded == 3
    assert sorted(store.objects) == [
        "uploads/shop/fork.1/a.png",
        "uploads/shop/fork.1/sub/b.jpg",
        "uploads/shop/fork.1/sub/same as a.png",
    ]
    # Sent again with other pixels they are those.
    (folder / "a.png").write_bytes(images.png((5, 3), (99, 10, 10)))
    send_plain(store, build, scan(folder))
    assert store.objects["uploads/shop/fork.1/a.png"] == (folder / "a.png").read_bytes()


KEY = "uploads/shop/1-1/manifest.json"


def test_a_manifest_is_written_once_and_the_same_one_again(store: MemoryBucket) -> None:
    assert submit(store, KEY, b"one", None) is True
    with pytest.raises(UsageError, match="exists already, with other content, and a build is writ"):
        submit(store, KEY, b"two", {"state": "SUCCEEDED", "error": None})
    assert store.objects[KEY] == b"one"
    _, first = store.read_tagged(KEY)
    assert submit(store, KEY, b"one", None) is False  # to wake a lost run
    assert store.read_tagged(KEY)[1] != first


def test_a_refused_manifest_may_be_corrected(store: MemoryBucket) -> None:
    submit(store, KEY, b"wrong", None)
    status: dict[str, Any] = {"state": "FAILED", "error": {"code": "BAD_MANIFEST"}}
    assert submit(store, KEY, b"right", status) is True
    assert store.objects[KEY] == b"right"


def test_all_parts_are_in(store: MemoryBucket) -> None:
    key = finalize(store, BUILD, 4)
    assert key == "uploads/shop/1-1/finalize/manifest.json"
    assert json.loads(store.objects[key]) == {
        "schema_version": 1,
        "project": "shop",
        "build": "1-1",
        "total": 4,
    }
    finalize(store, BUILD, None)
    assert "total" not in json.loads(store.objects[key])


def test_names_of_the_suite(tmp_path: Path) -> None:
    path = tmp_path / "names"
    path.write_text("\ufeffa.png\n\n# a comment\n  sub/b.png\r\n", "utf-8")
    assert read_names(path) == ["a.png", "sub/b.png"]
    path.write_text("\n")
    with pytest.raises(UsageError, match="contains no name; it needs one name a line"):
        read_names(path)
    with pytest.raises(UsageError, match=r"--all-names .*gone cannot be read"):
        read_names(tmp_path / "gone")


def test_threads_end_with_the_first_failure(tmp_path: Path) -> None:
    store, found = Counting(fails_at=0), scan(many(tmp_path / "shots", 150))
    with pytest.raises(BucketError):
        send_images(store, "shop", found)
    assert not [t for t in threading.enumerate() if t.name.startswith("pixelgate")]
    assert len(store.put) == 0
