"""Small stories of the pipeline in which anything may fail, told as AWS would go on with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId, ShardId, Upload
from pixelgate.domain.records import ComparisonRecord, Result
from pixelgate.errors import HeldByOther
from pixelgate.pipeline.announce.announce import Backlog
from pixelgate.pipeline.announce.status import iso
from pixelgate.pipeline.cleanup.sweep import sweep
from pixelgate.pipeline.compare.dispatch import receive
from pixelgate.pipeline.compare.outcomes import Published
from pixelgate.pipeline.context import CompareContext
from pixelgate.pipeline.review.apply import Written, carry_out
from support.doubles.memory import MemoryBucket, MemoryEvents, MemoryLedger
from support.fault_machine import Machine
from support.faults import Fault, Faults, Place, Worker
from support.schedule import Killed
from support.whole import what_is_not_whole
from support.world import PROJECT, World

BASE = {"a.png": b"a", "b.png": b"b", "same.png": b"s"}
HEAD = {"a.png": b"a2", "b.png": b"b2", "same.png": b"s", "new.png": b"n"}
COUNTS = {"total": 4, "changed": 2, "added": 1, "unchanged": 1}
ATTEMPTS = 3
RETRY_SECONDS = (60.0, 120.0)
SWEEP_SECONDS = 300.0


class WatchedLedger(MemoryLedger):
    """Counts what is published."""

    def __init__(self) -> None:
        super().__init__()
        self.published: list[ComparisonRecord] = []

    def publish(self, claim: ComparisonRecord, result: Result, now: float) -> ComparisonRecord:
        """Counts it, if it was allowed."""
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
class Story:
    """A world in which events are delivered as Lambda delivers them, and swept as by schedule.

    Attributes:
        faults: what goes wrong.
        queue: events on which Lambda gave up.
        deliveries: how often Lambda has called a worker.
        sweeps: how often the sweeper ran until everything was quiet.
        cured: whether the lasting fault had to end first.
        redriven: how many events were sent again from the queue.
        machine: many workers, if there are any: then no pair is compared by one that is alone.
    """

    faults: Faults
    world: World
    bus: MemoryEvents = field(default_factory=MemoryEvents)
    queue: list[Callable[[Worker], object]] = field(default_factory=list)
    deliveries: int = 0
    sweeps: int = 0
    cured: bool = False
    redriven: int = 0
    machine: Machine | None = None

    @classmethod
    def begin(
        cls, fault: Fault | None = None, at: Place | None = None, lasting: bool = False
    ) -> Story:
        """A world with a base that is compared, before anything fails."""
        ledger, objects = WatchedLedger(), WatchedBucket()
        world = World(objects, ledger, render=lambda *about: b"a page")
        story = cls(Faults(world.clock.sleep), world)
        story.deliver(story.compares(world.upload("base", BASE, commit="B")))
        ledger.published.clear()
        story.faults = Faults(world.clock.sleep, fault, at, lasting)
        story.deliveries = 0
        return story

    # --- what is delivered ---

    def compares(self, build: BuildId, *, resumed: bool = False) -> Callable[[Worker], object]:
        """The event of a build's manifest."""
        return self.receives(Upload(build, resumed=resumed))

    def receives(self, upload: Upload) -> Callable[[Worker], object]:
        """The event of any manifest."""

        def event(worker: Worker) -> object:
            outcome = receive(upload, self.service(worker), worker.time_left)
            if isinstance(outcome, Published) and outcome.announce_error:
                raise outcome.announce_error
            return outcome

        return event

    def reviews(self, written: Written) -> Callable[[Worker], object]:
        """The event of a review object."""

        def event(worker: Worker) -> object:
            worker.role = "review"
            return carry_out(written, self.service(worker))

        return event

    def deliver(self, event: Callable[[Worker], object], skew: float = 0.0) -> None:
        """What Lambda does with an event: three attempts, then the queue."""
        for attempt in range(ATTEMPTS):
            self.deliveries += 1
            try:
                event(Worker(self.faults, "compare", skew))
            except (Exception, Killed):
                if attempt < len(RETRY_SECONDS):
                    self.world.clock.sleep(RETRY_SECONDS[attempt])
                continue
            break
        else:
            self.queue.append(event)
        self._go_on()

    def once(self, event: Callable[[Worker], object], skew: float = 0.0) -> None:
        """One delivery in the middle of another worker's call; what fails is tried again later."""
        with suppress(HeldByOther):
            event(Worker(Faults(self.world.clock.sleep), "compare", skew))

    def service(self, worker: Worker) -> CompareContext:
        """The ports of one worker."""
        world = self.world
        made = world.service()
        if self.machine:
            made = replace(
                made,
                fan_out=worker.port("states", self.machine.started),
                limits=replace(made.limits, inline_megapixels=0, batch_pairs=1),
            )
        return replace(
            made,
            objects=worker.port("objects", world.objects),
            ledger=worker.port("ledger", world.ledger),
            pool=worker.port("pool", world.differs),
            events=Backlog(worker.port("events", self.bus)),
            resume=worker.resume(world.resumed.append),
            clock=lambda: world.clock.now + worker.skew,
            stage=worker.enter,
        )

    def sweep_once(self) -> None:
        """One run of the sweeper, and of what it starts."""
        self.world.clock.sleep(SWEEP_SECONDS)
        self.sweeps += 1
        worker = Worker(self.faults, "sweep")
        service = self.service(worker)
        with suppress(Exception, Killed):  # the next sweep is the retry
            sweep(service, service.resume)
        self._go_on()

    def end(self, hours: float = 3.0) -> None:
        """Sweeps until all is quiet; ends a fault that lasts, sends again what was given up."""
        self._sweep(int(hours * 3600 / SWEEP_SECONDS))
        if self.faults.lasting:
            self.cured = self._is_busy()
            self.faults.lasting, self.faults.fault = False, None
        self.faults.dice = lambda place: None  # a person sends again when the trouble is over
        given_up, self.queue = self.queue, []
        for event in given_up:
            self.redriven += 1
            self.deliver(event)
        self._sweep(24)

    def _sweep(self, most: int) -> None:
        for _ in range(most):
            if not self._is_busy():
                return
            self.sweep_once()

    def _is_busy(self) -> bool:
        return any(not c.announced for c in self.world.ledger.comparisons.values())

    def hand_over_everything(self) -> None:
        """From here on many workers compare."""

        def count() -> None:
            self.deliveries += 1

        self.machine = Machine(
            self.world.objects, count, self.service, lambda: self.faults, self.world.clock.sleep
        )

    def _go_on(self) -> None:
        """Runs what was started and delivers what was called for."""
        if self.machine:
            self.machine.run()
        while self.world.resumed:
            self.deliver(self.compares(self.world.resumed.pop(0), resumed=True))


