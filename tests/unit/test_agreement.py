"""The check under all of the engine's tests finds what it should."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pixelgate.domain.comparison import Band, BandKind, Diff, Region
from pixelgate.domain.verdict import Evidence, Picture
from pixelgate.engine.mask import write_mask
from pixelgate.engine.native import Flag
from support.agreement import disagreement

MASK = np.zeros((40, 50), bool)
MASK[5:9, 7:17] = True
MASK[30, 40] = True
COUNTED = np.zeros_like(MASK)
COUNTED[30, 41:43] = True
RIGHT = Diff(
    changed_pixels=41,
    structural_pixels=3,
    total_pixels=2_000,
    base_size=(50, 30),
    head_size=(20, 40),
    counted_pixels=2,
    regions=(Region(7, 5, 10, 4, 40, 0), Region(40, 30, 3, 1, 3, 1)),
    mask=write_mask(np.where(COUNTED, Flag.COUNTED, MASK * Flag.SENSITIVE).astype(np.uint8)),
    areas=(
        Evidence(2, differing=50, clear=45, strong=40, plain=9, solid=4, most=90, farthest=70),
        Evidence(1, differing=1, one_sided=2),
    ),
    picture=Picture(differing=60, blocks=9, touched=9),
    fingerprint="f",
)
FIRST, SECOND = RIGHT.regions
ALIGNED = replace(
    RIGHT,
    base_size=(50, 35),
    head_size=(50, 30),
    bands=(Band(BandKind.INSERTED, 5, 5, 5, 5), Band(BandKind.DELETED, 20, 10, 15, 20)),
)


def first(**evidence: float) -> Diff:
    """With other evidence of the first area."""
    changed: Any = evidence
    return replace(RIGHT, areas=(replace(RIGHT.areas[0], **changed), *RIGHT.areas[1:]))


def bands(*changed: Band) -> Diff:
    return replace(ALIGNED, bands=changed)


def test_a_result_that_agrees_is_right() -> None:
    assert disagreement(RIGHT) is None
    assert disagreement(ALIGNED) is None
    assert disagreement(Diff(0, 0, 2_000, (50, 40), (50, 40))) is None


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (replace(RIGHT, changed_pixels=40), r"\(40, 2\) changed and counted, \(41, 2\) set"),
        (replace(RIGHT, counted_pixels=1), r"\(41, 1\) changed and counted, \(41, 2\) set"),
        (replace(RIGHT, changed_pixels=42, counted_pixels=1), r"\(41, 2\) set"),
        (replace(RIGHT, structural_pixels=42), "42 structural of 41"),
        (replace(RIGHT, total_pixels=1_999), "1999 pixels in all"),
        (replace(RIGHT, base_size=(51, 30)), r"a mask of \(50, 40\)"),
        (
            replace(RIGHT, regions=RIGHT.regions[:1]),
            r"\(41, 2\) changed and counted, 40 in regions",
        ),
        (replace(RIGHT, regions=(Region(7, 5, 11, 4, 40), SECOND)), "not tight"),
        (replace(RIGHT, regions=(Region(7, 5, 10, 4, 39), Region(40, 30, 3, 1, 4))), "shows only"),
        (replace(RIGHT, regions=(Region(7, 5, 10, 36, 40), SECOND)), "reaches past"),
        (replace(RIGHT, regions=(Region(-1, 5, 18, 4, 40), SECOND)), "is no box"),
        (
            replace(RIGHT, regions=(Region(7, 5, 10, 3, 30), Region(7, 5, 10, 3, 13))),
            "in no region",
        ),
        (replace(RIGHT, changed_pixels=0, structural_pixels=0, regions=()), r"\(0, 2\) changed"),
        (
            Diff(0, 0, 2_000, (50, 40), (50, 40), (), write_mask(np.zeros((40, 50), np.uint8))),
            "0 in the mask, and it is there",
        ),
        (replace(RIGHT, regions=(replace(FIRST, area=None), SECOND)), r"point at \{1\} of 2"),
        (replace(RIGHT, regions=(replace(FIRST, area=2), SECOND)), "of 2 areas"),
        (replace(RIGHT, areas=RIGHT.areas[:1]), "of 1 areas"),
        (first(solid=46), "more of a part"),
        (first(solid_strong=5), "more of a part"),
        (first(differing=44), "more of a part"),
        (first(blocks=0), "more of a part"),
        (first(outside=46), "more of a part"),
        (first(farthest=91), "more of a part"),
        (first(residue_most=-0.1), "more of a part"),
        (first(one_way=1.1), "share above one"),
        (first(light=float("nan")), "number that is none"),
        (first(differing=58), r"58 \+ 1|59 \+ 2"),
        (replace(RIGHT, picture=replace(RIGHT.picture, touched=10)), "is impossible"),
        (replace(RIGHT, fingerprint=None), "fingerprint None is impossible"),
        (bands(Band(BandKind.INSERTED, 5, 5, 5, 6), ALIGNED.bands[1]), "does not follow on rows 0"),
        (
            bands(ALIGNED.bands[0], Band(BandKind.DELETED, 8, 10, 3, 8)),
            "does not follow on rows 10",
        ),
        (bands(*ALIGNED.bands[:1]), "behind the bands base has 30 rows"),
    ],
)
def test_what_contradicts_itself_is_told(wrong: Diff, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(disagreement(wrong))
