"""Waits for a build's result: a small object is asked for, and S3 says so if it has not changed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pixelgate.client.progress import SILENT, Progress
from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.errors import BucketError, NotFound, Refused
from pixelgate.ports import Bucket

Status = Mapping[str, Any]

_FIRST_PAUSE, _LONGEST_PAUSE, _GROWTH = 0.5, 5.0, 1.3
# A manifest that is sent again wakes its run within seconds. Until then a FAILED is an old one.
STALE_SECONDS = 20.0
_OUTAGES = 5
FINAL = frozenset({"SUCCEEDED", "FAILED"})


@dataclass(frozen=True)
class Clock:
    """How time passes."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Seen:
    """A status and its tag, as it was before something was done."""

    status: Status | None
    tag: str | None


REAL_CLOCK, NOTHING_SEEN = Clock(), Seen(None, None)


def look(store: Bucket, build: BuildId) -> Seen:
    """The present status, if there is one."""
    try:
        body, tag = store.read_tagged(keys.status(build))
    except NotFound:
        return NOTHING_SEEN
    return Seen(_read(body, build), tag)


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

    Args:
        store: the bucket.
        build: whose result.
        timeout: seconds.
        before: what was there before the upload; a failure in it may be about to be overwritten.
        progress: is told of every new state.
        clock: how time passes.

    Returns:
        The last status; the caller looks whether it is final.

    Raises:
        BucketError: the bucket cannot be asked, several times in a row.
    """
    started = clock.now()

    def done(seen: Seen) -> bool:
        if seen.status is None or seen.status.get("state") not in FINAL:
            return False
        stale = seen.tag == before.tag and seen.status["state"] == "FAILED"
        return not stale or clock.now() - started >= STALE_SECONDS

    return poll(store, build, timeout, done, progress=progress, clock=clock)


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

    Args:
        store: the bucket.
        build: whose status.
        timeout: seconds.
        done: whether a status is what is waited for.
        progress: is told of every new state.
        clock: how time passes.
        words: what is said of a status; by default its state.

    Raises:
        BucketError: the bucket cannot be asked, several times in a row.
    """
    end = clock.now() + timeout
    seen, pause, outages, said = NOTHING_SEEN, _FIRST_PAUSE, 0, ""
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
        if now != said:
            progress.say(now)
            said = now
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
        raise BucketError(f"{keys.status(build)} holds no JSON object; who else writes there?")
    return status


def in_words(status: Status | None) -> str:
    """What a build is at, for a person who waits."""
    match (status or {}).get("state"):
        case None:
            return "waiting for the comparison to begin"
        case "WAITING_FOR_BASE":
            reason = (status or {}).get("baseline_reason")
            if str(reason).startswith("waiting for "):
                return str(reason)
            return f"waiting for the baseline{f': {reason}' if reason else ''}"
        case "WAITING_FOR_SHARDS":
            return "waiting for the other shards"
        case "PROCESSING":
            return "comparing"
        case state:
            return str(state).lower().replace("_", " ")


def gave_up(build: BuildId, seen: Seen, timeout: float) -> str:
    """Why nothing came of waiting, and what to do."""
    seconds = f"{timeout:g} s"
    match (seen.status or {}).get("state"):
        case None:
            return (
                f"nothing has answered for {build} in {seconds}. Are all its shards in "
                "(`pixelgate finalize`), and is this the bucket of the stack? "
                "`pixelgate doctor` looks; the functions' logs say more"
            )
        case "WAITING_FOR_BASE":
            reason = (seen.status or {}).get("baseline_reason", "")
            return (
                f"{build} still waits for its baseline after {seconds} ({reason}). Did the base's "
                "own job fail? It goes on by itself; `pixelgate wait` waits again"
            )
        case state:
            return (
                f"{build} is {state} after {seconds}. It goes on by itself; `pixelgate wait` waits "
                "again, --timeout sets for how long"
            )
