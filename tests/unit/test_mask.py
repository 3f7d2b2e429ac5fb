"""Masks: small PNGs that say what they were given, and regions that account for every pixel."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pixelgate.domain.comparison import Region
from pixelgate.domain.policy import Rectangle
from pixelgate.engine import native
from pixelgate.engine.mask import write_mask
from pixelgate.engine.native import Flag, Plane
from pixelgate.engine.pixel_flags import clear
from support.plain_odiff import Mask, masks_in, read_mask


def mask_of(size: tuple[int, int], points: Iterable[tuple[int, int]]) -> Mask:
    """A mask of that width and height with these points set."""
    mask = np.zeros((size[1], size[0]), bool)
    for x, y in points:
        mask[y, x] = True
    return mask


def regions(mask: Mask) -> tuple[Region, ...]:
    """The areas as regions without evidence."""
    flags = flags_of(mask)
    areas = native.find_areas(flags, native.count_blocks(flags))
    return tuple(Region(*box) for box in areas.boxes.tolist())


def flags_of(mask: Mask) -> Plane:
    """A plane in which those pixels changed, and the others have flags that say less."""
    random = np.random.default_rng(mask.size)
    others = random.choice([0, Flag.DIFFERS, Flag.DIFFERS | Flag.SMOOTHED], mask.shape)
    return np.where(mask, Flag.DIFFERS | Flag.SENSITIVE, others).astype(np.uint8)


def count(mask: Mask) -> int:
    return int(np.count_nonzero(mask))


@st.composite
def masks(draw: st.DrawFn) -> Mask:
    """Sizes around the borders of blocks, from almost empty to almost full."""
    width, height = draw(st.integers(1, 70)), draw(st.integers(1, 70))
    share = draw(st.sampled_from([0.0, 0.001, 0.01, 0.1, 0.9, 1.0]))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    return random.random((height, width)) < share


# --- the file -------------------------------------------------------------------------------


@given(masks())
def test_every_mask_is_read_as_it_was_written(mask: Mask) -> None:
    assert np.array_equal(read_mask(write_mask(flags_of(mask))), mask)


def test_mask_that_is_a_view_is_written_like_any_other() -> None:
    whole = flags_of(np.random.default_rng(1).random((30, 40)) < 0.5)
    for view in (whole[::2], whole[3:9, 4:29]):
        assert np.array_equal(read_mask(write_mask(view)), view & Flag.SENSITIVE != 0)


def test_mask_is_one_bit_deep_with_a_transparent_palette() -> None:
    body = write_mask(flags_of(mask_of((9, 5), [(8, 4)])))
    assert body[:16] == b"\x89PNG\r\n\x1a\n" + struct.pack(">I4s", 13, b"IHDR")
    width, height, depth, colour_type = struct.unpack(">IIBB", body[16:26])
    assert (width, height, depth, colour_type) == (9, 5, 1, 3)
    chunks = dict(parts(body))
    assert chunks[b"PLTE"] == bytes([255, 0, 0, 255, 0, 0])
    assert chunks[b"tRNS"] == bytes([0, 255])


def parts(body: bytes) -> Iterable[tuple[bytes, bytes]]:
    """The chunks of a PNG."""
    at = 8
    while at < len(body):
        length, kind = struct.unpack(">I4s", body[at : at + 8])
        yield kind, body[at + 8 : at + 8 + length]
        at += length + 12


def test_what_only_the_evidence_counts_is_orange() -> None:
    """With two bits a pixel; an odd width leaves some of the last byte's bits unused."""
    flags = np.array([[0, Flag.DIFFERS, Flag.SENSITIVE, Flag.COUNTED, Flag.SMOOTHED]] * 2, np.uint8)
    flags[1] = np.roll(flags[0], 1)
    body = write_mask(flags)
    assert struct.unpack(">IIBB", body[16:26]) == (5, 2, 2, 3)
    chunks = dict(parts(body))
    assert chunks[b"PLTE"] == bytes([255, 0, 0, 255, 0, 0, 255, 140, 0])
    assert chunks[b"tRNS"] == bytes([0, 255, 255])
    nothing, red, orange = (255, 0, 0, 0), (255, 0, 0, 255), (255, 140, 0, 255)
    shown = np.asarray(Image.open(io.BytesIO(body)).convert("RGBA")).tolist()
    row = [nothing, nothing, red, orange, nothing]
    assert [[tuple(pixel) for pixel in one] for one in shown] == [row, row[-1:] + row[:-1]]


