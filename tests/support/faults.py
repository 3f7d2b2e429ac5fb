"""Ports that fail on purpose: every call of a worker has a step, and a fault may wait there."""

from __future__ import annotations

import errno
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from botocore.exceptions import ClientError, FlexibleChecksumError, IncompleteReadError

from pixelgate.errors import FaultCode, ImageFault, NotFound, WriteConflict
from support.schedule import Intercepted, Killed

LAMBDA_SECONDS = 900.0
WORKER_SECONDS = 120.0  # of one that compares a batch
STEPS = (
    "accept", "baseline", "wait", "claim", "plan", "arrival", "fetch", "diff", "store",
    "report", "publish", "status", "wake", "review", "sweep",
    "hand over", "machine", "worker", "publisher",
)  # fmt: skip


class Lost(BaseException):
    """A worker whose result never comes: the state machine goes on without it."""


class Stopped(BaseException):
    """The execution of the state machine is ended, and calls nobody any more."""


@dataclass(frozen=True)
class Place:
    """The so-manieth call of an operation in a step."""

    step: str
    operation: str
    number: int

    def __str__(self) -> str:
        return f"{self.step}: {self.operation} no. {self.number}"


@dataclass(frozen=True)
class Call:
    """A call that is about to be made.

    Attributes:
        place: where.
        worker: by whom.
        make: makes it.
    """

    place: Place
    worker: Worker
    make: Callable[[], Any]


@dataclass(frozen=True)
class Fault:
    """What may go wrong with a call.

    Attributes:
        name: in the table.
        strikes: which calls it can befall.
        happen: does it, in the place of the call.
        lasts: whether it can also go on for hours.
    """

    name: str
    strikes: Callable[[Place], bool]
    happen: Callable[[Call], Any]
    lasts: bool = False


