"""The deployed stack, end to end: uploads go into the bucket, results come out of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.deployed import (
    at_once,
    get,
    listed,
    pictures,
    record_of,
    send,
    versions,
    wait_until,
)
from pixelgate.domain.keys import BuildId
from pixelgate.sandbox.cloud import EmbeddedCloud, Worker
from support.processes import executing, odiffs
from uploader import Uploader

pytestmark = pytest.mark.e2e

EXAMPLES = Path(__file__).parents[2] / "examples"
LEASE = 4


@pytest.fixture
def short_lease(cloud: EmbeddedCloud) -> Iterator[None]:
    """Dead workers are taken over within seconds."""
    cloud.configure("CompareFunction", {"PIXELGATE_LEASE_SECONDS": str(LEASE)})
    yield
    cloud.configure("CompareFunction", {"PIXELGATE_LEASE_SECONDS": "90"})


def record(cloud: EmbeddedCloud, head: BuildId) -> dict[str, Any]:
    return record_of(cloud, head.project, f"comparison/{head.build}/base")


def diffed(cloud: EmbeddedCloud, project: str) -> int:
    """Diffs that were measured: each is written to the cache."""
    return len(versions(cloud, f"cache/{project}/"))


def drawn(cloud: EmbeddedCloud, project: str) -> int:
    """Thumbnails that were written."""
    return sum("/thumbs/" in key for key in versions(cloud, f"comparisons/{project}/"))


def published(cloud: EmbeddedCloud, head: BuildId) -> int:
    """Files that its comparisons wrote, without pictures."""
    written = versions(cloud, f"comparisons/{head}/")
    return sum("/thumbs/" not in key and "/masks/" not in key for key in written)


def large(folder: Path, version: int, number: int = 60) -> Path:
    """Pictures that keep a worker busy for some seconds."""
    return pictures(folder, number, version, side=700, all_over=True)


def working(cloud: EmbeddedCloud, project: str) -> Worker:
    """The worker that is in the middle of a comparison: it has stored a first result."""
    wait_until(lambda: diffed(cloud, project) > 0)
    found: list[Worker] = []

    def busy() -> bool:
        found.extend(w for w in cloud.workers("CompareFunction") if w.request_id)
        return bool(found)

    wait_until(busy)
    return found[0]


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
    images = get(cloud, head["comparison"])["images"]
    masks = {i["mask"] for i in images.values() if i["status"] == "changed"}
    assert masks <= set(listed(cloud, f"comparisons/{uploader.project}/"))
    page = cloud.client("s3").get_object(Bucket=cloud.bucket, Key=head["report"])
    assert page["ContentType"] == "text/html; charset=utf-8"
    assert b"Needs review: 21 changed, 9 added, 5 removed" in page["Body"].read()


def test_sixteen_deliveries_at_once_are_one_run(
    cloud: EmbeddedCloud, uploader: Uploader, tmp_path: Path
) -> None:
    uploader.wait(uploader.upload("base", pictures(tmp_path / "a", 10, 1)))
    images = uploader.upload_images(pictures(tmp_path / "b", 10, 2))
    manifest = {"images": images, "base_build": "base"}
    at_once(*[lambda: uploader.write_manifest("head", manifest)] * 16)
    head = BuildId(uploader.project, "head")
    assert uploader.wait(head)["counts"]["changed"] == 10
    cloud.wait_until_idle()
    assert record(cloud, head)["claims"] == "1"
    # comparison.json, report, what there is to review, and what the history gets
    assert published(cloud, head) == 4


@pytest.mark.usefixtures("short_lease")
def test_a_worker_killed_in_the_middle_is_taken_over(
    cloud: EmbeddedCloud, uploader: Uploader, tmp_path: Path
) -> None:
    uploader.wait(uploader.upload("base", large(tmp_path / "a", 1)))
    head = uploader.upload("head", large(tmp_path / "b", 2), base_build="base")
    worker = working(cloud, uploader.project)
    wait_until(lambda: diffed(cloud, head.project) >= 20)
    worker.kill()
    cloud.wait_until_idle()
    status = uploader.status(head)
    if status is None or status["state"] == "PROCESSING":
        # Both retries came while the dead worker's lease still lived: the sweeper's case.
        time.sleep(LEASE)
        send(cloud, "CompareFunction", {"resume": vars(head)})  # the sweeper's event
    status = uploader.wait(head)
    assert status["counts"]["changed"] == 60
    assert status["claim"] == 2
    assert published(cloud, head) == 4
    # What the dead worker had measured was not measured again.
    assert diffed(cloud, head.project) < 60 + 10
    # They come after the verdict: one of each image, of base when it was new.
    cloud.wait_until_idle()
    assert drawn(cloud, head.project) == 2 * 60


@pytest.mark.usefixtures("short_lease")
def test_a_late_worker_changes_nothing(
    cloud: EmbeddedCloud, uploader: Uploader, tmp_path: Path
) -> None:
    uploader.wait(uploader.upload("base", large(tmp_path / "a", 1)))
    head = uploader.upload("head", large(tmp_path / "b", 2), base_build="base")
    late = working(cloud, uploader.project)
    late.pause()
    time.sleep(LEASE + 1)
    send(cloud, "CompareFunction", {"resume": vars(head)})  # the sweeper's event
    published = uploader.wait(head)
    assert published["claim"] == 2
    late.resume()
    cloud.wait_until_idle()
    assert uploader.status(head) == published
    kept = record(cloud, head)
    assert (kept["execution"], kept["state"]) == (published["execution"], "SUCCEEDED")


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
