"""A replay says of every difference what comparing its images under the other rule says."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pixelgate.bootstrap import find_engine, open_pool
from pixelgate.client.config import read_config
from pixelgate.client.counted import CountedBucket
from pixelgate.client.replay import Plan, Reading, Rule, Versions, Wishes, find, plan
from pixelgate.client.replay_pairs import Kept, KeptImages, answers, code_fingerprint, measure
from pixelgate.domain.learned_noise import Patch, Proof, learn, strength_of
from pixelgate.domain.policy import Policy
from pixelgate.engine.pool import SharedDiffers
from pixelgate.errors import ImageFault
from pixelgate.past.model import Past
from pixelgate.past.replay import Answer, Replayed, Source, totals
from support.doubles.memory import MemoryBucket
from support.images import png
from support.learned_cases import series
from support.lived import PROJECT, Lived
from support.pasts import at, given
from support.scenes import scene

NAMES = ("a.png", "b.png", "home/c.png", "d.png")
# What builds of the past had.
POLICIES: tuple[dict[str, Any], ...] = (
    {},
    {"strict": True},
    {"max_changed_pixels": 50},
    {"sensitivity": "careful"},
    {"sensitive_threshold": 0.1, "max_changed_ratio": 0.02},
    {"ignore_regions": [{"x": 0, "y": 0, "width": 60, "height": 60}]},
)
RULES: dict[str, dict[str, Any]] = {
    "this version": {},
    "strict": {"strict": True},
    "tolerant": {"sensitivity": "tolerant"},
    "a threshold": {"sensitive_threshold": 0.12, "structural_threshold": 0.2},
    "pixels": {"max_changed_pixels": 40},
    "strict with a share": {"strict": True, "max_changed_ratio": 0.1},
    "a region": {"max_region_pixels": 30},
}


@pytest.fixture(scope="module")
def pool() -> Iterator[SharedDiffers]:
    with open_pool(find_engine(), 1) as pool:
        yield pool


def project(pool: SharedDiffers, seed: int, builds: int = 8) -> tuple[Lived, dict[str, Any]]:
    """A project with policies that change; returns what each build's images were, too."""
    random_ = random.Random(seed)
    lived = Lived(MemoryBucket(), pool, find_engine().version)
    images: dict[str, Any] = {}
    for number in range(builds):
        name, base = f"b{number}", f"b{random_.randrange(number)}" if number else None
        shown = dict(images[base]) if base else {}
        for snapshot in NAMES:
            # Half the time it is the other side of its scene, which nearly is what it was.
            if not base or random_.random() < 0.7:
                pair = scene(seed * 100 + NAMES.index(snapshot) + 10 * random_.randrange(2))
                shown[snapshot] = pair[random_.randrange(2)]
        if random_.random() < 0.1:
            shown["d.png"] = b"no image"
        images[name] = shown
        lived.build(
            name, shown, base,
            at=at(1 + number),
            policy=random_.choice(POLICIES),
            rules=({"match": "home/*", "policy": random_.choice(POLICIES)},),
            own={"b.png": random_.choice(POLICIES)},
            reviews=(given("30", random_.choice(("approve", "reject"))),),
            review=random_.choice(("approved", "rejected")),
        )  # fmt: skip
    return lived, images


def brute_force(lived: Lived, images: Mapping[str, Any], rule: Rule) -> dict[tuple[str, str], bool]:
    """Compares every two images that differ, under the policy that the rule gives them."""
    found = {}
    past = Past.of(lived.store, PROJECT)
    for entry in past.entries:
        if entry.base is None:
            continue
        manifest = lived.manifests[entry.build]
        for name in NAMES:
            base, head = images[entry.base][name], images[entry.build][name]
            if base == head:
                continue
            policy = manifest.policy_for(name)
            policy = policy.with_overrides(dict(rule.above))
            try:
                loud = lived.pool.diff(base, head, policy, lambda: True).judge(policy).changed
            except ImageFault:
                loud = True
            found[entry.build, name] = loud
    return found


