"""Folders beside one another that hold a run's pictures, the expected ones and the differences."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from pixelgate.client.layouts.items import Item, taken, unsure, with_file_of, without_part
from pixelgate.client.layouts.runs import OF_TIME, Elsewhere, Run, find_runs
from pixelgate.client.layouts.words import Role, folder_role, parts_of

# jest-image-snapshot's, which no snapshot's folder is called.
_ALWAYS = {
    "__diff_output__": "a difference that a runner drew",
    "__received_output__": "the picture of a failure, beside the one that was expected",
}
_WEBDRIVERIO = re.compile(r"\d+x\d+-dpr-\d")
_FAILURES = frozenset({"failures", "failurediffs", "failed", "snapshot_tests_failures"})


def leave_named_folders(items: Sequence[Item]) -> None:
    """Leaves out what lies in a folder whose name says that it holds no snapshots."""
    for item in taken(items):
        for part in item.where.split("/")[:-1]:
            if part in _ALWAYS:
                item.leave(_ALWAYS[part], failure=True)


def leave_failures(items: Sequence[Item]) -> None:
    """Leaves out folders called `failures` if they hold what a runner draws of failures."""
    groups: Mapping[str, list[Item]] = defaultdict(list)
    for item in unsure(items):
        parts = item.where.split("/")[:-1]
        for depth, part in enumerate(parts, 1):
            if part.lower() in _FAILURES:
                groups["/".join(parts[:depth])].append(item)
    for folder, group in groups.items():
        others = {
            i.stem for i in items if i.reason is None and not i.where.startswith(f"{folder}/")
        }
        drawn = [i for i in items if i.failure and i.where.startswith(f"{folder}/")]
        mirrored = [item for item in group if _stems(item) & others]
        if not drawn and 2 * len(_pages(folder, group, items)) > len(group):
            continue
        known = any(item.runner == "paparazzi" for item in group)
        if drawn or known or 2 * len(mirrored) > len(group):
            for item in group:
                item.leave("the picture of a failure, in a folder of failures", failure=True)


def _stems(item: Item) -> set[str]:
    """Returns a file's name with and without the word of a failure, as in `x.fail.png`."""
    return {item.stem, *(part.of for part in parts_of(item.stem))}


def _pages(folder: str, group: Sequence[Item], items: Sequence[Item]) -> list[Item]:
    """Returns the pictures of a folder that more than one ordinary folder beside it has, too."""
    place = folder[: folder.rfind("/") + 1]
    beside: Mapping[str, set[str]] = defaultdict(set)
    for item in taken(items):
        if item.where.startswith(place):
            word, slash, rest = item.where[len(place) :].partition("/")
            if slash and word != folder[len(place) :] and not folder_role(word):
                beside[rest].add(word)
    return [item for item in group if len(beside[item.where[len(folder) + 1 :]]) > 1]


def choose_folders(items: Sequence[Item], *, expected: bool) -> None:
    """Takes one of the folders of a run, and leaves out the others.

    The pictures of the run are taken, or the `expected` ones if those are wanted. One folder alone
    is a run only in a hidden folder: elsewhere its name may be the name of a page.
    """
    runs = find_runs(unsure(items))
    for run in runs if not expected else ():
        _leave_beside(run)
    elsewhere = Elsewhere(taken(items), runs) if runs else None
    for run in runs:
        if elsewhere and (run.is_run or run.hidden):
            _choose(run, elsewhere, expected=expected)
        elif expected:
            _name_below(run.folders.get(Role.EXPECTED, []), run.parts)


def _choose(run: Run, elsewhere: Elsewhere, *, expected: bool) -> None:
    wanted = run.wanted(expected=expected)
    if wanted is Role.EXPECTED and not expected and elsewhere.repeats(run):
        wanted = Role.ACTUAL  # of which there is none: the folders only repeat what is elsewhere
    for role, group in run.folders.items():
        for item in group:
            if role is not wanted:
                item.leave(_REASONS[role], failure=role is Role.DIFF)
    kept = run.folders.get(wanted, [])
    if run.hidden and wanted is Role.ACTUAL:
        for item in elsewhere.copies(run):
            item.leave("a copy of a picture that is taken")
        kept = taken(kept)
    _keep_last_run(kept, run.parts)
    usual = run.wanted(expected=False)
    both = usual is Role.ACTUAL and run.folders.get(Role.EXPECTED) and not run.weak
    if run.hidden or both:
        # Both folders give the same names, so that one build can be compared with the other.
        for item in kept:
            short = without_part(item.name, run.parts - run.hidden, 1 + run.hidden)
            item.name = with_file_of(short, run.rest(item))
    for item in elsewhere.goldens(run) if wanted is Role.ACTUAL else ():
        item.leave(_REASONS[Role.EXPECTED])


_REASONS = {
    Role.EXPECTED: "a picture that a run is compared with; `import-baseline` takes these",
    Role.ACTUAL: "a picture of a run",
    Role.DIFF: "a difference that a runner drew",
}


def _leave_beside(run: Run) -> None:
    """Leaves out the folders of a run among the snapshots themselves: `x.png` and `diff/x.png`.

    The actual pictures are taken instead if there is one of each, and not only of failures.
    """
    beside = {run.name_below(item): item for item in run.below}
    actual = run.rests(Role.ACTUAL)
    differed = bool(run.folders.get(Role.DIFF))
    is_whole = actual >= beside.keys() and not actual <= run.rests(Role.DIFF)
    for role, group in run.folders.items() if beside else ():
        if 2 * len(run.rests(role) & beside.keys()) < len(group):
            continue
        if role is Role.ACTUAL and differed and is_whole:
            for item in beside.values():
                item.leave(_REASONS[Role.EXPECTED])
        elif role is Role.DIFF or (role is Role.ACTUAL and differed) or run.names_goldens(role):
            for item in group:
                item.leave(_REASONS[role], failure=role is not Role.EXPECTED)


def _name_below(goldens: Sequence[Item], parts: int) -> None:
    """Names WebdriverIO's goldens as the pictures of its runs, which lie somewhere else."""
    if goldens and all(_WEBDRIVERIO.search(item.stem) for item in goldens):
        for item in goldens:
            item.name = without_part(item.name, 0, parts + 1)


def _keep_last_run(items: Sequence[Item], parts: int) -> None:
    """Keeps the last of several runs whose folders are called by their time."""
    runs = {part for item in items if OF_TIME.match(part := _part(item, parts + 1))}
    for item in items:
        if (part := _part(item, parts + 1)) in runs:
            if part != max(runs):
                item.leave("a picture of an earlier run")
            item.name = without_part(item.name, parts + 1)


def _part(item: Item, number: int) -> str:
    parts = item.where.split("/")[:-1]
    return parts[number] if number < len(parts) else ""
