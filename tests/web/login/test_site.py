"""The site with the real login in front of it."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from pixelgate.errors import BucketError
from pixelgate.web.app import Site as Pages
from pixelgate.web.http import Response
from pixelgate.web.login.gate import LoginGate
from pixelgate.web.login.session import COOKIE
from support.doubles.memory import MemoryBucket
from support.login_browser import SITE, Browser, changed
from support.oidc_issuer import OidcIssuer

from .conftest import Site


@pytest.fixture
def pages(site: Site) -> Pages:
    """A site whose bucket is empty."""
    return Pages(MemoryBucket(), gate=site.gate)


def ask(
    pages: Pages, browser: Browser, target: str, method: str = "GET", **headers: str
) -> Response:
    """What the site answers, after the browser has taken its cookies."""
    asked = replace(browser.request(target, method), headers=headers)
    return browser.take(pages.respond(asked))


def log_in(pages: Pages, browser: Browser, target: str, person: str = "Ada") -> str:
    """Opens a page, logs in, and returns where that ends."""
    begun = ask(pages, browser, target)
    assert begun.status == HTTPStatus.FOUND
    sent = ask(pages, browser, begun.headers["Location"])
    came_back = ask(pages, browser, browser.callback(sent.headers["Location"], person))
    return came_back.headers["Location"]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/projects/shop",
        "/projects/shop?page=2&search=a%20b%26c",
        "/builds/shop/trunk.7",
        f"/projects/shop/snapshot?name={quote('ü/a b?#&%+.png', safe='')}",
        f"/projects/shop/snapshot?name={quote('日本/' * 45, safe='')}",
    ],
)
def test_a_login_ends_at_the_page_that_was_opened(pages: Pages, site: Site, path: str) -> None:
    landed = log_in(pages, site.browser, path)
    then, asked = site.browser.request(landed), site.browser.request(path)
    assert (then.path, then.query) == (asked.path, asked.query)
    assert ask(pages, site.browser, "/").status == HTTPStatus.OK


def test_a_link_cannot_make_a_login_end_elsewhere(pages: Pages, site: Site) -> None:
    for to in ("//evil.com", "https://evil.com", "/\\evil.com", "/\t/evil.com"):
        response = ask(pages, site.browser, f"/login?to={quote(to, safe='')}")
        assert response.status == HTTPStatus.BAD_REQUEST
        assert "`to` must be a path of this site" in response.body.decode()
        assert site.browser.cookies == {}


def test_a_refused_login_is_a_page_in_words_that_runs_nothing(
    pages: Pages, site: Site, issuer: OidcIssuer
) -> None:
    sent = ask(pages, site.browser, "/login?to=/").headers["Location"]
    target = site.browser.callback(sent, "Ada")
    script = "<script>alert(1)</script>"
    response = ask(pages, site.browser, changed(target, error="x", error_description=script))
    assert response.status == HTTPStatus.FORBIDDEN
    assert script not in response.body.decode()
    assert "&lt;script&gt;" in response.body.decode()
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["Cache-Control"] == "no-store"


def test_the_way_to_the_issuer_tells_it_nothing_and_is_not_kept(pages: Pages, site: Site) -> None:
    response = ask(pages, site.browser, "/login?to=/projects/secret")
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert response.headers["Cache-Control"] == "no-store"
    assert "secret" not in response.headers["Location"]
    assert urlsplit(response.headers["Location"]).path == "/authorize"


@pytest.mark.parametrize("cookie", [False, True])
def test_settings_that_cannot_be_read_are_an_error_page(cookie: bool) -> None:
    def settings() -> object:
        raise BucketError("AWS refuses ssm:GetParameter")

    pages = Pages(MemoryBucket(), gate=LoginGate(settings))  # type: ignore[arg-type]
    browser = Browser(LoginGate(settings), cookies={COOKIE: "x.y"} if cookie else {})  # type: ignore[arg-type]
    target = "/" if cookie else "/login?to=/"
    response = ask(pages, browser, target)
    assert response.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert "This site is not set up rightly" in response.body.decode()
    assert "GetParameter" not in response.body.decode()


def test_logging_out_needs_our_own_page(pages: Pages, site: Site) -> None:
    log_in(pages, site.browser, "/")
    for origin in ("https://evil.com", ""):
        assert ask(pages, site.browser, "/logout", "POST", origin=origin).status == 403
    session = site.gate.session(site.browser.request("/"))
    assert session is not None
    asked = replace(
        site.browser.request("/logout", "POST"),
        headers={"origin": SITE, "content-type": "application/x-www-form-urlencoded"},
        body=f"csrf={session.csrf}".encode(),
    )
    response = site.browser.take(pages.respond(asked))
    assert "You are logged out of this site" in response.body.decode()
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert site.browser.cookies == {}


def test_somebody_whom_no_rule_names_is_logged_in_and_sees_nothing(
    pages: Pages, site: Site
) -> None:
    log_in(pages, site.browser, "/", "Eve")
    assert ask(pages, site.browser, "/projects/shop").status == HTTPStatus.NOT_FOUND
    page = ask(pages, site.browser, "/").body.decode()
    assert "ada@acme.com (unverified)" in page


def test_the_state_in_the_address_is_of_no_use_to_others(pages: Pages, site: Site) -> None:
    sent = ask(pages, site.browser, "/login?to=/").headers["Location"]
    state = parse_qs(urlsplit(sent).query)["state"][0]
    other = Browser(site.gate)
    response = ask(pages, other, f"/login/callback?code=x&state={state}")
    assert response.status == HTTPStatus.BAD_REQUEST
    assert "was not begun in this browser" in response.body.decode()
