"""odiff's measure of how far two colours lie apart, bit for bit.

YIQ after Kotsarenko and Ramos, "Measuring perceived color difference using YIQ NTSC transmission
color space in mobile applications" (2010). odiff computes it in integers with 12 fractional bits,
coefficients cut off, and so do we: near a threshold floating point would decide otherwise.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_BITS = 12
_MOST = 35_215  # black against white


def _fixed(*coefficients: float) -> tuple[int, ...]:
    return tuple(int(c * (1 << _BITS)) for c in coefficients)


_Y = _fixed(0.29889531, 0.58662247, 0.11448223)
_I = _fixed(0.59597799, -0.27417610, -0.32180189)
_Q = _fixed(0.21147017, -0.52261711, 0.31114694)
_WEIGHTS = _fixed(0.5053, 0.299, 0.1957)


def distances(base: npt.NDArray[np.uint8], head: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """How far apart colours lie, to be compared with `least`.

    Args:
        base: opaque colours, shape (…, 3).
        head: the same shape.

    Returns:
        Shape (…); whole numbers below 2^52. Doubles hold them exactly, and processors multiply
        doubles several at a time but 64-bit integers one by one.
    """
    red, green, blue = (np.subtract(base[..., c], head[..., c], dtype=np.float64) for c in range(3))
    found = np.zeros(base.shape[:-1])
    for (r, g, b), weight in zip((_Y, _I, _Q), _WEIGHTS, strict=True):
        part = red * r + green * g + blue * b
        part *= part
        part *= weight
        found += part
    return found


def least(threshold: float) -> int:
    """The smallest distance that lies above a threshold.

    Args:
        threshold: from 0, any difference, to 1, black against white.
    """
    return (int(_MOST * threshold * threshold * (1 << _BITS)) + 1) << 2 * _BITS
