"""Waits for a build's result by reading status.json again and again, if it has changed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from pixelgate.client.shards import Shards, find_shards, may_lack_shards
from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.errors import BucketError, NotFound, Refused
from pixelgate.ports import SILENT, Bucket, Progress

Status = Mapping[str, Any]

_FIRST_PAUSE, _LONGEST_PAUSE, _GROWTH = 0.5, 5.0, 1.3
# A manifest that is sent again starts a new run within seconds. Until then a FAILED is outdated.
STALE_SECONDS = 20.0
_OUTAGES = 5
# A status is there within seconds. Only after that is its build one of shards, maybe.
_UNTOLD_SECONDS = 5.0
FINAL = frozenset({"SUCCEEDED", "FAILED"})


@dataclass(frozen=True)
class Clock:
    """The clock, which tests replace."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Seen:
    """A status and its ETag, as they were at one moment, and the shards while some are missing."""

    status: Status | None
    tag: str | None
    shards: Shards | None = None


REAL_CLOCK, NOTHING_SEEN = Clock(), Seen(None, None)


def look(store: Bucket, build: BuildId) -> Seen:
    """Reads the present status, if there is one."""
    try:
        body, tag = store.read_tagged(keys.status(build))
    except NotFound:
        return NOTHING_SEEN
    return Seen(_read(body, build), tag)


def with_shards(store: Bucket, build: BuildId, seen: Seen) -> Seen:
    """Adds the shards, if the build has some and their merge has not begun.

    Raises:
        BucketError: the bucket cannot be asked.
    """
    return replace(seen, shards=find_shards(store, build)) if may_lack_shards(seen.status) else seen


def wait_for_result(
    store: Bucket,
    build: BuildId,
    timeout: float,
    *,
    before: Seen = NOTHING_SEEN,
    progress: Progress = SILENT,
    clock: Clock = REAL_CLOCK,
) -> Seen:
    """Waits until a build is SUCCEEDED or FAILED, or the time is over.

    A failure that was there `before` the upload may soon be overwritten. The timeout is in seconds.

    Returns:
        The last status, with the shards if some are missing; the caller checks whether it is final.

    Raises:
        BucketError: the bucket cannot be asked, several times in a row.
    """
    started = clock.now()

    def done(seen: Seen) -> bool:
        if seen.status is None or seen.status.get("state") not in FINAL:
            return False
        stale = seen.tag == before.tag and seen.status["state"] == "FAILED"
        return not stale or clock.now() - started >= STALE_SECONDS

    def words(status: Status | None) -> str:
        shards = None
        if status is not None or clock.now() - started >= _UNTOLD_SECONDS:
            with suppress(BucketError):  # `poll` counts outages
                shards = with_shards(store, build, Seen(status, None)).shards
        return f"waiting for shards: {shards.words}" if shards else in_words(status)

    seen = poll(store, build, timeout, done, progress=progress, clock=clock, words=words)
    with suppress(BucketError):
        seen = with_shards(store, build, seen)
    return seen


def poll(
    store: Bucket,
    build: BuildId,
    timeout: float,
    done: Callable[[Seen], bool],
    *,
    progress: Progress = SILENT,
    clock: Clock = REAL_CLOCK,
    words: Callable[[Status | None], str] | None = None,
) -> Seen:
    """Reads the status until `done` or the time is over; returns the last one.

    The timeout is in seconds. `words` describes a status for `progress`, by default its state.

    Raises:
        BucketError: the bucket cannot be asked, several times in a row.
    """
    end = clock.now() + timeout
    seen, pause, outages, reported = NOTHING_SEEN, _FIRST_PAUSE, 0, ""
    progress.begin("waiting", 0)
    while True:
        try:
            seen, outages = _again(store, build, seen), 0
        except Refused:
            raise
        except BucketError:
            outages += 1
            if outages == _OUTAGES:
                raise
        if done(seen):
            return seen
        now = (words or in_words)(seen.status)
        if now != reported:
            progress.say(now)
            reported = now
        left = end - clock.now()
        if left <= 0:
            return seen
        clock.sleep(min(pause, left))
        pause = min(pause * _GROWTH, _LONGEST_PAUSE)


def _again(store: Bucket, build: BuildId, seen: Seen) -> Seen:
    try:
        changed = store.read_changed(keys.status(build), seen.tag)
    except NotFound:
        return NOTHING_SEEN
    return Seen(_read(changed[0], build), changed[1]) if changed else seen


def _read(body: bytes, build: BuildId) -> Status:
    try:
        status = json.loads(body)
    except ValueError:
        status = None
    if not isinstance(status, dict):
        raise BucketError(
            f"{keys.status(build)} is not a JSON object; does something else write there?"
        )
    return status


def in_words(status: Status | None) -> str:
    """Describes the state of a build, for a person who waits."""
    match (status or {}).get("state"):
        case None:
            return "waiting for the comparison to begin"
        case "WAITING_FOR_BASE":
            reason = (status or {}).get("baseline_reason")
            if str(reason).startswith("waiting for "):
                return str(reason)
            return f"waiting for the baseline{f': {reason}' if reason else ''}"
        case "PROCESSING" if may_lack_shards(status):
            return f"waiting for shards: {(status or {}).get('baseline_reason')}"
        case "PROCESSING":
            return "comparing"
        case state:
            return str(state).lower().replace("_", " ")


def gave_up(build: BuildId, seen: Seen, timeout: float) -> str:
    """Explains why there is no result in time, and what to do."""
    seconds = f"{timeout:g} s"
    if seen.shards:
        return (
            f"{build} is not compared after {seconds}: {seen.shards.words}. "
            f"{seen.shards.advice(build)}. `pixelgate wait` waits again"
        )
    match (seen.status or {}).get("state"):
        case None:
            return (
                f"no status for {build} in {seconds}. Are all of its shards uploaded "
                "(`pixelgate finalize`), and is this the bucket of the stack? "
                "`pixelgate doctor` checks; the functions' logs have details"
            )
        case "WAITING_FOR_BASE":
            reason = (seen.status or {}).get("baseline_reason", "")
            return (
                f"{build} still waits for its baseline after {seconds} ({reason}). Did the base's "
                "own job fail? The comparison continues; `pixelgate wait` waits again"
            )
        case state:
            return (
                f"{build} is {state} after {seconds}. The comparison continues; `pixelgate wait` "
                "waits again, --timeout sets for how long"
            )
