"""Writes commit statuses and merge request notes on gitlab.com or a self-managed GitLab, API v4."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import quote

from pixelgate.notify.forge import Comment, CommitStatus, State, checked, cut
from pixelgate.notify.http import Answer, Api, Patience, message, part

_LETTERS = 255  # the limit of a description, and of a link
_STATES = {
    State.WAITING: "pending",
    State.RUNNING: "running",
    State.PASSED: "success",
    State.FAILED: "failed",
    State.ERROR: "failed",
}


class GitLab:
    """One project, `group/name` or `group/subgroup/name`."""

    API: ClassVar[str] = "https://gitlab.com/api/v4"
    REPOSITORY: ClassVar[re.Pattern[str]] = re.compile(r"[\w.-]+(/[\w.-]+)+", re.ASCII)
    requires_by_name = False  # a merge waits for the whole pipeline; statuses are its jobs
    takes_commands = False  # a note starts no pipeline

    def __init__(
        self,
        repository: str,
        token: Callable[[bool], str],
        api: str = API,
        patience: Patience = Patience(),  # noqa: B008 - it is never changed
    ) -> None:
        """Sends no request yet; arguments and errors as in `forge.Connector`."""
        self._path = f"/projects/{quote(checked(repository, self.REPOSITORY), safe='')}"
        self._api = Api(api, token, lambda token: {"PRIVATE-TOKEN": token}, patience)

    def set_commit_status(self, commit: str, name: str, status: CommitStatus) -> bool:
        """Sets a status in the commit's newest pipeline, unless it is already set.

        No `ref` is sent, so GitLab takes the newest pipeline of the commit, even that of a merge
        request. With the name of a branch it would start a second pipeline.
        """
        wanted = {
            "name": name,
            "description": cut(status.description, _LETTERS),
            # A shortened link would not work. The note contains the whole link.
            "target_url": status.url if len(status.url or "") <= _LETTERS else None,
        }
        state = _STATES[status.state]
        if self._latest(commit, name) == {**wanted, "status": state}:
            return False
        body = {"state": state, **{k: v for k, v in wanted.items() if v is not None}}
        path = f"{self._path}/statuses/{part(commit)}"
        return not _is_set(self._api.ask("POST", path, body, fine=_is_set))

    def _latest(self, commit: str, name: str) -> Mapping[str, Any] | None:
        """Returns the status of that name, if it is in the commit's newest pipeline."""
        path = f"{self._path}/repository/commits/{part(commit)}/statuses"
        statuses = [status for page in self._api.pages(path, name=name) for status in page]
        if not statuses:
            return None
        latest = max(statuses, key=lambda status: status["id"])
        # A later pipeline counts instead, and has no status of ours yet.
        path = f"{self._path}/pipelines?per_page=1&sha={part(commit)}"
        if [pipeline["id"] for pipeline in self._api.ask("GET", path).json()] != [
            latest["pipeline_id"]
        ]:
            return None
        return {field: latest[field] for field in ("name", "description", "target_url", "status")}

    def own_comments(self, pull_request: int) -> list[Comment]:
        """Lists the notes of the token's account, without those that GitLab makes for it."""
        pages = self._api.pages(self._notes(pull_request), sort="asc", order_by="created_at")
        return [
            Comment(note["id"], note["body"] or "")
            for page in pages
            for note in page
            if not note["system"] and note["author"]["id"] == self._account
        ]

    @cached_property
    def _account(self) -> int:
        """The number of the token's account."""
        return int(self._api.ask("GET", "/user").json()["id"])

    def add_comment(self, pull_request: int, body: str) -> int:
        """Writes a note."""
        answer = self._api.ask("POST", self._notes(pull_request), {"body": body})
        return int(answer.json()["id"])

    def edit_comment(self, pull_request: int, comment: int, body: str) -> bool:
        """Replaces a note's text."""
        path = f"{self._notes(pull_request)}/{comment}"
        return not _is_not_ours(self._api.ask("PUT", path, {"body": body}, fine=_is_not_ours))

    def delete_comment(self, pull_request: int, comment: int) -> None:
        """Deletes a note."""
        self._api.ask("DELETE", f"{self._notes(pull_request)}/{comment}", fine=_is_not_ours)

    def _notes(self, merge_request: int) -> str:
        return f"{self._path}/merge_requests/{merge_request}/notes"


def _is_set(answer: Answer) -> bool:
    """Whether GitLab refused a status because it is in that state; its description stays as is."""
    refused = answer.status == HTTPStatus.BAD_REQUEST
    return refused and message(answer).startswith("Cannot transition status")


def _is_not_ours(answer: Answer) -> bool:
    """Whether a note was deleted, or has another author and our token may not change it."""
    return answer.status in {HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN}
