"""Measures the evidence of a pair, and judges it by the rule in pixelgate.domain.verdict."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from pixelgate.domain.comparison import Region
from pixelgate.domain.policy import Policy
from pixelgate.domain.verdict import (
    Evidence,
    Explained,
    NoiseKind,
    Picture,
    could_be_noise,
    could_be_shifted,
    explain,
    needs_few_colours,
)
from pixelgate.engine import native, subpixel
from pixelgate.engine.buffers import BufferPool
from pixelgate.engine.canvas import Canvas
from pixelgate.engine.native import BLOCK, Areas, Blocks, Chosen, Counts, Flag, Plane
from pixelgate.engine.pixel_flags import WHITE, Planes
from pixelgate.engine.pixels import on_background

# The largest distance in blocks within an area: a word and its neighbours are judged together.
_REACH = 3
# The width of an area's surroundings, in blocks.
_AROUND = 2
# The least number of differing blocks for which the measurements of compression are made.
_MANY = 4
# The side of a corner, and the least side of a picture with corners (a smaller one is an icon).
_CORNER, _LEAST_WITH_CORNERS = 8, 64

# With so many plain pixels a faint block is judged too: it may be the edge of a plain area.
_PLAIN_IN_BLOCK = 16
# The least difference of a plain area, in levels.
_PLAIN = 2

Labels = npt.NDArray[np.int32]  # (rows of blocks, columns of blocks), -1 for none


@dataclass(frozen=True)
class Findings:
    """The judged areas of a pair."""

    areas: tuple[Evidence, ...]  # the evidence of each area
    # The noise that explains each area; None if the area counts.
    kinds: tuple[NoiseKind | None, ...]
    of_block: Labels  # the index of the area of each block of the canvas, -1 for none
    picture: Picture  # the measurements of the whole picture

    @cached_property
    def explained(self) -> tuple[Explained, ...]:
        """Sums up the explained areas by noise."""
        return tuple(
            Explained.of(
                kind, [a for a, k in zip(self.areas, self.kinds, strict=True) if k is kind]
            )
            for kind in NoiseKind
            if kind in self.kinds
        )

    @cached_property
    def counting(self) -> npt.NDArray[np.bool_]:
        """Whether each area counts, shape (areas + 1,); the last is no area, and does not."""
        return np.array([*(kind is None for kind in self.kinds), False])


def find(canvas: Canvas, planes: Planes, counts: Counts, policy: Policy) -> Findings:
    """Measures and judges each area of differing blocks, on each background."""
    return _Search(canvas, planes, counts, policy).run()


def count_pixels(planes: Planes, counts: Counts, findings: Findings, policy: Policy) -> None:
    """Flags the pixels that count although odiff's mask lacks them.

    In a strict policy these are all differing pixels. The flags and their counts are changed in
    place.
    """
    rows, columns = planes.blocks
    wanted = findings.counting[findings.of_block[rows, columns]]
    levels = policy.limits.levels
    if policy.is_exact:
        wanted, levels = np.ones_like(wanted), 0
    # In a plain area fainter differences count too.
    plain = np.array([*(a.plain >= policy.limits.min_plain_pixels for a in findings.areas), False])
    faint = wanted & plain[findings.of_block[rows, columns]]
    counted = counts[Flag.COUNTED.plane][rows]
    for view in planes.views:
        for blocks, least in ((wanted, levels), (faint, min(levels, _PLAIN - 1))):
            if blocks.any():
                chosen = blocks.astype(np.uint8, order="C")
                native.count_pixels(view, chosen, least, planes.compared, counted)


class _Search:
    """The search for the areas of one pair; expensive measurements are made only when needed."""

    def __init__(self, canvas: Canvas, planes: Planes, counts: Counts, policy: Policy) -> None:
        self._canvas, self._planes, self._counts = canvas, planes, counts
        self._noise = policy.limits
        self._differing = counts[Flag.DIFFERS.plane] > 0
        self._one_sided = counts[Flag.ONE_SIDED.plane]
        self._part = planes.blocks
        self._flags = planes.compared
        self._shift: subpixel.Shift | None = None
        # The number of pixels of each block that the shift explains, and of clear ones that it
        # does not explain.
        self._shifted: tuple[npt.NDArray[np.int32], ...] = ()

    def run(self) -> Findings:
        """Judges the pair; if the page moved by a fraction of a pixel, again without its lines."""
        findings = self._run()
        if not self._could_be_shifted(findings):
            return findings
        shift = subpixel.find(self._views[0], self._flags, self._noise)
        if shift is None:
            return findings
        shifted, others = native.count_shifted(self._views[0], shift.flags, shift.right, shift.down)
        lines = native.count_blocks(self._flags) - native.count_blocks(shift.flags)
        self._shift, self._flags = shift, shift.flags
        self._shifted = shifted + lines[Flag.DIFFERS.plane], others
        return self._run((findings.of_block >= 0).astype(np.uint8))

    def _could_be_shifted(self, findings: Findings) -> bool:
        """Whether a line counts that a move of the page could explain; only for opaque pairs."""
        return len(self._views) == 1 and any(
            kind is None and could_be_shifted(area, self._noise)
            for area, kind in zip(findings.areas, findings.kinds, strict=True)
        )

    def _run(self, before: Chosen | None = None) -> Findings:
        """Judges all areas; `before` are the blocks that were judged with the lines."""
        differing = self._counts[Flag.DIFFERS.plane][self._part]
        views = [native.measure_blocks(v, self._flags, differing) for v in self._views]
        touched = (self._one_sided > 0).astype(np.uint8)
        views = views or [native.no_blocks(touched[self._part].shape)]
        for blocks in views:
            touched[self._part] |= self._differ(blocks)
        of_block, number = native.join_blocks(touched, _REACH)
        if before is not None:
            # Lines connect distant blocks, so the rest is judged without the lines.
            alone = before & ~touched & 1
            lines, more = native.join_blocks(alone, _REACH)
            of_block, number = np.where(alone, lines + number, of_block), number + more
        picture = Picture(differing=int(self._counts[Flag.DIFFERS.plane].sum()))
        if self._shift:
            right, down = _short(self._shift.right), _short(self._shift.down)
            picture = replace(picture, right=right, down=down)
        if not number:
            return Findings((), (), of_block, picture)
        backgrounds = [
            _Sums(of_block, touched, blocks, self._differ(blocks), self._part, number)
            for blocks in views
        ]
        return self._judge(backgrounds, of_block, picture)

    @property
    def _views(self) -> Sequence[native.View]:
        return self._planes.views if self._flags.size else ()

    def _differ(self, blocks: Blocks) -> npt.NDArray[np.bool_]:
        """Returns the blocks that differ enough to be judged."""
        least = min(_PLAIN_IN_BLOCK, self._noise.min_plain_pixels)
        differ: npt.NDArray[np.bool_] = (blocks["clear"] > 0) | (blocks["plain"] >= least)
        return differ

    def _judge(self, backgrounds: Sequence[_Sums], of_block: Labels, picture: Picture) -> Findings:
        """Judges each area on each background, with the picture's measurements that are stored.

        The most expensive measurements are made only for areas whose verdict depends on them.
        """
        for sums in backgrounds:
            sums.blocks["residue"] = sums.blocks["raw"]
        areas = [self._evidence(sums) for sums in backgrounds]
        of_views = zip(*areas, strict=True)
        undecided = np.array([all(could_be_noise(a, self._noise) for a in v) for v in of_views])
        if undecided.any():
            areas, picture = self._measure(backgrounds, areas, undecided, picture)
        stored, kinds = self._explained(areas, picture)
        unexplained = [a for a, kind in zip(stored, kinds, strict=True) if kind is None]
        if any(needs_few_colours(area, picture, self._noise) for area in unexplained):
            picture = replace(picture, few_colours=self._has_few_colours)
        text = sum(a.blocks for a, k in zip(stored, kinds, strict=True) if k is NoiseKind.TEXT)
        if unexplained and text:
            picture = replace(picture, text_explained=text, **self._text_of(backgrounds))
        stored, kinds = self._explained(areas, picture)
        return Findings(stored, kinds, of_block, picture)

    def _measure(
        self,
        backgrounds: Sequence[_Sums],
        areas: Sequence[Sequence[Evidence]],
        undecided: npt.NDArray[np.bool_],
        picture: Picture,
    ) -> tuple[list[list[Evidence]], Picture]:
        """Measures the residue and the surrounding text of some areas, and updates the picture."""
        residues = []
        for view, sums in zip(self._views, backgrounds, strict=False):
            wanted = np.zeros(sums.blocks.shape, np.uint8)
            wanted.flat[sums.places] = undecided[sums.labels]
            native.measure_residue(view, self._flags, wanted, sums.blocks)
            residues.append(sums.of("residue")[undecided[sums.labels]])
        residue = np.concatenate(residues)
        if residue.size:
            middle, high = np.quantile(residue, (0.5, 0.9))
            picture = replace(picture, residue=_short(middle), residue_high=_short(high))
        measured = []
        for sums, known in zip(backgrounds, areas, strict=True):
            new = self._evidence(sums, sums.text_around(self._base, undecided))
            measured.append([n if u else k for n, k, u in zip(new, known, undecided, strict=True)])
        return measured, self._with_coverage(picture)

    def _explained(
        self, areas: Sequence[Sequence[Evidence]], picture: Picture
    ) -> tuple[tuple[Evidence, ...], tuple[NoiseKind | None, ...]]:
        """Returns the evidence of each area, and the noise that explains it on every background.

        The evidence is that of the background on which the area counts. If it counts on none, it
        is that of a background on which more than rounding differs.
        """
        chosen = [
            min(
                ((area, explain(area, picture, self._noise)) for area in views),
                key=lambda judged: _FIRST.get(judged[1], 1),
            )
            for views in zip(*areas, strict=True)
        ]
        return tuple(area for area, _ in chosen), tuple(kind for _, kind in chosen)

    def _evidence(self, sums: _Sums, around: _Around | None = None) -> list[Evidence]:
        """Returns the evidence of each area on one background; `around` has the text around it."""
        nothing = np.zeros(sums.number, np.int64)
        text, text_touched = around or (nothing, nothing)
        shifted, unshifted = sums.inside(*self._shifted) or (nothing, nothing)
        total, most = native.sum_areas(sums.blocks, sums.label_of, sums.number)
        raw, raw_high = sums.quantiles("raw", 0.5, 0.9)
        residue, residue_high = raw, raw_high
        if around:  # without it the residue is not measured yet, and equals raw
            residue, residue_high = sums.quantiles("residue", 0.5, 0.9)
        differing, hue = total["differing"], abs(total["red"]) + abs(total["blue"])
        numbers: dict[str, npt.NDArray[Any]] = {
            **{name: total[name] for name in _AS_SUMMED},
            **{name: most[name] for name in _AS_MOST},
            "residue_most": most["residue"],
            "residue_sparse": most["sparse_residue"],
            "text": text,
            "text_touched": _share(text_touched, text),
            "one_way": _share(abs(total["signed_light"]), total["light"]),
            # Brightness is summed in 256ths of a level.
            "light": _share(total["light"] / 256, differing),
            "hue": _share(hue, total["colour"]),
            "colour": _share(total["colour"], differing),
            "dense": differing / (np.maximum(1, total["blocks"]) * BLOCK * BLOCK),
            "raw": raw,
            "raw_high": raw_high,
            "residue": residue,
            "residue_high": residue_high,
            "shifted": shifted,
            "unshifted": unshifted,
            "corner": self._corners(sums, differing),
            "one_sided": sums.total(self._one_sided),
        }
        return [
            Evidence(**dict(zip(numbers, map(_short, area), strict=True)))
            for area in zip(*(values.tolist() for values in numbers.values()), strict=True)
        ]

    def _corners(self, sums: _Sums, differing: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Whether all differences of each area lie in one corner of the picture."""
        height, width = self._canvas.shape
        inside = np.zeros(sums.number, bool)
        if min(height, width) < _LEAST_WITH_CORNERS:
            return inside
        for top in (0, height - _CORNER):
            for left in (0, width - _CORNER):
                part = self._planes.flags[top : top + _CORNER, left : left + _CORNER]
                rows, columns = np.nonzero(native.has(part, Flag.DIFFERS))
                areas = sums.of_block[(top + rows) // BLOCK, (left + columns) // BLOCK]
                number = np.bincount(areas[areas >= 0], minlength=sums.number)
                inside |= (number > 0) & (number >= differing)
        return inside

    def _with_coverage(self, picture: Picture) -> Picture:
        """Adds the measurements that show compression, if enough pixels differ."""
        touched = int(np.count_nonzero(self._differing))
        if touched < _MANY or picture.differing < self._noise.codec_dense_pixels * touched:
            return picture
        shows = self._shows
        seen = shows & self._differing[: shows.shape[0], : shows.shape[1]]
        pixels = self._counts[Flag.DIFFERS.plane][: shows.shape[0], : shows.shape[1]]
        blocks = int(np.count_nonzero(shows))
        return replace(
            picture,
            blocks=blocks,
            touched=int(np.count_nonzero(seen)),
            dense=_short(float(pixels[shows].sum()) / max(1, blocks)),
        )

    @cached_property
    def _shows(self) -> npt.NDArray[np.bool_]:
        return native.textured(self._canvas.base, self._planes.levels)

    @cached_property
    def _base(self) -> native.Pixels:
        return on_background(self._canvas.base, WHITE)

    @cached_property
    def _has_few_colours(self) -> bool:
        images = self._base, on_background(self._canvas.head, WHITE)
        few = [native.has_few_colours(image) for image in images]
        return few[0] != few[1]

    def _text_of(self, backgrounds: Sequence[_Sums]) -> dict[str, Any]:
        """Measures how much of all text differs."""
        text = native.find_text(self._base, self._shows.astype(np.uint8))
        touched = np.zeros(text.shape, bool)
        for sums in backgrounds:
            touched[self._part] |= sums.blocks["clear"] > 0
        share = float(text[touched].sum()) / max(1, int(text.sum()))
        return {"text": int(text.sum()), "text_touched": _short(share)}


# Which background's evidence of an area is stored: first one on which it counts; one on which only
# rounding differs comes last, after all others.
_FIRST: dict[NoiseKind | None, int] = {None: 0, NoiseKind.LEVELS: 2}
# What the evidence has as it is summed up over an area's blocks, and as the largest of them.
_AS_SUMMED = (
    *("blocks", "differing", "clear", "strong", "outside", "moved", "off", "plain", "solid"),
    "solid_strong",
)
_AS_MOST = ("most", "farthest", "light_off", "run", "steepest", "stray")
_Around = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]  # of each area


