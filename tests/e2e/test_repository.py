"""A team's repository: branches, squash merges, rebases, shards and forks, by `upload --wait`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from embedded_cloud.cloud import EmbeddedCloud
from support import images
from support.repository import SETTINGS, Repository

pytestmark = pytest.mark.e2e

PROGRAM = str(Path(sys.executable).parent / "pixelgate")
CI_VARIABLES = re.compile(r"^(CI|GITHUB_|GITLAB_|CIRCLE|BUILDKITE|JENKINS|TF_BUILD|PIXELGATE_)")
Run = Callable[..., dict[str, Any]]
Upload = Run


def shots(folder: Path, levels: tuple[int, ...], first: int) -> Path:
    """One picture a level, each of one colour; they are numbered from the first."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, level in enumerate(levels, first):
        body = images.png((64, 48), (level, number * 40, 7))
        (folder / f"{number}.png").write_bytes(body)
    return folder


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository.new(tmp_path / "repo")
    made.commit("first")
    return made


@pytest.fixture
def environ(cloud: EmbeddedCloud, request: pytest.FixtureRequest) -> dict[str, str]:
    """What a job sees: no CI system, the cloud, a project of the test's own."""
    plain = {name: value for name, value in os.environ.items() if not CI_VARIABLES.match(name)}
    pixelgate = {"PIXELGATE_BUCKET": cloud.bucket, "PIXELGATE_PROJECT": request.node.name}
    return {**plain, **SETTINGS, **cloud.variables(), **pixelgate}


