"""The Wilson interval, against published numbers and by its definition."""

from __future__ import annotations

from math import isclose

import pytest

from pixelgate.domain.wilson import wilson


@pytest.mark.parametrize(
    ("found", "trials", "low", "high"),
    [
        # Newcombe 1998, Statistics in Medicine 17, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (10, 10, 0.7225, 1.0000),
        (0, 0, 0.0000, 1.0000),
    ],
)
def test_the_interval_is_the_published_one(
    found: int, trials: int, low: float, high: float
) -> None:
    assert tuple(round(end, 4) for end in wilson(found, trials)) == (low, high)


@pytest.mark.parametrize("trials", [1, 2, 10, 17, 300])
def test_its_ends_are_where_the_rate_is_two_deviations_away(trials: int) -> None:
    for found in range(trials + 1):
        rate, interval = found / trials, wilson(found, trials)
        assert 0 <= interval.low <= rate <= interval.high <= 1
        for end in interval:
            deviation = (end * (1 - end) / trials) ** 0.5
            assert isclose(abs(rate - end), 1.959963984540054 * deviation, abs_tol=1e-9)


@pytest.mark.parametrize(("found", "trials"), [(2, 1), (-1, 5)])
def test_what_is_no_rate_is_refused(found: int, trials: int) -> None:
    with pytest.raises(ValueError, match="is no rate"):
        wilson(found, trials)
