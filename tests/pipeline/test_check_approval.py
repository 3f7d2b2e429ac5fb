"""The check run's button: who presses it on what, and what comes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.errors import NotTold
from pixelgate.notify.check_approval import Approved, Buttons, NotApproved, Pressed, Sender
from pixelgate.notify.check_run import GitHubChecks
from pixelgate.notify.github_app import App
from pixelgate.notify.http import Patience
from pixelgate.notify.update import Notified, Shown, Skipped, notify
from pixelgate.pipeline.context import CompareContext
from pixelgate.pipeline.review.apply import CarriedOut, Outcome, carry_out
from support.github import REPOSITORY, FakeGitHub, github_with_app
from support.github_app import APP_ID, OTHER_APP, FakeApp
from support.reviews import Reviewed
from support.world import PROJECT

BASE = {"a.png": b"a", "b.png": b"b"}
HEAD = {"a.png": b"a2", "b.png": b"b2"}
NAME = "pixelgate/shop"
ROLE = "AROASITE"
ADA = Sender("ada", 1)
SHOWN = Shown(site_url="https://shots.example", approve_from_check=True)


@dataclass
class Team:
    """A world whose repository has an App, and Ada, who may write to it."""

    fake: FakeGitHub
    app: FakeApp
    shown: Shown = SHOWN
    reviewed: Reviewed = field(default_factory=Reviewed)

    def build(self, name: str, **fields: Any) -> str:
        """A build that needs a review, of pull request 5, with its check run; returns its id."""
        fields = {"base_build": "b0", "pull_request": 5, "commit": f"sha-{name}", **fields}
        self.reviewed.build(name, fields.pop("images", HEAD), **fields)
        if fields["pull_request"] is not None:
            self.fake.pull(5, fields["commit"])
        self.notify(name)
        return name

    def service(self) -> CompareContext:
        return self.reviewed.service(site_role=ROLE)

    def patience(self) -> Patience:
        return Patience(lambda: 8.0, sleep=lambda seconds: None)

    def opened(self) -> App:
        return App(lambda newer: self.fake.token, "/pixelgate/github-app")

    def notify(self, build: str) -> Notified | Skipped:
        forge = GitHubChecks(REPOSITORY, self.opened(), self.patience())
        return notify(BuildId(PROJECT, build), self.service(), forge, self.shown)

    def press(self, build: str, *, sender: Sender = ADA, **changes: Any) -> Approved | NotApproved:
        """What the webhook says of a press on the build's check run, and what becomes of it."""
        commit = changes.get("commit", f"sha-{build}")
        run = self.app.run(commit, changes.pop("name", NAME))
        pressed = Pressed(
            delivery=changes.pop("delivery", "d-1"),
            repository=REPOSITORY,
            app_id=APP_ID,
            external_id=run["external_id"] if run else "",
            commit=commit,
            button="pixelgate-approve",
            sender=sender,
        )
        repositories = changes.pop("repositories", {"*": REPOSITORY})
        buttons = Buttons(self.opened(), repositories, self.service(), self.shown)
        return buttons.press(replace(pressed, **changes), self.patience)

    def written(self, build: str, delivery: str = "d-1") -> dict[str, Any] | None:
        """The review that a delivery wrote."""
        key = keys.review(BuildId(PROJECT, build), f"github-{delivery}")
        stored = self.reviewed.world.objects.objects.get(key)
        return json.loads(stored) if stored else None

    def deliver(self, build: str, delivery: str = "d-1") -> Outcome:
        """The event of the review that the site's role wrote."""
        by = f"AWS:{ROLE}:acme-site"
        wanted = self.written(build, delivery)
        assert wanted is not None
        del wanted["schema_version"]
        written = self.reviewed.write(build, by=by, id=f"github-{delivery}", **wanted)
        return carry_out(written, self.service())

    def summary(self, build: str) -> str:
        run = self.app.run(f"sha-{build}", NAME)
        assert run is not None
        return str(run["output"]["summary"])

    def conclusion(self, build: str) -> str | None:
        found = self.fake.shown(f"sha-{build}", NAME)
        return found and found[0]

    def buttons(self, build: str) -> list[str]:
        return self.app.buttons(f"sha-{build}", NAME)

    def refuses(self, build: str, why: str, **changes: Any) -> None:
        """A press writes nothing and the check run says why."""
        assert self.press(build, **changes) == NotApproved(why)
        assert self.written(build) is None
        assert self.summary(build).startswith("> Not approved: ")


