"""Asks odiff itself what is a smoothed edge, on the part of two images that matters."""

from __future__ import annotations

import errno
import shutil
import struct
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from pixelgate.engine.mask import Mask, read_mask
from pixelgate.engine.native import View
from pixelgate.engine.odiff import Answer, OdiffServer
from pixelgate.engine.pixels import Rgb
from pixelgate.errors import EngineDied, FaultCode, ImageFault

# odiff judges a pixel by its neighbours' neighbours: with two rows and columns kept around each
# pixel in question, a part of the image gives the very pixels that the whole gives.
_MARGIN = 2
_ROOM = 4_000_000  # bytes that are free wherever odiff could write a mask

Index = slice | npt.NDArray[np.intp]


class Reference:
    """An odiff server and a folder for its files."""

    def __init__(self, server: OdiffServer, *, folder: Path | None = None) -> None:
        self._server = server
        self._folder = folder

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the odiff process and removes the folder."""
        self._server.close()
        if "_place" in vars(self):
            shutil.rmtree(self._place, ignore_errors=True)
            del self._place

    def changed(self, view: View, apart: Mask, threshold: float) -> Mask:
        """The mask that odiff makes of two images, without smoothed edges.

        Args:
            view: base and head, shape (height, width, 3).
            apart: the pixels that lie further apart than the threshold, at least one.
            threshold: odiff's.

        Raises:
            ImageFault: odiff failed on it, or reports a pixel that lies nearer.
        """
        changed = np.zeros_like(apart)
        rows, columns = part_around(apart)
        base, head = (image[rows][:, columns] for image in view)
        put(changed, rows, columns, self._ask(base, head, threshold))
        if (changed & ~apart).any():
            raise ImageFault(
                FaultCode.ENGINE_FAILED,
                "odiff reports pixels as changed that are nearer than the threshold",
            )
        return changed

    def _ask(self, base: Rgb, head: Rgb, threshold: float) -> Mask:
        options = {
            "threshold": threshold,
            "antialiasing": True,
            "outputDiffMask": True,
            "failOnLayoutDiff": False,
        }
        files = self._place / "b.bmp", self._place / "h.bmp", self._place / "m.png"
        try:
            files[0].write_bytes(as_bitmap(base))
            files[1].write_bytes(as_bitmap(head))
            try:
                answer = self._server.compare(*files, options)
            except EngineDied as died:
                if died.code is FaultCode.ENGINE_TIMEOUT:
                    raise
                # Killed from outside, as by a machine short of memory: a fresh one may do it.
                answer = self._server.compare(*files, options)
            return _mask_of(answer, files[2], base.shape[:2])
        finally:
            # odiff writes no mask where nothing changed: that of another pair must not be found.
            for file in files:
                file.unlink(missing_ok=True)

    @cached_property
    def _place(self) -> Path:
        """A folder of our own: short paths without quotes."""
        return Path(tempfile.mkdtemp(prefix="pg", dir=self._folder))


def _mask_of(answer: Answer, output: Path, shape: tuple[int, ...]) -> Mask:
    if answer.match:
        return np.zeros(shape, bool)
    try:
        mask = read_mask(output.read_bytes())
    except (OSError, ImageFault) as error:
        if shutil.disk_usage(output.parent).free < _ROOM:
            # The machine's fault, not the image's: elsewhere, or later, odiff has room for it.
            raise OSError(errno.ENOSPC, "no room for odiff's mask", str(output.parent)) from error
        raise ImageFault(FaultCode.ENGINE_FAILED, f"odiff left no mask: {error}") from error
    shown = int(np.count_nonzero(mask))
    if mask.shape != shape or shown != answer.pixels:
        raise ImageFault(
            FaultCode.ENGINE_FAILED,
            f"odiff counted {answer.pixels} pixels, its mask of {mask.shape[::-1]} shows {shown}",
        )
    return mask


def part_around(mask: Mask) -> tuple[Index, Index]:
    """The rows and columns that odiff must see to judge the pixels of a mask.

    All others can be left out and the rest be moved together: no pixel in question and none of
    the neighbours that decide about it gets another neighbour by that.

    Args:
        mask: the pixels in question, at least one.
    """
    return _around(mask.any(axis=1)), _around(mask.any(axis=0))


def _around(used: npt.NDArray[np.bool_]) -> Index:
    """The used places and their neighbours, as a range where little lies between them."""
    kept = used.copy()
    for distance in range(1, _MARGIN + 1):
        kept[distance:] |= used[:-distance]
        kept[:-distance] |= used[distance:]
    places = np.flatnonzero(kept)
    first, last = int(places[0]), int(places[-1]) + 1
    # Picking single columns costs more than it saves where nearly all are kept.
    return places if len(places) < 0.75 * (last - first) else slice(first, last)


def put(mask: Mask, rows: Index, columns: Index, part: Mask) -> None:
    """Writes a part's mask back to where it was taken from."""
    if isinstance(rows, slice) or isinstance(columns, slice):
        mask[rows, columns] = part
    else:
        mask[np.ix_(rows, columns)] = part


def as_bitmap(image: Rgb) -> bytearray:
    """The pixels as an uncompressed file for odiff, which reads it far faster than a PNG.

    A 24-bit BMP, bottom row first, rows padded to four bytes. BMP stores blue, green, red; odiff's
    reader takes them for red, green, blue, so we write them in that order and odiff sees the very
    colours that it would see in a PNG (measured with 4.5.0; a test compares the two routes).
    """
    height, width, _ = image.shape
    stride = (width * 3 + 3) // 4 * 4
    size = stride * height
    # odiff takes a file of less than 64 bytes, up to two pixels, for a damaged one. Filled in
    # place: each further copy of 50 Mpx would be 150 MB.
    file = bytearray(max(64, 54 + size))
    struct.pack_into("<2sIHHI", file, 0, b"BM", 54 + size, 0, 0, 54)
    struct.pack_into("<IiiHHIIiiII", file, 14, 40, width, height, 1, 24, 0, size, 0, 0, 0, 0)
    rows = np.frombuffer(file, np.uint8, size, offset=54).reshape(height, stride)
    rows[:, : width * 3].reshape(height, width, 3)[:] = image[::-1]
    return file
