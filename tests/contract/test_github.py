"""What is sent to GitHub, and what is made of what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from pixelgate.aws.secrets import SecretToken
from pixelgate.errors import NoticeRefused, NotTold, TryLater, UsageError
from pixelgate.notify.github import GitHub
from pixelgate.ports import Comment, CommitStatus
from support.github import REPOSITORY, TOKEN, FakeGitHub, Request, github

SHA = "4f2a9c1d5b1e0a7c9d3f6e8b2a4c6d8e0f1a3b5c"
CONTEXT = "pixelgate/shop"
RED = CommitStatus("failure", "1 left to review: 1 changed", "https://example.com/report")
NOW = 1_767_323_045.0


@pytest.fixture
def fake() -> Iterator[FakeGitHub]:
    with github() as running:
        yield running


@pytest.fixture
def waits() -> list[float]:
    """How long the adapter has waited, in seconds, each time."""
    return []


@pytest.fixture
def forge(fake: FakeGitHub, waits: list[float]) -> GitHub:
    return connect(fake, waits)


def connect(fake: FakeGitHub, waits: list[float], left: float = 900.0, **changes: Any) -> GitHub:
    return GitHub(
        changes.pop("token", lambda newer: TOKEN),
        fake.url,
        time_left=lambda: left - sum(waits),
        sleep=waits.append,
        clock=lambda: NOW,
        jitter=lambda: 0.0,
        **changes,
    )


def test_commit_status_is_sent_as_github_wants_it(fake: FakeGitHub, forge: GitHub) -> None:
    forge.set_commit_status(REPOSITORY, SHA, CONTEXT, RED)
    [sent] = fake.requests
    ours = {"accept", "authorization", "content-type", "user-agent", "x-github-api-version"}
    assert (sent.method, sent.path) == ("POST", f"/repos/acme/shop/statuses/{SHA}")
    assert {name: sent.headers[name] for name in ours} == {
        "accept": "application/vnd.github+json",
        "authorization": f"Bearer {TOKEN}",
        "content-type": "application/json",
        "user-agent": "pixelgate",
        "x-github-api-version": "2022-11-28",
    }
    assert sent.body == {
        "state": "failure",
        "context": CONTEXT,
        "description": "1 left to review: 1 changed",
        "target_url": "https://example.com/report",
    }


def test_status_leads_nowhere_without_a_report(fake: FakeGitHub, forge: GitHub) -> None:
    forge.set_commit_status(REPOSITORY, SHA, CONTEXT, CommitStatus("pending", "comparing"))
    assert "target_url" not in fake.requests[0].body
    assert forge.commit_status(REPOSITORY, SHA, CONTEXT) == CommitStatus("pending", "comparing")


def test_latest_status_of_the_context_is_read(fake: FakeGitHub, forge: GitHub) -> None:
    assert forge.commit_status(REPOSITORY, SHA, CONTEXT) is None
    for n in range(150):
        other = CommitStatus("success", str(n))
        forge.set_commit_status(REPOSITORY, SHA, f"other/{n}", other)
    forge.set_commit_status(REPOSITORY, SHA, CONTEXT, CommitStatus("pending", "comparing"))
    forge.set_commit_status(REPOSITORY, SHA, CONTEXT, RED)
    assert forge.commit_status(REPOSITORY, SHA, CONTEXT) == RED
    path = f"/repos/acme/shop/commits/{SHA}/status"
    assert fake.sent("GET")[-2:] == [
        ("GET", f"{path}?per_page=100&page=1"),
        ("GET", f"{path}?per_page=100&page=2"),
    ]


def test_comments_are_written_read_edited_and_deleted(fake: FakeGitHub, forge: GitHub) -> None:
    first = forge.add_comment(REPOSITORY, 5, "one")
    second = forge.add_comment(REPOSITORY, 5, "two")
    assert forge.edit_comment(REPOSITORY, first, "three") is True
    assert forge.comments(REPOSITORY, 5) == [Comment(first, "three"), Comment(second, "two")]
    forge.delete_comment(REPOSITORY, second)
    assert fake.bodies(5) == ["three"]
    assert fake.sent("POST", "PATCH", "DELETE") == [
        ("POST", "/repos/acme/shop/issues/5/comments"),
        ("POST", "/repos/acme/shop/issues/5/comments"),
        ("PATCH", f"/repos/acme/shop/issues/comments/{first}"),
        ("DELETE", f"/repos/acme/shop/issues/comments/{second}"),
    ]
    assert [r.body for r in fake.requests if r.method in {"POST", "PATCH"}] == [
        {"body": "one"},
        {"body": "two"},
        {"body": "three"},
    ]


def test_all_pages_of_comments_are_read(fake: FakeGitHub, forge: GitHub) -> None:
    ids = [fake.say(5, f"comment {n}") for n in range(250)]
    assert [c.id for c in forge.comments(REPOSITORY, 5)] == ids
    assert len(fake.sent("GET")) == 3


def test_comment_that_somebody_deleted_is_no_failure(forge: GitHub) -> None:
    assert forge.edit_comment(REPOSITORY, 1, "x") is False
    forge.delete_comment(REPOSITORY, 1)


def test_odd_commits_stay_one_part_of_the_path(fake: FakeGitHub, forge: GitHub) -> None:
    forge.set_commit_status(REPOSITORY, "../../user", CONTEXT, RED)
    assert fake.sent("POST") == [("POST", "/repos/acme/shop/statuses/..%2F..%2Fuser")]


def test_enterprise_server_has_its_api_below_a_path(waits: list[float]) -> None:
    with github("/api/v3") as fake:
        connect(fake, waits).add_comment(REPOSITORY, 5, "one")
        assert fake.sent() == [("POST", "/api/v3/repos/acme/shop/issues/5/comments")]


# --- tried again ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "headers", "message", "wait"),
    [
        pytest.param(500, {}, "", 1.0, id="500"),
        pytest.param(502, {}, "", 1.0, id="502"),
        pytest.param(503, {"Retry-After": "7"}, "", 7.0, id="503 with Retry-After"),
        pytest.param(0, {}, "", 1.0, id="the connection breaks"),
        pytest.param(429, {"Retry-After": "30"}, "", 30.0, id="429 with Retry-After"),
        pytest.param(429, {}, "", 60.0, id="429"),
        pytest.param(429, {"Retry-After": "Fri, 02 Jan 2026 03:04:25 GMT"}, "", 20.0, id="a date"),
        pytest.param(403, {"Retry-After": "5"}, "secondary", 5.0, id="secondary limit"),
        pytest.param(
            403, {}, "You have exceeded a secondary rate limit", 60.0, id="the same in words only"
        ),
        pytest.param(
            403,
            {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW) + 40)},
            *("API rate limit exceeded", 40.0),
            id="primary limit",
        ),
        pytest.param(
            429,
            {
                "Retry-After": "3",
                "X-RateLimit-Remaining": "0",
                "X-RateLimit-Reset": str(int(NOW) + 40),
            },
            *("", 3.0),
            id="Retry-After comes first",
        ),
    ],
)
def test_waits_as_long_as_it_is_asked_to(
    fake: FakeGitHub,
    forge: GitHub,
    waits: list[float],
    status: int,
    headers: dict[str, str],
    message: str,
    wait: float,
) -> None:
    fake.answers.append((status, headers, {"message": message}))
    forge.set_commit_status(REPOSITORY, SHA, CONTEXT, RED)
    assert waits == [wait]
    assert len(fake.statuses[SHA]) == 1
    assert len(fake.requests) == 2


def test_waits_twice_as_long_each_time_and_gives_up(
    fake: FakeGitHub, forge: GitHub, waits: list[float]
) -> None:
    fake.answers.extend([(502, {}, None)] * 5)
    with pytest.raises(NotTold, match=rf"POST /repos/acme/shop/statuses/{SHA}: 502"):
        forge.set_commit_status(REPOSITORY, SHA, CONTEXT, RED)
    assert waits == [1.0, 2.0, 4.0, 8.0]
    assert len(fake.requests) == 5


def test_several_workers_do_not_come_back_at_once(fake: FakeGitHub, waits: list[float]) -> None:
    fake.answers.append((502, {}, None))
    forge = GitHub(lambda newer: TOKEN, fake.url, sleep=waits.append, jitter=lambda: 0.5)
    forge.add_comment(REPOSITORY, 5, "one")
    assert waits == [1.25]


def test_longer_waits_than_the_worker_has_are_for_another_worker(
    fake: FakeGitHub, waits: list[float]
) -> None:
    fake.answers.append((429, {"Retry-After": "3600"}, {"message": "slow down"}))
    with pytest.raises(TryLater, match="429 slow down; it asks for 3600 s, more than is left"):
        connect(fake, waits, left=100).add_comment(REPOSITORY, 5, "one")
    assert (waits, len(fake.requests)) == ([], 1)


# --- not tried again ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "Problems parsing JSON"),
        (403, "Resource not accessible by personal access token"),
        (404, "Not Found"),
        (410, "Gone"),
        (422, "No commit found for SHA"),
    ],
)
def test_terminal_answers_are_not_asked_for_again(
    fake: FakeGitHub, forge: GitHub, waits: list[float], status: int, message: str
) -> None:
    fake.answers.append((status, {}, {"message": message}))
    with pytest.raises(NoticeRefused, match=f"{status} {message}"):
        forge.add_comment(REPOSITORY, 5, "one")
    assert (waits, len(fake.requests)) == ([], 1)


def test_redirect_does_not_take_the_token_elsewhere(fake: FakeGitHub, forge: GitHub) -> None:
    elsewhere = fake.url.replace("127.0.0.1", "localhost")
    for place in (f"{elsewhere}/repos/acme/shop/issues/5/comments", f"{fake.url}.evil.example/"):
        fake.answers.append((307, {"Location": place}, {"message": "moved"}))
        with pytest.raises(NoticeRefused, match="307 moved"):
            forge.add_comment(REPOSITORY, 5, "one")
    assert len(fake.requests) == 2


def test_renamed_repository_is_followed(fake: FakeGitHub, forge: GitHub) -> None:
    there = f"{fake.url}/repos/acme/shop/issues/5/comments"
    fake.answers.append((307, {"Location": there}, {"message": "Temporary Redirect"}))
    forge.add_comment("acme/old-name", 5, "one")
    assert fake.bodies(5) == ["one"]


@pytest.mark.parametrize("url", ["http://api.github.com", "ftp://x", "api.github.com"])
def test_token_is_never_sent_in_the_clear(url: str) -> None:
    with pytest.raises(UsageError, match="GitHub's API must be https"):
        GitHub(lambda newer: TOKEN, url)


# --- the token ------------------------------------------------------------------------------------


def test_renewed_token_is_read_once_more(fake: FakeGitHub, waits: list[float]) -> None:
    asked: list[bool] = []

    def token(newer: bool) -> str:
        asked.append(newer)
        return TOKEN if newer else "revoked"

    connect(fake, waits, token=token).add_comment(REPOSITORY, 5, "one")
    assert asked == [False, True]
    assert fake.bodies(5) == ["one"]


def test_wrong_token_is_refused_for_good(fake: FakeGitHub, waits: list[float]) -> None:
    forge = connect(fake, waits, token=lambda newer: "wrong")
    with pytest.raises(NoticeRefused, match="401 Bad credentials"):
        forge.add_comment(REPOSITORY, 5, "one")
    assert (waits, len(fake.requests)) == ([], 2)


Secret = Callable[[str], SecretToken]


@pytest.mark.parametrize(
    ("said", "token"),
    [("ghp_1", "ghp_1"), ("ghp_1\n", "ghp_1"), ('{"token": "ghp_1", "user": "x"}', "ghp_1")],
)
def test_secret_holds_the_token(said: str, token: str) -> None:
    client = boto3.client(
        "secretsmanager", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    with Stubber(client) as stub:
        stub.add_response("get_secret_value", {"SecretString": said}, {"SecretId": "arn"})
        read = SecretToken(client, "arn", clock=lambda: 0.0)
        assert (read(), read()) == (token, token)


def test_secret_is_read_again_after_five_minutes_or_when_it_is_asked_to() -> None:
    client = boto3.client(
        "secretsmanager", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    now = [0.0]
    with Stubber(client) as stub:
        for said in ("one", "two", "three"):
            stub.add_response("get_secret_value", {"SecretString": said})
        read = SecretToken(client, "arn", clock=lambda: now[0])
        assert (read(), read(True), read()) == ("one", "two", "two")
        now[0] = 301.0
        assert read() == "three"


@pytest.mark.parametrize("said", [" ", "{}", "{", '{"token": 5}', "two words\nand lines", "tökén"])
def test_what_is_no_token_is_said_without_saying_it(said: str) -> None:
    client = boto3.client(
        "secretsmanager", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    with Stubber(client) as stub:
        stub.add_response("get_secret_value", {"SecretString": said})
        with pytest.raises(UsageError) as raised:
            SecretToken(client, "arn")()
    message = "the secret must hold the token, or JSON with the token as 'token'"
    assert str(raised.value) == message


def test_the_fake_objects_as_github_does(fake: FakeGitHub) -> None:
    good = {
        "authorization": f"Bearer {TOKEN}",
        "accept": "application/vnd.github+json",
        "user-agent": "x",
        "x-github-api-version": "2022-11-28",
    }
    path = f"/repos/{REPOSITORY}/statuses/{SHA}"
    body = {"state": "success", "context": "c", "description": "d"}
    assert fake.handle(Request("POST", path, good, body))[0] == 201
    for changed, status in [
        (Request("POST", path, {**good, "authorization": "Bearer x"}, body), 401),
        (Request("POST", path, {**good, "accept": "text/html"}, body), 415),
        (Request("POST", path, good, {**body, "state": "red"}), 422),
        (Request("POST", path, good, {**body, "description": "x" * 141}), 422),
        (Request("POST", path, good, {**body, "target_url": "s3://x"}), 422),
        (Request("POST", "/repos/acme/other/statuses/1", good, body), 404),
        (Request("POST", f"/repos/{REPOSITORY}/issues/1/comments", good, {"text": "x"}), 422),
    ]:
        assert fake.handle(changed)[0] == status
