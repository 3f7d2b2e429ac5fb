"""`pixelgate init`: the job that it writes or why there is none, --require-baseline, .gitignore."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixelgate import bootstrap
from pixelgate.client.setup import ci_system
from pixelgate.errors import BucketError
from support.doubles.memory import MemoryBucket
from support.repository import Repository

from .conftest import Cli, Done, tell

JOB = ".github/workflows/pixelgate.yml"


@pytest.mark.parametrize(
    ("file", "remote", "found"),
    [
        pytest.param("", "git@github.com:acme/shop.git", "GitHub Actions", id="GitHub by ssh"),
        pytest.param("", "https://github.acme.com/a/b", "GitHub Actions", id="GitHub Enterprise"),
        pytest.param("", "git@gitlab.com:acme/github-tools.git", "GitLab CI", id="GitLab by ssh"),
        pytest.param("", "ssh://git@gitlab.acme.com:22/a/b", "GitLab CI", id="own GitLab"),
        pytest.param("", "https://bitbucket.org/a/b", "Bitbucket Pipelines", id="Bitbucket"),
        pytest.param("", "https://git.acme.com/github/gitlab", None, id="a host of no known name"),
        pytest.param("", "", None, id="no remote"),
        pytest.param(
            ".circleci/config.yml", "git@github.com:a/b.git", "CircleCI", id="a file wins"
        ),
        pytest.param(".github/CODEOWNERS", "", "GitHub Actions", id="a folder of GitHub's"),
        pytest.param(".woodpecker.yaml", "", "Woodpecker", id="Woodpecker"),
    ],
)
def test_the_ci_system_is_recognised(
    file: str, remote: str, found: str | None, tmp_path: Path
) -> None:
    if file:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("")
    assert ci_system(tmp_path, remote) == found


def words_of(done: Done) -> str:
    """What a command said, in one line."""
    return " ".join(done.err.split())


@pytest.mark.parametrize(
    ("file", "arguments", "why"),
    [
        pytest.param(None, (), "neither a file nor the remote tells which CI system", id="none"),
        pytest.param(
            "Jenkinsfile", (), "this repository uses Jenkins, for which there is no example",
            id="one without an example",
        ),
        pytest.param("Jenkinsfile", ("--ci", "none"), "as --ci none asks", id="asked to"),
    ],
)  # fmt: skip
def test_without_a_job_the_reason_is_said(
    run: Cli, repository: Repository, file: str | None, arguments: tuple[str, ...], why: str
) -> None:
    if file:
        (repository.folder / file).write_text("")
    done = run("init", *arguments)
    assert done.code == 0
    assert f"wrote no job: {why}" in words_of(done) or f"wrote no job, {why}" in words_of(done)
    assert not (repository.folder / ".github").exists()


def test_in_a_part_of_a_repository_the_job_s_place_is_said(
    run: Cli, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository.folder / ".gitlab-ci.yml").write_text("")
    (repository.folder / "packages" / "web").mkdir(parents=True)
    monkeypatch.chdir(repository.folder / "packages" / "web")
    done = run("init")
    assert Path(".gitlab/pixelgate.gitlab-ci.yml").exists()
    assert "into the root of the repository" in words_of(done)
    assert "commands run in packages/web" in words_of(done)


def test_a_project_with_a_baseline_gets_a_job_that_needs_one(
    run: Cli, repository: Repository, bucket: MemoryBucket
) -> None:
    done = run("init", "--ci", "github", "--bucket", "shots")
    job = repository.folder / JOB
    assert "upload --wait --junit" in job.read_text()
    assert "once main has a build, add --require-baseline to the upload in" in words_of(done)
    tell(bucket, "7", state="FAILED", base=None, branch="main")
    run("init", "--ci", "github", "--force")
    assert "--require-baseline" not in job.read_text()
    tell(bucket, "trunk.8", base=None)
    for ci, path in (("github", JOB), ("gitlab", ".gitlab/pixelgate.gitlab-ci.yml")):
        done = run("init", "--ci", ci, "--force")
        text = (repository.folder / path).read_text()
        assert "pixelgate upload --wait --require-baseline --junit pixelgate.xml" in text
        assert "add --require-baseline" not in words_of(done)


@pytest.mark.parametrize(
    ("status", "counts"),
    [
        pytest.param({"base": "6"}, True, id="a build that was compared"),
        pytest.param({"base": None, "review": {"state": "approved"}}, True, id="an approved one"),
        # Where ids must begin with "trunk.", it is none.
        pytest.param({"base": None, "branch": "main"}, False, id="one that says it is main's"),
        pytest.param({"base": None, "review": {"state": "needed"}}, False, id="an unseen one"),
    ],
)
def test_what_counts_as_a_baseline(
    run: Cli, repository: Repository, bucket: MemoryBucket, status: dict[str, object], counts: bool
) -> None:
    tell(bucket, "7", **status)
    run("init", "--ci", "github")
    assert ("--require-baseline" in (repository.folder / JOB).read_text()) is counts


def test_whether_there_is_a_baseline_may_be_said_instead(
    run: Cli, repository: Repository, bucket: MemoryBucket
) -> None:
    run("init", "--ci", "github", "--require-baseline")
    assert "--require-baseline" in (repository.folder / JOB).read_text()


def test_a_bucket_that_cannot_be_read_is_no_obstacle(
    run: Cli, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(name: str) -> MemoryBucket:
        raise BucketError("there are no AWS credentials")

    monkeypatch.setattr(bootstrap, "open_bucket", refused)
    done = run("init", "--ci", "github")
    assert done.code == 0
    assert "has a baseline is not known: there are no AWS credentials" in words_of(done)
    assert "--require-baseline" not in (repository.folder / JOB).read_text()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            None,
            "# What pixelgate writes\npixelgate-report*\npixelgate-snapshots/\npixelgate.xml\n",
            id="no file",
        ),
        pytest.param(
            "node_modules/",
            "node_modules/\n\n# What pixelgate writes\n"
            "pixelgate-report*\npixelgate-snapshots/\npixelgate.xml\n",
            id="without a line's end",
        ),
        pytest.param(
            "a\r\n/pixelgate-report*\r\n*.xml\r\n",
            "a\r\n/pixelgate-report*\r\n*.xml\r\n\r\n# What pixelgate writes\r\n"
            "pixelgate-snapshots/\r\n",
            id="some are ignored, and lines end as they did",
        ),
        pytest.param("pixelgate*\n", "pixelgate*\n", id="all are ignored"),
    ],
)
def test_lines_are_added_to_gitignore_and_it_is_said(
    run: Cli, repository: Repository, before: str | None, after: str
) -> None:
    path = repository.folder / ".gitignore"
    if before is not None:
        path.write_bytes(before.encode())
    done = run("init", "--ci", "none")
    assert path.read_bytes().decode() == after
    assert ("added to .gitignore: " in done.err) is (before != after)
    repository.git(
        "check-ignore", "pixelgate-report/index.html", "pixelgate-reports/a", "pixelgate.xml"
    )


def test_gitignore_is_left_alone_if_asked_to(run: Cli, repository: Repository) -> None:
    done = run("init", "--ci", "none", "--no-gitignore")
    assert not (repository.folder / ".gitignore").exists()
    assert "for .gitignore: pixelgate-report*, pixelgate-snapshots/, pixelgate.xml" in done.err


def test_a_gitignore_that_cannot_be_read_is_left_alone(run: Cli, repository: Repository) -> None:
    path = repository.folder / ".gitignore"
    path.write_bytes(b"caf\xe9\n")
    done = run("init", "--ci", "none")
    assert done.code == 0
    assert path.read_bytes() == b"caf\xe9\n"
    assert "add to .gitignore: pixelgate-report*" in done.err
    assert "cannot be read: it is no UTF-8" in words_of(done)
