"""`pixelgate projects`: lists, renames, moves and deletes the projects of a bucket."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelgate.cli import options as o
from pixelgate.cli.admin import Stack, Table, table_of
from pixelgate.cli.context import Context
from pixelgate.cli.help import Command, Group
from pixelgate.errors import UsageError

if TYPE_CHECKING:
    from pixelgate.client.projects import Place, Summary
    from pixelgate.client.projects_move import Moved

projects = typer.Typer(
    cls=Group, name="projects", help="The projects of a bucket: list, rename, move, delete.",
    no_args_is_help=True,
)  # fmt: skip

_DRY = "Only say what would be done."
_DryRun = Annotated[bool, o.option(_DRY, "--dry-run")]
_YES = "Do not ask for the project's name."
_Yes = Annotated[bool, o.option(_YES, "--yes", "-y")]
_Name = Annotated[str, typer.Argument(metavar="PROJECT", help="Name of the project.")]
_NOT_CARRIED = (
    "not carried over: uploads and reviews as they came (what was accepted of them is), cached "
    "diffs, older versions, and links in comments of pull requests"
)
_TO_DO = (
    "now change: `project` in pixelgate.toml, the roles of CI (examples/ci/roles.yaml has the "
    "project's name), and the stack's parameters that name it (RetentionDays, repositories)"
)


@projects.command("list", cls=Command)
def list_all(
    project: o.Project = None,
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
    as_json: o.AsJson = False,
) -> None:
    """Show each project's builds, snapshots, storage, and what its runs have cost so far.

    With --project only that one; a role for one project can list no others.

    The cost is that of the runs whose results are kept, by AWS's list prices, without storage.

    Exit code: 0 listed; 2 the bucket could not be read.
    """
    from pixelgate.cli.console import progress_bar, say
    from pixelgate.client.projects import list_projects

    context = Context(project, bucket, config)
    with progress_bar(quiet=as_json) as progress:
        found = list_projects(context.store, project, progress)
    if as_json:
        rows = [summary.as_json() for summary in found]
        typer.echo(json.dumps({"bucket": context.bucket, "projects": rows}, ensure_ascii=False))
    elif not found:
        say(f"there is no project in {context.bucket} yet")
    else:
        _show(found)


@projects.command(cls=Command)
def rename(
    project: _Name,
    new_name: Annotated[str, typer.Argument(metavar="NEW", help="Its new name.")],
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
    table: Table = None,
    stack: Stack = None,
    dry_run: _DryRun = False,
    yes: _Yes = False,
    as_json: o.AsJson = False,
) -> None:
    """Give a project another name. Its builds, images, results and approvals keep their ids.

    Everything is copied and compared before anything is removed, and no comparison starts. After
    an interruption run the same command again. Refused while something runs in the project.

    Exit code: 0 done; 2 refused or interrupted, and the reason is said.
    """
    context = Context(None, bucket, config)
    source = _place(context.bucket, table_of(table, stack, context.bucket), project)
    _move(source, _with_name(source, new_name), dry_run=dry_run, yes=yes, as_json=as_json)


@projects.command(cls=Command)
def move(
    project: _Name,
    to_bucket: Annotated[
        str, o.option("Bucket of the stack that gets the project.", "--to-bucket")
    ],
    new_name: Annotated[
        str | None, o.option("Another name for it there.", "--as", metavar="NEW")
    ] = None,
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
    table: Table = None,
    stack: Stack = None,
    to_table: Annotated[
        str | None, o.option("That stack's table. Default: its output Table.", "--to-table")
    ] = None,
    to_stack: Annotated[
        str | None, o.option("That stack. Default: as its bucket's name says.", "--to-stack")
    ] = None,
    dry_run: _DryRun = False,
    yes: _Yes = False,
    as_json: o.AsJson = False,
) -> None:
    """Move a project to the bucket and table of another stack, with the same credentials.

    Everything is copied and compared before anything is removed, and no comparison starts. After
    an interruption run the same command again. Refused while something runs in the project.

    Exit code: 0 done; 2 refused or interrupted, and the reason is said.
    """
    context = Context(None, bucket, config)
    there = to_bucket.removeprefix("s3://").rstrip("/")
    source = _place(context.bucket, table_of(table, stack, context.bucket), project)
    target = _place(there, table_of(to_table, to_stack, there), new_name or project)
    _move(source, target, dry_run=dry_run, yes=yes, as_json=as_json)


@projects.command(cls=Command)
def delete(
    project: _Name,
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
    table: Table = None,
    stack: Stack = None,
    dry_run: _DryRun = False,
    yes: _Yes = False,
    as_json: o.AsJson = False,
) -> None:
    """Delete a project: builds, images, results, reviews and records.

    The bucket keeps older versions of objects for 30 days; the records are gone at once. After an
    interruption run the same command again. Refused while something runs in the project.

    Exit code: 0 done; 2 refused or interrupted, and the reason is said.
    """
    import time

    from pixelgate.cli.console import progress_bar, say
    from pixelgate.client.projects import delete as delete_all

    context = Context(None, bucket, config)
    place = _place(context.bucket, table_of(table, stack, context.bucket), project)
    found = delete_all(place, time.time(), dry_run=True)
    say(f"{place}: {found.objects:,} objects, {_megabytes(found.size)}, {found.records:,} records")
    if dry_run:
        say("nothing was changed")
        _print_deleted(place, found, changed=False, as_json=as_json)
        return
    _confirm(project, "delete it for good", yes=yes)
    with progress_bar(quiet=False) as progress:
        delete_all(place, time.time(), dry_run=False, progress=progress)
    say(f"deleted {place}")
    _print_deleted(place, found, changed=True, as_json=as_json)


def _print_deleted(place: Place, found: Any, *, changed: bool, as_json: bool) -> None:
    if as_json:
        fields = {
            "bucket": place.at, "project": place.project, "changed": changed,
            "objects": found.objects, "size": found.size, "records": found.records,
        }  # fmt: skip
        typer.echo(json.dumps(fields, ensure_ascii=False))


def _move(source: Place, target: Place, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    import time

    from pixelgate.cli.console import progress_bar, say
    from pixelgate.client.projects_move import move as move_all

    planned = move_all(source, target, time.time(), dry_run=True)
    say(f"{source} → {target}: {_in_words(planned)}")
    say(_NOT_CARRIED)
    if planned.left:
        say(f"stays where it is, as nobody has accepted it: {', '.join(planned.left[:10])}")
    if dry_run:
        say("nothing was changed")
        _print_moved(source, target, planned, changed=False, as_json=as_json)
        return
    _confirm(source.project, "move it", yes=yes)
    with progress_bar(quiet=False) as progress:
        done = move_all(source, target, time.time(), dry_run=False, progress=progress)
    say(f"moved {source} to {target}: {_in_words(done)}")
    if source.project != target.project:
        say(_TO_DO)
    if source.at != target.at:
        say("now change the bucket in pixelgate.toml, and the roles and variables of CI")
    _print_moved(source, target, done, changed=True, as_json=as_json)


def _print_moved(
    source: Place, target: Place, moved: Moved, *, changed: bool, as_json: bool
) -> None:
    if as_json:
        fields = {
            "from": {"bucket": source.at, "project": source.project},
            "to": {"bucket": target.at, "project": target.project},
            "changed": changed, "objects": moved.objects, "size": moved.size,
            "records": moved.records, "left": list(moved.left),
        }  # fmt: skip
        typer.echo(json.dumps(fields, ensure_ascii=False))


def _in_words(moved: Moved) -> str:
    return f"{moved.objects:,} objects, {_megabytes(moved.size)}, {moved.records:,} records"


def _place(bucket: str, table: str, project: str) -> Place:
    """Opens a project. Raises UsageError if it cannot be a project's name."""
    from pixelgate import bootstrap
    from pixelgate.aws.operator import stack_of
    from pixelgate.client.projects import Place

    found = stack_of(bucket)
    store, records = bootstrap.open_project_store(bucket, table, found[1] if found else None)
    return Place(store, records, bucket, _checked(project))


