"""The program `pixelgate` in a real repository, against the deployed stack."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from e2e.conftest import PROGRAM, Run
from e2e.deployed import get, versions
from pixelgate.domain.comparison import Status
from pixelgate.sandbox.cloud import EmbeddedCloud
from support import images
from support.pages import parsed
from support.repository import Repository

pytestmark = pytest.mark.e2e

# How the page writes it: statuses are numbered in their order.
UNCHANGED = str(list(Status).index(Status.UNCHANGED))

Environment = dict[str, str]
Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def project(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


@pytest.fixture
def cli(run: Run) -> Cli:
    """Runs a command that is to end with one of these codes."""

    def cli(
        *arguments: object, codes: tuple[int, ...] = (0,), **environ: str
    ) -> subprocess.CompletedProcess[str]:
        done = run(*arguments, **environ)
        assert done.returncode in codes, done.stderr
        return done

    return cli


def shots(folder: Path, number: int, version: int = 0) -> Path:
    """Small pictures, all of them different; of the version's own the first three."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(number):
        colour = (i % 256, i // 256, 90 * version if i < 3 else 0)
        (folder / f"{i:05}.png").write_bytes(images.png((64, 48), colour))
    return folder


def test_a_pull_request_from_upload_to_review(
    cloud: EmbeddedCloud, cli: Cli, repository: Repository, project: str, tmp_path: Path
) -> None:
    pictures = shots(tmp_path / "shots", 12)
    first = cli("upload", pictures, "--wait", "--json", "--build", "main-1")
    said = json.loads(first.stdout)
    assert (said["result"], said["counts"]["added"]) == ("passed, with nothing to compare with", 12)

    base = repository.head
    repository.branch("feature")
    head = repository.commit("change")
    event = tmp_path / "event.json"
    ours = {"full_name": "acme/shop"}
    event.write_text(json.dumps({"pull_request": {
        "number": 5,
        "head": {"ref": "feature", "sha": head, "repo": ours},
        "base": {"ref": "main", "sha": base, "repo": ours},
    }}))  # fmt: skip
    ci = {
        "GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "9001", "GITHUB_RUN_ATTEMPT": "1",
        "GITHUB_SHA": "f" * 40, "GITHUB_EVENT_PATH": str(event),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "step.md"),
    }  # fmt: skip
    second = cli(
        "upload", shots(pictures, 12, version=1), "--wait", "--json", "--junit",
        tmp_path / "junit.xml", codes=(1,), **ci,
    )  # fmt: skip
    said = json.loads(second.stdout)
    assert "9 of 12 already there, uploading 3" in second.stderr
    assert (said["build"], said["base"], said["base_commit"]) == ("9001-1", "main-1", base)
    assert (said["counts"]["changed"], said["exit_code"]) == (3, 1)
    assert "### 🔍" in (tmp_path / "step.md").read_text()
    assert 'failures="3"' in (tmp_path / "junit.xml").read_text()

    assert json.loads(cli("wait", "--json", codes=(1,), **ci).stdout)["build"] == "9001-1"
    assert "needs review" in cli("status", "9001-1").stderr
    cloud.wait_until_idle()  # thumbnails come after the verdict
    fetched = json.loads(cli("report", "9001-1", "--out", tmp_path / "out", "--json").stdout)
    check_links(Path(fetched["report"]))
    reviewed = json.loads(cli("approve", "9001-1", "00000.png", "-m", "fine", "--json").stdout)
    assert get(cloud, reviewed["reviews"][0]) == {
        "schema_version": 1, "action": "approve", "execution": said["execution"],
        "names": ["00000.png"], "reason": "fine",
    }  # fmt: skip
    rows = json.loads(cli("history", "00000.png", "--json").stdout)["builds"]
    assert [(row["build"], row["snapshot"]["status"]) for row in rows] == [
        ("9001-1", "changed"),
        ("main-1", "added"),
    ]


def check_links(page: Path) -> None:
    """Everything that the page shows lies where it says."""
    read = parsed(page.read_bytes())
    details, listed = read.block("details"), read.block("list")
    sources = [listed["thumb"], *(details[of] for of in ("head", "base", "mask"))]
    reviewed = [str(place) for place, said in enumerate(listed["status"]) if said != UNCHANGED]
    assert len(reviewed) == 3
    for source in sources:
        for place in reviewed:
            link = source["prefix"] + source["rest"][place]
            assert (page.parent / unquote(link)).is_file(), link


def test_doctor_finds_all_well_and_leaves_nothing(
    cloud: EmbeddedCloud, cli: Cli, project: str, tmp_path: Path
) -> None:
    cli("upload", shots(tmp_path / "shots", 1), "--build", "b1", "--wait")
    cloud.wait_until_idle()
    before = sorted(versions(cloud, ""))
    done = cli("doctor", "--json")
    health = {c["what"]: c["health"] for c in json.loads(done.stdout)["checks"]}
    assert health["credentials"] == "good"
    assert health[f"list images/{project}/"] == "good"
    assert health[f"write uploads/{project}/"] == "good"
    assert health[f"write images/{project}/"] == "good"
    assert sorted(key for key in versions(cloud, "") if f"/{project}/" in key) == [
        key for key in before if f"/{project}/" in key
    ]


def test_an_upload_that_is_killed_goes_on_where_it_was(
    cloud: EmbeddedCloud, cli: Cli, environment: Environment, repository: Repository,
    project: str, tmp_path: Path,
) -> None:  # fmt: skip
    pictures = shots(tmp_path / "shots", 900)
    command = [PROGRAM, "upload", str(pictures), "--build", "b1"]
    prefix = f"images/{project}/"
    with subprocess.Popen(command, cwd=repository.folder, env=environment) as process:
        end = time.monotonic() + 120
        while len(versions(cloud, prefix)) < 60:
            assert process.poll() is None, "it ended too soon"
            assert time.monotonic() < end, "it never began"
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    there = len(versions(cloud, prefix))
    assert 60 <= there < 900
    assert versions(cloud, f"uploads/{project}/") == []
    done = cli("upload", pictures, "--build", "b1", "--wait", "--json")
    assert f"{there} of 900 already there, uploading {900 - there:,}" in done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    assert (said["uploaded"], said["counts"]["added"]) == (900 - there, 900)
    # One version each: nothing was sent twice.
    assert len(versions(cloud, prefix)) == 900
    again = json.loads(cli("upload", pictures, "--build", "b1", "--wait", "--json").stdout)
    assert (again["uploaded"], again["already_there"]) == (0, 900)


def test_a_cancelled_job_ends_at_once_and_leaves_no_manifest(
    cloud: EmbeddedCloud, environment: Environment, repository: Repository, project: str,
    tmp_path: Path,
) -> None:  # fmt: skip
    pictures = shots(tmp_path / "shots", 900)
    command = [PROGRAM, "upload", str(pictures), "--build", "b1"]
    with subprocess.Popen(command, cwd=repository.folder, env=environment) as process:
        end = time.monotonic() + 120
        while len(versions(cloud, f"images/{project}/")) < 30:
            assert process.poll() is None, "it ended too soon"
            assert time.monotonic() < end, "it never began"
        process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        assert process.wait(60) == 128 + signal.SIGTERM
    assert time.monotonic() - begun < 30
    assert versions(cloud, f"uploads/{project}/") == []
