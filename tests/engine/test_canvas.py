"""Inserted and deleted rows, end to end: they are changed, and what they moved is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.conftest import Compare
from pixelgate.domain.comparison import Axis, Band, BandKind, Diff
from pixelgate.domain.policy import Policy, Rectangle
from pixelgate.domain.verdict import Mark
from pixelgate.engine.differ import OdiffDiffer
from pixelgate.engine.odiff import OdiffServer
from pixelgate.engine.yiq import least
from support.agreement import bands_of, canvas, mask_of
from support.drawings import png
from support.plain_odiff import Mask, Pixels
from support.yiq import distances

WIDTH = 120
INSERTED, DELETED = BandKind.INSERTED, BandKind.DELETED


def text(seed: int, lines: int) -> Pixels:
    """Lines of strokes, 12 rows each and 6 blank ones below; no two rows of strokes are equal."""
    strokes = np.random.default_rng(seed).random((lines, 18, WIDTH)) < 0.3
    strokes[:, 12:] = False
    strokes[:, :, :8] = strokes[:, :, -8:] = False
    page = np.where(strokes.reshape(lines * 18, WIDTH), 40, 255).astype(np.uint8)
    return np.repeat(page[..., None], 3, axis=2)


def banner(height: int = 40) -> Pixels:
    """A dark bar with light letters."""
    return 255 - text(77, 3)[:height]


UPPER, MIDDLE, LOWER = text(1, 5), text(2, 4), text(3, 8)  # 90, 72 and 144 rows
PAGE = np.concatenate([UPPER, MIDDLE, LOWER])[:-6]  # 300 rows, the last ones of a line
TALLER = np.concatenate([banner(), PAGE])
FIXED = TALLER[:300]
WITHOUT = np.concatenate([UPPER, LOWER])[:-6]
SIDEBAR = np.repeat(banner()[:, :30], 8, axis=0)[:300]  # 30 columns
BANNER = Band(INSERTED, 0, 40, 0, 0)


def beside(page: Pixels, x: int = 0) -> Pixels:
    """With a sidebar in it."""
    return np.concatenate([page[:, :x], SIDEBAR[: len(page)], page[:, x:]], axis=1)


PAGES = [
    pytest.param(PAGE, TALLER, [BANNER], id="a banner above"),
    pytest.param(
        PAGE,
        FIXED,
        [BANNER, Band(DELETED, 300, 40, 260, 300)],
        id="a banner above a page of fixed height",
    ),
    pytest.param(PAGE, WITHOUT, [Band(DELETED, 90, 72, 90, 90)], id="a paragraph less"),
    pytest.param(
        WITHOUT,
        np.concatenate([banner(), UPPER, banner(23), LOWER])[:-6],
        [BANNER, Band(INSERTED, 130, 23, 90, 130)],
        id="two banners",
    ),
    pytest.param(
        PAGE,
        np.concatenate([banner(), WITHOUT]),
        [BANNER, Band(DELETED, 130, 72, 90, 130)],
        id="a banner above and a paragraph less",
    ),
    pytest.param(
        PAGE,
        beside(PAGE),
        [Band(INSERTED, 0, 30, 0, 0, Axis.COLUMNS)],
        id="a sidebar",
    ),
    pytest.param(
        PAGE,
        beside(PAGE, 50),
        [Band(INSERTED, 50, 30, 50, 50, Axis.COLUMNS)],
        id="columns amid the page",
    ),
    pytest.param(
        PAGE,
        np.concatenate([SIDEBAR[:, :8], PAGE[:, :112]], axis=1),
        [Band(INSERTED, 0, 8, 0, 0, Axis.COLUMNS), Band(DELETED, 120, 8, 112, 120, Axis.COLUMNS)],
        id="columns on a page of fixed width",
    ),
    pytest.param(
        PAGE,
        np.concatenate([np.tile(banner(), (1, 2, 1))[:, :150], beside(PAGE)]),
        [BANNER, Band(INSERTED, 0, 30, 0, 0, Axis.COLUMNS)],
        id="inserted rows and columns",
    ),
    # Where they cross neither image has a pixel; both bands are whole all the same.
    pytest.param(
        beside(PAGE),
        TALLER,
        [BANNER, Band(DELETED, 0, 30, 0, 0, Axis.COLUMNS)],
        id="inserted rows and deleted columns",
    ),
]


def lines_of(diff: Diff) -> Mask:
    """The canvas with the rows and columns of all bands set."""
    width, height = canvas(diff)
    mask = np.zeros((height, width), bool)
    for band in bands_of(diff, Axis.ROWS):
        mask[band.start : band.stop] = True
    for band in bands_of(diff, Axis.COLUMNS):
        mask[:, band.start : band.stop] = True
    return mask


@pytest.mark.parametrize("alpha", [False, True], ids=["opaque", "transparent"])
@pytest.mark.parametrize(("base", "head", "bands"), PAGES)
def test_only_what_came_in_or_went_is_changed_and_back_it_is_the_other_way_round(
    compare: Compare, base: Pixels, head: Pixels, bands: list[Band], alpha: bool
) -> None:
    if alpha:
        base, head = (np.dstack([i, np.where(i[..., :1] < 99, 255, 90)]) for i in (base, head))
        base, head = base.astype(np.uint8), head.astype(np.uint8)
    diff, back = compare(base, head), compare(head, base)
    pixels = np.count_nonzero(lines_of(diff))
    other = {INSERTED: DELETED, DELETED: INSERTED}
    assert list(diff.bands) == bands
    assert list(back.bands) == [
        Band(other[b.kind], b.start, b.length, b.head_start, b.base_start, b.axis) for b in bands
    ]
    assert np.array_equal(mask_of(diff), mask_of(back))
    assert diff.regions == back.regions
    assert (diff.base_size, diff.head_size) == (base.shape[1::-1], head.shape[1::-1])
    assert diff.changed_pixels == diff.structural_pixels == pixels
    assert np.array_equal(mask_of(diff), lines_of(diff))
    assert sum(area.one_sided for area in diff.areas) == pixels
    judged = diff.judge(Policy())
    assert judged.changed
    assert set(judged.marks) == {Mark.ONE_SIDED}


def test_rows_are_aligned_on_pages_of_two_widths(compare: Compare) -> None:
    diff = compare(PAGE, np.pad(TALLER, ((0, 0), (0, 1), (0, 0)), constant_values=255))
    wanted = np.zeros((340, 121), bool)
    wanted[:40] = wanted[:, 120:] = True
    assert diff.bands == (BANNER,)
    assert np.array_equal(mask_of(diff), wanted)
    assert sum(area.one_sided for area in diff.areas) == diff.changed_pixels == 40 * 121 + 300


def lettered(page: Pixels, y: int) -> Pixels:
    """With a black letter of 6 × 10 at (2, y), in the blank margin."""
    changed = page.copy()
    changed[y : y + 10, 2:8] = 0
    return changed


def letters(diff: Diff) -> list[tuple[int, int, int, int, int]]:
    """The boxes and pixels of regions that are narrower than the page."""
    boxes = [(r.x, r.y, r.width, r.height, r.pixels) for r in diff.regions]
    return [box for box in boxes if box[2] < WIDTH]


def test_a_change_below_a_banner_is_found_in_its_place(compare: Compare) -> None:
    diff = compare(PAGE, lettered(TALLER, 240))
    mask = mask_of(diff)
    assert diff.bands == (BANNER,)
    assert letters(diff) == [(2, 240, 6, 10, 60)]
    assert diff.changed_pixels == WIDTH * 40 + 60
    assert mask[:40].all()
    assert mask[240:250, 2:8].all()
    assert diff.judge(Policy()).marks == (Mark.ONE_SIDED, Mark.PLAIN)


def test_a_change_above_a_deleted_paragraph_and_one_below_it_lie_on_the_canvas(
    compare: Compare,
) -> None:
    head = lettered(lettered(WITHOUT, 20), 150)
    diff = compare(PAGE, head)
    assert diff.bands == (Band(DELETED, 90, 72, 90, 90),)
    assert letters(diff) == [(2, 20, 6, 10, 60), (2, 222, 6, 10, 60)]


def test_what_lies_beside_a_band_keeps_its_neighbours(compare: Compare) -> None:
    """The pixel rows at a band's edges are compared as if the band were in both images."""
    head = np.concatenate([banner(), PAGE[:90], banner(23), PAGE[90:]])
    head[129, 0:3] = head[155, 0:3] = 0
    diff = compare(PAGE, head)
    mask = mask_of(diff)
    assert [b.start for b in diff.bands] == [0, 130]
    assert np.array_equal(np.argwhere(mask & ~lines_of(diff)), [[y, x] for y in (129, 155)
                                                               for x in range(3)])  # fmt: skip


