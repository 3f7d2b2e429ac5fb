"""What the pipeline is given: its ports, its clock, its limits."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from pixelgate.domain.keys import BuildId
from pixelgate.domain.records import ComparisonRecord
from pixelgate.errors import OutOfTime
from pixelgate.ports import (
    Bucket,
    DifferPool,
    FailureRenderer,
    FanOut,
    Ledger,
    Meter,
    PatientEvents,
    Renderer,
    Stages,
    Thumbnailer,
)


def _untraced(name: str) -> AbstractContextManager[None]:
    return nullcontext()


class _Nobody:
    """Listens to no event."""

    def emit(self, kind: str, detail: Mapping[str, Any]) -> None:
        """Nobody hears it."""

    try_to_emit = emit


NOBODY = _Nobody()


def _start_nothing(build: BuildId) -> None:
    raise RuntimeError(f"{build}: this function starts no comparison")


@dataclass(frozen=True)
class Limits:
    """Times, in seconds, and counts.

    Attributes:
        lease: how long a claim is believed without a heartbeat. Short, so that after a crash
            Lambda's second retry, two minutes later, finds it run out.
        max_attempts: claims of one comparison before it fails; as often as Lambda delivers.
        margin: how long before its own end a worker stops and gives the lease back; covers a
            transparent pair of which both requests run to odiff's time limit.
        sweep_after: how long a dead lease is left to Lambda's own retries.
        thumbnails: how long a run draws them; a list without them is slower, not wrong.
        give_up_after: how long without any sign of life until the sweeper records a failure.
        grace: how long a build waits for the base that it names.
        shard_patience: how long after the last shard of a build the next one may come.
        fan_out_lease: how long a claim that was handed over is believed without a sign of any of
            its workers; longer than the longest one runs and its last retry waits.
        inline_megapixels: so many are compared by the worker that claimed; more are handed over.
        batch_pairs: pairs of one batch at most. A worker that is killed loses what of its batch it
            has under way, and a retry must fit into the five minutes of an EXPRESS execution with
            it.
        batch_megapixels: the same in pixels; 100 are some 10 s.
    """

    lease: float = 90.0
    max_attempts: int = 3
    margin: float = 75.0
    sweep_after: float = 300.0
    thumbnails: float = 120.0
    give_up_after: float = 3_600.0
    grace: float = 600.0
    shard_patience: float = 3_600.0
    fan_out_lease: float = 900.0
    inline_megapixels: float = 300.0
    batch_pairs: int = 50
    batch_megapixels: float = 100.0


@dataclass(frozen=True, kw_only=True)
class StorageContext:
    """What it takes to read and write records and statuses.

    Attributes:
        objects: the bucket.
        ledger: the table.
        events: is told of every change of state.
        limits: times and counts.
        baseline_branches: branches whose builds need no approval; `*` stands for anything.
        resume: delivers a build to another worker: what it waited for has come.
        clock: seconds since 1970.
    """

    objects: Bucket
    ledger: Ledger
    events: PatientEvents = NOBODY
    limits: Limits = Limits()
    baseline_branches: tuple[str, ...] = ("main", "master")
    resume: Callable[[BuildId], None] = _start_nothing
    clock: Callable[[], float] = time.time
    render_failure: FailureRenderer | None = None


@dataclass(frozen=True, kw_only=True)
class CompareContext(StorageContext):
    """What it takes to run a comparison.

    Attributes:
        pool: who compares pixels.
        engine: name and version of what compares them.
        render: makes the report.
        new_execution: names a run.
        stage: is told which stage is under way.
        fan_out: lets many workers go on with what is too much for one; None if there are none.
    """

    pool: DifferPool
    engine: tuple[str, str]
    render: Renderer
    new_execution: Callable[[], str] = lambda: uuid.uuid4().hex
    stage: Stages = _untraced
    fan_out: FanOut | None = None
    thumbnail: Thumbnailer | None = None
    meter: Meter | None = None

    @property
    def engine_label(self) -> str:
        """Name and version in one."""
        return " ".join(self.engine)


def check_time(time_left: Callable[[], float], limits: Limits) -> None:
    """Ends the work of a worker that is near its time limit. Raises OutOfTime."""
    if time_left() < limits.margin:
        raise OutOfTime(
            "the worker's time limit is near; what it has diffed is kept for the next attempt"
        )


class Lease:
    """Keeps a claim alive while work goes on, and ends the work when time runs out."""

    def __init__(
        self,
        records: StorageContext,
        claim: ComparisonRecord,
        time_left: Callable[[], float],
        seconds: float | None = None,
    ) -> None:
        """How long the lease is, if not as long as one of a worker that is alone, in seconds."""
        self._records = records
        self.claim = claim
        self._time_left = time_left
        self._seconds = seconds or records.limits.lease
        # Others may have prolonged it a moment ago, or nobody for long.
        self._beaten = claim.lease_until - self._seconds

    def check_time(self) -> None:
        """Ends the work of a worker that is near its time limit. Raises OutOfTime."""
        check_time(self._time_left, self._records.limits)

    def has_time(self, until: float) -> bool:
        """Whether something that can be left out may still be done, at the latest until then."""
        limits = self._records.limits
        return self._records.clock() < until and self._time_left() > 2 * limits.margin

    def check(self) -> None:
        """Prolongs the lease when a third of it is over.

        Raises:
            LeaseLost: another worker has taken over.
            OutOfTime: this worker is near its time limit.
        """
        self.check_time()
        now = self._records.clock()
        if now - self._beaten >= self._seconds / 3:
            self._records.ledger.heartbeat(self.claim, now, now + self._seconds)
            self._beaten = now
