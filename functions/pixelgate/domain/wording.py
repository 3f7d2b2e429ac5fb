"""Phrases that several messages share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def and_more(hidden: int, noun: str = "") -> list[str]:
    """Returns `and 3 more names`, or an empty list if a message hides no item."""
    return [f"and {hidden:,} more {noun}".rstrip()] if hidden > 0 else []


def shortened(lines: Iterable[str], limit: int, noun: str = "") -> list[str]:
    """Returns the first `limit` lines; if there are others, a last line counts them."""
    lines = list(lines)
    return [*lines[:limit], *and_more(len(lines) - limit, noun)]


def joined(items: Sequence[str], limit: int) -> str:
    """Returns the first `limit` items, quoted: `'a', 'b' and 3 more`."""
    shown = ", ".join(map(repr, items[:limit]))
    return " ".join([shown, *and_more(len(items) - limit)])
