"""Waiting for a result: which one counts, how often it is asked, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pixelgate.client.polling import Clock, Seen, gave_up, look, wait_for_result
from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.errors import BucketError, Refused
from pixelgate.ports import Progress
from support.doubles.memory import MemoryBucket

BUILD = BuildId("shop", "1-1")


class Time:
    """A clock that stands still unless somebody sleeps, and what happens while they do."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.pauses: list[float] = []
        self.events: list[tuple[float, Callable[[], object]]] = []

    def at(self, seconds: float, act: Callable[[], object]) -> None:
        self.events.append((seconds, act))

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.seconds += seconds
        for event in [e for e in self.events if e[0] <= self.seconds]:
            self.events.remove(event)
            event[1]()

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.seconds, self.sleep)


class Flaky(MemoryBucket):
    """A bucket that raises so many times first."""

    def __init__(self, errors: list[Exception]) -> None:
        super().__init__()
        self.errors = errors

    def read_changed(self, key: str, tag: str | None) -> tuple[bytes, str] | None:
        if self.errors:
            raise self.errors.pop(0)
        return super().read_changed(key, tag)


def tell(store: MemoryBucket, state: str, **fields: Any) -> None:
    body = json.dumps({"state": state, **fields}).encode()
    store.write(keys.status(BUILD), body, "application/json")


def state(seen: Seen) -> Any:
    return (seen.status or {}).get("state")


def test_every_new_state_is_told_once(store: MemoryBucket) -> None:
    time, said = Time(), list[str]()
    reason = "base 1234 is not there yet"
    time.at(3, lambda: tell(store, "WAITING_FOR_BASE", baseline_reason=reason))
    time.at(20, lambda: tell(store, "PROCESSING"))
    time.at(30, lambda: tell(store, "SUCCEEDED"))
    progress = Progress(say=said.append)
    assert state(wait_for_result(store, BUILD, 60, clock=time.clock, progress=progress)) == (
        "SUCCEEDED"
    )
    assert said == [
        "waiting for the comparison to begin",
        f"waiting for the baseline: {reason}",
        "comparing",
    ]


def test_the_pauses_grow_to_five_seconds(store: MemoryBucket) -> None:
    time = Time()
    assert wait_for_result(store, BUILD, 60, clock=time.clock) == Seen(None, None)
    assert time.pauses[0] == 0.5
    assert max(time.pauses) == 5.0
    assert sum(time.pauses) == pytest.approx(60)
    assert len(time.pauses) < 25


def test_time_over_gives_the_last_status(store: MemoryBucket) -> None:
    tell(store, "PROCESSING")
    assert state(wait_for_result(store, BUILD, 10, clock=Time().clock)) == "PROCESSING"


def test_a_result_that_is_there_is_taken_at_once(store: MemoryBucket) -> None:
    time = Time()
    tell(store, "SUCCEEDED")
    for seconds in (60, 0):
        assert state(wait_for_result(store, BUILD, seconds, clock=time.clock)) == "SUCCEEDED"
    assert time.pauses == []


def test_a_failure_from_before_the_upload_is_not_its_result(store: MemoryBucket) -> None:
    time = Time()
    tell(store, "FAILED", error={"code": "BAD_MANIFEST"})
    before = look(store, BUILD)
    time.at(8, lambda: tell(store, "SUCCEEDED"))
    assert state(wait_for_result(store, BUILD, 60, before=before, clock=time.clock)) == "SUCCEEDED"


def test_a_failure_that_nothing_follows_counts_after_a_while(store: MemoryBucket) -> None:
    time = Time()
    tell(store, "FAILED", error={"code": "IMAGE_MISSING"})
    before = look(store, BUILD)
    assert state(wait_for_result(store, BUILD, 600, before=before, clock=time.clock)) == "FAILED"
    assert 20 <= time.seconds < 26


@pytest.mark.parametrize("failures", [4, 5])
def test_an_outage_is_sat_out_and_told_if_it_lasts(failures: int) -> None:
    store = Flaky([BucketError("down")] * failures)
    tell(store, "SUCCEEDED")
    if failures == 4:
        assert state(wait_for_result(store, BUILD, 60, clock=Time().clock)) == "SUCCEEDED"
    else:
        with pytest.raises(BucketError, match="down"):
            wait_for_result(store, BUILD, 600, clock=Time().clock)


def test_who_may_not_read_does_not_wait() -> None:
    time = Time()
    with pytest.raises(Refused):
        wait_for_result(Flaky([Refused("no")]), BUILD, 600, clock=time.clock)
    assert time.pauses == []


@pytest.mark.parametrize("body", [b"{", b"[]", b""])
def test_a_status_that_is_none(store: MemoryBucket, body: bytes) -> None:
    store.write(keys.status(BUILD), body, "application/json")
    with pytest.raises(BucketError, match=r"status.json is not a JSON object"):
        look(store, BUILD)


WAITS = {"state": "WAITING_FOR_BASE", "baseline_reason": "c1 is not there"}


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (None, "no status for shop/1-1 in 900 s. Are all of its shards uploaded"),
        ({"state": "PROCESSING"}, "shop/1-1 is PROCESSING after 900 s. The comparison continues"),
        (WAITS, "baseline after 900 s (c1 is not there). Did the base's own job"),
    ],
)
def test_giving_up_says_what_to_do(status: Any, words: str) -> None:
    assert words in gave_up(BUILD, Seen(status, None), 900)
