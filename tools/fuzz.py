"""Feeds damaged images to the engine and reports crashes, hangs and wrong results.

    make fuzz                                        # for a minute
    make fuzz SECONDS=600 ARGS='--seed 1 --keep DIR'
    make fuzz ARGS='--replay DIR/PAIR/base DIR/PAIR/head'

The engine runs in a child process, so a crash ends the child and not the report. The child saves
each pair before it compares it; what it has saved when it dies are the pairs that killed it.
The same seed makes the same pairs again.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np

from pixelgate.bootstrap import find_engine
from pixelgate.domain.comparison import Diff
from pixelgate.domain.policy import Policy
from pixelgate.engine.differ import OdiffDiffer
from pixelgate.engine.odiff import OdiffServer
from pixelgate.engine.pool import SharedDiffers
from pixelgate.errors import FaultCode, ImageFault
from support.agreement import disagreement
from support.drawings import png, random_pair
from support.mutants import SIGNATURE, mutant, seeds, without_the_rest, without_what_browsers_skip
from support.plain_odiff import pixels_of

THREADS = 2
KNOWN_PAIRS = 16
START_SECONDS = 10
POLICIES = (Policy(), Policy(0.0, 0.0, antialiasing=False), Policy(0.3, 0.1))
# The faults that a damaged image may cause. Any other is a defect of the engine.
IMAGE_FAULTS = {FaultCode.UNREADABLE, FaultCode.UNSUPPORTED_FORMAT, FaultCode.EXCEEDS_PIXEL_LIMIT}


def main() -> int:
    """Runs the child, or as the child compares; returns 0 if nothing was wrong."""
    arguments = _arguments()
    if arguments.child:
        return Fuzzer(arguments).run()
    print(f"seed {arguments.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="pgfuzz") as folder:
        pairs, temporary = Path(folder, "pairs"), Path(folder, "tmp")
        pairs.mkdir()
        temporary.mkdir()
        problem = _run_child(arguments, pairs, temporary)
        if problem:
            print(problem)
        if arguments.keep:
            for pair in pairs.iterdir():
                shutil.copytree(pair, arguments.keep / pair.name, dirs_exist_ok=True)
    if problem:
        print(f"repeat with --seed {arguments.seed}; pairs: {arguments.keep or 'give --keep DIR'}")
    return 1 if problem else 0


def _run_child(arguments: argparse.Namespace, pairs: Path, temporary: Path) -> str | None:
    """Runs the comparisons in a process of their own; returns what went wrong."""
    child = subprocess.Popen(
        [sys.executable, __file__, *sys.argv[1:], "--seed", str(arguments.seed), "--child", pairs],
        env=os.environ | {"TMPDIR": str(temporary)},
    )
    try:
        code = child.wait(timeout=START_SECONDS + arguments.seconds + arguments.limit)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGABRT)  # faulthandler prints where each thread hangs
        with suppress(subprocess.TimeoutExpired):
            child.wait(timeout=1)
        return f"hang: a pair takes more than {arguments.limit:g} s"
    finally:
        child.kill()
        child.wait()
    if code < 0:
        return f"crash: the engine was ended by {signal.Signals(-code).name}"
    if code == 0 and (left := sorted(path.name for path in temporary.iterdir())):
        return f"files left behind: {', '.join(left[:5])}"
    return "wrong results, see above" if code else None


class Fuzzer:
    """Makes pairs, compares them in two threads, and checks the results."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        faulthandler.enable()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        warnings.simplefilter("ignore")  # Pillow warns of damaged files
        self._arguments = arguments
        self._files = seeds()
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._pool = SharedDiffers([_differ() for _ in range(THREADS)])

    def run(self) -> int:
        """Compares until the time is over and prints how often each outcome was seen."""
        try:
            if self._arguments.replay:
                base, head = (path.read_bytes() for path in self._arguments.replay)
                for number, policy in enumerate(POLICIES):
                    self._try(f"replay-{number}", base, head, policy, None)
            else:
                known = _learn()
                self._deadline = time.monotonic() + self._arguments.seconds
                with ThreadPoolExecutor(THREADS) as threads:
                    for _ in threads.map(lambda thread: self._work(thread, known), range(THREADS)):
                        pass
        finally:
            self._pool.close()
        counts = ", ".join(f"{name} {count:,}" for name, count in sorted(self._counts.items()))
        print(f"{self._counts.total():,} pairs: {counts}", flush=True)
        return 1 if self._counts["wrong"] else 0

    def _work(self, thread: int, known: list[tuple[bytes, bytes, Policy, Diff]]) -> None:
        """One thread's pairs: three damaged ones for each sound one with a known result."""
        random = np.random.default_rng([self._arguments.seed, thread])
        for number in range((self._arguments.pairs or sys.maxsize) // THREADS):
            if time.monotonic() > self._deadline:
                return
            name = f"thread-{thread}-pair-{number}"
            if random.random() < 0.25:
                self._try(name, *known[random.integers(0, len(known))])
                continue
            base, head = mutant(random, self._files), self._sound_or_damaged(random)
            if random.random() < 0.5:
                base, head = head, base
            self._try(name, base, head, POLICIES[random.integers(0, len(POLICIES))], None)

    def _sound_or_damaged(self, random: np.random.Generator) -> bytes:
        if random.random() < 0.1:
            return mutant(random, self._files)
        return self._files[random.integers(0, len(self._files))]

    def _try(self, name: str, base: bytes, head: bytes, policy: Policy, known: Diff | None) -> None:
        """Compares one pair. Its files stay saved if the result is wrong, or the process dies."""
        saved = self._arguments.child / name
        saved.mkdir()
        (saved / "base").write_bytes(base)
        (saved / "head").write_bytes(head)
        outcome, problem = self._check(base, head, policy, known)
        if problem:
            print(f"{name}: {problem}", flush=True)
        else:
            shutil.rmtree(saved)
        with self._lock:
            self._counts["wrong" if problem else outcome] += 1

    def _check(
        self, base: bytes, head: bytes, policy: Policy, known: Diff | None
    ) -> tuple[str, str | None]:
        """Returns a pair's outcome, and what is wrong with it, or None."""
        try:
            diff = self._pool.diff(base, head, policy)
            if known is not None:
                return "known", None if diff == known else f"{diff} instead of {known}"
            problem = disagreement(diff)
            if problem is None and self._arguments.like_pillow:
                problem = self._unlike_pillow(base) or self._unlike_pillow(head)
            return "compared", problem
        except ImageFault as fault:
            return fault.code.value, _wrong_fault(fault, known)
        except Exception:
            return "", traceback.format_exc()

    def _unlike_pillow(self, body: bytes) -> str | None:
        """Whether the engine read other pixels from a damaged file than Pillow does.

        Of a PNG, Pillow is shown only what browsers look at: it refuses a picture for its texts.
        """
        is_png = body.startswith(SIGNATURE)
        needed = without_what_browsers_skip(body) if is_png else body
        try:
            pixels = pixels_of(needed)
        except Exception as error:
            if not is_png:
                return f"Pillow refuses what was compared: {error}"
            pixels = pixels_of(without_the_rest(needed))
        strict = Policy(0.0, 0.0, antialiasing=False)
        changed = self._pool.diff(png(pixels), needed, strict).changed_pixels
        return "Pillow sees other pixels" if changed else None


def _differ() -> OdiffDiffer:
    return OdiffDiffer(OdiffServer(find_engine().binary))


def _learn() -> list[tuple[bytes, bytes, Policy, Diff]]:
    """Sound pairs with their results, each from an engine that has seen nothing else.

    Compared again between damaged pairs, they show whether damage outlives its own pair.
    """
    known = []
    for seed in range(KNOWN_PAIRS):
        pair = random_pair(np.random.default_rng(seed), largest=60)
        with _differ() as differ:
            diff = differ.diff(pair.base, pair.head, pair.policy)
        known.append((pair.base, pair.head, pair.policy, diff))
    return known


def _wrong_fault(fault: ImageFault, known: Diff | None) -> str | None:
    if known is not None:
        return f"a sound pair was refused: {fault.reason}"
    if fault.code not in IMAGE_FAULTS:
        return f"the engine failed: {fault.reason}"
    if len(str(fault)) < 10 or not str(fault).isprintable() or " at 0x" in str(fault):
        return f"not a message for people: {fault.reason!r}"
    return None


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60, help="how long; 60 by default")
    parser.add_argument("--pairs", type=int, help="stop after this many pairs, if that is earlier")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32, help="repeats a run")
    parser.add_argument("--limit", type=float, default=40, help="seconds that one pair may take")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="save the offending pairs there")
    parser.add_argument(
        "--like-pillow", action="store_true", help="pixels must be those that Pillow reads"
    )
    parser.add_argument(
        "--replay", type=Path, nargs=2, metavar="FILE", help="compare only this base and head"
    )
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
