"""Writes commit statuses and comments on GitHub or GitHub Enterprise Server, by the REST API."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from pixelgate.notify.forge import Comment, CommitStatus, State, checked, cut
from pixelgate.notify.http import Answer, Api, Patience, part

_API_VERSION = "2022-11-28"
_DESCRIPTION_LETTERS = 140
_STATES = {
    State.WAITING: "pending",
    State.RUNNING: "pending",
    State.PASSED: "success",
    State.FAILED: "failure",
    State.ERROR: "error",
}


class GitHub:
    """One repository, `owner/name`."""

    API: ClassVar[str] = "https://api.github.com"
    REPOSITORY: ClassVar[re.Pattern[str]] = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
    requires_by_name = True

    def __init__(
        self,
        repository: str,
        token: Callable[[bool], str],
        api: str = API,
        patience: Patience = Patience(),  # noqa: B008 - it is never changed
    ) -> None:
        """Sends no request yet; arguments and errors as in `forge.Connector`."""
        self._path = f"/repos/{checked(repository, self.REPOSITORY)}"
        self._api = Api(api, token, headers, patience)

    def set_commit_status(self, commit: str, name: str, status: CommitStatus) -> bool:
        """Adds a status, unless the latest of that name is equal."""
        body = {
            "state": _STATES[status.state],
            "context": name,
            "description": cut(status.description, _DESCRIPTION_LETTERS),
            "target_url": status.url,
        }
        if self._latest(commit, name) == body:
            return False
        given = {field: value for field, value in body.items() if value is not None}
        self._api.ask("POST", f"{self._path}/statuses/{part(commit)}", given)
        return True

    def _latest(self, commit: str, name: str) -> Mapping[str, Any] | None:
        for page in self._api.pages(f"{self._path}/commits/{part(commit)}/status"):
            for status in page["statuses"]:
                if status["context"] == name:
                    fields = ("state", "context", "description", "target_url")
                    return {field: status[field] for field in fields}
        return None

    def comments(self, pull_request: int) -> list[Comment]:
        """Lists all comments of a pull request."""
        return [
            Comment(comment["id"], comment["body"] or "")
            for page in self._api.pages(f"{self._path}/issues/{pull_request}/comments")
            for comment in page
        ]

    def add_comment(self, pull_request: int, body: str) -> int:
        """Writes a comment."""
        path = f"{self._path}/issues/{pull_request}/comments"
        return int(self._api.ask("POST", path, {"body": body}).json()["id"])

    def edit_comment(self, pull_request: int, comment: int, body: str) -> bool:
        """Replaces a comment's text. GitHub numbers comments by repository."""
        path = f"{self._path}/issues/comments/{comment}"
        return not _is_gone(self._api.ask("PATCH", path, {"body": body}, fine=_is_gone))

    def delete_comment(self, pull_request: int, comment: int) -> None:
        """Deletes a comment."""
        self._api.ask("DELETE", f"{self._path}/issues/comments/{comment}", fine=_is_gone)


def headers(token: str) -> Mapping[str, str]:
    """The headers of every request to GitHub."""
    return {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {token}",
        "X-GitHub-Api-Version": _API_VERSION,
    }


def _is_gone(answer: Answer) -> bool:
    return answer.status == HTTPStatus.NOT_FOUND
