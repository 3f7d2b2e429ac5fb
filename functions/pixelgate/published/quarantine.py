"""Quarantines for clients: what applies to a project, and the objects that add and lift."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from pixelgate.domain import keys
from pixelgate.domain.names import canonical
from pixelgate.domain.quarantine import Lift, Quarantine, Source
from pixelgate.domain.quarantine_review import Lifted, QuarantineLog, parse
from pixelgate.errors import BucketError, ReviewRefused, UsageError
from pixelgate.pipeline.announce.quarantine_store import read_quarantine_log
from pixelgate.ports import Bucket
from pixelgate.published.decisions import new_id
from pixelgate.published.status import short_name


@dataclass(frozen=True)
class Row:
    """One quarantine as people see it; `state` is `applies`, `expired` or `not begun`."""

    quarantine: Quarantine
    state: str
    lifts: tuple[Lifted, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Returns the fields that `--json` prints."""
        q = self.quarantine
        lifts = [asdict(lift) | {"by": short_name(lift.by)} for lift in self.lifts]
        return {
            "id": q.id or None,
            **q.as_json(),
            "source": str(q.source),
            "by": short_name(q.by) if q.by else None,
            "state": self.state,
            "lifts": [{k: v for k, v in lift.items() if k != "sha256"} for lift in lifts],
        }


def read_log(store: Bucket, project: str) -> QuarantineLog:
    """Reads the log of a project; it is empty if there is none.

    Raises:
        BucketError: it cannot be read, or is no log.
    """
    try:
        return read_quarantine_log(project, store)
    except (ValueError, KeyError, TypeError) as error:
        key = keys.quarantine_log(project)
        raise BucketError(f"{key} is no log of pixelgate's quarantines: {error!r}") from error


def rows(log: QuarantineLog, of_file: Iterable[Quarantine], now: datetime) -> list[Row]:
    """Lists the quarantines of pixelgate.toml, then those of the log, the earliest first."""
    lifts: dict[str, list[Lifted]] = {}
    for lift in sorted(log.lifts.values(), key=lambda one: one.at):
        lifts.setdefault(lift.quarantine, []).append(lift)
    return [
        Row(q, _state(q, now), tuple(lifts.get(q.id, ()) if q.id else ()))
        for q in (*of_file, *log.quarantines())
    ]


def _state(quarantine: Quarantine, now: datetime) -> str:
    if not quarantine.has_begun(now):
        return "not begun"
    return "expired" if quarantine.is_over(now) else "applies"


def add(store: Bucket, project: str, match: str, owner: str, reason: str, days: int) -> str:
    """Writes a quarantine, which a function then applies; returns its id.

    Raises:
        UsageError: a field breaks a rule.
        BucketError: it could not be written.
    """
    fields = {"action": "quarantine", "match": match, "owner": owner, "reason": reason}
    return _write(store, project, {**fields, "days": days})


def lift(store: Bucket, project: str, id_: str, at: Lift, reason: str | None) -> str:
    """Writes the lift of a quarantine at a commit; returns its id. Raises as `add`."""
    known = {**asdict(at), "reason": reason}
    fields = {"action": "lift", "quarantine": id_}
    return _write(store, project, fields | {k: v for k, v in known.items() if v is not None})


def _write(store: Bucket, project: str, fields: dict[str, Any]) -> str:
    body = json.dumps({"schema_version": 1, **fields}, ensure_ascii=False).encode(
        "utf-8", "surrogatepass"
    )
    try:
        parse(body)
    except ReviewRefused as error:
        raise UsageError(str(error)) from error
    review = new_id()
    store.replace(keys.quarantine_review(project, review), body, "application/json", None)
    return review


def chosen(found: Sequence[Row], named: str) -> list[Row]:
    """Returns the quarantines of a name: one by its id, or all that apply to exactly this match.

    Raises:
        UsageError: there is none, or it stands in pixelgate.toml.
    """
    if by_id := [row for row in found if row.quarantine.id == named]:
        return by_id
    same = [
        row
        for row in found
        if canonical(row.quarantine.match) == canonical(named) and row.state != "expired"
    ]
    of_log = [row for row in same if row.quarantine.source is Source.REVIEW]
    if not of_log and same:
        raise UsageError(
            f"{named!r} is in quarantine by pixelgate.toml: remove it there; that counts for the "
            "commits that contain the removal"
        )
    if not of_log:
        raise UsageError(
            f"no quarantine that applies is called {named!r}; `pixelgate quarantine list` names "
            "them"
        )
    return of_log


def refusal_of(log: QuarantineLog, review: str) -> str | None:
    """Returns why an object does not count; None if it is not refused."""
    return next((refusal.why for refusal in log.refused if refusal.id == review), None)


def is_applied(log: QuarantineLog, review: str) -> bool:
    """Whether an object is in the log."""
    return review in log.entries or review in log.lifts
