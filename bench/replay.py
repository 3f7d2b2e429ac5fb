"""What a replay takes at 100,000 results: `make bench-replay`, with ARGS="--help" for the options.

A project of drawn builds is stored in memory as the pipeline would store it. Some of its pairs are
compared by the engine once; every build refers to them, so that results and index have their real
size. Then past comparisons are judged under two rules: one that stored measurements suffice for,
and one that needs images, of which some are measured and the rest is reckoned. S3's time is not in
it; requests, bytes and prices are.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pixelgate.bootstrap import find_engine, open_pool
from pixelgate.client.counted import CountedBucket, dollars
from pixelgate.client.replay import (
    Plan,
    Rule,
    Versions,
    Wishes,
    find,
    plan,
    price_of_reading,
    with_differences,
)
from pixelgate.client.replay_pairs import Kept, KeptImages, answers, measure
from pixelgate.domain import keys
from pixelgate.domain.comparison import Comparison, Measured, Snapshot, Status, engine_of
from pixelgate.domain.history import encode, entry_of
from pixelgate.domain.keys import BuildId
from pixelgate.domain.manifest import BuildManifest, Image
from pixelgate.domain.policy import Policy
from pixelgate.past.model import Past
from pixelgate.past.replay import in_order, totals
from pixelgate.ports import DifferPool
from support.doubles.memory import MemoryBucket
from support.drawn_cases import rows
from support.world import sha

PROJECT = "shop"
RULES = {
    "stored measurements": Rule(above={"max_changed_pixels": 50}),
    "images": Rule(above={"sensitivity": "tolerant"}),
}


def drawn(pool: DifferPool, store: MemoryBucket, number: int) -> list[Snapshot]:
    """Compares some drawn pairs; each has its own images in the bucket."""
    found = []
    for row in random.Random(17).sample(rows(), number):  # noqa: S311 - the same each time
        pair = row.draw()
        if pair.base == pair.head:
            continue
        for body in (pair.base, pair.head):
            store.write(keys.image(PROJECT, sha(body)), body, "image/png")
        diff = pool.diff(pair.base, pair.head, Policy(), lambda: True)
        judged = diff.judge(Policy())
        found.append(
            Snapshot(
                Status.CHANGED if judged.changed else Status.UNCHANGED,
                head_sha256=sha(pair.head),
                base_sha256=sha(pair.base),
                head_size=diff.head_size,
                base_size=diff.base_size,
                measured=Measured(replace(diff, mask=None), None),
                judgement=judged,
            )
        )
    return found


def fill(store: MemoryBucket, pairs: Sequence[Snapshot], options: argparse.Namespace) -> None:
    """Stores results and index of so many builds of so many snapshots; a share of them differ."""
    some = random.Random(options.builds)  # noqa: S311 - the same each time
    odiff = find_engine().version
    same = Snapshot(Status.UNCHANGED, "5" * 64, "5" * 64, (400, 250), (400, 250))
    for number in range(options.builds):
        snapshots = {
            f"pages/{n:05}.png": some.choice(pairs) if some.random() < options.differ else same
            for n in range(options.snapshots)
        }
        id_ = BuildId(PROJECT, f"b{number:05}")
        at = f"2026-11-{1 + number % 28:02}T12:00:00.{number:06}+00:00"
        comparison = Comparison(
            id=id_.against("base"),
            baseline_reason="nearest",
            execution=f"e{number}",
            created=at,
            engine=engine_of(("odiff", odiff)),
            policy=Policy(),
            snapshots=snapshots,
        )
        images = {name: Image(str(s.head_sha256), s.head_size) for name, s in snapshots.items()}
        manifest = BuildManifest(
            id_, f"c{number}", "main", None, None, False, None, Policy(), images
        )
        key = keys.result(comparison.id, comparison.execution, keys.COMPARISON)
        store.write(key, comparison.encoded(), "application/json")
        line = keys.index_line(PROJECT, at, id_.build, comparison.execution)
        store.write(line, encode([entry_of(comparison, manifest)]), "application/gzip")


def main() -> None:
    """Prints a table for docs/replay.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--builds", type=int, default=333)
    parser.add_argument("--snapshots", type=int, default=300)
    parser.add_argument("--differ", type=float, default=0.05, help="share that differ in bytes")
    parser.add_argument("--pairs", type=int, default=60, help="drawn pairs that are measured")
    options = parser.parse_args()
    store = MemoryBucket()
    with open_pool(find_engine()) as pool, tempfile.TemporaryDirectory() as folder:
        pairs = drawn(pool, store, options.pairs)
        fill(store, pairs, options)
        results = options.builds * options.snapshots
        print(f"{options.builds:,} builds × {options.snapshots:,} snapshots: {results:,} results")
        for name, rule in RULES.items():
            _replay(name, rule, store, pool, Path(folder))


def _replay(name: str, rule: Rule, store: MemoryBucket, pool: DifferPool, folder: Path) -> None:
    meter, installed = CountedBucket(store), Versions(find_engine().version)
    began = time.perf_counter()
    past = Past.of(meter.bucket, PROJECT)
    indexed = time.perf_counter()
    usage, size = price_of_reading(with_differences(past), rule)
    before = meter.bytes_out
    reading = find(meter, past, rule, installed)
    read = time.perf_counter()
    todo = plan(meter, reading, installed, Wishes())
    planned = time.perf_counter()
    kept = Kept(folder, PROJECT, name)
    results = measure(todo, kept, KeptImages(kept, meter.bucket), pool)
    measured = time.perf_counter()
    told = totals(in_order(answers(reading, todo, results)))
    ended = time.perf_counter()
    print(f"\nby {name}: {told['differences']:,} differences")
    print(f"  index {indexed - began:.1f} s, results {read - indexed:.1f} s, "
          f"plan {planned - read:.1f} s, answers {ended - measured:.1f} s")  # fmt: skip
    print(f"  results: {(meter.bytes_out - before) / 1e6:,.1f} MB, foreseen {size / 1e6:,.1f} MB, "
          f"${dollars(usage, size):.4f}")  # fmt: skip
    _measuring(todo, measured - planned, len(reading.pieces))
    requests = ", ".join(f"{n:,} {kind}" for kind, n in meter.usage.requests.items())
    print(f"  {requests}, {meter.bytes_out / 1e6:,.1f} MB out: ${meter.usd:.4f}; no Lambda")


def _measuring(todo: Plan, seconds: float, differences: int) -> None:
    if not todo.fresh:
        return
    each = seconds / todo.fresh
    size = sum(todo.fetched.values()) / todo.fresh
    print(f"  {todo.fresh:,} pairs measured in {seconds:.1f} s: {each * 1e3:.0f} ms each, "
          f"{todo.megapixels / seconds:.1f} megapixels a second")  # fmt: skip
    print(f"  if all {differences:,} pairs were others: {each * differences / 60:,.1f} min, "
          f"{size * differences / 1e9:,.2f} GB")  # fmt: skip


if __name__ == "__main__":
    main()
