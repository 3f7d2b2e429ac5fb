"""Attempts of one snapshot: the last one counts, the earlier ones are evidence of noise."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from pixelgate.client.layouts.items import Item, taken, unsure, with_suffix_of
from pixelgate.client.layouts.runners import Marks

_CYPRESS = re.compile(r"(.+) \(attempt (\d+)\)$")
_PLAYWRIGHT = re.compile(r"(.+?)(?:-retry(\d+))?(?:-repeat(\d+))?$")
# Of other runners: `x-attempt-2`, `x (retry 1)`, `x.attempt2`, for a file or a folder.
_OTHERS = re.compile(
    r"(?i)(.+?)[-_. ]*(?:\(?attempt[-_. #]?(\d+)\)?|\(retry[-_. #]?(\d+)\)|[-_. ]retry#?(\d+))$"
)
# `x.attempt_00` beside `x`: takes before the page stood still, by capybara-screenshot-diff.
_UNSTABLE = re.compile(r"(.+)\.attempt_(\d\d)$")
_FOLDER = re.compile(r"(?i)(?:attempt|retry)[-_. #]?(\d+)$")


def keep_last_attempts(items: Sequence[Item], marks: Marks) -> None:
    """Keeps the last attempt of each snapshot, under the snapshot's name without an attempt.

    Where no runner is known, a name is one of an attempt only if there is another attempt.
    """
    kept = taken(items)
    for item in kept:
        name, attempt = item.name, item.attempt
        if marks.playwright and item.runner in {"playwright", "argos"}:
            name, attempt = _of_playwright(item.name)
        if marks.cypress and (match := _CYPRESS.match(_stem(name))):
            name, attempt = with_suffix_of(name, match[1]), (int(match[2]),)
        item.name, item.attempt = name, attempt
    _leave_unstable(kept)
    _choose(taken(kept))
    _find_others(unsure(kept))
    _choose(taken(kept))


def _leave_unstable(items: Sequence[Item]) -> None:
    """Leaves out the takes of a picture that was not stable yet; the bare name is the last one."""
    by_name = {item.name: item for item in items}
    for item in items:
        if match := _UNSTABLE.match(_stem(item.name)):
            last = by_name.get(with_suffix_of(item.name, match[1]))
            if last is not None and last is not item:
                item.leave("an earlier attempt of a snapshot that was retried")
                last.earlier = [*last.earlier, item]


def _find_others(items: Sequence[Item]) -> None:
    """Names attempts of runners that are not known as their snapshots.

    A name is one of an attempt if there is another attempt, or if most names are of one form: a
    runner that numbers the first attempt, too, must give the same names when none is repeated.
    """
    by_name = {item.name: item for item in items}
    attempts: Mapping[str, list[tuple[int, Item]]] = defaultdict(list)
    forms: Mapping[str, list[tuple[str, int, Item]]] = defaultdict(list)
    for item in items:
        for name, number, form in _readings(item.name):
            attempts[name].append((number, item))
            forms[form].append((name, number, item))
    found = [
        (name, number, item)
        for name, group in attempts.items()
        if name in by_name or len(group) > 1
        for number, item in group
    ]
    for group in forms.values():
        if len(group) > 1 and 2 * len(group) > len(items):
            found += group
    for name, number, item in found:
        item.name, item.attempt = name, (number,)


def _choose(items: Sequence[Item]) -> None:
    """Keeps the last of the items with one name, if they are attempts."""
    groups: Mapping[str, list[Item]] = defaultdict(list)
    for item in items:
        groups[item.name].append(item)
    for group in groups.values():
        if len(group) < 2 or len({item.attempt for item in group}) < len(group):
            continue
        *earlier, last = sorted(group, key=lambda item: item.attempt)
        last.earlier = [*last.earlier, *earlier]
        for item in earlier:
            item.leave("an earlier attempt of a snapshot that was retried")


def _of_playwright(name: str) -> tuple[str, tuple[int, ...]]:
    """Takes `-retry1` and `-repeat1` off the folders of a test."""
    parts, numbers = name.split("/"), (0, 0)
    for place, part in enumerate(parts[:-1]):
        match = _PLAYWRIGHT.match(part)
        if match and (match[2] or match[3]):
            parts[place], numbers = match[1], (int(match[3] or 0), int(match[2] or 0))
    return "/".join(parts), numbers


def _readings(name: str) -> list[tuple[str, int, str]]:
    """Returns the names without an attempt that a name may stand for, with number and form."""
    found = []
    if match := _OTHERS.match(_stem(name)):
        number = match[match.lastindex or 0]
        form = _stem(name)[len(match[1]) :].replace(number, "#")
        found.append((with_suffix_of(name, match[1]), int(number), f"file{form}"))
    parts = name.split("/")
    for place, part in enumerate(parts[:-1]):
        if match := _FOLDER.match(part):
            short = "/".join(parts[:place] + parts[place + 1 :])
            found.append((short, int(match[1]), f"folder {part.replace(match[1], '#')}"))
        elif match := _OTHERS.match(part):
            number = match[match.lastindex or 0]
            short = "/".join([*parts[:place], match[1], *parts[place + 1 :]])
            form = part[len(match[1]) :].replace(number, "#")
            found.append((short, int(number), f"folder{form}"))
    return found


def _stem(name: str) -> str:
    return re.sub(r"\.[^.]*$", "", name.rpartition("/")[2])
