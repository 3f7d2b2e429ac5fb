"""Decides which images of a folder are snapshots, what they are called, and why others are not."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pixelgate.client.layouts.attempts import keep_last_attempts
from pixelgate.client.layouts.failures import leave_failed_shots, leave_jests
from pixelgate.client.layouts.families import leave_families
from pixelgate.client.layouts.folders import choose_folders, leave_failures, leave_named_folders
from pixelgate.client.layouts.globs import compile_pattern
from pixelgate.client.layouts.items import Item, taken
from pixelgate.client.layouts.names import AUTO, FOLDER, LAYOUTS
from pixelgate.client.layouts.runners import (
    has_run_of_playwright,
    leave_artifacts,
    leave_cypress,
    leave_playwright,
    leave_reported,
    leave_reports,
    recognise,
    without_retry,
)
from pixelgate.client.layouts.sidecars import read_sidecars
from pixelgate.client.layouts.tags import tag
from pixelgate.client.layouts.timed import leave_detox, leave_testcafe
from pixelgate.client.layouts.tree import Tree, hidden_images, walk
from pixelgate.domain.names import canonical
from pixelgate.errors import UsageError

_LINK = "a link that leads out of the folder, and is not followed"
_PACKAGES = "a folder of packages"
_HIDDEN = "in a hidden folder"
_ACTUAL = re.compile(r"(?i)[-_. ](?:actual|received|testImage)\b")
_CURE = "name the folder with the snapshots themselves, or take all pictures by --from folder"
_CURE_OF_PLAYWRIGHT = (
    "a passing toHaveScreenshot leaves no image. Use the drop-in in examples/playwright, or run "
    "the tests with --update-snapshots=all and name the folder that holds their -snapshots folders"
)


@dataclass(frozen=True)
class Choice:
    """Which images of a folder the user wants."""

    layout: str = AUTO  # one of LAYOUTS
    include: tuple[str, ...] = ()  # patterns of names; without one, all are wanted
    exclude: tuple[str, ...] = ()  # patterns of names
    expected: bool = False  # whether the pictures that a run is compared with are wanted


ALL = Choice()


@dataclass(frozen=True)
class Taken:
    """An image that is a snapshot."""

    name: str  # the snapshot's name
    path: Path
    tags: Mapping[str, str] = field(default_factory=dict)  # words of its variant, by kind
    attempts: tuple[Path, ...] = ()  # its earlier attempts, the first one first
    details: Mapping[str, Any] = field(default_factory=dict)  # from another tool's sidecar


@dataclass(frozen=True)
class LeftOut:
    """An image, a link or a folder that is not taken."""

    where: str  # its path below the folder
    reason: str
    failure: bool = False  # whether it is a picture of a failure


@dataclass(frozen=True)
class Selection:
    """What is taken of a folder, and what is not."""

    folder: Path
    runners: tuple[str, ...]  # the layouts that were recognised; `folder` is none
    taken: Mapping[str, Taken]  # by name, sorted
    left: tuple[LeftOut, ...] = ()  # sorted by path
    notes: tuple[str, ...] = ()  # what somebody should know about what was taken
    unused: tuple[str, ...] = ()  # patterns that fit no name; maybe they are misspelt

    @property
    def files(self) -> dict[str, Path]:
        """Returns the snapshots' files by name."""
        return {name: one.path for name, one in self.taken.items()}

    def reasons(self) -> list[str]:
        """Returns a line for each reason why something was left out, with an example."""
        numbers = Counter(one.reason for one in self.left)
        examples = {one.reason: one.where for one in reversed(self.left)}
        lines = []
        for reason, number in numbers.most_common():
            such = examples[reason] if number == 1 else f"such as {examples[reason]}"
            lines.append(f"{number:,} × {reason}: {_shown(such)}")
        return lines

    def why_empty(self) -> str:
        """Returns the reason why nothing is left, with what to do."""
        playwright = "playwright" in self.runners
        if any(one.failure for one in self.left):
            cure = _CURE_OF_PLAYWRIGHT if playwright else _CURE
            lines = [f"{self.folder} holds only pictures of failures: {cure}"]
        else:
            cure = f": {_CURE_OF_PLAYWRIGHT}" if playwright else ""
            lines = [f"there is no image (PNG, JPEG, WebP) in {self.folder}{cure}"]
        if self.left:
            lines += ["left out:", *(f"  {line}" for line in self.reasons())]
        if hidden := hidden_images(self.folder):
            named = ", ".join(f"{_shown(where)} ({n:,})" for where, n in hidden.items())
            lines.append(f"hidden folders with images are left out; name one itself: {named}")
        return "\n".join(lines)


