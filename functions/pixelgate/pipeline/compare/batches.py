"""A plan as workers share it: a line for each pair, and batches of lines that are read by range.

    fan-out/plan.jsonl          {"base", "head", "fingerprint", "policy"} of each unique pair
    fan-out/batches.json        [{"number", "offset", "length"}]: the state machine maps over it
    fan-out/begun.json          {"faults", "usage"}: head images that cannot be read, by name
    fan-out/results/<n>.json    what came of a batch, written by its worker

All of it lies under the prefix of one execution, so nothing of another can be taken for it.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pixelgate.domain import keys
from pixelgate.domain.comparison import Measured
from pixelgate.domain.cost import Usage
from pixelgate.domain.keys import ComparisonId
from pixelgate.domain.policy import Policy, Rectangle
from pixelgate.errors import FaultCode, ImageFault, NotFound
from pixelgate.pipeline.compare.budget import pixels_of
from pixelgate.pipeline.context import Limits
from pixelgate.pipeline.diffing.pairs import DiffCache, DiffStats, diff_from_json, diff_to_json
from pixelgate.pipeline.diffing.plan import Pair, Plan
from pixelgate.ports import Bucket

_READERS = 32
# What a worker counts of its pairs; the rest is told by the comparison as a whole.
_TALLIED = ("diffed", "cached", "pixels", "seconds")
_JSON = "application/json"
_EXPRESS, _TRANSITION = "states.ExpressExecution", "states.StateTransition"
_PARENTS_STEPS = 3  # into the map, out of it, and into the publisher


@dataclass(frozen=True)
class Handed:
    """An execution that was handed over.

    Attributes:
        comparison: what is compared.
        execution: the run that owns it, and the name of the state machine's execution.
    """

    comparison: ComparisonId
    execution: str

    @property
    def pictures(self) -> str:
        """The folder of the masks and thumbnails that its report shows, with "/"."""
        return keys.pictures(self.comparison, self.execution)


@dataclass(frozen=True)
class Batch:
    """Lines of plan.jsonl that one worker compares: from a byte on, so many bytes."""

    number: int
    offset: int
    length: int


@dataclass(frozen=True)
class Done:
    """What came of one batch.

    Attributes:
        results: of each pair.
        tally: how they were answered.
        thumbs: keys of the thumbnails that were drawn, or were there.
        usage: what it took; None where nobody charges for anything.
    """

    results: Mapping[Pair, Measured | ImageFault]
    tally: DiffStats
    thumbs: Collection[str] = ()
    usage: Usage | None = None


@dataclass(frozen=True)
class Collected:
    """What came of all batches.

    Attributes:
        results: of every pair.
        tally: how they were answered.
        thumbs: keys of thumbnails that are there.
        usage: what the workers that left a result have used, and the state machine with them.
    """

    results: Mapping[Pair, Measured | ImageFault]
    tally: DiffStats
    thumbs: frozenset[str]
    usage: Usage


def write_plan(
    handed: Handed,
    plan: Plan,
    faults: Mapping[str, ImageFault],
    usage: Usage | None,
    objects: Bucket,
    limits: Limits,
) -> int:
    """Writes what the workers and the publisher need; returns the number of batches.

    Args:
        handed: for whom.
        plan: what is to be compared.
        faults: what is wrong with head images, by name.
        usage: what it took so far.
        objects: where to.
        limits: how large a batch may be.
    """
    body, batches = _lines(plan, limits)
    c, e = handed.comparison, handed.execution
    begun = {
        "faults": {name: {"code": f.code, "message": str(f)} for name, f in faults.items()},
        "usage": _usage_json(usage),
    }
    objects.write(keys.fan_out(c, e, "plan.jsonl"), body, "application/jsonl")
    objects.write(keys.fan_out(c, e, "begun.json"), json.dumps(begun).encode(), _JSON)
    listed = json.dumps([vars(batch) for batch in batches]).encode()
    objects.write(keys.fan_out(c, e, "batches.json"), listed, _JSON)
    return len(batches)


def read_batch(handed: Handed, batch: Batch, objects: Bucket) -> dict[Pair, Policy]:
    """The pairs of a batch, in the order of the plan."""
    key = keys.fan_out(handed.comparison, handed.execution, "plan.jsonl")
    return dict(map(_pair_of, objects.read_range(key, batch.offset, batch.length).splitlines()))


def write_result(handed: Handed, batch: Batch, done: Done, objects: Bucket) -> None:
    """Writes what came of a batch, faults too: they are kept nowhere else."""
    body = {
        "schema_version": 1,
        "tally": {name: getattr(done.tally, name) for name in _TALLIED},
        "thumbs": sorted(done.thumbs),
        "usage": _usage_json(done.usage),
        "results": [
            {**_as_json(pair, found), "policy": pair.fingerprint}
            for pair, found in done.results.items()
        ],
    }
    key = keys.batch_result(handed.comparison, handed.execution, batch.number)
    objects.write(key, json.dumps(body).encode(), _JSON)


def read_begun(handed: Handed, objects: Bucket) -> tuple[dict[str, ImageFault], Usage]:
    """What is wrong with head images, by name, and what it took to hand over."""
    key = keys.fan_out(handed.comparison, handed.execution, "begun.json")
    stored = json.loads(objects.read(key))
    faults = {name: _fault(fault) for name, fault in stored["faults"].items()}
    return faults, _usage(stored["usage"])


def gather_results(
    handed: Handed, pairs: Iterable[Pair], store: DiffCache, objects: Bucket
) -> Collected:
    """What came of every pair; one of which nothing is known is a fault, never a pass.

    Where a batch left no result, its worker died. What it had diffed by then lies in the store.
    """
    c, e = handed.comparison, handed.execution
    batches = [Batch(**b) for b in json.loads(objects.read(keys.fan_out(c, e, "batches.json")))]
    found: dict[Pair, Measured | ImageFault] = {}
    tally, thumbs, lost = DiffStats(), set[str](), 0
    usage = Usage(requests={_EXPRESS: len(batches), _TRANSITION: _PARENTS_STEPS})
    with ThreadPoolExecutor(_READERS, thread_name_prefix="collect") as threads:
        for body in _read_in_order(batches, handed, objects, threads):
            if body is None:
                lost += 1
                continue
            said = json.loads(body)
            found.update(_results(said))
            for name in _TALLIED:
                setattr(tally, name, getattr(tally, name) + said["tally"][name])
            thumbs.update(said["thumbs"])
            usage = usage.plus(_usage(said["usage"]))
        missing = [pair for pair in pairs if pair not in found]
        for pair, stored in zip(missing, threads.map(store.load, missing), strict=True):
            found[pair] = stored or _nothing_known(lost)
            tally.cached += stored is not None
    return Collected(found, tally, frozenset(thumbs), usage)


def _read_in_order(
    batches: Iterable[Batch], handed: Handed, objects: Bucket, threads: ThreadPoolExecutor
) -> Iterator[bytes | None]:
    """The results' bytes, a few ahead of whoever asks: all at once would fill the memory."""

    def read(batch: Batch) -> bytes | None:
        try:
            return objects.read(
                keys.batch_result(handed.comparison, handed.execution, batch.number)
            )
        except NotFound:
            return None

    waiting = iter(batches)
    running = deque(threads.submit(read, batch) for batch in islice(waiting, 2 * _READERS))
    while running:
        body = running.popleft().result()
        running.extend(threads.submit(read, batch) for batch in islice(waiting, 1))
        yield body


