"""Baselines on the deployed stack: late bases, races, shards and plain uploads, on exact writes."""

from __future__ import annotations

import hashlib
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from PIL import Image

from embedded_cloud.cloud import EmbeddedCloud
from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId, ShardId
from uploader import Uploader

pytestmark = pytest.mark.e2e


@pytest.fixture
def uploader(cloud: EmbeddedCloud, request: pytest.FixtureRequest) -> Uploader:
    """A project of the test's own: its name is the test's."""
    return Uploader(cloud.client("s3"), cloud.bucket, request.node.name)


@pytest.fixture
def short_grace(cloud: EmbeddedCloud) -> Iterator[float]:
    seconds = 2.0
    configure(cloud, str(seconds))
    yield seconds
    configure(cloud, "600")


def configure(cloud: EmbeddedCloud, seconds: str) -> None:
    for function in ("CompareFunction", "SweepFunction"):
        cloud.configure(function, {"PIXELGATE_BASE_GRACE_SECONDS": seconds})


def png(level: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.full((30, 40, 3), level, np.uint8)).save(out, "PNG")
    return out.getvalue()


def put_image(cloud: EmbeddedCloud, project: str, level: int) -> dict[str, Any]:
    """Uploads one picture; returns what a manifest says of it."""
    body = png(level)
    digest = hashlib.sha256(body).hexdigest()
    s3 = cloud.client("s3")
    if not s3.list_objects_v2(Bucket=cloud.bucket, Prefix=keys.image(project, digest))["KeyCount"]:
        s3.put_object(
            Bucket=cloud.bucket, Key=keys.image(project, digest), Body=body, IfNoneMatch="*"
        )
    return {"sha256": digest, "width": 40, "height": 30}


def wait_for(
    uploader: Uploader, build: str, holds: Callable[[dict[str, Any]], bool], seconds: float = 60
) -> dict[str, Any]:
    end = time.monotonic() + seconds
    status: dict[str, Any] | None = None
    while time.monotonic() < end:
        status = uploader.status(BuildId(uploader.project, build))
        if status and holds(status):
            return status
        time.sleep(0.05)
    raise AssertionError(f"{build} never came there: {status}")


def is_waiting(status: dict[str, Any]) -> bool:
    return bool(status["state"] == "WAITING_FOR_BASE")


def reports(cloud: EmbeddedCloud, project: str, build: str) -> int:
    """How many times a result was written for a build, in any version."""
    answer = cloud.client("s3").list_object_versions(
        Bucket=cloud.bucket, Prefix=f"comparisons/{project}/{build}/"
    )
    return sum(v["Key"].endswith("comparison.json") for v in answer.get("Versions", []))


def record_of(cloud: EmbeddedCloud, project: str, sort_key: str) -> dict[str, Any]:
    item = cloud.client("dynamodb").get_item(
        TableName=cloud.table, Key={"pk": {"S": project}, "sk": {"S": sort_key}}
    )
    return {name: next(iter(value.values())) for name, value in item.get("Item", {}).items()}


def sweep(cloud: EmbeddedCloud) -> list[dict[str, Any]]:
    answer = cloud.client("lambda").invoke(
        FunctionName=cloud.stack.resources["SweepFunction"], Payload=b'{"only": "waits"}'
    )
    swept: list[dict[str, Any]] = json.load(answer["Payload"])["swept"]
    return swept


def at_once(*actions: Callable[[], object]) -> None:
    """Starts all of them at the same moment."""
    start = threading.Barrier(len(actions))

    def run(action: Callable[[], object]) -> None:
        start.wait()
        action()

    with ThreadPoolExecutor(len(actions)) as threads:
        for future in [threads.submit(run, action) for action in actions]:
            future.result()


def compared_once(cloud: EmbeddedCloud, uploader: Uploader, build: str, base: str) -> None:
    status = uploader.wait(BuildId(uploader.project, build))
    assert (status["state"], status["base"]) == ("SUCCEEDED", base), status
    record = record_of(cloud, uploader.project, f"comparison/{build}/{base}")
    assert (record["state"], record["claims"]) == ("SUCCEEDED", "1")
    assert reports(cloud, uploader.project, build) == 1


