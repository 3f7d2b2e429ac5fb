"""Decides by measurement what a person would say of a pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.quality import edits, measure
from bench.quality.cases import DIFFER, DISPUTED, MATCH
from bench.quality.edits import Edit
from bench.quality.measure import Rgb, Word

# A letter or figure smaller than this (CSS pixels) is not counted on to be read.
READABLE = 11.0
# A flat colour that is one level off on every screen looks the same.
VISIBLE_LEVELS = 2
# Chromium draws some shapes a level or two otherwise when it draws them again: so many levels in
# so many pixels are no change.
DRAWN_AGAIN = (2, 200)
# An edit that a person finds when flipping between two whole pages, and one that is still found
# when the second page was rendered under noise, as well.
FOUND, FOUND_UNDER_NOISE = 4.0, 10.0
# Text whose colour changed by no more levels is arguable, and so are letters that are hardly there.
TEXT_LEVELS, LETTER_LEVELS = 12, 40


@dataclass(frozen=True)
class Judged:
    """A label and what it rests on."""

    label: str
    measured: dict[str, Any]


def judge_edit(
    pair: tuple[Rgb, Rgb], edit: Edit, font: float, theme: str, *, noisy: bool = False
) -> Judged | None:
    """An edit counts if it is plain enough.

    Args:
        pair: base and head, both without any noise.
        edit: what was done.
        font: the smallest size of the text in question, in CSS pixels.
        theme: of the page.
        noisy: whether the pair is then shown under noise, which takes a plainer edit.

    Returns:
        None if nothing differs that drawing again would not explain.
    """
    numbers = measure.pixel_numbers(*pair)
    levels, pixels, delta_e = numbers["levels"], numbers["pixels"], numbers["delta_e"]
    flat, wording = edit.kind in edits.FLAT, edit.group == edits.WORDING
    again = (0, 0) if flat else DRAWN_AGAIN
    if levels <= again[0] and pixels <= again[1]:
        return None
    plain = 0.0 if flat else FOUND
    doubtful = (
        levels < VISIBLE_LEVELS
        or delta_e < (FOUND_UNDER_NOISE if noisy else plain)
        or pixels < (6 if noisy else 3)
        or (flat and pixels < 400 and delta_e < measure.JUST_NOTICEABLE)
        or (edit.kind in edits.TEXT_COLOURS and levels <= TEXT_LEVELS)
        or (wording and (levels < LETTER_LEVELS or font < READABLE))
        or (edit.kind == "shadow" and theme == "dark")
        # A pale corner rounded by two pixels.
        or (edit.kind == "radius" and delta_e < FOUND_UNDER_NOISE)
    )
    return Judged(DISPUTED if doubtful else DIFFER, numbers)


def judge_noise(
    pair: tuple[Rgb, Rgb], words: tuple[list[Word], list[Word]], scale: int, strict: tuple[str, ...]
) -> Judged:
    """Another rendering is harmless unless it moves words or shifts colours.

    Args:
        pair: base and head.
        words: of both, with boxes relative to the pictures' upper left corner.
        scale: device pixels for each CSS pixel.
        strict: what to measure: "place", "colour", or "codec" for the colours of lossy files.
    """
    numbers = measure.pixel_numbers(*pair)
    disputed = False
    if "place" in strict:
        moved = measure.words_moved(*words)
        numbers["words_moved"] = round(moved, 2) if moved != float("inf") else None
        numbers["words_shifted"] = round(measure.words_shifted(*pair, words[0], scale), 3)
        disputed = moved >= measure.MOVED or numbers["words_shifted"] > measure.MOVED_SHARE
    if "colour" in strict or "codec" in strict:
        block = measure.BLOCK * scale
        numbers["block_delta_e"] = round(measure.block_delta_e(*pair, block), 2)
        numbers["flat_share"] = round(measure.flat_share(*pair, block), 3)
        most = measure.COMPRESSED if "codec" in strict else measure.JUST_NOTICEABLE
        disputed |= numbers["block_delta_e"] > most or numbers["flat_share"] > measure.FLAT_SHARE
    return Judged(DISPUTED if disputed else MATCH, numbers)
