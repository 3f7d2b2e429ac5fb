"""Pairs that a person calls the same: treated pictures, nudged charts, other browser settings."""

from __future__ import annotations

import zlib
from dataclasses import replace

from bench.quality import codecs, kinds
from bench.quality.browsers import VARIANTS, Variant
from bench.quality.kinds import Plant
from bench.quality.labels import Judged, judge_treatment, judge_variant
from bench.quality.measure import Word
from bench.quality.scene import Box, Scene, Seen, words_in
from bench.quality.writer import Draft, Setting, Writer

# Of each page in each window, beside one of the whole page.
VARIANTS_ON_COMPONENTS = 3
TREATMENTS_ON_COMPONENTS = 3
# These are disputed nearly always; some suffice.
RARE = ("hinting-full", "display-p3")


def seed(name: str) -> int:
    """A number for a name, the same on every run."""
    return zlib.crc32(name.encode())


def treat(setting: Setting, writer: Writer) -> None:
    """Writes the page and some of its components, each against a treatment of itself."""
    treatments, seen = codecs.TREATMENTS, setting.seen
    first = setting.index * (1 + TREATMENTS_ON_COMPONENTS)
    for i in range(1 + TREATMENTS_ON_COMPONENTS):
        treatment = treatments[(first + i) % len(treatments)]
        box = seen.crops[(first + i) % len(seen.crops)] if i else None
        base = setting.part(seen.shot.pixels, box)
        treated = treatment.apply(base, seed(f"{setting.name}-{treatment.name}-{i}"))
        pair = (base, treated.pixels)
        judged = judge_treatment(pair, setting.view)
        parameters = dict(treatment.parameters)
        draft = Draft(treatment.name, box, pair, judged, parameters, treated=treated)
        if writer.is_news(draft):
            writer.write(setting, draft)


def nudge(setting: Setting, scene: Scene, writer: Writer) -> None:
    """Writes a chart that lies a fraction of a pixel elsewhere."""
    px, label = kinds.NUDGES[setting.index % len(kinds.NUDGES)]
    planted = scene.plant(Plant("graph-nudged", "chart", {"px": px}), 0)
    if planted is None:
        return
    box = planted.crop if setting.index % 2 else None
    pair = setting.pair(planted.shot.pixels, box)
    judged = Judged(label, judge_treatment(pair, setting.view).measured)
    if judged.measured["pixels"]:
        writer.write(setting, Draft("graph-nudged", box, pair, judged, {"px": px}))


def schedule(setting: Setting) -> list[str]:
    """The variants for a setting: the first for the page, the others for components."""
    fitting = [
        variant.name
        for variant in VARIANTS
        if setting.view.scale in variant.scales
        and (variant.name not in RARE or setting.index % 4 < 2)
    ]
    return [fitting[(setting.index + i) % len(fitting)] for i in range(1 + VARIANTS_ON_COMPONENTS)]


def vary(setting: Setting, variant: Variant, seen: Seen, writer: Writer) -> None:
    """Writes the page, or one of its components, as another variant shows it."""
    place, crops = schedule(setting).index(variant.name), setting.seen.crops
    first = setting.index * 3 + place
    boxes: list[Box | None] = [None]
    if place:
        boxes = [crops[(first + i) % len(crops)] for i in range(len(crops))]
    parameters = {"args": list(variant.args), "hinting": variant.hinting, "rgba": variant.rgba}
    for box in boxes:
        pair = setting.pair(seen.shot.pixels, box)
        judged = judge_variant(pair, _words(setting, seen, box), setting.view, variant)
        draft = Draft(variant.name, box, pair, judged, parameters)
        # A component that looks alike everywhere says nothing: on to the next.
        if writer.is_news(draft):
            whole = box is None
            pngs = (setting.seen.shot.png, seen.shot.png) if whole else None
            writer.write(setting, replace(draft, pngs=pngs))
            return


def _words(setting: Setting, seen: Seen, box: Box | None) -> tuple[list[Word], list[Word]]:
    """The words in the box, from its corner; those that the head moved out of it, too."""
    base, head = setting.seen.words, seen.words
    if box is None or len(base) != len(head):
        return base, head
    inside = [number for number, word in enumerate(base) if words_in([word], box)]
    return _from(box, [base[i] for i in inside]), _from(box, [head[i] for i in inside])


def _from(box: Box, words: list[Word]) -> list[Word]:
    left, top = box[:2]
    return [(text, x - left, y - top, w, h) for text, x, y, w, h in words]
