"""Git answers as on a machine without settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.repository import SETTINGS, Repository


@pytest.fixture(autouse=True)
def _plain_git(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def origin(tmp_path: Path) -> Repository:
    """A repository with three commits on main."""
    made = Repository.new(tmp_path / "origin")
    for number in range(3):
        made.commit(f"main {number}")
    return made
