"""`pixelgate quarantine`: adds, lifts and lists the quarantines of a project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelgate.cli import options as o
from pixelgate.cli.context import Context
from pixelgate.cli.help import Command, Group
from pixelgate.errors import UsageError

if TYPE_CHECKING:
    from pixelgate.domain.quarantine import Lift
    from pixelgate.domain.quarantine_review import QuarantineLog
    from pixelgate.published.quarantine import Row

quarantine = typer.Typer(
    cls=Group,
    name="quarantine",
    help="Snapshots whose changes need no review for a while: add, lift, list.",
    no_args_is_help=True,
)

_SECONDS = 120.0
_Wait = Annotated[bool, typer.Option("--wait", help="Wait until it is applied.")]


@quarantine.command(cls=Command)
def add(
    match: Annotated[
        str,
        typer.Argument(metavar="NAME|GLOB", help="Name of a snapshot; * stands for any text."),
    ],
    owner: Annotated[str, typer.Option(help="Who takes care of it.", show_default=False)],
    reason: Annotated[
        str, typer.Option("--reason", "-m", help="Why; it is shown with the result.")
    ],
    days: Annotated[int, typer.Option(help="How long it applies.", min=1, max=90)] = 14,
    wait: _Wait = False,
    timeout: o.ReviewTimeout = None,
    project: o.Project = None,
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
    as_json: o.AsJson = False,
) -> None:
    """Put snapshots into quarantine: what changes in them is shown and needs no review.

    What is removed, added or cannot be compared needs a review as ever. It applies to builds that
    are compared from now on, until it expires or is lifted. Your name is taken from your AWS
    credentials; who may approve may do this.

    Exit code: 0 written, and with --wait applied; 2 wrong usage or an error; 3 not applied in time.
    """
    from pixelgate.cli.console import say
    from pixelgate.published import quarantine as published

    context = Context(project, bucket, config)
    review = published.add(context.store, context.project, match, owner, reason, days)
    say(f"quarantine {review}: {match!r} for {days} day{'s' * (days != 1)}, {owner}: {reason}")
    applied = _applied(context, [review], timeout) if wait else None
    if as_json:
        typer.echo(json.dumps({"project": context.project, "quarantines": [review]}))
    _end(applied)


@quarantine.command(cls=Command)
def lift(
    named: Annotated[
        str, typer.Argument(metavar="ID|NAME|GLOB", help="A quarantine, as `list` shows it.")
    ],
    commit: Annotated[
        str | None,
        typer.Option(help="The commit from which on it ends. Default: HEAD of this clone."),
    ] = None,
    build: Annotated[
        str | None, typer.Option(help="Take commit, tree and pull request from this build.")
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", "-m", help="Why.")] = None,
    wait: _Wait = False,
    timeout: o.ReviewTimeout = None,
    project: o.Project = None,
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
    as_json: o.AsJson = False,
) -> None:
    """Lift a quarantine for all commits that contain the one at which it is lifted.

    Builds of other commits keep it until it expires, as what mended the snapshot is not in them. A
    squash or rebase is followed by the tree and, with --build, by the pull request.

    Exit code: 0 written, and with --wait applied; 2 wrong usage or an error; 3 not applied in time.
    """
    from datetime import UTC, datetime

    from pixelgate.cli.console import say
    from pixelgate.published import quarantine as published

    if commit and build:
        raise UsageError("--commit and --build cannot be used together")
    context = Context(project, bucket, config)
    log = published.read_log(context.store, context.project)
    found = published.rows(log, context.config.quarantine, datetime.now(UTC))
    meant = published.chosen(found, named)
    at = _of_build(context, build) if build else _of_commit(commit)
    reviews = []
    for row in meant:
        q = row.quarantine
        reviews.append(published.lift(context.store, context.project, q.id, at, reason))
        say(f"lifted {q.id} ({q.match!r}) for commits that contain {at.commit[:12]}")
    applied = _applied(context, reviews, timeout) if wait else None
    if as_json:
        typer.echo(json.dumps({"project": context.project, "lifts": reviews}))
    _end(applied)


@quarantine.command("list", cls=Command)
def list_all(
    project: o.Project = None,
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
    as_json: o.AsJson = False,
) -> None:
    """List the quarantines of the nearest pixelgate.toml and of reviewers, with owner and end.

    Without a bucket, only those of the file. What expired over 90 days ago is not listed.

    Exit code: 0 listed; 2 wrong usage, or the bucket could not be read.
    """
    from datetime import UTC, datetime

    from pixelgate.cli.console import say, warn
    from pixelgate.domain.quarantine_review import QuarantineLog
    from pixelgate.published import quarantine as published
    from pixelgate.published.status import short_name

    context = Context(project, bucket, config)
    has_bucket = bool(context.bucket_option or context.config.fields.bucket)
    log = published.read_log(context.store, context.project) if has_bucket else QuarantineLog()
    found = published.rows(log, context.config.quarantine, datetime.now(UTC))
    if as_json:
        refused = [vars(one) | {"by": short_name(one.by)} for one in log.refused]
        fields = {"quarantines": [row.as_json() for row in found], "refused": refused}
        typer.echo(json.dumps(fields, ensure_ascii=False))
        return
    if not found:
        say("no snapshot is in quarantine")
    for row in found:
        _show(row)
    for one in log.refused:
        warn(f"{one.id} by {short_name(one.by)} does not count: {one.why}")


def _show(row: Row) -> None:
    from pixelgate.cli.console import say
    from pixelgate.published.status import short_name

    q = row.quarantine
    by = f", {q.id} by {short_name(q.by)}" if q.id else f", in {q.source}"
    say(f"{row.state:<9} {q.match}  {q.since[:10]} to {q.until[:10]}, {q.owner}: {q.reason}{by}")
    for one in row.lifts:
        why = f": {one.reason}" if one.reason else ""
        say(f"          lifted from {one.commit[:12]} on by {short_name(one.by)}{why}")


def _of_commit(named: str | None) -> Lift:
    """Returns where a quarantine is lifted, from a commit of this clone. Raises UsageError."""
    from pixelgate.ci.git import Git
    from pixelgate.domain.quarantine import Lift

    git = Git(Path.cwd())
    commit = git.resolve(named or "HEAD")
    if commit is None:
        what = f"--commit {named!r} is" if named else "HEAD is"
        raise UsageError(f"{what} no commit of this clone; name one with --commit, or --build")
    return Lift(commit, git.tree(commit))


def _of_build(context: Context, named: str) -> Lift:
    """Returns where a quarantine is lifted, from a build's manifest. Raises UsageError."""
    from pixelgate.domain import keys
    from pixelgate.domain.manifest import parse_accepted
    from pixelgate.domain.quarantine import Lift
    from pixelgate.errors import BadManifest, NotFound

    build = context.build(named)
    try:
        manifest = parse_accepted(context.store.read(keys.accepted_manifest(build)), build)
    except (NotFound, BadManifest) as error:
        raise UsageError(f"--build {named}: there is no such build, or it was deleted") from error
    return Lift(manifest.commit, manifest.tree, manifest.pull_request)


def _applied(context: Context, reviews: list[str], timeout: float | None) -> bool:
    """Waits until the objects are in the log; returns whether they are. Raises UsageError."""
    import time

    from pixelgate.cli.console import complain, say
    from pixelgate.published import quarantine as published

    seconds = timeout or _SECONDS
    end = time.monotonic() + seconds
    while True:
        log: QuarantineLog = published.read_log(context.store, context.project)
        if reasons := [why for one in reviews if (why := published.refusal_of(log, one))]:
            raise UsageError(f"it does not count: {'; '.join(reasons)}")
        if all(published.is_applied(log, one) for one in reviews):
            say("it is applied")
            return True
        if time.monotonic() >= end:
            complain(f"it is written, but was not applied within {seconds:g} s")
            return False
        time.sleep(min(1.0, max(0.0, end - time.monotonic())))


def _end(applied: bool | None) -> None:
    if applied is False:
        from pixelgate.client.exit_code import Exit

        raise typer.Exit(Exit.TIMED_OUT)
