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
from support.images import encoded, picture
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


def inside(region: Region, mask: Mask) -> Mask:
    return mask[region.y : region.y + region.height, region.x : region.x + region.width]


# --- the file -------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1, 7, 8, 9, 15, 16, 17, 64])
@pytest.mark.parametrize("height", [1, 2, 9])
def test_mask_is_read_as_it_was_written(width: int, height: int) -> None:
    mask = np.random.default_rng(width * height).random((height, width)) < 0.5
    assert np.array_equal(read_mask(write_mask(flags_of(mask))), mask)


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


def test_mask_is_opaque_red_where_it_changed_and_transparent_elsewhere() -> None:
    with Image.open(io.BytesIO(write_mask(flags_of(mask_of((2, 1), [(1, 0)]))))) as image:
        assert [image.convert("RGBA").getpixel((x, 0)) for x in (0, 1)] == [
            (255, 0, 0, 0),
            (255, 0, 0, 255),
        ]


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


@given(masks(), masks())
def test_a_mask_of_two_colours_is_read_as_both(red: Mask, orange: Mask) -> None:
    height, width = (min(a, b) for a, b in zip(red.shape, orange.shape, strict=True))
    red, orange = red[:height, :width], orange[:height, :width]
    flags = red * np.uint8(Flag.SENSITIVE) | (orange & ~red) * np.uint8(Flag.COUNTED)
    assert np.array_equal(read_mask(write_mask(flags)), red | orange)
    areas = native.find_areas(flags, native.count_blocks(flags))
    assert areas.boxes[:, 4].sum() == count(red | orange)


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


def test_a_mask_of_two_colours_has_a_palette_of_three() -> None:
    chunks = dict(parts(write_mask(np.full((3, 5), Flag.COUNTED, np.uint8))))
    assert chunks[b"PLTE"] == bytes([255, 0, 0, 255, 0, 0, 255, 140, 0])
    assert chunks[b"tRNS"] == bytes([0, 255, 255])


def test_what_is_counted_is_in_regions() -> None:
    flags = np.zeros((40, 90), np.uint8)
    flags[3, 4:9] = Flag.SENSITIVE
    flags[5, 20] = flags[30, 80] = Flag.COUNTED
    flags[4, 4] = Flag.SMOOTHED
    found = native.find_areas(flags, native.count_blocks(flags))
    assert found.boxes.tolist() == [[4, 3, 17, 3, 6], [80, 30, 1, 1, 1]]


@pytest.mark.parametrize(
    ("alpha", "changed"),
    [
        pytest.param(0, False, id="transparent"),
        pytest.param(1, True, id="hardly there"),
        pytest.param(255, True, id="opaque"),
    ],
)
def test_pixel_of_an_odiff_mask_counts_if_it_is_there(alpha: int, changed: bool) -> None:
    body = encoded(picture("RGBA", (3, 2), (255, 0, 0, alpha)), "PNG")
    assert np.array_equal(read_mask(body), np.full((2, 3), changed))


