"""Login by an OpenID Connect issuer, as it goes when nobody cheats."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pixelgate.web.gate import Person
from pixelgate.web.http import Refused
from pixelgate.web.login.https import Https
from pixelgate.web.login.oidc import discover, is_verified
from pixelgate.web.login.session import COOKIE
from support.oidc_issuer import CLIENT, OidcIssuer
from support.small_server import Told, json_answer

from .conftest import CALLBACK, Clock, Site, oidc_fields


def person(site: Site) -> Person:
    """Who is logged in."""
    session = site.gate.session(site.browser.request("/"))
    assert session is not None
    return session.person


def test_somebody_comes_back_logged_in_to_the_page_that_was_asked_for(
    site: Site, issuer: OidcIssuer
) -> None:
    response = site.browser.log_in("Ada", "/builds/shop/7?x=1#s")
    assert (response.status, response.headers["Location"]) == (302, "/builds/shop/7?x=1#s")
    assert response.headers["Cache-Control"] == "no-store"
    session = site.gate.session(site.browser.request("/"))
    assert session is not None
    assert session.person == Person(issuer.url, "1001", "ada@acme.com", ("leads",))
    assert session.expires == site.clock.now + 8 * 3_600
    assert list(site.browser.cookies) == [COOKIE]
    assert issuer.paths() == [
        "GET /.well-known/openid-configuration", "GET /authorize", "POST /authorize", "POST /token",
    ]  # fmt: skip


def test_the_issuer_is_asked_for_a_code_with_pkce_state_and_nonce(site: Site) -> None:
    queries = [parse_qs(urlsplit(site.browser.begin()).query) for _ in range(2)]
    for query in queries:
        assert {name: query[name] for name in ("response_type", "client_id", "redirect_uri")} == {
            "response_type": ["code"], "client_id": [CLIENT], "redirect_uri": [CALLBACK],
        }  # fmt: skip
        assert query["scope"] == ["openid profile email"]
        assert query["code_challenge_method"] == ["S256"]
    for name in ("state", "nonce", "code_challenge"):
        assert len({query[name][0][1:] for query in queries}) == 2


def test_cookies_say_neither_state_nor_nonce_nor_verifier_nor_any_token(
    site: Site, issuer: OidcIssuer
) -> None:
    address = site.browser.begin()
    query = parse_qs(urlsplit(address).query)
    [kept] = site.browser.cookies.values()
    fields = base64.urlsafe_b64decode(kept.partition(".")[0] + "==").decode()
    assert json.loads(fields).keys() == {"id", "place", "to", "expires"}
    assert query["state"][0][1:] not in fields
    site.browser.finish(site.browser.callback(address, "Ada"))
    verifier = issuer.asked[-1].form["code_verifier"]
    assert verifier not in fields
    fields = base64.urlsafe_b64decode(
        site.browser.cookies[COOKIE].partition(".")[0] + "=="
    ).decode()
    assert json.loads(fields).keys() == {
        "id", "issuer", "subject", "login", "groups", "made", "expires",
    }  # fmt: skip


def test_two_tabs_that_begin_a_login_both_end_it(site: Site) -> None:
    tabs: dict[str, str] = {}  # by the place of their cookies, which are few
    while len(tabs) < 2:
        address = site.browser.begin(f"/tab/{len(tabs)}")
        place = parse_qs(urlsplit(address).query)["state"][0][0]
        tabs[place] = address
    for address in tabs.values():
        to = site.browser.finish(site.browser.callback(address, "Ada")).headers["Location"]
        assert to.startswith("/tab/")


def test_logins_that_are_never_ended_fill_the_browser_with_four_cookies_at_most(site: Site) -> None:
    for _ in range(60):
        site.browser.begin("/" + "x" * 999)
    assert len(site.browser.cookies) <= 4
    assert sum(map(len, site.browser.cookies.values())) < 6_500


@pytest.mark.parametrize("auth", ["client_secret_basic", "client_secret_post"])
def test_the_secret_is_sent_as_the_issuer_wants_it(
    site: Site, issuer: OidcIssuer, auth: str
) -> None:
    issuer.auth = auth
    site.browser.log_in("Ada")
    assert person(site).login == "ada@acme.com"


def test_an_issuer_that_does_not_say_how_gets_the_secret_by_basic(
    site: Site, issuer: OidcIssuer
) -> None:
    issuer.document = {"token_endpoint_auth_methods_supported": None}
    site.browser.log_in("Ada")
    assert issuer.asked[-1].headers["authorization"].startswith("Basic ")


def test_a_public_client_sends_no_secret(issuer: OidcIssuer, clock: Clock) -> None:
    issuer.secret = None
    site = Site(oidc_fields(issuer), clock)
    site.browser.log_in("Ada")
    assert person(site).subject == "1001"
    assert "authorization" not in issuer.asked[-1].headers


def test_discovery_is_read_once_an_hour(site: Site, issuer: OidcIssuer) -> None:
    def reads() -> int:
        return issuer.paths().count("GET /.well-known/openid-configuration")

    site.browser.log_in("Ada")
    site.clock.now += 3_600
    site.browser.log_in("Bob")
    assert reads() == 1
    site.clock.now += 1
    site.browser.log_in("Bob")
    assert reads() == 2


def test_groups_come_from_userinfo_if_the_id_token_has_none(site: Site, issuer: OidcIssuer) -> None:
    issuer.only_in_userinfo = {"groups"}
    site.browser.log_in("Ada")
    assert person(site).groups == ("leads",)
    assert issuer.paths()[-1] == "GET /userinfo"


def test_an_address_comes_from_userinfo_with_its_verification(
    site: Site, issuer: OidcIssuer
) -> None:
    issuer.only_in_userinfo = {"email", "email_verified"}
    site.browser.log_in("Ada")
    assert person(site).login == "ada@acme.com"
    issuer.people["Ada"]["email_verified"] = "true"  # as Cognito says it
    site.browser.log_in("Ada")
    assert person(site).login == "ada@acme.com"
    site.browser.log_in("Eve")
    assert person(site).login == "ada@acme.com (unverified)"


def test_userinfo_is_not_asked_for_groups_that_no_rule_names(
    site: Site, issuer: OidcIssuer
) -> None:
    issuer.only_in_userinfo = {"groups"}
    site.change(access={"look": ["anyone"]})
    site.browser.log_in("Ada")
    assert person(site).groups == ()
    assert "GET /userinfo" not in issuer.paths()


@pytest.mark.parametrize(
    ("claim", "claims", "groups"),
    [
        ("cognito:groups", {"cognito:groups": ["leads", "x"]}, ("leads",)),
        ("realm_access.roles", {"realm_access": {"roles": ["leads"]}}, ("leads",)),
        ("https://acme.com/groups", {"https://acme.com/groups": ["leads"]}, ("leads",)),
        ("groups", {"groups": "leads"}, ("leads",)),
        ("groups", {"groups": ["leads", 5, None, ["leads"]]}, ("leads",)),
        ("groups", {"groups": {"leads": True}}, ()),
        ("groups.deeper", {"groups": ["leads"]}, ()),
    ],
)
def test_groups_are_where_the_settings_say(
    issuer: OidcIssuer, clock: Clock, claim: str, claims: dict[str, Any], groups: tuple[str, ...]
) -> None:
    del issuer.people["Ada"]["groups"]
    issuer.people["Ada"] |= claims
    site = Site(oidc_fields(issuer, groups_claim=claim), clock)
    site.browser.log_in("Ada")
    assert person(site).groups == groups


def test_only_groups_that_rules_name_are_kept_so_that_many_fit(
    site: Site, issuer: OidcIssuer
) -> None:
    issuer.people["Ada"]["groups"] = [f"group-{n}" for n in range(5_000)] + ["leads"]
    site.browser.log_in("Ada")  # which refuses a cookie over 4 KB
    assert person(site).groups == ("leads",)


def test_too_many_groups_for_a_cookie_are_told(site: Site, issuer: OidcIssuer) -> None:
    named = [f"{'g' * 40}-{n}" for n in range(80)]
    site.change(access={"look": [f"group:{name}" for name in named]})
    issuer.people["Ada"]["groups"] = named
    with pytest.raises(Refused, match="You are in 80 groups that this site's rules name") as told:
        site.browser.log_in("Ada")
    assert told.value.status == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize(
    ("claim", "claims", "login"),
    [
        ("preferred_username", {"preferred_username": "ada"}, "ada"),
        ("preferred_username", {"preferred_username": "ceo@acme.com"}, "ceo@acme.com (unverified)"),
        ("preferred_username", {"preferred_username": "ada@acme.com"}, "ada@acme.com"),
        ("preferred_username", {}, "subject 1001"),
        ("preferred_username", {"preferred_username": "a\nb"}, "subject 1001"),
        ("preferred_username", {"preferred_username": "a" * 257}, "subject 1001"),
        ("preferred_username", {"preferred_username": 5}, "subject 1001"),
        ("email", {"email_verified": "yes"}, "ada@acme.com (unverified)"),
        ("email", {"email_verified": 1}, "ada@acme.com (unverified)"),
        ("email", {"email_verified": None}, "ada@acme.com (unverified)"),
        ("email", {"email": "é@acme.com"}, "é@acme.com"),
    ],
)
def test_a_name_with_an_at_sign_is_shown_as_unverified_unless_it_is_the_verified_address(
    issuer: OidcIssuer, clock: Clock, claim: str, claims: dict[str, Any], login: str
) -> None:
    issuer.people["Ada"] |= claims
    site = Site(oidc_fields(issuer, login_claim=claim), clock)
    site.browser.log_in("Ada")
    assert person(site).login == login


def test_the_number_one_verifies_no_address() -> None:  # which equals True in Python
    assert [is_verified(value) for value in (True, "true", 1, 1.0, "yes", None)] == [
        True, True, False, False, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize("skew", [-60, 60])
def test_clocks_may_differ_by_a_minute(site: Site, issuer: OidcIssuer, skew: int) -> None:
    issuer.spoilt = lambda claims: {
        **claims, "iat": site.clock.now + skew, "nbf": site.clock.now + skew,
        "exp": site.clock.now + 1 - (60 if skew < 0 else 0),
    }  # fmt: skip
    site.browser.log_in("Ada")
    assert person(site).subject == "1001"


def test_an_audience_may_be_a_list_if_the_token_was_made_for_us(
    site: Site, issuer: OidcIssuer
) -> None:
    issuer.spoilt = lambda claims: {**claims, "aud": ["other", CLIENT], "azp": CLIENT}
    site.browser.log_in("Ada")
    assert person(site).subject == "1001"


def test_an_issuer_that_names_itself_is_believed(site: Site, issuer: OidcIssuer) -> None:
    issuer.sends_iss = True
    site.browser.log_in("Ada")
    assert person(site).subject == "1001"


def test_a_site_with_a_url_comes_back_to_it(site: Site, issuer: OidcIssuer) -> None:
    site.change(url="https://other.acme.com")
    issuer.callbacks = {"https://other.acme.com/login/callback"}
    query = parse_qs(urlsplit(site.browser.begin()).query)
    assert query["redirect_uri"] == ["https://other.acme.com/login/callback"]


BROKEN = [
    ("/.well-known/openid-configuration", None, "does not answer"),
    ("/.well-known/openid-configuration", Told(500), "answered 500"),
    ("/.well-known/openid-configuration", Told(404, b"{}"), "answered 404 when it was asked for"),
    ("/.well-known/openid-configuration", Told(200, b"<p>"), "answered 200 without a JSON object"),
    ("/.well-known/openid-configuration", Told(200, b"[" * 100_000), "without a JSON object"),
    (
        "/.well-known/openid-configuration",
        Told(200, b"{}" + b" " * 1_048_576),
        "without a JSON object",
    ),
    ("/.well-known/openid-configuration", Told(302, b"", {"Location": "/keys"}), "without a JSON"),
    ("/token", None, "does not answer"),
    ("/token", Told(503, b"{}"), "answered 503"),
    ("/token", Told(429, b"{}"), "answered 429"),
    ("/token", Told(200, b"[]"), "without a JSON object"),
    ("/userinfo", None, "does not answer"),
    ("/userinfo", Told(401, b"{}"), "answered 401 when it was asked who you are"),
]


@pytest.mark.parametrize(("path", "answer", "words"), BROKEN)
def test_a_broken_issuer_is_told_and_lets_nobody_in(
    site: Site, issuer: OidcIssuer, path: str, answer: Told | None, words: str
) -> None:
    issuer.only_in_userinfo = {"groups"}
    issuer.broken[path] = answer
    with pytest.raises(Refused) as told:
        site.browser.log_in("Ada")
    assert told.value.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert words in told.value.words
    assert told.value.words.endswith("so the login cannot go on. Try again in a minute.")
    assert COOKIE not in site.browser.cookies


def test_a_discovery_that_was_lost_once_is_asked_for_again(site: Site, issuer: OidcIssuer) -> None:
    issuer.broken = OnceBroken({"/.well-known/openid-configuration": Told(503)})
    site.browser.log_in("Ada")
    assert person(site).subject == "1001"
    assert issuer.broken == {}


class OnceBroken(dict[str, Told | None]):
    """Answers that are broken at the first request only."""

    def __getitem__(self, path: str) -> Told | None:
        return self.pop(path)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"issuer": "https://evil.com"}, "names the issuer 'https://evil.com'; the settings must"),
        ({"issuer": None}, "names the issuer 'None'"),
        ({"token_endpoint": None}, "token_endpoint is missing"),
        ({"token_endpoint": 5}, "token_endpoint is missing"),
        ({"token_endpoint": "http://evil.com/t"}, "token_endpoint must begin with https://"),
        ({"authorization_endpoint": "javascript:x"}, "authorization_endpoint must begin with"),
        ({"authorization_endpoint": "https://a b"}, "authorization_endpoint has characters"),
        ({"userinfo_endpoint": "https://u:p@x.com"}, "userinfo_endpoint may hold no user name"),
    ],
)
def test_a_discovery_document_that_breaks_a_rule_is_refused(
    site: Site, issuer: OidcIssuer, document: dict[str, Any], words: str
) -> None:
    issuer.document = document
    with pytest.raises(Refused, match="cannot be used") as told:
        site.browser.begin()
    assert told.value.status == HTTPStatus.BAD_GATEWAY
    assert words in told.value.words


class Discovery(Https):
    """The discovery document of an issuer elsewhere."""

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> tuple[int, dict[str, Any]]:
        assert url == "https://id.acme.com/realms/x/.well-known/openid-configuration"
        return HTTPStatus.OK, {
            "issuer": "https://id.acme.com/realms/x/",
            "authorization_endpoint": "https://id.acme.com/a",
            "token_endpoint": "http://127.0.0.1:9001/2018-06-01/runtime",
        }


def test_an_issuer_elsewhere_cannot_send_the_site_to_its_own_machine() -> None:
    with pytest.raises(Refused, match="token_endpoint must begin with https://"):
        discover("https://id.acme.com/realms/x/", Discovery())


def test_what_the_issuer_says_of_an_error_is_short_and_printable(
    site: Site, issuer: OidcIssuer
) -> None:
    issuer.broken["/token"] = json_answer({"error": "x" * 999, "error_description": "a\nb"}, 400)
    with pytest.raises(Refused) as told:
        site.browser.log_in("Ada")
    assert told.value.words == f"The issuer refuses the login: {'x' * 200}."
