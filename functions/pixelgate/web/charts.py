"""Small pictures of numbers: SVG without a script or a style of its own.

Each has a name that says what it shows, and each part a title with its number; the same numbers
are in a table beside it. Colours come from the classes of site.css.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pixelgate.web.http import escape

_HEIGHT, _GAP, _STEP, _FOOT = 96, 2, 18, 16


@dataclass(frozen=True)
class Bar:
    """One bar: its label, and the parts from the bottom up, by the class of their colour."""

    label: str
    parts: Mapping[str, float]
    title: str


def bars(named: str, shown: Sequence[Bar]) -> str:
    """Returns upright bars, all of one scale; `named` says what the whole picture shows."""
    most = max((sum(bar.parts.values()) for bar in shown), default=0) or 1
    width = max(_STEP * len(shown), 2 * _STEP)
    drawn = []
    for place, bar in enumerate(shown):
        x, top, parts = place * _STEP + _GAP, float(_HEIGHT), []
        for kind, value in bar.parts.items():
            high = value / most * (_HEIGHT - _GAP)
            top -= high
            if high:
                parts.append(_rect(kind, x, top, _STEP - 2 * _GAP, high))
        parts.append(_rect("none", x, 0, _STEP - 2 * _GAP, _HEIGHT))  # where a pointer finds it
        drawn.append(f"<g><title>{escape(bar.title)}</title>{''.join(parts)}</g>")
    first, last = (shown[0].label, shown[-1].label) if shown else ("", "")
    ends = _text(0, first, "start")
    if len(shown) > 1 and width >= 8 * _STEP:
        ends += _text(width, last, "end")
    return (
        f'<svg class="chart" role="img" aria-label="{escape(named)}" '
        f'viewBox="0 0 {width} {_HEIGHT + _FOOT}" width="{width}" height="{_HEIGHT + _FOOT}">'
        f"{''.join(drawn)}{ends}</svg>"
    )


def share(named: str, parts: Mapping[str, float], most: float) -> str:
    """Returns one level bar of these parts, of a scale that ends with `most`."""
    x, drawn = 0.0, []
    for kind, value in parts.items():
        wide = 120 * value / most if most else 0.0
        if wide:
            drawn.append(_rect(kind, x, 0, wide, 12))
        x += wide
    return (
        f'<svg class="share" role="img" aria-label="{escape(named)}" viewBox="0 0 120 12" '
        f'width="120" height="12">{"".join(drawn)}</svg>'
    )


def timeline(named: str, points: Sequence[tuple[float, str, str]]) -> str:
    """Returns points on a line; each has a place of 0 to 1, the class of its colour and a title."""
    drawn = "".join(
        f'<circle class="{kind}" cx="{8 + 584 * place:.1f}" cy="14" r="6">'
        f"<title>{escape(title)}</title></circle>"
        for place, kind, title in points
    )
    return (
        f'<svg class="timeline" role="img" aria-label="{escape(named)}" viewBox="0 0 600 28">'
        f'<line x1="8" x2="592" y1="14" y2="14"></line>{drawn}</svg>'
    )


def _rect(kind: str, x: float, y: float, width: float, height: float) -> str:
    return (
        f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}">'
        "</rect>"
    )


def _text(x: int, words: str, anchor: str) -> str:
    return f'<text x="{x}" y="{_HEIGHT + 12}" text-anchor="{anchor}">{escape(words)}</text>'
