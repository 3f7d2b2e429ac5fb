"""What single test runners leave, by their own names and folders."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass

from pixelgate.client.layouts.items import Item, by_folder, same_bytes, taken, with_suffix_of
from pixelgate.client.layouts.names import AUTO, FOLDER
from pixelgate.client.layouts.tree import Tree

_BROWSERS = "(?:chromium|chrome|firefox|webkit|safari|edge)"
_SOURCE = r"\.(?:[\w-]+\.)?[cm]?[jt]sx?"
_GOLDENS = re.compile(rf"(?:^|/)[^/]+{_SOURCE}-snapshots/")
_OWN_SHOT = re.compile(r"test-(?:failed|finished)-\d+$")
_FAILED_SHOT = re.compile(r"test-failed-\d+$")
_PLAYWRIGHT_ROLE = re.compile(r"-(actual|expected|diff|previous)$")
_RETRY = re.compile(r"(?:-retry\d+)?(?:-repeat\d+)?(?=/|$)")
_ATTACHED = re.compile(r"(.+)-[0-9a-f]{40}$")
_CYPRESS = re.compile(r"(?:^|/)[^/]+\.cy\.[cm]?[jt]sx?/|(?:^|/)cypress/screenshots/")
# A test's file as a folder, with an attempt in it.
_CYPRESS_ATTEMPT = re.compile(
    rf"(?:^|/)[^/]+(?:{_SOURCE}|\.feature)/(?:[^/]+/)*[^/]+ \(attempt \d+\)\.\w+$"
)
_CYPRESS_FAILED = re.compile(r" \(failed\)(?: \(attempt \d+\))?$")
_WEBDRIVERIO = re.compile(r"-\d+x\d+-dpr-\d")
_REPORT = re.compile(r"(?i)(?:.+[-_])?reports?$")
_HASHED = re.compile(
    r"[0-9a-f]{32,64}$|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:-attachment)?$"
)

# The page of a report; the list in an unpacked blob report of Playwright.
_OF_REPORTS = frozenset({"index.html", "report.jsonl"})

_ATTACHMENTS = re.compile(r"(?:^|/)\.?vitest(?:-|/)attachments/")
# A runner's folders, by which its images are recognised; the first that fits names the layout.
_FOLDERS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("jest-image-snapshot", re.compile(r"(?:^|/)__image_snapshots__/")),
    ("vitest", re.compile(rf"(?:^|/)__screenshots__/(?:.+/)?[^/]+{_SOURCE}/[^/]+-{_BROWSERS}-")),
    ("vitest", _ATTACHMENTS),
    ("storybook", re.compile(r"(?:^|/)__snapshots__/[^/]+--[^/]+$")),
    ("swift-snapshot-testing", re.compile(r"(?:^|/)__Snapshots__/")),
    ("paparazzi", re.compile(r"(?:^|/)src/test/snapshots/images/|/build/(?:.+/)?paparazzi/")),
    ("roborazzi", re.compile(r"/outputs/roborazzi/")),
    ("compose-preview", re.compile(r"(?:^|/)src/screenshotTest\w*/|/screenshotTest-results/")),
    ("flutter", re.compile(r"_(?:masterImage|testImage|isolatedDiff|maskedDiff)\.png$")),
    ("backstop", re.compile(r"(?:^|/)bitmaps_(?:test|reference)/")),
    ("loki", re.compile(r"(?:^|/)\.loki/")),
    ("webdriverio", re.compile(r"(?:^|/)\.tmp/(?:actual|diff)/")),
    ("webdriverio", _WEBDRIVERIO),
)


# Layouts that a test run by Playwright may have, besides its own.
_WITH_PLAYWRIGHT = frozenset({AUTO, "argos", "pytest"})


@dataclass(frozen=True)
class Marks:
    """What was recognised in a folder."""

    playwright: bool
    cypress: bool
    outputs: frozenset[str]  # folders in which Playwright keeps what one test left


def recognise(tree: Tree, items: Sequence[Item], named: str) -> Marks:
    """Names the layout of each image, and returns which rules of runners apply.

    `named` is the layout that the user says it is; `auto` asks for marks.
    """
    above = "/".join(tree.above[-3:]) + "/"
    for item in items:
        item.runner = _runner(above + item.where)
        if f"{item.where}.argos.json" in tree.others:
            item.runner = "argos"
        # There these two runners keep snapshots and nothing else.
        item.sure = bool(_GOLDENS.search(above + item.where)) or (
            item.runner == "vitest" and not _ATTACHMENTS.search(item.where)
        )
    outputs = _outputs(tree, items, sure=named == "playwright")
    playwright = named == "playwright" or (
        named in _WITH_PLAYWRIGHT
        and (bool(outputs) or any(item.runner == "playwright" for item in items))
    )
    for item in items:
        if playwright and item.runner == FOLDER and item.folder in outputs:
            item.runner = "playwright"
    cypress = named == "cypress" or (named in {AUTO, "argos"} and _has_cypress(above, items))
    for item in items:
        if cypress and item.runner == FOLDER:
            item.runner = "cypress"
        elif named not in {AUTO, FOLDER} and item.runner == FOLDER:
            item.runner = named
    return Marks(playwright, cypress, frozenset(outputs))


def _runner(where: str) -> str:
    if _GOLDENS.search(where):
        return "playwright"
    return next((name for name, pattern in _FOLDERS if pattern.search(where)), FOLDER)


def _outputs(tree: Tree, items: Sequence[Item], *, sure: bool) -> set[str]:
    """Returns the folders with what one test of Playwright left.

    Marks are the screenshots that it takes itself, its other files, and its list of the last run
    at the top of all. A folder of a test has the folders of its attachments and retries.
    """
    tops = {n.rpartition("/")[0] for n in tree.others if n.rpartition("/")[2] == ".last-run.json"}
    marked = {
        name.rpartition("/")[0]
        for name in tree.others
        if name.rpartition("/")[2] in {"error-context.md", "trace.zip", "video.webm"}
    }
    shots = {item.folder for item in items if _OWN_SHOT.match(item.stem)}
    marked |= {f for f in shots if sure or _is_results(tree, f) or len(shots) > 1}
    marked |= _compared(tree, items, shots)
    marked = {without_retry(folder) for folder in marked}
    found = set()
    for item in items:
        parts = without_retry(item.folder).split("/")
        above = {"/".join(parts[:n]) for n in range(1, len(parts) + 1)}
        in_top = any(top == "" or item.where.startswith(f"{top}/") for top in tops)
        if (in_top and item.runner == FOLDER) or above & marked or (sure and _is_role(item)):
            found.add(item.folder)
    return found


def _compared(tree: Tree, items: Sequence[Item], shots: Set[str]) -> set[str]:
    """Returns the folders with what Playwright expected and what it saw.

    They lie below test-results, or there is one of Playwright's own `shots` in them.
    """
    roles: dict[tuple[str, str], set[str]] = {}
    for item in items:
        ours = _is_results(tree, item.folder) or item.folder in shots
        if ours and (match := _PLAYWRIGHT_ROLE.search(item.stem)):
            roles.setdefault((item.folder, item.stem[: match.start()]), set()).add(match[1])
    return {folder for (folder, _), found in roles.items() if {"actual", "expected"} <= found}


def without_retry(path: str) -> str:
    """Returns the path of a folder without the `-retry1` and `-repeat1` of its parts."""
    return _RETRY.sub("", path)


def _is_results(tree: Tree, folder: str) -> bool:
    return "test-results" in (*tree.above, *folder.split("/"))


def _is_role(item: Item) -> bool:
    return item.runner == FOLDER and bool(_PLAYWRIGHT_ROLE.search(item.stem))


def _has_cypress(above: str, items: Sequence[Item]) -> bool:
    if any(_CYPRESS.search(above + item.where) for item in items):
        return True
    if any(_CYPRESS_ATTEMPT.search(item.where) for item in items):
        return True
    # "suite -- test (failed)" is how Cypress calls the screenshot of a failure.
    return any(" -- " in item.stem and _CYPRESS_FAILED.search(item.stem) for item in items)


def has_run_of_playwright(tree: Tree) -> bool:
    """Whether Playwright's list of the last run is there."""
    return any(name.rpartition("/")[2] == ".last-run.json" for name in tree.others)


