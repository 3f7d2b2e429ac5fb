"""Everything that we install is pinned to one version and one content."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LISTS = [*ROOT.glob("functions/requirements.txt"), *ROOT.glob("requirements-*.txt"),
         *ROOT.glob("tools/requirements-*.txt"),
         *ROOT.glob("tools/*/requirements*.txt")]  # fmt: skip
LOCKS = [*ROOT.glob("layers/odiff/*/package-lock.json"), *ROOT.glob("bench/*/package-lock.json"),
         *ROOT.glob("tools/*/package-lock.json"),
         *ROOT.glob("examples/*/package-lock.json")]  # fmt: skip


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def unpinned(requirements: str) -> list[str]:
    """The lines of a requirements list that lack an exact version or a sha256."""
    lines = requirements.replace("\\\n", " ").splitlines()
    stated = [line.partition(" #")[0].strip() for line in lines if not line.startswith("#")]
    exact = re.compile(r"[\w.\[\]-]+==\S+ .*--hash=sha256:[0-9a-f]{64}\b")
    return [line for line in stated if line and not exact.match(line)]


@pytest.mark.parametrize("path", LISTS, ids=names(LISTS))
def test_python_packages(path: Path) -> None:
    text = path.read_text()
    assert "==" in text
    assert unpinned(text) == []


@pytest.mark.parametrize("path", LOCKS, ids=names(LOCKS))
def test_npm_packages(path: Path) -> None:
    packages = json.loads(path.read_text())["packages"]
    installed = {name: entry for name, entry in packages.items() if name}
    assert installed
    assert not [n for n, e in installed.items() if not e["integrity"].startswith("sha512-")]


@pytest.mark.parametrize(
    "line",
    ["flask==2.0.1", "flask==2.0.1 --hash=sha256:abc", "-e .", f"a>=2 --hash=sha256:{64 * 'a'}"],
)
def test_what_is_not_pinned_is_found(line: str) -> None:
    assert unpinned(f"# a comment\n{line}\n") == [line]
