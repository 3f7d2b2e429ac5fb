"""A team's repository: branches, squash merges and approvals, by `upload --wait`."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import Run
from e2e.deployed import listed, wait_until
from pixelgate.sandbox.cloud import EmbeddedCloud
from support import images
from support.repository import Repository

pytestmark = pytest.mark.e2e

Command = Callable[..., dict[str, Any]]


def shots(folder: Path, levels: tuple[int, ...]) -> Path:
    """One picture a level, each of one colour."""
    folder.mkdir(exist_ok=True)
    for number, level in enumerate(levels):
        (folder / f"{number}.png").write_bytes(images.png((64, 48), (level, number * 40, 7)))
    return folder


@pytest.fixture
def told(run: Run) -> Command:
    """Runs a command; returns what it prints as JSON, and its exit code."""

    def told(*arguments: str, **environ: str) -> dict[str, Any]:
        done = run(*arguments, "--json", **environ)
        assert done.stdout, done.stderr
        said: dict[str, Any] = json.loads(done.stdout)
        return {**said, "code": done.returncode}

    return told


@pytest.fixture
def upload(told: Command, tmp_path: Path) -> Command:
    """Uploads pictures of these levels from the checkout as it is, and waits."""

    def upload(*levels: int, options: tuple[str, ...] = ()) -> dict[str, Any]:
        said = told("upload", str(shots(tmp_path / "shots", levels)), "--wait", *options)
        assert said["exit_code"] == said["code"]
        return said

    return upload


def test_squash_merges_keep_their_baseline(
    upload: Command, told: Command, repository: Repository
) -> None:
    main = upload(10, 20, options=("--build", "main-1"))
    assert (main["exit_code"], main["base"]) == (0, None)
    repository.branch("feature")
    repository.commit("one", "feature")
    repository.commit("two", "feature")
    changed = upload(10, 99, options=("--build", "pr-1", "--pull-request", "5"))
    assert (changed["exit_code"], changed["base"], changed["counts"]["changed"]) == (1, "main-1", 1)
    # Stacked on what nobody has approved: commit and tree have a build, and it is no baseline.
    repository.branch("stacked")
    repository.commit("stacked", "stacked")
    stacked = upload(10, 99, options=("--build", "pr-3", "--base-branch", "feature"))
    assert (stacked["exit_code"], stacked["base"]) == (1, "main-1")
    assert told("approve", "pr-1", "--wait")["code"] == 0
    # Merged, and its build of main never ran; the next branch starts from the merge.
    repository.switch("main")
    repository.squash("feature", "Add a feature (#5)")
    repository.branch("next")
    repository.commit("next", "next")
    after = upload(10, 99, options=("--build", "pr-2", "--base-branch", "main"))
    # Its pull request's build has the same files, and was approved.
    assert (after["base"], after["baseline"]["kind"]) == ("pr-1", "exact")
    assert (after["exit_code"], after["counts"]["unchanged"]) == (0, 2)


def test_an_approval_starts_the_pull_request_that_waits_for_it(
    cloud: EmbeddedCloud, upload: Command, told: Command, repository: Repository
) -> None:
    """A squash that also took in something else, on a branch whose own job never ran."""
    upload(10, 20, options=("--build", "main-1"))
    repository.branch("feature")
    repository.commit("one", "feature")
    assert upload(10, 99, options=("--build", "pr-5", "--pull-request", "5"))["code"] == 1
    repository.switch("main")
    repository.date = f"@{int(time.time())} +0000"  # an old base is not waited for
    repository.commit("something else")
    repository.squash("feature", "Add a feature (#5)")
    repository.branch("next")
    repository.commit("next", "next")
    found: list[dict[str, Any]] = []
    options = ("--build", "pr-6", "--pull-request", "6", "--base-branch", "main")
    waiting = threading.Thread(target=lambda: found.append(upload(10, 99, options=options)))
    waiting.start()
    key = f"builds/{told('history')['project']}/pr-6/status.json"

    def waits() -> bool:
        return bool(listed(cloud, key)) and told("status", "pr-6")["state"] == "WAITING_FOR_BASE"

    wait_until(waits)
    assert told("approve", "pr-5", "--wait")["review"]["state"] == "approved"
    waiting.join(200)  # longer than `run` gives a command
    assert not waiting.is_alive(), "the upload that waited never ended"
    assert [(said["code"], said["base"], said["baseline"]["kind"]) for said in found] == [
        (0, "pr-5", "exact")
    ]


def test_a_late_approval_reaches_the_newest_build_of_the_pull_request(
    upload: Command, told: Command, repository: Repository
) -> None:
    upload(10, 20, options=("--build", "main-1"))
    repository.branch("feature")
    for build in ("pr-1", "pr-2"):
        repository.commit(build, "feature")
        said = upload(10, 99, options=("--build", build, "--pull-request", "5"))
        assert (said["code"], said["review"]["left"]) == (1, 1)
    told("approve", "pr-1", "--wait", "-m", "meant")
    wait_until(lambda: told("status", "pr-2")["review"]["state"] == "approved")
    said = told("wait", "pr-2")
    assert (said["code"], said["result"], said["review"]["carried_from"]) == (0, "approved", "pr-1")
    builds = {row["build"]: row for row in told("history")["builds"]}
    assert builds["pr-2"]["commit"] == repository.head
    assert (builds["pr-2"]["branch"], builds["pr-2"]["pull_request"]) == ("feature", "5")
