"""`pixelgate github-app`: what is stored, what is said, and what is kept secret."""

from __future__ import annotations

import json
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from pixelgate import bootstrap
from pixelgate.client import github_app as client
from pixelgate.errors import BucketError, NotFound, WriteConflict
from pixelgate.notify.github_app import Credentials
from support import github_app

from .conftest import Cli

NAME = "/acme/github-app"
SECRETS = (github_app.SECRET, github_app.CLIENT_SECRET, "PRIVATE KEY")


@dataclass
class Stored:
    """A parameter in memory, and what a person's machine was asked to open."""

    name: str = NAME
    value: str | None = None
    writes: Callable[[str], None] = lambda value: None
    opened: list[str] = field(default_factory=list)
    wanted: list[client.Wanted] = field(default_factory=list)
    outputs: dict[str, str] | None = None

    def read(self) -> str:
        if self.value is None:
            raise NotFound(f"there is no parameter {self.name}")
        return self.value

    def create(self, value: str) -> None:
        self.writes(value)
        if self.value is not None:
            raise WriteConflict(self.name)
        self.value = value

    def write(self, value: str) -> None:
        self.writes(value)
        self.value = value


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> Stored:
    made = Stored()
    credentials = Credentials.parse(
        github_app.FakeApp("acme/shop").credentials("https://api.github.com"), NAME
    )

    def make_app(wanted: client.Wanted, show: Callable[[str], None], *more: Any) -> Credentials:
        made.wanted.append(wanted)
        show("http://127.0.0.1:1234/token")
        return credentials

    class Described:
        def describe(self) -> dict[str, Any]:
            if made.outputs is None:
                raise NotFound("acme")
            outputs = [{"OutputKey": k, "OutputValue": v} for k, v in made.outputs.items()]
            return {"Outputs": outputs}

    def open_parameter(name: str, region: str | None = None) -> Stored:
        made.name = name
        return made

    monkeypatch.setattr(bootstrap, "open_parameter", open_parameter)
    monkeypatch.setattr(bootstrap, "open_stack", lambda name, region=None: Described())
    monkeypatch.setattr(client, "make_app", make_app)
    monkeypatch.setattr(webbrowser, "open", made.opened.append)
    return made


def test_an_app_is_made_and_stored(run: Cli, stored: Stored) -> None:
    done = run("github-app", "create", "--stack", "acme", "--org", "acme")
    assert (done.code, done.out) == (0, "")
    assert stored.name == NAME
    assert stored.wanted == [client.Wanted("pixelgate-acme", organisation="acme")]
    assert stored.opened == ["http://127.0.0.1:1234/token"]
    assert stored.value is not None
    assert json.loads(stored.value).keys() == {
        "schema_version", "app_id", "slug", "client_id", "client_secret", "webhook_secret",
        "private_key", "web", "api",
    }  # fmt: skip
    assert Credentials.parse(stored.value, NAME).private_key == github_app.private_key()
    assert "https://github.com/apps/acme-pixelgate/installations/new" in done.err
    assert "--parameter GitHubApp=/acme/github-app --parameter GitHubRepositories=" in done.err
    assert "It has no webhook" in done.err
    assert not any(secret in done.err for secret in SECRETS)


def test_the_site_of_the_stack_gets_the_webhook(run: Cli, stored: Stored) -> None:
    stored.outputs = {"SiteUrl": "https://shots.example"}
    done = run("github-app", "create", "--stack", "acme", "--no-browser")
    assert (done.code, stored.opened) == (0, [])
    assert stored.wanted[0].site == "https://shots.example"
    assert "http://127.0.0.1:1234/token" in done.err
    assert "no webhook" not in done.err
    run("github-app", "create", "--stack", "acme", "--replace", "--site", "https://other.example/")
    assert stored.wanted[1].site == "https://other.example"


def test_json_has_no_secret(run: Cli, stored: Stored) -> None:
    expected = {
        "app_id": 4711,
        "slug": "acme-pixelgate",
        "page": "https://github.com/apps/acme-pixelgate",
        "install": "https://github.com/apps/acme-pixelgate/installations/new",
        "api": "https://api.github.com",
        "webhook": True,
        "parameter": NAME,
    }
    assert run("github-app", "create", "--stack", "acme", "--json").json == expected
    assert run("github-app", "show", "--stack", "acme", "--json").json == expected
    shown = run("github-app", "show", "--stack", "acme")
    assert "slug       acme-pixelgate\n" in shown.out
    assert not any(secret in shown.out + shown.err for secret in SECRETS)


def test_an_app_is_not_replaced_by_mistake(run: Cli, stored: Stored) -> None:
    stored.value = "what is there"
    done = run("github-app", "create", "--stack", "acme")
    assert (done.code, stored.value, stored.wanted) == (2, "what is there", [])
    assert "there is a GitHub App in /acme/github-app already" in done.err
    assert "--replace stores another one" in done.err
    assert run("github-app", "create", "--stack", "acme", "--replace").code == 0
    assert stored.value != "what is there"


def test_an_app_that_somebody_else_stores_meanwhile_is_kept(run: Cli, stored: Stored) -> None:
    def meanwhile(value: str) -> None:
        stored.value = "theirs"

    stored.writes = meanwhile
    done = run("github-app", "create", "--stack", "acme")
    assert (done.code, stored.value) == (2, "theirs")
    assert "its keys could not be stored and are lost: there is a GitHub App in" in done.err


def test_keys_that_aws_does_not_take_are_said_to_be_lost(run: Cli, stored: Stored) -> None:
    def refuse(value: str) -> None:
        raise BucketError("AWS refuses ssm:PutParameter")

    stored.writes = refuse
    done = run("github-app", "create", "--stack", "acme")
    assert done.code == 2
    assert "GitHub has made https://github.com/apps/acme-pixelgate, but its keys could" in done.err
    assert "AWS refuses ssm:PutParameter. Delete the App on GitHub" in done.err
    assert not any(secret in done.err for secret in SECRETS)


def test_a_stack_without_an_app(run: Cli, stored: Stored) -> None:
    done = run("github-app", "show", "--stack", "acme")
    assert done.code == 2
    assert "there is no parameter /acme/github-app: the stack has no GitHub App" in done.err


def test_a_parameter_that_is_no_app(run: Cli, stored: Stored) -> None:
    stored.value = '{"private_key": "PRIVATE KEY"}'
    done = run("github-app", "show", "--stack", "acme")
    assert done.code == 2
    assert "the parameter /acme/github-app holds no GitHub App (schema_version:" in done.err
    assert "PRIVATE KEY" not in done.err
