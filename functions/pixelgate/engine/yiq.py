"""odiff's scale of how far two colours lie apart, in which the thresholds are given."""

from __future__ import annotations

_BITS = 12  # odiff's integers have so many fractional bits: functions/native/planes.c
_MOST = 35_215  # black against white


def least(threshold: float) -> int:
    """The smallest distance that lies above a threshold.

    Args:
        threshold: from 0, any difference, to 1, black against white.
    """
    return (int(_MOST * threshold * threshold * (1 << _BITS)) + 1) << 2 * _BITS
