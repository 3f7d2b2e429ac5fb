"""The edits that are planted on any page, by group; ``edits.js`` makes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# Edits of areas that are flat and wide: here a few levels suffice, since a person flips.
FLAT = ("page-ground", "card-ground", "button-ground", "card-hue")
# Text is thin, so that its colour has to change by more before a person sees it.
TEXT_COLOURS = ("text-colour", "text-hue", "text-hue-luma", "links")
WORDING = "r_text"
# What tells an edit from others of its kind.
TOLD = ("places", "px", "by", "at", "step", "elements")


@dataclass(frozen=True)
class Edit:
    """One edit.

    Attributes:
        group: the folder it goes to.
        kind: the function in edits.js.
        parameters: what the function takes for the head.
        base: what it takes for the base, if that is edited, too: a colour that becomes another.
        mixes: whether it is also planted under noise; faint ones are not.
    """

    group: str
    kind: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    base: Mapping[str, Any] | None = None
    mixes: bool = True

    @property
    def name(self) -> str:
        """Kind and what tells it from others of the kind."""
        told = [self.parameters[key] for key in TOLD if key in self.parameters]
        return "-".join([self.kind, *(t if isinstance(t, str) else f"{t:g}" for t in told)])


# (kind, parameters, base, mixes); what is left out is Edit's default.
Row = tuple[Any, ...]


def _places(*kinds: str, places: Sequence[int]) -> list[Row]:
    return [(kind, {"places": n}) for kind in kinds for n in places]


def _faint(kind: str, **parameters: Any) -> Row:
    return kind, parameters, None, False


TEXTS: list[Row] = [
    *_places("accent", "letter", "digit", "fullstop", "case", "currency",
             places=(1, 2, 4, 8, 16, 30, 60)),
    *_places("figures-up", places=(0,)), *_places("negative", places=(1, 6, 0)),
    *_places("sign", places=(1, 0)), *_places("fullstop-lost", places=(1, 5)),
    *_places("price", places=(1, 12)), *_places("am-pm", places=(1, 0)),
    *_places("space", places=(1, 3)), *_places("same-length", places=(1, 4)),
    *_places("code", places=(1, 6)), *_places("quotes", places=(1,)),
    ("placeholder",), ("italic",), ("heading-italic",),
]  # fmt: skip
BORDERS: list[Row] = [
    *(("edge", {"at": at, "colour": colour}, was and {"at": at, "colour": was})
      for at in ("bottom", "top", "left")
      for colour, was in (("#d22222", None), ("#ffffff", None), ("middle", None),
                          ("#d22222", "middle"), ("#ffffff", "#c9ced6"), ("#2a7d32", "#d22222"))),
    *(("border-add", {"colour": colour}) for colour in ("#888888", "#d23b3b", "#bbbbbb")),
    ("border-gone",),
    *(("border-colour", {"colour": colour}) for colour in ("#dc3c3c", "#3c78dc")),
    ("border-colour", {"by": 0.2}), _faint("border-colour", by=0.08),
    ("divider", {"colour": "#cccccc", "moved": 1}, {"colour": "#cccccc"}, False),
    ("divider", {"colour": "#888888", "moved": 2}, {"colour": "#888888"}),
    ("divider", {"colour": "#777777"}), ("focus",),
    _faint("radius", px=2), ("radius", {"px": 4}), ("radius", {"px": 6}),
    ("shadow",), ("underline",),
]  # fmt: skip
COLOURS: list[Row] = [
    *(_faint(kind, by=by) for kind in ("button-ground", "card-ground", "page-ground")
      for by in (0.01, 0.02, 0.03, -0.02)),
    _faint("card-hue", step=20), ("card-hue", {"step": 60}),
    *(("text-colour", {"by": by, "elements": n}, None, by > 0.15)
      for by in (0.08, 0.12, 0.25) for n in (1, 12, 60)),
    *(("text-hue", {"channel": channel, "step": 40, "elements": n})
      for channel, n in ((0, 1), (1, 4), (2, 60))),
    *(("text-hue-luma", {"step": step, "elements": n}) for step, n in ((50, 1), (90, 3), (90, 60))),
    _faint("links", by=0.07), _faint("links", by=0.12), ("disabled",), ("icon-fade",),
]  # fmt: skip
IMAGES: list[Row] = [
    *(("dot", {"px": px, "colour": colour, "round": px == 6})
      for px, colour in ((4, "#d6249f"), (6, "#c62828"), (5, "#2e7d32"), (4, "#555555"))),
    ("icon-gone",), ("icon-swapped", {"to": "cross"}), ("icon-swapped", {"to": "ring"}),
    ("icons-all", {"to": "cross"}, {"to": "tick"}), ("icons-all", {"to": "arrow"}),
    *(("ticks", {"places": n, "px": px, "to": to}, {"places": n, "px": px, "to": "tick"})
      for n, px, to in ((1, 14, "cross"), (4, 12, "cross"), (8, 16, "ring"), (20, 12, "cross"))),
    *(("photo-moved", {"x": x, "y": y}, {"x": 0, "y": 0}) for x, y in ((1, 0), (0, 1), (3, 2))),
    ("photo-flipped",), ("photo-missing",), _faint("photo-filter", filter="brightness(1.06)"),
    ("photo-filter", {"filter": "grayscale(.5)"}), _faint("photo-filter", filter="blur(1px)"),
    ("photo-mark", {"to": "arrow", "px": 18, "colour": "#d22222"}),
    ("photo-mark", {"to": "cross", "px": 14, "colour": "#ffffff"},
     {"to": "tick", "px": 14, "colour": "#ffffff"}),
    ("photo-mark", {"to": "ring", "px": 22, "colour": "#202020"},
     {"to": "ring", "px": 22, "colour": "#d22222"}),
    ("photo-mark", {"to": "plus", "px": 10, "colour": "#ffee66"}),
]  # fmt: skip
LAYOUTS: list[Row] = [
    ("align",), ("leading",),
    *(("move", {"side": side, "px": px}, None, px > 1)
      for side, px in (("left", 1), ("top", 1), ("left", 2), ("top", 5), ("left", 5))),
    ("row-gone",), ("row-twice",), ("rows-swapped",), ("size", {"px": 1}),
    _faint("tracking", px=0.2), ("tracking", {"px": 0.3}), ("weight",),
    _faint("taller", px=1), ("taller", {"px": 4}),
]  # fmt: skip
STATES: list[Row] = [
    *_places("checks", places=(1, 2, 8)),
    *(("drawn-checks", {"places": n, "ticked": 1}, {"places": n}) for n in (1, 4, 8, 16)),
    ("toggle", {"on": 1}, {"on": 0}), ("value", {"to": "Maple Street 14"}),
    ("clipped",), ("ellipsis",), ("rtl",), ("dark",), ("scrollbar",),
]  # fmt: skip


def _interleaved(groups: Mapping[str, Sequence[Row]]) -> list[Edit]:
    """All edits, the groups taking turns in proportion to their size, so that none comes last.

    Each group is walked in strides, so that neighbours lie apart.
    """
    placed = []
    for group, rows in groups.items():
        stride = next(s for s in (7, 5, 11, 13, 1) if len(rows) % s)
        for number in range(len(rows)):
            edit = Edit(group, *rows[number * stride % len(rows)])
            placed.append(((number + 0.5) / len(rows), edit))
    return [edit for _, edit in sorted(placed, key=lambda pair: pair[0])]


EDITS = _interleaved({
    WORDING: TEXTS, "r_border": BORDERS, "r_colour": COLOURS, "r_image": IMAGES,
    "r_layout": LAYOUTS, "r_state": STATES,
})  # fmt: skip
