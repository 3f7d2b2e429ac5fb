"""What every forge does: the same statuses and comments, with the same patience."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from pixelgate.errors import NoticeRefused, NotTold, TryLater, UsageError
from pixelgate.notify.forge import Comment, CommitStatus, Forge, State
from pixelgate.notify.http import Patience
from support.forge import FakeForge
from support.forges import FORGES, Kind

SHA = "4f2a9c1d5b1e0a7c9d3f6e8b2a4c6d8e0f1a3b5c"
NAME = "pixelgate/shop"
RED = CommitStatus(State.FAILED, "1 left to review: 1 changed", "https://example.com/report")
NOW = 1_767_323_045.0


@dataclass
class Side:
    """A forge of the tests and what connects to it; `waits` are seconds, each time."""

    fake: FakeForge
    kind: Kind
    waits: list[float] = field(default_factory=list)

    def connect(
        self,
        left: float = 900.0,
        token: Callable[[bool], str] | None = None,
        jitter: float = 0.0,
        repository: str = "",
    ) -> Forge:
        patience = Patience(
            lambda: left - sum(self.waits), self.waits.append, lambda: NOW, lambda: jitter
        )
        token = token or (lambda newer: self.fake.token)
        return self.kind.connector(
            repository or self.kind.repository, token, self.fake.url, patience
        )


# A GitHub App has its token for each repository from GitHub itself: tests/contract/test_check_runs.
by_token = pytest.mark.parametrize("side", [k for k in FORGES if k != "GitHub App"], indirect=True)


@pytest.fixture(params=FORGES)
def side(request: pytest.FixtureRequest) -> Iterator[Side]:
    kind = FORGES[request.param]
    with kind.serve() as fake:
        yield Side(fake, kind)


@pytest.fixture
def fake(side: Side) -> FakeForge:
    return side.fake


@pytest.fixture
def forge(side: Side) -> Forge:
    return side.connect()


def told(fake: FakeForge, name: str = NAME) -> tuple[str | None, ...]:
    """Words and link of the commit's status."""
    return (fake.shown(SHA, name) or ())[1:]


@pytest.mark.parametrize("url", [None, "https://example.com/report"])
@pytest.mark.parametrize("state", list(State))
def test_status_is_set_once(fake: FakeForge, forge: Forge, state: State, url: str | None) -> None:
    status = CommitStatus(state, "in words", url)
    assert forge.set_commit_status(SHA, NAME, status) is True
    assert forge.set_commit_status(SHA, NAME, status) is False
    assert len(fake.sent("POST")) == 1
    assert told(fake) == ("in words", url)


def test_status_with_another_name_link_or_words_is_another(fake: FakeForge, forge: Forge) -> None:
    for name, status in [
        (NAME, RED),
        ("pixelgate/web", RED),
        (NAME, CommitStatus(RED.state, "2 left to review: 2 changed", RED.url)),
        (NAME, CommitStatus(RED.state, RED.description, "https://example.com/other")),
        (NAME, CommitStatus(State.PASSED, RED.description, RED.url)),
        (NAME, RED),
    ]:
        assert forge.set_commit_status(SHA, name, status) is True
        assert told(fake, name) == (status.description, status.url)
    assert len(fake.sent("POST", "PATCH")) == 6


def test_long_words_are_cut_to_what_the_forge_takes(fake: FakeForge, forge: Forge) -> None:
    long = CommitStatus(State.ERROR, "x" * 500)
    assert forge.set_commit_status(SHA, NAME, long) is True
    assert forge.set_commit_status(SHA, NAME, long) is False
    assert str(told(fake)[0]).endswith("x…")


def test_comments_are_written_read_edited_and_deleted(fake: FakeForge, forge: Forge) -> None:
    first = forge.add_comment(5, "one")
    second = forge.add_comment(5, "two")
    forge.add_comment(6, "elsewhere")
    assert forge.edit_comment(5, first, "three") is True
    fake.say(5, "of another author")
    assert forge.own_comments(5) == [Comment(first, "three"), Comment(second, "two")]
    forge.delete_comment(5, second)
    assert fake.bodies(5) == ["three", "of another author"]


def test_all_pages_of_comments_are_read(fake: FakeForge, forge: Forge) -> None:
    for n in range(249):
        fake.say(5, f"comment {n}")
    ours = forge.add_comment(5, "ours")
    assert forge.own_comments(5) == [Comment(ours, "ours")]
    assert len([path for _, path in fake.sent("GET") if "page=" in path]) == 3


def test_comment_that_somebody_deleted_is_no_failure(forge: Forge) -> None:
    assert forge.edit_comment(5, 1, "x") is False
    forge.delete_comment(5, 1)


def test_odd_commits_stay_one_part_of_the_path(fake: FakeForge, forge: Forge) -> None:
    forge.set_commit_status("../../user?x", NAME, RED)
    paths = [path for _, path in fake.sent()]
    assert any("/..%2F..%2Fuser%3Fx" in path for path in paths)
    assert not any("/../" in path or "user?x" in path for path in paths)


@pytest.mark.parametrize("commit", ["", ".", ".."])
def test_commit_that_is_a_step_in_the_path_is_not_asked_for(
    fake: FakeForge, forge: Forge, commit: str
) -> None:
    with pytest.raises(NoticeRefused, match="cannot be asked for"):
        forge.set_commit_status(commit, NAME, RED)
    assert fake.requests == []


# --- tried again ----------------------------------------------------------------------------------


