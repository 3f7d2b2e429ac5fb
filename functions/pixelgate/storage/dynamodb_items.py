"""Converts records to DynamoDB items and back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from pixelgate.domain.keys import BuildId, ComparisonId
from pixelgate.domain.records import Baseline, BuildRecord, ComparisonRecord, Lookup, Review
from pixelgate.domain.review_request import Decision, ReviewRecord
from pixelgate.storage.codec import decode

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


def build_key(build: BuildId) -> dict[str, str]:
    """The key of a build's item."""
    return {"pk": build.project, "sk": f"build/{build.build}"}


def digest(value: str) -> str:
    """Returns a hash that stands in a sort key for a text of any length, with any characters."""
    return hashlib.sha256(value.encode()).hexdigest()[:32]


def lookup_key(lookup: Lookup, value: str, created: float, build: BuildId) -> str:
    """The sort key of an entry that finds a build; entries of one value are sorted by time."""
    return f"{lookup}/{digest(value)}/{created:018.6f}/{build.build}"


def comparison_key(comparison: ComparisonId) -> dict[str, str]:
    """The key of a comparison's item."""
    c = comparison
    return {"pk": c.project, "sk": f"comparison/{c.head}/{c.base}"}


def to_item(values: Mapping[str, Any]) -> dict[str, AttributeValueTypeDef]:
    """Converts values to DynamoDB's types; it takes decimals, not floats."""
    return {
        name: _serialize(Decimal(repr(value)) if isinstance(value, float) else value)
        for name, value in values.items()
    }


def from_item(item: Mapping[str, AttributeValueTypeDef]) -> dict[str, Any]:
    """Converts an item's values to Python's types; numbers are decimals."""
    return {name: _deserialize(value) for name, value in item.items()}


def build_record(build: BuildId, item: Mapping[str, Any]) -> BuildRecord:
    """Decodes a build, whose baseline is in three attributes."""
    baseline = None
    if "baseline" in item:
        names = {"build": "baseline", "reason": "baseline_reason", "choice": "baseline_choice"}
        baseline = decode(Baseline, {name: item.get(stored) for name, stored in names.items()})
    return decode(BuildRecord, item, id=build, baseline=baseline)


def comparison_record(comparison: ComparisonId, item: Mapping[str, Any]) -> ComparisonRecord:
    """Decodes a comparison; it was announced if it is no longer in the index."""
    item = {**item, "choice": item.get("baseline_choice")}
    return decode(ComparisonRecord, item, id=comparison, announced="unfinished" not in item)


def review_record(item: Mapping[str, Any]) -> ReviewRecord:
    """Decodes a review."""
    _, build, review_id = item["sk"].split("/")
    return decode(ReviewRecord, item, build=BuildId(item["pk"], build), id=review_id)


def decision_of(item: Mapping[str, Any]) -> Decision:
    """Decodes a decision."""
    build = BuildId(item["pk"], item["sk"].rsplit("/", 1)[1])
    review = Review(item["review"]) if item["review"] else None
    return decode(Decision, item, build=build, review=review)