def test_a_base_that_comes_late_starts_the_head(cloud: EmbeddedCloud, uploader: Uploader) -> None:
    image = {project: put_image(cloud, uploader.project, project) for project in (10, 200)}
    uploader.write_manifest(
        "head", {"commit": "H", "base_commit": "C", "images": {"a.png": image[200]}}
    )
    wait_for(uploader, "head", is_waiting)
    base = uploader.write_manifest("base", {"commit": "C", "images": {"a.png": image[10]}})
    uploader.wait(base)
    status = uploader.wait(BuildId(uploader.project, "head"), seconds=20)
    assert status["counts"]["changed"] == 1
    assert status["baseline"] == {"kind": "exact", "passed_over": []}
    cloud.wait_until_idle()
    compared_once(cloud, uploader, "head", "base")


@pytest.mark.parametrize("base_first", [True, False])
def test_head_and_base_at_once(cloud: EmbeddedCloud, uploader: Uploader, base_first: bool) -> None:
    images = {"a.png": put_image(cloud, uploader.project, 10)}
    rounds = 12
    for n in range(rounds):
        head = {"commit": f"H{n}", "base_commit": f"C{n}", "images": images}
        base = {"commit": f"C{n}", "images": images}
        uploads = [
            lambda n=n, base=base: uploader.write_manifest(f"base{n}", base),
            lambda n=n, head=head: uploader.write_manifest(f"head{n}", head),
        ]
        at_once(*(uploads if base_first else reversed(uploads)))
    for n in range(rounds):
        compared_once(cloud, uploader, f"head{n}", f"base{n}")
    cloud.wait_until_idle()
    for n in range(rounds):
        compared_once(cloud, uploader, f"head{n}", f"base{n}")


def test_two_bases_at_once_and_ten_heads_that_wait(
    cloud: EmbeddedCloud, uploader: Uploader
) -> None:
    images = {"a.png": put_image(cloud, uploader.project, 10)}
    heads = [f"head{n}" for n in range(10)]
    for head in heads:
        uploader.write_manifest(head, {"commit": head, "base_commit": "C", "images": images})
    for head in heads:
        wait_for(uploader, head, is_waiting)
    base = {"commit": "C", "images": images}
    at_once(
        lambda: uploader.write_manifest("base1", base),
        lambda: uploader.write_manifest("base2", base),
    )
    for head in heads:
        status = uploader.wait(BuildId(uploader.project, head))
        assert status["base"] in {"base1", "base2"}
        assert status["baseline"]["kind"] == "exact"
    cloud.wait_until_idle()
    for head in heads:
        compared_once(cloud, uploader, head, uploader.wait(BuildId(uploader.project, head))["base"])


def test_after_the_grace_the_nearest_ancestor_serves(
    cloud: EmbeddedCloud, uploader: Uploader, short_grace: float
) -> None:
    images = {"a.png": put_image(cloud, uploader.project, 10)}
    uploader.wait(uploader.write_manifest("old", {"commit": "A", "images": images}))
    uploader.write_manifest(
        "head", {"commit": "H", "base_commit": "C", "ancestors": ["A"], "images": images}
    )
    wait_for(uploader, "head", is_waiting)
    time.sleep(short_grace)
    sweep(cloud)  # nobody uploads anything
    status = uploader.wait(BuildId(uploader.project, "head"))
    assert (status["base"], status["baseline"]["kind"]) == ("old", "grace")
    assert status["baseline_reason"].startswith("no build of base_commit C came within 2 seconds")
    cloud.wait_until_idle()


@pytest.mark.usefixtures("short_grace")
def test_the_wake_and_the_end_of_the_grace_at_once(
    cloud: EmbeddedCloud, uploader: Uploader, short_grace: float
) -> None:
    images = {"a.png": put_image(cloud, uploader.project, 10)}
    uploader.wait(uploader.write_manifest("old", {"commit": "A", "images": images}))
    heads = [f"head{n}" for n in range(6)]
    for head in heads:
        said = {"commit": head, "base_commit": "C", "ancestors": ["A"], "images": images}
        uploader.write_manifest(head, said)
    for head in heads:
        wait_for(uploader, head, is_waiting)
    time.sleep(short_grace)
    base = {"commit": "C", "images": images}
    at_once(
        lambda: uploader.write_manifest("base", base),
        *[lambda: sweep(cloud) for _ in range(4)],
    )
    for head in heads:
        status = uploader.wait(BuildId(uploader.project, head))
        assert status["base"] in {"base", "old"}
    cloud.wait_until_idle()
    for head in heads:
        status = uploader.wait(BuildId(uploader.project, head))
        compared_once(cloud, uploader, head, status["base"])
        wait = record_of(cloud, uploader.project, f"comparison/{head}/@commit:C")
        assert wait["state"] == "FAILED"  # closed
        assert "unfinished" not in wait


