"""Comparisons that are too much for one worker, on the deployed state machine.

FAN_OUT_PAIRS=2000 (`make test-fan-out`) is the long form.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import random
import re
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from e2e.deployed import at_once, listed, record_of, review, review_of, wait_until
from e2e.deployed import pictures as small
from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId, ComparisonId
from pixelgate.sandbox.cloud import EmbeddedCloud
from support.images import png
from uploader import Uploader

pytestmark = pytest.mark.e2e

PAIRS = int(os.environ.get("FAN_OUT_PAIRS", "120"))
SEED = int(os.environ.get("FAN_OUT_SEED", "20261125"))
# Ids that are nothing else in a page, so that they can be left out.
MANY, ONE = "many-5f0c1e", "alone-a94b7"
# The report's page carries its data zipped.
PACKED = re.compile(r"(?<=>)H4sI[A-Za-z0-9+/=]+")
# In comparison.json, and as the report's page says it.
COST = re.compile(r'"cost": ?\{.*?\}.*?\}|\["Cost", ?\[.*?\]\]|"usd": ?[\d.e-]+,?')
TOOK = re.compile(r'"in [\d,.]+ s"')
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00| UTC)")


@pytest.fixture
def everything_is_too_much(cloud: EmbeddedCloud) -> Iterator[None]:
    cloud.configure("CompareFunction", {"PIXELGATE_INLINE_MEGAPIXELS": "0"})
    yield
    cloud.configure("CompareFunction", {"PIXELGATE_INLINE_MEGAPIXELS": "300"})


def test_many_workers_killed_at_random_publish_what_one_worker_does(
    cloud: EmbeddedCloud, tmp_path: Path, everything_is_too_much: None
) -> None:
    base, head = pictures(tmp_path / "base", PAIRS, 0), pictures(tmp_path / "head", PAIRS, 1)
    uploader = Uploader(cloud.client("s3"), cloud.bucket, "many-workers")
    uploader.wait(uploader.upload("base", base), 900)
    forget_diffs(cloud, uploader.project)  # the base's thumbnails
    with killing(cloud, kills=max(4, PAIRS // 50)) as killed:
        many = uploader.wait(uploader.upload(MANY, head, base_build="base"), 900)
    assert len(killed) >= 3
    assert many["counts"] == {
        "total": PAIRS + 1, "changed": PAIRS - 1, "added": 0, "removed": 0, "renamed": 0,
        "unchanged": 1, "skipped": 0, "errored": 1,
    }  # fmt: skip
    record = comparison(cloud, uploader.project, MANY)
    assert (record["claims"], record["execution"]) == ("1", many["execution"])
    assert f"{PAIRS:,} pairs in {-(-PAIRS // 50)} batches" in record["fan_out"]
    assert execution(cloud, many["execution"])["status"] == "SUCCEEDED"
    cloud.wait_until_idle()
    ours = published(cloud, uploader, many)
    forget_diffs(cloud, uploader.project)

    cloud.configure("CompareFunction", {"PIXELGATE_INLINE_MEGAPIXELS": "4000"})
    one = uploader.wait(uploader.upload(ONE, head, base_build="base"), 900)
    assert "fan_out" not in comparison(cloud, uploader.project, ONE)
    cloud.wait_until_idle()
    theirs = published(cloud, uploader, one)
    assert ours.keys() == theirs.keys()
    assert [
        where(name, ours[name], theirs[name]) for name in ours if ours[name] != theirs[name]
    ] == []
    assert sum(name.endswith(".png") for name in ours) == PAIRS - 1
    assert sum(name.endswith(".webp") for name in ours) >= PAIRS - 1


def test_starting_an_execution_twice_is_harmless(
    cloud: EmbeddedCloud, tmp_path: Path, everything_is_too_much: None
) -> None:
    uploader = Uploader(cloud.client("s3"), cloud.bucket, "fan-twice")
    uploader.wait(uploader.upload("base", pictures(tmp_path / "base", 60, 0)))
    images = uploader.upload_images(pictures(tmp_path / "head", 60, 1))
    fields = {"images": images, "base_build": "base"}
    at_once(*[lambda: uploader.write_manifest("head", fields)] * 8)
    status = uploader.wait(BuildId(uploader.project, "head"))
    assert (status["counts"]["changed"], status["counts"]["errored"]) == (59, 1)
    cloud.wait_until_idle()
    record = comparison(cloud, uploader.project)
    assert record["claims"] == "1"
    listed = cloud.client("stepfunctions").list_executions(
        stateMachineArn=cloud.stack.outputs["CompareMachine"]
    )["executions"]
    assert [e["name"] for e in listed].count(record["execution"]) == 1


def test_lost_batches_are_run_again(
    cloud: EmbeddedCloud, tmp_path: Path, everything_is_too_much: None
) -> None:
    """In the first round every worker fails in every attempt, as if Lambda had no place for it."""
    uploader = Uploader(cloud.client("s3"), cloud.bucket, "fan-lost")
    uploader.wait(uploader.upload("base", pictures(tmp_path / "base", 60, 0)))
    cloud.configure("WorkerFunction", {"PIXELGATE_TABLE": "none"})
    try:
        build = uploader.upload("head", pictures(tmp_path / "head", 60, 1), base_build="base")
        wait_until(lambda: "lost batches are run again" in cloud.logs("PublishFunction"), 120)
    finally:
        cloud.configure("WorkerFunction", {"PIXELGATE_TABLE": cloud.table})
    status = uploader.wait(build, 120)
    assert (status["counts"]["changed"], status["counts"]["errored"]) == (59, 1)
    assert comparison(cloud, uploader.project)["claims"] == "1"
    run = keys.fan_out(ComparisonId(uploader.project, "head", "base"), status["execution"], "")
    assert f"{run}lost-1.json" in listed(cloud, run)


def test_an_approval_is_carried_over_to_what_many_workers_compared(
    cloud: EmbeddedCloud, tmp_path: Path, everything_is_too_much: None
) -> None:
    uploader = Uploader(cloud.client("s3"), cloud.bucket, "fan-approved")
    uploader.wait(uploader.upload("base", pictures(tmp_path / "base", 3, 0)))
    fields = {"base_build": "base", "branch": "topic", "pull_request": 5}
    first = uploader.upload("first", pictures(tmp_path / "first", 3, 1), **fields)
    uploader.wait(first)
    review(cloud, first, action="approve")
    wait_until(lambda: review_of(uploader, first)["state"] == "approved")
    cloud.wait_until_idle()

    again = pictures(tmp_path / "again", 3, 1)
    with Image.open(again / "00000.png") as image:
        image.copy().save(again / "00000.png", compress_level=9)  # other bytes
    second = uploader.upload("second", again, **fields)
    uploader.wait(second)
    assert "3 pairs in 1 batches" in comparison(cloud, uploader.project, "second")["fan_out"]
    assert review_of(uploader, second)["state"] == "approved"
    assert review_of(uploader, second)["carried_from"] == "first"


def pictures(folder: Path, number: int, version: int) -> Path:
    """Small pictures, each its own; of the head all differ, and the last cannot be read."""
    small(folder, number, version, side=64)
    (folder / "same.png").write_bytes(png((10, 10)))
    if version:
        last = folder / f"{number - 1:05}.png"
        last.write_bytes(last.read_bytes()[:-200])
    return folder


@contextmanager
def killing(cloud: EmbeddedCloud, kills: int) -> Iterator[list[str]]:
    """Kills workers in the middle of their batches until so many have died."""
    killed: list[str] = []
    ended = threading.Event()
    rng = random.Random(SEED)

    def kill() -> None:
        while len(killed) < kills and not ended.is_set():
            busy = [w for w in cloud.workers("WorkerFunction") if w.request_id]
            if busy:
                time.sleep(rng.random() * 0.4)
                worker = rng.choice(busy)
                try:
                    worker.kill()
                except ProcessLookupError:
                    continue
                killed.append(worker.request_id)
            ended.wait(0.05)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        ended.set()
        thread.join()


def published(cloud: EmbeddedCloud, uploader: Uploader, status: dict[str, Any]) -> dict[str, bytes]:
    """Everything that was published, without what names the run, when it was, what it cost."""
    prefix = status["comparison"].removesuffix("comparison.json")

    def neutral(body: bytes) -> bytes:
        if body.startswith((b"\x89PNG", b"RIFF")):
            return body
        if body.startswith(b"\x1f\x8b"):
            body = gzip.decompress(body)  # what the history gets
        text = PACKED.sub(unpacked, body.decode()).replace(status["execution"], "EXECUTION")
        text = text.replace(status["build"], "HEAD")
        return MOMENT.sub("THEN", TOOK.sub("", COST.sub("", text))).encode()

    results = read_all(cloud, [k for k in listed(cloud, prefix) if "/fan-out/" not in k])
    found = {key.removeprefix(prefix): neutral(body) for key, body in results.items()}
    assert {"comparison.json", "index.html", "review.json", "history.json.gz"} <= found.keys()
    found["status.json"] = neutral(json.dumps(status).encode())
    return found


def unpacked(found: re.Match[str]) -> str:
    return gzip.decompress(base64.b64decode(found[0])).decode()


def where(name: str, ours: bytes, theirs: bytes) -> str:
    """Where the two begin to differ, in words."""
    at = next((n for n, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), 0)
    around = slice(max(at - 60, 0), at + 60)
    return f"{name}: {ours[around]!r} instead of {theirs[around]!r}"


def read_all(cloud: EmbeddedCloud, names: Iterable[str]) -> dict[str, bytes]:
    s3 = cloud.client("s3")

    def read(key: str) -> tuple[str, bytes]:
        return key, s3.get_object(Bucket=cloud.bucket, Key=key)["Body"].read()

    with ThreadPoolExecutor(8) as threads:
        return dict(threads.map(read, names))


def forget_diffs(cloud: EmbeddedCloud, project: str) -> None:
    cloud.wait_until_idle()  # thumbnails come after the verdict
    s3, names = cloud.client("s3"), listed(cloud, f"cache/{project}/")
    for at in range(0, len(names), 1_000):
        objects = [{"Key": name} for name in names[at : at + 1_000]]
        s3.delete_objects(Bucket=cloud.bucket, Delete={"Objects": objects})
    assert listed(cloud, f"cache/{project}/") == []


def comparison(cloud: EmbeddedCloud, project: str, head: str = "head") -> dict[str, Any]:
    return record_of(cloud, project, f"comparison/{head}/base")


def execution(cloud: EmbeddedCloud, name: str) -> dict[str, Any]:
    arn = cloud.stack.outputs["CompareMachine"].replace(":stateMachine:", ":execution:")
    client = cloud.client("stepfunctions")

    def describe() -> dict[str, Any]:
        answer: dict[str, Any] = client.describe_execution(executionArn=f"{arn}:{name}")
        return answer

    wait_until(lambda: describe()["status"] != "RUNNING")
    return describe()
