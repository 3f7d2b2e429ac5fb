"""Tests a deployed stack with two real builds, a review, and requests that must be refused.

    make smoke STACK=pixelgate

It uses your credentials, region and endpoint, as AWS's SDK finds them. They must allow reading the
stack's outputs and results, and writing to uploads/, images/ and reviews/. The test writes builds
of the project pixelgate-smoke, some 3 MB the first time, and costs less than a cent. It changes
and removes nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from uploader import Uploader

EXAMPLES = Path(__file__).parents[1] / "examples"
PROJECT = "pixelgate-smoke"
SECONDS = 180
# S3 needs some five minutes to apply a notification that was just made, and sends no events before.
FIRST_SECONDS, WRITE_AGAIN = 420, 60
USABLE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"}
COUNTS = {
    "total": 48, "changed": 21, "added": 9, "removed": 5, "renamed": 1,
    "unchanged": 12, "skipped": 0, "errored": 0,
}  # fmt: skip


class SmokeFailed(Exception):
    """The stack does not do what it should; the message says what it did."""


def check(holds: bool, otherwise: str) -> None:
    """Raises SmokeFailed with these words if it does not hold."""
    if not holds:
        raise SmokeFailed(otherwise)


class Smoke:
    """The steps, each of which says what it found or raises SmokeFailed."""

    def __init__(self, stack: str) -> None:
        session = self._session = boto3.Session()
        [found] = session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        check(found["StackStatus"] in USABLE, f"the stack is {found['StackStatus']}")
        outputs = {o["OutputKey"]: o["OutputValue"] for o in found["Outputs"]}
        self._bucket, self._failed_events = outputs["Bucket"], outputs["FailedEvents"]
        self._s3 = session.client("s3")
        self._uploader = Uploader(self._s3, self._bucket, PROJECT)
        self._run = time.strftime("%Y%m%d-%H%M%S")
        self._head = BuildId(PROJECT, f"{self._run}-head")

    def base_is_taken(self) -> str:
        """The first build: everything is added."""
        fields = {"images": self._uploader.upload_images(EXAMPLES / "base")}
        status = self._first_result(f"{self._run}-base", fields)
        build = BuildId(PROJECT, f"{self._run}-base")
        check(status["state"] == "SUCCEEDED", str(status))
        self._approve(build)  # this stack's baseline branches may have other names
        return f"{status['counts']['added']} added"

    def _first_result(self, build: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Writes a manifest until it has a result: the same one, so it counts once."""
        end = time.monotonic() + FIRST_SECONDS
        while True:
            written = self._uploader.write_manifest(build, fields)
            left = end - time.monotonic()
            try:
                return self._uploader.wait(written, max(min(WRITE_AGAIN, left), 0.1))
            except TimeoutError:
                if left <= WRITE_AGAIN:
                    raise
                minutes = round(FIRST_SECONDS / 60)
                print(
                    "      no result yet; writing the manifest again, as S3 sends no events in the "
                    f"first minutes of a bucket's notification (for at most {minutes} minutes)",
                    flush=True,
                )

    def head_is_compared(self) -> str:
        """The second one, with known counts."""
        fields = {"base_build": f"{self._run}-base", "branch": "smoke"}
        self._uploader.upload(self._head.build, EXAMPLES / "head", **fields)
        status = self._succeeded(self._head)
        check(status["verdict"] == "needs_review", str(status))
        check(status["counts"] == COUNTS, str(status["counts"]))
        return f"{status['counts']['changed']} changed, as they should"

    def _succeeded(self, build: BuildId) -> dict[str, Any]:
        status = self._uploader.wait(build, SECONDS)
        check(status["state"] == "SUCCEEDED", str(status))
        return status

    def report_is_there(self) -> str:
        """The page that people look at."""
        key = self._uploader.wait(self._head)["report"]
        body = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        check(body.startswith(b"<!"), f"the report begins with {body[:50]!r}")
        return f"{len(body):,} bytes"

    def review_is_carried_out(self) -> str:
        """Approves everything, as a person does."""
        return f"approved by {', '.join(self._approve(self._head))}"

    def _approve(self, build: BuildId) -> list[str]:
        body = {"schema_version": 1, "action": "approve", "reason": "smoke test"}
        key = keys.review(build, f"{time.time_ns():020}")
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=json.dumps(body).encode())
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            review = (self._uploader.status(build) or {}).get("review", {})
            if review.get("state") == "approved":
                return list(review["by"])
            time.sleep(1)
        raise SmokeFailed(f"not approved after {SECONDS} s")

    def nothing_was_given_up_on(self) -> str:
        """The queue of failed events is empty."""
        found = self._session.client("sqs").get_queue_attributes(
            QueueUrl=self._failed_events, AttributeNames=["ApproximateNumberOfMessages"]
        )
        number = int(found["Attributes"]["ApproximateNumberOfMessages"])
        check(number == 0, f"{number} events: docs/runbook/failed-events.md")
        return "no failed events"

    def images_are_written_once(self) -> str:
        """Whoever may write an image may not replace one."""
        key = keys.image(PROJECT, "0" * 64)
        _refused(
            "an image was written without If-None-Match",
            lambda: self._s3.put_object(Bucket=self._bucket, Key=key, Body=b"x"),
        )
        return "refused without If-None-Match"

    def strangers_are_refused(self) -> str:
        """Who does not sign sees nothing."""
        stranger = self._session.client("s3", config=Config(signature_version=UNSIGNED))
        _refused(
            "the bucket is listed for anybody",
            lambda: stranger.list_objects_v2(Bucket=self._bucket),
        )
        return "refused without a signature"


def _refused(otherwise: str, act: Callable[[], Any]) -> None:
    """Raises SmokeFailed with these words unless the act is forbidden."""
    status = 200
    try:
        act()
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    check(status == 403, otherwise)


def main() -> int:
    """Runs the steps; 0 if all went well, else 1 after the first that did not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stack")
    options = parser.parse_args()
    try:
        smoke = Smoke(options.stack)
        steps = [smoke.base_is_taken, smoke.head_is_compared, smoke.report_is_there,
                 smoke.review_is_carried_out, smoke.nothing_was_given_up_on]  # fmt: skip
        if "AWS_ENDPOINT_URL" in os.environ:
            print("an emulator enforces no policy: what the bucket must refuse is left out")
        else:
            steps += [smoke.images_are_written_once, smoke.strangers_are_refused]
        for step in steps:
            begun = time.monotonic()
            said = step()
            words = step.__name__.replace("_", " ")
            print(f"ok    {words}: {said} ({time.monotonic() - begun:.1f} s)", flush=True)
    except (SmokeFailed, TimeoutError, BotoCoreError, ClientError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
