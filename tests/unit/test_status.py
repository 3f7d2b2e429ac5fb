"""What status.json says, and which of two writers has the last word on it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from pixelgate.domain import keys
from pixelgate.domain.baseline import Choice, Kind, PassedOver
from pixelgate.domain.keys import NO_BASE, BuildId, ComparisonId
from pixelgate.domain.records import BuildRecord, ComparisonRecord, State
from pixelgate.errors import ErrorCode, WriteConflict
from pixelgate.pipeline.announce.status import (
    iso,
    status_of,
    status_of_rejected,
    supersedes,
    write_status,
)
from support.doubles.memory import MemoryBucket

BUILD = BuildId("shop", "b1")
KEY = keys.status(BUILD)
RUNNING = ComparisonRecord(
    id=ComparisonId("shop", "b1", "b0"),
    state=State.PROCESSING,
    execution="e1",
    lease_until=1090.0,
    attempts=1,
    claims=1,
    created=1000.0,
    claimed=1000.0,
    updated=1000.0,
    baseline_reason="because",
    choice=Choice(Kind.ANCESTOR, 2, (PassedOver("it was rejected", build="b9"),)),
)
DONE = replace(
    RUNNING,
    state=State.SUCCEEDED,
    updated=1010.5,
    verdict="passed",
    counts={"total": 1, "unchanged": 1},
    comparison_key="comparisons/shop/b1/b0/e1/comparison.json",
    report_key="comparisons/shop/b1/b0/e1/index.html",
)
BROKEN = replace(
    RUNNING,
    state=State.FAILED,
    updated=1020.0,
    error_code=ErrorCode.INTERNAL,
    error_message="ValueError: no",
)


def test_status_of_a_run_under_way() -> None:
    assert status_of(RUNNING) == {
        "schema_version": 1,
        "project": "shop",
        "build": "b1",
        "commit": None,
        "branch": None,
        "pull_request": None,
        "author": None,
        "state": "PROCESSING",
        "verdict": None,
        "counts": {},
        "base": "b0",
        "baseline_reason": "because",
        "baseline": {
            "kind": "ancestor",
            "distance": 2,
            "passed_over": [{"build": "b9", "why": "it was rejected"}],
        },
        "comparison": None,
        "report": None,
        "review": None,
        "error": None,
        "execution": "e1",
        "claim": 1,
        "created": "1970-01-01T00:16:40.000+00:00",
        "claimed": "1970-01-01T00:16:40.000+00:00",
        "provisional": False,
        "wait_until": None,
        "updated": "1970-01-01T00:16:40.000+00:00",
    }


def test_status_says_of_which_commit_branch_and_pull_request_the_build_is() -> None:
    build = BuildRecord(BUILD, "c0ffee", "a" * 64, 999.0, branch="topic", pull_request="5")
    assert status_of(RUNNING, build=build) == status_of(RUNNING) | {
        "commit": "c0ffee",
        "branch": "topic",
        "pull_request": "5",
    }


def test_status_of_a_result() -> None:
    assert status_of(DONE) == status_of(RUNNING) | {
        "state": "SUCCEEDED",
        "verdict": "passed",
        "counts": {"total": 1, "unchanged": 1},
        "comparison": "comparisons/shop/b1/b0/e1/comparison.json",
        "report": "comparisons/shop/b1/b0/e1/index.html",
        "updated": "1970-01-01T00:16:50.500+00:00",
    }


def test_status_of_a_failure() -> None:
    assert status_of(BROKEN) == status_of(RUNNING) | {
        "state": "FAILED",
        "error": {"code": "INTERNAL", "message": "ValueError: no"},
        "updated": "1970-01-01T00:17:00.000+00:00",
    }
    # Of a run that goes on the last error is no error yet.
    assert status_of(replace(RUNNING, error_message="TIMEOUT: near its end"))["error"] is None


def test_status_of_a_refused_manifest() -> None:
    nothing = dict.fromkeys(
        ["base", "baseline", "execution", "created", "claimed", "comparison", "report"]
    )
    assert status_of_rejected(BUILD, "no", 1000.0) == status_of(RUNNING) | nothing | {
        "state": "FAILED",
        "error": {"code": "BAD_MANIFEST", "message": "no"},
        "baseline_reason": "",
        "claim": 0,
    }


@pytest.mark.parametrize(
    ("base", "shown", "provisional"),
    [
        pytest.param("b0", "b0", False, id="a build"),
        pytest.param(NO_BASE, None, False, id="none, and none is wanted"),
        pytest.param("@build:b0", None, True, id="a build that is not there yet"),
        pytest.param("@commit:c0", None, True, id="a commit that is not there yet"),
    ],
)
def test_base_of_a_status(base: str, shown: str | None, provisional: bool) -> None:
    status = status_of(replace(RUNNING, id=ComparisonId("shop", "b1", base)))
    assert (status["base"], status["provisional"]) == (shown, provisional)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000+00:00"),
        (1767323045.678, "2026-01-02T03:04:05.678+00:00"),
        (1767323045.0, "2026-01-02T03:04:05.000+00:00"),
    ],
)
def test_times_sort_as_text(seconds: float, text: str) -> None:
    assert iso(seconds) == text


def claim(number: int, record: ComparisonRecord, at: float | None = None) -> dict[str, Any]:
    """The status of a later or earlier claim of the same comparison."""
    if at is not None:
        record = replace(record, claimed=at, updated=at)
    return status_of(replace(record, claims=number, execution=f"e{number}"))


def waiting(number: int, record: ComparisonRecord) -> dict[str, Any]:
    """The same while the base is missing."""
    return claim(number, replace(record, id=ComparisonId("shop", "b1", "@build:b0")))


def refused(message: str, at: float) -> dict[str, Any]:
    return status_of_rejected(BUILD, message, at)


LATER: dict[str, Any] = {"claimed": 1001.0, "updated": 1001.0}
REPLACED = {
    "the first one": (None, claim(1, RUNNING)),
    "the result of the run": (claim(1, RUNNING), claim(1, DONE)),
    "a worker takes over": (claim(1, RUNNING), claim(2, RUNNING)),
    "the failure of the run": (claim(2, RUNNING), claim(2, BROKEN)),
    "a new attempt after a failure": (claim(1, BROKEN), claim(2, RUNNING)),
    "… with a slow clock": (claim(1, BROKEN), claim(2, RUNNING, at=0.0)),
    "the base did not come": (waiting(1, RUNNING), waiting(1, BROKEN)),
    "the base has come": (waiting(3, BROKEN), claim(1, RUNNING)),
    "refused": (None, refused("no", 1000.0)),
    "refused for another reason": (refused("no", 1000.0), refused("neither", 1005.0)),
    "corrected after that": (refused("no", 1000.0), claim(1, RUNNING, at=1001.0)),
    "… and its base is missing": (refused("no", 1000.0), waiting(1, replace(RUNNING, **LATER))),
    "… and its base did not come": (refused("no", 1000.0), waiting(1, replace(BROKEN, **LATER))),
    "a used id used again": (claim(1, DONE), refused("used before", 1030.0)),
    "a new record, long after the old one was tidied up": (
        claim(3, BROKEN),
        claim(1, replace(RUNNING, created=9e6), at=9e6),
    ),
}
LEFT = {
    "paused after its claim": (claim(1, DONE), claim(1, RUNNING)),
    "… with a fast clock": (claim(1, DONE), claim(1, RUNNING, at=9999.0)),
    "the same result again": (claim(1, DONE), claim(1, DONE)),
    "the one that was taken over": (claim(2, RUNNING), claim(1, RUNNING)),
    "its failure, after it was taken over": (claim(2, RUNNING), claim(1, BROKEN)),
    "a late failure after a result": (claim(2, DONE), claim(1, BROKEN)),
    "late news of no base": (claim(1, RUNNING), waiting(3, BROKEN)),
    "late claim without a base": (claim(1, DONE), waiting(3, RUNNING)),
    "refused twice for one reason": (refused("no", 1000.0), refused("no", 1005.0)),
    "refused after the claim": (refused("no", 1002.0), claim(1, RUNNING, at=1001.0)),
    "the result of a run that began before another manifest came": (
        refused("another manifest", 1005.0),
        claim(1, DONE),
    ),
}


def as_stored(status: dict[str, Any] | None) -> Any:
    return json.loads(json.dumps(status))


@pytest.mark.parametrize(("present", "new"), REPLACED.values(), ids=REPLACED)
def test_a_status_that_is_ahead_replaces_another(
    present: dict[str, Any] | None, new: dict[str, Any]
) -> None:
    assert supersedes(new, as_stored(present))


@pytest.mark.parametrize(("present", "new"), LEFT.values(), ids=LEFT)
def test_a_status_that_is_behind_does_not(present: dict[str, Any], new: dict[str, Any]) -> None:
    assert not supersedes(new, as_stored(present))


class RacedBucket(MemoryBucket):
    """A bucket in which others write just before our own conditional writes."""

    def __init__(self, *others: dict[str, Any]) -> None:
        super().__init__()
        self.others = list(others)

    def replace(self, key: str, body: bytes, content_type: str, tag: str | None) -> None:
        if self.others:
            self.write(key, json.dumps(self.others.pop(0)).encode(), content_type)
        super().replace(key, body, content_type, tag)


def stored(objects: MemoryBucket) -> dict[str, Any]:
    status: dict[str, Any] = json.loads(objects.read(KEY))
    return status


def test_status_is_announced_where_ci_looks_and_in_its_own_letters() -> None:
    objects = MemoryBucket()
    said = refused("images['ü.png']", 1000.0)
    assert write_status(objects, BUILD, said) is True
    assert list(objects.objects) == ["builds/shop/b1/status.json"]
    assert stored(objects) == said
    assert objects.content_types[KEY] == "application/json"
    assert "images['ü.png']".encode() in objects.read(KEY)


def test_what_is_behind_is_not_announced() -> None:
    objects = MemoryBucket()
    write_status(objects, BUILD, claim(1, DONE))
    assert write_status(objects, BUILD, claim(1, RUNNING)) is False
    assert stored(objects) == claim(1, DONE)


def test_race_that_the_other_has_won_is_left_alone() -> None:
    objects = RacedBucket(claim(1, DONE))
    assert write_status(objects, BUILD, claim(1, RUNNING)) is False
    assert stored(objects) == claim(1, DONE)


def test_race_for_a_later_status() -> None:
    objects = RacedBucket()
    write_status(objects, BUILD, claim(1, RUNNING))
    objects.others = [claim(2, RUNNING), claim(3, RUNNING)]
    assert write_status(objects, BUILD, claim(3, DONE)) is True
    assert stored(objects) == claim(3, DONE)


def test_the_fiftieth_lost_race_is_the_last() -> None:
    objects = RacedBucket(*[claim(1, RUNNING)] * 49)
    assert write_status(objects, BUILD, claim(1, DONE)) is True
    assert stored(objects) == claim(1, DONE)
    objects = RacedBucket(*[claim(1, RUNNING)] * 50)
    with pytest.raises(WriteConflict, match="written by others 50 times in a row"):
        write_status(objects, BUILD, claim(1, DONE))
    assert stored(objects) == claim(1, RUNNING)
