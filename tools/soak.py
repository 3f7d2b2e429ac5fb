"""`make soak`: comparisons with real odiff and random faults, then an audit of bucket and table.

All of them go on in one bucket and one table, several at once, for some hours of a clock of their
own, while any call of any worker may fail. Afterwards nothing may be lost, nothing double, and no
process and no file of ours left.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from pixelgate.bootstrap import find_engine, open_pool
from support.soak_audit import audit, nothing_changes_any_more, only_what_is_shown_is_left
from support.soak_world import SoakWorld


def main() -> int:
    """Runs it; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--comparisons", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    before, started = odiffs(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="pixelgate-soak-") as folder:
        tempfile.tempdir = folder
        with open_pool(find_engine(), 2) as pool:
            soak = SoakWorld(pool, options.seed)
            soak.settle_in(options.comparisons)
            soak.run()
            given_up = soak.end_trouble()
            endings = audit(soak)
            nothing_changes_any_more(soak)
            orphaned = only_what_is_shown_is_left(soak)
        left = [str(path) for path in Path(folder).rglob("*")]
        tempfile.tempdir = None
    running = odiffs() - before
    print(
        f"{options.comparisons} comparisons and their bases, {soak.deliveries:,} deliveries, "
        f"{soak.happened.total():,} faults, {given_up} events given up and sent again, "
        f"{time.monotonic() - started:.0f} s, seed {options.seed}"
    )
    print("endings: " + ", ".join(f"{n} {words}" for words, n in sorted(endings.items())))
    print("faults: " + ", ".join(f"{n} {words}" for words, n in sorted(soak.happened.items())))
    print(f"in the bucket: {len(soak.objects.objects):,} objects, "
          f"in the table: {len(soak.ledger.comparisons):,} comparisons, "
          f"each published once or FAILED; "
          f"{orphaned} dead runs' files were swept")  # fmt: skip
    print(f"left: {len(left)} files, {len(running)} processes")
    return int(bool(left or running))


def odiffs() -> set[int]:
    """Our own odiff processes."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if command[0].endswith(b"odiff") and parent in {os.getpid(), 1}:
            found.add(int(process.name))
    return found


if __name__ == "__main__":
    sys.exit(main())
