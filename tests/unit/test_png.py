"""PNGs of the fast road: every filter held against Pillow, and what is left to Pillow."""

from __future__ import annotations

import io
import struct
import zlib
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pixelgate.engine import native, png
from pixelgate.engine.buffers import BufferPool
from pixelgate.engine.header import read_header
from pixelgate.engine.png_chunks import preamble_of
from support.images import chunk, encoded, interlaced_png, jpeg, palette_png, picture, raw_png

SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEADER = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 8, 2, 0, 0, 0))
NO_WIDTH = chunk(b"IHDR", struct.pack(">IIBBBBB", 0, 1, 8, 2, 0, 0, 0))
DATA = zlib.compress(b"\0abcdef")
END = chunk(b"IEND", b"")


def fast(body: bytes) -> npt.NDArray[np.uint8] | None:
    return png.read(body, BufferPool(), "image")


def taken(body: bytes) -> npt.NDArray[np.uint8]:
    """The pixels of a file that is not left to Pillow."""
    found = fast(body)
    assert found is not None
    return found


def pillow(body: bytes) -> npt.NDArray[np.uint8]:
    with Image.open(io.BytesIO(body)) as image:
        return np.asarray(image)


@st.composite
def scanlines(draw: st.DrawFn) -> tuple[tuple[int, int], int, bytes]:
    """Size, kind of colour, and filtered rows; many of their bytes are zero, as in screenshots."""
    width, height = draw(st.integers(1, 70)), draw(st.integers(1, 6))
    kind = draw(st.sampled_from([2, 6]))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = height, width * (3 if kind == 2 else 4)
    share = draw(st.sampled_from([0.0, 0.01, 0.1, 1.0]))
    rows = np.where(random.random(shape) < share, random.integers(0, 256, shape), 0)
    filters = draw(st.lists(st.integers(0, 4), min_size=height, max_size=height))
    return (width, height), kind, np.insert(rows, 0, filters, axis=1).astype(np.uint8).tobytes()


@given(scanlines())
def test_every_filter_gives_pillows_pixels(case: tuple[tuple[int, int], int, bytes]) -> None:
    size, kind, rows = case
    body = raw_png(size, 8, kind, rows)
    assert np.array_equal(taken(body), pillow(body))


@pytest.mark.parametrize("parts", [1, 2, 7])
def test_data_may_be_cut_anywhere(parts: int) -> None:
    cuts = np.linspace(0, len(DATA), parts + 1).astype(int).tolist()
    data = b"".join(chunk(b"IDAT", DATA[a:b]) for a, b in pairwise(cuts))
    file = SIGNATURE + HEADER + chunk(b"tEXt", b"a\0b") + data + chunk(b"tIME", b"") + END
    assert taken(file).tobytes() == b"abcdef"


def _whole(data: bytes) -> bytes:
    return SIGNATURE + HEADER + data + END


IDAT = chunk(b"IDAT", DATA)
BROKEN_SUM = IDAT[:-1] + bytes([IDAT[-1] ^ 1])
LEFT_TO_PILLOW = {
    "no PNG": b"text",
    "a JPEG": jpeg(),
    "a palette": palette_png([1] * 15, 5, [255, 0, 0, 0, 255, 0]),
    "grey": encoded(picture("L", (5, 3), 7), "PNG"),
    "16 bits": raw_png((1, 1), 16, 2, b"\0abcdef"),
    "interlaced": interlaced_png((5, 3), (9, 8, 7)),
    "a transparent colour": _whole(chunk(b"tRNS", b"\0a\0b\0c") + IDAT),
    "two headers": _whole(HEADER + IDAT),
    "a palette beside colours": _whole(chunk(b"PLTE", b"abc") + IDAT),
    "a chunk that must be understood": _whole(chunk(b"ABCD", b"") + IDAT),
    "data in two places": _whole(
        chunk(b"IDAT", DATA[:5]) + chunk(b"tEXt", b"") + chunk(b"IDAT", DATA[5:])
    ),
    "no data": _whole(b""),
    "empty data": _whole(chunk(b"IDAT", b"")),
    "a wrong checksum": _whole(BROKEN_SUM),
    "a wrong checksum of the header": SIGNATURE + HEADER[:-1] + b"\0" + IDAT + END,
    "a wrong checksum of the pixels": _whole(chunk(b"IDAT", DATA[:-1] + b"\0")),
    "no end": SIGNATURE + HEADER + IDAT,
    "cut off": _whole(IDAT)[:-20],
    "a length that leads out of the file": _whole(b"\xff\xff\xff\xff" + IDAT[4:]),
    "too few pixels": _whole(chunk(b"IDAT", zlib.compress(b"\0abc"))),
    "too many pixels": _whole(chunk(b"IDAT", zlib.compress(b"\0abcdefg"))),
    "a filter that does not exist": _whole(chunk(b"IDAT", zlib.compress(b"\5abcdef"))),
    "no width": SIGNATURE + NO_WIDTH + IDAT + END,
    "nothing": b"",
    "the header alone": SIGNATURE + HEADER,
    "half a header": (SIGNATURE + HEADER)[:30],
}


