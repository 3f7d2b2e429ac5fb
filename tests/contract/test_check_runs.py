"""A GitHub App: its tokens, and the check runs that it writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from pixelgate.errors import NoticeRefused, TryLater, UsageError
from pixelgate.notify.check_run import GitHubChecks
from pixelgate.notify.forge import CommitStatus, Details, State
from pixelgate.notify.github_app import App
from pixelgate.notify.http import Patience
from support import github_app
from support.forge import Answer
from support.github import REPOSITORY, FakeGitHub, github_with_app
from support.github_app import APP_ID, OTHER_APP, SLUG, FakeApp

SHA = "4f2a9c1d5b1e0a7c9d3f6e8b2a4c6d8e0f1a3b5c"
NAME = "pixelgate/shop"
URL = "https://shots.example/builds/shop/b1"
RUNNING = CommitStatus(State.RUNNING, "comparing", URL, Details("shop/b1/e1", "No result yet."))
RED = CommitStatus(
    State.FAILED,
    "1 left to review: 1 changed",
    URL,
    Details("shop/b1/e1", "- `a.png`\n", undecided=True, approvable=True),
)
GREEN = CommitStatus(State.PASSED, "approved: 1 changed", URL, Details("shop/b1/e1", "Fine."))


@dataclass
class Side:
    """The fake, the App's credentials as they are stored, and a clock."""

    fake: FakeGitHub
    app: FakeApp
    stored: str
    now: float = 1_767_323_045.0
    reads: list[bool] = field(default_factory=list)

    def read(self, newer: bool) -> str:
        self.reads.append(newer)
        return self.stored

    def open(self) -> App:
        return App(self.read, "/pixelgate/github-app", lambda: self.now)

    def connect(self, app: App | None = None, repository: str = REPOSITORY) -> GitHubChecks:
        patience = Patience(lambda: 900.0, lambda seconds: None, lambda: self.now, lambda: 0.0)
        return GitHubChecks(repository, app or self.open(), patience)

    def asked(self) -> list[tuple[str, str]]:
        """What was asked about tokens."""
        return [(request.method, request.path) for request in self.app.asked]


@pytest.fixture
def side() -> Iterator[Side]:
    with github_with_app() as fake:
        assert fake.app is not None
        made = Side(fake, fake.app, fake.token)
        fake.app.clock = lambda: made.now
        yield made


# --- what a check run shows -----------------------------------------------------------------------


def test_check_run_is_made_as_github_wants_it(side: Side) -> None:
    assert side.connect().set_commit_status(SHA, NAME, RED) is True
    read, sent = side.fake.requests
    assert (read.method, read.path) == (
        "GET",
        f"/repos/acme/shop/commits/{SHA}/check-runs?per_page=100&page=1"
        f"&check_name=pixelgate%2Fshop&app_id={APP_ID}&filter=latest",
    )
    assert (sent.method, sent.path) == ("POST", "/repos/acme/shop/check-runs")
    assert sent.body == {
        "name": "pixelgate/shop",
        "head_sha": SHA,
        "external_id": "shop/b1/e1",
        "status": "completed",
        "conclusion": "action_required",
        "details_url": URL,
        "output": {"title": "1 left to review: 1 changed", "summary": "- `a.png`"},
        "actions": [
            {
                "label": "Approve",
                "description": "Approve all changes without looking",
                "identifier": "pixelgate-approve",
            }
        ],
    }


