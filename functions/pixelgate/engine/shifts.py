"""Aligns rows or columns of two images that are alike but not equal.

If a banner moves content down on a page with a gradient, the content lies on another colour than
before, and no row has an equal one. And hardly any column occurs only once. So a line's partner is
searched for at a few shifts only. The edges in each line suggest which shifts: edges stay whatever
plain colour is behind them. The pixels then decide among these shifts: the alignment with the
fewest pixels that differ or have no partner wins.

Rows and columns are both called lines here. In every alignment, each line of either image is
either paired or in a band, exactly once.
"""

from __future__ import annotations

import numpy as np

from pixelgate.domain.comparison import Axis
from pixelgate.engine import native
from pixelgate.engine.alignment import Alignment, Gap, Indices, Run, bands_between, gaps_between
from pixelgate.engine.native import Pixels, Shown
from pixelgate.engine.row_alignment import APART, CLEAR, MAX_ROWS, MIN_EVIDENCE

# Where rows differ because content moved, this share of their channel values is this many levels
# apart, and few rows show the same edges in place. Otherwise there is nothing to align.
_FAR, _FAR_SHARE, _SAMPLED = 32, 1 / 40, 64
_MOSTLY_ALIKE = 3 / 4
# Two neighbouring pixels that differ by this many levels are an edge.
_EDGE = 24
# Each line is divided into this many strips, whose edges are counted.
_STRIPS = 4
# A line's partner may differ in this share (1 / _ALIKE) of its edges. A line with fewer than
# _LEAST_EDGES edges is no evidence.
_ALIKE, _LEAST_EDGES = 8, 12
# The shifts at which most edges of both images meet are examined; the best few are tried.
_LOOKED_AT, _TRIED = 8, 4
# Aligning must reduce the pixels that differ or have no partner by this share, and by this many
# lines' pixels. Each band must gain _JOINT_PRICE lines: single lines match by chance.
_LESS, _LEAST_LESS = 1 / 4, 2
_JOINT_PRICE = 2


