"""Asks the issuer: JSON over TLS, no redirects, little patience."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3

from pixelgate.web.http import Refused

_TIMEOUT = urllib3.Timeout(connect=3, read=6)  # API Gateway waits for 30 s, and a login asks thrice
_MAX_ANSWER = 1024 * 1024
_AGAIN = frozenset(
    {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
)


class Https:
    """A client; certificates are checked against those of the system."""

    def __init__(self) -> None:
        self._http = urllib3.PoolManager(retries=False, timeout=_TIMEOUT)

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> tuple[int, dict[str, Any]]:
        """Asks once more if the answer is lost; returns status and JSON object.

        Raises:
            Refused: with 503, as there was no answer that can be read.
        """
        try:
            answer = self._ask("GET", url, headers or {})
        except urllib3.exceptions.HTTPError:
            answer = self._told("GET", url, headers or {})
        else:
            if answer[0] in _AGAIN:
                answer = self._told("GET", url, headers or {})
        return _parsed(url, *answer)

    def post(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Sends a form, once; returns and raises as `get`."""
        sent = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        return _parsed(url, *self._told("POST", url, sent, urlencode(form).encode()))

    def send(self, method: str, url: str, headers: Mapping[str, str], content: Any) -> int:
        """Sends JSON, once; returns the status. Raises Refused as `get`."""
        sent = {"Content-Type": "application/json", **headers}
        return self._told(method, url, sent, json.dumps(content).encode())[0]

    def _told(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> tuple[int, bytes]:
        try:
            return self._ask(method, url, headers, body)
        except urllib3.exceptions.HTTPError as error:
            raise no_answer(url, "does not answer") from error

    def _ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> tuple[int, bytes]:
        answer = self._http.request(
            method,
            url,
            body=body,
            headers={"Accept": "application/json", "User-Agent": "pixelgate", **headers},
            redirect=False,
            preload_content=False,
        )
        try:
            content = answer.read(_MAX_ANSWER + 1, decode_content=True)
        finally:
            answer.release_conn()
        return answer.status, content


def no_answer(url: str, what: str) -> Refused:
    """The error for a server that fails."""
    host = urlsplit(url).netloc
    words = f"{host} {what}, so the login cannot go on. Try again in a minute."
    return Refused(HTTPStatus.SERVICE_UNAVAILABLE, words)


def _parsed(url: str, status: int, content: bytes) -> tuple[int, dict[str, Any]]:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        raise no_answer(url, f"answered {status}")
    try:
        found = read_object(content) if len(content) <= _MAX_ANSWER else None
    except ValueError:
        found = None
    if found is None:
        raise no_answer(url, f"answered {status} without a JSON object")
    return status, found


def read_object(content: bytes) -> dict[str, Any]:
    """Parses a JSON object. Raises ValueError."""
    try:
        found = json.loads(content, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found


def _no_constant(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


def said(answer: Mapping[str, Any], *names: str) -> str:
    """What an issuer says about an error: those fields that are short, printable texts."""
    texts = [answer.get(name) for name in names]
    words = [t[:200] for t in texts if isinstance(t, str) and t.isprintable() and t]
    return ": ".join(words) or "no reason given"
