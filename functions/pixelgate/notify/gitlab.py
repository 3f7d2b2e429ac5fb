"""Commit statuses and merge request notes on gitlab.com, or a GitLab of one's own, API v4."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import quote

from pixelgate.notify.forge import Comment, CommitStatus, State, checked, cut
from pixelgate.notify.http import Answer, Api, Patience, message, part

_LETTERS = 255  # of a description, and of a link
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
    requires_by_name = False  # a merge waits for the pipeline, and statuses are jobs of it

    def __init__(
        self,
        repository: str,
        token: Callable[[bool], str],
        api: str = API,
        patience: Patience = Patience(),  # noqa: B008 - it is never changed
    ) -> None:
        """Connects to nothing yet; arguments and errors as of `forge.Connector`."""
        self._path = f"/projects/{quote(checked(repository, self.REPOSITORY), safe='')}"
        self._api = Api(api, token, lambda token: {"PRIVATE-TOKEN": token}, patience)

    def set_commit_status(self, commit: str, name: str, status: CommitStatus) -> bool:
        """Sets a status in the commit's newest pipeline, unless it is there.

        No `ref` is sent: GitLab takes the newest pipeline of the commit, also one of a merge
        request. With the name of a branch it would open a second pipeline beside that.
        """
        wanted = {
            "name": name,
            "description": cut(status.description, _LETTERS),
            # A link that is cut leads nowhere. The note has it whole.
            "target_url": status.url if len(status.url or "") <= _LETTERS else None,
        }
        state = _STATES[status.state]
        if self._latest(commit, name) == {**wanted, "status": state}:
            return False
        body = {"state": state, **{k: v for k, v in wanted.items() if v is not None}}
        path = f"{self._path}/statuses/{part(commit)}"
        return not _is_set(self._api.ask("POST", path, body, fine=_is_set))

    def _latest(self, commit: str, name: str) -> Mapping[str, Any] | None:
        """The status of that name, if it is in the commit's newest pipeline."""
        path = f"{self._path}/repository/commits/{part(commit)}/statuses"
        found = [one for page in self._api.pages(path, name=name) for one in page]
        if not found:
            return None
        latest = max(found, key=lambda one: one["id"])
        # A pipeline that was started later counts instead, and has no status of ours yet.
        path = f"{self._path}/pipelines?per_page=1&sha={part(commit)}"
        if [one["id"] for one in self._api.ask("GET", path).json()] != [latest["pipeline_id"]]:
            return None
        return {field: latest[field] for field in ("name", "description", "target_url", "status")}

    def comments(self, pull_request: int) -> list[Comment]:
        """All notes of a merge request that people or programs wrote."""
        pages = self._api.pages(self._notes(pull_request), sort="asc", order_by="created_at")
        return [
            Comment(note["id"], note["body"] or "")
            for page in pages
            for note in page
            if not note["system"]
        ]

    def add_comment(self, pull_request: int, body: str) -> int:
        """Writes a note."""
        answer = self._api.ask("POST", self._notes(pull_request), {"body": body})
        return int(answer.json()["id"])

    def edit_comment(self, pull_request: int, comment: int, body: str) -> bool:
        """Replaces a note's text."""
        path = f"{self._notes(pull_request)}/{comment}"
        return not _is_not_ours(self._api.ask("PUT", path, {"body": body}, fine=_is_not_ours))

    def delete_comment(self, pull_request: int, comment: int) -> None:
        """Removes a note."""
        self._api.ask("DELETE", f"{self._notes(pull_request)}/{comment}", fine=_is_not_ours)

    def _notes(self, merge_request: int) -> str:
        return f"{self._path}/merge_requests/{merge_request}/notes"


def _is_set(answer: Answer) -> bool:
    """Whether a status was refused because it is in that state: GitLab keeps its description."""
    refused = answer.status == HTTPStatus.BAD_REQUEST
    return refused and message(answer).startswith("Cannot transition status")


def _is_not_ours(answer: Answer) -> bool:
    """Gone, or a note of somebody else that bears our marker: only maintainers may change those."""
    return answer.status in {HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN}
