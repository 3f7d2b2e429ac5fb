"""Brings a pull request up to date with the status of a build."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.domain.records import BuildRecord
from pixelgate.errors import NotFound
from pixelgate.notify.pr_comment import comment, commit_status, plan_comments
from pixelgate.pipeline.context import StorageContext
from pixelgate.ports import Forge

_FINAL = frozenset({"SUCCEEDED", "FAILED"})
EVERY_PROJECT = "*"


@dataclass(frozen=True)
class Places:
    """Where pull requests and reports are looked at.

    Attributes:
        repositories: project to `owner/name`; `*` for all others.
        report_url: of a report; `{key}` stands for its key, percent-encoded.
    """

    repositories: Mapping[str, str]
    report_url: str = ""

    def repository(self, project: str) -> str | None:
        """Where a project's pull requests are."""
        return self.repositories.get(project) or self.repositories.get(EVERY_PROJECT)

    def url(self, status: Mapping[str, Any]) -> str | None:
        """Where the report of a build is looked at, if it has one."""
        if not self.report_url or not status["report"]:
            return None
        return self.report_url.replace("{key}", quote(status["report"]))


@dataclass(frozen=True)
class Notified:
    """What was done, in words; nothing if everybody knew already."""

    done: tuple[str, ...]


@dataclass(frozen=True)
class Skipped:
    """There is nobody to tell."""

    why: str


def notify(
    build: BuildId, records: StorageContext, forge: Forge, places: Places
) -> Notified | Skipped:
    """Tells what status.json says now: an event that comes late or twice changes nothing.

    Raises:
        NotTold: the forge could not be told.
    """
    repository = places.repository(build.project)
    if repository is None:
        return Skipped(f"no repository is configured for project {build.project}")
    accepted = records.ledger.build(build)
    if accepted is None:
        return Skipped(f"{build} was never accepted")
    try:
        status = json.loads(records.objects.read(keys.status(build)))
    except NotFound:
        return Skipped(f"{build} has no status")
    done = _tell_commit(accepted, status, repository, records, forge, places)
    done += _tell_pull_request(accepted, status, repository, forge, places)
    return Notified(tuple(done))


def context_of(build: BuildId) -> str:
    """Names the line beside the commit. A fork cannot make the one that a merge waits for green."""
    return f"pixelgate/{build.project}" + ("" if keys.is_trusted(build) else " (fork)")


def _tell_commit(
    build: BuildRecord,
    status: Mapping[str, Any],
    repository: str,
    records: StorageContext,
    forge: Forge,
    places: Places,
) -> list[str]:
    """The newest build of a commit speaks for it."""
    of_commit = records.ledger.builds_at(build.id.project, build.commit)
    newest = next((b for b in of_commit if b.trusted == build.trusted), build)
    if newest.id != build.id:
        return []
    wanted = commit_status(status, places.url(status))
    context = context_of(build.id)
    if forge.commit_status(repository, build.commit, context) == wanted:
        return []
    forge.set_commit_status(repository, build.commit, context, wanted)
    return [f"commit status {wanted.state}"]


def _tell_pull_request(
    build: BuildRecord,
    status: Mapping[str, Any],
    repository: str,
    forge: Forge,
    places: Places,
) -> list[str]:
    number = build.pull_request or ""
    if status["state"] not in _FINAL or not (number.isascii() and number.isdigit()):
        return []
    pull_request = int(number)
    wanted = comment(status, context_of(build.id), places.url(status))
    plan = plan_comments(forge.comments(repository, pull_request), wanted)
    done = []
    create = plan.create
    if plan.edit is not None:
        there = forge.edit_comment(repository, plan.edit, wanted)
        done.append("comment edited" if there else "comment was deleted")
        create = not there
    delete = plan.delete
    if create:
        forge.add_comment(repository, pull_request, wanted)
        done.append("comment created")
        # Two events of one moment may both have found none; all of us keep the same one.
        delete += plan_comments(forge.comments(repository, pull_request), wanted).delete
    for old in dict.fromkeys(delete):
        forge.delete_comment(repository, old)
        done.append("comment deleted")
    return done
