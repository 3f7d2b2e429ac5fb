"""Small stories of the pipeline in which anything may fail, told as AWS would go on with them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from pixelgate.domain.keys import BuildId, ShardId, Upload, upload_of
from pixelgate.errors import HeldByOther
from pixelgate.pipeline.cleanup.sweep import sweep
from pixelgate.pipeline.context import CompareContext
from support.deliveries import (
    ATTEMPTS,
    RETRY_SECONDS,
    SWEEP_SECONDS,
    Deliveries,
    Event,
    WatchedLedger,
)
from support.fault_machine import Machine
from support.faults import Fault, Faults, Place, Worker
from support.schedule import Killed
from support.world import PROJECT

__all__ = ["STORIES", "Story", "WatchedLedger"]

BASE = {"a.png": b"a", "b.png": b"b", "same.png": b"s"}
HEAD = {"a.png": b"a2", "b.png": b"b2", "same.png": b"s", "new.png": b"n"}
COUNTS = {"total": 4, "changed": 2, "added": 1, "unchanged": 1}
# What manifests of the head say, but for where its base is.
OF_HEAD: dict[str, Any] = {"commit": "H", "branch": "topic"}


@dataclass
class Story(Deliveries):
    """Events are delivered one after the other, as Lambda delivers them, and swept by schedule.

    Attributes:
        faults: what goes wrong.
        queue: events on which Lambda gave up.
        sweeps: how often the sweeper ran until everything was quiet.
        cured: whether the lasting fault had to end first.
        redriven: how many events were sent again from the queue.
        machine: many workers, if there are any: then no pair is compared by one that is alone.
    """

    faults: Faults = field(init=False)
    queue: list[Event] = field(default_factory=list)
    sweeps: int = 0
    cured: bool = False
    redriven: int = 0
    machine: Machine | None = None

    @classmethod
    def begin(
        cls, fault: Fault | None = None, at: Place | None = None, lasting: bool = False
    ) -> Story:
        """A world with a base that is compared, before anything fails."""
        story = cls()
        story.faults = story.no_faults()
        story.deliver(story.comes(Upload(story.world.upload("base", BASE, commit="B"))))
        story.ledger.published.clear()
        story.faults = Faults(story.world.clock.sleep, fault, at, lasting)
        story.deliveries = 0
        return story

    def no_faults(self) -> Faults:
        return Faults(self.world.clock.sleep)

    # --- what is delivered ---

    def deliver(self, event: Event) -> None:
        """What Lambda does with an event: three attempts, then the queue."""
        for attempt in range(ATTEMPTS):
            self.deliveries += 1
            try:
                event(Worker(self.faults, "compare"))
            except (Exception, Killed):
                if attempt < len(RETRY_SECONDS):
                    self.world.clock.sleep(RETRY_SECONDS[attempt])
                continue
            break
        else:
            self.queue.append(event)
        self._go_on()

    def deliver_rivalled(self, event: Event) -> None:
        """The same; where another delivery overtakes a worker, it is of this event too."""
        self.rival(event)
        self.deliver(event)

    def rival(self, event: Event) -> None:
        """From here on this is what another delivery brings in the middle of a worker's call."""

        def once(skew: float) -> None:
            with suppress(HeldByOther):  # what fails is tried again later
                event(Worker(self.no_faults(), "compare", skew))

        self.faults.rival = once

    def service(self, worker: Worker) -> CompareContext:
        made = super().service(worker)
        if self.machine is None:
            return made
        limits = replace(made.limits, inline_megapixels=0, batch_pairs=1)
        return replace(made, fan_out=worker.port("states", self.machine.started), limits=limits)

    def sweep_once(self) -> None:
        """One run of the sweeper, and of what it starts."""
        self.world.clock.sleep(SWEEP_SECONDS)
        self.sweeps += 1
        service = self.service(Worker(self.faults, "sweep"))
        with suppress(Exception, Killed):  # the next sweep is the retry
            sweep(service, service.resume)
        self._go_on()

    def end(self, hours: float = 3.0) -> None:
        """Sweeps until all is quiet; ends a fault that lasts, sends again what was given up."""
        self._sweep(int(hours * 3600 / SWEEP_SECONDS))
        if self.faults.lasting:
            self.cured = self.is_busy()
            self.faults.lasting, self.faults.fault = False, None
        self.faults.dice = lambda place: None  # a person sends again when the trouble is over
        given_up, self.queue = self.queue, []
        for event in given_up:
            self.redriven += 1
            self.deliver(event)
        self._sweep(24)

    def _sweep(self, most: int) -> None:
        for _ in range(most):
            if not self.is_busy():
                return
            self.sweep_once()

    def hand_over_everything(self) -> None:
        """From here on many workers compare."""

        def count() -> None:
            self.deliveries += 1

        self.machine = Machine(
            self.objects, count, self.service, lambda: self.faults, self.world.clock.sleep
        )

    def _go_on(self) -> None:
        """Runs what was started and delivers what was called for."""
        if self.machine:
            self.machine.run()
        while self.world.resumed:
            self.deliver(self.comes(Upload(self.world.resumed.pop(0), resumed=True)))


