"""Quarantine: snapshots whose changes are shown and need no review, for a limited time.

A quarantine is a table in pixelgate.toml or an object that a reviewer wrote. It is applied when a
build is compared, and what it did then is written into the result and never changes. It excuses
nothing but a change: what is removed, added or errored needs a review as ever.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from shlex import quote
from typing import Any

from pixelgate.domain.names import canonical, compile_glob
from pixelgate.domain.wording import and_more, shortened

DEFAULT_DAYS, MAX_DAYS = 14, 90
MAX_ENTRIES = 100  # of one manifest; every pattern is matched with every name
# At most one name in so many may be in quarantine, or the build says so.
_ONE_IN = 20
_NOTES_SHOWN = 10
_NAMES_SHOWN = 5
_MAX_LETTERS = 200


class Source(StrEnum):
    """Where a quarantine stands."""

    FILE = "pixelgate.toml"
    REVIEW = "review"


@dataclass(frozen=True)
class Lift:
    """The early end of a quarantine, for commits that contain the one at which it was lifted.

    A squash or a merge leaves that commit behind; its tree and its pull request, if they are known,
    find what became of it.
    """

    commit: str
    tree: str | None = None
    pull_request: str | None = None


@dataclass(frozen=True)
class Quarantine:
    """One quarantine.

    Attributes:
        match: a snapshot's name, or a pattern in which `*` stands for any text.
        owner: who takes care of it.
        reason: why, in words.
        since, until: when it begins and when it does nothing any more, ISO 8601 in UTC.
        id, by: the review object and who wrote it; empty for one of pixelgate.toml.
        lifts: the places from which on it does nothing, although it has not expired.
    """

    match: str
    owner: str
    reason: str
    since: str
    until: str
    source: Source = Source.FILE
    id: str = ""
    by: str = ""
    lifts: tuple[Lift, ...] = ()

    def has_begun(self, now: datetime) -> bool:
        """Whether its time has come, even if that is over."""
        return datetime.fromisoformat(self.since) <= now

    def is_over(self, now: datetime) -> bool:
        """Whether it has expired."""
        return datetime.fromisoformat(self.until) <= now

    def is_lifted(self, known: Known) -> bool:
        """Whether the commit contains one at which it was lifted."""
        return any(known.contains(lift) for lift in self.lifts)

    @property
    def named(self) -> str:
        """Names it in a sentence: pattern, owner and where it stands."""
        where = f"of {self.source}" if self.source is Source.FILE else f"({self.id})"
        return f"{_cut(self.match)!r} of {_cut(self.owner)}, quarantine {where}"

    def as_json(self) -> dict[str, Any]:
        """Returns its entry in a manifest and in status.json."""
        names = ("match", "owner", "reason", "since", "until")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Known:
    """What a manifest says of its head and of the commits that this contains."""

    commits: frozenset[str] = frozenset()
    trees: frozenset[str] = frozenset()
    pull_requests: frozenset[str] = frozenset()  # those that were merged, not the head's own

    def contains(self, lift: Lift) -> bool:
        """Whether the head is known to contain the commit of a lift, or what became of it."""
        return (
            lift.commit in self.commits
            or (lift.tree is not None and lift.tree in self.trees)
            or (lift.pull_request is not None and lift.pull_request in self.pull_requests)
        )


@dataclass(frozen=True)
class Stamp:
    """Why a snapshot was in quarantine when it was compared; the fields are `Quarantine`'s."""

    match: str
    owner: str
    reason: str
    since: str
    until: str
    source: str
    id: str = ""
    by: str = ""

    @classmethod
    def of(cls, quarantine: Quarantine) -> Stamp:
        """Stamps a snapshot with its quarantine."""
        q = quarantine
        return cls(q.match, q.owner, q.reason, q.since, q.until, str(q.source), q.id, q.by)

    def as_json(self) -> dict[str, str]:
        """Returns the field `quarantined` of an entry of comparison.json."""
        return {name: value for name, value in vars(self).items() if value}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Stamp:
        """Reads what `as_json` returns; raises KeyError if it is none."""
        names = ("match", "owner", "reason", "since", "until", "source")
        known = {name: str(stored[name]) for name in names}
        return cls(**known, id=str(stored.get("id", "")), by=str(stored.get("by", "")))


@dataclass(frozen=True)
class Applied:
    """What quarantines do to one build.

    Attributes:
        stamps: the snapshots in quarantine, by name, changed or not.
        notes: what people should know: too many names, entries that have expired, and entries that
            do nothing as the base does not have them.
    """

    stamps: Mapping[str, Stamp]
    notes: tuple[str, ...] = ()


NOTHING = Applied({})


def apply(
    quarantines: Iterable[Quarantine],
    names: Collection[str],
    now: datetime,
    known: Known,
    proposed: Iterable[Quarantine] = (),
) -> Applied:
    """Applies quarantines to the names of a build.

    Args:
        quarantines: all of them, also those that have expired or been lifted.
        names: those of head and base.
        now: when the build is compared.
        known: what the build's commit contains.
        proposed: those of the build's own pixelgate.toml that the base does not have.
    """
    begun = [q for q in quarantines if q.has_begun(now) and not q.is_lifted(known)]
    expired = [q for q in begun if q.is_over(now)]
    # Of several, the one that holds longest; the order in which they were read says nothing.
    active = sorted(
        (q for q in begun if not q.is_over(now)), key=lambda q: (q.until, q.source, q.match, q.id)
    )
    stamps = _stamps(active, names)
    notes = [*_too_many(stamps, names), *map(_proposed, proposed), *map(_expired, expired)]
    return Applied(stamps, tuple(shortened(notes, _NOTES_SHOWN, "notes on quarantines")))


