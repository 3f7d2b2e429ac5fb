"""Decides by measurement what a person would say of a pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.quality import measure
from bench.quality.browsers import Variant
from bench.quality.cases import DIFFER, DISPUTED, MATCH
from bench.quality.kinds import READABLE, VISIBLE_LEVELS, Plant
from bench.quality.measure import Rgb, Word
from bench.quality.pages import View

LETTERS = ("letter-changed", "letter-case", "letters-swapped", "digit-changed", "period")
# Flat and wide: here a few levels suffice, because a person flips between the two pictures.
FLAT = ("background", "button-colour")
# Chromium draws some shapes a level or two otherwise when it draws them again: so many levels in
# so many pixels are no change.
DRAWN_AGAIN = (2, 200)


@dataclass(frozen=True)
class Judged:
    """A label and what it rests on."""

    label: str
    measured: dict[str, Any]


def judge_variant(
    pair: tuple[Rgb, Rgb], words: tuple[list[Word], list[Word]], view: View, variant: Variant
) -> Judged:
    """Another setting of the browser is harmless unless it moves words or shifts colours.

    Args:
        pair: base and head.
        words: of both, with boxes relative to the pictures' upper left corner.
        view: the window.
        variant: the setting of the head.
    """
    numbers = measure.pixel_numbers(*pair)
    moved = measure.words_moved(*words)
    numbers["words_moved"] = round(moved, 2) if moved != float("inf") else None
    numbers["words_shifted"] = round(measure.words_shifted(*pair, words[0], view.scale), 3)
    disputed = moved >= measure.MOVED or numbers["words_shifted"] > measure.MOVED_SHARE
    if variant.recolours:
        disputed |= numbers["levels"] > DRAWN_AGAIN[0]
    if variant.repaints:
        disputed |= _recolours(pair, view, numbers, measure.JUST_NOTICEABLE)
    return Judged(DISPUTED if disputed else MATCH, numbers)


def judge_treatment(pair: tuple[Rgb, Rgb], view: View) -> Judged:
    """A treatment is harmless unless the colours differ from a step back."""
    numbers = measure.pixel_numbers(*pair)
    disputed = _recolours(pair, view, numbers, measure.COMPRESSED)
    return Judged(DISPUTED if disputed else MATCH, numbers)


def _recolours(pair: tuple[Rgb, Rgb], view: View, numbers: dict[str, Any], delta_e: float) -> bool:
    """Whether colours differ even from a step back; notes by how much."""
    block = measure.BLOCK * view.scale
    numbers["block_delta_e"] = round(measure.block_delta_e(*pair, block), 2)
    numbers["flat_share"] = round(measure.flat_share(*pair, block), 3)
    return bool(numbers["block_delta_e"] > delta_e or numbers["flat_share"] > measure.FLAT_SHARE)


def judge_plant(pair: tuple[Rgb, Rgb], plant: Plant, font: float, theme: str) -> Judged | None:
    """A planted change counts if it can be seen.

    Args:
        pair: base and head, without any noise.
        plant: the change.
        theme: of the page; on a dark one a shadow is hard to see.
        font: size of the element's text in CSS pixels.

    Returns:
        None if nothing differs that drawing again would not explain.
    """
    numbers = measure.pixel_numbers(*pair)
    levels, pixels = DRAWN_AGAIN if plant.kind != "background" else (0, 0)
    if numbers["levels"] <= levels and numbers["pixels"] <= pixels:
        return None
    unreadable = plant.kind in LETTERS and font < READABLE
    faint = numbers["levels"] < VISIBLE_LEVELS
    pale = plant.kind not in FLAT and numbers["delta_e"] < measure.JUST_NOTICEABLE
    shade = theme == "dark" and plant.kind.startswith("shadow")
    doubtful = plant.label == DISPUTED or unreadable or faint or pale or shade
    return Judged(DISPUTED if doubtful else DIFFER, numbers)
