"""What is done to real processes: they are killed, run out of something, or get another odiff."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from pixelgate.sandbox.cloud import Worker
from support import wire
from support.process_stack import COMPARE, Ballast, wait_until
from support.process_stories import COUNTS, PAIRS, FaultRun, large
from support.processes import odiffs
from support.wire import Act, Answer, Forward, Request

# --- processes that are killed ----------------------------------------------------------------


@dataclass
class ProcessKiller:
    """A plan that kills whoever makes a request, at a request of each of successive lives.

    Attributes:
        run: whose workers.
        lives: how many are ended.
        victims: worker, odiff, or both at once.
    """

    run: FaultRun
    lives: float
    victims: str = "worker"
    _count: int = 0
    _moment: int = field(init=False)

    def __post_init__(self) -> None:
        self._moment = self._next()

    def _next(self) -> int:
        # The more lives there are, the less is left to do in each.
        return self.run.chance.randint(1, int(self.run.requests / min(self.lives, 8)))

    def __call__(self, request: Request) -> Act | None:
        """Counts requests; some moment is the last of a life."""
        self._count += 1
        if self.run.died >= self.lives or self._count < self._moment:
            return None
        self._count, self._moment = 0, self._next()
        self.run.died += 1
        return self._kill(self.run.chance.choice(("before", "after", "at some time")))

    def _kill(self, when: str) -> Act:
        pause = self.run.chance.uniform(0, 0.03)

        def act(request: Request, forward: Forward) -> Answer | None:
            worker = self.run.site.worker_of(request)
            if worker is None:  # it has died meanwhile
                return None
            if when == "at some time":
                threading.Timer(pause, self._kill_later, (worker,)).start()
                return forward()
            if when == "after":
                forward()
            kill(worker, self.victims)
            return None

        return act

    def _kill_later(self, worker: Worker) -> None:
        # Meanwhile it may serve another project, whose fault this is not.
        if worker in self.run.site.cloud.workers():
            kill(worker, self.victims)


def kill(worker: Worker, victims: str) -> None:
    """SIGKILL to the runtime, its odiff, or both."""
    doomed = odiffs(worker.pid) if victims != "worker" else []
    for pid in [*doomed, *([worker.pid] if victims != "odiff" else [])]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def killed(lives: float, victims: str = "worker") -> Callable[[FaultRun], str]:
    """So many workers in a row are killed at random moments."""

    def tell(run: FaultRun) -> str:
        run.begin(run.prepare(), ProcessKiller(run, lives, victims))
        return run.finish()

    return tell


def odiff_killed(most: float) -> Callable[[FaultRun], str]:
    """Its odiffs are killed as they come up, a random moment later; at most so many.

    Its worker may serve others later: the stack must be its own at that time.
    """

    def tell(run: FaultRun) -> str:
        found: set[int] = set()
        workers: list[Worker] = []

        def note(request: Request) -> Act | None:
            if not workers and (worker := run.site.worker_of(request)):
                workers.append(worker)
            return None

        def hunt() -> None:
            while not run.over.is_set() and len(found) < most:
                for pid in {pid for worker in workers for pid in odiffs(worker.pid)} - found:
                    time.sleep(run.chance.uniform(0, 0.01))
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                        found.add(pid)

        hunter = threading.Thread(target=hunt, daemon=True)
        hunter.start()
        run.begin(run.prepare(), note)
        try:
            return run.finish()
        finally:
            run.over.set()
            hunter.join()

    return tell


# --- limits -----------------------------------------------------------------------------------


def out_of_memory(always: bool) -> Callable[[FaultRun], str]:
    """A pair of images needs more than the function has."""

    def tell(run: FaultRun) -> str:
        manifest = run.prepare({"large.png": (large(1), large(2))})
        run.counts = {**COUNTS, "total": PAIRS + 3, "changed": PAIRS + 1}
        run.cure = lambda: run.site.configure(COMPARE, MemorySize=3538)
        run.site.configure(COMPARE, MemorySize=256)
        run.begin(manifest)
        if not always:
            wait_until(lambda: run.said("signal: killed"))
            run.cure()
        return run.finish()

    return tell


def out_of_time(always: bool) -> Callable[[FaultRun], str]:
    """An answer comes later than Lambda ends the function: in the middle of whatever it does."""

    def tell(run: FaultRun) -> str:
        manifest = run.prepare()
        run.cure = lambda: run.site.configure(COMPARE, Timeout=900)
        run.site.configure(COMPARE, {"PIXELGATE_MARGIN_SECONDS": "0"}, Timeout=2)
        # The base's requests and those for thumbnails, after the verdict, were counted as well.
        moment, count = run.chance.randint(1, run.requests // 3), itertools.count(1)

        def plan(request: Request) -> Act | None:
            late = "images/" in request.path if always else next(count) == moment
            return wire.delays(2.5) if late else None

        run.begin(manifest, plan)
        if not always:
            wait_until(lambda: run.said("Task timed out after 2.00 seconds"))
            run.cure()  # else a slow machine is out of time once more, with nobody's help
        ending = run.finish()
        assert run.said("Task timed out after 2.00 seconds")
        return ending

    return tell


def near_its_limit(always: bool) -> Callable[[FaultRun], str]:
    """The function's time is shorter than what a worker keeps for its end: it stops by itself."""

    def tell(run: FaultRun) -> str:
        manifest = run.prepare()
        run.cure = lambda: run.site.configure(COMPARE, Timeout=900)
        margin = {"PIXELGATE_MARGIN_SECONDS": "75"}
        run.site.configure(COMPARE, margin, Timeout=60)
        run.begin(manifest)
        wait_until(lambda: run.said("the worker's time limit is near"))
        if not always:
            run.cure()
        return run.finish()

    return tell


