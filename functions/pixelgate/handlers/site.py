"""Lambda function that serves the review site behind a function URL or an HTTP API."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator
from functools import cache
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from aws_lambda_powertools.event_handler import (
    APIGatewayHttpResolver,
    ApiGatewayResolver,
    LambdaFunctionUrlResolver,
)
from aws_lambda_powertools.event_handler import Response as Answer
from aws_lambda_powertools.utilities.typing import LambdaContext

from pixelgate.bootstrap_web import ServedSite, aws_site
from pixelgate.handlers.telemetry import count, logger, metrics
from pixelgate.handlers.web_events import compressed, request_of, too_large, with_plain_path
from pixelgate.web.app import ROUTES
from pixelgate.web.http import Refused, Request, Response, escape

_NO_ROUTE = "none"
_SHORTEST_HIDDEN = 6  # hiding shorter texts would hide half of the log and no secret
_FAILED = "This request failed, and the site's log says why. Try again, or tell who runs the site."
_TOO_LARGE = (
    "This page is too large to be sent by Lambda, which takes 6 MB. `pixelgate report` fetches it, "
    "and `pixelgate serve` shows it."
)
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"></head>
<body><main><h1>{title}</h1><p>{words}</p><p><a href="/">All projects</a></p></main></body></html>
"""
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


# Not the event: it has cookies, and the codes of logins.
@logger.inject_lambda_context(clear_state=True, log_event=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers one request. Whatever goes wrong becomes a page that says so."""
    try:
        router = resolver()
    except Exception as error:  # a setting of the stack is missing or wrong
        router = routed(ServedSite(_Broken(error), kind="", url=""))
    return router.resolve(with_plain_path(event), context)


@cache
def resolver() -> ApiGatewayResolver:
    """Makes the router at the first request; the execution environment keeps it."""
    return routed(aws_site())


class _Broken:
    """In place of a site that could not be made."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def respond(self, request: Request) -> Response:
        raise self._error


def routed(served: ServedSite) -> ApiGatewayResolver:
    """Makes a router that knows each route of the site, and leaves all answers to the site."""
    kind = LambdaFunctionUrlResolver if served.kind == "function-url" else APIGatewayHttpResolver
    router: ApiGatewayResolver = kind(debug=False)  # it would print events

    def view(route: str) -> Callable[..., Answer[Any]]:
        def answer(**_: str) -> Answer[Any]:
            return _sent(_answered(router.current_event.raw_event, route, served))

        return answer

    for route in ROUTES:
        methods = ["GET", "HEAD"] if route.method == "GET" else [route.method]
        router.route(route.pattern, method=methods)(view(route.pattern))
    router.not_found(lambda _: view(_NO_ROUTE)())
    return router


def _answered(event: dict[str, Any], route: str, served: ServedSite) -> Response:
    """Answers a request, and logs nothing of it but method and route."""
    request = None
    try:
        request = request_of(event, served.url)
        response = served.site.respond(request)
        response = compressed(response, request.headers.get("accept-encoding", ""))
        if too_large(response.body):
            raise _TooLarge(f"{len(response.body):,} bytes")
    except Refused as error:  # it could not even be read
        response = _page(error.status, error.words, request)
    except Exception as error:
        count("SiteRequestsFailed")
        metrics.flush_metrics()  # only now: a warning would say that most requests count nothing
        seen = {"error": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()}
        hidden = {name: without_secrets(text, request) for name, text in seen.items()}
        logger.error("request failed", extra={"route": route, **hidden})
        words = _TOO_LARGE if isinstance(error, _TooLarge) else _FAILED
        response = _page(HTTPStatus.INTERNAL_SERVER_ERROR, words, request)
    method = event["requestContext"]["http"]["method"]
    said = {"method": method, "route": route, "status": int(response.status)}
    logger.info("request answered", extra=said)
    if method == "HEAD":
        return Response(response.status, response.headers, b"", response.cookies)
    return response


class _TooLarge(Exception):
    """Lambda would not send the answer."""


def without_secrets(text: str, request: Request | None) -> str:
    """Returns a text for the log without what a request had in cookies, query or body."""
    if request is None:
        return text
    for secret in sorted(_secrets(request), key=len, reverse=True):
        if len(secret) >= _SHORTEST_HIDDEN:
            text = text.replace(secret, "[hidden]")
    return text


def _secrets(request: Request) -> Iterator[str]:
    for value in (*request.cookies.values(), *request.query.values()):
        yield value
        yield quote(value)
        yield quote(value, safe="")
    yield request.headers.get("cookie", "")
    yield request.headers.get("authorization", "")
    yield request.body.decode(errors="replace")


def _page(status: int, words: str, request: Request | None) -> Response:
    """An error without anything of the site, which may be what is broken."""
    if request and request.path.startswith("/api/"):
        body = json.dumps({"error": words}).encode()
        return Response(status, {**_HEADERS, "Content-Type": "application/json"}, body)
    title = HTTPStatus(status).phrase
    body = _PAGE.format(title=title, words=escape(words)).encode()
    return Response(status, {**_HEADERS, "Content-Type": "text/html; charset=utf-8"}, body)


def _sent(response: Response) -> Answer[Any]:
    """The same for Powertools, which sends bytes as Base64.

    Names are in lower case: it would make JSON of a body whose `Content-Type` it finds to be JSON.
    """
    headers = {name.lower(): value for name, value in response.headers.items()}
    cookies: list[Any] = list(response.cookies)
    return Answer(int(response.status), headers=headers, cookies=cookies, body=response.body)
