"""What is measured on each block, on each area and on the whole picture: held against numpy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pytest

from engine.conftest import Compare
from pixelgate.domain.comparison import Diff
from pixelgate.domain.policy import Policy, Rectangle
from pixelgate.domain.verdict import Evidence, NoiseKind, Picture, explain
from pixelgate.engine import evidence, native, pixel_flags
from pixelgate.engine.buffers import BufferPool
from pixelgate.engine.canvas import lay_out
from pixelgate.engine.differ import OdiffDiffer
from pixelgate.engine.evidence import Findings
from pixelgate.engine.native import Flag
from pixelgate.engine.odiff import OdiffServer
from pixelgate.engine.odiff_mask import Reference
from support.agreement import disagreement, mask_of
from support.drawings import random_pair
from support.pixels import ellipse, grey, rgba, with_box
from support.plain_evidence import Canvas, View, blocks_of, is_text
from support.plain_odiff import Mask, Pixels, blended

SETTINGS = {"antialiasing": False, "align_rows": False}
PLAIN = Policy(antialiasing=False, align_rows=False)
RED, BLACK, WHITE = (255, 0, 0), (0, 0, 0), (255, 255, 255)


@pytest.fixture
def reference(odiff: Path, tmp_path: Path) -> Iterator[Reference]:
    with Reference(OdiffServer(odiff), folder=tmp_path) as found:
        yield found


# --- blocks ---------------------------------------------------------------------------------


def noisy(random: np.random.Generator, height: int, width: int) -> tuple[Pixels, Pixels]:
    """Flat boxes with grain, and the same with changes of every size, from one level to all."""
    side = int(random.integers(1, 9))
    few = random.integers(0, 256, (-(-height // side), -(-width // side), 3))
    base = np.repeat(np.repeat(few, side, 0), side, 1)[:height, :width]
    if random.random() < 0.4:
        base = np.clip(base + random.integers(-9, 10, base.shape), 0, 255)
    reach = int(random.choice([1, 3, 12, 40, 255]))
    step = random.integers(-reach, reach + 1, 3 if random.random() < 0.5 else base.shape)
    where = random.random((height, width, 1)) < random.choice([0.01, 0.3, 1.0])
    head = np.clip(base + step * where, 0, 255)
    if random.random() < 0.3:
        head = np.roll(head, 1, int(random.integers(2)))
    return base.astype(np.uint8), head.astype(np.uint8)


def differing(base: Pixels, head: Pixels) -> Mask:
    found: Mask = (base != head).any(axis=2)
    return found


def measured(base: Pixels, head: Pixels, differs: Mask) -> native.Blocks:
    """All that the compiled code says of blocks, the residue of each included."""
    flags = differs * np.uint8(Flag.DIFFERS)
    blocks = native.measure_blocks(
        (base, head), flags, native.count_blocks(flags)[Flag.DIFFERS.plane]
    )
    wanted = (native.count_blocks(flags)[Flag.DIFFERS.plane] > 0).astype(np.uint8)
    native.measure_residue((base, head), flags, wanted, blocks)
    return blocks


def check_blocks(base: Pixels, head: Pixels, differs: Mask) -> None:
    found, wanted = measured(base, head, differs), View(base, head, differs)
    for place in blocks_of(base.shape):
        own = wanted.block(place)
        if not own["differing"]:
            assert found[place] == np.zeros_like(found[place]), "nothing differs there"
            continue
        own |= {"residue": wanted.residue(place), "stray": wanted.stray(place)}
        for name, value in own.items():
            assert float(found[place][name]) == pytest.approx(value, abs=1e-4), (place, name)


SIZES = [
    *((1, 1), (1, 40), (40, 1), (2, 3), (15, 15), (16, 16), (17, 17), (15, 33), (33, 17)),
    *((48, 64), (31, 255), (18, 256), (17, 257), (20, 300)),
]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_blocks_are_measured_as_in_numpy(height: int, width: int, seed: int) -> None:
    random = np.random.default_rng([height, width, seed])
    base, head = noisy(random, height, width)
    differs = differing(base, head)
    if seed % 2:  # some of it lies in ignored regions
        differs[: int(random.integers(height + 1)), : int(random.integers(width + 1))] = False
    check_blocks(base, head, differs)


@pytest.mark.parametrize("seed", range(12))
def test_blocks_of_drawings_are_measured_as_in_numpy(seed: int) -> None:
    pair = random_pair(np.random.default_rng(3_000 + seed), 90)
    base, head = (blended(image, 255) for image in (pair.base_pixels, pair.head_pixels))
    height, width = (min(sides) for sides in zip(base.shape[:2], head.shape[:2], strict=True))
    base, head = base[:height, :width].copy(), head[:height, :width].copy()
    check_blocks(base, head, differing(base, head))


def test_blocks_of_a_part_of_larger_images_are_measured_as_they_are() -> None:
    base, head = noisy(np.random.default_rng(8), 60, 90)
    part = slice(3, 45), slice(5, 71)
    found = measured(base[part], head[part], differing(base[part], head[part]))
    again = measured(base[part].copy(), head[part].copy(), differing(base[part], head[part]))
    assert (found == again).all()


@pytest.mark.parametrize("seed", range(6))
def test_text_is_told_as_in_numpy(seed: int) -> None:
    pair = random_pair(np.random.default_rng(4_000 + seed), 150)
    image = blended(pair.base_pixels, 255)
    places = blocks_of(image.shape)
    wanted = np.array([is_text(image, place) for place in places], np.uint8)
    shape = tuple(n + 1 for n in places[-1])
    found = native.find_text(image, np.ones(shape, np.uint8))
    assert found.reshape(-1).tolist() == wanted.tolist()
    assert not native.find_text(image, np.zeros(shape, np.uint8)).any(), "none was asked about"


# --- areas ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """What the engine says of a pair, and what numpy measures on it."""

    findings: Findings
    wanted: Canvas


def find(base: Pixels, head: Pixels, policy: Policy, reference: Reference) -> Found:
    buffers = BufferPool()
    canvas = lay_out(base, head, buffers, align_rows=policy.align_rows)
    found = pixel_flags.find(canvas, policy, buffers, reference)
    shown = canvas.rows.shown, canvas.columns.shown
    pixel_flags.clear(found.flags, policy.ignore_regions, *shown)
    flags = found.flags.copy()
    findings = evidence.find(canvas, found, native.count_blocks(flags), policy)
    assert np.array_equal(flags, found.flags), "judging changes nothing"
    seen = np.ones(canvas.shape, bool)
    for box in policy.ignore_regions:
        rows, columns = (
            (lines >= start) & (lines < start + size)
            for lines, start, size in zip(
                shown, (box.y, box.x), (box.height, box.width), strict=True
            )
        )
        seen &= ~np.outer(rows, columns)
    views = [(blended(canvas.base, level), blended(canvas.head, level)) for level in found.levels]
    alone = canvas.rows.one_sided[:, None] | canvas.columns.one_sided[None]
    differs = alone.copy()
    height, width, _ = canvas.base.shape
    for pair in views:
        differs[:height, :width] |= differing(*pair)
    return Found(findings, Canvas(views, differs & seen, alone & seen, policy.limits))


def alike(found: Evidence, wanted: Evidence) -> str | None:
    """Which number is another one: whole ones must be the same, others are told in thousandths."""
    for field in fields(Evidence):
        one, other = (getattr(area, field.name) for area in (found, wanted))
        same = one == other if isinstance(one, int) else abs(one - other) < 1.1e-3
        if not same:
            return f"{field.name}: {one} instead of {other}"
    return None


def check(found: Found) -> None:
    findings, wanted = found.findings, found.wanted
    assert findings.picture.differing == np.count_nonzero(wanted.differs)
    labels = np.full(findings.of_block.shape, -1)
    for number, group in enumerate(wanted.groups):
        for place in group:
            labels[place] = number
    assert np.array_equal(findings.of_block, labels)
    measured = [wanted.evidence(view) for view in wanted.seen]
    assert len(findings.areas) == len(findings.kinds) == len(wanted.groups)
    for area, *own in zip(findings.areas, *measured, strict=True):
        problems = [alike(area, one) for one in own]
        assert None in problems, problems
    told = [one for area in findings.areas for one in vars(area).values()]
    assert np.isfinite(np.array(told, float)).all()


@pytest.mark.parametrize("seed", range(60))
def test_areas_of_random_pairs_are_measured_as_in_numpy(reference: Reference, seed: int) -> None:
    pair = random_pair(np.random.default_rng(1_000 + seed), 130)
    check(find(pair.base_pixels, pair.head_pixels, pair.policy, reference))


@pytest.mark.parametrize("seed", range(24))
@pytest.mark.parametrize("alpha", [False, True], ids=["opaque", "transparent"])
def test_areas_far_apart_are_measured_as_in_numpy(
    reference: Reference, seed: int, alpha: bool
) -> None:
    """Low pictures and narrow ones, with small changes here and there."""
    random = np.random.default_rng(seed)
    height, width = ((160, 250), (400, 20), (9, 500), (257, 70))[seed % 4]
    base, _ = noisy(random, height, width)
    if alpha:
        base = np.dstack([base, random.integers(1, 256, base.shape[:2]).astype(np.uint8)])
    head = base.copy()
    for y, x in random.integers(0, [height, width], (5, 2)):
        high, wide = random.integers(1, [3, 30]) if seed % 2 else random.integers(1, [30, 3])
        part = head[y : y + high, x : x + wide]
        part[:] = np.clip(part.astype(int) + random.integers(-40, 41, base.shape[2]), 0, 255)
    found = find(base, head, PLAIN, reference)
    check(found)
    assert len(found.wanted.groups) >= 1


STRIPES = np.random.default_rng(5).integers(0, 256, (150, 1, 3)).astype(np.uint8)
LINED = with_box(np.repeat(STRIPES, 110, 1), 30, 0, 60, 150, (250, 250, 250))


@pytest.mark.parametrize("turned", [False, True], ids=["rows", "columns"])
@pytest.mark.parametrize("ignored", [(), (Rectangle(0, 0, 50, 50),)], ids=["all", "but a box"])
def test_areas_around_inserted_lines_are_measured_as_in_numpy(
    reference: Reference, turned: bool, ignored: tuple[Rectangle, ...]
) -> None:
    base, band = LINED, LINED[::-1][:23] ^ 0x55
    head = np.concatenate([base[:40], band, base[40:]])
    head = with_box(with_box(head, 40, 20, 9, 7, BLACK), 70, 120, 9, 7, RED)
    if turned:
        base, head = (image.swapaxes(0, 1).copy() for image in (base, head))
    found = find(base, head, Policy(ignore_regions=ignored), reference)
    check(found)
    assert found.wanted.one_sided.any()
    assert not found.wanted.one_sided.all()


def test_nothing_is_found_where_nothing_differs(reference: Reference) -> None:
    found = find(LINED, LINED, Policy(), reference).findings
    assert (found.areas, found.kinds, found.picture) == ((), (), Picture())


@pytest.mark.parametrize(
    ("gap", "areas"),
    [pytest.param(47, 1, id="three blocks on"), pytest.param(48, 2, id="four blocks on")],
)
@pytest.mark.parametrize("turned", [False, True], ids=["across", "down"])
def test_blocks_up_to_three_blocks_on_are_one_area(
    reference: Reference, gap: int, areas: int, turned: bool
) -> None:
    head = with_box(with_box(grey(160, 20), 15, 2, 1, 1, RED), 16 + gap, 2, 1, 1, RED)
    base = grey(160, 20)
    if turned:
        base, head = (image.swapaxes(0, 1).copy() for image in (base, head))
    found = find(base, head, PLAIN, reference)
    check(found)
    assert len(found.findings.areas) == areas


# --- numbers counted by hand ----------------------------------------------------------------


def one(diff: Diff) -> Evidence:
    [area] = diff.areas
    return area


BOX = with_box(grey(100, 100), 10, 30, 20, 20, RED)


@pytest.mark.parametrize(
    ("base", "head", "numbers"),
    [
        pytest.param(
            grey(100, 100),
            BOX,
            {
                "blocks": 6, "differing": 400, "clear": 400, "strong": 400, "most": 128,
                "outside": 400, "farthest": 128, "moved": 400, "plain": 324, "solid": 324,
                "solid_strong": 324, "run": 20,
            },
            id="a box whose rim has two colours beside it",
        ),
        pytest.param(
            grey(100, 100),
            with_box(grey(100, 100), 16, 16, 12, 12, (130,) * 3),
            {"blocks": 1, "differing": 144, "clear": 0, "plain": 100, "solid": 0, "most": 2,
             "light": 2.0},
            id="two levels of a hundred plain pixels",
        ),
        pytest.param(
            grey(60, 60, 100),
            with_box(grey(60, 60, 100), 2, 2, 5, 5, (112,) * 3),
            {"strong": 25, "outside": 0, "farthest": 12, "solid_strong": 9},
            id="twelve levels are not outside",
        ),
        pytest.param(
            grey(60, 60, 100),
            with_box(grey(60, 60, 100), 2, 2, 5, 5, (113,) * 3),
            {"strong": 25, "outside": 25, "farthest": 13, "light_off": 13},
            id="thirteen are",
        ),
        pytest.param(
            with_box(grey(60, 60, 0), 30, 0, 30, 60, WHITE),
            with_box(grey(60, 60, 0), 31, 0, 29, 60, WHITE),
            {
                "differing": 60, "strong": 60, "outside": 0, "farthest": 0, "light_off": 0,
                "moved": 60, "plain": 0,
                "run": 60, "one_way": 1.0, "light": 255.0, "off": 0,
            },
            id="an edge a pixel further on has all its match beside it",
        ),
        pytest.param(
            with_box(grey(60, 60), 5, 5, 9, 9, (200, 100, 50)),
            with_box(grey(60, 60), 5, 5, 9, 9, (100, 151, 50)),
            {"light_off": 0, "light": 0.195, "hue": 1.0, "off": 81, "farthest": 100},
            id="another colour as bright as before",
        ),
        pytest.param(
            grey(60, 60),
            with_box(with_box(grey(60, 60), 0, 20, 9, 1, BLACK), 9, 20, 11, 1, RED),
            {"run": 11, "differing": 20},
            id="a line of two colours counts by its longer part",
        ),
    ],
)  # fmt: skip
def test_numbers_that_can_be_counted(
    compare: Compare, base: Pixels, head: Pixels, numbers: dict[str, float]
) -> None:
    for first, second in ((base, head), (head, base)):
        area = one(compare(first, second, **SETTINGS))
        assert {name: getattr(area, name) for name in numbers} == numbers


def test_growth_is_one_sided_and_nothing_else_is_measured_on_it(compare: Compare) -> None:
    taller = with_box(grey(40, 64), 0, 50, 5, 2, RED)
    area = one(compare(grey(40, 48), taller, **SETTINGS))
    assert area == Evidence(one_sided=640)


def test_an_ignored_box_cuts_lines(compare: Compare) -> None:
    head = with_box(grey(60, 50), 0, 3, 38, 1, BLACK)
    boxes = (Rectangle(18, 0, 2, 50),)
    area = one(compare(grey(60, 50), head, ignore_regions=boxes, **SETTINGS))
    assert (area.run, area.differing) == (18, 36)


def test_the_residue_of_a_block_does_not_depend_on_what_lies_far_above(compare: Compare) -> None:
    """Only rows around those that differ are looked at; a block's upper neighbours are."""
    random = np.random.default_rng(9)
    base = np.repeat(random.integers(0, 256, (200, 96, 1)), 3, 2).astype(np.uint8)
    head = base.copy()
    head[150:159, 40:44] = 255 - head[150:159, 40:44] // 3
    other = head.copy()
    other[0, 0] ^= 7
    alone, both = (compare(base, changed, **SETTINGS) for changed in (head, other))
    assert alone.areas[0] == both.areas[0]


