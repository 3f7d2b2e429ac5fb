"""Measures the states of snapshots: precision and recall on simulated half years, and the time.

`make bench-flakes` lists both; ARGS='--seeds 20 --json FILE' tries more seeds. The tests use other
seeds, and nothing was tuned to either.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from statistics import median

from pixelgate.domain.wilson import wilson
from pixelgate.past.flakes import states
from support.half_year import Score, half_year, score

_FIRST_SEED = 7_001
_STATES = ("broken", "flaky", "at risk", "quiet")
# The planted rates, each with what the same input then differs in: 2p(1 − p) of all pairs, or less
# where two odd images are alike.
_BANDS = ((0.005, 0.01), (0.01, 0.02), (0.02, 0.05), (0.05, 0.1), (0.1, 0.2))
_ROUNDS = 5


def main() -> None:
    """Prints two tables, and writes them as JSON if that is wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="number of half years (10)")
    parser.add_argument("--builds", type=int, default=600)
    parser.add_argument("--snapshots", type=int, default=300)
    parser.add_argument("--json", type=Path, help="file for the results")
    given = parser.parse_args()
    results = {**quality(given.seeds, given.builds, given.snapshots), **times()}
    if given.json:
        given.json.write_text(json.dumps(results, indent=1) + "\n")


def quality(seeds: int, builds: int, snapshots: int) -> dict[str, object]:
    """Compares what is found with the plans, over all half years."""
    none = Score(0, 0, 0)
    total, bands = dict.fromkeys(_STATES, none), dict.fromkeys(_BANDS, none)
    pairs: list[int] = []
    for seed in range(_FIRST_SEED, _FIRST_SEED + seeds):
        year = half_year(seed, builds, snapshots)
        found = states(year.past, year.now)
        said = {name: str(one.state) for name, one in found.items()}
        pairs += [len(one.pairs) for one in found.values()]
        for state in _STATES:
            total[state] += score(year.plan, said, state)
        for band in _BANDS:
            bands[band] += score(year.plan, said, "flaky", band)
    print(f"{seeds} half years of {builds} builds of {snapshots} snapshots")
    print(f"pairs with the same input of a snapshot: {median(pairs):,.0f} (median)\n")
    print(f"{'state':10} {'planted':>8} {'found':>6} {'wrong':>6}  precision  recall")
    for state, one in total.items():
        planted, named = one.right + one.lost, one.right + one.wrong
        shares = f"{one.precision:9.3f}  {one.recall:6.3f}"
        print(f"{state:10} {planted:8} {named:6} {one.wrong:6}  {shares}")
    print("\nrate        planted  found  recall  95 %")
    for (low, high), one in bands.items():
        planted = one.right + one.lost
        ends = wilson(one.right, planted)
        print(
            f"{100 * low:4.1f}–{100 * high:4.1f} % {planted:8} {one.right:6}  {one.recall:6.3f}  "
            f"{ends.low:.2f}–{ends.high:.2f}"
        )
    return {
        "states": {s: {"precision": o.precision, "recall": o.recall} for s, o in total.items()},
        "flaky_recall": {f"{low}-{high}": o.recall for (low, high), o in bands.items()},
    }


def times() -> dict[str, object]:
    """Measures `states` where 100,000 results were published."""
    year = half_year(_FIRST_SEED - 1, 345, 300)
    results = sum(entry.counts["total"] for entry in year.entries)
    taken = []
    for _ in range(_ROUNDS):
        past = year.past  # a new one, which has looked up nothing yet
        began = time.perf_counter()
        states(past, year.now)
        taken.append(time.perf_counter() - began)
    print(f"\nstates() of {results:,} results: {min(taken):.2f} s (the best of {_ROUNDS})")
    return {"results": results, "seconds": min(taken)}


if __name__ == "__main__":
    main()
