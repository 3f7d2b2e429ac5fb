"""How long an upload takes, of many images that are all new and of the same that are all there.

    make bench-upload                       # 10,000 images, against the embedded cloud
    make bench-upload ARGS="--images 5000"

The embedded cloud answers a request in a millisecond or two; S3 takes some 20 to 50. `--latency 30`
makes every request last at least that many milliseconds more, which shows what a number of requests
costs.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import boto3
import numpy as np
from botocore.config import Config
from PIL import Image

from embedded_cloud.cloud import EmbeddedCloud
from pixelgate.ci.origin import BuildOrigin
from pixelgate.client.config import read_config
from pixelgate.client.scan import Scan, scan
from pixelgate.client.upload import find_present, send_images
from pixelgate.client.upload_manifest import build_id, manifest_of
from pixelgate.domain import keys
from pixelgate.storage.s3_store import S3Store

PROJECT = "bench"
SIDE = 64


class Requests:
    """Counts the requests of a client, and makes each last longer."""

    def __init__(self, client: Any, latency: float) -> None:
        self.counts: Counter[str] = Counter()
        self._latency = latency
        self._lock = threading.Lock()
        client.meta.events.register("before-send.s3", self._before)
        client.meta.events.register("before-call.s3", self._count)

    def _count(self, model: Any, **_: Any) -> None:
        with self._lock:
            self.counts[model.name] += 1

    def _before(self, **_: Any) -> None:
        time.sleep(self._latency)

    def taken(self) -> str:
        """The counts since the last call, in words."""
        with self._lock:
            words = ", ".join(f"{n:,} {name}" for name, n in self.counts.most_common())
            self.counts.clear()
        return words or "no requests"


def make_images(folder: Path, number: int) -> None:
    """So many different pictures of noise, of some 12 KB each."""
    for i in range(number):
        pixels = np.random.default_rng(i).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:06}.png", compress_level=1)


def one_by_one(store: S3Store, found: Scan) -> int:
    """What the upload does not do: a question for each image, one after the other."""
    wanted = {entry.sha256 for entry in found.entries.values()}
    return sum(store.exists(keys.image(PROJECT, sha256)) for sha256 in wanted)


def run(folder: Path, store: S3Store, requests: Requests, sample: int) -> None:
    """Times the steps and prints them."""

    def timed(what: str, act: Any) -> Any:
        begun = time.perf_counter()
        result = act()
        print(f"  {time.perf_counter() - begun:8.2f} s  {what}: {requests.taken()}", flush=True)
        return result

    print("all new:")
    found = timed("hashing", lambda: scan(folder))
    timed("asking and uploading", lambda: send_images(store, PROJECT, found))
    print("all there already:")
    begun = time.perf_counter()
    again = timed("hashing", lambda: scan(folder))
    wanted = {entry.sha256 for entry in again.entries.values()}
    present = timed("listing", lambda: find_present(store, PROJECT, wanted))
    assert present == wanted  # noqa: S101 - or the bench means nothing
    build = build_id(PROJECT, "b1", fork=False)
    where = BuildOrigin(None, "c" * 40, "main")
    fields = timed(
        "making the manifest",
        lambda: manifest_of(build, where, again.fields(), read_config(None)),
    )
    # Not under its own name: it must not start a comparison.
    key = keys.plain_image(build, "bench.json")
    timed("writing it", lambda: store.write(key, fields, "application/json"))
    print(f"  {time.perf_counter() - begun:8.2f} s  together, {len(fields):,} bytes of manifest")
    print(f"what is avoided, measured on {sample:,}:")
    part = Scan({n: again.entries[n] for n in list(again.entries)[:sample]})
    timed("a question for each, one after the other", lambda: one_by_one(store, part))


def main() -> None:
    """Runs the bench."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--latency", type=float, default=0, help="milliseconds more a request")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pixelgate-bench-") as name, EmbeddedCloud.start() as c:
        folder = Path(name)
        make_images(folder, options.images)
        size = sum(path.stat().st_size for path in folder.iterdir())
        print(f"{options.images:,} images, {size / 1e6:,.0f} MB, {options.latency:g} ms a request")
        client = boto3.client(
            "s3",
            endpoint_url=c.endpoint_url,
            region_name=c.region,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - the embedded cloud takes any
            config=Config(max_pool_connections=32),
        )
        store = S3Store(client, c.bucket)
        requests = Requests(client, options.latency / 1_000)
        run(folder, store, requests, sample=min(500, options.images))


if __name__ == "__main__":
    main()
