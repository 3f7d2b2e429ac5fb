"""Tags of a snapshot: the browser, platform, viewport and density that its name tells."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from pixelgate.client.layouts.items import Item, taken
from pixelgate.client.layouts.runners import Marks, is_golden_of_playwright, without_retry
from pixelgate.client.layouts.variants import KINDS, is_certain, of_folder, peel

# Runners that write variants into names; of others, as of a folder, two words are needed.
_IN_NAMES = frozenset({"playwright", "vitest", "webdriverio", "argos", "pytest"})
_PLATFORM = re.compile(r"(.+)-(linux|darwin|win32)$")
_MOST_PROJECTS = 12


def tag(items: Sequence[Item], marks: Marks, projects: Sequence[str]) -> None:
    """Adds the words of a variant to the tags; the snapshot's name keeps them.

    `projects` are Playwright's, as they stand in names; without them a project is recognised by a
    browser's name, or as what all names of the run have in common.
    """
    kept = taken(items)
    known = sorted(projects, key=len, reverse=True) or _projects(kept)
    for item in kept:
        words = _words(item, marks, known)
        # The name's own words win, as `pixelgate.domain.variants` looks for them in the name.
        found = item.tags | words
        item.tags = {kind: found[kind] for kind in (*KINDS, *found) if kind in found}


def _words(item: Item, marks: Marks, known: Sequence[str]) -> dict[str, str]:
    """Returns the words of a variant in a snapshot's name, and in the names of its folders."""
    words = peel(item.stem)[1]
    if item.runner not in _IN_NAMES:
        return words if is_certain(words) else {}
    if is_golden_of_playwright(item) and (match := _PLATFORM.match(item.stem)):
        words = {"browser": _project(match[1], known), "platform": match[2]}
    for part in reversed(item.name.split("/")[:-1]):
        words = of_folder(part) | words
        if item.folder in marks.outputs and not words.get("browser"):
            words["browser"] = _project(without_retry(part), known)
    return {kind: word for kind, word in words.items() if word}


def _project(stem: str, known: Sequence[str]) -> str:
    """Returns the project that a name ends with; empty if it is not known."""
    for project in known:
        if stem.endswith(f"-{project}"):
            return project
    return peel(stem)[1].get("browser", "")


def _projects(items: Sequence[Item]) -> list[str]:
    """Finds Playwright's projects: the ends that stand behind the same several names.

    They are only looked for if no name ends as a browser's, as each does by default.
    """
    stems = [
        match[1]
        for item in items
        if is_golden_of_playwright(item) and (match := _PLATFORM.match(item.stem))
    ]
    if any(peel(stem)[1].get("browser") for stem in stems):
        return []
    for words in (3, 2, 1):
        names: Mapping[str, set[str]] = defaultdict(set)
        for stem in stems:
            parts = stem.rsplit("-", words)
            if len(parts) > words:
                names["-".join(parts[1:])].add(parts[0])
        sets = list(names.values())
        same = bool(sets) and all(found == sets[0] for found in sets) and len(sets[0]) > 1
        if same and len(names) <= _MOST_PROJECTS and sum(map(len, sets)) == len({*stems}):
            return list(names)
    return []
