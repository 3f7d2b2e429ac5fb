"""`pixelgate changes`: what changed in a build, and why that counts or is explained."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelgate.cli import options as o
from pixelgate.cli.context import Context
from pixelgate.errors import UsageError

if TYPE_CHECKING:
    from pixelgate.client.mcp.source import Result

_STATUS = (
    "Only snapshots with this status; `explained` is what differs and passed. May be repeated. "
    "Default: all that are not unchanged or skipped."
)


def changes(
    build: o.OptionalBuild = None,
    status: Annotated[list[str] | None, typer.Option("--status", help=_STATUS)] = None,
    group: Annotated[str | None, typer.Option("--group", help="Only this group.")] = None,
    glob: Annotated[
        str | None, typer.Option("--glob", help="Only names like this; * matches anything.")
    ] = None,
    project: o.Project = None,
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
    as_json: o.AsJson = False,
) -> None:
    """Tell what changed in a build: groups, and of each snapshot why it counts or is explained.

    It is what `pixelgate mcp` tells an agent, for scripts and for people.

    Exit code: 0 told, whatever the result; 2 wrong usage, or the build has no result.
    """
    from pixelgate.client.mcp.changes import all_changes
    from pixelgate.client.mcp.source import Source

    context = Context(project, bucket, config)
    the_build = context.build(build)
    source = Source.of_bucket(context.store, context.bucket, context.project, lambda: None)
    result = source.result(the_build.project, the_build.build)
    if result.comparison is None:
        state = result.status.get("state")
        raise UsageError(f"{the_build} is {state} and has no result; `pixelgate status` says more")
    told = all_changes(source, result, statuses=tuple(status or ()), group=group, glob=glob)
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
    else:
        _show(told, result)


def _show(told: Mapping[str, Any], result: Result) -> None:
    from pixelgate.cli.console import console, show_counts

    out = console()
    for row in told["snapshots"]:
        out.print(f"{row['status']}: {row['name']}", markup=False)
        for sentence in filter(None, (*row["why"], row["error"])):
            out.print(f"  {sentence}", markup=False)
    for group in told["groups"]:
        out.print(
            f"group {group['group']}: {group['snapshots']:,} snapshots with the same change",
            markup=False,
        )
    show_counts(result.status.get("counts") or {})
