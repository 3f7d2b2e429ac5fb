"""Logins and sessions that somebody has forged, taken, kept or spoilt let nobody in."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pixelgate.web.gate import Person
from pixelgate.web.http import Refused
from pixelgate.web.login import session as sessions
from pixelgate.web.login.seal import Seal, encoded
from pixelgate.web.login.session import COOKIE
from support.login_browser import Browser, changed
from support.oidc_issuer import CLIENT, OidcIssuer, signed
from support.small_server import json_answer

from .conftest import Clock, Site, key

STRANGE = "This login was not begun in this browser, or over ten minutes ago, or it has ended"


def refused(site: Site, target: str, browser: Browser | None = None) -> Refused:
    """How a callback is refused; nobody is logged in afterwards."""
    browser = browser or site.browser
    with pytest.raises(Refused) as told:
        browser.finish(target)
    assert COOKIE not in browser.cookies
    return told.value


def is_logged_in(site: Site, cookie: str) -> bool:
    browser = Browser(site.gate, cookies={COOKIE: cookie})
    return site.gate.session(browser.request("/")) is not None


# --- the ID token ------------------------------------------------------------------------------

NOW = Clock().now
Spoil = Callable[[dict[str, Any]], dict[str, Any]]


def without(name: str) -> Spoil:
    return lambda claims: {n: v for n, v in claims.items() if n != name}


def having(**changes: Any) -> Spoil:
    return lambda claims: {**claims, **changes}


TOKENS: list[tuple[str, Spoil, str]] = [
    ("other issuer", having(iss="https://evil.com"), "is of another issuer"),
    ("issuer with a slash", lambda c: {**c, "iss": c["iss"] + "/"}, "is of another issuer"),
    ("no issuer", without("iss"), "is of another issuer"),
    ("other client", having(aud="other"), "is for another client"),
    ("other clients", having(aud=["other", "third"]), "is for another client"),
    ("client within a text", having(aud=f"{CLIENT} x"), "is for another client"),
    ("no audience", without("aud"), "is for another client"),
    ("audience is an object", having(aud={CLIENT: 1}), "is for another client"),
    ("several, no azp", having(aud=[CLIENT, "other"]), "was made for another client (azp)"),
    ("several, other azp", having(aud=[CLIENT, "other"], azp="other"), "another client (azp)"),
    ("one, other azp", having(azp="other"), "was made for another client (azp)"),
    ("expired", having(exp=NOW - 60), "has expired"),
    ("expired long ago", having(exp=0), "has expired"),
    ("no expiry", without("exp"), "has no time exp"),
    ("expiry is a text", having(exp=str(NOW + 60)), "has no time exp"),
    ("expiry is true", having(exp=True), "has no time exp"),
    ("expiry is no number", having(exp=float("nan")), "is no token that can be read"),
    ("future", having(iat=NOW + 61), "is of the future"),
    ("no time of issue", without("iat"), "has no time iat"),
    ("not yet valid", having(nbf=NOW + 61), "is of the future"),
    ("other nonce", having(nonce="x" * 43), "is for another login (nonce)"),
    ("no nonce", without("nonce"), "is for another login (nonce)"),
    ("empty nonce", having(nonce=""), "is for another login (nonce)"),
    ("nonce is no text", having(nonce=["x"]), "is for another login (nonce)"),
    ("nonce is not ASCII", having(nonce="ü\ud800"), "is for another login (nonce)"),
    ("nobody", without("sub"), "names nobody (sub)"),
    ("empty name", having(sub=""), "names nobody (sub)"),
    ("a number", having(sub=5), "names nobody (sub)"),
    ("long name", having(sub="x" * 257), "names nobody (sub)"),
    ("unprintable name", having(sub="a\nb"), "cannot be printed (sub)"),
    ("half a character", having(sub="\ud800"), "cannot be printed (sub)"),
]


@pytest.mark.parametrize(("spoil", "words"), [t[1:] for t in TOKENS], ids=[t[0] for t in TOKENS])
def test_an_id_token_that_is_not_for_this_login_is_refused(
    site: Site, issuer: OidcIssuer, spoil: Spoil, words: str
) -> None:
    issuer.spoilt = spoil
    told = refused(site, site.browser.callback(site.browser.begin(), "Ada"))
    assert told.status == HTTPStatus.FORBIDDEN
    assert told.words.startswith("The issuer's ID token ")
    assert words in told.words


@pytest.mark.parametrize("header", [{"alg": "none"}, {"alg": "NONE"}, {}, {"alg": None}])
def test_an_id_token_that_says_it_is_not_signed_is_refused(
    site: Site, issuer: OidcIssuer, header: dict[str, Any]
) -> None:
    issuer.header = header
    told = refused(site, site.browser.callback(site.browser.begin(), "Ada"))
    assert told.words == "The issuer's ID token is not signed."


GOOD = signed({"sub": "1"}, {"alg": "RS256"})


@pytest.mark.parametrize(
    "token",
    [None, "", "a.b", 5, "é.a.b", f"{GOOD}.x", GOOD[1:], "e30.W10.x", "e30.!!.x", "e30..x",
     f"e30.{encoded(b'[' * 50_000)}.x", f"e30.{encoded(b'NaN')}.x", "e30.e30.x"],
)  # fmt: skip
def test_what_is_no_id_token_is_refused(site: Site, issuer: OidcIssuer, token: object) -> None:
    issuer.broken["/token"] = json_answer({"access_token": "x", "id_token": token})
    told = refused(site, site.browser.callback(site.browser.begin(), "Ada"))
    assert told.status == HTTPStatus.FORBIDDEN
    assert "The issuer's ID token is" in told.words


@pytest.mark.parametrize("sub", ["1002", None, 1001, ["1001"]])
def test_userinfo_of_another_person_is_not_used(
    site: Site, issuer: OidcIssuer, sub: object, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.only_in_userinfo = {"groups", "email", "email_verified"}
    about = {"email": "bob@acme.com", "email_verified": True, "groups": ["leads"]}
    issuer.broken["/userinfo"] = json_answer({"sub": sub, **about})
    site.browser.log_in("Ada")
    session = site.gate.session(site.browser.request("/"))
    assert session is not None
    assert session.person == Person(issuer.url, "1001", "subject 1001", ())
    assert "tells of another person than logged in" in caplog.text


# --- the callback ------------------------------------------------------------------------------

CALLBACKS: list[tuple[str, dict[str, str | None], str]] = [
    ("no state", {"state": None}, STRANGE),
    ("empty state", {"state": ""}, STRANGE),
    ("other state", {"state": "0" + "x" * 43}, STRANGE),
    ("no digit", {"state": "x"}, STRANGE),
    ("another script's digit", {"state": "٣" + "x" * 43}, STRANGE),
    ("a superscript", {"state": "²" + "x" * 43}, STRANGE),
    ("not ASCII", {"state": "0ü"}, STRANGE),
    ("no code", {"code": None}, "The issuer's answer has no code; log in again"),
    ("empty code", {"code": ""}, "The issuer's answer has no code; log in again"),
    ("endless code", {"code": "x" * 4_097}, "The issuer's answer has no code; log in again"),
    ("strange code", {"code": "ü"}, "The issuer's answer has no code; log in again"),
    ("other code", {"code": "x"}, "The issuer refuses the login: invalid_grant: the code is unk"),
    ("other issuer", {"iss": "https://evil.com"}, "The answer comes from another issuer"),
    ("empty issuer", {"iss": ""}, "The answer comes from another issuer"),
    ("cancelled", {"error": "access_denied", "code": None}, "The login was cancelled, or the issu"),
    ("an error", {"error": "server_error"}, "The issuer refuses the login: server_error"),
    ("error and code", {"error": ""}, "The issuer refuses the login: no reason given"),
]


@pytest.mark.parametrize(
    ("changes", "words"), [c[1:] for c in CALLBACKS], ids=[c[0] for c in CALLBACKS]
)
def test_a_callback_that_is_not_the_issuer_s_answer_is_refused(
    site: Site, issuer: OidcIssuer, changes: dict[str, str | None], words: str
) -> None:
    target = site.browser.callback(site.browser.begin(), "Ada")
    told = refused(site, changed(target, **changes))
    assert told.words.startswith(words)
    # The code is not spent: only "other code" got as far as the token endpoint.
    assert ("POST /token" in issuer.paths()) == words.startswith(
        "The issuer refuses the login: inv"
    )


def test_cancelling_at_the_issuer_is_told(site: Site) -> None:
    told = refused(site, site.browser.callback(site.browser.begin(), "Ada", "cancel"))
    assert told.status == HTTPStatus.FORBIDDEN
    assert told.words.startswith("The login was cancelled")


def test_an_answer_without_iss_is_refused_where_the_issuer_always_sends_it(
    site: Site, issuer: OidcIssuer
) -> None:
    issuer.sends_iss = True
    target = site.browser.callback(site.browser.begin(), "Ada")
    told = refused(site, changed(target, iss=None))
    assert told.words == "The answer comes from another issuer than the site asked."


def test_login_csrf_somebody_s_callback_in_another_browser_is_refused(
    site: Site, issuer: OidcIssuer
) -> None:
    target = site.browser.callback(site.browser.begin(), "Eve")
    victim = Browser(site.gate)
    assert refused(site, target, victim).words.startswith(STRANGE)
    victim.begin()  # who is just about to log in
    assert refused(site, target, victim).words.startswith(STRANGE)
    assert "POST /token" not in issuer.paths()


def test_an_error_that_somebody_put_into_a_link_is_not_shown(site: Site) -> None:
    target = "/login/callback?error=x&error_description=Call+this+number&state=0x"
    assert "number" not in refused(site, target).words


def test_a_callback_is_good_once(site: Site, issuer: OidcIssuer) -> None:
    target = site.browser.callback(site.browser.begin(), "Ada")
    kept = dict(site.browser.cookies)
    site.browser.finish(target)
    with pytest.raises(Refused, match=STRANGE):
        site.browser.finish(target)
    thief = Browser(site.gate, cookies=kept)  # who has copied the cookie of the login as well
    assert "the code is unknown, or used" in refused(site, target, thief).words
    assert issuer.paths().count("POST /token") == 2


def test_a_code_of_another_login_is_refused_by_its_verifier(site: Site, issuer: OidcIssuer) -> None:
    theirs = Browser(site.gate)
    stolen = parse_qs(urlsplit(theirs.callback(theirs.begin(), "Ada")).query)["code"][0]
    target = changed(site.browser.callback(site.browser.begin(), "Eve"), code=stolen)
    assert "the verifier does not fit the challenge" in refused(site, target).words


def test_a_verifier_that_does_not_fit_is_refused_by_the_issuer(
    site: Site, issuer: OidcIssuer
) -> None:
    address = site.browser.begin()
    other = parse_qs(urlsplit(Browser(site.gate).begin()).query)["code_challenge"][0]
    parts = urlsplit(address)
    query = changed(f"/?{parts.query}", code_challenge=other).partition("?")[2]
    target = site.browser.callback(f"{issuer.url}{parts.path}?{query}", "Ada")
    assert "the verifier does not fit the challenge" in refused(site, target).words


def test_a_login_is_good_for_ten_minutes(site: Site) -> None:
    target = site.browser.callback(site.browser.begin(), "Ada")
    site.clock.now += 599
    kept = dict(site.browser.cookies)
    site.browser.finish(target)
    again = Browser(site.gate, cookies=kept)
    site.clock.now += 1
    assert refused(site, target, again).words.startswith(STRANGE)


def login_cookies(name: str, good: str) -> dict[str, str]:
    text, _, mac = good.partition(".")
    fields = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    elsewhere = encoded(json.dumps({**fields, "to": "/other"}).encode())
    return {
        "no cookie": "",
        "unsigned": text,
        "without its signature": f"{text}.",
        "truncated": good[:-1],
        "longer": f"{good}A",
        "other fields": f"{elsewhere}.{mac}",
        "another key": Seal(b"x" * 32).close("login", fields),
        "another purpose": Seal(b"a" * 32).close("session", fields),
        "not ASCII": f"{text}.ü",
        "half a character": f"{text}.\ud800",
        "no text": ".",
        "endless": "A" * 9_000 + "." + mac,
    }


@pytest.mark.parametrize("kind", [*login_cookies("", "e30.x")])
def test_a_login_s_cookie_that_the_site_did_not_make_is_refused(site: Site, kind: str) -> None:
    target = site.browser.callback(site.browser.begin(), "Ada")
    [(name, good)] = site.browser.cookies.items()
    site.browser.cookies[name] = login_cookies(name, good)[kind]
    assert refused(site, target).words.startswith(STRANGE)


def test_a_login_s_cookie_in_another_s_place_is_refused(site: Site) -> None:
    target = site.browser.callback(site.browser.begin(), "Ada")
    [(name, good)] = site.browser.cookies.items()
    place = (int(name[-1]) + 1) % 4
    site.browser.cookies = {f"{name[:-1]}{place}": good}
    state = parse_qs(urlsplit(target).query)["state"][0]
    assert refused(site, changed(target, state=f"{place}{state[1:]}")).words.startswith(STRANGE)


# --- the session -------------------------------------------------------------------------------


@pytest.fixture
def good(site: Site) -> str:
    """The cookie of Ada's session."""
    site.browser.log_in("Ada")
    assert is_logged_in(site, site.browser.cookies[COOKIE])
    return site.browser.cookies[COOKIE]