def test_mask_of_a_long_page_is_small() -> None:
    mask = np.zeros((10_000, 1_280), bool)
    mask[4_000:4_500, 100:900] = True
    assert len(write_mask(flags_of(mask))) < 10_000


@given(masks(), st.integers(0, 2**32))
def test_a_mask_of_two_colours_tells_odiffs_pixels_from_those_that_are_counted(
    mask: Mask, seed: int
) -> None:
    counted = np.random.default_rng(seed).random(mask.shape) < 0.3
    flags = flags_of(mask) | np.where(counted, Flag.COUNTED, 0).astype(np.uint8)
    body = write_mask(flags)
    red, orange = masks_in(body)
    assert np.array_equal(red, mask)
    assert np.array_equal(orange, counted & ~mask)
    assert np.array_equal(read_mask(body), mask | counted)
    depth = body[24]
    assert depth == (2 if counted.any() else 1)


def test_what_is_counted_is_in_regions() -> None:
    flags = np.zeros((40, 90), np.uint8)
    flags[3, 4:9] = Flag.SENSITIVE
    flags[5, 20] = flags[30, 80] = Flag.COUNTED
    flags[4, 4] = Flag.SMOOTHED
    found = native.find_areas(flags, native.count_blocks(flags))
    assert found.boxes.tolist() == [[4, 3, 17, 3, 6], [80, 30, 1, 1, 1]]


# --- ignored boxes --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("box", "left"),
    [
        pytest.param(Rectangle(0, 0, 1, 1), 24, id="one pixel"),
        pytest.param(Rectangle(4, 4, 1, 1), 24, id="last pixel"),
        pytest.param(Rectangle(0, 0, 5, 5), 0, id="everything"),
        pytest.param(Rectangle(3, 0, 99, 99), 15, id="past the right and lower edge"),
        pytest.param(Rectangle(5, 0, 9, 9), 25, id="beside"),
        pytest.param(Rectangle(99, 99, 1, 1), 25, id="far away"),
        pytest.param(Rectangle(4, 4, 10**30, 10**30), 24, id="wider than any machine counts"),
        pytest.param(Rectangle(10**30, 0, 1, 1), 25, id="farther than any machine counts"),
    ],
)
def test_pixels_left_without_a_box(box: Rectangle, left: int) -> None:
    assert count(cleared((5, 5), box)) == left


def cleared(shape: tuple[int, int], *boxes: Rectangle) -> Mask:
    flags = np.full(shape, 31, np.uint8)
    clear(flags, boxes, np.arange(shape[0]), np.arange(shape[1]))
    assert set(flags.flat) <= {0, 31}
    return flags > 0


def test_box_ends_where_it_says() -> None:
    mask = cleared((5, 6), Rectangle(1, 2, 3, 2))
    assert np.argwhere(~mask).tolist() == [[y, x] for y in (2, 3) for x in (1, 2, 3)]


def test_boxes_add_up() -> None:
    assert count(cleared((5, 5), Rectangle(0, 0, 2, 5), Rectangle(1, 0, 2, 5))) == 10


def test_box_lies_where_a_person_sees_the_rows_and_columns() -> None:
    flags = np.ones((5, 2), np.uint8)
    clear(flags, (Rectangle(0, 1, 9, 2),), np.array([0, 7, 7, 1, 2]), np.arange(2))
    assert flags.all(axis=1).tolist() == [True, True, True, False, False]
    flags = np.ones((2, 5), np.uint8)
    clear(flags, (Rectangle(1, 1, 2, 9),), np.arange(2), np.array([0, 1, 7, 2, 3]))
    assert flags.tolist() == [[1, 1, 1, 1, 1], [1, 0, 1, 0, 1]]


