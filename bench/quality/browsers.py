"""One Chromium set up in several ways, and a page in it: edits are planted, screenshots taken.

Chromium takes hinting and LCD text from fontconfig. The switch --font-render-hinting and
--enable-lcd-text alone change no pixel here (Chromium 156, headless, through Playwright), so each
variant brings a fontconfig file of its own.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Playwright
from playwright.sync_api import Page as Tab

from bench.quality.edits import Edit
from bench.quality.measure import Rgb, Word
from bench.quality.pages import Page, View

SCRIPT = (Path(__file__).resolve().parent / "edits.js").read_text(encoding="utf-8")
Box = tuple[int, int, int, int]  # left, top, width, height in CSS pixels
Rect = tuple[float, float, float, float]  # the same, unrounded
# A cut shows the edit and some of what is around it; it has at least the size of a small button.
LEAST, MOST = (64, 32), (420, 200)

SRGB = "--force-color-profile=srgb"
NO_GPU = "--disable-gpu"
GPU = ("--enable-gpu-rasterization", "--use-angle=swiftshader", "--ignore-gpu-blocklist",
       "--enable-unsafe-swiftshader")  # fmt: skip
FONTS = ("Liberation Sans", "Liberation Serif", "DejaVu Sans", "DejaVu Sans Mono")
FONTCONFIG = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
<include ignore_missing="yes">/etc/fonts/fonts.conf</include>
<match target="pattern">{edits}</match>
<match target="font">{edits}</match>
</fontconfig>
"""
MISSING_FONTS = """fonts => fonts.filter(font => {
  const context = document.createElement('canvas').getContext('2d');
  const [one, other] = ['monospace', 'serif'].map(fallback => {
    context.font = `40px "${font}", ${fallback}`;
    return context.measureText('Mill and will').width;
  });
  return one !== other;
})"""


@dataclass(frozen=True)
class Variant:
    """One way to set up the browser.

    Attributes:
        name: of its fontconfig file.
        args: Chromium's switches.
        hinting: fontconfig's hintstyle without the word hint: none, slight, medium, full.
        rgba: order of an LCD's sub-pixels, or none for grey smoothing.
    """

    name: str
    args: tuple[str, ...] = (NO_GPU, SRGB)
    hinting: str = "none"
    rgba: str = "none"


BY_NAME = {variant.name: variant for variant in (
    Variant("reference"),
    Variant("lcd", rgba="rgb"),
    Variant("hinting-slight", hinting="slight"),
    Variant("gpu-raster", args=(*GPU, SRGB)),
    Variant("lcd-slight", rgba="rgb", hinting="slight"),
    Variant("tiles", args=(NO_GPU, SRGB, "--default-tile-width=128", "--default-tile-height=96")),
    Variant("hinting-full", hinting="full"),
    Variant("hinting-medium", hinting="medium"),
    Variant("lcd-bgr", rgba="bgr"),
)}  # fmt: skip


@contextmanager
def launched(playwright: Playwright, variant: Variant, folder: Path) -> Iterator[Browser]:
    """A browser set up as the variant says; its fontconfig file is written into the folder.

    Raises:
        SystemExit: a font is missing: another would take its place, and no label would be sure.
    """
    rules = {
        "antialias": "<bool>true</bool>",
        "hinting": f"<bool>{'false' if variant.hinting == 'none' else 'true'}</bool>",
        "autohint": "<bool>false</bool>",
        "hintstyle": f"<const>hint{variant.hinting}</const>",
        "rgba": f"<const>{variant.rgba}</const>",
        "lcdfilter": "<const>lcddefault</const>",
    }
    edits = "".join(f'<edit name="{k}" mode="assign">{v}</edit>' for k, v in rules.items())
    path = folder / f"{variant.name}.conf"
    path.write_text(FONTCONFIG.format(edits=edits), encoding="utf-8")
    browser = playwright.chromium.launch(
        executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
        args=["--hide-scrollbars", *variant.args],
        # Playwright's own choice of a colour profile would come first.
        ignore_default_args=[SRGB],
        env={**os.environ, "FONTCONFIG_FILE": str(path)},
    )
    try:
        tab = browser.new_page()
        if missing := tab.evaluate(MISSING_FONTS, list(FONTS)):
            raise SystemExit(f"the browser does not find {', '.join(missing)}")
        tab.close()
        yield browser
    finally:
        browser.close()


@contextmanager
def opened(browser: Browser, view: View) -> Iterator[Tab]:
    """A page in a window of its own that reaches nothing outside."""
    context = browser.new_context(
        viewport={"width": view.width, "height": view.height},
        device_scale_factor=view.scale,
        locale="en-GB",
        timezone_id="UTC",
        color_scheme="light",
        reduced_motion="reduce",
        offline=True,
    )
    try:
        yield context.new_page()
    finally:
        context.close()


@dataclass(frozen=True)
class Look:
    """A page as one browser shows it, kept as a PNG; words with their boxes in CSS pixels."""

    png: bytes
    words: list[Word]


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
    box: Rect
    font: float
    base: bytes | None
    head: bytes


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
        tab.evaluate("edits.restore()")

    def look(self) -> Look:
        """The page as it is."""
        return Look(self._shoot(), [tuple(word) for word in self._tab.evaluate("edits.words()")])

    def parts(self) -> list[Rect]:
        """Boxes of what a cut may show."""
        return [tuple(box) for box in self._tab.evaluate("edits.parts()")]

    def make(self, edit: Edit, seed: int) -> Made | None:
        """Makes an edit, takes screenshots, and takes the edit back; None if no place allows it."""
        before = None
        if edit.base is not None:
            planted = self._plant(edit.kind, seed, edit.base)
            if planted is None:
                return None
            before = planted[1]
        planted = self._plant(edit.kind, seed, edit.parameters)
        if planted is None:
            return None
        made, after = planted
        return Made(made["done"], tuple(made["box"]), made["font"], before, after)

    def _plant(self, kind: str, seed: int, parameters: Any) -> tuple[dict[str, Any], bytes] | None:
        wish = {"kind": kind, "seed": seed, **parameters}
        made = self._tab.evaluate("wish => edits.make(wish)", wish)
        if made is None:
            return None
        picture = self._shoot()
        self._tab.evaluate("edits.restore()")
        return made, picture

    def _shoot(self) -> bytes:
        return self._tab.screenshot(animations="disabled", caret="hide")


def around(rect: Rect, view: View, random: np.random.Generator) -> Box:
    """A cut of a component's size that shows the middle of a box."""
    x, y, w, h = rect
    wide = int(np.clip(w + random.integers(12, 120), LEAST[0], min(MOST[0], view.width)))
    high = int(np.clip(h + random.integers(8, 60), LEAST[1], min(MOST[1], view.height)))
    # The middle of what is edited lies in the middle half of the cut.
    left = x + w / 2 - wide * random.uniform(0.3, 0.7)
    top = y + h / 2 - high * random.uniform(0.3, 0.7)
    left = int(np.clip(round(left), 0, view.width - wide))
    top = int(np.clip(round(top), 0, view.height - high))
    return left, top, wide, high


def pixels(png: bytes, view: View, box: Box | None) -> Rgb:
    """The pixels of a screenshot, or those of a part of it."""
    with Image.open(io.BytesIO(png)) as image:
        whole = np.asarray(image.convert("RGB"))
    if box is None:
        return whole
    left, top, width, height = (value * view.scale for value in box)
    return whole[top : top + height, left : left + width]
