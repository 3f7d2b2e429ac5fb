"""Git repositories for tests: real ones, made with git, that no setting of the machine changes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

SETTINGS = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.com",
    "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
}  # fmt: skip


class Repository:
    """A repository in a folder, on the branch main."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.date: str | None = None  # of the commits to come, as git takes it; else SETTINGS'
        folder.mkdir(parents=True, exist_ok=True)

    @classmethod
    def new(cls, folder: Path) -> Repository:
        made = cls(folder)
        made.git("init", "--quiet", "--initial-branch=main")
        return made

    def clone(self, folder: Path, *options: str) -> Repository:
        """A clone, over git's own protocol, so that --depth means something."""
        self.git("clone", "--quiet", *options, f"file://{self.folder}", str(folder))
        return Repository(folder)

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.folder), *arguments],
            env={
                **os.environ,
                **SETTINGS,
                **({"GIT_COMMITTER_DATE": self.date} if self.date else {}),
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr}"
        return done.stdout.strip()

    def commit(self, message: str = "work", name: str | None = None) -> str:
        path = self.folder / (name or "file")
        path.write_text(f"{path.read_text() if path.exists() else ''}{message}\n")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.head

    def branch(self, name: str, start: str = "HEAD") -> None:
        self.git("switch", "--quiet", "--create", name, start)

    def switch(self, name: str) -> None:
        self.git("switch", "--quiet", name)

    def squash(self, branch: str, message: str) -> str:
        """Merges a branch as one new commit, as GitHub's button does; returns its hash."""
        self.git("merge", "--quiet", "--squash", branch)
        self.git("commit", "--quiet", "--message", message)
        return self.head

    def merge(self, branch: str, message: str) -> str:
        """Merges a branch with a merge commit; returns its hash."""
        self.git("merge", "--quiet", "--no-ff", "--message", message, branch)
        return self.head

    @property
    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    def tree(self, commit: str = "HEAD") -> str:
        return self.git("rev-parse", f"{commit}^{{tree}}")