@pytest.mark.parametrize(
    ("state", "more", "shown"),
    [
        (State.WAITING, {}, ("in_progress", None)),
        (State.RUNNING, {}, ("in_progress", None)),
        (State.PASSED, {}, ("completed", "success")),
        (State.PASSED, {"uncompared": True}, ("completed", "neutral")),
        (State.FAILED, {}, ("completed", "failure")),  # rejected
        (State.FAILED, {"undecided": True}, ("completed", "action_required")),
        (State.ERROR, {}, ("completed", "failure")),
    ],
)
def test_states_in_github_s_words(
    side: Side, state: State, more: dict[str, bool], shown: tuple[str, str | None]
) -> None:
    status = CommitStatus(state, "words", None, Details("shop/b1/e1", "words", **more))
    side.connect().set_commit_status(SHA, NAME, status)
    run = side.app.run(SHA, NAME)
    assert run is not None
    assert (run["status"], run["conclusion"]) == shown


def test_a_check_run_is_updated_in_place(side: Side) -> None:
    forge = side.connect()
    for status in (RUNNING, RED, GREEN):
        assert forge.set_commit_status(SHA, NAME, status) is True
        assert forge.set_commit_status(SHA, NAME, status) is False
    assert len(side.app.runs) == 1
    assert side.app.shown(SHA, NAME) == ("success", "approved: 1 changed", URL)
    assert [m for m, _ in side.fake.sent("POST", "PATCH")] == ["POST", "PATCH", "PATCH"]


def test_the_button_goes_with_the_approval(side: Side) -> None:
    forge = side.connect()
    forge.set_commit_status(SHA, NAME, RED)
    assert side.app.buttons(SHA, NAME) == ["pixelgate-approve"]
    forge.set_commit_status(SHA, NAME, GREEN)
    assert side.app.buttons(SHA, NAME) == []


def test_what_is_completed_gets_another_check_run_when_it_is_compared_again(side: Side) -> None:
    forge = side.connect()
    forge.set_commit_status(SHA, NAME, RED)
    again = replace(RUNNING, details=Details("shop/b2/e2", "No result yet."))
    assert forge.set_commit_status(SHA, NAME, again) is True
    assert [run["status"] for run in side.app.runs] == ["completed", "in_progress"]
    assert side.app.shown(SHA, NAME) == ("in_progress", "comparing", URL)


def test_a_change_that_github_does_not_make_gets_another_check_run(side: Side) -> None:
    forge = side.connect()
    forge.set_commit_status(SHA, NAME, RED)
    [kept] = side.app.runs
    page = {"total_count": 1, "check_runs": [kept]}
    side.fake.answers.extend([(200, {}, page), (200, {}, dict(kept))])  # it stays as it is
    assert forge.set_commit_status(SHA, NAME, GREEN) is True
    assert side.app.shown(SHA, NAME) == ("success", "approved: 1 changed", URL)
    assert len(side.app.runs) == 2


def test_a_check_run_of_another_app_with_our_name_is_left_alone(side: Side) -> None:
    number = side.app.add_run(SHA, NAME)
    assert side.connect().set_commit_status(SHA, NAME, RED) is True
    assert side.app.runs[0]["id"] == number
    assert side.app.runs[0]["conclusion"] == "success"
    assert len(side.app.runs) == 2


@pytest.mark.parametrize("letter", ["x", "é", "\N{GRINNING FACE}"])
def test_long_texts_are_cut_to_what_github_takes(side: Side, letter: str) -> None:
    long = "\n".join(letter * 200 for _ in range(400))
    status = CommitStatus(State.FAILED, letter * 400, URL, Details("shop/b1/e1", long))
    forge = side.connect()
    assert forge.set_commit_status(SHA, NAME, status) is True
    assert forge.set_commit_status(SHA, NAME, status) is False
    run = side.app.run(SHA, NAME)
    assert run is not None
    assert run["output"]["summary"].endswith("\n…")
    assert len(run["output"]["title"]) == 255


def test_a_comment_of_an_older_token_is_left_to_it(side: Side) -> None:
    forge = side.connect()
    foreign = side.fake.say(5, "one")
    refused: Answer = (403, {}, {"message": "Resource not accessible by integration"})
    side.fake.answers.extend([refused, refused])
    assert forge.edit_comment(5, foreign, "two") is False
    forge.delete_comment(5, foreign)
    assert side.fake.bodies(5) == ["one"]


