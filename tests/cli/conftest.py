"""Commands run in this process, against a bucket in memory, in a repository of their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from pixelgate import bootstrap
from pixelgate.cli import app as cli
from pixelgate.cli.json_schemas import schema_of
from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.ports import Bucket
from support import images
from support.doubles.memory import MemoryBucket
from support.repository import SETTINGS, Repository

CI_SIGNS = ("GITHUB_ACTIONS", "GITLAB_CI", "CIRCLECI", "BUILDKITE", "JENKINS_URL", "TF_BUILD",
            "BITBUCKET_BUILD_NUMBER", "CODEBUILD_BUILD_ID", "DRONE", "TEAMCITY_VERSION", "TRAVIS",
            "APPVEYOR", "NETLIFY", "VERCEL", "CI", "GITHUB_STEP_SUMMARY")  # fmt: skip
GROUPS = ("admin", "github-app", "projects", "quarantine", "site")
# readline exports them to whoever has it loaded, as where tests are spread over processes.
SIZE = ("COLUMNS", "LINES")


@dataclass
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed on stdout: one JSON value and nothing else."""
        return json.loads(self.out)


Cli = Callable[..., Done]


@pytest.fixture(autouse=True)
def _no_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    """What tests compare is nothing that their own job should tell of."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> MemoryBucket:
    """The bucket that every command gets."""
    made = MemoryBucket()
    monkeypatch.setattr(bootstrap, "open_bucket", lambda name: made)
    return made


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository with two commits on main, and screenshots in it; we are in its folder."""
    for name in (*CI_SIGNS, *SIZE):
        monkeypatch.delenv(name, raising=False)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PIXELGATE_PROJECT", "shop")
    monkeypatch.setenv("PIXELGATE_BUCKET", "shots")
    made = Repository.new(tmp_path / "repo")
    made.commit("one")
    made.commit("two")
    shots = made.folder / "shots"
    (shots / "sub").mkdir(parents=True)
    (shots / "a.png").write_bytes(images.png((5, 3), (10, 10, 10)))
    (shots / "sub" / "b.png").write_bytes(images.png((5, 3), (20, 20, 20)))
    monkeypatch.chdir(made.folder)
    return made


@pytest.fixture
def run(
    repository: Repository,
    bucket: MemoryBucket,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Cli:
    """Runs a command; keywords are environment variables."""

    def run(*arguments: object, **environ: str) -> Done:
        with monkeypatch.context() as patch:
            for name, value in environ.items():
                patch.setenv(name, value)
            capsys.readouterr()
            code = cli.run([*map(str, arguments)])
        done = Done(code, *capsys.readouterr())
        check_json([*map(str, arguments)], done.out)
        return done

    return run


def command_of(arguments: list[str]) -> str:
    """The words of the command in these arguments."""
    return " ".join(arguments[:2]) if arguments[0] in GROUPS else arguments[0]


def check_json(arguments: list[str], out: str) -> None:
    """Whatever any test has a command print with --json is as its schema says."""
    if "--json" in arguments and out.strip():
        validator(command_of(arguments)).validate(json.loads(out))


@cache
def validator(command: str) -> Draft202012Validator:
    return Draft202012Validator(schema_of(command))


def manifest(bucket: MemoryBucket, key: str) -> dict[str, Any]:
    """A manifest that was written."""
    fields: dict[str, Any] = json.loads(bucket.objects[key])
    return fields


def tell(bucket: Bucket, build: str, **fields: Any) -> None:
    """Writes a status as the pipeline would, and a comparison beside it."""
    comparison = f"comparisons/shop/{build}/b0/e1/comparison.json"
    report = f"comparisons/shop/{build}/b0/e1/index.html"
    status = {
        "project": "shop", "build": build, "state": "SUCCEEDED", "verdict": "passed",
        "counts": {"total": 2, "unchanged": 2}, "base": "b0", "execution": "e1",
        "baseline_reason": "named", "comparison": comparison, "report": report, "error": None,
        **fields,
    }  # fmt: skip
    bucket.write(keys.status(BuildId("shop", build)), json.dumps(status).encode(), "x")
    entries = {
        "a.png": {
            "status": "changed",
            "changed_pixels": 2,
            "counted_pixels": 1,
            "total_pixels": 15,
            "group": "g1",
        },
        "sub/b.png": {"status": "added"},
    }
    bucket.write(comparison, json.dumps({"images": entries}).encode(), "x")
    bucket.write(report, b"<p>report", "text/html")


Answer = Callable[[Callable[[str], dict[str, Any]]], None]


@pytest.fixture
def answer(bucket: MemoryBucket, monkeypatch: pytest.MonkeyPatch) -> Answer:
    """What the pipeline says of build 7, by the key of what a command has just written."""
    whole = bucket.replace

    def answer(status_of: Callable[[str], dict[str, Any]]) -> None:
        def replace(key: str, body: bytes, content_type: str, tag: str | None) -> None:
            whole(key, body, content_type, tag)
            tell(bucket, "7", **status_of(key))

        monkeypatch.setattr(bucket, "replace", replace)

    return answer


NEEDS_REVIEW = {"verdict": "needs_review", "counts": {"total": 2, "changed": 1, "added": 1}}
