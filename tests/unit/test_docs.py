"""Pages lead to one another: links, indexes, and the decisions that the code names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
DECISIONS = DOCS / "decisions"
PAGES = [
    *ROOT.glob("*.md"),
    *DOCS.rglob("*.md"),
    *(ROOT / folder / "README.md" for folder in ("events", "examples", "bench/quality")),
    ROOT / "examples/playwright/README.md",
]


def anchors(page: Path) -> set[str]:
    """The fragments by which the page's headings are reached, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


def links(page: Path) -> list[tuple[Path, str]]:
    """Where the page's relative links lead: a file or folder, and a fragment."""
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"", text)
    relative = [a or b for a, b in targets if ":" not in (a or b)]
    parts = [target.partition("#")[::2] for target in relative]
    return [(page.parent / path if path else page, fragment) for path, fragment in parts]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for path, fragment in links(page):
        assert path.exists(), path
        assert not fragment or fragment in anchors(path), f"{path}#{fragment}"


def test_the_index_of_decisions_has_each_page_with_its_title() -> None:
    index = (DECISIONS / "README.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"\| \[\d{4}\]\((\S+\.md)\) \| (.+) \|", index))
    pages = sorted(DECISIONS.glob("[0-9]*.md"))
    titles = [page.read_text(encoding="utf-8").partition("\n")[0] for page in pages]
    assert listed == {
        page.name: re.sub(r"^# \d{4}:? ", "", title)
        for page, title in zip(pages, titles, strict=True)
    }


def test_the_index_of_documentation_has_each_page() -> None:
    listed = {path.resolve() for path, _ in links(DOCS / "README.md")}
    assert {*DOCS.glob("*.md")} - {DOCS / "README.md"} <= listed


def test_each_decision_that_the_code_names_is_there() -> None:
    there = {page.name[:4] for page in DECISIONS.glob("[0-9]*.md")}
    sources = [
        ROOT / "template.yaml",
        *(path for folder in ("functions", "tests") for path in (ROOT / folder).rglob("*.py")),
        *(ROOT / "functions/native").iterdir(),
    ]
    named = {
        (path, number)
        for path in sources
        for number in re.findall(r"\bdecisions?[/ ](\d{4})\b", path.read_text(encoding="utf-8"))
    }
    assert len(named) >= 3
    assert [(path, number) for path, number in sorted(named) if number not in there] == []


def test_the_readme_stays_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 130


def test_the_map_of_the_package_names_its_folders_and_modules() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.partition("## The map")[2].partition("| elsewhere |")[0]
    rows = re.findall(r"^\| (`.+?`) \| (.+) \|$", table, re.MULTILINE)
    package = ROOT / "functions/pixelgate"
    named = {}
    for places, description in rows:
        for place in re.findall(r"`([^`]+)`", places):
            path = ROOT / place if place.startswith("functions/") else package / place
            named[path] = re.findall(r"`([a-z_]+)`", description)
            assert path.exists(), place
    folders = {file.parent for file in package.rglob("*.py")} - {package, package / "pipeline"}
    assert folders == {path for path in named if path.is_dir() and package in path.parents}
    missing = [
        f"{folder.name}/{module}"
        for folder, modules in named.items()
        if folder in folders
        for module in modules
        # One folder's row may say what another one's module does with it.
        if not list(package.rglob(f"{module}.py"))
    ]
    assert missing == []


def test_source_files_that_pages_name_are_there() -> None:
    places = [ROOT, ROOT / "functions", ROOT / "functions/pixelgate", ROOT / "tests"]
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")]
    named = {
        (page.name, name)
        for page in pages
        for name in re.findall(r"`([\w.-]+/[\w./-]+\.(?:py|c|js|yaml))`", page.read_text("utf-8"))
    }
    assert len(named) >= 20
    assert [n for n in sorted(named) if not any((place / n[1]).exists() for place in places)] == []