def sample(
    base: Pixels, head: Pixels, ys: Indices, zs: Indices, rows: int = _SAMPLED
) -> tuple[Pixels, Pixels]:
    """A sample of about this many of the given rows of base and head, evenly spread."""
    step = max(1, len(ys) // rows)
    return rows_of(base, ys, step), rows_of(head, zs, step)


def rows_of(image: Pixels, rows: Indices, step: int = 1) -> Pixels:
    """Every step-th of these ascending rows; a view, not a copy, if they are consecutive."""
    first, last = (int(rows[0]), int(rows[-1])) if len(rows) else (0, -1)
    if last - first + 1 == len(rows):
        return image[first : last + 1 : step]
    return image[rows[::step]]


def far_apart(base: Pixels, head: Pixels, lines: int, share: float = 0) -> bool:
    """Whether paired rows differ so much that content may have moved.

    Args:
        base: a sample, shape (rows, width, channels).
        head: likewise; the narrower width is compared.
        lines: the number of rows of which this is a sample.
        share: more than this share of the rows has to differ.
    """
    width = min(base.shape[1], head.shape[1])
    apart = native.apart_in_rows(base[:, :width], head[:, :width], _FAR)
    differ, values = int(np.count_nonzero(apart)), int(apart.sum())
    row, column = width * base.shape[2], lines * base.shape[2]
    # One inserted and one deleted line must be fewer pixels than what differs now.
    enough = values * lines >= 2 * min(row, column) * len(apart)
    return differ > share * len(apart) and enough and values > _FAR_SHARE * differ * row


def show_the_same(base: Pixels, head: Pixels) -> bool:
    """Whether most paired rows have the same edges; arguments as of `far_apart`."""
    width = min(base.shape[1], head.shape[1])
    ours, theirs = edges(base[:, :width], head[:, :width], Axis.ROWS)
    alike = native.lines_alike(ours, theirs, np.arange(len(ours)), 0, _ALIKE)
    return int(np.count_nonzero(alike)) >= _MOSTLY_ALIKE * len(ours)


def edges(base: Pixels, head: Pixels, axis: Axis) -> tuple[Shown, Shown]:
    """Counts the edges in each line of two images; each result has shape (lines, strips).

    They may differ in height and width.
    """
    count = native.edges_in_rows if axis is Axis.ROWS else native.edges_in_columns
    return count(base, _EDGE, _STRIPS), count(head, _EDGE, _STRIPS)


def likely_shifts(ours: Shown, theirs: Shown, *, strips: int = _STRIPS) -> Indices:
    """The shifts, other than 0, at which many lines have a partner with the same edges.

    All strips are compared, or their sum if `strips` is 1.

    Returns:
        A few shifts, or none; the one with the most lines first.
    """
    if strips == 1:
        ours, theirs = (
            shown.sum(axis=1, keepdims=True, dtype=np.int32) for shown in (ours, theirs)
        )
    if (len(ours), ours.tobytes()) > (len(theirs), theirs.tobytes()):
        # Among equally good shifts the choice must not depend on which image is the base.
        return -_explaining(theirs, ours)
    return _explaining(ours, theirs)


def align_shifted(
    base: Pixels, head: Pixels, axis: Axis, shifts: Indices, *, max_lines: int = 2 * MAX_ROWS
) -> Alignment | None:
    """Finds the lines that only one of two images has, if clearly less differs then.

    Args:
        base: shape (height, width, channels).
        head: of the same height if columns are looked for, of the same width if rows are.
        axis: what to look for.
        shifts: at which a line's partner may lie, beside its place.
        max_lines: the most lines that the canvas may have.

    Returns:
        None if comparing each line with the one in the same place is as good.
    """
    lengths = len(_lines(base, axis)), len(_lines(head, axis))
    if not shifts.size or min(lengths) < MIN_EVIDENCE or max(lengths) > MAX_ROWS:
        return None
    if lengths[0] > lengths[1] or (lengths[0] == lengths[1] and _comes_later(base, head)):
        runs = [Run(b, h, n) for h, b, n in _runs(head, base, -shifts, axis)]
    else:
        runs = _runs(base, head, shifts, axis)
    alignment = Alignment(bands_between(runs, axis), lengths[0])
    return alignment if runs and alignment.length <= max_lines else None


def _comes_later(base: Pixels, head: Pixels) -> bool:
    """A fixed order of two images of one shape."""
    first = int(np.argmax(native.unequal_rows(base, head)))
    ours, theirs = base[first].tobytes(), head[first].tobytes()
    return bool(ours > theirs)


def _lines(image: Pixels, axis: Axis) -> Pixels:
    """A view of the image in which the lines come first."""
    return image if axis is Axis.ROWS else image.swapaxes(0, 1)


def _runs(base: Pixels, head: Pixels, likely: Indices, axis: Axis) -> list[Run]:
    """The runs of paired lines, if fewer pixels differ then; otherwise none."""
    ours, theirs = len(_lines(base, axis)), len(_lines(head, axis))
    final, overlap = theirs - ours, min(ours, theirs)
    shifts = np.array(sorted({*likely.tolist(), 0, final}), np.int64)
    costs = np.stack([_apart(base, head, int(shift), axis) for shift in shifts])
    in_place = int(costs[np.flatnonzero(shifts == 0)[0], :overlap].sum(dtype=np.int64))
    alone = max(1, base.size // ours)
    whole, chosen = native.cheapest_pairs(shifts, costs, theirs, alone, alone * _JOINT_PRICE)
    runs = _with_gaps_paired(_chosen_runs(shifts, chosen), ours, theirs)
    bands = bands_between(runs, axis)
    # The lines by which the sizes differ have no partner in any case.
    less = in_place + alone * (abs(final) + _JOINT_PRICE * len(bands)) - whole
    pays = less >= max(alone * _LEAST_LESS, _LESS * in_place)
    return runs if pays and bands else []


def _explaining(ours: Shown, theirs: Shown) -> Indices:
    """The shifts that explain most of the lines whose edges differ in place."""
    lines = np.flatnonzero(ours.sum(axis=1) >= _LEAST_EDGES)
    lines = lines[~native.lines_alike(ours, theirs, lines, 0, _ALIKE)]
    least = max(MIN_EVIDENCE, len(lines) // CLEAR)
    if len(lines) < least:
        return np.array([], np.int64)
    alike = {
        shift: native.lines_alike(ours, theirs, lines, shift, _ALIKE)
        for shift in _meeting(ours, theirs).tolist()
    }
    left, tried = np.ones(len(lines), bool), list[int]()
    while alike and len(tried) < _TRIED:
        best = max(alike, key=lambda shift: int(np.count_nonzero(alike[shift] & left)))
        partners = alike.pop(best) & left
        if np.count_nonzero(partners) < least:
            break
        tried.append(best)
        left &= ~partners
    return np.array(tried, np.int64)


def _meeting(ours: Shown, theirs: Shown) -> Indices:
    """The shifts at which most edges of both images meet, found by a correlation; 0 left out."""
    size = 1 << (len(ours) + len(theirs)).bit_length()
    steps = [np.diff(shown.astype(np.float32), axis=0) for shown in (ours, theirs)]
    # The edges of an inserted band have no partner; clipping keeps them from dominating.
    high = 2 * max(1.0, float(np.abs(steps[0]).mean()))
    waves = [np.fft.rfft(np.clip(step, -high, high), size, axis=0) for step in steps]
    together = np.fft.irfft((waves[0].conj() * waves[1]).sum(axis=1), size)
    shifts = np.arange(size)
    shifts[shifts > size // 2] -= size
    possible = (shifts != 0) & (shifts > -len(ours)) & (shifts < len(theirs))
    together, shifts = together[possible], shifts[possible]
    most = min(_LOOKED_AT, len(together))
    best: Indices = shifts[np.argpartition(-together, most - 1)[:most]]
    # Where the sizes differ, the lines after all bands have moved by the difference.
    final = len(theirs) - len(ours)
    return np.array(sorted({*best.tolist(), final}), np.int64) if final else best


def _apart(base: Pixels, head: Pixels, shift: int, axis: Axis) -> Shown:
    """How many channel values of each of base's lines differ from its partner's at a shift."""
    ours, theirs = len(_lines(base, axis)), len(_lines(head, axis))
    costs = np.zeros(ours, np.int32)
    start, stop = max(0, -shift), min(ours, theirs - shift)
    if start < stop:
        own, partners = slice(start, stop), slice(start + shift, stop + shift)
        if axis is Axis.ROWS:
            costs[own] = native.apart_in_rows(base[own], head[partners], APART)
        else:
            costs[own] = native.apart_in_columns(base[:, own], head[:, partners], APART)
    return costs


def _chosen_runs(shifts: Indices, chosen: Indices) -> list[Run]:
    """The paired lines as runs of one shift each."""
    edges = np.flatnonzero(np.diff(chosen)) + 1
    starts, stops = [0, *edges.tolist()], [*edges.tolist(), len(chosen)]
    return [
        Run(start, start + int(shifts[chosen[start]]), stop - start)
        for start, stop in zip(starts, stops, strict=True)
        if chosen[start] >= 0
    ]


def _with_gaps_paired(runs: list[Run], ours: int, theirs: int) -> list[Run]:
    """The runs, and in each gap between them the first lines of both images paired."""
    whole = Gap(slice(0, ours), slice(0, theirs))
    gaps = gaps_between(whole, runs)
    paired = [Run(gap.base.start, gap.head.start, min(gap.lengths)) for gap in gaps]
    return sorted([*runs, *(run for run in paired if run.length), Run(ours, theirs, 0)])
