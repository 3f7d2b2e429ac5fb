"""Events arrive as they were emitted, or the emitter says that they did not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber
from moto import mock_aws

from pixelgate.aws.eventbridge import EventBridgeEvents
from pixelgate.errors import NotTold
from pixelgate.ports import Events
from support.aws import REGION
from support.doubles.memory import MemoryEvents

DETAIL = {"schema_version": 1, "project": "Büro", "review": None, "counts": {"total": 2}}
BUCKET = "arn:aws:s3:::shots"
Received = Callable[[], list[tuple[str, dict[str, Any]]]]


@pytest.fixture(params=["memory", "eventbridge"])
def bus(request: pytest.FixtureRequest) -> Iterator[tuple[Events, Received]]:
    """An emitter, and what a listener has heard."""
    if request.param == "memory":
        memory = MemoryEvents()
        yield memory, lambda: memory.emitted
        return
    with mock_aws():
        events, sqs = boto3.client("events", REGION), boto3.client("sqs", REGION)
        queue = sqs.create_queue(QueueName="heard")["QueueUrl"]
        arn = f"arn:aws:sqs:{REGION}:123456789012:heard"
        events.put_rule(Name="all", EventPattern=json.dumps({"source": ["pixelgate"]}))
        events.put_targets(Rule="all", Targets=[{"Id": "queue", "Arn": arn}])

        def received() -> list[tuple[str, dict[str, Any]]]:
            answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
            heard = [json.loads(message["Body"]) for message in answer.get("Messages", [])]
            # What the adapter adds says of which stack the event is.
            assert [event["detail"].pop("bucket") for event in heard] == ["shots"] * len(heard)
            assert [event["resources"] for event in heard] == [[BUCKET]] * len(heard)
            return [(event["detail-type"], event["detail"]) for event in heard]

        yield EventBridgeEvents(lambda: events, "shots"), received


def test_event_arrives_as_it_was_emitted(bus: tuple[Events, Received]) -> None:
    emitter, received = bus
    emitter.emit("Comparison State Change", DETAIL)
    assert received() == [("Comparison State Change", DETAIL)]


@pytest.mark.parametrize(
    ("region", "bus", "arn"),
    [
        ("us-east-1", "default", "arn:aws:s3:::shots"),
        ("cn-north-1", "visual", "arn:aws-cn:s3:::shots"),
    ],
)
def test_an_event_names_its_bus_and_the_bucket_in_its_partition(
    region: str, bus: str, arn: str
) -> None:
    client = boto3.client("events", region, aws_access_key_id="x", aws_secret_access_key="x")
    entry = {
        "EventBusName": bus,
        "Source": "pixelgate",
        "DetailType": "Comparison State Change",
        "Detail": json.dumps({**DETAIL, "bucket": "shots"}, ensure_ascii=False),
        "Resources": [arn],
    }
    with Stubber(client) as stub:
        answer = {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}
        stub.add_response("put_events", answer, {"Entries": [entry]})
        EventBridgeEvents(lambda: client, "shots", bus).emit("Comparison State Change", DETAIL)
        stub.assert_no_pending_responses()


REFUSED = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "Throttling", "ErrorMessage": "slow"}]}


def test_event_that_is_refused_or_taken_and_dropped_was_not_told() -> None:
    client = boto3.client("events", REGION, aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stub:
        stub.add_response("put_events", REFUSED)
        stub.add_client_error("put_events", "InternalException")
        for words in ("EventBridge: Throttling: slow", "InternalException"):
            with pytest.raises(NotTold, match=words):
                EventBridgeEvents(lambda: client, "shots").emit("Comparison State Change", DETAIL)


def test_bus_that_does_not_answer_was_not_told() -> None:
    class Silent:
        meta = SimpleNamespace(partition="aws")

        def put_events(self, **request: Any) -> None:
            raise EndpointConnectionError(endpoint_url="events")

    with pytest.raises(NotTold, match="EventBridge: Could not connect"):
        EventBridgeEvents(Silent, "shots").emit("Comparison State Change", DETAIL)  # type: ignore[arg-type]
