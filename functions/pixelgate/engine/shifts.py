"""Which rows or columns of two images belong together where they are alike, not equal.

On a page with a gradient, what a banner moved down lies on another colour than before: no row has
an equal. And of columns hardly any occurs only once. So a line's partner is looked for at a few
shifts only. What a line shows, its edges, says which ones: edges stay, whatever plain colour is
behind them. Among these shifts the pixels decide: that way is taken which leaves the least that
differs or has no partner.

Rows and columns are both called lines here. Whatever comes out, every line of either image is
paired or in a band, exactly once.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pixelgate.comparison import Axis
from pixelgate.engine import native
from pixelgate.engine.alignment import Alignment, Gap, Indices, Run, bands_between, gaps_between
from pixelgate.engine.native import Shown
from pixelgate.engine.pixels import Rgb, Rgba
from pixelgate.engine.rows import APART, CLEAR, JOINT_PRICE, MAX_ROWS, MIN_EVIDENCE

# Where rows differ because something moved, such a share of their channel values lies so far apart,
# and few of them show the same as in their place; otherwise nothing more is done.
_FAR, _FAR_SHARE, _SAMPLED = 32, 1 / 40, 64
_MOSTLY_ALIKE = 3 / 4
# From so many levels on, two neighbouring pixels are an edge.
_EDGE = 24
# Lines are told apart by the edges in so many parts of each.
_STRIPS = 4
# A line's partner must show the same but for such a share; what shows less is no evidence.
_ALIKE, _LEAST_EDGES = 1 / 8, 12
# So many shifts are looked at, those at which most edges of both images meet; a few are tried.
_LOOKED_AT, _TRIED = 10, 4
# To see what columns show, about so many rows are looked at.
_ROWS = 256
# What differs must become less by such a share.
_LESS = 1 / 4


def far_apart(base: Rgb | Rgba, head: Rgb | Rgba) -> bool:
    """Whether rows that are compared differ so much that something may have moved.

    Args:
        base: shape (rows, width, channels).
        head: of the same shape.
    """
    apart = native.apart_in_rows(base, head, _FAR)
    differ = int(np.count_nonzero(apart))
    return int(apart.sum()) > _FAR_SHARE * differ * max(1, base[:1].size)


def show_the_same(base: Rgb | Rgba, head: Rgb | Rgba) -> bool:
    """Whether most rows show what those do with which they are compared; arguments as before."""
    ours, theirs = _edges(base, Axis.ROWS), _edges(head, Axis.ROWS)
    return int(np.count_nonzero(_alike(ours, theirs))) >= _MOSTLY_ALIKE * len(ours)


def sample(base: Rgb | Rgba, head: Rgb | Rgba, ys: Indices, zs: Indices) -> tuple[Rgb | Rgba, ...]:
    """Some of these rows of two images, and of them as many columns as both have."""
    width, step = min(base.shape[1], head.shape[1]), max(1, len(ys) // _SAMPLED)
    return base[ys[::step], :width], head[zs[::step], :width]


def align_shifted(
    base: Rgb | Rgba, head: Rgb | Rgba, axis: Axis, *, max_lines: int = 2 * MAX_ROWS
) -> Alignment | None:
    """Finds the lines that only one of two images has, if less differs then.

    Args:
        base: shape (height, width, channels).
        head: of the same height if columns are looked for, of the same width if rows are.
        axis: what to look for.
        max_lines: the most lines that the canvas may have.

    Returns:
        None if comparing each line with the one in the same place is as good.
    """
    lengths = len(_lines(base, axis)), len(_lines(head, axis))
    if min(lengths) < MIN_EVIDENCE or max(lengths) > MAX_ROWS:
        return None
    edges = _edges(base, axis), _edges(head, axis)
    if (lengths[0], edges[0].tobytes()) > (lengths[1], edges[1].tobytes()):
        # Of ways that are equally good the same is taken, whichever image is the base.
        runs = [Run(b, h, n) for h, b, n in _runs(head, base, edges[::-1], axis)]
    else:
        runs = _runs(base, head, edges, axis)
    if not runs:
        return None
    alignment = Alignment(bands_between(runs, axis), *lengths)
    return alignment if alignment.length <= max_lines else None


def _lines(image: Rgb | Rgba, axis: Axis) -> Rgb | Rgba:
    """A view of the image in which the lines come first."""
    return image if axis is Axis.ROWS else image.swapaxes(0, 1)


def _runs(base: Rgb | Rgba, head: Rgb | Rgba, edges: tuple[Shown, Shown], axis: Axis) -> list[Run]:
    """The lines that belong together, if less differs then; otherwise none."""
    ours, theirs = edges
    found = _likely_shifts(ours, theirs)
    if not found.size:
        return []
    final = len(theirs) - len(ours)
    shifts = np.unique(np.concatenate([found, [0, final]]))
    costs = np.stack([_apart(base, head, int(shift), axis) for shift in shifts])
    # A line in a band counts half: an inserted and a deleted one are as a pair that differs.
    alone = max(1, base.size // len(ours) // 2)
    overlap = min(len(ours), len(theirs))
    in_place = int(costs[np.flatnonzero(shifts == 0)[0], :overlap].sum(dtype=np.int64))
    whole, chosen = native.cheapest_pairs(shifts, costs, len(theirs), alone, alone * JOINT_PRICE)
    # What the sizes differ by is one-sided in any case.
    less = in_place + alone * abs(final) - whole
    if less < max(alone * MIN_EVIDENCE // 2, _LESS * in_place):
        return []
    return _with_gaps_paired(_chosen_runs(shifts, chosen), len(ours), len(theirs))


def _edges(image: Rgb | Rgba, axis: Axis) -> Shown:
    """What each line shows, shape (lines, strips)."""
    if axis is Axis.ROWS:
        return native.edges_in_rows(image, _EDGE, _STRIPS)
    return native.edges_in_columns(image, _EDGE, _STRIPS, max(1, len(image) // _ROWS))


def likely_shift(base: Rgb | Rgba, head: Rgb | Rgba) -> int:
    """By how much most rows seem to have moved, wherever in them it lies what they show; or 0."""
    ours, theirs = _totals(base), _totals(head)
    if (len(ours), ours.tobytes()) > (len(theirs), theirs.tobytes()):
        return -likely_shift(head, base)
    found = _likely_shifts(ours, theirs)
    return int(found[0]) if found.size else 0


def _totals(image: Rgb | Rgba) -> Shown:
    return native.edges_in_rows(image, _EDGE, 1)


def _likely_shifts(ours: Shown, theirs: Shown) -> Indices:
    """The shifts, other than none, at which many lines have a partner that shows the same."""
    lines = np.flatnonzero(ours.sum(axis=1) >= _LEAST_EDGES)
    overlap = min(len(ours), len(theirs))
    lines = lines[(lines >= overlap) | ~_alike(ours[lines], theirs[np.minimum(lines, overlap - 1)])]
    least = max(MIN_EVIDENCE, len(lines) // CLEAR)
    if len(lines) < least:
        return np.array([], np.int64)
    found = {}
    for shift in _meeting(ours, theirs).tolist():
        there = (lines + shift >= 0) & (lines + shift < len(theirs))
        there[there] = _alike(ours[lines[there]], theirs[lines[there] + shift])
        found[shift] = there
    left, tried = np.ones(len(lines), bool), list[int]()
    while found and len(tried) < _TRIED:
        best = max(found, key=lambda shift: int(np.count_nonzero(found[shift] & left)))
        partners = found.pop(best) & left
        if np.count_nonzero(partners) < least:
            break
        tried.append(best)
        left &= ~partners
    return np.array(tried, np.int64)


def _alike(ours: Shown, theirs: Shown) -> npt.NDArray[np.bool_]:
    """Which lines show the same as those with which they are compared, but for a little."""
    most = np.maximum(ours.sum(axis=1), theirs.sum(axis=1))
    found: npt.NDArray[np.bool_] = np.abs(ours - theirs).sum(axis=1) <= _ALIKE * most
    return found


def _meeting(ours: Shown, theirs: Shown) -> Indices:
    """The shifts at which most edges of both images meet, found by a correlation; 0 left out."""
    size = 1 << (len(ours) + len(theirs)).bit_length()
    steps = [np.diff(shown.astype(np.float32), axis=0) for shown in (ours, theirs)]
    # The edges of a band are many, and have no partner: they may not outweigh the others.
    most = 2 * max(1.0, float(np.abs(steps[0]).mean()))
    one, other = (np.fft.rfft(np.clip(step, -most, most), size, axis=0) for step in steps)
    together = np.fft.irfft((one.conj() * other).sum(axis=1), size)
    shifts = np.arange(size)
    shifts[shifts > size // 2] -= size
    possible = (shifts != 0) & (shifts > -len(ours)) & (shifts < len(theirs))
    together, shifts = together[possible], shifts[possible]
    best: Indices = shifts[np.argsort(-together, kind="stable")[:_LOOKED_AT]]
    # Where the sizes differ, what lies behind all bands has moved by that.
    final = len(theirs) - len(ours)
    return np.union1d(best, [final]) if final else best


def _apart(base: Rgb | Rgba, head: Rgb | Rgba, shift: int, axis: Axis) -> Shown:
    """How many channel values of each of base's lines differ from its partner's at a shift."""
    ours, theirs = len(_lines(base, axis)), len(_lines(head, axis))
    costs = np.zeros(ours, np.int32)
    start, stop = max(0, -shift), min(ours, theirs - shift)
    if start < stop:
        own, other = slice(start, stop), slice(start + shift, stop + shift)
        if axis is Axis.ROWS:
            costs[own] = native.apart_in_rows(base[own], head[other], APART)
        else:
            costs[own] = native.apart_in_columns(base[:, own], head[:, other], APART)
    return costs


def _chosen_runs(shifts: Indices, chosen: Indices) -> list[Run]:
    """The paired lines, together as long as their shift stays the same."""
    edges = np.flatnonzero(np.diff(chosen)) + 1
    starts, stops = [0, *edges.tolist()], [*edges.tolist(), len(chosen)]
    return [
        Run(start, start + int(shifts[chosen[start]]), stop - start)
        for start, stop in zip(starts, stops, strict=True)
        if chosen[start] >= 0
    ]


def _with_gaps_paired(runs: list[Run], ours: int, theirs: int) -> list[Run]:
    """The same, and of gaps that both images have the first lines."""
    whole = Gap(slice(0, ours), slice(0, theirs))

    def paired() -> Iterator[Run]:
        for gap in gaps_between(whole, runs):
            yield Run(gap.base.start, gap.head.start, min(gap.lengths))

    return sorted([*runs, *(run for run in paired() if run.length), Run(ours, theirs, 0)])
