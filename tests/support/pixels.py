"""Small pictures as arrays, for tests whose numbers can be counted by hand."""

from __future__ import annotations

import numpy as np

from support.plain_odiff import Pixels


def grey(width: int, height: int, level: int = 128) -> Pixels:
    return np.full((height, width, 3), level, np.uint8)


def rgba(width: int, height: int, *colour: int) -> Pixels:
    return np.full((height, width, 4), colour, np.uint8)


def with_box(
    image: Pixels, x: int, y: int, width: int, height: int, colour: tuple[int, ...]
) -> Pixels:
    changed = image.copy()
    changed[y : y + height, x : x + width] = colour
    return changed


def ellipse(shift: float) -> Pixels:
    """A black ellipse, drawn eight times as large and made small, so that its edge is smooth."""
    y, x = np.mgrid[0:1_600, 0:1_600]
    inside = ((x - 800 - 8 * shift) / 640) ** 2 + ((y - 800) / 400) ** 2 < 1
    small = 255 - 255 * inside.reshape(200, 8, 200, 8).mean(axis=(1, 3))
    return np.repeat(small[..., None], 3, axis=2).astype(np.uint8)
