"""`pixelgate admin`: commands for the operator of a stack, run with their own credentials."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelgate.cli import options as o
from pixelgate.cli.context import Context
from pixelgate.cli.help import Command, Group
from pixelgate.errors import UsageError

if TYPE_CHECKING:
    from pixelgate.aws.operator import StackFacts
    from pixelgate.client.redrive import Listed
    from pixelgate.pipeline.cleanup.garbage import Collected

admin = typer.Typer(
    cls=Group, name="admin", help="Commands for operators: failed events, old builds, the index.",
    no_args_is_help=True,
)  # fmt: skip

_STACK = "Name of the stack, whose outputs say the rest. Default: as the bucket's name says."
Stack = Annotated[str | None, o.option(_STACK, "--stack", variable="STACK")]
_QUEUE = "URL of the queue. Default: the stack's output FailedEvents."
_Queue = Annotated[str | None, o.option(_QUEUE, "--queue", variable="FAILED_EVENTS")]
_TABLE = "Name of the table. Default: the stack's output Table."
Table = Annotated[str | None, o.option(_TABLE, "--table", variable="TABLE")]
_BRANCHES = "The stack's baseline branches. Default: its output BaselineBranches."
# With other names than the stack's, garbage collection would delete its baselines.
_Branches = Annotated[
    str | None, o.option(_BRANCHES, "--baseline-branches", variable="BASELINE_BRANCHES")
]


def facts_of(stack: str | None, bucket: str) -> StackFacts:
    """Reads the outputs of the named stack, or of the one whose name is in its bucket's.

    Raises:
        UsageError: no stack is named, or there is none of that name.
        BucketError: AWS does not answer or refuses.
    """
    from pixelgate import bootstrap
    from pixelgate.aws.operator import read_stack, stack_of

    found = stack_of(bucket)
    name = stack or (found and found[0])
    if not name:
        raise UsageError(
            f"which stack the bucket {bucket} is of is not in its name; pass --stack, or set "
            "PIXELGATE_STACK"
        )
    return read_stack(bootstrap.open_stack(name, found[1] if found else None))


def table_of(named: str | None, stack: str | None, bucket: str) -> str:
    """Returns the named table, or the stack's. Raises UsageError or BucketError."""
    table = named or facts_of(stack, bucket).table
    return table or _missing("Table", "--table")


def _missing(output: str, option: str) -> str:
    raise UsageError(f"the stack has no output {output}: is it pixelgate's? Or pass {option}")


def _queue_of(named: str | None, stack: str | None, bucket: str | None, config: Path | None) -> str:
    if named:
        return named
    # A named stack needs no bucket.
    at = bucket or "" if stack else Context(None, bucket, config).bucket
    return facts_of(stack, at).queue or _missing("FailedEvents", "--queue")


@admin.command(cls=Command)
def failed(
    queue: _Queue = None,
    stack: Stack = None,
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
    as_json: o.AsJson = False,
) -> None:
    """List the events that Lambda gave up on, with the reasons. Changes nothing."""
    from pixelgate import bootstrap
    from pixelgate.client.redrive import list_failed

    url = _queue_of(queue, stack, bucket, config)
    events = list_failed(bootstrap.open_failed_events(url))
    _print(url, events, as_json=as_json)
    typer.echo(f"{len(events)} failed events", err=True)


@admin.command(cls=Command)
def redrive(
    queue: _Queue = None,
    stack: Stack = None,
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
    as_json: o.AsJson = False,
) -> None:
    """Send the failed events to their functions again. Safe to repeat.

    Lambda tries each event up to three times, as if it were new.

    Exit code: 0 all events were sent; 2 some could not be sent and stay in the queue.
    """
    from pixelgate import bootstrap
    from pixelgate.client.redrive import redrive as send_again

    url = _queue_of(queue, stack, bucket, config)
    events = send_again(bootstrap.open_failed_events(url))
    _print(url, events, as_json=as_json)
    unsent = [event for event in events if event.problem]
    typer.echo(f"{len(events) - len(unsent)} sent again, {len(unsent)} left in the queue", err=True)
    if unsent:
        raise typer.Exit(2)


