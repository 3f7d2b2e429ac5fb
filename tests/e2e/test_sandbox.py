"""`pixelgate sandbox` as a person uses it: all commands against it, in another terminal."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from e2e.conftest import CI_VARIABLES, PROGRAM
from e2e.deployed import wait_until
from pixelgate.sandbox.assemble import assemble
from pixelgate.sandbox.cloud import ACCOUNT, REGION, EmbeddedCloud
from pixelgate.sandbox.fetch import fetch
from pixelgate.sandbox.roles import Roles
from support.processes import descendants, interruptible
from support.repository import SETTINGS, Repository

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
# `make .tools/sandbox/.done` fetches into it.
CACHE = Path(os.environ.get("PIXELGATE_CACHE") or ROOT / ".tools" / "sandbox")
EXAMPLES = ROOT / "examples"
PLAIN = {
    name: value
    for name, value in os.environ.items()
    if not CI_VARIABLES.match(name) and not name.startswith("AWS_")
}
SOURCED = ("sh", "-c", '. "$0" && exec "$@"')
START, END = 300, 120  # seconds, of a machine that does much else


@dataclass(frozen=True)
class Started:
    """A sandbox that runs: its process, what it printed, and where commands run."""

    process: subprocess.Popen[str]
    said: dict[str, Any]
    repository: Repository

    def run(self, role: str, *arguments: object, code: int = 0) -> str:
        """Runs a command as a role, after its file was sourced; returns all that it printed."""
        done = subprocess.run(
            [*SOURCED, self.said["files"][role], PROGRAM, *map(str, arguments)],
            cwd=self.repository.folder,
            env={**PLAIN, **SETTINGS},
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    def json(self, role: str, *arguments: object, code: int = 0) -> Any:
        """Runs a command as a role; returns what it printed as JSON."""
        return json.loads(self.run(role, *arguments, "--json", code=code).splitlines()[0])

    def end(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        """Sends a signal; returns the exit code and the last messages, when nothing is left."""
        mine = descendants(self.process.pid)
        assert mine, "the local AWS is a process of its own"
        self.process.send_signal(number)
        _, messages = self.process.communicate(timeout=END)
        wait_until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in mine), END)
        return self.process.returncode, messages


Start = Callable[..., Started]


@pytest.fixture(scope="module", autouse=True)
def _fetched() -> None:
    fetch(CACHE)


@pytest.fixture
def tmp(tmp_path: Path) -> Path:
    """The folder for temporary files of a sandbox."""
    made = tmp_path / "tmp"
    made.mkdir()
    return made


@pytest.fixture
def start(repository: Repository, tmp: Path) -> Iterator[Start]:
    """Starts `pixelgate sandbox` in the repository; kills it if the test does not end it."""
    running: list[subprocess.Popen[str]] = []

    def start(*options: object) -> Started:
        process = subprocess.Popen(
            [PROGRAM, "sandbox", "--json", "--cache", str(CACHE), *map(str, options)],
            cwd=repository.folder,
            env={**PLAIN, **SETTINGS, "TMPDIR": str(tmp)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=interruptible,
        )
        running.append(process)
        assert process.stdout is not None
        with killed_after(process, START):
            line = process.stdout.readline()
        assert line, process.communicate(timeout=END)[1]
        return Started(process, json.loads(line), repository)

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=END)


@contextmanager
def killed_after(process: subprocess.Popen[str], seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    yield
    timer.cancel()


def put(repository: Repository, side: str) -> None:
    """Commits the screenshots of a side of examples/."""
    shots = repository.folder / "screenshots"
    shutil.rmtree(shots, ignore_errors=True)
    shutil.copytree(EXAMPLES / side, shots)
    repository.commit(side)


def test_a_round_as_in_real_life_and_again_from_what_was_kept(
    start: Start, repository: Repository, tmp_path: Path, tmp: Path
) -> None:
    kept = tmp_path / "kept"
    first = start("--project", "shop", "--keep", kept)
    assert first.said["project"] == "shop"
    first.run("ci", "init")
    config = (repository.folder / "pixelgate.toml").read_text()
    assert 'project = "shop"' in config
    assert f'bucket = "{first.said["bucket"]}"' in config
    checks = {c["what"]: c["health"] for c in first.json("ci", "doctor")["checks"]}
    assert checks["credentials"] == checks["write uploads/shop/"] == "good"
    put(repository, "base")
    base = first.json("trunk", "upload", "--trunk", "--wait")
    assert base["counts"]["added"] == 39
    # IAM refuses what it refuses on AWS: CI makes no baselines and reviews nothing.
    assert "lack s3:PutObject" in first.run("ci", "upload", "--trunk", code=2)
    repository.branch("topic")
    put(repository, "head")
    head = first.json("ci", "upload", "--wait", code=1)
    assert (head["base"], head["counts"]["changed"]) == (base["build"], 21)
    assert "needs review" in first.run("ci", "status", head["build"], code=0)
    report = first.json("reviewer", "report", head["build"], "--out", tmp_path / "report")
    assert Path(report["report"]).is_file()
    assert "lack s3:PutObject" in first.run("ci", "approve", head["build"], code=2)
    first.run("reviewer", "approve", head["build"], "--wait", "-m", "meant")
    assert "reviewed by reviewer" in first.run("reviewer", "status", head["build"])
    assert "0 failed events" in first.run("operator", "admin", "failed")
    code, messages = first.end(signal.SIGINT)
    assert (code, messages.splitlines()[-1]) == (0, "ending")
    assert list(tmp.iterdir()) == []

    second = start("--keep", kept)  # it knows its project
    assert second.said["project"] == "shop"
    assert second.said["bucket"] == first.said["bucket"]
    status = second.run("reviewer", "status", head["build"])
    assert "reviewed by reviewer" in status
    repository.commit("more")
    again = second.json("ci", "upload", "--wait", "--base-build", head["build"])
    assert (again["already_there"], again["uploaded"]) == (39 + 30 - 26, 0)
    assert (again["result"], again["base"]) == ("passed", head["build"])
    assert [row["build"] for row in second.json("ci", "history")["builds"]] == [
        again["build"], head["build"], base["build"]
    ]  # fmt: skip
    assert second.end(signal.SIGTERM)[0] == 0
    assert list(tmp.iterdir()) == []


def test_what_a_killed_one_has_done_is_kept(
    start: Start, repository: Repository, tmp_path: Path, tmp: Path
) -> None:
    put(repository, "base")
    first = start("--project", "shop", "--keep", tmp_path / "kept")
    build = first.json("trunk", "upload", "screenshots", "--trunk", "--wait")["build"]
    mine = descendants(first.process.pid)
    first.process.kill()
    first.process.communicate(timeout=END)
    wait_until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in mine), END)
    second = start("--keep", tmp_path / "kept")
    assert "39" in second.run("ci", "status", build)
    server, *_ = descendants(second.process.pid)
    os.kill(server, signal.SIGKILL)
    _, messages = second.process.communicate(timeout=END)
    assert second.process.returncode == 2
    assert "the embedded cloud's server ended with status -9" in messages


def test_a_damaged_table_is_named_and_left_as_it_is(
    start: Start, repository: Repository, tmp_path: Path, tmp: Path
) -> None:
    assert start("--project", "shop", "--keep", tmp_path / "kept").end(signal.SIGHUP)[0] == 0
    table = tmp_path / "kept" / "table.json"
    table.write_text('{"items": {"shop": ')
    with pytest.raises(AssertionError, match=r"error: .*/kept/table\.json cannot be read: "):
        start("--keep", tmp_path / "kept")
    assert table.read_text() == '{"items": {"shop": '
    assert list(tmp.iterdir()) == []


def test_what_cannot_be_kept_is_said_and_tried_again(
    start: Start, repository: Repository, tmp_path: Path
) -> None:
    put(repository, "base")
    kept = tmp_path / "kept"
    table = kept / "table.json"
    sandbox = start("--project", "shop", "--keep", kept)
    table.unlink(missing_ok=True)
    table.mkdir()
    sandbox.run("trunk", "upload", "screenshots", "--trunk", "--wait")
    assert sandbox.process.stderr is not None
    with killed_after(sandbox.process, END):
        notes = (line for line in sandbox.process.stderr if line.startswith("note: "))
        note = next(notes)
    problem = f"{table}: Is a directory"
    assert note == f"note: what is to be kept cannot be written: {problem}. It is tried again\n"
    code, messages = sandbox.end()
    assert code == 2
    assert f"error: not everything was kept: {problem}" in messages
    table.rmdir()
    again = start("--keep", kept)
    again.run("trunk", "upload", "screenshots", "--trunk", "--wait")
    assert again.end()[0] == 0
    assert "shop" in json.loads(table.read_text())["items"]


def test_a_start_that_is_cancelled_leaves_nothing(repository: Repository, tmp: Path) -> None:
    command = [PROGRAM, "sandbox", "--cache", str(CACHE)]
    with subprocess.Popen(
        command, cwd=repository.folder, env={**PLAIN, **SETTINGS, "TMPDIR": str(tmp)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        wait_until(lambda: bool(descendants(process.pid)) and any(tmp.iterdir()), START)
        mine = descendants(process.pid)
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=END)
    assert (process.returncode, said) == (128 + signal.SIGTERM, "")
    wait_until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in mine), END)
    assert list(tmp.iterdir()) == []


def test_the_functions_carry_what_sam_builds_and_nothing_more(built: Path, tmp_path: Path) -> None:
    assemble(tmp_path / "build", fetch(CACHE))
    sam, ours = built / "CompareFunction", tmp_path / "build" / "code"

    def names(folder: Path, pattern: str) -> set[str]:
        found = {str(path.relative_to(folder)) for path in folder.glob(pattern) if path.is_file()}
        return {name for name in found if "__pycache__" not in name and "dist-info" not in name}

    assert names(ours, "pixelgate/**/*") == names(sam, "pixelgate/**/*")
    for package in ("numpy", "imagecodecs", "imagecodecs.libs", "PIL", "aws_lambda_powertools"):
        assert names(ours, f"{package}/**/*") == names(sam, f"{package}/**/*")
    assert {path.name for path in ours.iterdir()} == {path.name for path in sam.iterdir()}
    layer = Path("bin") / "odiff"
    assert (tmp_path / "build" / "odiff" / layer).read_bytes() == (
        built / "OdiffLayer" / layer
    ).read_bytes()


def after_its_time(root: Any, role: str, endpoint: str) -> Any:
    """Who we are by credentials that were asked for a second, when that is over."""
    arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
    taken = root.assume_role(RoleArn=arn, RoleSessionName="ada", DurationSeconds=1)["Credentials"]
    time.sleep(1.5)
    session = boto3.Session(
        taken["AccessKeyId"], taken["SecretAccessKey"], taken["SessionToken"], region_name=REGION
    )
    return session.client("sts", endpoint_url=endpoint).get_caller_identity()


def test_credentials_of_roles_last_as_long_as_the_sandbox(
    start: Start, cloud: EmbeddedCloud, roles: Roles
) -> None:
    any_duration = Config(parameter_validation=False)  # boto3 knows AWS's least, 15 minutes
    admin = boto3.Session("test", "test", region_name=REGION)
    endpoint = start("--project", "shop").said["variables"]["AWS_ENDPOINT_URL"]
    root = admin.client("sts", endpoint_url=endpoint, config=any_duration)
    assert after_its_time(root, "reviewer-of-shop", endpoint)["Arn"].endswith("/ada")
    roles.take("reviewer")
    usual = admin.client("sts", endpoint_url=cloud.endpoint_url, config=any_duration)
    with pytest.raises(ClientError, match="ExpiredToken"):
        after_its_time(usual, f"reviewer-of-{roles.project}", cloud.endpoint_url)
