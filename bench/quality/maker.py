"""Goes through pages and browsers and makes the pairs of one half."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from playwright.sync_api import Browser, Playwright

from bench.quality import codecs
from bench.quality.browsers import REFERENCE, VARIANTS, Variant, launched, opened
from bench.quality.cases import Case
from bench.quality.changed import Planter, mix, mixes
from bench.quality.harmless import nudge, schedule, treat, vary
from bench.quality.labels import DRAWN_AGAIN
from bench.quality.measure import pixel_numbers
from bench.quality.pages import Page
from bench.quality.scene import Scene, require_fonts
from bench.quality.writer import Setting, Writer


class Maker:
    """Makes the pairs of one half."""

    def __init__(self, playwright: Playwright, folder: Path, work: Path, half: str) -> None:
        """Prepares.

        Args:
            playwright: starts the browsers.
            folder: where the pairs go.
            work: for files that the browsers need meanwhile.
            half: tune or held-out.
        """
        self._playwright, self._work = playwright, work
        self._writer = Writer(folder, half)
        self.version = ""

    def make(self, pages: Iterable[Page]) -> list[Case]:
        """Makes all pairs of these pages."""
        with launched(self._playwright, REFERENCE, self._work) as browser:
            self.version = browser.version
            require_fonts(browser)
            settings = self._refer(browser, pages)
        for setting in settings:
            treat(setting, self._writer)
        for variant in VARIANTS:
            with launched(self._playwright, variant, self._work) as browser:
                self._vary(browser, variant, settings)
        return self._writer.cases

    def _refer(self, browser: Browser, pages: Iterable[Page]) -> list[Setting]:
        """Looks at every page in the reference browser and makes what needs only that."""
        planter = Planter(self._writer)
        settings: list[Setting] = []
        for page in pages:
            for view in page.views:
                with opened(browser, view) as tab:
                    scene = Scene(tab, page)
                    setting = Setting(len(settings), page, view, scene.look())
                    settings.append(setting)
                    planter.plant_all(setting, scene)
                    nudge(setting, scene, self._writer)
                    for number, noise in mixes(setting):
                        if noise in codecs.BY_NAME:
                            mix(setting, scene, setting.seen, number, noise, self._writer)
                    self._check(setting, scene)
        return settings

    def _check(self, setting: Setting, scene: Scene) -> None:
        """Makes sure that no change was left behind in the page."""
        numbers = pixel_numbers(setting.seen.shot.pixels, scene.shoot().pixels)
        if numbers["levels"] > DRAWN_AGAIN[0]:
            raise SystemExit(f"{setting.name} was not put back as it was: {numbers}")

    def _vary(self, browser: Browser, variant: Variant, settings: list[Setting]) -> None:
        """Makes what needs another variant of the browser."""
        for setting in settings:
            wanted = variant.name in schedule(setting)
            numbers = [number for number, noise in mixes(setting) if noise == variant.name]
            if not wanted and not numbers:
                continue
            with opened(browser, setting.view) as tab:
                scene = Scene(tab, setting.page)
                seen = scene.look()
                if wanted:
                    vary(setting, variant, seen, self._writer)
                for number in numbers:
                    mix(setting, scene, seen, number, variant.name, self._writer)
