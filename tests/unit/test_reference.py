"""Which part of two images odiff has to see, and the file that it gets."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pixelgate.engine.reference import Index, as_bitmap, part_around, put


def places(index: Index, size: int) -> list[int]:
    return [int(place) for place in np.arange(size)[index]]


@pytest.mark.parametrize(
    ("changed", "rows", "columns"),
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
        pytest.param(
            [(2, 3), (8, 9)], range(11), range(1, 12), id="all between two that lie close"
        ),
    ],
)
def test_part_around(
    changed: list[tuple[int, int]], rows: range | list[int], columns: range | list[int]
) -> None:
    mask = np.zeros((20, 30), bool)
    for place in changed:
        mask[place] = True
    found = part_around(mask)
    assert (places(found[0], 20), places(found[1], 30)) == (list(rows), list(columns))


@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 40), st.integers(1, 5))
def test_what_is_put_back_lies_where_it_was_taken(
    seed: int, height: int, width: int, pixels: int
) -> None:
    random = np.random.default_rng(seed)
    mask = np.zeros((height, width), bool)
    mask[random.integers(0, height, pixels), random.integers(0, width, pixels)] = True
    rows, columns = part_around(mask)
    again = np.zeros_like(mask)
    put(again, rows, columns, mask[rows][:, columns])
    assert np.array_equal(again, mask)


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
        pytest.param((1, 1), [b"\x01\x02\x03" + b"\0"], id="1×1: one byte of padding"),
        pytest.param(
            (2, 2),
            [b"\x07\x08\x09\x0a\x0b\x0c" + b"\0\0", b"\x01\x02\x03\x04\x05\x06" + b"\0\0"],
            id="2×2: two bytes of padding, the last row first",
        ),
        pytest.param((4, 1), [bytes(range(1, 13))], id="4×1: no padding"),
        pytest.param(
            (5, 3),
            [
                bytes(range(31, 46)) + b"\0",
                bytes(range(16, 31)) + b"\0",
                bytes(range(1, 16)) + b"\0",
            ],
            id="5×3",
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


def test_bitmap_of_a_part_of_an_image_is_that_part() -> None:
    image = np.arange(6 * 6 * 4, dtype=np.uint8).reshape(6, 6, 4)
    part = image[1:4, 2:5, :3]
    assert as_bitmap(part) == as_bitmap(np.ascontiguousarray(part))
