"""Plain uploads: images beside a manifest that lists none, as `aws s3 cp` leaves them."""

from __future__ import annotations

from typing import Any

import pytest

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId, ShardId
from pixelgate.pipeline.compare.dispatch import Collecting
from pixelgate.pipeline.compare.outcomes import Duplicate, Published, Rejected
from support.world import PROJECT, World, sha

BUILD = BuildId(PROJECT, "b1")


def put_plain(
    world: World, files: dict[str, bytes], build: BuildId = BUILD, **fields: Any
) -> BuildId:
    world.upload_plain(build.build, files, **{"commit": "C", **fields})
    return build


def test_they_are_stored_by_hash_and_compared(world: World) -> None:
    build = put_plain(world, {"a.png": b"a", "dir/b c.PNG": b"b"})
    assert isinstance(world.compare(build), Published)
    images = world.published("b1")["images"]
    assert {name: image["head_sha256"] for name, image in images.items()} == {
        "a.png": sha(b"a"),
        "dir/b c.PNG": sha(b"b"),
    }
    assert images["a.png"]["head_size"] == [10, 1]  # as the header says
    assert world.objects.objects[keys.image(PROJECT, sha(b"a"))] == b"a"
    assert world.objects.content_types[keys.image(PROJECT, sha(b"a"))] == "image/png"


def test_every_image_is_read_once_and_by_no_later_delivery(world: World) -> None:
    build = put_plain(world, {f"{n}.png": b"%d" % n for n in range(30)})
    reads = world.objects.reads
    assert isinstance(world.compare(build), Published)
    assert sum(key.endswith(".png") for key in reads) == 30
    assert not [key for key in reads if key.startswith("images/")]
    reads.clear()
    assert isinstance(world.compare(build), Duplicate)
    assert not [key for key in reads if key.endswith(".png")]


def test_images_that_are_there_are_not_written_again(world: World) -> None:
    world.upload("old", {"a.png": b"a"})
    world.compare(put_plain(world, {"x.png": b"a"}))
    assert world.objects.read_tagged(keys.image(PROJECT, sha(b"a")))[1] == "1"


def test_other_images_under_the_same_id_are_refused(world: World) -> None:
    world.compare(put_plain(world, {"a.png": b"a"}))
    world.clock.sleep(1)
    assert isinstance(world.compare(put_plain(world, {"a.png": b"other"})), Rejected)
    assert world.status("b1")["error"]["message"] == (
        "shop/b1 was uploaded before with other images or another manifest; "
        "were all images there before the manifest?"
    )
    world.clock.sleep(1)
    assert isinstance(world.compare(put_plain(world, {"a.png": b"a"})), Duplicate)
    assert world.status("b1")["state"] == "SUCCEEDED"


def test_a_broken_image_is_errored_and_the_others_are_compared(world: World) -> None:
    world.compare(put_plain(world, {"a.png": b"garbage", "b.png": b"b"}))
    images = world.published("b1")["images"]
    assert images["a.png"]["status"] == "errored"
    assert images["a.png"]["reason"].startswith("UNREADABLE")
    assert images["b.png"]["status"] == "added"
    assert world.status("b1")["verdict"] == "needs_review"
    # And it can be read as a base, sizes that nobody could tell included.
    world.compare(world.upload("head", {"b.png": b"b"}, commit="D", base_commit="C"))
    assert world.status("head")["base"] == "b1"


def test_what_is_no_image_is_left_out_and_named(world: World) -> None:
    files = {"a.png": b"a", "notes.txt": b"x", ".DS_Store": b"x", ".hidden/b.png": b"x"}
    files |= {"": b"", "folder/": b"", "folder.png/": b""}  # as S3's console makes folders
    world.compare(put_plain(world, files))
    assert set(world.published("b1")["images"]) == {"a.png"}
    assert world.published("b1")["warnings"] == [
        "left out, as they are no images by their names: 'notes.txt'"
    ]


def test_a_foreign_picture_is_not_lost_in_silence(world: World) -> None:
    world.compare(put_plain(world, {"a.png": b"a", "old.gif": b"garbage"}))
    assert world.published("b1")["images"]["old.gif"]["status"] == "errored"


