"""Rivals with a Python package."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier
from typing import ClassVar

from bench.speed.pairs import Pair
from bench.speed.routes.base import SENSITIVE, Found, Route, optional
from bench.speed.workers import WORKERS

_START_SECONDS = 60


class PixelhogCount(Route):
    """pixelhog's batch call: it has threads of its own, one for each core."""

    name = "pixelhog, count only"
    gives = "one count"

    def start(self) -> None:
        """Loads it."""
        os.environ["RAYON_NUM_THREADS"] = str(WORKERS)
        self._pixelhog = optional("pixelhog")

    def run(self, pairs: Sequence[Pair]) -> list[Found]:
        """One call for all pairs."""
        bodies = [(pair.base, pair.head) for pair in pairs]
        counts = self._pixelhog.diff_count_batch(bodies, threshold=SENSITIVE)
        return [Found(changed) for changed, _, _ in counts]

    def close(self) -> None:
        """Nothing runs."""


class PixelhogImage(PixelhogCount):
    """The same with its diff image."""

    name = "pixelhog, diff image"
    gives = "one count, diff PNG"

    def run(self, pairs: Sequence[Pair]) -> list[Found]:
        """One call for all pairs."""
        bodies = [(pair.base, pair.head) for pair in pairs]
        found = self._pixelhog.diff_batch(bodies, threshold=SENSITIVE)
        return [Found(changed) for _, changed, _, _ in found]


class BlazediffPython(Route):
    """blazediff's Python binding; it holds the interpreter's lock, hence two processes.

    Its own PNG codec, which it has to be asked for, is four times as fast as its default.
    """

    name = "blazediff (PyPI), QOI"
    gives = "one count, mask QOI"
    extension: ClassVar[str] = ".qoi"

    def start(self) -> None:
        """Starts both processes and has them load it."""
        os.environ["BLAZEDIFF_PNG_ENABLED"] = "1"
        optional("blazediff")
        spawn = multiprocessing.get_context("spawn")
        both_ready = spawn.Barrier(WORKERS + 1)
        self._processes = spawn.Pool(WORKERS, _load_blazediff, (both_ready,))
        both_ready.wait(_START_SECONDS)

    def run(self, pairs: Sequence[Pair]) -> list[Found]:
        """In parcels of four: handing over a single pair would be seen in its times."""
        jobs = [(*map(str, pair.files), str(pair.output.parent), self.extension) for pair in pairs]
        counts = self._processes.map(_blazediff, jobs, chunksize=4)
        return [Found(count, refused=count is None) for count in counts]

    def close(self) -> None:
        """Ends both processes."""
        self._processes.terminate()
        self._processes.join()


class BlazediffPythonPng(BlazediffPython):
    """The same with the mask as a PNG, which a browser can show; not compressed, its fastest."""

    name = "blazediff (PyPI), PNG"
    gives = "one count, mask PNG"
    extension = ".png"


def _load_blazediff(both_ready: Barrier) -> None:
    optional("blazediff")
    both_ready.wait(_START_SECONDS)


def _blazediff(job: tuple[str, ...]) -> int | None:
    base, head, folder, extension = job
    # Each process writes one file again and again: some weigh 12 MB.
    output = f"{folder}/blazediff-{os.getpid()}{extension}"
    options = {"threshold": SENSITIVE, "antialiasing": True, "diff_mask": True}
    found = optional("blazediff").compare(base, head, output, **options)
    if found.match_result:
        return 0
    return None if found.reason == "layout-diff" else int(found.diff_count)
