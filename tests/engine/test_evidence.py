"""What is measured on each region and on the whole picture: counted by hand, and pixel by pixel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pixelgate.comparison import Diff, Region
from pixelgate.engine.differ import OdiffDiffer
from pixelgate.policy import Policy, Rectangle
from pixelgate.verdict import Evidence, Spread
from support.agreement import disagreement, mask_of
from support.drawings import png, random_pair
from support.pixels import ellipse, grey, rgba, with_box
from support.plain_evidence import Reference
from support.plain_odiff import Pixels

PLAIN = Policy(antialiasing=False, align_rows=False)
RED = (255, 0, 0)
# As bright as one another, by the measure that balance and matches go by.
CLAY, MOSS = (200, 100, 50), (100, 151, 50)


def dark(*boxes: tuple[int, int, int, int], size: tuple[int, int] = (60, 50)) -> Pixels:
    """Grey 128 with black boxes."""
    image = grey(*size)
    for box in boxes:
        image = with_box(image, *box, (0, 0, 0))
    return image


def split(at: int) -> Pixels:
    """Black on the left, white on the right."""
    return with_box(grey(60, 40, 255), 0, 0, at, 40, (0, 0, 0))


def one(diff: Diff) -> Region:
    [region] = diff.regions
    return region


# x, y, width, height, pixels; differing, structural, solid, bold, unmatched, line, balance
ALONE = [
    (
        "a box: its rim has two colours beside it, and 18 of its rows lie in the best square",
        (grey(100, 100), with_box(grey(100, 100), 10, 30, 20, 20, RED)),
        Region(10, 30, 20, 20, 400, Evidence(400, 400, 324, 360, 400, 20, 1.0)),
    ),
    (
        "a single pixel",
        (grey(60, 50), dark((5, 6, 1, 1))),
        Region(5, 6, 1, 1, 1, Evidence(1, 1, 0, 1, 1, 0, 1.0)),
    ),
    (
        "all of a small picture: what lies outside is no other colour",
        (grey(8, 9, 0), grey(8, 9, 255)),
        Region(0, 0, 8, 9, 72, Evidence(72, 72, 72, 72, 72, 0, 1.0)),
    ),
    (
        "twelve levels brighter: unmatched",
        (grey(40, 40, 100), with_box(grey(40, 40, 100), 2, 2, 5, 5, (112,) * 3)),
        Region(2, 2, 5, 5, 25, Evidence(25, 0, 9, 0, 25, 0, 1.0)),
    ),
    (
        "thirteen levels brighter: bold",
        (grey(40, 40, 100), with_box(grey(40, 40, 100), 2, 2, 5, 5, (113,) * 3)),
        Region(2, 2, 5, 5, 25, Evidence(25, 0, 9, 25, 25, 0, 1.0)),
    ),
    (
        "another colour of the same brightness: neither",
        (
            with_box(grey(40, 40), 2, 2, 9, 9, CLAY),
            with_box(grey(40, 40), 2, 2, 9, 9, MOSS),
        ),
        Region(2, 2, 9, 9, 81, Evidence(81, 81, 49, 0, 0, 0, 0.0)),
    ),
    (
        "an edge one pixel further: each pixel has its match beside it, but it is a line",
        (split(20), split(21)),
        Region(20, 0, 1, 40, 40, Evidence(40, 40, 0, 0, 0, 40, 1.0)),
    ),
    (
        "an edge two pixels further: each column has its match in one image only, so it has none",
        (split(20), split(22)),
        Region(20, 0, 2, 40, 80, Evidence(80, 80, 0, 64, 80, 40, 1.0)),
    ),
    (
        "an edge three pixels further: the middle column has one colour all around it",
        (split(20), split(23)),
        Region(20, 0, 3, 40, 120, Evidence(120, 120, 40, 96, 120, 40, 1.0)),
    ),
    (
        "a line of 15",
        (grey(60, 50), dark((3, 4, 15, 1))),
        Region(3, 4, 15, 1, 15, Evidence(15, 15, 0, 15, 15, 0, 1.0)),
    ),
    (
        "a line of 16 across",
        (grey(60, 50), dark((3, 4, 16, 1))),
        Region(3, 4, 16, 1, 16, Evidence(16, 16, 0, 16, 16, 16, 1.0)),
    ),
    (
        "a line of 40 down, 32 pixels of it in one square",
        (grey(60, 50), dark((3, 0, 1, 40))),
        Region(3, 0, 1, 40, 40, Evidence(40, 40, 0, 32, 40, 40, 1.0)),
    ),
    (
        "a line of two colours: the longer part",
        (grey(60, 50), with_box(dark((3, 4, 17, 1)), 20, 4, 18, 1, RED)),
        Region(3, 4, 35, 1, 35, Evidence(35, 35, 0, 29, 35, 18, 1.0)),
    ),
    (
        "a line over two colours of base: where they meet, all has its match",
        (split(20), with_box(split(20), 0, 0, 60, 1, RED)),
        Region(0, 0, 60, 1, 60, Evidence(60, 60, 0, 30, 58, 40, 0.65)),
    ),
    (
        "half of it brighter, half darker",
        (grey(60, 50), with_box(dark((0, 0, 4, 4)), 4, 0, 4, 4, (255,) * 3)),
        Region(0, 0, 8, 4, 32, Evidence(32, 32, 15, 32, 32, 0, 0.004)),
    ),
    (
        "three steps down, one up",
        (
            grey(60, 50, 100),
            with_box(with_box(grey(60, 50, 100), 0, 0, 3, 1, (80,) * 3), 3, 0, 1, 1, (120,) * 3),
        ),
        Region(0, 0, 4, 1, 4, Evidence(4, 0, 0, 4, 4, 0, 0.5)),
    ),
    (
        "a box within a picture that is one level brighter: all of its block differs; balance sees "
        "one pixel around it",
        (grey(64, 48, 100), with_box(grey(64, 48, 101), 4, 4, 4, 4, (0,) * 3)),
        Region(4, 4, 4, 4, 16, Evidence(256, 16, 4, 16, 16, 0, 0.975)),
    ),
    (
        "white turns half transparent: nothing on white, all on black",
        (
            rgba(60, 50, 255, 255, 255, 255),
            with_box(rgba(60, 50, 255, 255, 255, 255), 3, 3, 10, 10, (255, 255, 255, 128)),
        ),
        Region(3, 3, 10, 10, 100, Evidence(100, 100, 64, 100, 100, 0, 1.0)),
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("pair", "expected"), [pytest.param(*row[1:], id=row[0].split(":")[0]) for row in ALONE]
)
def test_the_evidence_of_a_region(
    differ: OdiffDiffer, pair: tuple[Pixels, Pixels], expected: Region
) -> None:
    assert one(differ.diff(png(pair[0]), png(pair[1]), PLAIN)) == expected
    back = one(differ.diff(png(pair[1]), png(pair[0]), PLAIN))
    assert back == expected, "which image is the base must not matter"


def test_growth_is_one_sided_and_matches_nothing_and_lacks_nothing(differ: OdiffDiffer) -> None:
    taller = with_box(grey(40, 44), 0, 42, 5, 2, RED)
    region = one(differ.diff(png(grey(40, 40)), png(taller), PLAIN))
    assert region == Region(
        0, 40, 40, 4, 160, Evidence(differing=160, structural=160, one_sided=160)
    )


def test_a_change_beside_the_growth_is_in_one_region_with_it(differ: OdiffDiffer) -> None:
    taller = with_box(grey(40, 44), 0, 35, 5, 5, (0, 0, 0))
    region = one(differ.diff(png(grey(40, 40)), png(taller), PLAIN))
    # Solid are the box's inner rows, and its last one: below it base has nothing.
    assert region == Region(0, 35, 40, 9, 185, Evidence(185, 185, 16, 25, 25, 0, 1.0, 160))


def test_an_ignored_box_hides_its_pixels_from_all_that_is_measured(differ: OdiffDiffer) -> None:
    base = grey(60, 50)
    head = with_box(base, 0, 0, 20, 20, RED)
    policy = replace(PLAIN, ignore_regions=(Rectangle(10, 0, 50, 50),))
    diff = differ.diff(png(base), png(head), policy)
    # The pixels beside the hidden ones still have red around them.
    assert one(diff) == Region(0, 0, 10, 20, 200, Evidence(200, 200, 190, 200, 200, 20, 1.0))
    assert diff.spread.differing == 200


def test_an_ignored_box_cuts_lines_and_hides_growth(differ: OdiffDiffer) -> None:
    policy = replace(PLAIN, ignore_regions=(Rectangle(18, 0, 2, 50), Rectangle(0, 50, 60, 9)))
    diff = differ.diff(
        png(grey(60, 50)), png(dark((0, 3, 38, 1), (0, 50, 60, 5), size=(60, 55))), policy
    )
    assert one(diff) == Region(0, 3, 38, 1, 36, Evidence(36, 36, 0, 30, 36, 18, 1.0))


FAR = (190, 140, 1, 1)  # so that the engine leaves out what lies between


@pytest.mark.parametrize("turned", [False, True], ids=["across", "down"])
@pytest.mark.parametrize("gap", [1, 2, 4, 5, 6, 13])
def test_a_gap_that_is_left_out_joins_no_runs(differ: OdiffDiffer, gap: int, turned: bool) -> None:
    boxes = [(0, 3, 18, 1), (18 + gap, 3, 18, 1), FAR]
    base, head = grey(200, 200), dark(*boxes, size=(200, 200))
    if turned:
        base, head = base.swapaxes(0, 1).copy(), head.swapaxes(0, 1).copy()
    diff = differ.diff(png(base), png(head), PLAIN)
    assert disagreement(diff) is None
    line, far = diff.regions
    assert (line.pixels, line.evidence.line, line.evidence.unmatched) == (36, 18, 36)
    assert far == Region(*(FAR[:2] if not turned else FAR[1::-1]), 1, 1, 1, Evidence(
        1, 1, 0, 1, 1, 0, 1.0))  # fmt: skip


@pytest.mark.parametrize("at", [(12, 12), (12, 28), (28, 12), (44, 60), (60, 44), (0, 0)])
@pytest.mark.parametrize("falling", [True, False], ids=["falling", "rising"])
def test_bold_pixels_are_counted_in_the_best_square_wherever_it_begins(
    differ: OdiffDiffer, at: tuple[int, int], falling: bool
) -> None:
    """Two dots in blocks that touch with their corners: one square of 32 pixels holds both."""
    x, y = at[0] // 16 * 16 + 12, at[1] // 16 * 16 + 12
    dots = [(x, y, 4, 4), (x + 5, y + 5, 4, 4)]
    if not falling:
        dots = [(x + 5, y, 4, 4), (x, y + 5, 4, 4)]
    diff = differ.diff(png(grey(96, 96)), png(dark(*dots, size=(96, 96))), PLAIN)
    assert one(diff).evidence.bold == 32


def glyph(shift: float, *, transparent: bool) -> Pixels:
    """A black ellipse on white, or the same as black that shines through."""
    opaque = ellipse(shift)
    if not transparent:
        return opaque
    return np.dstack([np.zeros_like(opaque), 255 - opaque[..., :1]])


def test_a_black_icon_on_nothing_is_measured_as_on_white(differ: OdiffDiffer) -> None:
    """On black it is not seen at all: that all of it is one colour there proves nothing."""
    seen, through = (
        differ.diff(
            png(glyph(0, transparent=transparent)),
            png(glyph(1.5, transparent=transparent)),
            Policy(align_rows=False),
        )
        for transparent in (False, True)
    )
    assert through.regions == seen.regions
    assert through.spread == seen.spread
    assert not through.judge(Policy()).changed


def page(*boxes: tuple[int, int, int, int, int]) -> Pixels:
    """128 × 96, grey 100, with boxes of other greys."""
    image = grey(128, 96, 100)
    for *box, level in boxes:
        image = with_box(image, box[0], box[1], box[2], box[3], (level,) * 3)
    return image


SHOWN = page((3, 3, 5, 5, 0), (40, 20, 20, 9, 200))  # blocks (0, 0), (1, 2) and (1, 3)


@pytest.mark.parametrize(
    ("base", "step", "spread"),
    [
        pytest.param(SHOWN, (0, 0, 0, 0, 0), Spread(), id="nothing"),
        pytest.param(SHOWN, (0, 0, 1, 1, 1), Spread(1, 3, 1, 0), id="in a block that shows"),
        pytest.param(SHOWN, (70, 50, 9, 9, 1), Spread(81, 3, 0, 0), id="on blank paper"),
        pytest.param(SHOWN, (10, 10, 60, 20, 10), Spread(1_200, 3, 3, 0), id="over all that shows"),
        pytest.param(SHOWN, (64, 48, 12, 12, 1), Spread(144, 3, 0, 0), id="one level: too faint"),
        pytest.param(SHOWN, (64, 48, 12, 12, 2), Spread(144, 3, 0, 100), id="two levels"),
        pytest.param(SHOWN, (64, 48, 12, 12, -5), Spread(144, 3, 0, 100), id="five levels"),
        pytest.param(SHOWN, (64, 48, 12, 12, 6), Spread(144, 3, 0, 0), id="six: in the mask"),
        pytest.param(SHOWN, (116, 84, 12, 12, -2), Spread(144, 3, 0, 121), id="in the corner"),
        pytest.param(page((4, 4, 4, 4, 115)), (0, 0, 1, 1, 50), Spread(1, 0, 0, 0), id="15 levels"),
        pytest.param(page((4, 4, 4, 4, 116)), (0, 0, 1, 1, 50), Spread(1, 1, 1, 0), id="16 levels"),
        pytest.param(page((4, 5, 4, 3, 200)), (0, 0, 1, 1, 50), Spread(1, 0, 0, 0), id="rows 5–7"),
        pytest.param(page((4, 5, 4, 4, 200)), (0, 0, 1, 1, 50), Spread(1, 1, 1, 0), id="rows 5–8"),
    ],
)
def test_how_far_differences_reach(
    differ: OdiffDiffer, base: Pixels, step: tuple[int, ...], spread: Spread
) -> None:
    x, y, width, height, levels = step
    head = base.astype(int)
    head[y : y + height, x : x + width] += levels
    head = head.astype(np.uint8)
    assert differ.diff(png(base), png(head), PLAIN).spread == spread


def test_a_recolour_in_an_ignored_box_is_not_measured(differ: OdiffDiffer) -> None:
    head = with_box(SHOWN, 64, 48, 20, 20, (102,) * 3)
    policy = replace(PLAIN, ignore_regions=(Rectangle(64, 48, 20, 10),))
    assert differ.diff(png(SHOWN), png(head), policy).spread == Spread(200, 3, 0, 162)


def test_colours_that_nobody_sees_show_nothing(differ: OdiffDiffer) -> None:
    hidden = np.random.default_rng(4).integers(0, 256, (64, 64, 4)).astype(np.uint8)
    hidden[..., 3] = 0
    head = with_box(hidden, 5, 5, 1, 1, (0, 0, 0, 255))
    assert differ.diff(png(hidden), png(head), PLAIN).spread == Spread(1, 0, 0, 0)


@pytest.mark.parametrize("seed", range(40))
def test_random_pairs_are_measured_as_pixel_by_pixel(differ: OdiffDiffer, seed: int) -> None:
    pair = random_pair(np.random.default_rng(1_000 + seed), 110)
    base, head = pair.base_pixels, pair.head_pixels
    # On two backgrounds the mask does not tell which of them has shown what is structural.
    opaque = base.shape[2] == head.shape[2] == 3
    policy = replace(pair.policy, antialiasing=pair.policy.antialiasing and opaque)
    found = differ.diff(pair.base, pair.head, policy)
    wanted = Reference(base, head, mask_of(found), policy)
    assert list(found.regions) == wanted.regions()
    assert found.spread == wanted.spread()


@pytest.mark.parametrize("seed", range(12))
def test_parts_far_apart_are_measured_as_pixel_by_pixel(differ: OdiffDiffer, seed: int) -> None:
    random = np.random.default_rng(seed)
    base = np.repeat(np.repeat(random.integers(0, 256, (24, 30, 3)), 8, 0), 9, 1).astype(np.uint8)
    head = base.copy()
    for y, x in random.integers(0, [180, 250], (4, 2)):
        height, width = random.integers(1, [3, 30]) if seed % 2 else random.integers(1, [30, 3])
        part = head[y : y + height, x : x + width]
        part[:] = np.clip(part.astype(int) + random.integers(-40, 41, 3), 0, 255)
    noise = random.random(base.shape[:2]) < 0.01
    head[noise] ^= 1
    found = differ.diff(png(base), png(head), PLAIN)
    wanted = Reference(base, head, mask_of(found), PLAIN)
    assert list(found.regions) == wanted.regions()
    assert found.spread == wanted.spread()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("height", [256, 257, 258, 511, 600])
def test_tall_pictures_are_measured_as_pixel_by_pixel(
    differ: OdiffDiffer, seed: int, height: int
) -> None:
    """Those are looked at in stripes of 256 rows: boxes, lines and noise lie across the seams."""
    random = np.random.default_rng(seed)
    base = np.repeat(random.integers(0, 256, (1, 24, 3)), height, 0).astype(np.uint8)
    base[random.random(base.shape[:2]) < 0.1 * (seed % 3)] = 128
    head = base.copy()
    for seam in range(256, height, 256):
        head[seam - int(random.integers(20)) : seam + int(random.integers(20)), 3:9] ^= 0x30
    head[:, 20] = 77
    found = differ.diff(png(base), png(head), PLAIN)
    wanted = Reference(base, head, mask_of(found), PLAIN)
    assert list(found.regions) == wanted.regions()
    assert found.spread == wanted.spread()


def test_boxes_that_lie_far_apart_are_measured_each_by_itself(differ: OdiffDiffer) -> None:
    base = grey(200, 200)
    diff = differ.diff(png(base), png(dark((5, 5, 9, 9), (150, 150, 9, 9), size=(200, 200))), PLAIN)
    assert [r.evidence for r in diff.regions] == [Evidence(81, 81, 49, 81, 81, 0, 1.0)] * 2
