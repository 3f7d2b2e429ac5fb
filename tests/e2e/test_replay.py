"""What the deployed stack compared is replayed under other rules, under the role of a reviewer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from e2e.conftest import Run
from e2e.deployed import pictures, versions
from pixelgate.sandbox.cloud import EmbeddedCloud
from pixelgate.sandbox.roles import Roles
from uploader import Uploader

pytestmark = pytest.mark.e2e


def test_past_comparisons_under_another_rule(
    cloud: EmbeddedCloud, uploader: Uploader, roles: Roles, run: Run, tmp_path: Path
) -> None:
    uploader.wait(uploader.upload("base", pictures(tmp_path / "a", 4, 1), commit="c1"))
    head = uploader.upload(
        "head", pictures(tmp_path / "b", 4, 2), commit="c2", base_commit="c1", branch="topic"
    )
    assert uploader.wait(head)["verdict"] == "needs_review"
    assert run("reject", "head", "00000.png", "--reason", "too red").returncode == 0
    assert run("approve", "head", "00001.png").returncode == 0
    cloud.wait_until_idle()
    places = [f"{top}/{roles.project}/" for top in ("reviews", "uploads", "images")]
    there = [versions(cloud, place) for place in places]
    reader = roles.take("reviewer")

    # A hundred pixels differ in each; the stored measurements tell.
    done = run("replay", "--max-changed-pixels", "200", "--json", **reader)
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert found["totals"]["newly_quiet"] == {
        "total": 4, "rejected": 1, "approved": 1, "undecided": 2}  # fmt: skip
    assert (found["newly_quiet"][0]["name"], found["newly_quiet"][0]["reason"]) == (
        "00000.png", "too red")  # fmt: skip
    assert found["judged"] == {"from_stored": 4, "from_images": 0, "pairs_measured": 0}

    # The measurements of one sensitivity do not tell of another; the images do, here.
    asked = "replay", "--sensitivity", "tolerant", "--json"
    assert run(*asked, **reader).returncode == 2
    out = tmp_path / "out"
    done = run(*asked, "--yes", "--out", out, **reader)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["totals"]["still_caught"] == 4
    assert found["judged"] == {"from_stored": 0, "from_images": 4, "pairs_measured": 4}
    assert "8 images" in done.stderr
    # Again, with everything at hand; and with pictures of what a looser rule would hide.
    done = run(*asked, "--max-changed-pixels", "200", "--yes", "--out", out, **reader)
    assert done.returncode == 1, done.stderr
    page = Path(json.loads(done.stdout)["reports"]["newly_quiet"])
    images = json.loads((page.parent / "comparison.json").read_text())["images"]
    assert images["head/00000.png"]["details"]["tags"] == ["rejected"]
    assert (page.parent / images["head/00000.png"]["mask"]).is_file()
    # It has only read.
    assert [versions(cloud, place) for place in places] == there
