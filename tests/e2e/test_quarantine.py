"""A quarantine in the deployed stack: a reviewer writes it, builds keep to it, a lift ends it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import Run
from e2e.deployed import pictures
from pixelgate.domain.keys import BuildId
from pixelgate.sandbox.cloud import EmbeddedCloud
from pixelgate.sandbox.roles import Roles
from support.repository import Repository
from uploader import Uploader

pytestmark = pytest.mark.e2e


def test_changes_in_quarantine_pass_until_it_is_lifted(
    cloud: EmbeddedCloud,
    uploader: Uploader,
    roles: Roles,
    run: Run,
    repository: Repository,
    tmp_path: Path,
) -> None:
    reviewer = roles.take("reviewer")
    uploader.wait(uploader.upload("base", pictures(tmp_path / "a", 4, 1), commit="c1"))

    def compared(build: str, **fields: Any) -> dict[str, Any]:
        topic = {"base_commit": "c1", "branch": "topic", "pull_request": 7, **fields}
        return uploader.wait(uploader.upload(build, changed, commit=f"c-{build}", **topic))

    changed = pictures(tmp_path / "b", 4, 2)
    assert compared("before")["verdict"] == "needs_review"

    words = ("quarantine", "add", "*.png", "--owner", "ada", "--reason", "fonts load late")
    by_ci = run(*words)
    assert by_ci.returncode == 2
    assert "these credentials lack s3:PutObject" in by_ci.stderr
    done = run(*words, "--wait", **reviewer)
    assert done.returncode == 0, done.stderr

    during = compared("during")
    assert (during["verdict"], during["review"]["state"]) == ("passed", "not_needed")
    assert (during["counts"]["quarantined"], during["counts"]["changed"]) == (4, 0)
    assert during["quarantine"]["snapshots"][0]["owner"] == "ada"
    assert "4 of 4 snapshots are in quarantine" in " ".join(during["quarantine"]["notes"])
    [listed] = json.loads(run("quarantine", "list", "--json", **reviewer).stdout)["quarantines"]
    assert (listed["match"], listed["state"], listed["lifts"]) == ("*.png", "applies", [])

    mended = repository.commit("wait for the fonts")
    done = run("quarantine", "lift", "*.png", "--wait", **reviewer)
    assert done.returncode == 0, done.stderr
    assert compared("without")["verdict"] == "passed"  # it does not contain that commit
    assert compared("with", ancestors=[mended])["verdict"] == "needs_review"
    # What was compared before keeps what it was stamped with.
    assert uploader.wait(BuildId(roles.project, "during"))["counts"] == during["counts"]
    cloud.wait_until_idle()