def test_a_review_that_is_written_while_a_run_is_under_way_stays(
    cloud: EmbeddedCloud, uploader: Uploader
) -> None:
    images = {"a.png": put_image(cloud, uploader.project, 10)}
    uploader.wait(uploader.write_manifest("base", {"commit": "C", "images": images}))
    head = {"commit": "H", "branch": "f", "base_commit": "C", "images": images}
    done = threading.Event()

    def approve_over_and_over() -> None:
        client = cloud.client("dynamodb")
        while not done.is_set():
            try:
                client.update_item(
                    TableName=cloud.table,
                    Key={"pk": {"S": uploader.project}, "sk": {"S": "build/head"}},
                    UpdateExpression="SET review = :review",
                    ConditionExpression="attribute_exists(manifest_sha256)",
                    ExpressionAttributeValues={":review": {"S": "approved"}},
                )
            except client.exceptions.ConditionalCheckFailedException:
                continue

    reviewer = threading.Thread(target=approve_over_and_over)
    reviewer.start()
    try:
        uploader.wait(uploader.write_manifest("head", head))
    finally:
        done.set()
        reviewer.join()
    record = record_of(cloud, uploader.project, "build/head")
    assert (record["review"], record["complete"], record["baseline"]) == ("approved", True, "base")
    # And it counts: a build of a feature branch is a base once it is approved.
    stacked = {"commit": "H2", "branch": "g", "base_commit": "H", "images": images}
    status = uploader.wait(uploader.write_manifest("stacked", stacked))
    assert status["base"] == "head"


def test_eight_shards_at_once_are_one_build(cloud: EmbeddedCloud, uploader: Uploader) -> None:
    build = BuildId(uploader.project, "p1")
    image = put_image(cloud, uploader.project, 10)

    def put_shard(index: int) -> None:
        manifest = {
            "project": build.project,
            "build": build.build,
            "commit": "C",
            "branch": "main",
            "shard": {"index": index, "total": 8},
            "images": {f"{index}.png": image},
        }
        cloud.client("s3").put_object(
            Bucket=cloud.bucket,
            Key=keys.uploaded_manifest(build, ShardId(index, 8)),
            Body=json.dumps(manifest).encode(),
        )

    at_once(*[lambda index=index: put_shard(index) for index in range(1, 9)])
    status = uploader.wait(build)
    assert (status["state"], status["counts"]["total"]) == ("SUCCEEDED", 8)
    cloud.wait_until_idle()
    assert uploader.status(build) == status
    assert reports(cloud, build.project, "p1") == 1


def test_plain_images_without_any_hash(cloud: EmbeddedCloud, uploader: Uploader) -> None:
    """More than S3 lists at once."""
    build = BuildId(uploader.project, "plain")
    s3, bodies = cloud.client("s3"), [png(level) for level in (10, 20, 30)]

    def put(n: int) -> None:
        key = f"{keys.uploads(build)}page/{n:04}.png"
        s3.put_object(Bucket=cloud.bucket, Key=key, Body=bodies[n % 3])

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(put, range(1_100)))
    status = uploader.wait(write_plain_manifest(uploader, "plain"))
    assert (status["state"], status["counts"]["added"]) == ("SUCCEEDED", 1_100)
    listed = s3.list_objects_v2(Bucket=cloud.bucket, Prefix=f"images/{build.project}/")
    hashes = {hashlib.sha256(body).hexdigest() for body in bodies}
    assert {o["Key"].rpartition("/")[2] for o in listed["Contents"]} == hashes
    cloud.wait_until_idle()
    assert uploader.status(build) == status  # what we stored has started nothing


def write_plain_manifest(uploader: Uploader, build: str) -> BuildId:
    # The uploader would fill in images; a plain manifest has none.
    return uploader.write_manifest(build, {"commit": "C", "images": None})
