"""Rows and columns that moved: found where they are alike, and no pixel of either image is lost."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelgate.domain.comparison import Axis, Band, BandKind
from pixelgate.engine.buffers import BufferPool
from pixelgate.engine.canvas import Canvas, lay_out
from pixelgate.engine.shifts import align_shifted, edges, likely_shifts

Pixels = npt.NDArray[np.uint8]
INSERTED, DELETED = BandKind.INSERTED, BandKind.DELETED
ROWS, COLUMNS = Axis.ROWS, Axis.COLUMNS


def page(seed: int, height: int = 160, width: int = 160) -> Pixels:
    """Lines of letters on white: eight rows with strokes, four blank ones."""
    strokes = np.random.default_rng(seed).random((height, width)) < 0.3
    strokes[np.arange(height) % 12 >= 8] = False
    strokes[:, :4] = strokes[:, -4:] = False
    return np.repeat(np.where(strokes, 40, 255).astype(np.uint8)[..., None], 3, axis=2)


def bar(length: int, across: int = 160) -> Pixels:
    """Rows of a plain colour with some dark marks."""
    rows = np.full((length, across, 3), (20, 90, 200), np.uint8)
    rows[length // 3 : length // 2, 20:60:3] = 10
    return rows


def turned(image: Pixels) -> Pixels:
    """Rows become columns."""
    return np.ascontiguousarray(image.swapaxes(0, 1))


def insert(image: Pixels, axis: Axis, at: int, length: int) -> Pixels:
    if axis is COLUMNS:
        return turned(insert(turned(image), ROWS, at, length))
    return np.concatenate([image[:at], bar(length, image.shape[1]), image[at:]])


def delete(image: Pixels, axis: Axis, at: int, length: int) -> Pixels:
    return np.delete(image, np.s_[at : at + length], axis=0 if axis is ROWS else 1)


def laid_out(base: Pixels, head: Pixels) -> Canvas:
    """The canvas; whatever it is, both images are on it, pixel by pixel."""
    canvas = lay_out(base, head, BufferPool(), align_rows=True)
    for image, on_canvas, rows, columns in (
        (base, canvas.images[0], canvas.rows.base, canvas.columns.base),
        (head, canvas.images[1], canvas.rows.head, canvas.columns.head),
    ):
        assert np.array_equal(rows[rows >= 0], np.arange(image.shape[0]))
        assert np.array_equal(columns[columns >= 0], np.arange(image.shape[1]))
        own = on_canvas[np.flatnonzero(rows >= 0)][:, np.flatnonzero(columns >= 0)]
        assert np.array_equal(own, image)
    assert not ((canvas.rows.base < 0) & (canvas.rows.head < 0)).any()
    if canvas.bands:
        # What only one image has is no difference: it counts because it is one-sided.
        assert np.array_equal(
            canvas.base[canvas.rows.one_sided], canvas.head[canvas.rows.one_sided]
        )
        unlike = (canvas.base != canvas.head).any(axis=2)
        assert not unlike[:, canvas.columns.one_sided].any()
        assert canvas.unequal_rows[unlike.any(axis=1)].all()
    else:
        assert canvas.images[0] is base
        assert canvas.images[1] is head
    return canvas


def left(canvas: Canvas) -> int:
    """How many pixels differ among those that both images have."""
    return int(np.count_nonzero((canvas.base != canvas.head).any(axis=2)))


@pytest.mark.parametrize("axis", [ROWS, COLUMNS])
def test_where_the_size_stays_the_end_goes(axis: Axis) -> None:
    base = page(1)
    head = insert(base, axis, 0, 8)[:160, :160]
    canvas = laid_out(base, head)
    assert canvas.bands == (
        Band(INSERTED, 0, 8, 0, 0, axis),
        Band(DELETED, 160, 8, 152, 160, axis),
    )
    assert left(canvas) == 0


def test_rows_are_found_on_pages_of_two_widths() -> None:
    base = page(1)
    head = np.pad(insert(base, ROWS, 48, 20), ((0, 0), (0, 1), (0, 0)), constant_values=9)
    canvas = laid_out(base, head)
    assert canvas.bands == (Band(INSERTED, 48, 20, 48, 48),)
    assert canvas.shape == (180, 161)
    assert np.flatnonzero(canvas.columns.one_sided).tolist() == [160]
    assert canvas.unequal_rows.all(), "each row has a pixel that only head has"


def test_columns_are_found_on_pages_of_two_heights() -> None:
    base = page(1)
    head = np.concatenate([insert(base, COLUMNS, 30, 20), bar(40, 180)])
    canvas = laid_out(base, head)
    assert canvas.bands == (Band(INSERTED, 30, 20, 30, 30, COLUMNS),)
    assert canvas.shape == (200, 180)
    assert np.flatnonzero(canvas.rows.one_sided).tolist() == list(range(160, 200))


def gradient(image: Pixels, levels: float = 40) -> Pixels:
    """The same on a ground that becomes darker from row to row; what is dark stays as it is."""
    shade = np.linspace(0, levels, len(image)).round().astype(np.uint8)
    return np.where(image == 255, 255 - shade[:, None, None], image).astype(np.uint8)


@pytest.mark.parametrize("fixed", [False, True], ids=["taller page", "page of fixed height"])
def test_a_banner_is_found_on_a_page_with_a_gradient(fixed: bool) -> None:
    base = gradient(page(1, 400))
    head = np.concatenate([bar(24), page(1, 400)])
    head = gradient(head[:400] if fixed else head)
    head[:24] = bar(24)
    canvas = laid_out(base, head)
    assert canvas.bands[0] == Band(INSERTED, 0, 24, 0, 0)
    assert len(canvas.bands) == 1 + fixed
    assert canvas.shape == (424, 160)
    apart = np.abs(canvas.base.astype(int) - canvas.head).max(axis=2)
    assert apart.max() <= 3, "the ground is another by a shade, and nothing else"


NOISE = np.random.default_rng(5).integers(-9, 10, page(1).shape)
UNMOVED = {
    "noise of a codec": (page(1), np.clip(page(1) + NOISE, 0, 255).astype(np.uint8)),
    # Aligned, every pixel of the ground would differ: that is no better.
    "moved on a steep gradient": (
        gradient(page(1), 200),
        gradient(insert(page(1), ROWS, 0, 24)[:160], 200),
    ),
    # Half of the page's columns: compared in place far less differs.
    "too many columns for what they moved": (page(1), insert(page(1), COLUMNS, 0, 80)[:, :160]),
    "one word": (page(1), np.concatenate([page(1)[:60], page(2)[60:72], page(1)[72:]])),
    "other words": (page(1), page(2)),
    "another colour": (page(1), 255 - page(1)),
    "equal": (page(1), page(1)),
    "grown to the right": (page(1), np.pad(page(1), ((0, 0), (0, 30), (0, 0)))),
    "grown below": (page(1), insert(page(1), ROWS, 160, 24)),
    "plain": (np.full((90, 90, 3), 255, np.uint8), np.zeros((90, 90, 3), np.uint8)),
    "stripes moved by one of them": (
        np.tile(bar(6), (20, 1, 1)),
        np.tile(bar(6)[::-1], (20, 1, 1)),
    ),
    "one row": (page(1)[2:3], page(2)[2:3]),
    "one column": (page(1)[:, 9:10], page(2)[:, 9:10]),
}


@pytest.mark.parametrize(("base", "head"), UNMOVED.values(), ids=UNMOVED)
def test_where_nothing_moved_each_pixel_stays_in_its_place(base: Pixels, head: Pixels) -> None:
    assert laid_out(base, head).bands == ()
    assert laid_out(head, base).bands == ()


@pytest.mark.parametrize("axis", [ROWS, COLUMNS])
def test_the_canvas_has_a_largest_size(axis: Axis) -> None:
    base = page(1)
    head = insert(base, axis, 0, 24)
    shifts = likely_shifts(*edges(base, head, axis))
    assert shifts.tolist() == [24]
    assert align_shifted(base, head, axis, shifts, max_lines=184) is not None
    assert align_shifted(base, head, axis, shifts, max_lines=183) is None


def test_hundreds_of_thousands_of_lines_are_left_alone() -> None:
    wide = np.zeros((1, 200_000, 3), np.uint8)
    assert align_shifted(wide, wide[:, 9:], COLUMNS, np.array([9])) is None
    assert align_shifted(turned(wide), turned(wide)[9:], ROWS, np.array([9])) is None


# Hypothesis: what is so of every pair of images.

edits = st.lists(
    st.tuples(
        st.sampled_from([ROWS, COLUMNS]),
        st.sampled_from(["insert", "delete", "recolour"]),
        st.integers(0, 150),
        st.integers(1, 30),
    ),
    max_size=4,
)


def edited(image: Pixels, changes: list[tuple[Axis, str, int, int]]) -> Pixels:
    for axis, what, at, length in changes:
        if what == "insert":
            image = insert(image, axis, at, length)
        elif what == "delete":
            image = delete(image, axis, at, min(length, 20))
        else:
            image = image.copy()
            image[at : at + length, at : at + length, 1] ^= 0x40
    return image


@given(st.integers(0, 5), edits, edits, st.booleans(), st.sampled_from([3, 4]))
def test_every_pixel_of_both_images_is_on_the_canvas(
    seed: int,
    ours: list[tuple[Axis, str, int, int]],
    theirs: list[tuple[Axis, str, int, int]],
    shaded: bool,
    channels: int,
) -> None:
    base, head = edited(page(seed), ours), edited(page(seed), theirs)
    if shaded:
        base, head = gradient(base), gradient(head)
    if channels == 4:
        base = np.dstack([base, base[..., 0]])
        head = np.dstack([head, head[..., 0]])
    there, back = laid_out(base, head), laid_out(head, base)
    other = {INSERTED: DELETED, DELETED: INSERTED}
    mirrored = (
        Band(other[b.kind], b.start, b.length, b.head_start, b.base_start, b.axis)
        for b in back.bands
    )
    assert there.bands == tuple(mirrored)


@given(
    st.sampled_from([ROWS, COLUMNS]),
    st.sampled_from(["insert", "delete"]),
    st.integers(0, 100),
    st.integers(1, 30),
    st.integers(0, 5),
)
def test_one_band_anywhere_is_all_that_differs(
    axis: Axis, what: str, at: int, length: int, seed: int
) -> None:
    base = page(seed)
    change = insert if what == "insert" else delete
    canvas = laid_out(base, change(base, axis, at, length))
    assert left(canvas) == 0
    [band] = canvas.bands
    assert (band.axis, band.length) == (axis, length)
    if what == "insert":
        assert band == Band(INSERTED, at, length, at, at, axis)
