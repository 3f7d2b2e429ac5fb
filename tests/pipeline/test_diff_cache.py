"""A stored diff comes back as it was measured, and only for its own two images."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from pixelgate.domain.comparison import Axis, Band, BandKind, Diff, Region
from pixelgate.domain.policy import Policy
from pixelgate.domain.verdict import Evidence, Explained, NoiseKind, Picture
from pixelgate.pipeline.diffing.pairs import DiffCache
from pixelgate.pipeline.diffing.plan import Pair
from support.doubles.memory import MemoryBucket
from support.images import MASK
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
    store = DiffCache(MemoryBucket(), "shop", "e1/")
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
    objects = MemoryBucket()
    store = DiffCache(objects, "shop", "e1/")
    plain = replace(DIFF, profiles=None)
    store.save(PAIR, plain)
    loaded = store.load(PAIR)
    assert loaded is not None
    assert loaded.diff == replace(plain, mask=None)
    assert all(b"profiles" not in objects.read(found.key) for found in objects.list(""))


def test_another_run_finds_the_diff_and_keeps_the_mask_itself() -> None:
    objects = MemoryBucket()
    DiffCache(objects, "shop", "e1/").save(PAIR, DIFF)
    loaded = DiffCache(objects, "shop", "e2/").load(PAIR)
    assert loaded is not None
    assert loaded.mask_key == f"e2/masks/{PAIR.fingerprint}/{PAIR.base[:16]}-{PAIR.head[:16]}.png"
    assert objects.read(loaded.mask_key) == MASK


def test_a_diff_whose_mask_is_gone_is_not_found() -> None:
    objects = MemoryBucket()
    mask = DiffCache(objects, "shop", "e1/").save(PAIR, DIFF).mask_key
    assert mask is not None
    objects.delete([mask])
    assert DiffCache(objects, "shop", "e2/").load(PAIR) is None


def test_a_run_without_a_report_keeps_no_mask_and_others_measure_again() -> None:
    objects = MemoryBucket()
    without = DiffCache(objects, "shop", None)
    assert without.save(PAIR, DIFF).mask_key is None
    assert without.load(PAIR) == without.save(PAIR, DIFF)
    assert DiffCache(objects, "shop", "e1/").load(PAIR) is None


def test_without_a_cache_nothing_is_found_again() -> None:
    objects = MemoryBucket()
    store = DiffCache(objects, None, "e1/")
    store.save(PAIR, DIFF)
    store.preload([PAIR])
    assert store.load(PAIR) is None
    assert [key.partition("/")[0] for key in objects.objects] == ["e1"]


def test_a_diff_without_a_change_has_no_mask_afterwards_either() -> None:
    store = DiffCache(MemoryBucket(), "shop", "e1/")
    equal = Diff(0, 0, 300, (10, 30), (10, 30), picture=Picture(differing=3))
    assert store.save(PAIR, equal).mask_key is None
    loaded = store.load(PAIR)
    assert loaded is not None
    assert (loaded.diff, loaded.mask_key) == (equal, None)


def test_a_stored_diff_says_which_schema_it_has() -> None:
    objects = MemoryBucket()
    DiffCache(objects, "shop", "e1/").save(PAIR, DIFF)
    [body] = [body for key, body in objects.objects.items() if key.endswith(".json")]
    stored = json.loads(body)
    assert stored["schema_version"] == 3
    assert stored["regions"][0] == {
        "x": 1, "y": 2, "width": 3, "height": 4, "pixels": 3, "area": 1,
    }  # fmt: skip
    assert stored["areas"] == [vars(area) for area in DIFF.areas]
    assert stored["differing"] == vars(DIFF.picture)
    assert stored["noise"] == [vars(noise) for noise in DIFF.explained]


def test_another_policy_or_another_pair_finds_nothing() -> None:
    store = DiffCache(MemoryBucket(), "shop", "e1/")
    store.save(PAIR, DIFF)
    assert store.load(replace(PAIR, fingerprint="e" * 16)) is None
    assert store.load(replace(PAIR, base=digest(2), head=digest(1))) is None
    assert store.load(replace(PAIR, head=PAIR.head[:-1] + "9")) is None
