"""The reference for the evidence: what docs/verdict.md says of it, slowly, on whole images.

Nothing here knows the engine's windows, parts and sums: every number of a block is counted from
arrays of the whole picture, and every number of an area from the list of its blocks.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelgate.domain.policy import Noise
from pixelgate.domain.verdict import Evidence, could_be_noise
from support.plain_odiff import Mask, Pixels

BLOCK = 16
REACH, AROUND, CORNER, SMALLEST = 3, 2, 8, 64
Place = tuple[int, int]  # a row and a column, of pixels or of blocks
Plane = npt.NDArray[np.int64]  # (height, width), or one number for each channel

SUMMED = (
    *("differing", "clear", "strong", "outside", "moved", "off", "plain", "solid", "solid_strong"),
)
LARGEST = ("most", "farthest", "light_off", "steepest", "run")


def brightness(image: npt.NDArray[Any]) -> Plane:
    """In levels; shape (height, width, 3) becomes (height, width)."""
    red, green, blue = np.moveaxis(image.astype(np.int64), -1, 0)
    found: Plane = (77 * red + 150 * green + 29 * blue) >> 8
    return found


def around(plane: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """What lies in the 3 × 3 of each place, nine planes; beyond the border its edge goes on."""
    height, width = plane.shape[:2]
    padded = np.pad(plane, [(1, 1), (1, 1)] + [(0, 0)] * (plane.ndim - 2), mode="edge")
    return np.stack([padded[y : y + height, x : x + width] for y in range(3) for x in range(3)])


def outside(own: Plane, other: Plane) -> Plane:
    """How far each value of one image lies outside the other's 3 × 3."""
    near = around(other)
    found: Plane = np.maximum(0, np.maximum(near.min(0) - own, own - near.max(0)))
    return found


