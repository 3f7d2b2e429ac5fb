"""A place with the folders of a run: what is in them, and what lies around them."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pixelgate.client.layouts.items import Item, same_bytes
from pixelgate.client.layouts.words import (
    Role,
    folder_role,
    never_a_page,
    parts_of,
    weak_folder_role,
)

OF_TIME = re.compile(r"\d{8}[-_T]?\d{6}$")  # the folder of one of several runs
_GOLDENS = frozenset({"expected", "baseline", "baselines", "golden", "goldens"})


@dataclass
class Run:
    """One place with folders of a run."""

    place: str  # the path above the folders; empty at the top
    parts: int  # the number of folders in it
    folders: dict[Role, list[Item]] = field(default_factory=lambda: defaultdict(list))
    below: list[Item] = field(default_factory=list)  # what else lies in the place
    weak: bool = False  # whether only the differences show that it is a run
    _rests: dict[Role, frozenset[str]] = field(default_factory=dict)

    def rests(self, role: Role) -> frozenset[str]:
        """Returns the names below the role's folder; a difference's without its own words."""
        if role not in self._rests:
            group = self.folders.get(role, ())
            self._rests[role] = frozenset(_rest(item, self.parts) for item in group)
        return self._rests[role]

    def rest(self, item: Item) -> str:
        """Returns the name below the folder; `actual/x-actual.png` is called `x.png`."""
        return _rest(item, self.parts)

    @property
    def hidden(self) -> bool:
        """Whether the folders lie in a hidden one, which holds nothing else."""
        return self.place.rpartition("/")[2].startswith(".")

    @property
    def is_run(self) -> bool:
        """Whether two of the kinds are there, mostly with the same names in them."""
        roles = [role for role in self.folders if self.folders[role]]
        if len(roles) < 2:
            return False
        if Role.DIFF in roles and self.names_goldens(Role.EXPECTED):
            return True
        names = [self.rests(role) for role in roles]
        pairs = [(a, b) for n, a in enumerate(names) for b in names[:n]]
        return any(2 * len(a & b) >= min(len(a), len(b)) for a, b in pairs)

    @property
    def are_pages(self) -> bool:
        """Whether the folders are pages of a site: folders beside them have the same names in them.

        `diff/index.png` is a page if there is `users/index.png`, too.
        """
        words = {self.word(item) for group in self.folders.values() for item in group}
        if self.hidden or self.weak or len([*filter(never_a_page, words)]) > 1:
            return False
        names = frozenset().union(*map(self.rests, self.folders))
        return any(self.name_below(item).partition("/")[2] in names for item in self.below)

    def names_goldens(self, role: Role) -> bool:
        """Whether a role's folder is called by a word that hardly ever is a page's."""
        words = {self.word(item).lower().strip("_") for item in self.folders.get(role, ())}
        return bool(words) and words <= _GOLDENS

    def word(self, item: Item) -> str:
        """Returns the name of the folder of the run in which an image lies."""
        return item.where.split("/")[self.parts]

    def name_below(self, item: Item) -> str:
        """Returns an image's path below the place."""
        return item.where[len(self.place) + 1 :] if self.place else item.where

    def wanted(self, *, expected: bool) -> Role:
        """Returns the folder of the whole run: the expected one if the other has only failures."""
        actual, golden = self.rests(Role.ACTUAL), self.rests(Role.EXPECTED)
        if self.hidden:
            return Role.EXPECTED if expected else Role.ACTUAL
        some = actual <= self.rests(Role.DIFF) and bool(golden - actual)
        failures = some or 2 * len(actual & golden) < len(golden)
        return Role.EXPECTED if golden and (expected or not actual or failures) else Role.ACTUAL


def find_runs(items: Sequence[Item]) -> list[Run]:
    """Returns the places with folders of a run, the outermost of several."""
    runs: dict[str, Run] = {}
    others = []
    for item in items:
        parts = item.where.split("/")[:-1]
        for depth, part in enumerate(parts):
            if role := folder_role(part):
                place = "/".join(parts[:depth])
                runs.setdefault(place, Run(place, depth)).folders[role].append(item)
                break
        else:
            others.append(item)
    for item in others:
        parts = item.where.split("/")[:-1]
        for depth in range(len(parts) + 1):
            if run := runs.get("/".join(parts[:depth])):
                run.below.append(item)
    for run in runs.values():
        _complete(run)
    return [run for run in runs.values() if not run.are_pages]


