"""A page on which edits are planted, and of which screenshots are taken."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Page as Tab

from bench.quality.edits import Edit
from bench.quality.measure import Rgb, Word
from bench.quality.pages import Page, View

SCRIPT = (Path(__file__).resolve().parent / "edits.js").read_text(encoding="utf-8")
Box = tuple[int, int, int, int]  # left, top, width, height in CSS pixels
# A cut shows the edit and some of what is around it; it has at least the size of a small button.
LEAST, MOST = (64, 32), (420, 200)


@dataclass(frozen=True)
class Look:
    """A page as one browser shows it, kept as a PNG; words with their boxes in CSS pixels."""

    png: bytes
    words: list[Word]

    @property
    def pixels(self) -> Rgb:
        """RGB, (height, width, 3)."""
        return decoded(self.png)


@dataclass(frozen=True)
class Made:
    """An edit that was made.

    Attributes:
        done: what was done.
        box: where, in CSS pixels; the first of several places.
        font: the smallest size of the text in question, in CSS pixels.
        base: the page before it, as a PNG; None if that is the page as it is.
        head: the page after it, as a PNG.
    """

    done: str
    box: tuple[float, float, float, float]
    font: float
    base: bytes | None
    head: bytes


def decoded(png: bytes) -> Rgb:
    """The pixels of a PNG."""
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"))


class Stage:
    """A page opened in a tab."""

    def __init__(self, tab: Tab, page: Page, style: str = "") -> None:
        """Opens the page, with further rules of style if there are any."""
        self._tab = tab
        tab.set_content(page.html)
        tab.evaluate(SCRIPT)
        if style:
            tab.evaluate("rules => edits.style(rules)", style)
        tab.evaluate("document.fonts.ready.then(() => undefined)")
        tab.evaluate("edits.remember()")
        # Markup that is read anew may look otherwise; so all looks are of markup read anew.
        self.restore()

    def restore(self) -> None:
        """Puts the page back as it was opened."""
        self._tab.evaluate("edits.restore()")

    def shoot(self) -> bytes:
        """A screenshot of the window."""
        return self._tab.screenshot(animations="disabled", caret="hide")

    def look(self) -> Look:
        """The page as it is."""
        return Look(self.shoot(), [tuple(word) for word in self._tab.evaluate("edits.words()")])

    def parts(self) -> list[tuple[float, float, float, float]]:
        """Boxes of what a cut may show."""
        return [tuple(box) for box in self._tab.evaluate("edits.parts()")]

    def make(self, edit: Edit, seed: int) -> Made | None:
        """Makes an edit, takes screenshots, and takes the edit back; None if no place allows it."""
        before = None
        if edit.base is not None:
            if self._plant(edit.kind, seed, edit.base) is None:
                return None
            before = self.shoot()
            self.restore()
        made = self._plant(edit.kind, seed, edit.parameters)
        if made is None:
            return None
        after = self.shoot()
        self.restore()
        return Made(made["done"], tuple(made["box"]), made["font"], before, after)

    def _plant(self, kind: str, seed: int, parameters: Any) -> dict[str, Any] | None:
        wish = {"kind": kind, "seed": seed, **parameters}
        made: dict[str, Any] | None = self._tab.evaluate("wish => edits.make(wish)", wish)
        return made


def around(box: tuple[float, float, float, float], view: View, random: np.random.Generator) -> Box:
    """A cut of a component's size that shows the middle of a box, in CSS pixels."""
    x, y, w, h = box
    wide = int(np.clip(w + random.integers(12, 120), LEAST[0], min(MOST[0], view.width)))
    high = int(np.clip(h + random.integers(8, 60), LEAST[1], min(MOST[1], view.height)))
    # The middle of what is edited lies in the middle half of the cut.
    left = x + w / 2 - wide * random.uniform(0.3, 0.7)
    top = y + h / 2 - high * random.uniform(0.3, 0.7)
    left = int(np.clip(round(left), 0, view.width - wide))
    top = int(np.clip(round(top), 0, view.height - high))
    return left, top, wide, high


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