def _share(part: npt.NDArray[Any], whole: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    shares: npt.NDArray[np.float64] = part / np.maximum(1, whole)
    return shares


class _Sums:
    """Sums over the blocks of each area, on one background."""

    def __init__(
        self,
        of_block: Labels,
        touched: Chosen,
        blocks: Blocks,
        differ: npt.NDArray[np.bool_],
        part: tuple[slice, slice],
        number: int,
    ) -> None:
        self.of_block, self.number = of_block, number
        self._touched, self._part = touched, part
        self.blocks = blocks
        self.places = np.flatnonzero(differ)
        self.label_of = np.where(differ, of_block[part], -1)
        self.labels = self.label_of.flat[self.places]

    def of(self, name: str) -> npt.NDArray[Any]:
        """Returns a measurement of the differing blocks."""
        values: npt.NDArray[Any] = self.blocks.reshape(-1)[name][self.places]
        return values

    def total(self, counts: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
        """Sums counts over each area on the whole canvas."""
        inside = self.of_block >= 0
        return np.bincount(self.of_block[inside], counts[inside], self.number).astype(np.int64)

    def inside(self, *counts: npt.NDArray[np.int32]) -> list[npt.NDArray[np.int64]]:
        """Sums counts over each area, within the rows and columns that both images have."""
        labels = self.of_block[self._part]
        own = labels >= 0
        return [np.bincount(labels[own], n[own], self.number).astype(np.int64) for n in counts]

    def quantiles(self, name: str, *shares: float) -> list[npt.NDArray[np.float64]]:
        """Returns interpolated quantiles of each area's blocks; 0 for an area without blocks."""
        values = self.of(name).astype(np.float64)
        order = np.lexsort((values, self.labels))
        number = np.bincount(self.labels, minlength=self.number)
        some = number > 0
        start, last = (np.cumsum(number) - number)[some], number[some] - 1
        ordered = values[order]
        of_shares = []
        for share in shares:
            place = share * last
            low = place.astype(np.intp)
            below, above = ordered[start + low], ordered[start + np.minimum(low + 1, last)]
            quantile = np.zeros(self.number)
            quantile[some] = below + (above - below) * (place - low)
            of_shares.append(quantile)
        return of_shares

    def text_around(self, base: native.Pixels, wanted: npt.NDArray[np.bool_]) -> _Around:
        """Counts the text blocks in and around each area, and those of them that differ.

        Args:
            base: the base on white, RGB.
            wanted: which areas to count; other areas get 0.
        """
        down, across = native.in_blocks(*base.shape[:2])
        whole = self.of_block[:down, :across]
        labels = np.where(np.append(wanted, False)[whole], whole, -1)
        rows, columns = (np.flatnonzero((labels >= 0).any(axis=axis)) for axis in (1, 0))
        if not rows.size:
            nothing = np.zeros(self.number, np.int64)
            return nothing, nothing
        # Only the blocks around the wanted areas are read.
        part = tuple(
            slice(max(0, int(places[0]) - _AROUND), int(places[-1]) + 1 + _AROUND)
            for places in (rows, columns)
        )
        padded, side = np.pad(labels[part], _AROUND, constant_values=-1), 2 * _AROUND + 1
        around = sliding_window_view(padded, (side, side))  # for each block the labels around it
        near = np.zeros((down, across), np.uint8)
        near[part] = (around >= 0).any(axis=(2, 3))
        text = native.find_text(base, near)[part] > 0
        touched = self._touched[:down, :across][part] > 0
        # A block between two areas counts once for each of them.
        areas = around[text].reshape(-1, side * side).astype(np.int64)
        pairs = areas * text.size + np.flatnonzero(text)[:, None]
        pairs = np.sort(pairs[areas >= 0])
        area, place = np.divmod(pairs[_firsts(pairs)], text.size)
        number = np.bincount(area, minlength=self.number)
        differs = np.bincount(area, touched.flat[place], self.number).astype(np.int64)
        return number, differs


def _short(number: Any) -> Any:
    """Rounds to three digits, which are enough for the rule."""
    return round(float(number), 3) if isinstance(number, float) else number


def regions_of(areas: Areas, findings: Findings) -> tuple[tuple[Region, ...], tuple[Evidence, ...]]:
    """Returns the regions of the mask, largest first, and the evidence that they refer to."""
    numbers: dict[int, int] = {}
    regions = []
    where = _areas_of(areas, findings).tolist()
    for (x, y, width, height, pixels), area in zip(areas.boxes.tolist(), where, strict=True):
        # A region without an area is rare: all its channels differ by at most two levels, and
        # odiff's threshold is close to zero.
        number = numbers.setdefault(area, len(numbers)) if area >= 0 else None
        regions.append(Region(x, y, width, height, pixels, number))
    return tuple(regions), tuple(findings.areas[area] for area in numbers)


def _areas_of(areas: Areas, findings: Findings) -> npt.NDArray[np.intp]:
    """Returns the area of each region, -1 for none; of several areas, one that counts."""
    area_of = np.full(len(areas.boxes), -1, np.intp)
    inside = (areas.of_block >= 0) & (findings.of_block >= 0)
    regions, own = areas.of_block[inside], findings.of_block[inside]
    order = np.lexsort((own, ~findings.counting[own], regions))
    firsts = order[_firsts(regions[order])]
    area_of[regions[firsts]] = own[firsts]
    return area_of


def _firsts(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Marks the first of each run of equal values in a sorted array.

    numpy's `unique` would import its masked arrays, which takes 50 ms of every cold start.
    """
    return np.append(True, values[1:] != values[:-1])[: len(values)]


def fingerprint_of(
    canvas: Canvas,
    flags: Plane,
    counts: Counts,
    areas: Areas,
    findings: Findings,
    buffers: BufferPool,
) -> str | None:
    """Hashes the shape and the colours of a change, independent of its position.

    Returns:
        The hash; None if the mask is empty.
    """
    if not len(areas.boxes):
        return None
    flag = Flag.SENSITIVE | Flag.COUNTED
    counting = findings.counting[_areas_of(areas, findings)]
    rows, columns = _reach_of(areas.boxes[counting] if counting.any() else areas.boxes)
    box = flags[rows, columns]
    name = hashlib.sha256(f"{box.shape}".encode())
    name.update(native.pack(box, Flag.SENSITIVE))
    pixels = int(counts[Flag.SENSITIVE.plane].sum() + counts[Flag.COUNTED.plane].sum())
    if counts[Flag.COUNTED.plane].any():
        name.update(native.pack(box, Flag.COUNTED))
    room = buffers.take("what counts", (pixels, canvas.base.shape[2]))
    for image, parts in zip(canvas.images, canvas.parts(rows, columns), strict=True):
        gathered = 0
        for part in parts:
            gathered += native.gather(flags[part], flag, image[part], room[gathered:])
        # The count separates both images: an insertion in one differs from one in the other.
        name.update(str(gathered).encode())
        name.update(room[:gathered])
    return name.hexdigest()[:32]


def _reach_of(boxes: npt.NDArray[np.int64]) -> tuple[slice, slice]:
    """Returns the rows and columns that enclose these boxes."""
    left, top, width, height, _ = boxes.T
    bottom, right = np.max(top + height), np.max(left + width)
    return slice(int(np.min(top)), int(bottom)), slice(int(np.min(left)), int(right))