@dataclass
class Faults:
    """What is to go wrong in a run, and what its workers did.

    Attributes:
        fault: what happens; None in a clean run, and once it is over.
        name: of the fault.
        at: where.
        lasting: whether it befalls this operation of this step for as long as that is true;
            otherwise once.
        places: every call that was made.
        happened: how often the fault has happened.
        rival: what another worker does in the middle of a call.
        dice: further faults, for runs in which several things go wrong.
    """

    sleep: Callable[[float], None]
    fault: Fault | None = None
    name: str = field(init=False)
    at: Place | None = None
    lasting: bool = False
    places: list[Place] = field(default_factory=list)
    happened: int = 0
    rival: Callable[[float], None] = lambda skew: None
    dice: Callable[[Place], Fault | None] = lambda place: None
    _made: Counter[tuple[str, str]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.name = self.fault.name if self.fault else ""

    def call(self, worker: Worker, operation: str, key: str, make: Callable[[], Any]) -> Any:
        """Makes a call, or what the fault makes of it."""
        if worker.dead:
            raise Killed
        place, fault = self._place(worker, operation, key)
        return fault.happen(Call(place, worker, make)) if fault else make()

    def _place(self, worker: Worker, operation: str, key: str) -> tuple[Place, Fault | None]:
        step = step_of(worker, operation, key)
        with self._lock:
            place = Place(step, operation, self._made[step, operation])
            self._made[step, operation] += 1
            self.places.append(place)
            strikes = self._strikes(place)
            self.happened += strikes
        return place, self.fault if strikes else self.dice(place)

    def _strikes(self, place: Place) -> bool:
        if self.at is None or self.fault is None:
            return False
        if self.lasting:
            return (place.step, place.operation) == (self.at.step, self.at.operation)
        return place == self.at and not self.happened


@dataclass
class Worker:
    """One delivery's worker.

    Attributes:
        faults: what may befall it.
        role: compare, review or sweep; of the state machine: machine, worker or publisher.
        skew: how many seconds its clock is ahead.
        stage: what its run says that it is at.
        dead: whether it was killed: nothing that it does is seen any more.
        hurried: whether its time is nearly over.
    """

    faults: Faults
    role: str
    skew: float = 0.0
    stage: str = ""
    dead: bool = False
    hurried: bool = False

    def port(self, name: str, port: object) -> Any:
        def around(operation: str, key: str, make: Callable[[], Any]) -> Any:
            return self.faults.call(self, f"{name}.{operation}", key, make)

        return Intercepted(port, around)

    def resume(self, resume: Callable[..., None]) -> Callable[..., None]:
        return lambda build: self.faults.call(self, "lambda.invoke", "", lambda: resume(build))

    @contextmanager
    def enter(self, name: str) -> Iterator[None]:
        """Is told of the stage of a run."""
        before, self.stage = self.stage, name
        try:
            yield
        finally:
            self.stage = before

    def time_left(self) -> float:
        """Seconds until Lambda ends it."""
        return 10.0 if self.hurried else self.limit

    @property
    def limit(self) -> float:
        """Seconds that Lambda gives it."""
        return WORKER_SECONDS if self.role == "worker" else LAMBDA_SECONDS

    def kill(self) -> Killed:
        """Ends it, with all its threads."""
        self.dead = True
        return Killed()


_BY_OPERATION = {
    "lambda.invoke": "wake", "ledger.wake": "wake", "ledger.waiting": "wake",
    "ledger.wait": "wait", "ledger.end_wait": "wait", "ledger.claim": "claim",
    "ledger.release": "claim", "ledger.publish": "publish", "ledger.fail": "publish",
    "ledger.mark_announced": "status", "ledger.set_review": "status",
    "ledger.set_decision": "status",
    "pool.diff": "diff", "states.start": "hand over",
}  # fmt: skip


def step_of(worker: Worker, operation: str, key: str) -> str:
    if worker.role != "compare":
        return worker.role
    if operation in _BY_OPERATION:
        return _BY_OPERATION[operation]
    if operation.startswith("events.") or key.endswith(("/status.json", "/review.json")):
        return "report" if worker.stage == "report" else "status"
    if worker.stage == "diff":
        return "fetch" if key.startswith("images/") else "store"
    # The trace calls it so; here it is what pairs are read by.
    return "arrival" if worker.stage == "fetch" else worker.stage or "baseline"


# --- the faults -------------------------------------------------------------------------------


def _any(place: Place) -> bool:
    return True


def _on(*operations: str, steps: tuple[str, ...] = STEPS) -> Callable[[Place], bool]:
    return lambda place: place.operation.startswith(operations) and place.step in steps


_s3, _table = _on("objects."), _on("ledger.")
_reads, _writes = _on("objects.read", "objects.list"), _on("objects.write", "objects.replace")


def _raise(error: Callable[[], BaseException], call: Call) -> Any:
    raise error()


def _raising(error: Callable[[], BaseException]) -> Callable[[Call], Any]:
    return partial(_raise, error)


def _refusal(code: str, status: int, operation: str) -> Callable[[], BaseException]:
    """What the SDK raises when its own retries are used up."""
    about: Any = {
        "Error": {"Code": code, "Message": f"an injected {code}"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return lambda: ClientError(about, operation)


def _killed(call: Call) -> Any:
    raise call.worker.kill()


def _killed_after(call: Call) -> Any:
    call.make()
    raise call.worker.kill()


def _killed_at_the_limit(call: Call) -> Any:
    call.worker.faults.sleep(call.worker.limit)
    raise call.worker.kill()


def _hurried(call: Call) -> Any:
    call.worker.hurried = True
    return call.make()


def _out_of_memory(call: Call) -> Any:
    raise MemoryError("an injected shortage of memory")


def _missing(call: Call) -> Any:
    if call.place.operation == "objects.exists":
        return False
    raise NotFound("an object that somebody has deleted")


def _other_bytes(call: Call) -> Any:
    call.make()
    return b"other bytes"


def _answer_lost(call: Call) -> Any:
    """It was written, the answer never came, and the SDK has sent it once more."""
    call.make()
    if call.place.operation == "objects.replace":
        raise WriteConflict("it was written, by ourselves")
    return call.make()


def _overtaken(call: Call) -> Any:
    call.worker.faults.rival(0.0)
    return call.make()


def _overtaken_by_the_clock(skew: float, call: Call) -> Any:
    """It stalls for so long that a worker whose clock is wrong may think it dead."""
    call.worker.faults.sleep(31.0)
    call.worker.faults.rival(skew)
    return call.make()


def _killed_with_a_wrong_clock(skew: float, call: Call) -> Any:
    call.worker.kill()
    call.worker.faults.rival(skew)
    raise Killed


def _skewed(skew: float, call: Call) -> Any:
    call.worker.skew = skew
    return call.make()


def _odiff(code: FaultCode, words: str) -> Callable[[Call], Any]:
    return _raising(lambda: ImageFault(code, words))


FAULTS = (
    Fault("process killed, before the call", _any, _killed, lasts=True),
    Fault("process killed, after the call", _any, _killed_after, lasts=True),
    Fault("time-out: killed at Lambda's limit", _any, _killed_at_the_limit, lasts=True),
    Fault("time-out: the limit is near", _any, _hurried, lasts=True),
    Fault("out of memory", _any, _out_of_memory, lasts=True),
    Fault(
        "/tmp full", _on("pool."),
        _raising(lambda: OSError(errno.ENOSPC, "No space left on device")), lasts=True,
    ),
    Fault("odiff crashes", _on("pool."), _odiff(FaultCode.ENGINE_FAILED, "odiff was killed"), True),
    Fault("odiff hangs", _on("pool."), _odiff(FaultCode.ENGINE_TIMEOUT, "odiff is silent"), True),
    Fault("odiff answers garbage", _on("pool."), _odiff(FaultCode.ENGINE_FAILED, "no JSON"), True),
    Fault("S3: 500", _s3, _raising(_refusal("InternalError", 500, "S3")), lasts=True),
    Fault("S3: 503 SlowDown", _s3, _raising(_refusal("SlowDown", 503, "S3")), lasts=True),
    Fault("S3: 404", _on("objects.read", "objects.exists"), _missing, lasts=True),
    Fault(
        "S3: truncated body", _reads,
        _raising(lambda: IncompleteReadError(actual_bytes=1, expected_bytes=2)), lasts=True,
    ),
    Fault(
        "S3: wrong checksum", _reads,
        _raising(lambda: FlexibleChecksumError(error_msg="an injected checksum")), lasts=True,
    ),
    Fault(
        "S3: other bytes than the image's hash says", _on("objects.read", steps=("fetch",)),
        _other_bytes, lasts=True,
    ),
    Fault("S3: answer to a write lost", _writes, _answer_lost),
    Fault(
        "DynamoDB: throttled", _table,
        _raising(_refusal("ProvisionedThroughputExceededException", 400, "DynamoDB")), lasts=True,
    ),
    Fault("DynamoDB: answer lost, sent again", _table, _answer_lost),
    Fault(
        "Step Functions: throttled", _on("states.start"),
        _raising(_refusal("ThrottlingException", 400, "StartExecution")), lasts=True,
    ),
    Fault(
        "Step Functions: worker lost, its result never comes",
        _on("states.invoke", steps=("worker",)), _raising(Lost), lasts=True,
    ),
    Fault("Step Functions: answer lost, called once more", _on("states.invoke"), _answer_lost),
    Fault(
        "Step Functions: execution stopped", _on("states.invoke"), _raising(Stopped), lasts=True
    ),
    Fault("condition race: another delivery overtakes", _any, _overtaken),
    *(
        Fault(f"clock skew: {what.format(f'60 s {way}')}", _any, partial(happen, skew))
        for what, happen in (
            ("{} from here on", _skewed),
            ("stalled, a clock {} overtakes", _overtaken_by_the_clock),
            ("killed, a clock {} follows", _killed_with_a_wrong_clock),
        )
        for way, skew in (("fast", 60.0), ("slow", -60.0))
    ),
)  # fmt: skip
