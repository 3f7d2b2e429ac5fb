"""A GitHub App in the functions: its keys from Systems Manager, check runs, and a press."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import boto3
import pytest

from handlers.conftest import Account, Context, event
from handlers.test_compare import WEB, png
from pixelgate.bootstrap_web import _permission, aws_notifier, aws_site, aws_webhook
from pixelgate.errors import NotFound, UsageError
from pixelgate.notify.check_run import GitHubChecks
from pixelgate.notify.http import Patience
from pixelgate.web.gate import Person
from pixelgate.web.http import Request
from support import github_app
from support.github import REPOSITORY, FakeGitHub, github_with_app
from support.github_app import APP_ID, FakeApp, delivery

CHANGED = "state-change.json"
NAME = "/acme/github-app"
CHECK = "pixelgate/web"
PRESS: dict[str, Any] = {
    "action": "requested_action",
    "requested_action": {"identifier": "pixelgate-approve"},
    "repository": {"full_name": REPOSITORY},
    "sender": {"login": "ada", "id": 1, "type": "User"},
}


@pytest.fixture
def fake(account: Account, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGitHub]:
    with github_with_app() as running:
        boto3.client("ssm").put_parameter(Name=NAME, Value=running.token, Type="SecureString")
        monkeypatch.setenv("PIXELGATE_GITHUB_APP", NAME)
        monkeypatch.setenv("PIXELGATE_GITHUB_REPOSITORIES", f"web={REPOSITORY}")
        monkeypatch.setenv("PIXELGATE_GITHUB_TOKEN_SECRET", "arn:of-an-older-token")
        monkeypatch.setenv("PIXELGATE_GITHUB_API", "https://api.github.com")
        monkeypatch.setenv("PIXELGATE_SITE_URL", "https://shots.example")
        monkeypatch.setenv("PIXELGATE_APPROVE_FROM_CHECK", "on")
        running.members["ada"] = ("maintain", 1)
        running.pull(12, "c0ffee")
        yield running


@pytest.fixture
def app(fake: FakeGitHub) -> FakeApp:
    assert fake.app is not None
    return fake.app


@pytest.fixture
def notify(fake: FakeGitHub) -> ModuleType:
    from pixelgate.handlers import notify

    notify.notifier.cache_clear()
    return notify


@pytest.fixture
def uploaded(account: Account) -> Account:
    """A pull request's build in which an image cannot be read: a person has to look."""
    account.upload(WEB, {"a.png": png(1), "b.png": b"garbage"}, pull_request=12, commit="c0ffee")
    account.deliver(WEB)
    return account