def blocks_of(shape: Sequence[int]) -> list[Place]:
    """All blocks of a picture in reading order; those at its edges may reach past it."""
    height, width = shape[:2]
    return list(itertools.product(range(-(-height // BLOCK)), range(-(-width // BLOCK))))


def inside(place: Place) -> tuple[slice, slice]:
    """A block's pixels."""
    return tuple(slice(n * BLOCK, (n + 1) * BLOCK) for n in place)  # type: ignore[return-value]


class View:
    """Two images of one size on one background, and which of their pixels differ."""

    def __init__(self, base: Pixels, head: Pixels, differs: Mask) -> None:
        """Measures all that is told of single pixels.

        Args:
            base: shape (height, width, 3).
            head: of the same shape.
            differs: false in ignored regions, shape (height, width).
        """
        self.images = base.astype(np.int64), head.astype(np.int64)
        self.light = brightness(base), brightness(head)
        self._differs = differs
        step = np.where(differs[..., None], self.images[1] - self.images[0], 0)
        self.step = step
        self.most = abs(step).max(2)
        near = [around(np.dstack([image, brightness(image)])) for image in self.images]
        self.edge = np.max([n.max(0) - n.min(0) for n in near], axis=0).max(2)
        both = list(zip(self.images, self.images[::-1], strict=True))
        lights = list(zip(self.light, self.light[::-1], strict=True))
        farthest = np.max([outside(own, other) for own, other in both], axis=0).max(2)
        light = np.max([outside(own, other) for own, other in lights], axis=0)
        self.farthest = np.where(differs, farthest, 0)
        self.light_off = np.where(differs, light, 0)

    @cached_property
    def shape(self) -> tuple[int, int]:
        height, width = self.most.shape
        return height, width

    @cached_property
    def pixels(self) -> Mapping[str, Plane]:
        """What is counted, and what is summed, of each pixel."""
        most, edge = self.most, self.edge
        red, green, blue = np.moveaxis(self.step, -1, 0)
        light = 77 * red + 150 * green + 29 * blue
        return {
            "differing": most > 0,
            "clear": most > 2,
            "strong": most > 8,
            "outside": self.farthest > 12,
            "moved": (most > 8) & (100 * most > 35 * (edge + 8)),
            "off": self.off,
            "plain": (edge == 0) & (most >= 2),
            "solid": (edge == 0) & (most > 2),
            "solid_strong": (edge == 0) & (most > 8),
            "signed_light": light,
            "light": abs(light),
            "red": red - green,
            "blue": blue - green,
            "colour": abs(red - green) + abs(blue - green),
        }

    @cached_property
    def largest(self) -> Mapping[str, npt.NDArray[Any]]:
        """Of what the largest of a block's pixels is told."""
        return {
            "most": self.most,
            "farthest": self.farthest,
            "light_off": self.light_off,
            "steepest": np.where(self.most > 8, self.most / (self.edge + 8), 0),
            "run": self.runs,
        }

    @cached_property
    def off(self) -> Plane:
        """Where a colour lies far off the line between two of the other image."""
        found = np.zeros(self.shape, np.int64)
        for y, x in zip(*np.nonzero(self.most > 24), strict=True):
            found[y, x] = self._is_off(0, y, x) or self._is_off(1, y, x)
        return found

    def _is_off(self, other: int, y: int, x: int) -> bool:
        """By the distance from that line between its ends."""
        height, width = self.shape
        # The middle comes first: of several as dark, or as bright, the first one is taken.
        places = [(y, x), *itertools.product((y - 1, y, y + 1), (x - 1, x, x + 1))]
        near = [(min(max(v, 0), height - 1), min(max(u, 0), width - 1)) for v, u in places]
        dark = self.images[other][min(near, key=lambda p: self.light[other][p])]
        bright = self.images[other][max(near, key=lambda p: self.light[other][p])]
        own = self.images[1 - other][y, x]
        line, way = bright - dark, own - dark
        length, along = int((line**2).sum()), int((line * way).sum())
        share = min(Fraction(1), max(Fraction(0), Fraction(along, length or 1)))
        steps = zip(way.tolist(), line.tolist(), strict=True)
        return bool(sum((a - share * b) ** 2 for a, b in steps) > 24**2)

    @cached_property
    def runs(self) -> Plane:
        """How many strong differences of one colour end in each pixel, across or down."""
        found = np.zeros(self.shape, np.int64)
        for down, across in ((0, 1), (1, 0)):
            lengths = np.zeros(self.shape, np.int64)
            for y, x in zip(*np.nonzero(self.most > 8), strict=True):
                v, u = y - down, x - across
                goes_on = v >= 0 and u >= 0 and lengths[v, u] and self._are_one((y, x), (v, u))
                lengths[y, x] = 1 + (lengths[v, u] if goes_on else 0)
            found = np.maximum(found, lengths)
        return found

    def _are_one(self, place: Place, other: Place) -> bool:
        return all((image[place] == image[other]).all() for image in self.images)

    def block(self, place: Place) -> dict[str, Any]:
        """All that is told of one block."""
        own = inside(place)
        found: dict[str, Any] = {n: plane[own].sum() for n, plane in self.pixels.items()}
        found |= {name: plane[own].max() for name, plane in self.largest.items()}
        lights = np.stack([light[own] for light in self.light])
        found["contrast"] = np.ptp(lights)
        # In sixteenths of a level, to the nearest.
        energy = ((self.pixels["light"][own] + 8) // 16 / 16) ** 2
        found["raw"] = np.sqrt(energy.sum() / BLOCK**2) / (found["contrast"] + 12)
        return found

    def residue(self, place: Place) -> float:
        """What is left of the difference after the best filter of 3 × 3, against the contrast."""
        base, head = self.light
        patches = [patch_of(image, place) for image in (base, np.where(self._differs, head, base))]
        least = min(unexplained(*patches), unexplained(*patches[::-1]))
        return float(np.sqrt(least / BLOCK**2) / (self.block(place)["contrast"] + 12))

    def stray(self, place: Place) -> float:
        """How far the smoothed block lies outside the other image's, against the contrast."""
        base, head = (image.sum(2) for image in self.images)
        head = np.where(self._differs, head, base)
        one, other = (smoothed(patch_of(image, place, 2)) for image in (base, head))
        beyond = np.maximum(outside(one, other), outside(other, one))[1:-1, 1:-1]
        most = np.sqrt((beyond**2).sum() / BLOCK**2) / (36 * 3)
        return float(most / (self.block(place)["contrast"] + 12))


def smoothed(plane: Plane) -> Plane:
    """By 1 4 1 across and down, not divided; one pixel less on each side."""
    for _ in range(2):
        plane = (plane[:-2] + 4 * plane[1:-1] + plane[2:]).T
    return plane


def patch_of(plane: Plane, place: Place, more: int = 1) -> Plane:
    """A block and so many pixels around it; beyond the border its edge goes on."""
    rows, columns = (
        np.clip(np.arange(n * BLOCK - more, (n + 1) * BLOCK + more), 0, size - 1)
        for n, size in zip(place, plane.shape, strict=True)
    )
    return plane[np.ix_(rows, columns)]


def unexplained(own: Plane, other: Plane) -> float:
    """Squared levels that least squares leave, with a little on the diagonal."""
    middle = own[1:-1, 1:-1]
    shifted = [own[y : y + BLOCK, x : x + BLOCK] - middle for y in range(3) for x in range(3)]
    del shifted[4]
    terms = np.stack([*shifted, np.ones_like(middle)]).reshape(9, -1).astype(float)
    wanted = (other[1:-1, 1:-1] - middle).reshape(-1).astype(float)
    products = terms @ terms.T
    ridge = 1e-3 * np.trace(products) / 9 + 1
    weights = np.linalg.solve(products + ridge * np.eye(9), terms @ wanted)
    return float(((wanted - weights @ terms) ** 2).sum())


def is_text(image: Pixels, place: Place) -> bool:
    """Whether a block is plain for a good part, has contrast, and thin strokes."""
    height, width, _ = image.shape
    signed, light = image.astype(np.int64), brightness(image)
    rows, columns = (
        range(*part.indices(size))
        for part, size in zip(inside(place), (height, width), strict=True)
    )

    def far(one: Place, other: Place) -> bool:
        return bool(abs(signed[one] - signed[other]).max() > 8)

    equal = across = down = 0
    for y, x in itertools.product(rows, columns):
        equal += x + 1 < width and bool((image[y, x] == image[y, x + 1]).all())
        if 0 < x < width - 1:
            across += far((y, x), (y, x - 1)) and far((y, x), (y, x + 1))
        if 0 < y < height - 1:
            down += far((y, x), (y - 1, x)) and far((y, x), (y + 1, x))
    own = light[inside(place)]
    plain = 100 * equal > 30 * len(rows) * len(columns)
    return bool(plain and np.ptp(own) > 40 and (across >= 6 or down >= 10))


def joined(touched: Sequence[Place], reach: int) -> list[list[Place]]:
    """Groups of blocks with neighbours at most so many blocks away, by their first blocks."""
    left, groups = sorted(touched), []
    while left:
        group, todo = [], [left.pop(0)]
        while todo:
            here = todo.pop()
            group.append(here)
            near = [p for p in left if max(abs(p[0] - here[0]), abs(p[1] - here[1])) <= reach]
            left = [p for p in left if p not in near]
            todo += near
        groups.append(sorted(group))
    return sorted(groups)


def _shortened(area: Evidence) -> Evidence:
    """With three digits after the point, as it is judged."""
    return Evidence(**{n: round(v, 3) if v % 1 else v for n, v in vars(area).items()})


@dataclass(frozen=True)
class Canvas:
    """What two images were laid out on, as far as both have pixels from its top left corner.

    Attributes:
        views: base and head on each background.
        differs: which pixels differ, shape of the canvas; none in ignored regions.
        one_sided: which of them only one image has.
        noise: the numbers of the rule.
    """

    views: Sequence[tuple[Pixels, Pixels]]
    differs: Mask
    one_sided: Mask
    noise: Noise

    @cached_property
    def seen(self) -> list[View]:
        """The views, measured."""
        height, width, _ = self.views[0][0].shape
        return [View(*pair, self.differs[:height, :width]) for pair in self.views]

    @cached_property
    def touched(self) -> list[Place]:
        """The blocks that are judged."""
        return [place for place in blocks_of(self.differs.shape) if self._is_touched(place)]

    def _is_touched(self, place: Place) -> bool:
        alone = bool(self.one_sided[inside(place)].any())
        return alone or any(self._is_judged(view, place) for view in self.seen)

    def _is_judged(self, view: View, place: Place) -> bool:
        """Whether a block differs by more than two levels, or is plain and differs by two."""
        clear, plain = (view.pixels[name][inside(place)] for name in ("clear", "plain"))
        return bool(clear.any() or plain.sum() >= min(16, self.noise.min_plain_pixels))

    @cached_property
    def groups(self) -> list[list[Place]]:
        """The blocks of each area."""
        return joined(self.touched, REACH)

    def evidence(self, view: View) -> list[Evidence]:
        """Of each area, on one background."""
        return [self._evidence(view, group, self._decides(group)) for group in self.groups]

    def _decides(self, group: Sequence[Place]) -> bool:
        """Whether the residue and the text around decide about an area: on every background."""
        raw = [self._evidence(view, group, False) for view in self.seen]
        return all(could_be_noise(_shortened(area), self.noise) for area in raw)

    def _evidence(self, view: View, group: Sequence[Place], measured: bool) -> Evidence:
        common = [place for place in group if self._is_judged(view, place)]
        blocks = [view.block(place) for place in common]
        raw = [block["raw"] for block in blocks]
        residue = [view.residue(place) for place in common] if measured else raw
        stray = [view.stray(place) for place in common] if measured else []
        sparse = [r for r, b in zip(residue, blocks, strict=True) if b["differing"] < BLOCK**2 / 4]

        def total(name: str) -> int:
            return int(sum(block[name] for block in blocks))

        def quantile(values: Sequence[float], share: float) -> float:
            return float(np.quantile(values, share)) if values else 0.0

        differing = max(1, total("differing"))
        text = self._text_near(group, view.shape) if measured else []
        return Evidence(
            blocks=len(blocks),
            text=len(text),
            text_touched=sum(p in self.touched for p in text) / max(1, len(text)),
            **{name: total(name) for name in SUMMED},
            **{name: max((block[name] for block in blocks), default=0) for name in LARGEST},
            one_way=abs(total("signed_light")) / max(1, total("light")),
            light=total("light") / 256 / differing,
            hue=(abs(total("red")) + abs(total("blue"))) / max(1, total("colour")),
            colour=total("colour") / differing,
            dense=total("differing") / (max(1, len(blocks)) * BLOCK**2),
            raw=quantile(raw, 0.5),
            raw_high=quantile(raw, 0.9),
            residue=quantile(residue, 0.5),
            residue_high=quantile(residue, 0.9),
            residue_most=max(residue, default=0.0),
            residue_sparse=max(sparse, default=0.0),
            stray=max(stray, default=0.0),
            corner=self._is_in_a_corner(group, total("differing")),
            one_sided=int(sum(self.one_sided[inside(place)].sum() for place in group)),
        )

    def _text_near(self, group: Sequence[Place], shape: tuple[int, int]) -> list[Place]:
        """Blocks of base on white that look like text, in an area and up to two blocks around."""
        near = [
            (y, x)
            for y, x in blocks_of(shape)
            if any(max(abs(y - v), abs(x - u)) <= AROUND for v, u in group)
        ]
        return [place for place in near if is_text(self.views[0][0], place)]

    def _is_in_a_corner(self, group: Sequence[Place], differing: int) -> bool:
        height, width = self.differs.shape
        own = np.zeros_like(self.differs)
        for place in group:
            own[inside(place)] = self.differs[inside(place)]
        corners = [
            own[rows, columns].sum()
            for rows in (slice(0, CORNER), slice(height - CORNER, None))
            for columns in (slice(0, CORNER), slice(width - CORNER, None))
        ]
        return min(height, width) >= SMALLEST and any(n > 0 and n >= differing for n in corners)