def _with_name(place: Place, name: str) -> Place:
    from dataclasses import replace

    return replace(place, project=_checked(name))


def _checked(name: str) -> str:
    from pixelgate.domain.keys import check_id
    from pixelgate.errors import BadManifest

    try:
        return check_id(name, "the project")
    except BadManifest as error:
        raise UsageError(str(error)) from error


def _confirm(project: str, what: str, *, yes: bool) -> None:
    """Asks for the project's name, unless --yes was given. Raises UsageError."""
    import sys

    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"nothing was changed: to {what} without being asked, pass --yes")
    typed = typer.prompt(f"To {what}, type the name {project}", err=True)
    if typed.strip() != project:
        raise UsageError(f"nothing was changed: {typed!r} is not {project!r}")


def _show(found: list[Summary]) -> None:
    from datetime import UTC, datetime

    from rich.markup import escape
    from rich.table import Table as Rows

    from pixelgate.cli.console import console, say, warn

    rows = Rows(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("project", "builds", "newest", "snapshots", "images", "storage", "runs", "cost"):
        right = title not in {"project", "newest"}
        rows.add_column(title, overflow="fold", justify="right" if right else "left")
    for one in found:
        newest = "–"
        if one.newest is not None:
            newest = f"{datetime.fromtimestamp(one.newest, UTC):%Y-%m-%d %H:%M}"
        numbers = f"{one.builds:,}", newest, f"{one.snapshots:,}", f"{one.images:,}"
        cost = f"{_megabytes(one.size)}", f"{one.runs:,}", f"${one.dollars:,.4f}"
        rows.add_row(escape(one.project), *numbers, *cost)
    console().print(rows)
    total = sum(one.dollars for one in found)
    projects = "1 project; its" if len(found) == 1 else f"{len(found):,} projects; their"
    say(f"{projects} runs cost ${total:,.4f} so far, by AWS's list prices")
    for one in found:
        if one.moving_from:
            warn(f"{one.project}: a move from {one.moving_from} is not finished; repeat it")
        if one.unseen:
            folders = ", ".join(one.unseen)
            warn(f"{one.project}: storage is without {folders}, which this role may not list")
        if one.unpriced:
            warn(f"{one.project}: {one.unpriced:,} results do not say what they cost")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
