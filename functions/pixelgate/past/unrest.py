"""The region of unrest: where a snapshot differs though nothing was changed, as ignore regions.

It is a proposal, with what it would have cost: the approved changes that nobody would have seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pixelgate.domain.comparison import Status
from pixelgate.domain.policy import Rectangle
from pixelgate.past.life import How, ruling
from pixelgate.past.model import Past, Seen, Spot
from pixelgate.past.pairs import Pair

DAYS = 90  # of approved changes
MAX_BOXES = 8
_MARGIN = 4  # pixels around what differed, as the next difference is not exactly there
# Two boxes become one if the one around both is at most so many times as large as they are.
_WASTE = 1.25
_MOST_TRIED = 60


@dataclass(frozen=True)
class Hidden:
    """An approved change of which every region that counted lies in the proposed boxes."""

    seen: Seen
    by: str

    def row(self) -> dict[str, Any]:
        """Returns the row of a table."""
        entry, shot = self.seen
        return {
            "at": entry.at,
            "build": entry.build,
            "name": shot.name,
            "by": self.by,
            "image": shot.head,
            "pixels": shot.pixels,
        }


@dataclass(frozen=True)
class Unrest:
    """The proposal for one snapshot.

    Attributes:
        boxes: what to ignore, in pixels of the canvas; a few boxes that cover all that differed.
        measured, differing: how many differing pairs were diffed, and how many there are.
        cut: whether the index left regions of one of them out, as there were too many.
        hidden: the approved changes of the last DAYS that the boxes would have hidden.
        approved: how many approved changes there were in these days.
    """

    name: str
    boxes: tuple[Rectangle, ...]
    measured: int
    differing: int
    cut: bool
    hidden: tuple[Hidden, ...]
    approved: int

    @property
    def words(self) -> str:
        """What the boxes rest on and what they cost, in sentences."""
        number = "1 box covers" if len(self.boxes) == 1 else f"{len(self.boxes)} boxes cover"
        lines = [
            f"{number} what differed in {self.measured:,} of {self.differing:,} pairs with the "
            "same input."
        ]
        if self.measured < self.differing:
            lines.append("The images of the others were never compared with one another.")
        if self.cut:
            lines.append("Some differed in more regions than the history keeps.")
        named = ", ".join(dict.fromkeys(hidden.seen.entry.build for hidden in self.hidden))
        hides = f"would have hidden {len(self.hidden):,}: {named}" if self.hidden else (
            "would have hidden none of them"
        )  # fmt: skip
        approved = "1 change was" if self.approved == 1 else f"{self.approved:,} changes were"
        lines.append(f"In the last {DAYS} days {approved} approved; this {hides}.")
        return " ".join(lines)

    def as_json(self) -> dict[str, Any]:
        """Returns the proposal for `--json`."""
        return {
            "name": self.name,
            "ignore_regions": [asdict(box) for box in self.boxes],
            "measured_pairs": self.measured,
            "differing_pairs": self.differing,
            "cut": self.cut,
            "approved_changes": self.approved,
            "hidden_changes": [hidden.row() for hidden in self.hidden],
            "words": self.words,
        }


def unrest(past: Past, name: str, pairs: Iterable[Pair], now: datetime) -> Unrest | None:
    """Returns the region of unrest of a snapshot; None if no differing pair was ever diffed.

    `pairs` are the snapshot's, as `same_input` returns them.
    """
    differing = [pair for pair in pairs if pair.differs]
    seen = [pair.seen for pair in differing if pair.seen and pair.seen.shot.regions]
    if not seen:
        return None
    boxes = merged(_grown(spot) for _, shot in seen for spot in shot.regions)
    approved = _approved(past, name, now)
    hidden = tuple(Hidden(one, by) for one, by in approved if _hides(boxes, one))
    cut = any(shot.more[0] for _, shot in seen)
    return Unrest(name, boxes, len(seen), len(differing), cut, hidden, len(approved))


def _grown(spot: Spot) -> Rectangle:
    left, top = max(0, spot.x - _MARGIN), max(0, spot.y - _MARGIN)
    return Rectangle(
        left, top, spot.x + spot.width + _MARGIN - left, spot.y + spot.height + _MARGIN - top
    )


def merged(boxes: Iterable[Rectangle], most: int = MAX_BOXES) -> tuple[Rectangle, ...]:
    """Returns at most so many boxes that cover all of these, from top to bottom.

    Boxes that overlap or nearly fill the box around them become one. While there are too many,
    those two become one that add the fewest pixels.
    """
    left = sorted(_fewer(set(boxes)), key=_order)
    while True:
        pair = _best(left, forced=len(left) > most)
        if pair is None:
            return tuple(sorted(left, key=_order))
        first, second = pair
        left = [box for box in left if box not in pair]
        around = _around(first, second)
        # Whatever the new box covers is part of it.
        left = [box for box in left if not _covered(box, (around,))] + [around]


def _fewer(boxes: set[Rectangle]) -> set[Rectangle]:
    """Returns boxes on a grid, as coarse as it takes to be so few that all pairs can be tried."""
    grid = 4
    while len(boxes) > _MOST_TRIED:
        grid *= 2
        boxes = {_snapped(box, grid) for box in boxes}
    return boxes


def _snapped(box: Rectangle, grid: int) -> Rectangle:
    x, y = box.x // grid * grid, box.y // grid * grid
    right, bottom = (-(-end // grid) * grid for end in (box.x + box.width, box.y + box.height))
    return Rectangle(x, y, right - x, bottom - y)


def _order(box: Rectangle) -> tuple[int, int, int, int]:
    return box.y, box.x, box.height, box.width


def _best(boxes: Sequence[Rectangle], *, forced: bool) -> tuple[Rectangle, Rectangle] | None:
    """Returns the two that should be one, those that add the fewest pixels first."""
    best, least = None, 0
    for place, first in enumerate(boxes):
        for second in boxes[place + 1 :]:
            own = _area(first) + _area(second) - _shared(first, second)
            whole = _area(_around(first, second))
            if not forced and whole > _WASTE * own:
                continue
            if best is None or whole - own < least:
                best, least = (first, second), whole - own
    return best


def _area(box: Rectangle) -> int:
    return box.width * box.height


def _shared(a: Rectangle, b: Rectangle) -> int:
    wide = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    high = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    return max(0, wide) * max(0, high)


def _around(a: Rectangle, b: Rectangle) -> Rectangle:
    x, y = min(a.x, b.x), min(a.y, b.y)
    right, bottom = max(a.x + a.width, b.x + b.width), max(a.y + a.height, b.y + b.height)
    return Rectangle(x, y, right - x, bottom - y)


def _covered(box: Rectangle, by: Sequence[Rectangle]) -> bool:
    """Whether each pixel of a box is in one of the others."""
    rest = [box]
    for other in by:
        rest = [part for one in rest for part in _without(one, other)]
    return not rest


def _without(box: Rectangle, other: Rectangle) -> list[Rectangle]:
    """Returns what is left of a box, in up to four parts."""
    if not _shared(box, other):
        return [box]
    right, bottom = box.x + box.width, box.y + box.height
    top, low = max(box.y, other.y), min(bottom, other.y + other.height)
    parts = (
        (box.x, box.y, right, top),
        (box.x, low, right, bottom),
        (box.x, top, max(box.x, other.x), low),
        (min(right, other.x + other.width), top, right, low),
    )
    return [Rectangle(x, y, r - x, b - y) for x, y, r, b in parts if r > x and b > y]


def _approved(past: Past, name: str, now: datetime) -> list[tuple[Seen, str]]:
    """Returns the changes of the last DAYS that a person approved, and who did."""
    first = (now.astimezone(UTC) - timedelta(days=DAYS)).isoformat()
    found = []
    for entry, shot in past.named(name):
        if entry.at >= first and shot.status == Status.CHANGED:
            given = ruling(past, entry, shot)
            if given.how is How.APPROVED:
                found.append((Seen(entry, shot), given.by))
    return found


def _hides(boxes: Sequence[Rectangle], seen: Seen) -> bool:
    shot = seen.shot
    if not shot.regions or shot.more[0]:
        return False  # nobody knows where the rest was
    # What a noise explained did not count before; without any mark, every pixel counted.
    counted = [spot for spot in shot.regions if spot.mark is not None] or shot.regions
    return all(_covered(Rectangle(s.x, s.y, s.width, s.height), boxes) for s in counted)


def policy_of(boxes: Iterable[Rectangle], known: Iterable[Rectangle] = ()) -> Mapping[str, Any]:
    """Returns the policy that ignores boxes besides those that are ignored already."""
    every = dict.fromkeys((*known, *boxes))
    return {"ignore_regions": [asdict(box) for box in every]}


def rule_text(name: str, boxes: Iterable[Rectangle], known: Iterable[Rectangle] = ()) -> str:
    """Returns the lines for pixelgate.toml that ignore boxes in one snapshot.

    `known` are the boxes that are ignored in it already: a later rule replaces what an earlier one
    says, so the new one has to name them, too.
    """
    regions = policy_of(boxes, known)["ignore_regions"]
    listed = ",\n".join(
        "  {" + ", ".join(f"{field} = {value}" for field, value in box.items()) + "}"
        for box in regions
    )
    return f"[[rules]]\nmatch = {_toml(name)}\npolicy.ignore_regions = [\n{listed},\n]\n"


def _toml(text: str) -> str:
    """Returns a text as a basic string of TOML."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