# --- corners --------------------------------------------------------------------------------

# A box of 3 × 3 in each corner; below nought is counted from the other end.
EIGHTHS = [(0, 0, 3, 3), (-3, 0, 3, 3), (0, -3, 3, 3), (-3, -3, 3, 3)]


@pytest.mark.parametrize(
    ("size", "boxes", "corners"),
    [
        pytest.param(64, EIGHTHS, True, id="the smallest that has some"),
        pytest.param(90, EIGHTHS, True, id="90 pixels"),
        pytest.param(96, EIGHTHS, True, id="96 pixels"),
        pytest.param(103, EIGHTHS, True, id="103 pixels"),
        pytest.param(100, [(0, 0, 9, 3), (0, 0, 3, 9), (8, 0, 1, 1), (0, 8, 1, 1)], False,
                     id="beyond eight pixels"),
        *(pytest.param(size, [(0, 0, 8, 8)], False, id=f"an icon of {size} pixels")
          for size in (1, 7, 8, 9, 16, 32, 63)),
    ],
)  # fmt: skip
def test_each_corner_of_eight_pixels_may_differ_but_on_icons(
    compare: Compare, size: int, boxes: list[tuple[int, int, int, int]], corners: bool
) -> None:
    counting = replace(Policy(), noise=replace(Policy().noise, corners=False))
    for x, y, width, height in boxes:
        base = grey(size, max(size, 64), 255)
        place = x % base.shape[1], y % base.shape[0]
        diff = compare(base, with_box(base, *place, width, height, BLACK))
        assert one(diff).corner == corners
        assert diff.passes(Policy()) == corners
        assert diff.judge(Policy()).kinds == (NoiseKind.CORNER if corners else None,)
        assert diff.judge(counting).changed