@pytest.mark.parametrize(
    ("author", "own"),
    [
        ({"performed_via_github_app": {"id": APP_ID, "slug": "renamed"}}, True),
        ({"performed_via_github_app": {"id": OTHER_APP, "slug": SLUG}, "user": None}, False),
        ({"performed_via_github_app": None, "user": {"id": 13, "login": f"{SLUG}[bot]"}}, True),
        ({"performed_via_github_app": None, "user": {"id": 14, "login": SLUG}}, False),
        ({"user": None}, False),
    ],
)
def test_comments_of_the_app_are_its_own(side: Side, author: dict[str, Any], own: bool) -> None:
    said = side.fake.say(5, "one", **author)
    assert [comment.id for comment in side.connect().own_comments(5)] == [said] * own


def test_a_rate_limit_is_no_foreign_comment(side: Side) -> None:
    limit = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(side.now) + 5_000)}
    side.fake.answers.append((403, limit, {"message": "API rate limit exceeded"}))
    with pytest.raises(TryLater):
        side.connect().edit_comment(5, side.fake.say(5, "one"), "two")


# --- who may what ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("permission", "may"),
    [("admin", True), ("maintain", True), ("write", True), ("triage", False), ("read", False),
     ("none", False)],
)  # fmt: skip
def test_who_may_write(side: Side, permission: str, may: bool) -> None:
    side.fake.members["ada"] = (permission, 1)
    assert side.connect().may_write("ada", 1) is may


def test_a_login_that_somebody_else_took_may_not_write(side: Side) -> None:
    side.fake.members["ada"] = ("admin", 2)
    assert side.connect().may_write("ada", 1) is False


def test_who_is_unknown_may_not_write(side: Side) -> None:
    assert side.connect().may_write("nobody", 1) is False


def test_a_pull_request_is_read(side: Side) -> None:
    side.fake.pull(5, SHA)
    side.fake.pulls[6] = None
    forge = side.connect()
    found = forge.pull_request(5)
    assert found is not None
    assert found["head"]["sha"] == SHA
    assert forge.pull_request(6) is None


# --- the App's tokens -----------------------------------------------------------------------------


def test_a_token_is_asked_for_once_and_allows_no_more_than_is_needed(side: Side) -> None:
    app = side.open()
    side.connect(app).add_comment(5, "one")
    side.connect(app).add_comment(5, "two")
    assert side.asked() == [
        ("GET", "/repos/acme/shop/installation"),
        ("POST", f"/app/installations/{github_app.INSTALLATION}/access_tokens"),
    ]
    assert side.app.asked[1].body == {
        "repositories": ["shop"],
        "permissions": {"checks": "write", "metadata": "read", "pull_requests": "write"},
    }


def test_the_app_signs_for_nine_minutes_and_a_minute_back(side: Side) -> None:
    import jwt

    token = side.open().signed()
    claims = jwt.decode(token, options={"verify_signature": False})
    now = int(side.now)
    assert claims == {"iat": now - 60, "exp": now + 540, "iss": str(APP_ID)}
    assert jwt.get_unverified_header(token)["alg"] == "RS256"


def test_a_token_is_renewed_five_minutes_before_its_end(side: Side) -> None:
    app = side.open()
    side.connect(app).add_comment(5, "one")
    side.now += 3_299
    side.connect(app).add_comment(5, "two")
    assert len(side.asked()) == 2
    side.now += 2
    side.connect(app).add_comment(5, "three")
    assert len(side.asked()) == 4
    assert side.fake.bodies(5) == ["one", "two", "three"]


def test_a_token_that_was_revoked_is_asked_for_again_once(side: Side) -> None:
    app = side.open()
    side.connect(app).add_comment(5, "one")
    side.app.tokens.clear()
    side.connect(app).add_comment(5, "two")
    assert side.fake.bodies(5) == ["one", "two"]
    assert len(side.asked()) == 4


