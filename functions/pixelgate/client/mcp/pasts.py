"""Tells of the past: a snapshot's life, a project's, and what drifted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pixelgate.client.mcp.answers import NOTE, Answer, clip, page, question
from pixelgate.client.mcp.source import Source
from pixelgate.errors import UsageError
from pixelgate.past.drift import chain_of, chains, newest
from pixelgate.past.life import TABLES, accepted_images, snapshot_life
from pixelgate.past.model import Past

_MOST_CHAINS = 50
# The columns that others write.
_FOREIGN = frozenset({
    "name", "build", "commit", "branch", "pull_request", "author", "by", "reason", "base",
    "last_build", "since_build", "project", "why", "headroom_build",
})  # fmt: skip
_NAMES = frozenset(
    {"headroom_build", "name", "build", "base", "last_build", "since_build", "project"}
)
_EMPTY = (
    "the history has no such build: a folder has none, and results of older versions are added "
    "with `pixelgate admin index`"
)
_NO_ENGINE = (
    "drift is measured with the engine, which is not installed: it is in pixelgate[compare]"
)


def mark(row: Mapping[str, Any]) -> Answer:
    """Returns a row of a table with what others wrote below `untrusted`."""
    ours = {column: value for column, value in row.items() if column not in _FOREIGN}
    theirs = {column: _shown(column, value) for column, value in row.items() if column in _FOREIGN}
    return {**ours, **({"untrusted": theirs} if theirs else {})}


def _shown(column: str, value: Any) -> Any:
    """Names are told as they are, so that they can be asked for; other texts are shortened."""
    if isinstance(value, list | tuple):
        return [clip(one) for one in value[:10]]
    return value if column in _NAMES else clip(value)


def snapshot_history(
    source: Source,
    project: str | None,
    name: str,
    *,
    branch: str | None,
    limit: int,
    cursor: str | None,
) -> Answer:
    """Tells the life of a snapshot, the latest step first."""
    named = source.named(project)
    past = source.past(named)
    steps = snapshot_life(past, name, branch)
    if not steps:
        raise UsageError(
            f"name: the history knows no {name!r}; a name is a path with its extension. {_EMPTY}"
        )
    accepted = accepted_images(steps)
    around = {
        "note": NOTE,
        "untrusted": {"project": named, "name": steps[-1].shot.name},
        "accepted_images": len(accepted),
        "drift": _chain(past, name, branch),
    }
    rows, more = page(
        steps[::-1], lambda step: mark(step.row()),
        asked=question("history", project=named, name=name, branch=branch, state=_state(past)),
        cursor=cursor, limit=limit, around=around,
    )  # fmt: skip
    return {**around, **more, "steps": rows}


def _chain(past: Past, name: str, branch: str | None) -> Answer | None:
    """Tells how many steps passed since an image was accepted; `drift` measures them."""
    entry = newest(past, branch)
    chain = chain_of(past, entry, name) if entry else None
    if chain is None:
        return None
    return {
        "steps_that_passed": len(chain.steps),
        "pixels_of_steps": chain.pixels,
        "meaning": "the tool `drift` measures what they add up to",
    }


def _state(past: Past) -> list[object]:
    """Returns what changes with every new line of the index."""
    last = past.entries[-1:]
    return [len(past.entries), [(e.build, e.execution) for e in last],
            sum(entry.revision for entry in past.entries)]  # fmt: skip


def project_life(
    source: Source,
    project: str | None,
    table: str,
    *,
    since_days: int,
    branch: str | None,
    limit: int,
    cursor: str | None,
    now: datetime | None = None,
) -> Answer:
    """Tells one table of a project's life."""
    if table not in TABLES:
        raise UsageError(f"table: {table!r} is none; there are {', '.join(TABLES)}")
    named = source.named(project)
    past = source.past(named)
    began = ((now or datetime.now(UTC)) - timedelta(days=since_days)).astimezone(UTC).isoformat()
    past = past.only(entry for entry in past.entries if entry.at >= began)
    if branch is not None:
        past = past.only(past.on_branch(branch))
    asked = question("life", project=named, table=table, days=since_days, branch=branch,
                     state=_state(past))  # fmt: skip
    around = {"note": NOTE, "untrusted": {"project": named}, "table": table,
              "since_days": since_days, "builds": len(past.entries)}  # fmt: skip
    rows, more = page(
        TABLES[table](past), mark, asked=asked, cursor=cursor, limit=limit, around=around
    )
    hint = {} if past.entries else {"hint": _EMPTY}
    return {**around, **hint, **more, "rows": rows}


