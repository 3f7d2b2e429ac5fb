"""What is sent to GitLab, and to no other forge."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pixelgate.errors import NoticeRefused, UsageError
from pixelgate.notify.forge import Comment, CommitStatus, State
from pixelgate.notify.gitlab import GitLab
from support.forge import OURS, Request
from support.gitlab import REPOSITORY, TOKEN, FakeGitLab, gitlab

SHA = "4f2a9c1d5b1e0a7c9d3f6e8b2a4c6d8e0f1a3b5c"
NAME = "pixelgate/shop"
RED = CommitStatus(State.FAILED, "1 left to review: 1 changed", "https://example.com/report")
PROJECT = "/api/v4/projects/acme%2Fweb%2Fshop"


@pytest.fixture
def fake() -> Iterator[FakeGitLab]:
    with gitlab() as running:
        yield running


@pytest.fixture
def forge(fake: FakeGitLab) -> GitLab:
    return GitLab(REPOSITORY, lambda newer: TOKEN, fake.url)


def test_commit_status_is_sent_as_gitlab_wants_it(fake: FakeGitLab, forge: GitLab) -> None:
    forge.set_commit_status(SHA, NAME, RED)
    read, sent = fake.requests
    assert (read.method, read.path) == (
        "GET",
        f"{PROJECT}/repository/commits/{SHA}/statuses?per_page=100&page=1&name=pixelgate%2Fshop",
    )
    assert (sent.method, sent.path) == ("POST", f"{PROJECT}/statuses/{SHA}")
    assert sent.headers["private-token"] == TOKEN
    assert sent.headers["content-type"] == "application/json"
    assert "authorization" not in sent.headers
    assert sent.body == {
        "state": "failed",
        "name": NAME,
        "description": "1 left to review: 1 changed",
        "target_url": "https://example.com/report",
    }


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (State.WAITING, "pending"),
        (State.RUNNING, "running"),
        (State.PASSED, "success"),
        (State.FAILED, "failed"),
        (State.ERROR, "failed"),
    ],
)
def test_states_in_gitlab_s_words(fake: FakeGitLab, forge: GitLab, state: State, word: str) -> None:
    forge.set_commit_status(SHA, NAME, CommitStatus(state, "words"))
    assert fake.shown(SHA, NAME) == (word, "words", None)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (before, after)
        for before in State
        for after in State
        if after is not State.WAITING and (before, after) != (State.RUNNING, State.RUNNING)
    ],
)
def test_a_state_follows_another(
    fake: FakeGitLab, forge: GitLab, before: State, after: State
) -> None:
    forge.set_commit_status(SHA, NAME, CommitStatus(before, "at first"))
    assert forge.set_commit_status(SHA, NAME, CommitStatus(after, "then")) is True
    shown = fake.shown(SHA, NAME)
    assert shown is not None
    assert shown[1] == "then"


def test_status_that_is_in_that_state_already_is_no_failure(
    fake: FakeGitLab, forge: GitLab
) -> None:
    forge.set_commit_status(SHA, NAME, CommitStatus(State.RUNNING, "comparing"))
    assert forge.set_commit_status(SHA, NAME, CommitStatus(State.RUNNING, "in words")) is False
    assert fake.shown(SHA, NAME) == ("running", "comparing", None)


def test_other_refusals_are_refusals(fake: FakeGitLab, forge: GitLab) -> None:
    taken = {"message": {"name": ["has already been taken"]}}
    fake.answers.extend([(200, {}, []), (400, {}, taken)])
    with pytest.raises(NoticeRefused, match=r"400 .*has already been taken"):
        forge.set_commit_status(SHA, NAME, RED)


def test_status_goes_into_the_commit_s_newest_pipeline(fake: FakeGitLab, forge: GitLab) -> None:
    fake.start_pipeline(SHA)
    assert forge.set_commit_status(SHA, NAME, RED) is True
    assert forge.set_commit_status(SHA, NAME, RED) is False
    newest = fake.start_pipeline(SHA)  # it would be green without our line
    assert forge.set_commit_status(SHA, NAME, RED) is True
    assert forge.set_commit_status(SHA, NAME, RED) is False
    assert [s["pipeline_id"] for s in fake.statuses].count(newest) == 1


def test_link_that_gitlab_does_not_take_is_left_out(fake: FakeGitLab, forge: GitLab) -> None:
    for letters, taken in [(255, True), (256, False)]:
        url = "https://x/".ljust(letters, "y")
        status = CommitStatus(State.PASSED, str(letters), url)
        assert forge.set_commit_status(SHA, NAME, status) is True
        assert forge.set_commit_status(SHA, NAME, status) is False
        assert fake.shown(SHA, NAME) == ("success", str(letters), url if taken else None)


def test_notes_of_a_merge_request(fake: FakeGitLab, forge: GitLab) -> None:
    first = forge.add_comment(5, "one")
    forge.edit_comment(5, first, "two")
    assert forge.own_comments(5) == [Comment(first, "two")]
    forge.delete_comment(5, first)
    notes = f"{PROJECT}/merge_requests/5/notes"
    assert fake.sent() == [
        ("POST", notes),
        ("PUT", f"{notes}/{first}"),
        ("GET", f"{notes}?per_page=100&page=1&sort=asc&order_by=created_at"),
        ("GET", "/api/v4/user"),
        ("DELETE", f"{notes}/{first}"),
    ]


def test_what_gitlab_notes_itself_is_no_comment(fake: FakeGitLab, forge: GitLab) -> None:
    fake.say(5, "added 1 commit", system=True, **OURS)
    said = fake.say(5, "looks good", **OURS)
    assert forge.own_comments(5) == [Comment(said, "looks good")]


def test_a_short_page_is_not_the_last(fake: FakeGitLab, forge: GitLab) -> None:
    for n in range(150):
        fake.say(5, f"note {n}", hidden=n < 100, **OURS)  # notes that the token may not see
    assert [c.body for c in forge.own_comments(5)] == [f"note {n}" for n in range(100, 150)]


def test_note_of_somebody_else_with_our_marker_is_left(fake: FakeGitLab, forge: GitLab) -> None:
    theirs = fake.say(5, "<!-- pixelgate: {} -->")
    assert forge.edit_comment(5, theirs, "ours") is False
    forge.delete_comment(5, theirs)
    assert fake.bodies(5) == ["<!-- pixelgate: {} -->"]


def test_gitlab_below_a_path() -> None:
    with gitlab("/git/api/v4") as fake:
        GitLab(REPOSITORY, lambda newer: TOKEN, fake.url).add_comment(5, "one")
        assert fake.sent() == [("POST", f"/git{PROJECT}/merge_requests/5/notes")]


@pytest.mark.parametrize("path", ["acme", "a//b", "/a/b", "a/b/", "a/../b", "a/./b", "a/b%2F", ""])
def test_a_project_is_a_path_of_groups_and_a_name(path: str) -> None:
    with pytest.raises(UsageError, match="is no repository"):
        GitLab(path, lambda newer: TOKEN)


def test_the_fake_objects_as_gitlab_does(fake: FakeGitLab) -> None:
    good = {"private-token": TOKEN}
    path = f"{PROJECT}/statuses/{SHA}"
    body = {"state": "pending", "name": "n", "description": "d"}
    assert fake.handle(Request("POST", path, good, body))[0] == 201
    for changed, status in [
        (Request("POST", path, {"private-token": "x"}, body), 401),
        (Request("POST", path, {"authorization": f"Bearer {TOKEN}"}, body), 401),
        (Request("POST", path, good, body), 400),
        (Request("POST", path, good, {**body, "state": "failure"}), 400),
        (Request("POST", path, good, {**body, "description": "x" * 256}), 400),
        (Request("POST", path, good, {**body, "target_url": "s3://x"}), 400),
        (Request("POST", "/api/v4/projects/acme/web/shop/statuses/1", good, body), 404),
    ]:
        assert fake.handle(changed)[0] == status