@pytest.fixture
def team() -> Iterator[Team]:
    with github_with_app() as fake:
        assert fake.app is not None
        made = Team(fake, fake.app)
        made.fake.members["ada"] = ("write", 1)
        made.reviewed.build("b0", BASE, branch="main")
        yield made


def test_story_of_a_button(team: Team) -> None:
    team.build("b1")
    assert (team.conclusion("b1"), team.buttons("b1")) == ("action_required", ["pixelgate-approve"])
    assert "**Approve** approves all of it without looking." in team.summary("b1")

    assert team.press("b1") == Approved("github-d-1")
    assert team.written("b1") == {
        "schema_version": 1,
        "action": "approve",
        "execution": team.reviewed.world.status("b1")["execution"],
        "reason": "approved with the check's button, without looking",
        "on_behalf_of": {"issuer": "https://github.com", "subject": "1", "login": "ada"},
    }
    outcome = team.deliver("b1")
    assert isinstance(outcome, CarriedOut)
    assert team.reviewed.state("b1") == "approved"

    team.notify("b1")
    assert (team.conclusion("b1"), team.buttons("b1")) == ("success", [])
    assert "approved with the check's button, without looking" in team.summary("b1")
    assert "**Approve**" not in team.summary("b1")
    assert len([r for r in team.app.runs if r["head_sha"] == "sha-b1"]) == 1


def test_check_run_leads_to_the_site(team: Team) -> None:
    team.build("release 1.0", commit="sha-r")
    found = team.fake.shown("sha-r", NAME)
    assert found is not None
    assert found[2] == "https://shots.example/builds/shop/release%201.0"
    assert "(https://shots.example/builds/shop/release%201.0)" in team.fake.bodies(5)[0]


def test_build_without_a_base_is_neither_green_nor_red(team: Team) -> None:
    team.notify("b0")
    run = team.app.runs[-1]
    assert (run["status"], run["conclusion"]) == ("completed", "neutral")
    assert "Compared with nothing: " in run["output"]["summary"]


# --- deliveries -----------------------------------------------------------------------------------


def test_a_delivery_counts_once(team: Team) -> None:
    team.build("b1")
    assert team.press("b1") == Approved("github-d-1")
    assert team.press("b1") == Approved("github-d-1", again=True)
    team.deliver("b1")
    team.notify("b1")
    before = list(team.app.runs[-1].items())
    assert team.press("b1") == Approved("github-d-1", again=True)
    assert list(team.app.runs[-1].items()) == before
    assert len(team.reviewed.world.ledger.reviews(BuildId(PROJECT, "b1"))) == 1


def test_a_repeated_body_with_another_delivery_id_does_not_overturn_a_rejection(
    team: Team,
) -> None:
    team.build("b1")
    team.press("b1")
    team.deliver("b1")
    team.reviewed.review("b1", action="reject", reason="the logo is gone")
    team.notify("b1")
    why = "the build is already rejected"
    assert team.press("b1", delivery="d-2") == NotApproved(why)
    assert team.written("b1", "d-2") is None
    assert team.conclusion("b1") == "failure"


# --- what is refused ------------------------------------------------------------------------------


def test_policy_is_off_by_default(team: Team) -> None:
    team.shown = Shown()
    team.build("b1")
    assert team.buttons("b1") == []
    team.refuses("b1", "the stack's parameter ApproveFromCheck is off")


