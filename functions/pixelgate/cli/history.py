"""`pixelgate history`: lists the builds of a project, or tells the life of one snapshot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelgate.cli import options as o
from pixelgate.cli.context import Context
from pixelgate.errors import UsageError

if TYPE_CHECKING:
    from pixelgate.past.drift import Chain, Drift
    from pixelgate.past.life import Step
    from pixelgate.published.history import Past, Seen


def history(
    name: Annotated[
        str | None, typer.Argument(help="Show the result of this snapshot in each build.")
    ] = None,
    branch: Annotated[str | None, typer.Option(help="Only builds of this branch.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Number of builds.")] = 20,
    diff: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="A B",
            help="Compare two accepted images of NAME: numbers of the list, or "
            "beginnings of hashes.",
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the report of --diff.")
    ] = Path("pixelgate-history"),
    project: o.Project = None,
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV on stdout: the builds, or NAME's life.")
    ] = False,
    as_json: o.AsJson = False,
) -> None:
    """List the newest builds of a project, or tell the life of one snapshot.

    A snapshot's life is its results and reviews in these builds, and every image that was accepted,
    with the build that brought it, who approved it and why.

    It also says if the snapshot drifted: if it changed in many small steps that passed, and would
    now need a review against the image that was accepted last. Where the extra `compare` is not
    installed, only the number of steps is told.

    Exit code: 0 listed; 2 wrong usage, or the bucket could not be read.
    """
    from pixelgate.cli.console import progress_bar, say
    from pixelgate.published.history import history as read
    from pixelgate.published.history import of_snapshot

    _check(name, diff, as_csv=as_csv, as_json=as_json)
    context = Context(project, bucket, config)
    counted = context.count_requests()
    told = _told(context, name, branch) if name else None
    if diff and told:
        _compare(context, told, diff, out, as_json=as_json)
        return
    if as_csv and told:
        typer.echo(csv_of([step.row() for step in told.steps], _STEP), nl=False)
        return
    with progress_bar(quiet=False) as progress:
        builds = read(context.store, context.project, branch=branch, limit=limit, progress=progress)
        results = of_snapshot(context.store, name, builds, progress) if name else ()
        snapshots = {past.id.build: seen for past, seen in results}
    if told and not told.steps and not any(seen.image for seen in snapshots.values()):
        raise UsageError(
            f"no snapshot {name!r} in the newest {len(builds)} builds of {context.project}; "
            "a name is a path with its extension; --limit searches more builds"
        )
    if as_csv:
        typer.echo(csv_of([_flat(past) for past in builds], _BUILD), nl=False)
    elif as_json:
        rows = [_row(past, name, snapshots) for past in builds]
        life = {"snapshot": told.as_json()} if told else {}
        fields = {"project": context.project, "builds": rows, **life}
        typer.echo(json.dumps(fields, ensure_ascii=False))
    elif not builds and not (told and told.steps):
        of = f" of {branch}" if branch else ""
        say(f"{context.project} has no build{of} in {context.bucket} yet")
    else:
        if told and not told.steps:
            say(f"the index does not know {name}; `pixelgate admin index` adds older results")
        _show(builds, name, snapshots)
        if told and told.steps:
            _show_life(told)
            say(counted.words)


def _check(name: str | None, diff: tuple[str, str] | None, *, as_csv: bool, as_json: bool) -> None:
    """Raises UsageError if options do not go together."""
    if diff and not name:
        raise UsageError(
            "--diff compares images of a snapshot: `pixelgate history NAME --diff 1 2`"
        )
    if as_csv and as_json:
        raise UsageError("--csv and --json cannot be used together")


# The columns of a table without rows.
_STEP = ("at", "name", "build", "commit", "branch", "pull_request", "author", "status", "pixels",
         "image", "base_image", "accepted", "how", "by", "decided", "reason")  # fmt: skip
_BUILD = ("build", "commit", "branch", "pull_request", "state", "verdict", "result", "base",
          "report", "updated", "reviewers")  # fmt: skip


def csv_of(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> str:
    """Returns a table as CSV."""
    from pixelgate.past.life import as_csv

    return as_csv(rows, columns)


@dataclass(frozen=True)
class _Told:
    """What the index tells of a snapshot."""

    name: str
    steps: tuple[Step, ...]
    images: tuple[Step, ...]
    chain: Chain | None
    drift: Drift | None

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "images": [image.row() for image in self.images],
            "steps": [step.row() for step in self.steps],
            "drift": self.drift.row() if self.drift else None,
        }


def _told(context: Context, name: str, branch: str | None) -> _Told:
    """Reads the life of a snapshot, and measures its drift where that is possible."""
    from pixelgate.past.drift import chain_of, newest
    from pixelgate.past.life import accepted_images, snapshot_life
    from pixelgate.past.model import Past

    past = Past.of(context.store, context.project)
    steps = snapshot_life(past, name, branch)
    entry = newest(past, branch)
    chain = chain_of(past, entry, name) if entry else None
    drifts = measured(context, [chain]) if chain else None
    drift = drifts[0] if drifts else None
    return _Told(name, steps, accepted_images(steps), chain, drift)


def measured(context: Context, chains: list[Chain]) -> list[Drift] | None:
    """Measures chains of one build with the engine; None where it is not installed."""
    from pixelgate.bootstrap import find_engine, open_pool
    from pixelgate.engine.compiled import check_installed

    try:
        check_installed()
        engine = find_engine()
    except UsageError:
        return None
    from pixelgate.client.past_images import measure_drift

    with open_pool(engine) as pool:
        return list(measure_drift(context.store, chains, pool))


def _compare(
    context: Context, told: _Told, wanted: tuple[str, str], out: Path, *, as_json: bool
) -> None:
    from pixelgate.bootstrap import find_engine, open_pool
    from pixelgate.engine.compiled import check_installed

    check_installed()
    from pixelgate.cli.console import say, show_summary
    from pixelgate.client.past_images import compare_images, pick
    from pixelgate.domain.keys import COMPARISON, REPORT

    first, second = (pick(told.images, one) for one in wanted)
    engine = find_engine()
    with open_pool(engine) as pool:
        done = compare_images(context.store, (first, second), out, pool, engine.label)
    show_summary(done.comparison)
    say(f"report: {out / REPORT}")
    if as_json:
        fields = {
            "project": context.project,
            "snapshot": told.name,
            "verdict": done.comparison.verdict,
            "counts": done.comparison.counts.as_json(),
            "comparison": str(out / COMPARISON),
            "report": str(out / REPORT),
        }
        typer.echo(json.dumps(fields, ensure_ascii=False))


def _flat(past: Past) -> dict[str, Any]:
    row = past.as_json()
    counts = row.pop("counts")
    return {**row, **counts}


def _show_life(told: _Told) -> None:
    from rich.markup import escape
    from rich.table import Table

    from pixelgate.cli.console import console, say, warn

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("", "accepted", "image", "build", "commit", "branch", "how", "why"):
        table.add_column(title, overflow="fold")
    for number, image in enumerate(told.images, 1):
        row = image.row()
        how = f"{row['how']} by {row['by']}" if row["by"] else str(row["how"])
        pull = f" #{row['pull_request']}" if row["pull_request"] else ""
        cells = (
            *(str(number), str(row["decided"] or row["at"])[:16].replace("T", " ")),
            *((image.hash or "removed")[:12], row["build"], row["commit"][:12]),
            *(f"{row['branch']}{pull}", how, str(row["reason"])),
        )
        table.add_row(*map(escape, cells))
    console().print()
    console().print(table)
    if told.drift and told.drift.needs_review:
        warn(f"drift: {told.drift.words}")
    elif told.drift:
        say(f"drift: {told.drift.words}")
    elif told.chain:
        steps = len(told.chain.steps)
        say(
            f"drift: {told.name} changed in {steps} steps, each of which passed; "
            "pip install 'pixelgate[compare]' measures what they add up to"
        )


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
