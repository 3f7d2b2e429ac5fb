"""The built artefact under AWS's own Runtime Interface Emulator, as `sam local invoke` runs it.

The emulator comes with the SAM CLI and needs no Docker. Bucket and table are the embedded cloud's;
its notification is switched off meanwhile, since here it is the test that posts the events.
"""

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, unquote_plus

import pytest
from PIL import Image

from local import embedded
from pixelgate.sandbox.cloud import EmbeddedCloud
from runtime_emulator import Emulator, emulator

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "events"
NOT_OURS = ["s3-manifest-delete.json", "s3-not-a-manifest.json", "s3-test-event.json"]
GARBAGE = ["{}", "[]", "null", "7", '"manifest.json"']
UNREADABLE = ['{"Records": "many"}', '{"Records": [{}]}']


@dataclass(frozen=True)
class Compare:
    """The compare function in a running emulator."""

    running: Emulator
    cloud: EmbeddedCloud

    def handle(self, event: object) -> dict[str, Any]:
        """Has the function answer an event, without an error."""
        answer = self.running.invoke(event)
        assert "errorMessage" not in answer, f"{answer}\n{self.running.log.read_text()[-3000:]}"
        return dict(answer)

    def upload(
        self, build: str, colours: Mapping[str, str], base: str | None = None, project: str = "rie"
    ) -> dict[str, Any]:
        """Uploads a build of plain-coloured snapshots; returns the event that S3 would send."""
        s3 = self.cloud.client("s3")
        images = {}
        for name, colour in colours.items():
            content = png(colour)
            sha256 = hashlib.sha256(content).hexdigest()
            s3.put_object(Bucket=self.cloud.bucket, Key=f"images/{project}/{sha256}", Body=content)
            images[name] = {"sha256": sha256, "width": 20, "height": 10}
        manifest = {"project": project, "build": build, "commit": build, "branch": "main"}
        body = {**manifest, **({"base_build": base} if base else {}), "images": images}
        key = f"uploads/{project}/{build}/manifest.json"
        s3.put_object(Bucket=self.cloud.bucket, Key=key, Body=json.dumps(body).encode())
        event: dict[str, Any] = read_event("s3-manifest-put.json", self.cloud.bucket)
        event["Records"][0]["s3"]["object"]["key"] = quote_plus(key, safe="/")
        return event

    def read(self, key: str) -> Any:
        """A JSON object of the bucket."""
        found = self.cloud.client("s3").get_object(Bucket=self.cloud.bucket, Key=key)
        return json.load(found["Body"])

    def status(self, build: str, project: str = "rie") -> Any:
        """What CI would read."""
        return self.read(f"builds/{project}/{build}/status.json")


@pytest.fixture(scope="module")
def silent(cloud: EmbeddedCloud) -> Iterator[EmbeddedCloud]:
    """The cloud, in which nothing happens when something is uploaded."""
    s3, bucket = cloud.client("s3"), cloud.bucket
    present = s3.get_bucket_notification_configuration(Bucket=bucket)
    del present["ResponseMetadata"]
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    yield cloud
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=present)


@pytest.fixture(scope="module")
def compare(silent: EmbeddedCloud, built: Path) -> Iterator[Compare]:
    """AWS's emulator around AWS's runtime client around our handler, under the function's role."""
    setting = embedded(silent, "CompareFunction")
    variables = {**setting.variables, **setting.access}
    with emulator(built, "CompareFunction", variables) as running:
        yield Compare(running, silent)


def test_a_manifest_becomes_a_verdict_a_mask_and_a_report(compare: Compare) -> None:
    first = compare.upload("base", {"same": "grey", "recoloured": "red", "gone": "blue"})
    second = compare.upload(
        "head", {"same": "grey", "recoloured": "green", "new": "white"}, base="base"
    )

    compare.handle(first)
    compare.handle(second)

    status = compare.status("head")
    assert (status["state"], status["verdict"]) == ("SUCCEEDED", "needs_review")
    nothing = {"renamed": 0, "skipped": 0, "errored": 0}
    found = {"total": 4, "changed": 1, "added": 1, "removed": 1, "unchanged": 1}
    assert status["counts"] == {**found, **nothing}
    comparison = compare.read(status["comparison"])
    assert comparison["images"]["recoloured"]["changed_pixels"] == 200
    s3, bucket = compare.cloud.client("s3"), compare.cloud.bucket
    s3.head_object(Bucket=bucket, Key=comparison["images"]["recoloured"]["mask"])
    s3.head_object(Bucket=bucket, Key=status["report"])


def test_the_same_event_twice_publishes_once(compare: Compare) -> None:
    event = compare.upload("twice", {"a": "grey"})

    compare.handle(event)
    once = compare.status("twice")
    compare.handle(event)

    assert compare.status("twice") == once


def test_a_key_is_decoded_as_s3_encodes_it(compare: Compare) -> None:
    sample = read_event("s3-manifest-put-encoded.json", compare.cloud.bucket)
    key = sample["Records"][0]["s3"]["object"]["key"]
    _, project, build, _ = unquote_plus(key).split("/")
    compare.upload(build, {"a": "grey"}, project=project)

    compare.handle(sample)

    assert compare.status(build, project)["state"] == "SUCCEEDED"


def test_every_record_of_an_event_is_compared(compare: Compare) -> None:
    sample = read_event("s3-several-records.json", compare.cloud.bucket)
    keys = [unquote_plus(record["s3"]["object"]["key"]) for record in sample["Records"]]
    builds = [(key.split("/")[1], key.split("/")[2]) for key in keys]
    for project, build in builds:
        compare.upload(build, {"a": "grey"}, project=project)

    compare.handle(sample)

    states = [compare.status(build, project)["state"] for project, build in builds]
    assert states == ["SUCCEEDED"] * len(builds)


@pytest.mark.parametrize("name", NOT_OURS)
def test_an_event_that_is_none_of_ours_is_answered(compare: Compare, name: str) -> None:
    answer = compare.handle(read_event(name, compare.cloud.bucket))
    assert all("ignored" in build for build in answer["builds"])


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_is_answered(compare: Compare, garbage: str) -> None:
    answer = compare.handle(garbage)
    assert all("ignored" in build for build in answer["builds"])


@pytest.mark.parametrize("event", UNREADABLE)
def test_an_event_that_cannot_be_read_is_raised(compare: Compare, event: str) -> None:
    """Lambda then tries it again and keeps it."""
    assert compare.running.invoke(event)["errorType"] == "UnreadableEvent"


def read_event(name: str, bucket: str) -> Any:
    """A sample event, about this bucket."""
    event = json.loads((EVENTS / name).read_text())
    for record in event.get("Records", []):
        record["s3"]["bucket"] = {**record["s3"]["bucket"], "name": bucket}
    return event


def png(colour: str) -> bytes:
    """A plain image of 20 × 10 pixels."""
    file = io.BytesIO()
    Image.new("RGB", (20, 10), colour).save(file, "png")
    return file.getvalue()
