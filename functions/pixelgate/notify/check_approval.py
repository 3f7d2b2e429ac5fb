"""Decides whether a press of a check run's button approves a build, and writes the review."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import islice

from pixelgate.domain import keys
from pixelgate.domain.eligibility import series_of
from pixelgate.domain.keys import EVERY_PROJECT, BuildId, check_id
from pixelgate.domain.records import BuildRecord, State
from pixelgate.errors import BadManifest, WriteConflict
from pixelgate.notify.check_run import APPROVE, GitHubChecks, referred
from pixelgate.notify.github_app import App
from pixelgate.notify.http import Patience
from pixelgate.notify.update import Shown, explain
from pixelgate.pipeline.announce.update import read_json
from pixelgate.pipeline.context import StorageContext
from pixelgate.published.decisions import Decision, Selection, write_review
from pixelgate.published.status import review_of

# How many builds of a series are read to find the newest: forks may claim any number.
_READ = 500
_REASON = "approved with the check's button, without looking"


@dataclass(frozen=True)
class Sender:
    """Who pressed a button: the login, and the number that stays the same if the login changes."""

    login: str
    id: int


@dataclass(frozen=True)
class Pressed:
    """A press of a button, as GitHub's webhook tells it.

    Attributes:
        delivery: the id of the webhook's delivery.
        repository: `owner/name`.
        app_id: the App that made the check run.
        external_id: what that App wrote into the check run.
        commit: the check run's.
        button: the identifier of the button.
    """

    delivery: str
    repository: str
    app_id: int
    external_id: str
    commit: str
    button: str
    sender: Sender


@dataclass(frozen=True)
class Approved:
    """A review was written; `again` if an earlier delivery had written it."""

    review: str
    again: bool = False


@dataclass(frozen=True)
class NotApproved:
    """No review was written."""

    why: str


class _No(Exception):
    """The press approves nothing; `again` says whether another press may."""

    def __init__(self, why: str, *, again: bool = False) -> None:
        super().__init__(why)
        self.again = again


@dataclass(frozen=True)
class Buttons:
    """What decides on presses of buttons.

    Attributes:
        repositories: `owner/name` by project; the key `*` is for all other projects.
        shown: as for `notify`; without `approve_from_check` no press approves anything.
    """

    app: App
    repositories: Mapping[str, str]
    storage: StorageContext
    shown: Shown

    def press(self, pressed: Pressed, patience: Callable[[], Patience]) -> Approved | NotApproved:
        """Approves a build on behalf of the sender, or says on the check run why not.

        Raises NotTold if GitHub could not be asked.
        """
        try:
            found = self._asked_for(pressed)
        except _No as no:
            return NotApproved(str(no))
        build, execution = found
        review = f"github-{pressed.delivery}"
        # A delivery that comes again says nothing on the check run: by now there is nothing to do.
        if self.storage.objects.exists(keys.kept_review(build.id, review)):
            return Approved(review, again=True)
        repository = self.repositories.get(build.id.project) or self.repositories[EVERY_PROJECT]
        forge = GitHubChecks(repository, self.app, patience())
        try:
            self._check_build(build, execution)
            self._check_pull_request(build, forge)
            if not forge.may_write(pressed.sender.login, pressed.sender.id):
                raise _No(
                    f"{pressed.sender.login} may not write to {repository}, which is needed to "
                    "approve",
                    again=True,
                )
        except _No as no:
            shown = replace(
                self.shown, approve_from_check=self.shown.approve_from_check and no.again
            )
            explain(build, self.storage, forge, shown, str(no))
            return NotApproved(str(no))
        return self._write(build.id, execution, review, pressed.sender)

    def _asked_for(self, pressed: Pressed) -> tuple[BuildRecord, str]:
        """Returns the build and the execution of our own check run in the project's repository."""
        if pressed.app_id != self.app.credentials().app_id:
            raise _No("the check run is another App's")
        if pressed.button != APPROVE:
            raise _No("the button is none of ours")
        named = referred(pressed.external_id)
        if named is None:
            raise _No("the check run names no build")
        build, execution = named
        try:
            check_id(f"github-{pressed.delivery}", "X-GitHub-Delivery")
        except BadManifest as error:
            raise _No(str(error)) from error
        repository = self.repositories.get(build.project) or self.repositories.get(EVERY_PROJECT)
        # GitHub takes any case for the same repository.
        if repository is None or repository.lower() != pressed.repository.lower():
            raise _No(
                f"{pressed.repository} is not the repository of project {build.project}; the "
                "stack's parameter GitHubRepositories names it"
            )
        accepted = self.storage.ledger.build(build)
        if accepted is None:
            raise _No(f"{build} was never accepted")
        if accepted.commit != pressed.commit:
            raise _No(f"the check run is of commit {pressed.commit}, the build of another one")
        return accepted, execution

    def _check_build(self, build: BuildRecord, execution: str) -> None:
        if not self.shown.approve_from_check:
            raise _No("the stack's parameter ApproveFromCheck is off")
        if not build.trusted:
            raise _No("a fork's build is approved by somebody who has looked at it")
        if (newer := self._newer(build)) is not None:
            raise _No(f"build {newer.id.build} is newer")
        record = build.comparison and self.storage.ledger.comparison(build.comparison)
        status = read_json(self.storage.objects, keys.status(build.id))
        if not record or status is None or record.state is not State.SUCCEEDED:
            raise _No("the build has no result")
        if not execution == record.execution == status["execution"]:
            raise _No("the build has been compared again; this button was of the earlier result")
        if (state := review_of(status)) != "needed":
            why = "needs no review" if state == "not_needed" else f"is already {state}"
            raise _No(f"the build {why}")

    def _newer(self, build: BuildRecord) -> BuildRecord | None:
        """Returns a newer build of the commit, of the pull request or of the branch, if any."""
        ledger, project = self.storage.ledger, build.id.project
        branches = self.storage.baseline_branches
        lists = [iter(ledger.builds_at(project, build.commit))]
        if series := series_of(build, branches):
            found = islice(ledger.builds_by(project, series.lookup, series.value), _READ)
            lists.append(b for b in found if series_of(b, branches) == series)
        for builds in lists:
            newest = next((b for b in builds if b.trusted), build)
            if newest.id != build.id:
                return newest
        return None

    def _check_pull_request(self, build: BuildRecord, forge: GitHubChecks) -> None:
        """Checks that the commit is the pull request's head now. Without one there is no head."""
        number = build.pull_request
        if number is None:
            return
        if not (number.isascii() and number.isdigit()):
            raise _No(f"{number!r} is no pull request of GitHub")
        found = forge.pull_request(int(number))
        if found is None:
            raise _No(f"there is no pull request {number}")
        if found["state"] != "open":
            raise _No(f"pull request {number} is closed")
        head, base = found["head"], found["base"]
        if (head.get("repo") or {}).get("id") != base["repo"]["id"]:
            raise _No(f"pull request {number} comes from a fork")
        if head["sha"] != build.commit:
            raise _No(f"pull request {number} has newer commits")

    def _write(self, build: BuildId, execution: str, review: str, sender: Sender) -> Approved:
        """Writes the review, which the review function applies; once for each delivery."""
        person = {
            "issuer": self.app.credentials().web,
            "subject": str(sender.id),
            "login": sender.login,
        }
        decision = Decision("approve", Selection(), execution, _REASON, person)
        try:
            write_review(self.storage.objects, build, decision, review)
        except WriteConflict:
            return Approved(review, again=True)
        return Approved(review)
