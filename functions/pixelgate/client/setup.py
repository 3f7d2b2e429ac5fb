"""What `pixelgate init` finds out about a repository, and what it adds to its .gitignore."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pixelgate.domain.keys import TRUNK
from pixelgate.errors import why_unread
from pixelgate.ports import Bucket
from pixelgate.published.history import history
from pixelgate.storage.folder import put_file

# What pixelgate's commands write into a repository, with an example of each.
OUTPUTS = {
    "pixelgate-report*": "pixelgate-report/index.html",  # of `compare`, and of `report`
    "pixelgate-snapshots/": "pixelgate-snapshots/a.png",
    "pixelgate.xml": "pixelgate.xml",  # JUnit, of the job
}
_HEADING = "# What pixelgate writes"
# The files by which a CI system is recognised; of the systems for which there is a job, first.
_FILES = (
    ("GitLab CI", ".gitlab-ci.yml"),
    ("GitHub Actions", ".github/workflows"),
    ("CircleCI", ".circleci"),
    ("Buildkite", ".buildkite"),
    ("Azure Pipelines", "azure-pipelines.yml"),
    ("Bitbucket Pipelines", "bitbucket-pipelines.yml"),
    ("Jenkins", "Jenkinsfile"),
    ("Drone", ".drone.yml"),
    ("Woodpecker", ".woodpecker"),
    ("Woodpecker", ".woodpecker.yml"),
    ("Woodpecker", ".woodpecker.yaml"),
    ("TeamCity", ".teamcity"),
    ("Travis CI", ".travis.yml"),
    ("AppVeyor", "appveyor.yml"),
    ("AppVeyor", ".appveyor.yml"),
    ("AWS CodeBuild", "buildspec.yml"),
    ("Netlify", "netlify.toml"),
    ("Vercel", "vercel.json"),
)
_BUILDS_READ = 50


def ci_system(folder: Path, remote: str) -> str | None:
    """Returns the CI system of a repository, by its files, then its remote; None if unknown."""
    for system, name in _FILES:
        if (folder / name).exists():
            return system
    host = _host(remote)
    if "gitlab" in host:
        return "GitLab CI"
    if "github" in host or (folder / ".github").is_dir():
        return "GitHub Actions"
    return "Bitbucket Pipelines" if "bitbucket" in host else None


def repository_root(folder: Path) -> Path:
    """Returns the root of the repository in which a folder lies; the folder itself without one."""
    return next((above for above in (folder, *folder.parents) if (above / ".git").exists()), folder)


def _host(remote: str) -> str:
    """Returns the host of a remote's URL, also of `git@github.com:acme/shop.git`."""
    address = remote if "://" in remote else f"ssh://{remote.replace(':', '/', 1)}"
    return (urlsplit(address).hostname or "").lower()


def repository_name(remote: str) -> str | None:
    """Returns a repository's name, the last part of its remote's URL."""
    last = remote.rstrip("/").replace(":", "/").rpartition("/")[2].removesuffix(".git")
    return last or None


def has_baseline(store: Bucket, project: str) -> bool:
    """Whether a project has a build that others are surely compared with.

    Raises:
        BucketError: the bucket cannot be read.
    """
    return any(
        past.status.get("base")
        or (
            past.status.get("state") == "SUCCEEDED"
            and (past.id.build.startswith(TRUNK) or _is_approved(past.status))
        )
        for past in history(store, project, limit=_BUILDS_READ)
    )


def _is_approved(status: Mapping[str, Any]) -> bool:
    review = status.get("review")
    return isinstance(review, dict) and review.get("state") == "approved"


@dataclass(frozen=True)
class Ignored:
    """What became of .gitignore.

    Attributes:
        path: the file.
        lines: what git did not ignore yet.
        written: whether these lines were added to the file.
        problem: why not, if they should have been.
    """

    path: Path
    lines: tuple[str, ...] = ()
    written: bool = False
    problem: str = ""


def ignore_outputs(folder: Path, *, write: bool) -> Ignored:
    """Adds what pixelgate writes to a folder's .gitignore, unless git ignores it already.

    Nothing in the file is changed; lines are added at its end. Without `write` they are only
    returned.
    """
    path = folder / ".gitignore"
    try:
        old = path.read_bytes().decode() if path.exists() else ""
    except (OSError, UnicodeError) as error:
        return Ignored(path, tuple(OUTPUTS), problem=f"it cannot be read: {why_unread(error)}")
    known = {line.strip().strip("/") for line in old.splitlines()}
    ignored = _ignored_by_git(folder, OUTPUTS.values())
    lines = tuple(
        line
        for line, example in OUTPUTS.items()
        if example not in ignored and line.strip("/") not in known
    )
    if not lines or not write:
        return Ignored(path, lines)
    newline = "\r\n" if "\r\n" in old else "\n"
    gap = "" if not old else newline if old.endswith(("\n", "\r")) else 2 * newline
    added = gap + "".join(line + newline for line in (_HEADING, *lines))
    try:
        # A link stays one: what it points to is written.
        put_file(path.resolve(), (old + added).encode())
    except OSError as error:
        return Ignored(path, lines, problem=f"it cannot be written: {error.strerror}")
    return Ignored(path, lines, written=True)


def _ignored_by_git(folder: Path, paths: Iterable[str]) -> set[str]:
    """Returns those paths that git ignores; none outside of a checkout, or without git."""
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and the arguments are ours
            ("git", "-C", str(folder), "check-ignore", "--no-index", "--", *paths),  # noqa: S607
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return set()
    return set(done.stdout.splitlines())
