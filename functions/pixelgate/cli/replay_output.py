"""Prints what a replay costs and what it found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pixelgate.client.counted import CountedBucket
    from pixelgate.client.replay import Plan, Reading, Versions
    from pixelgate.past.replay import Answer, Replayed

# Megapixels that a processor measures in a second.
_MEGAPIXELS_PER_SECOND = 6
_ROWS_SHOWN = 15


def tell(rule: str, installed: Versions, reading: Reading, todo: Plan, out: Path | None) -> None:
    """Says what is replayed, from what, and what the rest costs."""
    from pixelgate.cli.console import say, warn

    say(f"rule: {rule}; verdict of {installed.words}")
    for versions, number in sorted(reading.versions.items(), key=lambda one: -one[1]):
        if versions != installed:
            say(f"  {number:,} results are of {versions.words}")
    say(
        f"{len(reading.pieces):,} differences: {len(todo.stored):,} are judged from stored "
        f"measurements, {len(todo.pair_of):,} from their images, {len(todo.lost):,} cannot be "
        "judged"
    )
    if todo.pairs:
        processors = _processors()
        seconds = todo.megapixels / (_MEGAPIXELS_PER_SECOND * processors)
        say(
            f"  {len(todo.pairs):,} pairs, {len(todo.pairs) - todo.fresh:,} of them measured "
            f"before; {todo.megapixels:,.0f} megapixels, about {_duration(seconds)} on "
            f"{processors} processors of this machine; no Lambda runs"
        )
        if out is None:
            warn("without --out, an interrupted run begins anew")
    if todo.usage.requests:
        say(
            f"to fetch: {len(todo.fetched):,} images, {len(todo.masks):,} masks at most: "
            f"{sum(todo.usage.requests.values()):,} requests, {in_bytes(todo.bytes_out)} out of "
            f"S3, about {in_dollars(todo.usd)} by AWS's list prices"
        )


def _processors() -> int:
    import os

    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def in_dollars(amount: float) -> str:
    """Formats a price."""
    if amount >= 1:
        return f"${amount:,.2f}"
    return f"${amount:.4f}" if amount >= 0.0001 or amount == 0 else f"${amount:.6f}"


def in_bytes(size: float) -> str:
    """Formats a number of bytes."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"


def _duration(seconds: float) -> str:
    for length, unit in ((3_600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{max(1, round(seconds))} s"


def show(found: Sequence[Replayed], meter: CountedBucket, reports: Mapping[Answer, Path]) -> None:
    """Prints the answer for people."""
    from pixelgate.cli.console import console, say, warn
    from pixelgate.past.replay import Answer, Decided, by_snapshot, totals

    told = totals(found)
    quiet, loud, unknown = told["newly_quiet"], told["newly_loud"], told["unknown"]
    say(f"still caught: {told['still_caught']:,}")
    say(
        f"newly quiet:  {quiet['total']:,} ({quiet['rejected']:,} rejected, "
        f"{quiet['approved']:,} approved, {quiet['undecided']:,} never decided)"
    )
    say(f"newly loud:   {loud['total']:,} ({loud['same_input']:,} of the same input, so noise)")
    say(f"still quiet:  {told['still_quiet']:,}")
    if unknown["total"]:
        say(f"unknown:      {unknown['total']:,} ({unknown['rejected']:,} rejected)")
    _table(by_snapshot(found))
    _list("cannot be judged", [one for one in found if one.answer is Answer.UNKNOWN])
    rejected = [
        one
        for one in found
        if one.answer is Answer.NEWLY_QUIET and one.piece.decided is Decided.REJECTED
    ]
    _list("rejected, and would be quiet", rejected)
    for answer, page in reports.items():
        say(f"report, {answer}: {page}")
    say(f"it cost {in_dollars(meter.usd)}: {sum(meter.usage.requests.values()):,} requests, "
        f"{in_bytes(meter.bytes_out)}")  # fmt: skip
    if unknown["rejected"]:
        warn(f"whether {unknown['rejected']:,} rejected changes would still be caught is not known")
    verdict = (
        "[bold red]a rejected change would be quiet[/]"
        if rejected
        else "[bold green]no rejected change would be quiet[/]"
    )
    console().print(verdict)


_SHOWN = (
    ("snapshot", "name"),
    ("newly quiet", "newly_quiet"),
    ("rejected", "newly_quiet_rejected"),
    ("approved", "newly_quiet_approved"),
    ("undecided", "newly_quiet_undecided"),
    ("newly loud", "newly_loud"),
    ("same input", "newly_loud_same_input"),
    ("still caught", "still_caught"),
    ("unknown", "unknown"),
)


def _table(rows: Sequence[Mapping[str, Any]]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from pixelgate.cli.console import console, say
    from pixelgate.domain.wording import and_more

    if not rows:
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for title, _ in _SHOWN:
        table.add_column(title, overflow="fold")
    for row in rows[:_ROWS_SHOWN]:
        table.add_row(*(escape(str(row[field])) for _, field in _SHOWN))
    console().print(table)
    for line in and_more(len(rows) - _ROWS_SHOWN, "snapshots"):
        say(f"  … {line}; --json and --csv list all")


def _list(title: str, found: Sequence[Replayed]) -> None:
    from pixelgate.cli.console import say
    from pixelgate.domain.wording import and_more

    if not found:
        return
    say(f"{title}:")
    for one in found[:_ROWS_SHOWN]:
        p = one.piece
        by = f", {p.decided} by {p.ruling.by}" if p.ruling.by else ""
        why = f": {one.why or p.ruling.why}" if one.why or p.ruling.why else ""
        say(f"  {_plain(f'{p.name} in build {p.entry.build}{by}{why}')}")
    for line in and_more(len(found) - _ROWS_SHOWN):
        say(f"  … {line}; --json and --csv list all")


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
