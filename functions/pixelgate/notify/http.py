"""Sends requests to a forge's API; retries them while that may help and the worker has time."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

import urllib3

from pixelgate.errors import NoticeRefused, NotTold, TryLater, UsageError

_TRIES = 5
_FIRST_WAIT = 1.0  # seconds; doubled after each attempt
_LIMIT_WAIT = 60.0  # for an answer without a time: most limits are per minute
_PAGE = 100
_MAX_PAGES = 30
_TIMEOUT = urllib3.Timeout(connect=5, read=20)
_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
# Headers of GitHub, then of GitLab: requests left, and the time of the reset, seconds since 1970.
_LIMITS = (
    ("X-RateLimit-Remaining", "X-RateLimit-Reset"),
    ("RateLimit-Remaining", "RateLimit-Reset"),
)
_MAY_PASS = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,  # GitLab: another update of the same commit is in progress
    }
)

Answer = urllib3.BaseHTTPResponse


@dataclass(frozen=True)
class Patience:
    """How long requests may take: until a worker must be done, with its clock and its `sleep`.

    `jitter` returns a number from 0 to 1, so that several workers do not retry at once.
    """

    time_left: Callable[[], float] = lambda: float("inf")
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.time
    jitter: Callable[[], float] = random.random


class Api:
    """A client of one API with one token."""

    def __init__(
        self,
        url: str,
        token: Callable[[bool], str],
        headers: Callable[[str], Mapping[str, str]],
        patience: Patience,
    ) -> None:
        """Takes arguments as in `forge.Connector`; `headers` makes a request's from the token."""
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in _LOCAL:
            raise UsageError(f"a forge's API must be https, not {url}")
        self._url = url.rstrip("/")
        self._token = token
        self._headers = headers
        self._patience = patience
        # Retries are done here, because they must end within the worker's time. Redirects too:
        # urllib3 would send the token to any host.
        self._http = urllib3.PoolManager(retries=False, timeout=_TIMEOUT)

    def pages(self, path: str, **query: str) -> Iterator[Any]:
        """The JSON of each page of a list. A page may be short and not be the last."""
        more = "".join(f"&{name}={quote(value, safe='')}" for name, value in query.items())
        for number in range(1, _MAX_PAGES + 1):
            answer = self.ask("GET", f"{path}?per_page={_PAGE}&page={number}{more}")
            yield answer.json()
            if 'rel="next"' not in answer.headers.get("Link", ""):
                break

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | None = None,
        *,
        fine: Callable[[Answer], bool] = lambda answer: False,
    ) -> Answer:
        """Sends a request, and retries it while that may help and there is time.

        `path` has quoted parts, and `body` is sent as JSON, or as it is if it is bytes. `fine` says
        whether an error answer counts as success.

        Raises:
            NoticeRefused: the forge refused the request, and a retry cannot help.
            TryLater: the forge asks for a longer wait than there is time.
            NotTold: the forge did not answer, or answered with a server error.
        """
        newer = False
        problem = ""
        for attempt in range(_TRIES):
            try:
                answer = self._send(method, path, body, self._token(newer))
            except urllib3.exceptions.HTTPError as error:
                problem, wait = f"{method} {path}: {error}", self._backoff(attempt)
            else:
                if answer.status < HTTPStatus.MULTIPLE_CHOICES or fine(answer):
                    return answer
                problem = f"{method} {path}: {answer.status} {message(answer)}"
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
        if wait > self._patience.time_left():
            raise TryLater(f"{problem}; it asks for {wait:.0f} s, more than is left")
        self._patience.sleep(wait)

    def _send(
        self, method: str, path: str, body: Mapping[str, Any] | bytes | None, token: str
    ) -> Answer:
        headers = {"User-Agent": "pixelgate", **self._headers(token)}
        if isinstance(body, bytes):
            headers["Content-Type"] = "application/octet-stream"
        elif body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(body).encode()
        return self._http.request(
            method,
            self._url + path,
            body=body,
            headers=headers,
            redirect=False,
        )

    def _moved(self, answer: Answer) -> str | None:
        """Returns the new path of a renamed repository; another host is never followed."""
        to = answer.headers.get("Location", "")
        moved = HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST
        return to.removeprefix(self._url) if moved and to.startswith(f"{self._url}/") else None

    def _backoff(self, attempt: int) -> float:
        return _FIRST_WAIT * float(2**attempt) * (1 + self._patience.jitter() / 2)

    def _asked_to_wait(self, answer: Answer, attempt: int, problem: str) -> float:
        """Returns the seconds to wait: from Retry-After, else until the rate limit resets."""
        if not may_pass(answer):
            raise NoticeRefused(problem)
        if retry_after := answer.headers.get("Retry-After"):
            return max(0.0, _seconds(retry_after, self._patience.clock()))
        for remaining, reset in _LIMITS:
            then = answer.headers.get(reset, "")
            if answer.headers.get(remaining) == "0" and then.isdigit():
                return max(1.0, int(then) - self._patience.clock())
        if answer.status in {HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}:
            return _LIMIT_WAIT
        return self._backoff(attempt)


def part(text: str) -> str:
    """Quotes a text as one part of a path; "", "." and ".." raise NoticeRefused."""
    if text in {"", ".", ".."}:
        raise NoticeRefused(f"{text!r} cannot be asked for")
    return quote(text, safe="")


def message(answer: Answer) -> str:
    """Returns the field `message` of an answer; empty if there is none."""
    try:
        body = answer.json()
    except ValueError:
        return ""
    return str(body.get("message", ""))[:500] if isinstance(body, dict) else ""


def may_pass(answer: Answer) -> bool:
    """Whether the same request may succeed later, after an overload or a rate limit."""
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status in _MAY_PASS:
        return True
    limited = (
        "Retry-After" in answer.headers
        or any(answer.headers.get(remaining) == "0" for remaining, _ in _LIMITS)
        or "rate limit" in message(answer).lower()
    )
    return answer.status == HTTPStatus.FORBIDDEN and limited


def _seconds(retry_after: str, now: float) -> float:
    """Parses Retry-After, which is a number of seconds or a date."""
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        then = parsedate_to_datetime(retry_after)
    except ValueError:
        return _LIMIT_WAIT
    return (then - datetime.fromtimestamp(now, UTC)).total_seconds()