# --- the stories ------------------------------------------------------------------------------


def compare(story: Story, **fields: Any) -> None:
    """A head is uploaded whose base is there."""
    head = story.world.upload("head", HEAD, base_build="base", **OF_HEAD, **fields)
    story.deliver_rivalled(story.comes(Upload(head)))


def wait_and_wake(story: Story) -> None:
    """A head's event comes before its base's, waits, and is woken by it.

    Where another delivery overtakes the head's, it is the base's: out of order, and at once.
    """
    head = story.world.upload("head", HEAD, base_commit="late", **OF_HEAD)
    late = BuildId(PROJECT, "late")
    base = story.comes(Upload(late))

    def uploaded(worker: Worker) -> object:
        story.world.upload("late", BASE, commit="late")
        return base(worker)

    story.rival(uploaded)
    story.deliver(story.comes(Upload(head)))
    if late not in story.ledger.builds:
        story.world.upload("late", BASE, commit="late")
    story.deliver_rivalled(base)


def corrected(story: Story) -> None:
    """A manifest is refused, and then uploaded once more as it should be."""
    refused = story.world.write_manifest("head", b'{"project": "shop"}')
    story.deliver_rivalled(story.comes(Upload(refused)))
    story.world.clock.sleep(30)
    compare(story)


def shards(story: Story) -> None:
    for index, names in enumerate((("a.png", "same.png"), ("b.png", "new.png")), start=1):
        part = {name: HEAD[name] for name in names}
        key = story.world.upload_shard(
            "head", ShardId(index, 2), part, base_build="base", **OF_HEAD
        )
        deliver_key(story, key)


def plain(story: Story) -> None:
    deliver_key(story, story.world.upload_plain("head", HEAD, base_build="base", **OF_HEAD))


def deliver_key(story: Story, key: str) -> None:
    upload = upload_of(key)
    assert upload is not None
    story.deliver_rivalled(story.comes(upload))


def review(story: Story) -> None:
    """A pull request's head is published and a person approves it."""
    faults, story.faults = story.faults, story.no_faults()
    compare(story, pull_request=5)
    story.faults = faults
    story.deliver_rivalled(story.approved(BuildId(PROJECT, "head")))


def sweeping(story: Story) -> None:
    """Every attempt is killed before it publishes, so that the sweeper has to see to it."""
    head = story.world.upload("head", HEAD, base_build="base", **OF_HEAD)
    service = story.service(Worker(story.no_faults(), "sweep"))

    def sweep_too(skew: float) -> None:
        with suppress(ExceptionGroup):
            sweep(service, service.resume)

    story.faults.rival = sweep_too
    worker = Worker(story.no_faults(), "compare")

    def die(base: bytes, head: bytes) -> None:
        raise worker.kill()

    story.world.differs.script = die
    with suppress(Killed):
        story.comes(Upload(head))(worker)
    story.world.differs.script = lambda base, head: None


def many_workers(story: Story) -> None:
    """A head that is too much for one worker: a batch for each of its two pairs."""
    story.hand_over_everything()
    compare(story)


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
