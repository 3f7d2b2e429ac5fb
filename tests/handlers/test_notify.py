"""The notify function: an event of EventBridge becomes a commit status and a comment."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import boto3
import pytest
from PIL import Image

from handlers.conftest import Account, Context, event
from handlers.test_compare import WEB, metrics_in, png
from pixelgate.bootstrap import comment_pictures
from pixelgate.bootstrap_web import aws_notifier, repositories
from pixelgate.domain.keys import BuildId
from pixelgate.errors import TryLater, UsageError
from pixelgate.notify.github import GitHub
from pixelgate.notify.gitlab import GitLab
from pixelgate.notify.http import Patience
from pixelgate.notify.pictures import CommentPictures
from support import gitlab
from support.github import REPOSITORY, TOKEN, FakeGitHub, github
from support.images import png as plain_png
from support.log_lines import assert_is_recorded

CHANGED = "state-change.json"


@pytest.fixture
def fake() -> Iterator[FakeGitHub]:
    with github() as running:
        yield running


@pytest.fixture
def notify(account: Account, fake: FakeGitHub, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    secret = boto3.client("secretsmanager").create_secret(Name="github", SecretString=TOKEN)
    monkeypatch.setenv("PIXELGATE_GITHUB_TOKEN_SECRET", secret["ARN"])
    monkeypatch.setenv("PIXELGATE_GITHUB_REPOSITORIES", f"web={REPOSITORY}")
    monkeypatch.setenv("PIXELGATE_GITHUB_API", fake.url)
    monkeypatch.setenv("PIXELGATE_REPORT_URL", "https://reports.example/{key}")
    from pixelgate.handlers import notify

    notify.notifier.cache_clear()
    return notify


@pytest.fixture
def uploaded(account: Account) -> Account:
    """A pull request's build in which an image cannot be read: a person has to look."""
    account.upload(WEB, {"a.png": png(1), "b.png": b"garbage"}, pull_request=12, commit="c0ffee")
    account.deliver(WEB)
    return account


def test_event_becomes_status_and_comment(
    notify: ModuleType,
    uploaded: Account,
    fake: FakeGitHub,
    capsys: pytest.CaptureFixture[str],
) -> None:
    capsys.readouterr()
    answer = notify.handler(event(CHANGED), Context())
    assert answer == {
        "build": "web/4f2a9c1d",
        "done": ["commit status failed", "comment created"],
    }
    assert metrics_in(capsys.readouterr().out)["NoticesSent"] == 1
    found = fake.latest("c0ffee", "pixelgate/web")
    assert found is not None
    assert found["state"] == "failure"
    assert found["description"] == "1 left to review: 1 added, 1 errored"
    assert found["target_url"].startswith("https://reports.example/comparisons/web/4f2a9c1d/")
    [body] = fake.bodies(12)
    assert "- `b.png`" in body
    assert notify.handler(event(CHANGED), Context())["done"] == []


@pytest.mark.parametrize(("setting", "shown"), [("true", True), ("false", False), ("", False)])
def test_the_line_that_approves_is_shown_where_the_stack_is_told_so(
    notify: ModuleType,
    uploaded: Account,
    fake: FakeGitHub,
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    shown: bool,
) -> None:
    monkeypatch.setenv("PIXELGATE_COMMENT_COMMANDS", setting)
    notify.handler(event(CHANGED), Context())
    [body] = fake.bodies(12)
    assert ("\n/pixelgate approve web/4f2a9c1d." in body) is shown


