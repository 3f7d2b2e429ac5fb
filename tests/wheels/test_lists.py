"""What a user's machine and what Lambda installs: each list has what is imported, and no more."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from pixelgate import __version__

ROOT = Path(__file__).parents[2]
# What a package on PyPI is imported as, where that is not its name.
MODULES = {"pillow": "PIL", "aws-lambda-powertools": "aws_lambda_powertools", "pyjwt": "jwt"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
COMPARE = tomllib.loads((ROOT / "tools/wheels/compare/pyproject.toml").read_text())


def packages(lines: list[str]) -> set[str]:
    names = (re.match(r"[\w-]+", line) for line in lines)
    return {MODULES.get(name[0], name[0]) for name in names if name}


CLIENT = packages(PROJECT["project"]["dependencies"])
ENGINE = packages(COMPARE["project"]["dependencies"])
LAMBDA = packages((ROOT / "functions" / "requirements.in").read_text().splitlines())
# What signs as a GitHub App; it is imported only where there is one.
SIGNING = {"cryptography", "jwt"}
# boto3 brings botocore, typer brings click, pydantic its core.
BROUGHT = {"boto3": {"botocore"}, "pydantic": {"pydantic_core"}}

# Prints what of these packages is imported by the modules, with all others hidden.
IMPORTED = """
import importlib, json, pkgutil, sys

hidden, names, without = map(json.loads, sys.argv[1:])

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden())
seen = set()
for name in names:
    package = importlib.import_module(name)
    for found in pkgutil.walk_packages(getattr(package, "__path__", []), name + "."):
        if not found.name.startswith(("pixelgate.engine.native-", *without)):
            importlib.import_module(found.name)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def imported(modules: list[str], *, hidden: set[str], without: tuple[str, ...] = ()) -> set[str]:
    """The top-level packages that these modules and those below them import."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, *map(json.dumps, (sorted(hidden), modules, without))],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


# Only these need the extra; the functions of cli/ import them when they are called.
COMPARING = (
    "pixelgate.client.compare_folders",
    "pixelgate.client.mcp.server",
    "pixelgate.client.past_images",
    "pixelgate.pytest",
    "pixelgate.sandbox",
)


def test_the_client_does_with_its_list_and_needs_all_of_it() -> None:
    modules = ["pixelgate.cli", "pixelgate.client", "pixelgate.ci", "pixelgate.aws"]
    found = imported(modules, hidden=(ENGINE | LAMBDA) - CLIENT, without=COMPARING)
    assert found >= CLIENT - {"urllib3"}  # urllib3 comes with botocore, and notices use it
    assert not found & (ENGINE | {"aws_lambda_powertools"})


def test_only_the_server_for_agents_needs_the_library_of_the_extra() -> None:
    modules = ["pixelgate.cli", "pixelgate.client"]
    of_it = {"mcp", "mcp_types", "anyio", "starlette", "uvicorn", "httpx2", "jsonschema"}
    assert not imported(modules, hidden=of_it, without=COMPARING) & of_it
    assert "mcp" in imported(["pixelgate.client.mcp.server"], hidden=set())
    assert not (CLIENT | ENGINE | LAMBDA) & of_it


def test_the_extra_for_agents_is_locked_with_what_it_says() -> None:
    stated = re.findall(r'"(mcp[^"]*)"', (ROOT / "setup.py").read_text())
    locked = (ROOT / "requirements-mcp.in").read_text().splitlines()
    assert stated == ["mcp", "mcp>=2.3,<3"]
    assert locked[-1] == stated[1]
    developed = (ROOT / "requirements-dev.in").read_text()
    assert stated[1] in developed
    names = [
        line for line in (ROOT / "requirements-mcp.txt").read_text().splitlines() if "==" in line
    ]
    assert names
    assert all(line.endswith("\\") for line in names), "each has a hash"


def test_lambda_does_with_its_list_and_needs_all_of_it() -> None:
    found = imported(["pixelgate.handlers"], hidden=CLIENT - LAMBDA)
    lazily = imported(
        ["pixelgate.engine", "pixelgate.storage", "pixelgate.aws", "pixelgate.report"],
        hidden=CLIENT - LAMBDA,
    )
    assert found | lazily >= LAMBDA - SIGNING
    assert not (found | lazily) & SIGNING
    assert not (found | lazily) & {"typer", "rich", "click"}


def test_only_a_github_app_needs_what_signs() -> None:
    assert SIGNING <= LAMBDA
    assert not SIGNING & (CLIENT | ENGINE)
    assert not imported(["pixelgate.notify", "pixelgate.web"], hidden=SIGNING) & SIGNING


def test_what_the_engine_imports_is_in_the_list_of_the_platform_wheels() -> None:
    found = imported(["pixelgate.engine"], hidden=LAMBDA - ENGINE - CLIENT)
    assert found >= ENGINE


def test_the_lists_do_not_leak_into_each_other() -> None:
    assert ENGINE <= LAMBDA
    assert "aws_lambda_powertools" not in CLIENT | ENGINE
    assert not {"typer", "rich"} & LAMBDA
    assert not ENGINE & CLIENT


def test_packages_that_both_lists_name_are_locked_at_one_version() -> None:
    def versions(path: str) -> dict[str, str]:
        return dict(re.findall(r"^([\w-]+)==([^ \\]+)", (ROOT / path).read_text(), re.MULTILINE))

    functions = versions("functions/requirements.txt")
    client = versions("requirements-client.txt")
    for_agents = versions("requirements-mcp.txt")
    developed = versions("requirements-dev.txt")
    for others in (functions, client, developed):
        both = for_agents.keys() & others.keys()
        assert both >= {"pydantic"}
        assert {n: for_agents[n] for n in both} == {n: others[n] for n in both}
    both = functions.keys() & client.keys()
    assert both >= {"boto3", "botocore", "pydantic"}
    assert {n: client[n] for n in both} == {n: functions[n] for n in both}


@pytest.mark.parametrize(
    "path", ["pyproject.toml", "setup.py", "tools/wheels/compare/pyproject.toml"]
)
def test_the_version_stands_in_one_place(path: str) -> None:
    assert __version__ not in (ROOT / path).read_text()
    assert PROJECT["project"]["requires-python"] == COMPARE["project"]["requires-python"]
