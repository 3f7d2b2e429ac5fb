"""Folders beside one another that hold a run's pictures, the expected ones and the differences."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pixelgate.client.layouts.items import Item, taken, without_part
from pixelgate.client.layouts.words import Role, folder_role, parts_of

# jest-image-snapshot's, which no snapshot's folder is called.
_ALWAYS = {
    "__diff_output__": "a difference that a runner drew",
    "__received_output__": "the picture of a failure, beside the one that was expected",
}
_RUN = re.compile(r"\d{8}[-_T]?\d{6}$")
_WEBDRIVERIO = re.compile(r"\d+x\d+-dpr-\d")
_FAILURES = frozenset({"failures", "failurediffs", "failed", "snapshot_tests_failures"})


@dataclass
class _Run:
    """One place with folders of a run; `parts` is the number of folders above them."""

    parts: int
    folders: dict[Role, list[Item]] = field(default_factory=lambda: defaultdict(list))

    def rests(self, role: Role) -> set[str]:
        """Returns the names below the role's folder; a difference's without its own words."""
        return {_rest(item, self.parts) for item in self.folders.get(role, ())}


def leave_named_folders(items: Sequence[Item]) -> None:
    """Leaves out what lies in a folder whose name says that it holds no snapshots."""
    for item in taken(items):
        for part in item.where.split("/")[:-1]:
            if part in _ALWAYS:
                item.leave(_ALWAYS[part], failure=True)


def leave_failures(items: Sequence[Item]) -> None:
    """Leaves out folders called `failures` if they hold what a runner draws of failures."""
    groups: Mapping[str, list[Item]] = defaultdict(list)
    for item in taken(items):
        parts = item.where.split("/")[:-1]
        for depth, part in enumerate(parts, 1):
            if part.lower() in _FAILURES:
                groups["/".join(parts[:depth])].append(item)
    for folder, group in groups.items():
        others = {
            i.stem for i in items if i.reason is None and not i.where.startswith(f"{folder}/")
        }
        drawn = [i for i in items if i.failure and i.where.startswith(f"{folder}/")]
        mirrored = [item for item in group if item.stem in others]
        known = any(item.runner == "paparazzi" for item in group)
        if drawn or known or 2 * len(mirrored) > len(group):
            for item in group:
                item.leave("the picture of a failure, in a folder of failures", failure=True)


def choose_folders(items: Sequence[Item], *, expected: bool) -> None:
    """Takes one of the folders of a run, and leaves out the others.

    The pictures of the run are taken, or the `expected` ones if those are wanted. One folder alone
    is a run only in a hidden folder: elsewhere its name may be the name of a page.
    """
    runs = _runs(taken(items))
    for place, run in runs.items():
        if not expected:
            _leave_beside(place, run, taken(items))
    for place, run in runs.items():
        hidden = place.rpartition("/")[2].startswith(".")
        if _is_run(run) or hidden:
            _choose(run, items, expected=expected, hidden=hidden)
        elif expected:
            _name_below(run.folders.get(Role.EXPECTED, []), run.parts)


def _choose(run: _Run, items: Sequence[Item], *, expected: bool, hidden: bool) -> None:
    wanted = _wanted(run, expected=expected, hidden=hidden)
    if wanted is Role.EXPECTED and not expected and _lie_elsewhere(run, taken(items)):
        wanted = Role.ACTUAL  # of which there is none: the folders only repeat what is elsewhere
    for role, group in run.folders.items():
        for item in group:
            if role is not wanted:
                item.leave(_REASONS[role], failure=role is Role.DIFF)
    kept = run.folders.get(wanted, [])
    _keep_last_run(kept, run.parts)
    usual = _wanted(run, expected=False, hidden=hidden)
    if hidden or (usual is Role.ACTUAL and run.folders.get(Role.EXPECTED)):
        # Both folders give the same names, so that one build can be compared with the other.
        for item in kept:
            item.name = without_part(item.name, run.parts - hidden, 1 + hidden)
    if wanted is Role.ACTUAL:
        _leave_goldens(items, run)


_REASONS = {
    Role.EXPECTED: "a picture that a run is compared with; `import-baseline` takes these",
    Role.ACTUAL: "a picture of a run",
    Role.DIFF: "a difference that a runner drew",
}


def _runs(items: Iterable[Item]) -> dict[str, _Run]:
    """Returns the folders that contain folders of a run, by path."""
    runs: dict[str, _Run] = {}
    for item in items:
        parts = item.where.split("/")[:-1]
        for depth, part in enumerate(parts):
            if role := folder_role(part):
                place = "/".join(parts[:depth])
                runs.setdefault(place, _Run(depth)).folders[role].append(item)
                break
    return runs


def _is_run(run: _Run) -> bool:
    """Whether two of the kinds are there, mostly with the same names in them."""
    roles = [role for role in run.folders if run.folders[role]]
    if len(roles) < 2:
        return False
    if run.folders.get(Role.DIFF) and _names_goldens(run.folders.get(Role.EXPECTED, []), run):
        return True
    names = [run.rests(role) for role in roles]
    pairs = [(a, b) for n, a in enumerate(names) for b in names[:n]]
    return any(2 * len(a & b) >= min(len(a), len(b)) for a, b in pairs)


def _leave_beside(place: str, run: _Run, items: Sequence[Item]) -> None:
    """Leaves out the folders of a run among the snapshots themselves: `x.png` and `diff/x.png`.

    The actual pictures are taken instead if there is one of each, and not only of failures.
    """
    ours = {id(item) for group in run.folders.values() for item in group}
    start = f"{place}/" if place else ""
    beside = {
        item.where.removeprefix(start): item
        for item in items
        if item.where.startswith(start) and id(item) not in ours
    }
    actual = run.rests(Role.ACTUAL)
    differed = bool(run.folders.get(Role.DIFF))
    is_whole = actual >= beside.keys() and not actual <= run.rests(Role.DIFF)
    for role, group in run.folders.items():
        if 2 * len(run.rests(role) & beside.keys()) < len(group) or not beside:
            continue
        if role is Role.ACTUAL and differed and is_whole:
            for item in beside.values():
                item.leave(_REASONS[Role.EXPECTED])
        elif role is Role.DIFF or (role is Role.ACTUAL and differed) or _names_goldens(group, run):
            for item in group:
                item.leave(_REASONS[role], failure=role is not Role.EXPECTED)


def _names_goldens(group: Sequence[Item], run: _Run) -> bool:
    """Whether a folder is called by a word that hardly ever is a page's."""
    words = {item.where.split("/")[run.parts].lower().strip("_") for item in group}
    return bool(words) and words <= {"expected", "baseline", "baselines", "golden", "goldens"}


