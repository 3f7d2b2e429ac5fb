"""The settings of the site: what is accepted, and how a mistake is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pixelgate.errors import BucketError, UsageError
from pixelgate.web.login.settings import (
    GitHubLogin,
    OidcLogin,
    SettingsSource,
    SiteSettings,
    read_settings,
    write_settings,
)

from .conftest import key

SECRET = "secret that nobody reads"
OIDC: dict[str, Any] = {
    "schema_version": 1,
    "session_keys": [key("a")],
    "login": {"kind": "oidc", "issuer": "https://id.acme.com", "client_id": "site",
              "client_secret": SECRET},
    "access": {"look": ["anyone"], "decide": ["group:leads"]},
}  # fmt: skip
GITHUB: dict[str, Any] = {
    "schema_version": 1,
    "session_keys": [key("a")],
    "login": {"kind": "github", "client_id": "site", "client_secret": SECRET},
    "repositories": {"shop": "acme/shop", "*": "acme/web.site_2"},
}


def with_(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The document with another value at one place; None removes a field."""
    copy: dict[str, Any] = json.loads(json.dumps(document))
    *above, last = path.split("/")
    place = copy
    for name in above:
        place = place.setdefault(name, {})
    if value is None:
        del place[last]
    else:
        place[last] = value
    return copy


def test_defaults() -> None:
    oidc = read_settings(json.dumps(OIDC))
    assert isinstance(oidc.login, OidcLogin)
    assert oidc.login.scopes == ["openid", "profile", "email"]
    assert (oidc.login.groups_claim, oidc.login.login_claim) == ("groups", "email")
    assert (oidc.url, oidc.repositories, oidc.key) == (None, {}, b"a" * 32)
    github = read_settings(json.dumps(GITHUB))
    assert isinstance(github.login, GitHubLogin)
    assert (github.login.web, github.login.api) == ("https://github.com", "https://api.github.com")
    assert github.login.issuer == "https://github.com"


@pytest.mark.parametrize("document", [OIDC, GITHUB])
def test_what_is_written_is_read_again(document: dict[str, Any]) -> None:
    settings = SiteSettings.model_validate(document)
    assert read_settings(write_settings(settings)) == settings


RULE = "must be anyone, group:NAME, login:NAME, login:*@DOMAIN or subject:ID, of up to 256 char"
MISTAKES: list[tuple[dict[str, Any], str]] = [
    (with_(OIDC, "schema_version", 2), "schema_version: must be 1"),
    (with_(OIDC, "schema_version", None), "schema_version: must be given"),
    (with_(OIDC, "extra", 1), "extra: there is no such field"),
    (with_(OIDC, "login/extra", 1), "login.extra: there is no such field"),
    (with_(OIDC, "access/projects", {"shop": {"see": []}}), "access.projects.shop.see: there is"),
    (with_(OIDC, "session_keys", []), "session_keys: must have at least 1 entry"),
    (with_(OIDC, "session_keys", ["short"]), "session_keys[0]: must be 32 bytes in base64url"),
    (with_(OIDC, "session_keys", [key("a") + "!"]), "session_keys[0]: must be 32 bytes"),
    (with_(OIDC, "session_keys", ["ü"]), "session_keys[0]: must be 32 bytes in base64url"),
    (with_(OIDC, "url", "https://a.com/"), "url: must be scheme and host only, such as https://shots"),
    (with_(OIDC, "url", "a.com"), "url: must begin with https://"),
    (with_(OIDC, "login", None), "login: must be given"),
    (with_(OIDC, "login", 5), "login: must be an object"),
    (with_(OIDC, "login/kind", None), "login.kind: must be oidc or github"),
    (with_(OIDC, "login/kind", "saml"), "login.kind: must be oidc or github"),
    (with_(OIDC, "login/issuer", "http://id.acme.com"), "login.issuer: must begin with https://"),
    (with_(OIDC, "login/issuer", "https://id.acme.com?x"), "login.issuer: may hold no ?"),
    (with_(OIDC, "login/issuer", None), "login.issuer: must be given"),
    (with_(OIDC, "login/client_id", ""), "login.client_id: must have at least 1 character"),
    (with_(OIDC, "login/client_secret", 5), "login.client_secret: must be a text"),
    (with_(OIDC, "login/scopes", ["email"]), "login: scopes must hold openid"),
    (with_(GITHUB, "login/client_secret", None), "login.client_secret: must be given"),
    (with_(GITHUB, "login/api", "http://api"), "login.api: must begin with https://"),
    (with_(GITHUB, "repositories", {"shop": "acme"}), "repositories.shop: must be OWNER/NAME"),
    (with_(GITHUB, "repositories", {"a/b": "acme/x"}), "the project: 'a/b' may not be"),
    (with_(OIDC, "repositories", {"shop": "acme/shop"}), "only GitHub can say who may read a rep"),
    (with_(GITHUB, "access", {"look": ["group:x"]}), "access.look[0]: GitHub sends no groups"),
    (with_(GITHUB, "access", {"projects": {"shop": {"decide": ["login:*@acme.com"]}}}),
     "access.projects.shop.decide[0]: GitHub's logins are no e-mail addresses"),
    (with_(OIDC, "access/look", ["everybody"]), f"access.look[0]: {RULE}"),
    (with_(OIDC, "access/look", ["group:"]), f"access.look[0]: {RULE}"),
    (with_(OIDC, "access/look", ["group:a\nb"]), f"access.look[0]: {RULE}"),
    (with_(OIDC, "access/look", ["group:" + "x" * 251]), f"access.look[0]: {RULE}"),
    (with_(OIDC, "access/look", ["anyone", "Anyone"]), f"access.look[1]: {RULE}"),
    (with_(OIDC, "access/look", ["group: x"]), "access.look[0]: may not begin or end with a space"),
    (with_(OIDC, "access/look", ["login:Ada Lovelace"]), "access.look[0]: a login has no spaces"),
    (with_(OIDC, "access/look", ["login:*"]), "access.look[0]: a * stands only before the domain"),
    (with_(OIDC, "access/look", ["login:*@*"]), "access.look[0]: a * stands only before the d"),
    (with_(OIDC, "access/look", ["login:*@com"]), "access.look[0]: a * stands only before the dom"),
    (with_(OIDC, "access/look", ["login:a*@x.com"]), "access.look[0]: a * stands only before the"),
    (with_(OIDC, "access/look", "anyone"), "access.look: must be a list"),
    (with_(OIDC, "access/look", ["anyone"] * 201), "access.look: may have up to 200 entries"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "words"), MISTAKES, ids=[words for _, words in MISTAKES])