def test_event_becomes_check_run_and_comment(
    notify: ModuleType,
    uploaded: Account,
    fake: FakeGitHub,
    app: FakeApp,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert notify.handler(event(CHANGED), Context())["done"] == [
        "commit status failed",
        "comment created",
    ]
    assert notify.handler(event(CHANGED), Context())["done"] == []
    site = "https://shots.example/builds/web/4f2a9c1d"
    words = "1 left to review: 1 added, 1 errored"
    assert fake.shown("c0ffee", CHECK) == ("action_required", words, site)
    assert app.buttons("c0ffee", CHECK) == ["pixelgate-approve"]
    assert f"[Look at the report]({site})" in fake.bodies(12)[0]
    output = capsys.readouterr().out
    secrets = (github_app.SECRET, github_app.CLIENT_SECRET, "PRIVATE KEY", *app.tokens)
    assert not any(secret in output for secret in secrets)


def test_a_parameter_that_is_not_there_is_said_and_tried_again(
    notify: ModuleType, uploaded: Account
) -> None:
    boto3.client("ssm").delete_parameter(Name=NAME)
    with pytest.raises(NotFound, match="there is no parameter /acme/github-app"):
        notify.handler(event(CHANGED), Context())


def test_projects_of_an_app_have_check_runs(fake: FakeGitHub) -> None:
    forge = aws_notifier().forge("web", Patience())
    assert type(forge) is GitHubChecks
    assert aws_notifier().forge("other", Patience()) is None


# --- the webhook ----------------------------------------------------------------------------------


def press(app: FakeApp, **more: Any) -> Request:
    run = app.run("c0ffee", CHECK)
    assert run is not None
    shown = {"app": {"id": APP_ID}, "head_sha": "c0ffee", "external_id": run["external_id"]}
    headers, body = delivery({**PRESS, "check_run": shown}, **more)
    return Request("POST", "/github/webhook", "https://shots.example", headers=headers, body=body)


def test_a_press_becomes_a_review(notify: ModuleType, uploaded: Account, app: FakeApp) -> None:
    notify.handler(event(CHANGED), Context())
    hook = aws_webhook()
    assert hook is not None
    answer = hook(press(app))
    assert (answer.status, json.loads(answer.body)) == (
        202,
        {"review": "github-72d3162e-cc78-11e3"},
    )
    key = "reviews/web/4f2a9c1d/github-72d3162e-cc78-11e3.json"
    stored = uploaded.s3.get_object(Bucket=uploaded.bucket, Key=key)["Body"].read()
    review = json.loads(stored)
    assert review["on_behalf_of"] == {
        "issuer": "https://github.com",
        "subject": "1",
        "login": "ada",
    }
    assert review["execution"] == uploaded.status(WEB)["execution"]
    assert hook(press(app)).status == 200
    again = uploaded.s3.get_object(Bucket=uploaded.bucket, Key=key)["Body"].read()
    assert again == stored


def test_a_refused_press_keeps_the_link_to_the_site_that_was_asked(
    notify: ModuleType,
    uploaded: Account,
    fake: FakeGitHub,
    app: FakeApp,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    notify.handler(event(CHANGED), Context())
    fake.members["ada"] = ("read", 1)
    monkeypatch.setenv("PIXELGATE_SITE_URL", "")  # as with a function URL
    hook = aws_webhook()
    assert hook is not None
    assert json.loads(hook(press(app)).body) == {
        "not_approved": "ada may not write to acme/shop, which is needed to approve"
    }
    run = app.run("c0ffee", CHECK)
    assert run is not None
    assert run["details_url"] == "https://shots.example/builds/web/4f2a9c1d"
    assert run["output"]["summary"].startswith("> Not approved: ada may not write to acme/shop")
    assert "Contents" not in uploaded.s3.list_objects_v2(Bucket=uploaded.bucket, Prefix="reviews/")


def test_without_an_app_there_is_no_webhook(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert aws_webhook({"PIXELGATE_GITHUB_REPOSITORIES": REPOSITORY}) is None


def test_an_app_without_repositories_is_said(account: Account) -> None:
    with pytest.raises(UsageError, match="names no repository"):
        aws_webhook({"PIXELGATE_GITHUB_APP": NAME, "AWS_REGION": "us-east-1"})


# --- the review site ------------------------------------------------------------------------------

SITE = {"PIXELGATE_SITE": "function-url", "PIXELGATE_SITE_PARAMETER": "/acme/site"}


@pytest.fixture
def site_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SITE.items():
        monkeypatch.setenv(name, value)


def test_the_site_hands_presses_on(
    notify: ModuleType, uploaded: Account, app: FakeApp, site_settings: None
) -> None:
    notify.handler(event(CHANGED), Context())
    site = aws_site().site
    assert site.respond(press(app)).status == 202
    forged = site.respond(press(app, secret="another secret"))
    assert (forged.status, json.loads(forged.body)) == (
        401,
        {"error": "the signature is missing or wrong"},
    )


def test_a_site_without_an_app_has_no_webhook(
    notify: ModuleType,
    uploaded: Account,
    app: FakeApp,
    site_settings: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    notify.handler(event(CHANGED), Context())
    monkeypatch.delenv("PIXELGATE_GITHUB_APP")
    assert aws_site().site.respond(press(app)).status == 404


def test_the_site_asks_as_the_app_who_may_decide(fake: FakeGitHub, app: FakeApp) -> None:
    ask = _permission(os.environ)
    assert ask is not None
    assert ask(REPOSITORY, Person("https://github.com", "1", "ada")) == "write"
    assert ask(REPOSITORY, Person("https://github.com", "2", "nobody")) == "none"
    assert len(app.asked) == 2  # one token serves both
