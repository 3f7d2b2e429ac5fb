"""The site function: each request reaches the site, and nothing secret reaches the log."""

from __future__ import annotations

import base64
import gzip
import io
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest

from handlers.conftest import Context
from handlers.test_web_events import API_HOST, AWKWARD, URL_HOST, as_an_http_api_decodes, event
from pixelgate.bootstrap_web import ServedSite
from pixelgate.web.app import ROUTES
from pixelgate.web.http import Request, Response
from support.log_lines import RECORDED

KINDS = ["function-url", "http-api"]
COOKIE, CODE = "cookie-of-somebody.signature", "code-of-a-login/with signs"


def echo(request: Request) -> Response:
    return Response(200, {"Content-Type": "text/plain"}, request.path.encode())


class Log:
    """What the function wrote: lines of its logger, and the metrics that it printed."""

    def __init__(self, stream: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
        self._stream, self._capsys = stream, capsys

    def text(self) -> str:
        """All since the last call."""
        written = self._stream.getvalue()
        self._stream.seek(0)
        self._stream.truncate()
        printed = self._capsys.readouterr()
        return written + printed.out + printed.err

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text().splitlines()]

    def line(self, message: str) -> dict[str, Any]:
        [found] = [line for line in self.lines() if line.get("message") == message]
        return found


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Log:
    # Imported here: Powertools reads its settings when it is imported.
    from pixelgate.handlers.telemetry import logger

    stream = io.StringIO()
    monkeypatch.setattr(logger.handlers[0], "stream", stream)
    return Log(stream, capsys)


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, log: Log) -> Callable[..., dict[str, Any]]:
    """Sends an event to the handler over a site that does as it is told."""
    from pixelgate.handlers import site

    def ask(
        sent: dict[str, Any],
        respond: Callable[[Request], Response] = echo,
        kind: str = "function-url",
        url: str = "",
    ) -> dict[str, Any]:
        served = ServedSite(SimpleNamespace(respond=respond), kind, url)
        monkeypatch.setattr(site, "resolver", lambda: site.routed(served))
        answer: dict[str, Any] = site.handler(sent, Context())  # type: ignore[arg-type]
        json.dumps(answer)  # Lambda does so
        return answer

    return ask


Ask = Callable[..., dict[str, Any]]


def body(answer: dict[str, Any]) -> bytes:
    assert answer["isBase64Encoded"]
    return base64.b64decode(answer["body"])


