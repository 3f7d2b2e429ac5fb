"""Stores a plan that many workers share: one line for each pair, and batches of lines.

    fan-out/plan.jsonl          {"base", "head", "fingerprint", "policy"} of each unique pair
    fan-out/batches.json        [{"number", "offset", "length"}]: the state machine maps over it
    fan-out/lost-<n>.json       the batches without a result after round n; it maps over them again
    fan-out/begun.json          {"faults", "usage"}: head images that cannot be read, by name
    fan-out/results/<n>.json    the result of a batch, written by its worker

Workers read their batch by byte range. All files lie under the prefix of one execution, so no
execution reads the files of another one.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pixelgate.domain import keys
from pixelgate.domain.comparison import Measured
from pixelgate.domain.cost import Usage
from pixelgate.domain.keys import ComparisonId
from pixelgate.domain.policy import Policy
from pixelgate.errors import FaultCode, ImageFault, NotFound
from pixelgate.pipeline.compare.budget import pixels_of
from pixelgate.pipeline.context import Limits
from pixelgate.pipeline.diffing.pairs import DiffCache, DiffStats, diff_from_json, diff_to_json
from pixelgate.pipeline.diffing.plan import Pair, Plan
from pixelgate.ports import Bucket

# The list of all batches.
BATCHES = "batches.json"

_READERS = 32
# The counts of one worker; the other fields of DiffStats need the whole comparison.
_TALLIED = ("diffed", "cached", "pixels", "seconds")
_JSON = "application/json"
_EXPRESS, _TRANSITION = "states.ExpressExecution", "states.StateTransition"
# Transitions of a round (map, search for lost batches, choice), and those before and after all.
_STEPS_OF_ROUND, _OTHER_STEPS = 3, 2


@dataclass(frozen=True)
class Handed:
    """A comparison that was handed over; its execution and the state machine's have one name."""

    comparison: ComparisonId
    execution: str

    @property
    def pictures(self) -> str:
        """The folder of the report's masks and thumbnails, with "/"."""
        return keys.pictures(self.comparison, self.execution)

    def key(self, name: str) -> str:
        """The key of one of the files above."""
        return keys.fan_out(self.comparison, self.execution, name)

    def result_key(self, batch: Batch) -> str:
        """The key of the result of a batch."""
        return keys.batch_result(self.comparison, self.execution, batch.number)


@dataclass(frozen=True)
class Batch:
    """The lines of plan.jsonl that one worker compares, as offset and length in bytes."""

    number: int
    offset: int
    length: int


@dataclass(frozen=True)
class BatchResult:
    """The result of one batch, or of all batches together.

    Attributes:
        results: the diff or the fault of each pair.
        tally: the counts of its diffs.
        thumbs: keys of thumbnails that exist.
        usage: what its workers used; None if that is not metered.
    """

    results: Mapping[Pair, Measured | ImageFault]
    tally: DiffStats
    thumbs: Collection[str] = ()
    usage: Usage | None = None


def write_plan(
    handed: Handed,
    plan: Plan,
    faults: Mapping[str, ImageFault],
    usage: Usage | None,
    objects: Bucket,
    limits: Limits,
) -> int:
    """Writes the files that the workers and the publisher read; returns the number of batches.

    `faults` are those of head images, by name, and `usage` is the usage until now.
    """
    body, batches = _lines(plan, limits)
    hand_over = {
        "faults": {name: {"code": f.code, "message": str(f)} for name, f in faults.items()},
        "usage": _usage_json(usage),
    }
    objects.write(handed.key("plan.jsonl"), body, "application/jsonl")
    objects.write(handed.key("begun.json"), json.dumps(hand_over).encode(), _JSON)
    _write_list(handed, BATCHES, batches, objects)
    return len(batches)


def read_batch(handed: Handed, batch: Batch, objects: Bucket) -> dict[Pair, Policy]:
    """Reads the pairs of a batch, in the order of the plan."""
    lines = objects.read_range(handed.key("plan.jsonl"), batch.offset, batch.length).splitlines()
    return dict(map(_pair_of, lines))


def write_result(handed: Handed, batch: Batch, done: BatchResult, objects: Bucket) -> None:
    """Writes the result of a batch; its faults are stored only here."""
    body = {
        "schema_version": 1,
        "tally": {name: getattr(done.tally, name) for name in _TALLIED},
        "thumbs": sorted(done.thumbs),
        "usage": _usage_json(done.usage),
        "results": [
            {**_as_json(pair, result), "policy": pair.fingerprint}
            for pair, result in done.results.items()
        ],
    }
    objects.write(handed.result_key(batch), json.dumps(body).encode(), _JSON)


def read_hand_over(handed: Handed, objects: Bucket) -> tuple[dict[str, ImageFault], Usage]:
    """Reads the faults of head images, by name, and the usage before the hand-over."""
    stored = json.loads(objects.read(handed.key("begun.json")))
    faults = {name: _fault(fault) for name, fault in stored["faults"].items()}
    return faults, _usage(stored["usage"])