@pytest.mark.parametrize(
    ("names", "said", "messages"),
    [
        (
            ["\u00fc.png", "u\u0308.png"],
            {},
            [
                r"images: 'u\u0308.png' and '\xfc.png' are one name in two Unicode forms; a build "
                "can hold only one"
            ],
        ),
        (
            ["a\n.png", "b//c.png", "fine.png"],
            {},
            [
                "images['a\\n.png']: the name holds a control character",
                "images['b//c.png']: the name must be a relative path",
            ],
        ),
        (["a.png"], {"all_names": ["b.png"]}, ["all_names: lacks 'a.png'"]),
    ],
    ids=["one name twice", "bad names", "not of the suite"],
)
def test_names_that_are_refused_are_all_listed(
    world: World, names: list[str], said: dict[str, Any], messages: list[str]
) -> None:
    outcome = world.compare(put_plain(world, dict.fromkeys(names, b"a"), **said))
    assert isinstance(outcome, Rejected)
    error = world.status("b1")["error"]
    assert error["code"] == "BAD_MANIFEST"
    assert all(message in error["message"] for message in messages), error
    assert "fine.png" not in error["message"]


def test_an_image_over_the_limit_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pixelgate.pipeline.intake.plain_upload.MAX_IMAGE_BYTES", 3)
    world.compare(put_plain(world, {"a.png": b"1234"}))
    assert world.status("b1")["error"]["message"] == "images['a.png']: has 4 bytes; 3 are allowed"


def test_no_image_is_an_error_unless_it_is_meant(world: World) -> None:
    assert isinstance(world.compare(put_plain(world, {})), Rejected)
    assert world.status("b1")["error"]["message"] == (
        "images: the manifest lists none and no image (PNG, JPEG, WebP) lies under "
        "uploads/shop/b1/; upload them before the manifest, or set allow_empty"
    )
    empty = put_plain(world, {}, BuildId(PROJECT, "b2"), allow_empty=True)
    assert isinstance(world.compare(empty), Published)


def test_plain_shards(world: World) -> None:
    for n in (1, 2):
        outcome = world.receive(world.upload_plain("b1", {f"{n}.png": b"%d" % n}, ShardId(n, 2)))
        assert isinstance(outcome, Published if n == 2 else Collecting)
    assert set(world.published("b1")["images"]) == {"1.png", "2.png"}


def test_a_plain_base_that_waits_itself_wakes_its_heads(world: World) -> None:
    head = world.upload("head", {"a.png": b"a"}, commit="H", base_commit="C")
    world.compare(head)
    world.compare(put_plain(world, {"a.png": b"a"}, base_commit="B"))
    assert world.resumed == [head]


def test_a_fork_uploads_plain_and_is_compared_and_is_nobody_s_base(world: World) -> None:
    """Its role may write nowhere else: decision 0022."""
    world.compare(world.upload("base", {"a.png": b"a"}, commit="C"))
    fork = put_plain(
        world, {"a.png": b"a2"}, BuildId(PROJECT, "fork.1"), commit="F", base_commit="C"
    )
    assert isinstance(world.compare(fork), Published)
    assert world.status("fork.1")["counts"]["changed"] == 1
    world.compare(world.upload("head", {"a.png": b"a2"}, commit="H", base_commit="F"))
    status = world.status("head")
    assert status["state"] == "WAITING_FOR_BASE"  # as if the fork's build were not there


def test_an_image_that_another_worker_stores_meanwhile_is_no_error(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, build = keys.image(PROJECT, sha(b"a")), put_plain(world, {"a.png": b"a"})
    exists = world.objects.exists

    def asked_too_early(asked: str) -> bool:
        there = exists(asked)
        if asked == key and not there:
            world.objects.write(key, b"a", "image/png")
        return there

    monkeypatch.setattr(world.objects, "exists", asked_too_early)
    assert isinstance(world.compare(build), Published)
    assert world.objects.read_tagged(key)[1] == "1"


def test_an_image_that_is_deleted_while_it_is_taken_in_is_missed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The import finds it under its hash; before the build is accepted it has gone for good."""
    key, build = keys.image(PROJECT, sha(b"a")), put_plain(world, {"a.png": b"a"})
    world.objects.write(key, b"a", "image/png")
    exists = world.objects.exists

    def asked_too_early(asked: str) -> bool:
        there = exists(asked)
        if asked == key:
            world.objects.objects.pop(key, None)
        return there

    monkeypatch.setattr(world.objects, "exists", asked_too_early)
    world.compare(build)
    assert world.status("b1")["error"]["code"] == "IMAGE_MISSING"
    record = world.ledger.build(build)
    assert record is not None
    assert not record.complete
