"""Diffs the unique pairs of a plan, several at a time, and stores each result as it comes."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from pixelgate.domain import keys
from pixelgate.domain.cache_month import Generations
from pixelgate.domain.comparison import Diff, Measured
from pixelgate.domain.policy import Policy
from pixelgate.errors import ImageFault, NotFound
from pixelgate.pipeline.diffing.cached import result_in, with_result
from pixelgate.pipeline.diffing.listing import list_if_cheaper
from pixelgate.pipeline.diffing.plan import Pair
from pixelgate.ports import DifferPool, Images, Objects

# While one pair waits for S3, others are compared: threads wait, differs compute.
_THREADS_PER_DIFFER = 2
_POLL_SECONDS = 5.0


@dataclass
class DiffStats:
    """How the snapshots of a run were answered.

    Attributes:
        diffed: pairs that were compared.
        cached: pairs that an earlier run had compared.
        pixels: of the pairs that were compared.
        seconds: that comparing took, or looking for what had been compared.
        same_hash: snapshots of which the hash alone says that they are unchanged or renamed.
        faults: errored images, by the code of their fault.
    """

    diffed: int = 0
    cached: int = 0
    pixels: int = 0
    seconds: float = 0.0
    same_hash: int = 0
    faults: Counter[str] = field(default_factory=Counter)


class DiffCache:
    """Results and masks by pair of hashes: what one run has measured, no other measures again."""

    def __init__(
        self,
        objects: Objects,
        project: str,
        generations: Generations | None = None,
        *,
        lists: bool = True,
    ) -> None:
        """A store for one run.

        Args:
            objects: where it lies.
            project: whose.
            generations: of the run's beginning; by default, that is now.
            lists: whether to list what is stored; of no use to who wants a part of a plan.
        """
        self._objects = objects
        self._project = project
        self._generations = generations or Generations.at(time.time())
        self._lists = lists
        self._there: dict[str, frozenset[str] | None] = {}

    def preload(self, pairs: Iterable[Pair]) -> None:
        """Lists what is stored, so that nobody asks for what is not: of most new pairs, all."""
        if not self._lists:
            return
        for fingerprint, wanted in Counter(pair.fingerprint for pair in pairs).items():
            for folder in self._folders(fingerprint):
                self._there[folder] = list_if_cheaper(self._objects, folder, wanted)

    def load(self, pair: Pair) -> Measured | None:
        """The stored result of a pair; None if there is none for exactly these two images."""
        for folder in self._folders(pair.fingerprint):
            if found := self._load(pair, folder):
                return found
        return None

    def _load(self, pair: Pair, folder: str) -> Measured | None:
        key, there = keys.diff(folder, pair.base, pair.head), self._there.get(folder)
        if there is not None and key not in there:
            return None
        try:
            result = result_in(self._objects.read(key))
        except NotFound:
            return None
        return diff_from_json(pair, json.loads(result), key) if result else None

    def save(self, pair: Pair, diff: Diff) -> Measured:
        """Stores the mask with the result in it: who finds a result finds its mask as well."""
        key = keys.diff(self._folders(pair.fingerprint)[0], pair.base, pair.head)
        result = json.dumps(diff_to_json(pair, diff)).encode()
        self._objects.write(key, with_result(diff.mask, result), "image/png")
        mask_key = None if diff.mask is None else key
        return Measured(replace(diff, mask=None), mask_key)  # masks of a whole run fill the memory

    def _folders(self, fingerprint: str) -> list[str]:
        """Where to look; the first is where to write."""
        both = self._generations.both
        return [keys.diffs(self._project, fingerprint, generation) for generation in both]


def diff_to_json(pair: Pair, diff: Diff) -> dict[str, Any]:
    """What is kept of a pair, beside its mask; `diff_from_json` is the inverse."""
    return {
        "schema_version": 3,
        "base_sha256": pair.base,
        "head_sha256": pair.head,
        **diff.as_json(),
    }


def diff_from_json(pair: Pair, stored: Mapping[str, Any], mask_key: str | None) -> Measured | None:
    """What a stored result says of a pair; None if it is one of other images.

    Its key holds only the beginning of each hash.
    """
    if (stored["base_sha256"], stored["head_sha256"]) != (pair.base, pair.head):
        return None
    diff = Diff.from_json(stored)
    return Measured(diff, mask_key if diff.regions else None)


def diff_pairs(
    pairs: Mapping[Pair, Policy],
    *,
    images: Images,
    store: DiffCache,
    pool: DifferPool,
    tally: DiffStats,
    check: Callable[[], None],
    done: Callable[[], None] = lambda: None,
) -> dict[Pair, Measured | ImageFault]:
    """Answers every pair from the store or by a diff. One image's fault is that pair's answer.

    Args:
        pairs: what to compare, and under which policy.
        images: where the bytes come from.
        store: where results are found and kept.
        pool: who compares.
        tally: counts the answers.
        check: called every few seconds and before each new pair; raises to stop early. Pairs
            that are under way are then finished and stored, the rest is left.
        done: called after each pair.
    """
    stopping = threading.Event()

    def wanted() -> bool:
        return not stopping.is_set()

    def answer(pair: Pair) -> _Answer:
        stored = store.load(pair)
        if stored:
            return _Answer(stored, cached=True)
        try:
            diff = pool.diff(images.read(pair.base), images.read(pair.head), pairs[pair], wanted)
        except ImageFault as fault:
            return _Answer(fault, cached=False)
        return _Answer(store.save(pair, diff), cached=False)

    begun = time.monotonic()
    store.preload(pairs)
    answers: dict[Pair, Measured | ImageFault] = {}
    threads = pool.size * _THREADS_PER_DIFFER
    for pair, found in _answer_all(pairs, answer, threads, check, stopping):
        answers[pair] = found.result
        tally.cached += found.cached
        tally.diffed += not found.cached
        if not found.cached and isinstance(found.result, Measured):
            tally.pixels += found.result.diff.total_pixels
        done()
    tally.seconds += time.monotonic() - begun
    return answers


@dataclass(frozen=True)
class _Answer:
    result: Measured | ImageFault
    cached: bool


def _answer_all(
    pairs: Iterable[Pair],
    answer: Callable[[Pair], _Answer],
    threads: int,
    check: Callable[[], None],
    stopping: threading.Event,
) -> Iterator[tuple[Pair, _Answer]]:
    """Keeps the threads busy without queueing everything: an early stop leaves little behind."""
    waiting = iter(pairs)
    running: dict[Future[_Answer], Pair] = {}
    with _executor(threads, stopping) as executor:
        while True:
            check()
            for pair in islice(waiting, threads - len(running)):
                running[executor.submit(answer, pair)] = pair
            if not running:
                return
            finished, _ = wait(running, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
            for future in finished:
                yield running.pop(future), future.result()


@contextmanager
def _executor(count: int, stopping: threading.Event) -> Iterator[ThreadPoolExecutor]:
    """Threads that drop what no differ has begun with when the run ends early."""
    threads = ThreadPoolExecutor(count, thread_name_prefix="pair")
    try:
        yield threads
    finally:
        stopping.set()
        threads.shutdown(wait=True, cancel_futures=True)
