"""Which part of two images odiff has to see, and the file that it gets."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pixelgate.engine.buffers import BufferPool
from pixelgate.engine.native import ASKED, Flag, Part, Pixels, Plane
from pixelgate.engine.odiff_mask import bitmap, parts_in_question

SIZE = (20, 30)


def plane(*places: tuple[int, int], size: tuple[int, int] = SIZE) -> Plane:
    """Flags of which those at these places are asked about."""
    flags = np.full(size, Flag.DIFFERS, np.uint8)
    for place in places:
        flags[place] |= ASKED
    return flags


def parts_of(flags: Plane) -> list[Part]:
    return parts_in_question(flags, (flags & ASKED).any(axis=1))


def columns_of(part: Part) -> list[int]:
    return [column for first, count in part.runs.tolist() for column in range(first, first + count)]


@pytest.mark.parametrize(
    ("asked", "rows", "columns"),
    [
        pytest.param([(5, 6)], range(3, 8), range(4, 9), id="one pixel and two around it"),
        pytest.param([(0, 0)], range(3), range(3), id="in a corner"),
        pytest.param([(19, 29)], range(17, 20), range(27, 30), id="in the other corner"),
        pytest.param(
            [(2, 3), (16, 26)],
            [*range(5), *range(14, 19)],
            [*range(1, 6), *range(24, 29)],
            id="nothing between two that lie far apart",
        ),
    ],
)
def test_a_part_is_what_is_asked_about_and_its_margin(
    asked: list[tuple[int, int]], rows: range | list[int], columns: range | list[int]
) -> None:
    [part] = parts_of(plane(*asked))
    assert (part.rows.tolist(), columns_of(part)) == (list(rows), list(columns))
    assert part.shape == (len(rows), len(columns))
    assert part.rows[part.asked_rows].tolist() == [row for row, _ in asked]
    assert np.array(columns)[part.asked_columns].tolist() == [column for _, column in asked]


def test_rows_with_questions_in_other_columns_are_parts_of_their_own_where_that_saves() -> None:
    size = (2_000, 1_000)
    flags = plane(size=size)
    flags[100:600, 0:400] |= ASKED
    flags[1_000:1_500, 600:1_000] |= ASKED
    assert [part.shape for part in parts_of(flags)] == [(504, 402), (504, 402)]
    flags[1_000:1_500] &= np.uint8(~ASKED & 255)
    flags[1_000:1_500, 0:400] |= ASKED
    assert [part.shape for part in parts_of(flags)] == [(1_008, 402)]


def test_a_part_is_never_larger_than_odiff_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pixelgate.engine.odiff_mask._MOST_PIXELS", 10_000)
    flags = plane(size=(500, 100))
    flags[:] |= ASKED
    shapes = [part.shape for part in parts_of(flags)]
    assert max(height * width for height, width in shapes) <= 10_000 + 4 * 100
    assert len(shapes) == 5


@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 40), st.integers(1, 9))
def test_every_question_is_asked_once_with_all_that_decides_about_it(
    seed: int, height: int, width: int, pixels: int
) -> None:
    random = np.random.default_rng(seed)
    flags = plane(
        *zip(random.integers(0, height, pixels), random.integers(0, width, pixels), strict=True),
        size=(height, width),
    )
    asked = (flags & ASKED) > 0
    times = np.zeros((height, width), int)
    for part in parts_of(flags):
        rows, columns = part.rows.tolist(), columns_of(part)
        times[np.ix_(part.rows[part.asked_rows], np.array(columns)[part.asked_columns])] += 1
        for y, x in np.argwhere(asked):
            if y in part.rows[part.asked_rows]:
                assert set(rows) >= {v for v in range(y - 2, y + 3) if 0 <= v < height}
                assert set(columns) >= {u for u in range(x - 2, x + 3) if 0 <= u < width}
    assert (times[asked] == 1).all()


def as_bitmap(image: Pixels) -> bytes:
    """All of an image as a file."""
    height, width, _ = image.shape
    rows, columns = np.arange(height), np.ones(width, bool)
    part = Part(rows, rows >= 0, np.array([[0, width]]), columns)
    return bytes(bitmap(image, part, BufferPool()))


def bitmap_header(width: int, height: int, pixels: int) -> bytes:
    def four(number: int) -> bytes:
        return number.to_bytes(4, "little")

    return (
        b"BM" + four(54 + pixels) + four(0) + four(54)
        + four(40) + four(width) + four(height) + b"\x01\0" + b"\x18\0"
        + four(0) + four(pixels) + four(0) * 4
    )  # fmt: skip


@pytest.mark.parametrize(
    ("size", "rows"),
    [
        pytest.param((1, 1), [b"\1\2\3\0"], id="1×1: one byte of padding"),
        pytest.param((4, 1), [bytes(range(1, 13))], id="4×1: no padding"),
        pytest.param(
            (2, 3),
            [bytes([*range(first, first + 6), 0, 0]) for first in (13, 7, 1)],
            id="2×3: two bytes of padding, the last row first",
        ),
    ],
)
def test_bitmap_for_odiff(size: tuple[int, int], rows: list[bytes]) -> None:
    width, height = size
    image = np.arange(1, width * height * 3 + 1, dtype=np.uint8).reshape(height, width, 3)
    pixels = b"".join(rows)
    file = bitmap_header(width, height, len(pixels)) + pixels
    assert as_bitmap(image) == file.ljust(64, b"\0")  # odiff refuses shorter files


def test_bitmap_is_one_that_others_read_with_red_and_blue_exchanged() -> None:
    image = np.arange(5 * 3 * 3, dtype=np.uint8).reshape(3, 5, 3)
    with Image.open(io.BytesIO(as_bitmap(image))) as read:
        assert np.array_equal(np.asarray(read)[..., ::-1], image)


def test_bitmap_of_a_part_holds_its_rows_and_columns() -> None:
    image = np.random.default_rng(1).integers(0, 256, (40, 50, 3)).astype(np.uint8)
    [part] = parts_of(plane((3, 4), (30, 20), (31, 44), size=(40, 50)))
    file = bytes(bitmap(image, part, BufferPool()))
    assert file == as_bitmap(np.ascontiguousarray(image[part.rows][:, columns_of(part)]))


def test_a_bitmap_after_a_larger_one_is_padded_with_zeros() -> None:
    buffers = BufferPool()
    whole = Part(np.arange(9), np.ones(9, bool), np.array([[0, 9]]), np.ones(9, bool))
    dot = Part(np.arange(1), np.ones(1, bool), np.array([[0, 1]]), np.ones(1, bool))
    image = np.full((9, 9, 3), 255, np.uint8)
    bitmap(image, whole, buffers)
    assert bytes(bitmap(image, dot, buffers)) == as_bitmap(image[:1, :1])
