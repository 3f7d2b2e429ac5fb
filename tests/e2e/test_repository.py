"""A team's repository: branches, squash merges, rebases, shards and forks, by `upload --wait`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
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
Upload = Callable[..., dict[str, Any]]


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
def upload(
    cloud: EmbeddedCloud, repository: Repository, request: pytest.FixtureRequest, tmp_path: Path
) -> Upload:
    """Uploads pictures of these levels from the checkout as it is, and waits."""
    plain = {name: value for name, value in os.environ.items() if not CI_VARIABLES.match(name)}
    pixelgate = {"PIXELGATE_BUCKET": cloud.bucket, "PIXELGATE_PROJECT": request.node.name}

    def upload(
        *levels: int, options: tuple[str, ...] = (), first: int = 0, **environ: str
    ) -> dict[str, Any]:
        folder = shots(tmp_path / f"shots-{first}", levels, first)
        done = subprocess.run(
            [PROGRAM, "upload", str(folder), "--wait", "--json", *options],
            cwd=repository.folder,
            env={**plain, **SETTINGS, **cloud.variables(), **pixelgate, **environ},
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert done.stdout, done.stderr
        said: dict[str, Any] = json.loads(done.stdout)
        assert said["exit_code"] == done.returncode
        return said

    return upload


def test_squash_merges_keep_their_baseline(upload: Upload, repository: Repository) -> None:
    main = upload(10, 20, options=("--build", "main-1"))
    assert (main["exit_code"], main["base"]) == (0, None)
    repository.branch("feature")
    repository.commit("one", "feature")
    repository.commit("two", "feature")
    changed = upload(10, 99, options=("--build", "pr-1", "--pull-request", "5"))
    assert (changed["exit_code"], changed["base"], changed["counts"]["changed"]) == (1, "main-1", 1)
    # Merged, and its build of main never ran; the next branch starts from the merge.
    repository.switch("main")
    repository.squash("feature", "Add a feature (#5)")
    repository.branch("next")
    repository.commit("next", "next")
    after = upload(10, 99, options=("--build", "pr-2", "--base-branch", "main"))
    # Its pull request's build has the same files; nobody approved it, but the merge did.
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