def test_what_github_refuses_is_counted_and_not_tried_again(
    notify: ModuleType,
    uploaded: Account,
    fake: FakeGitHub,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = uploaded.status(WEB)
    fake.answers.append((404, {}, {"message": "Not Found"}))
    capsys.readouterr()
    answer = notify.handler(event(CHANGED), Context())
    assert answer["refused"].endswith("404 Not Found")
    assert_is_recorded("notification refused", caplog)
    output = capsys.readouterr().out
    assert metrics_in(output)["NoticesRefused"] == 1
    assert TOKEN not in output
    assert uploaded.status(WEB) == before


def test_what_may_succeed_later_is_raised(
    notify: ModuleType,
    uploaded: Account,
    fake: FakeGitHub,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake.answers.append((429, {"Retry-After": "120"}, {"message": "slow down"}))
    capsys.readouterr()
    with pytest.raises(TryLater):
        notify.handler(event(CHANGED), Context(seconds_left=60))
    assert metrics_in(capsys.readouterr().out)["NoticesRetried"] == 1
    fake.answers.append((503, {"Retry-After": "0"}, {"message": "unavailable"}))
    assert "comment created" in notify.handler(event(CHANGED), Context())["done"]


@pytest.mark.parametrize(
    "garbage",
    [
        {},
        {"detail": {}},
        {"detail": {"project": "web"}},
        {"detail": {"project": "a/b", "build": "b1"}},
        {"detail": {"project": "web", "build": 5}},
    ],
)
def test_other_events_are_ignored(
    notify: ModuleType, fake: FakeGitHub, garbage: dict[str, Any]
) -> None:
    assert "ignored" in notify.handler(garbage, Context())
    assert fake.requests == []


def test_projects_without_a_repository_are_skipped(
    notify: ModuleType, account: Account, fake: FakeGitHub
) -> None:
    other = event(CHANGED)
    other["detail"]["project"] = "docs"
    answer = notify.handler(other, Context())
    assert answer["skipped"] == "no repository is configured for project docs"
    assert fake.requests == []


def test_merge_request_of_gitlab_hears_of_it(
    notify: ModuleType,
    uploaded: Account,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("PIXELGATE_GITHUB_TOKEN_SECRET")
    secret = boto3.client("secretsmanager").create_secret(
        Name="gitlab", SecretString=json.dumps({"token": gitlab.TOKEN})
    )
    monkeypatch.setenv("PIXELGATE_GITLAB_TOKEN_SECRET", secret["ARN"])
    monkeypatch.setenv("PIXELGATE_GITLAB_REPOSITORIES", gitlab.REPOSITORY)
    with gitlab.gitlab() as fake:
        monkeypatch.setenv("PIXELGATE_GITLAB_API", fake.url)
        assert notify.handler(event(CHANGED), Context())["done"] == [
            "commit status failed",
            "comment created",
        ]
        assert notify.handler(event(CHANGED), Context())["done"] == []
        shown = fake.shown("c0ffee", "pixelgate/web")
        assert shown is not None
        assert shown[:2] == ("failed", "1 left to review: 1 added, 1 errored")
        assert len(fake.bodies(12)) == 1
    assert gitlab.TOKEN not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ("acme/shop", {"*": "acme/shop"}),
        ("shop=acme/shop, web=acme/web.site", {"shop": "acme/shop", "web": "acme/web.site"}),
        ("shop=acme/shop,acme/all", {"shop": "acme/shop", "*": "acme/all"}),
    ],
)
def test_repositories_are_read(named: str, found: dict[str, str]) -> None:
    assert repositories(named, GitHub.REPOSITORY) == found
    assert repositories(named, GitLab.REPOSITORY) == found


def test_subgroups_are_of_gitlab() -> None:
    named = "shop=acme/web/shop,acme/web/design/all"
    found = {"shop": "acme/web/shop", "*": "acme/web/design/all"}
    assert repositories(named, GitLab.REPOSITORY) == found
    with pytest.raises(UsageError, match="'acme/web/shop' is no repository"):
        repositories(named, GitHub.REPOSITORY)


@pytest.mark.parametrize(
    "named", ["", " , ", "acme", "shop=acme", "https://github.com/acme/shop", "acme/..", "acme/a b"]
)
def test_what_names_no_repository_is_said(named: str) -> None:
    for pattern in (GitHub.REPOSITORY, GitLab.REPOSITORY):
        with pytest.raises(UsageError, match="no repository"):
            repositories(named, pattern)


TABLE = {"PIXELGATE_BUCKET": "b", "PIXELGATE_TABLE": "t"}


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"PIXELGATE_GITHUB_REPOSITORIES": "acme/shop"},
        {"PIXELGATE_GITLAB_TOKEN_SECRET": "arn", "PIXELGATE_GITLAB_REPOSITORIES": ""},
        {"PIXELGATE_GITHUB_TOKEN_SECRET": "", "PIXELGATE_GITHUB_REPOSITORIES": "acme/shop"},
    ],
)
def test_notifier_says_what_it_lacks(account: Account, environ: dict[str, str]) -> None:
    with pytest.raises(
        UsageError, match=r"no repository .* PIXELGATE_GITHUB_\w+ .* or PIXELGATE_GITLAB_"
    ):
        aws_notifier(TABLE | environ)


BOTH = {
    "PIXELGATE_GITHUB_TOKEN_SECRET": "arn:github",
    "PIXELGATE_GITHUB_REPOSITORIES": "shop=acme/shop,web=acme/web",
    "PIXELGATE_GITLAB_TOKEN_SECRET": "arn:gitlab",
}


def test_projects_may_be_on_different_forges(account: Account) -> None:
    environ = TABLE | BOTH | {"PIXELGATE_GITLAB_REPOSITORIES": "docs=acme/a/docs,acme/a/all"}
    made = aws_notifier(environ)
    for project, kind in [("shop", GitHub), ("web", GitHub), ("docs", GitLab), ("new", GitLab)]:
        assert type(made.forge(project, Patience())) is kind


def test_a_project_is_on_one_forge(account: Account) -> None:
    environ = TABLE | BOTH | {"PIXELGATE_GITLAB_REPOSITORIES": "web=acme/a/web"}
    with pytest.raises(UsageError, match="project web has a repository on two forges"):
        aws_notifier(environ)


def test_the_event_file_tells_of_a_review(account: Account) -> None:
    assert json.loads(json.dumps(event(CHANGED)))["detail"]["review"]["revision"] == 2


def test_pictures_are_drawn_and_attached_where_the_stack_asks_for_it(
    notify: ModuleType, account: Account, fake: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixelgate.notify.github.uploads_of", lambda api: api)
    base, images = BuildId("web", "base"), {"a.png": png(1), "b.png": b"garbage"}
    account.upload(base, {"a.png": plain_png((40, 40), (255, 255, 255))})
    account.deliver(base)
    monkeypatch.setenv("PIXELGATE_COMMENT_PICTURES", "attach")
    account.compare.service.cache_clear()
    account.upload(WEB, images, pull_request=12, branch="topic", commit="c0ffee", base_build="base")
    account.deliver(WEB)
    assert notify.handler(event(CHANGED), Context())["done"] == [
        "commit status failed",
        "comment created",
    ]
    [picture] = fake.attachments.values()
    with Image.open(io.BytesIO(picture)) as opened:
        assert (opened.format, opened.width) == ("PNG", 976)
    [url] = fake.attachments
    assert f"![Base, head and difference of a.png]({url})" in fake.bodies(12)[0]
    assert notify.handler(event(CHANGED), Context())["done"] == []


def test_an_unknown_way_to_show_pictures_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="PIXELGATE_COMMENT_PICTURES is 'yes'"):
        comment_pictures({"PIXELGATE_COMMENT_PICTURES": "yes"})
    assert comment_pictures({}) is CommentPictures.OFF
