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
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Playwright, sync_playwright

from bench.quality.browsers import BY_NAME, launched, opened, require_fonts
from bench.quality.cases import DIFFER, MATCH
from bench.quality.edits import EDITS, Edit
from bench.quality.labels import Judged, judge_edit, judge_noise
from bench.quality.measure import Rgb, Word
from bench.quality.noises import MIXED, Noise, all_noises
from bench.quality.pages import VIEWS, Page, View, install, load_pages
from bench.quality.stage import Box, Look, Made, Stage, around, cut, decoded, words_in

PROCESSES = 2
# Of each page in each window.
EDITS_EACH, NOISES_EACH, MIXES_EACH = 7, 6, 2
# Tries to find a cut that shows the noise.
CUTS = 8
PHONES = ("m1", "m2", "phone3")
Entry = tuple[str, str, dict[str, Any]]
LookKey = tuple[int, str, str]


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
class Mix:
    """An edit that was planted in the browser and under the style of a noise."""

    place: Place
    noise: Noise
    edit: Edit
    made: Made
    judged: Judged
    box: Box | None


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
    looks: dict[LookKey, Look] = field(default_factory=dict)
    parts: dict[int, list[tuple[float, float, float, float]]] = field(default_factory=dict)

    def wanted(self, variant: str, place: Place) -> set[str]:
        """The styles under which a browser has to look at a place."""
        uses = [*self.noises[place.index], *self.mixes[place.index]]
        return {
            style
            for noise in uses
            for name, style in zip(noise.variants, noise.styles, strict=True)
            if name == variant
        }


def seed(*parts: object) -> int:
    """A number for what is named, the same on every run."""
    return zlib.crc32("-".join(map(str, parts)).encode())


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
        if len(dealt) == count:
            break
        if place.view.scale in noise.scales and noise not in dealt:
            dealt.append(noise)
            queue.remove(noise)
            queue.append(noise)
    return dealt


