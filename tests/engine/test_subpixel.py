"""A page that moved by a fraction of a pixel, and what looks like one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pixelgate.domain.comparison import Diff
from pixelgate.domain.policy import Noise, Policy
from pixelgate.domain.verdict import NoiseKind
from pixelgate.engine import native, subpixel
from pixelgate.engine.differ import OdiffDiffer
from pixelgate.engine.native import BLOCK, Flag, Plane
from pixelgate.engine.subpixel import Shift
from support.drawings import png
from support.pixels import with_box
from support.plain_odiff import Pixels

Colour = tuple[int, int, int]
LIGHT: tuple[Colour, Colour] = (255, 255, 255), (90, 120, 200)
DARK: tuple[Colour, Colour] = (20, 24, 30), (170, 160, 150)
POLICY = Policy(align_rows=False)
N = Noise()


def page(moved: float = 0.0, colours: tuple[Colour, Colour] = LIGHT, bars: int = 3) -> Pixels:
    """Bars of four pixels and lines of one, moved down; each pixel takes what covers it."""
    paper, ink = (np.array(colour, float) for colour in colours)
    tops = [20 + 40 * n for n in range(bars)]
    covered = np.zeros(20 + 40 * bars)
    rows = np.arange(len(covered))
    for top, thick in [(top, 4) for top in tops] + [(top + 20, 1) for top in tops]:
        starts, ends = top + moved, top + moved + thick
        covered += np.clip(np.minimum(rows + 1, ends) - np.maximum(rows, starts), 0, 1)
    column = paper + covered[:, None] * (ink - paper)
    image = np.repeat(np.rint(column)[:, None], 120, axis=1)
    image[:, :10], image[:, -10:] = paper, paper
    return image.astype(np.uint8)


def flags_of(base: Pixels, head: Pixels) -> Plane:
    flags: Plane = (base != head).any(axis=2) * np.uint8(Flag.DIFFERS)
    return flags


def find(base: Pixels, head: Pixels, noise: Noise = N) -> Shift | None:
    return subpixel.find((base, head), flags_of(base, head), noise)


def turned(image: Pixels) -> Pixels:
    return np.ascontiguousarray(image.transpose(1, 0, 2))


# --- what proves a move -----------------------------------------------------------------------


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("before", "moved"),
    [*((0, moved) for moved in (-0.7, -0.25, -0.1, 0.1, 0.3, 0.5, 0.7)), (0.3, 0.2), (0.3, 0.4)],
)
def test_lines_say_how_far_a_page_moved(
    before: float, moved: float, colours: tuple[Colour, Colour]
) -> None:
    base, head = page(before, colours), page(before + moved, colours)
    down, right = find(base, head), find(turned(base), turned(head))
    assert down is not None
    assert right is not None
    assert (down.right, right.down) == (0, 0)
    assert down.down == right.right == pytest.approx(moved, abs=0.02)
    assert not down.flags.any()
    assert not right.flags.any()


def with_line(image: Pixels, y: int, colour: Colour, x: int = 30) -> Pixels:
    return with_box(image, x, y, 60, 1, colour)


WHITE, RED, GREY = (255, 255, 255), (220, 30, 30), (200, 200, 200)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param({30: WHITE}, {30: RED}, id="appears"),
        pytest.param({30: RED}, {30: WHITE}, id="goes"),
        pytest.param({30: GREY}, {30: RED}, id="takes another colour"),
        pytest.param({30: RED}, {30: (238, 143, 143)}, id="fades"),
        pytest.param({30: GREY}, {30: (210, 210, 210)}, id="fades by ten levels"),
        pytest.param({30: RED}, {31: RED}, id="moves by a pixel"),
        pytest.param({30: RED}, {29: (246, 199, 199), 30: (229, 86, 86)}, id="moves the other way"),
    ],
)
def test_a_line_that_changes_is_not_one_that_moved(
    before: dict[int, Colour], after: dict[int, Colour]
) -> None:
    base, head = page(0), page(0.25)
    for y, colour in before.items():
        base = with_line(base, y, colour)
    for y, colour in after.items():
        head = with_line(head, y, colour)
    found = find(base, head)
    assert found is not None
    lines = sorted({*before, *after})
    assert found.flags[lines, 30:90].all(), "what no move explains still differs"
    assert np.count_nonzero(found.flags) == 60 * len(lines)


# Each number of the rule: what a page of three bars and three lines shows within it and beyond.
# Each bar has two edges, each line is one: nine in all.
@pytest.mark.parametrize(
    ("pair", "within", "beyond"),
    [
        pytest.param((page(0), page(0.25)), {"min_shift_lines": 9}, {"min_shift_lines": 10},
                     id="so many lines"),
        pytest.param((page(0), page(0.5)), {"shift_most": 0.52}, {"shift_most": 0.48},
                     id="so far at most"),
        pytest.param(
            (with_line(with_line(page(0), 30, RED), 70, RED), page(0.25)),
            {"shift_coverage": 9 / 11}, {"shift_coverage": 9 / 11 + 0.01},
            id="of all lines that differ",
        ),
        pytest.param(
            (page(0), np.vstack([page(0.2)[:60], page(0.4)[60:]])),
            {"shift_apart": 0.25, "min_shift_lines": 9},
            {"shift_apart": 0.15, "min_shift_lines": 9},
            id="alike",
        ),
    ],
)  # fmt: skip
def test_the_numbers_of_the_rule(
    pair: tuple[Pixels, Pixels], within: dict[str, Any], beyond: dict[str, Any]
) -> None:
    assert find(*pair, replace(N, **within)) is not None
    assert find(*pair, replace(N, **beyond)) is None


def test_edges_of_one_side_prove_nothing() -> None:
    """Six buttons lose the border below: each has an edge that moved by a quarter of a pixel."""
    base = np.full((300, 120, 3), 255, np.uint8)
    for y in range(0, 300, 50):
        base = with_box(base, 10, y + 10, 100, 20, (60, 60, 60))
    head = base.copy()
    for y in range(0, 300, 50):
        head = with_box(head, 10, y + 29, 100, 1, (109, 109, 109))
    assert find(base, head) is None


def test_short_lines_prove_nothing() -> None:
    base, head = page(0), page(0.25)
    assert find(base[:, :33], head[:, :33]) is None
    assert find(base[:, :34], head[:, :34]) is not None


# --- what it explains -------------------------------------------------------------------------


def test_what_is_explained_is_counted_in_blocks() -> None:
    base, head = page(0), page(0.25)
    head[30, 40] = 0
    shifted, others = native.count_shifted((base, head), flags_of(base, head), 0.0, 0.25)
    assert others[30 // BLOCK, 40 // BLOCK] == 1
    assert others.sum() == 1
    assert shifted.sum() == np.count_nonzero(flags_of(base, head)) - 1
    none, all_of_it = native.count_shifted((base, head), flags_of(base, head), 0.0, 0.0)
    assert none.sum() == 0
    assert all_of_it.sum() == np.count_nonzero(flags_of(base, head))


def judged(differ: OdiffDiffer, base: Pixels, head: Pixels) -> Diff:
    return differ.diff(png(base), png(head), POLICY)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("moved", [-0.6, -0.3, 0.3, 0.6])
def test_a_page_that_moved_by_a_fraction_passes(
    differ: OdiffDiffer, moved: float, colours: tuple[Colour, Colour]
) -> None:
    base, head = page(0, colours), page(moved, colours)
    for one, other in ((base, head), (turned(base), turned(head)), (head, base)):
        diff = judged(differ, one, other)
        assert diff.passes(POLICY)
        assert {told.kind for told in diff.explained} == {NoiseKind.SHIFT}


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda head: with_line(head, 50, RED), id="a line more"),
        pytest.param(lambda head: with_box(head, 50, 30, 3, 3, (40, 40, 40)), id="a dot"),
        pytest.param(lambda head: with_box(head, 50, 41, 12, 1, (40, 40, 40)), id="a dash"),
        pytest.param(lambda head: with_box(head, 20, 60, 60, 1, WHITE), id="a part of a bar gone"),
    ],
)
def test_a_change_on_a_page_that_moved_counts(differ: OdiffDiffer, edit: Any) -> None:
    base, head = page(0), page(0.25)
    assert judged(differ, base, head).passes(POLICY)
    for one, other in ((base, edit(head)), (edit(base), head)):
        assert not judged(differ, one, other).passes(POLICY)