def flakes(
    source: Source,
    project: str | None,
    *,
    states: Sequence[str],
    since_days: int,
    limit: int,
    cursor: str | None,
    now: datetime | None = None,
) -> Answer:
    """Tells the state of each snapshot with the evidence in numbers, the worst first."""
    from pixelgate.past.flakes import State
    from pixelgate.past.flakes import states as states_of

    order = [str(state) for state in State]
    if wrong := sorted(set(states) - {*order}):
        raise UsageError(f"states: {wrong[0]!r} is none; there are {', '.join(order)}")
    moment = now or datetime.now(UTC)
    named = source.named(project)
    whole = source.past(named)
    began = (moment - timedelta(days=since_days)).astimezone(UTC).isoformat()
    past = whole.only(entry for entry in whole.entries if entry.at >= began)
    found = states_of(past, moment)
    wanted = states or [state for state in order if state != State.QUIET]
    rows = [one for one in found.values() if str(one.state) in wanted]
    rows.sort(key=lambda one: (order.index(one.state), -one.interval.low, one.name))
    counts = Counter(str(one.state) for one in found.values())
    around: Answer = {
        "note": NOTE,
        "untrusted": {"project": named},
        "since_days": since_days,
        "counts": {state: counts[state] for state in order},
        "meaning": "pairs had the same input; rate is the share that differs, low and high its "
        "95 % interval",
    }
    asked = question("flakes", project=named, states=wanted, days=since_days, state=_state(past))
    told, more = page(
        rows, lambda one: mark(one.row()), asked=asked, cursor=cursor, limit=limit, around=around
    )
    return {**around, **({} if found else {"hint": _EMPTY}), **more, "rows": told}


def quarantines(
    source: Source, project: str | None, build: str | None, *, limit: int, cursor: str | None
) -> Answer:
    """Tells which snapshots of a build were in quarantine when it was compared, and why."""
    named = source.named(project)
    past = source.past(named)
    entry = past.entry(build) if build else newest(past)
    if build and entry is None:
        raise UsageError(f"build: the history has no {build!r}. {_EMPTY}")
    stamped = sorted(entry.quarantined.items()) if entry else []
    around: Answer = {
        "note": NOTE,
        "untrusted": {"project": named, "build": entry.build if entry else None},
        "compared": entry.at if entry else None,
        "meaning": "as it was stamped on the build: these are compared and shown, and their "
        "changes need no review",
    }
    rows, more = page(
        stamped, lambda item: {"untrusted": {"name": item[0], "reason": clip(item[1])}},
        asked=question("quarantines", project=named, build=build, state=_state(past)),
        cursor=cursor, limit=limit, around=around,
    )  # fmt: skip
    return {**around, **({} if entry else {"hint": _EMPTY}), **more, "rows": rows}


def drift(
    source: Source, project: str | None, *, branch: str | None, limit: int, cursor: str | None
) -> Answer:
    """Measures what the newest build's snapshots have come to in many steps that passed."""
    named = source.named(project)
    past = source.past(named)
    entry = newest(past, branch)
    found = chains(past, entry)[:_MOST_CHAINS] if entry else []
    around: Answer = {
        "note": NOTE,
        "untrusted": {"project": named, "build": entry.build if entry else None},
        "meaning": "needs_review says whether the image would need a review against the one that "
        "was accepted last; each step between them passed",
    }
    rows: list[dict[str, Any]] = []
    if found:
        opened = source.pool()
        if opened is None:
            raise UsageError(_NO_ENGINE)
        from pixelgate.client.past_images import measure_drift  # needs the engine

        with opened as pool:
            measured = list(measure_drift(source.store, found, pool))
        measured.sort(key=lambda one: (not one.needs_review, -one.pixels))
        rows = [one.row() for one in measured]
    asked = question("drift", project=named, branch=branch, state=_state(past))
    told, more = page(rows, mark, asked=asked, cursor=cursor, limit=limit, around=around)
    return {**around, **({} if entry else {"hint": _EMPTY}), **more, "rows": told}
