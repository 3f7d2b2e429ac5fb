"""The reference for how far two colours lie apart: odiff's integers, in numpy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_BITS = 12


def _fixed(*coefficients: float) -> tuple[int, ...]:
    return tuple(int(c * (1 << _BITS)) for c in coefficients)


_Y = _fixed(0.29889531, 0.58662247, 0.11448223)
_I = _fixed(0.59597799, -0.27417610, -0.32180189)
_Q = _fixed(0.21147017, -0.52261711, 0.31114694)
_WEIGHTS = _fixed(0.5053, 0.299, 0.1957)


def distances(base: npt.NDArray[np.uint8], head: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """How far apart opaque colours of shape (…, 3) lie, to be compared with `least`."""
    red, green, blue = np.moveaxis(base.astype(np.int64) - head, -1, 0)
    found = np.zeros(base.shape[:-1], np.int64)
    for (r, g, b), weight in zip((_Y, _I, _Q), _WEIGHTS, strict=True):
        found += weight * (red * r + green * g + blue * b) ** 2
    return found
