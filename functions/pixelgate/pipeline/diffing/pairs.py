"""Diffs the unique pairs of a plan, several at a time, and stores each result at once."""

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

# More threads than differs: some wait for S3 while the differs compute.
_THREADS_PER_DIFFER = 2
_POLL_SECONDS = 5.0


@dataclass
class DiffStats:
    """Counts of how a run compared its snapshots.

    `diffed` and `cached` are pairs, `pixels` those of the diffed ones, `seconds` the time for diffs
    and cache reads. `same_hash` are snapshots that are unchanged or renamed by their hash alone;
    `faults` are errored images, by code.
    """

    diffed: int = 0
    cached: int = 0
    pixels: int = 0
    seconds: float = 0.0
    same_hash: int = 0
    faults: Counter[str] = field(default_factory=Counter)


class DiffCache:
    """Stores diffs in a cache that all runs share, and masks under one run's comparison.

    A lifecycle rule of S3 expires the cache. The masks are kept as long as the comparison.
    """

    def __init__(
        self, objects: Bucket, project: str | None, pictures: str | None, *, lists: bool = True
    ) -> None:
        """Opens the cache of a project; None caches nothing.

        `pictures` is the folder of the run's masks; None if no report is made. `lists` says whether
        `preload` lists the cache, which is not worth it for one batch of a plan.
        """
        self._objects = objects
        self._project = project
        self._pictures = pictures
        self._lists = lists
        self._listed: dict[str, frozenset[str] | None] = {}

    def preload(self, pairs: Iterable[Pair]) -> None:
        """Lists the cached diffs, so that `load` sends no request for a pair that is not cached."""
        if self._project is None or not self._lists:
            return
        for fingerprint, wanted in Counter(pair.fingerprint for pair in pairs).items():
            folder = keys.cached_diffs(self._project, fingerprint)
            self._listed[folder] = list_if_cheaper(self._objects, folder, wanted)

    def load(self, pair: Pair) -> Measured | None:
        """Reads the cached diff of a pair and its mask; returns None if either is missing."""
        if self._project is None:
            return None
        folder = keys.cached_diffs(self._project, pair.fingerprint)
        key, listed = keys.cached_diff(folder, pair.base, pair.head), self._listed.get(folder)
        if listed is not None and key not in listed:
            return None
        try:
            stored = json.loads(self._objects.read(key))
            measured = diff_from_json(pair, stored, stored["mask"])
            return measured and self._with_mask(pair, measured)
        except NotFound:
            return None

    def _with_mask(self, pair: Pair, measured: Measured) -> Measured | None:
        """Copies the mask of another run to this run's folder. Raises NotFound."""
        if not measured.diff.regions or self._pictures is None:
            return replace(measured, mask_key=None)
        if measured.mask_key is None:
            return None  # the run that cached it made no report
        ours = self._mask_key(pair, self._pictures)
        if measured.mask_key != ours:
            self._objects.write(ours, self._objects.read(measured.mask_key), "image/png")
        return replace(measured, mask_key=ours)

    def save(self, pair: Pair, diff: Diff) -> Measured:
        """Stores the mask, then the diff, so that every cached diff has its mask."""
        mask_key = None
        if diff.mask is not None and self._pictures is not None:
            mask_key = self._mask_key(pair, self._pictures)
            self._objects.write(mask_key, diff.mask, "image/png")
        if self._project is not None:
            folder = keys.cached_diffs(self._project, pair.fingerprint)
            body = json.dumps({**diff_to_json(pair, diff), "mask": mask_key}).encode()
            key = keys.cached_diff(folder, pair.base, pair.head)
            self._objects.write(key, body, "application/json")
        # The masks of a whole run would fill the memory.
        return Measured(replace(diff, mask=None), mask_key)

    @staticmethod
    def _mask_key(pair: Pair, folder: str) -> str:
        return keys.mask(folder, pair.fingerprint, pair.base, pair.head)


def diff_to_json(pair: Pair, diff: Diff) -> dict[str, Any]:
    """Encodes the diff of a pair without its mask; `diff_from_json` is the inverse."""
    sides = {"base_sha256": pair.base, "head_sha256": pair.head}
    return {"schema_version": 3, **sides, **diff.as_json()}


def diff_from_json(pair: Pair, stored: Mapping[str, Any], mask_key: str | None) -> Measured | None:
    """Decodes the stored diff of a pair; returns None if it belongs to other images.

    The key contains only the beginning of each hash, so two pairs may share one.
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
    """Takes the diff of every pair from the cache, or compares the pair.

    A fault of one image becomes the result of its pair and stops nothing else. `check` is called
    every few seconds and before each new pair; it raises to stop early. Running pairs are then
    finished and stored, and the rest is dropped. `done` is called after each pair.
    """
    stopping = threading.Event()

    def wanted() -> bool:
        return not stopping.is_set()

    def compare(pair: Pair) -> tuple[Measured | ImageFault, bool]:
        """Returns the result, and whether it was cached."""
        stored = store.load(pair)
        if stored:
            return stored, True
        try:
            diff = pool.diff(images.read(pair.base), images.read(pair.head), pairs[pair], wanted)
        except ImageFault as fault:
            return fault, False
        return store.save(pair, diff), False

    started = time.monotonic()
    store.preload(pairs)
    answers: dict[Pair, Measured | ImageFault] = {}
    answering = bounded_map(
        compare,
        pairs,
        pool.size * _THREADS_PER_DIFFER,
        check=check,
        check_every=_POLL_SECONDS,
        stopping=stopping.set,  # drops pairs that no differ has started
    )
    for pair, (result, cached) in answering:
        answers[pair] = result
        tally.cached += cached
        tally.diffed += not cached
        if not cached and isinstance(result, Measured):
            tally.pixels += result.diff.total_pixels
        done()
    tally.seconds += time.monotonic() - started
    return answers
