"""Entries for tests of the history, without a comparison."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pixelgate.domain import keys
from pixelgate.domain.history import encode
from pixelgate.past.model import Entry, Given, Shot
from support.reviews import Reviewed


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


def drifted() -> Reviewed:
    """A result, b1, whose index says that a.png came to its image in two steps that passed.

    The hashes of its three images are 64 times 1, 2 and 3.
    """
    made = Reviewed()
    made.build("b0", {"a.png": b"a"}, branch="main")
    made.build("b1", {"a.png": b"a2"}, base_build="b0")
    store, first, second, third = made.world.objects, *(digit * 64 for digit in "123")
    store.delete([key for key in store.objects if key.startswith(keys.index("shop"))])
    lines = (
        entry("b-2", None, seen("a.png", first), at=at(1)),
        entry("b-1", "b-2", passed("a.png", second, first), at=at(2)),
        entry("b1", "b-1", passed("a.png", third, second), at=at(3),
              execution=made.world.status("b1")["execution"]),
    )  # fmt: skip
    store.write(keys.index_month("shop", "2026-11"), encode(lines), "application/gzip")
    return made