def _complete(run: Run) -> None:
    """Adds folders called `before` and `after`, or so, to a folder of differences of the two."""
    goldens = run.names_goldens(Role.EXPECTED)
    if not (run.folders.get(Role.DIFF) or goldens) or (
        run.rests(Role.ACTUAL) and run.rests(Role.EXPECTED)
    ):
        return
    found: Mapping[Role, list[Item]] = defaultdict(list)
    for item in run.below:
        folder, slash, _ = run.name_below(item).partition("/")
        if slash and (role := weak_folder_role(folder)) and not run.folders.get(role):
            found[role].append(item)
    names = {
        role: {_rest(item, run.parts) for item in [*run.folders.get(role, ()), *found[role]]}
        for role in (Role.ACTUAL, Role.EXPECTED)
    }
    # `baseline` needs no differences: no page of a site is called so.
    differed = run.rests(Role.DIFF) or names[Role.EXPECTED]
    if all(2 * len(below & differed) >= len(differed) for below in names.values()):
        for role, group in found.items():
            run.folders[role] += group
        added = {id(item) for group in found.values() for item in group}
        run.below = [item for item in run.below if id(item) not in added]
        run.weak = True
        run._rests.clear()


class Elsewhere:
    """What lies outside of a run, by name; made once for all runs of a folder."""

    def __init__(self, items: Iterable[Item], runs: Iterable[Run]) -> None:
        items = list(items)
        self._files = Counter(_file(item) for item in items)
        self._visible: Mapping[str, list[Item]] = defaultdict(list)
        for item in items:
            if not any(part.startswith(".") for part in item.where.split("/")):
                self._visible[_file(item)].append(item)
        ours = {id(i) for run in runs if run.folders.get(Role.ACTUAL) for i in _all(run)}
        self._goldens: Mapping[str, list[Item]] = defaultdict(list)
        for item in items:
            parts = item.where.split("/")[:-1]
            for depth, part in enumerate(parts, 1):
                is_golden = folder_role(part) is Role.EXPECTED or part == "__snapshots__"
                if is_golden and id(item) not in ours:
                    self._goldens["/".join(parts[:depth])].append(item)
                    break

    def repeats(self, run: Run) -> bool:
        """Whether most expected pictures of a run without actual ones are repeated elsewhere."""
        if run.folders.get(Role.ACTUAL):
            return False
        ours = Counter(_file(item) for item in _all(run))
        names = {rest.rpartition("/")[2] for rest in run.rests(Role.EXPECTED)}
        return 2 * sum(self._files[n] > ours[n] for n in names) >= len(names)

    def copies(self, run: Run) -> list[Item]:
        """Returns the actual pictures of a hidden run if all lie elsewhere, byte for byte.

        reg-suit copies the folder that it is given. Another runner's copies may be goldens, so
        the expected pictures must be in the run.
        """
        group = run.folders.get(Role.ACTUAL, [])
        has_goldens = run.folders.get(Role.EXPECTED) or run.place.rpartition("/")[2] == ".reg"
        return group if has_goldens and all(self._has_twin(i, run) for i in group) else []

    def _has_twin(self, item: Item, run: Run) -> bool:
        rest = f"/{_rest(item, run.parts)}"
        twins = [i for i in self._visible[_file(item)] if f"/{i.where}".endswith(rest)]
        return any(same_bytes(twin, item) for twin in twins)

    def goldens(self, run: Run) -> list[Item]:
        """Returns the expected pictures of a run that lie elsewhere, under the same names."""
        rests = run.rests(Role.ACTUAL)
        found = []
        for folder, group in self._goldens.items():
            below = {item.where[len(folder) + 1 :] for item in group}
            if 2 * len(below & rests) >= len(below):
                found += group
        return found


def _all(run: Run) -> list[Item]:
    return [item for group in run.folders.values() for item in group]


def _file(item: Item) -> str:
    return item.where.rpartition("/")[2]


def _rest(item: Item, parts: int) -> str:
    """Returns the name below the folder of a role, comparable with those in its siblings."""
    rest = item.where.split("/")[parts + 1 :]
    if len(rest) > 1 and OF_TIME.match(rest[0]):
        rest = rest[1:]
    word = item.where.split("/")[parts].lower()
    role = folder_role(word)
    of = [
        part.of
        for part in parts_of(item.stem)
        if part.role is role and (role is Role.DIFF or part.word == word)
    ]
    if of and of[0]:
        suffix = rest[-1][len(item.stem) :]
        rest = [*rest[:-1], of[0] + suffix]
    return "/".join(rest)
