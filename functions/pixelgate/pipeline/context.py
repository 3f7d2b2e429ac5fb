"""Contexts that hold the ports, the clock and the limits of the pipeline, and the lease."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import nullcontext
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
    Previewer,
    Renderer,
    Stages,
    Thumbnailer,
)


class _NoEvents:
    """An event emitter that drops every event."""

    def emit(self, kind: str, detail: Mapping[str, Any]) -> None:
        """Drops the event."""

    try_to_emit = emit


NO_EVENTS = _NoEvents()


def _start_nothing(build: BuildId) -> None:
    raise RuntimeError(f"{build}: this function starts no comparison")


@dataclass(frozen=True)
class Limits:
    """Times, in seconds, and counts.

    Attributes:
        lease: how long a claim is valid without a heartbeat. It is short, so that it has expired
            when Lambda's second retry comes, two minutes after a crash.
        max_attempts: claims of one comparison before it fails; Lambda delivers as often.
        margin: how long before its time limit a worker stops and gives the lease back. It covers
            a transparent pair whose two odiff requests both time out.
        sweep_after: how long the sweeper leaves an expired lease to Lambda's own retries.
        thumbnails: how long a run draws thumbnails. Without them the report's list is slower, but
            not wrong.
        previews: how long a run draws pictures for the pull request's comment, which waits for
            them. A lease must outlast it.
        give_up_after: how long a comparison may show no progress before the sweeper fails it.
        grace: how long a build waits for the base that it names.
        shard_patience: how long a build waits for its next shard after the last one.
        fan_out_lease: how long a claim is valid after a hand-over without a heartbeat from any
            worker. It is longer than the longest worker and the wait before its last retry.
        inline_megapixels: the most that the claiming worker compares by itself; a larger
            comparison is handed over.
        map_rounds: how often the state machine maps over batches: over all of them, then over
            those without a result.
        batch_pairs: the most pairs in a batch. A killed worker loses the pairs that it was
            comparing, and a retry must still fit into the five minutes of an EXPRESS execution.
        batch_megapixels: the most megapixels in a batch; 100 take about 10 s.
    """

    lease: float = 90.0
    max_attempts: int = 3
    margin: float = 75.0
    sweep_after: float = 300.0
    thumbnails: float = 120.0
    previews: float = 15.0
    give_up_after: float = 3_600.0
    grace: float = 600.0
    shard_patience: float = 3_600.0
    fan_out_lease: float = 900.0
    inline_megapixels: float = 300.0
    map_rounds: int = 3
    batch_pairs: int = 50
    batch_megapixels: float = 100.0


@dataclass(frozen=True, kw_only=True)
class StorageContext:
    """The ports and settings for reading and writing records and statuses.

    Attributes:
        objects, ledger, events: the bucket, the table, and what receives every change of state.
        baseline_branches: branches whose builds need no approval; `*` stands for anything.
        trunk_only: whether the ids of such builds must begin with `trunk.`.
        resume: delivers a build to another worker, because the wait of the build is over.
        clock: seconds since 1970.
        render_failure: makes the page of a failed build; None writes no page.
        site_role: the unique id of the review site's role; "" if there is no site.
    """

    objects: Bucket
    ledger: Ledger
    events: PatientEvents = NO_EVENTS
    limits: Limits = Limits()
    baseline_branches: tuple[str, ...] = ("main", "master")
    trunk_only: bool = False
    resume: Callable[[BuildId], None] = _start_nothing
    clock: Callable[[], float] = time.time
    render_failure: FailureRenderer | None = None
    site_role: str = ""


@dataclass(frozen=True, kw_only=True)
class CompareContext(StorageContext):
    """The ports and settings for running a comparison.

    Without `fan_out` one worker compares everything; without `thumbnail` none is drawn, without
    `preview` no picture for the pull request's comment, and without `meter` no cost is measured.
    `engine` is name and version.
    """

    pool: DifferPool
    engine: tuple[str, str]
    render: Renderer
    new_execution: Callable[[], str] = lambda: uuid.uuid4().hex
    stage: Stages = lambda name: nullcontext()
    fan_out: FanOut | None = None
    thumbnail: Thumbnailer | None = None
    preview: Previewer | None = None
    meter: Meter | None = None

    @property
    def engine_label(self) -> str:
        """Name and version in one string."""
        return " ".join(self.engine)


def check_time(time_left: Callable[[], float], limits: Limits) -> None:
    """Raises OutOfTime if the worker is near its time limit."""
    if time_left() < limits.margin:
        raise OutOfTime(
            "the worker's time limit is near; what it has diffed is kept for the next attempt"
        )


class Lease:
    """Renews a claim while its worker runs, and stops the worker before its time limit."""

    def __init__(
        self,
        storage: StorageContext,
        claim: ComparisonRecord,
        time_left: Callable[[], float],
        seconds: float | None = None,
    ) -> None:
        """Starts the lease of a claim; `seconds` is its length, `limits.lease` by default."""
        self._storage = storage
        self.claim = claim
        self._time_left = time_left
        self._seconds = seconds or storage.limits.lease
        # Another worker of the same execution may have renewed it since the claim.
        self._beaten = claim.lease_until - self._seconds

    def check_time(self) -> None:
        """Raises OutOfTime if the worker is near its time limit."""
        check_time(self._time_left, self._storage.limits)

    def has_time(self, until: float) -> bool:
        """Whether there is time for optional work that ends at `until`, in seconds since 1970."""
        limits = self._storage.limits
        return self._storage.clock() < until and self._time_left() > 2 * limits.margin

    def check(self) -> None:
        """Renews the lease when a third of it is over. Raises LeaseLost or OutOfTime."""
        self.check_time()
        now = self._storage.clock()
        if now - self._beaten >= self._seconds / 3:
            self._storage.ledger.heartbeat(self.claim, now, now + self._seconds)
            self._beaten = now
