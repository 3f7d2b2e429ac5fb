"""The half of `make fuzz` in which the engine runs: two differs, two threads, known pairs between.

Takes one argument, the order as JSON (fuzz.py). Each thread has a random stream of its own, so a
seed gives the same pairs again, if not in the same moments. Ends with 1 if a result was wrong.
"""

from __future__ import annotations

import faulthandler
import json
import resource
import shutil
import sys
import threading
import time
import traceback
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from pixelgate.domain.comparison import Diff
from pixelgate.domain.policy import Policy
from pixelgate.engine.differ import OdiffDiffer
from pixelgate.engine.odiff import OdiffServer
from pixelgate.engine.pool import SharedDiffers
from pixelgate.errors import FaultCode, ImageFault
from support.agreement import disagreement
from support.drawings import png, random_pair
from support.mutants import SIGNATURE, mutant, seeds, without_the_rest, without_what_browsers_skip
from support.plain_odiff import Pixels, pixels_of

THREADS = 2
KNOWN_PAIRS = 16
POLICIES = (Policy(), Policy(0.0, 0.0, antialiasing=False), Policy(0.3, 0.1))
# Faults that are the image's. Any other is ours: odiff never gets what it could fail on.
IMAGE_FAULTS = {FaultCode.UNREADABLE, FaultCode.UNSUPPORTED_FORMAT, FaultCode.EXCEEDS_PIXEL_LIMIT}


class Fuzzer:
    """Makes pairs, has them compared, and judges the results."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._order = order
        self._files = seeds()
        self._outcomes: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._deadline = time.monotonic() + order["seconds"]
        self._pool = SharedDiffers([self._differ() for _ in range(THREADS)])
        self._known = [] if order["replay"] else self._learn()

    def run(self) -> Counter[str]:
        """Every thread until the end; what came out, and how often."""
        try:
            if self._order["replay"]:
                base, head = (Path(file).read_bytes() for file in self._order["replay"])
                for policy in POLICIES:
                    self._try("replay", base, head, policy, None)
            else:
                with ThreadPoolExecutor(THREADS) as threads:
                    for ended in [threads.submit(self._work, n) for n in range(THREADS)]:
                        ended.result()
        finally:
            self._pool.close()
        return self._outcomes

    def _work(self, thread: int) -> None:
        random = np.random.default_rng([self._order["seed"], thread])
        pairs = self._order["pairs"]
        number = 0
        while time.monotonic() < self._deadline and (pairs is None or number < pairs // THREADS):
            number += 1
            name = f"thread-{thread}-pair-{number}"
            if random.random() < 0.25:
                base, head, policy, answer = self._known[random.integers(0, len(self._known))]
                self._try(name, base, head, policy, answer)
                continue
            base, head = mutant(random, self._files), self._good_or_bad(random)
            if random.random() < 0.5:
                base, head = head, base
            self._try(name, base, head, POLICIES[random.integers(0, len(POLICIES))], None)

    def _good_or_bad(self, random: np.random.Generator) -> bytes:
        if random.random() < 0.1:
            return mutant(random, self._files)
        return self._files[random.integers(0, len(self._files))]

    def _try(
        self, name: str, base: bytes, head: bytes, policy: Policy, answer: Diff | None
    ) -> None:
        """One pair; its note stands as long as it is under way, and stays if we die of it."""
        note = Path(self._order["notes"]) / name
        note.mkdir()
        (note / "base").write_bytes(base)
        (note / "head").write_bytes(head)
        outcome, problem = self._judge(base, head, policy, answer)
        if problem is not None:
            print(f"{name}: {problem}", flush=True)
            shutil.copytree(note, Path(self._order["offending"]) / name, dirs_exist_ok=True)
        elif self._order["replay"]:
            print(f"{policy}: {outcome}", flush=True)
        shutil.rmtree(note)
        with self._lock:
            self._outcomes["wrong" if problem else outcome] += 1

    def _judge(
        self, base: bytes, head: bytes, policy: Policy, answer: Diff | None
    ) -> tuple[str, str | None]:
        """What came of a pair, and in which invariant it is wrong."""
        try:
            diff = self._pool.diff(base, head, policy)
        except ImageFault as fault:
            return fault.code.value, _wrong_fault(fault, answer)
        except Exception:
            return "", traceback.format_exc()
        if answer is not None:
            return "known", None if diff == answer else f"{diff} instead of {answer}"
        problem = disagreement(diff)
        if problem is None and self._order["like_pillow"]:
            problem = self._unlike_pillow(base, head)
        return "compared", problem

    def _unlike_pillow(self, *bodies: bytes) -> str | None:
        """Whether the engine saw other pixels in a damaged file than Pillow does.

        Of a PNG both are shown what browsers look at, without what it says of colours.
        """
        for whole in bodies:
            is_png = whole.startswith(SIGNATURE)
            body = without_what_browsers_skip(whole) if is_png else whole
            try:
                pixels = _by_pillow(body)
            except Exception as error:
                return f"Pillow refuses what was compared: {error}"
            strict = Policy(0.0, 0.0, antialiasing=False)
            if self._pool.diff(png(pixels), body, strict).changed_pixels:
                return "Pillow sees other pixels"
        return None

    def _learn(self) -> list[tuple[bytes, bytes, Policy, Diff]]:
        """Good pairs and their answers, each from a process that has done nothing else."""
        known = []
        for seed in range(KNOWN_PAIRS):
            pair = random_pair(np.random.default_rng(seed), largest=60)
            with self._differ() as differ:
                answer = differ.diff(pair.base, pair.head, pair.policy)
            known.append((pair.base, pair.head, pair.policy, answer))
        return known

    def _differ(self) -> OdiffDiffer:
        return OdiffDiffer(OdiffServer(Path(self._order["odiff"])))


def _by_pillow(body: bytes) -> Pixels:
    """What Pillow sees, if need be without what is behind the pixels, at which it stumbles."""
    try:
        return pixels_of(body)
    except Exception:
        if not body.startswith(SIGNATURE):
            raise
        return pixels_of(without_the_rest(body))


def _wrong_fault(fault: ImageFault, answer: Diff | None) -> str | None:
    if answer is not None:
        return f"a good pair was refused: {fault.reason}"
    if fault.code not in IMAGE_FAULTS:
        return f"the engine failed: {fault.reason}"
    if len(str(fault)) < 10 or not str(fault).isprintable() or " at 0x" in str(fault):
        return f"no person understands this: {fault.reason!r}"
    return None


def main() -> int:
    """Does what the order says and prints how often each outcome was seen."""
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")  # Pillow's, of damaged files; in production no errors either
    outcomes = Fuzzer(json.loads(sys.argv[1])).run()
    counts = ", ".join(f"{name} {count:,}" for name, count in sorted(outcomes.items()))
    print(f"{sum(outcomes.values()):,} pairs: {counts}", flush=True)
    return 1 if outcomes["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
