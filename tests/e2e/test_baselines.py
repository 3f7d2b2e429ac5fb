"""Baselines on the deployed stack: late bases, races, shards and plain uploads, on exact writes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from e2e.deployed import at_once, get, invoke, listed, put, record_of, versions, wait_until
from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId, ShardId
from pixelgate.sandbox.cloud import EmbeddedCloud
from support.images import png
from support.world import sha
from uploader import Uploader

pytestmark = pytest.mark.e2e


@pytest.fixture
def short_grace(cloud: EmbeddedCloud) -> Iterator[float]:
    seconds = 2.0
    configure(cloud, str(seconds))
    yield seconds
    configure(cloud, "600")


def configure(cloud: EmbeddedCloud, seconds: str) -> None:
    for function in ("CompareFunction", "SweepFunction"):
        cloud.configure(function, {"PIXELGATE_BASE_GRACE_SECONDS": seconds})


def put_image(cloud: EmbeddedCloud, project: str) -> dict[str, Any]:
    """Uploads one picture; returns what a manifest says of it."""
    body = png((40, 30))
    s3, key = cloud.client("s3"), keys.image(project, sha(body))
    s3.put_object(Bucket=cloud.bucket, Key=key, Body=body, IfNoneMatch="*")
    return {"sha256": sha(body), "width": 40, "height": 30}


def wait_for_waiting(uploader: Uploader, *builds: str) -> None:
    for build in builds:
        wait_until(partial(is_waiting, uploader, build))


def is_waiting(uploader: Uploader, build: str) -> bool:
    status = uploader.status(BuildId(uploader.project, build))
    return status is not None and status["state"] == "WAITING_FOR_BASE"


def reports(cloud: EmbeddedCloud, project: str, build: str) -> int:
    """How many times a result was written for a build, in any version."""
    written = versions(cloud, f"comparisons/{project}/{build}/")
    return sum(key.endswith("comparison.json") for key in written)


def sweep(cloud: EmbeddedCloud) -> None:
    invoke(cloud, "SweepFunction", {"only": "waits"})


def compared_once(cloud: EmbeddedCloud, uploader: Uploader, build: str, base: str) -> None:
    status = uploader.wait(BuildId(uploader.project, build))
    assert (status["state"], status["base"]) == ("SUCCEEDED", base), status
    record = record_of(cloud, uploader.project, f"comparison/{build}/{base}")
    assert (record["state"], record["claims"]) == ("SUCCEEDED", "1")
    assert reports(cloud, uploader.project, build) == 1


@pytest.mark.parametrize("base_first", [True, False])
def test_head_and_base_at_once(cloud: EmbeddedCloud, uploader: Uploader, base_first: bool) -> None:
    images = {"a.png": put_image(cloud, uploader.project)}
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
    images = {"a.png": put_image(cloud, uploader.project)}
    heads = [f"head{n}" for n in range(10)]
    for head in heads:
        uploader.write_manifest(head, {"commit": head, "base_commit": "C", "images": images})
    wait_for_waiting(uploader, *heads)
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
    images = {"a.png": put_image(cloud, uploader.project)}
    uploader.wait(uploader.write_manifest("old", {"commit": "A", "images": images}))
    uploader.write_manifest(
        "head", {"commit": "H", "base_commit": "C", "ancestors": ["A"], "images": images}
    )
    wait_for_waiting(uploader, "head")
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
    images = {"a.png": put_image(cloud, uploader.project)}
    uploader.wait(uploader.write_manifest("old", {"commit": "A", "images": images}))
    heads = [f"head{n}" for n in range(6)]
    for head in heads:
        said = {"commit": head, "base_commit": "C", "ancestors": ["A"], "images": images}
        uploader.write_manifest(head, said)
    wait_for_waiting(uploader, *heads)
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
    images = {"a.png": put_image(cloud, uploader.project)}
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
    image = put_image(cloud, uploader.project)

    def put_shard(index: int, **images: Any) -> None:
        fields = {
            **vars(build),
            "commit": "C",
            "branch": "main",
            "shard": {"index": index, "total": 8},
            "images": images or {f"{index}.png": image},
        }
        put(cloud, keys.uploaded_manifest(build, ShardId(index, 8)), fields)

    put_shard(1)
    cloud.wait_until_idle()
    put_shard(1, **{"other.png": image})  # what was accepted counts
    cloud.wait_until_idle()
    at_once(*[lambda index=index: put_shard(index) for index in range(2, 9)])
    status = uploader.wait(build)
    assert (status["state"], status["counts"]["total"]) == ("SUCCEEDED", 8)
    cloud.wait_until_idle()
    assert uploader.status(build) == status
    assert reports(cloud, build.project, "p1") == 1
    assert "1.png" in get(cloud, status["comparison"])["images"]


def test_plain_images_without_any_hash(cloud: EmbeddedCloud, uploader: Uploader) -> None:
    build = BuildId(uploader.project, "plain")
    bodies = [png((40, 30), (level, 0, 0)) for level in (10, 20, 30)]
    for n in range(6):
        put(cloud, f"{keys.uploads(build)}page/{n:04}.png", bodies[n % 3])
    # The uploader would fill in images; a plain manifest has none.
    status = uploader.wait(uploader.write_manifest("plain", {"commit": "C", "images": None}))
    assert (status["state"], status["counts"]["added"]) == ("SUCCEEDED", 6)
    stored = {keys.image(build.project, sha(body)) for body in bodies}
    assert set(listed(cloud, f"images/{build.project}/")) == stored
    cloud.wait_until_idle()
    assert uploader.status(build) == status  # what we stored has started nothing
