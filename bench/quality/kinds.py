"""The changes that are planted, what a person would say of them, and how they are combined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.quality import art
from bench.quality.cases import DIFFER, DISPUTED

# A letter or figure smaller than this (CSS pixels) is not counted on to be read.
READABLE = 11.0
# A flat colour that is one level off on every screen looks the same.
VISIBLE_LEVELS = 2


@dataclass(frozen=True)
class Plant:
    """One change to a page.

    Attributes:
        kind: the function in changes.js.
        mark: which elements allow it.
        parameters: what the function takes.
        label: what a person would say.
        missing: true if the changed page is the base, so that something is gone in the head.
    """

    kind: str
    mark: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    label: str = DIFFER
    missing: bool = False

    @property
    def name(self) -> str:
        """Kind and what tells it from others of the kind."""
        told = [self.parameters.get(key) for key in ("way", "by", "px", "levels", "side")]
        return "-".join([self.kind, *(str(value) for value in told if value is not None)])


def _icon(to: str) -> dict[str, Any]:
    return {"to": to, "path": art.ICONS[to]}


PLANTS = (
    Plant("divider-moved", "divider", {"px": 1}),
    Plant("letter-changed", "text"),
    Plant("button-colour", "button", {"way": "rgb", "by": 0.02}),
    Plant("icon-changed", "icon", _icon("heart")),
    Plant("border-added", "card"),
    Plant("row-inserted", "rows"),
    Plant("moved", "moved", {"side": "left", "px": 2}),
    Plant("dot-added", "icon", {"px": 4}),
    Plant("text-colour", "text", {"levels": 40}),
    Plant("toggled", "check"),
    Plant("digit-changed", "digit"),
    Plant("graph-alpha", "chart", {"by": 0.1}),
    Plant("background", "body", {"levels": 5}),
    Plant("underline-removed", "link"),
    Plant("radius", "card", {"px": 2}),
    Plant("focus-missing", "input", missing=True),
    Plant("divider-pushes", "divider", {"px": 1}),
    Plant("period", "text"),
    Plant("button-colour", "button", {"way": "lightness", "by": 0.02}),
    Plant("icon-removed", "icon"),
    Plant("border-removed", "card"),
    Plant("bold-removed", "bold"),
    Plant("letter-lookalike", "text", label=DISPUTED),
    Plant("line-added", "card", {"upright": False, "colour": "#9a9a9a"}),
    Plant("row-removed", "rows"),
    Plant("letter-case", "text"),
    Plant("graph-value", "chart", {"px": 2}),
    Plant("shadow-added", "card", {"shadow": "0 2px 8px rgba(0,0,0,.22)"}),
    Plant("background", "body", {"levels": 2}),
    Plant("font-size", "text", {"px": 1}),
    Plant("icon-flipped", "icon", {"asymmetric": list(art.ASYMMETRIC)}),
    Plant("border-recoloured", "input", {"levels": 48}),
    Plant("button-colour", "button", {"way": "multiplied", "by": 0.02}),
    Plant("divider-recoloured", "divider", {"levels": 24}),
    Plant("digit-changed", "digit"),
    Plant("dot-added", "badge", {"px": 2}, label=DISPUTED),
    Plant("rows-swapped", "rows"),
    Plant("letters-swapped", "text"),
    Plant("graph-recoloured", "chart", {"colour": "#7c3aed"}),
    Plant("line-added", "card", {"upright": True, "colour": "#d33a3a"}),
    Plant("radius", "button", {"px": 2}),
    Plant("background", "body", {"levels": 1}, label=DISPUTED),
    Plant("graph-alpha", "chart", {"by": 0.06}),
    Plant("moved", "badge", {"side": "top", "px": 2}),
    Plant("icon-recoloured", "icon", {"levels": 60}),
    Plant("divider-removed", "divider"),
    Plant("text-colour", "title", {"levels": 24}),
    Plant("border-removed", "input"),
    Plant("text-colour", "text", {"levels": 8}, label=DISPUTED),
    Plant("shadow-removed", "card"),
    Plant("letter-changed", "text"),
    Plant("button-colour", "button", {"way": "lightness", "by": 0.1}),
    Plant("toggled", "check"),
    Plant("dot-added", "badge", {"px": 4}),
    Plant("graph-recoloured", "chart", {"colour": "#b8860b"}),
    Plant("graph-value", "chart", {"px": 4}),
)  # fmt: skip

# A change that one sees, and one that one may miss, together with harmless noise.
CLEAR = (
    Plant("letter-changed", "text"),
    Plant("button-colour", "button", {"way": "rgb", "by": 0.12}),
    Plant("digit-changed", "digit"),
    Plant("icon-removed", "icon"),
    Plant("toggled", "check"),
    Plant("row-removed", "rows"),
    Plant("dot-added", "icon", {"px": 4}),
    Plant("underline-removed", "link"),
    Plant("graph-recoloured", "chart", {"colour": "#7c3aed"}),
)
FAINT = (
    Plant("divider-moved", "divider", {"px": 1}, label=DISPUTED),
    Plant("button-colour", "button", {"way": "rgb", "by": 0.02}, label=DISPUTED),
)
NOISES = ("lcd", "jpeg-95-420", "hinting-slight", "gpu-raster", "jpeg-85-444", "tiles", "webp-90",
          "no-subpixel", "jpeg-85-420", "lcd-slight")  # fmt: skip
# A transformed drawing lands between the pixels: its edges are smoothed otherwise.
NUDGES = ((0.04, "should-match"), (0.08, "should-match"), (0.3, "disputed"))
