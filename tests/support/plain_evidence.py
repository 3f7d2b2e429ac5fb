"""The reference for evidence and spread: pixel by pixel, in loops, on whole images.

Nothing here knows the engine's parts, stripes and planes; only the mask is given, which other
tests hold against plain odiff. Rows are not aligned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from pixelgate.comparison import Region
from pixelgate.engine.yiq import least
from pixelgate.policy import Policy
from pixelgate.verdict import Evidence, Spread
from support.plain_odiff import Mask, Pixels, views_of
from support.yiq import distances

BLOCK, SHORTEST = 16, 16
Place = tuple[int, int]  # row, column
Places = set[Place]


def neighbours(y: int, x: int) -> Iterator[Place]:
    """The eight around a place, wherever they lie."""
    return ((y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx)


def block(place: Place) -> Place:
    return place[0] // BLOCK, place[1] // BLOCK


def places_of(mask: Mask) -> Places:
    return {(int(y), int(x)) for y, x in np.argwhere(mask)}


def connected(blocks: Places) -> Iterator[Places]:
    """Groups of blocks that touch, diagonally too."""
    left = set(blocks)
    while left:
        group, todo = set[Place](), [left.pop()]
        while todo:
            here = todo.pop()
            group.add(here)
            near = left.intersection(neighbours(*here))
            left -= near
            todo += near
        yield group


class View:
    """Two images of one size on one background."""

    def __init__(self, base: Pixels, head: Pixels) -> None:
        self._lacking: dict[Place, int] = {}
        self.height, self.width, _ = base.shape
        self.colours = [
            [tuple(map(tuple, row)) for row in image.tolist()] for image in (base, head)
        ]
        self.levels = [
            [[(77 * r + 150 * g + 29 * b) >> 8 for r, g, b in row] for row in image]
            for image in self.colours
        ]
        self.apart = distances(base, head).tolist()

    def same(self, one: Place, other: Place) -> bool:
        """Whether two places have one colour, in base as in head."""
        return all(c[one[0]][one[1]] == c[other[0]][other[1]] for c in self.colours)

    def around(self, y: int, x: int) -> list[Place]:
        return [(z, v) for z, v in neighbours(y, x) if 0 <= z < self.height and 0 <= v < self.width]

    def lacking(self, y: int, x: int) -> int:
        """By how much the brightness of one image lies outside the other's around there."""
        if (y, x) not in self._lacking:
            self._lacking[y, x] = self._lacks(y, x)
        return self._lacking[y, x]

    def _lacks(self, y: int, x: int) -> int:
        most = 0
        for one, other in (self.levels, self.levels[::-1]):
            near = [other[z][v] for z, v in [(y, x), *self.around(y, x)]]
            most = max(most, min(near) - one[y][x], one[y][x] - max(near))
        return most


def runs(pixels: Places, joined: Callable[[Place, Place], bool], down: int) -> Iterator[int]:
    """Lengths of the straight runs of one colour, across or down."""
    step = (down, 1 - down)
    for y, x in pixels:
        before = y - step[0], x - step[1]
        if before in pixels and joined(before, (y, x)):
            continue
        length, here = 1, (y, x)
        while (after := (here[0] + step[0], here[1] + step[1])) in pixels and joined(here, after):
            length, here = length + 1, after
        yield length


