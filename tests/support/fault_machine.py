"""The state machine of template.yaml, played: batches, their retries, and the publisher."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from pixelgate.domain import keys
from pixelgate.domain.keys import ComparisonId
from pixelgate.pipeline.compare.batches import BATCHES, Batch, Handed
from pixelgate.pipeline.compare.fan_out import (
    Round,
    give_back,
    next_round,
    publish_handed,
    work,
)
from pixelgate.pipeline.compare.outcomes import Published
from pixelgate.pipeline.context import CompareContext
from pixelgate.ports import Bucket
from support.doubles.memory_fan_out import MemoryFanOut
from support.faults import Faults, Lost, Stopped, Worker
from support.schedule import Killed

# As the template says: attempts of a batch, of the publisher, and the longest wait between two.
WORKER_ATTEMPTS, WORKER_WAIT = 5, 10.0
PUBLISHER_ATTEMPTS, PUBLISHER_WAIT = 5, 60.0


@dataclass
class Machine:
    """Runs the executions that were started, one after the other.

    Attributes:
        objects: the bucket.
        called: is told whenever a function is called.
        service: the ports of one worker.
        faults: what goes wrong at the moment.
        sleep: lets time pass.
        started: executions, by name.
    """

    objects: Bucket
    called: Callable[[], None]
    service: Callable[[Worker], CompareContext]
    faults: Callable[[], Faults]
    sleep: Callable[[float], None]
    started: MemoryFanOut = field(default_factory=MemoryFanOut)

    def run(self) -> None:
        self.started.run(self._execute)

    def _execute(self, execution: str, comparison: ComparisonId) -> None:
        handed = Handed(comparison, execution)
        try:
            wanted = [Round(0, BATCHES, 8)]
            while wanted[-1].batches or len(wanted) == 1:
                listed = self._read_batches(handed, wanted[-1].list)
                if listed is None:
                    self._attempt("publisher", partial(_give_back, handed))
                    return
                for batch in listed:
                    self._attempt("worker", partial(_work, handed, batch))
                rounds = len(wanted)
                self._attempt("publisher", partial(_find_lost, handed, wanted))
                if len(wanted) == rounds:
                    self._attempt("publisher", partial(_give_back, handed))
                    return
            self._attempt("publisher", partial(_publish, handed))
        except Stopped:
            return  # a person has ended the execution; nothing of it goes on

    def _read_batches(self, handed: Handed, name: str) -> list[Batch] | None:
        """Step Functions reads the list itself."""
        key = keys.fan_out(handed.comparison, handed.execution, name)
        for _ in range(4):
            with suppress(Exception, Killed):
                body = Worker(self.faults(), "machine").port("objects", self.objects).read(key)
                return [Batch(**batch) for batch in json.loads(body)]
            self.sleep(PUBLISHER_WAIT)
        return None

    def _attempt(self, role: str, call: Callable[[CompareContext, Worker], object]) -> None:
        """Calls a function until it answers; who never does is tolerated."""
        attempts, wait = WORKER_ATTEMPTS, WORKER_WAIT
        if role == "publisher":
            attempts, wait = PUBLISHER_ATTEMPTS, PUBLISHER_WAIT
        for _ in range(attempts):
            self.called()
            try:
                self._invoke(role, call)
            except Lost:
                return
            except (Exception, Killed):
                self.sleep(wait)
            else:
                return

    def _invoke(self, role: str, call: Callable[[CompareContext, Worker], object]) -> None:
        faults = self.faults()

        def make() -> None:
            worker = Worker(faults, role)
            call(self.service(worker), worker)

        faults.call(Worker(faults, role), "states.invoke", "", make)


def _work(handed: Handed, batch: Batch, service: CompareContext, worker: Worker) -> None:
    work(handed, batch, service, worker.time_left)


def _find_lost(
    handed: Handed, rounds: list[Round], service: CompareContext, worker: Worker
) -> None:
    """Appends the next round; an attempt that fails appends nothing."""
    rounds.append(next_round(handed, rounds[-1], service, worker.time_left))


def _give_back(handed: Handed, service: CompareContext, worker: Worker) -> None:
    give_back(handed, "the list of batches could not be read", service)


def _publish(handed: Handed, service: CompareContext, worker: Worker) -> None:
    """What the handler does: what was not told is told by the next attempt."""
    outcome = publish_handed(handed, service, worker.time_left)
    if isinstance(outcome, Published) and outcome.announce_error:
        raise outcome.announce_error
