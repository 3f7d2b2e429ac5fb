"""What git knows of the checkout, asked of the git on PATH."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MAX_ANCESTORS = 300
_SECONDS = 60
# What is said of a commit: hash, tree, parents, and the message, from which its pull request.
_LOG = "--format=%H%x00%T%x00%P%x00%s%x00%b%x00%x01"
# "Title (#5)" is GitHub's squash; the others are the merges of GitHub, GitLab, Bitbucket, Azure.
_SUBJECT = re.compile(
    r"\(#(\d+)\)$|^Merge pull request #(\d+) |\(pull request #(\d+)\)|^Merged PR (\d+):"
)
_BODY = re.compile(r"^See merge request \S*!(\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Commit:
    """One commit.

    Attributes:
        sha: its hash.
        tree: the hash of the files in it.
        pull_request: by which it came, as its message tells.
    """

    sha: str
    tree: str
    pull_request: str | None = None


class GitFailed(Exception):
    """git ended with an error; the message is its own, in one line."""


class Git:
    """One checkout. Nothing in it is changed, and nothing is fetched."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def trouble(self) -> str | None:
        """Why there is nothing to ask, and what helps; None if there is."""
        if shutil.which("git") is None:
            return (
                "git is not installed here; install it, or pass --commit, --branch, --base-commit"
            )
        try:
            self._run("rev-parse", "--git-dir")
        except GitFailed as error:
            if "dubious ownership" in str(error):
                return (
                    f"git does not trust {self._folder}, which belongs to another user; run "
                    f"`git config --global --add safe.directory {self._folder.resolve()}` first"
                )
            return f"{self._folder.resolve()} is no git checkout"
        return None

    def resolve(self, name: str) -> str | None:
        """The whole hash of a commit named by anything git understands; None if it is not here."""
        if name.startswith("-"):
            return None
        return self._ask("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")

    def tree(self, commit: str) -> str | None:
        """The hash of the commit's files."""
        return self._ask("rev-parse", "--verify", "--quiet", f"{commit}^{{tree}}")

    def branch(self) -> str | None:
        """The branch that is checked out; of a detached HEAD the one that origin has there."""
        here = self._ask("symbolic-ref", "--quiet", "--short", "HEAD")
        if here:
            return here
        said = self._ask(
            "for-each-ref", "--points-at=HEAD", "--format=%(refname)", "refs/remotes/origin/"
        )
        names = [ref.removeprefix("refs/remotes/origin/") for ref in (said or "").split()]
        there = [name for name in names if name != "HEAD"]
        return there[0] if len(there) == 1 else None

    def default_branch(self) -> str | None:
        """The remote's default branch, or whichever of the usual names there is."""
        named = self._ask("symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
        if named:
            return named.removeprefix("origin/")
        for name in ("main", "master"):
            if self.resolve(f"refs/remotes/origin/{name}") or self.resolve(f"refs/heads/{name}"):
                return name
        return None

    def parents(self, commit: str) -> list[str]:
        """Its parents, the first first."""
        line = self._ask("rev-list", "--parents", "--max-count=1", commit, "--")
        return line.split()[1:] if line else []

    def merge_base(self, one: str, other: str) -> str | None:
        """The newest commit that both have in their history; None if this clone shows none."""
        return self._ask("merge-base", one, other)

    def is_shallow(self) -> bool:
        """Whether history was cut off when it was cloned."""
        return self._ask("rev-parse", "--is-shallow-repository") == "true"

    def history(self, commit: str, count: int = MAX_ANCESTORS) -> list[Commit]:
        """The commit and what came before it on its branch: first parents, newest first."""
        said = self._ask(
            "log",
            "--first-parent",
            f"--max-count={count}",
            "--no-show-signature",
            _LOG,
            commit,
            "--",
        )
        return [_commit(entry) for entry in (said or "").split("\x01") if entry.strip()]

    def version(self) -> str | None:
        """The version of git."""
        return self._ask("version")

    def remote(self) -> str | None:
        """Where it was cloned from."""
        return self._ask("remote", "get-url", "origin")

    def _ask(self, *arguments: str) -> str | None:
        try:
            return self._run(*arguments) or None
        except GitFailed:
            return None

    def _run(self, *arguments: str) -> str:
        command: Sequence[str] = ("git", "-C", str(self._folder), *arguments)
        try:
            done = subprocess.run(  # noqa: S603 - arguments of our own making
                command,
                capture_output=True,
                timeout=_SECONDS,
                check=False,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_PAGER": ""},
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise GitFailed(str(error)) from error
        if done.returncode:
            raise GitFailed(" ".join(done.stderr.decode(errors="replace").split()))
        return done.stdout.decode(errors="replace").strip("\n")


def _commit(entry: str) -> Commit:
    sha, tree, _, subject, body, _ = entry.lstrip("\n").split("\x00")
    return Commit(sha, tree, pull_request_of(subject, body))


def pull_request_of(subject: str, body: str = "") -> str | None:
    """The number of the pull request that a commit's message speaks of, if it speaks of one."""
    found = _SUBJECT.search(subject) or _BODY.search(body)
    return next((n for n in found.groups() if n), None) if found else None
