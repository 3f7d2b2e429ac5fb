"""The life of a snapshot and of a project: what was accepted, by whom, how often, and what it cost.

Everything is a function of `Past`; times come as arguments. A row of a table is a dictionary whose
keys are the columns, in order: the same for `--json` and `--csv`.
"""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from statistics import median
from typing import Any

from pixelgate.domain.comparison import NEEDING_REVIEW, Status
from pixelgate.domain.names import canonical
from pixelgate.past.model import Entry, Given, Past, Shot
from pixelgate.published.status import short_name

Row = dict[str, Any]
TOP = 20
_DIFFERING = frozenset(map(str, NEEDING_REVIEW))
# What Excel and its like would take for a formula; branches and authors come from anybody.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class How(StrEnum):
    """What became of an image."""

    FIRST = "first"  # the project or the snapshot had none before, and none needed a review
    PASSED = "passed"  # no difference counted
    APPROVED = "approved"  # by a person
    RULE = "by rule"  # of a baseline branch
    CARRIED = "carried over"  # from an earlier build
    REJECTED = "rejected"
    OPEN = "open"  # nobody has decided
    FORK = "fork"  # never accepted, whoever decided what


ACCEPTED = frozenset({How.FIRST, How.PASSED, How.APPROVED, How.RULE, How.CARRIED})


@dataclass(frozen=True)
class Ruling:
    """What became of one snapshot of one build; `given` is the review that decided, if one did."""

    how: How
    given: Given | None = None
    words: str = ""  # why, where no person says so

    @property
    def accepted(self) -> bool:
        """Whether the image may serve as a baseline's."""
        return self.how in ACCEPTED

    @property
    def by(self) -> str:
        """The reviewer's short name; "" without one."""
        return short_name(self.given.by) if self.given else ""

    @property
    def why(self) -> str:
        """The reviewer's reason, or the rule."""
        return (self.given and self.given.reason) or self.words


def ruling(past: Past, entry: Entry, shot: Shot) -> Ruling:
    """Returns what became of a snapshot in a build, and who decided it."""
    own = _last_review(entry, shot.name)
    if not entry.trusted:
        return Ruling(How.FORK, own, "a fork's build is never accepted")
    if shot.status not in _DIFFERING:
        if entry.review == "rejected":
            return Ruling(How.REJECTED, own, "its build was rejected")
        return Ruling(How.PASSED if entry.review != "needed" else How.OPEN)
    if own is not None:
        return Ruling(How.APPROVED if own.action == "approve" else How.REJECTED, own)
    if entry.carried_from is not None:
        earlier = past.entry(entry.carried_from)
        given = _last_review(earlier, shot.name) if earlier else None
        return Ruling(How.CARRIED, given, entry.granted or "")
    if entry.granted is not None:
        return Ruling(How.RULE, None, entry.granted)
    if entry.first and shot.status == Status.ADDED:
        return Ruling(How.FIRST, None, "first upload")
    return Ruling(How.OPEN)


def _last_review(entry: Entry, name: str) -> Given | None:
    """Returns the review that counts for a snapshot: the last one about it."""
    wanted = canonical(name)
    about = (
        given
        for given in reversed(entry.reviews)
        if given.names is None or wanted in map(canonical, given.names)
    )
    return next(about, None)


# --- a snapshot -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One snapshot in one build that lists it."""

    entry: Entry
    shot: Shot
    ruling: Ruling

    @property
    def hash(self) -> str | None:
        """The hash of its image; None if it was removed."""
        return self.shot.head

    def row(self) -> Row:
        """Returns the row of a table."""
        entry, shot, given = self.entry, self.shot, self.ruling.given
        return {
            "at": entry.at,
            "name": shot.name,
            "build": entry.build,
            "commit": entry.commit,
            "branch": entry.branch,
            "pull_request": entry.pull_request,
            "author": entry.author,
            "status": shot.status,
            "pixels": shot.pixels,
            "image": shot.head,
            "base_image": shot.base,
            "accepted": self.ruling.accepted,
            "how": str(self.ruling.how),
            "by": self.ruling.by,
            "decided": given.at if given else None,
            "reason": self.ruling.why,
        }


