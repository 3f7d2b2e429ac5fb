"""Labelled pairs of small screens: what a person sees change, and what nobody sees.

`PYTHONPATH=tests python -m support.drawn_cases OUT` writes them as OUT/<group>/{base,head}/<name>
with OUT/<group>/expected.json. The label of each was given before the first run: what a person sees
who flips between both pictures at 100 %.
"""

from __future__ import annotations

import io
import json
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from support.drawings import png
from support.drawn_canvas import Canvas, Mode, Raster, of_equal_luma
from support.images import encoded
from support.plain_odiff import Pixels

CHANGED, UNCHANGED = "changed", "unchanged"


@dataclass(frozen=True)
class Pair:
    """Two files of one name."""

    base: bytes
    head: bytes


@dataclass(frozen=True)
class Row:
    """One case.

    Attributes:
        group: the kind of change or of noise.
        name: the file's name; unique within the group.
        expected: "changed" or "unchanged".
        what: what differs, for people.
        draw: draws both pictures; always the same ones.
    """

    group: str
    name: str
    expected: str
    what: str
    draw: Callable[[], Pair]

    @property
    def id(self) -> str:
        """Group and name."""
        return f"{self.group}/{self.name}"


@dataclass(frozen=True)
class Theme:
    """The colours of a screen."""

    name: str
    page: str
    ink: str
    faint: str  # the colour of hints and rules
    card: str
    link: str
    dark: bool = False


LIGHT = Theme("light", "#ffffff", "#1f2328", "#8b949e", "#f3f4f6", "#0969da")
GREY = Theme("grey", "#f6f8fa", "#59636e", "#afb8c1", "#ffffff", "#1f6feb")
NIGHT = Theme("night", "#0d1117", "#e6edf3", "#8b949e", "#161b22", "#58a6ff", dark=True)
SLATE = Theme("slate", "#1f2937", "#d1d5db", "#9ca3af", "#374151", "#93c5fd", dark=True)
THEMES = (LIGHT, GREY, NIGHT, SLATE)

LINES = (
    "Visual tests compare what people see.",
    "A page is drawn, a picture is kept,",
    "and the next release is held against it.",
    "Order 2041: two chairs, oak, 310.00",
    "Paid on 12 March by Jane Miller",
    "Ship to Harbour Street 7, Sydney",
)

Painter = Callable[[Canvas, bool], None]
Drawn = Callable[[], Pixels]
_Choice = TypeVar("_Choice")


def _one_of(options: Sequence[_Choice], *key: object) -> _Choice:
    """Always the same one for a key: so no size, colour or density goes with one kind of change."""
    return options[zlib.crc32(repr(key).encode()) % len(options)]


def _row(
    group: str,
    name: str,
    what: str,
    paint: Painter,
    *sheet: Any,
    density: int = 1,
    expected: str = CHANGED,
) -> Row:
    """A pair that one painter draws on two sheets: it is told whether it draws the head."""

    def draw() -> Pair:
        base, head = (Canvas(*sheet, density=density) for _ in range(2))
        paint(base, False)
        paint(head, True)
        return Pair(png(base.pixels()), png(head.pixels()))

    return Row(group, f"{name}.png", expected, what, draw)


def _pair(group: str, name: str, what: str, base: Drawn, head: Drawn, expected: str) -> Row:
    """A pair of which each side is drawn, and then perhaps spoilt, in its own way."""
    return Row(group, f"{name}.png", expected, what, lambda: Pair(png(base()), png(head())))


def _text_block(canvas: Canvas, theme: Theme, top: float, lines: int, size: float = 13) -> None:
    for k in range(lines):
        canvas.text(12, top + k * size * 1.5, LINES[k % len(LINES)], size, theme.ink)


# A line of one pixel where a light and a dark area meet.


def _under_a_bar(canvas: Canvas, colour: str | None, dash: int) -> None:
    canvas.fill(0, 0, 300, 40, "#24292f")
    canvas.text(12, 25, "Orders", 15, "#ffffff")
    _text_block(canvas, LIGHT, 70, 5)
    if colour:
        canvas.line(0, 40, 300, 1 / canvas.density, colour, dash=dash)


def _above_a_footer(canvas: Canvas, colour: str | None, dash: int) -> None:
    canvas.fill(0, 0, 300, 200, "#111111")
    canvas.fill(0, 0, 300, 150, "#fafafa")
    _text_block(canvas, LIGHT, 30, 4)
    canvas.text(12, 178, "Imprint and terms", 12, "#d0d0d0")
    if colour:
        canvas.line(0, 149, 300, 1 / canvas.density, colour, dash=dash)


def _beside_a_sidebar(canvas: Canvas, colour: str | None, dash: int) -> None:
    canvas.fill(0, 0, 90, 200, "#1b1f24")
    for k, said in enumerate(("Home", "Orders", "People", "Bills")):
        canvas.text(12, 30 + 26 * k, said, 13, "#d1d5db")
        canvas.text(104, 30 + 26 * k, LINES[k][:26], 12, "#1f2328")
    if colour:
        canvas.line(90, 0, 1 / canvas.density, 200, colour, dash=dash)


def _around_an_input(canvas: Canvas, colour: str | None, dash: int) -> None:
    canvas.fill(0, 0, 300, 200, "#1f2937")
    canvas.text(20, 40, "E-mail address", 12, "#d1d5db")
    canvas.fill(20, 52, 220, 34, "#ffffff")
    canvas.text(30, 74, "jane@example.org", 13, "#1f2328")
    canvas.text(20, 110, "We never share it.", 11, "#9ca3af")
    if colour:
        canvas.frame(20, 52, 220, 34, colour, dash=dash)


