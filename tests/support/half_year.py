"""A simulated half year of a project, with a plan of what is flaky, broken, at risk and quiet.

Pull requests change snapshots and are approved; a merge queue and `main` build what they merge.
Jobs are run again, tests are retried, changes are reverted, people approve odd images or do not
look, names come into quarantine and out of it, and strangers claim commits of ours. The images are
drawn from the plan alone; nothing of `past` has a part in it.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random

from pixelgate.past.model import Entry, Given, Past, Shot, Spot

_BEGAN = datetime(2026, 5, 4, 8, tzinfo=UTC)
_DAYS = 182
_TOTAL = 800 * 600


@dataclass(frozen=True)
class Planted:
    """The truth about a snapshot.

    `rate` is how often the same input is drawn in another way, 0 to 1; `odd` is how many such
    images there are, 0 for a new one each time.
    """

    state: str
    rate: float = 0.0
    odd: int = 0


@dataclass(frozen=True)
class HalfYear:
    """What happened, the plan that it happened by, and when it ended.

    `images` are the hashes that were drawn, by build and name.
    """

    entries: tuple[Entry, ...]
    plan: Mapping[str, Planted]
    now: datetime
    images: Mapping[str, Mapping[str, str]]

    @property
    def past(self) -> Past:
        """The past, as it is read from an index."""
        return Past.made_of("shop", self.entries)


def half_year(seed: int, builds: int = 600, snapshots: int = 300) -> HalfYear:
    """Returns a half year; the same seed gives the same one."""
    return _Project(Random(seed), seed, builds, snapshots).live()


def plan_of(chance: Random, snapshots: int) -> dict[str, Planted]:
    """Plans a tenth flaky, by rates of 0.5 to 20 % evenly in their logarithm, and few others."""
    names = [f"pages/{n:03}.png" for n in range(snapshots)]
    chance.shuffle(names)
    plan = {name: Planted("quiet") for name in names}
    flaky, few = max(4, snapshots // 10), max(2, snapshots // 60)
    for name in names[:flaky]:
        plan[name] = Planted("flaky", 0.005 * 40 ** chance.random(), chance.choice((0, 1, 3)))
    for name in names[flaky : flaky + few]:
        plan[name] = Planted("broken")
    for name in names[flaky + few : flaky + 2 * few]:
        plan[name] = Planted("at risk")
    return dict(sorted(plan.items()))


@cache
def _sha(*parts: object) -> str:
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()


@dataclass
class _Project:
    chance: Random
    seed: int
    builds: int
    snapshots: int
    plan: dict[str, Planted] = field(init=False)
    entries: list[Entry] = field(default_factory=list)
    main: dict[str, str] = field(init=False)  # the version of each snapshot
    images: dict[str, dict[str, str]] = field(default_factory=dict)  # of each build that is a base
    base: str = ""
    open: set[str] = field(default_factory=set)  # whose approval was missed
    quarantined: dict[str, int] = field(default_factory=dict)  # until which build
    odd: int = 0
    last: dict[str, str] = field(default_factory=dict)  # what the last merge changed, as it was

    def __post_init__(self) -> None:
        self.plan = plan_of(self.chance, self.snapshots)
        self.main = dict.fromkeys(self.plan, "0")
        # Snapshots whose changes are small steps, each of which passes.
        quiet = [name for name, planted in self.plan.items() if planted.state == "quiet"]
        self.drifting = self.chance.sample(quiet, max(1, len(quiet) // 30))

    # --- the half year ------------------------------------------------------------------------

    def live(self) -> HalfYear:
        first = self.take("b0", "main", self.main, commit="c0", tree="t0", base=None)
        self.accept(first)
        end = max(45, self.builds // 12)
        missed, found = int(self.builds * 0.4), int(self.builds * 0.55)
        pull = 0
        while len(self.entries) < self.builds:
            pull, number = pull + 1, len(self.entries)
            changes, left_open = self.work(), set[str]()
            if missed <= number < found and not self.open:
                missed = self.builds  # once
                quiet = [n for n, p in self.plan.items() if p.state == "quiet"]
                left_open = set(self.chance.sample(quiet, 2))
            elif found <= number < self.builds - end and self.open:
                self.open.clear()  # somebody has looked at last
            elif number >= self.builds - end and not self.open:
                left_open = {n for n, p in self.plan.items() if p.state == "broken"}
                near = {n for n, p in self.plan.items() if p.state == "at risk"}
                changes |= {name: f"{self.main[name]}~near{number}" for name in sorted(near)}
            changes |= dict.fromkeys(sorted(left_open), f"missed{number}")
            self.pull_request(pull, changes, left_open)
            self.look_after_quarantines()
        now = datetime.fromisoformat(self.entries[-1].at) + timedelta(hours=1)
        return HalfYear(tuple(self.entries[: self.builds]), self.plan, now, self.images)

    def work(self) -> dict[str, str]:
        """What a pull request changes: a few snapshots, many by a style, or the last ones back."""
        kind, fixed = self.chance.random(), {"broken", "at risk"}
        # What is planted as missed or near to a limit stays so.
        names = [n for n in self.plan if self.plan[n].state not in fixed and n not in self.open]
        if kind < 0.06 and self.last:
            return {name: self.last[name] for name in names if name in self.last}
        number = 0 if kind < 0.5 else 1 + int(self.chance.expovariate(0.4))
        if kind > 0.98:
            number = len(self.plan) // 4
        chosen = self.chance.sample(names, min(number, len(names)))
        changes = {name: f"v{len(self.entries)}" for name in chosen}
        if self.chance.random() < 0.1:
            name = self.chance.choice(self.drifting)
            changes[name] = f"{self.main[name].partition('~')[0]}~step{len(self.entries)}"
        return changes

    def pull_request(self, pull: int, changes: Mapping[str, str], left_open: set[str]) -> None:
        branch, number = f"topic/{pull}", self.chance.choice((1, 1, 2, 3))
        head: Entry | None = None
        for n in range(number):
            versions = {**self.main, **changes}
            commit = f"p{pull}-{n}"
            given = {"branch": branch, "pull": str(pull), "commit": commit, "tree": f"u{pull}-{n}"}
            head = self.take(self.id(), versions=versions, **given)
            if self.chance.random() < 0.15:  # the job is run again
                head = self.take(self.id(), versions=versions, **given)
            if self.chance.random() < 0.08:
                # CI builds the push, too: the same commit before it is merged with `main`.
                before = {**versions, **{n: v for n, v in self.last.items() if n not in changes}}
                self.take(self.id(), branch, before, commit=commit, tree=f"u{pull}-{n}")
            if self.chance.random() < 0.04:
                self.stranger(commit, f"u{pull}-{n}")
        assert head is not None
        self.approve(head, left_open)
        if self.chance.random() < 0.25:
            return  # closed
        self.last = {name: self.main[name] for name in changes}
        self.main.update(changes)
        self.open |= left_open
        tree = f"u{pull}-merged"
        queue = f"gh-readonly-queue/main/pr-{pull}-0"
        self.take(self.id(), queue, self.main, commit=f"q{pull}", tree=tree, pull=str(pull))
        self.on_main(pull, tree, head)
        if self.chance.random() < 0.1:  # by a schedule
            self.on_main(pull, tree, head)

    def on_main(self, pull: int, tree: str, head: Entry) -> None:
        for again in (False, True):
            entry = self.take(self.id(), "main", self.main, commit=f"m{pull}", tree=tree)
            changed = [s.name for s in entry.shots.values() if s.status == "changed"]
            if not changed:
                self.accept(entry)
                return
            merged = {n for n in changed if n in self.last}
            if not again and merged != set(changed) and self.chance.random() < 0.3:
                continue  # somebody sees an odd image, and runs the job again
            if self.open:
                # The rest is approved, but without these the build is no baseline.
                self.approve(entry, self.open)
            elif merged == set(changed):
                self.replace(entry, review="approved", granted="carried", carried_from=head.build)
                self.accept(entry)
            elif self.chance.random() < 0.85:
                self.approve(entry, set())
                self.accept(entry)
            return

    def look_after_quarantines(self) -> None:
        number = len(self.entries)
        self.quarantined = {n: end for n, end in self.quarantined.items() if end > number}
        if self.chance.random() < 0.2:
            flaky = [n for n, planted in self.plan.items() if planted.state == "flaky"]
            self.quarantined[self.chance.choice(flaky)] = number + self.chance.randint(10, 60)

    # --- builds -------------------------------------------------------------------------------

    def id(self) -> str:
        return f"b{len(self.entries)}"

    def take(
        self,
        build: str,
        branch: str,
        versions: Mapping[str, str],
        *,
        commit: str,
        tree: str,
        pull: str | None = None,
        base: str | None = "",
    ) -> Entry:
        """Takes the screenshots of a build, some of them twice, and compares them with the base."""
        part = self.chance.random() < 0.03 and pull is not None
        images, attempts = {}, {}
        for name, version in versions.items():
            if part and self.chance.random() < 0.7:
                continue
            tries = 1 + (self.chance.random() < 0.01)
            drawn = [self.draw(name, version) for _ in range(tries)]
            images[name] = drawn[-1]
            if tries > 1:
                attempts[name] = tuple(drawn[:-1])
        base = self.base if base == "" else base
        shots = self.shots(images, self.images[base] if base else None)
        needs = any(shot.status == "changed" for shot in shots)
        step = timedelta(days=_DAYS) / self.builds
        entry = Entry(
            project="shop", build=build, execution=f"e-{build}", base=base, commit=commit,
            branch=branch, at=(_BEGAN + step * len(self.entries)).isoformat(),
            verdict="needs_review" if needs else "passed",
            review="needed" if needs else "not_needed", tree=tree, pull_request=pull,
            partial=part, first=base is None, shots={shot.name: shot for shot in shots},
            quarantined=dict.fromkeys(self.quarantined, "flaky"), attempts=attempts,
            counts={"total": len(images)},
        )  # fmt: skip
        self.entries.append(entry)
        self.images[build] = images
        return entry

    def draw(self, name: str, version: str) -> str:
        planted = self.plan[name]
        if self.chance.random() >= planted.rate:
            return _sha(self.seed, name, version)
        self.odd += 1
        which = self.chance.randrange(planted.odd) if planted.odd else f"new{self.odd}"
        return _sha(self.seed, name, version, "odd", which)

    def shots(self, images: Mapping[str, str], base: Mapping[str, str] | None) -> list[Shot]:
        if base is None:
            return [Shot(name, "added", image) for name, image in images.items()]
        shots = [Shot(name, "skipped") for name in base if name not in images]
        for name, image in images.items():
            if name in base and image != base[name]:
                shots.append(self.shot(name, image, base[name]))
        return shots

    def shot(self, name: str, image: str, base: str) -> Shot:
        """A difference; where versions differ in a small step, it passes."""
        place = int(_sha(name)[:6], 16)
        spot = Spot(place % 700, place % 500, 40, 20, 300, "plain")
        version = self.main[name].partition("~")[2]
        if version.startswith(("near", "step")) and image == _sha(self.seed, name, self.main[name]):
            low, high = (0.01, 0.19) if version.startswith("near") else (0.25, 0.9)
            room = round(low + (high - low) * (place % 97) / 97, 3)
            spot = Spot(spot.x, spot.y, 40, 20, 300, None, "text")
            return Shot(name, "unchanged", image, base, pixels=300, total=_TOTAL, regions=(spot,),
                        headroom=room)  # fmt: skip
        return Shot(name, "changed", image, base, pixels=300, total=_TOTAL, regions=(spot,))

    def stranger(self, commit: str, tree: str) -> None:
        """A fork's build, which claims to be of the same commit and shows something else."""
        shown = self.chance.sample(list(self.plan), len(self.plan) // 2)
        base = self.images[self.base]
        shots = [
            self.shot(n, _sha("fork", n, len(self.entries)), base[n]) for n in shown if n in base
        ]
        entry = self.take(f"fork.{len(self.entries)}", "main", self.main, commit=commit, tree=tree)
        self.replace(entry, trusted=False, shots={shot.name: shot for shot in shots})

    # --- reviews ------------------------------------------------------------------------------

    def approve(self, entry: Entry, but: set[str]) -> None:
        entry = next(e for e in self.entries if e.build == entry.build)
        changed = [s.name for s in entry.shots.values() if s.status == "changed"]
        names = tuple(name for name in changed if name not in but)
        if not names:
            return
        at = (datetime.fromisoformat(entry.at) + timedelta(hours=2)).isoformat()
        given = Given(f"r-{entry.build}", at, "approve", "AWS:X:ada", names)
        state = "approved" if len(names) == len(changed) else "needed"
        self.replace(entry, reviews=(given,), review=state)

    def replace(self, entry: Entry, **fields: object) -> None:
        place = next(i for i, e in enumerate(self.entries) if e.build == entry.build)
        self.entries[place] = dataclasses.replace(self.entries[place], **fields)  # type: ignore[arg-type]

    def accept(self, entry: Entry) -> None:
        if not entry.partial:
            self.base = entry.build


@dataclass(frozen=True)
class Score:
    """How well a state was found: numbers of snapshots."""

    right: int
    wrong: int
    lost: int

    @property
    def precision(self) -> float:
        """The share of what was found that was planted; 1 if nothing was found."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self) -> float:
        """The share of what was planted that was found; 1 if nothing was planted."""
        return self.right / (self.right + self.lost) if self.right + self.lost else 1.0

    def __add__(self, other: Score) -> Score:
        return Score(self.right + other.right, self.wrong + other.wrong, self.lost + other.lost)


def score(
    plan: Mapping[str, Planted], found: Mapping[str, str], state: str, rates: Sequence[float] = ()
) -> Score:
    """Compares found states with a plan; with two rates, only planted flakes between them count."""
    low, high = rates or (0.0, 1.0)
    planted = {n for n, p in plan.items() if p.state == state and low <= p.rate <= high}
    named = {name for name, said in found.items() if said == state}
    others = {name for name in named if plan[name].state != state}
    return Score(len(planted & named), len(others), len(planted - named))
