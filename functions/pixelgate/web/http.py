"""Requests and responses, whatever server they come through."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

MAX_BODY = 1024 * 1024  # bytes
# Who has nothing to do on the site learns only that there is nothing.
NOTHING = "There is nothing here, or nothing that you may see."


@dataclass(frozen=True)
class Request:
    """One request.

    Attributes:
        method: in upper case.
        path: percent-decoded, begins with "/".
        origin: scheme and host under which people reach the site, without "/" at the end.
        query: percent-decoded; of several values the last one.
        headers: names in lower case.
        cookies: as the browser sent them; of one name the first one.
        body: the raw bytes.
    """

    method: str
    path: str
    origin: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self, most: int = MAX_BODY) -> dict[str, Any]:
        """Returns the body, a JSON object of so many bytes. Raises Refused with 400, 413 or 415."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body must be application/json")
        if len(self.body) > most:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is over {most:,} bytes")
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise Refused(HTTPStatus.BAD_REQUEST, "the body is not valid JSON") from error
        if not isinstance(found, dict):
            raise Refused(HTTPStatus.BAD_REQUEST, "the body is not a JSON object")
        return found


@dataclass(frozen=True)
class Response:
    """One response; `cookies` are whole values of Set-Cookie."""

    status: int = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cookies: tuple[str, ...] = ()


class Refused(Exception):
    """A request that is answered with an error: its status, and words for the person."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = HTTPStatus(status)
        self.words = words


def redirect(to: str, *cookies: str) -> Response:
    """Sends the browser to another address, which it must not keep."""
    headers = {"Location": to, "Cache-Control": "no-store"}
    return Response(HTTPStatus.FOUND, headers, cookies=cookies)


def json_response(content: Mapping[str, Any], status: int = HTTPStatus.OK) -> Response:
    """Answers with a JSON object."""
    body = json.dumps(dict(content), ensure_ascii=False, separators=(",", ":")).encode()
    return Response(status, {"Content-Type": "application/json; charset=utf-8"}, body)


def path_of(*segments: str) -> str:
    """Returns the percent-encoded path of these segments."""
    return "".join(f"/{quote(segment, safe='')}" for segment in segments)


def read_cookies(header: str) -> dict[str, str]:
    """Parses the header Cookie; of one name the first value, which has the most specific path.

    Only what a browser takes for white space is cut off: with more, a neighbouring host could set a
    cookie whose name only becomes `__Host-…` here.
    """
    found: dict[str, str] = {}
    for part in header.split(";"):
        name, equals, value = part.strip(" \t").partition("=")
        if equals:
            found.setdefault(name, value)
    return found


def escape(text: object) -> str:
    """Escapes text for HTML, also within attributes."""
    return html.escape(str(text))


def picture_type(body: bytes) -> str:
    """Returns the media type of a picture; anything else is shown as nothing."""
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if body.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    return "application/octet-stream"
