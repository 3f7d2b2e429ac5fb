"""Makes pairs of pictures by groups: ``python -m bench.quality.groups DIR``.

``DIR/<group>/base/<name>.png``, ``DIR/<group>/head/<name>.png`` and
``DIR/<group>/expected.json``, which says of each name what a person would say of the pair: changed
or unchanged. What is disputed is left out. Groups that begin with n_ hold harmless renderings,
those with r_ edits, and ``both`` an edit that is also rendered under noise.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import zlib
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby, repeat
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Playwright, sync_playwright

from bench.quality.browsers import (
    BY_NAME,
    Box,
    Look,
    Made,
    Rect,
    Stage,
    around,
    launched,
    opened,
    pixels,
)
from bench.quality.cases import DIFFER, MATCH
from bench.quality.edits import EDITS, Edit
from bench.quality.labels import Judged, judge_edit, judge_noise
from bench.quality.measure import Rgb, words_in
from bench.quality.noises import MIXED, Noise, all_noises
from bench.quality.pages import VIEWS, Page, View, install, load_pages

PROCESSES = 2
# Of each page in each window.
EDITS_EACH, NOISES_EACH, MIXES_EACH = 7, 6, 2
# Tries to find a cut that shows the noise.
CUTS = 8
PHONES = ("m1", "m2", "phone3")
Pair = tuple[Rgb, Rgb]
Entry = tuple[str, str, dict[str, Any]]  # group, name, and what expected.json says


@dataclass(frozen=True)
class Place:
    """A page in a window, and its number."""

    index: int
    page: Page
    view: View

    @property
    def name(self) -> str:
        """Number, page and window."""
        return f"{self.index:03}-{self.page.name}-{self.view.name}"


@dataclass(frozen=True)
class Planted:
    """An edit that was planted in one browser, judged, and where a cut shows it."""

    edit: Edit
    made: Made
    judged: Judged
    box: Box | None

    def pair(self, look: Look, view: View) -> Pair:
        """Base and head; the look is of the page without the edit."""
        return _pair(self.made, look, view, self.box)


@dataclass
class Plan:
    """What is made of the pages of one process.

    Attributes:
        places: the pages and windows.
        draw: another number gives other edits in other places.
        noises: the noises of each place.
        mixes: the noises under which each place is also edited.
        looks: what has been seen, by place, browser and style.
        parts: what a cut of a place may show.
    """

    places: list[Place]
    draw: int = 0
    noises: dict[int, list[Noise]] = field(default_factory=dict)
    mixes: dict[int, list[Noise]] = field(default_factory=dict)
    looks: dict[tuple[int, str, str], Look] = field(default_factory=dict)
    parts: dict[int, list[Rect]] = field(default_factory=dict)

    def wanted(self, variant: str, place: Place) -> set[str]:
        """The styles under which a browser has to look at a place."""
        return {
            style
            for noise in (*self.noises[place.index], *self.mixes[place.index])
            for name, style in zip(noise.variants, noise.styles, strict=True)
            if name == variant
        }


def places_of(pages: Iterable[Page]) -> list[Place]:
    """A fresh page in all of its windows; an older one in two."""
    found: list[tuple[Page, View]] = []
    for number, page in enumerate(pages):
        views = page.views
        if page.half != "fresh":
            views = (VIEWS[PHONES[number % len(PHONES)]], VIEWS["desktop"])
        found += [(page, view) for view in views]
    return [Place(index, page, view) for index, (page, view) in enumerate(found)]


def plan_for(places: list[Place], share: int, draw: int) -> Plan:
    """Deals the noises out to the places; another order for each process and each draw."""
    plan = Plan(places, draw)
    queue, mixed = deque(all_noises()), deque(MIXED)
    by_kind = {noise.kind: noise for noise in queue}
    queue.rotate(-share * len(queue) // PROCESSES - 5 * draw)
    mixed.rotate(-share * len(mixed) // PROCESSES - 5 * draw)
    for place in places:
        plan.noises[place.index] = _deal(queue, place, NOISES_EACH)
        kinds = deque(by_kind[name] for name in mixed if name in by_kind)
        plan.mixes[place.index] = _deal(kinds, place, MIXES_EACH)
        mixed.rotate(-MIXES_EACH)
    return plan


def _deal(queue: deque[Noise], place: Place, count: int) -> list[Noise]:
    """Takes the next noises that make a difference here; those go to the end of the queue."""
    dealt: list[Noise] = []
    for noise in list(queue):
        if len(dealt) < count and place.view.scale in noise.scales and noise not in dealt:
            dealt.append(noise)
            _to_the_end(queue, noise)
    return dealt


def _to_the_end(queue: deque[Any], one: Noise | Edit) -> None:
    queue.remove(one)
    queue.append(one)


class Maker:
    """Makes the pairs of one process."""

    def __init__(self, playwright: Playwright, folder: Path, work: Path, plan: Plan) -> None:
        """Prepares; ``work`` is for files that the browsers need meanwhile."""
        self._playwright, self._folder, self._work, self._plan = playwright, folder, work, plan
        self._edits, self._mixing = deque(EDITS), deque(edit for edit in EDITS if edit.mixes)
        turns = plan.places[0].index + plan.draw
        self._edits.rotate(-83 * turns)
        self._mixing.rotate(-53 * turns)
        self._mixes: list[tuple[Place, Noise, Planted]] = []
        self.entries: list[Entry] = []
        self.left_out: Counter[str] = Counter()
        self.version = ""

    def make(self) -> None:
        """Looks at the pages in every browser, then writes what needs two looks."""
        for name, variant in BY_NAME.items():
            if not any(self._plan.wanted(name, place) for place in self._plan.places):
                continue
            with launched(self._playwright, variant, self._work) as browser:
                self.version = browser.version
                for place in self._plan.places:
                    self._visit(browser, name, place)
        for place in self._plan.places:
            for noise in self._plan.noises[place.index]:
                self._write_noise(place, noise)
        for place, noise, planted in self._mixes:
            self._write_mix(place, noise, planted)

    def _seed(self, place: Place, *parts: str) -> int:
        """A number for what is named, the same on every run."""
        return zlib.crc32("-".join([str(self._plan.draw), place.name, *parts]).encode())

    def _visit(self, browser: Browser, variant: str, place: Place) -> None:
        styles = self._plan.wanted(variant, place)
        if variant == "reference":
            styles.add("")
        for style in sorted(styles):
            with opened(browser, place.view) as tab:
                stage = Stage(tab, place.page, style)
                look = self._plan.looks[place.index, variant, style] = stage.look()
                if variant == "reference" and not style:
                    self._plan.parts[place.index] = stage.parts()
                    self._edit(stage, look, place)
                for noise in self._plan.mixes[place.index]:
                    if (noise.variants[1], noise.styles[1]) == (variant, style):
                        self._mix(stage, look, place, noise)

    def _edit(self, stage: Stage, look: Look, place: Place) -> None:
        """Plants the next edits that this page allows, no kind twice."""
        kinds: set[str] = set()
        for edit in list(self._edits):
            if len(kinds) == EDITS_EACH:
                return
            number = self._seed(place, edit.kind)
            if edit.kind in kinds or not (planted := _plant(stage, look, place, edit, number)):
                continue
            kinds.add(edit.kind)
            _to_the_end(self._edits, edit)
            # One half of the edits backwards: what comes in one direction goes in the other.
            base, head = planted.pair(look, place.view)
            pair = (head, base) if number // 2 % 2 else (base, head)
            judged, what, box = planted.judged, planted.made.done, planted.box
            self._write(edit.group, edit.name, place, pair, judged, what, box, DIFFER)

    def _mix(self, stage: Stage, look: Look, place: Place, noise: Noise) -> None:
        """Plants one edit in a browser that already shows the noise."""
        for edit in list(self._mixing):
            # What the base has, too, would have to be planted in both browsers.
            if edit.base is not None:
                continue
            number = self._seed(place, edit.kind, noise.kind)
            planted = _plant(stage, look, place, edit, number, noisy=True)
            if planted and planted.judged.label == DIFFER:
                _to_the_end(self._mixing, edit)
                self._mixes.append((place, noise, planted))
                return

    def _write_mix(self, place: Place, noise: Noise, planted: Planted) -> None:
        look = self._plan.looks[place.index, noise.variants[0], noise.styles[0]]
        pair = self._treated(planted.pair(look, place.view), noise, place)
        kind, what = f"{noise.kind}+{planted.edit.name}", f"{planted.made.done}, and {noise.kind}"
        self._write("both", kind, place, pair, planted.judged, what, planted.box, DIFFER)

    def _write_noise(self, place: Place, noise: Noise) -> None:
        looks = [
            self._plan.looks[place.index, variant, style]
            for variant, style in zip(noise.variants, noise.styles, strict=True)
        ]
        number = self._seed(place, noise.kind)
        random = np.random.default_rng(number)
        parts = self._plan.parts[place.index] if number % 2 else []
        boxes: list[Box | None] = [None]
        if parts:
            picked = random.integers(0, len(parts), CUTS)
            boxes = [around(parts[i], place.view, random) for i in picked]
        for box in boxes:
            base, head = (pixels(look.png, place.view, box) for look in looks)
            pair = self._treated((base, head), noise, place)
            if (pair[0] == pair[1]).all():
                continue
            old, new = looks[0].words, looks[1].words
            if box:
                old, new = words_in(box, old, new)
            judged = judge_noise(pair, (old, new), place.view.scale, noise.strict)
            self._write(noise.group, noise.kind, place, pair, judged, noise.kind, box, MATCH)
            return
        self.left_out[f"{noise.group} identical"] += 1

    def _treated(self, pair: Pair, noise: Noise, place: Place) -> Pair:
        number = self._seed(place, noise.kind)
        base, head = (
            treat(image, number) if treat else image
            for treat, image in zip(noise.treats, pair, strict=True)
        )
        return base, head

    def _write(
        self, group: str, kind: str, place: Place, pair: Pair, judged: Judged,
        what: str, box: Box | None, label: str,
    ) -> None:  # fmt: skip
        if judged.label != label:
            self.left_out[f"{group} disputed"] += 1
            return
        name = f"{kind}-{place.name}{'-c' if box else ''}.png"
        for side, image in zip(("base", "head"), pair, strict=True):
            path = self._folder / group / side / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path, compress_level=3)
        entry = {
            "expected": "changed" if label == DIFFER else "unchanged",
            "what": what,
            "kind": kind,
            "page": place.page.name,
            "view": place.view.name,
            "half": place.page.half,
            "theme": place.page.theme,
            "cut": list(box) if box else None,
            "measured": judged.measured,
        }
        self.entries.append((group, name, entry))


def _plant(
    stage: Stage, look: Look, place: Place, edit: Edit, number: int, *, noisy: bool = False
) -> Planted | None:
    """Plants an edit; None if this page allows it nowhere, or it is not seen."""
    made = stage.make(edit, number)
    if made is None:
        return None
    random = np.random.default_rng(number)
    box = around(made.box, place.view, random) if number % 2 else None
    pair = _pair(made, look, place.view, box)
    judged = judge_edit(pair, edit, made.font, place.page.theme, noisy=noisy)
    return Planted(edit, made, judged, box) if judged else None


def _pair(made: Made, look: Look, view: View, box: Box | None) -> Pair:
    """What was made, beside a look at the page without it."""
    return pixels(made.base or look.png, view, box), pixels(made.head, view, box)


def make_share(share: int, folder: Path, draw: int) -> tuple[list[Entry], Counter[str], str]:
    """Makes the pairs of every second page, in a process of its own.

    Returns:
        The pairs, how many were left out and why, and the version of Chromium.
    """
    pages = load_pages()
    places = [place for place in places_of(pages) if pages.index(place.page) % PROCESSES == share]
    with tempfile.TemporaryDirectory() as work, sync_playwright() as playwright:
        maker = Maker(playwright, folder, Path(work), plan_for(places, share, draw))
        maker.make()
    return maker.entries, maker.left_out, maker.version


def _write_expected(folder: Path, entries: Sequence[Entry]) -> None:
    """Writes expected.json of every group."""
    for group, these in groupby(sorted(entries, key=itemgetter(0, 1)), key=itemgetter(0)):
        expected = {name: entry for _, name, entry in these}
        text = json.dumps(expected, indent=1, ensure_ascii=False)
        (folder / group / "expected.json").write_text(text + "\n", encoding="utf-8")


def main() -> int:
    """Makes the set and says how many pairs each group has."""
    parser = argparse.ArgumentParser(prog="bench.quality.groups", description=__doc__)
    parser.add_argument("folder", type=Path, help="where to put them; must be empty or absent")
    parser.add_argument(
        "--draw", type=int, default=0, metavar="N",
        help="another number gives other edits in other places of the same pages",
    )  # fmt: skip
    args = parser.parse_args()
    folder: Path = args.folder
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise SystemExit(f"{folder} is not empty")
    install()
    began = time.monotonic()
    with ProcessPoolExecutor(PROCESSES) as pool:
        made = list(pool.map(make_share, range(PROCESSES), repeat(folder), repeat(args.draw)))
    entries = [entry for some, *_ in made for entry in some]
    _write_expected(folder, entries)
    # It comes last, so that its presence says that the set is whole.
    about = {"pairs": len(entries), "draw": args.draw, "chromium": made[0][2]}
    (folder / "about.json").write_text(json.dumps(about) + "\n", encoding="utf-8")
    print(f"{len(entries)} pairs in {time.monotonic() - began:.0f} s")
    for group, count in sorted(Counter(entry[0] for entry in entries).items()):
        print(f"  {group:9} {count}")
    left = sum((counts for _, counts, _ in made), Counter())
    print("left out:", ", ".join(f"{name} {count}" for name, count in sorted(left.items())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
