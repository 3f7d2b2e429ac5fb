"""Draws the growth of time and cost on logarithmic axes, as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, LEFT, TOP, PLOT_WIDTH, PLOT_HEIGHT, GAP = 900, 400, 60, 56, 350, 260, 80
COLOURS = {1.0: "#b3261e", 0.05: "#1f6f54"}
NAMES = {1.0: "all snapshots differ", 0.05: "5 % differ"}


@dataclass(frozen=True)
class Point:
    """One size.

    Attributes:
        snapshots: of the build, or of ten.
        share: of them that differ.
        seconds: to the verdict, modelled.
        dollars: for all of it, modelled.
        measured: seconds of plan and publish, which were run; None if they were not.
    """

    snapshots: int
    share: float
    seconds: float
    dollars: float
    measured: float | None


def plot(points: Sequence[Point]) -> str:
    """Two panels: time and cost; dots were measured, lines are the model."""
    time = _panel(LEFT, "seconds to the verdict", (0.1, 10_000))
    cost = _panel(LEFT + PLOT_WIDTH + GAP, "US dollars", (0.0001, 1_000))
    body = [*time.frame(), *cost.frame()]
    for share, colour in COLOURS.items():
        mine = [p for p in points if p.share == share]
        body.append(time.line(((p.snapshots, p.seconds) for p in mine), colour))
        body.append(cost.line(((p.snapshots, p.dollars) for p in mine), colour))
        body += [time.dot(p.snapshots, p.measured, colour) for p in mine if p.measured is not None]
    legend = "".join(
        f'<line x1="{x}" y1="24" x2="{x + 24}" y2="24" stroke="{COLOURS[share]}" '
        f'stroke-width="2" stroke-dasharray="5 4"/><text x="{x + 30}" y="28">{NAMES[share]}: '
        "modelled</text>"
        for x, share in ((LEFT, 1.0), (LEFT + 230, 0.05))
    )
    legend += (
        f'<circle cx="{LEFT + 420}" cy="24" r="4" fill="#444"/>'
        f'<text x="{LEFT + 430}" y="28">measured: plan and publish alone</text>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12" role="img">'
        "<title>Time and cost against the number of snapshots</title>"
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>{legend}{"".join(body)}</svg>\n'
    )


@dataclass(frozen=True)
class _Panel:
    left: int
    title: str
    low: float
    high: float

    def frame(self) -> list[str]:
        """Grid, labels, title."""
        parts = [f'<text x="{self.left}" y="{TOP - 8}" font-weight="bold">{self.title}</text>']
        for power in range(2, 7):
            x = self._x(10**power)
            parts.append(_rule(x, TOP, x, TOP + PLOT_HEIGHT))
            label = f"{10**power:,}"
            y = TOP + PLOT_HEIGHT + 18
            parts.append(f'<text x="{x:.0f}" y="{y}" text-anchor="middle">{label}</text>')
        for power in range(round(math.log10(self.low)), round(math.log10(self.high)) + 1):
            value = 10.0**power
            at = self._y(value)
            parts.append(_rule(self.left, at, self.left + PLOT_WIDTH, at))
            parts.append(
                f'<text x="{self.left - 6}" y="{at + 4:.0f}" text-anchor="end">{value:g}</text>'
            )
        middle = self.left + PLOT_WIDTH / 2
        return [
            *parts,
            f'<text x="{middle}" y="{TOP + PLOT_HEIGHT + 40}" text-anchor="middle">'
            "snapshots (1,000,000: ten builds side by side)</text>",
        ]

    def line(self, values: Iterable[tuple[float, float]], colour: str) -> str:
        """A dashed line: modelled."""
        path = " ".join(f"{self._x(x):.1f},{self._y(y):.1f}" for x, y in values)
        return (
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" '
            'stroke-dasharray="5 4"/>'
        )

    def dot(self, x: float, y: float, colour: str) -> str:
        """A dot: measured."""
        return f'<circle cx="{self._x(x):.1f}" cy="{self._y(y):.1f}" r="4" fill="{colour}"/>'

    def _x(self, value: float) -> float:
        return self.left + PLOT_WIDTH * (math.log10(value) - 2) / 4

    def _y(self, value: float) -> float:
        low, high = math.log10(self.low), math.log10(self.high)
        share = (math.log10(max(value, self.low)) - low) / (high - low)
        return TOP + PLOT_HEIGHT * (1 - share)


def _panel(left: int, title: str, span: tuple[float, float]) -> _Panel:
    return _Panel(left, title, *span)


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#ddd"/>'