def select(folder: Path, choice: Choice = ALL) -> Selection:
    """Finds the snapshots of a folder by the layout in which a test runner left them.

    A folder without marks of a runner is taken as it is: each image under its path.

    Raises:
        UsageError: the layout is unknown.
        OSError: a folder cannot be read.
    """
    if choice.layout not in LAYOUTS:
        raise UsageError(f"--from {choice.layout}: it must be one of {', '.join(LAYOUTS)}")
    plain = choice.layout == FOLDER
    tree = walk(folder, plain=plain)
    items = [Item(where, path, where) for where, path in sorted(tree.images.items())]
    for item in items:
        if item.path.suffix.lower() == ".svg":
            item.leave("an SVG, which is no screenshot")
    if not plain:
        _by_layout(tree, items, choice)
    unused = _fit(items, choice)
    kept = taken(items)
    left = [LeftOut(item.where, item.reason, item.failure) for item in items if item.reason]
    left += [LeftOut(where, _LINK) for where in tree.links]
    left += [LeftOut(where, _PACKAGES) for where in tree.packages]
    runners = dict.fromkeys(item.runner for item in items if item.runner != FOLDER)
    if not items and not plain and has_run_of_playwright(tree):
        runners["playwright"] = None  # all of its tests have passed
    return Selection(
        folder,
        tuple(runners),
        {item.name: _taken(item) for item in sorted(kept, key=lambda item: item.name)},
        tuple(sorted(left, key=lambda one: one.where)),
        () if choice.expected else tuple(_notes(kept, items)),
        unused,
    )


def _by_layout(tree: Tree, items: list[Item], choice: Choice) -> None:
    marks = recognise(tree, items, choice.layout)
    leave_reports(tree, items)
    leave_named_folders(items)
    leave_playwright(items, marks, expected=choice.expected)
    leave_cypress(items, marks)
    leave_detox(items)
    leave_testcafe(items)
    leave_failed_shots(items)
    leave_jests(items)
    leave_families(items, expected=choice.expected)
    leave_failures(items)
    leave_reported(tree, items)
    choose_folders(items, expected=choice.expected)
    leave_artifacts(items)
    for item in taken(items):
        if item.name == item.where and any(p.startswith(".") for p in item.where.split("/")):
            item.leave(_HIDDEN)
    keep_last_attempts(items, marks)
    _keep_unique(taken(items))
    tag(items, marks, read_sidecars(tree, items))


def _keep_unique(items: Sequence[Item]) -> None:
    """Gives images that a rule has called alike the names of their paths again."""
    while True:
        groups: Mapping[str, list[Item]] = defaultdict(list)
        for item in items:
            groups[item.name].append(item)
        alike = [i for group in groups.values() if len(group) > 1 for i in group]
        renamed = [item for item in alike if item.name != item.where]
        if not renamed:
            return
        for item in renamed:
            item.name = item.where


def _fit(items: Sequence[Item], choice: Choice) -> tuple[str, ...]:
    """Leaves out what the patterns leave out; returns the patterns that fit no name."""
    names = {id(item): canonical(item.name) for item in taken(items)}
    include = {text: compile_pattern(text).match for text in choice.include}
    exclude = {text: compile_pattern(text).match for text in choice.exclude}
    for item in taken(items):
        name = names[id(item)]
        if include and not any(fits(name) for fits in include.values()):
            item.leave("not among --include")
        for text, fits in exclude.items():
            if fits(name):
                item.leave(f"excluded by {text!r}")
    return tuple(
        text
        for text, fits in [*include.items(), *exclude.items()]
        if names and not any(map(fits, names.values()))
    )


def _taken(item: Item) -> Taken:
    return Taken(item.name, item.path, item.tags, tuple(i.path for i in item.earlier), item.details)


def _notes(kept: Sequence[Item], items: Sequence[Item]) -> Iterator[str]:
    """Yields what the user should know: of tests that failed, only the goldens are there."""
    last: dict[str, str] = {}  # the folder of each test's last attempt
    for item in items:
        test = without_retry(item.folder)
        last[test] = max(last.get(test, ""), item.folder, key=lambda folder: (len(folder), folder))
    failed = {
        item.where
        for item in items
        if item.failure
        and _ACTUAL.search(item.stem)
        and last[without_retry(item.folder)] == item.folder
    }
    if kept and failed:
        number = "1 snapshot" if len(failed) == 1 else f"{len(failed):,} snapshots"
        yield (
            f"{number} differed in the tests, such as {_shown(min(failed))}: the build has what "
            "was expected of them, or nothing, but not what they look like now"
        )


def _shown(text: str) -> str:
    """Returns a path for a message, with control characters escaped."""
    return text if text.isprintable() else ascii(text)
