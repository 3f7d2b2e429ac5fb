"""Every field of every record comes back from every ledger, and from a table of an older version.

Whoever adds a field to a record adds it here: a field that is not set fails the first tests.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pixelgate.domain.baseline import Choice, Kind, PassedOver
from pixelgate.domain.keys import BuildId, ComparisonId
from pixelgate.domain.records import (
    Baseline,
    BuildRecord,
    ComparisonRecord,
    Failure,
    Lookup,
    Result,
    Review,
    Series,
    State,
)
from pixelgate.domain.review_request import Decision, OnBehalfOf, ReviewRecord
from pixelgate.errors import ErrorCode
from pixelgate.ports import Ledger
from pixelgate.storage.codec import decode, encode
from pixelgate.storage.dynamodb_comparisons import DynamoLedger

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

OLD_TABLE = Path(__file__).parents[1] / "fixtures" / "stored" / "table.json"
T = 1_767_323_045.678
CHOICE = Choice(Kind.ANCESTOR, 3, (PassedOver("not approved", "b0"), PassedOver("none", None, "c")))
BASELINE = Baseline("b1", "the nearest ancestor", CHOICE)
BUILD = BuildRecord(
    id=BuildId("shop", "b2"),
    commit="c2",
    manifest_sha256="a" * 64,
    created=T,
    baseline=BASELINE,
    complete=True,
    arrived=True,
    lost=True,
    branch="topic",
    pull_request="7",
    tree="f" * 40,
    trusted=False,
    selective=True,
    review=Review.REJECTED,
    author="Ada",
)
ID = ComparisonId("shop", "b2", "b1")
SUCCEEDED = ComparisonRecord(
    id=ID,
    state=State.SUCCEEDED,
    execution="e2",
    lease_until=T + 900,
    attempts=1,
    claims=2,
    created=T,
    claimed=T + 10,
    updated=T + 20,
    baseline_reason="because",
    verdict="needs_review",
    counts={"total": 3, "changed": 1},
    comparison_key="comparison.json",
    report_key="index.html",
    version="0.9",
    announced=True,
    choice=CHOICE,
    wait_until=T + 600,
    fan_out="4 gigapixels",
)
FAILED = replace(
    SUCCEEDED,
    state=State.FAILED,
    attempts=0,
    verdict=None,
    counts={},
    comparison_key=None,
    report_key=None,
    version=None,
    error_code=ErrorCode.INTERNAL,
    error_message="ValueError: no",
    retryable=True,
)
REVIEW = ReviewRecord(
    BuildId("shop", "b2"),
    "r1",
    "approve",
    "AWS:ada",
    "2026-05-28T20:28:41.250+00:00",
    "b" * 64,
    execution="e2",
    reason="the new blue",
    refused="a later one has come",
    on_behalf_of=OnBehalfOf("https://login.example.com", "7", "ada"),
)
DECISION = Decision(BuildId("shop", "b2"), Review.APPROVED, "2026-05-28T20:28:41.250+00:00")


def default(field: Field[Any]) -> object:
    if field.default is not MISSING:
        return field.default
    return None if field.default_factory is MISSING else field.default_factory()


def unset(*records: Any) -> list[str]:
    """Fields that have their default in each of these records, which are of one class."""
    return [
        f.name
        for f in fields(records[0])
        if all(getattr(record, f.name) in (default(f), None) for record in records)
    ]


@pytest.mark.parametrize(
    "records",
    [(BUILD,), (SUCCEEDED, FAILED), (REVIEW,), (DECISION,), (BASELINE,), (CHOICE,),
     CHOICE.passed_over],
    ids=lambda records: type(records[0]).__name__,
)  # fmt: skip
def test_every_field_is_set_here(records: tuple[Any, ...]) -> None:
    assert unset(*records) == []


def test_every_field_of_a_build_comes_back(ledger: Ledger) -> None:
    later: dict[str, Any] = {"baseline": None, "review": None}
    later |= dict.fromkeys(("complete", "arrived", "lost"), False)
    ledger.register(replace(BUILD, **later))
    assert ledger.choose_baseline(BUILD.id, BASELINE) == BASELINE
    ledger.mark_images_valid(BUILD.id)
    ledger.mark_images_missing(BUILD.id)
    ledger.set_review(BUILD.id, Review.REJECTED, 1)
    assert ledger.build(BUILD.id) == BUILD
    assert ledger.builds_at("shop", "c2") == [BUILD]
    assert list(ledger.builds_by("shop", Lookup.TREE, "f" * 40)) == [BUILD]


def handed_over(ledger: Ledger) -> ComparisonRecord:
    """A claim that has waited and was handed over."""
    first = ledger.claim(ID, "because", "e1", T, T + 90, CHOICE)
    ledger.wait(first, ["build:b1"], T + 600, T + 1)
    assert ledger.wake(ID, T + 9)
    second = ledger.claim(ID, "because", "e2", T + 10, T + 100, CHOICE)
    return ledger.hand_over(second, "4 gigapixels", T + 11, T + 900)


@pytest.mark.parametrize("record", [SUCCEEDED, FAILED], ids=["result", "failure"])
def test_every_field_of_an_end_comes_back(ledger: Ledger, record: ComparisonRecord) -> None:
    mine = handed_over(ledger)
    if record is SUCCEEDED:
        result = Result("needs_review", record.counts, "comparison.json", "index.html", "0.9")
        end = ledger.publish(mine, result, T + 20)
    else:
        end = ledger.fail(mine, Failure(ErrorCode.INTERNAL, "ValueError: no", True), T + 20)
    assert end == replace(record, announced=False)
    ledger.mark_announced(end)
    assert ledger.comparison(ID) == record


def test_every_field_of_a_review_and_of_a_decision_comes_back(ledger: Ledger) -> None:
    assert ledger.add_review(REVIEW) == REVIEW
    assert ledger.reviews(BUILD.id) == [REVIEW]
    for lookup in (Lookup.PULL_REQUEST, Lookup.BRANCH):
        series = Series(lookup, "7")
        for revision, decision in enumerate((DECISION, replace(DECISION, review=None)), 1):
            ledger.set_decision(series, decision, revision)
            assert ledger.decisions("shop", series) == [decision]


def test_a_field_of_a_type_that_is_not_stored_is_an_error() -> None:
    with pytest.raises(TypeError, match="complex"):
        decode(_Odd, {"number": 1})


@dataclass(frozen=True)
class _Odd:
    number: complex


def test_a_field_that_is_none_is_left_out_and_has_its_default_afterwards() -> None:
    stored = encode(Choice(Kind.NONE))
    assert stored == {"kind": "none", "passed_over": []}
    assert decode(Choice, stored) == Choice(Kind.NONE)


# --- a table of an older version -------------------------------------------------------------


@pytest.fixture(scope="module")
def expected() -> Mapping[str, Any]:
    """What the version that wrote the table read from it."""
    records: Mapping[str, Any] = json.loads(OLD_TABLE.read_text())["records"]
    return records


@pytest.fixture
def old(dynamodb: DynamoDBClient, table: str) -> DynamoLedger:
    for item in json.loads(OLD_TABLE.read_text())["items"]:
        dynamodb.put_item(TableName=table, Item=item)
    return DynamoLedger(dynamodb, table)


def plain(record: Any, like: Mapping[str, Any] | None) -> Any:
    """As JSON shows it, with the fields that the older version knew."""
    if record is None or like is None:
        return record
    return {n: v for n, v in json.loads(json.dumps(asdict(record))).items() if n in like}


def all_plain(records: list[Any], like: list[Mapping[str, Any]]) -> list[Any]:
    return [plain(record, one) for record, one in zip(records, like, strict=True)]


def test_builds_of_an_older_version_are_read(
    old: DynamoLedger, expected: Mapping[str, Any]
) -> None:
    builds = {
        name: plain(old.build(BuildId("shop", name)), then)
        for name, then in expected["builds"].items()
    }
    assert builds == expected["builds"]
    assert sum(build is not None for build in builds.values()) == 7
    found = [b.id.build for b in old.builds_by("shop", Lookup.BRANCH, "topic")]
    assert found == expected["by_branch"]


def test_comparisons_of_an_older_version_are_read(
    old: DynamoLedger, expected: Mapping[str, Any]
) -> None:
    found = {
        key: plain(old.comparison(ComparisonId("shop", *key.split("/"))), then)
        for key, then in expected["comparisons"].items()
    }
    assert found == expected["comparisons"]
    assert {record["state"] for record in found.values()} == {*State}
    later = old.unfinished(2e9)
    assert sorted(f"{c.id.head}/{c.id.base}" for c in later) == expected["unfinished"]
    waiting, then = old.waiting("shop", ["build:never"]), expected["waiting_for_never"]
    assert all_plain(waiting, then) == then


def test_reviews_of_an_older_version_are_read(
    old: DynamoLedger, expected: Mapping[str, Any]
) -> None:
    for name, then in expected["reviews"].items():
        assert all_plain(old.reviews(BuildId("shop", name)), then) == then
    assert (
        all_plain(old.decisions("shop", Series(Lookup.PULL_REQUEST, "7")), expected["decisions"])
        == expected["decisions"]
    )
