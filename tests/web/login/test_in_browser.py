"""A real browser logs in: what it keeps, sends and refuses, which no parser of ours decides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from pixelgate.web.gate import Gate
from pixelgate.web.http import Refused, Request, Response, escape, read_cookies
from pixelgate.web.login.addresses import path_of_site
from pixelgate.web.login.gate import LoginGate
from pixelgate.web.login.github import RepositoryPermission
from pixelgate.web.login.settings import SiteSettings
from support import github_login
from support.chromium import driver, executable
from support.oidc_issuer import oidc_issuer
from support.small_server import Asked, SmallServer, Told, page, running

from .conftest import oidc_fields

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    browser = driver().chromium.launch(executable_path=executable(), args=["--no-sandbox"])
    yield browser
    browser.close()


@dataclass
class SmallSite(SmallServer):
    """A site of one page, at http://localhost: of another site than 127.0.0.1 to a browser.

    Chromium takes Secure cookies, and so `__Host-` ones, from localhost without TLS.
    """

    gate: Gate | None = None

    @property
    def origin(self) -> str:
        return self.url.replace("127.0.0.1", "localhost")

    def answer(self, asked: Asked) -> Told:
        cookies = read_cookies(asked.headers.get("cookie", ""))
        request = Request(
            asked.method, asked.path, self.origin, asked.query, asked.headers, cookies, asked.body
        )
        try:
            return _told(self._route(request, asked.target))
        except Refused as error:
            return page("Refused", f"<p>{escape(error.words)}</p>", int(error.status))

    def _route(self, request: Request, target: str) -> Response:
        assert self.gate is not None
        if request.path == "/login/callback":
            return self.gate.finish(request)
        if request.path == "/logout":
            return self.gate.end(request)
        session = self.gate.session(request)
        if session is None:
            return self.gate.begin(request, target)
        told = page(
            f"Hello {session.person.login}",
            f"<p>{escape(target)}</p>"
            '<form method="post" action="/logout"><button>Log out</button></form>',
        )
        return Response(told.status, told.headers, told.body)


def _told(response: Response) -> Told:
    told = Told(int(response.status), response.body, _Headers(response.headers))
    assert isinstance(told.headers, _Headers)
    told.headers.cookies = response.cookies
    return told


class _Headers(dict[str, str]):
    """Headers that may have several Set-Cookie."""

    cookies: tuple[str, ...] = ()

    def items(self) -> Any:
        return [*super().items(), *(("Set-Cookie", cookie) for cookie in self.cookies)]


@pytest.fixture
def small_site() -> Iterator[SmallSite]:
    with running(SmallSite()) as site:
        yield site


@pytest.fixture
def opened(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context()
    context.set_default_timeout(15_000)
    yield context.new_page()
    context.close()


def log_in(page: Page, person: str) -> None:
    page.get_by_label("Person").select_option(person)
    with page.expect_navigation():  # by three redirects
        page.get_by_role("button", name="Log in").click()


def heading(page: Page) -> str:
    return page.get_by_role("heading").inner_text()


def test_openid_connect_from_a_link_to_its_page_and_out_again(
    small_site: SmallSite, opened: Page
) -> None:
    with oidc_issuer(callbacks={f"{small_site.origin}/login/callback"}) as issuer:
        settings = SiteSettings.model_validate(oidc_fields(issuer))
        small_site.gate = LoginGate(lambda: settings)
        opened.goto(f"{small_site.origin}/builds/shop/7?x=1")
        assert heading(opened) == "Log in at the issuer"
        assert opened.url.startswith(f"{issuer.url}/authorize?")
        log_in(opened, "Ada")
        assert heading(opened) == "Hello ada@acme.com"
        assert opened.url == f"{small_site.origin}/builds/shop/7?x=1"
        kept = opened.context.cookies()
        assert [(c["name"], c["httpOnly"], c["secure"], c["sameSite"]) for c in kept] == [
            ("__Host-pixelgate", True, True, "Lax")
        ]
        assert opened.evaluate("document.cookie") == ""
        opened.goto(f"{small_site.origin}/projects")  # nobody asks again
        assert heading(opened) == "Hello ada@acme.com"
        opened.get_by_role("button", name="Log out").click()
        assert heading(opened) == "Logged out"
        assert opened.context.cookies() == []


def test_cancelling_is_told_and_can_be_tried_again(small_site: SmallSite, opened: Page) -> None:
    with oidc_issuer(callbacks={f"{small_site.origin}/login/callback"}) as issuer:
        settings = SiteSettings.model_validate(oidc_fields(issuer))
        small_site.gate = LoginGate(lambda: settings)
        opened.goto(f"{small_site.origin}/")
        opened.get_by_role("button", name="Cancel").click()
        assert "The login was cancelled" in opened.inner_text("main")
        opened.goto(f"{small_site.origin}/")
        log_in(opened, "Bob")
        assert heading(opened) == "Hello bob@acme.com"


def test_two_tabs_at_once(small_site: SmallSite, opened: Page) -> None:
    with oidc_issuer(callbacks={f"{small_site.origin}/login/callback"}) as issuer:
        settings = SiteSettings.model_validate(oidc_fields(issuer))
        small_site.gate = LoginGate(lambda: settings)
        tabs = [opened.context.new_page() for _ in range(2)]
        places: set[str] = set()
        for n, tab in enumerate(tabs):
            while True:  # until each has a cookie of its own
                tab.goto(f"{small_site.origin}/tab/{n}")
                place = tab.url.partition("state=")[2][:1]
                if place not in places:
                    break
            places.add(place)
        for n, tab in enumerate(tabs):
            log_in(tab, "Ada")
            assert tab.url == f"{small_site.origin}/tab/{n}"


def test_github_from_a_link_to_its_page(small_site: SmallSite, opened: Page) -> None:
    callback = f"{small_site.origin}/login/callback"
    with github_login.github_login(callback=callback) as github:
        settings = SiteSettings.model_validate({
            "schema_version": 1,
            "session_keys": ["YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE="],
            "login": {
                "kind": "github", "client_id": github_login.CLIENT,
                "client_secret": github_login.SECRET, "web": github.url, "api": github.api,
            },
            "repositories": {"shop": "acme/shop"},
        })  # fmt: skip
        permission = RepositoryPermission(github.api, lambda newer: github_login.TOKEN)
        small_site.gate = LoginGate(lambda: settings, permission)
        opened.goto(f"{small_site.origin}/projects/shop")
        assert heading(opened) == "Sign in to GitHub"
        log_in(opened, "ada")
        assert heading(opened) == "Hello ada"
        assert opened.url == f"{small_site.origin}/projects/shop"


def test_no_path_after_a_login_is_another_site_to_a_browser(opened: Page) -> None:
    parts = ("/", "\\", "\t", "\n", "\r", " ", "@", ":", "evil.com", "%2f", "%5c", ".", "?", "#",
             "ü", "https:", "javascript:", "\x00", "\u2028", "／", "。", "[", "]")  # fmt: skip
    paths = {
        path
        for length in (1, 2, 3)
        for chosen in product(parts, repeat=length)
        for beginning in ("", "/")
        if (path := path_of_site(beginning + "".join(chosen))) is not None
    }
    assert len(paths) > 1_000
    origins = opened.evaluate(
        """paths => [...new Set(
            paths.map(path => new URL(path, 'https://shots.acme.com/login/x').origin)
        )]""",
        sorted(paths),
    )
    assert origins == ["https://shots.acme.com"]
