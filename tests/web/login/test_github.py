"""Login by GitHub, and permissions in its repositories."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

import pytest

from pixelgate.errors import NotTold
from pixelgate.web.gate import Person
from pixelgate.web.http import Refused
from pixelgate.web.login.github import Permissions, RepositoryPermission
from pixelgate.web.login.session import COOKIE
from support import github_login
from support.github_login import GitHubLogin
from support.login_browser import Browser, changed
from support.small_server import Told, json_answer

from .conftest import CALLBACK, Clock, Site


def test_somebody_comes_back_logged_in_and_github_s_token_is_gone(
    github_site: Site, github: GitHubLogin
) -> None:
    response = github_site.browser.log_in("ada", "/projects/shop")
    assert response.headers["Location"] == "/projects/shop"
    session = github_site.gate.session(github_site.browser.request("/"))
    assert session is not None
    assert session.person == Person(github.url, "11", "ada")
    assert github.tokens == {}
    assert github.paths()[-3:] == [
        "POST /login/oauth/access_token", "GET /api/v3/user",
        f"DELETE /api/v3/applications/{github_login.CLIENT}/token",
    ]  # fmt: skip


def test_github_is_asked_with_state_and_pkce_and_for_no_scope(github_site: Site) -> None:
    query = parse_qs(urlsplit(github_site.browser.begin()).query)
    assert query.keys() == {
        "client_id", "redirect_uri", "state", "code_challenge", "code_challenge_method",
        "allow_signup",
    }  # fmt: skip
    assert query["redirect_uri"] == [CALLBACK]
    assert query["code_challenge_method"] == ["S256"]


def test_a_token_that_github_does_not_end_is_dropped_all_the_same(
    github_site: Site, github: GitHubLogin
) -> None:
    github.broken[f"/api/v3/applications/{github_login.CLIENT}/token"] = Told(500)
    github_site.browser.log_in("ada")
    [token] = github.tokens
    assert not any(token in cookie for cookie in github_site.browser.cookies.values())
    assert COOKIE in github_site.browser.cookies


def test_a_token_is_ended_also_when_github_does_not_say_who_it_is_of(
    github_site: Site, github: GitHubLogin
) -> None:
    github.broken["/api/v3/user"] = Told(500)
    with pytest.raises(Refused, match="answered 500"):
        github_site.browser.log_in("ada")
    assert github.tokens == {}


FORGED: list[tuple[dict[str, str | None], str]] = [
    ({"state": "0x"}, "This login was not begun in this browser"),
    ({"code": "x"}, "GitHub refuses the login: bad_verification_code"),
    ({"code": None}, "The issuer's answer has no code"),
    ({"iss": "https://evil.com"}, "The answer comes from another issuer"),
    ({"iss": "http://["}, "The answer comes from another issuer"),
    ({"error": "access_denied"}, "The login was cancelled"),
    ({"error": "redirect_uri_mismatch"}, "The issuer refuses the login: redirect_uri_mismatch"),
]


@pytest.mark.parametrize(("changes", "words"), FORGED)
def test_a_forged_callback_is_refused(
    github_site: Site, changes: dict[str, str | None], words: str
) -> None:
    target = github_site.browser.callback(github_site.browser.begin(), "ada")
    with pytest.raises(Refused) as told:
        github_site.browser.finish(changed(target, **changes))
    assert told.value.words.startswith(words)
    assert COOKIE not in github_site.browser.cookies


def test_an_answer_that_names_github_is_believed(github_site: Site, github: GitHubLogin) -> None:
    target = github_site.browser.callback(github_site.browser.begin(), "ada")
    github_site.browser.finish(changed(target, iss=f"{github.url}/login/oauth"))
    assert COOKIE in github_site.browser.cookies


def test_a_host_that_only_begins_like_github_is_not_believed(
    github_site: Site, github: GitHubLogin
) -> None:
    target = github_site.browser.callback(github_site.browser.begin(), "ada")
    with pytest.raises(Refused, match="comes from another issuer"):
        github_site.browser.finish(changed(target, iss=f"{github.url}.evil.com/login"))


def test_a_code_of_another_login_is_refused_by_its_verifier(github_site: Site) -> None:
    theirs = Browser(github_site.gate)
    stolen = parse_qs(urlsplit(theirs.callback(theirs.begin(), "ada")).query)["code"][0]
    target = github_site.browser.callback(github_site.browser.begin(), "eve")
    with pytest.raises(Refused, match="bad_verification_code: PKCE"):
        github_site.browser.finish(changed(target, code=stolen))


def test_cancelling_at_github_is_told(github_site: Site) -> None:
    browser = github_site.browser
    with pytest.raises(Refused, match="The login was cancelled"):
        browser.finish(browser.callback(browser.begin(), "ada", "cancel"))


@pytest.mark.parametrize(
    "user",
    [{}, {"id": "11", "login": "ada"}, {"id": True, "login": "ada"}, {"id": 11, "login": ""},
     {"id": 11, "login": "a b"}, {"id": 11, "login": None}, {"id": 11, "login": "\u0430da"}],
)  # fmt: skip
def test_an_api_that_does_not_say_who_somebody_is_lets_nobody_in(
    github_site: Site, github: GitHubLogin, user: dict[str, object]
) -> None:
    github.broken["/api/v3/user"] = json_answer(user)
    with pytest.raises(Refused, match="did not say who you are") as told:
        github_site.browser.log_in("ada")
    assert told.value.status == HTTPStatus.SERVICE_UNAVAILABLE


@pytest.mark.parametrize("token", [None, "", 5, "a\nb", "ü"])
def test_what_is_no_token_is_sent_nowhere(
    github_site: Site, github: GitHubLogin, token: object
) -> None:
    github.broken["/login/oauth/access_token"] = json_answer({"access_token": token})
    with pytest.raises(Refused, match="GitHub refuses the login: no reason given"):
        github_site.browser.log_in("ada")
    assert "GET /api/v3/user" not in github.paths()


# --- permissions -------------------------------------------------------------------------------

ADA = Person("https://github.com", "11", "ada")


@pytest.mark.parametrize(
    ("permission", "allowed"),
    [("admin", (True, True)), ("maintain", (True, True)), ("write", (True, True)),
     ("triage", (True, False)), ("read", (True, False)), ("none", (False, False)),
     (None, (False, False))],
)  # fmt: skip
def test_read_lets_look_and_write_lets_decide(
    github_site: Site, github: GitHubLogin, permission: str | None, allowed: tuple[bool, bool]
) -> None:
    if permission:
        github.permissions = {"acme/shop": {"ada": permission}}
    gate = github_site.gate
    assert (gate.may_look(ADA, "shop"), gate.may_decide(ADA, "shop")) == allowed
    assert not gate.may_look(ADA, "another project")


def test_a_permission_is_kept_for_five_minutes_and_a_refusal_for_half_of_one(clock: Clock) -> None:
    said = {"shop": "read", "site": "none"}
    asked: list[tuple[str, str]] = []

    def ask(repository: str, person: Person) -> str:
        asked.append((repository, person.login))
        return said[repository]

    permissions = Permissions(ask, clock)

    def after(seconds: float) -> list[str]:
        clock.now += seconds
        asked.clear()
        for repository in said:
            permissions(ADA, repository)
        return [repository for repository, _ in asked]

    assert after(0) == ["shop", "site"]
    assert after(29) == []
    assert after(1) == ["site"]
    assert after(30) == ["site"]
    assert after(239) == ["site"]
    assert after(1) == ["shop"]
    permissions(Person("https://github.com", "12", "bob"), "shop")
    assert asked[-1] == ("shop", "bob")


def test_no_more_than_ten_thousand_permissions_are_kept(clock: Clock) -> None:
    permissions = Permissions(lambda repository, login: "read", clock)
    for n in range(10_001):
        permissions(Person("https://github.com", str(n), "x"), "shop")
    assert permissions.size <= 10_000


@pytest.mark.parametrize(
    "answer",
    [None, Told(500), Told(401, b"{}"), Told(403, b"{}"), Told(200, b"<p>"), Told(200, b"[]"),
     json_answer({"permission": None}), Told(429, b"{}", {"Retry-After": "60"})],
)  # fmt: skip
def test_a_failing_github_is_told_and_lets_nobody_in(
    github_site: Site,
    github: GitHubLogin,
    answer: Told | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pixelgate.web.login.github._PATIENCE_SECONDS", 0.0)
    path = "/api/v3/repos/acme/shop/collaborators/ada/permission"
    github.permissions = {"acme/shop": {"ada": "admin"}}
    github.broken[path] = answer
    for may in (github_site.gate.may_look, github_site.gate.may_decide):
        with pytest.raises(Refused, match="GitHub does not say what you may do in") as told:
            may(ADA, "shop")
        assert told.value.status == HTTPStatus.SERVICE_UNAVAILABLE
    del github.broken[path]
    assert github_site.gate.may_look(ADA, "shop")  # the failure was not kept


def test_a_failing_github_ends_a_permission_that_is_too_old(
    github_site: Site, github: GitHubLogin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixelgate.web.login.github._PATIENCE_SECONDS", 0.0)
    github.permissions = {"acme/shop": {"ada": "read"}}
    assert github_site.gate.may_look(ADA, "shop")
    github.broken["/api/v3/repos/acme/shop/collaborators/ada/permission"] = Told(500)
    assert github_site.gate.may_look(ADA, "shop")
    github_site.clock.now += 300
    with pytest.raises(Refused):
        github_site.gate.may_look(ADA, "shop")


def test_a_bug_in_what_asks_github_lets_nobody_in(clock: Clock) -> None:
    known: dict[str, str] = {}
    permissions = Permissions(lambda repository, login: known[repository], clock)
    with pytest.raises(Refused):
        permissions(ADA, "acme/shop")


@pytest.mark.parametrize("login", ["", ".", ".."])
def test_a_strange_login_is_no_part_of_a_path(github: GitHubLogin, login: str) -> None:
    ask = RepositoryPermission(github.api, lambda newer: github_login.TOKEN)
    with pytest.raises(NotTold):
        ask("acme/shop", Person("https://github.com", "11", login))
    assert github.asked == []


def test_a_login_that_somebody_else_has_taken_may_nothing(
    github_site: Site, github: GitHubLogin
) -> None:
    github.permissions = {"acme/shop": {"ada": "admin"}}
    github.people["ada"] = 4_711
    assert not github_site.gate.may_look(ADA, "shop")
    assert not github_site.gate.may_decide(ADA, "shop")