# --- regions --------------------------------------------------------------------------------


Box = tuple[int, int, int, int, int]
HORSESHOE = [(0, 0), (0, 20), (0, 40), (20, 40), (40, 40), (40, 20), (40, 0)]
LARGEST_FIRST: list[Box] = [(0, 50, 3, 1, 3), (50, 0, 2, 1, 2), (0, 0, 1, 1, 1)]
TOP_LEFT_FIRST: list[Box] = [
    (50, 0, 1, 1, 1),
    (90, 0, 1, 1, 1),
    (0, 50, 1, 1, 1),
    (50, 50, 1, 1, 1),
]
# Points, and the boxes of their regions with the number of pixels.
REGIONS: dict[str, tuple[list[tuple[int, int]], list[Box]]] = {
    "nothing": ([], []),
    "one pixel": ([(0, 0)], [(0, 0, 1, 1, 1)]),
    "the last pixel": ([(99, 79)], [(99, 79, 1, 1, 1)]),
    "one block": ([(3, 4), (9, 6)], [(3, 4, 7, 3, 2)]),
    "across a border of blocks": ([(15, 0), (16, 0)], [(15, 0, 2, 1, 2)]),
    "far sides of two blocks": ([(0, 0), (31, 0)], [(0, 0, 32, 1, 2)]),
    "an empty block between": ([(15, 0), (32, 0)], [(15, 0, 1, 1, 1), (32, 0, 1, 1, 1)]),
    "… below one another": ([(0, 15), (0, 32)], [(0, 15, 1, 1, 1), (0, 32, 1, 1, 1)]),
    "falling diagonal": ([(15, 15), (16, 16)], [(15, 15, 2, 2, 2)]),
    "rising diagonal": ([(16, 15), (15, 16)], [(15, 15, 2, 2, 2)]),
    "a chain of blocks": ([(x, 0) for x in (0, 20, 40, 60, 79)], [(0, 0, 80, 1, 5)]),
    "a horseshoe": (HORSESHOE, [(0, 0, 41, 41, 7)]),
    "largest first": ([(0, 0), (50, 0), (51, 0), (0, 50), (1, 50), (2, 50)], LARGEST_FIRST),
    "equal ones from the top left on": ([(50, 50), (90, 0), (50, 0), (0, 50)], TOP_LEFT_FIRST),
}


@pytest.mark.parametrize(("points", "found"), REGIONS.values(), ids=REGIONS)
def test_regions(points: list[tuple[int, int]], found: list[Box]) -> None:
    assert regions(mask_of((100, 80), points)) == tuple(Region(*box) for box in found)


def test_page_that_changed_all_over_is_one_region() -> None:
    assert regions(np.ones((1_000, 700), bool)) == (Region(0, 0, 700, 1_000, 700_000),)


@given(masks())
def test_regions_are_blocks_that_touch_with_tight_boxes_and_the_largest_first(mask: Mask) -> None:
    """The slow and obvious way: join blocks until nothing moves."""
    points = [(int(x), int(y)) for y, x in np.argwhere(mask)]
    areas = [{block} for block in {(x // 16, y // 16) for x, y in points}]
    while True:
        for one in areas:
            near = [a for a in areas if a is not one and touch(one, a)]
            if near:
                one |= near[0]
                areas.remove(near[0])
                break
        else:
            break
    expected = []
    for area in areas:
        inside = [(x, y) for x, y in points if (x // 16, y // 16) in area]
        xs, ys = [x for x, _ in inside], [y for _, y in inside]
        box = (min(xs), min(ys), max(xs) - min(xs) + 1, max(ys) - min(ys) + 1)
        expected.append(Region(*box, len(inside)))
    assert list(regions(mask)) == sorted(expected, key=lambda r: (-r.pixels, r.y, r.x))


def touch(one: set[tuple[int, int]], other: set[tuple[int, int]]) -> bool:
    return any(abs(x - v) <= 1 and abs(y - w) <= 1 for x, y in one for v, w in other)
