"""What an operator has to live with: wrong settings, a broken GitHub, records left over."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import PROGRAM
from e2e.deployed import invoke, pictures, review, review_of, send, wait_until
from pixelgate.domain import keys
from pixelgate.domain.keys import NO_BASE, BuildId, ComparisonId
from pixelgate.sandbox.cloud import EmbeddedCloud
from support.github import REPOSITORY, TOKEN, FakeGitHub, github
from uploader import Uploader

pytestmark = pytest.mark.e2e

WRONG, RIGHT = ({"PIXELGATE_LEASE_SECONDS": value} for value in ("soon", "90"))


@pytest.fixture
def fake() -> Iterator[FakeGitHub]:
    with github() as running:
        yield running


def given_up(cloud: EmbeddedCloud, function: str) -> list[dict[str, Any]]:
    """What lies in the queue of failed events for a function; it is taken out."""
    sqs, queue = cloud.client("sqs"), cloud.stack.outputs["FailedEvents"]
    found = []
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            found.append(json.loads(message["Body"]))
    assert all(cloud.stack.resources[function] in m["requestContext"]["functionArn"] for m in found)
    return found


def test_an_upload_is_not_lost_to_a_wrong_setting(
    cloud: EmbeddedCloud, uploader: Uploader, tmp_path: Path
) -> None:
    cloud.configure("CompareFunction", WRONG)
    try:
        head = uploader.upload("head", pictures(tmp_path / "a", 2, 1))
        cloud.wait_until_idle()
    finally:
        cloud.configure("CompareFunction", RIGHT)
    assert uploader.status(head) is None
    listed = admin(cloud, "failed").stdout
    assert f"uploads/{head}/manifest.json  3 attempts, RetriesExhausted: " in listed, listed
    assert "1 sent again, 0 left in the queue" in admin(cloud, "redrive").stderr
    assert uploader.wait(head)["counts"]["added"] == 2
    assert admin(cloud, "failed").stdout == ""


def admin(cloud: EmbeddedCloud, command: str) -> subprocess.CompletedProcess[str]:
    """What whoever runs the stack types."""
    done = subprocess.run(
        [PROGRAM, "admin", command, "--queue", cloud.stack.outputs["FailedEvents"]],
        env={"PATH": os.environ["PATH"], **cloud.variables()},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_a_review_is_not_lost_to_a_wrong_setting(
    cloud: EmbeddedCloud, uploader: Uploader, tmp_path: Path
) -> None:
    uploader.wait(uploader.upload("base", pictures(tmp_path / "a", 2, 1)))
    head = uploader.upload(
        "head", pictures(tmp_path / "b", 2, 2), base_build="base", branch="topic"
    )
    uploader.wait(head)
    cloud.configure("ReviewFunction", WRONG)
    try:
        review(cloud, head, action="approve")
        cloud.wait_until_idle()
    finally:
        cloud.configure("ReviewFunction", RIGHT)
    assert review_of(uploader, head)["state"] == "needed"
    [lost] = given_up(cloud, "ReviewFunction")
    invoke(cloud, "ReviewFunction", lost["requestPayload"])
    assert review_of(uploader, head)["state"] == "approved"


def test_events_that_are_none_of_ours_are_answered(cloud: EmbeddedCloud) -> None:
    assert "ignored" in invoke(cloud, "CompareFunction", {"hello": 1})["builds"][0]
    assert "ignored" in invoke(cloud, "ReviewFunction", {"hello": 1})["reviews"][0]


def test_the_sweeper_ends_what_dead_workers_left(
    cloud: EmbeddedCloud, uploader: Uploader, tmp_path: Path
) -> None:
    """Records as they leave them, long ago: one to be done again, one not told, one used up."""
    images = uploader.upload_images(pictures(tmp_path / "a", 2, 1))
    names = ("died", "untold", "used-up")
    died, untold, used_up = (uploader.write_manifest(n, {"images": images}) for n in names)
    before = {build: uploader.wait(build) for build in (died, untold, used_up)}
    cloud.wait_until_idle()
    unfinished = "SET unfinished = :y, lease_until = :t, updated = :t"
    working = unfinished + ", #s = :s, execution = :e, attempts = :n REMOVE verdict"
    at_work = {":s": {"S": "PROCESSING"}, ":e": {"S": "dead"}}
    update(cloud, died, working, **at_work, **{":n": {"N": "1"}})
    update(cloud, untold, unfinished)
    update(cloud, used_up, working, **at_work, **{":n": {"N": "3"}})
    # Whoever finds them has to write their statuses once more.
    for build in before:
        cloud.client("s3").delete_object(Bucket=cloud.bucket, Key=keys.status(build))
    swept = {s["comparison"]: s["action"] for s in invoke(cloud, "SweepFunction", {})["swept"]}
    of_name = [swept[str(ComparisonId(uploader.project, name, NO_BASE))] for name in names]
    assert of_name == ["resume", "tell", "give up"]
    same = ("state", "verdict", "counts", "report", "execution")
    assert [uploader.wait(untold)[name] for name in same] == [before[untold][n] for n in same]
    assert uploader.wait(used_up)["error"]["code"] == "TIMEOUT"
    assert uploader.wait(died)["counts"] == before[died]["counts"]
    cloud.wait_until_idle()


def update(cloud: EmbeddedCloud, build: BuildId, expression: str, **values: dict[str, str]) -> None:
    """Changes a record, whose lease ended long ago."""
    names = {"ExpressionAttributeNames": {"#s": "state"}} if "#s" in expression else {}
    long_ago = {"N": str(time.time() - 1_000)}
    cloud.client("dynamodb").update_item(
        TableName=cloud.table,
        Key={"pk": {"S": build.project}, "sk": {"S": f"comparison/{build.build}/@none"}},
        UpdateExpression=expression,
        ExpressionAttributeValues={":y": {"S": "yes"}, ":t": long_ago, **values},
        **names,
    )


def test_a_broken_github_costs_notices_and_nothing_else(
    built: Path, fake: FakeGitHub, tmp_path: Path
) -> None:
    parameters = {"GitHubRepositories": REPOSITORY, "TrunkPrefix": "optional"}
    secrets = {"GitHubTokenSecret": TOKEN}
    with EmbeddedCloud.start(build_dir=built, parameters=parameters, secrets=secrets) as cloud:
        nowhere = {"PIXELGATE_GITHUB_API": "http://127.0.0.1:9"}  # nobody listens there
        cloud.configure("NotifyFunction", nowhere, Timeout=20)
        uploader = Uploader(cloud.client("s3"), cloud.bucket, "shop")
        images = uploader.upload_images(pictures(tmp_path / "a", 2, 1))
        first = uploader.write_manifest("one", {"images": images, "commit": "c1"})
        assert uploader.wait(first)["verdict"] == "passed"
        send(cloud, "NotifyFunction", {"detail": {"project": "shop", "build": "one"}})
        cloud.wait_until_idle(120)
        assert len(given_up(cloud, "NotifyFunction")) == 1
        fake.commits = set()  # the commit was pushed away
        cloud.configure("NotifyFunction", {"PIXELGATE_GITHUB_API": fake.url})
        uploader.wait(uploader.write_manifest("two", {"images": images, "commit": "c2"}))
        cloud.wait_until_idle()
        assert given_up(cloud, "NotifyFunction") == []
        assert "notification refused" in cloud.logs("NotifyFunction")
        # A build that nobody knows, and one of which there is no status.
        cloud.client("s3").delete_object(Bucket=cloud.bucket, Key="builds/shop/one/status.json")
        for build in ("none", "one"):
            event = {"detail": {"project": "shop", "build": build}}
            assert "skipped" in invoke(cloud, "NotifyFunction", event)
        fake.commits = None
        uploader.wait(uploader.write_manifest("three", {"images": images, "commit": "c0ffee"}))
        wait_until(lambda: fake.shown("c0ffee", "pixelgate/shop") is not None)
