"""What people read goes to stderr, so that stdout stays free for data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table

from pixelgate.comparison import Comparison, Status, Verdict
from pixelgate.local import Progress

_COLOURS = {
    Status.ERRORED: "red",
    Status.CHANGED: "red",
    Status.ADDED: "yellow",
    Status.REMOVED: "yellow",
    Status.RENAMED: "cyan",
}


_TO_REVIEW = frozenset({Status.ERRORED, Status.CHANGED, Status.ADDED, Status.REMOVED})
_NAMES_SHOWN = 10


def console() -> Console:
    """Rich decides about colours: none without a terminal, none with NO_COLOR."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def complain(message: str) -> None:
    """An error, in one paragraph."""
    console().print(f"[bold red]error:[/] {escape(message)}")


@contextmanager
def progress_bar(quiet: bool) -> Iterator[Progress]:
    """A bar for each stage on a terminal; nothing elsewhere, where it would only fill a log."""
    out = console()
    if quiet or not out.is_terminal:
        yield Progress()
        return
    columns = (
        TextColumn("{task.description:>14}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Bar(*columns, console=out, transient=True) as bar:

        def begin(stage: str, total: int) -> None:
            bar.add_task(stage, total=total)

        def step() -> None:
            bar.advance(bar.task_ids[-1])

        yield Progress(begin, step)


def show_summary(comparison: Comparison) -> None:
    """What a person must look at, by name, the counts as a table, and the verdict in words."""
    out = console()
    to_review = sorted(
        (list(Status).index(s.status), name, s)
        for name, s in comparison.snapshots.items()
        if s.status in _TO_REVIEW
    )
    for _, name, snapshot in to_review[:_NAMES_SHOWN]:
        reason = f"  {snapshot.reason}" if snapshot.reason else ""
        out.print(f"  {snapshot.status:<11}", name, reason, markup=False, sep="")
    if len(to_review) > _NAMES_SHOWN:
        out.print(f"  … and {len(to_review) - _NAMES_SHOWN:,} more, in the report")
    table = Table(show_header=False, box=None, padding=(0, 2))
    for status in Status:
        number = getattr(comparison.counts, status)
        style = _COLOURS.get(status, "") if number else "dim"
        table.add_row(status.value, f"{number:,}", style=style)
    table.add_row("total", f"{comparison.counts.total:,}", style="bold")
    out.print(table)
    passed = comparison.verdict is Verdict.PASSED
    out.print("[bold green]passed[/]" if passed else "[bold red]needs review[/]")
