"""`pixelgate history`: lists the builds of a project, or the results of one snapshot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelgate.cli import options as o
from pixelgate.cli.context import Context
from pixelgate.errors import UsageError

if TYPE_CHECKING:
    from pixelgate.published.history import Past, Seen


def history(
    name: Annotated[
        str | None, typer.Argument(help="Show the result of this snapshot in each build.")
    ] = None,
    branch: Annotated[str | None, typer.Option(help="Only builds of this branch.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Number of builds.")] = 20,
    project: o.Project = None,
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
    as_json: o.AsJson = False,
) -> None:
    """List the newest builds of a project, or the results and reviews of one snapshot in them.

    Exit code: 0 listed; 2 wrong usage, or the bucket could not be read.
    """
    from pixelgate.cli.console import progress_bar, say
    from pixelgate.published.history import history as read
    from pixelgate.published.history import of_snapshot

    context = Context(project, bucket, config)
    with progress_bar(quiet=False) as progress:
        builds = read(context.store, context.project, branch=branch, limit=limit, progress=progress)
        results = of_snapshot(context.store, name, builds, progress) if name else ()
        snapshots = {past.id.build: seen for past, seen in results}
    if name and not any(seen.image for seen in snapshots.values()):
        raise UsageError(
            f"no snapshot {name!r} in the newest {len(builds)} builds of {context.project}; "
            "a name is a path with its extension; --limit searches more builds"
        )
    if as_json:
        rows = [_row(past, name, snapshots) for past in builds]
        typer.echo(json.dumps({"project": context.project, "builds": rows}, ensure_ascii=False))
    elif not builds:
        of = f" of {branch}" if branch else ""
        say(f"{context.project} has no build{of} in {context.bucket} yet")
    else:
        _show(builds, name, snapshots)


def _row(past: Past, name: str | None, snapshots: Mapping[str, Seen]) -> dict[str, Any]:
    row = past.as_json()
    return {**row, "snapshot": snapshots[past.id.build].as_json()} if name else row


def _show(builds: list[Past], name: str | None, snapshots: Mapping[str, Seen]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from pixelgate.cli.console import console
    from pixelgate.published.status import in_words, reviewers

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    last_titles = (name, "", "review") if name else ("result", "counts", "reviewed by")
    for title in ("when", "build", "commit", "branch", *last_titles):
        table.add_column(escape(title), overflow="fold")
    for past in builds:
        if name:
            seen = snapshots[past.id.build]
            status = str((seen.image or {}).get("status") or "–")
            last = (status, _pixels(seen.image), seen.words)
        else:
            counts = _counts(past.status.get("counts") or {})
            last = (in_words(past.status), counts, ", ".join(reviewers(past.status)))
        cells = past.uploaded[:16].replace("T", " "), past.id.build, (past.commit or "")[:12]
        table.add_row(*map(escape, (*cells, past.branch or "", *last)))
    console().print(table)


def _pixels(image: Mapping[str, Any] | None) -> str:
    from pixelgate.client.result import pixels_of

    pixels = pixels_of(image or {})
    return "" if pixels is None else f"{pixels:,} pixels"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n:,} {status}" for status, n in counts.items() if n and status != "total")
