"""What an operator has to live with: wrong settings, a broken GitHub, records left over."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.test_pipeline import pictures
from e2e.test_reviews import review, said, wait_for
from embedded_cloud.cloud import EmbeddedCloud
from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from support.github import REPOSITORY, TOKEN, FakeGitHub, github
from uploader import Uploader

pytestmark = pytest.mark.e2e

PROGRAM = str(Path(sys.executable).parent / "pixelgate")
WRONG, RIGHT = ({"PIXELGATE_LEASE_SECONDS": value} for value in ("soon", "90"))


@pytest.fixture
def uploader(cloud: EmbeddedCloud, request: pytest.FixtureRequest) -> Uploader:
    """A project of the test's own: its name is the test's."""
    return Uploader(cloud.client("s3"), cloud.bucket, request.node.name)


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


def invoke(cloud: EmbeddedCloud, function: str, event: object) -> Any:
    answer = cloud.client("lambda").invoke(
        FunctionName=cloud.stack.resources[function], Payload=json.dumps(event).encode()
    )
    return json.load(answer["Payload"])


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
    assert said(uploader, head)["state"] == "needed"
    [lost] = given_up(cloud, "ReviewFunction")
    invoke(cloud, "ReviewFunction", lost["requestPayload"])
    assert said(uploader, head)["state"] == "approved"


def test_events_that_are_none_of_ours_are_answered(cloud: EmbeddedCloud) -> None:
    assert "ignored" in invoke(cloud, "CompareFunction", {"hello": 1})["builds"][0]
    assert "ignored" in invoke(cloud, "ReviewFunction", {"hello": 1})["reviews"][0]


def test_a_shard_that_comes_again_with_other_content_changes_nothing(
    cloud: EmbeddedCloud, uploader: Uploader, tmp_path: Path
) -> None:
    images = uploader.upload_images(pictures(tmp_path / "a", 2, 1))
    for name in images:
        fields = {
            "project": uploader.project, "build": "head", "commit": "c", "branch": "main",
            "shard": {"index": 1, "total": 2}, "images": {name: images[name]},
        }  # fmt: skip
        key = f"uploads/{uploader.project}/head/shards/1-of-2/manifest.json"
        cloud.client("s3").put_object(
            Bucket=cloud.bucket, Key=key, Body=json.dumps(fields).encode()
        )
        cloud.wait_until_idle()
    lines = [
        line for line in cloud.logs("CompareFunction").splitlines() if uploader.project in line
    ]
    handled = [json.loads(line)["outcome"] for line in lines if '"outcome"' in line]
    assert [outcome["repeated"] for outcome in handled] == [False, True]


def test_the_sweeper_tells_and_gives_up_what_was_left_over(
    cloud: EmbeddedCloud, uploader: Uploader, tmp_path: Path
) -> None:
    """Two records as dead workers leave them, long ago: one published and untold, one used up."""
    images = uploader.upload_images(pictures(tmp_path / "a", 2, 1))
    untold = uploader.write_manifest("untold", {"images": images})
    used_up = uploader.write_manifest("used-up", {"images": images})
    before = uploader.wait(untold)
    uploader.wait(used_up)
    cloud.wait_until_idle()
    forget(cloud, untold, "SET unfinished = :y, lease_until = :t, updated = :t", {})
    forget(
        cloud,
        used_up,
        "SET #s = :s, unfinished = :y, lease_until = :t, updated = :t, attempts = :n "
        "REMOVE verdict",
        {":s": {"S": "PROCESSING"}, ":n": {"N": "3"}},
    )
    # Whoever finds them has to write their statuses once more.
    for build in (untold, used_up):
        cloud.client("s3").delete_object(Bucket=cloud.bucket, Key=keys.status(build))
    swept = invoke(cloud, "SweepFunction", {})["swept"]
    ours = {s["action"] for s in swept if uploader.project in s["comparison"]}
    assert ours == {"tell", "give up"}
    told = uploader.wait(untold)
    same = ("state", "verdict", "counts", "report", "execution")
    assert [told[name] for name in same] == [before[name] for name in same]
    failed = uploader.status(used_up)
    assert failed is not None
    assert (failed["state"], failed["error"]["code"]) == ("FAILED", "TIMEOUT")


def forget(
    cloud: EmbeddedCloud, build: BuildId, expression: str, values: dict[str, dict[str, str]]
) -> None:
    names = {"ExpressionAttributeNames": {"#s": "state"}} if "#s" in expression else {}
    cloud.client("dynamodb").update_item(
        TableName=cloud.table,
        Key={"pk": {"S": build.project}, "sk": {"S": f"comparison/{build.build}/@none"}},
        UpdateExpression=expression,
        ExpressionAttributeValues={
            ":y": {"S": "yes"},
            ":t": {"N": str(time.time() - 1_000)},
            **values,
        },
        **names,
    )


def test_a_broken_github_costs_notices_and_nothing_else(
    built: Path, fake: FakeGitHub, tmp_path: Path
) -> None:
    parameters = {
        "GitHubTokenSecret": "arn:aws:secretsmanager:us-east-1:000000000000:secret:github-AbCdEf",
        "GitHubRepositories": REPOSITORY,
        "TrunkPrefix": "optional",
    }
    with EmbeddedCloud.start(build_dir=built, parameters=parameters) as cloud:
        secret = cloud.client("secretsmanager").create_secret(Name="github", SecretString=TOKEN)
        where = {
            "PIXELGATE_GITHUB_TOKEN_SECRET": secret["ARN"],
            "PIXELGATE_GITHUB_API": "http://127.0.0.1:9",  # nobody listens there
        }
        cloud.configure("NotifyFunction", where, Timeout=20)
        uploader = Uploader(cloud.client("s3"), cloud.bucket, "shop")
        images = uploader.upload_images(pictures(tmp_path / "a", 2, 1))
        first = uploader.write_manifest("one", {"images": images, "commit": "c1"})
        assert uploader.wait(first)["verdict"] == "passed"
        # As EventBridge calls it on AWS: asynchronously, with Lambda's retries.
        cloud.client("lambda").invoke(
            FunctionName=cloud.stack.resources["NotifyFunction"],
            InvocationType="Event",
            Payload=b'{"detail": {"project": "shop", "build": "one"}}',
        )
        cloud.wait_until_idle(120)
        assert len(given_up(cloud, "NotifyFunction")) == 1
        fake.commits = set()  # the commit was pushed away
        cloud.configure("NotifyFunction", {"PIXELGATE_GITHUB_API": fake.url})
        uploader.wait(uploader.write_manifest("two", {"images": images, "commit": "c2"}))
        cloud.wait_until_idle()
        assert given_up(cloud, "NotifyFunction") == []
        assert "notification refused" in cloud.logs("NotifyFunction")
        # A build of which there is no status, or that nobody knows.
        event = {"detail": {"project": "shop", "build": "none"}}
        assert "skipped" in invoke(cloud, "NotifyFunction", event)
        fake.commits = None
        cloud.client("s3").delete_object(Bucket=cloud.bucket, Key="builds/shop/one/status.json")
        assert "skipped" in invoke(
            cloud, "NotifyFunction", {"detail": {"project": "shop", "build": "one"}}
        )
        uploader.wait(uploader.write_manifest("three", {"images": images, "commit": "c0ffee"}))
        wait_for(lambda: fake.shown("c0ffee", "pixelgate/shop") is not None)
