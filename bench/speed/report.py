"""What was measured, as a table for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.speed.decoders import Decoder
from bench.speed.pairs import Pair
from bench.speed.routes.ours import Pixelgate
from bench.speed.timing import Timed


@dataclass(frozen=True)
class Measured:
    """All figures on one set of pairs."""

    title: str
    pairs: Sequence[Pair]
    routes: Sequence[Timed]
    checks: Sequence[str]
    decoders: Sequence[Decoder]
    profile: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        """As --json writes it."""
        ours = _ours(self.routes)
        return {
            "set": self.title,
            "pairs": len(self.pairs),
            "routes": [_route_as_json(timed, ours) for timed in self.routes],
            "checks": list(self.checks),
            "decoders": [
                {"name": d.name, "milliseconds": d.milliseconds, "problem": d.problem}
                for d in self.decoders
            ],
        }

    def lines(self) -> Iterable[str]:
        """As the terminal shows it."""
        yield f"\n{self.title}: {len(self.pairs)} pairs"
        yield from _aligned([_HEADINGS, *map(self._row, self.routes)])
        yield from self.checks
        yield ""
        yield from _decoder_lines(self.decoders)
        yield from self.profile

    def _row(self, timed: Timed) -> tuple[str, ...]:
        if timed.problem:
            return timed.route.name, "–", "", "–", "–", timed.problem
        ours = _ours(self.routes)
        refused = sum(found.refused for found in timed.found)
        return (
            timed.route.name,
            f"{timed.median:.2f}",
            f"{min(timed.seconds):.2f}–{max(timed.seconds):.2f}",
            f"{len(self.pairs) / timed.median:.1f}",
            f"{timed.against(ours):.2f}" if ours else "–",
            timed.route.gives + (f"; {refused} pairs refused" if refused else ""),
        )


_HEADINGS = ("route", "seconds", "range", "pairs/s", "time ×", "gives")


def _ours(routes: Iterable[Timed]) -> Timed | None:
    return next((t for t in routes if isinstance(t.route, Pixelgate) and t.seconds), None)


def _route_as_json(timed: Timed, ours: Timed | None) -> dict[str, Any]:
    if timed.problem:
        return {"route": timed.route.name, "problem": timed.problem}
    return {
        "route": timed.route.name,
        "gives": timed.route.gives,
        "median_seconds": timed.median,
        "seconds": timed.seconds,
        "times_ours": timed.against(ours) if ours else None,
        "refused": sum(found.refused for found in timed.found),
    }


def _decoder_lines(decoders: Sequence[Decoder]) -> Iterable[str]:
    sizes = next((list(d.milliseconds) for d in decoders if d.milliseconds), [])
    rows = [("decoder, ms of processor time an image", *sizes)]
    for decoder in decoders:
        times = [f"{decoder.milliseconds[size]:.2f}" for size in sizes if decoder.milliseconds]
        rows.append((decoder.name, *(times or [decoder.problem])))
    return _aligned(rows)


def _aligned(rows: Sequence[tuple[str, ...]]) -> Iterable[str]:
    """Columns: the first and what follows the numbers to the left, numbers to the right."""
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.ljust(width) if number in {0, 5} else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=False))
        ]
        yield "  ".join(cells).rstrip()
