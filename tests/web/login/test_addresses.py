"""Where a browser is sent after a login: to a path of the site and nowhere else."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from pixelgate.web.http import Refused
from pixelgate.web.login.addresses import path_of_site, problem_of

from .conftest import Site


@pytest.mark.parametrize(
    ("to", "path"),
    [
        ("/", "/"),
        ("/builds/shop/7", "/builds/shop/7"),
        ("/p/snapshots/a%2Fb%5Cc?x=1&y=%22#s", "/p/snapshots/a%2Fb%5Cc?x=1&y=%22#s"),
        ("/projects/ü and me", "/projects/%C3%BC%20and%20me"),
        ('/"<>`', "/%22%3C%3E%60"),
        ("/https://evil.com", "/https://evil.com"),
        ("/a//b", "/a//b"),
        ("/login", "/"),
        ("/login?to=/login", "/"),
        ("/login/callback?code=x", "/"),
        ("/logout", "/"),
        ("/loginx", "/loginx"),
        ("/" + "x" * 999, "/" + "x" * 999),
        ("/" + "x" * 1_000, "/"),
        ("/" + "ü" * 300, "/"),
    ],
)  # fmt: skip
def test_paths_of_the_site(to: str, path: str) -> None:
    assert path_of_site(to) == path


ELSEWHERE = [
    "", "x", "https://evil.com", "//evil.com", "///evil.com", "/\\evil.com", "\\\\evil.com",
    "/a\\b", "javascript:alert(1)", "data:text/html,x", " /x", "/\tx", "/\n/evil.com",
    "/x\r\nSet-Cookie: a=b", "\t//evil.com", "/\x00", "/\x7f", "/\x85x", "/\u2028x", "/\u200bx",
    "/\ud800", "?x", "#x", "./x", "../x", "@evil.com", ".evil.com", "％2F", "／／evil.com",
]  # fmt: skip


@pytest.mark.parametrize("to", ELSEWHERE, ids=ascii)
def test_what_is_no_path_of_the_site_is_refused(site: Site, to: str) -> None:
    assert path_of_site(to) is None
    with pytest.raises(Refused, match="must be a path of this site") as told:
        site.gate.begin(site.browser.request("/login"), to)
    assert told.value.status == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://acme.com", None),
        ("https://acme.com:8443/realms/x", None),
        ("http://127.0.0.1:99", None),
        ("http://localhost", None),
        ("http://[::1]:8", None),
        ("http://acme.com", "must begin with https://"),
        ("http://127.0.0.1.evil.com", "must begin with https://"),
        ("http://127.1", "must begin with https://"),
        ("ftp://acme.com", "must begin with https://"),
        ("acme.com", "must begin with https://"),
        ("https://", "names no host"),
        ("https:///x", "names no host"),
        ("https://a@acme.com", "may hold no user name"),
        ("https://acme.com#x", "may hold no #"),
        ("https://acme.com#", "may hold no #"),
        ("https://acme.com:x", "is no address"),
        ("https://[x", "is no address"),
        ("https://ac me.com", "has characters that an address may not have"),
        ("https://acme.com\\x", "has characters that an address may not have"),
        ("https://ücme.com", "has characters that an address may not have"),
        ("https://acme.com\n", "has characters that an address may not have"),
    ],
)
def test_addresses_that_the_site_asks(url: str, problem: str | None) -> None:
    assert problem_of(url) == problem


def test_plain_http_of_this_machine_is_not_fine_everywhere() -> None:
    assert problem_of("http://127.0.0.1:9001", loopback=False) == "must begin with https://"
