"""What is done to a comparison of real processes, and in which ways."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

from pixelgate.domain import keys
from support import wire
from support.process_faults import (
    CRASHING,
    GARBAGE,
    HANGING,
    disk_full,
    killed,
    near_its_limit,
    odiff_killed,
    other_odiff,
    out_of_memory,
    out_of_time,
)
from support.process_stack import wait_until
from support.process_stories import FaultRun
from support.wire import Act, Answer, Forward, Request

ONCE, AGAIN, ALWAYS = "once", "longer than it is tried", "in every attempt"
WAYS = (ONCE, AGAIN, ALWAYS)
DELIVERIES = 32
TWICE = f"event delivered twice and more: {DELIVERIES} times at once"
# The SDK tries three times, and the bucket's adapter reads a broken body three times.
TRIES = 3


@dataclass(frozen=True)
class RealFault:
    """Something that is done to a comparison of real processes.

    Attributes:
        name: its row.
        way: its column.
        tell: does it; returns how it ended.
        site: the stack that it needs. In the common one functions are as they are deployed;
            elsewhere their configuration is changed, and faults take turns.
        long: too long for every run of the tests.
    """

    name: str
    way: str
    tell: Callable[[FaultRun], str]
    site: str = "common"
    long: bool = False

    @property
    def id(self) -> str:
        return f"{self.name}, {self.way}"


# --- AWS that fails ---------------------------------------------------------------------------


def fails(
    act: Act, service: str, way: str, fits: Callable[[Request], bool] = lambda request: True
) -> Callable[[FaultRun], str]:
    """Requests go wrong: the first of each kind; one until it is given up on; all from one on."""

    def tell(run: FaultRun) -> str:
        seen: dict[str, int] = {}
        chosen: list[Request] = []
        moment = run.chance.randint(1, max(run.requests // 2, 1))

        def plan(request: Request) -> Act | None:
            seen["all"] = seen.get("all", 0) + 1
            if request.service != service or not fits(request):
                return None
            seen[request.kind] = seen.get(request.kind, 0) + 1
            if way == ONCE:
                return act if seen[request.kind] == 1 else None
            if not chosen and seen["all"] >= moment:
                chosen.append(request)
            if not chosen or (way == AGAIN and not request.repeats(chosen[0])):
                return None
            seen["chosen"] = seen.get("chosen", 0) + 1
            return act if way == ALWAYS or seen["chosen"] <= TRIES else None

        run.begin(run.prepare(), plan)
        return run.finish()

    return tell


def reads(request: Request) -> bool:
    return request.method == "GET" and "list-type" not in request.path


def writes(request: Request) -> bool:
    return request.method == "PUT" or request.operation in {"UpdateItem", "PutItem"}


def missing(run: FaultRun) -> str:
    """At some moment an image that the head needs is deleted."""
    manifest = run.prepare()
    sha = run.chance.choice(sorted(i["sha256"] for i in manifest["images"].values()))
    moment, count = run.chance.randint(1, run.requests), itertools.count(1)
    s3 = run.site.client("s3")

    def delete(request: Request, forward: Forward) -> Answer | None:
        s3.delete_object(Bucket=run.site.bucket, Key=keys.image(run.project, sha))
        return forward()

    run.begin(manifest, lambda request: delete if next(count) == moment else None)
    return run.finish()


# --- events -----------------------------------------------------------------------------------


def many_deliveries(run: FaultRun) -> str:
    """The event comes 32 times at once."""
    run.begin(run.prepare())
    run.site.deliver(run.event, DELIVERIES - 1)
    return run.finish()


def out_of_order(run: FaultRun) -> str:
    """The head's event comes before its base's; both come four times."""
    folder = run.folder / "head"
    head = {"images": run.uploader.upload_images(folder), "base_commit": "base"}
    run.begin(head)
    run.site.deliver(run.event, 3)
    wait_until(lambda: (run.status() or {}).get("state") == "WAITING_FOR_BASE")
    images = run.uploader.upload_images(run.folder / "base")
    base = run.uploader.write_manifest("base", {"images": images})
    run.site.deliver(run.site.created(keys.uploaded_manifest(base)), 3)
    return run.finish()


def quiet(run: FaultRun) -> str:
    """Nothing happens to it but what happens to all: their event comes once more in the end."""
    run.begin(run.prepare())
    return run.finish()


# --- all of them ------------------------------------------------------------------------------

S3_500, S3_503 = wire.refuses("InternalError", 500), wire.refuses("SlowDown", 503)
THROTTLED = wire.refuses("ProvisionedThroughputExceededException", 400)
_WIRE: tuple[tuple[str, Act, str, Callable[[Request], bool]], ...] = (
    ("S3: 500", S3_500, "s3", lambda request: True),
    ("S3: 503 SlowDown", S3_503, "s3", lambda request: True),
    ("S3: truncated body", wire.cuts_off, "s3", reads),
    ("S3: wrong checksum", wire.garbles, "s3", reads),
    ("S3: answer to a write lost", wire.loses_the_answer, "s3", writes),
    ("DynamoDB: throttled", THROTTLED, "dynamodb", lambda request: True),
    ("DynamoDB: answer lost, sent again", wire.loses_the_answer, "dynamodb", writes),
)


def _with_short_form(*faults: RealFault) -> tuple[RealFault, ...]:
    """All of them; those that every run of the tests has time for are told apart."""
    return tuple(replace(f, long=(f.name, f.way) not in _SHORT) for f in faults)


# One of each kind of thing that happens: on two quiet cores they take less than a minute.
_SHORT = {
    ("process killed -9", ONCE),
    ("process killed -9", ALWAYS),
    ("process and odiff killed -9", AGAIN),
    ("odiff killed -9", ALWAYS),
    ("out of memory: killed by the kernel", ONCE),
    ("time-out: killed at Lambda's limit", ONCE),
    ("/tmp full", ALWAYS),
    ("odiff answers garbage", ALWAYS),
    ("S3: 503 SlowDown", ALWAYS),
    ("S3: truncated body", AGAIN),
    ("S3: wrong checksum", ONCE),
    ("DynamoDB: throttled", AGAIN),
    ("DynamoDB: answer lost, sent again", ONCE),
    (TWICE, ONCE),
}

REAL_FAULTS = _with_short_form(
    RealFault("process killed -9", ONCE, killed(1)),
    RealFault("process killed -9", AGAIN, killed(2)),
    RealFault("process killed -9", ALWAYS, killed(float("inf"))),
    RealFault("odiff killed -9", ONCE, odiff_killed(1), "special"),
    RealFault("odiff killed -9", ALWAYS, odiff_killed(float("inf")), "special"),
    RealFault("process and odiff killed -9", ONCE, killed(1, "both")),
    RealFault("process and odiff killed -9", AGAIN, killed(2, "both")),
    RealFault("out of memory: killed by the kernel", ONCE, out_of_memory(False), "special"),
    RealFault("out of memory: killed by the kernel", ALWAYS, out_of_memory(True), "special"),
    RealFault("time-out: killed at Lambda's limit", ONCE, out_of_time(False), "special"),
    RealFault("time-out: killed at Lambda's limit", ALWAYS, out_of_time(True), "special"),
    RealFault("time-out: the limit is near", ONCE, near_its_limit(False), "special"),
    RealFault("time-out: the limit is near", ALWAYS, near_its_limit(True), "special"),
    RealFault("/tmp full", ONCE, disk_full(False), "special"),
    RealFault("/tmp full", ALWAYS, disk_full(True), "special"),
    RealFault("odiff crashes", ALWAYS, other_odiff(CRASHING, "ENGINE_FAILED"), "special"),
    RealFault("odiff hangs", ALWAYS, other_odiff(HANGING, "ENGINE_TIMEOUT"), "hanging"),
    RealFault("odiff answers garbage", ALWAYS, other_odiff(GARBAGE, "ENGINE_FAILED"), "special"),
    *(
        RealFault(name, way, fails(act, service, way, fits))
        for name, act, service, fits in _WIRE
        for way in WAYS
    ),
    RealFault("S3: 404", ALWAYS, missing),
    RealFault(TWICE, ONCE, many_deliveries),
    RealFault("event delivered late: once more when all is over", ONCE, quiet),
    RealFault(
        "events out of order: the head's before its base's, each four times", ONCE, out_of_order
    ),
)
