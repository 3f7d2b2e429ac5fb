"""One page in one window, as one browser draws it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Browser
from playwright.sync_api import Page as Tab

from bench.quality.kinds import Plant
from bench.quality.measure import Rgb, Word
from bench.quality.pages import Page, View

CHANGES = (Path(__file__).resolve().parent / "changes.js").read_text(encoding="utf-8")
FONTS = ("Liberation Sans", "Liberation Serif", "DejaVu Sans", "DejaVu Sans Mono")

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Shot:
    """A screenshot: the file that Chromium wrote, and its pixels."""

    png: bytes
    pixels: Rgb


@dataclass(frozen=True)
class Planted:
    """A change that was made: what, on which cut of the page, at which font size, and its look."""

    done: str
    crop: Box
    font: float
    shot: Shot


@dataclass(frozen=True)
class Seen:
    """A page as one browser shows it: the shot, its words, and the boxes of its components."""

    shot: Shot
    words: list[Word]
    crops: list[Box]


class Scene:
    """A page opened in a tab."""

    def __init__(self, tab: Tab, page: Page) -> None:
        """Opens the page; the tab's window must have the right size."""
        self._tab = tab
        tab.set_content(page.html)
        tab.evaluate("document.fonts.ready.then(() => undefined)")
        tab.evaluate(CHANGES)
        tab.evaluate("quality.remember()")

    def shoot(self) -> Shot:
        """A screenshot of the window."""
        png = self._tab.screenshot(animations="disabled", caret="hide")
        with Image.open(io.BytesIO(png)) as image:
            return Shot(png, np.asarray(image.convert("RGB")))

    def look(self) -> Seen:
        """The page as it is."""
        words: list[Word] = [tuple(word) for word in self._tab.evaluate("quality.words()")]
        crops: list[Box] = [tuple(box) for box in self._tab.evaluate("quality.crops()")]
        return Seen(self.shoot(), words, crops)

    def plant(self, plant: Plant, nth: int) -> Planted | None:
        """Makes a change, takes a screenshot, and takes the change back.

        Args:
            plant: the change.
            nth: on which of the elements that allow it to try first.

        Returns:
            What came of it, or None if no element in view allows it.
        """
        wish = {"kind": plant.kind, "mark": plant.mark, "nth": nth, **plant.parameters}
        made: dict[str, Any] | None = self._tab.evaluate("wish => quality.plant(wish)", wish)
        if made is None:
            return None
        shot = self.shoot()
        self._tab.evaluate("quality.restore()")
        x, y, width, height = made["crop"]
        return Planted(made["done"], (x, y, width, height), made["font"], shot)


def cut(pixels: Rgb, box: Box, view: View) -> Rgb:
    """A part of a screenshot; the box is in CSS pixels."""
    left, top, width, height = (value * view.scale for value in box)
    return pixels[top : top + height, left : left + width]


def words_in(words: list[Word], box: Box) -> list[Word]:
    """The words of which at least a part lies in the box."""
    left, top, width, height = box
    return [
        word
        for word in words
        if word[1] < left + width
        and word[1] + word[3] > left
        and word[2] < top + height
        and word[2] + word[4] > top
    ]


def require_fonts(browser: Browser) -> None:
    """Stops if a font is missing: another would take its place, and no label would be sure."""
    tab = browser.new_page()
    missing = tab.evaluate(
        """fonts => fonts.filter(font => {
            const context = document.createElement('canvas').getContext('2d');
            const [one, other] = ['monospace', 'serif'].map(fallback => {
                context.font = `40px "${font}", ${fallback}`;
                return context.measureText('Mill and will').width;
            });
            return one !== other;
        })""",
        list(FONTS),
    )
    tab.close()
    if missing:
        raise SystemExit(f"the browser does not find {', '.join(missing)}")
