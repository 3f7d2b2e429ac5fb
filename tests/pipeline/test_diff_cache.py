"""A stored diff comes back as it was measured, and only for its own two images."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest
from PIL import Image

from pixelgate.domain.comparison import Axis, Band, BandKind, Diff, Region
from pixelgate.domain.policy import Policy
from pixelgate.domain.verdict import Evidence, Explained, NoiseKind, Picture
from pixelgate.pipeline.diffing.cached import result_in
from pixelgate.pipeline.diffing.pairs import DiffCache
from pixelgate.pipeline.diffing.plan import Pair
from support.doubles.memory import MemoryObjects
from support.images import MASK, png
from support.manifests import digest


def full(cls: type, start: int) -> Any:
    """With another value, none its default, in each field; shares in eighths."""
    kinds: dict[str, Callable[[int], object]] = {
        "int": int,
        "float": lambda n: n / 8,
        "bool": bool,
        "NoiseKind": lambda n: NoiseKind.TEXT,
    }
    return cls(**{f.name: kinds[str(f.type)](n) for n, f in enumerate(fields(cls), start)})


PAIR = Pair(digest(1), digest(2), "f" * 16)
DIFF = Diff(
    changed_pixels=5,
    structural_pixels=4,
    total_pixels=300,
    base_size=(10, 20),
    head_size=(10, 30),
    regions=(
        Region(1, 2, 3, 4, 3, area=1),
        Region(5, 6, 2, 1, 2, area=0),
        Region(9, 9, 1, 1, 1),
    ),
    mask=MASK,
    bands=(
        Band(BandKind.INSERTED, 3, 12, 3, 3),
        Band(BandKind.DELETED, 30, 2, 18, 30),
        Band(BandKind.DELETED, 0, 1, 0, 0, Axis.COLUMNS),
    ),
    picture=full(Picture, 100),
    counted_pixels=6,
    areas=(full(Evidence, 1), full(Evidence, 200)),
    explained=(full(Explained, 1), full(Explained, 50)),
    profiles=("sRGB", "Display P3"),
    fingerprint="0123456789abcdef" * 2,
)


def test_a_stored_diff_comes_back_in_full() -> None:
    store = DiffCache(MemoryObjects(), "shop")
    saved = store.save(PAIR, DIFF)
    loaded = store.load(PAIR)
    assert loaded == saved
    assert saved.diff == replace(DIFF, mask=None)
    assert loaded is not None
    assert {type(band.kind) for band in loaded.diff.bands} == {BandKind}
    assert {type(noise.kind) for noise in loaded.diff.explained} == {NoiseKind}
    assert loaded.diff.judge(Policy()) == DIFF.judge(Policy())


def test_every_field_of_the_stored_diff_was_set() -> None:
    usual = Diff(0, 0, 0, (0, 0), (0, 0))
    assert not [f.name for f in fields(Diff) if getattr(DIFF, f.name) == getattr(usual, f.name)]
    for value in (*DIFF.areas, DIFF.picture):
        assert vars(value).keys() == {n for n, v in vars(value).items() if v}


def test_images_with_one_profile_store_none() -> None:
    objects = MemoryObjects()
    store = DiffCache(objects, "shop")
    plain = replace(DIFF, profiles=None)
    store.save(PAIR, plain)
    loaded = store.load(PAIR)
    assert loaded is not None
    assert loaded.diff == replace(plain, mask=None)
    assert all(b"profiles" not in objects.read(found.key) for found in objects.list(""))


def test_its_mask_lies_where_it_says() -> None:
    objects = MemoryObjects()
    key = DiffCache(objects, "shop").save(PAIR, DIFF).mask_key
    assert key is not None
    shown = Image.open(io.BytesIO(objects.read(key)))
    shown.load()
    assert (shown.size, shown.getpixel((9, 0))) == ((10, 1), (255, 0, 0))


def test_mask_and_result_are_one_object() -> None:
    objects = MemoryObjects()
    key = DiffCache(objects, "shop").save(PAIR, DIFF).mask_key
    assert [found.key for found in objects.list("")] == [key]


def test_a_diff_without_a_mask_is_a_whole_picture_too() -> None:
    objects = MemoryObjects()
    DiffCache(objects, "shop").save(PAIR, replace(DIFF, mask=None))
    [found] = objects.list("")
    shown = Image.open(io.BytesIO(objects.read(found.key)))
    shown.load()
    assert (shown.size, shown.mode, shown.getpixel((0, 0))) == ((1, 1), "RGBA", (0, 0, 0, 0))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(MASK, id="of an older version, whose result was another object"),
        pytest.param(png((10, 1), 0, "L"), id="another PNG"),
        pytest.param(MASK[:20], id="half a PNG"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_a_mask_that_carries_no_result_is_measured_again(body: bytes) -> None:
    objects = MemoryObjects()
    store = DiffCache(objects, "shop")
    key = store.save(PAIR, DIFF).mask_key
    assert key is not None
    objects.write(key, body, "image/png")
    assert store.load(PAIR) is None


def test_a_diff_without_a_change_has_no_mask_afterwards_either() -> None:
    store = DiffCache(MemoryObjects(), "shop")
    equal = Diff(0, 0, 300, (10, 30), (10, 30), picture=Picture(differing=3))
    assert store.save(PAIR, equal).mask_key is None
    loaded = store.load(PAIR)
    assert loaded is not None
    assert (loaded.diff, loaded.mask_key) == (equal, None)


def test_a_stored_diff_says_which_schema_it_has() -> None:
    objects = MemoryObjects()
    DiffCache(objects, "shop").save(PAIR, DIFF)
    [body] = objects.objects.values()
    result = result_in(body)
    assert result is not None
    stored = json.loads(result)
    assert stored["schema_version"] == 3
    assert stored["regions"][0] == {
        "x": 1, "y": 2, "width": 3, "height": 4, "pixels": 3, "area": 1,
    }  # fmt: skip
    assert stored["areas"] == [vars(area) for area in DIFF.areas]
    assert stored["differing"] == vars(DIFF.picture)
    assert stored["noise"] == [vars(noise) for noise in DIFF.explained]


def test_another_policy_or_another_pair_finds_nothing() -> None:
    store = DiffCache(MemoryObjects(), "shop")
    store.save(PAIR, DIFF)
    assert store.load(replace(PAIR, fingerprint="e" * 16)) is None
    assert store.load(replace(PAIR, base=digest(2), head=digest(1))) is None
    assert store.load(replace(PAIR, head=PAIR.head[:-1] + "9")) is None