def filled(pattern: str, name: str) -> str:
    return "/".join(name if part.startswith("<") else part for part in pattern.split("/"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", AWKWARD)
def test_every_route_is_found_with_every_name(ask: Ask, log: Log, name: str, kind: str) -> None:
    for route in ROUTES:
        path = filled(route.pattern, name)
        sent = quote(path) if kind == "function-url" else as_an_http_api_decodes(path)
        context = {"domainName": URL_HOST, "stage": "$default", "http": {"method": route.method}}
        answer = ask(event(sent, requestContext=context), kind=kind)
        assert body(answer).decode() == path
        line = log.line("request answered")
        found = {k: line[k] for k in ("method", "route", "status")}
        # One pattern may fit what was meant for another, with a name like that.
        assert found == {"method": route.method, "route": route.pattern, "status": 200}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/nothing"), ("DELETE", "/"), ("OPTIONS", "/"), ("GET", "//")]
)
def test_the_site_answers_what_no_route_is_for(
    ask: Ask, log: Log, kind: str, method: str, path: str
) -> None:
    context = {"domainName": URL_HOST, "stage": "$default", "http": {"method": method}}
    answer = ask(
        event(path, requestContext=context), lambda request: Response(404, {}, b"no"), kind
    )
    assert (answer["statusCode"], body(answer)) == (404, b"no")
    assert log.line("request answered")["route"] == "none"


def test_an_answer_goes_out_as_it_is(ask: Ask) -> None:
    cookies = ("__Host-a=1; Secure; HttpOnly; Path=/; SameSite=Lax", "b=; Max-Age=0")
    told = Response(302, {"Location": "/x?a=%20", "Content-Type": "application/json"}, b"", cookies)
    answer = ask(event(), lambda request: told)
    assert answer["statusCode"] == 302
    assert answer["headers"] == {"location": "/x?a=%20", "content-type": "application/json"}
    assert answer["cookies"] == list(cookies)
    assert body(answer) == b""


def test_json_is_not_encoded_twice(ask: Ask) -> None:
    told = Response(200, {"Content-Type": "application/json"}, b'{"a":1}')
    assert body(ask(event("/api/sign"), lambda request: told)) == b'{"a":1}'


def test_a_head_request_has_everything_but_the_body(ask: Ask) -> None:
    context = {"domainName": URL_HOST, "stage": "$default", "http": {"method": "HEAD"}}
    answer = ask(event(requestContext=context))
    assert (answer["statusCode"], body(answer)) == (200, b"")
    assert answer["headers"] == {"content-type": "text/plain"}


def test_a_long_page_is_compressed(ask: Ask) -> None:
    told = Response(200, {"Content-Type": "text/html; charset=utf-8"}, b"<p>" * 3_000_000)
    answer = ask(event(headers={"accept-encoding": "gzip, br"}), lambda request: told)
    assert answer["headers"]["content-encoding"] == "gzip"
    assert gzip.decompress(body(answer)) == told.body


def test_a_page_that_lambda_would_not_send_is_an_error_in_words(ask: Ask, log: Log) -> None:
    told = Response(200, {"Content-Type": "image/png"}, bytes(7_000_000))
    answer = ask(event("/builds/shop/7"), lambda request: told)
    assert answer["statusCode"] == 500
    assert b"`pixelgate report`" in body(answer)
    line = log.line("request failed")
    assert line["error"] == "_TooLarge: 7,000,000 bytes"
    assert line.keys() == RECORDED["request failed"].keys()


@pytest.mark.parametrize(
    ("kind", "domain", "url", "origin"),
    [
        ("function-url", URL_HOST, "", f"https://{URL_HOST}"),
        ("http-api", API_HOST, "", f"https://{API_HOST}"),
        ("http-api", "a.example", "https://shots.example.com", "https://shots.example.com"),
    ],
)
def test_the_site_learns_its_own_name_from_aws_or_the_stack(
    ask: Ask, kind: str, domain: str, url: str, origin: str
) -> None:
    seen: list[str] = []

    def respond(request: Request) -> Response:
        seen.append(request.origin)
        return Response()

    context = {"domainName": domain, "stage": "$default", "http": {"method": "GET"}}
    lies = {"host": "evil.example", "x-forwarded-host": "evil.example"}
    ask(event(requestContext=context, headers=lies), respond, kind, url)
    assert seen == [origin]


def test_a_webhook_arrives_byte_by_byte(ask: Ask) -> None:
    raw, seen = '{"a": "ü"}\r\n'.encode(), []

    def respond(request: Request) -> Response:
        seen.append(request.body)
        return Response(204)

    context = {"domainName": URL_HOST, "stage": "$default", "http": {"method": "POST"}}
    for fields in (
        {"body": raw.decode()},
        {"body": base64.b64encode(raw).decode(), "isBase64Encoded": True},
    ):
        ask(event("/github/webhook", requestContext=context, **fields), respond)
    assert seen == [raw, raw]


def test_a_body_that_is_no_base64_is_refused_in_words(ask: Ask) -> None:
    context = {"domainName": URL_HOST, "stage": "$default", "http": {"method": "POST"}}
    sent = event("/api/sign", requestContext=context, body="%", isBase64Encoded=True)
    answer = ask(sent)
    assert (answer["statusCode"], b"Base64" in body(answer)) == (400, True)


def failing(request: Request) -> Response:
    raise ValueError(f"no {request.cookies}, {request.query}, {request.body!r}")


@pytest.mark.parametrize(
    ("path", "kind", "said"),
    [
        ("/login/callback", "text/html; charset=utf-8", b"<h1>Internal Server Error</h1>"),
        ("/api/builds/shop/7", "application/json", b'{"error": "This request failed'),
    ],
)
def test_an_exception_becomes_a_page_without_a_trace(
    ask: Ask, log: Log, path: str, kind: str, said: bytes
) -> None:
    answer = ask(event(path), failing)
    assert answer["statusCode"] == 500
    assert answer["headers"]["content-type"] == kind
    assert "default-src 'none'" in answer["headers"]["content-security-policy"]
    assert answer["headers"]["cache-control"] == "no-store"
    assert body(answer).startswith(said) or said in body(answer)
    assert b"ValueError" not in body(answer)
    assert b"Traceback" not in body(answer)
    logged = log.lines()
    [line] = [x for x in logged if x.get("message") == "request failed"]
    assert line["level"] == "ERROR"
    assert line["error"].startswith("ValueError: no ")
    assert "in failing" in line["trace"]
    metrics = [x for x in logged if "_aws" in x]
    assert [m["SiteRequestsFailed"] for m in metrics] == [[1.0]]


@pytest.mark.parametrize("respond", [echo, failing], ids=["answered", "failed"])
@pytest.mark.parametrize("env", [{}, {"POWERTOOLS_DEV": "1", "POWERTOOLS_LOGGER_LOG_EVENT": "1"}])
def test_no_cookie_code_query_or_body_reaches_the_log(
    ask: Ask,
    log: Log,
    monkeypatch: pytest.MonkeyPatch,
    respond: Callable[[Request], Response],
    env: dict[str, str],
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    context = {"domainName": URL_HOST, "stage": "$default", "http": {"method": "GET"}}
    ask(
        event(
            "/login/callback",
            rawQueryString=f"code={quote(CODE, safe='')}&state=state-of-a-login",
            cookies=[f"__Host-session={COOKIE}"],
            headers={"cookie": f"__Host-login={COOKIE}2", "authorization": "Bearer of-somebody"},
            requestContext=context,
            body="secret of a form",
        ),
        respond,
    )
    said = log.text()
    secrets = (COOKIE, CODE, quote(CODE, safe=""), "state-of-a-login", "of-somebody", "of a form")
    assert [secret for secret in secrets if secret in said] == []
    assert "request answered" in said


def test_snapshots_names_are_not_logged(ask: Ask, log: Log) -> None:
    ask(event("/projects/shop/snapshot", rawQueryString="name=unreleased%20page"))
    [line] = log.lines()
    assert "unreleased" not in json.dumps(line)
    assert line["route"] == "/projects/<project>/snapshot"


def test_a_stack_with_a_wrong_setting_says_so_in_a_page(
    ask: Ask, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pixelgate.handlers import site

    def unset() -> None:
        raise KeyError("PIXELGATE_BUCKET")

    monkeypatch.setattr(site, "resolver", unset)
    answer = site.handler(event("/api/sign"), Context())  # type: ignore[arg-type]
    assert (answer["statusCode"], b"This request failed" in body(answer)) == (500, True)
    assert log.line("request failed")["error"] == "KeyError: 'PIXELGATE_BUCKET'"
