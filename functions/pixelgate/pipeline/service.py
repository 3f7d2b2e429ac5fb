"""What the pipeline is given: its ports, its clock, its limits."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from pixelgate.errors import OutOfTime
from pixelgate.ports import (
    DifferPool,
    FailureRenderer,
    Ledger,
    Meter,
    Objects,
    Renderer,
    Stages,
    Thumbnailer,
)
from pixelgate.record import ComparisonRecord


def _untraced(name: str) -> AbstractContextManager[None]:
    return nullcontext()


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
    """

    lease: float = 90.0
    max_attempts: int = 3
    margin: float = 75.0
    sweep_after: float = 300.0
    thumbnails: float = 120.0
    give_up_after: float = 3_600.0


@dataclass(frozen=True, kw_only=True)
class Records:
    """What it takes to read and write records and statuses."""

    objects: Objects
    ledger: Ledger
    limits: Limits = Limits()
    clock: Callable[[], float] = time.time
    render_failure: FailureRenderer | None = None


@dataclass(frozen=True, kw_only=True)
class Service(Records):
    """What it takes to run a comparison."""

    pool: DifferPool
    engine: tuple[str, str]
    render: Renderer
    new_execution: Callable[[], str] = lambda: uuid.uuid4().hex
    stage: Stages = _untraced
    thumbnail: Thumbnailer | None = None
    meter: Meter | None = None

    @property
    def engine_label(self) -> str:
        """Name and version in one."""
        return " ".join(self.engine)


class Lease:
    """Keeps a claim alive while work goes on, and ends the work when time runs out."""

    def __init__(
        self, records: Records, claim: ComparisonRecord, time_left: Callable[[], float]
    ) -> None:
        self._records = records
        self._claim = claim
        self._time_left = time_left
        self._beaten = records.clock()

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
        limits = self._records.limits
        if self._time_left() < limits.margin:
            raise OutOfTime(
                "the worker's time limit is near; what it has diffed is kept for the next attempt"
            )
        now = self._records.clock()
        if now - self._beaten >= limits.lease / 3:
            self._records.ledger.heartbeat(self._claim, now, now + limits.lease)
            self._beaten = now
