"""How the report looks: one HTML file with its style inside, no script, no foreign request."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from pixelgate.report.model import Card, Report

# Only this style block and images beside the report: even a name that slipped through the
# escaping could not run a script or call home.
_POLICY = "default-src 'none'; img-src 'self' file:; style-src 'sha256-{style}'; base-uri 'none'"


def page(report: Report) -> str:
    """The report as an HTML document."""
    style = _asset("style.css") + _widths(report)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        _environment()
        .from_string(_asset("index.html"))
        .render(
            report=report,
            style=Markup(style),  # noqa: S704 - our own style sheet and numbers
            policy=Markup(_POLICY.format(style=digest)),  # noqa: S704 - base64 and constants
            width_class=_width_class,
        )
    )


def _widths(report: Report) -> str:
    """Rules for heads that are narrower than their mask: inline styles are not allowed."""
    shares = {_share(c) for s in report.sections for c in s.cards if c.mask} - {1.0}
    return "".join(f".w{share * 1e4:.0f}{{width:{share:.2%}}}" for share in sorted(shares))


def _width_class(card: Card) -> str:
    share = _share(card)
    return "" if share == 1.0 else f"w{share * 1e4:.0f}"


def _share(card: Card) -> float:
    """How much of the canvas's width the head covers."""
    if not (card.canvas and card.head and card.head.size):
        return 1.0
    return round(card.head.size[0] / card.canvas[0], 4)


@cache
def _asset(name: str) -> str:
    return files("pixelgate.report").joinpath(name).read_text("utf-8")


@cache
def _environment() -> Environment:
    return Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
