"""Requests of function URLs and HTTP APIs are read as AWS sends them."""

from __future__ import annotations

import base64
import gzip
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelgate.handlers.web_events import (
    ANSWER_BYTES,
    compressed,
    request_of,
    too_large,
    with_plain_path,
)
from pixelgate.web.http import Refused, Response

URL_HOST = "abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-west-1.on.aws"
API_HOST = "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com"


def event(path: str = "/", **fields: Any) -> dict[str, Any]:
    """What Lambda gets of a function URL."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": URL_HOST},
        "requestContext": {
            "domainName": URL_HOST,
            "stage": "$default",
            "http": {"method": "GET", "path": path},
        },
        "isBase64Encoded": False,
        **fields,
    }


def as_an_http_api_decodes(path: str) -> str:
    """All escapes but %25."""
    return "%25".join(map(unquote, quote(path).split("%25")))


AWKWARD = [
    "a b",
    "50%",
    "a%2Fb",
    "#7",
    "a?b",
    "ümläut",
    "日本",
    "a+b",
    'say "x"',
    "<script>",
    "%25",
    "\\",
]


@pytest.mark.parametrize("name", AWKWARD)
def test_an_id_arrives_as_it_is_by_either_way(name: str) -> None:
    path = f"/builds/shop/{name}"
    assert request_of(event(quote(path))).path == path
    assert request_of(event(as_an_http_api_decodes(path))).path == path


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_every_path_arrives_as_it_is_by_either_way(name: str) -> None:
    path = f"/builds/shop/{name}"
    for sent in (quote(path), as_an_http_api_decodes(path)):
        assert request_of(event(sent)).path == path
        assert with_plain_path(event(sent))["rawPath"] == quote(path)


@pytest.mark.parametrize("path", ["/%ff", "/%", "/%zz", "", "no-slash"])
def test_a_path_that_is_no_path_is_still_one(path: str) -> None:
    assert request_of(event(path)).path.startswith("/")


def test_method_headers_and_query_are_those_of_the_request() -> None:
    found = request_of(
        event(
            rawQueryString="to=%2Fbuilds%2Fshop%2Fa%20b&empty=&q=1&q=2",
            headers={"Accept-Encoding": "gzip", "X-Pixelgate-Csrf": "t"},
            requestContext={"domainName": URL_HOST, "http": {"method": "post"}},
        )
    )
    assert found.method == "POST"
    assert found.query == {"to": "/builds/shop/a b", "empty": "", "q": "2"}
    assert found.headers == {"accept-encoding": "gzip", "x-pixelgate-csrf": "t"}


@pytest.mark.parametrize(
    "fields",
    [
        {"cookies": ["__Host-a=1", "b=x=y"]},
        {"headers": {"Cookie": "__Host-a=1; b=x=y"}},
        {"cookies": ["__Host-a=1"], "headers": {"cookie": "b=x=y"}},
        {"cookies": None, "headers": {"cookie": "__Host-a=1; b=x=y; __Host-a=2"}},
    ],
    ids=["the field", "the header", "both", "no field"],
)
def test_cookies_are_read_wherever_they_are(fields: dict[str, Any]) -> None:
    assert request_of(event(**fields)).cookies == {"__Host-a": "1", "b": "x=y"}


LIES = {
    "host": "evil.example",
    "x-forwarded-host": "evil.example",
    "x-forwarded-proto": "http",
    "forwarded": "host=evil.example;proto=http",
    "origin": "https://evil.example",
}


@pytest.mark.parametrize(
    ("domain", "site_url", "origin"),
    [
        (URL_HOST, "", f"https://{URL_HOST}"),
        (API_HOST, "", f"https://{API_HOST}"),
        (API_HOST, "https://shots.example.com", "https://shots.example.com"),
        (API_HOST, "https://shots.example.com/", "https://shots.example.com"),
    ],
)
def test_no_header_decides_the_site_s_own_name(domain: str, site_url: str, origin: str) -> None:
    context = {"domainName": domain, "http": {"method": "GET"}}
    found = request_of(event(headers=LIES, requestContext=context), site_url)
    assert found.origin == origin


@pytest.mark.parametrize("body", [b"", b'{"a": "\xc3\xbc"}', bytes(range(256))])
def test_a_body_arrives_byte_by_byte(body: bytes) -> None:
    sent = base64.b64encode(body).decode()
    assert request_of(event(body=sent, isBase64Encoded=True)).body == body


def test_a_text_arrives_byte_by_byte() -> None:
    text = '{"a": "ü 日本"}\r\n'
    assert request_of(event(body=text)).body == text.encode()
    assert request_of(event(body=None)).body == b""


def test_a_body_that_is_no_base64_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        request_of(event(body="%%%", isBase64Encoded=True))
    assert refused.value.status == 400


PAGE = Response(200, {"Content-Type": "text/html; charset=utf-8"}, b"<p>" * 1_000, ("a=1",))


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("identity", False),
        ("gzip;q=0", False),
        ("", False),
    ],
)
def test_a_text_is_compressed_for_who_takes_it(accepted: str, expected: bool) -> None:
    found = compressed(PAGE, accepted)
    assert ("Content-Encoding" in found.headers) is expected
    assert (gzip.decompress(found.body) if expected else found.body) == PAGE.body
    assert (found.status, found.cookies) == (200, ("a=1",))


@pytest.mark.parametrize(
    "response",
    [
        Response(200, {"Content-Type": "text/html"}, b"short"),
        Response(200, {"Content-Type": "image/png"}, bytes(2_000)),
        Response(302, {"Location": "/"}, b""),
        Response(200, {"content-type": "text/css", "Content-Encoding": "br"}, bytes(2_000)),
    ],
)
def test_nothing_else_is_compressed(response: Response) -> None:
    assert compressed(response, "gzip") is response


@pytest.mark.parametrize(
    ("size", "expected"), [(0, False), (4_000_000, False), (4_700_000, True), (7_000_000, True)]
)
def test_what_lambda_would_not_send_is_known_before(size: int, expected: bool) -> None:
    assert too_large(bytes(size)) is expected
    if not expected:
        assert len(base64.b64encode(bytes(size))) < ANSWER_BYTES