LETTER, BAND = Rectangle(2, 240, 6, 10), Rectangle(0, 0, WIDTH, 40)
MOVED = lettered(TALLER, 240)


@pytest.mark.parametrize(
    ("base", "head", "boxes", "left"),
    [
        pytest.param(PAGE, MOVED, [LETTER], 4_800, id="the letter where it is now"),
        pytest.param(PAGE, MOVED, [Rectangle(2, 200, 6, 10)], 4_860, id="where the letter was"),
        pytest.param(PAGE, MOVED, [Rectangle(0, 240, 8, 5)], 4_830, id="the letter's upper half"),
        pytest.param(PAGE, MOVED, [BAND], 60, id="the band"),
        pytest.param(PAGE, MOVED, [Rectangle(10, 0, 50, 40)], 2_860, id="columns of the band"),
        pytest.param(PAGE, MOVED, [Rectangle(0, 20, WIDTH, 400)], 2_400, id="half of the band"),
        pytest.param(PAGE, MOVED, [BAND, LETTER], 0, id="the band and the letter"),
        pytest.param(PAGE, WITHOUT, [Rectangle(0, 90, WIDTH, 72)], 0, id="deleted rows"),
        pytest.param(PAGE, beside(PAGE), [Rectangle(0, 0, 30, 300)], 0, id="columns"),
        pytest.param(PAGE, beside(PAGE), [Rectangle(0, 0, 30, 200)], 3_000, id="most of them"),
        pytest.param(
            lettered(PAGE, 100),
            beside(PAGE),
            [Rectangle(0, 0, 40, 300)],
            0,
            id="columns and a letter that went",
        ),
        # Deleted columns are those of base, as deleted rows are.
        pytest.param(beside(PAGE), PAGE, [Rectangle(0, 0, 30, 300)], 0, id="deleted columns"),
    ],
)
def test_ignored_regions_lie_where_a_person_sees_them_in_head(
    compare: Compare, base: Pixels, head: Pixels, boxes: list[Rectangle], left: int
) -> None:
    diff = compare(base, head, ignore_regions=tuple(boxes))
    hidden = np.zeros_like(mask_of(diff))
    for box in boxes:
        hidden[box.y : box.y + box.height, box.x : box.x + box.width] = True
    assert len(diff.bands) == 1
    assert diff.changed_pixels == left
    assert not (mask_of(diff) & hidden).any()
    if left == 0:
        assert (diff.mask, diff.regions, diff.fingerprint) == (None, (), None)
        assert diff.picture.differing == 0
        assert diff.passes(Policy(strict=True))


