"""A pull request's story, told by events that come late, twice and in any order."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from pixelgate.domain.keys import BuildId
from pixelgate.errors import NoticeRefused, NotTold
from pixelgate.notify.forge import Comment, Forge
from pixelgate.notify.github import GitHub
from pixelgate.notify.http import Patience
from pixelgate.notify.update import Notified, Shown, Skipped, context_of, notify
from support.forge import FakeForge
from support.forges import FORGES, Kind
from support.reviews import Reviewed
from support.world import PROJECT

BASE = {"a.png": b"a", "b.png": b"b"}
HEAD = {"a.png": b"a2", "b.png": b"b2"}
CONTEXT = "pixelgate/shop"
REPORTS = "https://reports.example/{key}"


@dataclass
class Team:
    """A world, its reviewers, and their forge."""

    fake: FakeForge
    kind: Kind
    reviewed: Reviewed = field(default_factory=Reviewed)

    def build(self, name: str, **fields: Any) -> None:
        fields = {"base_build": "b0", "pull_request": 5, "commit": f"sha-{name}", **fields}
        self.reviewed.build(name, fields.pop("images", HEAD), **fields)

    def forge(self) -> Forge:
        patience = Patience(sleep=lambda seconds: None)
        return self.kind.connector(
            self.kind.repository, lambda newer: self.fake.token, self.fake.url, patience
        )

    def notify(
        self, build: str, forge: Forge | None = None, *, commands: bool = False
    ) -> Notified | Skipped:
        """One delivery of an event about the build."""
        service = self.reviewed.service()
        shown = Shown(REPORTS, comment_commands=commands)
        return notify(BuildId(PROJECT, build), service, forge or self.forge(), shown)

    def comment(self, pull_request: int = 5) -> str:
        """The one comment."""
        [body] = self.fake.bodies(pull_request)
        return body

    def headline(self) -> str:
        return self.comment().split("\n")[1]

    def commit(self, build: str, context: str = CONTEXT) -> tuple[str, str] | None:
        """State and description of a commit's status, in our words."""
        found = self.fake.shown(f"sha-{build}", context)
        return (self.kind.words[found[0]], found[1]) if found else None


@pytest.fixture(params=FORGES)
def team(request: pytest.FixtureRequest) -> Iterator[Team]:
    kind = FORGES[request.param]
    with kind.serve() as fake:
        made = Team(fake, kind)
        made.reviewed.build("b0", BASE, branch="main")
        yield made


def test_story_of_a_pull_request(team: Team) -> None:
    team.build("b1")
    assert team.notify("b1") == Notified(("commit status failed", "comment created"))
    assert team.commit("b1") == ("failed", "2 left to review: 2 changed")
    assert team.headline() == "### pixelgate/shop: review needed"
    first = team.fake.comments[5][0]["id"]

    team.reviewed.review("b1", action="approve", names=["a.png"])
    assert team.notify("b1") == Notified(("commit status failed", "comment edited"))
    assert team.commit("b1") == ("failed", "1 left to review: 2 changed")
    assert "Left to review, 1:\n\n- `b.png`\n" in team.comment()

    team.reviewed.review("b1", action="approve", reason="the new header")
    team.notify("b1")
    assert team.commit("b1") == ("passed", "approved: 2 changed")
    assert team.headline() == "### pixelgate/shop: approved"
    assert team.fake.comments[5][0]["id"] == first

    team.build("b2")
    team.notify("b2")
    assert team.commit("b2") == ("passed", "approved: 2 changed")
    assert team.fake.comments[5][0]["id"] == first

    team.build("b3", images={**HEAD, "a.png": b"a3"})
    assert team.notify("b3") == Notified(
        ("commit status failed", "comment created", "comment deleted")
    )
    assert team.headline() == "### pixelgate/shop: review needed"
    assert team.fake.comments[5][0]["id"] != first


def test_status_and_comment_lead_to_the_report(team: Team) -> None:
    team.build("b1")
    team.notify("b1")
    report = team.reviewed.world.status("b1")["report"]
    url = f"https://reports.example/{report}"
    found = team.fake.shown("sha-b1", CONTEXT)
    assert found is not None
    assert found[2] == url
    assert f"[Look at the report]({url})" in team.comment()