@admin.command(cls=Command)
def gc(
    table: Table = None,
    baseline_branches: _Branches = None,
    stack: Stack = None,
    delete: Annotated[
        bool, typer.Option("--delete", help="Take the next step, not only say what would go.")
    ] = False,
    retention: Annotated[
        float, typer.Option("--retention", min=1, metavar="DAYS", help="Younger builds stay.")
    ] = 90.0,
    project: o.Project = None,
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
    as_json: o.AsJson = False,
) -> None:
    """Say what no kept build refers to; with --delete, take a step towards removing it.

    Kept are builds that are young, approved, unfinished, eligible as a baseline, or the base of
    such a build. The others are hidden first, and removed in a run a week later. Images that no
    build refers to are deleted when they are 30 days old. The bucket keeps the versions of what
    is deleted for 30 days; an image that is needed meanwhile is restored from its version.
    """
    from pixelgate import bootstrap
    from pixelgate.aws.operator import in_words as in_words_of
    from pixelgate.pipeline.cleanup.garbage import Retention, collect

    context = Context(project, bucket, config)
    if table is None or baseline_branches is None:
        facts = facts_of(stack, context.bucket)
        table = table or facts.table or _missing("Table", "--table")
        if baseline_branches is None:
            baseline_branches = facts.branches
    branches = tuple(name.strip() for name in baseline_branches.split(",") if name.strip())
    if not branches:
        raise UsageError(
            "--baseline-branches: names no branch; baselines would pass for old builds"
        )
    records = bootstrap.open_storage(context.bucket, table, branches)
    try:
        with in_words_of(table):
            done = collect(context.project, records, Retention(days=retention), delete=delete)
    except ValueError as error:
        raise UsageError(f"nothing was removed: {error}") from error
    if as_json:
        typer.echo(json.dumps({**vars(done), "deleting": delete}, ensure_ascii=False))
    else:
        typer.echo(in_words(done, delete=delete))


@admin.command(cls=Command)
def index(
    project: o.Project = None,
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
    as_json: o.AsJson = False,
) -> None:
    """Add results to the history that were published before there was one. Safe to repeat.

    Without --project, every project of the bucket. Prints how many results were added and what
    the requests cost.

    Exit code: 0 every result is in the history; 2 some results could not be read, or the bucket
    could not be used.
    """
    from pixelgate.cli.console import progress_bar, say
    from pixelgate.client.index_older import index_older
    from pixelgate.pipeline.cleanup.orphans import projects as names_in

    context = Context(project, bucket, config)
    left = 0
    rows = []
    for name in [context.project] if project else names_in(context.store):
        with progress_bar(quiet=False) as progress:
            done = index_older(context.store, name, progress)
        requests = sum(done.usage.requests.values())
        rows.append({
            "project": name, "added": done.added, "known": done.known, "left": done.left,
            "requests": requests, "usd": round(done.usage.dollars, 6),
        })  # fmt: skip
        (say if as_json else typer.echo)(
            f"{_plain(name)}: {done.added:,} results added, {done.known:,} were there; "
            f"{requests:,} requests to S3, ${done.usage.dollars:.4f}"
        )
        for build, why in sorted(done.left.items()):
            say(f"  {_plain(build)}: not added: {_plain(why)}")
        left += len(done.left)
    if as_json:
        typer.echo(json.dumps({"projects": rows}, ensure_ascii=False))
    if left:
        raise typer.Exit(2)


def in_words(done: Collected, *, delete: bool) -> str:
    """Describes what garbage collection found and did."""
    kept = ", ".join(f"{n:,} {why}" for why, n in sorted(done.kept.items())) or "none"
    lines = [
        f"{done.project}: builds kept: {kept}",
        f"past retention: {len(done.builds):,} builds, {done.images:,} images; "
        f"{done.size / 1e6:,.1f} MB",
    ]
    lines += [f"  {name}" for name in done.builds]
    if delete:
        lines.append(
            f"now: {done.hidden:,} builds hidden, {done.removed:,} removed, "
            f"{done.swept:,} images deleted, {done.restored:,} restored, "
            f"{done.deleted:,} objects deleted"
        )
    else:
        lines.append("nothing was changed; --delete takes the next step")
    return "\n".join(lines)


def _print(queue: str, events: list[Listed], *, as_json: bool) -> None:
    if as_json:
        fields = {"queue": queue, "events": [_fields(event) for event in events]}
        typer.echo(json.dumps(fields, ensure_ascii=False))
        return
    for event in events:
        typer.echo(_line(event))


def _fields(listed: Listed) -> dict[str, Any]:
    event = listed.event
    names = ("when", "function", "about", "attempts", "why")
    return {
        **{name: getattr(event, name) if event else None for name in names},
        "problem": listed.problem or None,
    }


def _line(listed: Listed) -> str:
    """Describes one event in one line.

    Uploaders choose the keys in it, so characters that a terminal would obey are escaped.
    """
    event = listed.event
    if event is None:
        return _plain(listed.problem)
    tried = f"{event.attempts} attempts" if event.attempts != 1 else "1 attempt"
    problem = f"  LEFT: {listed.problem}" if listed.problem else ""
    return _plain(f"{event.when}  {event.name}  {event.about}  {tried}, {event.why}{problem}")


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
