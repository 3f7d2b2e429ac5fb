"""How builds and comparisons look as DynamoDB items, there and back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from pixelgate.domain.baseline import Choice, Kind
from pixelgate.domain.keys import BuildId, ComparisonId
from pixelgate.domain.records import Baseline, BuildRecord, ComparisonRecord, Lookup, Review, State
from pixelgate.errors import ErrorCode

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


def build_key(build: BuildId) -> dict[str, str]:
    """The key of a build's item."""
    return {"pk": build.project, "sk": f"build/{build.build}"}


def digest(value: str) -> str:
    """Stands for a text of any length and any letters in a sort key."""
    return hashlib.sha256(value.encode()).hexdigest()[:32]


def lookup_key(lookup: Lookup, value: str, created: float, build: BuildId) -> str:
    """The sort key of an entry that finds a build; entries of one value lie by time."""
    return f"{lookup}/{digest(value)}/{created:018.6f}/{build.build}"


def comparison_key(comparison: ComparisonId) -> dict[str, str]:
    """The key of a comparison's item."""
    c = comparison
    return {"pk": c.project, "sk": f"comparison/{c.head}/{c.base}"}


def comparison_id(values: Mapping[str, Any]) -> ComparisonId:
    """Which comparison an item of the index is."""
    _, head, base = values["sk"].split("/")
    return ComparisonId(values["pk"], head, base)


def to_item(values: Mapping[str, Any]) -> dict[str, AttributeValueTypeDef]:
    """DynamoDB takes decimals, not floats."""
    return {
        name: _serialize(Decimal(repr(value)) if isinstance(value, float) else value)
        for name, value in values.items()
    }


def from_item(item: Mapping[str, AttributeValueTypeDef]) -> dict[str, Any]:
    """An item's values; its numbers are decimals."""
    return {name: _deserialize(value) for name, value in item.items()}


def build_record(build: BuildId, item: Mapping[str, Any]) -> BuildRecord:
    """The build that an item tells of."""
    baseline = None
    if "baseline" in item:
        choice = Choice.from_json(item.get("baseline_choice") or Choice(Kind.NAMED).as_json())
        baseline = Baseline(item["baseline"], item["baseline_reason"], choice)
    return BuildRecord(
        id=build,
        commit=item["commit"],
        manifest_sha256=item["manifest_sha256"],
        created=float(item["created"]),
        baseline=baseline,
        complete=bool(item.get("complete", False)),
        arrived=bool(item.get("arrived", False)),
        lost=bool(item.get("lost", False)),
        branch=item.get("branch", ""),
        pull_request=item.get("pull_request"),
        tree=item.get("tree"),
        trusted=bool(item.get("trusted", True)),
        selective=bool(item.get("selective", False)),
        review=Review(item["review"]) if item.get("review") else None,
    )


def comparison_record(comparison: ComparisonId, item: Mapping[str, Any]) -> ComparisonRecord:
    """The comparison that an item tells of."""
    code, choice, wait_until = map(item.get, ("error_code", "baseline_choice", "wait_until"))
    return ComparisonRecord(
        id=comparison,
        state=State(item["state"]),
        execution=item["execution"],
        lease_until=float(item["lease_until"]),
        attempts=int(item["attempts"]),
        claims=int(item["claims"]),
        created=float(item["created"]),
        claimed=float(item["claimed"]),
        updated=float(item["updated"]),
        baseline_reason=item["baseline_reason"],
        verdict=item.get("verdict"),
        counts={name: int(n) for name, n in item.get("counts", {}).items()},
        comparison_key=item.get("comparison_key"),
        report_key=item.get("report_key"),
        error_code=ErrorCode(code) if code else None,
        error_message=item.get("error_message"),
        retryable=bool(item.get("retryable", False)),
        announced="unfinished" not in item,
        choice=Choice.from_json(choice) if choice else None,
        wait_until=None if wait_until is None else float(wait_until),
        fan_out=item.get("fan_out"),
    )