def test_odd_keys_make_good_links(team: Team) -> None:
    team.build("release 1.0+50%")
    team.notify("release 1.0+50%")
    assert "(https://reports.example/comparisons/shop/release%201.0%2B50%25/b0/" in team.comment()


def test_late_event_tells_what_is_true_by_now(team: Team) -> None:
    team.build("b1")
    team.reviewed.review("b1", action="reject", reason="cut off")
    team.notify("b1")
    team.notify("b1")
    assert team.commit("b1") == ("failed", "rejected: 2 changed")
    assert team.headline() == "### pixelgate/shop: rejected"
    assert "> cut off" in team.comment()


def test_late_event_of_an_older_build_takes_no_comment_away(team: Team) -> None:
    team.build("b1")
    team.build("b2", images={**HEAD, "a.png": b"a3"})
    team.notify("b2")
    assert team.notify("b1") == Notified(("commit status failed",))
    assert '"build": "b2"' in team.comment()


def test_newest_build_of_a_commit_speaks_for_it(team: Team) -> None:
    team.build("b1", commit="sha-x")
    team.build("b2", commit="sha-x", images=BASE)
    team.notify("b2")
    team.notify("b1")
    assert team.commit("x") == ("passed", "no changes in 2 snapshots")


def test_pull_request_in_which_nothing_changed_gets_no_comment(team: Team) -> None:
    team.build("b1", images=BASE)
    team.notify("b1")
    assert team.commit("b1") == ("passed", "no changes in 2 snapshots")
    assert team.fake.bodies(5) == []


def test_comment_follows_when_changes_are_taken_back(team: Team) -> None:
    team.build("b1")
    team.notify("b1")
    team.build("b2", images=BASE)
    team.notify("b2")
    assert team.headline() == "### pixelgate/shop: nothing to review"


@pytest.mark.parametrize("pull_request", [None, "main", "x/5"])
def test_build_of_no_pull_request_gets_a_status_only(team: Team, pull_request: Any) -> None:
    team.build("b1", pull_request=pull_request)
    team.notify("b1")
    assert team.commit("b1") == ("failed", "2 left to review: 2 changed")
    assert team.fake.comments == {}


def test_run_under_way_is_pending_and_says_nothing(team: Team) -> None:
    seen: list[Any] = []

    def look(base: bytes, head: bytes) -> None:
        team.notify("b1")
        seen.append(team.commit("b1"))

    team.reviewed.world.differs.script = look
    team.build("b1", images={**BASE, "a.png": b"a2"})
    assert seen == [("running", "comparing")]
    assert team.fake.comments == {}


def test_failed_comparison_is_told(team: Team) -> None:
    world = team.reviewed.world
    build = world.upload(
        "b1", {"a.png": b"lost"}, missing=("a.png",), commit="sha-b1", pull_request=5
    )
    world.compare(build)
    team.notify("b1")
    found = team.commit("b1")
    assert found is not None
    assert found[0] == team.kind.words.get("error", "failed")
    assert found[1].startswith("IMAGE_MISSING:")
    assert "`IMAGE_MISSING` the upload is incomplete" in team.comment()


def test_a_fork_cannot_make_the_line_green_that_a_merge_waits_for(team: Team) -> None:
    team.build("b1")
    team.notify("b1")
    team.build("fork.b2", images=BASE, commit="sha-b1")
    team.notify("fork.b2")
    assert team.commit("b1") == ("failed", "2 left to review: 2 changed")
    assert team.headline() == "### pixelgate/shop: review needed"
    theirs = team.commit("b1", f"{CONTEXT} (fork)")
    if team.forge().requires_by_name:
        assert theirs == ("passed", "no changes in 2 snapshots")
    else:
        assert theirs is None


def test_a_fork_s_pull_request_gets_its_comment(team: Team) -> None:
    team.build("fork.b1")
    done = team.notify("fork.b1")
    assert isinstance(done, Notified)
    assert "comment created" in done.done
    assert team.headline() == "### pixelgate/shop (fork): review needed"


