"""One bucket and one table in which many comparisons go on at once, while any call may fail."""

from __future__ import annotations

import heapq
import itertools
import json
import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId, ShardId, Upload
from pixelgate.engine.thumbnail import thumbnail
from pixelgate.errors import HeldByOther
from pixelgate.pipeline.announce.announce import Backlog
from pixelgate.pipeline.announce.status import iso
from pixelgate.pipeline.cleanup.sweep import sweep
from pixelgate.pipeline.compare.dispatch import receive
from pixelgate.pipeline.compare.outcomes import Published
from pixelgate.pipeline.context import CompareContext
from pixelgate.pipeline.review.apply import Written, carry_out
from pixelgate.ports import DifferPool
from support import images
from support.doubles.memory import MemoryEvents
from support.fault_stories import ATTEMPTS, RETRY_SECONDS, SWEEP_SECONDS, WatchedLedger
from support.fault_stories import WatchedBucket as Bucket
from support.faults import FAULTS, Fault, Faults, Place, Worker
from support.schedule import Killed
from support.world import PROJECT, World

# What is really gone is no fault that a promise covers.
HURT = [fault for fault in FAULTS if fault.name != "S3: 404"]
KINDS = ("compare", "compare", "waits", "corrected", "shards", "plain", "review")
_BUILDS_PER_BASE = 10
_TOGETHER = 4

Work = Callable[[Worker], object]


@dataclass(frozen=True)
class Expected:
    """What must come of a build: how many of its snapshots are what."""

    kind: str
    counts: dict[str, int]


@dataclass(order=True)
class _Event:
    due: float
    number: int
    work: Work = field(compare=False)
    name: str = field(compare=False)
    attempt: int = field(compare=False, default=0)
    error: BaseException | None = field(compare=False, default=None)


