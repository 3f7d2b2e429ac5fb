"""Updates a pull request with the status of a build."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.domain.records import BuildRecord
from pixelgate.errors import NoticeRefused
from pixelgate.notify.forge import Forge
from pixelgate.notify.pr_comment import comment, commit_status, plan_comments
from pixelgate.pipeline.announce.update import read_json
from pixelgate.pipeline.context import StorageContext

_FINAL = frozenset({"SUCCEEDED", "FAILED"})


@dataclass(frozen=True)
class Notified:
    """The changes to the pull request, in words; empty if it was up to date."""

    done: tuple[str, ...]


@dataclass(frozen=True)
class Skipped:
    """There is no pull request or commit to update."""

    why: str


def notify(
    build: BuildId,
    storage: StorageContext,
    forge: Forge,
    report_url: str = "",
    *,
    commands: bool = False,
) -> Notified | Skipped:
    """Updates commit and pull request from status.json; a late or repeated event is harmless.

    `report_url` is the URL of a report, with `{key}` for its percent-encoded key. With
    `commands` a comment has the line that approves by comment, where the forge can take one.

    Raises:
        NotTold: the forge could not be reached.
    """
    accepted = storage.ledger.build(build)
    if accepted is None:
        return Skipped(f"{build} was never accepted")
    status = read_json(storage.objects, keys.status(build))
    if status is None:
        return Skipped(f"{build} has no status")
    commands = commands and forge.takes_commands
    url = None
    if report_url and status["report"]:
        url = report_url.replace("{key}", quote(status["report"]))
    try:
        done = _update_commit(accepted, status, url, storage, forge)
    except NoticeRefused:
        # After a force-push the commit is gone, but its pull request exists.
        _update_pull_request(accepted, status, url, forge, commands=commands)
        raise
    told = _update_pull_request(accepted, status, url, forge, commands=commands)
    return Notified((*done, *told))


def context_of(build: BuildId) -> str:
    """Names the commit status; a fork has its own, so it can never pass a required one."""
    return f"pixelgate/{build.project}" + ("" if keys.is_trusted(build) else " (fork)")


def _update_commit(
    build: BuildRecord,
    status: Mapping[str, Any],
    url: str | None,
    storage: StorageContext,
    forge: Forge,
) -> list[str]:
    """Sets the commit status, unless a newer build of the commit exists."""
    if not build.trusted and not forge.requires_by_name:
        return []  # any green status could complete the pipeline, whatever its name
    of_commit = storage.ledger.builds_at(build.id.project, build.commit)
    newest = next((b for b in of_commit if b.trusted == build.trusted), build)
    if newest.id != build.id:
        return []
    wanted = commit_status(status, url)
    written = forge.set_commit_status(build.commit, context_of(build.id), wanted)
    return [f"commit status {wanted.state}"] if written else []


def _update_pull_request(
    build: BuildRecord,
    status: Mapping[str, Any],
    url: str | None,
    forge: Forge,
    *,
    commands: bool,
) -> list[str]:
    number = build.pull_request or ""
    if status["state"] not in _FINAL or not (number.isascii() and number.isdigit()):
        return []
    pull_request = int(number)
    wanted = comment(status, context_of(build.id), url, commands=commands)
    plan = plan_comments(forge.comments(pull_request), wanted)
    done = []
    create = plan.create
    if plan.edit is not None:
        edited = forge.edit_comment(pull_request, plan.edit, wanted)
        done.append("comment edited" if edited else "comment was gone")
        create = not edited
    delete = plan.delete
    if create:
        forge.add_comment(pull_request, wanted)
        done.append("comment created")
        # Two concurrent events may both create a comment; both then keep the same one.
        delete += plan_comments(forge.comments(pull_request), wanted).delete
    for old in dict.fromkeys(delete):
        forge.delete_comment(pull_request, old)
        done.append("comment deleted")
    return done
