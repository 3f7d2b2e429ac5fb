"""The edits that are planted on any page, by group; ``edits.js`` makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Edits of areas that are flat and wide: here a few levels suffice, since a person flips.
FLAT = ("page-ground", "card-ground", "button-ground", "card-hue")
# Text is thin, so that its colour has to change by more before a person sees it.
TEXT_COLOURS = ("text-colour", "text-hue", "text-hue-luma", "links")
WORDING = "r_text"
PLACES = (1, 2, 4, 8, 16, 30, 60)


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
        keys = ("places", "px", "by", "at", "step", "elements")
        told = [f"{self.parameters[key]:g}" if not isinstance(self.parameters[key], str)
                else self.parameters[key] for key in keys if key in self.parameters]  # fmt: skip
        return "-".join([self.kind, *told])


def _texts() -> list[Edit]:
    many = [
        Edit("r_text", kind, {"places": places})
        for kind in ("accent", "letter", "digit", "fullstop", "case", "currency")
        for places in PLACES
    ]
    rest = {
        "figures-up": (0,), "negative": (1, 6, 0), "sign": (1, 0), "fullstop-lost": (1, 5),
        "price": (1, 12), "am-pm": (1, 0), "space": (1, 3), "same-length": (1, 4),
        "code": (1, 6), "quotes": (1,),
    }  # fmt: skip
    many += [Edit("r_text", kind, {"places": n}) for kind, all_ in rest.items() for n in all_]
    plain = [Edit("r_text", kind) for kind in ("placeholder", "italic", "heading-italic")]
    return many + plain


def _borders() -> list[Edit]:
    edges = [
        Edit("r_border", "edge", {"at": at, "colour": colour}, base)
        for at in ("bottom", "top", "left")
        for colour, base in (
            ("#d22222", None),
            ("#ffffff", None),
            ("middle", None),
            ("#d22222", {"at": at, "colour": "middle"}),
            ("#ffffff", {"at": at, "colour": "#c9ced6"}),
            ("#2a7d32", {"at": at, "colour": "#d22222"}),
        )
    ]
    return [
        *edges,
        Edit("r_border", "border-add", {"colour": "#888888"}),
        Edit("r_border", "border-add", {"colour": "#d23b3b"}),
        Edit("r_border", "border-add", {"colour": "#bbbbbb"}),
        Edit("r_border", "border-gone"),
        Edit("r_border", "border-colour", {"colour": "#dc3c3c"}),
        Edit("r_border", "border-colour", {"colour": "#3c78dc"}),
        Edit("r_border", "border-colour", {"by": 0.2}),
        Edit("r_border", "border-colour", {"by": 0.08}, mixes=False),
        Edit(
            "r_border", "divider", {"colour": "#cccccc", "moved": 1}, {"colour": "#cccccc"}, False
        ),
        Edit("r_border", "divider", {"colour": "#888888", "moved": 2}, {"colour": "#888888"}),
        Edit("r_border", "divider", {"colour": "#777777"}),
        Edit("r_border", "focus"),
        Edit("r_border", "radius", {"px": 2}, mixes=False),
        Edit("r_border", "radius", {"px": 4}),
        Edit("r_border", "radius", {"px": 6}),
        Edit("r_border", "shadow"),
        Edit("r_border", "underline"),
    ]


def _colours() -> list[Edit]:
    return [
        *(Edit("r_colour", kind, {"by": by}, mixes=False)
          for kind in ("button-ground", "card-ground", "page-ground")
          for by in (0.01, 0.02, 0.03, -0.02)),
        Edit("r_colour", "card-hue", {"step": 20}, mixes=False),
        Edit("r_colour", "card-hue", {"step": 60}),
        *(Edit("r_colour", "text-colour", {"by": by, "elements": n}, mixes=by > 0.15)
          for by in (0.08, 0.12, 0.25) for n in (1, 12, 60)),
        *(Edit("r_colour", "text-hue", {"channel": channel, "step": 40, "elements": n})
          for channel, n in ((0, 1), (1, 4), (2, 60))),
        *(Edit("r_colour", "text-hue-luma", {"step": step, "elements": n})
          for step, n in ((50, 1), (90, 3), (90, 60))),
        *(Edit("r_colour", "links", {"by": by}, mixes=False) for by in (0.07, 0.12)),
        Edit("r_colour", "disabled"),
        Edit("r_colour", "icon-fade"),
    ]  # fmt: skip


def _images() -> list[Edit]:
    marks = [
        Edit("r_image", "photo-mark", {"to": to, "px": px, "colour": colour}, base)
        for to, px, colour, base in (
            ("arrow", 18, "#d22222", None),
            ("cross", 14, "#ffffff", {"to": "tick", "px": 14, "colour": "#ffffff"}),
            ("ring", 22, "#202020", {"to": "ring", "px": 22, "colour": "#d22222"}),
            ("plus", 10, "#ffee66", None),
        )
    ]
    return [
        *(Edit("r_image", "dot", {"px": px, "colour": colour, "round": px == 6})
          for px, colour in ((4, "#d6249f"), (6, "#c62828"), (5, "#2e7d32"), (4, "#555555"))),
        Edit("r_image", "icon-gone"),
        *(Edit("r_image", "icon-swapped", {"to": to}) for to in ("cross", "ring")),
        Edit("r_image", "icons-all", {"to": "cross"}, {"to": "tick"}),
        Edit("r_image", "icons-all", {"to": "arrow"}),
        *(Edit("r_image", "ticks", {"places": n, "px": px, "to": to},
               {"places": n, "px": px, "to": "tick"})
          for n, px, to in ((1, 14, "cross"), (4, 12, "cross"), (8, 16, "ring"),
                            (20, 12, "cross"))),
        *(Edit("r_image", "photo-moved", {"x": x, "y": y}, {"x": 0, "y": 0})
          for x, y in ((1, 0), (0, 1), (3, 2))),
        Edit("r_image", "photo-flipped"),
        Edit("r_image", "photo-missing"),
        Edit("r_image", "photo-filter", {"filter": "brightness(1.06)"}, mixes=False),
        Edit("r_image", "photo-filter", {"filter": "grayscale(.5)"}),
        Edit("r_image", "photo-filter", {"filter": "blur(1px)"}, mixes=False),
        *marks,
    ]  # fmt: skip


def _layouts() -> list[Edit]:
    return [
        Edit("r_layout", "align"), Edit("r_layout", "leading"),
        *(Edit("r_layout", "move", {"side": side, "px": px}, mixes=px > 1)
          for side, px in (("left", 1), ("top", 1), ("left", 2), ("top", 5), ("left", 5))),
        Edit("r_layout", "row-gone"), Edit("r_layout", "row-twice"),
        Edit("r_layout", "rows-swapped"), Edit("r_layout", "size", {"px": 1}),
        Edit("r_layout", "tracking", {"px": 0.2}, mixes=False),
        Edit("r_layout", "tracking", {"px": 0.3}), Edit("r_layout", "weight"),
        Edit("r_layout", "taller", {"px": 1}, mixes=False), Edit("r_layout", "taller", {"px": 4}),
    ]  # fmt: skip


def _states() -> list[Edit]:
    return [
        *(Edit("r_state", "checks", {"places": n}) for n in (1, 2, 8)),
        *(Edit("r_state", "drawn-checks", {"places": n, "ticked": 1}, {"places": n})
          for n in (1, 4, 8, 16)),
        Edit("r_state", "toggle", {"on": 1}, {"on": 0}),
        Edit("r_state", "value", {"to": "Maple Street 14"}),
        *(Edit("r_state", kind) for kind in ("clipped", "ellipsis", "rtl", "dark", "scrollbar")),
    ]  # fmt: skip


def interleaved() -> list[Edit]:
    """All edits, the groups taking turns in proportion to their size, so that none comes last."""
    groups = [_texts(), _borders(), _colours(), _images(), _layouts(), _states()]
    placed = [
        ((number + 0.5) / len(group), group[_stride(number, len(group))])
        for group in groups
        for number in range(len(group))
    ]
    return [edit for _, edit in sorted(placed, key=lambda pair: pair[0])]


def _stride(number: int, length: int) -> int:
    """A walk over all numbers below length in which neighbours lie apart."""
    step = next(s for s in (7, 5, 11, 13, 1) if length % s)
    return number * step % length


EDITS = interleaved()
