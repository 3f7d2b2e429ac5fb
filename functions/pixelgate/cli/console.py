"""Prints messages, progress bars and tables for people, on stderr; stdout is for data only."""

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

from pixelgate.domain.comparison import (
    NEEDING_REVIEW,
    QUARANTINED,
    Comparison,
    Status,
    Verdict,
)
from pixelgate.domain.quarantine import in_words
from pixelgate.domain.wording import and_more
from pixelgate.ports import Progress

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
    """Returns a Rich console for stderr; it prints no colours to a pipe or with NO_COLOR.

    Without a terminal, lines are long enough that tables in a log are not folded.
    """
    width = None if sys.stderr.isatty() or "COLUMNS" in os.environ else _LOG_COLUMNS
    return Console(stderr=True, highlight=False, soft_wrap=True, width=width)


def complain(message: str) -> None:
    """Prints an error message."""
    console().print(f"[bold red]error:[/] {escape(message)}")


def say(words: str) -> None:
    """Prints a line of information."""
    console().print(words, markup=False)


def warn(words: str) -> None:
    """Prints a note that somebody should act on."""
    console().print(f"[yellow]note:[/] {escape(words)}")


class _Count(MofNCompleteColumn):
    """A column with `done/total`; empty where the total is unknown, as in a wait."""

    def render(self, task: Task) -> Text:
        return Text() if task.total is None else super().render(task)


@contextmanager
def progress_bar(quiet: bool) -> Iterator[Progress]:
    """Yields a `Progress` that draws a bar for each stage on a terminal and prints its messages.

    Without a terminal it prints the messages only, even where colours are forced.
    """
    out = console()
    if quiet or not sys.stderr.isatty():
        yield Progress() if quiet else Progress(say=say)
        return
    columns = (TextColumn("{task.description:>14}"), BarColumn(), _Count(), TimeElapsedColumn())
    with Bar(*columns, console=out, transient=True) as bar:

        def begin(stage: str, total: int) -> None:
            for task in bar.task_ids:
                bar.update(task, visible=False)
            bar.add_task(stage, total=total or None)

        def step() -> None:
            bar.advance(bar.task_ids[-1])

        yield Progress(begin, step, lambda words: bar.console.print(words, markup=False))


def show_summary(comparison: Comparison) -> None:
    """Prints the snapshots that need a review, the warnings, the counts and the verdict."""
    to_review = sorted(
        (
            list(Status).index(s.status),
            QUARANTINED if s.is_excused else str(s.status),
            name,
            s.reason
            or (
                f"until {s.quarantined.until[:10]}, {s.quarantined.owner}: {s.quarantined.reason}"
                if s.quarantined and s.is_excused
                else ""
            ),
        )
        for name, s in comparison.snapshots.items()
        if s.status in NEEDING_REVIEW
    )
    show_names([row[1:] for row in to_review])
    for warning in (*comparison.warnings, *comparison.quarantine_notes):
        warn(warning)
    show_counts(comparison.all_counts)
    excused = comparison.counts.quarantined
    words = f": no changes to review; {in_words(excused)}" if excused else ""
    passed = comparison.verdict is Verdict.PASSED
    console().print(f"[bold green]passed{words}[/]" if passed else "[bold red]needs review[/]")


def show_names(rows: Sequence[tuple[str, str, str]]) -> None:
    """Prints the first `(status, name, reason)` of a list, and how many more there are."""
    out = console()
    for status, name, reason in rows[:_NAMES_SHOWN]:
        note = f"  {reason}" if reason else ""
        out.print(f"  {status:<11}", name, note, markup=False, sep="")
    for line in and_more(len(rows) - _NAMES_SHOWN):
        out.print(f"  … {line}, in the report")


def show_counts(counts: Mapping[str, int]) -> None:
    """Prints the counts as a table, the total last."""
    table = Table(show_header=False, box=None, padding=(0, 2))
    for status in Status:
        number = counts.get(status, 0)
        style = _COLOURS.get(status, "") if number else "dim"
        table.add_row(status.value, f"{number:,}", style=style)
    if learned := counts.get("learned_noise"):
        table.add_row("by learned noise", f"{learned:,}")
    if excused := counts.get(QUARANTINED):
        table.add_row(QUARANTINED, f"{excused:,}", style="yellow")
    table.add_row("total", f"{counts.get('total', 0):,}", style="bold")
    console().print(table)
