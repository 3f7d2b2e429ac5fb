"""Reads requests of function URLs and HTTP APIs (payload format 2.0), and fits answers to them."""

from __future__ import annotations

import base64
import binascii
import gzip
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from pixelgate.web.http import Refused, Request, Response, read_cookies

ANSWER_BYTES = 6 * 1024 * 1024  # what Lambda sends at once: the JSON of an answer, or refuses
_COMPRESSED_FROM = 1_000  # bytes; below that the header costs more than it saves
_TEXTS = ("text/", "application/json", "application/javascript", "image/svg+xml")


def request_of(event: Mapping[str, Any], site_url: str = "") -> Request:
    """Reads a request from an event.

    Args:
        event: as Lambda gets it.
        site_url: the address under which people reach the site; by default the name that AWS says
            was asked for. No header decides it: anybody may send any.

    Raises:
        Refused: the body is not what the event says that it is.
    """
    context = event["requestContext"]
    headers = {name.lower(): str(value) for name, value in (event.get("headers") or {}).items()}
    crumbs = [*(event.get("cookies") or ()), headers.get("cookie", "")]
    return Request(
        method=str(context["http"]["method"]).upper(),
        path=path_of(event),
        origin=site_url.rstrip("/") or f"https://{context['domainName']}",
        query=dict(parse_qsl(event.get("rawQueryString") or "", keep_blank_values=True)),
        headers=headers,
        cookies=read_cookies("; ".join(crumbs)),
        body=_body(event),
    )


def path_of(event: Mapping[str, Any]) -> str:
    """Returns the percent-decoded path.

    A function URL sends it as the browser did. An HTTP API has decoded all of it but `%25`, so that
    a "%" in it always begins an escape, and decoding is right for both.
    """
    path = unquote(str(event.get("rawPath") or "/"))
    return path if path.startswith("/") else f"/{path}"


def with_plain_path(event: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the event with its path percent-encoded, whoever sent it.

    Powertools matches routes against the path as it is, and knows only some characters.
    """
    return {**event, "rawPath": quote(path_of(event))}


def compressed(response: Response, accepted: str) -> Response:
    """Compresses a text for a client that takes gzip: a report of 10,000 snapshots fits then.

    Args:
        response: any response.
        accepted: the request's header Accept-Encoding.
    """
    headers = {name.lower() for name in response.headers}
    kind = next((v for n, v in response.headers.items() if n.lower() == "content-type"), "")
    if (
        len(response.body) < _COMPRESSED_FROM
        or not kind.startswith(_TEXTS)
        or "content-encoding" in headers
        or not _takes_gzip(accepted)
    ):
        return response
    more = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    body = gzip.compress(response.body, 6, mtime=0)
    return Response(response.status, {**response.headers, **more}, body, response.cookies)


def too_large(body: bytes) -> bool:
    """Whether Lambda would refuse to send a body; it travels as Base64, with some headers."""
    return (len(body) + 2) // 3 * 4 > ANSWER_BYTES - 64 * 1024


def _takes_gzip(accepted: str) -> bool:
    for coding in accepted.lower().split(","):
        name, _, weight = coding.replace(" ", "").partition(";")
        if name == "gzip":
            return weight not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _body(event: Mapping[str, Any]) -> bytes:
    """The raw bytes: a signature over them must come out right."""
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(body).encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(HTTPStatus.BAD_REQUEST, "the body is not valid Base64") from error