class Reference:
    """What must be measured on a pair whose mask is known."""

    def __init__(self, base: Pixels, head: Pixels, mask: Mask, policy: Policy) -> None:
        self.policy, self.changed = policy, places_of(mask)
        height, width = (min(b, h) for b, h in zip(base.shape[:2], head.shape[:2], strict=True))
        self.views = [
            View(*pair) for pair in views_of(base[:height, :width], head[:height, :width])
        ]
        self.inside = {(y, x) for y in range(height) for x in range(width)}
        hidden = {
            (y, x)
            for box in policy.ignore_regions
            for y in range(box.y, min(box.y + box.height, mask.shape[0]))
            for x in range(box.x, min(box.x + box.width, mask.shape[1]))
        }
        canvas = {(y, x) for y in range(mask.shape[0]) for x in range(mask.shape[1])}
        self.alone = canvas - self.inside - hidden
        self.differing = self.alone | {p for p in self.inside - hidden if self._differs(p)}
        self.faint = {p for p in self.inside - hidden - self.changed if self._is_faint(p)}

    def _differs(self, place: Place) -> bool:
        y, x = place
        return any(view.colours[0][y][x] != view.colours[1][y][x] for view in self.views)

    def _is_faint(self, place: Place) -> bool:
        low = least(self.policy.noise.recolour_threshold)
        high = least(self.policy.sensitive_threshold)
        return any(low <= view.apart[place[0]][place[1]] < high for view in self.views)

    def _is_structural(self, place: Place) -> bool:
        threshold = least(self.policy.structural_threshold)
        return place in self.alone or any(
            v.apart[place[0]][place[1]] >= threshold for v in self.views
        )

    def _is_plain(self, place: Place) -> bool:
        return all(v.same(place, other) for v in self.views for other in v.around(*place))

    def _joined(self, one: Place, other: Place) -> bool:
        return all(view.same(one, other) for view in self.views)

    def spread(self) -> Spread:
        if not self.differing:
            return Spread()
        touched = {block(place) for place in self.differing & self.inside}
        shown = self._textured
        return Spread(
            differing=len(self.differing),
            blocks=len(shown),
            touched=len(shown & touched),
            recoloured=sum(map(self._is_plain, self.faint)),
        )

    @property
    def _textured(self) -> Places:
        """Blocks that reach over 16 levels of one channel, by every fourth row of base."""
        found = set[Place]()
        for view in self.views:
            levels: dict[Place, list[tuple[int, ...]]] = {}
            for y in range(0, view.height, 4):
                for x in range(view.width):
                    levels.setdefault(block((y, x)), []).append(view.colours[0][y][x])
            for where, colours in levels.items():
                if any(max(c) - min(c) >= 16 for c in zip(*colours, strict=True)):
                    found.add(where)
        return found

    def regions(self) -> list[Region]:
        groups = connected({block(place) for place in self.changed})
        found = [self._region(group) for group in groups]
        return sorted(found, key=lambda r: (-r.pixels, r.y, r.x))

    def _region(self, blocks: Places) -> Region:
        pixels = {p for p in self.changed if block(p) in blocks}
        rows, columns = [y for y, _ in pixels], [x for _, x in pixels]
        x, y = min(columns), min(rows)
        width, height = max(columns) - x + 1, max(rows) - y + 1
        return Region(x, y, width, height, len(pixels), self._evidence(blocks, pixels))

    def _evidence(self, blocks: Places, pixels: Places) -> Evidence:
        both = pixels & self.inside
        lengths = [n for down in (0, 1) for n in runs(both, self._joined, down)]
        line = max(lengths, default=0)
        return Evidence(
            differing=sum(block(p) in blocks for p in self.differing),
            structural=sum(map(self._is_structural, pixels)),
            solid=sum(map(self._is_plain, both)),
            bold=max(self._bold(view, both) for view in self.views),
            unmatched=max(sum(v.lacking(*p) > 2 for p in both) for v in self.views),
            line=line if line >= SHORTEST else 0,
            balance=round(max(self._balance(view, blocks) for view in self.views), 3),
            one_sided=len(pixels & self.alone),
        )

    def _bold(self, view: View, pixels: Places) -> int:
        """In the best square of two by two blocks."""
        counts: dict[Place, int] = {}
        for place in pixels:
            if view.lacking(*place) > 12:
                row, column = block(place)
                for corner in ((row + dy, column + dx) for dy in (-1, 0) for dx in (-1, 0)):
                    counts[corner] = counts.get(corner, 0) + 1
        return max(counts.values(), default=0)

    def _balance(self, view: View, blocks: Places) -> float:
        near = {
            (y + dy, x + dx)
            for y, x in self.changed & self.inside
            for dy in (-1, 0, 1)
            for dx in (-1, 0, 1)
        }
        steps: list[int] = [
            view.levels[1][y][x] - view.levels[0][y][x]
            for y, x in near & self.inside
            if block((y, x)) in blocks
        ]
        return abs(sum(steps)) / max(1, sum(map(abs, steps)))
