"""Every forge of the tests, for tests that are about all of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from pixelgate.notify.check_run import GitHubChecks
from pixelgate.notify.forge import Forge
from pixelgate.notify.github import GitHub
from pixelgate.notify.github_app import App
from pixelgate.notify.gitlab import GitLab
from pixelgate.notify.http import Patience
from support import github, gitlab
from support.forge import FakeForge

Connect = Callable[[str, Callable[[bool], str], str, Patience], Forge]


@dataclass(frozen=True)
class Kind:
    """One forge.

    Attributes:
        connector: makes the adapter; as token an App gets its credentials.
        serve: runs the fake on a free port of this machine.
        repository: the one that the fake has.
        words: what the forge shows of a status, and what we call it.
    """

    connector: Connect
    serve: Callable[[], AbstractContextManager[FakeForge]]
    repository: str
    words: dict[str, str]


def _app(
    repository: str, token: Callable[[bool], str], api: str, patience: Patience
) -> GitHubChecks:
    """Connects as an App; `token` returns its credentials."""
    return GitHubChecks(repository, App(token, "/pixelgate/github-app"), patience)


FORGES = {
    "GitHub": Kind(
        GitHub,
        github.github,
        github.REPOSITORY,
        {"pending": "running", "success": "passed", "failure": "failed", "error": "error"},
    ),
    "GitHub App": Kind(
        _app,
        github.github_with_app,
        github.REPOSITORY,
        {
            "in_progress": "running",
            "success": "passed",
            "neutral": "passed",
            "action_required": "failed",
            "failure": "failed",
        },
    ),
    # It knows no errors apart from failures.
    "GitLab": Kind(
        GitLab,
        gitlab.gitlab,
        gitlab.REPOSITORY,
        {"pending": "waiting", "running": "running", "success": "passed", "failed": "failed"},
    ),
}
