"""A stored diff comes back as it was measured, and only for its own two images."""

from __future__ import annotations

import json
from dataclasses import replace

from pixelgate.adapters.memory import MemoryObjects
from pixelgate.comparison import Axis, Band, BandKind, Diff, Region
from pixelgate.pipeline.diffing import DiffStore
from pixelgate.pipeline.plan import Pair
from pixelgate.verdict import Evidence, Spread
from support.manifests import digest

PAIR = Pair(digest(1), digest(2), "f" * 16)
DIFF = Diff(
    changed_pixels=5,
    structural_pixels=4,
    total_pixels=300,
    base_size=(10, 20),
    head_size=(10, 30),
    regions=(
        Region(1, 2, 3, 4, 3, Evidence(9, 2, 1, 1, 2, 17, 0.125, 3)),
        Region(5, 6, 2, 1, 2, Evidence(differing=2)),
    ),
    mask=b"mask",
    bands=(
        Band(BandKind.INSERTED, 3, 12, 3, 3),
        Band(BandKind.DELETED, 30, 2, 18, 30),
        Band(BandKind.DELETED, 0, 1, 0, 0, Axis.COLUMNS),
    ),
    spread=Spread(differing=11, blocks=7, touched=6, recoloured=5),
    fingerprint="0123456789abcdef" * 2,
)


def test_a_stored_diff_comes_back_in_full() -> None:
    store = DiffStore(MemoryObjects(), "shop")
    saved = store.save(PAIR, DIFF)
    loaded = store.load(PAIR)
    assert loaded == saved
    assert saved.diff == replace(DIFF, mask=None)
    assert loaded is not None
    assert {type(band.kind) for band in loaded.diff.bands} == {BandKind}


def test_profiles_come_back_and_results_from_before_there_were_any_are_read() -> None:
    objects = MemoryObjects()
    store = DiffStore(objects, "shop")
    tagged = replace(DIFF, profiles=("sRGB", "Display P3"))
    store.save(PAIR, tagged)
    loaded = store.load(PAIR)
    assert loaded is not None
    assert loaded.diff == replace(tagged, mask=None)
    store.save(PAIR, DIFF)
    assert all(b"profiles" not in objects.read(found.key) for found in objects.list(""))


def test_its_mask_lies_where_it_says() -> None:
    objects = MemoryObjects()
    key = DiffStore(objects, "shop").save(PAIR, DIFF).mask_key
    assert key is not None
    assert objects.read(key) == b"mask"


def test_a_diff_without_a_change_has_no_mask_afterwards_either() -> None:
    store = DiffStore(MemoryObjects(), "shop")
    equal = Diff(0, 0, 300, (10, 30), (10, 30), spread=Spread(differing=3))
    assert store.save(PAIR, equal).mask_key is None
    loaded = store.load(PAIR)
    assert loaded is not None
    assert (loaded.diff, loaded.mask_key) == (equal, None)


def test_a_recolour_without_a_mask_has_none_afterwards_either() -> None:
    store = DiffStore(MemoryObjects(), "shop")
    faint = Diff(0, 0, 300, (10, 30), (10, 30), spread=Spread(100, 0, 0, 100), fingerprint="f" * 32)
    store.save(PAIR, faint)
    loaded = store.load(PAIR)
    assert loaded is not None
    assert (loaded.diff, loaded.mask_key) == (faint, None)


def test_a_stored_diff_says_which_schema_it_has() -> None:
    objects = MemoryObjects()
    DiffStore(objects, "shop").save(PAIR, DIFF)
    [body] = [body for key, body in objects.objects.items() if key.endswith(".json")]
    stored = json.loads(body)
    assert stored["schema_version"] == 2
    assert stored["regions"][0] == {
        "x": 1, "y": 2, "width": 3, "height": 4, "pixels": 3, "differing": 9,
        "structural": 2, "solid": 1, "bold": 1, "unmatched": 2, "line": 17, "balance": 0.125,
        "one_sided": 3,
    }  # fmt: skip
    assert stored["differing"] == {"differing": 11, "blocks": 7, "touched": 6, "recoloured": 5}


def test_another_policy_or_another_pair_finds_nothing() -> None:
    store = DiffStore(MemoryObjects(), "shop")
    store.save(PAIR, DIFF)
    assert store.load(replace(PAIR, fingerprint="e" * 16)) is None
    assert store.load(replace(PAIR, base=digest(2), head=digest(1))) is None
    assert store.load(replace(PAIR, head=PAIR.head[:-1] + "9")) is None
