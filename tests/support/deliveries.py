"""A world of workers whose ports may fail, and of events that Lambda delivers again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pixelgate.domain.keys import BuildId, Upload
from pixelgate.domain.records import ComparisonRecord, Result, State
from pixelgate.pipeline.announce.announce import Backlog
from pixelgate.pipeline.compare.dispatch import receive
from pixelgate.pipeline.compare.outcomes import Published
from pixelgate.pipeline.context import CompareContext
from pixelgate.pipeline.review.apply import Written, carry_out
from pixelgate.ports import DifferPool
from support.doubles.memory import MemoryBucket, MemoryEvents, MemoryLedger
from support.faults import Worker
from support.whole import what_is_not_whole
from support.world import World

ATTEMPTS = 3
RETRY_SECONDS = (60.0, 120.0)
SWEEP_SECONDS = 300.0
APPROVAL = b'{"schema_version": 1, "action": "approve"}'

Event = Callable[[Worker], object]  # what a worker does with it


class WatchedLedger(MemoryLedger):
    """Counts what is published."""

    def __init__(self) -> None:
        super().__init__()
        self.published: list[ComparisonRecord] = []

    def publish(self, claim: ComparisonRecord, result: Result, now: float) -> ComparisonRecord:
        record = super().publish(claim, result, now)
        self.published.append(record)
        return record


class WatchedBucket(MemoryBucket):
    """Looks at every status that is written: nothing partial may ever be seen."""

    def __init__(self) -> None:
        super().__init__()
        self.partial: list[str] = []

    def _put(self, key: str, body: bytes, content_type: str) -> None:
        super()._put(key, body, content_type)
        if key.endswith("/status.json") or key.startswith("cache/"):
            self.partial += what_is_not_whole(key, body, self.objects.get)


@dataclass
class Deliveries:
    """A bucket, a table and a bus that are watched.

    Attributes:
        objects: the bucket.
        ledger: the table.
        bus: who hears of a comparison's states.
        deliveries: how often a worker was called.
    """

    objects: WatchedBucket = field(default_factory=WatchedBucket, kw_only=True)
    ledger: WatchedLedger = field(default_factory=WatchedLedger, kw_only=True)
    bus: MemoryEvents = field(default_factory=MemoryEvents, kw_only=True)
    deliveries: int = field(default=0, kw_only=True)

    def __post_init__(self) -> None:
        self.world = World(self.objects, self.ledger, render=lambda *about: b"a page")
        self.objects.clock = self.world.clock
        self.differs: DifferPool = self.world.differs

    def comes(self, upload: Upload) -> Event:
        """The event of a manifest, or the call of a build that waited."""

        def event(worker: Worker) -> object:
            outcome = receive(upload, self.service(worker), worker.time_left)
            if isinstance(outcome, Published) and outcome.announce_error:
                raise outcome.announce_error
            return outcome

        return event

    def reviewed(self, written: Written) -> Event:

        def event(worker: Worker) -> object:
            worker.role = "review"
            return carry_out(written, self.service(worker))

        return event

    def approved(self, build: BuildId) -> Event:
        """A person approves a build; the event of that."""
        return self.reviewed(self.world.write_review(build, "r1", APPROVAL))

    def service(self, worker: Worker) -> CompareContext:
        return replace(
            self.world.service(),
            objects=worker.port("objects", self.objects),
            ledger=worker.port("ledger", self.ledger),
            pool=worker.port("pool", self.differs),
            events=Backlog(worker.port("events", self.bus)),
            resume=worker.resume(self.resume),
            clock=lambda: self.world.clock.now + worker.skew,
            stage=worker.enter,
        )

    def resume(self, build: BuildId) -> None:
        """A build that waited is called for."""
        self.world.resumed.append(build)

    def is_busy(self) -> bool:
        return any(not c.announced for c in self.ledger.comparisons.values())

    # --- what must be true when all is over ---

    def check_quiet(self) -> None:
        """Nothing partial was ever shown, and no record is left open."""
        assert self.objects.partial == [], self.objects.partial
        stuck = [c for c in self.ledger.comparisons.values() if not (c.finished and c.announced)]
        assert stuck == [], f"stuck: {stuck}"

    def ending(self, build: BuildId) -> tuple[ComparisonRecord, Mapping[str, Any]]:
        """The record of the one end that a build has, which was told, and the result's images."""
        found = [c for c in self.ledger.comparisons.values() if c.head == build]
        real = [c for c in found if not c.id.waits]
        assert len(real) <= 1, f"compared with several bases: {real}"
        status = self.world.status(build.build)
        # Records of waits stay beside one another: one for shards, one for a base.
        records = real or [c for c in found if c.execution == status["execution"]]
        assert len(records) == 1, records
        [record] = records
        assert (status["state"], status["execution"]) == (record.state, record.execution), status
        assert status["provisional"] == record.id.waits
        told = [d for _, d in self.bus.emitted if d["build"] == build.build]
        final = [(d["state"], d["execution"]) for d in told]
        assert (record.state, record.execution) in final, "nobody was told of the end"
        times = [r.head for r in self.ledger.published].count(build)
        assert times == (record.state is State.SUCCEEDED), f"published {times} times"
        if record.state is State.FAILED:
            assert status["error"]["code"] == record.error_code
            assert len(status["error"]["message"]) > 10, status["error"]
            assert status["comparison"] is None
            return record, {}
        result = self.world.published(build.build)
        assert result["execution"] == record.execution
        assert result["counts"] == status["counts"] == dict(record.counts)
        return record, result["images"]


def counted(record: ComparisonRecord) -> dict[str, int]:
    return {name: number for name, number in record.counts.items() if number}
