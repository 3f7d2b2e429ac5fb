"""Who may look and who may decide."""

from __future__ import annotations

from typing import Any

import pytest

from pixelgate.web.gate import Person
from pixelgate.web.login.access import Access, groups_named
from pixelgate.web.login.settings import SiteSettings

from .test_settings import GITHUB, OIDC

ADA = Person("https://id.acme.com", "1", "ada@acme.com", ("leads", "web"))


def may(access: Access, person: Person, project: str = "shop") -> str:
    """`look`, `decide`, or nothing."""
    look, decide = access.may_look(person, project), access.may_decide(person, project)
    assert look or not decide
    return "decide" if decide else "look" if look else ""


def oidc(**access: Any) -> Access:
    return Access(SiteSettings.model_validate({**OIDC, "access": access}))


RULES: list[tuple[str, str, bool]] = [
    ("anyone", "ada@acme.com", True),
    ("group:leads", "x", True),
    ("group:lead", "x", False),
    ("group:Leads", "x", False),
    ("group:*", "x", False),
    ("subject:1", "x", True),
    ("subject:2", "x", False),
    ("login:ada@acme.com", "ada@acme.com", True),
    ("login:Ada@ACME.com", "ada@acme.com", True),
    ("login:ada@acme.com", "ada@acme.com (unverified)", False),
    ("login:ada@acme.com", "bob@acme.com", False),
    ("login:ada", "ada", True),
    ("login:ada", "Ada", False),
    ("login:ada", "ada@acme.com", False),
    ("login:*@acme.com", "ada@acme.com", True),
    ("login:*@ACME.com", "ada@Acme.com", True),
    ("login:*@acme.com", "ada@acme.com (unverified)", False),
    ("login:*@acme.com", "ada@evil-acme.com", False),
    ("login:*@acme.com", "ada@sub.acme.com", False),
    ("login:*@acme.com", "ada@acme.com.evil.com", False),
    ("login:*@acme.com", "ada@evil.com@acme.com", False),
    ("login:*@acme.com", '"a b"@acme.com', False),
    ("login:*@kacme.com", "ada@\u212aacme.com", False),  # the Kelvin sign is k in lower case
    ("login:*@acme.com", "ada@acme.com\u200b", False),
    ("login:*@acme.com", "acme.com", False),
    ("login:*@acme.com", "subject 1", False),
]


@pytest.mark.parametrize(("rule", "login", "matches"), RULES)
def test_whom_a_rule_names(rule: str, login: str, matches: bool) -> None:
    person = Person(ADA.issuer, ADA.subject, login, ADA.groups)
    assert may(oidc(look=[rule]), person) == ("look" if matches else "")
    assert may(oidc(decide=[rule]), person) == ("decide" if matches else "")


LISTS: list[tuple[dict[str, Any], str]] = [
    ({}, ""),
    ({"look": ["group:leads"]}, "look"),
    ({"look": ["group:other", "group:web"]}, "look"),
    ({"decide": ["group:leads"]}, "decide"),
    ({"look": ["group:other"], "decide": ["group:leads"]}, "decide"),
    ({"look": ["anyone"], "projects": {"shop": {"look": []}}}, ""),
    ({"look": ["anyone"], "projects": {"shop": {"look": ["group:other"]}}}, ""),
    ({"look": ["anyone"], "projects": {"other": {"look": []}}}, "look"),
    ({"look": ["anyone"], "projects": {"shop": {"decide": ["subject:1"]}}}, "decide"),
    ({"decide": ["anyone"], "projects": {"shop": {"decide": []}}}, ""),
    ({"decide": ["anyone"], "projects": {"shop": {"look": []}}}, "decide"),
    ({"projects": {"shop": {"look": ["anyone"]}}}, "look"),
]


@pytest.mark.parametrize(("access", "allowed"), LISTS)
def test_lists_of_the_site_and_of_a_project(access: dict[str, Any], allowed: str) -> None:
    assert may(oidc(**access), ADA) == allowed


PERMISSIONS: list[tuple[str, dict[str, Any], str]] = [
    ("none", {}, ""),
    ("", {}, ""),
    ("something new", {}, ""),
    ("read", {}, "look"),
    ("triage", {}, "look"),
    ("write", {}, "decide"),
    ("maintain", {}, "decide"),
    ("admin", {}, "decide"),
    ("admin", {"look": ["login:bob"]}, ""),
    ("admin", {"look": ["login:ada"]}, "decide"),
    ("admin", {"look": ["login:ADA"]}, "decide"),
    ("admin", {"decide": ["login:bob"]}, "look"),
    ("admin", {"look": ["login:bob"], "decide": ["subject:11"]}, "decide"),
    ("read", {"look": ["login:ada"], "decide": ["login:ada"]}, "look"),
    ("none", {"look": ["anyone"], "decide": ["anyone"]}, ""),
    ("admin", {"projects": {"shop": {"decide": ["login:bob"]}}}, "look"),
]


@pytest.mark.parametrize(("permission", "access", "allowed"), PERMISSIONS)
def test_with_a_repository_rules_can_only_take(
    permission: str, access: dict[str, Any], allowed: str
) -> None:
    settings = SiteSettings.model_validate({**GITHUB, "access": access})
    person = Person("https://github.com", "11", "ada")
    assert may(Access(settings, lambda who, repository: permission), person) == allowed


def test_the_repository_is_that_of_the_project_or_that_of_all_others() -> None:
    settings = SiteSettings.model_validate(GITHUB)
    asked: list[str] = []

    def ask(who: Person, repository: str) -> str:
        asked.append(repository)
        return "none"

    access = Access(settings, ask)
    person = Person("https://github.com", "11", "ada")
    for project in ("shop", "site"):
        access.may_look(person, project)
    assert asked == ["acme/shop", "acme/web.site_2"]


def test_without_a_repository_only_rules_let_in() -> None:
    person = Person("https://github.com", "11", "ada")
    for rules, allowed in ([], ""), (["login:ada"], "look"):
        fields = {**GITHUB, "repositories": {"shop": "acme/shop"}, "access": {"look": rules}}
        access = Access(SiteSettings.model_validate(fields), lambda who, repository: "admin")
        assert may(access, person, "other") == allowed


def test_without_a_credential_nobody_is_let_into_a_repository() -> None:
    person = Person("https://github.com", "11", "ada")
    assert may(Access(SiteSettings.model_validate(GITHUB)), person) == ""


def test_groups_that_rules_name() -> None:
    access = {
        "look": ["group:a", "anyone", "subject:g"],
        "projects": {"shop": {"look": ["group:b"]}, "site": {"decide": ["group:c"]}},
    }
    named = groups_named(SiteSettings.model_validate({**OIDC, "access": access}))
    assert named == {"a", "b", "c"}


def test_an_empty_list_of_a_project_names_nobody_whatever_the_repository_says() -> None:
    settings = SiteSettings.model_validate(
        {
            **GITHUB,
            "access": {"projects": {"shop": {"look": [], "decide": []}}},
            "repositories": {"*": "acme/shop"},
        }
    )
    access = Access(settings, lambda who, repository: "admin")
    assert not access.may_look(ADA, "shop")
    assert not access.may_decide(ADA, "shop")
    assert access.may_look(ADA, "site")