@pytest.mark.parametrize("body", LEFT_TO_PILLOW.values(), ids=LEFT_TO_PILLOW)
def test_what_is_unusual_is_left_to_pillow(body: bytes) -> None:
    assert fast(body) is None


@pytest.mark.parametrize("name", ["deflate_decode", "deflate_crc32"])
def test_memory_that_runs_out_is_told(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(png, name, exhausted)
    with pytest.raises(MemoryError):
        fast(_whole(IDAT))


def test_pixels_lie_in_the_room_of_their_purpose() -> None:
    buffers = BufferPool()
    base, head, again = (png.read(_whole(IDAT), buffers, side) for side in ("base", "head", "base"))
    assert base is not None
    assert head is not None
    assert again is not None
    assert np.shares_memory(base, again)
    assert not np.shares_memory(base, head)


@pytest.mark.parametrize("name", ["a wrong checksum", "data in two places"])
def test_the_size_is_told_without_the_pixels(name: str) -> None:
    assert read_header(LEFT_TO_PILLOW[name]).size == (2, 1)


TEXT = chunk(b"tEXt", b"a\0b")
SKIPPED = {
    "a text": TEXT,
    "a text with a wrong checksum": TEXT[:-1] + bytes([TEXT[-1] ^ 1]),
    "a text that cannot be inflated": chunk(b"zTXt", b"a\0\0zz"),
    "a gamma of three bytes": chunk(b"gAMA", bytes(3)),
    "a chunk that nobody knows": chunk(b"quUx", b""),
}


@pytest.mark.parametrize("skipped", SKIPPED.values(), ids=SKIPPED)
def test_what_browsers_skip_is_skipped_before_the_pixels_and_behind_them(skipped: bytes) -> None:
    for data in (skipped + IDAT, IDAT + skipped):
        body = _whole(data)
        assert read_header(body).size == (2, 1)
        assert taken(body).tobytes() == b"abcdef"


def test_the_first_intact_chunk_of_a_kind_counts() -> None:
    first, second = chunk(b"gAMA", b"1111"), chunk(b"gAMA", b"2222")
    broken = first[:-1] + bytes([first[-1] ^ 1])
    for chunks, counts in (([first, second], b"1111"), ([broken, second, first], b"2222")):
        found = preamble_of(_whole(b"".join(chunks) + IDAT + chunk(b"pHYs", bytes(9))))
        assert found is not None
        assert dict(found.metadata) == {b"gAMA": counts}


def test_a_row_that_is_wider_than_any_register_is_unfiltered_in_place() -> None:
    """Each row begins one byte further from its filtered bytes than the last."""
    random = np.random.default_rng(3)
    rows = random.integers(0, 256, (40, 1 + 3 * 101)).astype(np.uint8)
    rows[:, 0] = np.arange(40) % 5
    room = rows.reshape(-1).copy()
    assert native.unfilter(room, 40, 101, 3)
    whole = pillow(raw_png((101, 40), 8, 2, rows.tobytes()))
    assert np.array_equal(room[:-40].reshape(40, 101, 3), whole)
