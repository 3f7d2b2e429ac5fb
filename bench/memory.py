"""How much memory the engine takes: `make bench-memory`, with ARGS="--help" for the options.

Peaks: a child process compares the largest images that are allowed, and its memory is watched from
outside together with that of its odiffs. Flatness: thousands of pairs go through a pool of two, as
in a worker that lives for hours. odiff leaks; the pool must restart it before that shows.
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

from pixelgate.bootstrap import find_engine
from pixelgate.domain.policy import Policy
from pixelgate.engine.differ import OdiffDiffer
from pixelgate.engine.odiff import OdiffServer
from pixelgate.engine.pool import SharedDiffers

EXAMPLES = Path(__file__).parents[1] / "examples"
POOL = 2
# template.yaml gives a worker 3,538 MB; its runtime, its SDK and the images that wait need some.
# One pair may take less than half of it.
WORKER_MB, PAIR_MB = 3000, 1900
SAMPLE_SECONDS = 0.005
EVERY = 20  # comparisons between two samples
# Memory goes up and down a little; a leak like odiff's would be hundreds of times this.
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


def watch(process: subprocess.Popen[bytes]) -> tuple[float, float, float]:
    """The most memory of a process, of one of its odiffs, and of all together, in MB."""
    python = odiff = together = 0.0
    while process.poll() is None:
        _, own, peak = memory(process.pid)
        odiffs = [(now, most) for name, now, most in map(memory, children(process.pid))
                  if name == "odiff"]  # fmt: skip
        python = max(python, peak)
        odiff = max([odiff, *(most for _, most in odiffs)])
        together = max(together, own + sum(now for now, _ in odiffs))
        time.sleep(SAMPLE_SECONDS)
    return python, odiff, together


def memory(pid: int) -> tuple[str, float, float]:
    """A process's name, its memory now and at most so far, in MB; zeros if it has ended.

    A child that has not yet become odiff has the name of Python, and shares our memory.
    """
    found = {"Name": "", "VmRSS": "0", "VmHWM": "0"}
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name in found:
                found[name] = value.split()[0]
    return found["Name"], int(found["VmRSS"]) / 1024, int(found["VmHWM"]) / 1024


def children(pid: int) -> list[int]:
    """The processes that any thread of this one has started."""
    found: list[int] = []
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                found += map(int, (thread / "children").read_text().split())
    return found


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
            process = subprocess.Popen(command, env=os.environ | ENVIRONMENT)
            python, odiff, together = watch(process)
        failed = f"  ended with {process.returncode}" if process.returncode else ""
        within &= together < case.limit and not failed
        numbers = f"{python:6.0f}  {odiff:6.0f}  {together:8.0f}  {case.limit:5}"
        print(f"{case!s:48}  {numbers}{failed}", flush=True)
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
    """Draws noise of which half the pixels change, or a patchwork of which some patches change."""
    rng = np.random.default_rng(1)
    # odiff is asked about every pixel of noise, and about none of a flat patch.
    patch = 1 if case.all_over else 10
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
    """The child: compares `count` pairs and measures itself and its odiffs on the way."""
    pool, pairs = _pool(), list(_mixture())
    python, odiff = [], []
    with ThreadPoolExecutor(POOL) as threads:
        jobs = islice(cycle(pairs), count)
        while parcel := list(islice(jobs, EVERY)):
            list(threads.map(lambda pair: pool.diff(pair[0], pair[1], Policy()), parcel))
            python.append(memory(os.getpid())[1])
            odiff.append(sum(memory(child)[1] for child in children(os.getpid())))
    pool.close()
    print(f"\n{count} comparisons of {len(pairs)} pairs, memory in MB")
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
    """Real pairs, one of two sizes, and phone screens: opaque, transparent, changed all over."""
    paths = sorted((EXAMPLES / "base").rglob("*.png"))
    both = [(path, EXAMPLES / "head" / path.relative_to(EXAMPLES / "base")) for path in paths]
    bodies = [(a.read_bytes(), b.read_bytes()) for a, b in both if b.is_file()][:12]
    yield from bodies
    yield bodies[0][0], bodies[-1][1]
    for transparent, all_over in ((False, False), (True, False), (False, True)):
        with tempfile.TemporaryDirectory() as folder:
            base, head = _written(Case(1170, 2532, transparent, all_over), Path(folder))
            yield base.read_bytes(), head.read_bytes()


if __name__ == "__main__":
    sys.exit(main())
