"""What tests do to the deployed stack, and what they read of it."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.sandbox.cloud import EmbeddedCloud
from support.images import encoded
from uploader import Uploader

_IDS = itertools.count(1)


def wait_until(holds: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)


def at_once(*actions: Callable[[], object]) -> None:
    """Starts all of them at the same moment."""
    start = threading.Barrier(len(actions))

    def run(action: Callable[[], object]) -> None:
        start.wait(60)
        action()

    with ThreadPoolExecutor(len(actions)) as threads:
        for future in [threads.submit(run, action) for action in actions]:
            future.result()


def record_of(cloud: EmbeddedCloud, project: str, sort_key: str) -> dict[str, Any]:
    """An item of the table, without its types; nothing if it is not there."""
    item = cloud.client("dynamodb").get_item(
        TableName=cloud.table, Key={"pk": {"S": project}, "sk": {"S": sort_key}}
    )
    return {name: next(iter(value.values())) for name, value in item.get("Item", {}).items()}


def listed(cloud: EmbeddedCloud, *prefixes: str) -> list[str]:
    """Keys of what lies in the bucket."""
    pages = cloud.client("s3").get_paginator("list_objects_v2")
    found = [page for p in prefixes for page in pages.paginate(Bucket=cloud.bucket, Prefix=p)]
    return [one["Key"] for page in found for one in page.get("Contents", ())]


def versions(cloud: EmbeddedCloud, prefix: str) -> list[str]:
    """Keys of all that was ever written, one for each time."""
    pages = cloud.client("s3").get_paginator("list_object_versions")
    found = pages.paginate(Bucket=cloud.bucket, Prefix=prefix)
    return [version["Key"] for page in found for version in page.get("Versions", ())]


def put(cloud: EmbeddedCloud, key: str, body: bytes | dict[str, Any]) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    cloud.client("s3").put_object(Bucket=cloud.bucket, Key=key, Body=content)


def get(cloud: EmbeddedCloud, key: str) -> Any:
    """A JSON object of the bucket."""
    return json.load(cloud.client("s3").get_object(Bucket=cloud.bucket, Key=key)["Body"])


def invoke(cloud: EmbeddedCloud, function: str, event: object) -> Any:
    """A function's answer to an event."""
    answer = cloud.client("lambda").invoke(
        FunctionName=cloud.stack.resources[function], Payload=json.dumps(event).encode()
    )
    return json.load(answer["Payload"])


def send(cloud: EmbeddedCloud, function: str, event: object) -> None:
    """Calls a function as S3 and EventBridge do: asynchronously, with Lambda's retries."""
    cloud.client("lambda").invoke(
        FunctionName=cloud.stack.resources[function],
        InvocationType="Event",
        Payload=json.dumps(event).encode(),
    )


def review(cloud: EmbeddedCloud, build: BuildId, **fields: Any) -> None:
    """What a reviewer does."""
    key = keys.review(build, f"{time.time_ns():020}-{next(_IDS)}")
    put(cloud, key, {"schema_version": 1, **fields})


def review_of(uploader: Uploader, build: BuildId) -> dict[str, Any]:
    """What the build's status says of its reviews; nothing before its result."""
    status = uploader.status(build)
    assert status is not None
    return dict(status["review"] or {})


def pictures(
    folder: Path, number: int, version: int, *, side: int = 300, all_over: bool = False
) -> Path:
    """Different pictures; those of another version differ in one block, or all over."""
    folder.mkdir()
    for i in range(number):
        (folder / f"{i:05}.png").write_bytes(_picture(i, version, side, all_over))
    return folder


@cache
def _picture(i: int, version: int, side: int, all_over: bool) -> bytes:
    seed = i + 1_000 * version if all_over else i
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    pixels[: 10 * version, :10] = (255, i % 256, i // 256)
    return encoded(Image.fromarray(pixels), "PNG", compress_level=1)