@pytest.mark.parametrize("permission", ["read", "triage", "none"])
def test_who_may_not_write_may_not_approve(team: Team, permission: str) -> None:
    team.fake.members["rae"] = (permission, 2)
    team.build("b1")
    why = "rae may not write to acme/shop, which is needed to approve"
    team.refuses("b1", why, sender=Sender("rae", 2))
    assert team.buttons("b1") == ["pixelgate-approve"]  # for others
    assert team.press("b1") == Approved("github-d-1")


@pytest.mark.parametrize("sender", [Sender("nobody", 1), Sender("ada", 3)])
def test_strangers_and_taken_logins_may_not_approve(team: Team, sender: Sender) -> None:
    team.build("b1")
    why = f"{sender.login} may not write to acme/shop, which is needed to approve"
    team.refuses("b1", why, sender=sender)


def test_pull_request_with_newer_commits(team: Team) -> None:
    team.build("b1")
    team.fake.pull(5, "sha-newer")
    team.refuses("b1", "pull request 5 has newer commits")
    assert team.buttons("b1") == []


def test_pull_request_that_is_closed(team: Team) -> None:
    team.build("b1")
    team.fake.pull(5, "sha-b1", state="closed")
    team.refuses("b1", "pull request 5 is closed")


def test_pull_request_that_is_none(team: Team) -> None:
    team.build("b1")
    team.fake.pulls[5] = None
    team.refuses("b1", "there is no pull request 5")


def test_pull_request_from_a_fork(team: Team) -> None:
    team.build("b1")
    team.fake.pull(5, "sha-b1", fork=True)
    team.refuses("b1", "pull request 5 comes from a fork")


def test_fork_s_build_has_no_button(team: Team) -> None:
    fork = "pixelgate/shop (fork)"
    team.build("fork.b1", commit="sha-fork")
    assert team.app.buttons("sha-fork", fork) == []
    found = team.press("fork.b1", name=fork, commit="sha-fork")
    assert found == NotApproved("a fork's build is approved by somebody who has looked at it")
    assert team.written("fork.b1") is None


def test_build_that_a_newer_one_of_the_pull_request_supersedes(team: Team) -> None:
    team.build("b1")
    team.build("b2", images={**HEAD, "a.png": b"a3"})
    team.fake.pull(5, "sha-b1")
    team.refuses("b1", "build b2 is newer")
    assert team.buttons("b2") == ["pixelgate-approve"]


def test_build_that_a_newer_one_of_the_commit_supersedes(team: Team) -> None:
    team.build("b1")
    run = team.app.run("sha-b1", NAME)
    assert run is not None
    earlier = run["external_id"]
    team.build("b2", commit="sha-b1")
    found = team.press("b1", external_id=earlier)
    assert found == NotApproved("build b2 is newer")
    assert team.summary("b1").startswith("> Not approved: build b2 is newer")
    run = team.app.run("sha-b1", NAME)
    assert run is not None
    assert run["external_id"].startswith("shop/b2/")


def test_build_of_a_branch_that_a_newer_one_supersedes(team: Team) -> None:
    team.build("b1", pull_request=None)
    team.build("b2", pull_request=None, images={**HEAD, "a.png": b"a3"})
    team.refuses("b1", "build b2 is newer")
    assert team.press("b2") == Approved("github-d-1")


def test_build_of_a_pull_request_supersedes_none_of_its_branch(team: Team) -> None:
    team.build("b1", pull_request=None)
    team.build("b2", images={**HEAD, "a.png": b"a3"})
    assert team.press("b1") == Approved("github-d-1")


def test_fork_s_newer_build_supersedes_nothing(team: Team) -> None:
    team.build("b1")
    team.build("fork.b2", commit="sha-fork")
    team.fake.pull(5, "sha-b1")
    assert team.press("b1") == Approved("github-d-1")


