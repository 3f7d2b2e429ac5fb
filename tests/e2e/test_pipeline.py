"""The deployed stack, end to end: uploads go into the bucket, results come out of it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from embedded_cloud.cloud import EmbeddedCloud, Worker
from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId, ComparisonId
from support.processes import executing, odiffs
from uploader import Uploader

pytestmark = pytest.mark.e2e

EXAMPLES = Path(__file__).parents[2] / "examples"
LEASE = 4


@pytest.fixture
def uploader(cloud: EmbeddedCloud, request: pytest.FixtureRequest) -> Uploader:
    """A project of the test's own: its name is the test's."""
    return Uploader(cloud.client("s3"), cloud.bucket, request.node.name)


@pytest.fixture
def short_lease(cloud: EmbeddedCloud) -> Iterator[None]:
    """Dead workers are taken over within seconds."""
    cloud.configure("CompareFunction", {"PIXELGATE_LEASE_SECONDS": str(LEASE)})
    yield
    cloud.configure("CompareFunction", {"PIXELGATE_LEASE_SECONDS": "90"})


def pictures(
    folder: Path, number: int, version: int, *, side: int = 300, all_over: bool = False
) -> Path:
    """Different pictures; those of another version differ in one block, or all over."""
    folder.mkdir()
    for i in range(number):
        (folder / f"{i:03}.png").write_bytes(_picture(i, version, side, all_over))
    return folder


@cache
def _picture(i: int, version: int, side: int, all_over: bool) -> bytes:
    seed = i + 1_000 * version if all_over else i
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    pixels[: 10 * version, :10] = (255, 0, i)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=1)
    return out.getvalue()


def comparison_of(cloud: EmbeddedCloud, status: dict[str, Any]) -> dict[str, Any]:
    body = cloud.client("s3").get_object(Bucket=cloud.bucket, Key=status["comparison"])["Body"]
    comparison: dict[str, Any] = json.load(body)
    return comparison


def record_of(cloud: EmbeddedCloud, comparison: ComparisonId) -> dict[str, Any]:
    item = cloud.client("dynamodb").get_item(
        TableName=cloud.table,
        Key={
            "pk": {"S": comparison.project},
            "sk": {"S": f"comparison/{comparison.head}/{comparison.base}"},
        },
    )
    return {name: next(iter(value.values())) for name, value in item.get("Item", {}).items()}


def versions(cloud: EmbeddedCloud, prefix: str) -> int:
    answer = cloud.client("s3").list_object_versions(Bucket=cloud.bucket, Prefix=prefix)
    return len(answer.get("Versions", []))


def diffed(cloud: EmbeddedCloud, project: str) -> int:
    """Diffs that were measured: each is written to the cache."""
    return versions(cloud, f"cache/{project}/")


def drawn(cloud: EmbeddedCloud, project: str) -> int:
    """Thumbnails that were written."""
    return written(cloud, f"comparisons/{project}/", "/thumbs/")


def published(cloud: EmbeddedCloud, head: BuildId) -> int:
    """Files that its comparisons wrote, without pictures."""
    prefix = f"comparisons/{head}/"
    pictures = written(cloud, prefix, "/thumbs/") + written(cloud, prefix, "/masks/")
    return versions(cloud, prefix) - pictures


def written(cloud: EmbeddedCloud, prefix: str, part: str) -> int:
    answer = cloud.client("s3").list_object_versions(Bucket=cloud.bucket, Prefix=prefix)
    return sum(part in found["Key"] for found in answer.get("Versions", []))


def working(cloud: EmbeddedCloud, project: str, seconds: float = 30) -> Worker:
    """The worker that is in the middle of a comparison: it has stored a first result."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begun = diffed(cloud, project) > 0
        for worker in cloud.workers("CompareFunction"):
            if begun and worker.request_id:
                return worker
        time.sleep(0.01)
    raise AssertionError("no worker got to work")


