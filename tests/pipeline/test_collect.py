"""Garbage collection: what goes, when, and what is told of it."""

from __future__ import annotations

import json

import pytest

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId, ComparisonId
from pixelgate.domain.records import Review
from pixelgate.pipeline.cleanup import garbage
from pixelgate.pipeline.compare.outcomes import Rejected
from pixelgate.pipeline.intake import images
from support.images import MASK
from support.tidied import Tidied
from support.world import PROJECT, World, sha


@pytest.fixture
def tidied() -> Tidied:
    """An old build of a topic, one on main, and one that a person approved."""
    made = Tidied()
    made.build("old", b"x", b"shared")
    made.build("main", b"m", b"shared", branch="main")
    made.build("liked", b"l", b"shared")
    made.world.review("liked", Review.APPROVED)
    made.days(31)
    return made


EVERYTHING = {"old", "main", "liked", "x", "m", "l", "shared"}


def test_a_dry_run_tells_what_would_go_and_changes_nothing(tidied: Tidied) -> None:
    before = dict(tidied.world.objects.objects)
    done = tidied.collect(delete=False)
    assert (done.builds, done.images, done.kept) == (
        ["old"],
        1,
        {"approved": 1, "may be a baseline": 1},
    )
    assert done.size > 0
    assert tidied.world.objects.objects == before
    assert tidied.world.ledger.build(BuildId(PROJECT, "old"))


def test_a_build_and_what_only_it_refers_to_go_step_by_step(tidied: Tidied) -> None:
    assert tidied.collect().hidden == 1
    assert tidied.world.ledger.build(BuildId(PROJECT, "old")) is None
    assert tidied.there() == EVERYTHING  # nothing of it has gone
    tidied.days(6)
    assert tidied.collect().removed == 0  # too early
    tidied.days(1)
    done = tidied.collect()
    assert (done.removed, done.swept) == (1, 1)
    assert tidied.there() == EVERYTHING - {"old", "x"}
    assert tidied.world.ledger.hidden_since(BuildId(PROJECT, "old")) is None
    left = [key for key in tidied.world.objects.objects if "old" in key or sha(b"x") in key]
    # The history tells of it, and keeps nothing of it.
    assert [key for key in left if not key.startswith(keys.index(PROJECT))] == []


def test_an_approval_before_the_first_step_keeps_the_build(tidied: Tidied) -> None:
    assert tidied.collect(delete=False).builds == ["old"]
    tidied.world.review("old", Review.APPROVED)
    for _ in range(5):
        assert tidied.collect().hidden == 0
        tidied.days(8)
    assert tidied.there() == EVERYTHING


def test_the_id_of_a_hidden_build_is_refused_in_words_and_free_when_it_is_gone(
    tidied: Tidied,
) -> None:
    tidied.collect()
    refused = tidied.build("old", b"x", b"shared")
    assert isinstance(refused, Rejected)
    assert "was removed after its retention" in refused.message
    tidied.days(8)
    assert tidied.collect().removed == 1
    tidied.build("old", b"new")
    assert tidied.world.status("old")["state"] == "SUCCEEDED"


@pytest.mark.parametrize("days", [0, 29])
def test_an_upload_that_found_the_image_there_gets_it_back(tidied: Tidied, days: int) -> None:
    tidied.collect()
    tidied.days(8)
    tidied.collect()
    assert "x" not in tidied.there()
    tidied.days(days)
    manifest = {"0.png": b"x", "1.png": b"more"}
    outcome = tidied.world.compare(tidied.world.upload("latest", manifest, missing=("0.png",)))
    assert tidied.world.status("latest")["state"] == "SUCCEEDED", outcome
    assert "x" in tidied.there()


def test_an_image_whose_version_is_gone_is_missing(tidied: Tidied) -> None:
    tidied.collect()
    tidied.days(8)
    tidied.collect()
    tidied.days(31)
    tidied.world.compare(tidied.world.upload("latest", {"0.png": b"x"}, missing=("0.png",)))
    assert tidied.world.status("latest")["error"]["code"] == "IMAGE_MISSING"


def test_a_deleted_image_that_is_too_large_to_compare_stops_nothing(
    tidied: Tidied, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "MAX_IMAGE_BYTES", 3)
    key = keys.image(PROJECT, sha(b"shared"))
    tidied.world.objects.delete([key])
    assert tidied.collect().restored == 0
    assert not tidied.world.objects.exists(key)


def test_an_image_that_an_upload_names_which_still_waits_is_restored(tidied: Tidied) -> None:
    tidied.collect()
    tidied.days(8)
    tidied.collect()
    tidied.world.upload("late", {"0.png": b"x"}, missing=("0.png",))  # its event has not come
    assert tidied.collect().restored == 1
    assert "x" in tidied.there()
    assert tidied.collect().restored == 0


