"""One bucket and one table in which many comparisons go on at once, while any call may fail."""

from __future__ import annotations

import heapq
import itertools
import json
import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId, ShardId, Upload, upload_of
from pixelgate.engine.thumbnail import thumbnail
from pixelgate.errors import HeldByOther
from pixelgate.pipeline.cleanup.sweep import sweep
from pixelgate.pipeline.context import CompareContext
from pixelgate.ports import DifferPool
from pixelgate.report import render
from support import images
from support.deliveries import ATTEMPTS, RETRY_SECONDS, SWEEP_SECONDS, Deliveries, Event
from support.faults import FAULTS, Fault, Faults, Place, Worker
from support.schedule import Killed
from support.world import PROJECT

# What is really gone is no fault that a promise covers.
HURT = [fault for fault in FAULTS if fault.name != "S3: 404"]
KINDS = ("compare", "compare", "waits", "corrected", "shards", "plain", "review")
_BUILDS_PER_BASE = 10
_TOGETHER = 4

Pictures = dict[str, bytes]


@dataclass(frozen=True)
class Expected:
    """What must come of a build: how many of its snapshots are what."""

    kind: str
    counts: dict[str, int]


@dataclass(order=True)
class _Due:
    due: float
    number: int
    event: Event = field(compare=False)
    name: str = field(compare=False)
    attempt: int = field(compare=False, default=0)
    error: BaseException | None = field(compare=False, default=None)


