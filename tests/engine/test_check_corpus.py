"""What the check of a corpus says of two versions of odiff."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from check_corpus import Judge, check, judge_of
from pixelgate.bootstrap import Engine, find_engine
from pixelgate.domain.comparison import Diff
from pixelgate.errors import FaultCode, ImageFault
from support.drawings import Pair, random_pair
from support.plain_odiff import Expected


@pytest.fixture
def pair() -> Pair:
    return random_pair(np.random.default_rng(3))


def judge(engine: Any, plain: Any = None, version: str = "1.0.0") -> Judge:
    """A judge that says what it is told to."""

    def say(*_: Any) -> Any:
        if isinstance(engine, ImageFault):
            raise engine
        return engine

    differ: Any = SimpleNamespace(diff=say)
    return Judge(f"odiff {version}", differ, SimpleNamespace(expected=lambda *_: plain))  # type: ignore[arg-type]


@pytest.fixture
def diff(odiff: Path, pair: Pair) -> Diff:
    with judge_of(Engine(odiff, "0.0.0")) as real:
        found = real.result(pair)
    assert isinstance(found, Diff)
    return found


def masks(*changed: tuple[int, int]) -> Expected:
    mask = np.zeros((4, 4), bool)
    for place in changed:
        mask[place] = True
    return Expected(mask, np.zeros((4, 4), bool))


def test_the_same_odiff_twice_agrees(pair: Pair) -> None:
    with judge_of(find_engine()) as one, judge_of(find_engine()) as other:
        assert check(one, other, pair) is None


def test_another_number_is_told_with_both_versions(pair: Pair, diff: Diff) -> None:
    more = replace(diff, changed_pixels=diff.changed_pixels + 1)
    problem = check(judge(diff), judge(more, version="2.0.0"), pair)
    structural = f"and {diff.structural_pixels} pixels"
    assert problem == (
        f"odiff 1.0.0: {diff.changed_pixels} {structural}; "
        f"odiff 2.0.0: {more.changed_pixels} {structural}"
    )


def test_another_mask_of_the_whole_images_is_told(pair: Pair, diff: Diff) -> None:
    one, other = judge(diff, masks((1, 2))), judge(diff, masks((1, 2), (3, 3)))
    assert check(one, other, pair) == "1 pixels of the sensitive masks differ"
    assert check(one, judge(diff, masks((1, 2))), pair) is None


def test_one_that_refuses_a_pair_differs_from_one_that_does_not(pair: Pair, diff: Diff) -> None:
    fault = ImageFault(FaultCode.UNREADABLE, "base: damaged")
    assert check(judge(fault), judge(fault, version="2.0.0"), pair) is None
    problem = check(judge(fault), judge(diff, version="2.0.0"), pair)
    assert problem is not None
    assert "odiff 1.0.0: UNREADABLE" in problem
