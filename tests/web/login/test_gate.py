"""The gate as a whole: settings that fail, and logging out."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from pixelgate.errors import BucketError, NotFound, UsageError
from pixelgate.web.gate import Gate, Person
from pixelgate.web.http import Refused, Request
from pixelgate.web.login.gate import LoginGate
from pixelgate.web.login.session import COOKIE
from support.login_browser import SITE, Browser
from support.oidc_issuer import OidcIssuer

from .conftest import Site

ADA = Person("https://id.acme.com", "1", "ada")


def test_logging_out_removes_the_session_and_does_not_log_in_again(
    site: Site, issuer: OidcIssuer
) -> None:
    site.browser.log_in("Ada")
    asked = len(issuer.asked)
    response = site.browser.take(site.gate.end(site.browser.request("/logout", "POST")))
    assert COOKIE not in site.browser.cookies
    assert (response.status, len(issuer.asked)) == (HTTPStatus.OK, asked)
    page = response.body.decode()
    assert f"You are logged out of this site, and still logged in at {issuer.url}." in page
    assert '<a href="/login?to=/">' in page
    assert "Location" not in response.headers


def test_nobody_is_logged_in_without_a_cookie_and_no_settings_are_needed_to_say_so() -> None:
    def settings() -> object:
        raise AssertionError

    gate: Gate = LoginGate(settings)  # type: ignore[arg-type]
    assert gate.session(Request("GET", "/", SITE)) is None


@pytest.mark.parametrize(
    "error", [NotFound("no parameter"), UsageError("login.issuer: …"), BucketError("AWS refuses")]
)
def test_settings_that_cannot_be_used_let_nobody_in(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def settings() -> object:
        raise error

    gate: Gate = LoginGate(settings)  # type: ignore[arg-type]
    browser = Browser(gate, cookies={COOKIE: "x.y"})
    request = browser.request("/")
    for ask in (
        lambda: gate.session(request),
        lambda: gate.begin(request, "/"),
        lambda: gate.finish(request),
        lambda: gate.may_look(ADA, "shop"),
        lambda: gate.may_decide(ADA, "shop"),
    ):
        with pytest.raises(Refused, match="This site is not set up rightly") as told:
            ask()
        assert told.value.status == HTTPStatus.SERVICE_UNAVAILABLE
        assert str(error) not in told.value.words  # it is for those who run the site
        assert str(error) in caplog.text
        caplog.clear()


def test_access_follows_the_settings_at_once(site: Site) -> None:
    site.browser.log_in("Bob")
    session = site.gate.session(site.browser.request("/"))
    assert session is not None
    assert site.gate.may_look(session.person, "shop")
    assert not site.gate.may_decide(session.person, "shop")
    site.change(access={"decide": ["login:bob@acme.com"]})
    assert site.gate.may_decide(session.person, "shop")
    site.change(access={})
    assert not site.gate.may_look(session.person, "shop")


def test_an_address_that_nobody_verified_opens_nothing(site: Site) -> None:
    site.browser.log_in("Eve")  # whose profile says that she is ada@acme.com
    session = site.gate.session(site.browser.request("/"))
    assert session is not None
    assert session.person.login == "ada@acme.com (unverified)"
    assert not site.gate.may_look(session.person, "shop")
    site.change(access={"look": ["login:ada@acme.com"]})
    assert not site.gate.may_look(session.person, "shop")
