"""`pixelgate sandbox` where it cannot start; tests/e2e/test_sandbox.py starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pixelgate.cli import sandbox as command
from pixelgate.sandbox.session import ROLES, Sandbox, exports
from support.repository import Repository

from .conftest import Cli, check_json


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


def test_what_is_printed_can_be_pasted_into_a_shell() -> None:
    cloud: Any = SimpleNamespace(bucket="shots")
    roles: Any = SimpleNamespace(project="it's a shop")
    shared = {"PIXELGATE_BUCKET": "shots", "PIXELGATE_PROJECT": "it's a shop"}
    taken = {role: {"AWS_ACCESS_KEY_ID": f"key of {role}"} for role in ROLES}
    files = {role: Path("/tmp/roles") / role for role in ROLES}
    words = command._in_words(Sandbox(cloud, roles, shared, taken, files))
    assert "The sandbox runs: bucket shots, project it's a shop." in words
    for role, purpose in ROLES.items():
        assert f"  . /tmp/roles/{role}\n      {purpose}\n" in words
        _, _, own = words.partition(f"\n{role}:\n\n")
        lines = own.partition("\n\n")[0]
        shell = f'{exports(shared)}{lines}\necho "$PIXELGATE_PROJECT, $AWS_ACCESS_KEY_ID"'
        said = subprocess.check_output(
            ["sh", "-c", shell], env={"PATH": os.defpath}, text=True, timeout=300
        )
        assert said == f"it's a shop, key of {role}\n"


def test_what_is_printed_as_json_is_as_its_schema_says() -> None:
    stack = SimpleNamespace(outputs={"Bucket": "shots"})
    cloud: Any = SimpleNamespace(bucket="shots", log_dir=Path("/tmp/logs"), stack=stack)
    roles: Any = SimpleNamespace(project="shop")
    taken = {role: {"AWS_ACCESS_KEY_ID": f"key of {role}"} for role in ROLES}
    files = {role: Path("/tmp/roles") / role for role in ROLES}
    body = command._as_json(Sandbox(cloud, roles, {"PIXELGATE_BUCKET": "shots"}, taken, files))
    check_json(["sandbox", "--json"], body)
    assert json.loads(body)["roles"] == taken