def _around_a_picture(canvas: Canvas, colour: str | None, dash: int) -> None:
    canvas.text(20, 26, "Figure 3: at night", 13, "#1f2328")
    canvas.fill(40, 40, 200, 120, "#101820")
    canvas.rounded(70, 70, 60, 60, 8, "#23303c")
    if colour:
        canvas.frame(40, 40, 200, 120, colour, dash=dash)


def _around_a_tile(canvas: Canvas, colour: str | None, dash: int) -> None:
    canvas.fill(0, 0, 300, 200, "#15181c")
    for k in range(6):
        x, y = 18 + 92 * (k % 3), 20 + 85 * (k // 3)
        canvas.fill(x, y, 80, 70, "#f3f4f6")
        canvas.text(x + 10, y + 40, f"Plan {k + 1}", 13, "#1f2328")
        if colour and k == 4:
            canvas.frame(x, y, 80, 70, colour, dash=dash)


def _around_a_round_card(canvas: Canvas, colour: str | None, _: int) -> None:
    canvas.fill(0, 0, 300, 200, "#1e1e1e")
    thin = 1 / canvas.density
    if colour:
        canvas.rounded(30, 30, 240, 130, 10, colour)
        canvas.rounded(30 + thin, 30 + thin, 240 - 2 * thin, 130 - 2 * thin, 9, "#ffffff")
    else:
        canvas.rounded(30, 30, 240, 130, 10, "#ffffff")
    canvas.text(50, 70, "Payment failed", 14, "#1f2328")
    canvas.text(50, 92, "Card ends in 2041", 12, "#59636e")


SCENES = {
    "bar": _under_a_bar,
    "footer": _above_a_footer,
    "sidebar": _beside_a_sidebar,
    "input": _around_an_input,
    "picture": _around_a_picture,
    "tile": _around_a_tile,
    "round": _around_a_round_card,
}

# Each can be told from both areas beside it, but for grey to red, green, orange, which the
# hue tells.
LINE_CHANGES: tuple[tuple[str, str | None, str | None], ...] = (
    ("grey_red", "#8c959f", "#cf222e"),
    ("grey_green", "#8c959f", "#1a7f37"),
    ("grey_orange", "#8c959f", "#d97706"),
    ("blue_red", "#2563eb", "#dc2626"),
    ("red_appears", None, "#dc2626"),
    ("blue_vanishes", "#3b82f6", None),
)


def lines() -> Iterator[Row]:
    """A line between light and dark turns another colour, appears or vanishes."""
    styles = ((0, 1), (0, 1), (3, 1), (0, 2), (6, 2))
    for scene, (name, *colours) in product(SCENES, LINE_CHANGES):
        dash, density = _one_of(styles, scene, name)
        dash = 0 if scene == "round" else dash
        style = f"{'dashed' if dash else 'solid'}{density}x"
        what = f"1-px line, {scene}, {style}: {colours[0]} -> {colours[1]}"
        paint = partial(_line, scene, colours, dash)
        yield _row("line", f"{scene}_{name}_{style}", what, paint, 300, 200, density=density)


def _line(scene: str, colours: Sequence[str | None], dash: int, canvas: Canvas, head: bool) -> None:
    SCENES[scene](canvas, colours[head], dash)


def faint_lines() -> Iterator[Row]:
    """A rule on one plain colour is a shade darker or lighter, or gone."""
    on_light = (LIGHT, ("#d9d9d9", "#cccccc", "#e5e7eb"))
    on_dark = (NIGHT, ("#30363d", "#3d444d", "#21262d"))
    changes = (("darker", 0, 1), ("gone", 0, None), ("fainter_gone", 2, None))
    for (theme, shades), (name, before, after) in product((on_light, on_dark), changes):
        colours = [None if place is None else shades[place] for place in (before, after)]
        what = f"1-px border on one colour: {name}"
        paint = partial(_faint_line, theme, colours)
        yield _row("line", f"input_{theme.name}_{name}", what, paint, 260, 120, theme.page)


def _faint_line(theme: Theme, colours: Sequence[str | None], canvas: Canvas, head: bool) -> None:
    canvas.text(20, 40, "Amount", 12, theme.ink)
    colour = colours[head]
    if colour:
        canvas.frame(20, 50, 200, 32, colour)
    canvas.text(30, 71, "310.00", 13, theme.ink)


# Many small edits on one page.

COUNTS = (1, 4, 12, 16, 30, 60)


def _amount(cell: int) -> str:
    return f"{100 + cell * 37 % 900}.{cell * 13 % 100:02d}"


# How a cell reads before and after; both as wide, so that nothing else moves.
EDITS: dict[str, tuple[Callable[[int], str], Callable[[int], str]]] = {
    "dollar_euro": (lambda k: "$" + _amount(k), lambda k: "€" + _amount(k)),
    "am_pm": (lambda k: f"{k % 12 + 1:2d}:15 am", lambda k: f"{k % 12 + 1:2d}:15 pm"),
    "date": (lambda k: f"2026-03-{k % 28 + 1:02d}", lambda k: f"2026-03-{k % 28 + 2:02d}"),
    "day": (lambda k: f"{k % 30 + 1:2d}", lambda k: f"{k % 30 + 2:2d}"),
    "tick_cross": (lambda k: "✓", lambda k: "✗"),
    "box_ticked": (lambda k: "☐", lambda k: "☑"),
    "minus": (lambda k: " " + _amount(k), lambda k: "−" + _amount(k)),
    "digit": (lambda k: f"{k * 37 % 90 + 10}3", lambda k: f"{k * 37 % 90 + 10}8"),
    "comma": (_amount, lambda k: _amount(k).replace(".", ",")),
    "arrow": (lambda k: "→ " + str(10 + k), lambda k: "← " + str(10 + k)),
    "bullet": (lambda k: "• row " + str(10 + k), lambda k: "◦ row " + str(10 + k)),
}


def many() -> Iterator[Row]:
    """The same small edit in 1 to 60 of a table's 60 cells."""
    for edit, count in product(EDITS, COUNTS):
        theme = _one_of(THEMES, "theme", edit, count)
        size = _one_of((11, 12, 13, 14, 15), "size", edit, count)
        density = _one_of((1, 1, 1, 1, 1, 2), "density", edit, count)
        name = f"{edit}_{count:02d}_{theme.name}{size}_{density}x"
        what = f"{edit} in {count} of 60 cells, {size} px, {theme.name}, {density}x"
        paint = partial(_table, edit, theme, size, _spread(60, count))
        yield _row("many", name, what, paint, 400, 300, theme.page, density=density)


def _table(
    edit: str, theme: Theme, size: int, changed: Sequence[int], canvas: Canvas, head: bool
) -> None:
    for cell in range(60):
        says = EDITS[edit][head and cell in changed]
        x, y = 10 + 78 * (cell % 5), 22 + 23 * (cell // 5)
        canvas.cell(x, y, says(cell), size * 0.9, theme.ink)


def many_marks() -> Iterator[Row]:
    """Sixty coloured marks, some of which turn another colour or shape."""
    changes = (("dot_green_amber", "#bf8700"), ("dot_green_hollow", None))
    for (name, after), count in product(changes, COUNTS):
        theme = NIGHT if count in (4, 16, 60) else LIGHT
        what = f"{name} in {count} of 60 places"
        paint = partial(_jobs, after, theme, _spread(60, count))
        yield _row("many", f"{name}_{count:02d}_{theme.name}", what, paint, 400, 250, theme.page)


def _jobs(
    after: str | None, theme: Theme, changed: Sequence[int], canvas: Canvas, head: bool
) -> None:
    for cell in range(60):
        x, y = 14 + 65 * (cell % 6), 16 + 23 * (cell // 6)
        colour = after if head and cell in changed else "#1a7f37"
        if colour:
            canvas.disc(x, y, 4, colour)
        else:
            canvas.ring(x, y, 4, 1, "#1a7f37")
        canvas.text(x + 9, y + 4, f"job {cell}", 12, theme.ink)


def _spread(total: int, count: int) -> Sequence[int]:
    """So many places, evenly over all of them."""
    return [k * total // count for k in range(count)]


# One glyph.

VANISHING = ",.:;'-+|°·~!Iil1%acs8×✓›‹?*=/\""
REPLACED = (
    ",.", ".,", ":;", "1l", "O0", "ce", "38", "68", "56", "-–", "nñ", "uü", "hb", "rn", "aä", "S5",
    "£€", "+−", "oc", "QO", "B8", "≤≥", "•◦", "☐☑", "✓✗", "←→", "17", "$€", "×+", "ae", "vy", "ij",
    "EF", "<>", "!i", "09", "PR", "÷+",
)  # fmt: skip
GLYPH_COLOURS = (
    ("dark", "#ffffff", "#1f2328"),
    ("grey", "#ffffff", "#8b949e"),
    ("night", "#0d1117", "#8b949e"),
    ("bright", "#161b22", "#e6edf3"),
    ("blue", "#0969da", "#ffffff"),
)


def glyphs() -> Iterator[Row]:
    """One glyph vanishes or is replaced; all else is the same to the bit."""
    changes = [(old, " ") for old in VANISHING] + [(pair[0], pair[1]) for pair in REPLACED]
    for (old, new), small in product(changes, (True, False)):
        size = _one_of((10, 11, 12) if small else (13, 14, 15, 16), old, new)
        scheme, page, ink = _one_of(GLYPH_COLOURS, old, new, small)
        code = f"lost_{ord(old):04x}" if new == " " else f"other_{ord(old):04x}_{ord(new):04x}"
        what = f"{old!r} -> {new!r}, {size} px, {ink} on {page}"
        paint = partial(_invoice, (old, new), size, ink)
        yield _row("glyph", f"{code}_{size}{scheme}", what, paint, 200, 90, page)


def _invoice(glyphs: tuple[str, str], size: int, ink: str, canvas: Canvas, head: bool) -> None:
    canvas.text(8, 24, "Invoice of March", size, ink)
    end = canvas.text(8, 48, "Part 12 ", size, ink)
    canvas.text(end, 48, glyphs[head], size, ink)
    canvas.text(end + size * 1.1, 48, "of 20 held", size, ink)
    canvas.text(8, 72, "Sent to Jane Miller", size, ink)


# Noise in one place, a change in another.


@lru_cache(maxsize=16)
def photo(width: int, height: int, seed: int = 5) -> Pixels:
    """Soft shapes with grain, as a camera makes them."""
    y, x = np.mgrid[0:height, 0:width]
    random = np.random.default_rng(seed)
    a, b, c = random.uniform(11, 40, 3)
    channels = [np.sin(x / a + k) * 55 + np.cos(y / b + x / c + 2 * k) * 50 for k in range(3)]
    grain = random.normal(0, 4, (height, width, 3))
    found: Pixels = np.clip(128 + np.dstack(channels) + grain, 0, 255).astype(np.uint8)
    return found


def noisy(pixels: Pixels, levels: int, share: float = 0.5, seed: int = 6) -> Pixels:
    """A share of the channels is off by at most so many levels, either way."""
    random = np.random.default_rng(seed)
    steps = random.integers(-levels, levels + 1, pixels.shape)
    steps[random.random(pixels.shape) >= share] = 0
    found: Pixels = np.clip(pixels + steps, 0, 255).astype(np.uint8)
    return found


def recompressed(pixels: Pixels, file_format: str, **options: object) -> Pixels:
    """What a lossy format leaves."""
    with Image.open(io.BytesIO(encoded(Image.fromarray(pixels), file_format, **options))) as image:
        return np.asarray(image.convert("RGB"))


Spoiler = Callable[[Pixels], Pixels]
NOISES: dict[str, Spoiler] = {
    "level1": lambda p: noisy(p, 1),
    "level2": lambda p: noisy(p, 2, 0.7),
    "jpeg85": lambda p: recompressed(p, "JPEG", quality=85),
    "jpeg95": lambda p: recompressed(p, "JPEG", quality=95, subsampling=0),
    "webp90": lambda p: recompressed(p, "WEBP", quality=90),
}
ASIDE = ("none", "arrow", "letter", "digit", "dot", "chevron", "rule", "shade")


def mixed() -> Iterator[Row]:
    """A photo with noise above a list in which something small changes, or nothing."""
    for noise, aside in product(NOISES, ASIDE):
        theme = _one_of(THEMES, noise, aside)
        shown = photo(*_one_of(((180, 70), (300, 100)), "size", noise, aside))
        what = "nothing else" if aside == "none" else f"and the {aside} of a list below changes"
        yield _row(
            "mixed",
            f"{noise}_{aside}_{theme.name}",
            f"a photo with {noise}, {what}",
            partial(_photo_and_list, noise, aside, theme, shown),
            *(300, 220, theme.page),
            expected=UNCHANGED if aside == "none" else CHANGED,
        )


def _photo_and_list(
    noise: str, aside: str, theme: Theme, shown: Pixels, canvas: Canvas, head: bool
) -> None:
    canvas.picture(0, 0, NOISES[noise](shown) if head else shown)
    _list_below(canvas, theme, aside if head else "none")


def _list_below(canvas: Canvas, theme: Theme, aside: str) -> None:
    canvas.text(12, 124, "Bafe" if aside == "letter" else "Base", 13, theme.ink)
    canvas.text(60, 124, "Total 318" if aside == "digit" else "Total 313", 13, theme.ink)
    if aside != "dot":
        canvas.disc(280, 120, 3, "#cf222e")
    canvas.frame(12, 134, 140, 26, theme.faint)
    canvas.text(20, 151, "Country", 12, theme.ink)
    if aside != "arrow":
        canvas.polygon(((136, 144), (146, 144), (141, 150)), theme.ink)
    canvas.line(12, 172, 276, 1, "#cf222e" if aside == "rule" else theme.faint)
    canvas.text(12, 194, "Next of kin", 13, theme.ink)
    if aside != "chevron":
        canvas.stroke(((272, 184), (277, 189), (272, 194)), 1.5, theme.faint)
    shade = _shifted(theme.card, -5 if not theme.dark else 5)
    canvas.fill(170, 134, 100, 26, shade if aside == "shade" else theme.card)


def _shifted(colour: str, levels: int) -> str:
    channels = (int(colour[k : k + 2], 16) + levels for k in (1, 3, 5))
    return "#" + "".join(f"{min(255, max(0, channel)):02x}" for channel in channels)


def changes_under_noise() -> Iterator[Row]:
    """Noise over the whole picture, and a change that is plain to see through it."""
    spoilers: tuple[tuple[str, Raster, Spoiler], ...] = (
        ("jpeg90", Raster(), lambda p: recompressed(p, "JPEG", quality=90)),
        ("webp90", Raster(), lambda p: recompressed(p, "WEBP", quality=90)),
        ("level1", Raster(), lambda p: noisy(p, 1)),
        ("lcd", Raster(Mode.LCD), lambda p: p),
        ("grey", Raster(Mode.GREY), lambda p: p),
    )
    for (noise, raster, spoil), change in product(spoilers, ("word", "button", "badge", "line")):
        theme = LIGHT if change in ("word", "badge") else NIGHT
        base = partial(_form, theme, "")
        head = partial(_spoilt, spoil, partial(_form, theme, change, raster))
        what = f"{noise} over all of it, and another {change}"
        yield _pair("under", f"{noise}_{change}_{theme.name}", what, base, head, CHANGED)


def _spoilt(spoil: Spoiler, drawn: Drawn) -> Pixels:
    return spoil(drawn())


def _form(theme: Theme, change: str, raster: Raster | None = None) -> Pixels:
    canvas = Canvas(320, 200, theme.page, raster=raster)
    _text_block(canvas, theme, 30, 5)
    canvas.rounded(12, 140, 90, 30, 5, "#1a7f37" if change == "button" else "#0969da")
    canvas.text(34, 160, "Send" if change == "word" else "Save", 14, "#ffffff")
    canvas.text(130, 160, "Cancel", 14, theme.link)
    if change == "badge":
        canvas.disc(290, 20, 8, "#cf222e")
    if change == "line":
        canvas.line(12, 186, 296, 1, "#cf222e")
    return canvas.pixels()


# Colours.


def _card_page(
    theme: Theme, part: str, colours: tuple[str, str], canvas: Canvas, head: bool
) -> None:
    ground = {"page": theme.page, "card": theme.card, part: colours[head]}
    canvas.fill(0, 0, 300, 200, ground["page"])
    canvas.rounded(20, 60, 260, 120, 8, ground["card"])
    canvas.text(20, 36, "Overview", 16, theme.ink)
    for k in range(3):
        canvas.text(36, 92 + 28 * k, LINES[k][:30], 13, theme.ink)


SHADES = (
    ("white_f9fafb", LIGHT, "page", "#ffffff", "#f9fafb"),
    ("white_fafafa", LIGHT, "page", "#ffffff", "#fafafa"),
    ("white_f5f5ff", LIGHT, "page", "#ffffff", "#f5f5ff"),
    ("white_fffbeb", LIGHT, "page", "#ffffff", "#fffbeb"),
    ("grey50_100", GREY, "page", "#f9fafb", "#f3f4f6"),
    ("black_050505", NIGHT, "page", "#000000", "#050505"),
    ("night_lighter", NIGHT, "page", "#0d1117", "#111519"),
    ("slate_lighter", SLATE, "page", "#1f2937", "#242e3c"),
    ("card_grey850_800", NIGHT, "card", "#18181b", "#1f1f23"),
    ("card_dark_step", NIGHT, "card", "#161b22", "#1c2128"),
    ("card_grey100_indigo50", LIGHT, "card", "#f3f4f6", "#eef2ff"),
    ("card_white_grey50", GREY, "card", "#ffffff", "#fafbfc"),
    ("card_slate_hue", SLATE, "card", "#374151", "#3f3f46"),
)


# An element alone.
BUTTONS = (
    ("button_2pct", "#0969da", "#0e6edf"),
    ("button_2pct_dark", "#1f6feb", "#1a6ae6"),
    ("button_green", "#1a7f37", "#1f8a3d"),
    ("chip", "#f3f4f6", "#eef2ff"),
    ("chip_dark", "#374151", "#3c4657"),
    ("plain_grey", "#e5e7eb", "#dfe1e5"),
)


def shades() -> Iterator[Row]:
    """A page's or a card's ground is a shade off; and so is an element alone."""
    for (name, theme, part, before, after), density in product(SHADES, (1, 2)):
        if part == "page" or density == 1:
            what, paint = f"{part} {before} -> {after}", partial(_card_page, theme, part)
            paint = partial(paint, (before, after))
            yield _row("shade", f"{name}_{density}x", what, paint, 300, 200, density=density)
    for name, before, after in BUTTONS:
        what = f"an element alone, {before} -> {after}"
        yield _row("shade", f"alone_{name}", what, partial(_button, (before, after)), 120, 36)


def _button(colours: tuple[str, str], canvas: Canvas, head: bool) -> None:
    canvas.fill(0, 0, 120, 36, colours[head])
    canvas.text(38, 23, "Save", 14, "#1f2328" if colours[0] > "#9" else "#ffffff")


HUES = (
    ("blue_slate", "#0969da", "#64748b"),
    ("red_green", "#cf222e", "#1a7f37"),
    ("blue_purple", "#2563eb", "#9333ea"),
    ("green_grey", "#1a7f37", "#6b7280"),
    ("warm_cool", "#a8a29e", "#9ca3af"),
    ("orange_blue", "#d97706", "#3b82f6"),
)


def hues() -> Iterator[Row]:
    """Something turns another hue of the same brightness."""
    for (name, before, other), what in product(HUES, ("one", "all", "icons", "fill")):
        if name == "warm_cool" and what != "fill":
            continue  # two greys: on thin strokes nobody sees it
        theme = NIGHT if what in ("all", "fill") and name in ("blue_slate", "red_green") else LIGHT
        colours = before, of_equal_luma(before, other)
        words = f"{what}: {colours[0]} -> {colours[1]}"
        paint = partial(_hue_page, theme, what, colours)
        yield _row("hue", f"{name}_{what}_{theme.name}", words, paint, 300, 180, theme.page)


def _hue_page(
    theme: Theme, what: str, colours: tuple[str, str], canvas: Canvas, head: bool
) -> None:
    first, colour = colours[0], colours[head]
    for k in range(5):
        is_link = what == "all" or (what == "one" and k == 2)
        canvas.text(12, 26 + 20 * k, LINES[k], 13, colour if is_link else theme.ink)
    for k in range(10):
        x, icon = 22 + 28 * k, colour if what == "icons" else first
        canvas.ring(x, 136, 8, 1.5, icon)
        canvas.stroke(((x - 3, 136), (x - 1, 139), (x + 4, 133)), 1.5, icon)
    canvas.rounded(12, 152, 100, 20, 4, colour if what == "fill" else first)


# Single marks.

Mark = Callable[[Canvas, Theme], object]


def _close(canvas: Canvas, theme: Theme) -> None:
    canvas.stroke(((280, 140), (288, 148)), 1.2, theme.faint)
    canvas.stroke(((288, 140), (280, 148)), 1.2, theme.faint)


MARKS: dict[str, Mark] = {
    "chevron": lambda c, theme: c.stroke(
        ((252, 42), (257, 47), (252, 52)), 1.5, "#505050" if theme.dark else "#dddddd"
    ),
    "caret": lambda c, theme: c.fill(96, 36, 1, 16, theme.ink),
    "dot": lambda c, theme: c.disc(270, 20, 4, "#cf222e"),
    "small_dot": lambda c, theme: c.disc(270, 20, 2, theme.link),
    "arrow": lambda c, theme: c.polygon(((206, 100), (216, 100), (211, 106)), theme.ink),
    "star": lambda c, theme: c.text(70, 82, "*", 13, "#cf222e"),
    "underline": lambda c, theme: c.line(20, 137, 60, 1, theme.link),
    "focus": lambda c, theme: c.frame(18, 88, 204, 32, theme.link),
    "close": _close,
    "thin_ring": lambda c, theme: c.ring(250, 130, 9, 1, theme.faint),
    "radio": lambda c, theme: c.disc(120, 133, 3, theme.link),
    "number": lambda c, theme: c.text(240, 24, "3", 10, theme.faint),
    "note": lambda c, theme: c.text(102, 52, "¹", 13, "#505050" if theme.dark else "#c4c4c4"),
}


def marks() -> Iterator[Row]:
    """One small mark is gone, or there."""
    sheets = ((LIGHT, 1), (NIGHT, 1), (SLATE, 2))
    for k, (mark, (theme, density)) in enumerate(product(MARKS, sheets)):
        appears = k % 2 == 1
        what = f"a {mark} {'appears' if appears else 'is gone'}, {theme.name}"
        name, paint = f"{mark}_{theme.name}_{density}x", partial(_address, mark, theme, appears)
        yield _row("mark", name, what, paint, 300, 160, theme.page, density=density)


def _address(mark: str, theme: Theme, appears: bool, canvas: Canvas, head: bool) -> None:
    canvas.text(20, 26, "Your address", 15, theme.ink)
    canvas.text(20, 48, "Jane Miller", 13, theme.ink)
    canvas.text(20, 82, "Country", 13, theme.ink)
    canvas.frame(20, 90, 200, 28, theme.faint)
    canvas.text(28, 108, "Australia", 13, theme.ink)
    canvas.text(20, 135, "More of it", 13, theme.link)
    canvas.ring(120, 133, 7, 1.2, theme.faint)
    if head == appears:
        MARKS[mark](canvas, theme)


# Harmless.


def _words(canvas: Canvas, theme: Theme) -> None:
    canvas.text(12, 28, "Release notes", 18, theme.ink)
    _text_block(canvas, theme, 58, 6)


def _rows(canvas: Canvas, theme: Theme) -> None:
    for k in range(6):
        end = canvas.text(12, 24 + 28 * k, f"Row {k}", 13, theme.ink)
        canvas.text(end + 6, 24 + 28 * k, "overdue", 13, "#cf222e")
        canvas.line(0, 34 + 28 * k, 300, 1, "#cf222e" if k % 2 else theme.faint)


def _mail(canvas: Canvas, theme: Theme) -> None:
    _text_block(canvas, theme, 26, 4, 12)
    canvas.rounded(12, 110, 84, 28, 5, "#1a7f37")
    canvas.text(36, 129, "Save", 14, "#ffffff")
    canvas.text(120, 129, "Read more", 13, theme.link)
    canvas.cell(12, 164, "2026-03-14  1,204.50", 12, theme.faint)


def _album(canvas: Canvas, theme: Theme) -> None:
    d = canvas.density
    canvas.text(12, 26, "Holiday", 15, theme.ink)
    canvas.picture(12 * d, 40 * d, photo(120 * d, 80 * d))
    canvas.picture(150 * d, 40 * d, photo(120 * d, 80 * d, 9))
    canvas.text(12, 140, "At the lake", 12, theme.faint)
    canvas.text(150, 140, "On the way home", 12, theme.link)
    canvas.text(12, 166, LINES[0], 13, theme.ink)


def _word(canvas: Canvas, theme: Theme) -> None:
    canvas.text(10, 23, "Save as", 14, theme.ink)


SCREENS = {"words": _words, "rows": _rows, "mail": _mail, "album": _album, "word": _word}


def _screen(name: str, theme: Theme, *, density: int = 1, raster: Raster | None = None) -> Pixels:
    width, height = (90, 36) if name == "word" else (300, 190)
    canvas = Canvas(width, height, theme.page, density=density, raster=raster)
    SCREENS[name](canvas, theme)
    return canvas.pixels()


CODECS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("jpeg85_420", "JPEG", {"quality": 85, "subsampling": 2}),
    ("jpeg85_444", "JPEG", {"quality": 85, "subsampling": 0}),
    ("jpeg90_420", "JPEG", {"quality": 90, "subsampling": 2}),
    ("jpeg90_444", "JPEG", {"quality": 90, "subsampling": 0}),
    ("jpeg95_420", "JPEG", {"quality": 95, "subsampling": 2}),
    ("jpeg95_444", "JPEG", {"quality": 95, "subsampling": 0}),
    ("webp90", "WEBP", {"quality": 90}),
)


def codecs() -> Iterator[Row]:
    """One side comes from a lossy codec, or both do."""
    for (name, file_format, options), screen in product(CODECS, SCREENS):
        if screen == "rows" and not name.endswith("444"):
            continue  # half the colour of a thin red line is lost: some see that
        theme = _one_of(THEMES, name, screen)
        base = partial(_screen, screen, theme)
        head = partial(_spoilt, partial(recompressed, file_format=file_format, **options), base)
        what = f"{screen} through {file_format} with {options}"
        yield _pair("codec", f"{name}_{screen}_{theme.name}", what, base, head, UNCHANGED)
    for qualities, screen in product(((85, 90), (80, 95)), ("mail", "album")):
        low, high = qualities
        yield Row("codec", f"jpeg{low}_jpeg{high}_{screen}.jpg", UNCHANGED,
                  f"{screen} as JPEG of {low} and of {high}",
                  partial(_two_jpegs, screen, qualities))  # fmt: skip


def _two_jpegs(screen: str, qualities: tuple[int, int]) -> Pair:
    image = Image.fromarray(_screen(screen, LIGHT))
    return Pair(*(encoded(image, "JPEG", quality=quality) for quality in qualities))


def _two_cards(theme: Theme, density: int, by: float, edit: str = "") -> Pixels:
    """Two cards with a border and dividers, so many pixels further down, and their text."""
    canvas = Canvas(300, 170, theme.page, density=density, smoothing=8)
    down = by / density
    for card, left in enumerate((10, 160)):
        if not (edit == "border gone" and card):
            canvas.rounded(left, 10 + down, 130, 150, 0, theme.faint)
        canvas.rounded(left + 1, 11 + down, 128, 148, 0, theme.card)
        for row, said in enumerate(LINES[3 * card : 3 * card + 3]):
            top = 40 + 40 * row
            here = card == 1 and row == 1
            lost = edit == "full stop" and card == 0 and row == 2
            canvas.text(left + 8, top - 8, said[:16] + ("" if lost else "."), 12, theme.ink)
            if not (edit == "divider gone" and here):
                colour = "#d1242f" if edit == "divider red" and here else theme.faint
                canvas.rounded(left + 8, top + down, 114, 1, 0, colour)
        if edit == "divider more" and card:
            canvas.rounded(left + 8, 140 + down, 114, 1, 0, theme.faint)
    if edit == "dot":
        canvas.disc(280, 22, 3, theme.link)
    return canvas.pixels()


def moved() -> Iterator[Row]:
    """Boxes and lines lie a fraction of a pixel further down; text lies where it was."""
    lie = "borders and dividers {} pixels further down"
    for theme, density, by in product(THEMES, (1, 2), (0.125, 0.25, 0.5, 0.625)):
        base, head = (partial(_two_cards, theme, density, down) for down in (0, by))
        name = f"{theme.name}_{density}x_{by}"
        yield _pair("moved", name, lie.format(by), base, head, UNCHANGED)
    edits = ("border gone", "divider gone", "divider red", "divider more", "full stop", "dot")
    for theme, edit, by in product(THEMES, edits, (0.25, 0.5)):
        density = _one_of((1, 2), theme.name, edit, by)
        base = partial(_two_cards, theme, density, 0)
        head = partial(_two_cards, theme, density, by, edit)
        name = f"{edit.replace(' ', '_')}_{theme.name}_{by}"
        yield _pair("moved", name, f"{edit}, {lie.format(by)}", base, head, CHANGED)


def levels() -> Iterator[Row]:
    """Dithering: one or two levels, on all of it, a part of it or a few pixels."""
    parts = (("all", LIGHT), ("all", NIGHT), ("half", SLATE))
    for levels, screen, (part, theme) in product((1, 2), ("album", "mail"), parts):
        base = partial(_screen, screen, theme)
        head = partial(_spoilt, partial(_dithered, levels=levels, part=part), base)
        name, what = (
            f"{levels}_{screen}_{part}_{theme.name}",
            f"up to {levels} levels on {part} of it",
        )
        yield _pair("level", name, what, base, head, UNCHANGED)
    for theme, (pixels, step) in product((LIGHT, NIGHT), ((9, 1), (60, 1), (2000, 1), (9, 2))):
        base = partial(_screen, "mail", theme)
        head = partial(_spoilt, partial(_scattered, pixels=pixels, step=step), base)
        name, what = f"few{pixels}_{step}_{theme.name}", f"{pixels} scattered pixels off by {step}"
        yield _pair("level", name, what, base, head, UNCHANGED)
    for dark, (width, height) in product((False, True), ((300, 160), (800, 600))):
        base, head = (partial(_gradient, width, height, dark, seed) for seed in (1, 2))
        name = f"gradient_{width}_{'dark' if dark else 'light'}"
        what = "a gradient with another random dither of one level"
        yield _pair("level", name, what, base, head, UNCHANGED)


def _dithered(shown: Pixels, levels: int, part: str) -> Pixels:
    spoilt = noisy(shown, levels)
    if part == "half":
        spoilt[:, 150:] = shown[:, 150:]
    return spoilt


def _scattered(shown: Pixels, pixels: int, step: int) -> Pixels:
    spoilt = shown.reshape(-1, 3).astype(int)
    places = np.random.default_rng(7).permutation(len(spoilt))[:pixels]
    spoilt[places] += np.where(spoilt[places] > 127, -step, step)
    return spoilt.astype(np.uint8).reshape(shown.shape)


def _gradient(width: int, height: int, dark: bool, seed: int) -> Pixels:
    ends = ((16, 20, 30), (44, 30, 60)) if dark else ((236, 244, 255), (180, 210, 245))
    shares = np.linspace(0, 1, height)[:, None, None]
    exact = np.array(ends[0]) * (1 - shares) + np.array(ends[1]) * shares
    dither = np.random.default_rng(seed).random((height, width, 1))
    found: Pixels = np.floor(exact + dither).astype(np.uint8)
    return found


def palettes() -> Iterator[Row]:
    """Fewer colours, by which no plain area shifts: only smoothed edges do."""
    screens = (("words", LIGHT), ("rows", GREY), ("mail", NIGHT), ("word", LIGHT), ("mail", SLATE))
    for colours, (screen, theme) in product((64, 128, 256), screens):
        base = partial(_screen, screen, theme, raster=Raster(Mode.LCD))
        head = partial(_spoilt, partial(_of_few_colours, colours=colours), base)
        name, what = f"{colours}_{screen}_{theme.name}", f"quantised to {colours} colours"
        yield _pair("palette", name, what, base, head, UNCHANGED)


def _of_few_colours(pixels: Pixels, colours: int) -> Pixels:
    """Quantised; the eight most frequent colours stay what they are."""
    image = Image.fromarray(pixels)
    found = np.asarray(image.quantize(colours, dither=Image.Dither.NONE).convert("RGB")).copy()
    shown, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_counts=True)
    for plain in shown[np.argsort(-counts)[:8]]:
        found[(pixels == plain).all(2)] = plain
    return found


RASTERS = {
    "hinted_grey": (Raster(), Raster(Mode.GREY)),
    "hinted_lcd": (Raster(), Raster(Mode.LCD)),
    "grey_lcd": (Raster(Mode.GREY, snapped=False), Raster(Mode.LCD, snapped=False)),
    "lcd_grey": (Raster(Mode.LCD, shift=0.25), Raster(Mode.GREY, shift=0.25)),
    "quarter": (Raster(Mode.GREY), Raster(Mode.GREY, shift=0.25)),
    "third_lcd": (Raster(Mode.LCD), Raster(Mode.LCD, shift=0.33)),
    "gamma": (Raster(Mode.GREY), Raster(Mode.GREY, gamma=0.9)),
}


def rasters() -> Iterator[Row]:
    """All text in another rasterisation, each glyph where it was."""
    screens = ("words", "rows", "mail", "word")
    for name, screen, dark in product(RASTERS, screens, (False, True)):
        theme = _one_of((NIGHT, SLATE) if dark else (LIGHT, GREY), name, screen)
        density = _one_of((1, 1, 2), name, screen, dark)
        base, head = (
            partial(_screen, screen, theme, density=density, raster=r) for r in RASTERS[name]
        )
        what = f"{screen}: text {name}, {theme.name}"
        words = f"{name}_{screen}_{theme.name}_{density}x"
        yield _pair("raster", words, what, base, head, UNCHANGED)


def _circles(canvas: Canvas, theme: Theme) -> None:
    for k in range(5):
        canvas.ring(30 + 56 * k, 34, 8 + 3 * k, 1.5 + k / 2, theme.link)
        canvas.disc(30 + 56 * k, 90, 6 + 3 * k, theme.faint)
    for k, colour in enumerate(("#0969da", "#1a7f37", "#d97706")):
        canvas.slice(60, 150, 30, 120 * k, 120 * k + 120, colour)
    canvas.stroke([(120 + 12 * k, 160 - 25 * (k % 3) - k) for k in range(14)], 2, theme.link)


def _cards(canvas: Canvas, theme: Theme) -> None:
    for k in range(6):
        x, y = 14 + 95 * (k % 3), 16 + 86 * (k // 3)
        canvas.rounded(x, y, 82, 70, 6 + 3 * k, theme.faint)
        canvas.rounded(x + 2, y + 2, 78, 66, 4 + 3 * k, theme.card)
        canvas.text(x + 14, y + 40, f"Plan {k + 1}", 13, theme.ink)


def smoothing() -> Iterator[Row]:
    """Circles, round corners and slanted lines, smoothed otherwise; text stays."""
    otherwise = (("16", 4, 16, 0.0), ("8", 5, 8, 0.0), ("nudge", 8, 8, 0.125))
    shapes = ("circles", "cards")
    for (name, before, after, nudge), shape, theme in product(otherwise, shapes, (LIGHT, NIGHT)):
        if name == "nudge" and shape == "cards":
            continue  # straight sides would move, too
        base = partial(_shapes, shape, theme, before)
        head = partial(_shapes, shape, theme, after, nudge)
        what = f"{shape} with {before} and {after} samples, {nudge} px aside"
        yield _pair("smooth", f"{shape}_{name}_{theme.name}", what, base, head, UNCHANGED)


def _shapes(shape: str, theme: Theme, samples: int, nudge: float = 0.0) -> Pixels:
    canvas = Canvas(300, 190, theme.page, smoothing=samples, nudge=nudge)
    (_circles if shape == "circles" else _cards)(canvas, theme)
    return canvas.pixels()


GENERATORS = (
    lines, faint_lines, many, many_marks, glyphs, mixed, changes_under_noise, shades, hues, marks,
    codecs, moved, levels, palettes, rasters, smoothing,
)  # fmt: skip


def rows() -> list[Row]:
    """All cases."""
    return [row for generate in GENERATORS for row in generate()]


def write(folder: Path) -> None:
    """Writes all cases into a folder, in the form that this module's head describes."""
    expected: dict[str, dict[str, dict[str, str]]] = {}
    for row in rows():
        pair = row.draw()
        for side, data in (("base", pair.base), ("head", pair.head)):
            file = folder / row.group / side / row.name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        expected.setdefault(row.group, {})[row.name] = {
            "expected": row.expected,
            "what": row.what,
        }
    for group, said in expected.items():
        (folder / group / "expected.json").write_text(
            json.dumps(said, indent=1, ensure_ascii=False) + "\n"
        )


if __name__ == "__main__":
    write(Path(sys.argv[1]))
