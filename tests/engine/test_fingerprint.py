"""A change has one name wherever it lies, and another change another one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from engine.conftest import Compare
from pixelgate.domain.policy import Rectangle
from support.pixels import grey, rgba, with_box
from support.plain_odiff import Pixels

RED, BLUE = (255, 0, 0), (0, 0, 255)


def name(compare: Compare, base: Pixels, head: Pixels, *ignored: Rectangle) -> str:
    found = compare(base, head, ignore_regions=ignored).fingerprint
    assert found is not None
    return found


def boxed(
    x: int, y: int, width: int = 20, height: int = 10, colour: tuple[int, ...] = RED
) -> Pixels:
    return with_box(grey(120, 90), x, y, width, height, colour)


HERE = boxed(5, 5)

SAME: list[tuple[str, Pixels, Pixels]] = [
    ("elsewhere", grey(120, 90), boxed(77, 61)),
    ("at the edge", grey(120, 90), boxed(100, 80)),
    ("in a larger picture", grey(300, 200), with_box(grey(300, 200), 5, 5, 20, 10, RED)),
    ("beside something else", with_box(grey(120, 90), 60, 40, 9, 9, BLUE),
     with_box(HERE, 60, 40, 9, 9, BLUE)),
    ("in a picture with an opaque alpha channel", rgba(120, 90, 128, 128, 128, 255),
     with_box(rgba(120, 90, 128, 128, 128, 255), 5, 5, 20, 10, (*RED, 255))),
]  # fmt: skip


@pytest.mark.parametrize(("base", "head"), [pytest.param(*row[1:], id=row[0]) for row in SAME])
def test_the_same_change_has_one_name(compare: Compare, base: Pixels, head: Pixels) -> None:
    assert name(compare, base, head) == name(compare, grey(120, 90), HERE)


OTHER: list[tuple[str, Pixels, Pixels]] = [
    ("another colour after", grey(120, 90), boxed(5, 5, colour=BLUE)),
    ("one level of it", grey(120, 90), boxed(5, 5, colour=(254, 0, 0))),
    ("another colour before", grey(120, 90, 127), with_box(grey(120, 90, 127), 5, 5, 20, 10, RED)),
    ("the other way round", HERE, grey(120, 90)),
    ("wider", grey(120, 90), boxed(5, 5, 21, 10)),
    ("as many pixels, turned", grey(120, 90), boxed(5, 5, 10, 20)),
    ("as many pixels in one box", grey(120, 90), boxed(5, 5, 25, 8)),
    ("one pixel less", grey(120, 90), with_box(HERE, 7, 7, 1, 1, (128, 128, 128))),
    ("one pixel of another colour", grey(120, 90), with_box(HERE, 7, 7, 1, 1, BLUE)),
    ("twice", grey(120, 90), with_box(HERE, 80, 60, 20, 10, RED)),
]  # fmt: skip


def test_other_changes_have_other_names(compare: Compare) -> None:
    names = {what: name(compare, base, head) for what, base, head in OTHER}
    names["the change itself"] = name(compare, grey(120, 90), HERE)
    assert len(set(names.values())) == len(OTHER) + 1, names


def test_what_is_hidden_has_no_name_and_tells_no_changes_apart(compare: Compare) -> None:
    assert compare(HERE, HERE).fingerprint is None
    everything = (Rectangle(0, 0, 120, 90),)
    assert compare(grey(120, 90), HERE, ignore_regions=everything).fingerprint is None
    clock = with_box(HERE, 62, 42, 9, 9, BLUE)
    hidden = name(compare, grey(120, 90), clock, Rectangle(60, 40, 20, 20))
    assert hidden == name(compare, grey(120, 90), HERE)


def test_a_recolour_has_a_name_of_its_own(compare: Compare) -> None:
    faint = boxed(5, 5, 30, 30, (131, 131, 131))
    names = [
        name(compare, grey(120, 90), faint),
        name(compare, grey(120, 90), boxed(60, 40, 30, 30, (131, 131, 131))),
        name(compare, grey(120, 90), boxed(5, 5, 30, 30, (130, 130, 130))),
    ]
    assert names[0] == names[1] != names[2]


def screen(*boxes: tuple[int, int, int, int, int]) -> Pixels:
    """A screen of 320 × 240 with a header bar, a card below it, and boxes of other greys."""
    image = with_box(grey(320, 240, 245), 0, 0, 320, 40, (38, 50, 56))
    image = with_box(image, 20, 60, 120, 50, (250, 250, 250))
    for x, y, width, height, level in boxes:
        image = with_box(image, x, y, width, height, (level,) * 3)
    return image


HEADER = (200, 10, 60, 20, 90)


@pytest.mark.parametrize("levels", [2, 3, 5, 40])
@pytest.mark.parametrize(
    "further",
    [
        pytest.param((20, 60, 120, 50), id="a card below"),
        pytest.param((200, 32, 60, 40), id="a box beside it"),
        pytest.param((200, 180, 60, 40), id="a box far away"),
    ],
)
def test_the_same_change_with_a_further_box_recoloured_has_another_name(
    compare: Compare, further: tuple[int, int, int, int], levels: int
) -> None:
    """However faint the further change is: who approves the first has not seen it."""
    before = screen((*further, 250))
    alone = name(compare, before, screen((*further, 250), HEADER))
    both = name(compare, before, screen((*further, 250 - levels), HEADER))
    assert alone != both
    assert alone == name(compare, screen(), screen(HEADER)), "the rest of the screen is no matter"


def stripes(seed: int, height: int) -> Pixels:
    """Rows that occur nowhere else."""
    return np.random.default_rng(seed).integers(0, 256, (height, 64, 3)).astype(np.uint8)


def inserted(extra: Pixels, at: int, page: Pixels) -> tuple[Pixels, Pixels]:
    return page, np.concatenate([page[:at], extra, page[at:]])


def grown(extra: Pixels, at: int, page: Pixels) -> tuple[Pixels, Pixels]:
    """Below; too little for rows to be aligned, wherever it would be."""
    del at
    return page, np.concatenate([page, extra])


@pytest.mark.parametrize("make", [inserted, grown], ids=["inserted", "grown"])
def test_rows_that_came_in_are_told_by_their_colours_and_from_rows_that_went(
    compare: Compare, make: Callable[[Pixels, int, Pixels], tuple[Pixels, Pixels]]
) -> None:
    pages = stripes(1, 200), stripes(2, 240)
    base, head = make(stripes(3, 40), 50, pages[0])
    there = name(compare, base, head)
    assert there == name(compare, *make(stripes(3, 40), 120, pages[1])), "on another page"
    assert there != name(compare, *make(stripes(4, 40), 50, pages[0])), "other rows"
    assert there != name(compare, head, base), "the same rows went"
    assert there != name(compare, *make(stripes(3, 40)[:39], 50, pages[0])), "one row less"
