"""An issuer, a GitHub and gates of a site that uses them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from pixelgate.web.login.gate import LoginGate
from pixelgate.web.login.github import Permission, RepositoryPermission
from pixelgate.web.login.settings import SiteSettings
from support import github_login, oidc_issuer
from support.github_login import GitHubLogin
from support.login_browser import SITE, Browser
from support.oidc_issuer import OidcIssuer

CALLBACK = f"{SITE}/login/callback"


def key(letter: str) -> str:
    """A key of the site."""
    return base64.urlsafe_b64encode(letter.encode() * 32).decode()


@dataclass
class Clock:
    """The time, in seconds since 1970, of everybody here."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Site:
    """A site whose settings a test may change, and what is made of them."""

    fields: dict[str, Any]
    clock: Clock
    permission: Permission | None = None

    def __post_init__(self) -> None:
        self._settings = SiteSettings.model_validate(self.fields)
        self.gate = LoginGate(lambda: self._settings, self.permission, self.clock)
        self.browser = Browser(self.gate)

    def change(self, **fields: Any) -> None:
        """What `pixelgate site setup` does."""
        self.fields = {**self.fields, **fields}
        self._settings = SiteSettings.model_validate(self.fields)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def issuer(clock: Clock) -> Iterator[OidcIssuer]:
    with oidc_issuer.oidc_issuer(clock=clock, callbacks={CALLBACK}) as running:
        yield running


@pytest.fixture
def github() -> Iterator[GitHubLogin]:
    with github_login.github_login(callback=CALLBACK) as running:
        yield running


def oidc_fields(issuer: OidcIssuer, **more: Any) -> dict[str, Any]:
    """Settings with this issuer."""
    login = {
        "kind": "oidc",
        "issuer": issuer.url,
        "client_id": oidc_issuer.CLIENT,
        "client_secret": issuer.secret,
        **more,
    }
    access = {"look": ["login:*@acme.com"], "decide": ["group:leads"]}
    return {"schema_version": 1, "session_keys": [key("a")], "login": login, "access": access}


@pytest.fixture
def site(issuer: OidcIssuer, clock: Clock) -> Site:
    """A site at which people of acme.com may look, and the group `leads` may decide."""
    return Site(oidc_fields(issuer), clock)


@pytest.fixture
def github_site(github: GitHubLogin, clock: Clock) -> Site:
    """A site whose project `shop` is for those who may read acme/shop."""
    fields = {
        "schema_version": 1,
        "session_keys": [key("a")],
        "login": {
            "kind": "github",
            "client_id": github_login.CLIENT,
            "client_secret": github_login.SECRET,
            "web": github.url,
            "api": github.api,
        },
        "repositories": {"shop": "acme/shop"},
    }
    permission = RepositoryPermission(github.api, lambda newer: github_login.TOKEN)
    return Site(fields, clock, permission)
