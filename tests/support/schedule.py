"""Runs workers in threads of which one at a time may move: a scheduler picks who, step by step.

A step ends wherever a worker is about to call a port: between two calls nothing that others could
see happens, so these are all the places in which workers can overtake one another.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from support.world import World

# A worker that does not come back is a test that hangs.
_PATIENCE = 20
_TO_THE_END = 1_000  # turns
_LISTINGS = frozenset({"list", "folders", "builds_by"})


class Killed(BaseException):
    """The process is gone: no handler of ours runs, as with SIGKILL."""


class Schedule:
    """Runs some functions by turns: `turns` names who moves, step by step, then each runs on.

    `dies` names who is killed instead of taking its so-manieth step.
    """

    def __init__(
        self, turns: Sequence[int] = (), dies: Mapping[int, int] = MappingProxyType({})
    ) -> None:
        self._turns = turns
        self._dies = dies
        self._me = threading.local()
        self._go: list[threading.Semaphore] = []
        self._stopped: list[threading.Semaphore] = []
        self._done: list[bool] = []
        self.steps: list[int] = []
        self.taken: list[int] = []  # turns; one more than steps, for who came to the end

    def run(self, *workers: Callable[[], object]) -> list[object]:
        """What each has returned or raised."""
        results: list[object] = [None] * len(workers)
        self._go = [threading.Semaphore(0) for _ in workers]
        self._stopped = [threading.Semaphore(0) for _ in workers]
        self._done = [False] * len(workers)
        self.steps = [0] * len(workers)
        self.taken = [0] * len(workers)

        def run_one(number: int, worker: Callable[[], object]) -> None:
            self._me.number = number
            self._await(self._go[number])
            try:
                results[number] = worker()
            except (Exception, Killed) as error:
                results[number] = error
            self._done[number] = True
            self._stopped[number].release()

        threads = [
            threading.Thread(target=run_one, args=(n, w), daemon=True)
            for n, w in enumerate(workers)
        ]
        for thread in threads:
            thread.start()
        for number in self._whose_turn(len(workers)):
            self.taken[number] += 1
            self._go[number].release()
            self._await(self._stopped[number])
        for thread in threads:
            thread.join(_PATIENCE)
        return results

    def ports(self, world: World) -> dict[str, Any]:
        """A world's bucket and ledger, every call of which is a step."""
        return {"objects": self.stepping(world.objects), "ledger": self.stepping(world.ledger)}

    def stepping(self, port: object) -> Any:
        def around(name: str, key: str, make: Callable[[], Any]) -> Any:
            self.pause()
            return make()

        return Intercepted(port, around)

    def pause(self) -> None:
        """Called by a worker between two steps; others, such as its own threads, walk through."""
        number = getattr(self._me, "number", None)
        if number is not None:
            self.steps[number] += 1
            self._stopped[number].release()
            self._await(self._go[number])
            if self._dies.get(number) == self.steps[number]:
                raise Killed

    def _whose_turn(self, workers: int) -> Iterator[int]:
        for number in self._turns:
            if not self._done[number]:
                yield number
        for number in range(workers):
            while not self._done[number]:
                yield number

    @staticmethod
    def _await(semaphore: threading.Semaphore) -> None:
        assert semaphore.acquire(timeout=_PATIENCE), "a worker is stuck"


def run_every_order(run: Callable[[list[int]], Schedule], step: int = 1) -> int:
    """All that two workers can do with one change of turns, and with two; each once.

    The one goes k steps, the other j, then the one to its end and the other to its own; and the
    other way round.

    Args:
        run: makes a run by these turns and checks it; returns its schedule.
        step: of k and j.

    Returns:
        How many runs there were.
    """
    runs = 0
    for one, other in ((0, 1), (1, 0)):
        for k in itertools.count(1, step):
            ended = False  # the one, before the other began: more turns would be the same run
            for j in itertools.count(1, step):
                turns = [one] * k + [other] * j + [one] * _TO_THE_END
                try:
                    taken = run(turns).taken
                except AssertionError as error:
                    error.add_note(f"worker {one} goes {k} steps, worker {other} goes {j}")
                    raise
                runs += 1
                ended = taken[one] <= k
                if ended or taken[other] <= j:
                    break
            if ended:
                break
    return runs


class Intercepted:
    """A port, every call of which is made by a function: it is told the name, the key and the call.

    What is listed is read in that call, not when the next one has been made.
    """

    def __init__(self, port: object, around: Callable[[str, str, Callable[[], Any]], Any]) -> None:
        self._port, self._around = port, around

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._port, name)
        if not callable(attribute) or name == "inspect":
            return attribute

        def call(*arguments: Any, **named: Any) -> Any:
            key = arguments[0] if arguments and isinstance(arguments[0], str) else ""

            def make() -> Any:
                result = attribute(*arguments, **named)
                return iter(list(result)) if name in _LISTINGS else result

            return self._around(name, key, make)

        return call
