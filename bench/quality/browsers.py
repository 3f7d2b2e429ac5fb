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

FONTS = ("Liberation Sans", "Liberation Serif", "DejaVu Sans", "DejaVu Sans Mono")
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
        name: as expected.json shows it.
        args: Chromium's switches.
        hinting: fontconfig's hintstyle without the word hint: none, slight, medium, full.
        rgba: order of an LCD's sub-pixels, or none for grey smoothing.
        scales: the device scale factors at which it makes a difference.
    """

    name: str
    args: tuple[str, ...] = (NO_GPU, SRGB)
    hinting: str = "none"
    rgba: str = "none"
    scales: tuple[int, ...] = (1, 2, 3)


VARIANTS = (
    Variant("reference"),
    Variant("lcd", rgba="rgb"),
    Variant("hinting-slight", hinting="slight", scales=(1,)),
    Variant("gpu-raster", args=(*GPU, SRGB)),
    Variant("lcd-slight", rgba="rgb", hinting="slight", scales=(1,)),
    Variant("tiles", args=(NO_GPU, SRGB, "--default-tile-width=128", "--default-tile-height=96")),
    Variant("hinting-full", hinting="full", scales=(1,)),
    Variant("hinting-medium", hinting="medium", scales=(1,)),
    Variant("lcd-bgr", rgba="bgr"),
    Variant("lcd-full", rgba="rgb", hinting="full", scales=(1,)),
)  # fmt: skip
BY_NAME = {variant.name: variant for variant in VARIANTS}


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