def is_golden_of_playwright(item: Item) -> bool:
    """Whether a file lies in the folder of expected pictures beside a test file."""
    return item.sure and item.runner == "playwright"


def leave_playwright(items: Sequence[Item], marks: Marks, *, expected: bool) -> None:
    """Leaves out what Playwright draws of failures, and the copies of attachments.

    Where its snapshots are `expected`, they alone are taken, and no other picture of a run.
    """
    if not marks.playwright:
        return
    goldens = {item.stem for item in items if is_golden_of_playwright(item)}
    for item in taken(items):
        if is_golden_of_playwright(item):
            continue
        output = item.folder in marks.outputs
        role = _PLAYWRIGHT_ROLE.search(item.stem)
        if _FAILED_SHOT.match(item.stem) and output:
            item.leave("a screenshot that Playwright took of a failed test", failure=True)
        elif role and (output or _is_seen(item, role, goldens)):
            item.leave(_PLAYWRIGHTS[role[1]], failure=True)
        elif expected and output and goldens:
            item.leave("a picture of a run")
    _leave_copies(items)


_PLAYWRIGHTS = {
    "actual": "what Playwright saw in a test that compared it",
    "expected": "what Playwright expected in a test that failed",
    "diff": "a difference that Playwright drew",
    "previous": "an earlier try of Playwright within a test",
}


