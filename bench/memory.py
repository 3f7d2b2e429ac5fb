"""What a worker keeps in memory: `make bench-memory`, with ARGS="--help" for the options.

Peaks: a process of its own compares the largest images that are allowed, and is watched from
outside together with its odiff. Flatness: thousands of pairs go through a pool of two, as in a
worker that lives for hours; odiff leaks, and must not be seen to.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from bench.speed.synthetic import draw_pairs
from pixelgate.bootstrap import find_engine
from pixelgate.domain.policy import Policy
from pixelgate.engine.differ import OdiffDiffer
from pixelgate.engine.odiff import OdiffServer
from pixelgate.engine.pool import SharedDiffers

POOL = 2
ODIFF = "odiff"
# template.yaml gives a worker 3,538 MB; its runtime, its SDK and the images that wait need some.
# A pair alone shall do with less than half of it.
WORKER_MB, PAIR_MB = 3000, 1536
SAMPLE_SECONDS = 0.005
EVERY = 20  # comparisons between two samples: odiff grows, then begins anew
# Allocators breathe; a leak of odiff's kind would be hundreds of times this.
FLAT_RATIO, FLAT_MB = 1.05, 10.0
# As template.yaml sets it: with more arenas glibc keeps what other threads have freed.
ENVIRONMENT = {"MALLOC_ARENA_MAX": "2"}

Pixels = npt.NDArray[np.uint8]
Bodies = tuple[bytes, bytes]


@dataclass(frozen=True)
class Case:
    """A pair of large images.

    Attributes:
        width: pixels.
        height: pixels.
        transparent: RGBA with areas that shine through, else RGB.
        all_over: half of all pixels change, else a few small areas.
        beside: a second pair, of the largest size that may run at the same time, runs meanwhile.
    """

    width: int
    height: int
    transparent: bool
    all_over: bool
    beside: bool = False

    @property
    def limit(self) -> int:
        """Megabytes that it may take."""
        return WORKER_MB if self.beside else PAIR_MB

    def __str__(self) -> str:
        words = [f"{self.width}x{self.height}", "RGBA" if self.transparent else "RGB"]
        words.append("changed all over" if self.all_over else "small changes")
        return " ".join([*words, "+ 10 Mpx beside"] if self.beside else words)


CASES = (
    *(
        Case(width, height, transparent, all_over)
        for width, height in ((8000, 6250), (1280, 39062))
        for transparent in (False, True)
        for all_over in (False, True)
    ),
    Case(8000, 6250, transparent=True, all_over=True, beside=True),
)


@dataclass
class Watch:
    """What a process and its odiffs weighed at most, sampled from outside; in megabytes."""

    python: float = 0.0
    odiff: float = 0.0
    together: float = 0.0

    def follow(self, process: subprocess.Popen[bytes]) -> None:
        """Samples until the process ends."""
        while process.poll() is None:
            self._sample(process.pid)
            time.sleep(SAMPLE_SECONDS)

    def _sample(self, pid: int) -> None:
        _, own, peak = weight(pid)
        children = [
            (now, most) for name, now, most in map(weight, children_of(pid)) if name == ODIFF
        ]
        self.python = max(self.python, peak)
        self.odiff = max([self.odiff, *(most for _, most in children)])
        self.together = max(self.together, own + sum(now for now, _ in children))


def weight(pid: int) -> tuple[str, float, float]:
    """The program's name, megabytes in memory now, and at most so far; zeros if it is gone.

    A child that has not yet become odiff bears our name, and our memory, which it only shares.
    """
    found = {"Name": "", "VmRSS": "0", "VmHWM": "0"}
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name in found:
                found[name] = value.split()[0]
    return found["Name"], int(found["VmRSS"]) / 1024, int(found["VmHWM"]) / 1024


def children_of(pid: int) -> list[int]:
    """Whoever any of its threads has started."""
    children: list[int] = []
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                children += map(int, (thread / "children").read_text().split())
    return children


def main() -> int:
    """Returns 1 if a limit is passed."""
    options = _options()
    if options.compare:
        _compare(options.compare)
        return 0
    if options.endure:
        return 0 if _endure(options.endure) else 1
    within = options.only_flat or _peaks()
    if options.count:
        command = [sys.executable, "-m", "bench.memory", "--endure", str(options.count)]
        within &= subprocess.run(command, env=os.environ | ENVIRONMENT).returncode == 0
    return 0 if within else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__)
    parser.add_argument(
        "--count", type=int, default=5000, help="comparisons, 600 at least; 0: none"
    )
    parser.add_argument("--only-flat", action="store_true", help="leave out the peaks")
    # What this program calls itself with.
    parser.add_argument("--compare", nargs="+", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--endure", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def _pool() -> SharedDiffers:
    binary = find_engine().binary
    return SharedDiffers([OdiffDiffer(OdiffServer(binary)) for _ in range(POOL)])


# Peaks


def _peaks() -> bool:
    print(f"{'MB at most':48}  Python   odiff  together  limit")
    within = True
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            files = _written(case, Path(folder))
            command = [sys.executable, "-m", "bench.memory", "--compare", *map(str, files)]
            watch = Watch()
            process = subprocess.Popen(command, env=os.environ | ENVIRONMENT)
            watch.follow(process)
        failed = f"  ended with {process.returncode}" if process.returncode else ""
        within &= watch.together < case.limit and not failed
        weights = f"{watch.python:6.0f}  {watch.odiff:6.0f}  {watch.together:8.0f}  {case.limit:5}"
        print(f"{case!s:48}  {weights}{failed}", flush=True)
    print("within the limits" if within else "NOT WITHIN THE LIMITS")
    return within


def _compare(files: Sequence[Path]) -> None:
    """The child: compares the first pair twice, and the second meanwhile, if there is one."""
    bodies = [file.read_bytes() for file in files]
    pool, over = _pool(), threading.Event()

    def beside() -> None:
        while not over.is_set():
            pool.diff(bodies[2], bodies[3], Policy())

    with ThreadPoolExecutor(1) as threads:
        second = threads.submit(beside) if len(bodies) > 2 else None
        try:
            for _ in range(2):
                pool.diff(bodies[0], bodies[1], Policy())
        finally:
            over.set()
        if second:
            second.result()
    pool.close()


def _written(case: Case, folder: Path) -> list[Path]:
    bodies = _images(case)
    if case.beside:
        bodies += _images(Case(4000, 2500, case.transparent, case.all_over))
    files = []
    for number, pixels in enumerate(bodies):
        files.append(folder / f"{number}.png")
        Image.fromarray(pixels).save(files[-1], compress_level=1)
    return files


def _images(case: Case) -> list[Pixels]:
    """A patchwork of flat colours, and the same with other colours in half of it, or in places."""
    rng = np.random.default_rng(1)
    patch = 10
    rows, columns = -(-case.height // patch), -(-case.width // patch)
    channels = 4 if case.transparent else 3
    base = rng.integers(0, 256, (rows, columns, channels), np.uint8)
    if case.all_over:
        chosen = rng.random((rows, columns)) < 0.5
    else:
        chosen = np.zeros((rows, columns), bool)
        chosen[rows // 3 : rows // 3 + 4, columns // 3 : columns // 3 + 9] = True
        chosen[rows // 2 : rows // 2 + 2, columns // 2 : columns // 2 + 5] = True
    head = np.where(chosen[..., None], base ^ 0x55, base)
    if case.transparent:
        head[..., 3] = base[..., 3]
    enlarged = (small.repeat(patch, 0).repeat(patch, 1) for small in (base, head))
    return [pixels[: case.height, : case.width] for pixels in enlarged]


# Flatness


def _endure(count: int) -> bool:
    """The child: compares `count` pairs and weighs itself and its odiffs on the way."""
    pool, pairs = _pool(), list(_mixture())
    python, odiff = [], []
    with ThreadPoolExecutor(POOL) as threads:
        jobs = islice(cycle(pairs), count)
        while parcel := list(islice(jobs, EVERY)):
            list(threads.map(lambda pair: pool.diff(pair[0], pair[1], Policy()), parcel))
            python.append(weight(os.getpid())[1])
            odiff.append(sum(weight(child)[1] for child in children_of(os.getpid())))
    pool.close()
    print(f"\n{count} comparisons of {len(pairs)} pairs, weighed every {EVERY}, MB")
    print(f"{'':8}  first quarter  last quarter  at most")
    flat = [_is_flat("Python", python), _is_flat("odiff", odiff)]
    print("flat" if all(flat) else "NOT FLAT")
    return all(flat)


def _is_flat(name: str, samples: Sequence[float]) -> bool:
    quarter = max(1, len(samples) // 4)
    first, last = statistics.median(samples[:quarter]), statistics.median(samples[-quarter:])
    print(f"{name:8}  {first:13.0f}  {last:12.0f}  {max(samples):7.0f}")
    return last <= first * FLAT_RATIO + FLAT_MB


def _mixture() -> Iterator[Bodies]:
    """Pages of phones and laptops; one grew, one is transparent, one changed all over."""
    drawn = [(base, head) for _, base, head in draw_pairs(10)]
    yield from drawn
    yield drawn[0][0], drawn[1][0]
    for case in (
        Case(1170, 2532, transparent=True, all_over=False),
        Case(1170, 2532, transparent=False, all_over=True),
    ):
        with tempfile.TemporaryDirectory() as folder:
            base, head = (file.read_bytes() for file in _written(case, Path(folder)))
        yield base, head


if __name__ == "__main__":
    sys.exit(main())
