"""Where our own route spends its time."""

from __future__ import annotations

import cProfile
import pstats
import time
from collections.abc import Sequence

from bench.speed.pairs import Pair
from bench.speed.routes.ours import Pixelgate

_SHOWN = 14


def profile(pairs: Sequence[Pair]) -> list[str]:
    """The functions that take longest by themselves, in one thread, waiting for odiff included."""
    route = Pixelgate()
    route.start()
    try:
        route.warm_up(pairs)
        taken = cProfile.Profile(time.perf_counter)
        taken.enable()
        for pair in pairs:
            route.compare(pair)
        taken.disable()
    finally:
        route.close()
    stats = pstats.Stats(taken)
    entries = [
        (own, calls, name, file)
        for (file, _, name), (_, calls, own, _, _) in stats.stats.items()  # type: ignore[attr-defined]
    ]
    total = sum(own for own, *_ in entries)
    each = total / len(pairs) * 1000
    lines = [
        "",
        f"{Pixelgate.name} in one thread, under a profiler: {each:.1f} ms a pair, of which",
    ]
    for own, calls, name, file in sorted(entries, reverse=True)[:_SHOWN]:
        where = file.rpartition("/")[2] if file != "~" else ""
        lines.append(
            f"{own / total:5.0%}  {own / len(pairs) * 1000:6.2f} ms  {calls:6}×  {where} {name}"
        )
    return lines
