"""Diffs the unique pairs of a plan, several at a time, and stores each result as it comes."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pixelgate.domain import keys
from pixelgate.domain.comparison import Diff, Measured
from pixelgate.domain.policy import Policy
from pixelgate.errors import ImageFault, NotFound
from pixelgate.pipeline.diffing.listing import list_if_cheaper
from pixelgate.pipeline.diffing.plan import Pair
from pixelgate.pipeline.parallel import bounded_map
from pixelgate.ports import Bucket, DifferPool, Images

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
    """Diffs by pair of hashes, cached for all runs, and the masks that one run's report shows.

    S3 deletes what is cached by its age. Masks live under the comparison, and as long as it does.
    """

    def __init__(
        self, objects: Bucket, project: str | None, pictures: str | None, *, lists: bool = True
    ) -> None:
        """A store for one run.

        Args:
            objects: the bucket.
            project: whose cache; None if there is none.
            pictures: the folder of the run's masks, see `keys.pictures`; None if no report is made.
            lists: whether to list what is cached; not worth it for a part of a plan.
        """
        self._objects = objects
        self._project = project
        self._pictures = pictures
        self._lists = lists
        self._there: dict[str, frozenset[str] | None] = {}

    def preload(self, pairs: Iterable[Pair]) -> None:
        """Lists what is cached, so that nobody asks for what is not: of most new pairs, all."""
        if self._project is None or not self._lists:
            return
        for fingerprint, wanted in Counter(pair.fingerprint for pair in pairs).items():
            folder = keys.cached_diffs(self._project, fingerprint)
            self._there[folder] = list_if_cheaper(self._objects, folder, wanted)

    def load(self, pair: Pair) -> Measured | None:
        """The cached diff of exactly these two images, with its mask; None if one is missing."""
        if self._project is None:
            return None
        folder = keys.cached_diffs(self._project, pair.fingerprint)
        key, there = keys.cached_diff(folder, pair.base, pair.head), self._there.get(folder)
        if there is not None and key not in there:
            return None
        try:
            stored = json.loads(self._objects.read(key))
            measured = diff_from_json(pair, stored, stored["mask"])
            return measured and self._with_mask(pair, measured)
        except NotFound:
            return None

    def _with_mask(self, pair: Pair, measured: Measured) -> Measured | None:
        """Copies the mask of another run to this one's. Raises NotFound."""
        if not measured.diff.regions or self._pictures is None:
            return replace(measured, mask_key=None)
        if measured.mask_key is None:
            return None  # whoever measured it made no report
        ours = self._mask_key(pair, self._pictures)
        if measured.mask_key != ours:
            self._objects.write(ours, self._objects.read(measured.mask_key), "image/png")
        return replace(measured, mask_key=ours)

    def save(self, pair: Pair, diff: Diff) -> Measured:
        """Stores the mask, then the diff: a diff in the cache has its mask."""
        mask_key = None
        if diff.mask is not None and self._pictures is not None:
            mask_key = self._mask_key(pair, self._pictures)
            self._objects.write(mask_key, diff.mask, "image/png")
        if self._project is not None:
            folder = keys.cached_diffs(self._project, pair.fingerprint)
            body = json.dumps({**diff_to_json(pair, diff), "mask": mask_key}).encode()
            key = keys.cached_diff(folder, pair.base, pair.head)
            self._objects.write(key, body, "application/json")
        return Measured(replace(diff, mask=None), mask_key)  # masks of a whole run fill the memory

    @staticmethod
    def _mask_key(pair: Pair, folder: str) -> str:
        return keys.mask(folder, pair.fingerprint, pair.base, pair.head)


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
    answering = bounded_map(
        answer,
        pairs,
        pool.size * _THREADS_PER_DIFFER,
        check=check,
        check_every=_POLL_SECONDS,
        stopping=stopping.set,  # drops what no differ has begun with
    )
    for pair, found in answering:
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
