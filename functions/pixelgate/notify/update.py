"""Updates a pull request with the status of a build."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.domain.records import BuildRecord
from pixelgate.errors import NoticeRefused
from pixelgate.notify.check_details import details
from pixelgate.notify.forge import CommitStatus, Forge
from pixelgate.notify.pictures import CommentPictures, Showing
from pixelgate.notify.pr_comment import comment, commit_status, plan_comments
from pixelgate.pipeline.announce.update import read_json
from pixelgate.pipeline.context import StorageContext

_FINAL = frozenset({"SUCCEEDED", "FAILED"})
_ROUNDS = 3


@dataclass(frozen=True)
class Notified:
    """The changes to the pull request, in words; empty if it was up to date."""

    done: tuple[str, ...]


@dataclass(frozen=True)
class Skipped:
    """There is no pull request or commit to update."""

    why: str


@dataclass(frozen=True)
class Shown:
    """What notices link to and offer.

    Attributes:
        report_url: the URL of a report, with `{key}` for its percent-encoded key.
        site_url: the URL of the review site; its page of the build is then the link.
        approve_from_check: whether a check run has a button that approves a build unseen.
        comment_commands: whether a comment has the line that approves by comment, where the forge
            can take one.
        pictures: how a comment shows pictures of what is left to review.
    """

    report_url: str = ""
    site_url: str = ""
    approve_from_check: bool = False
    comment_commands: bool = False
    pictures: CommentPictures = CommentPictures.OFF


def notify(
    build: BuildId,
    storage: StorageContext,
    forge: Forge,
    shown: Shown = Shown(),
) -> Notified | Skipped:
    """Updates commit and pull request from status.json; a late or repeated event is harmless.

    Raises NotTold if the forge could not be reached.
    """
    accepted = storage.ledger.build(build)
    if accepted is None:
        return Skipped(f"{build} was never accepted")
    status = read_json(storage.objects, keys.status(build))
    if status is None:
        return Skipped(f"{build} has no status")
    done: list[str] = []
    for _ in range(_ROUNDS):
        done += _tell(accepted, status, storage, forge, shown)
        told, status = status, read_json(storage.objects, keys.status(build)) or status
        # If it has changed meanwhile, another event's notice may have been overwritten with this.
        if not done or status == told:
            break
    return Notified(tuple(done))


def _tell(
    build: BuildRecord,
    status: Mapping[str, Any],
    storage: StorageContext,
    forge: Forge,
    shown: Shown,
) -> list[str]:
    try:
        done = _update_commit(build, status, storage, forge, shown)
    except NoticeRefused:
        # After a force-push the commit is gone, but its pull request exists.
        _update_pull_request(build, status, storage, forge, shown)
        raise
    return [*done, *_update_pull_request(build, status, storage, forge, shown)]


def explain(
    build: BuildRecord, storage: StorageContext, forge: Forge, shown: Shown, why: str
) -> None:
    """Updates the check of the build's commit, and says why it was not approved.

    The button stays if `shown` says so. Raises NotTold as `notify`.
    """
    newest = _newest_of_commit(build, storage)
    status = read_json(storage.objects, keys.status(newest.id))
    if status is not None:
        wanted = _commit_status(newest, status, shown, why)
        forge.set_commit_status(newest.commit, context_of(newest.id), wanted)


def context_of(build: BuildId) -> str:
    """Names the commit status; a fork has its own, so it can never pass a required one."""
    return f"pixelgate/{build.project}" + ("" if keys.is_trusted(build) else " (fork)")


def link(status: Mapping[str, Any], shown: Shown) -> str | None:
    """Returns the URL under which people see the build; None if there is none."""
    if shown.site_url:
        parts = (quote(str(status[name]), safe="") for name in ("project", "build"))
        return f"{shown.site_url.rstrip('/')}/builds/{'/'.join(parts)}"
    if shown.report_url and status["report"]:
        return shown.report_url.replace("{key}", quote(status["report"]))
    return None


def _update_commit(
    build: BuildRecord,
    status: Mapping[str, Any],
    storage: StorageContext,
    forge: Forge,
    shown: Shown,
) -> list[str]:
    """Sets the commit status, unless a newer build of the commit exists."""
    if not build.trusted and not forge.requires_by_name:
        return []  # any green status could complete the pipeline, whatever its name
    if _newest_of_commit(build, storage).id != build.id:
        return []
    wanted = _commit_status(build, status, shown)
    written = forge.set_commit_status(build.commit, context_of(build.id), wanted)
    return [f"commit status {wanted.state}"] if written else []


def _newest_of_commit(build: BuildRecord, storage: StorageContext) -> BuildRecord:
    of_commit = storage.ledger.builds_at(build.id.project, build.commit)
    return next((b for b in of_commit if b.trusted == build.trusted), build)


def _commit_status(
    build: BuildRecord, status: Mapping[str, Any], shown: Shown, refused: str | None = None
) -> CommitStatus:
    plain = commit_status(status, link(status, shown))
    return replace(
        plain, details=details(build, status, button=shown.approve_from_check, refused=refused)
    )


def _update_pull_request(
    build: BuildRecord,
    status: Mapping[str, Any],
    storage: StorageContext,
    forge: Forge,
    shown: Shown,
) -> list[str]:
    number = build.pull_request or ""
    if status["state"] not in _FINAL or not (number.isascii() and number.isdigit()):
        return []
    pull_request = int(number)
    commands = shown.comment_commands and forge.takes_commands
    wanted = comment(status, context_of(build.id), link(status, shown), commands=commands)
    present = forge.own_comments(pull_request)
    plan = plan_comments(present, wanted)
    left_out = ""
    if plan.create or plan.edit is not None:  # else nothing is uploaded for nobody
        showing = Showing(shown.pictures, shown.site_url)
        section = showing.section(build, status, storage.objects, forge, present)
        wanted, left_out = section.below(wanted), section.left_out
        plan = plan_comments(present, wanted)
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
        delete += plan_comments(forge.own_comments(pull_request), wanted).delete
    for old in dict.fromkeys(delete):
        forge.delete_comment(pull_request, old)
        done.append("comment deleted")
    if left_out and done:
        done.append(f"pictures left out: {left_out}")
    return done
