"""`make check-corpus DIR=…`: compares the engine with plain odiff, pixel for pixel.

DIR contains `base/` and `head/`; two files with the same name and different bytes are a pair. Pairs
with the same contents are compared once. `--random N` adds N random pairs under random policies.
With `--other ODIFF` two odiffs are compared instead, the installed one and another version: the
engine's results with each, and each one's masks of whole images.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from pathlib import Path

import numpy as np

from pixelgate.bootstrap import Engine, find_engine
from pixelgate.domain.comparison import Diff
from pixelgate.domain.policy import Policy
from pixelgate.engine.differ import OdiffDiffer
from pixelgate.engine.odiff import OdiffServer
from pixelgate.errors import ImageFault
from support.agreement import disagreement
from support.drawings import Pair, random_pair
from support.plain_odiff import Expected, PlainOdiff, mismatch, unaligned

ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".webp"})


def main() -> int:
    """Compares and prints; 1 if a pair came out otherwise or there was none, else 0."""
    arguments = _arguments()
    policy = Policy() if arguments.other else unaligned(Policy())
    pairs = chain(
        *(corpus_pairs(folder, policy) for folder in arguments.dir),
        random_pairs(arguments.random, arguments.seed),
    )
    started, done, wrong = time.monotonic(), 0, 0
    with ExitStack() as stack:
        judges = [stack.enter_context(judge_of(engine)) for engine in engines(arguments.other)]
        against = judges[1].name if arguments.other else "plain odiff"
        for name, pair in pairs:
            done += 1
            if (problem := check(judges[0], judges[-1], pair)) is not None:
                wrong += 1
                print(f"{name}: {problem}", flush=True)
            if done % 25 == 0:
                print(f"{done} pairs, {wrong} wrong", file=sys.stderr, flush=True)
    seconds = time.monotonic() - started
    print(f"{done} pairs compared with {against} in {seconds:.0f} s: {wrong} came out otherwise")
    return 1 if wrong or not done else 0


@dataclass(frozen=True)
class Judge:
    """One odiff, with the engine around it and plain."""

    name: str
    differ: OdiffDiffer
    plain: PlainOdiff

    def result(self, pair: Pair) -> Diff | str:
        """The engine's result, or why there is none."""
        try:
            return self.differ.diff(pair.base, pair.head, pair.policy)
        except ImageFault as fault:
            return fault.reason

    def expected(self, pair: Pair) -> Expected:
        """The masks of the whole images."""
        return self.plain.expected(pair.base_pixels, pair.head_pixels, unaligned(pair.policy))


def engines(other: Path | None) -> list[Engine]:
    """The installed odiff, and the other one if there is one."""
    found = [find_engine()]
    if other:
        found.append(find_engine({"PIXELGATE_ODIFF": str(other.absolute())}))
    return found


@contextmanager
def judge_of(engine: Engine) -> Iterator[Judge]:
    """Starts an odiff twice: for the engine and plain."""
    with (
        tempfile.TemporaryDirectory(prefix="pg") as folder,
        OdiffServer(engine.binary) as server,
        OdiffDiffer(OdiffServer(engine.binary)) as differ,
    ):
        yield Judge(" ".join(engine.label), differ, PlainOdiff(server, Path(folder)))


def check(judge: Judge, other: Judge, pair: Pair) -> str | None:
    """What is wrong with the engine's result for a pair, in words; None if nothing is."""
    found = judge.result(pair)
    if other is not judge:
        return difference(judge, found, other, pair)
    if isinstance(found, str):
        return found
    return mismatch(found, judge.expected(pair)) or disagreement(found)


def difference(judge: Judge, found: Diff | str, other: Judge, pair: Pair) -> str | None:
    """In what two odiffs differ: the engine's result, or a mask of the whole images."""
    if found != (theirs := other.result(pair)):
        return f"{judge.name}: {counts(found)}; {other.name}: {counts(theirs)}"
    if isinstance(found, str):
        return None  # both refuse it for the same reason
    try:
        ours, wanted = judge.expected(pair), other.expected(pair)
    except (OSError, ValueError):
        return None  # the engine reads it, as browsers do, but Pillow does not
    for threshold in ("sensitive", "structural"):
        apart = np.count_nonzero(getattr(ours, threshold) != getattr(wanted, threshold))
        if apart:
            return f"{apart} pixels of the {threshold} masks differ"
    return None


def counts(found: Diff | str) -> str:
    """A result in a few words."""
    if isinstance(found, str):
        return found
    return f"{found.changed_pixels} and {found.structural_pixels} pixels"


def corpus_pairs(folder: Path, policy: Policy) -> Iterator[tuple[str, Pair]]:
    """The pairs of one name and other bytes, each two contents once, in the order of names."""
    seen: set[tuple[bytes, ...]] = set()
    for base in sorted(p for p in (folder / "base").rglob("*") if p.suffix.lower() in ENDINGS):
        name = base.relative_to(folder / "base")
        head = folder / "head" / name
        if not head.is_file():
            continue
        bodies = base.read_bytes(), head.read_bytes()
        digests = tuple(sha256(body).digest() for body in bodies)
        if digests[0] != digests[1] and digests not in seen:
            seen.add(digests)
            yield str(name), Pair(*bodies, policy)


def random_pairs(count: int, seed: int) -> Iterator[tuple[str, Pair]]:
    """So many random pairs; each has a seed of its own, by which it can be made again."""
    for number in range(seed, seed + count):
        yield f"random pair of seed {number}", random_pair(np.random.default_rng(number))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("dir", type=Path, nargs="*", help="has base/ and head/ in it")
    parser.add_argument("--other", type=Path, metavar="ODIFF", help="compare with this odiff")
    parser.add_argument("--random", type=int, default=0, metavar="N", help="and N random pairs")
    parser.add_argument("--seed", type=int, default=0, help="the seed of the first random pair")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
