"""Every forge of the tests, for tests that are about all of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from pixelgate.notify.forge import Connector
from pixelgate.notify.github import GitHub
from pixelgate.notify.gitlab import GitLab
from support import github, gitlab
from support.forge import FakeForge


@dataclass(frozen=True)
class Kind:
    """One forge.

    Attributes:
        connector: the adapter.
        serve: runs the fake on a free port of this machine.
        repository: the one that the fake has.
        words: what the forge shows of a status, and what we call it.
    """

    connector: Connector
    serve: Callable[[], AbstractContextManager[FakeForge]]
    repository: str
    words: dict[str, str]


FORGES = {
    "GitHub": Kind(
        GitHub,
        github.github,
        github.REPOSITORY,
        {"pending": "running", "success": "passed", "failure": "failed", "error": "error"},
    ),
    # It knows no errors apart from failures.
    "GitLab": Kind(
        GitLab,
        gitlab.gitlab,
        gitlab.REPOSITORY,
        {"pending": "waiting", "running": "running", "success": "passed", "failed": "failed"},
    ),
}
