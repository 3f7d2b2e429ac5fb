"""A small picture of a snapshot with its change outlined, for lists: WebP of a few kilobytes."""

from __future__ import annotations

import io
import math
import threading
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageFilter

from pixelgate.engine.buffers import BufferPool
from pixelgate.engine.pixels import decode
from pixelgate.ports import Slices

# Two pixels of the file for each of the 80 × 60 that a list gives a picture.
SIZE = (160, 120)
# The tallest part of a page that is shown; a taller one would be too narrow to see anything.
_TALLEST = 1.5
MARK = (230, 0, 122)
# Pixels between what changed and the line round it, and how wide that line is.
_GAP, _LINE = 1, 2
# At effort 3 a picture takes twice as long and a twentieth less.
_QUALITY, _ENCODER_EFFORT = 62, 2


class _Own(threading.local):
    """Buffers of each thread that draws."""

    def __init__(self) -> None:
        self.buffers = BufferPool()


_own = _Own()


def thumbnail(image: bytes, mask: bytes | None = None, slices: Slices = ((), ())) -> bytes:
    """Draws an image small, with lines round what the mask marks.

    Of a tall page that part is shown in which its first change lies. `slices` says where the mask's
    rows, and its columns, are not the image's: the first in the mask, the first in the image, how
    many.

    Raises:
        ImageFault: the image cannot be read.
    """
    pixels = decode(image, _own.buffers)
    height, width = pixels.shape[:2]
    changed = _changed(mask, slices, width, height) if mask else None
    top, bottom = _window(width, height, changed)
    small = _shrink(pixels[top:bottom])
    if changed is not None:
        small.paste(MARK, (0, 0), _outline(changed[top:bottom], small.size))
    out = io.BytesIO()
    small.save(out, "WEBP", quality=_QUALITY, method=_ENCODER_EFFORT)
    return out.getvalue()


def _changed(mask: bytes, slices: Slices, width: int, height: int) -> npt.NDArray[np.bool_]:
    """The changed pixels of the image; a canvas may be wider and higher than it."""
    with Image.open(io.BytesIO(mask), formats=("PNG",)) as opened:
        # One bit a pixel, as mask.write_mask has it: 0 is transparent, 1 red.
        canvas = np.asarray(opened).astype(bool)
    rows, columns = slices
    return _own_rows(_own_rows(canvas, rows, height).T, columns, width).T


def _own_rows(
    canvas: npt.NDArray[np.bool_], slices: Sequence[tuple[int, int, int]], height: int
) -> npt.NDArray[np.bool_]:
    own = np.zeros((height, canvas.shape[1]), np.bool_)
    for y, source, rows in slices or ((0, 0, height),):
        part = canvas[y : y + rows][: max(0, height - source)]
        own[source : source + len(part)] = part
    return own


def _window(width: int, height: int, changed: npt.NDArray[np.bool_] | None) -> tuple[int, int]:
    """The rows that are shown."""
    shown = min(height, max(1, math.ceil(width * _TALLEST)))
    if changed is None or shown == height or not (rows := changed.any(axis=1)).any():
        return 0, shown
    top = min(max(int(np.argmax(rows)) - shown // 4, 0), height - shown)
    return top, top + shown


def _shrink(pixels: npt.NDArray[np.uint8]) -> Image.Image:
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    size = _fitting(picture.size)
    factor = min(picture.width // size[0], picture.height // size[1])
    if factor > 1:  # reading whole boxes first takes a tenth of the time of a filter alone
        picture = picture.reduce(factor)
    return picture.resize(size, Image.Resampling.BILINEAR)


def _fitting(size: tuple[int, int]) -> tuple[int, int]:
    scale = min(1.0, SIZE[0] / size[0], SIZE[1] / size[1])
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _outline(changed: npt.NDArray[np.bool_], size: tuple[int, int]) -> Image.Image:
    """Lines round what changed, however little, so that its own colours are seen as they are."""
    rows = np.logical_or.reduceat(changed, starts(changed.shape[0], size[1]), axis=0)
    marked = np.logical_or.reduceat(rows, starts(changed.shape[1], size[0]), axis=1)
    sharp = Image.fromarray(marked.astype(np.uint8) * 255)
    outer, inner = (sharp.filter(ImageFilter.MaxFilter(2 * n + 1)) for n in (_GAP + _LINE, _GAP))
    # What changed up to the picture's edge has its line there, within the picture.
    within = Image.new("L", size)
    box = (_LINE, _LINE, size[0] - _LINE, size[1] - _LINE)
    if box[0] < box[2] and box[1] < box[3]:
        within.paste(inner.crop(box), box)
    return ImageChops.subtract(outer, within)


def starts(large: int, small: int) -> npt.NDArray[np.intp]:
    """Returns, of each pixel of the small picture, the first one of the large that lies in it."""
    return -(-np.arange(small) * large // small)