def _lie_elsewhere(run: _Run, items: Sequence[Item]) -> bool:
    """Whether most expected pictures of a run without actual ones are repeated elsewhere."""
    if run.folders.get(Role.ACTUAL):
        return False
    ours = {id(item) for group in run.folders.values() for item in group}
    others = {item.where.rpartition("/")[2] for item in items if id(item) not in ours}
    expected = {rest.rpartition("/")[2] for rest in run.rests(Role.EXPECTED)}
    return 2 * len(expected & others) >= len(expected)


def _wanted(run: _Run, *, expected: bool, hidden: bool) -> Role:
    """Returns the folder with the whole run; the expected one if the actual has failures only."""
    actual, golden = run.rests(Role.ACTUAL), run.rests(Role.EXPECTED)
    if hidden:
        return Role.EXPECTED if expected else Role.ACTUAL
    some = actual <= run.rests(Role.DIFF) and bool(golden - actual)
    only_failures = some or 2 * len(actual & golden) < len(golden)
    return Role.EXPECTED if golden and (expected or not actual or only_failures) else Role.ACTUAL


def _name_below(goldens: Sequence[Item], parts: int) -> None:
    """Names WebdriverIO's goldens as the pictures of its runs, which lie somewhere else."""
    if goldens and all(_WEBDRIVERIO.search(item.stem) for item in goldens):
        for item in goldens:
            item.name = without_part(item.name, 0, parts + 1)


def _keep_last_run(items: Sequence[Item], parts: int) -> None:
    """Keeps the last of several runs whose folders are called by their time."""
    runs = {part for item in items if _RUN.match(part := _part(item, parts + 1))}
    for item in items:
        if (part := _part(item, parts + 1)) in runs:
            if part != max(runs):
                item.leave("a picture of an earlier run")
            item.name = without_part(item.name, parts + 1)


def _leave_goldens(items: Sequence[Item], run: _Run) -> None:
    """Leaves out the expected pictures of a run that lie elsewhere, under the same names."""
    kept = {id(item) for group in run.folders.values() for item in group}
    rests = run.rests(Role.ACTUAL)
    groups: Mapping[str, list[Item]] = defaultdict(list)
    for item in taken(items):
        parts = item.where.split("/")[:-1]
        for depth, part in enumerate(parts):
            golden = folder_role(part) is Role.EXPECTED or part == "__snapshots__"
            if golden and id(item) not in kept:
                groups["/".join(parts[: depth + 1])].append(item)
                break
    for folder, group in groups.items():
        below = {item.where.removeprefix(f"{folder}/") for item in group}
        if 2 * len(below & rests) >= len(below):
            for item in group:
                item.leave(_REASONS[Role.EXPECTED])


def _rest(item: Item, parts: int) -> str:
    """Returns the name below the folder of a role, comparable with those in its siblings."""
    rest = item.where.split("/")[parts + 1 :]
    if len(rest) > 1 and _RUN.match(rest[0]):
        rest = rest[1:]
    role = folder_role(item.where.split("/")[parts])
    of = [part.of for part in parts_of(item.stem) if part.role is role is Role.DIFF]
    if of and of[0]:
        suffix = rest[-1][len(item.stem) :]
        rest = [*rest[:-1], of[0] + suffix]
    return "/".join(rest)


def _part(item: Item, number: int) -> str:
    parts = item.where.split("/")[:-1]
    return parts[number] if number < len(parts) else ""
