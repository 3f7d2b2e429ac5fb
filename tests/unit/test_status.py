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


def test_last_error_of_a_run_that_goes_on_is_no_error_yet() -> None:
    assert status_of(replace(RUNNING, error_message="TIMEOUT: near its end"))["error"] is None


def test_status_of_a_refused_manifest() -> None:
    assert status_of_rejected(BUILD, "no", 1000.0) == {
        "schema_version": 1,
        "project": "shop",
        "build": "b1",
        "commit": None,
        "branch": None,
        "pull_request": None,
        "state": "FAILED",
        "verdict": None,
        "counts": {},
        "base": None,
        "baseline_reason": "",
        "baseline": None,
        "comparison": None,
        "report": None,
        "review": None,
        "error": {"code": "BAD_MANIFEST", "message": "no"},
        "execution": None,
        "claim": 0,
        "created": None,
        "claimed": None,
        "provisional": False,
        "wait_until": None,
        "updated": "1970-01-01T00:16:40.000+00:00",
    }


def test_refused_and_compared_builds_have_the_same_fields() -> None:
    assert status_of_rejected(BUILD, "no", 1000.0).keys() == status_of(RUNNING).keys()


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
        pytest.param(0.0, "1970-01-01T00:00:00.000+00:00", id="the beginning"),
        pytest.param(1767323045.678, "2026-01-02T03:04:05.678+00:00", id="milliseconds"),
        pytest.param(1767323045.0, "2026-01-02T03:04:05.000+00:00", id="zeros stay"),
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


@pytest.mark.parametrize(
    ("present", "new", "replaced"),
    [
        pytest.param(None, claim(1, RUNNING), True, id="the first one"),
        pytest.param(claim(1, RUNNING), claim(1, DONE), True, id="the result of the run"),
        pytest.param(claim(1, DONE), claim(1, RUNNING), False, id="paused after its claim"),
        pytest.param(
            claim(1, DONE),
            claim(1, RUNNING, at=9999.0),
            False,
            id="paused after its claim, with a fast clock",
        ),
        pytest.param(claim(1, DONE), claim(1, DONE), False, id="the same result again"),
        pytest.param(claim(1, RUNNING), claim(2, RUNNING), True, id="a worker takes over"),
        pytest.param(claim(2, RUNNING), claim(1, RUNNING), False, id="the one that was taken over"),
        pytest.param(
            claim(2, RUNNING), claim(1, BROKEN), False, id="its failure, after it was taken over"
        ),
        pytest.param(claim(2, RUNNING), claim(2, BROKEN), True, id="the failure of the run"),
        pytest.param(claim(1, BROKEN), claim(2, RUNNING), True, id="a new attempt after a failure"),
        pytest.param(
            claim(1, BROKEN),
            claim(2, RUNNING, at=0.0),
            True,
            id="a new attempt after a failure, with a slow clock",
        ),
        pytest.param(claim(2, DONE), claim(1, BROKEN), False, id="a late failure after a result"),
        pytest.param(waiting(1, RUNNING), waiting(1, BROKEN), True, id="the base did not come"),
        pytest.param(waiting(3, BROKEN), claim(1, RUNNING), True, id="the base has come"),
        pytest.param(claim(1, RUNNING), waiting(3, BROKEN), False, id="late news of no base"),
        pytest.param(claim(1, DONE), waiting(3, RUNNING), False, id="late claim without a base"),
        pytest.param(None, refused("no", 1000.0), True, id="refused"),
        pytest.param(
            refused("no", 1000.0), refused("no", 1005.0), False, id="refused twice for one reason"
        ),
        pytest.param(
            refused("no", 1000.0), refused("neither", 1005.0), True, id="refused for another reason"
        ),
        pytest.param(
            refused("no", 1000.0), claim(1, RUNNING, at=1001.0), True, id="corrected after that"
        ),
        pytest.param(
            refused("no", 1000.0),
            waiting(1, replace(RUNNING, claimed=1001.0, updated=1001.0)),
            True,
            id="corrected after that, and its base is missing",
        ),
        pytest.param(
            refused("no", 1000.0),
            waiting(1, replace(BROKEN, claimed=1001.0, updated=1001.0)),
            True,
            id="corrected after that, and its base did not come",
        ),
        pytest.param(
            refused("no", 1002.0), claim(1, RUNNING, at=1001.0), False, id="refused after the claim"
        ),
        pytest.param(
            refused("another manifest", 1005.0),
            claim(1, DONE),
            False,
            id="the result of a run that began before another manifest came",
        ),
        pytest.param(
            claim(3, BROKEN),
            claim(1, replace(RUNNING, created=9e6), at=9e6),
            True,
            id="a new record, long after the old one was tidied up",
        ),
        pytest.param(
            claim(1, DONE), refused("used before", 1030.0), True, id="a used id used again"
        ),
    ],
)
def test_supersedes(present: dict[str, Any] | None, new: dict[str, Any], replaced: bool) -> None:
    # As it comes back from the bucket.
    assert supersedes(new, json.loads(json.dumps(present))) is replaced


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


def test_status_is_announced_where_ci_looks() -> None:
    objects = MemoryBucket()
    assert write_status(objects, BUILD, claim(1, RUNNING)) is True
    assert list(objects.objects) == ["builds/shop/b1/status.json"]
    assert stored(objects) == claim(1, RUNNING)
    assert objects.content_types[KEY] == "application/json"


def test_message_is_announced_in_its_own_letters() -> None:
    objects = MemoryBucket()
    write_status(objects, BUILD, refused("images['ü.png']", 1000.0))
    assert "images['ü.png']".encode() in objects.read(KEY)


def test_what_is_behind_is_not_announced() -> None:
    objects = MemoryBucket()
    write_status(objects, BUILD, claim(1, DONE))
    assert write_status(objects, BUILD, claim(1, RUNNING)) is False
    assert stored(objects) == claim(1, DONE)


def test_race_for_the_first_status_is_won_by_what_is_ahead() -> None:
    objects = RacedBucket(claim(1, RUNNING))
    assert write_status(objects, BUILD, claim(1, DONE)) is True
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


def test_race_without_end_is_given_up() -> None:
    objects = RacedBucket(*[claim(1, RUNNING)] * 50)
    with pytest.raises(WriteConflict, match="written by others 50 times in a row"):
        write_status(objects, BUILD, claim(1, DONE))
    assert stored(objects) == claim(1, RUNNING)


def test_forty_nine_lost_races_are_no_loss() -> None:
    objects = RacedBucket(*[claim(1, RUNNING)] * 49)
    assert write_status(objects, BUILD, claim(1, DONE)) is True
    assert stored(objects) == claim(1, DONE)
