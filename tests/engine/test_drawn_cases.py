"""Drawn pairs of small screens, every kind of change and of noise varied, against their labels."""

from __future__ import annotations

import io
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from pixelgate.domain.policy import Policy
from pixelgate.engine.differ import OdiffDiffer
from support.drawn_cases import CHANGED, UNCHANGED, Pair, Row, rows

ROWS = rows()


@pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in ROWS])
def test_a_drawn_pair_gets_its_label(differ: OdiffDiffer, row: Row) -> None:
    pair = row.draw()
    assert _differ(pair), "this case is an equal pair by mistake"
    diff = differ.diff(pair.base, pair.head, Policy())
    said = UNCHANGED if diff.passes(Policy()) else CHANGED
    assert said == row.expected, row.what


def test_names_are_unique_and_both_labels_are_there() -> None:
    assert len({row.id for row in ROWS}) == len(ROWS)
    assert {row.expected for row in ROWS} == {CHANGED, UNCHANGED}


def test_a_case_is_always_drawn_the_same() -> None:
    for row in ROWS[::17]:
        assert row.draw() == row.draw(), row.id


def test_every_group_has_cases() -> None:
    sizes = Counter(row.group for row in ROWS)
    assert min(sizes.values()) >= 10, sizes


def _differ(pair: Pair) -> bool:
    base, head = (np.asarray(Image.open(io.BytesIO(data))) for data in (pair.base, pair.head))
    return base.shape == head.shape and bool((base != head).any())