# --- ignored boxes --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("box", "left"),
    [
        pytest.param(Rectangle(0, 0, 1, 1), 24, id="one pixel"),
        pytest.param(Rectangle(4, 4, 1, 1), 24, id="last pixel"),
        pytest.param(Rectangle(1, 1, 3, 2), 19, id="inside"),
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
    assert {(int(x), int(y)) for y, x in np.argwhere(~mask)} == {
        (x, y) for x in (1, 2, 3) for y in (2, 3)
    }


def test_boxes_add_up() -> None:
    assert count(cleared((5, 5), Rectangle(0, 0, 2, 5), Rectangle(1, 0, 2, 5))) == 10


def test_box_lies_where_a_person_sees_the_rows() -> None:
    flags = np.ones((5, 2), np.uint8)
    clear(flags, (Rectangle(0, 1, 9, 2),), np.array([0, 7, 7, 1, 2]), np.arange(2))
    assert flags.all(axis=1).tolist() == [True, True, True, False, False]


def test_box_lies_where_a_person_sees_the_columns() -> None:
    flags = np.ones((2, 5), np.uint8)
    clear(flags, (Rectangle(1, 1, 2, 9),), np.arange(2), np.array([0, 1, 7, 2, 3]))
    assert flags.tolist() == [[1, 1, 1, 1, 1], [1, 0, 1, 0, 1]]


# --- regions --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("points", "found"),
    [
        pytest.param([], (), id="nothing"),
        pytest.param([(0, 0)], (Region(0, 0, 1, 1, 1),), id="one pixel"),
        pytest.param([(99, 79)], (Region(99, 79, 1, 1, 1),), id="the last pixel"),
        pytest.param([(3, 4), (9, 6)], (Region(3, 4, 7, 3, 2),), id="one block"),
        pytest.param([(15, 0), (16, 0)], (Region(15, 0, 2, 1, 2),), id="across a border of blocks"),
        pytest.param([(0, 0), (31, 0)], (Region(0, 0, 32, 1, 2),), id="far sides of two blocks"),
        pytest.param(
            [(15, 0), (32, 0)],
            (Region(15, 0, 1, 1, 1), Region(32, 0, 1, 1, 1)),
            id="an empty block between",
        ),
        pytest.param(
            [(0, 15), (0, 32)],
            (Region(0, 15, 1, 1, 1), Region(0, 32, 1, 1, 1)),
            id="an empty block between, below one another",
        ),
        pytest.param([(15, 15), (16, 16)], (Region(15, 15, 2, 2, 2),), id="falling diagonal"),
        pytest.param([(16, 15), (15, 16)], (Region(15, 15, 2, 2, 2),), id="rising diagonal"),
        pytest.param(
            [(0, 0), (20, 0), (40, 0), (60, 0), (79, 0)],
            (Region(0, 0, 80, 1, 5),),
            id="a chain of blocks",
        ),
        pytest.param(
            [(0, 0), (0, 20), (0, 40), (20, 40), (40, 40), (40, 20), (40, 0)],
            (Region(0, 0, 41, 41, 7),),
            id="a horseshoe",
        ),
        pytest.param(
            [(0, 0), (50, 0), (51, 0), (0, 50), (1, 50), (2, 50)],
            (Region(0, 50, 3, 1, 3), Region(50, 0, 2, 1, 2), Region(0, 0, 1, 1, 1)),
            id="largest first",
        ),
        pytest.param(
            [(50, 50), (90, 0), (50, 0), (0, 50)],
            (
                Region(50, 0, 1, 1, 1),
                Region(90, 0, 1, 1, 1),
                Region(0, 50, 1, 1, 1),
                Region(50, 50, 1, 1, 1),
            ),
            id="of equal size from the top left on",
        ),
    ],
)
def test_regions(points: list[tuple[int, int]], found: tuple[Region, ...]) -> None:
    assert regions(mask_of((100, 80), points)) == found


def test_page_that_changed_all_over_is_one_region() -> None:
    assert regions(np.ones((1_000, 700), bool)) == (Region(0, 0, 700, 1_000, 700_000),)


@given(masks())
def test_regions_account_for_every_pixel(mask: Mask) -> None:
    found = regions(mask)
    assert sum(r.pixels for r in found) == count(mask)
    # Boxes of two areas may overlap, as around a horseshoe; a pixel is in one area all the same.
    covered = np.zeros_like(mask)
    for region in found:
        inside(region, covered)[:] = True
        assert 0 < region.pixels <= count(inside(region, mask))
    assert not (mask & ~covered).any()


@given(masks())
def test_boxes_are_tight_and_on_the_canvas(mask: Mask) -> None:
    height, width = mask.shape
    for region in regions(mask):
        assert 0 <= region.x < region.x + region.width <= width
        assert 0 <= region.y < region.y + region.height <= height
        changed = inside(region, mask)
        assert changed[0].any()
        assert changed[-1].any()
        assert changed[:, 0].any()
        assert changed[:, -1].any()


@given(masks())
def test_regions_are_sorted_and_differ(mask: Mask) -> None:
    found = regions(mask)
    assert list(found) == sorted(found, key=lambda r: (-r.pixels, r.y, r.x))
    assert len(set(found)) == len(found)


@given(masks())
def test_each_changed_pixel_is_in_the_region_of_its_block(mask: Mask) -> None:
    """The slow and obvious way: join blocks until nothing moves."""
    height, width = mask.shape
    blocks = {(x // 16, y // 16) for y in range(height) for x in range(width) if mask[y, x]}
    areas = [{block} for block in blocks]
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
        points = [
            (x, y)
            for y in range(height)
            for x in range(width)
            if mask[y, x] and (x // 16, y // 16) in area
        ]
        xs, ys = [x for x, _ in points], [y for _, y in points]
        box = (min(xs), min(ys), max(xs) - min(xs) + 1, max(ys) - min(ys) + 1)
        expected.append(Region(*box, len(points)))
    assert sorted(map(str, regions(mask))) == sorted(map(str, expected))


def touch(one: set[tuple[int, int]], other: set[tuple[int, int]]) -> bool:
    return any(abs(x - v) <= 1 and abs(y - w) <= 1 for x, y in one for v, w in other)
