"""Reads the event of a comment on a pull request, as a workflow of GitHub gets it.

The text of the comment is a stranger's. It is read from the event's file, so that it is never a
part of a shell's line or of a workflow's expression.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pixelgate.errors import UsageError
from pixelgate.notify.github import GitHub

_LOGIN_LETTERS = 39


@dataclass(frozen=True)
class CommentEvent:
    """A comment that was just written on a pull request."""

    repository: str  # owner/name
    pull_request: int
    comment: int
    body: str
    login: str
    account: int  # its number, which stays when the login changes
    is_person: bool  # neither an App nor a bot
    at: datetime
    url: str

    @property
    def session(self) -> str:
        """The name of the role's session, by which S3 knows the reviewer: `ada@github.583231`.

        What STS does not take in a name becomes "-".
        """
        login = re.sub(r"[^\w-]", "-", self.login, flags=re.ASCII)[:_LOGIN_LETTERS]
        return f"{login}@github.{self.account}"

    @property
    def review_id(self) -> str:
        """The id of this comment's review: it sorts by time, and a second run has the same."""
        return f"{self.at:%Y%m%dT%H%M%S%f}Z-github-{self.comment}"


def read_event(environ: Mapping[str, str]) -> CommentEvent:
    """Reads the file that GITHUB_EVENT_PATH names.

    Raises:
        UsageError: this is no job of an issue_comment event on a pull request.
    """
    if environ.get("GITHUB_EVENT_NAME") != "issue_comment":
        raise UsageError(
            "this is no job that a comment on GitHub started: `on: {issue_comment: {types: "
            "[created]}}`, as in examples/ci/github-approve.yml"
        )
    path = environ.get("GITHUB_EVENT_PATH", "")
    try:
        event = json.loads(Path(path).read_text("utf-8"))
        return _parsed(event)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"GITHUB_EVENT_PATH: {path} is no event of a comment on a pull request: {error!r}"
        ) from error


def _parsed(event: Mapping[str, Any]) -> CommentEvent:
    if event["action"] != "created":
        raise ValueError(f"the comment was {event['action']}; only a new one counts")
    if not event["issue"].get("pull_request"):
        raise ValueError("the comment is on an issue")
    comment, user = event["comment"], event["comment"]["user"]
    return CommentEvent(
        repository=str(event["repository"]["full_name"]),
        pull_request=int(event["issue"]["number"]),
        comment=int(comment["id"]),
        body=str(comment["body"] or ""),
        login=str(user["login"]),
        account=int(user["id"]),
        is_person=user["type"] == "User",
        at=datetime.fromisoformat(comment["created_at"]),
        url=str(comment["html_url"]),
    )


def check_may_review(event: CommentEvent, github: GitHub) -> None:
    """Checks that a person wrote the comment who may write in the repository.

    Raises:
        UsageError: who wrote it may not review.
        NotTold: GitHub was not reached, or refused the question.
    """
    if not event.is_person:
        raise UsageError("only people review builds, and this account is none")
    if not github.may_write(event.login, event.account):
        raise UsageError(
            "who reviews a build by a comment needs the permission to write in this repository"
        )


def check_no_fork(event: CommentEvent, github: GitHub) -> None:
    """Checks that the pull request comes from the repository itself.

    Raises:
        UsageError: it comes from a fork.
        NotTold: as above.
    """
    if github.is_from_fork(event.pull_request):
        raise UsageError(
            "this pull request comes from a fork, whose author decides what its screenshots show; "
            "read its code, and review the build by `pixelgate approve`"
        )