def test_the_line_that_approves_is_only_where_a_comment_starts_a_job(team: Team) -> None:
    team.build("b1")
    team.notify("b1")
    assert "/pixelgate" not in team.comment()
    team.notify("b1", commands=True)
    line = f"\n/pixelgate approve shop/b1.{team.reviewed.world.status('b1')['execution']}\n"
    assert (line in team.comment()) is isinstance(team.forge(), GitHub)
    team.reviewed.review("b1", action="approve")
    team.notify("b1", commands=True)
    assert "/pixelgate" not in team.comment()


def test_a_commit_that_is_gone_costs_the_status_and_not_the_comment(team: Team) -> None:
    team.fake.commits = set()
    team.build("b1")
    with pytest.raises(NoticeRefused, match=r"422 No commit|sha-b1: 4"):
        team.notify("b1")
    assert team.headline() == "### pixelgate/shop: review needed"


def test_each_project_has_its_line_and_its_comment(team: Team) -> None:
    assert context_of(BuildId("web", "b1")) == "pixelgate/web"
    team.fake.say(
        5,
        "<!-- pixelgate: "
        + '{"context": "pixelgate/web", "build": "b1", '
        + ('"created": "9", "state": "needed"} -->'),
    )
    team.build("b1")
    team.notify("b1")
    assert len(team.fake.bodies(5)) == 2


def test_somebody_s_comment_with_our_marker_is_left_alone(team: Team) -> None:
    team.build("b1")
    team.notify("b1")
    ours = team.fake.bodies(5)[0]
    team.fake.comments[5].clear()
    forged = ours.replace('"build": "b1"', '"build": "b9"').replace("needed", "approved")
    team.fake.say(5, forged)
    team.notify("b1")
    assert team.fake.bodies(5) == [forged, ours]


def test_nobody_is_told_of_what_nobody_knows(team: Team) -> None:
    assert team.notify("b9") == Skipped("shop/b9 was never accepted")
    assert team.fake.requests == []


def test_comment_that_somebody_deleted_comes_again(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    team.build("b1")
    team.notify("b1")
    listed = [Comment(c["id"], c["body"]) for c in team.fake.comments[5]]
    team.fake.comments[5].clear()
    team.reviewed.review("b1", action="approve")
    forge = team.forge()
    read = forge.own_comments
    # Somebody deletes the comment between the list and the edit.
    monkeypatch.setattr(forge, "own_comments", lambda number: read(number) or listed)
    assert team.notify("b1", forge) == Notified(
        ("commit status passed", "comment was gone", "comment created")
    )


def test_two_events_of_one_moment_leave_one_comment(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    team.build("b1")
    together = threading.Barrier(2, timeout=20)

    def connected() -> Forge:
        forge = team.forge()
        read = forge.own_comments
        waits = iter([together.wait])

        def comments(pull_request: int) -> list[Comment]:
            found = read(pull_request)
            for wait in waits:
                wait()  # both have found none
            return found

        monkeypatch.setattr(forge, "own_comments", comments)
        return forge

    forges = [connected(), connected()]
    failed: list[BaseException] = []

    def deliver(forge: Forge) -> None:
        try:
            team.notify("b1", forge)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=deliver, args=(forge,)) for forge in forges]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(team.fake.sent("POST")) >= 3  # two comments were written, and a status or two
    assert len(team.fake.bodies(5)) == 1


@pytest.mark.parametrize("answer", [401, 403, 404, 422, 500])
def test_failure_to_tell_changes_no_verdict(team: Team, answer: int) -> None:
    team.build("b1")
    before = dict(team.reviewed.world.objects.objects)
    team.fake.answers.extend([(answer, {}, {"message": "no"})] * 5)
    with pytest.raises(NotTold) as raised:
        team.notify("b1")
    assert isinstance(raised.value, NoticeRefused) is (answer < 500)
    assert team.reviewed.world.objects.objects == before
    team.fake.answers.clear()
    team.notify("b1")
    assert team.commit("b1") == ("failed", "2 left to review: 2 changed")
