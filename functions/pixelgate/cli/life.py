"""`pixelgate life`: what a project's history adds up to, as tables."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelgate.cli import options as o
from pixelgate.cli.context import Context
from pixelgate.cli.history import csv_of, measured
from pixelgate.cli.since import beginning
from pixelgate.errors import UsageError

if TYPE_CHECKING:
    from pixelgate.past.model import Past

_MOST_CHAINS = 50


class TableName(StrEnum):
    """The tables of a project's life."""

    BUILDS = "builds"
    SERIES = "series"
    SNAPSHOTS = "snapshots"
    MONTHS = "months"
    RATES = "rates"
    DRIFT = "drift"


# The columns of each table as people see it: title, field and how it is written.
_Cell = Callable[[Any], str]


def life(
    table: Annotated[
        TableName | None, typer.Argument(help="One table; without it, all but builds and drift.")
    ] = None,
    since: Annotated[
        str, typer.Option(metavar="DAYSd|DATE", help="What is older is left out.")
    ] = "90d",
    branch: Annotated[
        str | None, typer.Option(help="Only builds of this branch and of no pull request.")
    ] = None,
    project: o.Project = None,
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print one table as CSV on stdout.")
    ] = False,
    as_json: o.AsJson = False,
) -> None:
    """Tell a project's life: reviews, rates, the snapshots that change most, cost and drift.

    `series` has a row for each branch and pull request, `builds` one for each build with verdict,
    review and time to review, `months` what each month cost.

    Everything is read from the project's index, in about one request a month. `drift` compares the
    newest build's snapshots that changed in many steps, each of which passed, with the images that
    were accepted last; it needs the extra `compare`.

    Exit code: 0 told; 2 wrong usage, or the bucket could not be read.
    """
    from pixelgate.cli.console import say
    from pixelgate.past.life import TABLES
    from pixelgate.past.model import Past

    if as_csv and as_json:
        raise UsageError("--csv and --json cannot be used together")
    if as_csv and table is None:
        raise UsageError(f"--csv prints one table; name it: {', '.join(TableName)}")
    context = Context(project, bucket, config)
    counted = context.count_requests()
    # A chain of small steps may be older than what is asked for.
    began = None if table is TableName.DRIFT else beginning(since, datetime.now(UTC))
    past = Past.of(context.store, context.project, began)
    if branch is not None:
        past = past.only(past.on_branch(branch))
    wanted = [table] if table else [TableName.RATES, *_USUAL] if not as_json else [*_JSON]
    rows = {
        str(one): _drift(context, past, branch) if one is TableName.DRIFT else TABLES[one](past)
        for one in wanted
    }
    if as_json:
        fields = {"project": context.project, "since": since, **rows}
        typer.echo(json.dumps(fields, ensure_ascii=False))
    elif as_csv:
        [(name, only)] = rows.items()
        typer.echo(csv_of(only, _COLUMNS[TableName(name)]), nl=False)
    elif not past.entries:
        say(
            f"the history of {context.project} has no build since {since}; results from before "
            "this version are added by `pixelgate admin index`"
        )
    else:
        for name, found in rows.items():
            _show(TableName(name), found)
        say(counted.words)


_USUAL = (TableName.SERIES, TableName.SNAPSHOTS, TableName.MONTHS)
_JSON = (TableName.RATES, TableName.BUILDS, *_USUAL)


def _drift(context: Context, past: Past, branch: str | None) -> list[dict[str, Any]]:
    from pixelgate.past.drift import chains, newest

    entry = newest(past, branch)
    found = chains(past, entry)[:_MOST_CHAINS] if entry else []
    if not found:
        return []
    drifts = measured(context, found)
    if drifts is None:
        raise UsageError(
            "drift is measured with the engine, which is not installed: "
            "pip install 'pixelgate[compare]'"
        )
    order = sorted(drifts, key=lambda drift: (not drift.needs_review, -drift.pixels))
    return [drift.row() for drift in order]


def _text(value: Any) -> str:
    return "–" if value in (None, "") else str(value)


def _number(value: Any) -> str:
    return "–" if value is None else f"{value:,}"


def _percent(value: Any) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def _dollars(value: Any) -> str:
    return "–" if value is None else f"${value:.4f}"


def _moment_of(value: Any) -> str:
    return str(value or "–")[:16].replace("T", " ")


def _duration(value: Any) -> str:
    """Formats seconds for people."""
    if value is None:
        return "–"
    for length, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if value >= length:
            return f"{value / length:.1f} {unit}"
    return f"{value:.0f} s"


_RATES: tuple[tuple[str, str, _Cell], ...] = (
    ("builds", "builds", _number),
    ("to review", "needed_review", _number),
    ("change rate", "change_rate", _percent),
    ("approved", "approved", _number),
    ("rejected", "rejected", _number),
    ("approval rate", "approval_rate", _percent),
    ("without a review", "without_a_review", _number),
    ("open", "open", _number),
    ("time to review", "median_seconds_to_review", _duration),
    ("cost", "usd", _dollars),
    ("per build", "usd_per_build", _dollars),
)
_SHOWN: dict[TableName, tuple[tuple[str, str, _Cell], ...]] = {
    TableName.RATES: _RATES,
    TableName.SERIES: (
        ("last", "last", _moment_of),
        ("branch", "branch", _text),
        ("pull request", "pull_request", _text),
        *(column for column in _RATES if column[0] not in {"change rate", "approval rate"}),
    ),
    TableName.SNAPSHOTS: (
        ("snapshot", "name", _text),
        ("builds", "builds", _number),
        ("changes", "changes", _number),
        ("change rate", "change_rate", _percent),
        ("approved", "approved", _number),
        ("rejected", "rejected", _number),
        ("open", "open", _number),
        ("images", "images", _number),
        ("last", "last", _moment_of),
    ),
    TableName.MONTHS: (("month", "month", _text), ("snapshots", "snapshots", _number), *_RATES),
    TableName.BUILDS: (
        ("when", "at", _moment_of),
        ("build", "build", _text),
        ("branch", "branch", _text),
        ("pull request", "pull_request", _text),
        ("commit", "commit", lambda value: str(value)[:12]),
        ("verdict", "verdict", _text),
        ("review", "review", _text),
        ("by", "by", lambda value: ", ".join(value) or "–"),
        ("time to review", "seconds_to_review", _duration),
        ("changed", "changed", _number),
        ("cost", "usd", _dollars),
    ),
    TableName.DRIFT: (
        ("snapshot", "name", _text),
        ("needs a review", "needs_review", lambda value: "yes" if value else "no"),
        ("pixels", "pixels", _number),
        ("of", "total", _number),
        ("steps", "steps", _number),
        ("since build", "since_build", _text),
        ("since", "since", _moment_of),
    ),
}
# The columns of a table without rows.
_COLUMNS = {name: tuple(field for _, field, _ in shown) for name, shown in _SHOWN.items()}


def _show(name: TableName, rows: list[dict[str, Any]]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from pixelgate.cli.console import console

    shown = _SHOWN[name]
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", title_justify="left")
    for title, _, _ in shown:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(escape(write(row[field])) for _, field, write in shown))
    console().print(f"[bold]{name}[/]" if rows else f"[bold]{name}[/]: none")
    if rows:
        console().print(table)
    console().print()