def test_a_young_image_is_left_alone_though_nothing_refers_to_it_yet(tidied: Tidied) -> None:
    tidied.world.objects.write(keys.image(PROJECT, sha(b"young")), b"young", "image/png")
    assert tidied.collect().swept == 0
    tidied.days(29)
    tidied.collect()
    assert "young" in tidied.there()
    tidied.days(1)
    tidied.collect()
    assert "young" not in tidied.there()


def test_one_run_deletes_so_many_images_and_the_next_one_the_others(
    tidied: Tidied, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(garbage, "_MOST", 2)
    for body in (b"1", b"2", b"3"):
        tidied.world.objects.write(keys.image(PROJECT, sha(body)), body, "image/png")
    tidied.days(31)
    assert [tidied.collect().swept for _ in range(3)] == [2, 1, 0]


def test_what_waits_and_what_is_somebody_s_base_stay(tidied: Tidied) -> None:
    tidied.build("head", b"h", base_build="old")
    tidied.build("waits", b"w", base_commit="never")
    for _ in range(4):
        tidied.days(8)
        tidied.collect()
    assert tidied.collect(delete=False).kept["not finished"] == 1
    assert {"waits", "w"} <= tidied.there()


def test_the_base_of_a_kept_build_stays_as_long_as_that() -> None:
    tidied = Tidied()
    tidied.build("base", b"b")
    tidied.world.review("base", Review.APPROVED)
    tidied.days(25)
    tidied.build("head", b"h", base_build="base")
    tidied.world.review("base", Review.REJECTED)
    tidied.days(10)
    done = tidied.collect()
    assert (done.hidden, done.kept) == (0, {"young": 1, "base of a kept build": 1})


def test_the_pictures_of_a_report_stay_when_the_cache_expires_and_go_with_its_build() -> None:
    tidied = Tidied()
    tidied.build("base", b"b", branch="main")
    tidied.build("head", b"h", base_build="base")
    mask = next(iter(tidied.world.published("head")["images"].values()))["mask"]
    tidied.expire_cache()
    tidied.days(31)
    tidied.collect()
    assert tidied.world.objects.read(mask) == MASK
    tidied.days(8)
    assert tidied.collect().removed == 1
    assert not tidied.world.objects.exists(mask)


def test_of_what_earlier_versions_left_only_what_is_shown_stays() -> None:
    """They wrote masks by month, images that were to go to aside/, and a list of them to gc/."""
    tidied = Tidied()
    tidied.build("base", b"b", branch="main")
    tidied.build("head", b"h", base_build="base")
    tidied.world.review("head", Review.APPROVED)
    objects = tidied.world.objects
    shown, other = (f"diffs/{PROJECT}/2026-08/f/{name}.png" for name in ("shown", "other"))
    comparison = tidied.world.status("head")["comparison"]
    published = tidied.world.published("head")
    next(iter(published["images"].values()))["mask"] = shown
    objects.write(comparison, json.dumps(published).encode(), "application/json")
    aside = keys.old_image(PROJECT, sha(b"aside"))
    for key, body in ((shown, b"mask"), (other, b""), (aside, b"aside")):
        objects.write(key, body, "image/png")
    objects.write(f"gc/{PROJECT}/going.json", b"{}", "application/json")
    tidied.days(31)
    assert tidied.collect(delete=False).images == 2
    assert tidied.collect().swept == 2
    assert objects.read(shown) == b"mask"
    assert not objects.exists(other)
    assert not objects.exists(aside)


def test_an_image_that_an_earlier_version_was_about_to_delete_is_found() -> None:
    world = World(render=lambda *about: b"a page")
    world.objects.write(keys.old_image(PROJECT, sha(b"x")), b"x", "image/png")
    world.compare(world.upload("late", {"0.png": b"x"}, missing=("0.png",)))
    assert world.status("late")["state"] == "SUCCEEDED"
    assert world.objects.read(keys.image(PROJECT, sha(b"x"))) == b"x"


@pytest.mark.parametrize(
    "key",
    [
        keys.accepted_manifest(BuildId(PROJECT, "odd")),
        keys.status(BuildId(PROJECT, "odd")),
        keys.result(ComparisonId(PROJECT, "odd", "@none"), "e", "comparison.json"),
    ],
)
def test_what_we_wrote_and_cannot_read_stops_it(tidied: Tidied, key: str) -> None:
    tidied.world.objects.write(key, b"{", "application/json")
    before = dict(tidied.world.objects.objects)
    with pytest.raises(ValueError, match="Expecting"):
        tidied.collect()
    assert tidied.world.objects.objects == before


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"images": {"a": 1}}', b"[" * 100_000])
def test_what_others_wrote_and_nobody_can_read_names_nothing(tidied: Tidied, body: bytes) -> None:
    tidied.world.write_manifest("nonsense", body)
    assert tidied.collect().hidden == 1


def test_an_upload_that_nobody_has_accepted_for_a_month_keeps_nothing(tidied: Tidied) -> None:
    tidied.world.upload("never", {"0.png": b"n"})
    tidied.days(29)
    assert tidied.collect(delete=False).images == 1  # x
    tidied.days(2)
    assert tidied.collect(delete=False).images == 2