def test_a_new_key_is_read_again(side: Side) -> None:
    side.app.key = "second"
    newer = side.app.credentials(side.fake.url)

    def read(again: bool) -> str:
        return newer if again else side.stored

    app = App(read, "/pixelgate/github-app", lambda: side.now)
    side.connect(app).add_comment(5, "one")
    assert side.fake.bodies(5) == ["one"]


def test_a_wrong_key_is_refused_for_good(side: Side) -> None:
    side.app.key = "second"
    with pytest.raises(NoticeRefused, match="401 A JSON web token could not be decoded"):
        side.connect().add_comment(5, "one")
    assert len(side.asked()) == 2


def test_an_app_that_is_installed_nowhere_says_where_to_install_it(side: Side) -> None:
    side.app.repository = ""
    with pytest.raises(
        NoticeRefused,
        match=r"acme-pixelgate is not installed in acme/shop: install it at https://github\.com/",
    ):
        side.connect().add_comment(5, "one")


def test_permissions_that_were_not_granted_are_said(side: Side) -> None:
    del side.app.granted["checks"]
    with pytest.raises(NoticeRefused, match="422 The permissions requested are not granted"):
        side.connect().set_commit_status(SHA, NAME, RED)


def test_a_renamed_repository_is_followed_to_its_installation(side: Side) -> None:
    there = {"Location": f"{side.fake.url}/repos/acme/shop/installation"}
    side.app.answers.append((301, there, {"message": "Moved Permanently"}))
    with pytest.raises(NoticeRefused, match="422 There is at least one repository that does not"):
        side.connect(repository="acme/old-name").add_comment(5, "one")


@pytest.mark.parametrize(
    ("web", "page"),
    [
        ("https://github.com", "https://github.com/apps/acme-pixelgate"),
        ("https://acme.ghe.com", "https://acme.ghe.com/apps/acme-pixelgate"),
        ("https://git.acme.com", "https://git.acme.com/github-apps/acme-pixelgate"),
    ],
)
def test_the_page_of_an_app(side: Side, web: str, page: str) -> None:
    side.stored = side.app.credentials(side.fake.url, web=web)
    assert side.open().credentials().page == page


@pytest.mark.parametrize(
    "changes",
    [
        {"app_id": "4711"},
        {"app_id": 0},
        {"schema_version": 2},
        {"private_key": ""},
        {"client_secret": None},
        {"more": 1},
    ],
)
def test_credentials_that_are_wrong_are_said_without_a_secret(
    side: Side, changes: dict[str, Any]
) -> None:
    side.stored = side.app.credentials(side.fake.url, **changes)
    with pytest.raises(UsageError, match="the parameter /pixelgate/github-app holds no") as error:
        side.connect()
    [field] = changes
    assert f"({field}:" in str(error.value)
    secrets = (github_app.SECRET, github_app.CLIENT_SECRET, "PRIVATE KEY")
    assert not any(secret in str(error.value) for secret in secrets)


def test_a_key_that_is_none_is_said_without_it(side: Side) -> None:
    side.stored = side.app.credentials(side.fake.url, private_key="no key at all")
    with pytest.raises(UsageError, match="is no RSA key in PEM") as error:
        side.connect().add_comment(5, "one")
    assert "no key at all" not in str(error.value)


def test_secrets_are_in_no_representation(side: Side) -> None:
    shown = repr(side.open().credentials())
    secrets = (github_app.SECRET, github_app.CLIENT_SECRET, "PRIVATE KEY")
    assert not any(secret in shown for secret in secrets)


def test_tokens_are_never_sent_in_the_clear(side: Side) -> None:
    side.stored = json.dumps({**json.loads(side.stored), "api": "http://api.github.com"})
    with pytest.raises(UsageError, match="a forge's API must be https"):
        side.connect()
