"""What the stack removes by itself, and what whoever runs it removes by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from e2e.test_pipeline import pictures
from embedded_cloud.cloud import EmbeddedCloud
from pixelgate import keys
from pixelgate.keys import ComparisonId
from uploader import Uploader

pytestmark = pytest.mark.e2e


@pytest.fixture
def uploader(cloud: EmbeddedCloud, request: pytest.FixtureRequest) -> Uploader:
    """A project of the test's own: its name is the test's."""
    return Uploader(cloud.client("s3"), cloud.bucket, request.node.name)


def tidy(cloud: EmbeddedCloud, project: str) -> dict[str, int]:
    """Runs the function as its schedule does; returns what it did for a project."""
    answer = cloud.client("lambda").invoke(
        FunctionName=cloud.stack.resources["TidyFunction"], Payload=b"{}"
    )
    told: dict[str, Any] = json.load(answer["Payload"])
    assert "projects" in told, told
    done: dict[str, int] = told["projects"][project]
    return done


def there(cloud: EmbeddedCloud, *folders: str) -> set[str]:
    """Keys of a project."""
    pages = [
        cloud.client("s3").list_objects_v2(Bucket=cloud.bucket, Prefix=f"{folder}/")
        for folder in folders
    ]
    return {found["Key"] for page in pages for found in page.get("Contents", ())}


def test_what_a_dead_run_left_goes(
    cloud: EmbeddedCloud, uploader: Uploader, tmp_path: Path
) -> None:
    head = uploader.upload("head", pictures(tmp_path / "a", 2, 1))
    uploader.wait(head)
    cloud.wait_until_idle()
    folder = f"comparisons/{uploader.project}"
    published = there(cloud, folder)
    dead = keys.result(ComparisonId(head.project, head.build, "@none"), "dead", "comparison.json")
    cloud.client("s3").put_object(Bucket=cloud.bucket, Key=dead, Body=b"{}")
    cloud.configure("TidyFunction", {"PIXELGATE_ORPHANS_SECONDS": "3600"})
    assert tidy(cloud, uploader.project)["orphans"] == 0
    cloud.configure("TidyFunction", {"PIXELGATE_ORPHANS_SECONDS": "0"})
    assert tidy(cloud, uploader.project)["orphans"] == 1
    assert there(cloud, folder) == published
