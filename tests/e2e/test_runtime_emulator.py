"""The built artefact under AWS's own Runtime Interface Emulator, as `sam local invoke` runs it.

The emulator comes with the SAM CLI and needs no Docker. Bucket and table are the embedded cloud's;
its notification is switched off meanwhile, since here it is the test that posts the events.
"""

import hashlib
import io
import json
import os
import platform
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, unquote_plus

import pytest
from PIL import Image

from embedded_cloud.cloud import EmbeddedCloud
from embedded_cloud.server import supervise

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".tools"
EVENTS = ROOT / "events"
NOT_OURS = ["s3-manifest-delete.json", "s3-not-a-manifest.json", "s3-test-event.json"]
GARBAGE = ["{}", "[]", "null", "7", '"manifest.json"']
UNREADABLE = ['{"Records": "many"}', '{"Records": [{}]}']


@dataclass(frozen=True)
class Emulator:
    """A running emulator with the compare function in it."""

    url: str
    cloud: EmbeddedCloud
    log: Path

    def handle(self, event: object) -> dict[str, Any]:
        """Has the function answer an event, without an error."""
        answer = self.answer(event)
        assert "errorMessage" not in answer, f"{answer}\n{self.log.read_text()[-3000:]}"
        return answer

    def answer(self, event: object) -> dict[str, Any]:
        """Has the function answer an event, or raise."""
        body = event if isinstance(event, str) else json.dumps(event)
        with urllib.request.urlopen(self.url, body.encode(), timeout=60) as response:
            return dict(json.loads(response.read()))

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
def emulator(
    silent: EmbeddedCloud, built: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Emulator]:
    """AWS's emulator around AWS's runtime client around our handler."""
    machine = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
    found = list(TOOLS.glob(f"sam/lib/*/site-packages/samcli/local/rapid/aws-lambda-rie-{machine}"))
    assert found, "the SAM CLI is missing: `make .tools/sam/.done` makes it"
    front, back = free_address(), free_address()
    addresses = ["--runtime-interface-emulator-address", front, "--runtime-api-address", back]
    python = [TOOLS / "cloud" / "bin" / "python", "-S", "-m", "awslambdaric"]
    command = [found[0], *addresses, *python, "pixelgate.handlers.compare.handler"]
    home = tmp_path_factory.mktemp("emulator")
    log = home / "log"
    with (
        log.open("wb") as into,
        # Under the embedded cloud's supervisor, which leaves no process of it behind.
        subprocess.Popen(
            [sys.executable, "-I", "-S", supervise.__file__, "0", *map(str, command)],
            env=variables(silent, built, home),
            cwd=built / "CompareFunction",
            stdout=into,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        wait_for(front, process, log)
        yield Emulator(f"http://{front}/2015-03-31/functions/function/invocations", silent, log)
        process.terminate()


def test_a_manifest_becomes_a_verdict_a_mask_and_a_report(emulator: Emulator) -> None:
    first = emulator.upload("base", {"same": "grey", "recoloured": "red", "gone": "blue"})
    second = emulator.upload(
        "head", {"same": "grey", "recoloured": "green", "new": "white"}, base="base"
    )

    emulator.handle(first)
    emulator.handle(second)

    status = emulator.status("head")
    assert (status["state"], status["verdict"]) == ("SUCCEEDED", "needs_review")
    nothing = {"renamed": 0, "skipped": 0, "errored": 0}
    found = {"total": 4, "changed": 1, "added": 1, "removed": 1, "unchanged": 1}
    assert status["counts"] == {**found, **nothing}
    comparison = emulator.read(status["comparison"])
    assert comparison["images"]["recoloured"]["changed_pixels"] == 200
    s3, bucket = emulator.cloud.client("s3"), emulator.cloud.bucket
    s3.head_object(Bucket=bucket, Key=comparison["images"]["recoloured"]["mask"])
    s3.head_object(Bucket=bucket, Key=status["report"])


def test_the_same_event_twice_publishes_once(emulator: Emulator) -> None:
    event = emulator.upload("twice", {"a": "grey"})

    emulator.handle(event)
    once = emulator.status("twice")
    emulator.handle(event)

    assert emulator.status("twice") == once


def test_a_key_is_decoded_as_s3_encodes_it(emulator: Emulator) -> None:
    sample = read_event("s3-manifest-put-encoded.json", emulator.cloud.bucket)
    key = sample["Records"][0]["s3"]["object"]["key"]
    _, project, build, _ = unquote_plus(key).split("/")
    emulator.upload(build, {"a": "grey"}, project=project)

    emulator.handle(sample)

    assert emulator.status(build, project)["state"] == "SUCCEEDED"


def test_every_record_of_an_event_is_compared(emulator: Emulator) -> None:
    sample = read_event("s3-several-records.json", emulator.cloud.bucket)
    keys = [unquote_plus(record["s3"]["object"]["key"]) for record in sample["Records"]]
    builds = [(key.split("/")[1], key.split("/")[2]) for key in keys]
    for project, build in builds:
        emulator.upload(build, {"a": "grey"}, project=project)

    emulator.handle(sample)

    states = [emulator.status(build, project)["state"] for project, build in builds]
    assert states == ["SUCCEEDED"] * len(builds)


@pytest.mark.parametrize("name", NOT_OURS)
def test_an_event_that_is_none_of_ours_is_answered(emulator: Emulator, name: str) -> None:
    answer = emulator.handle(read_event(name, emulator.cloud.bucket))
    assert all("ignored" in build for build in answer["builds"])


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_is_answered(emulator: Emulator, garbage: str) -> None:
    answer = emulator.handle(garbage)
    assert all("ignored" in build for build in answer["builds"])


@pytest.mark.parametrize("event", UNREADABLE)
def test_an_event_that_cannot_be_read_is_raised(emulator: Emulator, event: str) -> None:
    """Lambda then tries it again and keeps it."""
    assert emulator.answer(event)["errorType"] == "UnreadableEvent"


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


def variables(cloud: EmbeddedCloud, built: Path, tmp: Path) -> dict[str, str]:
    """The function's environment, as its deployment resolved it, with odiff where it was built."""
    name = cloud.stack.resources["CompareFunction"]
    deployed = cloud.client("lambda").get_function_configuration(FunctionName=name)
    (runtime,) = TOOLS.glob("cloud/lambda-runtime-*")  # the cloud has made it
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{built / 'CompareFunction'}:{runtime}",
        "PYTHONDONTWRITEBYTECODE": "1",  # Lambda's /var/task is read-only
        "TMPDIR": str(tmp),
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(deployed["MemorySize"]),
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(deployed["Timeout"]),
        **cloud.variables(),
        **deployed["Environment"]["Variables"],
        "PIXELGATE_ODIFF": str(built / "OdiffLayer" / "bin" / "odiff"),
    }


def free_address() -> str:
    """An address of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Waits until somebody listens."""
    host, port = address.split(":")
    end = time.monotonic() + 20
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((host, int(port))) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"the emulator does not listen; it said:\n{log.read_text()}")
