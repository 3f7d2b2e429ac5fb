"""What a run used, and dollars by the stated prices."""

from __future__ import annotations

import pytest

from pixelgate.domain.cost import PRICE_LIST, Usage


def test_what_was_used_between_two_readings() -> None:
    before = Usage(10.0, {"s3.GetObject": 4, "s3.PutObject": 1})
    after = Usage(12.5, {"s3.GetObject": 9, "s3.PutObject": 1, "dynamodb.UpdateItem": 2})
    assert after.since(before) == Usage(2.5, {"dynamodb.UpdateItem": 2, "s3.GetObject": 5})


@pytest.mark.parametrize(
    ("usage", "dollars"),
    [
        (Usage(), 0.0),
        (Usage(60_000), 1.000002),
        (Usage(0, {"s3.PutObject": 1_000}), 0.005),
        (Usage(0, {"s3.GetObject": 1_000}), 0.0004),
        (Usage(0, {"dynamodb.UpdateItem": 1_000_000}), 0.625),
        (Usage(0, {"dynamodb.GetItem": 1_000_000}), 0.125),
        (Usage(0, {"lambda.Invoke": 1_000_000}), 0.2),
        (Usage(0, {"states.StateTransition": 1_000}), 0.025),
        (Usage(0, {"states.ExpressExecution": 1_000_000}), 1.0),
        (Usage(0, {"s3.DeleteObject": 1_000_000}), 0.0),
    ],
)
def test_dollars(usage: Usage, dollars: float) -> None:
    assert usage.dollars == pytest.approx(dollars, rel=1e-9)


def test_the_bill_states_its_prices() -> None:
    assert Usage(1.23456, {"s3.PutObject": 2}).as_json() == {
        "gb_seconds": 1.235,
        "requests": {"s3.PutObject": 2},
        "dollars": 0.000031,
        "price_list": PRICE_LIST,
    }
