"""The exit code of every result, a row each."""

from __future__ import annotations

from typing import Any

import pytest

from pixelgate.client.exit_code import Gate, exit_of, read_fail_on
from pixelgate.errors import UsageError
from pixelgate.published.status import in_words

PASSED = {"state": "SUCCEEDED", "verdict": "passed", "base": "b0", "counts": {"unchanged": 3}}
FIRST = {**PASSED, "base": None, "counts": {"added": 3}}
CHANGED = {**PASSED, "verdict": "needs_review", "counts": {"changed": 2, "added": 0}}
ADDED = {**CHANGED, "counts": {"changed": 0, "added": 1}}
ERRORED = {**FIRST, "verdict": "needs_review", "counts": {"errored": 1, "added": 2}}
NEEDED = {**CHANGED, "review": {"state": "needed", "left": 2}}
APPROVED = {**CHANGED, "review": {"state": "approved", "left": 0}}
REJECTED = {**CHANGED, "review": {"state": "rejected", "left": 0}}
FAILED = {"state": "FAILED", "verdict": None, "error": {"code": "IMAGE_MISSING", "message": "x"}}
NO_BASE = {**FAILED, "error": {"code": "BASE_MISSING", "message": "x"}}


@pytest.mark.parametrize(
    ("status", "gate", "code"),
    [
        pytest.param(PASSED, Gate(), 0, id="passed"),
        pytest.param(FIRST, Gate(), 0, id="the first upload"),
        pytest.param(APPROVED, Gate(), 0, id="approved"),
        pytest.param(CHANGED, Gate(), 1, id="changed, and the status says nothing of a review"),
        pytest.param(NEEDED, Gate(), 1, id="a review is needed"),
        pytest.param(REJECTED, Gate(), 1, id="rejected"),
        pytest.param(ERRORED, Gate(), 1, id="errored in the first upload"),
        pytest.param(FAILED, Gate(), 2, id="failed"),
        pytest.param(NO_BASE, Gate(), 2, id="failed for want of a base"),
        pytest.param(None, Gate(), 3, id="no status"),
        pytest.param({"state": None}, Gate(), 3, id="a status without a state"),
        pytest.param({"state": "PROCESSING"}, Gate(), 3, id="processing"),
        pytest.param({"state": "WAITING_FOR_BASE"}, Gate(), 3, id="waiting for its base"),
        pytest.param(FIRST, Gate(require_baseline=True), 4, id="no baseline"),
        pytest.param(ERRORED, Gate(require_baseline=True), 4, id="no baseline, and errored"),
        pytest.param(NO_BASE, Gate(require_baseline=True), 4, id="the baseline never came"),
        pytest.param(PASSED, Gate(require_baseline=True), 0, id="a baseline"),
        pytest.param(FAILED, Gate(require_baseline=True), 2, id="failed otherwise"),
        pytest.param(CHANGED, Gate(fail_on=("changed",)), 1, id="fail on changed: changed"),
        pytest.param(ADDED, Gate(fail_on=("changed",)), 0, id="fail on changed: added"),
        pytest.param(ADDED, Gate(fail_on=("added", "removed")), 1, id="fail on added: added"),
        pytest.param(APPROVED, Gate(fail_on=("changed",)), 0, id="fail on changed: approved"),
        pytest.param(CHANGED, Gate(exit_zero=True), 0, id="exit zero: changed"),
        pytest.param(REJECTED, Gate(exit_zero=True), 1, id="exit zero: rejected all the same"),
        pytest.param(FAILED, Gate(exit_zero=True), 2, id="exit zero: failed all the same"),
        pytest.param(None, Gate(exit_zero=True), 3, id="exit zero: no result all the same"),
    ],
)
def test_exit_code(status: dict[str, Any] | None, gate: Gate, code: int) -> None:
    assert exit_of(status, gate) == code


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (PASSED, "passed"),
        (FIRST, "passed, with nothing to compare with"),
        (CHANGED, "needs review"),
        (APPROVED, "approved"),
        (REJECTED, "rejected"),
        (FAILED, "failed"),
        ({"state": "WAITING_FOR_BASE"}, "waiting for base"),
        ({"state": None}, "no result yet"),
    ],
)
def test_in_words(status: dict[str, Any], words: str) -> None:
    assert in_words(status) == words


def test_fail_on_takes_words_with_commas() -> None:
    assert read_fail_on("changed, Removed") == ("changed", "removed")
    for said, named in (("changd", "'changd'"), (",", "nothing")):
        with pytest.raises(UsageError, match=f"--fail-on names {named}; it takes changed, added"):
            read_fail_on(said)