@pytest.fixture
def run(environ: dict[str, str], repository: Repository) -> Run:
    """Runs a command in the checkout as it is; what it prints on stdout is JSON, or nothing."""

    def run(*arguments: str, **more: str) -> dict[str, Any]:
        done = subprocess.run(
            [PROGRAM, *arguments, "--json"],
            cwd=repository.folder,
            env={**environ, **more},
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert done.stdout, done.stderr
        said: dict[str, Any] = json.loads(done.stdout)
        return {**said, "code": done.returncode}

    return run


@pytest.fixture
def upload(run: Run, tmp_path: Path) -> Upload:
    """Uploads pictures of these levels from the checkout as it is, and waits."""

    def upload(
        *levels: int, options: tuple[str, ...] = (), first: int = 0, **environ: str
    ) -> dict[str, Any]:
        folder = shots(tmp_path / f"shots-{first}", levels, first)
        said = run("upload", str(folder), "--wait", *options, **environ)
        assert said["exit_code"] == said["code"]
        return said

    return upload


def test_squash_merges_keep_their_baseline(
    upload: Upload, run: Run, repository: Repository
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
    assert run("approve", "pr-1", "--wait")["code"] == 0
    # Merged, and its build of main never ran; the next branch starts from the merge.
    repository.switch("main")
    repository.squash("feature", "Add a feature (#5)")
    repository.branch("next")
    repository.commit("next", "next")
    after = upload(10, 99, options=("--build", "pr-2", "--base-branch", "main"))
    # Its pull request's build has the same files, and was approved.
    assert (after["base"], after["baseline"]["kind"]) == ("pr-1", "exact")
    assert (after["exit_code"], after["counts"]["unchanged"]) == (0, 2)


def test_a_rebased_pull_request_is_compared_with_its_new_base(
    upload: Upload, repository: Repository
) -> None:
    upload(10, 20, options=("--build", "main-1"))
    repository.branch("feature")
    repository.commit("feature", "feature")
    first = upload(10, 21, options=("--build", "pr-1"))
    assert first["base"] == "main-1"
    repository.switch("main")
    repository.commit("main goes on")
    moved = upload(11, 20, options=("--build", "main-2"))
    assert moved["base"] == "main-1"
    repository.switch("feature")
    repository.git("rebase", "--quiet", "main")
    second = upload(11, 21, options=("--build", "pr-2"))
    assert (second["base"], second["base_commit"]) == ("main-2", moved["commit"])


def test_parts_become_one_build(upload: Upload) -> None:
    found: list[dict[str, Any]] = []

    def part(number: int) -> None:
        options = ("--shard", f"{number}/2", "--parallel-id", "run-1")
        found.append(upload(10 * number, first=number, options=options))

    threads = [threading.Thread(target=part, args=(number,)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(said["build"], said["result"]) for said in found] == [
        ("run-1", "passed, with nothing to compare with")
    ] * 2
    assert [said["counts"]["added"] for said in found] == [2, 2]


def test_a_fork_is_compared_and_is_no_baseline(upload: Upload, repository: Repository) -> None:
    upload(10, 20, options=("--build", "main-1"))
    theirs = upload(10, 21, options=("--build", "1", "--fork", "--branch", "octocat:main"))
    assert (theirs["build"], theirs["base"]) == ("fork.1", "main-1")
    repository.commit("more")
    ours = upload(10, 20, options=("--build", "main-2"))
    assert ours["base"] == "main-1"


def until(done: Callable[[], bool], seconds: float = 60) -> None:
    """Asks again and again."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.2)


def test_an_approval_starts_the_pull_request_that_waits_for_it(
    cloud: EmbeddedCloud, upload: Upload, run: Run, repository: Repository
) -> None:
    """A squash that also took in something else, on a branch whose own job never ran."""
    upload(10, 20, options=("--build", "main-1"))
    repository.branch("feature")
    repository.commit("one", "feature")
    assert upload(10, 99, options=("--build", "pr-5", "--pull-request", "5"))["code"] == 1
    repository.switch("main")
    repository.commit("something else")
    repository.squash("feature", "Add a feature (#5)")
    repository.branch("next")
    repository.commit("next", "next")
    found: list[dict[str, Any]] = []
    options = ("--build", "pr-6", "--pull-request", "6", "--base-branch", "main")
    waiting = threading.Thread(target=lambda: found.append(upload(10, 99, options=options)))
    waiting.start()
    client = cloud.client("s3")
    key = f"builds/{run('history')['project']}/pr-6/status.json"

    def waits() -> bool:
        listed = client.list_objects_v2(Bucket=cloud.bucket, Prefix=key)
        return bool(listed["KeyCount"]) and run("status", "pr-6")["state"] == "WAITING_FOR_BASE"

    until(waits)
    assert run("approve", "pr-5", "--wait")["review"]["state"] == "approved"
    waiting.join()
    assert [(said["code"], said["base"], said["baseline"]["kind"]) for said in found] == [
        (0, "pr-5", "exact")
    ]


def test_a_late_approval_reaches_the_newest_build_of_the_pull_request(
    upload: Upload, run: Run, repository: Repository
) -> None:
    upload(10, 20, options=("--build", "main-1"))
    repository.branch("feature")
    for build in ("pr-1", "pr-2"):
        repository.commit(build, "feature")
        said = upload(10, 99, options=("--build", build, "--pull-request", "5"))
        assert (said["code"], said["review"]["left"]) == (1, 1)
    run("approve", "pr-1", "--wait", "-m", "meant")
    until(lambda: run("status", "pr-2")["review"]["state"] == "approved")
    said = run("wait", "pr-2")
    assert (said["code"], said["result"], said["review"]["carried_from"]) == (0, "approved", "pr-1")
    builds = {row["build"]: row for row in run("history")["builds"]}
    assert builds["pr-2"]["commit"] == repository.head
    assert (builds["pr-2"]["branch"], builds["pr-2"]["pull_request"]) == ("feature", "5")


def test_an_upload_that_is_killed_goes_on(
    cloud: EmbeddedCloud, environ: dict[str, str], run: Run, repository: Repository, tmp_path: Path
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(1_200):
        body = images.png((8, 8), (number % 256, number // 256, 7))
        (folder / f"{number}.png").write_bytes(body)
    command = [PROGRAM, "upload", str(folder), "--build", "1"]
    client, prefix = cloud.client("s3"), f"images/{environ['PIXELGATE_PROJECT']}/"
    killed = subprocess.Popen(
        command, cwd=repository.folder, env=environ, stderr=subprocess.DEVNULL
    )
    until(lambda: client.list_objects_v2(Bucket=cloud.bucket, Prefix=prefix)["KeyCount"] >= 50)
    killed.kill()
    killed.wait()
    said = run(*command[1:], "--wait")
    assert (said["code"], said["images"], said["counts"]["added"]) == (0, 1_200, 1_200)
    assert said["already_there"] >= 50
    assert said["uploaded"] == 1_200 - said["already_there"]
