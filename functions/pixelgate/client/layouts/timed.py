"""Runners that keep each run in a folder called by its time: Detox and TestCafe."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from pixelgate.client.layouts.items import Item, by_folder, taken, unsure
from pixelgate.engine.header import read_header
from pixelgate.errors import ImageFault

_RUN_OF_DETOX = re.compile(r"[. ]?(\d{4}-\d\d-\d\d \d\d-\d\d-\d\d)Z?(?=/)")
# TestCafe's `2026-11-30_10-15-00/test-1/run-2/Chrome_120.0_Linux/1.png`; `run-2` in quarantine.
_RUN_OF_TESTCAFE = re.compile(r"(?:(?<=/)|^)(\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d)/(?=test-\d+/)")
_REPEATED = re.compile(r"((?:^|/)test-\d+/)run-(\d+)/")
_ERROR = re.compile(r"(?:^|/)test-\d+/(?:run-\d+/)?[^/]+/errors/[^/]+$")

_THUMBNAILS = re.compile(r"(?:^|/)test-\d+/(?:run-\d+/)?[^/]+/(?:errors/)?thumbnails$")


def leave_detox(items: Sequence[Item]) -> None:
    """Leaves out what Detox took of failed tests, and takes the time of the run off the names."""
    kept = []
    for item in taken(items):
        parts = item.where.split("/")[:-1]
        if not any(part.startswith(("✓ ", "✗ ")) for part in parts):
            continue
        if any(part.startswith("✗ ") for part in parts):
            item.leave("a screenshot that Detox took in a failed test", failure=True)
        item.runner = "detox"
        kept.append(item)
    _keep_last_runs(kept, _RUN_OF_DETOX)


def leave_testcafe(items: Sequence[Item]) -> None:
    """Leaves out TestCafe's thumbnails, its pictures of failures and earlier runs."""
    errors = set()
    for folder, group in _thumbnails(unsure(items)).items():
        if folder.endswith("/errors/thumbnails") or folder == "errors/thumbnails":
            errors.add(folder.removesuffix("/thumbnails"))
        for item in group:
            item.leave("a smaller copy of a picture in the folder above")
    for item in unsure(items):
        if item.folder in errors or _ERROR.search(item.where):
            item.leave("a screenshot that TestCafe took of a failed test", failure=True)
    timed = [item for item in taken(items) if _RUN_OF_TESTCAFE.search(item.where)]
    _keep_last_runs(timed, _RUN_OF_TESTCAFE)
    for item in taken(timed):
        if match := _REPEATED.search(item.name):
            item.name, item.attempt = _REPEATED.sub(r"\1", item.name), (int(match[2]),)


def _thumbnails(items: Sequence[Item]) -> Mapping[str, Sequence[Item]]:
    """Returns the folders of thumbnails: below a test's, or with smaller copies of those above.

    A page called `thumbnails`, whose pictures are of the same width as others, is none.
    """
    folders = by_folder(items)
    found = {}
    for folder, group in folders.items():
        above, _, name = folder.rpartition("/")
        if name != "thumbnails":
            continue
        files = {_file(item): item for item in folders.get(above, ())}
        pairs = [(item, files[_file(item)]) for item in group if _file(item) in files]
        if len(pairs) < len(group):
            continue
        smaller = sum(_is_smaller(*pair) for pair in pairs)
        if _THUMBNAILS.search(folder) or 2 * smaller > len(group):
            found[folder] = group
    return found


def _is_smaller(one: Item, other: Item) -> bool:
    try:
        here, there = (read_header(item.path.read_bytes()) for item in (one, other))
    except (ImageFault, OSError):
        return False
    return here.width < there.width and here.height < there.height


def _keep_last_runs(items: Sequence[Item], time: re.Pattern[str]) -> None:
    """Keeps the last of the runs in one place, and takes its time off the names."""
    runs: Mapping[str, dict[str, list[Item]]] = defaultdict(lambda: defaultdict(list))
    for item in items:
        if match := time.search(item.where):
            runs[item.where[: match.start()]][match[1]].append(item)
    for by_time in runs.values():
        last = max(by_time)
        for when, group in by_time.items():
            for item in group:
                if when != last:
                    item.leave("a picture of an earlier run")
                item.name = time.sub("", item.name)


def _file(item: Item) -> str:
    return item.where.rpartition("/")[2]
