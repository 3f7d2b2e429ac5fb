"""The check under all of the engine's tests finds what it should."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pixelgate.comparison import Band, BandKind, Diff, Region
from pixelgate.engine.mask import write_mask
from pixelgate.engine.native import Flag
from pixelgate.verdict import Evidence, Explained, NoiseKind, Picture
from support.agreement import disagreement

MASK = np.zeros((40, 50), bool)
MASK[5:9, 7:17] = True
MASK[30, 40] = True
RIGHT = Diff(
    changed_pixels=41,
    structural_pixels=3,
    total_pixels=2_000,
    base_size=(50, 30),
    head_size=(20, 40),
    regions=(
        Region(7, 5, 10, 4, 40, area=0),
        Region(40, 30, 1, 1, 1, area=1),
    ),
    areas=(Evidence(differing=50, clear=40, plain=9, solid=5), Evidence(differing=1)),
    explained=(Explained(NoiseKind.BLEND, 1, 1, 9, 0.1, 0.0),),
    mask=write_mask(MASK * np.uint8(Flag.SENSITIVE)),
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


def first(**evidence: Any) -> Diff:
    """The same, with other evidence of the first area."""
    return replace(RIGHT, areas=(replace(RIGHT.areas[0], **evidence), RIGHT.areas[1]))


def bands(*changed: Band) -> Diff:
    return replace(ALIGNED, bands=changed)


def test_a_result_that_agrees_is_right() -> None:
    assert disagreement(RIGHT) is None
    assert disagreement(ALIGNED) is None
    assert disagreement(Diff(0, 0, 2_000, (50, 40), (50, 40))) is None


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (replace(RIGHT, changed_pixels=40), "40 changed, 41 set, 41 in regions"),
        (replace(RIGHT, structural_pixels=42), "42 structural of 41"),
        (replace(RIGHT, total_pixels=1_999), "1999 pixels in all"),
        (replace(RIGHT, base_size=(51, 30)), r"a mask of \(50, 40\)"),
        (replace(RIGHT, regions=RIGHT.regions[:1]), "40 in regions"),
        (replace(RIGHT, regions=(Region(7, 5, 11, 4, 40), SECOND)), "not tight"),
        (replace(RIGHT, regions=(Region(7, 5, 10, 4, 39), Region(40, 30, 1, 1, 2))), "shows only"),
        (replace(RIGHT, regions=(Region(7, 5, 10, 36, 40), SECOND)), "reaches past"),
        (replace(RIGHT, regions=(Region(-1, 5, 18, 4, 40), SECOND)), "is no box"),
        (
            replace(RIGHT, regions=(Region(7, 5, 10, 3, 30), Region(7, 5, 10, 3, 11))),
            "in no region",
        ),
        (replace(RIGHT, changed_pixels=0, structural_pixels=0, regions=()), "0 changed, 41 set"),
        (
            Diff(0, 0, 2_000, (50, 40), (50, 40), (), write_mask(np.zeros((40, 50), np.uint8))),
            "a mask is there",
        ),
        (replace(RIGHT, regions=(replace(FIRST, area=1), SECOND)), r"2 areas, and regions of \[1"),
        (replace(RIGHT, regions=(FIRST, replace(SECOND, area=2))), r"2 areas, and regions of \[0"),
        (
            replace(RIGHT, regions=(replace(FIRST, area=1), replace(SECOND, area=0))),
            r"2 areas, and regions of \[1",
        ),
        (first(one_sided=51), "more evidence than pixels"),
        (first(differing=39), "more evidence than pixels"),
        (first(moved=41), "more evidence than pixels"),
        (first(solid=10), "plain areas in the wrong order"),
        (first(solid_strong=6), "plain areas in the wrong order"),
        (first(hue=1.1), "a share of more than all"),
        (first(residue_sparse=0.1), "residues in the wrong order"),
        (replace(RIGHT, explained=RIGHT.explained * 61), "explains 61 of 60"),
        (replace(RIGHT, picture=replace(RIGHT.picture, differing=40)), "than the 40 differing"),
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
