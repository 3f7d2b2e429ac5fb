"""The cost of a run: the resources that it used, and their price in dollars."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# AWS list prices of us-east-1 in US dollars, without free tiers and discounts; storage and traffic
# are not included. Lambda on x86; DynamoDB on demand, items of up to 1 KB.
PRICE_LIST = "AWS list prices, us-east-1, 2025-11"
_GB_SECOND = 0.0000166667
_PER_REQUEST: Mapping[str, float] = {
    "lambda.Invoke": 0.20 / 1_000_000,
    "s3.PutObject": 0.005 / 1_000,
    "s3.CopyObject": 0.005 / 1_000,
    "s3.ListObjectsV2": 0.005 / 1_000,
    "s3.GetObject": 0.0004 / 1_000,
    "s3.HeadObject": 0.0004 / 1_000,
    # A step of a standard workflow, and the start of an express workflow.
    "states.StateTransition": 0.025 / 1_000,
    "states.ExpressExecution": 1.00 / 1_000_000,
    "dynamodb.PutItem": 0.625 / 1_000_000,
    "dynamodb.UpdateItem": 0.625 / 1_000_000,
    "dynamodb.DeleteItem": 0.625 / 1_000_000,
    "dynamodb.TransactWriteItems": 2 * 0.625 / 1_000_000,
    "dynamodb.GetItem": 0.125 / 1_000_000,
    "dynamodb.Query": 0.125 / 1_000_000,
}


@dataclass(frozen=True)
class Usage:
    """The resources that were used since some moment: memory in GB times seconds, and requests.

    Requests are counted by "service.Operation", as AWS names them.
    """

    gb_seconds: float = 0.0
    requests: Mapping[str, int] = field(default_factory=dict)

    def since(self, before: Usage) -> Usage:
        """Returns what was used since an earlier reading."""
        requests = Counter(self.requests)
        requests.subtract(before.requests)
        return Usage(
            self.gb_seconds - before.gb_seconds,
            {name: n for name, n in sorted(requests.items()) if n > 0},
        )

    def plus(self, other: Usage) -> Usage:
        """Returns the sum of both."""
        requests = Counter(self.requests)
        requests.update(other.requests)
        return Usage(self.gb_seconds + other.gb_seconds, dict(sorted(requests.items())))

    @property
    def dollars(self) -> float:
        """The price by the list; requests that are not listed count as free."""
        return self.gb_seconds * _GB_SECOND + sum(
            n * _PER_REQUEST.get(name, 0.0) for name, n in self.requests.items()
        )

    def dollars_of(self, service: str) -> float:
        """The price of the requests to one service, such as "s3"."""
        named = {n: count for n, count in self.requests.items() if n.startswith(f"{service}.")}
        return Usage(requests=named).dollars

    def as_json(self) -> dict[str, Any]:
        """Returns `cost` of comparison.json."""
        return {
            "gb_seconds": round(self.gb_seconds, 3),
            "requests": dict(self.requests),
            "dollars": round(self.dollars, 6),
            "price_list": PRICE_LIST,
        }
