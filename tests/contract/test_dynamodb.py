"""What only DynamoDB does: the SDK that sends twice, time to live, pages of answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from botocore.model import OperationModel
from botocore.stub import Stubber

from pixelgate.domain.keys import BuildId, ComparisonId
from pixelgate.domain.records import Baseline, BuildRecord, Failure, Lookup, Result, Review
from pixelgate.errors import ErrorCode
from pixelgate.storage.dynamodb_comparisons import DynamoLedger
from pixelgate.storage.dynamodb_items import digest

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ID = ComparisonId("shop", "b1", "b0")
B1 = BuildRecord(BuildId("shop", "b1"), "c1", "a" * 64, created=1000.0)
RESULT = Result("passed", {"total": 1}, "comparison.json", "index.html")
FAILURE = Failure(ErrorCode.INTERNAL, "no", retryable=True)
Items = Callable[[], dict[str, dict[str, Any]]]
QUARTER = 90 * 24 * 3600


@pytest.fixture
def ledger(dynamodb: DynamoDBClient, table: str) -> DynamoLedger:
    return DynamoLedger(dynamodb, table)


@pytest.fixture
def items(dynamodb: DynamoDBClient, table: str) -> Items:
    """Tells every item of the table by its sort key."""
    return lambda: {item["sk"]["S"]: dict(item) for item in dynamodb.scan(TableName=table)["Items"]}


@pytest.mark.parametrize("end", ["publish", "fail"])
def test_what_the_sdk_sends_twice_is_done_once(ledger: DynamoLedger, end: str) -> None:
    mine = ledger.claim(ID, "because", "e1", 1000.0, 1090.0)
    assert ledger.claim(ID, "because", "e1", 1000.0, 1090.0) == mine
    assert ledger.comparison(ID) == mine
    assert mine.claims == 1
    for _ in range(2):
        if end == "publish":
            done = ledger.publish(mine, RESULT, 1010.0)
        else:
            done = ledger.fail(mine, FAILURE, 1010.0)
        assert ledger.comparison(ID) == done


def test_layout_of_the_table(items: Items, ledger: DynamoLedger) -> None:
    ledger.register(B1)
    ledger.claim(ID, "because", "e1", 1000.0, 1090.5)
    found = items()
    # Build, entry of its commit, what is known (build, commit), comparison; no branch is named.
    assert len(found) == 5
    assert all(item["pk"] == {"S": "shop"} for item in found.values())
    [comparison] = [item for item in found.values() if "execution" in item]
    assert comparison["lease_until"] == {"N": "1090.5"}
    assert [sk for sk, item in found.items() if "unfinished" in item] == [comparison["sk"]["S"]]


def expiries(items: Items) -> list[str | None]:
    """When the items that are no entries of a build may be deleted."""
    return [
        item.get("expires_at", {}).get("N")
        for sk, item in items().items()
        if not sk.startswith(("commit", "known"))
    ]


def test_a_rejected_build_is_kept_for_a_quarter_and_an_accepted_one_for_ever(
    items: Items, ledger: DynamoLedger
) -> None:
    ledger.register(replace(B1, id=BuildId("shop", "b0")))
    assert expiries(items) == [None]
    ledger.reject(B1.id, "wrong", 1000.5)
    assert {*expiries(items)} == {None, str(1000 + QUARTER)}
    ledger.register(B1)
    assert expiries(items) == [None, None]
    before = items()
    ledger.reject(B1.id, "wrong", 1000.5)
    assert items() == before


def test_end_of_a_comparison_is_kept_for_a_quarter(items: Items, ledger: DynamoLedger) -> None:
    mine = ledger.claim(ID, "because", "e1", 1000.0, 1090.0)
    assert expiries(items) == [None]
    ledger.fail(mine, FAILURE, 1010.5)
    assert expiries(items) == [str(1010 + QUARTER)]
    mine = ledger.claim(ID, "because", "e2", 1020.0, 1110.0)
    assert expiries(items) == [None]
    ledger.publish(mine, RESULT, 1030.5)
    assert expiries(items) == [str(1030 + QUARTER)]


def test_answers_of_many_pages_are_read_to_the_end(ledger: DynamoLedger) -> None:
    # A page holds 1 MB; reasons of 300 KB make these 1.8 MB.
    ids = {ComparisonId("shop", f"b{n}", "b0") for n in range(6)}
    for comparison in ids:
        ledger.claim(comparison, "x" * 300_000, "e1", 1000.0, 1090.0)
    assert {record.id for record in ledger.unfinished(2000.0)} == ids


def test_every_read_of_the_table_itself_sees_the_last_write(
    dynamodb: DynamoDBClient, ledger: DynamoLedger
) -> None:
    # moto always does; DynamoDB only if it is asked to. (An index cannot be asked.)
    reads: list[tuple[str, bool]] = []

    def note(params: dict[str, Any], model: OperationModel, **_: object) -> None:
        if model.name in {"GetItem", "Query"} and "IndexName" not in params:
            reads.append((model.name, params.get("ConsistentRead", False)))

    dynamodb.meta.events.register("provide-client-params.dynamodb", note)
    try:
        ledger.register(B1)
        ledger.builds_at("shop", "c1")
        list(ledger.builds_by("shop", Lookup.TREE, "7ee"))
        ledger.waiting("shop", ["commit:c1"])
        ledger.comparison(ID)
    finally:
        dynamodb.meta.events.unregister("provide-client-params.dynamodb", note)
    assert {consistent for _, consistent in reads} == {True}
    assert [name for name, _ in reads] == [
        "GetItem", "Query", "GetItem", "Query", "Query", "GetItem",
    ]  # fmt: skip


def test_error_that_is_no_refused_condition_is_raised(dynamodb: DynamoDBClient) -> None:
    ledger = DynamoLedger(dynamodb, "another table")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        ledger.claim(ID, "because", "e1", 1000.0, 1090.0)


def test_throttled_write_is_not_taken_for_a_lost_lease(
    dynamodb: DynamoDBClient, ledger: DynamoLedger
) -> None:
    mine = ledger.claim(ID, "because", "e1", 1000.0, 1090.0)
    with Stubber(dynamodb) as stubber:
        stubber.add_client_error("update_item", "ThrottlingException", http_status_code=400)
        with pytest.raises(ClientError, match="ThrottlingException"):
            ledger.publish(mine, RESULT, 1010.0)
    assert ledger.comparison(ID) == mine


def test_times_of_the_real_clock_are_stored_exactly(ledger: DynamoLedger) -> None:
    now = time.time()
    mine = ledger.claim(ID, "because", "e1", now, now + 90.0)
    assert (mine.created, mine.lease_until) == (now, now + 90.0)
    assert ledger.comparison(ID) == mine


def test_a_review_and_a_run_write_attributes_of_their_own(
    dynamodb: DynamoDBClient, table: str, ledger: DynamoLedger
) -> None:
    ledger.register(B1)
    for n, review in enumerate(Review):
        dynamodb.update_item(
            TableName=table,
            Key={"pk": {"S": "shop"}, "sk": {"S": "build/b1"}},
            UpdateExpression="SET review = :review",
            ExpressionAttributeValues={":review": {"S": review}},
        )
        [ledger.mark_images_present, ledger.mark_images_valid][n](B1.id)
        ledger.choose_baseline(B1.id, Baseline("b0", "because"))
        assert ledger.register(B1).review is review
    assert ledger.build(B1.id) == replace(
        B1,
        review=Review.REJECTED,
        arrived=True,
        complete=True,
        baseline=Baseline("b0", "because"),
    )


def test_an_entry_of_who_waits_is_tidied_up_after_its_time(
    items: Items, ledger: DynamoLedger
) -> None:
    ledger.wait(ledger.claim(ID, "because", "e1", 1000.0, 1090.0), ["commit:c1"], 1600.5, 1001.0)
    [entry] = [item for sk, item in items().items() if sk.startswith("waits/")]
    assert entry["expires_at"] == {"N": str(1600 + QUARTER)}


def test_what_was_too_much_at_once_is_asked_for_again(
    dynamodb: DynamoDBClient, table: str, ledger: DynamoLedger
) -> None:
    ledger.register(B1)
    key = {"pk": {"S": "shop"}, "sk": {"S": f"known/{digest('commit:c1')}"}}
    asked = {table: {"Keys": [key], "ConsistentRead": True}}
    with Stubber(dynamodb) as stubber:
        for answer in ({"Responses": {}, "UnprocessedKeys": asked}, {"Responses": {table: [key]}}):
            stubber.add_response("batch_get_item", answer, {"RequestItems": asked})
        assert ledger.existing_lookup_keys("shop", ["commit:c1"]) == {"commit:c1"}
        stubber.assert_no_pending_responses()
