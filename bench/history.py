"""What the history costs and how long it takes: `make bench-history`, ARGS="--help" lists options.

Draws the index of a project that published a result many times a day for a year, as comparisons and
reviews would have left it, merges it by night, and reads it as the commands and pages do. Requests
are counted and priced by AWS's list. Seconds are those that the processor works, in one process;
the network's are to be added.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from pixelgate.domain import keys
from pixelgate.domain.cost import Usage
from pixelgate.domain.history import encode
from pixelgate.past import life
from pixelgate.past.drift import chains, newest
from pixelgate.past.model import Entry, Given, Past, Shot, Spot
from pixelgate.pipeline.cleanup.index import merge_index
from pixelgate.ports import Listed
from support.doubles.memory import MemoryBucket

PROJECT = "shop"
BEGAN = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 365
T = TypeVar("T")
PAGE = 1_000  # keys of one request for a listing
KEPT_APPROVED = 0.8  # of what needs a review


class CountingBucket(MemoryBucket):
    """A bucket in memory that counts requests as S3 would bill them, and bytes that are read."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: Counter[str] = Counter()
        self.last_requests = 0
        self.bytes_read = 0
        self._counting = threading.Lock()

    def read_tagged(self, key: str, limit: int | None = None) -> tuple[bytes, str]:
        """Counts a GET."""
        body, tag = super().read_tagged(key, limit)
        with self._counting:
            self.requests["s3.GetObject"] += 1
            self.bytes_read += len(body)
        return body, tag

    def write(self, key: str, body: bytes, content_type: str) -> None:
        """Counts a PUT."""
        self.requests["s3.PutObject"] += 1
        super().write(key, body, content_type)

    def replace(self, key: str, body: bytes, content_type: str, tag: str | None) -> None:
        """Counts a PUT."""
        self.requests["s3.PutObject"] += 1
        super().replace(key, body, content_type, tag)

    def list(self, prefix: str) -> Iterator[Listed]:
        """Counts a request for every thousand keys."""
        found = list(super().list(prefix))
        self.requests["s3.ListObjectsV2"] += max(1, -(-len(found) // PAGE))
        return iter(found)


class Drawn:
    """A project whose snapshots change at random, built again and again on `main`."""

    def __init__(self, snapshots: int, changes: int, seed: int) -> None:
        """Takes the number of snapshots, and of those that differ in each build."""
        self.chance = random.Random(seed)  # noqa: S311 - nothing secret
        self.names = [f"pages/page-{n:04}.png" for n in range(snapshots)]
        self.images = {name: self._sha() for name in self.names}
        self.changes = changes

    def _sha(self) -> str:
        return f"{self.chance.getrandbits(256):064x}"

    def entry(self, number: int, at: str) -> Entry:
        """The entry of the build with this number."""
        chance, first = self.chance, number == 0
        names = self.names if first else chance.sample(self.names, self.changes)
        shots = {name: self._shot(name, first=first) for name in names}
        needs = not first and any(shot.status == "changed" for shot in shots.values())
        approved = needs and chance.random() < KEPT_APPROVED
        said = Given("r1", at[:19] + ".000Z", "approve", "AWS:X:ada", None, "as designed")
        return Entry(
            project=PROJECT,
            build=f"trunk.{number:06}",
            execution=f"{chance.getrandbits(96):024x}",
            base=None if first else f"trunk.{number - 1:06}",
            commit=self._sha()[:40],
            branch="main",
            author="Grace Hopper",
            at=at,
            verdict="needs_review" if needs else "passed",
            review="approved" if approved else "needed" if needs else "not_needed",
            reviews=(said,) if approved else (),
            revision=int(approved),
            counts={"total": len(self.names), "changed": len(names) if needs else 0},
            usd=0.002,
            rule="0123456789abcdef odiff 4.1.2 1.0",
            first=first,
            shots=shots,
        )

    def _shot(self, name: str, *, first: bool) -> Shot:
        chance = self.chance
        before, self.images[name] = self.images[name], self._sha()
        if first:
            return Shot(name, "added", self.images[name])
        spots = tuple(
            Spot(chance.randrange(1_280), chance.randrange(9_000), 40, 20, 90, "one_sided")
            for _ in range(chance.randrange(1, 6))
        )
        status = "changed" if chance.random() < 1 / 3 else "unchanged"
        head, group = self.images[name], self._sha()[:16]
        mask = f"masks/0123456789abcdef/{before[:16]}-{head[:16]}.png"
        return Shot(
            name, status, head, before, None, group, 450, 1_000_000, spots, mask=mask
        )  # fmt: skip


def draw(results: int, drawn: Drawn, bucket: CountingBucket) -> None:
    """Writes the months of a year; the last day's results are still one object each."""
    months: dict[str, list[Entry]] = {}
    last: list[Entry] = []
    for number in range(results):
        moment = BEGAN + timedelta(days=DAYS * number / results)
        entry = drawn.entry(number, moment.isoformat(timespec="seconds"))
        if moment >= BEGAN + timedelta(days=DAYS - 1):
            last.append(entry)
        else:
            months.setdefault(entry.at[:7], []).append(entry)
    for month, entries in months.items():
        bucket.write(keys.index_month(PROJECT, month), encode(entries), "")
    for entry in last:
        key = keys.index_line(PROJECT, entry.at, entry.build, entry.execution)
        bucket.write(key, encode([entry]), "")


def main() -> int:
    """Prints the measurements; returns 1 if one exceeds its limit."""
    parser = argparse.ArgumentParser(prog="python -m bench.history", description=__doc__)
    parser.add_argument("--results", type=int, default=100_000, help="published in the year")
    parser.add_argument("--snapshots", type=int, default=300, help="of the project")
    parser.add_argument("--changes", type=int, default=6, help="snapshots that differ in a result")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    bucket = CountingBucket()
    drawn = Drawn(options.snapshots, options.changes, options.seed)
    draw(options.results, drawn, bucket)
    stored = sum(map(len, bucket.objects.values()))
    print(f"{options.results:,} results of {options.snapshots:,} snapshots in {DAYS} days")
    print(f"the index: {stored / 1e6:,.1f} MB in {len(bucket.objects):,} objects\n")
    print(f"{'':34}{'CPU s':>9}{'requests':>10}{'MB read':>9}{'dollars':>11}")
    later = time.time() + 7_200
    moved = _told(bucket, "the night's merge", lambda: merge_index(PROJECT, bucket, later))
    recent = BEGAN + timedelta(days=DAYS - 90)
    _told(bucket, "reading the last 90 days", lambda: Past.of(bucket, PROJECT, recent))
    past = _told(bucket, "reading the year", lambda: Past.of(bucket, PROJECT))
    read = bucket.last_requests
    for table, make in life.TABLES.items():
        _told(bucket, f"table: {table}", lambda make=make: make(past))  # type: ignore[misc]
    name = drawn.names[0]
    _told(bucket, "a snapshot's life", lambda: life.snapshot_life(past, name))
    entry = newest(past)
    if entry is not None:
        _told(bucket, "drift: finding all chains", lambda: chains(past, entry))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000
    print(f"\nmost memory: {peak:,.0f} MB; {moved:,} lines were merged")
    whole = len(past.entries) == options.results
    right = entry is not None and all(
        past.hash(past.entries[-1], one) == sha for one, sha in drawn.images.items()
    )
    for words, good in (
        ("every result is there once", whole),
        ("the last build's images are those that were drawn", right),
        ("a year is read in at most 20 requests", read <= 20),
    ):
        print(f"{'ok' if good else 'NOT'}: {words}")
    return 0 if whole and right and read <= 20 else 1


def _told(bucket: CountingBucket, words: str, act: Callable[[], T]) -> T:
    """Does something, and prints what it took."""
    bucket.requests.clear()
    bucket.bytes_read, began = 0, time.process_time()
    done = act()
    seconds = time.process_time() - began
    bucket.last_requests = sum(bucket.requests.values())
    dollars = Usage(requests=dict(bucket.requests)).dollars
    print(
        f"{words:34}{seconds:>9.2f}{bucket.last_requests:>10,}"
        f"{bucket.bytes_read / 1e6:>9.1f}{dollars:>11.6f}",
        flush=True,
    )
    return done


if __name__ == "__main__":
    sys.exit(main())