# --- what counts beside odiff's mask --------------------------------------------------------


def glyph(shift: float, *, transparent: bool) -> Pixels:
    """A black ellipse on white, or the same as black that shines through."""
    opaque = ellipse(shift)
    if not transparent:
        return opaque
    return np.dstack([np.zeros_like(opaque), 255 - opaque[..., :1]])


def test_a_black_icon_on_nothing_is_measured_as_on_white(compare: Compare) -> None:
    """On black it is not seen at all: that all of it is one colour there proves nothing."""
    seen, through = (
        compare(
            glyph(0, transparent=transparent),
            glyph(0.5, transparent=transparent),
            align_rows=False,
        )
        for transparent in (False, True)
    )
    assert through.areas == seen.areas
    assert through.judge(Policy()) == seen.judge(Policy())


FAINT, FAINTER = (247,) * 3, with_box(grey(200, 100, 245), 20, 20, 40, 40, (247,) * 3)


@pytest.mark.parametrize(
    ("base", "head", "changed", "counted"),
    [
        pytest.param(grey(200, 100, 245), FAINTER, 0, 1_600, id="where odiff forgives it"),
        pytest.param(
            grey(200, 100, 245), with_box(FAINTER, 70, 20, 5, 5, BLACK), 25, 1_600,
            id="beside a clear change",
        ),
        pytest.param(ellipse(0), ellipse(0.25), 0, 0, id="a noise explains it"),
    ],
)  # fmt: skip
def test_what_counts_is_in_the_mask(
    compare: Compare, base: Pixels, head: Pixels, changed: int, counted: int
) -> None:
    diff = compare(base, head)
    assert (diff.changed_pixels, diff.counted_pixels) == (changed, counted)
    assert diff.passes(Policy()) == (counted == 0)
    assert diff.picture.differing > 0
    assert np.count_nonzero(mask_of(diff)) == changed + counted
    assert not (mask_of(diff) & ~differing(base, head)).any()


