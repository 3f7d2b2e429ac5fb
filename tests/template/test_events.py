"""The files in events/ have the shape AWS sends."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote_plus

import pytest

from pixelgate.domain import state_events

from .stack import BUCKET_ARN, BUCKET_NAME, ROOT, Stack

PUT = "ObjectCreated:Put"
OBJECTS = {
    "s3-manifest-put": [(PUT, "uploads/web/4f2a9c1d/manifest.json")],
    "s3-manifest-put-encoded": [(PUT, "uploads/Büro & Café/release 1.0+50%/manifest.json")],
    "s3-several-records": [
        (PUT, "uploads/web/4f2a9c1d/manifest.json"),
        ("ObjectCreated:CompleteMultipartUpload", "uploads/docs/8c01be77/manifest.json"),
        (PUT, "uploads/web/b7730e52/manifest.json"),
    ],
    "s3-manifest-delete": [
        ("ObjectRemoved:DeleteMarkerCreated", "uploads/web/4f2a9c1d/manifest.json")
    ],
    "s3-shard-put": [(PUT, "uploads/web/4f2a9c1d/shards/2-of-2/manifest.json")],
    "s3-finalize-put": [(PUT, "uploads/web/4f2a9c1d/finalize/manifest.json")],
    "s3-not-a-manifest": [(PUT, "uploads/web/4f2a9c1d/screens/manifest.json")],
}


def read(name: str) -> Any:
    return json.loads((ROOT / f"events/{name}.json").read_text(encoding="utf-8"))


def test_these_are_all_files_and_the_readme_tells_of_each() -> None:
    others = ["s3-review-put", "s3-test-event", "state-change", "sweep-schedule", "sweep-waits"]
    files = {path.name for path in (ROOT / "events").glob("*.json")}
    assert files == {f"{n}.json" for n in [*OBJECTS, *others]}
    readme = (ROOT / "events/README.md").read_text(encoding="utf-8")
    assert all(f"| {name} |" in readme for name in files)


@pytest.mark.parametrize("name", OBJECTS)
def test_s3_records(name: str) -> None:
    records = read(name)["Records"]
    found = [(r["eventName"], unquote_plus(r["s3"]["object"]["key"])) for r in records]
    assert found == OBJECTS[name]
    for record in records:
        assert record["eventSource"] == "aws:s3"
        assert record["eventVersion"] == "2.1"
        assert record["s3"]["bucket"]["arn"].endswith(":" + record["s3"]["bucket"]["name"])
        wanted = {"key", "size", "eTag", "versionId", "sequencer"}
        deleted = record["eventName"].startswith("ObjectRemoved:")
        assert record["s3"]["object"].keys() == wanted - ({"size"} if deleted else set())


def test_keys_are_encoded_as_s3_does_it() -> None:
    [record] = read("s3-manifest-put-encoded")["Records"]
    key = record["s3"]["object"]["key"]
    assert key == "uploads/B%C3%BCro+%26+Caf%C3%A9/release+1.0%2B50%25/manifest.json"


def test_every_creation_is_one_that_the_notification_lets_through(stack: Stack) -> None:
    notifications = stack.only("AWS::S3::Bucket")["NotificationConfiguration"]
    called = {}
    for one in notifications["LambdaConfigurations"]:
        rules = {rule["Name"]: rule["Value"] for rule in one["Filter"]["S3Key"]["Rules"]}
        called[one["Function"]] = rules["prefix"], rules["suffix"]
    [review] = read("s3-review-put")["Records"]
    arrivals = [("${CompareFunction.Arn}", key) for found in OBJECTS.values() for _, key in found]
    for function, key in [*arrivals, ("${ReviewFunction.Arn}", review["s3"]["object"]["key"])]:
        prefix, suffix = called[function]
        assert key.startswith(prefix)
        assert key.endswith(suffix)
    # Who wrote it.
    who = {"principalId": "AWS:AROAEXAMPLEEXAMPLE01:ada@example.com"}
    assert review["userIdentity"] == who


def test_the_rule_hears_every_change_of_state_of_this_stack(stack: Stack) -> None:
    """Another stack of the account sends to the same bus: its events name another bucket."""
    pattern = stack.of_type("AWS::Events::Rule")["StateChanges"]["EventPattern"]
    assert pattern == {
        "source": [state_events.SOURCE],
        "detail-type": [state_events.COMPARISON, state_events.REVIEW],
        "resources": [BUCKET_ARN],
    }
    event = read("state-change")
    assert event["source"] in pattern["source"]
    assert event["detail-type"] in pattern["detail-type"]
    bucket = event["detail"]["bucket"]
    assert event["resources"] == [f"arn:aws:s3:::{bucket}"]
    assert bucket == BUCKET_NAME.replace("${AWS::StackName}", "pixelgate").replace(
        "${AWS::AccountId}", event["account"]
    ).replace("${AWS::Region}", event["region"])


def test_s3_s_test_event_and_a_schedule_s(stack: Stack) -> None:
    test = read("s3-test-event")
    assert test.keys() == {"Service", "Event", "Time", "Bucket", "RequestId", "HostId"}
    assert test["Event"] == "s3:TestEvent"
    event = read("sweep-schedule")
    assert (event["source"], event["detail-type"]) == ("aws.events", "Scheduled Event")
    assert event["detail"] == {}
    rules = stack.of_type("AWS::Events::Rule").values()
    [sent] = [r["Targets"][0]["Input"] for r in rules if "Input" in r["Targets"][0]]
    assert json.loads(sent) == read("sweep-waits")
