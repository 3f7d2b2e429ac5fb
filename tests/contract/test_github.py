"""What is sent to GitHub, and to no other forge."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pixelgate.errors import NoticeRefused, TryLater, UsageError
from pixelgate.notify.forge import Comment, CommitStatus, State
from pixelgate.notify.github import GitHub, uploads_of
from pixelgate.notify.http import Patience
from support.forge import Request
from support.github import REPOSITORY, REPOSITORY_ID, TOKEN, FakeGitHub, github

SHA = "4f2a9c1d5b1e0a7c9d3f6e8b2a4c6d8e0f1a3b5c"
CONTEXT = "pixelgate/shop"
RED = CommitStatus(State.FAILED, "1 left to review: 1 changed", "https://example.com/report")


@pytest.fixture
def fake() -> Iterator[FakeGitHub]:
    with github() as running:
        yield running


@pytest.fixture
def forge(fake: FakeGitHub) -> GitHub:
    return GitHub(REPOSITORY, lambda newer: TOKEN, fake.url)


def test_commit_status_is_sent_as_github_wants_it(fake: FakeGitHub, forge: GitHub) -> None:
    forge.set_commit_status(SHA, CONTEXT, RED)
    read, sent = fake.requests
    path = f"/repos/acme/shop/commits/{SHA}/status?per_page=100&page=1"
    assert (read.method, read.path) == ("GET", path)
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


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (State.WAITING, "pending"),
        (State.RUNNING, "pending"),
        (State.PASSED, "success"),
        (State.FAILED, "failure"),
        (State.ERROR, "error"),
    ],
)
def test_states_in_github_s_words(fake: FakeGitHub, forge: GitHub, state: State, word: str) -> None:
    forge.set_commit_status(SHA, CONTEXT, CommitStatus(state, "words"))
    assert fake.shown(SHA, CONTEXT) == (word, "words", None)


def test_the_latest_status_of_the_name_is_looked_for_on_all_pages(
    fake: FakeGitHub, forge: GitHub
) -> None:
    for n in range(150):
        other = {"state": "success", "context": f"o/{n}", "description": "", "target_url": None}
        fake.statuses.setdefault(SHA, []).append(other)
    assert forge.set_commit_status(SHA, CONTEXT, RED) is True
    assert forge.set_commit_status(SHA, CONTEXT, RED) is False
    path = f"/repos/acme/shop/commits/{SHA}/status"
    assert fake.sent("GET")[-2:] == [
        ("GET", f"{path}?per_page=100&page=1"),
        ("GET", f"{path}?per_page=100&page=2"),
    ]


def test_comments_are_numbered_by_repository(fake: FakeGitHub, forge: GitHub) -> None:
    first = forge.add_comment(5, "one")
    forge.edit_comment(5, first, "two")
    assert forge.own_comments(5) == [Comment(first, "two")]
    forge.delete_comment(5, first)
    assert fake.sent("POST", "PATCH", "DELETE") == [
        ("POST", "/repos/acme/shop/issues/5/comments"),
        ("PATCH", f"/repos/acme/shop/issues/comments/{first}"),
        ("DELETE", f"/repos/acme/shop/issues/comments/{first}"),
    ]


def test_enterprise_server_has_its_api_below_a_path() -> None:
    with github("/api/v3") as fake:
        GitHub(REPOSITORY, lambda newer: TOKEN, fake.url).add_comment(5, "one")
        assert fake.sent() == [("POST", "/api/v3/repos/acme/shop/issues/5/comments")]


@pytest.mark.parametrize("path", ["acme", "acme/web/shop", "acme/..", "../shop", "acme/shop?x", ""])
def test_a_repository_is_an_owner_and_a_name(path: str) -> None:
    with pytest.raises(UsageError, match="is no repository"):
        GitHub(path, lambda newer: TOKEN)


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


@pytest.mark.parametrize(
    ("role", "permission"),
    [("admin", "admin"), ("maintain", "write"), ("write", "write"), ("triage", "read"),
     ("read", "read"), ("none", "none")],
)  # fmt: skip
def test_the_permission_of_an_account(
    fake: FakeGitHub, forge: GitHub, role: str, permission: str
) -> None:
    fake.members = {"ada": (role, 7)}
    assert forge.permission("ada") == (permission, 7)
    assert fake.sent() == [("GET", "/repos/acme/shop/collaborators/ada/permission")]


def test_an_account_that_is_none_may_do_nothing(fake: FakeGitHub, forge: GitHub) -> None:
    assert forge.permission("a/../b c") == ("none", None)
    assert fake.sent() == [("GET", "/repos/acme/shop/collaborators/a%2F..%2Fb%20c/permission")]


@pytest.mark.parametrize(("head", "is_fork"), [(REPOSITORY_ID, False), (99, True), (None, True)])
def test_a_pull_request_of_another_repository_is_a_fork_s(
    fake: FakeGitHub, forge: GitHub, head: int | None, is_fork: bool
) -> None:
    fake.from_forks = {5: head}
    assert forge.is_from_fork(5) is is_fork


def test_a_reaction_is_added_to_the_comment(fake: FakeGitHub, forge: GitHub) -> None:
    comment = fake.say(5, "/pixelgate approve x")
    forge.react(comment, "+1")
    assert fake.reactions == {comment: ["+1"]}


# --- attachments ----------------------------------------------------------------------------------

PICTURE = b"\x89PNG\r\n\x1a\n of a test"


def attaching(fake: FakeGitHub, token: str = TOKEN) -> GitHub:
    fake.token = token
    patience = Patience(sleep=lambda seconds: None)
    return GitHub(REPOSITORY, lambda newer: token, fake.url, patience, uploads=fake.url)


def test_a_picture_is_uploaded_as_github_wants_it(fake: FakeGitHub) -> None:
    forge = attaching(fake)
    urls = [forge.attach("a b.png", PICTURE), forge.attach("c.png", PICTURE + b"2")]
    assert list(fake.attachments.items()) == [(urls[0], PICTURE), (urls[1], PICTURE + b"2")]
    asked, first, _ = fake.requests  # the repository's number is asked for once
    assert (asked.method, asked.path) == ("GET", "/repos/acme/shop")
    assert (first.method, first.path) == (
        "POST",
        "/user-attachments/assets?name=a%20b.png&content_type=image%2Fpng&repository_id=22",
    )
    assert first.headers["content-type"] == "application/octet-stream"
    assert first.headers["accept"] == "application/vnd.github+json"
    assert first.headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("kind", ["gho_", "ghp_", "github_pat_"])
def test_tokens_of_persons_attach(fake: FakeGitHub, kind: str) -> None:
    assert attaching(fake, f"{kind}1").attach("a.png", PICTURE) in fake.attachments


@pytest.mark.parametrize("kind", ["ghs_", "ghu_", "other"])
def test_with_another_kind_of_token_nothing_is_asked(fake: FakeGitHub, kind: str) -> None:
    with pytest.raises(NoticeRefused, match="token of a person only"):
        attaching(fake, f"{kind}1").attach("a.png", PICTURE)
    assert fake.requests == []


def test_a_token_that_may_not_write_contents_is_told_so(fake: FakeGitHub) -> None:
    fake.writes_contents = False
    with pytest.raises(NoticeRefused) as refused:
        attaching(fake).attach("a.png", PICTURE)
    assert str(refused.value) == (
        "GitHub answers 403 Resource not accessible by personal access token; to attach pictures, "
        "the token of GitHubTokenSecret needs the permission to write contents, and its owner the "
        "role Write"
    )


def test_a_picture_that_is_too_large_is_not_sent(fake: FakeGitHub) -> None:
    with pytest.raises(NoticeRefused, match="no picture of 10,485,761 bytes"):
        attaching(fake).attach("a.png", bytes(10 * 1024 * 1024 + 1))
    assert fake.requests == []


@pytest.mark.parametrize(
    "url", ["", "javascript:alert(1)", "https://github.com/user-attachments/assets/1) ![x](y"]
)
def test_an_answer_without_a_good_address_is_refused(fake: FakeGitHub, url: str) -> None:
    fake.answers.extend([(200, {}, {"id": 7}), (201, {}, {"url": url})])
    with pytest.raises(NoticeRefused, match="no address of an attachment"):
        attaching(fake).attach("a.png", PICTURE)


def test_an_upload_does_not_wait_for_long(fake: FakeGitHub) -> None:
    fake.answers.extend([(200, {}, {"id": 7}), (403, {"Retry-After": "60"}, {})])
    with pytest.raises(TryLater):
        attaching(fake).attach("a.png", PICTURE)


@pytest.mark.parametrize(
    ("api", "uploads"),
    [
        ("https://api.github.com", "https://uploads.github.com"),
        ("https://api.acme.ghe.com", "https://uploads.acme.ghe.com"),
        ("https://github.acme.example/api/v3", None),
        ("https://api.acme.example", None),
        ("https://api.github.com.example", None),
    ],
)
def test_only_github_itself_takes_attachments(api: str, uploads: str | None) -> None:
    assert uploads_of(api) == uploads


def test_on_a_server_of_one_s_own_nothing_is_sent(fake: FakeGitHub, forge: GitHub) -> None:
    with pytest.raises(NoticeRefused, match=r"only github\.com and ghe\.com take attachments"):
        forge.attach("a.png", PICTURE)
    assert fake.requests == []


def test_a_seal_is_of_one_text_one_repository_and_one_token(fake: FakeGitHub) -> None:
    def seal(text: str = "text", repository: str = REPOSITORY, token: str = TOKEN) -> str:
        return GitHub(repository, lambda newer: token, fake.url).seal(text)

    assert seal() == seal()
    assert len({seal(), seal("other"), seal(repository="acme/other"), seal(token="other")}) == 4
    assert TOKEN not in seal()
