"""Writes the pairs of one half and keeps the list of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from bench.quality.cases import Case
from bench.quality.codecs import Treated
from bench.quality.labels import Judged
from bench.quality.measure import Rgb
from bench.quality.pages import Page, View
from bench.quality.scene import Box, Seen, cut

# Quick to write, and a quarter larger than at the default level.
COMPRESS_LEVEL = 3


@dataclass(frozen=True)
class Setting:
    """A page in a window, its number within the half, and how the reference browser shows it."""

    index: int
    page: Page
    view: View
    seen: Seen

    @property
    def name(self) -> str:
        """Page and window."""
        return f"{self.page.name}-{self.view.name}"

    def pair(self, head: Rgb, box: Box | None) -> tuple[Rgb, Rgb]:
        """The page as it is and another picture of it, or the same part of both."""
        return self.part(self.seen.shot.pixels, box), self.part(head, box)

    def part(self, pixels: Rgb, box: Box | None) -> Rgb:
        """The part of a picture of the window, or all of it."""
        return pixels if box is None else cut(pixels, box, self.view)


@dataclass(frozen=True)
class Draft:
    """A pair that is not yet written.

    Attributes:
        kind: what was done to the head.
        box: which part of the window it shows; None for all of it.
        pair: the pixels of base and head.
        judged: the label and what it rests on.
        parameters: with what exactly the head was made.
        pngs: both as Chromium wrote them, where nobody touched them.
        treated: the head as it was stored in another format in between.
    """

    kind: str
    box: Box | None
    pair: tuple[Rgb, Rgb]
    judged: Judged
    parameters: dict[str, Any] = field(default_factory=dict)
    pngs: tuple[bytes, bytes] | None = None
    treated: Treated | None = None


class Writer:
    """Writes pairs into a folder."""

    def __init__(self, folder: Path, half: str) -> None:
        """Takes the folder and the half to which all pairs belong."""
        self._folder, self._half = folder, half
        self._names: Counter[str] = Counter()
        self._identical: set[str] = set()
        self.cases: list[Case] = []

    def is_news(self, draft: Draft) -> bool:
        """False for a pair of identical pixels if its kind has one already."""
        if draft.judged.measured["pixels"]:
            return True
        if draft.kind in self._identical:
            return False
        self._identical.add(draft.kind)
        return True

    def write(self, setting: Setting, draft: Draft) -> None:
        """Writes both pictures and lists the case."""
        part = "page" if draft.box is None else "component"
        name = f"{setting.name}-{draft.kind}-{part}"
        self._names[name] += 1
        if self._names[name] > 1:
            name = f"{name}-{self._names[name]}"
        place = self._folder / draft.judged.label / name
        place.mkdir(parents=True)
        for number, side in enumerate(("base", "head")):
            path = place / f"{side}.png"
            if draft.pngs:
                path.write_bytes(draft.pngs[number])
            else:
                Image.fromarray(draft.pair[number]).save(path, compress_level=COMPRESS_LEVEL)
        if draft.treated and draft.treated.stored:
            suffix, content = draft.treated.stored
            (place / f"head.{suffix}").write_bytes(content)
        crop = list(draft.box) if draft.box else None
        case = Case(
            name=name,
            label=draft.judged.label,
            kind=draft.kind,
            half=self._half,
            page=setting.page.name,
            view=setting.view.name,
            part=part,
            parameters={**draft.parameters, "crop": crop},
            measured=draft.judged.measured,
            folder=place,
        )
        self.cases.append(case)