def snapshot_life(past: Past, name: str, branch: str | None = None) -> tuple[Step, ...]:
    """Returns each build in which a snapshot was not as in its base, the earliest first.

    It is followed through its renames, back to its first name; `branch` leaves out builds of others
    and of pull requests.
    """
    known = {canonical(name): ""}  # each name, and the time up to which it was this snapshot's
    steps = []
    for entry in reversed(past.entries):
        for shot in _shots(entry, known):
            if branch is None or (entry.branch == branch and not entry.pull_request):
                steps.append(Step(entry, shot, ruling(past, entry, shot)))
            if shot.renamed_from is not None and entry.trusted:
                known.setdefault(canonical(shot.renamed_from), entry.at)
    return tuple(reversed(steps))


def _shots(entry: Entry, known: Mapping[str, str]) -> list[Shot]:
    found = (entry.shot(name) for name, until in known.items() if not until or entry.at < until)
    return [shot for shot in found if shot is not None and shot.status != Status.SKIPPED]


def accepted_images(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Returns the steps with which another image than before was accepted, the earliest first."""
    found: list[Step] = []
    for step in steps:
        if step.ruling.accepted and (not found or found[-1].hash != step.hash):
            found.append(step)
    return tuple(found)


# --- a project ------------------------------------------------------------------------------------


def seconds_to_review(entry: Entry) -> float | None:
    """Returns the time from a result to its first review by a person; None without one."""
    if not entry.reviews:
        return None
    began, decided = (datetime.fromisoformat(at) for at in (entry.at, entry.reviews[0].at))
    return max(0.0, (decided - began).total_seconds())


def builds(past: Past) -> list[Row]:
    """Returns a row for each build, the latest first."""
    return [_build_row(entry) for entry in reversed(past.entries)]


def _build_row(entry: Entry) -> Row:
    by = dict.fromkeys(short_name(given.by) for given in entry.reviews)
    return {
        "at": entry.at,
        "build": entry.build,
        "branch": entry.branch,
        "pull_request": entry.pull_request,
        "commit": entry.commit,
        "author": entry.author,
        "fork": not entry.trusted,
        "base": entry.base,
        "verdict": entry.verdict,
        "review": entry.review,
        "by": list(by),
        "seconds_to_review": seconds_to_review(entry),
        "snapshots": entry.counts.get("total", 0),
        **{status: entry.counts.get(status, 0) for status in ("changed", "added", "removed")},
        "errored": entry.counts.get("errored", 0),
        "usd": entry.usd,
    }


def series(past: Past) -> list[Row]:
    """Returns a row for each pull request and each branch without one, the latest first.

    Forks' builds are told apart, as their branches may be called as they like.
    """
    groups: dict[tuple[bool, str, str], list[Entry]] = defaultdict(list)
    for entry in past.entries:
        pull = entry.pull_request or ""
        groups[entry.trusted, pull, "" if pull else entry.branch].append(entry)
    rows = []
    for (trusted, pull, _), entries in groups.items():
        rows.append(
            {
                "branch": entries[-1].branch,
                "pull_request": pull or None,
                "fork": not trusted,
                "first": entries[0].at,
                "last": entries[-1].at,
                **_rates(entries),
            }
        )
    return sorted(rows, key=lambda row: str(row["last"]), reverse=True)


def rates(past: Past) -> Row:
    """Returns the numbers of the whole project."""
    return {"project": past.project, **_rates(past.entries)}


def _rates(entries: Sequence[Entry]) -> Row:
    """Counts builds, reviews and costs.

    `change_rate` is the share of builds that needed a review, `approval_rate` that of approved ones
    among those that people decided.
    """
    needing = [entry for entry in entries if entry.verdict == "needs_review"]
    # A whole build may be rejected although it passed.
    decided = [entry for entry in entries if entry.reviews]
    states = Counter(entry.review for entry in decided)
    waits = sorted(t for entry in decided if (t := seconds_to_review(entry)) is not None)
    priced = [entry.usd for entry in entries if entry.usd is not None]
    return {
        "builds": len(entries),
        "needed_review": len(needing),
        "change_rate": _share(len(needing), len(entries)),
        "decided": len(decided),
        "approved": states["approved"],
        "rejected": states["rejected"],
        "approval_rate": _share(states["approved"], states["approved"] + states["rejected"]),
        "without_a_review": sum(e.granted is not None and not e.reviews for e in needing),
        "open": sum(entry.review == "needed" for entry in entries),
        "median_seconds_to_review": median(waits) if waits else None,
        "p90_seconds_to_review": waits[-(-9 * len(waits) // 10) - 1] if waits else None,
        "usd": round(sum(priced), 6),
        "usd_per_build": round(sum(priced) / len(priced), 6) if priced else None,
        "unpriced": len(entries) - len(priced),
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def snapshots(past: Past, top: int = TOP) -> list[Row]:
    """Returns a row for each of the snapshots that changed in most builds, those first.

    `builds` are those that had the snapshot. Forks' builds are left out: strangers change what they
    like. So are first uploads, in which every snapshot is new.
    """
    entries = [entry for entry in past.entries if entry.trusted and not entry.first]
    found: dict[str, list[tuple[Entry, Shot]]] = defaultdict(list)
    for entry in entries:
        for name, shot in entry.shots.items():
            if shot.status in _DIFFERING:
                found[canonical(name)].append((entry, shot))
    order = sorted(found, key=lambda name: (-len(found[name]), name))[:top]
    return [_snapshot_row(past, found[name], entries) for name in order]


def _snapshot_row(past: Past, seen: list[tuple[Entry, Shot]], entries: list[Entry]) -> Row:
    name = seen[-1][1].name
    had = _builds_with(past, name, entries)
    rulings = Counter(ruling(past, entry, shot).how for entry, shot in seen)
    return {
        "name": name,
        "builds": had,
        "changes": len(seen),
        "change_rate": _share(len(seen), had),
        "approved": rulings[How.APPROVED],
        "rejected": rulings[How.REJECTED],
        "by_rule_or_carried": rulings[How.RULE] + rulings[How.CARRIED],
        "open": rulings[How.OPEN],
        "images": len({shot.head for _, shot in seen if shot.head}),
        "last": seen[-1][0].at,
        "last_build": seen[-1][0].build,
    }


def _builds_with(past: Past, name: str, entries: Iterable[Entry]) -> int:
    """Counts the entries that list a snapshot or have an image of it; they are in order."""
    plain = canonical(name)
    has: dict[str, bool] = {}
    found = 0
    for entry in entries:
        shot = entry.shot(name)
        if shot is not None:
            there, found = shot.head is not None, found + 1
        else:
            # As `Past.hash`, but quick where the base was just looked at: mostly it was.
            known = has.get(entry.base or "") if plain not in entry.renamed_away else None
            there = past.hash(entry, name) is not None if known is None else known
            found += there
        has[entry.build] = there
    return found


def months(past: Past) -> list[Row]:
    """Returns a row for each month of UTC in which something was compared, the earliest first."""
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in past.entries:
        groups[entry.at[:7]].append(entry)
    return [
        {
            "month": month,
            "snapshots": sum(entry.counts.get("total", 0) for entry in entries),
            **_rates(entries),
        }
        for month, entries in sorted(groups.items())
    ]


# Each table of a project's life by its name.
TABLES: Mapping[str, Callable[[Past], list[Row]]] = {
    "builds": builds,
    "series": series,
    "snapshots": snapshots,
    "months": months,
    "rates": lambda past: [rates(past)],
}


def as_csv(rows: Sequence[Row], columns: Iterable[str] = ()) -> str:
    """Returns rows as CSV with a header: RFC 4180, in UTF-8, lines end with CR LF.

    Texts that a spreadsheet would take for a formula get an apostrophe before them. `columns` are
    those of a table without rows.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(rows[0].keys() if rows else columns)
    writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        value = " ".join(map(str, value))
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value