def test_a_mistake_is_told_with_its_field_and_rule_and_no_value(
    document: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError) as told:
        read_settings(json.dumps(document))
    message = str(told.value)
    assert message.startswith("the site's settings: ")
    assert words in message
    assert SECRET not in message
    assert key("a") not in message
    assert "got" not in message


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"url": "x", "url": "y"}', "\ud800"])
def test_what_is_no_json_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="the site's settings are no JSON"):
        read_settings(text)


@pytest.mark.parametrize("text", ["5", "[]", "null", '"x"'])
def test_json_that_is_no_object_is_told(text: str) -> None:
    with pytest.raises(UsageError, match=r"the site's settings: must be an object"):
        read_settings(text)


def test_a_field_that_is_there_twice_is_told_by_its_name() -> None:
    with pytest.raises(UsageError, match=r"the field 'url' is there twice"):
        read_settings('{"url": "x", "url": "y"}')


def test_no_secret_is_in_the_settings_repr() -> None:
    shown = repr(SiteSettings.model_validate(OIDC))
    assert "id.acme.com" in shown
    assert SECRET not in shown
    assert key("a") not in shown


def test_settings_that_no_parameter_takes_are_told() -> None:
    rules = [f"login:person-{n}@acme.com" for n in range(199)]
    settings = SiteSettings.model_validate(with_(OIDC, "access/look", rules))
    with pytest.raises(UsageError, match=r"have 5,\d{3} bytes, and a parameter takes 4,096: name"):
        write_settings(settings)


def test_settings_are_read_again_after_five_minutes() -> None:
    now, said = [0.0], [json.dumps(OIDC)]
    read: list[float] = []

    def reads() -> str:
        read.append(now[0])
        return said[0]

    source = SettingsSource(reads, lambda: now[0])
    first = source()
    now[0] = 300.0
    assert source() is first
    now[0] = 301.0
    assert source() is first  # so that what was made of it stays
    said[0] = json.dumps(GITHUB)
    now[0] = 602.0
    assert source().login.kind == "github"
    assert read == [0.0, 301.0, 602.0]


@pytest.mark.parametrize("problem", ["it is not there", "it is wrong"])
def test_settings_that_cannot_be_read_any_more_do_not_count_on(problem: str) -> None:
    now, good = [0.0], [True]

    def reads() -> str:
        if good[0]:
            return json.dumps(OIDC)
        if problem == "it is wrong":
            return "{}"
        raise BucketError(problem)

    source = SettingsSource(reads, lambda: now[0])
    source()
    good[0], now[0] = False, 301.0
    for _ in range(2):
        with pytest.raises((BucketError, UsageError)):
            source()
    good[0] = True
    assert source().login.kind == "oidc"
