"""Flakes: which snapshots differ although nothing was changed, with the evidence for it.

Everything is a function of `Past` and of the time that is given. Neither a quarantine nor a review
makes a snapshot look more quiet than its images are.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from pixelgate.domain.comparison import Status
from pixelgate.domain.names import canonical
from pixelgate.domain.quarantine import proposal
from pixelgate.domain.wilson import Interval, wilson
from pixelgate.past.life import ruling
from pixelgate.past.model import Entry, Past, Seen
from pixelgate.past.pairs import Pair, same_input

FEWEST_PAIRS = 10
FLAKY_ABOVE = 0.01  # of pairs, by the lower end of the interval
IN_A_ROW = 5
LEAST_HEADROOM = 0.2
DAYS = 30  # of headroom, and of branches on which something may be broken
_EVIDENCE = 20  # pairs in a row of a table
_LISTED = frozenset({Status.CHANGED, Status.ADDED})
# What says nothing about the snapshot's image.
_SILENT = frozenset({Status.SKIPPED, Status.ERRORED})


class State(StrEnum):
    """What a snapshot is, the worst first."""

    BROKEN = "broken"
    FLAKY = "flaky"
    AT_RISK = "at risk"
    QUIET = "quiet"


@dataclass(frozen=True)
class Flakiness:
    """A snapshot's state with all that it rests on.

    Attributes:
        pairs: its pairs with the same input, the earliest first.
        in_a_row: its last results on a kept branch, the earliest first, if it is broken there.
        nearest: where it came nearest to the verdict's limits in the last DAYS; None if nowhere.
    """

    name: str
    state: State
    pairs: tuple[Pair, ...] = ()
    in_a_row: tuple[Seen, ...] = ()
    nearest: Seen | None = None

    @property
    def differing(self) -> tuple[Pair, ...]:
        """The pairs whose images differ."""
        return tuple(pair for pair in self.pairs if pair.differs)

    @property
    def rate(self) -> float | None:
        """The share of pairs that differ; None without a pair."""
        return len(self.differing) / len(self.pairs) if self.pairs else None

    @property
    def interval(self) -> Interval:
        """The Wilson interval of the rate, 95 %."""
        return wilson(len(self.differing), len(self.pairs))

    @property
    def headroom(self) -> float | None:
        """The worst headroom of the last DAYS, 0 to 1; None if no limit was near."""
        return self.nearest.shot.headroom if self.nearest else None

    @property
    def words(self) -> str:
        """Why it has its state, as a sentence."""
        return _words(self)

    @property
    def quarantine(self) -> str | None:
        """The command by which a person puts it into quarantine; None if it is not flaky."""
        if self.state is not State.FLAKY:
            return None
        number, every = len(self.differing), len(self.pairs)
        return proposal(self.name, f"{number:,} of {every:,} pairs with the same input differ")

    def row(self) -> dict[str, Any]:
        """Returns the row of a table; rates are shares, 0 to 1."""
        kinds = Counter(str(pair.kind) for pair in self.pairs)
        low, high = self.interval
        differing = self.differing
        return {
            "name": self.name,
            "state": str(self.state),
            "why": self.words,
            "pairs": len(self.pairs),
            "differing": len(differing),
            "rate": None if self.rate is None else round(self.rate, 4),
            "low": round(low, 4),
            "high": round(high, 4),
            **{f"{kind}_pairs": kinds[kind] for kind in ("commit", "tree", "attempt", "returned")},
            "images": len({sha for pair in self.pairs for sha in (pair.first, pair.second)}),
            "headroom": self.headroom,
            "headroom_build": self.nearest.entry.build if self.nearest else None,
            "last_difference": differing[-1].at if differing else None,
        }

    def as_json(self) -> dict[str, Any]:
        """Returns the row with its evidence: the last pairs that differ, and results in a row."""
        return {
            **self.row(),
            "evidence": [evidence(pair) for pair in self.differing[-_EVIDENCE:]],
            "in_a_row": [
                {"at": e.at, "build": e.build, "image": s.head, "base_image": s.base}
                for e, s in self.in_a_row
            ],
        }


def evidence(pair: Pair) -> dict[str, Any]:
    """Returns the row of a pair: two builds and two images that anybody can look at."""
    return {
        "at": pair.at,
        "kind": str(pair.kind),
        "earlier_build": pair.earlier,
        "build": pair.build,
        "first": pair.first,
        "second": pair.second,
        "differs": pair.differs,
    }


def states(past: Past, now: datetime) -> Mapping[str, Flakiness]:
    """Returns the state of each snapshot that has a pair or that an entry lists, by its name.

    The first that fits counts:

    - broken: its last five results on one branch that others are compared with are the same image,
      which is not its base's, and nobody has accepted it. If the two images were also made of the
      same input, that is a flake, and not this.
    - flaky: of at least ten pairs, the lower end of the rate's interval is over 1 %.
    - at risk: a difference that passed within the last 30 days had less than a fifth of the
      headroom to the verdict's limits.
    - quiet: none of these.
    """
    first = (now.astimezone(UTC) - timedelta(days=DAYS)).isoformat()
    pairs = same_input(past)
    branches = _kept_branches(past, first)
    nearest = _nearest(past, first)
    found = {}
    listed = {canonical(name): name for name in past.names}
    paired = {canonical(name): name for name in pairs}
    for name in sorted((listed | paired).values()):
        known = pairs.get(name, ())
        row = _in_a_row(past, name, branches, known)
        near = nearest.get(canonical(name))
        flakiness = Flakiness(name, State.QUIET, known, row, near)
        found[name] = Flakiness(name, _state(flakiness), known, row, near)
    return found


def _state(found: Flakiness) -> State:
    if found.in_a_row:
        return State.BROKEN
    if len(found.pairs) >= FEWEST_PAIRS and found.interval.low > FLAKY_ABOVE:
        return State.FLAKY
    if found.headroom is not None and found.headroom < LEAST_HEADROOM:
        return State.AT_RISK
    return State.QUIET


def _kept_branches(past: Past, first: str) -> list[list[Entry]]:
    """Returns the entries of each branch that others are compared with, the latest first.

    On a branch of somebody's work, five builds with a change that waits for its review are usual.
    Branches without a build since `first` are left out: nobody approves anything there any more.
    """
    own: dict[str, list[Entry]] = defaultdict(list)
    serving: set[str] = set()
    for entry in (*past.earlier, *past.entries):
        base = past.entry(entry.base) if entry.base else None
        if base and not base.pull_request and (entry.pull_request or entry.branch != base.branch):
            serving.add(base.branch)
    for entry in past.entries:
        if entry.trusted and not entry.pull_request:
            own[entry.branch].append(entry)
    kept = [own[branch] for branch in own if not serving or branch in serving]
    return [entries[::-1] for entries in kept if entries[-1].at >= first]


def _in_a_row(
    past: Past, name: str, branches: Iterable[Sequence[Entry]], pairs: Sequence[Pair]
) -> tuple[Seen, ...]:
    """Returns the last results on a branch if they are one missed approval, else nothing."""
    for entries in branches:
        found: list[Seen] = []
        for entry in entries:
            shot = entry.shot(name)
            if shot is not None and shot.status in _SILENT:
                continue
            if shot is None or shot.status not in _LISTED:
                break
            if found and shot.head != found[0].shot.head:
                break
            if ruling(past, entry, shot).accepted:
                break
            found.append(Seen(entry, shot))
            if len(found) == IN_A_ROW:
                images = {shot.head, shot.base}
                if any({pair.first, pair.second} == images for pair in pairs):
                    break
                return tuple(reversed(found))
    return ()


def _nearest(past: Past, first: str) -> Mapping[str, Seen]:
    """Returns where each snapshot came nearest to a limit since then, by its canonical name."""
    found: dict[str, Seen] = {}
    for entry in past.entries:
        if entry.at < first or not entry.trusted:
            continue
        for shot in entry.shots.values():
            if shot.headroom is None:
                continue
            known = found.get(canonical(shot.name))
            if known is None or shot.headroom < (known.shot.headroom or 0):
                found[canonical(shot.name)] = Seen(entry, shot)
    return found


def _words(found: Flakiness) -> str:
    low, high = (f"{100 * end:.1f}" for end in found.interval)
    of = f"{len(found.differing):,} of {len(found.pairs):,} pairs with the same input differ"
    if found.state is State.BROKEN:
        last = found.in_a_row[-1]
        return (
            f"the last {len(found.in_a_row)} results on {last.entry.branch} are one image "
            f"({(last.shot.head or '')[:12]}) that nobody has approved"
        )
    if found.state is State.FLAKY:
        return f"{of}: {low} to {high} % of all, with 95 % confidence"
    if found.state is State.AT_RISK:
        share = f"{100 * (found.headroom or 0):.0f}"
        build = found.nearest.entry.build if found.nearest else ""
        return f"{share} % of the headroom to the verdict's limits was left in build {build}"
    if not found.pairs:
        return "no pair with the same input is known"
    return of
