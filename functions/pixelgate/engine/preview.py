"""A picture for a pull request's comment: base, head and their difference beside one another.

Base and head are in their own colours. The difference is head in grey, with the changed pixels in
the colour of marks. All three lie on the canvas of the mask, so that the same thing is at the same
height; what one image lacks there is light grey.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from pixelgate.engine.buffers import BufferPool
from pixelgate.engine.native import Pixels
from pixelgate.engine.pixels import decode, on_background
from pixelgate.engine.thumbnail import MARK, starts
from pixelgate.errors import FaultCode, ImageFault
from pixelgate.ports import Slices

PANE, GAP = 320, 8  # pixels: the width of each of the three, and what is between them
TALLEST = 480  # pixels: of a higher page the part is shown that changed most
WIDTH = 3 * PANE + 2 * GAP
ABSENT = (236, 236, 236)
_CROSS = (200, 200, 200)
_PAPER = 255  # what is behind transparent pixels
# How much of the grey's contrast is left, so that marks are seen on dark pages too.
_FADED = 0.45

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class _Frame:
    """The rows of the canvas that are shown, and the size at which they are."""

    width: int
    top: int
    bottom: int
    size: tuple[int, int]


@dataclass(frozen=True)
class _Side:
    """One image as it is shown, and where it has pixels."""

    picture: Image.Image
    present: Flags


def preview(
    base: bytes | None, head: bytes | None, mask: bytes | None, places: tuple[Slices, Slices]
) -> bytes:
    """Draws the picture as a PNG, WIDTH pixels wide and at most TALLEST high.

    In the place of an image that is None or cannot be read, and of the difference without a mask,
    is a crossed field. `places` maps the mask's rows and columns to base's and to head's, as
    `thumbnail.thumbnail` has it.

    Raises:
        ImageFault: neither image can be read.
    """
    changed = _flags(mask) if mask else None
    frame = _frame(changed.shape[1], changed.shape[0], changed) if changed is not None else None
    old, new = (
        _side(image, place, frame) for image, place in zip((base, head), places, strict=True)
    )
    if old is None and new is None:
        raise ImageFault(FaultCode.UNREADABLE, "neither image can be read")
    difference = None
    if changed is not None and frame is not None and old and new:
        difference = _difference(old, new, changed[frame.top : frame.bottom], frame)
    return _beside([*(side.picture if side else None for side in (old, new)), difference])


def _flags(mask: bytes) -> Flags:
    with Image.open(io.BytesIO(mask), formats=("PNG",)) as opened:
        return np.asarray(opened).astype(bool)  # 0 is transparent, see mask.write_mask


def _frame(width: int, height: int, changed: Flags | None = None) -> _Frame:
    scale = min(1.0, PANE / width)
    shown = min(height, max(1, math.floor(TALLEST / scale)))
    top = 0 if changed is None else _most_changed(changed, shown)
    small = max(1, round(width * scale)), min(TALLEST, max(1, round(shown * scale)))
    return _Frame(width, top, top + shown, small)


def _most_changed(changed: Flags, shown: int) -> int:
    """Returns the first of the `shown` rows with the most changed pixels, which it centres."""
    height = len(changed)
    sums = np.concatenate(([0], np.cumsum(np.count_nonzero(changed, axis=1))))
    top = int(np.argmax(sums[shown:] - sums[: height - shown + 1]))
    rows = np.flatnonzero(np.diff(sums[top : top + shown + 1]))
    if not len(rows):
        return 0
    middle = top + int(rows[0] + rows[-1]) // 2
    return min(max(middle - shown // 2, 0), height - shown)


def _side(image: bytes | None, place: Slices, frame: _Frame | None) -> _Side | None:
    """Draws one image; None if it cannot be read. Without a frame it is shown from its top."""
    if image is None:
        return None
    try:
        pixels = decode(image, BufferPool())
    except ImageFault:
        return None
    frame = frame or _frame(pixels.shape[1], pixels.shape[0])
    window = np.empty((frame.bottom - frame.top, frame.width, 3), np.uint8)
    present = np.zeros(window.shape[:2], np.bool_)
    rows, columns = place
    for y, source, length in rows or ((0, 0, pixels.shape[0]),):
        first, last = max(y, frame.top), min(y + length, frame.bottom)
        if first >= last:
            continue
        strip = pixels[source + first - y : source + last - y]
        for x, source_x, width in columns or ((0, 0, pixels.shape[1]),):
            part = _opaque(strip[:, source_x : source_x + width][:, : max(0, frame.width - x)])
            box = (
                slice(first - frame.top, first - frame.top + len(part)),
                slice(x, x + part.shape[1]),
            )
            window[box], present[box] = part, True
    if not present.all():  # filling all of it first would take a third of the time
        window[~present] = ABSENT
    return _Side(_shrink(window, frame.size), _picked(present, frame.size))


def _opaque(part: Pixels) -> Pixels:
    return on_background(np.ascontiguousarray(part), _PAPER) if part.size else part[..., :3]


def _shrink(pixels: Pixels, size: tuple[int, int]) -> Image.Image:
    picture = Image.fromarray(pixels)
    factor = min(picture.width // size[0], picture.height // size[1])
    if factor > 1:  # as in thumbnail: whole boxes first
        picture = picture.reduce(factor)
    return picture.resize(size, Image.Resampling.BILINEAR)


def _picked(flags: Flags, size: tuple[int, int]) -> Flags:
    """Takes one pixel for each of the small picture."""
    rows, columns = starts(flags.shape[0], size[1]), starts(flags.shape[1], size[0])
    return flags[rows][:, columns]


def _difference(old: _Side, new: _Side, changed: Flags, frame: _Frame) -> Image.Image:
    """Head in grey, base where head has nothing, and what changed in the colour of marks."""
    picture = new.picture.copy()
    only_old = old.present & ~new.present
    picture.paste(old.picture, (0, 0), Image.fromarray(only_old.astype(np.uint8) * 255))
    grey = picture.convert("L").point([round(255 - (255 - n) * _FADED) for n in range(256)])
    picture = grey.convert("RGB")
    rows = np.logical_or.reduceat(changed, starts(changed.shape[0], frame.size[1]), axis=0)
    marked = np.logical_or.reduceat(rows, starts(changed.shape[1], frame.size[0]), axis=1)
    marks = Image.fromarray(marked.astype(np.uint8) * 255)
    if frame.size[0] < frame.width:
        marks = marks.filter(ImageFilter.MaxFilter(3))  # one pixel of a page would not be seen
    picture.paste(MARK, (0, 0), marks)
    return picture


def _beside(pictures: Sequence[Image.Image | None]) -> bytes:
    height = max(picture.height for picture in pictures if picture)
    whole = Image.new("RGBA", (WIDTH, height))
    for n, picture in enumerate(pictures):
        shown = picture or _nothing(height)
        whole.paste(shown, (n * (PANE + GAP) + (PANE - shown.width) // 2, 0))
    out = io.BytesIO()
    whole.save(out, "PNG")
    return out.getvalue()


def _nothing(height: int) -> Image.Image:
    """A crossed field."""
    field = Image.new("RGB", (PANE, height), ABSENT)
    pen = ImageDraw.Draw(field)
    pen.line((0, 0, PANE - 1, height - 1), _CROSS)
    pen.line((0, height - 1, PANE - 1, 0), _CROSS)
    return field