def _is_seen(item: Item, role: re.Match[str], goldens: set[str]) -> bool:
    """Whether this is what Playwright saw of a snapshot that lies elsewhere, as in a first run."""
    if role[1] != "actual" or item.runner != FOLDER:
        return False
    stem = item.stem[: role.start()]
    return any(golden.startswith(f"{stem}-") for golden in goldens)


def _leave_copies(items: Sequence[Item]) -> None:
    """Leaves out copies among attachments, and takes the hash off the names of the others."""
    kept = taken(items)
    attached = [
        (item, match[1])
        for item in kept
        if item.folder.rpartition("/")[2] == "attachments" and (match := _ATTACHED.match(item.stem))
    ]
    tests: dict[str, list[Item]] = {item.folder.rpartition("/")[0]: [] for item, _ in attached}
    for item in kept:
        if "attachments" not in item.folder.split("/"):
            parts = item.folder.split("/")
            for depth in range(len(parts) + 1):
                if (folder := "/".join(parts[:depth])) in tests:
                    tests[folder].append(item)
    for item, stem in attached:
        if any(same_bytes(twin, item) for twin in tests[item.folder.rpartition("/")[0]]):
            item.leave("a copy that Playwright keeps of an attachment")
        else:
            item.name = with_suffix_of(item.name, stem)


def leave_cypress(items: Sequence[Item], marks: Marks) -> None:
    """Leaves out the screenshots that Cypress takes of failures."""
    for item in taken(items) if marks.cypress else ():
        if _CYPRESS_FAILED.search(item.stem):
            item.leave("a screenshot that Cypress took of a failed test", failure=True)


def leave_reports(tree: Tree, items: Sequence[Item]) -> None:
    """Leaves out the copies, called by a hash or a number, that a report keeps."""
    pages = {n.rpartition("/")[0] for n in tree.others if n.rpartition("/")[2] in _OF_REPORTS}
    for folder, group in by_folder(taken(items)).items():
        parts = folder.split("/")
        near = any("/".join(parts[:depth]) in pages for depth in range(len(parts) + 1))
        kept = {"allure-results", "attachments", "allure-report"} & {*folder.split("/")}
        for item in group:
            if (near or kept) and _HASHED.match(item.stem):
                item.leave("a copy that a report keeps under another name")


def leave_reported(tree: Tree, items: Sequence[Item]) -> None:
    """Leaves out the pictures of reports, if there are others.

    A report has a page in its folder. In the output of a build a folder without one has copies
    only of what lies elsewhere under the same name; other folders may be a site's.
    """
    pages = [name for name in tree.others if name.endswith((".html", ".htm"))]
    kept = taken(items)
    folders = {folder: _report(folder, pages) for folder in {item.folder for item in kept}}
    others = {item.where.rpartition("/")[2] for item in kept if not folders[item.folder]}
    for item in kept if others else ():
        report = folders[item.folder]
        if report == "page" or (report and item.where.rpartition("/")[2] in others):
            item.leave("a picture that a report keeps")


def _report(folder: str, pages: Sequence[str]) -> str:
    """Returns `page` for a folder of a report with a page, `built` for one of a build's output."""
    parts = folder.split("/")
    for depth, part in enumerate(parts, 1):
        if _REPORT.match(part):
            top = "/".join(parts[:depth]) + "/"
            if any(page.startswith(top) for page in pages):
                return "page"
            if not {"build", "target"}.isdisjoint(parts[:depth]):
                return "built"
    return ""


def leave_artifacts(items: Sequence[Item]) -> None:
    """Leaves out the failures of swift-snapshot-testing, called like the snapshots elsewhere."""
    goldens = {
        "/".join(item.where.split("/")[-2:])
        for item in items
        if "/__Snapshots__/" in f"/{item.where}"
    }
    for item in taken(items):
        ours = "/__Snapshots__/" in f"/{item.where}"
        if not ours and "/".join(item.where.split("/")[-2:]) in goldens:
            item.leave("the picture of a failure, called like its snapshot", failure=True)