@dataclass
class SoakWorld(Deliveries):
    """Uploads over hours, each event delivered at least once, late and in any order.

    Attributes:
        pool: compares pixels.
        seed: from which everything is drawn.
        chance: of each call to fail while there is trouble.
        expected: what must come of each build.
        happened: faults, by name.
        given_up: events of which Lambda's attempts are used up.
        trouble: whether anything fails.
    """

    pool: DifferPool
    seed: int
    chance: float = 1 / 12
    expected: dict[BuildId, Expected] = field(default_factory=dict)
    happened: Counter[str] = field(default_factory=Counter)
    given_up: list[_Due] = field(default_factory=list)
    trouble: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self.world.render, self.differs = render, self.pool
        self.draw = random.Random(self.seed)
        self._events: list[_Due] = []
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._swept = self.world.clock.now

    # --- what people and CI do ---

    def settle_in(self, comparisons: int) -> None:
        """Plans the uploads of some hours: a base, and ten builds that are compared with it."""
        base, pictures = "", Pictures()
        for number in range(comparisons):
            if number % _BUILDS_PER_BASE == 0:
                base = f"base-{number}"
                pictures = {f"{i}.png": self._picture(dark=True) for i in range(3)}
                self._at(0.0, base, self._base, base, pictures)
            changed = {**pictures, "0.png": self._picture(), "1.png": self._picture()}
            changed["new.png"] = self._picture()
            kind, name = self.draw.choice(KINDS), f"head-{number}"
            counts = {"total": 4, "changed": 2, "added": 1, "unchanged": 1}
            self.expected[BuildId(PROJECT, name)] = Expected(kind, counts)
            after = 60 + self.draw.random() * 30 * comparisons
            self._at(after, name, self._upload, kind, name, base, changed, pictures)

    def _base(self, name: str, pictures: Pictures) -> None:
        self.expected[BuildId(PROJECT, name)] = Expected("base", {"total": 3, "added": 3})
        self._comes(Upload(self.world.upload(name, pictures, commit=name)))

    def _upload(self, kind: str, name: str, base: str, changed: Pictures, old: Pictures) -> None:
        # Each on a branch of its own: builds of one branch share approvals.
        fields: dict[str, Any] = {"base_build": base, "commit": name, "branch": f"topic-{name}"}
        world = self.world
        match kind:
            case "waits":
                late = f"late-{name}"
                self._at(self.draw.random() * 300, late, self._base, late, old)
                fields["base_build"] = late
            case "corrected":
                self._comes(Upload(world.write_manifest(name, b'{"project": "shop"}')))
                self._at(200.0, name, self._upload, "compare", name, base, changed, old)
                return
            case "shards":
                for index, part in enumerate((("0.png", "2.png"), ("1.png", "new.png")), start=1):
                    some = {n: changed[n] for n in part}
                    key = world.upload_shard(name, ShardId(index, 2), some, **fields)
                    self._comes(upload_of(key))
                return
            case "plain":
                self._comes(upload_of(world.upload_plain(name, changed, **fields)))
                return
            case "review":
                self._at(600.0, name, self._approve, BuildId(PROJECT, name))
        self._comes(Upload(world.upload(name, changed, **fields)))

    def _approve(self, build: BuildId, looks: int = 6) -> None:
        status = self.objects.objects.get(keys.status(build), b"{}")
        if json.loads(status).get("state") == "SUCCEEDED":
            self._deliver(self.approved(build), f"review of {build}")
        elif looks:  # there is nothing to look at yet
            self._at(600.0, build.build, self._approve, build, looks - 1)

    # --- what AWS does ---

    def _comes(self, upload: Upload | None) -> None:
        assert upload is not None
        self._deliver(self.comes(upload), str(upload.build))

    def _deliver(self, event: Event, name: str) -> None:
        """At least once: sometimes twice, and sometimes late."""
        for _ in range(self.draw.choice((1, 1, 1, 1, 2, 3))):
            self._push(self.draw.choice((0.0, 0.0, 5.0, 90.0, 400.0)), event, name)

    def _push(self, after: float, event: Event, name: str, attempt: int = 0) -> None:
        due = _Due(self.world.clock.now + after, next(self._numbers), event, name, attempt)
        with self._lock:
            heapq.heappush(self._events, due)

    def _at(self, after: float, name: str, happen: Callable[..., None], *about: Any) -> None:
        """Something that a person or CI does, which no fault befalls."""

        def event(worker: Worker) -> None:
            worker.faults.dice = lambda place: None
            happen(*about)

        self._push(after, event, name)

    def service(self, worker: Worker) -> CompareContext:
        return replace(super().service(worker), thumbnail=thumbnail)

    def resume(self, build: BuildId) -> None:
        """A build that waited is delivered at once."""
        self._push(0.0, self.comes(Upload(build, resumed=True)), str(build))

    def run(self, *, until_idle: float = 6 * 3_600.0) -> None:
        """Delivers what is due, some at once, and sweeps by schedule, until nothing is left."""
        quiet_after = self.world.clock.now + until_idle
        while self._events or self.is_busy():
            now = self.world.clock.now
            if not self._events and now > quiet_after:
                return
            due = self._events[0].due if self._events else now + SWEEP_SECONDS
            self.world.clock.now = max(now, min(due, self._swept + SWEEP_SECONDS))
            if self.world.clock.now >= self._swept + SWEEP_SECONDS:
                self._sweep()
            now, batch = self.world.clock.now, list[_Due]()
            while len(batch) < _TOGETHER and self._events and self._events[0].due <= now:
                batch.append(heapq.heappop(self._events))
            with ThreadPoolExecutor(_TOGETHER) as workers:
                list(workers.map(self._attempt, batch))

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
            for due in given_up:
                self._push(0.0, due.event, due.name)
            self.run()
        return sent

    def _attempt(self, due: _Due) -> None:
        worker = Worker(self._faults(f"{due.number} {due.attempt}", due.event), "compare")
        with self._lock:
            self.deliveries += 1
        try:
            due.event(worker)
        except (Exception, Killed) as error:
            if due.attempt + 1 == ATTEMPTS:
                with self._lock:
                    self.given_up.append(replace(due, error=error))
                return
            self._push(RETRY_SECONDS[due.attempt], due.event, due.name, due.attempt + 1)

    def _sweep(self) -> None:
        self._swept = self.world.clock.now
        service = self.service(Worker(self._faults(f"sweep {self._swept}", None), "sweep"))
        with suppress(Exception, Killed):  # the next sweep is the retry
            sweep(service, service.resume)

    def _faults(self, what: str, event: Event | None) -> Faults:
        def dice(place: Place) -> Fault | None:
            draw = random.Random(f"{self.seed} {what} {place}")
            if not self.trouble or draw.random() > self.chance:
                return None
            fault = draw.choice([fault for fault in HURT if fault.strikes(place)])
            with self._lock:
                self.happened[fault.name] += 1
            return fault

        def rival(skew: float) -> None:
            if event:
                with suppress(HeldByOther):
                    event(Worker(Faults(self.world.clock.sleep), "compare", skew))

        return Faults(self.world.clock.sleep, dice=dice, rival=rival)

    def _picture(self, *, dark: bool = False) -> bytes:
        """No two of which nobody would see a difference: a base's are dark, a head's are light."""
        red, green, blue = (self.draw.randrange(80) + 170 * (not dark) for _ in range(3))
        return images.png((40, 30), (red, green, blue))
