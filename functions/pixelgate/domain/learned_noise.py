"""What a snapshot's own noise looks like, learned from pairs of images that had the same input.

Two images of one input ought to be equal. Where they differ, the difference is noise, and the pair
is the proof. What such pairs have shown is remembered by place: the kind of the difference, its
boxes, its size and its strength. A later difference is explained by a place if it is of that kind,
lies in its boxes, and is no larger and no stronger than what was proven, nor much less.
docs/learned-noise.md has the whole rule. Everything here is pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, Protocol

from pixelgate.domain.names import canonical
from pixelgate.domain.policy import Rectangle
from pixelgate.domain.verdict import Evidence, Mark

SCHEMA_VERSION = 1
# So many pairs that differ have to show a place, …
MIN_PAIRS = 3
# … from so many commits: what one commit alone shows may be its own bug.
MIN_COMMITS = 2
# The measurements of an area that say how strong its difference is. Those that only describe the
# surroundings (`text`, `text_touched`), the whole page (`shifted`, `unshifted`, `corner`) and what
# no noise explains (`one_sided`) are left out. The order is that of the numbers in the index.
MEASURES = (
    *("blocks", "differing", "clear", "strong", "most", "outside", "farthest", "light_off"),
    *("moved", "off", "steepest", "plain", "solid", "solid_strong", "run", "one_way", "light"),
    *("hue", "colour", "dense", "raw", "raw_high", "residue", "residue_high", "residue_most"),
    *("residue_sparse", "stray"),
)
# Pixels that only one image has are never noise: the page has another size.
NEVER = frozenset({Mark.ONE_SIDED})
# No other noise explains these: a plain area, a line or a hue that changed is what people see
# first. Here too, less of it is no proof; only the same difference again is noise.
ONLY_ALIKE = frozenset({Mark.PLAIN, Mark.LINE, Mark.TINT})
# Less than this share of the least that was proven is another thing: where all of a paragraph is
# drawn otherwise now and then, one letter is not what stirred.
LEAST_SHARE = 0.5
# Boxes so close to one another are one place; regions of the mask are made of blocks of this size.
_NEAR = 16
# The boxes of a place, and the pairs of a snapshot; of more, the latest are taken.
_MOST_BOXES, _MOST_PROOFS = 50, 200

Strength = tuple[float, ...]


def strength_of(area: Evidence) -> Strength:
    """Returns the measurements of an area, in the order of MEASURES."""
    return tuple(getattr(area, name) for name in MEASURES)


class Box(Protocol):
    """A box of the canvas, in pixels."""

    @property
    def x(self) -> int:
        """The left edge."""

    @property
    def y(self) -> int:
        """The upper edge."""

    @property
    def width(self) -> int:
        """From left to right."""

    @property
    def height(self) -> int:
        """From top to bottom."""


@dataclass(frozen=True)
class Patch:
    """One region of a difference that counts, or that would without what was learned.

    `strength` is empty if it is not known.
    """

    kind: Mark
    box: Rectangle
    pixels: int
    strength: Strength = ()

    @classmethod
    def of(cls, kind: Mark, box: Box, pixels: int, strength: Strength) -> Patch:
        """Makes a patch of anything that has a box."""
        return cls(kind, Rectangle(box.x, box.y, box.width, box.height), pixels, strength)


@dataclass(frozen=True)
class Proof:
    """A pair of images of one input that differ.

    Attributes:
        at: when the later one was compared, ISO 8601.
        build, commit: those of the later one.
        certain: whether the input was the same beyond doubt. A snapshot that returned to its
            former image may also be a change and its revert, so it only confirms.
        total: the number of pixels of the canvas.
        patches: the regions of the difference.
    """

    at: str
    build: str
    commit: str
    certain: bool
    total: int
    patches: tuple[Patch, ...]


@dataclass(frozen=True)
class Place:
    """Noise of one kind at one place of a snapshot, with its proof.

    Attributes:
        kind: the reason for which such a difference counts where nothing was learned.
        boxes: where it has been seen, on the canvas.
        least_pixels, most_pixels: of its regions together, the least and the most in a pair.
        least, most: of each of MEASURES, the least and the most in a region.
        pairs, builds, commits: how many pairs prove it, of how many builds and commits.
        first, last: when the first and the last of them were compared, ISO 8601.
    """

    kind: Mark
    boxes: tuple[Rectangle, ...]
    least_pixels: int
    most_pixels: int
    least: Strength
    most: Strength
    pairs: int
    builds: int
    commits: int
    first: str
    last: str

    @property
    def box(self) -> Rectangle:
        """The smallest box around all boxes."""
        return _around(self.boxes)

    def could_explain(self, patch: Patch) -> bool:
        """Whether one region is of this kind, lies in these boxes and is as strong."""
        if patch.kind is not self.kind or not _covered(patch.box, self.boxes):
            return False
        if len(patch.strength) != len(self.most) or patch.pixels > self.most_pixels:
            return False
        return all(
            self._share * least <= n <= most
            for n, least, most in zip(patch.strength, self.least, self.most, strict=True)
        )

    def explains(self, patches: Sequence[Patch]) -> bool:
        """Whether these regions together are as large; each is one that it could explain."""
        pixels = sum(patch.pixels for patch in patches)
        return self._share * self.least_pixels <= pixels <= self.most_pixels

    @property
    def _share(self) -> float:
        return 1.0 if self.kind in ONLY_ALIKE else LEAST_SHARE

    def as_json(self) -> dict[str, Any]:
        """Encodes the place; measurements have their names, so that others may come later."""
        return {
            "kind": str(self.kind),
            "boxes": [[b.x, b.y, b.width, b.height] for b in self.boxes],
            "least_pixels": self.least_pixels,
            "most_pixels": self.most_pixels,
            "least": dict(zip(MEASURES, self.least, strict=True)),
            "most": dict(zip(MEASURES, self.most, strict=True)),
            "pairs": self.pairs,
            "builds": self.builds,
            "commits": self.commits,
            "first": self.first,
            "last": self.last,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Place:
        """Decodes a place; a measurement that it lacks was never proven, so nothing exceeds it."""
        return cls(
            kind=Mark(stored["kind"]),
            boxes=tuple(Rectangle(*map(int, box)) for box in stored["boxes"]),
            least_pixels=int(stored["least_pixels"]),
            most_pixels=int(stored["most_pixels"]),
            least=_numbers(stored["least"]),
            most=_numbers(stored["most"]),
            pairs=int(stored["pairs"]),
            builds=int(stored["builds"]),
            commits=int(stored["commits"]),
            first=str(stored["first"]),
            last=str(stored["last"]),
        )


def _numbers(stored: Mapping[str, Any]) -> Strength:
    return tuple(_number(stored.get(name, 0)) for name in MEASURES)


def _number(stored: Any) -> float:
    if isinstance(stored, bool) or not isinstance(stored, int | float) or not isfinite(stored):
        raise ValueError(f"{stored!r} is no finite number")
    return stored


@dataclass(frozen=True)
class LearnedNoise:
    """What was learned of one snapshot: `total` pixels of its canvas, and its places."""

    total: int
    places: tuple[Place, ...]

    def explain(self, patches: Sequence[Patch | None], total: int) -> tuple[int | None, ...]:
        """Returns for each region the number of the place that explains it; None if it counts.

        `patches` are the regions of one difference, None for one that need not be explained, and
        `total` the pixels of its canvas. On a canvas of another size nothing is explained, since
        nobody knows where the place is now.
        """
        none = (None,) * len(patches)
        if total != self.total:
            return none
        found = [self._place_of(patch) if patch else None for patch in patches]
        for number, place in enumerate(self.places):
            own = [p for p, n in zip(patches, found, strict=True) if n == number and p is not None]
            if own and not place.explains(own):
                found = [None if n == number else n for n in found]
        return tuple(found)

    def _place_of(self, patch: Patch) -> int | None:
        numbers = (n for n, place in enumerate(self.places) if place.could_explain(patch))
        return next(numbers, None)

    def only(self, numbers: Iterable[int]) -> LearnedNoise:
        """Returns only these of its places, in this order."""
        return replace(self, places=tuple(self.places[n] for n in numbers))

    def as_json(self) -> dict[str, Any]:
        """Encodes what was learned, for noise.json and comparison.json."""
        return {"total": self.total, "places": [place.as_json() for place in self.places]}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> LearnedNoise:
        """Decodes what `as_json` returns. Raises KeyError, TypeError or ValueError."""
        return cls(int(stored["total"]), tuple(map(Place.from_json, stored["places"])))


def learn(proofs: Iterable[Proof], changes: Iterable[Proof] = ()) -> LearnedNoise | None:
    """Learns from the pairs of one snapshot; None if they prove nothing.

    Only pairs whose input was the same beyond doubt set the limits of a place; the others count as
    proofs of it if they keep to these limits. Pairs of another canvas than the latest one's are
    left out.

    Args:
        proofs: the pairs, in any order.
        changes: differences that somebody has rejected. A place that would explain a region of one
            of them is not learned.
    """
    ordered = sorted(proofs, key=lambda proof: (proof.at, proof.build))
    if not ordered:
        return None
    total = ordered[-1].total
    known = [proof for proof in ordered if proof.total == total and _teaches(proof)]
    known = known[-_MOST_PROOFS:]
    places = [
        place
        for kind in Mark
        if kind not in NEVER
        for boxes in _near_one_another(_boxes(known, kind))
        if (place := _place(kind, boxes, known)) is not None
    ]
    wrong = [p for change in changes if change.total == total for p in change.patches]
    kept = tuple(place for place in places if not any(_like(place, patch) for patch in wrong))
    return LearnedNoise(total, kept) if kept else None


def _teaches(proof: Proof) -> bool:
    """Whether the two images have the same size, and all of the difference was measured."""
    return bool(proof.patches) and all(
        patch.kind not in NEVER and len(patch.strength) == len(MEASURES) for patch in proof.patches
    )


def _boxes(proofs: Iterable[Proof], kind: Mark) -> list[Rectangle]:
    """Returns the boxes that are proven beyond doubt, the latest last, each once."""
    found: dict[Rectangle, None] = {}
    for proof in proofs:
        for patch in proof.patches if proof.certain else ():
            if patch.kind is kind:
                found.pop(patch.box, None)
                found[patch.box] = None
    return list(found)


def _place(kind: Mark, boxes: Sequence[Rectangle], proofs: Iterable[Proof]) -> Place | None:
    """Returns what the pairs prove of one place; None if that is too little."""
    boxes = _without_inner(boxes[-_MOST_BOXES:])
    own: list[tuple[Proof, list[Patch]]] = []
    for proof in proofs:
        here = [p for p in proof.patches if p.kind is kind and _covered(p.box, boxes)]
        if here:
            own.append((proof, here))
    certain = [(proof, patches) for proof, patches in own if proof.certain]
    if not certain:
        return None
    sums = [sum(patch.pixels for patch in patches) for _, patches in certain]
    strengths = [patch.strength for _, patches in certain for patch in patches]
    place = Place(
        kind=kind,
        boxes=tuple(boxes),
        least_pixels=min(sums),
        most_pixels=max(sums),
        least=tuple(map(min, zip(*strengths, strict=True))),
        most=tuple(map(max, zip(*strengths, strict=True))),
        pairs=0,
        builds=0,
        commits=0,
        first="",
        last="",
    )
    proving = [
        proof
        for proof, patches in own
        if proof.certain or (all(map(place.could_explain, patches)) and place.explains(patches))
    ]
    commits = len({proof.commit for proof in proving})
    if len(proving) < MIN_PAIRS or commits < MIN_COMMITS:
        return None
    return replace(
        place,
        pairs=len(proving),
        builds=len({proof.build for proof in proving}),
        commits=commits,
        first=proving[0].at,
        last=proving[-1].at,
    )


def _like(place: Place, patch: Patch) -> bool:
    """Whether a place would explain a region; where its strength is not known, it might."""
    if patch.strength:
        return place.could_explain(patch)
    fits = patch.kind is place.kind and patch.pixels <= place.most_pixels
    return fits and _covered(patch.box, place.boxes)


def _near_one_another(boxes: Sequence[Rectangle]) -> list[list[Rectangle]]:
    """Groups boxes of which each is near to another one of its group, in their order."""
    groups: list[list[Rectangle]] = []
    for box in boxes:
        near = [group for group in groups if any(_is_near(box, other) for other in group)]
        others = [group for group in groups if group not in near]
        groups = [*others, [*(b for group in near for b in group), box]]
    order = {box: n for n, box in enumerate(boxes)}
    return [sorted(group, key=order.__getitem__) for group in groups]


def _is_near(a: Rectangle, b: Rectangle) -> bool:
    return (
        a.x < b.x + b.width + _NEAR
        and b.x < a.x + a.width + _NEAR
        and a.y < b.y + b.height + _NEAR
        and b.y < a.y + a.height + _NEAR
    )


def _without_inner(boxes: Sequence[Rectangle]) -> list[Rectangle]:
    """Leaves out boxes that lie within another one."""
    return [
        box for box in boxes if not any(box != other and _contains(other, box) for other in boxes)
    ]


def _contains(outer: Rectangle, inner: Rectangle) -> bool:
    return (
        outer.x <= inner.x
        and outer.y <= inner.y
        and outer.x + outer.width >= inner.x + inner.width
        and outer.y + outer.height >= inner.y + inner.height
    )


def _around(boxes: Sequence[Rectangle]) -> Rectangle:
    left, top = min(b.x for b in boxes), min(b.y for b in boxes)
    right, bottom = max(b.x + b.width for b in boxes), max(b.y + b.height for b in boxes)
    return Rectangle(left, top, right - left, bottom - top)


def _covered(box: Rectangle, boxes: Sequence[Rectangle]) -> bool:
    """Whether each pixel of a box lies in one of the boxes."""
    left = [box]
    for other in boxes:
        left = [part for rest in left for part in _outside(rest, other)]
        if not left:
            return True
    return False


def _outside(box: Rectangle, other: Rectangle) -> list[Rectangle]:
    """Cuts a box out of another one; returns what is left of it."""
    right, bottom = box.x + box.width, box.y + box.height
    x0, x1 = max(box.x, other.x), min(right, other.x + other.width)
    y0, y1 = max(box.y, other.y), min(bottom, other.y + other.height)
    if x0 >= x1 or y0 >= y1:
        return [box]
    parts = (
        Rectangle(box.x, box.y, box.width, y0 - box.y),
        Rectangle(box.x, y1, box.width, bottom - y1),
        Rectangle(box.x, y0, x0 - box.x, y1 - y0),
        Rectangle(x1, y0, right - x1, y1 - y0),
    )
    return [part for part in parts if part.width > 0 and part.height > 0]


def encode(learned: Mapping[str, LearnedNoise]) -> bytes:
    """Encodes what was learned of a project's snapshots, by name; equal content, equal bytes."""
    body = {
        "schema_version": SCHEMA_VERSION,
        "snapshots": {name: learned[name].as_json() for name in sorted(learned)},
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def decode(body: bytes) -> dict[str, LearnedNoise]:
    """Decodes what `encode` returns, by canonical name. Raises ValueError if it is none of ours."""
    try:
        stored = json.loads(body)
        if stored["schema_version"] != SCHEMA_VERSION:
            raise ValueError(
                f"it has schema version {stored['schema_version']!r}, not {SCHEMA_VERSION}"
            )
        found = stored["snapshots"].items()
        return {canonical(name): LearnedNoise.from_json(noise) for name, noise in found}
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"it is no learned noise of pixelgate: {error!r}") from error
