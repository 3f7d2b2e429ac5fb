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

from pixelgate.comparison import Axis
from pixelgate.engine import native
from pixelgate.engine.alignment import Alignment, Gap, Indices, Run, bands_between, gaps_between
from pixelgate.engine.native import Shown
from pixelgate.engine.pixels import Rgb, Rgba
from pixelgate.engine.rows import APART, CLEAR, JOINT_PRICE, MAX_ROWS, MIN_EVIDENCE

# Where two rows differ because something moved, such a share of their channel values lies so far
# apart. Compression mostly stays below; then nothing more is done.
_FAR, _FAR_SHARE, _SAMPLED = 32, 1 / 128, 64
# From so many levels on, two neighbouring pixels are an edge.
_EDGE = 24
# Lines are told apart by the edges in so many parts of each.
_STRIPS = 4
# A line's partner must show the same but for such a share; what shows less is no evidence.
_ALIKE, _LEAST_EDGES = 1 / 8, 12
# So many shifts are looked at, those at which most edges of both images meet; a few are tried.
_LOOKED_AT, _TRIED = 16, 4
# To see what columns show, about so many rows are looked at.
_ROWS = 512


def far_apart(base: Rgb | Rgba, head: Rgb | Rgba, ys: Indices, zs: Indices) -> bool:
    """Whether rows of two images differ so much that something may have moved.

    Args:
        base: shape (height, width, channels).
        head: the same width and number of channels.
        ys: rows of base.
        zs: the rows of head with which they are compared.
    """
    step = max(1, len(ys) // _SAMPLED)
    apart = native.apart_in_rows(base[ys[::step]], head[zs[::step]], _FAR)
    differ = int(np.count_nonzero(apart))
    return differ > 0 and int(apart.sum()) > _FAR_SHARE * differ * base[0].size


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
    in_place = costs[np.flatnonzero(shifts == 0)[0], :overlap].sum(dtype=np.int64)
    plain = int(in_place) + alone * abs(final)
    whole, chosen = native.cheapest_pairs(shifts, costs, len(theirs), alone, alone * JOINT_PRICE)
    if plain - whole < max(alone * MIN_EVIDENCE // 2, plain // CLEAR):
        return []
    return _with_gaps_paired(_chosen_runs(shifts, chosen), len(ours), len(theirs))


def _edges(image: Rgb | Rgba, axis: Axis) -> Shown:
    """What each line shows, shape (lines, strips)."""
    if axis is Axis.ROWS:
        return native.edges_in_rows(image, _EDGE, _STRIPS)
    return native.edges_in_columns(image, _EDGE, _STRIPS, max(1, len(image) // _ROWS))


def _likely_shifts(ours: Shown, theirs: Shown) -> Indices:
    """The shifts, other than none, at which many lines have a partner that shows the same."""
    tried: list[int] = []
    lines = np.arange(len(ours))
    left = ours.sum(axis=1) >= _LEAST_EDGES
    alike = {}
    for shift in [0, *_meeting(ours, theirs).tolist()]:
        partner = lines + shift
        there = (partner >= 0) & (partner < len(theirs)) & left
        one, other = ours[there], theirs[partner[there]]
        alike[shift] = np.zeros(len(ours), bool)
        alike[shift][there] = np.abs(one - other).sum(axis=1) <= _ALIKE * one.sum(axis=1)
    left &= ~alike.pop(0)
    while alike and len(tried) < _TRIED:
        best = max(alike, key=lambda shift: int(np.count_nonzero(alike[shift] & left)))
        partners = alike.pop(best) & left
        if np.count_nonzero(partners) < MIN_EVIDENCE:
            break
        tried.append(best)
        left &= ~partners
    return np.array(tried, np.int64)


def _meeting(ours: Shown, theirs: Shown) -> Indices:
    """The shifts at which most edges of both images meet, 0 left out; by a correlation."""
    size = 1 << (len(ours) + len(theirs)).bit_length()
    one, other = (
        np.fft.rfft(np.diff(shown.astype(np.float32), axis=0), size, axis=0)
        for shown in (ours, theirs)
    )
    together = np.fft.irfft((one.conj() * other).sum(axis=1), size)
    shifts = np.arange(size)
    shifts[shifts > size // 2] -= size
    possible = (shifts != 0) & (shifts > -len(ours)) & (shifts < len(theirs))
    together, shifts = together[possible], shifts[possible]
    best: Indices = shifts[np.argsort(-together, kind="stable")[:_LOOKED_AT]]
    return best


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