SOON = {"Retry-After": "3"}
PRIMARY = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW) + 40)}
SPENT = {"RateLimit-Remaining": "0", "RateLimit-Reset": str(int(NOW) + 25)}
UNCOUNTED = {"RateLimit-Remaining": "595", "RateLimit-Reset": str(int(NOW) + 25)}
IN_WORDS = "You have exceeded a secondary rate limit"
WAITS: dict[str, tuple[int, dict[str, str], str, float]] = {
    "500": (500, {}, "", 1.0),
    "502": (502, {}, "", 1.0),
    "503 with Retry-After": (503, SOON, "", 3.0),
    "the connection breaks": (0, {}, "", 1.0),
    "409": (409, {}, "Another update is in progress", 1.0),
    "429 with Retry-After": (429, {"Retry-After": "30"}, "", 30.0),
    "429": (429, {}, "", 60.0),
    "a date": (429, {"Retry-After": "Fri, 02 Jan 2026 03:04:25 GMT"}, "", 20.0),
    "secondary limit": (403, SOON, "secondary", 3.0),
    "the same in words only": (403, {}, IN_WORDS, 60.0),
    "GitHub's primary limit": (403, PRIMARY, "API rate limit exceeded", 40.0),
    "GitLab's limit": (429, SPENT, "", 25.0),
    "a limit that the headers do not count": (429, UNCOUNTED, "", 60.0),
    "Retry-After comes first": (429, SOON | PRIMARY, "", 3.0),
}


@pytest.mark.parametrize("case", WAITS)
def test_waits_as_long_as_it_is_asked_to(
    side: Side, fake: FakeForge, forge: Forge, case: str
) -> None:
    status, headers, message, wait = WAITS[case]
    fake.answers.append((status, headers, {"message": message}))
    forge.add_comment(5, "one")
    assert side.waits == [wait]
    assert fake.bodies(5) == ["one"]
    assert len(fake.requests) == 2


def test_waits_twice_as_long_each_time_and_gives_up(
    side: Side, fake: FakeForge, forge: Forge
) -> None:
    fake.answers.extend([(502, {}, None)] * 5)
    with pytest.raises(NotTold, match=r"POST /.*: 502"):
        forge.add_comment(5, "one")
    assert side.waits == [1.0, 2.0, 4.0, 8.0]
    assert len(fake.requests) == 5


def test_several_workers_do_not_come_back_at_once(side: Side, fake: FakeForge) -> None:
    fake.answers.append((502, {}, None))
    side.connect(jitter=0.5).add_comment(5, "one")
    assert side.waits == [1.25]


def test_longer_waits_than_the_worker_has_are_for_another_worker(
    side: Side, fake: FakeForge
) -> None:
    fake.answers.append((429, {"Retry-After": "3600"}, {"message": "slow down"}))
    with pytest.raises(TryLater, match="429 slow down; it asks for 3600 s, more than is left"):
        side.connect(left=100).add_comment(5, "one")
    assert (side.waits, len(fake.requests)) == ([], 1)


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
    side: Side, fake: FakeForge, forge: Forge, status: int, message: str
) -> None:
    fake.answers.append((status, {}, {"message": message}))
    with pytest.raises(NoticeRefused, match=f"{status} {message}"):
        forge.add_comment(5, "one")
    assert (side.waits, len(fake.requests)) == ([], 1)


def test_redirect_does_not_take_the_token_elsewhere(fake: FakeForge, forge: Forge) -> None:
    elsewhere = fake.url.replace("127.0.0.1", "localhost")
    for place in (f"{elsewhere}/x", f"{fake.url}.evil.example/", "//evil.example/", "/x"):
        fake.answers.append((307, {"Location": place}, {"message": "moved"}))
        with pytest.raises(NoticeRefused, match="307 moved"):
            forge.add_comment(5, "one")
    assert len(fake.requests) == 4


@by_token
def test_renamed_repository_is_followed(side: Side, fake: FakeForge, forge: Forge) -> None:
    forge.add_comment(5, "one")
    there = fake.url + fake.requests[0].path.removeprefix(fake.prefix)
    fake.answers.append((307, {"Location": there}, {"message": "Temporary Redirect"}))
    side.connect(repository="acme/old-name").add_comment(5, "two")
    assert fake.bodies(5) == ["one", "two"]


@by_token
@pytest.mark.parametrize("url", ["http://api.github.com", "ftp://x", "api.github.com"])
def test_token_is_never_sent_in_the_clear(side: Side, url: str) -> None:
    with pytest.raises(UsageError, match="a forge's API must be https"):
        side.kind.connector(side.kind.repository, lambda newer: "", url, Patience())


# --- the token ------------------------------------------------------------------------------------


@by_token
def test_renewed_token_is_read_once_more(side: Side, fake: FakeForge) -> None:
    asked: list[bool] = []

    def token(newer: bool) -> str:
        asked.append(newer)
        return fake.token if newer else "revoked"

    side.connect(token=token).add_comment(5, "one")
    assert asked == [False, True]
    assert fake.bodies(5) == ["one"]


@by_token
def test_wrong_token_is_refused_for_good(side: Side, fake: FakeForge) -> None:
    with pytest.raises(NoticeRefused, match="401"):
        side.connect(token=lambda newer: "wrong").add_comment(5, "one")
    assert (side.waits, len(fake.requests)) == ([], 2)


def test_answers_that_are_no_json_are_told_by_their_number(fake: FakeForge, forge: Forge) -> None:
    fake.answers.append((404, {}, None))
    with pytest.raises(NoticeRefused, match=r"404 $"):
        forge.add_comment(5, "one")
    fake.answers.append((404, {}, ["a list"]))
    with pytest.raises(NoticeRefused, match=r"404 $"):
        forge.own_comments(5)