def test_two_real_releases_give_the_known_counts(cloud: EmbeddedCloud, uploader: Uploader) -> None:
    base = uploader.wait(uploader.upload("5.14.0", EXAMPLES / "base", commit="c1"))
    assert (base["verdict"], base["counts"]["added"]) == ("passed", 39)
    head = uploader.wait(uploader.upload("6.6.0", EXAMPLES / "head", base_commit="c1"))
    assert head["state"] == "SUCCEEDED"
    assert head["verdict"] == "needs_review"
    assert head["counts"] == {
        "total": 48, "changed": 21, "added": 9, "removed": 5, "renamed": 1,
        "unchanged": 12, "skipped": 0, "errored": 0,
    }  # fmt: skip
    images = comparison_of(cloud, head)["images"]
    masks = {i["mask"] for i in images.values() if i["status"] == "changed"}
    ours = f"comparisons/{uploader.project}/"  # others have left more than one page of a listing
    there = cloud.client("s3").list_objects_v2(Bucket=cloud.bucket, Prefix=ours)["Contents"]
    assert masks <= {o["Key"] for o in there}
    page = cloud.client("s3").get_object(Bucket=cloud.bucket, Key=head["report"])
    assert page["ContentType"] == "text/html; charset=utf-8"
    assert b"Needs review: 21 changed, 9 added, 5 removed" in page["Body"].read()


