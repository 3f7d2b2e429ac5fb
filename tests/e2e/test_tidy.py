"""What the stack removes by itself, and what whoever runs it removes by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.deployed import invoke, listed, pictures, put, review
from pixelgate.domain import keys
from pixelgate.domain.history import Change, Entry, decode
from pixelgate.domain.keys import ComparisonId
from pixelgate.sandbox.cloud import EmbeddedCloud
from uploader import Uploader

pytestmark = pytest.mark.e2e


def tidy(cloud: EmbeddedCloud, project: str) -> dict[str, int]:
    """Runs the function as its schedule does; returns what it did for a project."""
    told = invoke(cloud, "TidyFunction", {})
    assert "projects" in told, told
    done: dict[str, int] = told["projects"][project]
    return done


def test_what_a_dead_run_left_goes(
    cloud: EmbeddedCloud, uploader: Uploader, tmp_path: Path
) -> None:
    head = uploader.upload("head", pictures(tmp_path / "a", 2, 1))
    uploader.wait(head)
    cloud.wait_until_idle()
    folder = f"comparisons/{uploader.project}/"
    published = listed(cloud, folder)
    dead = keys.result(ComparisonId(head.project, head.build, "@none"), "dead", "comparison.json")
    put(cloud, dead, {})
    cloud.configure("TidyFunction", {"PIXELGATE_ORPHANS_SECONDS": "3600"})
    assert tidy(cloud, uploader.project)["orphans"] == 0
    cloud.configure("TidyFunction", {"PIXELGATE_ORPHANS_SECONDS": "0"})
    assert tidy(cloud, uploader.project)["orphans"] == 1
    assert listed(cloud, folder) == published


def test_the_history_is_merged_by_month(
    cloud: EmbeddedCloud, uploader: Uploader, tmp_path: Path
) -> None:
    head = uploader.upload("head", pictures(tmp_path / "a", 2, 1), branch="topic")
    uploader.wait(head)
    review(cloud, head, action="reject")
    cloud.wait_until_idle()
    index = keys.index(uploader.project)
    new = listed(cloud, index)
    assert [key.startswith(f"{index}new/") for key in new] == [True, True]
    cloud.configure("TidyFunction", {"PIXELGATE_INDEX_SECONDS": "0"})
    assert tidy(cloud, uploader.project)["indexed"] == 2
    [month] = listed(cloud, index)
    assert keys.is_index_month(month)
    body = cloud.client("s3").get_object(Bucket=cloud.bucket, Key=month)["Body"].read()
    lines = list(decode(uploader.project, body))
    assert len(lines) == 2
    [entry] = [line for line in lines if isinstance(line, Entry)]
    assert (entry.build, len(entry.shots)) == (head.build, 2)
    [change] = [line for line in lines if isinstance(line, Change)]
    assert change.review == "rejected"


def collects(cloud: EmbeddedCloud, project: str, age: float = 0.0) -> None:
    """Makes a project's builds past retention; its images may be deleted at an age in seconds."""
    settings = {
        "PIXELGATE_GARBAGE_COLLECTION": "delete",
        "PIXELGATE_RETENTION_DAYS": f"90,{project}=0",
        "PIXELGATE_GARBAGE_HIDDEN_SECONDS": "0",
        "PIXELGATE_GARBAGE_AGE_SECONDS": str(age),
    }
    cloud.configure("TidyFunction", settings)


def test_an_old_build_and_what_only_it_refers_to_go_and_an_image_comes_back(
    cloud: EmbeddedCloud, uploader: Uploader, tmp_path: Path
) -> None:
    project = uploader.project
    uploader.wait(uploader.upload("base", pictures(tmp_path / "a", 2, 1)))
    kept = set(listed(cloud, f"images/{project}/"))
    old = uploader.upload_images(pictures(tmp_path / "b", 2, 2))
    fields = {"images": old, "base_build": "base", "branch": "topic"}
    head = uploader.write_manifest("head", fields)
    uploader.wait(head)
    review(cloud, head, action="reject")
    cloud.wait_until_idle()
    # What earlier versions left: a mask that no report shows, and an image that was about to go.
    for forgotten in (
        f"diffs/{project}/2020-01/f/nobody-shows-it.png",
        f"aside/{project}/{'a' * 64}",
    ):
        put(cloud, forgotten, b"x")

    collects(cloud, project)
    done = tidy(cloud, project)
    assert (done["hidden"], done["removed"], done["swept"]) == (1, 0, 2)
    done = tidy(cloud, project)
    assert (done["removed"], done["swept"]) == (1, 2)
    assert set(listed(cloud, f"images/{project}/")) == kept
    folders = (f"{top}/{head}/" for top in ("uploads", "builds", "reviews", "comparisons"))
    assert listed(cloud, *folders) == []

    # One client had seen an image in its place, one has sent a manifest that will be refused.
    first, second = sorted(old)
    late = uploader.write_manifest("late", {"images": {first: old[first]}, "branch": "topic"})
    assert uploader.wait(late)["verdict"] == "passed"
    assert f"images/{project}/{old[first]['sha256']}" in listed(cloud, f"images/{project}/")
    refused = uploader.write_manifest("refused", {"images": {second: {**old[second], "width": 0}}})
    assert uploader.wait(refused)["state"] == "FAILED"
    collects(cloud, project, age=90 * 86_400)
    assert tidy(cloud, project)["restored"] == 1
    assert set(listed(cloud, f"images/{project}/")) == kept | {
        f"images/{project}/{image['sha256']}" for image in old.values()
    }