@pytest.mark.parametrize("kind", [*login_cookies("", "e30.x")])
def test_a_session_s_cookie_that_the_site_did_not_make_is_none(
    site: Site, good: str, kind: str
) -> None:
    forged = login_cookies("", good)[kind]
    if kind == "another purpose":
        fields = json.loads(base64.urlsafe_b64decode(good.partition(".")[0] + "=="))
        forged = Seal(b"a" * 32).close("login", fields)
    assert not is_logged_in(site, forged)


def test_every_bit_of_the_cookie_counts(site: Site, good: str) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for n, letter in enumerate(good):
        other = alphabet[alphabet.index(letter) ^ 1] if letter != "." else "A"
        assert not is_logged_in(site, f"{good[:n]}{other}{good[n + 1 :]}"), n


def test_the_cookie_of_a_login_is_no_session(site: Site) -> None:
    site.browser.begin()
    [cookie] = site.browser.cookies.values()
    assert not is_logged_in(site, cookie)


def test_a_session_ends_after_eight_hours_whatever_the_browser_keeps(site: Site, good: str) -> None:
    site.clock.now += 8 * 3_600 - 1
    assert is_logged_in(site, good)
    site.clock.now += 1
    assert not is_logged_in(site, good)


def test_no_session_is_longer_than_eight_hours(site: Site) -> None:
    person = Person(site.fields["login"]["issuer"], "1", "ada")
    made = sessions.make_cookie(Seal(b"a" * 32), person, site.clock.now, seconds=99_999)
    assert "; Max-Age=28800;" in made
    fields = {
        "id": "x", "issuer": person.issuer, "subject": "1", "login": "ada", "groups": [],
        "made": site.clock.now - 28_800, "expires": site.clock.now + 99_999,
    }  # fmt: skip
    assert not is_logged_in(site, Seal(b"a" * 32).close("session", fields))


