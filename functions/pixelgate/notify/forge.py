"""The forge port: what pixelgate needs from GitHub, GitLab or another forge."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from pixelgate.errors import UsageError

if TYPE_CHECKING:
    from pixelgate.notify.http import Patience


class State(StrEnum):
    """The states of a commit status. Each forge has its own names for them."""

    WAITING = "waiting"  # for the base build
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"  # a person has to look, or has rejected it
    ERROR = "error"  # there is no result


@dataclass(frozen=True)
class Details:
    """What a check run shows beside a commit status; a forge without check runs leaves it out.

    Attributes:
        reference: names build and execution.
        summary: Markdown.
        undecided: whether it is red only until people have decided.
        uncompared: whether it is green although nothing was compared, for want of a base.
        approvable: whether a button may approve the build.
    """

    reference: str
    summary: str
    undecided: bool = False
    uncompared: bool = False
    approvable: bool = False


@dataclass(frozen=True)
class CommitStatus:
    """A commit status, a line beside the commit; each forge cuts the description to its limit."""

    state: State
    description: str
    url: str | None = None
    details: Details | None = None


@dataclass(frozen=True)
class Comment:
    """A comment of a pull request, or a note of a merge request."""

    id: int
    body: str


class Forge(Protocol):
    """The commits and pull requests of one repository.

    Every method raises NoticeRefused if a retry cannot help, else NotTold.
    """

    @property
    def requires_by_name(self) -> bool:
        """Whether a merge waits for statuses by name; if not, it waits for all of them."""

    @property
    def takes_commands(self) -> bool:
        """Whether a job of the repository can be started by a comment, and knows its author."""

    def set_commit_status(self, commit: str, name: str, status: CommitStatus) -> bool:
        """Sets the commit's status of that name; returns False if it was already set."""

    def own_comments(self, pull_request: int) -> list[Comment]:
        """Lists the comments on a pull request that this credential wrote, the oldest first."""

    def add_comment(self, pull_request: int, body: str) -> int:
        """Writes a comment; returns its id."""

    def edit_comment(self, pull_request: int, comment: int, body: str) -> bool:
        """Replaces a comment's text; returns False if it was deleted or has another author."""

    def delete_comment(self, pull_request: int, comment: int) -> None:
        """Deletes a comment, unless it was deleted before or has another author."""


class Connector(Protocol):
    """Makes the forge of a repository: each class that implements `Forge` is one."""

    API: str
    REPOSITORY: re.Pattern[str]

    def __call__(
        self, repository: str, token: Callable[[bool], str], api: str, patience: Patience
    ) -> Forge:
        """Makes the forge of a path that matches REPOSITORY; sends no request yet.

        `token` returns the token; called with True it reads the secret again. `api` is the URL of
        the API; API is the public one. Raises UsageError if the path is invalid, or if the URL
        would send the token unencrypted.
        """


def checked(repository: str, pattern: re.Pattern[str]) -> str:
    """Returns the path of a repository; raises UsageError if it does not match or has `.`, `..`."""
    if not pattern.fullmatch(repository) or {".", ".."} & set(repository.split("/")):
        raise UsageError(
            f"{repository!r} is no repository: owner/name, or a longer path if there are subgroups"
        )
    return repository


def cut(text: str, letters: int) -> str:
    """Shortens a text to at most `letters` characters, with an ellipsis."""
    return text if len(text) <= letters else text[: letters - 1] + "…"
