"""`pixelgate sandbox` where it cannot start; tests/e2e/test_sandbox.py starts it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pixelgate.cli import sandbox as command
from support.repository import Repository

from .conftest import Cli


def test_other_systems_than_linux_are_told_where_it_runs(
    repository: Repository, run: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("pixelgate.sandbox")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fcntl", None)  # as on Windows: importing it fails
    monkeypatch.setattr(sys, "platform", "darwin")
    done = run("sandbox")
    assert done.code == 2
    assert "Linux only: start it in WSL on Windows, in a Linux container" in done.err


def test_a_folder_of_something_else_is_not_used(
    repository: Repository, run: Cli, tmp_path: Path
) -> None:
    done = run("sandbox", "--keep", repository.folder, "--cache", tmp_path / "cache")
    assert done.code == 2
    assert f"{repository.folder} holds files that are no sandbox's" in done.err
    assert not (tmp_path / "cache").exists()


def test_a_name_that_no_project_can_have_is_refused(repository: Repository, run: Cli) -> None:
    done = run("sandbox", "--project", "a/b")
    assert done.code == 2
    assert "the project" in done.err


def test_the_project_is_that_of_the_configuration_else_the_repositorys_name(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIXELGATE_PROJECT")
    assert command._default_project() == "repo"
    repository.git("remote", "add", "origin", "git@github.com:acme/web-shop.git")
    assert command._default_project() == "web-shop"
    (repository.folder / "pixelgate.toml").write_text('project = "front"\n')
    assert command._default_project() == "front"
