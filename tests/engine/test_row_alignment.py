"""Which rows of two images belong together: found exactly where it is clear, and never a row lost.

The images of these tests are three pixels wide. Rows are named by numbers: one number, one content.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelgate.domain.comparison import Band, BandKind
from pixelgate.engine.alignment import Alignment
from pixelgate.engine.row_alignment import MIN_EVIDENCE, MIN_GAIN, align

Pixels = npt.NDArray[np.uint8]
INSERTED, DELETED = BandKind.INSERTED, BandKind.DELETED
WHITE = 0
Line = tuple[int, ...]


def rows(first: int, count: int) -> list[int]:
    """Rows that occur nowhere else."""
    return list(range(first, first + count))


def blank(count: int) -> list[int]:
    return [WHITE] * count


def image(names: Sequence[int], channels: int = 3) -> Pixels:
    pixels = np.full((len(names), 3, channels), 255, np.uint8)
    for byte in range(3):
        pixels[:, byte, channels - 1] = np.asarray(names, int) >> 8 * byte & 255
    return pixels


def aligned(base: Sequence[int], head: Sequence[int]) -> Alignment | None:
    """The alignment of two images; whatever it is, no row is lost and it pays."""
    one, other = image(base), image(head)
    alignment = align(one, other)
    if alignment is not None:
        check(alignment, one, other)
    return alignment


def check(alignment: Alignment, base: Pixels, head: Pixels) -> None:
    ours, theirs = alignment.base_lines(), alignment.head_lines()
    assert len(ours) == len(theirs) == alignment.length
    assert np.array_equal(ours[ours >= 0], np.arange(len(base)))
    assert np.array_equal(theirs[theirs >= 0], np.arange(len(head)))
    canvas = {(int(y), int(z)) for y, z in zip(ours, theirs, strict=True)}
    assert (-1, -1) not in canvas
    for band in alignment.bands:
        there = slice(band.start, band.start + band.length)
        has, lacks = (theirs, ours) if band.kind is INSERTED else (ours, theirs)
        start = band.head_start if band.kind is INSERTED else band.base_start
        assert np.array_equal(has[there], np.arange(start, start + band.length))
        assert (lacks[there] == -1).all()
        assert np.count_nonzero(ours[: band.start] >= 0) == band.base_start
        assert np.count_nonzero(theirs[: band.start] >= 0) == band.head_start
    assert sum(band.length for band in alignment.bands) == len(ours) - len(alignment.pairs()[0])
    below = {band.start + band.length: band.kind for band in alignment.bands}
    assert all(below.get(band.start) is not band.kind for band in alignment.bands), (
        "one band in two"
    )
    ours, theirs = alignment.pairs()
    overlap = min(len(base), len(head))
    equal = (base[ours] == head[theirs]).all(axis=(1, 2))
    equal_anyway = (base[:overlap] == head[:overlap]).all(axis=(1, 2))
    assert np.count_nonzero(equal) >= np.count_nonzero(equal_anyway) + MIN_GAIN


PAGE = [*blank(20), *rows(100, 60), *blank(20), *rows(200, 60), *blank(20), *rows(300, 60)]
ITEM = [*blank(5), 10, 11, 12, 12, 12, 11, 10]  # as in a list of check boxes, without their text

CLEAR: list[tuple[str, list[int], list[int], list[Band]]] = [
    ("a banner at the top", PAGE, [*rows(900, 40), *PAGE], [Band(INSERTED, 0, 40, 0, 0)]),
    (
        "a taller paragraph",
        PAGE,
        [*PAGE[:100], *rows(200, 40), *rows(900, 30), *rows(240, 20), *PAGE[160:]],
        [Band(INSERTED, 140, 30, 140, 140)],
    ),
    (
        "a paragraph less: of the blank space above and below, that below goes with it",
        PAGE,
        [*PAGE[:80], *PAGE[160:]],
        [Band(DELETED, 100, 80, 100, 100)],
    ),
    (
        "more blank space: the rows at its end are the new ones",
        PAGE,
        [*PAGE[:80], *blank(10), *PAGE[80:]],
        [Band(INSERTED, 100, 10, 100, 100)],
    ),
    (
        "less blank space",
        PAGE,
        [*PAGE[:85], *PAGE[95:]],
        [Band(DELETED, 90, 10, 90, 90)],
    ),
    (
        "more blank space below other text: below what changed, the new rows are the first ones",
        PAGE,
        [*PAGE[:20], *rows(900, 60), *blank(15), *PAGE[80:]],
        [Band(INSERTED, 80, 15, 80, 80)],
    ),
    (
        "a text of other words and of one more line",
        PAGE,
        [*PAGE[:100], *rows(900, 60), *blank(5), *rows(970, 15), *PAGE[160:]],
        [Band(INSERTED, 160, 20, 160, 160)],
    ),
    (
        "one more of some equal items, among other things",
        [*rows(100, 30), *ITEM * 4, *rows(200, 60)],
        [*rows(100, 30), *ITEM * 5, *rows(200, 60)],
        [Band(INSERTED, 78, 12, 78, 78)],
    ),
    (
        "rows that are unique only between others that are",
        [*rows(100, 30), *rows(500, 20), *rows(200, 30), *rows(500, 20), *rows(300, 30)],
        [
            *[*rows(100, 30), *rows(900, 7), *rows(500, 20), *rows(200, 30)],
            *[*rows(500, 20), *rows(910, 9), *rows(300, 30)],
        ],
        [Band(INSERTED, 30, 7, 30, 30), Band(INSERTED, 107, 9, 100, 107)],
    ),
    (
        "two elements that swapped places: one goes, one comes",
        [*rows(100, 60), *rows(200, 30), *rows(300, 60)],
        [*rows(100, 60), *rows(300, 60), *rows(200, 30)],
        [Band(DELETED, 60, 30, 60, 60), Band(INSERTED, 150, 30, 150, 120)],
    ),
    (
        "an element that moved a little: the blank rows above and below it",
        [*blank(100), *rows(100, 50), *blank(100)],
        [*blank(110), *rows(100, 50), *blank(90)],
        [Band(INSERTED, 100, 10, 100, 100), Band(DELETED, 160, 10, 150, 160)],
    ),
]


@pytest.mark.parametrize(
    ("base", "head", "bands"), [case[1:] for case in CLEAR], ids=[case[0] for case in CLEAR]
)
def test_bands(base: list[int], head: list[int], bands: list[Band]) -> None:
    alignment = aligned(base, head)
    assert alignment is not None
    assert list(alignment.bands) == bands


def changed(names: list[int], where: slice) -> list[int]:
    """Other content in some rows."""
    return [*names[: where.start], *(n + 5000 for n in names[where]), *names[where.stop :]]


UNCLEAR: list[tuple[str, list[int], list[int]]] = [
    ("equal", PAGE, PAGE),
    ("one row", [1], [2]),
    ("a row and none", [1], []),
    ("nothing", [], []),
    ("a letter", PAGE, changed(PAGE, slice(110, 120))),
    ("a recoloured header", PAGE, changed(PAGE, slice(0, 60))),
    ("everything", PAGE, changed(PAGE, slice(0, len(PAGE)))),
    (
        "a divider that moved by a pixel",
        [*PAGE, *blank(20), 999, *blank(20)],
        [*PAGE, *blank(21), 999, *blank(19)],
    ),
    (
        "an element that moved far",
        [*blank(300), *rows(100, 50), *blank(300)],
        [*blank(400), *rows(100, 50), *blank(200)],
    ),
    ("growth at the end", PAGE, [*PAGE, *rows(900, 40)]),
    ("blank growth at the end", PAGE, [*PAGE, *blank(40)]),
    ("cut off at the end", PAGE, PAGE[:-40]),
    (
        "growth at the end of a page that changed everywhere",
        PAGE,
        [*changed(PAGE, slice(0, len(PAGE))), *blank(40)],
    ),
    # Blank rows fit anywhere: that they can be aligned proves nothing.
    (
        "other text on a page of another height",
        [*rows(100, 60), *blank(100)],
        [*rows(900, 60), *blank(140)],
    ),
    ("one pattern shifted", [10, 11, 12, 13] * 50, [*[11, 12, 13, 10] * 50]),
    (
        "scarcely a line of text that occurs in both",
        [*rows(100, 60), *rows(500, MIN_EVIDENCE - 1), *blank(40)],
        [*rows(900, 80), *rows(500, MIN_EVIDENCE - 1), *blank(40)],
    ),
    ("noise, and a banner", PAGE, changed([*rows(900, 40), *PAGE], slice(0, 300))),
]


@pytest.mark.parametrize(
    ("base", "head"), [case[1:] for case in UNCLEAR], ids=[case[0] for case in UNCLEAR]
)
def test_no_alignment(base: list[int], head: list[int]) -> None:
    assert aligned(base, head) is None
    assert aligned(head, base) is None


@pytest.mark.parametrize("gain", [MIN_GAIN - 1, MIN_GAIN])
def test_it_must_gain_a_line_of_text(gain: int) -> None:
    base = rows(100, gain)
    assert (aligned(base, [*rows(900, 40), *base]) is None) == (gain < MIN_GAIN)


@pytest.mark.parametrize(
    "shapes",
    [((200, 3, 3), (240, 4, 3)), ((200, 3, 3), (240, 3, 4)), ((200, 0, 3), (240, 0, 3))],
    ids=["width", "channels", "no pixels"],
)
def test_images_of_other_widths_or_channels_are_not_aligned(
    shapes: tuple[tuple[int, ...], tuple[int, ...]],
) -> None:
    random = np.random.default_rng(1)
    one, other = (random.integers(0, 256, shape, np.uint8) for shape in shapes)
    assert align(one, other) is None


def test_transparent_pixels_are_compared_as_they_are_stored() -> None:
    """What is blank to the eye counts as content here: it is compared with its like."""
    base, head = image(PAGE, channels=4), image([*rows(900, 40), *PAGE], channels=4)
    alignment = align(base, head)  # the rows differ in alpha, the last byte, only
    assert alignment is not None
    check(alignment, base, head)
    assert alignment.bands == (Band(INSERTED, 0, 40, 0, 0),)


def test_views_of_wider_images_are_aligned_as_their_copies_are() -> None:
    base, head = image(PAGE), image([*rows(900, 40), *PAGE])
    noise = np.random.default_rng(2).integers(0, 256, (400, 5, 3), np.uint8)
    inside = []
    for pixels in (base, head):
        wider = np.concatenate([pixels, noise[: len(pixels)]], axis=1)
        inside.append(wider[:, :3])
    assert align(*inside) == align(base, head)


def test_the_canvas_has_a_largest_size() -> None:
    base, head = image(PAGE), image([*rows(900, 40), *PAGE])
    assert align(base, head, max_lines=len(head)) is not None
    assert align(base, head, max_lines=len(head) - 1) is None


def test_images_of_millions_of_rows_are_left_alone() -> None:
    base = np.arange(2_000_000, dtype=np.uint32).view(np.uint8).reshape(-1, 1, 4)
    assert align(base, base[100:]) is None


def test_rows_are_counted_as_equal_by_their_pixels_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """With hashes that say of other rows that they are equal, nothing is gained by pairing them."""
    names = rows(0, 200)
    monkeypatch.setattr(
        "pixelgate.engine.native.hash_rows",
        lambda image: image.reshape(len(image), -1)[:, 2].astype(np.uint64),
    )
    base, head = image(names), image([n + 256 for n in [*rows(190, 10), *names[:190]]])
    assert align(base, head) is None


def test_more_runs_than_are_looked_at_together() -> None:
    random = np.random.default_rng(3)
    elements = [rows(10_000 + 10 * n, 10) for n in range(1500)]
    shuffled = [name for n in random.permutation(1500) for name in elements[n]]
    straight = [name for element in elements for name in element]
    assert aligned(straight, shuffled) is None
    apart = aligned(straight, [name for element in elements for name in [*element, 1]])
    assert apart is not None
    assert len(apart.bands) == 1500


# Hypothesis: what is so of every pair of images.

unique_rows = st.integers(1_000_000, 2_000_000).flatmap(
    lambda first: st.integers(1, 30).map(lambda n: rows(first, n))
)
repeated_rows = st.builds(lambda name, n: [name] * n, st.integers(0, 2), st.integers(1, 30))
pattern = st.integers(1, 5).map(lambda n: ITEM * n)
blocks = st.lists(st.one_of(unique_rows, repeated_rows, pattern), min_size=1, max_size=12)


def flat(parts: Sequence[Sequence[int]]) -> list[int]:
    return [name for part in parts for name in part]


@st.composite
def edited(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """A page of blocks, and the same with some of them gone, added, changed or moved."""
    base = draw(blocks)
    head = list(base)
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(head)))
        match draw(st.sampled_from(["add", "add more of it", "take", "change", "move"])):
            case "add":
                head.insert(place, draw(unique_rows))
            case "add more of it":
                head.insert(place, draw(st.one_of(repeated_rows, pattern)))
            case "take":
                del head[place : place + 1]
            case "change":
                head[place : place + 1] = draw(blocks)[:2]
            case _:
                head += [head.pop(y) for y in [place] if y < len(head)]
    one, other = flat(base), flat(head)
    if draw(st.booleans()):
        one, other = (names[: min(len(one), len(other))] for names in (one, other))
    return one, other


@given(edited())
def test_what_one_way_is_inserted_is_deleted_the_other_way(
    pair: tuple[list[int], list[int]],
) -> None:
    there, back = aligned(*pair), aligned(*reversed(pair))
    assert (there is None) == (back is None)
    if there is not None and back is not None:
        other = {INSERTED: DELETED, DELETED: INSERTED}
        mirrored = (
            Band(other[b.kind], b.start, b.length, b.head_start, b.base_start) for b in back.bands
        )
        assert there.bands == tuple(mirrored)


@given(
    st.lists(
        st.tuples(st.integers(40, 80), st.sampled_from(list(BandKind)), st.integers(1, 8)),
        min_size=1,
        max_size=5,
    ),
    st.integers(40, 80),
)
def test_among_unique_rows_every_band_is_found_exactly(
    edits: list[tuple[int, BandKind, int]], rest: int
) -> None:
    base: list[int] = []
    head: list[int] = []
    bands: list[Band] = []
    y = 0
    fresh = iter(range(1, 1_000_000))
    for kept, kind, height in edits:
        both = [next(fresh) for _ in range(kept)]
        base, head, y = base + both, head + both, y + kept
        bands.append(Band(kind, y, height, len(base), len(head)))
        (head if kind is INSERTED else base).extend(next(fresh) for _ in range(height))
        y += height
    both = [next(fresh) for _ in range(rest)]
    alignment = aligned(base + both, head + both)
    assert alignment is not None
    assert list(alignment.bands) == bands