def gather_results(
    handed: Handed, pairs: Iterable[Pair], store: DiffCache, objects: Bucket
) -> BatchResult:
    """Reads the results of all batches.

    A batch without a result is one whose worker died; the pairs that it had compared are in the
    cache. A pair without any result becomes a fault, never a pass.
    """
    batches = _read_list(handed, BATCHES, objects)
    results: dict[Pair, Measured | ImageFault] = {}
    tally, thumbs, lost = DiffStats(), set[str](), 0
    usage = _usage_of_machine(handed, len(batches), objects)
    with ThreadPoolExecutor(_READERS, thread_name_prefix="collect") as threads:
        for body in _read_in_order(batches, handed, objects, threads):
            if body is None:
                lost += 1
                continue
            batch = json.loads(body)
            results.update(_results(batch))
            for name in _TALLIED:
                setattr(tally, name, getattr(tally, name) + batch["tally"][name])
            thumbs.update(batch["thumbs"])
            usage = usage.plus(_usage(batch["usage"]))
        nothing_known = ImageFault(
            FaultCode.RESULT_MISSING,
            f"its worker ended without a result in every attempt ({lost} batches did); upload the "
            "build again to compare what is missing",
        )
        missing = [pair for pair in pairs if pair not in results]
        for pair, stored in zip(missing, threads.map(store.load, missing), strict=True):
            results[pair] = stored or nothing_known
            tally.cached += stored is not None
    return BatchResult(results, tally, frozenset(thumbs), usage)


def find_lost(handed: Handed, objects: Bucket) -> list[Batch]:
    """Finds the batches that have no result; one listing tells of a thousand."""
    results = keys.fan_out(handed.comparison, handed.execution, keys.BATCH_RESULTS)
    there = {found.key for found in objects.list(results)}
    return [
        batch
        for batch in _read_list(handed, BATCHES, objects)
        if keys.batch_result(handed.comparison, handed.execution, batch.number) not in there
    ]


def write_lost(handed: Handed, number: int, lost: Iterable[Batch], objects: Bucket) -> str:
    """Writes the list of what a round of the map has lost; returns the list's name."""
    _write_list(handed, _lost(number), lost, objects)
    return _lost(number)


def _lost(number: int) -> str:
    return f"lost-{number}.json"


def _write_list(handed: Handed, name: str, batches: Iterable[Batch], objects: Bucket) -> None:
    body = json.dumps([vars(batch) for batch in batches]).encode()
    objects.write(keys.fan_out(handed.comparison, handed.execution, name), body, _JSON)


def _read_list(handed: Handed, name: str, objects: Bucket) -> list[Batch]:
    body = objects.read(keys.fan_out(handed.comparison, handed.execution, name))
    return [Batch(**batch) for batch in json.loads(body)]


def _usage_of_machine(handed: Handed, batches: int, objects: Bucket) -> Usage:
    """Counts the state machine's executions and transitions over all rounds of the map."""
    children, rounds = batches, 1
    with suppress(NotFound):
        while True:
            children += len(_read_list(handed, _lost(rounds), objects))
            rounds += 1
    steps = rounds * _STEPS_OF_ROUND + _OTHER_STEPS
    return Usage(requests={_EXPRESS: children, _TRANSITION: steps})


def _read_in_order(
    batches: Iterable[Batch], handed: Handed, objects: Bucket, threads: ThreadPoolExecutor
) -> Iterator[bytes | None]:
    """Yields the bytes of each result, and reads a few ahead; all at once would fill the memory."""

    def read(batch: Batch) -> bytes | None:
        try:
            return objects.read(handed.result_key(batch))
        except NotFound:
            return None

    waiting = iter(batches)
    running = deque(threads.submit(read, batch) for batch in islice(waiting, 2 * _READERS))
    while running:
        body = running.popleft().result()
        running.extend(threads.submit(read, batch) for batch in islice(waiting, 1))
        yield body


def _lines(plan: Plan, limits: Limits) -> tuple[bytes, list[Batch]]:
    """Encodes one line for each pair, and cuts the lines into batches."""
    default = Policy()
    overrides: dict[Policy, dict[str, Any]] = {}
    pixels, most = pixels_of(plan), limits.batch_megapixels * 1e6
    body, batches = bytearray(), list[Batch]()
    start, count, area = 0, 0, 0
    for pair, policy in plan.pairs.items():
        if count and (count == limits.batch_pairs or area + pixels[pair] > most):
            batches.append(Batch(len(batches), start, len(body) - start))
            start, count, area = len(body), 0, 0
        if policy not in overrides:
            overrides[policy] = policy.differences(default)
        line = {**vars(pair), "policy": overrides[policy]}
        body += json.dumps(line, separators=(",", ":")).encode() + b"\n"
        count, area = count + 1, area + pixels[pair]
    if count:
        batches.append(Batch(len(batches), start, len(body) - start))
    return bytes(body), batches


def _pair_of(line: bytes) -> tuple[Pair, Policy]:
    fields = json.loads(line)
    policy = Policy().with_overrides(fields.pop("policy"))
    return Pair(**fields), policy


def _as_json(pair: Pair, result: Measured | ImageFault) -> dict[str, Any]:
    match result:
        case Measured(diff, mask_key):
            return {**diff_to_json(pair, diff), "mask": mask_key}
        case ImageFault() as fault:
            sides = {"base_sha256": pair.base, "head_sha256": pair.head}
            return {**sides, "fault": {"code": fault.code, "message": str(fault)}}


def _results(body: Mapping[str, Any]) -> Iterator[tuple[Pair, Measured | ImageFault]]:
    for result in body["results"]:
        pair = Pair(result["base_sha256"], result["head_sha256"], result["policy"])
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
