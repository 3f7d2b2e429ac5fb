"""Commit statuses and comments on GitHub, or a GitHub Enterprise Server, over its REST API."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

import urllib3

from pixelgate.errors import NoticeRefused, NotTold, TryLater, UsageError
from pixelgate.ports import Comment, CommitStatus

_API_VERSION = "2022-11-28"
_TRIES = 5
_FIRST_WAIT = 1.0  # seconds, then twice that, each time
_SECONDARY_LIMIT_WAIT = 60.0  # what GitHub asks for where it names no time
_PAGE = 100
_MAX_PAGES = 30
_TIMEOUT = urllib3.Timeout(connect=5, read=20)
_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})


class GitHub:
    """One API, one token."""

    def __init__(
        self,
        token: Callable[[bool], str],
        api_url: str = "https://api.github.com",
        *,
        time_left: Callable[[], float] = lambda: float("inf"),
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Connects to nothing yet.

        Args:
            token: the token; asked with True it looks whether there is a newer one.
            api_url: where the API is.
            time_left: seconds until this worker must be done.
            sleep: waits for some seconds.
            clock: seconds since 1970.
            jitter: a number from 0 to 1, so that several workers do not come back at once.

        Raises:
            UsageError: the URL would send the token in the clear.
        """
        parts = urlsplit(api_url)
        if parts.scheme != "https" and parts.hostname not in _LOCAL:
            raise UsageError(f"GitHub's API must be https, not {api_url}")
        self._token = token
        self._url = api_url.rstrip("/")
        self._time_left = time_left
        self._sleep = sleep
        self._clock = clock
        self._jitter = jitter
        # Retries are ours, as they must end within the worker's time, and so are redirects: urllib3
        # would send the token wherever they lead.
        self._http = urllib3.PoolManager(retries=False, timeout=_TIMEOUT)

    def commit_status(self, repository: str, commit: str, context: str) -> CommitStatus | None:
        """The latest status of that context."""
        path = f"/repos/{quote(repository)}/commits/{quote(commit, safe='')}/status"
        for page in self._pages(path, "statuses"):
            for found in page:
                if found["context"] == context:
                    return CommitStatus(
                        found["state"], found["description"] or "", found["target_url"]
                    )
        return None

    def set_commit_status(
        self, repository: str, commit: str, context: str, status: CommitStatus
    ) -> None:
        """Adds a status."""
        body = {"state": status.state, "context": context, "description": status.description}
        if status.url:
            body["target_url"] = status.url
        path = f"/repos/{quote(repository)}/statuses/{quote(commit, safe='')}"
        self._ask("POST", path, body)

    def comments(self, repository: str, pull_request: int) -> list[Comment]:
        """All comments of a pull request."""
        path = f"/repos/{quote(repository)}/issues/{pull_request}/comments"
        return [
            Comment(found["id"], found["body"] or "")
            for page in self._pages(path)
            for found in page
        ]

    def add_comment(self, repository: str, pull_request: int, body: str) -> int:
        """Writes a comment."""
        path = f"/repos/{quote(repository)}/issues/{pull_request}/comments"
        answer = self._ask("POST", path, {"body": body})
        return int(answer.json()["id"])

    def edit_comment(self, repository: str, comment: int, body: str) -> bool:
        """Replaces a comment's text."""
        path = f"/repos/{quote(repository)}/issues/comments/{comment}"
        return self._ask("PATCH", path, {"body": body}, gone_is_fine=True).status != _GONE

    def delete_comment(self, repository: str, comment: int) -> None:
        """Removes a comment."""
        path = f"/repos/{quote(repository)}/issues/comments/{comment}"
        self._ask("DELETE", path, gone_is_fine=True)

    def _pages(self, path: str, inside: str | None = None) -> list[list[dict[str, Any]]]:
        pages = []
        for number in range(1, _MAX_PAGES + 1):
            answer = self._ask("GET", f"{path}?per_page={_PAGE}&page={number}").json()
            page = answer[inside] if inside else answer
            pages.append(page)
            if len(page) < _PAGE:
                break
        return pages

    def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        gone_is_fine: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        """One request, repeated while that may help and there is time."""
        newer = False
        problem = ""
        for attempt in range(_TRIES):
            try:
                answer = self._send(method, path, body, self._token(newer))
            except urllib3.exceptions.HTTPError as error:
                problem, wait = f"{method} {path}: {error}", self._backoff(attempt)
            else:
                if _is_fine(answer, gone_is_fine):
                    return answer
                problem = f"{method} {path}: {answer.status} {_message(answer)}"
                if moved := self._moved(answer):
                    path = moved
                    continue
                if answer.status == HTTPStatus.UNAUTHORIZED and not newer:
                    newer = True  # the secret may have been renewed since it was read
                    continue
                wait = self._asked_to_wait(answer, attempt, problem)
            if attempt < _TRIES - 1:
                self._pause(wait, problem)
        raise NotTold(problem)

    def _pause(self, wait: float, problem: str) -> None:
        if wait > self._time_left():
            raise TryLater(f"{problem}; it asks for {wait:.0f} s, more than is left")
        self._sleep(wait)

    def _send(
        self, method: str, path: str, body: Mapping[str, Any] | None, token: str
    ) -> urllib3.BaseHTTPResponse:
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {token}",
            "User-Agent": "pixelgate",
            "X-GitHub-Api-Version": _API_VERSION,
        }
        if body is not None:
            headers["Content-Type"] = "application/json"
        return self._http.request(
            method,
            self._url + path,
            body=None if body is None else json.dumps(body).encode(),
            headers=headers,
            redirect=False,
        )

    def _moved(self, answer: urllib3.BaseHTTPResponse) -> str | None:
        """Where a renamed repository is now; the token goes to no other host."""
        to = answer.headers.get("Location", "")
        moved = HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST
        return to.removeprefix(self._url) if moved and to.startswith(f"{self._url}/") else None

    def _backoff(self, attempt: int) -> float:
        return _FIRST_WAIT * float(2**attempt) * (1 + self._jitter() / 2)

    def _asked_to_wait(self, answer: urllib3.BaseHTTPResponse, attempt: int, problem: str) -> float:
        """Seconds, as its headers say them: Retry-After, else the end of the rate limit."""
        if not _may_pass(answer):
            raise NoticeRefused(problem)
        if said := answer.headers.get("Retry-After"):
            return max(0.0, _seconds(said, self._clock()))
        if answer.headers.get("X-RateLimit-Remaining") == "0":
            reset = answer.headers.get("X-RateLimit-Reset", "")
            if reset.isdigit():
                return max(1.0, int(reset) - self._clock())
        if answer.status in {HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}:
            return _SECONDARY_LIMIT_WAIT
        return self._backoff(attempt)


_GONE = HTTPStatus.NOT_FOUND


def _is_fine(answer: urllib3.BaseHTTPResponse, gone_is_fine: bool) -> bool:
    return answer.status < HTTPStatus.MULTIPLE_CHOICES or (gone_is_fine and answer.status == _GONE)


def _may_pass(answer: urllib3.BaseHTTPResponse) -> bool:
    """Whether the same request may be taken later: an overload, or a limit on how many."""
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return True
    if answer.status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT}:
        return True
    limited = (
        "Retry-After" in answer.headers
        or answer.headers.get("X-RateLimit-Remaining") == "0"
        or "rate limit" in _message(answer).lower()
    )
    return answer.status == HTTPStatus.FORBIDDEN and limited


def _message(answer: urllib3.BaseHTTPResponse) -> str:
    try:
        said = answer.json()
    except ValueError:
        return ""
    return str(said.get("message", ""))[:500] if isinstance(said, dict) else ""


def _seconds(retry_after: str, now: float) -> float:
    """Retry-After is a number of seconds or a date."""
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        then = parsedate_to_datetime(retry_after)
    except ValueError:
        return _SECONDARY_LIMIT_WAIT
    return (then - datetime.fromtimestamp(now, UTC)).total_seconds()
