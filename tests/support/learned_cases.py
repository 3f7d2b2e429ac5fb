"""Snapshots with noise of their own: pairs of one input, later noise, and changes in its place.

A series is one snapshot. `noise` are pairs of one input that differ: some of them teach, the
others come later and should pass. `changes` are what a person sees, most of them in the place of
the noise or beside it, alone or while it stirs; all should count. The labels were given before the
first run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from support.drawings import png
from support.drawn_canvas import Canvas, Mode, Raster, advance, of_equal_luma
from support.drawn_cases import GREY, LIGHT, LINES, NIGHT, SLATE, Pair, Theme, noisy, photo
from support.plain_odiff import Pixels

WIDTH, HEIGHT = 320, 220
# What can be done to a page, in words. A painter reads those that it knows.
Edits = Mapping[str, object]
Painter = Callable[[Canvas, Theme, int, Edits], None]
_NOTHING: Edits = {}


@dataclass(frozen=True)
class Series:
    """One snapshot with noise of its own.

    Attributes:
        name: kind of the noise and theme.
        states: how often the noise was seen; each is a number that the painter understands.
        teaching: pairs of states that had the same input, the first ones to learn from.
        later: pairs of states that come afterwards and should pass.
        changes: what somebody does to the page, by a word, and in which states base and head are.
    """

    name: str
    paint: Painter
    theme: Theme
    teaching: Sequence[tuple[int, int]]
    later: Sequence[tuple[int, int]]
    changes: Mapping[str, tuple[Edits, tuple[int, int]]] = field(default_factory=dict)

    def draw(self, states: tuple[int, int], edits: Edits = _NOTHING) -> Pair:
        """Draws base and head; the edits are made to the head."""
        base, head = states
        return Pair(png(self._page(base, _NOTHING)), png(self._page(head, edits)))

    def _page(self, state: int, edits: Edits) -> Pixels:
        theme = self.theme
        canvas = Canvas(WIDTH, HEIGHT, theme.page)
        canvas.fill(0, 0, WIDTH, 28, theme.card)
        canvas.text(12, 19, str(edits.get("title", "Orders of the day")), 14, theme.ink)
        for k in range(3):
            said = LINES[k] if k or "line" not in edits else str(edits["line"])
            canvas.text(12, 150 + k * 20, said, 13, theme.ink)
        canvas.line(0, 208, WIDTH, 1, str(edits.get("rule", theme.faint)))
        self.paint(canvas, theme, state, edits)
        return canvas.pixels()


# A clock whose seconds run.
_CLOCK = (160, 60)


def _clock(canvas: Canvas, theme: Theme, state: int, edits: Edits) -> None:
    x, baseline = _CLOCK
    x += int(str(edits.get("right", 0)))
    baseline += int(str(edits.get("down", 0)))
    canvas.text(12, _CLOCK[1], str(edits.get("label", "It is")), 15, theme.ink)
    said = str(edits.get("said", f"12:34:{state:02}"))
    colour = str(edits.get("colour", theme.ink))
    canvas.cell(x, baseline, said, int(str(edits.get("size", 15))), colour)


def _clocks(theme: Theme) -> Series:
    red = of_equal_luma(theme.ink, "#cc0000")
    return Series(
        "clock",
        _clock,
        theme,
        [(10, 11), (11, 18), (25, 38), (40, 57), (3, 44), (59, 6), (8, 0), (18, 23), (50, 61)],
        [(12, 13), (25, 26), (31, 47), (5, 52), (9, 20), (36, 38), (14, 15), (51, 19)],
        {
            "minutes": ({"said": "12:35:11"}, (11, 11)),
            "hours and seconds": ({"said": "17:34:12"}, (11, 11)),
            "label": ({"label": "At is"}, (11, 12)),
            "label alone": ({"label": "It was"}, (11, 11)),
            "word in its place": ({"said": "closed"}, (11, 11)),
            "longer word": ({"said": "12:34:11 PM"}, (11, 11)),
            "letters for the seconds": ({"said": "12:34:no"}, (11, 11)),
            "signs for the seconds": ({"said": "12:34:--"}, (11, 11)),
            "one digit gone": ({"said": "12:34:1"}, (11, 11)),
            "seconds left out": ({"said": "12:34"}, (11, 11)),
            "gone": ({"said": ""}, (11, 11)),
            "red": ({"colour": "#cc0000"}, (11, 11)),
            "red while it runs": ({"colour": "#cc0000"}, (11, 12)),
            "other hue": ({"colour": red}, (11, 18)),
            "faint": ({"colour": theme.faint}, (11, 18)),
            "moved right": ({"right": 1}, (11, 11)),
            "moved down while it runs": ({"down": 1}, (11, 18)),
            "moved far": ({"right": 24}, (11, 11)),
            "larger": ({"size": 16}, (11, 12)),
            "letter elsewhere": ({"line": LINES[0].replace("see", "saw")}, (11, 12)),
            "title elsewhere": ({"title": "Orders of the bay"}, (11, 11)),
            "rule elsewhere": ({"rule": theme.link}, (11, 12)),
        },
    )


# A caret that blinks in a field.
def _caret(canvas: Canvas, theme: Theme, state: int, edits: Edits) -> None:
    canvas.frame(12, 44, 200, 28, str(edits.get("border", theme.faint)))
    said = str(edits.get("said", "Jane Mil"))
    end = canvas.text(20, 63, said, 14, theme.ink)
    x = float(str(edits.get("caret", end + 1)))
    if state % 2:
        canvas.fill(x, 50, 2 if "thick" in edits else 1, 16, str(edits.get("colour", theme.ink)))


def _carets(theme: Theme) -> Series:
    return Series(
        "caret",
        _caret,
        theme,
        [(0, 1), (1, 0), (0, 1), (1, 0)],
        [(0, 1), (1, 0)],
        {
            "letter there": ({"said": "Jane Mill"}, (0, 0)),
            "bar there": ({"said": "Jane Mil|"}, (0, 0)),
            "letter before it": ({"said": "Jane Mjl"}, (0, 0)),
            "letter before it while it blinks": ({"said": "Jane Mjl"}, (0, 1)),
            "another place": ({"caret": 150}, (0, 1)),
            "moved by two": ({"caret": 78}, (1, 1)),
            "coloured": ({"colour": theme.link}, (0, 1)),
            "thick": ({"thick": True}, (0, 1)),
            "border": ({"border": theme.link}, (0, 1)),
            "text gone": ({"said": ""}, (0, 1)),
        },
    )


# A ring that turns until something has loaded.
def _spinner(canvas: Canvas, theme: Theme, state: int, edits: Edits) -> None:
    x, y = 60 + int(str(edits.get("right", 0))), 80
    radius = int(str(edits.get("radius", 14)))
    colour = str(edits.get("colour", theme.link))
    if "tick" in edits:
        canvas.stroke([(x - 8, y), (x - 2, y + 7), (x + 9, y - 8)], 3, colour)
    elif "gone" not in edits:
        canvas.ring(x, y, radius, 4, theme.faint)
        canvas.slice(x, y, radius, state * 30, state * 30 + 70, colour)
        canvas.disc(x, y, radius - 4, theme.page)
    canvas.text(90, 85, str(edits.get("label", "Loading")), 14, theme.ink)


def _spinners(theme: Theme) -> Series:
    return Series(
        "spinner",
        _spinner,
        theme,
        [(0, 4), (4, 7), (7, 11), (2, 9), (5, 0), (1, 8), (10, 3), (6, 0), (3, 5)],
        [(0, 5), (1, 7), (8, 2), (11, 4), (6, 10), (9, 3)],
        {
            "tick": ({"tick": True}, (0, 0)),
            "gone": ({"gone": True}, (0, 0)),
            "larger": ({"radius": 16}, (0, 4)),
            "smaller": ({"radius": 12}, (0, 4)),
            "moved": ({"right": 2}, (0, 0)),
            "moved while it turns": ({"right": 2}, (0, 4)),
            "red": ({"colour": "#cc0000"}, (0, 0)),
            "red while it turns": ({"colour": "#cc0000"}, (0, 4)),
            "label": ({"label": "Landing"}, (0, 4)),
            "letter elsewhere": ({"line": LINES[0].replace("see", "saw")}, (0, 4)),
        },
    )


# A paragraph that is drawn by another layer now and then; the rest of the page is not.
_RASTERS = (
    Raster(),
    Raster(Mode.GREY),
    Raster(Mode.GREY, shift=0.25),
    Raster(Mode.GREY, shift=0.5),
    Raster(Mode.GREY, gamma=0.85, snapped=False),
)


def _layer(canvas: Canvas, theme: Theme, state: int, edits: Edits) -> None:
    canvas.raster = _RASTERS[state]
    said = str(edits.get("said", "Deliver to 7 Harbour Street"))
    x, y = 12 + int(str(edits.get("right", 0))), 60 + int(str(edits.get("down", 0)))
    canvas.text(x, y, said, 13, str(edits.get("colour", theme.ink)))
    canvas.raster = Raster()
    canvas.text(12, 84, "and ring the bell twice", 13, theme.ink)


def _layers(theme: Theme) -> Series:
    said = "Deliver to {} Harbour Street"
    return Series(
        "layer",
        _layer,
        theme,
        [(0, 3), (3, 0), (1, 3), (0, 4), (4, 1), (2, 0), (0, 3)],
        [(0, 3), (3, 0), (3, 1), (0, 2), (4, 0)],
        {
            "digit": ({"said": said.format("1")}, (0, 0)),
            "digit while it stirs": ({"said": said.format("8")}, (0, 3)),
            "three words": ({"said": "Collect at Station Street"}, (0, 0)),
            "every word": ({"said": "Collect it from the office"}, (0, 0)),
            "letter": ({"said": said.format("7").replace("Street", "Straat")}, (0, 0)),
            "comma": ({"said": said.format("7,")}, (0, 0)),
            "accent": ({"said": said.format("7").replace("o", "ö", 1)}, (0, 0)),
            "word": ({"said": said.format("7").replace("Harbour", "Station")}, (0, 0)),
            "word while it stirs": (
                {"said": said.format("7").replace("Harbour", "Station")}, (0, 3),
            ),
            "colour": ({"colour": theme.link}, (0, 0)),
            "colour while it stirs": ({"colour": theme.link}, (0, 3)),
            "moved": ({"right": 1}, (0, 0)),
            "moved down": ({"down": 1}, (0, 0)),
            "gone": ({"said": ""}, (0, 0)),
        },
    )  # fmt: skip


# A button under a pointer that is sometimes there.
def _button(canvas: Canvas, theme: Theme, state: int, edits: Edits) -> None:
    hover = {"#0969da": "#0757b5", "#1f6feb": "#1757bb", "#58a6ff": "#79b8ff"}
    usual = str(edits.get("colour", theme.link))
    colour = hover.get(usual, "#bfdbfe") if state else usual
    canvas.fill(12, 50, int(str(edits.get("width", 96))), 30, colour)
    canvas.text(24, 70, str(edits.get("label", "Send now")), 14, theme.page)


def _buttons(theme: Theme) -> Series:
    return Series(
        "button",
        _button,
        theme,
        [(0, 1), (1, 0), (0, 1), (1, 0)],
        [(0, 1), (1, 0)],
        {
            "red": ({"colour": "#cc0000"}, (0, 0)),
            "a little darker": ({"colour": "#0860c8"}, (0, 0)),
            "other hue": ({"colour": of_equal_luma(theme.link, "#7a3fd0")}, (0, 0)),
            "label": ({"label": "Send new"}, (0, 0)),
            "label while it is pointed at": ({"label": "Send new"}, (0, 1)),
            "wider": ({"width": 104}, (0, 0)),
            "wider while it is pointed at": ({"width": 104}, (0, 1)),
        },
    )


# A photo whose noise is drawn anew each time.
def _grain(canvas: Canvas, theme: Theme, state: int, edits: Edits) -> None:
    shown = noisy(photo(96, 64), 40, 0.6, seed=100 + state)
    if "other" in edits:
        shown = noisy(photo(96, 64, seed=9), 40, 0.6, seed=100 + state)
    if "mark" in edits:
        shown = shown.copy()
        shown[20:40, 30:50] = (220, 30, 30)
    if "flipped" in edits:
        shown = shown[:, ::-1]
    canvas.picture(12 + int(str(edits.get("right", 0))), 44, np.ascontiguousarray(shown))
    canvas.text(120, 80, str(edits.get("label", "The harbour")), 13, theme.ink)


def _grains(theme: Theme) -> Series:
    return Series(
        "grain",
        _grain,
        theme,
        [(2 * n, 2 * n + 1) for n in range(8)],
        [(2 * n, 2 * n + 1) for n in range(20, 26)],
        {
            "other photo": ({"other": True}, (0, 1)),
            "mark": ({"mark": True}, (0, 0)),
            "mark under grain": ({"mark": True}, (0, 1)),
            "flipped": ({"flipped": True}, (0, 1)),
            "moved": ({"right": 8}, (0, 1)),
            "label": ({"label": "The larbour"}, (0, 1)),
        },
    )


# A picture that has sometimes not loaded yet.
def _avatar(canvas: Canvas, theme: Theme, state: int, edits: Edits) -> None:
    x = 12 + int(str(edits.get("right", 0)))
    if "gone" in edits:
        pass
    elif state == 0 or "other" in edits:
        canvas.picture(x, 48, photo(40, 40, seed=12 if "other" in edits else 3))
    else:
        canvas.fill(x, 48, 40, 40, theme.card)
        canvas.text(x + 11, 73, str(edits.get("initials", "JM")), 14, theme.ink)
    canvas.text(64, 72, str(edits.get("label", "Jane Miller")), 14, theme.ink)


def _avatars(theme: Theme) -> Series:
    return Series(
        "avatar",
        _avatar,
        theme,
        [(0, 1), (1, 0), (0, 1), (1, 0)],
        [(0, 1), (1, 0)],
        {
            "other picture": ({"other": True}, (0, 0)),
            "other initials": ({"initials": "IN"}, (0, 1)),
            "gone": ({"gone": True}, (0, 0)),
            "moved": ({"right": 3}, (0, 0)),
            "moved while it loads": ({"right": 3}, (0, 1)),
            "label": ({"label": "Jane Muller"}, (0, 1)),
            "small mark on it": ({"initials": "J."}, (1, 1)),
        },
    )


# A number that differs in each run.
def _views(canvas: Canvas, theme: Theme, state: int, edits: Edits) -> None:
    said = str(edits.get("said", f"1,{state:03}"))
    end = 40 + len(said) * advance("0", 14)
    canvas.cell(40, 70, said, 14, str(edits.get("colour", theme.ink)))
    canvas.text(end + 6, 70, str(edits.get("label", "views")), 14, theme.ink)


def _numbers(theme: Theme) -> Series:
    return Series(
        "number",
        _views,
        theme,
        [(204, 377), (377, 618), (951, 846), (733, 280), (509, 664), (195, 428)],
        [(271, 380), (612, 945), (417, 283), (833, 506)],
        {
            "thousands": ({"said": "2,377"}, (204, 204)),
            "error": ({"said": "error"}, (204, 204)),
            "not a number": ({"said": "NaN"}, (204, 204)),
            "longer": ({"said": "1,204,377"}, (204, 204)),
            "minus": ({"said": "-1,204"}, (204, 377)),
            "label": ({"label": "news"}, (204, 377)),
            "faint": ({"colour": theme.faint}, (204, 377)),
            "link": ({"colour": theme.link}, (204, 377)),
        },
    )


_KINDS = (_clocks, _carets, _spinners, _layers, _buttons, _grains, _avatars, _numbers)


def series() -> Iterator[Series]:
    """Every kind of noise, on a light page and on a dark one."""
    for number, make in enumerate(_KINDS):
        for theme in ((LIGHT, NIGHT), (GREY, SLATE))[number % 2]:
            made = make(theme)
            yield Series(
                f"{made.name}-{theme.name}",
                *(made.paint, made.theme, made.teaching, made.later, made.changes),
            )