def _lines(plan: Plan, limits: Limits) -> tuple[bytes, list[Batch]]:
    """One line for each pair, and the batches that they make."""
    default = Policy()
    overrides: dict[Policy, dict[str, Any]] = {}
    pixels, most = pixels_of(plan), limits.batch_megapixels * 1e6
    body, batches = bytearray(), list[Batch]()
    begun, count, area = 0, 0, 0
    for pair, policy in plan.pairs.items():
        if count and (count == limits.batch_pairs or area + pixels[pair] > most):
            batches.append(Batch(len(batches), begun, len(body) - begun))
            begun, count, area = len(body), 0, 0
        if policy not in overrides:
            overrides[policy] = policy.differences(default)
        line = {**vars(pair), "policy": overrides[policy]}
        body += json.dumps(line, separators=(",", ":")).encode() + b"\n"
        count, area = count + 1, area + pixels[pair]
    if count:
        batches.append(Batch(len(batches), begun, len(body) - begun))
    return bytes(body), batches


def _pair_of(line: bytes) -> tuple[Pair, Policy]:
    said = json.loads(line)
    overrides = said["policy"]
    if "ignore_regions" in overrides:
        boxes = tuple(Rectangle(**box) for box in overrides["ignore_regions"])
        overrides = {**overrides, "ignore_regions": boxes}
    return Pair(said["base"], said["head"], said["fingerprint"]), Policy().with_overrides(overrides)


def _as_json(pair: Pair, found: Measured | ImageFault) -> dict[str, Any]:
    match found:
        case Measured(diff, mask_key):
            return {**diff_to_json(pair, diff), "mask": mask_key}
        case ImageFault() as fault:
            sides = {"base_sha256": pair.base, "head_sha256": pair.head}
            return {**sides, "fault": {"code": fault.code, "message": str(fault)}}


def _results(body: Mapping[str, Any]) -> Iterator[tuple[Pair, Measured | ImageFault]]:
    for result in body["results"]:
        policy = result["policy"]
        pair = Pair(result["base_sha256"], result["head_sha256"], policy)
        if "fault" in result:
            yield pair, _fault(result["fault"])
        elif measured := diff_from_json(pair, result, result["mask"]):
            yield pair, measured


def _usage_json(usage: Usage | None) -> dict[str, Any] | None:
    return None if usage is None else dict(vars(usage))


def _usage(stored: Mapping[str, Any] | None) -> Usage:
    return Usage(**stored) if stored else Usage()


def _fault(stored: Mapping[str, str]) -> ImageFault:
    return ImageFault(FaultCode(stored["code"]), stored["message"])


def _nothing_known(lost: int) -> ImageFault:
    return ImageFault(
        FaultCode.RESULT_MISSING,
        f"its worker ended without a result in every attempt ({lost} batches did); upload the "
        "build again to compare what is missing",
    )
