"""What people read goes to stderr, so that stdout stays free for data."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Task, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from pixelgate.client.progress import Progress
from pixelgate.domain.comparison import NEEDING_REVIEW, Comparison, Status, Verdict
from pixelgate.domain.wording import and_more

_COLOURS = {
    Status.ERRORED: "red",
    Status.CHANGED: "red",
    Status.ADDED: "yellow",
    Status.REMOVED: "yellow",
    Status.RENAMED: "cyan",
}


_NAMES_SHOWN = 10


_LOG_COLUMNS = 200


def console() -> Console:
    """Rich decides about colours: none without a terminal, none with NO_COLOR.

    A table in a log or in a pipe is not folded to the width of a terminal that is not there.
    """
    width = None if sys.stderr.isatty() or "COLUMNS" in os.environ else _LOG_COLUMNS
    return Console(stderr=True, highlight=False, soft_wrap=True, width=width)


def complain(message: str) -> None:
    """An error, in one paragraph."""
    console().print(f"[bold red]error:[/] {escape(message)}")


def say(words: str) -> None:
    """A line for people."""
    console().print(words, markup=False)


def warn(words: str) -> None:
    """A line that a person should act on."""
    console().print(f"[yellow]note:[/] {escape(words)}")


class _Count(MofNCompleteColumn):
    """How many of how many; nothing where nobody knows, as in a wait."""

    def render(self, task: Task) -> Text:
        return Text() if task.total is None else super().render(task)


@contextmanager
def progress_bar(quiet: bool) -> Iterator[Progress]:
    """A bar for each stage on a terminal, and the lines that are worth keeping everywhere.

    A log gets no bar, also where colours are forced upon it.
    """
    out = console()
    if quiet or not sys.stderr.isatty():
        yield Progress() if quiet else Progress(say=say)
        return
    columns = (
        TextColumn("{task.description:>14}"),
        BarColumn(),
        _Count(),
        TimeElapsedColumn(),
    )
    with Bar(*columns, console=out, transient=True) as bar:

        def begin(stage: str, total: int) -> None:
            for task in bar.task_ids:
                bar.update(task, visible=False)
            bar.add_task(stage, total=total or None)

        def step() -> None:
            bar.advance(bar.task_ids[-1])

        yield Progress(begin, step, lambda words: bar.console.print(words, markup=False))


def show_summary(comparison: Comparison) -> None:
    """What a person must look at, by name, the counts as a table, and the verdict in words."""
    to_review = sorted(
        (list(Status).index(s.status), str(s.status), name, s.reason or "")
        for name, s in comparison.snapshots.items()
        if s.status in NEEDING_REVIEW
    )
    show_names([found[1:] for found in to_review])
    for warning in comparison.warnings:
        warn(warning)
    show_counts(comparison.counts.as_json())
    passed = comparison.verdict is Verdict.PASSED
    console().print("[bold green]passed[/]" if passed else "[bold red]needs review[/]")


def show_names(found: Sequence[tuple[str, str, str]]) -> None:
    """Status, name and words of the first ones, and how many more there are."""
    out = console()
    for status, name, words in found[:_NAMES_SHOWN]:
        reason = f"  {words}" if words else ""
        out.print(f"  {status:<11}", name, reason, markup=False, sep="")
    for line in and_more(len(found) - _NAMES_SHOWN):
        out.print(f"  … {line}, in the report")


def show_counts(counts: Mapping[str, int]) -> None:
    """The counts as a table, the total last."""
    table = Table(show_header=False, box=None, padding=(0, 2))
    for status in Status:
        number = counts.get(status, 0)
        style = _COLOURS.get(status, "") if number else "dim"
        table.add_row(status.value, f"{number:,}", style=style)
    table.add_row("total", f"{counts.get('total', 0):,}", style="bold")
    console().print(table)