@dataclass
class SoakWorld:
    """Uploads over hours, each event delivered at least once, late and in any order.

    Attributes:
        pool: compares pixels.
        seed: from which everything is drawn.
        chance: of each call to fail while there is trouble.
        expected: what must come of each build.
        happened: faults, by name.
        given_up: events of which Lambda's attempts are used up.
        deliveries: how often a worker was called.
    """

    pool: DifferPool
    seed: int
    chance: float = 1 / 12
    expected: dict[BuildId, Expected] = field(default_factory=dict)
    happened: Counter[str] = field(default_factory=Counter)
    given_up: list[_Event] = field(default_factory=list)
    deliveries: int = 0
    trouble: bool = True

    def __post_init__(self) -> None:
        self.ledger, self.objects, self.bus = WatchedLedger(), Bucket(), MemoryEvents()
        self.world = World(self.objects, self.ledger)
        self.objects.clock = self.world.clock
        self.draw = random.Random(self.seed)
        self._events: list[_Event] = []
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._swept = self.world.clock.now

    # --- what people and CI do ---

    def settle_in(self, comparisons: int) -> None:
        """Plans the uploads of some hours: a base, and ten builds that are compared with it."""
        base, pictures = "", dict[str, bytes]()
        for number in range(comparisons):
            if number % _BUILDS_PER_BASE == 0:
                base = f"base-{number}"
                pictures = {f"{i}.png": self._picture(dark=True) for i in range(3)}
                self._at(0.0, base, lambda b=base, p=pictures: self._base(b, p))  # type: ignore[misc]
            changed = {**pictures, "0.png": self._picture(), "1.png": self._picture()}
            changed["new.png"] = self._picture()
            kind, name = self.draw.choice(KINDS), f"head-{number}"
            self.expected[BuildId(PROJECT, name)] = Expected(
                kind, {"total": 4, "changed": 2, "added": 1, "unchanged": 1}
            )
            self._at(
                60 + self.draw.random() * 30 * comparisons,
                name,
                lambda k=kind, n=name, b=base, c=changed, p=pictures: self._upload(k, n, b, c, p),  # type: ignore[misc]
            )

    def _base(self, name: str, pictures: dict[str, bytes]) -> None:
        self.expected[BuildId(PROJECT, name)] = Expected("base", {"total": 3, "added": 3})
        self._comes(Upload(self.world.upload(name, pictures, commit=name)))

    def _upload(
        self, kind: str, name: str, base: str, changed: dict[str, bytes], old: dict[str, bytes]
    ) -> None:
        fields: dict[str, Any] = {"base_build": base, "commit": name, "branch": "topic"}
        build = BuildId(PROJECT, name)
        match kind:
            case "waits":
                late = f"late-{name}"
                fields["base_build"] = late
                self._at(self.draw.random() * 300, late, lambda: self._base(late, old))
                self._comes(Upload(self.world.upload(name, changed, **fields)))
            case "corrected":
                self._comes(Upload(self.world.write_manifest(name, b'{"project": "shop"}')))
                self._at(
                    200.0, name, lambda: self._comes(Upload(self._again(name, changed, fields)))
                )
            case "shards":
                for index, part in enumerate((("0.png", "2.png"), ("1.png", "new.png")), start=1):
                    self._shard(index, build, {n: changed[n] for n in part}, fields)
            case "plain":
                for image, body in changed.items():
                    self.objects.write(keys.plain_image(build, image), body, "image/png")
                body = json.dumps({"project": PROJECT, "build": name, **fields}).encode()
                self._comes(Upload(self.world.write_manifest(name, body)))
            case _:
                self._comes(Upload(self.world.upload(name, changed, **fields)))
                if kind == "review":
                    self._at(600.0, name, lambda: self._approve(build))

    def _again(self, name: str, changed: dict[str, bytes], fields: dict[str, Any]) -> BuildId:
        return self.world.upload(name, changed, **fields)

    def _shard(
        self, index: int, build: BuildId, part: dict[str, bytes], fields: dict[str, Any]
    ) -> None:
        whole = keys.uploaded_manifest(build)
        self.world.upload(build.build, part, shard={"index": index, "total": 2}, **fields)
        shard = ShardId(index, 2)
        key = keys.uploaded_manifest(build, shard)
        self.objects.write(key, self.objects.objects.pop(whole), "application/json")
        self._comes(Upload(build, shard))

    def _approve(self, build: BuildId, looks: int = 6) -> None:
        status = self.objects.objects.get(keys.status(build), b"{}")
        if json.loads(status).get("state") != "SUCCEEDED":
            if looks:  # there is nothing to look at yet
                self._at(600.0, build.build, lambda: self._approve(build, looks - 1))
            return
        key = keys.review(build, "r1")
        self.objects.write(key, b'{"schema_version": 1, "action": "approve"}', "application/json")
        tag = self.objects.read_tagged(key)[1]
        written = Written(build, "r1", "AWS:ada", iso(self.world.clock.now), tag)

        def work(worker: Worker) -> object:
            worker.role = "review"
            return carry_out(written, self._service(worker))

        self._deliver(work, f"review of {build}")

    # --- what AWS does ---

    def _comes(self, upload: Upload) -> None:
        self._deliver(self._receives(upload), str(upload.build))

    def _deliver(self, work: Work, name: str) -> None:
        """At least once: sometimes twice, and sometimes late."""
        for _ in range(self.draw.choice((1, 1, 1, 1, 2, 3))):
            late = self.draw.choice((0.0, 0.0, 5.0, 90.0, 400.0))
            self._push(_Event(self.world.clock.now + late, next(self._numbers), work, name))

    def _push(self, event: _Event) -> None:
        with self._lock:
            heapq.heappush(self._events, event)

    def _at(self, seconds: float, name: str, happen: Callable[[], None]) -> None:
        """Something that a person or CI does, which no fault befalls."""

        def work(worker: Worker) -> None:
            worker.faults.dice = lambda place: None
            happen()

        self._push(_Event(self.world.clock.now + seconds, next(self._numbers), work, name))

    def _receives(self, upload: Upload) -> Work:
        def work(worker: Worker) -> object:
            outcome = receive(upload, self._service(worker), worker.time_left)
            if isinstance(outcome, Published) and outcome.announce_error:
                raise outcome.announce_error
            return outcome

        return work

    def _service(self, worker: Worker) -> CompareContext:
        world = self.world
        return replace(
            world.service(),
            objects=worker.port("objects", self.objects),
            ledger=worker.port("ledger", self.ledger),
            pool=worker.port("pool", self.pool),
            events=Backlog(worker.port("events", self.bus)),
            resume=worker.resume(self._resume),
            clock=lambda: world.clock.now + worker.skew,
            stage=worker.enter,
            thumbnail=thumbnail,
        )

    def _resume(self, build: BuildId) -> None:
        work = self._receives(Upload(build, resumed=True))
        self._push(_Event(self.world.clock.now, next(self._numbers), work, str(build)))

    def run(self, *, until_idle: float = 6 * 3_600.0) -> None:
        """Delivers what is due, some at once, and sweeps by schedule, until nothing is left."""
        quiet_after = self.world.clock.now + until_idle
        while self._events or self._is_busy():
            now = self.world.clock.now
            if not self._events and now > quiet_after:
                return
            due = self._events[0].due if self._events else now + SWEEP_SECONDS
            self.world.clock.now = max(now, min(due, self._swept + SWEEP_SECONDS))
            if self.world.clock.now >= self._swept + SWEEP_SECONDS:
                self._sweep()
            batch: list[_Event] = []
            while (
                self._events
                and self._events[0].due <= self.world.clock.now
                and len(batch) < _TOGETHER
            ):
                batch.append(heapq.heappop(self._events))
            threads = [threading.Thread(target=self._attempt, args=(event,)) for event in batch]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    def redeliver(self, build: BuildId) -> None:
        """The event of a whole build's manifest once more."""
        if keys.uploaded_manifest(build) in self.objects.objects:
            self._comes(Upload(build))

    def end_trouble(self) -> int:
        """Nothing fails any more, and a person sends again what was given up; returns how much.

        More than once, if need be: what comes while another worker is at it may be given up again.
        """
        self.trouble, sent = False, 0
        for _ in range(3):
            given_up, self.given_up = self.given_up, []
            sent += len(given_up)
            for event in given_up:
                self._push(replace(event, due=self.world.clock.now, attempt=0))
            self.run()
        return sent

    def _attempt(self, event: _Event) -> None:
        worker = Worker(self._faults(f"{event.number} {event.attempt}", event.work), "compare")
        with self._lock:
            self.deliveries += 1
        try:
            event.work(worker)
        except (Exception, Killed) as error:
            if event.attempt + 1 == ATTEMPTS:
                with self._lock:
                    self.given_up.append(replace(event, error=error))
                return
            later = self.world.clock.now + RETRY_SECONDS[event.attempt]
            self._push(replace(event, due=later, attempt=event.attempt + 1))

    def _sweep(self) -> None:
        self._swept = self.world.clock.now
        worker = Worker(self._faults(f"sweep {self._swept}", None), "sweep")
        service = self._service(worker)
        try:
            sweep(service, service.resume)
        except (Exception, Killed):
            return  # the next sweep is the retry

    def _faults(self, what: str, work: Work | None) -> Faults:
        def dice(place: Place) -> Fault | None:
            draw = random.Random(f"{self.seed} {what} {place}")
            if not self.trouble or draw.random() > self.chance:
                return None
            fault = draw.choice([fault for fault in HURT if fault.strikes(place)])
            with self._lock:
                self.happened[fault.name] += 1
            return fault

        def rival(skew: float) -> None:
            if work is None:
                return
            try:
                work(Worker(Faults(self.world.clock.sleep), "compare", skew))
            except HeldByOther:
                return

        return Faults(self.world.clock.sleep, dice=dice, rival=rival)

    def _is_busy(self) -> bool:
        return any(not c.announced for c in self.ledger.comparisons.values())

    def _picture(self, *, dark: bool = False) -> bytes:
        """No two of which nobody would see a difference: a base's are dark, a head's are light."""
        red, green, blue = (self.draw.randrange(80) + 170 * (not dark) for _ in range(3))
        return images.png((40, 30), (red, green, blue))
