"""Parts of pages with tables: cells, rows, the choice of a time, what is left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from pixelgate.web.http import escape

SPANS = (30, 90, 365)  # days
Cells = tuple[tuple[str, str], ...]  # of a row: class and content


def spans(days: int) -> str:
    """Links to the same page about another number of days."""
    here = ' aria-current="true"'
    links = " ".join(
        f'<a href="?days={span}"{here if span == days else ""}>{span} days</a>' for span in SPANS
    )
    return f'<nav class="pages spans" aria-label="Time">{links}</nav>'


def table(heads: Sequence[str], rows: Iterable[Cells]) -> str:
    """Returns a table; on a phone, where there is no room for heads, each cell names its own."""
    first = "".join(
        f'<th scope="col">{escape(head)}</th>' if head else "<td></td>" for head in heads
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<td class="{kind}"{f" data-head={chr(34)}{escape(head)}{chr(34)}" if head else ""}>'
            f"{cell}</td>"
            for head, (kind, cell) in zip(heads, cells, strict=True)
        )
        + "</tr>"
        for cells in rows
    )
    return (
        f'<table class="builds headed"><thead><tr>{first}</tr></thead><tbody>{body}</tbody></table>'
    )


def left_out(since: datetime | None, command: str) -> str:
    """Says that a page did not read all of the history; empty if it did."""
    if since is None:
        return ""
    return (
        f'<p class="message noted">This history is long: what was before {since:%Y-%m-%d} is left '
        f"out here. <code>{escape(command)}</code> reads all of it.</p>"
    )


def row(*cells: tuple[str, str]) -> Cells:
    """Returns a row of cells, each with its class and its content."""
    return cells
