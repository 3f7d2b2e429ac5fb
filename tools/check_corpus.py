"""`make check-corpus DIR=…`: compares the engine with plain odiff, pixel for pixel.

DIR contains `base/` and `head/`; two files with the same name and different bytes are a pair. Pairs
with the same contents are compared once. `--random N` adds N random pairs under random policies.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from itertools import chain
from pathlib import Path

import numpy as np

from pixelgate.bootstrap import find_engine
from pixelgate.domain.policy import Policy
from pixelgate.engine.differ import OdiffDiffer
from pixelgate.engine.odiff import OdiffServer
from pixelgate.errors import ImageFault
from support.agreement import disagreement
from support.drawings import Pair, random_pair
from support.plain_odiff import PlainOdiff, mismatch, unaligned

ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".webp"})


def main() -> int:
    """Compares and prints; 1 if a pair came out otherwise or there was none, else 0."""
    arguments = _arguments()
    pairs = chain(
        corpus_pairs(arguments.dir) if arguments.dir else (),
        random_pairs(arguments.random, arguments.seed),
    )
    binary = find_engine().binary
    started, done, wrong = time.monotonic(), 0, 0
    with (
        tempfile.TemporaryDirectory(prefix="pg") as folder,
        OdiffServer(binary) as server,
        OdiffDiffer(OdiffServer(binary)) as differ,
    ):
        plain = PlainOdiff(server, Path(folder))
        for name, pair in pairs:
            done += 1
            if (problem := check(differ, plain, pair)) is not None:
                wrong += 1
                print(f"{name}: {problem}", flush=True)
            if done % 25 == 0:
                print(f"{done} pairs, {wrong} wrong", file=sys.stderr, flush=True)
    seconds = time.monotonic() - started
    print(f"{done} pairs compared with plain odiff in {seconds:.0f} s: {wrong} came out otherwise")
    return 1 if wrong or not done else 0


def check(differ: OdiffDiffer, plain: PlainOdiff, pair: Pair) -> str | None:
    """What is wrong with the engine's result for a pair, in words; None if nothing is."""
    try:
        found = differ.diff(pair.base, pair.head, pair.policy)
    except ImageFault as fault:
        return fault.reason
    wanted = plain.expected(pair.base_pixels, pair.head_pixels, pair.policy)
    return mismatch(found, wanted) or disagreement(found)


def corpus_pairs(folder: Path) -> Iterator[tuple[str, Pair]]:
    """The pairs of one name and other bytes, each two contents once, in the order of names."""
    policy = unaligned(Policy())
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
    parser.add_argument("dir", type=Path, nargs="?", help="has base/ and head/ in it")
    parser.add_argument("--random", type=int, default=0, metavar="N", help="and N random pairs")
    parser.add_argument("--seed", type=int, default=0, help="the seed of the first random pair")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