def replay(
    lived: Lived, rule: Rule, folder: Path, **wishes: Any
) -> tuple[Reading, Plan, dict[tuple[str, str], Replayed]]:
    meter = CountedBucket(lived.store)
    installed = Versions(lived.odiff)
    past = Past.of(meter.bucket, PROJECT)
    reading = find(meter, past, rule, installed)
    kept = Kept(folder, PROJECT, code_fingerprint())
    todo = plan(meter, reading, installed, Wishes(**wishes))
    results = measure(todo, kept, KeptImages(kept, meter.bucket), lived.pool)
    found = list(answers(reading, todo, results))
    assert len(found) == len(reading.pieces)
    return reading, todo, {(o.piece.entry.build, o.piece.name): o for o in found}


def is_loud(one: Replayed) -> bool:
    return one.answer in {Answer.STILL_CAUGHT, Answer.NEWLY_LOUD}


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_replay_equals_comparing_all_images_again(
    pool: SharedDiffers, tmp_path: Path, seed: int
) -> None:
    lived, images = project(pool, seed)
    sources: Counter[Source] = Counter()
    for name, fields in RULES.items():
        rule = Rule(above=fields)
        truth = brute_force(lived, images, rule)
        _, todo, found = replay(lived, rule, tmp_path / "kept")
        assert not todo.lost
        assert {at: is_loud(one) for at, one in found.items()} == truth, name
        sources += Counter(one.source for one in found.values())
        _, todo, again = replay(lived, rule, tmp_path / "again", recompute=True)
        assert not todo.stored
        assert {at: one.answer for at, one in again.items()} == {
            at: one.answer for at, one in found.items()
        }, name
        counted = totals(found.values())
        assert counted["differences"] == len(truth)
    assert sources[Source.STORED] > 20
    assert sources[Source.IMAGES] > 10


@pytest.mark.parametrize("seed", [5, 6])
def test_so_does_a_policy_file(pool: SharedDiffers, tmp_path: Path, seed: int) -> None:
    lived, images = project(pool, seed, builds=6)
    file = tmp_path / "new.toml"
    file.write_text('[policy]\nmax_changed_pixels = 25\n[[rules]]\nmatch = "home/*"\n'
                    "policy = {strict = true, max_changed_pixels = 0}\n")  # fmt: skip
    rule = Rule(read_config(file))
    reading, _, found = replay(lived, rule, tmp_path / "kept")
    for piece in reading.pieces:
        assert piece.new is not None
        if piece.name.startswith("home/"):
            assert (piece.new.strict, piece.new.max_changed_pixels) == (True, 0)
        else:
            own = lived.own[piece.entry.build].get(piece.name, {})
            assert piece.new == Policy(max_changed_pixels=25).with_overrides(dict(own))
    for (build, name), one in found.items():
        base, policy = one.piece.entry.base, one.piece.new
        assert base is not None
        assert policy is not None
        try:
            diff = lived.pool.diff(images[base][name], images[build][name], policy, lambda: True)
            loud = diff.judge(policy).changed
        except ImageFault:
            loud = True
        assert is_loud(one) == loud, (build, name)


def test_nothing_is_measured_twice_and_nothing_that_is_stored(
    pool: SharedDiffers, tmp_path: Path
) -> None:
    lived, _ = project(pool, 7)
    rule = Rule(above={"sensitivity": "tolerant"})
    reading, todo, _ = replay(lived, rule, tmp_path / "kept")
    kept = Kept(tmp_path / "kept", PROJECT, code_fingerprint())
    assert todo.fresh == len(todo.pairs)
    assert len(todo.pairs) <= len(todo.pair_of) < len(reading.pieces)
    known = {"kept": kept.has_image, "measured": kept.has_pair}
    _, later, _ = replay(lived, rule, tmp_path / "kept", **known)
    # Images that cannot be compared are fetched once, and tried again.
    assert later.fresh == sum(
        isinstance(of, ImageFault)
        for of in measure(todo, kept, KeptImages(kept, lived.store), lived.pool).values()
    )
    assert later.fetched == {}


