"""Learned noise against drawn snapshots that stir: it saves alarms, and hides no change.

Changes in the very place of the noise are the attack: a word where a clock runs, a letter in a
paragraph that is drawn otherwise now and then, another hue, a move, by themselves and while the
noise stirs.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest

from pixelgate.domain.comparison import Diff
from pixelgate.domain.learned_noise import LearnedNoise, Patch, Proof, learn, strength_of
from pixelgate.domain.policy import Policy
from pixelgate.engine.differ import OdiffDiffer
from pixelgate.engine.odiff import OdiffServer
from support.learned_cases import Edits, Series, series

SERIES = {one.name: one for one in series()}
CHANGES = [(name, word) for name, one in SERIES.items() for word in one.changes]
POLICY = Policy()


class Taught:
    """What was learned of each series; it is learned once."""

    def __init__(self, differ: OdiffDiffer) -> None:
        self._differ = differ
        self.of = lru_cache(maxsize=None)(self._learn)

    def diff(self, one: Series, states: tuple[int, int], edits: Edits) -> Diff:
        pair = one.draw(states, edits)
        return self._differ.diff(pair.base, pair.head, POLICY)

    def _learn(self, name: str) -> LearnedNoise:
        one = SERIES[name]
        found = learn(
            Proof(f"2026-11-{n + 1:02}", f"b{n}", f"c{n}", True, d.total_pixels, tuple(_patches(d)))
            for n, d in enumerate(self.diff(one, states, {}) for states in one.teaching)
        )
        assert found is not None, "its noise is not seen, so there is nothing to hide"
        return found


def _patches(diff: Diff) -> Iterator[Patch]:
    for region, mark in zip(diff.regions, diff.judge(POLICY).marks, strict=True):
        if mark is not None and region.area is not None:
            yield Patch.of(mark, region, region.pixels, strength_of(diff.areas[region.area]))


@pytest.fixture(scope="module")
def taught(odiff: Path) -> Iterator[Taught]:
    with OdiffDiffer(OdiffServer(odiff)) as differ:
        yield Taught(differ)


@pytest.mark.parametrize(("name", "word"), CHANGES)
def test_a_change_in_the_place_of_the_noise_counts(taught: Taught, name: str, word: str) -> None:
    one = SERIES[name]
    edits, states = one.changes[word]
    diff = taught.diff(one, states, edits)
    assert diff.judge(POLICY).changed, "no change even without what was learned"
    assert diff.judge(POLICY, taught.of(name)).changed


@pytest.mark.parametrize("name", SERIES)
def test_each_noise_alone_would_count(taught: Taught, name: str) -> None:
    one = SERIES[name]
    assert all(taught.diff(one, states, {}).judge(POLICY).changed for states in one.later)


def test_more_than_half_of_the_alarms_are_saved(taught: Taught) -> None:
    """The exact number: who makes the rule stricter or looser sees what it costs."""
    later = [(name, states) for name, one in SERIES.items() for states in one.later]
    alarms = sum(
        taught.diff(SERIES[name], states, {}).judge(POLICY, taught.of(name)).changed
        for name, states in later
    )
    assert (alarms, len(later)) == (33, 70)


def test_the_same_difference_again_always_passes(taught: Taught) -> None:
    for name, one in SERIES.items():
        for states in one.teaching:
            assert not taught.diff(one, states, {}).judge(POLICY, taught.of(name)).changed, name


def test_what_a_clock_can_show_by_itself_it_may_show_for_good(taught: Taught) -> None:
    """The limit of the rule: digits in the place of the seconds are what a running clock shows."""
    one = SERIES["clock-light"]
    stands_still = taught.diff(one, (12, 12), {"said": "12:34:13"})
    assert not stands_still.judge(POLICY, taught.of(one.name)).changed