class Maker:
    """Makes the pairs of one process."""

    def __init__(self, playwright: Playwright, folder: Path, work: Path, plan: Plan) -> None:
        """Prepares; ``work`` is for files that the browsers need meanwhile."""
        self._playwright, self._folder, self._work, self._plan = playwright, folder, work, plan
        self._edits = deque(EDITS)
        self._edits.rotate(-83 * (plan.places[0].index + plan.draw))
        self._mixing = deque(edit for edit in EDITS if edit.mixes)
        self._mixing.rotate(-53 * (plan.places[0].index + plan.draw))
        self._mixes: list[Mix] = []
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
                require_fonts(browser)
                for place in self._plan.places:
                    self._visit(browser, name, place)
        for place in self._plan.places:
            for noise in self._plan.noises[place.index]:
                self._write_noise(place, noise)
        for mix in self._mixes:
            self._write_mix(mix)

    def _seed(self, place: Place, *parts: str) -> int:
        return seed(self._plan.draw, place.name, *parts)

    def _visit(self, browser: Browser, variant: str, place: Place) -> None:
        styles = self._plan.wanted(variant, place)
        if variant == "reference":
            styles.add("")
        for style in sorted(styles):
            with opened(browser, place.view) as tab:
                stage = Stage(tab, place.page, style)
                look = stage.look()
                self._plan.looks[place.index, variant, style] = look
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
            if edit.kind in kinds:
                continue
            number = self._seed(place, edit.kind)
            made = stage.make(edit, number)
            if made is None:
                continue
            random = np.random.default_rng(number)
            box = around(made.box, place.view, random) if number % 2 else None
            pair = self._pair(made, look, place, box)
            judged = judge_edit(pair, edit, made.font, place.page.theme)
            if judged is None:
                continue
            kinds.add(edit.kind)
            self._edits.remove(edit)
            self._edits.append(edit)
            # One half of the edits backwards: what comes in one direction goes in the other.
            if number // 2 % 2:
                pair = pair[::-1]
            self._write(edit.group, edit.name, place, pair, judged, made.done, box, DIFFER)

    def _mix(self, stage: Stage, look: Look, place: Place, noise: Noise) -> None:
        for edit in list(self._mixing):
            number = self._seed(place, edit.kind, noise.kind)
            # What the base has, too, would have to be planted in both browsers.
            made = stage.make(edit, number) if edit.base is None else None
            if made is None:
                continue
            random = np.random.default_rng(number)
            box = around(made.box, place.view, random) if number % 2 else None
            pair = self._pair(made, look, place, box)
            judged = judge_edit(pair, edit, made.font, place.page.theme, noisy=True)
            if judged is None or judged.label != DIFFER:
                continue
            self._mixing.remove(edit)
            self._mixing.append(edit)
            self._mixes.append(Mix(place, noise, edit, made, judged, box))
            return

    def _pair(self, made: Made, look: Look, place: Place, box: Box | None) -> tuple[Rgb, Rgb]:
        pair = (decoded(made.base) if made.base else look.pixels, decoded(made.head))
        return (_part(pair[0], box, place.view), _part(pair[1], box, place.view))

    def _write_mix(self, mix: Mix) -> None:
        key = (mix.place.index, mix.noise.variants[0], mix.noise.styles[0])
        base = _part(self._plan.looks[key].pixels, mix.box, mix.place.view)
        head = _part(decoded(mix.made.head), mix.box, mix.place.view)
        pair = self._treated((base, head), mix.noise, mix.place)
        kind = f"{mix.noise.kind}+{mix.edit.name}"
        what = f"{mix.made.done}, and {mix.noise.kind}"
        self._write("both", kind, mix.place, pair, mix.judged, what, mix.box, DIFFER)

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
        whole = (looks[0].pixels, looks[1].pixels)
        for box in boxes:
            pair = (_part(whole[0], box, place.view), _part(whole[1], box, place.view))
            pair = self._treated(pair, noise, place)
            if (pair[0] == pair[1]).all():
                continue
            words = _words(looks[0].words, looks[1].words, box)
            judged = judge_noise(pair, words, place.view, noise.strict)
            self._write(noise.group, noise.kind, place, pair, judged, noise.kind, box, MATCH)
            return
        self.left_out[f"{noise.group} identical"] += 1

    def _treated(self, pair: tuple[Rgb, Rgb], noise: Noise, place: Place) -> tuple[Rgb, Rgb]:
        number = self._seed(place, noise.kind)
        base, head = (
            treat(pixels, number) if treat else pixels
            for treat, pixels in zip(noise.treats, pair, strict=True)
        )
        return base, head

    def _write(
        self, group: str, kind: str, place: Place, pair: tuple[Rgb, Rgb], judged: Judged,
        what: str, box: Box | None, label: str,
    ) -> None:  # fmt: skip
        if judged.label != label:
            self.left_out[f"{group} disputed"] += 1
            return
        name = f"{kind}-{place.name}{'-c' if box else ''}.png"
        for side, pixels in zip(("base", "head"), pair, strict=True):
            path = self._folder / group / side / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path, compress_level=3)
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


def _part(pixels: Rgb, box: Box | None, view: View) -> Rgb:
    return pixels if box is None else cut(pixels, box, view)


def _words(base: list[Word], head: list[Word], box: Box | None) -> tuple[list[Word], list[Word]]:
    """The words in the box, from its corner."""
    if box is None or len(base) != len(head):
        return base, head
    inside = [number for number, word in enumerate(base) if words_in([word], box)]

    def moved(words: list[Word]) -> list[Word]:
        return [(t, x - box[0], y - box[1], w, h) for t, x, y, w, h in (words[i] for i in inside)]

    return moved(base), moved(head)


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


def write_expected(folder: Path, entries: Sequence[Entry]) -> None:
    """Writes expected.json of every group."""
    groups: dict[str, dict[str, Any]] = {}
    for group, name, entry in sorted(entries, key=lambda one: one[:2]):
        groups.setdefault(group, {})[name] = entry
    for group, expected in groups.items():
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
        shares = range(PROCESSES)
        made = list(pool.map(make_share, shares, [folder] * PROCESSES, [args.draw] * PROCESSES))
    entries = [entry for some, *_ in made for entry in some]
    write_expected(folder, entries)
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