def test_sixteen_deliveries_at_once_are_one_run(
    cloud: EmbeddedCloud, uploader: Uploader, tmp_path: Path
) -> None:
    uploader.wait(uploader.upload("base", pictures(tmp_path / "a", 10, 1)))
    images = uploader.upload_images(pictures(tmp_path / "b", 10, 2))
    manifest = {"images": images, "base_build": "base"}
    threads = [
        threading.Thread(target=uploader.write_manifest, args=("head", manifest)) for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    head = BuildId(uploader.project, "head")
    assert uploader.wait(head)["counts"]["changed"] == 10
    cloud.wait_until_idle()
    assert record_of(cloud, ComparisonId(head.project, "head", "base"))["claims"] == "1"
    # manifest, report, and what there is to review
    assert published(cloud, head) == 3


@pytest.mark.usefixtures("short_lease")
def test_a_worker_killed_in_the_middle_is_taken_over(
    cloud: EmbeddedCloud, uploader: Uploader, tmp_path: Path
) -> None:
    uploader.wait(uploader.upload("base", pictures(tmp_path / "a", 60, 1, side=700, all_over=True)))
    head = uploader.upload(
        "head", pictures(tmp_path / "b", 60, 2, side=700, all_over=True), base_build="base"
    )
    worker = working(cloud, uploader.project)
    wait_until(lambda: diffed(cloud, head.project) >= 20)
    worker.kill()
    cloud.wait_until_idle()
    status = uploader.status(head)
    if status is None or status["state"] == "PROCESSING":
        # Both retries came while the dead worker's lease still lived: the sweeper's case.
        time.sleep(LEASE)
        deliver(cloud, head)
    status = uploader.wait(head)
    assert status["counts"]["changed"] == 60
    assert status["claim"] == 2
    assert published(cloud, head) == 3
    # What the dead worker had measured was not measured again.
    assert diffed(cloud, head.project) < 60 + 10
    # They come after the verdict: one of each image, of base when it was new.
    cloud.wait_until_idle()
    assert drawn(cloud, head.project) == 2 * 60


@pytest.mark.usefixtures("short_lease")
def test_a_late_worker_changes_nothing(
    cloud: EmbeddedCloud, uploader: Uploader, tmp_path: Path
) -> None:
    uploader.wait(uploader.upload("base", pictures(tmp_path / "a", 60, 1, side=700, all_over=True)))
    head = uploader.upload(
        "head", pictures(tmp_path / "b", 60, 2, side=700, all_over=True), base_build="base"
    )
    late = working(cloud, uploader.project)
    late.pause()
    time.sleep(LEASE + 1)
    deliver(cloud, head)
    published = uploader.wait(head)
    assert published["claim"] == 2
    late.resume()
    cloud.wait_until_idle()
    assert uploader.status(head) == published
    record = record_of(cloud, ComparisonId(head.project, "head", "base"))
    assert record["execution"] == published["execution"]
    assert record["state"] == "SUCCEEDED"


def test_a_pair_on_which_odiff_is_killed_is_compared_all_the_same(
    cloud: EmbeddedCloud, uploader: Uploader, tmp_path: Path
) -> None:
    uploader.wait(uploader.upload("base", pictures(tmp_path / "a", 40, 1, side=700, all_over=True)))
    head = uploader.upload(
        "head", pictures(tmp_path / "b", 40, 2, side=700, all_over=True), base_build="base"
    )
    working(cloud, uploader.project)
    doomed = odiffs(cloud.server_pid)
    assert doomed
    for pid in doomed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    status = uploader.wait(head)
    assert (status["counts"]["changed"], status["counts"]["errored"]) == (40, 0)


def deliver(cloud: EmbeddedCloud, build: BuildId) -> None:
    """Sends the sweeper's event."""
    cloud.client("lambda").invoke(
        FunctionName=cloud.stack.resources["CompareFunction"],
        InvocationType="Event",
        Payload=json.dumps({"resume": vars(build)}),
    )


GARBAGE = [
    pytest.param(b"", id="an empty object"),
    pytest.param(b"\xff\xfe\x00", id="no text"),
    pytest.param(b"[" * 100_000, id="deep"),
    pytest.param(b'{"project": 7}', id="wrong types"),
    pytest.param(b'{"images": {"../../etc/passwd": {}}}', id="climbing names"),
]


@pytest.mark.parametrize("body", GARBAGE)
def test_garbage_is_a_failed_build_and_no_crash(cloud: EmbeddedCloud, body: bytes) -> None:
    s3 = cloud.client("s3")
    build = BuildId("garbage", f"{abs(hash(body))}")
    s3.put_object(Bucket=cloud.bucket, Key=keys.uploaded_manifest(build), Body=body)
    status = Uploader(s3, cloud.bucket, "garbage").wait(build)
    assert (status["state"], status["error"]["code"]) == ("FAILED", "BAD_MANIFEST")
    cloud.wait_until_idle()
    assert failed_events(cloud) == 0


def failed_events(cloud: EmbeddedCloud) -> int:
    answer = cloud.client("sqs").get_queue_attributes(
        QueueUrl=cloud.stack.outputs["FailedEvents"], AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def test_the_sweeper_finishes_what_died_without_a_retry(
    cloud: EmbeddedCloud, uploader: Uploader, tmp_path: Path
) -> None:
    """A record as a killed worker leaves it, long ago: only the sweeper can know of it."""
    head = uploader.upload("head", pictures(tmp_path / "a", 2, 1))
    uploader.wait(head)
    long_ago = str(time.time() - 1_000)
    cloud.client("dynamodb").update_item(
        TableName=cloud.table,
        Key={"pk": {"S": head.project}, "sk": {"S": "comparison/head/@none"}},
        UpdateExpression="SET #s = :s, unfinished = :y, lease_until = :t, updated = :t, "
        "execution = :e REMOVE verdict",
        ExpressionAttributeNames={"#s": "state"},
        ExpressionAttributeValues={
            ":s": {"S": "PROCESSING"},
            ":y": {"S": "yes"},
            ":t": {"N": long_ago},
            ":e": {"S": "dead"},
        },
    )
    answer = cloud.client("lambda").invoke(
        FunctionName=cloud.stack.resources["SweepFunction"], Payload=b"{}"
    )
    assert [s["action"] for s in json.load(answer["Payload"])["swept"]] == ["resume"]
    comparison = ComparisonId(head.project, "head", "@none")
    wait_until(lambda: record_of(cloud, comparison).get("state") == "SUCCEEDED")
    cloud.wait_until_idle()


def wait_until(holds: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)


def test_no_odiff_outlives_the_cloud(built: Path) -> None:
    with contextlib.ExitStack() as until_checked:
        optional = {"TrunkPrefix": "optional"}
        with EmbeddedCloud.start(build_dir=built, parameters=optional) as cloud:
            uploader = Uploader(cloud.client("s3"), cloud.bucket, "demo")
            uploader.wait(uploader.upload("base", EXAMPLES / "base"))
            uploader.wait(uploader.upload("head", EXAMPLES / "head", base_build="base"))
            running = odiffs(cloud.server_pid)
            program = until_checked.enter_context(Path(f"/proc/{running[0]}/exe").open("rb"))
            assert set(running) <= set(executing(program))
        assert executing(program) == []