def test_a_session_of_a_minute_ahead_is_believed_and_of_more_is_not(site: Site, good: str) -> None:
    site.clock.now -= 60
    assert is_logged_in(site, good)
    site.clock.now -= 1
    assert not is_logged_in(site, good)


def test_turning_the_key_ends_all_sessions_and_logins(site: Site, good: str) -> None:
    target = site.browser.callback(site.browser.begin(), "Ada")
    site.change(session_keys=[key("b"), key("a")])  # an older key is accepted no more
    assert not is_logged_in(site, good)
    site.browser.cookies.pop(COOKIE)
    assert refused(site, target).words.startswith(STRANGE)


def test_another_issuer_ends_the_sessions_of_the_one_before(site: Site, good: str) -> None:
    login = {**site.fields["login"], "issuer": "https://other.acme.com"}
    site.change(login=login)
    assert not is_logged_in(site, good)


def test_session_fixation_a_login_makes_a_new_session_whatever_was_there(
    site: Site, good: str
) -> None:
    before = site.gate.session(site.browser.request("/"))
    site.browser.log_in("Ada")
    after = site.gate.session(site.browser.request("/"))
    assert before is not None
    assert after is not None
    assert site.browser.cookies[COOKIE] != good
    assert before.csrf != after.csrf
    assert len(after.csrf) == 43


def test_somebody_else_s_csrf_token_is_not_ours(site: Site, good: str) -> None:
    other = Browser(site.gate)
    other.log_in("Bob")
    tokens = {
        session.csrf
        for browser in (site.browser, other)
        if (session := site.gate.session(browser.request("/")))
    }
    assert len(tokens) == 2
    assert not any(token in cookie for token in tokens for cookie in site.browser.cookies.values())


def test_cookies_without_the_host_prefix_are_not_looked_at(site: Site, good: str) -> None:
    # A neighbouring subdomain can set any other name, but no browser takes `__Host-` from it.
    for name in ("pixelgate", "__Secure-pixelgate", "__host-pixelgate", "__Host-pixelgate "):
        browser = Browser(site.gate, cookies={name: good})
        assert site.gate.session(browser.request("/")) is None
