"""Asks odiff about a pair, on the part of the two images that matters."""

from __future__ import annotations

import errno
import os
import shutil
import struct
import tempfile
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelgate.engine import native
from pixelgate.engine.buffers import BufferPool
from pixelgate.engine.native import ASKED, Flag, Part, Pixels, Plane, View
from pixelgate.engine.odiff import Answer, Closing, OdiffServer
from pixelgate.engine.pixels import decode
from pixelgate.errors import EngineDied, FaultCode, ImageFault

# odiff judges a pixel by neighbours up to two pixels away. With two rows and columns kept around
# each pixel in question, a part of the image gives the same result as the whole.
MARGIN = 2
_ROOM = 4_000_000  # bytes; with less free space odiff may fail to write a mask
# odiff needs up to 35 bytes for each pixel of a request.
_MOST_PIXELS = 4_000_000
# One request costs as much as this many pixels in it.
_PIXELS_OF_A_REQUEST = 50_000
# Where no pixel is in question, odiff still sees this many pixels of one row.
_SHOWN = 64
_HEADER = 54
# odiff rejects smaller files, of one or two pixels, as damaged.
_SMALLEST = 64

Used = npt.NDArray[np.bool_]  # (height,) or (width,)


class Reference(Closing):
    """An odiff server and a folder for its files."""

    def __init__(self, server: OdiffServer, *, folder: Path | None = None) -> None:
        self._server = server
        self._folder = folder
        self._buffers = BufferPool()

    def close(self) -> None:
        """Ends the odiff process and removes the folder."""
        self._server.close()
        if "_place" in vars(self):
            shutil.rmtree(self._place, ignore_errors=True)
            del self._place

    def judge(self, view: View, flags: Plane, threshold: float, *, antialiasing: bool) -> None:
        """Lets odiff decide which pixels count; pixels that it forgives become SMOOTHED.

        odiff is asked about every pixel that could be a smoothed edge. If there is none, it still
        gets the first pixels that differ: odiff sees every pair that is reported as changed.

        Args:
            view: base and head, shape (height, width, 3).
            flags: SENSITIVE where they lie further apart than the threshold.
            threshold: odiff's.
            antialiasing: whether there are smoothed edges; else every pixel counts.

        Raises:
            ImageFault: odiff failed on it, or contradicts what the threshold says.
            OSError: there is no room for its files.
        """
        rows = native.find_questions(view, flags) if antialiasing else None
        if rows is not None and rows.any():
            parts = parts_in_question(flags, rows)
        elif (first := native.find_first(flags, Flag.SENSITIVE)) is not None:
            parts = [_part_at(flags, *first)]
        else:
            return
        for part in parts:
            mask = self._ask(view, part, threshold, antialiasing)
            _take(flags, part, *mask)

    def _ask(
        self, view: View, part: Part, threshold: float, antialiasing: bool
    ) -> tuple[Answer, Pixels | None]:
        options = {
            "threshold": threshold,
            "antialiasing": antialiasing,
            "outputDiffMask": True,
            "failOnLayoutDiff": False,
        }
        base, head, output = (self._place / name for name in ("b.bmp", "h.bmp", "m.png"))
        try:
            for image, file in zip(view, (base, head), strict=True):
                _write(file, bitmap(image, part, self._buffers))
            try:
                answer = self._server.compare(base, head, output, options)
            except EngineDied as died:
                if died.code is FaultCode.ENGINE_TIMEOUT:
                    raise
                # It was killed from outside, as when memory runs out: a new process may succeed.
                answer = self._server.compare(base, head, output, options)
            return answer, self._mask_of(answer, output, part.shape)
        finally:
            # Neither screenshots nor a mask that another pair could pick up may stay in /tmp.
            for file in (base, head, output):
                file.unlink(missing_ok=True)

    def _mask_of(self, answer: Answer, output: Path, shape: tuple[int, int]) -> Pixels | None:
        if answer.match:
            return None
        try:
            mask = decode(output.read_bytes(), self._buffers, "odiff's mask")
        except (OSError, ImageFault) as error:
            if shutil.disk_usage(output.parent).free < _ROOM:
                # The disk is full, so the image is not at fault: a retry elsewhere may succeed.
                raise OSError(
                    errno.ENOSPC, "no room for odiff's mask", str(output.parent)
                ) from error
            raise ImageFault(FaultCode.ENGINE_FAILED, f"odiff left no mask: {error}") from error
        if mask.shape[:2] != shape:
            raise ImageFault(
                FaultCode.ENGINE_FAILED,
                f"odiff's mask has {mask.shape[1::-1]} pixels instead of {shape[::-1]}",
            )
        return mask

    @cached_property
    def _place(self) -> Path:
        """A folder for this process: odiff needs short paths without quotes."""
        return Path(tempfile.mkdtemp(prefix="pg", dir=self._folder))


# On Windows, files are binary only if it is said.
_WRITE = os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0)


def _write(file: Path, body: memoryview) -> None:
    """Writes a file that only this user may read."""
    descriptor = os.open(file, _WRITE, 0o600)
    try:
        os.ftruncate(descriptor, len(body))
        while body:
            body = body[os.write(descriptor, body) :]
    finally:
        os.close(descriptor)


