"""Measures the evidence of a pair, and judges it by the rule in pixelgate.domain.verdict."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelgate.domain.comparison import Region
from pixelgate.domain.policy import Noise, Policy
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
    """The judged areas of a pair.

    Attributes:
        areas: the evidence of each area.
        kinds: the noise that explains each area; None if the area counts.
        of_block: the index of the area of each block of the canvas, -1 for none.
        picture: the measurements of the whole picture.
    """

    areas: tuple[Evidence, ...]
    kinds: tuple[NoiseKind | None, ...]
    of_block: Labels
    picture: Picture

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

    @property
    def counted(self) -> Chosen:
        """Returns the blocks of the areas that count."""
        counts = np.array([kind is None for kind in self.kinds] + [False], np.uint8)
        return counts[self.of_block]


def find(canvas: Canvas, planes: Planes, counts: Counts, policy: Policy) -> Findings:
    """Measures and judges each area of differing blocks, on each background.

    Args:
        canvas: the images.
        planes: the flags of their pixels, without ignored regions.
        counts: the counts of these flags.
        policy: the numbers of the rule.
    """
    return _Search(canvas, planes, counts, policy).run()


def count_pixels(planes: Planes, counts: Counts, findings: Findings, policy: Policy) -> None:
    """Flags the pixels that count although odiff's mask lacks them.

    In a strict policy these are all differing pixels.

    Args:
        planes: the flags, which are changed in place.
        counts: the counts of the flags, which are changed with them.
        findings: the judged areas.
        policy: the numbers of the rule.
    """
    top, (height, width) = planes.both.top, planes.both.size
    if not height:
        return
    rows = slice(top // BLOCK, -(-(top + height) // BLOCK))
    flags = planes.flags[top : top + height, :width]
    wanted = findings.counted[rows, : -(-width // BLOCK)]
    levels = policy.limits.levels
    if policy.is_exact:
        wanted, levels = np.ones_like(wanted), 0
    faint = _faint(findings, policy.limits)[rows, : wanted.shape[1]] & wanted
    wanted, faint = np.ascontiguousarray(wanted), np.ascontiguousarray(faint)
    counted = counts[Flag.COUNTED.plane][rows]
    for view in planes.both.views:
        native.count_pixels(view, wanted, levels, flags, counted)
        if faint.any():
            native.count_pixels(view, faint, min(levels, _PLAIN - 1), flags, counted)


def _faint(findings: Findings, noise: Noise) -> Chosen:
    """Returns the blocks of areas that are so plain that fainter differences count too."""
    only = np.array([a.plain >= noise.min_plain_pixels for a in findings.areas] + [False], np.uint8)
    return only[findings.of_block]


@dataclass(frozen=True)
class _Shifted:
    """The pixels that a move of the page by a fraction of a pixel explains.

    Attributes:
        by: the move.
        explained: the number of explained pixels in each block.
        others: the number of clearly differing pixels in each block that it does not explain.
    """

    by: subpixel.Shift
    explained: npt.NDArray[np.int32]
    others: npt.NDArray[np.int32]


class _Search:
    """The search for the areas of one pair; expensive measurements are made only when needed."""

    def __init__(self, canvas: Canvas, planes: Planes, counts: Counts, policy: Policy) -> None:
        self._canvas, self._planes, self._counts = canvas, planes, counts
        self._noise = policy.limits
        self._differing = counts[Flag.DIFFERS.plane] > 0
        self._one_sided = counts[Flag.ONE_SIDED.plane]
        top, (height, width) = planes.both.top, planes.both.size
        self._part = (
            slice(top // BLOCK, -(-(top + height) // BLOCK)),
            slice(0, -(-width // BLOCK)),
        )
        self._flags = planes.flags[top : top + height, :width]
        self._shift: _Shifted | None = None

    def run(self) -> Findings:
        """Judges the pair; if the page moved by a fraction of a pixel, again without its lines."""
        findings = self._run()
        if not self._could_be_shifted(findings):
            return findings
        shift = subpixel.find(self._views[0], self._flags, self._noise)
        if shift is None:
            return findings
        before, self._flags = self._flags, shift.flags
        self._shift = self._shifted(shift, before)
        return self._run((findings.of_block >= 0).astype(np.uint8))

    def _could_be_shifted(self, findings: Findings) -> bool:
        """Whether a line counts that a move of the page could explain; only for opaque pairs."""
        return len(self._views) == 1 and any(
            kind is None and could_be_shifted(area, self._noise)
            for area, kind in zip(findings.areas, findings.kinds, strict=True)
        )

    def _shifted(self, shift: subpixel.Shift, before: Plane) -> _Shifted:
        shifted, others = native.count_shifted(self._views[0], shift.flags, shift.right, shift.down)
        lines = native.count_blocks(before) - native.count_blocks(shift.flags)
        return _Shifted(shift, shifted + lines[Flag.DIFFERS.plane], others)

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
            shift = self._shift.by
            picture = replace(picture, right=_short(shift.right), down=_short(shift.down))
        if not number:
            return Findings((), (), of_block, picture)
        sums = [
            _Sums(of_block, touched, blocks, self._differ(blocks), self._part, number)
            for blocks in views
        ]
        return self._judge(sums, of_block, picture)

    @property
    def _views(self) -> Sequence[native.View]:
        return self._planes.both.views if self._flags.size else ()

    def _differ(self, blocks: Blocks) -> npt.NDArray[np.bool_]:
        """Returns the blocks that differ enough to be judged."""
        found: npt.NDArray[np.bool_] = (blocks["clear"] > 0) | (
            blocks["plain"] >= min(_PLAIN_IN_BLOCK, self._noise.min_plain_pixels)
        )
        return found

    def _judge(self, sums: Sequence[_Sums], of_block: Labels, picture: Picture) -> Findings:
        """Judges each area on each background, with the picture's measurements that are stored.

        The most expensive measurements are made only for areas whose verdict depends on them.
        """
        for one in sums:
            one.blocks["residue"] = one.blocks["raw"]
        areas = [self._evidence(one) for one in sums]
        undecided = np.array(
            [
                all(could_be_noise(a, self._noise) for a in views)
                for views in zip(*areas, strict=True)
            ]
        )
        if undecided.any():
            areas, picture = self._measure(sums, areas, undecided, picture)
        told, kinds = self._explained(areas, picture)
        unexplained = [a for a, k in zip(told, kinds, strict=True) if k is None]
        if any(needs_few_colours(area, picture, self._noise) for area in unexplained):
            picture = replace(picture, few_colours=self._has_few_colours)
        text = sum(a.blocks for a, k in zip(told, kinds, strict=True) if k is NoiseKind.TEXT)
        if unexplained and text:
            picture = replace(picture, text_explained=text, **self._text_of(sums))
        told, kinds = self._explained(areas, picture)
        return Findings(tuple(told), tuple(kinds), of_block, picture)

    def _measure(
        self,
        sums: Sequence[_Sums],
        areas: Sequence[Sequence[Evidence]],
        undecided: npt.NDArray[np.bool_],
        picture: Picture,
    ) -> tuple[list[list[Evidence]], Picture]:
        """Measures the residue and the surrounding text of some areas, and updates the picture."""
        residues = []
        for view, one in zip(self._views, sums, strict=False):
            wanted = np.zeros(one.blocks.shape, np.uint8)
            wanted.flat[one.places] = undecided[one.labels]
            native.measure_residue(view, self._flags, wanted, one.blocks)
            residues.append(one.of("residue")[undecided[one.labels]])
        residue = np.concatenate(residues)
        if residue.size:
            middle, high = np.quantile(residue, (0.5, 0.9))
            picture = replace(picture, residue=_short(middle), residue_high=_short(high))
        measured = []
        for one, known in zip(sums, areas, strict=True):
            new = self._evidence(one, one.text_around(self._base, undecided))
            measured.append([n if u else k for n, k, u in zip(new, known, undecided, strict=True)])
        return measured, self._with_coverage(picture)

    def _explained(
        self, areas: Sequence[Sequence[Evidence]], picture: Picture
    ) -> tuple[list[Evidence], list[NoiseKind | None]]:
        """Returns the evidence of each area, and the noise that explains it on every background.

        The evidence is that of the background on which the area counts. If it counts on none, it
        is that of a background on which more than rounding differs.
        """
        told, kinds = [], []
        for views in zip(*areas, strict=True):
            found = [(explain(area, picture, self._noise), area) for area in views]
            kind, area = min(found, key=lambda one: _TELLING.get(one[0], 1))
            told.append(area)
            kinds.append(kind)
        return told, kinds

    def _evidence(self, sums: _Sums, around: _Around | None = None) -> list[Evidence]:
        """Returns the evidence of each area on one background; `around` has the text around it."""
        nothing = np.zeros(sums.number, np.int64)
        text, text_touched = around or (nothing, nothing)
        one_sided = sums.total(self._one_sided)
        found = sums.found
        corner = self._corners(sums, found.sum("differing"))
        shifted, unshifted = (
            sums.inside(self._shift.explained, self._shift.others)
            if self._shift
            else (nothing, nothing)
        )
        total = {name: found.sum(name) for name in _SUMMED}
        blocks = found.blocks
        differing = np.maximum(1, total["differing"])
        # Brightness is summed in 256ths of a level.
        light = total["light"] / 256
        hue = (abs(total["red"]) + abs(total["blue"])) / np.maximum(1, total["colour"])
        raw, raw_high = sums.quantiles("raw", 0.5, 0.9)
        residue, residue_high = raw, raw_high
        if around is not None:  # without it the residue is not measured yet, and equals raw
            residue, residue_high = sums.quantiles("residue", 0.5, 0.9)
        numbers: dict[str, npt.NDArray[Any]] = {
            "blocks": blocks,
            "text": text,
            "text_touched": text_touched / np.maximum(1, text),
            **{name: total[name] for name in _AS_SUMMED},
            "steepest": found.steepest,
            **{name: found.most(name) for name in _AS_MOST},
            "one_way": abs(total["signed_light"]) / np.maximum(1, total["light"]),
            "light": light / differing,
            "hue": hue,
            "colour": total["colour"] / differing,
            "dense": total["differing"] / (np.maximum(1, blocks) * BLOCK * BLOCK),
            "raw": raw,
            "raw_high": raw_high,
            "residue": residue,
            "residue_high": residue_high,
            "residue_most": found.residue,
            "residue_sparse": found.sparse_residue,
            "stray": found.stray,
            "shifted": shifted,
            "unshifted": unshifted,
            "corner": corner,
            "one_sided": one_sided,
        }
        return [
            Evidence(**dict(zip(numbers, map(_short, one), strict=True)))
            for one in zip(*(values.tolist() for values in numbers.values()), strict=True)
        ]

    def _corners(self, sums: _Sums, differing: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Whether all differences of an area lie in one corner of the picture."""
        height, width = self._canvas.shape
        inside = np.zeros(sums.number, bool)
        if min(height, width) < _LEAST_WITH_CORNERS:
            return inside
        for top in (0, height - _CORNER):
            for left in (0, width - _CORNER):
                part = self._planes.flags[top : top + _CORNER, left : left + _CORNER]
                rows, columns = np.nonzero(native.has(part, Flag.DIFFERS))
                areas = sums.of_block[(top + rows) // BLOCK, (left + columns) // BLOCK]
                found = np.bincount(areas[areas >= 0], minlength=sums.number)
                inside |= (found > 0) & (found >= differing)
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

    def _text_of(self, sums: Sequence[_Sums]) -> dict[str, Any]:
        """Measures how much of all text differs."""
        text = native.find_text(self._base, self._shows.astype(np.uint8))
        touched = np.zeros(text.shape, bool)
        for one in sums:
            touched[self._part] |= one.blocks["clear"] > 0
        number = int(text.sum())
        return {
            "text": number,
            "text_touched": _short(float(text[touched].sum()) / max(1, number)),
        }


_TELLING: dict[NoiseKind | None, int] = {None: 0, NoiseKind.LEVELS: 2}
_AS_SUMMED = (
    *("differing", "clear", "strong", "outside", "moved", "off", "plain", "solid", "solid_strong"),
)
_AS_MOST = ("most", "farthest", "light_off", "run")
_SUMMED = (*_AS_SUMMED, "signed_light", "light", "red", "blue", "colour")


_Around = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]  # of each area


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
        self._label_of = np.where(differ, of_block[part], -1)
        self.labels = self._label_of.flat[self.places]

    def of(self, name: str) -> npt.NDArray[Any]:
        """Returns a measurement of the differing blocks."""
        found: npt.NDArray[Any] = self.blocks.reshape(-1)[name][self.places]
        return found

    @property
    def found(self) -> native.AreaSums:
        """Returns the sums over each area's blocks, with all measurements so far."""
        return native.sum_areas(self.blocks, self._label_of, self.number)

    def total(self, counts: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
        """Sums counts over each area on the whole canvas."""
        inside = self.of_block >= 0
        return np.bincount(self.of_block[inside], counts[inside], self.number).astype(np.int64)

    def inside(self, *counts: npt.NDArray[np.int32]) -> list[npt.NDArray[np.int64]]:
        """Sums counts over each area, within the rows and columns that both images have."""
        labels = self.of_block[self._part]
        own = labels >= 0
        return [np.bincount(labels[own], one[own], self.number).astype(np.int64) for one in counts]

    def quantiles(self, name: str, *shares: float) -> list[npt.NDArray[np.float64]]:
        """Returns interpolated quantiles of each area's blocks; 0 for an area without blocks."""
        values = self.of(name).astype(np.float64)
        order = np.lexsort((values, self.labels))
        number = np.bincount(self.labels, minlength=self.number)
        some = number > 0
        start, last = (np.cumsum(number) - number)[some], number[some] - 1
        ordered = values[order]
        all_found = []
        for share in shares:
            place = share * last
            low = place.astype(np.intp)
            below, above = ordered[start + low], ordered[start + np.minimum(low + 1, last)]
            found = np.zeros(self.number)
            found[some] = below + (above - below) * (place - low)
            all_found.append(found)
        return all_found

    def text_around(self, base: native.Pixels, wanted: npt.NDArray[np.bool_]) -> _Around:
        """Counts the text blocks in and around each area, and those of them that differ.

        Args:
            base: the base on white, RGB.
            wanted: which areas to count; other areas get 0.
        """
        down, across = -(-base.shape[0] // BLOCK), -(-base.shape[1] // BLOCK)
        chosen = np.append(wanted, False)[self.of_block[:down, :across]]
        labels = np.where(chosen, self.of_block[:down, :across], -1)
        near = np.zeros((down, across), np.uint8)
        rows, columns = (np.flatnonzero(chosen.any(axis=axis)) for axis in (1, 0))
        if not rows.size:
            nothing = np.zeros(self.number, np.int64)
            return nothing, nothing
        # Only the blocks around the wanted areas are read.
        part = tuple(
            slice(max(0, int(places[0]) - _AROUND), int(places[-1]) + 1 + _AROUND)
            for places in (rows, columns)
        )
        labels, close = labels[part], near[part]
        for by in _shifts():
            into, out_of = _shifted(close.shape, *by)
            close[into] |= labels[out_of] >= 0
        text = native.find_text(base, near)[part] > 0
        touched = self._touched[:down, :across][part] > 0
        # A block between two areas counts once for each of them.
        pairs = [np.empty(0, np.int64)]
        place = np.arange(labels.size).reshape(labels.shape)
        for by in _shifts():
            into, out_of = _shifted(close.shape, *by)
            chosen = text[into] & (labels[out_of] >= 0)
            pairs.append(labels[out_of][chosen].astype(np.int64) * place.size + place[into][chosen])
        both = np.sort(np.concatenate(pairs))
        both = both[_firsts(both)]
        area, where = np.divmod(both, place.size)
        number = np.bincount(area, minlength=self.number)
        differs = np.bincount(area, touched.flat[where], self.number).astype(np.int64)
        return number, differs


def _shifts() -> Iterator[tuple[int, int]]:
    reach = range(-_AROUND, _AROUND + 1)
    return ((rows, columns) for rows in reach for columns in reach)


def _shifted(
    shape: tuple[int, int], rows: int, columns: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Returns the target and source slices of a plane that is moved by rows and columns."""
    into, out_of = [], []
    for size, by in zip(shape, (rows, columns), strict=True):
        into.append(slice(max(0, by), max(0, min(size, size + by))))
        out_of.append(slice(max(0, -by), max(0, min(size, size - by))))
    return (into[0], into[1]), (out_of[0], out_of[1])


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
    found = np.full(len(areas.boxes), -1, np.intp)
    inside = (areas.of_block >= 0) & (findings.of_block >= 0)
    regions, own = areas.of_block[inside], findings.of_block[inside]
    counts = np.array([kind is None for kind in findings.kinds], bool)[own]
    order = np.lexsort((own, ~counts, regions))
    firsts = order[_firsts(regions[order])]
    found[regions[firsts]] = own[firsts]
    return found


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

    Args:
        canvas: the images.
        flags: the mask's flags.
        counts: the counts of the flags.
        areas: the regions of the mask.
        findings: the judged areas.
        buffers: buffers for the pixels that count.

    Returns:
        The hash; None if the mask is empty.
    """
    if not len(areas.boxes):
        return None
    flag = Flag.SENSITIVE | Flag.COUNTED
    counting = _counting(areas, findings)
    rows, columns = _reach_of(areas.boxes[counting] if counting.any() else areas.boxes)
    box = flags[rows, columns]
    name = hashlib.sha256(f"{box.shape}".encode())
    name.update(native.pack(box, Flag.SENSITIVE))
    pixels = int(counts[Flag.SENSITIVE.plane].sum() + counts[Flag.COUNTED.plane].sum())
    if counts[Flag.COUNTED.plane].any():
        name.update(native.pack(box, Flag.COUNTED))
    room = buffers.take("what counts", (pixels, canvas.base.shape[2]))
    for image, parts in zip(canvas.images, canvas.parts(rows, columns), strict=True):
        found = 0
        for part in parts:
            found += native.gather(flags[part], flag, image[part], room[found:])
        # The count separates both images: an insertion in one differs from one in the other.
        name.update(str(found).encode())
        name.update(room[:found])
    return name.hexdigest()[:32]


def _counting(areas: Areas, findings: Findings) -> npt.NDArray[np.bool_]:
    """Marks the regions that lie in areas that count."""
    counts = np.array([kind is None for kind in findings.kinds] + [False], bool)
    found: npt.NDArray[np.bool_] = counts[_areas_of(areas, findings)]
    return found


def _reach_of(boxes: npt.NDArray[np.int64]) -> tuple[slice, slice]:
    """Returns the rows and columns that enclose these boxes."""
    left, top, width, height, _ = boxes.T
    bottom, right = np.max(top + height), np.max(left + width)
    return slice(int(np.min(top)), int(bottom)), slice(int(np.min(left)), int(right))
