"""Entries for tests of the history, without a comparison."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pixelgate.past.model import Entry, Given, Shot


def entry(build: str, base: str | None = None, *shots: Shot, **fields: Any) -> Entry:
    """One entry of `main`; without a time of its own, one of 2026-11-01."""
    given: dict[str, Any] = {
        "commit": f"c-{build}",
        "branch": "main",
        "verdict": "passed",
        "review": "not_needed",
        "at": "2026-11-01T12:00:00+00:00",
        "execution": f"e-{build}",
        "first": base is None,
        **fields,
    }
    return Entry(
        project="shop", build=build, base=base, shots={shot.name: shot for shot in shots}, **given
    )


def seen(name: str, head: str | None, base: str | None = None, **fields: Any) -> Shot:
    """A snapshot that was added, changed or removed, unless `status` says otherwise."""
    status = "removed" if head is None else "added" if base is None else "changed"
    return replace(Shot(name, status, head, base), **fields)


def passed(name: str, head: str, base: str, **fields: Any) -> Shot:
    """A snapshot that differs in bytes and passed."""
    return replace(Shot(name, "unchanged", head, base), **fields)


def given(id: str, action: str, *names: str, **fields: Any) -> Given:  # noqa: A002
    """A review by Ada of some snapshots, or of the whole build; ids are the time, in minutes."""
    at = f"2026-11-01T12:{id}:00.000Z"
    return replace(Given(id, at, action, "AWS:X:ada", names or None), **fields)


def at(day: int, hour: int = 12) -> str:
    """A moment of November 2026."""
    return f"2026-11-{day:02}T{hour:02}:00:00+00:00"