def _take(flags: Plane, part: Part, answer: Answer, mask: Pixels | None) -> None:
    shown, nearer, forgiven = native.take_verdict(flags, part, mask)
    if shown != answer.pixels:
        problem = f"odiff counted {answer.pixels} pixels, its mask shows {shown}"
    elif nearer:
        problem = "odiff reports pixels as changed that are nearer than the threshold"
    elif forgiven:
        problem = "odiff forgives pixels that cannot be smoothed edges"
    else:
        return
    raise ImageFault(FaultCode.ENGINE_FAILED, problem)


def parts_in_question(flags: Plane, rows: Used) -> list[Part]:
    """The parts of the images that odiff must see to judge the pixels that are ASKED.

    All other rows and columns are left out and the rest is moved together. No pixel in question,
    and no neighbour that decides about it, gets another neighbour by that. All rows of a part share
    its columns. Rows with questions in other columns become a part of their own where that saves
    more than another request costs. At least one of the rows has such a pixel.
    """
    drafts: list[_Draft] = []
    for group in _groups(rows, max(1, _MOST_PIXELS // flags.shape[1])):
        draft = _Draft([group], native.columns_with(flags[group], ASKED))
        joined = drafts[-1] + draft if drafts else draft
        if drafts and joined.pixels <= min(
            _MOST_PIXELS, drafts[-1].pixels + draft.pixels + _PIXELS_OF_A_REQUEST
        ):
            drafts[-1] = joined
        else:
            drafts.append(draft)
    return [draft.part(rows) for draft in drafts]


class _Draft:
    """Groups of rows that may become one part, and the columns in which anything is in question."""

    def __init__(self, groups: list[slice], columns: Used) -> None:
        self.groups = groups
        self.columns = columns
        height = sum(group.stop - group.start + 2 * MARGIN for group in groups)
        self.pixels = height * int(np.count_nonzero(_with_margin(columns)))

    def __add__(self, other: _Draft) -> _Draft:
        return _Draft([*self.groups, *other.groups], self.columns | other.columns)

    def part(self, rows: Used) -> Part:
        used = np.zeros_like(rows)
        for group in self.groups:
            used[group] = rows[group]
        return _part(used, self.columns)


def _groups(rows: Used, most: int) -> list[slice]:
    """Groups of rows in question whose margins touch; at most `most` rows in each."""
    places = np.flatnonzero(rows)
    ends = np.flatnonzero(np.diff(places) > 2 * MARGIN)
    firsts = places[np.concatenate([[0], ends + 1])].tolist()
    lasts = places[np.concatenate([ends, [len(places) - 1]])].tolist()
    pieces = [
        slice(start, min(start + most, last + 1))
        for first, last in zip(firsts, lasts, strict=True)
        for start in range(first, last + 1, most)
    ]
    return [piece for piece in pieces if rows[piece].any()]


def _part_at(flags: Plane, row: int, column: int) -> Part:
    """The part around the first pixel that differs and the pixels to its right."""
    rows, columns = (np.zeros(size, bool) for size in flags.shape)
    rows[row] = columns[column : column + _SHOWN] = True
    return _part(rows, columns)


def _part(rows: Used, columns: Used) -> Part:
    """The part with these rows and columns and a margin around them."""
    kept_rows, kept_columns = (np.flatnonzero(_with_margin(used)) for used in (rows, columns))
    return Part(kept_rows, rows[kept_rows], _runs(kept_columns), columns[kept_columns])


def _with_margin(used: Used) -> Used:
    kept = used.copy()
    for distance in range(1, MARGIN + 1):
        kept[distance:] |= used[:-distance]
        kept[:-distance] |= used[distance:]
    return kept


def bitmap(image: Pixels, part: Part, buffers: BufferPool) -> memoryview:
    """A part of an image as an uncompressed file, which odiff reads far faster than a PNG.

    A 24-bit BMP, bottom row first, rows padded to four bytes. BMP stores blue, green, red; odiff's
    reader takes them for red, green, blue, so we write them in that order and odiff sees the very
    colours that it would see in a PNG (measured with 4.5.0; a test compares the two routes). The
    file lies in `buffers`; the next call overwrites it.
    """
    height, width = part.shape
    size = (width * 3 + 3) // 4 * 4 * height
    file = buffers.take("a bitmap", (max(_SMALLEST, _HEADER + size),))
    file[_HEADER + size :] = 0
    struct.pack_into("<2sIHHI", file, 0, b"BM", _HEADER + size, 0, 0, _HEADER)
    struct.pack_into("<IiiHHIIiiII", file, 14, 40, width, height, 1, 24, 0, size, 0, 0, 0, 0)
    native.write_bitmap(image, part, file[_HEADER:])
    return file.data


def _runs(places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Groups of neighbours: first and number of each, shape (groups, 2)."""
    breaks = np.flatnonzero(np.diff(places) > 1) + 1
    starts = np.concatenate([[0], breaks])
    counts = np.diff(np.concatenate([starts, [len(places)]]))
    return np.stack([places[starts], counts], axis=1)