def test_another_execution(team: Team) -> None:
    team.build("b1")
    why = "the build has been compared again; this button was of the earlier result"
    team.refuses("b1", why, external_id="shop/b1/another")


def test_decided_build(team: Team) -> None:
    team.build("b1")
    team.reviewed.review("b1", action="approve")
    team.refuses("b1", "the build is already approved")


def test_build_without_changes(team: Team) -> None:
    team.build("b1", images=BASE)
    assert team.buttons("b1") == []
    team.refuses("b1", "the build needs no review")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"app_id": OTHER_APP}, "the check run is another App's"),
        ({"button": "other"}, "the button is none of ours"),
        ({"external_id": ""}, "the check run names no build"),
        ({"external_id": "shop/b1"}, "the check run names no build"),
        ({"external_id": "shop/b1/"}, "the check run names no build"),
        ({"external_id": "shop/b1/e1/x"}, "the check run names no build"),
        ({"external_id": "shop/../e1"}, "the check run names no build"),
        ({"external_id": "shop/b9/e1"}, "shop/b9 was never accepted"),
        ({"commit": "sha-b0"}, "the check run is of commit sha-b0, the build of another one"),
        (
            {"repository": "evil/shop"},
            "evil/shop is not the repository of project shop; the stack's parameter "
            "GitHubRepositories names it",
        ),
        (
            {"repositories": {"web": REPOSITORY}},
            "acme/shop is not the repository of project shop; the stack's parameter "
            "GitHubRepositories names it",
        ),
        (
            {"repositories": {"*": REPOSITORY, "shop": "acme/other"}},
            "acme/shop is not the repository of project shop; the stack's parameter "
            "GitHubRepositories names it",
        ),
    ],
)
def test_what_is_not_ours_changes_nothing(team: Team, changes: dict[str, Any], why: str) -> None:
    team.build("b1")
    run = team.app.run("sha-b1", NAME)
    assert run is not None
    before, asked = dict(run), len(team.fake.requests)
    own = {"external_id": run["external_id"]}
    assert team.press("b1", **{**own, **changes}) == NotApproved(why)
    assert team.written("b1") is None
    assert team.app.run("sha-b1", NAME) == before
    assert len(team.fake.requests) == asked


def test_github_takes_any_case_of_a_repository(team: Team) -> None:
    team.build("b1")
    assert team.press("b1", repository="Acme/Shop") == Approved("github-d-1")


def test_github_that_does_not_answer_approves_nothing(team: Team) -> None:
    team.build("b1")
    team.fake.answers.extend([(503, {}, {"message": "unavailable"})] * 5)
    with pytest.raises(NotTold):
        team.press("b1")
    assert team.written("b1") is None


def test_names_too_long_for_a_reference_have_no_button(team: Team) -> None:
    team.build("b" * 250, commit="sha-long")
    assert team.app.buttons("sha-long", NAME) == []
    run = team.app.run("sha-long", NAME)
    assert run is not None
    assert (run["external_id"], run["conclusion"]) == ("", "action_required")


# --- a status that changes while it is told -------------------------------------------------------


def test_notice_of_an_older_state_is_followed_by_the_newer_one(team: Team) -> None:
    """Two events at once: this one read the state before the review, and wrote after the other."""
    team.build("b1")
    forge = GitHubChecks(REPOSITORY, team.opened(), team.patience())
    tell = forge.set_commit_status

    def late(commit: str, name: str, status: Any) -> bool:
        if team.reviewed.state("b1") == "needed":
            team.reviewed.review("b1", action="reject")
            tell(commit, name, replace(status, description="what another event tells"))
        return tell(commit, name, status)

    forge.set_commit_status = late  # type: ignore[method-assign]
    notify(BuildId(PROJECT, "b1"), team.service(), forge, team.shown)
    assert team.conclusion("b1") == "failure"
