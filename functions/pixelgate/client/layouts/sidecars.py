"""What other tools write about a screenshot: Argos, Playwright's JSON report, WebdriverIO."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pixelgate.client.layouts.items import Item
from pixelgate.client.layouts.runners import without_retry
from pixelgate.client.layouts.tree import Tree

_MAX_BYTES = 32 * 1024 * 1024
_MAX_TEXT = 1_024  # the limit of a tag in a manifest
_MAX_REPORTS = 200  # files that may be a report; others of that many JSON files are data
_PEEK = 4_096


def read_sidecars(tree: Tree, items: Sequence[Item]) -> tuple[str, ...]:
    """Adds tags and descriptions from the files of other tools.

    Returns the names of Playwright's projects, as they stand in names of files. A file that cannot
    be read, or is not what its name says, is passed over: it is no file of ours.
    """
    for item in items:
        if (path := tree.others.get(f"{item.where}.argos.json")) is not None:
            _add_argos(item, _read(path))
    _add_webdriverio(tree, items)
    projects: list[str] = []
    for path in _reports(tree):
        if isinstance(report := _read(path), Mapping):
            projects += _add_playwright(report, items)
    return tuple(dict.fromkeys(projects))


def _add_argos(item: Item, content: Any) -> None:
    test = _dict(content, "test")
    _describe(item, _titles(test.get("titlePath")))
    _tag(item, "browser", _dict(content, "browser").get("name"))
    size = _dict(content, "viewport")
    if isinstance(size.get("width"), int) and isinstance(size.get("height"), int):
        _tag(item, "viewport", f"{size['width']}x{size['height']}")
    if (scheme := content.get("colorScheme") if isinstance(content, Mapping) else None) == "dark":
        _tag(item, "scheme", scheme)
    _label(item, test.get("tags"))


def _add_webdriverio(tree: Tree, items: Sequence[Item]) -> None:
    """Reads output.json, and the report beside each picture of a run."""
    by_name: dict[str, list[Item]] = {}
    for item in items:
        by_name.setdefault(item.where.rpartition("/")[2], []).append(item)
        report = tree.others.get(f"{item.where.removesuffix('.png')}-report.json")
        if report is not None:
            _add_check(item, _read(report))
    for name, path in tree.others.items():
        if name.rpartition("/")[2] == "output.json":
            for check in _checks(_read(path)):
                file = _dict(check, "fileData")
                tail = str(file.get("actualFilePath", "")).replace("\\", "/")
                for item in by_name.get(tail.rpartition("/")[2], ()):
                    if tail.endswith("/".join(item.where.split("/")[-2:])):
                        _add_check(item, check)


def _checks(content: Any) -> Iterator[Any]:
    """Yields each check of an output.json: suites contain tests, tests contain checks."""
    for suite in content if isinstance(content, list) else ():
        for test in _list(suite, "data"):
            yield from _list(test, "data")


def _add_check(item: Item, check: Any) -> None:
    if not _dict(check, "fileData"):
        return
    _describe(item, _titles([check.get("description"), check.get("test")]))
    instance = _dict(check, "instanceData")
    _tag(item, "browser", _dict(instance, "browser").get("name"))
    _tag(item, "platform", _dict(instance, "platform").get("name"))
    _tag(item, "device", instance.get("deviceName"))


def _reports(tree: Tree) -> Iterator[Path]:
    """Yields the files that begin as a JSON report of Playwright does."""
    names = [name for name in tree.others if name.endswith(".json") and name.count("/") < 3]
    for name in names[:_MAX_REPORTS]:
        try:
            with tree.others[name].open("rb") as file:
                start = file.read(_PEEK)
        except OSError:
            continue
        if b'"config"' in start and b'"rootDir"' in start:
            yield tree.others[name]


def _add_playwright(report: Mapping[str, Any], items: Sequence[Item]) -> list[str]:
    """Describes the pictures of each test, which lie in one folder; returns the projects."""
    folders: dict[str, list[Item]] = {}
    for item in items:
        parts = without_retry(item.folder).split("/")
        for depth in range(len(parts)):
            folders.setdefault("/".join(parts[: depth + 1]).rpartition("/")[2], []).append(item)
    for titles, test, spec in _tests(_list(report, "suites"), ()):
        for folder in _folders_of(test):
            for item in folders.get(folder, ()):
                _describe(item, _titles(titles))
                _label(item, spec.get("tags"))
    projects = [_dict(report, "config").get("projects")]
    named = [_dict(p, None).get("name") for group in projects for p in _list(group, None)]
    return [_as_in_files(name) for name in named if isinstance(name, str) and name]


def _tests(
    suites: Sequence[Any], above: tuple[Any, ...]
) -> Iterator[tuple[tuple[Any, ...], Mapping[str, Any], Mapping[str, Any]]]:
    """Yields each test with its titles and its specification."""
    for suite in suites:
        titles = (*above, _dict(suite, None).get("title"))
        yield from _tests(_list(suite, "suites"), titles) if len(titles) < 50 else ()
        for spec in _list(suite, "specs"):
            for test in _list(spec, "tests"):
                yield (
                    (*titles, _dict(spec, None).get("title")),
                    _dict(test, None),
                    _dict(spec, None),
                )


def _folders_of(test: Mapping[str, Any]) -> set[str]:
    """Returns the names of the folders in which attachments of a test lie."""
    found = set()
    for result in _list(test, "results"):
        for attachment in _list(result, "attachments"):
            path = str(_dict(attachment, None).get("path") or "").replace("\\", "/")
            if "/" in path and "-snapshots/" not in path:
                found.add(without_retry(path.rpartition("/")[0]).rpartition("/")[2])
    return found - {"attachments"}


def _as_in_files(project: str) -> str:
    """Returns a project's name as Playwright writes it into names of files."""
    return re.sub(r"[\x00-\x2c\x2e-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]+", "-", project)


def _describe(item: Item, words: str) -> None:
    if words:
        item.details.setdefault("description", words[:_MAX_TEXT])


def _tag(item: Item, kind: str, word: Any) -> None:
    if isinstance(word, str) and _is_text(word) and word != "not_known":
        item.tags.setdefault(kind, word)


def _label(item: Item, words: Any) -> None:
    for word in words if isinstance(words, list) else ():
        if isinstance(word, str):
            _tag(item, word, word)


def _titles(titles: Any) -> str:
    words = titles if isinstance(titles, list | tuple) else []
    return " › ".join(word for word in words if isinstance(word, str) and _is_text(word))


def _is_text(word: str) -> bool:
    """Whether a manifest may hold the text: not too long, and no half of a character."""
    return bool(word.strip()) and len(word) <= _MAX_TEXT and not re.search("[\ud800-\udfff]", word)


def _read(path: Path) -> Any:
    """Reads JSON; returns None if the file is not valid, too large or cannot be read."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            return None
        return json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return None


def _dict(content: Any, name: str | None) -> Mapping[str, Any]:
    value = content.get(name) if name is not None and isinstance(content, Mapping) else content
    if name is not None and value is content:
        return {}
    return value if isinstance(value, Mapping) else {}


def _list(content: Any, name: str | None) -> Sequence[Any]:
    value = content if name is None else _dict(content, None).get(name)
    return value if isinstance(value, list) else ()