def _stamps(active: Iterable[Quarantine], names: Collection[str]) -> dict[str, Stamp]:
    """Stamps each name with the last of the quarantines that it matches."""
    plain: dict[str, Stamp] = {}
    patterns = []
    for n, quarantine in enumerate(active):
        stamp = Stamp.of(quarantine)
        if "*" in quarantine.match:
            patterns.append((n, compile_glob(quarantine.match), stamp))
        else:
            plain[canonical(quarantine.match)] = stamp
    until = {id(stamp): stamp.until for _, _, stamp in patterns}
    found: dict[str, Stamp] = {}
    if not plain and not patterns:
        return found
    patterns.reverse()
    for name in names:
        compared = canonical(name)
        own = plain.get(compared)
        matching = next((s for _, pattern, s in patterns if pattern.match(compared)), None)
        if own and (matching is None or own.until >= until[id(matching)]):
            found[name] = own
        elif matching:
            found[name] = matching
    return found


def _too_many(stamps: Mapping[str, Stamp], names: Collection[str]) -> list[str]:
    if len(stamps) * _ONE_IN <= len(names):
        return []
    share = len(stamps) / len(names)
    return [
        f"{len(stamps):,} of {len(names):,} snapshots are in quarantine ({share:.1%}); at most "
        f"{1 / _ONE_IN:.0%} should be. Lift what is no longer needed"
    ]


def _expired(quarantine: Quarantine) -> str:
    cure = "remove it there" if quarantine.source is Source.FILE else "its changes count again"
    return f"{quarantine.named}, expired on {quarantine.until[:10]} and does nothing: {cure}"


def _proposed(quarantine: Quarantine) -> str:
    return (
        f"{quarantine.named}, does nothing in this build, as its base does not have it: it applies "
        "once it is merged"
    )


def divided(
    own: Iterable[Quarantine], of_base: Iterable[Quarantine] | None
) -> tuple[list[Quarantine], list[Quarantine]]:
    """Divides a build's own quarantines into those that apply to it and those that it proposes.

    `of_base` are those of the build that it is compared with; None for a build of a baseline
    branch, all of whose quarantines have been reviewed by git.
    """
    if of_base is None:
        return [*own], []
    reviewed = {(canonical(q.match), q.owner, q.reason, q.since, q.until) for q in of_base}
    applying: list[Quarantine] = []
    proposed: list[Quarantine] = []
    for q in own:
        key = (canonical(q.match), q.owner, q.reason, q.since, q.until)
        (applying if key in reviewed else proposed).append(q)
    return applying, proposed


def in_words(number: int) -> str:
    """Counts quarantined changes: `3 quarantined snapshots changed`."""
    return f"{number:,} quarantined snapshot{'s' * (number != 1)} changed"


def named(stamps: Mapping[str, Stamp], noun: str = "") -> str:
    """Lists the first names with their reasons."""
    shown = [f"{name} ({_cut(stamp.reason)})" for name, stamp in sorted(stamps.items())]
    return ", ".join((*shown[:_NAMES_SHOWN], *and_more(len(shown) - _NAMES_SHOWN, noun)))


def moment(value: object) -> str:
    """Returns a date or a time as ISO 8601 in UTC; a date is its beginning, in UTC.

    Raises:
        ValueError: it is neither a date nor a time.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            raise ValueError("must be a date, such as 2026-01-31") from error
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, datetime):
        raise ValueError("must be a date, such as 2026-01-31")
    value = value if value.tzinfo else value.replace(tzinfo=UTC)
    try:
        return value.astimezone(UTC).isoformat(timespec="seconds")
    except OverflowError as error:
        raise ValueError("must be a date, such as 2026-01-31") from error


def end_of(since: str, until: str | None) -> str:
    """Returns the end of a quarantine, 14 days after its start if none is given.

    Raises:
        ValueError: it ends before it begins, or is longer than 90 days.
    """
    start = datetime.fromisoformat(since)
    try:
        end = datetime.fromisoformat(until) if until else start + timedelta(days=DEFAULT_DAYS)
        latest = start + timedelta(days=MAX_DAYS)
    except OverflowError as error:
        raise ValueError(f"must be at most {MAX_DAYS} days after since") from error
    if end <= start:
        raise ValueError("must be after since")
    if end > latest:
        raise ValueError(f"must be at most {MAX_DAYS} days after since, {latest.date()}")
    return end.isoformat(timespec="seconds")


def proposal(name: str, reason: str, owner: str = "WHO") -> str:
    """Returns the command that puts a snapshot into quarantine; a person runs it or does not."""
    words = (quote(word) for word in (name, "--owner", owner, "--reason", reason))
    return f"pixelgate quarantine add {' '.join(words)}"


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_LETTERS else text[:_MAX_LETTERS] + " …"
