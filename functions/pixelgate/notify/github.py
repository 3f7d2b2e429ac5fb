"""Writes commit statuses and comments on GitHub or GitHub Enterprise Server, by the REST API."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from pixelgate.errors import NoticeRefused
from pixelgate.notify.forge import Comment, CommitStatus, State, checked, cut
from pixelgate.notify.http import Answer, Api, Patience, may_pass, message, part

_API_VERSION = "2022-11-28"
_DESCRIPTION_LETTERS = 140
# Those of persons; GitHub answers 404 to an installation's or a job's.
_ATTACHING = ("gho_", "ghp_", "github_pat_")
_ATTACHED = re.compile(r"https://[\w.-]+/user-attachments/assets/[\w-]+", re.ASCII)
_ATTACHMENT_BYTES = 10 * 1024 * 1024
_ATTACH_SECONDS = 20.0  # a comment does not wait longer for what it can do without
_NO_ATTACHMENT = frozenset(
    {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY}
)
_MAY_WRITE = frozenset({"admin", "maintain", "write"})
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
    takes_commands = True

    def __init__(
        self,
        repository: str,
        token: Callable[[bool], str],
        api: str = API,
        patience: Patience = Patience(),  # noqa: B008 - it is never changed
        uploads: str | None = None,
    ) -> None:
        """Sends no request yet; arguments and errors as in `forge.Connector`.

        `uploads` is the URL that takes attachments, by default that of GitHub's own API.
        """
        self._path = f"/repos/{checked(repository, self.REPOSITORY)}"
        self._api = Api(api, token, headers, patience)
        self._token = token
        self._patience = patience
        self._upload_url = uploads or uploads_of(api)
        self._uploads: tuple[Api, int] | None = None  # with the repository's number

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

    def own_comments(self, pull_request: int) -> list[Comment]:
        """Lists the comments of the token's account, which anybody's with our marker are not."""
        return [
            Comment(comment["id"], comment["body"] or "")
            for page in self._api.pages(f"{self._path}/issues/{pull_request}/comments")
            for comment in page
            if self._is_own(comment)
        ]

    def _is_own(self, comment: Mapping[str, Any]) -> bool:
        # An account that was deleted is shown as none.
        return bool(comment["user"]) and comment["user"]["id"] == self._account

    @cached_property
    def _account(self) -> int:
        """The number of the token's account."""
        return int(self._api.ask("GET", "/user").json()["id"])

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

    def permission(self, login: str) -> tuple[str, int | None]:
        """Returns what an account may do, as read, write or admin, and the account's number.

        GitHub says write for the role maintain. Who may do nothing has the permission none.
        """
        path = f"{self._path}/collaborators/{part(login)}/permission"
        answer = self._api.ask("GET", path, fine=_is_gone)
        if _is_gone(answer):
            return "none", None
        said = answer.json()
        return str(said["permission"]), int((said.get("user") or {}).get("id") or 0) or None

    def may_write(self, login: str, account: int) -> bool:
        """Whether an account may push to the repository: role write, maintain or admin."""
        permission, number = self.permission(login)
        # A login may be given up and taken by somebody else.
        return number == account and permission in _MAY_WRITE

    def is_from_fork(self, pull_request: int) -> bool:
        """Whether a pull request comes from another repository, also one that was deleted."""
        said = self._api.ask("GET", f"{self._path}/pulls/{pull_request}").json()
        head = said["head"].get("repo") or {}
        return head.get("id") is None or head["id"] != said["base"]["repo"]["id"]

    def react(self, comment: int, sign: str) -> None:
        """Adds a reaction to a comment of a pull request: eyes, +1 or -1."""
        path = f"{self._path}/issues/comments/{comment}/reactions"
        self._api.ask("POST", path, {"content": sign})

    def attach(self, name: str, body: bytes) -> str:
        """Uploads a PNG that comments can show; returns its address.

        Who may see the repository may see it, and nobody can delete it.

        Raises:
            NoticeRefused: this server, this credential or this picture cannot be attached.
            NotTold: GitHub did not answer in time.
        """
        if len(body) > _ATTACHMENT_BYTES:
            raise NoticeRefused(f"GitHub takes no picture of {len(body):,} bytes")
        api, number = self._uploads = self._uploads or self._open_uploads()
        query = f"name={quote(name, safe='')}&content_type=image%2Fpng&repository_id={number}"
        answer = api.ask("POST", f"/user-attachments/assets?{query}", body, fine=_is_no_attachment)
        if _is_no_attachment(answer):
            raise NoticeRefused(
                f"GitHub answers {answer.status} {message(answer)}".rstrip()
                + "; to attach pictures, the token of GitHubTokenSecret needs the permission to "
                "write contents, and its owner the role Write"
            )
        url = str(answer.json().get("url", ""))
        if not _ATTACHED.fullmatch(url):
            raise NoticeRefused("GitHub's answer has no address of an attachment")
        return url

    def seal(self, text: str) -> str:
        """Returns a code of a text that only who has the token can make."""
        said = f"pixelgate {self._path}\n{text}".encode()
        return hmac.digest(self._token(False).encode(), said, hashlib.sha256).hex()

    def _open_uploads(self) -> tuple[Api, int]:
        """Connects to what takes attachments, and asks for the number of the repository."""
        if self._upload_url is None:
            raise NoticeRefused("only github.com and ghe.com take attachments, and no other server")
        if not self._token(False).startswith(_ATTACHING):
            raise NoticeRefused(
                "GitHub takes attachments with the token of a person only (GitHubTokenSecret, "
                "beginning with github_pat_, ghp_ or gho_), and not from a GitHub App"
            )
        until = self._patience.clock() + _ATTACH_SECONDS
        hasty = replace(
            self._patience,
            time_left=lambda: min(self._patience.time_left(), until - self._patience.clock()),
        )
        number = int(self._api.ask("GET", self._path).json()["id"])
        return Api(self._upload_url, self._token, headers, hasty), number


def uploads_of(api: str) -> str | None:
    """Returns the URL that takes attachments; None for a server of somebody's own."""
    host = urlsplit(api).hostname or ""
    if host == "api.github.com" or (host.startswith("api.") and host.endswith(".ghe.com")):
        return f"https://uploads.{host.removeprefix('api.')}"
    return None


def headers(token: str) -> Mapping[str, str]:
    """The headers of every request to GitHub."""
    return {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {token}",
        "X-GitHub-Api-Version": _API_VERSION,
    }


def _is_no_attachment(answer: Answer) -> bool:
    return answer.status in _NO_ATTACHMENT and not may_pass(answer)


def _is_gone(answer: Answer) -> bool:
    return answer.status == HTTPStatus.NOT_FOUND
