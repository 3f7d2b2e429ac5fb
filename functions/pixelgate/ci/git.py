"""Reads a checkout with the git command."""

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
# Hash, tree, parents, time, subject and body of a commit; the message may name its pull request.
_LOG = "--format=%H%x00%T%x00%P%x00%ct%x00%s%x00%b%x00%x01"
# "Title (#5)" is GitHub's squash; the others are the merges of GitHub, GitLab, Bitbucket, Azure.
_SUBJECT = re.compile(
    r"\(#(\d+)\)$|^Merge pull request #(\d+) |\(pull request #(\d+)\)|^Merged PR (\d+):"
)
_BODY = re.compile(r"^See merge request \S*!(\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Commit:
    """One commit."""

    sha: str
    tree: str  # the hash of its files
    pull_request: str | None = None  # the number of its pull request, if its message has one
    committed: int | None = None  # seconds since 1970, by the clock of whoever committed it


@dataclass(frozen=True)
class Trouble:
    """Why git cannot read a folder."""

    why: str
    cure: str  # an imperative, without a full stop


class GitFailed(Exception):
    """Signals that git failed; the message is git's own, in one line."""


class Git:
    """One checkout. Its methods change nothing in it and fetch nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def trouble(self) -> Trouble | None:
        """Returns why git cannot read this folder; None if it can."""
        if shutil.which("git") is None:
            return Trouble("git is not installed here", "install git")
        try:
            self._run("rev-parse", "--git-dir")
        except GitFailed as error:
            if "dubious ownership" in str(error):
                return Trouble(
                    f"git does not trust {self._folder}, which belongs to another user",
                    f"run `git config --global --add safe.directory {self._folder.resolve()}`",
                )
            return Trouble(
                f"{self._folder.resolve()} is not a git checkout", "run this in a checkout"
            )
        return None

    def resolve(self, name: str) -> str | None:
        """Returns the whole hash of a named commit; None if it is not in the clone."""
        if name.startswith("-"):
            return None
        return self._ask("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")

    def tree(self, commit: str) -> str | None:
        """Returns the hash of the commit's files."""
        return self._ask("rev-parse", "--verify", "--quiet", f"{commit}^{{tree}}")

    def author(self, commit: str) -> str | None:
        """Returns the name of a commit's author, in up to 200 characters; no e-mail address."""
        name = self._ask(
            "log", "--max-count=1", "--no-show-signature", "--format=%an", commit, "--"
        )
        return " ".join((name or "").split())[:200] or None

    def branch(self) -> str | None:
        """Returns the checked-out branch; for a detached HEAD, the only remote branch at it."""
        current = self._ask("symbolic-ref", "--quiet", "--short", "HEAD")
        if current:
            return current
        output = self._ask(
            "for-each-ref", "--points-at=HEAD", "--format=%(refname)", "refs/remotes/origin/"
        )
        names = [ref.removeprefix("refs/remotes/origin/") for ref in (output or "").split()]
        branches = [name for name in names if name != "HEAD"]
        return branches[0] if len(branches) == 1 else None

    def default_branch(self) -> str | None:
        """Returns the remote's default branch; otherwise main or master, if it exists."""
        head = self._ask("symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
        if head:
            return head.removeprefix("origin/")
        for name in ("main", "master"):
            if self.resolve(f"refs/remotes/origin/{name}") or self.resolve(f"refs/heads/{name}"):
                return name
        return None

    def parents(self, commit: str) -> list[str]:
        """Returns the parents of a commit, in order."""
        line = self._ask("rev-list", "--parents", "--max-count=1", commit, "--")
        return line.split()[1:] if line else []

    def merge_base(self, first: str, second: str) -> str | None:
        """Returns the merge base of two commits; None if it is not in this clone."""
        return self._ask("merge-base", first, second)

    def is_shallow(self) -> bool:
        """Whether the clone lacks older commits."""
        return self._ask("rev-parse", "--is-shallow-repository") == "true"

    def history(
        self, commit: str, count: int = MAX_ANCESTORS, *, since: str | None = None
    ) -> list[Commit]:
        """Returns the commit and its first-parent ancestors, newest first.

        Those that `since`, another commit, has among its ancestors are left out.
        """
        output = self._ask(
            "log",
            "--first-parent",
            f"--max-count={count}",
            "--no-show-signature",
            _LOG,
            commit,
            *([f"^{since}"] if since else []),
            "--",
        )
        return [_commit(entry) for entry in (output or "").split("\x01") if entry.strip()]

    def commits(self, commit: str, count: int, *, since: str) -> list[str]:
        """Returns the commit and all that it contains and `since` does not, newest first."""
        output = self._ask("rev-list", f"--max-count={count}", commit, f"^{since}", "--")
        return (output or "").split()

    def remote(self) -> str | None:
        """Returns the URL of origin."""
        return self._ask("remote", "get-url", "origin")

    def _ask(self, *arguments: str) -> str | None:
        try:
            return self._run(*arguments) or None
        except GitFailed:
            return None

    def _run(self, *arguments: str) -> str:
        command: Sequence[str] = ("git", "-C", str(self._folder), *arguments)
        try:
            done = subprocess.run(  # noqa: S603 - no shell, and the arguments are ours
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
    sha, tree, _, time, subject, body, _ = entry.lstrip("\n").split("\x00")
    # A commit's time may be any text, of which git makes nothing.
    committed = int(time) if re.fullmatch(r"\d{1,15}", time) else None
    return Commit(sha, tree, pull_request_of(subject, body), committed)


def pull_request_of(subject: str, body: str = "") -> str | None:
    """Returns the number of the pull request that a commit's message names, if any."""
    match = _SUBJECT.search(subject) or _BODY.search(body)
    return next((n for n in match.groups() if n), None) if match else None
