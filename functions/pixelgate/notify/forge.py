"""The forge port: what pixelgate needs of the place where the pull requests are."""

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
    """What a commit status says. Each forge has words of its own for these."""

    WAITING = "waiting"  # for the base build
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"  # a person has to look, or has rejected it
    ERROR = "error"  # there is no result


@dataclass(frozen=True)
class CommitStatus:
    """A line beside a commit.

    Attributes:
        state: what it says.
        description: the same in words; a forge cuts it to what it takes.
        url: where it leads; None for nowhere.
    """

    state: State
    description: str
    url: str | None = None


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
        """Whether a merge waits for single statuses, by name. If not, it waits for all together."""
        ...

    def set_commit_status(self, commit: str, name: str, status: CommitStatus) -> bool:
        """Sets the commit's status of that name; returns False if it was set before."""
        ...

    def comments(self, pull_request: int) -> list[Comment]:
        """All comments of a pull request, the oldest first."""
        ...

    def add_comment(self, pull_request: int, body: str) -> int:
        """Writes a comment; returns its id."""
        ...

    def edit_comment(self, pull_request: int, comment: int, body: str) -> bool:
        """Replaces a comment's text; returns False if it is gone or somebody else's."""
        ...

    def delete_comment(self, pull_request: int, comment: int) -> None:
        """Removes a comment, unless it is gone or somebody else's."""
        ...


class Connector(Protocol):
    """Makes the forge of a repository: each class that implements `Forge` is one."""

    API: str
    REPOSITORY: re.Pattern[str]

    def __call__(
        self, repository: str, token: Callable[[bool], str], api: str, patience: Patience
    ) -> Forge:
        """Connects to nothing yet.

        Args:
            repository: its path, as REPOSITORY describes it.
            token: the token; asked with True it looks whether there is a newer one.
            api: where the API is; API is the public one.
            patience: how long a request may take.

        Raises:
            UsageError: the path is none, or the URL would send the token in the clear.
        """
        ...


def checked(repository: str, pattern: re.Pattern[str]) -> str:
    """The path of a repository.

    Raises:
        UsageError: it is none, or it climbs out of itself.
    """
    if not pattern.fullmatch(repository) or {".", ".."} & set(repository.split("/")):
        raise UsageError(
            f"{repository!r} is no repository: owner/name, or a longer path if there are subgroups"
        )
    return repository


def cut(text: str, letters: int) -> str:
    """The text, or its beginning and an ellipsis."""
    return text if len(text) <= letters else text[: letters - 1] + "…"