def test_without_aligned_rows_all_that_moved_is_changed(compare: Compare) -> None:
    diff = compare(PAGE, TALLER, align_rows=False, antialiasing=False)
    mask = mask_of(diff)
    wanted = np.ones((340, WIDTH), bool)
    wanted[:300] = (TALLER[:300] != PAGE).any(axis=2)
    assert diff.bands == ()
    assert np.array_equal(mask, wanted)
    assert diff.changed_pixels > 10_000
    assert sum(area.one_sided for area in diff.areas) == 40 * WIDTH


def test_an_edit_beside_inserted_columns_is_found_in_its_place(compare: Compare) -> None:
    head = beside(PAGE)
    head[100:110, 34:40] = 0  # amid the blank margin
    diff = compare(PAGE, head)
    mask = mask_of(diff)
    assert mask[:, :30].all()
    assert np.count_nonzero(mask[:, 30:]) == np.count_nonzero(PAGE[100:110, 4:10, 0])


def test_the_same_columns_inserted_elsewhere_are_the_same_change(compare: Compare) -> None:
    diffs = [compare(PAGE, beside(PAGE, x)) for x in (0, 50)]
    other = compare(PAGE, beside(PAGE) ^ np.uint8(1))
    back = compare(beside(PAGE), PAGE)
    assert diffs[0].fingerprint == diffs[1].fingerprint
    assert len({diffs[0].fingerprint, other.fingerprint, back.fingerprint}) == 3


