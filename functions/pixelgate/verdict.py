"""Which differences a person would call a change: a rule over regions, as a pure function.

docs/verdict.md explains it, and why neither a number of pixels nor a share does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pixelgate.policy import Noise


class Mark(StrEnum):
    """Why a region counts as changed."""

    ONE_SIDED = "one_sided"
    SOLID = "solid"
    BOLD = "bold"
    LINE = "line"
    LOCAL = "local"
    INK = "ink"
    SHAPE = "shape"
    TINT = "tint"
    CRISP = "crisp"


# What may be noise when there is much more of it elsewhere in the picture.
_FAINT = frozenset({Mark.LOCAL, Mark.INK, Mark.SHAPE})


@dataclass(frozen=True)
class Evidence:
    """What was measured on one region, beside the number of its changed pixels.

    Attributes:
        differing: pixels of the region's blocks that differ at all, by however little.
        structural: changed pixels that the structural pass sees too.
        solid: changed pixels with one colour all around them, in the base as in the head.
        bold: changed pixels whose brightness the other image has nowhere within a pixel's
            distance, not even nearly; in that square of 32 pixels that has most of them.
        unmatched: the same, anywhere in the region, with almost no tolerance.
        line: length of the longest straight run of changed pixels of one colour.
        balance: 0 if as much became brighter as became darker, 1 if all went one way; over the
            changed pixels and their neighbours.
        one_sided: pixels that only one of the images has.
    """

    differing: int = 0
    structural: int = 0
    solid: int = 0
    bold: int = 0
    unmatched: int = 0
    line: int = 0
    balance: float = 0.0
    one_sided: int = 0


@dataclass(frozen=True)
class Spread:
    """How far differences of any size reach over the whole picture.

    Attributes:
        differing: pixels that differ at all.
        blocks: blocks of 16 × 16 that show something: text, an edge, a picture.
        touched: those of them in which a pixel differs.
        recoloured: pixels with one colour all around them, in both images, that lie too close
            together for the sensitive pass and yet apart.
    """

    differing: int = 0
    blocks: int = 0
    touched: int = 0
    recoloured: int = 0

    def is_local(self, noise: Noise) -> bool:
        """Whether nearly all of the picture is the same to the last bit."""
        return self.touched <= max(noise.local_blocks, noise.local_share * self.blocks)


def mark_regions(
    pixels: Sequence[int], evidence: Sequence[Evidence], spread: Spread, noise: Noise
) -> list[Mark | None]:
    """Says of each region why it counts, or None where it looks like noise.

    Args:
        pixels: changed pixels of each region.
        evidence: what else was measured on each.
        spread: how far differences reach over the picture.
        noise: the numbers of the rule.
    """
    local = spread.is_local(noise)
    crisp = sum(pixels) >= noise.crisp_share * spread.differing
    rest = Mark.CRISP if crisp else None
    marks = [
        _mark(n, found, noise, local=local) or rest
        for n, found in zip(pixels, evidence, strict=True)
    ]
    counted = sum(n for n, mark in zip(pixels, marks, strict=True) if mark)
    if 2 * counted < sum(pixels):
        # Most of what changed is noise; so may be what is small.
        marks = [None if mark in _FAINT else mark for mark in marks]
    return marks


def _mark(pixels: int, found: Evidence, noise: Noise, *, local: bool) -> Mark | None:
    """Why one region counts; the first rule that holds."""
    clean = pixels >= noise.clean_share * found.differing
    rules = (
        (Mark.ONE_SIDED, found.one_sided > 0),
        (Mark.SOLID, found.solid >= noise.min_solid_pixels),
        (Mark.BOLD, found.bold >= noise.min_bold_pixels),
        (
            Mark.LINE,
            found.line >= noise.min_line_pixels
            and (local or found.structural >= found.line or 2 * pixels >= found.differing),
        ),
        (
            Mark.LOCAL,
            local
            and found.structural >= noise.min_structural_pixels
            and found.structural >= noise.min_structural_share * pixels,
        ),
        (
            Mark.INK,
            local
            and pixels >= noise.min_ink_pixels
            and (
                found.balance >= noise.one_way_balance
                or (clean and found.balance >= noise.min_balance)
            ),
        ),
        (Mark.SHAPE, local and clean and found.unmatched >= noise.min_unmatched_pixels),
        (
            Mark.TINT,
            clean and pixels >= noise.min_tint_pixels and found.balance >= noise.one_way_balance,
        ),
    )
    return next((mark for mark, holds in rules if holds), None)


def is_recoloured(spread: Spread, total_pixels: int, noise: Noise) -> bool:
    """Whether plain areas have another colour, by less than the sensitive pass sees.

    A whole picture that is a shade off, as another colour profile or format makes it, is not.
    """
    return (
        spread.recoloured >= noise.min_recoloured_pixels
        and spread.differing < noise.whole_picture * total_pixels
        and spread.touched <= noise.whole_picture_blocks * spread.blocks
    )