@pytest.mark.parametrize("pair", [(ellipse(0), ellipse(0.25)), (grey(99, 50), grey(99, 50, 129))])
def test_strictly_every_pixel_that_differs_is_in_the_mask(
    compare: Compare, pair: tuple[Pixels, Pixels]
) -> None:
    diff = compare(*pair, strict=True)
    assert np.array_equal(mask_of(diff), differing(*pair))
    assert not diff.passes(Policy(strict=True))


def test_a_change_counts_where_every_difference_is_in_odiffs_mask(compare: Compare) -> None:
    """Then a region may begin with blocks that are too faint to be judged."""
    base = grey(200, 200)
    head = with_box(with_box(base, 0, 0, 100, 16, (129,) * 3), 60, 20, 30, 30, RED)
    head[::2, ::2] ^= 1
    assert not compare(base, head, sensitive_threshold=0.0).passes(Policy(sensitive_threshold=0.0))


@pytest.mark.parametrize("seed", range(40))
def test_what_is_in_the_mask_is_what_was_judged(differ: OdiffDiffer, seed: int) -> None:
    """Also when the verdict is told again from what was stored: regions, areas and picture."""
    pair = random_pair(np.random.default_rng(2_000 + seed))
    diff = differ.diff(pair.base, pair.head, pair.policy)
    assert disagreement(diff) is None
    judged = diff.judge(pair.policy)
    found = [explain(area, diff.picture, pair.policy.limits) for area in diff.areas]
    wanted = [NoiseKind.LEVELS if r.area is None else found[r.area] for r in diff.regions]
    assert list(judged.kinds) == wanted
    explained = {kind for kind in found if kind} | {NoiseKind.LEVELS}
    assert {e.kind for e in diff.explained} >= explained - {NoiseKind.LEVELS}
    assert (diff.counted_pixels == 0) or None in found or pair.policy.strict
    if diff.picture.differing and None in found:
        assert not diff.passes(pair.policy)


def test_colours_that_nobody_sees_are_not_measured(compare: Compare) -> None:
    hidden = rgba(64, 64, 9, 200, 30, 0)
    other = with_box(hidden, 5, 5, 40, 40, (250, 0, 9, 0))
    diff = compare(hidden, other)
    assert (diff.areas, diff.picture, diff.regions) == ((), Picture(), ())


@pytest.mark.parametrize("at", [(16, 16), (24, 24), (17, 30)])
def test_a_box_two_levels_lighter_counts_wherever_it_lies(
    at: tuple[int, int], reference: Reference
) -> None:
    """Also where the grid of blocks cuts it into four, each with less than a change has to have."""
    base = grey(80, 80, 200)
    head = with_box(base, *at, 18, 18, (202, 202, 202))
    assert find(base, head, PLAIN, reference).findings.kinds == (None,)
