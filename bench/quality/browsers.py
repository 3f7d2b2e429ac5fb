"""The same Chromium, set up differently: what differs between the machines of a team.

Chromium takes hinting and LCD text from fontconfig. The switch --font-render-hinting and
--enable-lcd-text alone change no pixel here (Chromium 156, headless, through Playwright), so each
variant brings a fontconfig file of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, Playwright

from bench.quality.pages import View

ALWAYS = ("--hide-scrollbars",)
SRGB = "--force-color-profile=srgb"
NO_GPU = "--disable-gpu"
GPU = ("--enable-gpu-rasterization", "--use-angle=swiftshader", "--ignore-gpu-blocklist",
       "--enable-unsafe-swiftshader")  # fmt: skip

FONTCONFIG = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
<include ignore_missing="yes">/etc/fonts/fonts.conf</include>
<match target="pattern">{edits}</match>
<match target="font">{edits}</match>
</fontconfig>
"""


@dataclass(frozen=True)
class Variant:
    """One way to set up the browser.

    Attributes:
        name: as cases.json shows it.
        args: Chromium's switches.
        hinting: fontconfig's hintstyle without the word hint: none, slight, medium, full.
        rgba: order of an LCD's sub-pixels, or none for grey smoothing.
        scales: the device scale factors at which it makes a difference.
        repaints: true if areas may come out otherwise, so that their colours have to be measured.
        recolours: true if saturated colours shift, which thin lines show and areas may not.
    """

    name: str
    args: tuple[str, ...] = (NO_GPU, SRGB)
    hinting: str = "none"
    rgba: str = "none"
    scales: tuple[int, ...] = (1, 2, 3)
    repaints: bool = False
    recolours: bool = False


REFERENCE = Variant("reference")
VARIANTS = (
    Variant("lcd", rgba="rgb"),
    Variant("hinting-slight", hinting="slight", scales=(1,)),
    Variant("gpu-raster", args=(*GPU, SRGB), repaints=True),
    Variant("lcd-slight", rgba="rgb", hinting="slight", scales=(1,)),
    Variant("tiles", args=(NO_GPU, SRGB, "--default-tile-width=128", "--default-tile-height=96")),
    # Whole-pixel glyph positions: the words keep their boxes, the letters in them move a little.
    Variant("no-subpixel", args=(NO_GPU, SRGB, "--disable-font-subpixel-positioning"),
            hinting="slight", scales=(2, 3)),
    Variant("hinting-full", hinting="full", scales=(1,)),
    Variant("display-p3", args=(NO_GPU, "--force-color-profile=display-p3-d65"), recolours=True),
)  # fmt: skip
BY_NAME = {variant.name: variant for variant in (REFERENCE, *VARIANTS)}


def _fontconfig(variant: Variant, folder: Path) -> Path:
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
    return path


@contextmanager
def launched(playwright: Playwright, variant: Variant, folder: Path) -> Iterator[Browser]:
    """A browser set up as the variant says; its fontconfig file is written into the folder."""
    browser = playwright.chromium.launch(
        executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
        args=[*ALWAYS, *variant.args],
        # Playwright's own choice of a colour profile would come first.
        ignore_default_args=[SRGB],
        env={**os.environ, "FONTCONFIG_FILE": str(_fontconfig(variant, folder))},
    )
    try:
        yield browser
    finally:
        browser.close()


@contextmanager
def opened(browser: Browser, view: View) -> Iterator[Page]:
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
