"""Pairs that a person calls changed: a change is planted, alone or together with harmless noise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bench.quality import browsers, codecs, kinds
from bench.quality.harmless import seed
from bench.quality.kinds import Plant
from bench.quality.labels import judge_plant
from bench.quality.scene import Planted, Scene, Seen
from bench.quality.writer import Draft, Setting, Writer

# Of each page in each window.
PLANTS_ON_PAGES = 4
PLANTS_ON_COMPONENTS = 5
MIXES = 2
# Every so many mixed pairs hold a faint change.
FAINT_EVERY = 5


class Planter:
    """Plants the changes of one half, each kind in its turn."""

    def __init__(self, writer: Writer) -> None:
        """Takes what writes the pairs."""
        self._writer = writer
        self._number = 0

    def plant_all(self, setting: Setting, scene: Scene) -> None:
        """Writes the next changes that this page allows."""
        parts = ["page"] * PLANTS_ON_PAGES + ["component"] * PLANTS_ON_COMPONENTS
        for _ in kinds.PLANTS:
            if not parts:
                return
            number, self._number = self._number, self._number + 1
            # Alternating, so that a kind does not always meet the same part.
            part = parts[-1] if number % 2 else parts[0]
            if self._plant(setting, scene, number, part):
                parts.remove(part)

    def _plant(self, setting: Setting, scene: Scene, number: int, part: str) -> bool:
        """Writes one pair; false if the page does not allow it or the part does not show it."""
        plant = kinds.PLANTS[number % len(kinds.PLANTS)]
        planted = scene.plant(plant, number)
        if planted is None:
            return False
        box = planted.crop if part == "component" else None
        pair = setting.pair(planted.shot.pixels, box)
        judged = judge_plant(pair, plant, planted.font, setting.page.theme)
        if judged is None:
            return False
        pngs = (setting.seen.shot.png, planted.shot.png)
        # One half of the changes backwards: what comes in one direction goes in the other.
        backwards = plant.missing or number // 2 % 2 == 1
        if backwards:
            pair, pngs = pair[::-1], pngs[::-1]
        parameters = {**_said(plant, planted), "backwards": backwards}
        draft = Draft(plant.name, box, pair, judged, parameters, None if box else pngs)
        self._writer.write(setting, draft)
        return True


def mixes(setting: Setting) -> Iterator[tuple[int, str]]:
    """The noises that this setting gets a change with, each with the number of the pair."""
    fitting = [
        noise
        for noise in kinds.NOISES
        if noise in codecs.BY_NAME or setting.view.scale in browsers.BY_NAME[noise].scales
    ]
    for i in range(MIXES):
        number = MIXES * setting.index + i
        yield number, fitting[(number + setting.index // 3) % len(fitting)]


def mix(
    setting: Setting, scene: Scene, clean: Seen, number: int, noise: str, writer: Writer
) -> None:
    """Writes a pair with a change and noise at once.

    Args:
        setting: page and window; its base is the pair's base.
        scene: the page in the browser that draws the head.
        clean: how that browser shows it without a change.
        number: decides which change.
        noise: the treatment, or the variant that the scene's browser is.
        writer: writes the pair.
    """
    for attempt in range(number, number + len(kinds.CLEAR)):
        pool = kinds.FAINT if attempt % FAINT_EVERY == FAINT_EVERY - 1 else kinds.CLEAR
        plant = pool[attempt % len(pool)]
        planted = scene.plant(plant, number)
        if planted is None:
            continue
        box = planted.crop if number % 2 else None
        alone = (setting.part(clean.shot.pixels, box), setting.part(planted.shot.pixels, box))
        judged = judge_plant(alone, plant, planted.font, setting.page.theme)
        if judged is None:
            continue
        base, head = setting.pair(planted.shot.pixels, box)
        treated = None
        if noise in codecs.BY_NAME:
            treated = codecs.BY_NAME[noise].apply(head, seed(f"{setting.name}-{noise}-{number}"))
            head = treated.pixels
        parameters = {**_said(plant, planted), "noise": noise}
        kind = f"{plant.name}+{noise}"
        draft = Draft(kind, box, (base, head), judged, parameters, treated=treated)
        writer.write(setting, draft)
        return


def _said(plant: Plant, planted: Planted) -> dict[str, Any]:
    """What cases.json says of a change; the drawings are left out."""
    parameters = {k: v for k, v in plant.parameters.items() if k not in ("path", "asymmetric")}
    return {"mark": plant.mark, **parameters, "done": planted.done, "font": planted.font}