def test_the_price_is_that_of_what_is_fetched(pool: SharedDiffers, tmp_path: Path) -> None:
    lived, _ = project(pool, 8)
    meter = CountedBucket(lived.store)
    installed = Versions(lived.odiff)
    reading = find(meter, Past.of(meter.bucket, PROJECT), Rule(above={"sensitivity": "tolerant"}),
                   installed)  # fmt: skip
    todo = plan(meter, reading, installed, Wishes())
    before = meter.usage, meter.bytes_out, meter.usd
    kept = Kept(tmp_path, PROJECT, "code")
    measure(todo, kept, KeptImages(kept, meter.bucket), lived.pool)
    assert meter.usage.since(before[0]) == todo.usage
    assert meter.bytes_out - before[1] == todo.bytes_out
    assert meter.usd - before[2] == pytest.approx(todo.usd)


def test_a_listing_costs_a_request_for_each_thousand_keys() -> None:
    store = MemoryBucket()
    for number in range(2_001):
        store.write(f"images/shop/{number}", b"", "image/png")
    meter = CountedBucket(store)
    assert len(list(meter.list("images/shop/"))) == 2_001
    assert meter.usage.requests == {"s3.ListObjectsV2": 3}
    assert len(list(meter.list("none/"))) == 0
    assert meter.usage.requests == {"s3.ListObjectsV2": 4}


def test_an_engine_of_another_odiff_needs_images_only_for_limits_on_pixels(
    pool: SharedDiffers, tmp_path: Path
) -> None:
    lived = Lived(MemoryBucket(), pool, "4.0.0")
    white, red = png((20, 20), (255, 255, 255)), png((20, 20), (255, 0, 0))
    lived.build("b0", {"a.png": white}, at=at(1))
    lived.build("b1", {"a.png": red}, "b0", at=at(2))
    lived.odiff = find_engine().version
    _, todo, found = replay(lived, Rule(), tmp_path)
    assert (todo.pairs, found["b1", "a.png"].answer) == ({}, Answer.STILL_CAUGHT)
    _, todo, found = replay(lived, Rule(above={"max_changed_pixels": 400}), tmp_path)
    assert (len(todo.pairs), found["b1", "a.png"].answer) == (1, Answer.NEWLY_QUIET)


def test_learned_noise_explains_what_it_explained_then(pool: SharedDiffers, tmp_path: Path) -> None:
    one = next(series())
    images = [one.draw(states, {}) for states in one.teaching]
    proofs = []
    for number, pair in enumerate(images):
        diff = pool.diff(pair.base, pair.head, Policy(), lambda: True)
        marks = diff.judge(Policy()).marks
        patches = tuple(
            Patch.of(mark, region, region.pixels, strength_of(diff.areas[region.area]))
            for region, mark in zip(diff.regions, marks, strict=True)
            if mark is not None and region.area is not None
        )
        proofs.append(Proof(at(1), f"b{number}", f"c{number}", True, diff.total_pixels, patches))
    learned = learn(proofs)
    assert learned is not None
    lived = Lived(MemoryBucket(), pool, find_engine().version)
    lived.build("b0", {"a.png": images[0].base}, at=at(1))
    entry = lived.build("b1", {"a.png": images[0].head}, "b0", at=at(2), learned={"a.png": learned})
    assert entry.shots["a.png"].status == "unchanged"
    _, _, found = replay(lived, Rule(), tmp_path)
    assert found["b1", "a.png"].answer is Answer.STILL_QUIET
    _, todo, found = replay(lived, Rule(), tmp_path, recompute=True)
    assert (len(todo.pairs), found["b1", "a.png"].answer) == (1, Answer.STILL_QUIET)
    _, _, found = replay(lived, Rule(above={"strict": True}), tmp_path)
    assert found["b1", "a.png"].answer is Answer.NEWLY_LOUD
    _, _, found = replay(lived, Rule(above={"learned_noise": False}), tmp_path)
    assert found["b1", "a.png"].answer is Answer.NEWLY_LOUD
