"""Pairs the rows of two images when rows were inserted or deleted.

A banner at the top moves everything below it. If row n were compared with row n, all of that would
have changed. Rows are matched as a patience diff matches lines of text: rows that occur once in
each image are landmarks, the equal rows around them are added, and the rows between are paired in
order. Repeated rows, such as blank ones, are never landmarks.

An alignment only says which rows are compared with each other. It contains every row of either
image exactly once, paired or in a band, and paired rows need not be equal. So no alignment can
hide a change.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pixelgate.domain.comparison import Axis
from pixelgate.engine import native
from pixelgate.engine.alignment import Alignment, Gap, Indices, Run, bands_between, gaps_between
from pixelgate.engine.native import Pixels

_Hashes = npt.NDArray[np.uint64]  # (rows,)

# Screenshots are at most 31,250 rows of 1280 px; the time grows with the rows, not the pixels.
MAX_ROWS = 100_000
# An alignment must make MIN_GAIN more pairs equal, and this share (1 / CLEAR) of the rows that
# differ in place or are in bands; MIN_EVIDENCE rows that occur once in each image must have moved.
# Less than a line of text proves nothing, and some rows match even on a shuffled page.
MIN_GAIN = 16
CLEAR = 8
MIN_EVIDENCE = 8
# Two channel values this many levels apart differ: the sensitive pass sees that much of grey.
APART = 6
# Each band must gain this many equal rows: single rows, as the tips of letters, match by chance.
JOINT_PRICE = 4
# This many rows in bands must gain one equal row. The price is low because a page of fixed height
# loses at its end, mostly blank, what was inserted above. But an element that moved far is shown
# more clearly in both places than as hundreds of inserted and deleted blank rows.
BAND_ROWS = 8
# Choosing runs takes time quadratic in their number. A page of text has about 100.
_MAX_RUNS = 512
_LEVELS = 4  # how often gaps are searched for rows that are unique there, though not outside


def align(
    base: Pixels,
    head: Pixels,
    changed: npt.NDArray[np.bool_] | None = None,
    *,
    max_lines: int = 2 * MAX_ROWS,
) -> Alignment | None:
    """Finds the rows that only one of two images has, if that explains much of what changed.

    Args:
        base: shape (height, width, channels).
        head: the same width and number of channels; the height may differ.
        changed: which of the rows that both have differ where they are, if that is known.
        max_lines: the most rows that the canvas may have.

    Returns:
        None if comparing row n with row n is as good, or if the images cannot be aligned.
    """
    if base.shape[1:] != head.shape[1:] or max(len(base), len(head)) > MAX_ROWS:
        return None
    overlap = min(len(base), len(head))
    if changed is None:
        changed = native.unequal_rows(base[:overlap], head[:overlap])
    plain = int(np.count_nonzero(changed))
    if plain < MIN_GAIN:
        return None
    top = int(np.argmax(changed))
    # Where the heights differ, equal rows at the end have moved: they are evidence, not trimmed.
    bottom = int(np.argmax(changed[::-1])) if len(base) == len(head) else 0
    inner = _moved(base[top : len(base) - bottom], head[top : len(head) - bottom])
    runs = [Run(b + top, h + top, n) for b, h, n in inner]
    if not runs:
        return None
    runs = [Run(0, 0, top), *runs, Run(len(base) - bottom, len(head) - bottom, bottom)]
    bands = bands_between(runs, Axis.ROWS)
    # Counted in pixels: rows of one hash are equal for the matching only.
    unequal = sum(
        int(np.count_nonzero(native.unequal_rows(base[b : b + n], head[h : h + n])))
        for b, h, n in runs[1:-1]
    )
    # The rows by which the heights differ are outside the overlap in the plain comparison, too.
    extra = sum(band.length for band in bands) - abs(len(base) - len(head))
    # An inserted and a deleted row are two rows without an equal, as an unequal pair is.
    gain = plain - unequal - extra // 2
    alignment = Alignment(bands, len(base))
    pays = gain >= max(MIN_GAIN, (plain + extra) // CLEAR)
    return alignment if pays and alignment.length <= max_lines else None


def _moved(ours: Pixels, theirs: Pixels) -> list[Run]:
    """Pairs the rows of two images whose first rows differ, if some have clearly moved."""
    if (len(ours), ours[0].tobytes()) > (len(theirs), theirs[0].tobytes()):
        # Among equally good pairings the choice must not depend on which image is the base.
        return [Run(b, h, n) for h, b, n in _moved(theirs, ours)]
    base, head = native.hash_rows(ours), native.hash_rows(theirs)
    unique = _unique_in_both(base, head)
    if np.count_nonzero(np.not_equal(*unique)) < MIN_EVIDENCE:
        return []  # matching costs most, and could find no more evidence than that
    runs = _match(base, head)
    if _evidence(len(base), unique, runs) < MIN_EVIDENCE:
        return []
    whole = Gap(slice(0, len(base)), slice(0, len(head)))
    return sorted(
        [*runs, *(r for gap in gaps_between(whole, runs) for r in paired(ours, theirs, gap))]
    )


def _match(base: _Hashes, head: _Hashes) -> list[Run]:
    """The runs of equal rows of two sequences, from top to bottom."""
    whole = Gap(slice(0, len(base)), slice(0, len(head)))
    runs, gaps = list[Run](), [whole]
    for _ in range(_LEVELS):
        # All the gaps of a level share the limit, so that the time is bounded.
        rows = sum(sum(gap.lengths) for gap in gaps)
        inner_gaps: list[Gap] = []
        for gap in gaps:
            limit = _MAX_RUNS * sum(gap.lengths) // max(1, rows)
            inner = _landmarks(base[gap.base], head[gap.head], limit)
            inner = _extended(base[gap.base], head[gap.head], inner)
            moved = [Run(b + gap.base.start, h + gap.head.start, n) for b, h, n in inner]
            runs += moved
            if moved:
                inner_gaps += (g for g in gaps_between(gap, moved) if min(g.lengths) > JOINT_PRICE)
        gaps = inner_gaps
    return sorted(runs)


def _evidence(rows: int, unique: tuple[Indices, Indices], runs: list[Run]) -> int:
    """How many rows that occur once in each image are paired with each other and have moved."""
    partners = np.full(rows, -1)
    for b, h, n in runs:
        partners[b : b + n] = np.arange(h, h + n)
    ys, zs = unique
    return int(np.count_nonzero((partners[ys] == zs) & (ys != zs)))


def _landmarks(base: _Hashes, head: _Hashes, limit: int) -> list[Run]:
    """The runs of equal rows around rows that are unique, in an order that both images have."""
    ys, zs = _unique_in_both(base, head)
    if not len(ys) or not limit:
        return []
    shift = zs - ys
    # The rows from one landmark to the next, all moved by the shift of the first: if all of them
    # are equal and the next one has that shift, both belong to one run.
    span = np.arange(ys[0], ys[-1])
    there = span + shift[np.searchsorted(ys, span, side="right") - 1]
    equal = np.concatenate([[0], np.cumsum(base[span] == head[np.minimum(there, len(head) - 1)])])
    joined = (np.diff(shift) == 0) & (np.diff(equal[ys - ys[0]]) == np.diff(ys))
    first = np.flatnonzero(np.concatenate([[True], ~joined]))
    last = np.append(first[1:], len(ys)) - 1
    starts, heights = np.stack([ys[first], zs[first]]), ys[last] - ys[first] + 1
    if len(first) > limit:
        kept = np.sort(np.argsort(-heights, kind="stable")[:limit])
        starts, heights = starts[:, kept], heights[kept]
    worth = heights + _company(base, head, starts, heights)
    chain = _best_chain(starts, heights, worth, len(head) - len(base))
    return [Run(int(starts[0, k]), int(starts[1, k]), int(heights[k])) for k in chain]


def _unique_in_both(base: _Hashes, head: _Hashes) -> tuple[Indices, Indices]:
    """The rows that occur once in base and once in head, in the order of base."""
    both = np.concatenate([base, head])
    order = np.argsort(both, kind="stable")
    values = both[order]
    edges = np.concatenate([[True], values[1:] != values[:-1], [True]])
    # Values that occur twice: the first of a pair is base's, if either is.
    pairs = np.flatnonzero(edges[:-2] & ~edges[1:-1] & edges[2:])
    ys, zs = order[pairs], order[pairs + 1] - len(base)
    once = (ys < len(base)) & (zs >= 0)
    ys, zs = ys[once], zs[once]
    order = np.argsort(ys)
    return ys[order], zs[order]


def _company(base: _Hashes, head: _Hashes, starts: Indices, heights: Indices) -> Indices:
    """How many rows around each run become equal through it and are not equal in place."""
    in_place = np.zeros(len(base), bool)
    overlap = min(len(base), len(head))
    in_place[:overlap] = base[:overlap] == head[:overlap]
    gained = np.concatenate([[0], np.cumsum(~in_place)])
    company = np.zeros_like(heights)
    above = 0
    for k, (b, h, n) in enumerate(zip(*starts.tolist(), heights.tolist(), strict=True)):
        below = int(starts[0, k + 1]) if k + 1 < len(heights) else len(base)
        up = _equal_rows(base[above:b][::-1], head[:h][::-1])
        down = _equal_rows(base[b + n : below], head[h + n :])
        company[k] = gained[b] - gained[b - up] + gained[b + n + down] - gained[b + n]
        above = b + n
    return company


def _best_chain(starts: Indices, heights: Indices, worth: Indices, final: int) -> list[int]:
    """The runs to keep: in one order in both images, and worth the bands between them.

    Args:
        starts: shape (2, runs), the first row in base and head; ascending in base.
        heights: shape (runs,).
        worth: shape (runs,), how many rows are equal thanks to each.
        final: the shift below the last row.

    Returns:
        Positions in the lists of runs, ascending.
    """
    shifts, ends = starts[1] - starts[0], starts[1] + heights

    def price(shift: int, others: Indices) -> Indices:
        """Of the band, as high as two runs are shifted against one another."""
        cost: Indices = np.abs(others - shift)
        cost += BAND_ROWS * JOINT_PRICE * (cost > 0)
        return cost

    scores = BAND_ROWS * worth - price(0, shifts)  # of the best chain that ends with each run
    before = np.full(len(heights), -1)
    for k in range(1, len(heights)):
        follows = scores[:k] + BAND_ROWS * worth[k] - price(int(shifts[k]), shifts[:k])
        follows[ends[:k] > starts[1, k]] = np.iinfo(np.int64).min
        best = int(np.argmax(follows))
        if follows[best] > scores[k]:
            scores[k], before[k] = follows[best], best
    whole = scores - price(final, shifts)
    k = int(np.argmax(whole))
    if whole[k] + price(final, np.zeros(1, np.int64))[0] <= 0:
        return []  # nothing is worth more than one band, or none
    chain = []
    while k >= 0:
        chain.append(k)
        k = int(before[k])
    return chain[::-1]


def _extended(base: _Hashes, head: _Hashes, runs: list[Run]) -> list[Run]:
    """The runs with the equal rows around them.

    Rows that could go with the run above and with the one below go with the one above: where blank
    space grew, the new rows are the last ones of it.
    """
    extended: list[Run] = []
    y = z = 0  # the end of the run above
    stops = [*(run[:2] for run in runs[1:]), (len(base), len(head))]
    for (b, h, n), (next_y, next_z) in zip(runs, stops, strict=False):
        up = _equal_rows(base[y:b][::-1], head[z:h][::-1])
        b, h, n = b - up, h - up, n + up
        n += _equal_rows(base[b + n : next_y], head[h + n : next_z])
        extended.append(Run(b, h, n))
        y, z = b + n, h + n
    return extended


def _equal_rows(ours: _Hashes, theirs: _Hashes) -> int:
    """How many rows are equal, counted from the start."""
    most = min(len(ours), len(theirs))
    unequal = ours[:most] != theirs[:most]
    return int(np.argmax(unequal)) if unequal.any() else most


def paired(base: Pixels, head: Pixels, gap: Gap) -> Iterator[Run]:
    """Pairs the rows of a gap from its top and its bottom: as many as its shorter side has.

    Few or none of these rows are equal, but some are alike, such as an edited line of text and the
    blank rows around it. The band goes where the fewest pixels differ; in a tie, furthest down.
    """
    ours, theirs = base[gap.base], head[gap.head]
    pairs = min(gap.lengths)
    upper = pairs
    if gap.lengths[0] != gap.lengths[1]:
        from_top = native.apart_in_rows(ours[:pairs], theirs[:pairs], APART)
        bottom = ours[len(ours) - pairs :], theirs[len(theirs) - pairs :]
        from_bottom = native.apart_in_rows(*bottom, APART)
        # Pairing k rows from the top costs from_top[:k] and saves from_bottom[:k].
        costs = np.concatenate([[0], np.cumsum(from_top.astype(np.int64) - from_bottom)])
        upper = pairs - int(np.argmin(costs[::-1]))
    lower = pairs - upper
    yield Run(gap.base.start, gap.head.start, upper)
    yield Run(gap.base.stop - lower, gap.head.stop - lower, lower)