# --- the stories ------------------------------------------------------------------------------


def compare(story: Story) -> None:
    """A head is uploaded whose base is there."""
    head = story.world.upload("head", HEAD, base_build="base", commit="H", branch="topic")
    event = story.compares(head)
    story.faults.rival = lambda skew: story.once(event, skew)
    story.deliver(event)


def wait_and_wake(story: Story) -> None:
    """A head's event comes before its base's, waits, and is woken by it.

    Where another delivery overtakes the head's, it is the base's: out of order, and at once.
    """
    head = story.world.upload("head", HEAD, base_commit="late", commit="H", branch="topic")
    base = story.compares(BuildId(PROJECT, "late"))

    def base_comes(skew: float) -> None:
        story.world.upload("late", BASE, commit="late")
        story.once(base, skew)

    story.faults.rival = base_comes
    story.deliver(story.compares(head))
    if BuildId(PROJECT, "late") not in story.world.ledger.builds:
        story.world.upload("late", BASE, commit="late")
    story.faults.rival = lambda skew: story.once(base, skew)
    story.deliver(base)


def corrected(story: Story) -> None:
    """A manifest is refused, and then uploaded once more as it should be."""
    world = story.world
    event = story.compares(world.write_manifest("head", b'{"project": "shop"}'))
    story.faults.rival = lambda skew: story.once(event, skew)
    story.deliver(event)
    world.clock.sleep(30)
    compare(story)


def shards(story: Story) -> None:
    """A build comes in two shards."""
    half = {"a.png", "same.png"}
    for index, names in enumerate((half, HEAD.keys() - half), start=1):
        build = story.world.upload(
            "head",
            {name: HEAD[name] for name in sorted(names)},
            base_build="base",
            commit="H",
            branch="topic",
            shard={"index": index, "total": 2},
        )
        shard = ShardId(index, 2)
        body = story.world.objects.read(keys.uploaded_manifest(build))
        story.world.objects.objects.pop(keys.uploaded_manifest(build))
        story.world.objects.write(keys.uploaded_manifest(build, shard), body, "application/json")
        event = story.receives(Upload(build, shard))
        story.faults.rival = lambda skew, event=event: story.once(event, skew)  # type: ignore[misc]
        story.deliver(event)


def plain(story: Story) -> None:
    """The images lie beside the manifest, which lists none."""
    build = BuildId(PROJECT, "head")
    for name, body in HEAD.items():
        story.world.objects.write(keys.plain_image(build, name), body, "image/png")
    fields = {"project": PROJECT, "build": "head", "commit": "H", "branch": "topic"}
    body = json.dumps({**fields, "base_build": "base"}).encode()
    event = story.compares(story.world.write_manifest("head", body))
    story.faults.rival = lambda skew: story.once(event, skew)
    story.deliver(event)


def review(story: Story) -> None:
    """A head is published and a person approves it."""
    faults, story.faults = story.faults, Faults(story.world.clock.sleep)
    compare(story)
    story.faults = faults
    world, build = story.world, BuildId(PROJECT, "head")
    key = keys.review(build, "r1")
    world.objects.write(key, b'{"schema_version": 1, "action": "approve"}', "application/json")
    tag = world.objects.read_tagged(key)[1]
    event = story.reviews(Written(build, "r1", "AWS:ada", iso(world.clock.now), tag))
    story.faults.rival = lambda skew: story.once(event, skew)
    story.deliver(event)


def sweeping(story: Story) -> None:
    """Every attempt is killed before it publishes, so that the sweeper has to see to it."""
    head = story.world.upload("head", HEAD, base_build="base", commit="H", branch="topic")
    event = story.compares(head)
    service = story.service(Worker(Faults(story.world.clock.sleep), "sweep"))
    story.faults.rival = lambda skew: _ignoring_groups(lambda: sweep(service, service.resume))
    build_event = Worker(Faults(story.world.clock.sleep), "compare")

    def die(base: bytes, head: bytes) -> None:
        raise build_event.kill()

    story.world.differs.script = die
    with suppress(Killed):
        event(build_event)
    story.world.differs.script = lambda base, head: None


def many_workers(story: Story) -> None:
    """A head that is too much for one worker: a batch for each of its two pairs."""
    story.hand_over_everything()
    compare(story)


def _ignoring_groups(run: Callable[[], object]) -> None:
    with suppress(ExceptionGroup):
        run()


STORIES: dict[str, Callable[[Story], None]] = {
    "compare": compare,
    "wait and wake": wait_and_wake,
    "corrected": corrected,
    "shards": shards,
    "plain": plain,
    "review": review,
    "sweep": sweeping,
    "many workers": many_workers,
}
