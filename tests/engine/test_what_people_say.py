"""Small drawn pages with what people call a change, and the mark of each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw

from engine.conftest import Compare
from pixelgate.domain.comparison import Diff, Judgement
from pixelgate.domain.policy import Policy
from pixelgate.domain.verdict import Mark
from pixelgate.engine.differ import OdiffDiffer
from support.agreement import mask_of
from support.images import encoded
from support.plain_odiff import Pixels

INK, PAPER, BLUE = (20, 20, 20), (255, 255, 255), (29, 112, 184)
WORDS = ["Invoice 2041", "Harbour Street 7", "Paid on 12 March", "Two chairs, oak", "Total 310.00"]


def page(
    *changes: Callable[[ImageDraw.ImageDraw], None],
    words: list[str] | None = None,
    second: tuple[int, ...] = INK,
) -> Pixels:
    """A heading bar, five lines of smoothed text, a button; and what a test draws on it."""
    image = Image.new("RGB", (320, 240), PAPER)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 319, 29), fill=(38, 50, 56))
    for line, said in enumerate(words or WORDS):
        draw.text((20, 44 + 26 * line), said, fill=second if line == 1 else INK, font_size=17)
    draw.rectangle((20, 190, 119, 219), fill=BLUE)
    for change in changes:
        change(draw)
    return np.asarray(image)


def box(x: int, y: int, width: int, height: int, colour: tuple[int, ...]) -> Callable[..., None]:
    return lambda draw: draw.rectangle((x, y, x + width - 1, y + height - 1), fill=colour)


def text(x: int, y: int, said: str, colour: tuple[int, ...] = INK) -> Callable[..., None]:
    return lambda draw: draw.text((x, y), said, fill=colour, font_size=17)


def photo(width: int = 320, height: int = 240) -> Pixels:
    """Soft shapes with grain, as a camera makes them."""
    y, x = np.mgrid[0:height, 0:width]
    soft = 128 + 60 * np.sin(x / 23) + 50 * np.cos(y / 17 + x / 40)
    grain = np.random.default_rng(5).normal(0, 6, (height, width, 3))
    found: Pixels = np.clip(soft[..., None] + grain, 0, 255).astype(np.uint8)
    return found


def shade(pixels: Pixels, levels: int) -> Pixels:
    found: Pixels = np.clip(pixels.astype(int) + levels, 0, 255).astype(np.uint8)
    return found


PAGE = page()

COUNTS: list[tuple[str, Pixels, Pixels, set[Mark]]] = [
    ("one letter", PAGE, page(words=[*WORDS[:1], "Harbour Streep 7", *WORDS[2:]]), {Mark.SHAPE}),
    ("one digit", PAGE, page(words=[*WORDS[:4], "Total 370.00"]), {Mark.SHAPE}),
    ("a line of 1 × 40 across", PAGE, page(box(150, 200, 40, 1, (200,) * 3)), {Mark.LINE}),
    ("a line of 40 × 1 down", PAGE, page(box(250, 100, 1, 40, (200,) * 3)), {Mark.LINE}),
    ("a faint line", PAGE, page(box(150, 200, 40, 1, (245,) * 3)), {Mark.LINE}),
    ("one pixel", PAGE, page(box(250, 100, 1, 1, INK)), {Mark.TINT}),
    ("a button one pixel wider", PAGE, page(box(120, 190, 1, 30, BLUE)), {Mark.LINE}),
    ("a button in another colour", PAGE, page(box(20, 190, 100, 30, (0, 112, 60))), {Mark.PLAIN}),
    ("a word in another colour", PAGE, page(second=(0, 0, 200)), {Mark.TINT}),
    ("a badge on a page", PAGE, page(box(280, 8, 12, 12, (212, 53, 28))), {Mark.PLAIN}),
    ("text on a button", PAGE, page(text(40, 193, "Pay", PAPER)), {Mark.TINT}),
    ("all of it a shade darker", PAGE, shade(PAGE, -3), {Mark.PLAIN}),
    ("a photo a shade lighter", photo(), shade(photo(), 3), {Mark.TINT}),
]  # fmt: skip


def compared(compare: Compare, base: Pixels, head: Pixels) -> tuple[Diff, Judgement]:
    there, back = compare(base, head), compare(head, base)
    judged = there.judge(Policy())
    assert judged == back.judge(Policy()), "which of them is the base matters"
    return there, judged


@pytest.mark.parametrize(
    ("base", "head", "marks"), [pytest.param(*row[1:], id=row[0]) for row in COUNTS]
)
def test_what_a_person_calls_a_change_counts(
    compare: Compare, base: Pixels, head: Pixels, marks: set[Mark]
) -> None:
    _, judged = compared(compare, base, head)
    assert judged.changed
    assert set(judged.marks) == marks


@pytest.mark.parametrize("levels", [-5, -3, 3, 5])
def test_a_button_a_shade_off_counts_though_odiff_does_not_see_it(
    compare: Compare, levels: int
) -> None:
    colour = tuple(channel + levels for channel in BLUE)
    diff, judged = compared(compare, PAGE, page(box(20, 190, 100, 30, colour)))
    assert (diff.changed_pixels, diff.counted_pixels) == (0, 3_000)
    assert mask_of(diff)[190:220, 20:120].all()
    assert diff.areas[0].plain == 98 * 28
    assert judged.marks == (Mark.PLAIN,)


def test_a_letter_in_a_page_that_was_compressed_anew_is_found_if_it_is_bold(
    differ: OdiffDiffer,
) -> None:
    """Within noise only what is clear counts: the first letter does, the rest passes."""
    base = encoded(Image.fromarray(PAGE), "JPEG", quality=90)
    head = encoded(Image.fromarray(page(text(210, 98, "NEW"))), "JPEG", quality=85)
    diff = differ.diff(base, head, Policy())
    judged = diff.judge(Policy())
    [counted] = [r for r, m in zip(diff.regions, judged.marks, strict=True) if m]
    assert judged.changed
    assert 200 <= counted.x <= 215
    assert 90 <= counted.y <= 110
