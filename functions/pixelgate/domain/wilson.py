"""The interval in which a rate lies, as far as a few trials can tell."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

# The quantile of the normal distribution that leaves 2.5 % on either side.
_Z = 1.959963984540054


class Interval(NamedTuple):
    """The ends of an interval of rates, 0 to 1."""

    low: float
    high: float


def wilson(found: int, trials: int) -> Interval:
    """Returns the Wilson score interval of 95 % of a rate that was `found` times in so many trials.

    Without a trial, the rate may be anything. Raises ValueError if more was found than tried.
    """
    if not 0 <= found <= trials:
        raise ValueError(f"{found} of {trials} is no rate")
    if trials == 0:
        return Interval(0.0, 1.0)
    rate, square = found / trials, _Z * _Z
    middle = (rate + square / (2 * trials)) / (1 + square / trials)
    half = (
        _Z
        * sqrt(rate * (1 - rate) / trials + square / (4 * trials * trials))
        / (1 + square / trials)
    )
    # At the ends, rounding would leave a little more or less than 0 and 1.
    low = 0.0 if found == 0 else max(0.0, middle - half)
    high = 1.0 if found == trials else min(1.0, middle + half)
    return Interval(low, high)