def disk_full(always: bool) -> Callable[[FaultRun], str]:
    """Nothing can be written to /tmp from the first image on that is read."""

    def tell(run: FaultRun) -> str:
        if not run.site.cloud.has_own_tmp:
            pytest.skip("only root can give a function a small /tmp")
        # None at all; or too little for odiff's two images of 11 KB each, or for its mask alone.
        rooms = (0, 8_192, 16_384, 24_576) if always else (0,)
        ballast, lock = Ballast(run.chance.choice(rooms)), threading.Lock()

        def plan(request: Request) -> Act | None:
            if request.method == "GET" and request.key.startswith("images/"):
                return fill
            # So begins a delivery: the next one finds room.
            begins = request.method == "GET" and request.key.endswith("/status.json")
            return relieve if begins and not always and ballast.files else None

        def relieve(request: Request, forward: Forward) -> Answer | None:
            run.over.set()
            ballast.throw_off()
            return forward()

        def fill(request: Request, forward: Forward) -> Answer | None:
            with lock:
                worker = run.site.worker_of(request)
                if worker and not run.over.is_set() and (always or not ballast.files):
                    ballast.load(worker)
            return forward()

        manifest = run.prepare()
        # Fresh environments: odiff is asked about the first pair, and needs files for that.
        run.site.configure(COMPARE, {"FRESH": run.project}, EphemeralStorage={"Size": 512})
        run.cure = ballast.throw_off
        run.begin(manifest, plan)
        ending = run.finish()
        assert always or run.said("No space left") or run.said("No usable temporary")
        return ending

    return tell


# --- another odiff in the layer ---------------------------------------------------------------

_VERSION = '#!/bin/sh\n[ "$1" = --version ] && { echo odiff 4.5.0; exit; }\n'
_READY = _VERSION + "echo '{\"ready\": true}'\n"
CRASHING = {
    "at once": _VERSION + "exit 3\n",
    "on a request": _READY + "read line\nkill -SEGV $$\n",
    "half-way through an answer": _READY + "read line\nprintf '{\"requestId\": 1, '\nkill -9 $$\n",
}
HANGING = {"on a request": _READY + "read line\nexec sleep 1000\n"}
GARBAGE = {
    "no JSON": _READY + "while read line; do echo Segmentation fault; done\n",
    "no object": _READY + "while read line; do echo '[1, 2]'; done\n",
    "no text": _READY + "while read line; do printf '\\377\\376\\000\\n'; done\n",
    "another request's": _READY + "while read line; do echo '{\"requestId\": 77}'; done\n",
    "no mask": _VERSION
    + "echo '{\"ready\": true}'; n=0\nwhile read line; do n=$((n + 1)); "
    + 'echo "{\\"requestId\\": $n, \\"match\\": false, \\"diffCount\\": 9}"; done\n',
    "without end": _READY + "read line\nexec cat /dev/zero\n",
}


def other_odiff(kinds: dict[str, str], words: str) -> Callable[[FaultRun], str]:
    """One of these programs takes odiff's place in the layer."""

    def tell(run: FaultRun) -> str:
        kind = run.chance.choice(sorted(kinds))
        manifest = run.prepare()
        if kinds is HANGING:  # for 30 seconds a pair, and two pairs at a time
            manifest["images"] = dict(list(manifest["images"].items())[:2])
            # As long as it is on AWS: two pairs that hang are no reason to think a worker dead.
            run.site.configure(COMPARE, {"PIXELGATE_LEASE_SECONDS": "90"})
            run.counts = {"total": 2 + PAIRS - 1, "changed": 2, "removed": PAIRS - 1}
        run.cure = run.site.restore_layer
        run.site.replace_layer({"bin/odiff": kinds[kind].encode()})
        run.begin(manifest)
        ending = run.finish()
        reasons = run.reasons()
        assert reasons, kind
        assert all(reason.startswith(words) for reason in reasons), (kind, reasons)
        return ending

    return tell