def test_an_edit_below_a_banner_is_compared_with_what_was_there(compare: Compare) -> None:
    """Not with the banner's first rows: no row of the edited line has an equal."""
    head = TALLER.copy()
    head[40:52, 30:60] = 255 - head[40:52, 30:60]
    diff = compare(PAGE, head)
    mask = mask_of(diff)
    assert diff.bands == (BANNER,)
    assert mask[:40].all()
    assert not mask[40:, :30].any()
    assert not mask[52:].any()


@pytest.mark.parametrize(("limit", "height"), [(340 * WIDTH, 340), (340 * WIDTH - 1, 300)])
def test_a_canvas_that_would_be_too_large_is_not_made(odiff: Path, limit: int, height: int) -> None:
    """At the limit it is aligned; with one row more the images are compared in place."""
    with OdiffDiffer(OdiffServer(odiff), max_pixels=limit) as differ:
        diff = differ.diff(png(PAGE), png(FIXED[:290]), Policy())
    assert diff.total_pixels == height * WIDTH
    assert bool(diff.bands) == (height == 340)


def edited(random: np.random.Generator) -> Pixels:
    """The page with paragraphs gone and come, and specks on it."""
    parts = []
    for start in range(0, 300, 18):
        if random.random() < 0.1:
            parts.append(text(int(random.integers(100, 999)), 1 + int(random.integers(3))))
        if random.random() > 0.1:
            parts.append(PAGE[start : start + 18])
    head = np.concatenate(parts)
    for y, x in random.integers(0, [len(head), WIDTH], (6, 2)):
        head[y, x] ^= 0x80
    return head


def sources(diff: Diff) -> tuple[list[int], list[int]]:
    """For each row of the canvas the base row and the head row, -1 where there is none."""
    kinds = {y: b.kind for b in diff.bands for y in range(b.start, b.start + b.length)}
    found = []
    for lacking, (_, height) in ((INSERTED, diff.base_size), (DELETED, diff.head_size)):
        own = iter([*range(height), *[-1] * diff.total_pixels])
        canvas = range(diff.total_pixels // WIDTH)
        found.append([-1 if kinds.get(y) is lacking else next(own) for y in canvas])
    return found[0], found[1]


@pytest.mark.parametrize("seed", range(20))
def test_whatever_the_bands_each_row_is_compared_with_its_counterpart(
    compare: Compare, seed: int
) -> None:
    head = edited(np.random.default_rng(seed))
    diff = compare(PAGE, head, antialiasing=False)
    mask = mask_of(diff)
    ours, theirs = sources(diff)
    assert sorted({*ours} - {-1}) == list(range(300))
    assert sorted({*theirs} - {-1}) == list(range(len(head)))
    for y, (b, h) in enumerate(zip(ours, theirs, strict=True)):
        paired = b >= 0 and h >= 0
        apart = distances(PAGE[b], head[h]) >= least(0.0225) if paired else np.ones(WIDTH, bool)
        assert np.array_equal(mask[y], apart)


def test_most_random_edits_leave_little_outside_the_bands(compare: Compare) -> None:
    heads = [edited(np.random.default_rng(seed)) for seed in range(20)]
    found, plain = (
        [compare(PAGE, head, align_rows=rows) for head in heads] for rows in (True, False)
    )
    outside = sum(np.count_nonzero(mask_of(d) & ~lines_of(d)) for d in found)
    assert sum(bool(diff.bands) for diff in found) > 10
    assert outside < 0.05 * sum(diff.changed_pixels for diff in plain)
