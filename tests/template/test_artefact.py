"""What functions/Makefile builds is the same every time and holds nothing of this machine."""

from __future__ import annotations

import hashlib
import marshal
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fix_architecture import architecture_of, built_for

from .stack import ROOT, Stack

pytestmark = pytest.mark.e2e  # installs wheels: seconds, and the network when uv has none cached

LAMBDA_S_LIMIT = 250 * 2**20  # unzipped, function and layers together


def build(
    target: str, into: Path, umask: int = 0o022, architecture: str = "x86_64"
) -> dict[str, tuple[int, str]]:
    """Builds a function; returns what it holds."""
    words = [f"ARCH={architecture}", f"ARTIFACTS_DIR={into}"]
    subprocess.run(
        ["make", "-C", ROOT / "functions", target, *words],
        check=True,
        umask=umask,
        env={k: v for k, v in os.environ.items() if not k.startswith("MAKE")},
        timeout=300,
    )
    return contents(into)


def contents(folder: Path) -> dict[str, tuple[int, str]]:
    """Mode and hash of every file, by its path."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mode,
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("CompareFunction")
    build("build-CompareFunction", into)
    return into


def test_any_build_gets_the_same_bytes(artefact: Path, tmp_path: Path) -> None:
    first = contents(artefact)
    again = build("build-CompareFunction", tmp_path / "again")
    assert first == again
    other = build("build-NotifyFunction", tmp_path / "other", umask=0o077)
    assert {path: content for path, (_, content) in other.items()} == {
        path: content for path, (_, content) in first.items()
    }
    assert all(mode & 0o044 == 0o044 for mode, _ in other.values())  # Lambda is another user


def test_all_functions_are_built_by_the_same_commands(stack: Stack, tmp_path: Path) -> None:
    """Of each function of the template; what they give was compared above."""
    names = stack.of_type("AWS::Lambda::Function")
    commands = {name: build_commands(f"build-{name}", tmp_path) for name in names}
    assert len(commands) >= 7
    assert "compileall" in commands["CompareFunction"]
    assert set(commands.values()) == {commands["CompareFunction"]}


def build_commands(target: str, into: Path) -> str:
    """What make would run."""
    done = subprocess.run(
        ["make", "--dry-run", "-C", ROOT / "functions", target, "ARCH=x86_64",
         f"ARTIFACTS_DIR={into}"],
        check=True,
        capture_output=True,
        text=True,
        env={k: v for k, v in os.environ.items() if not k.startswith("MAKE")},
        timeout=60,
    )  # fmt: skip
    return done.stdout


def test_everything_for_arm64_is_for_that_processor(artefact: Path, tmp_path: Path) -> None:
    """And it is the same Python, so that what was tested on x86-64 holds for it."""
    build("build-CompareFunction", tmp_path / "CompareFunction", architecture="arm64")
    subprocess.run(
        [ROOT / "layers/odiff/fetch.sh", "arm64", tmp_path / "OdiffLayer/bin"],
        check=True,
        timeout=300,
    )
    assert built_for(tmp_path) == "arm64"
    compiled = {
        path
        for path in (tmp_path / "CompareFunction").rglob("*")
        if path.is_file() and architecture_of(path) == "arm64"
    }
    names = {path.name.partition(".")[0] for path in compiled}
    assert {"native-aarch64", "_deflate", "_zlibng", "_imaging", "_multiarray_umath"} <= names
    sources = [
        {path.relative_to(folder / "pixelgate"): path.read_bytes() for path in found}
        for folder in (artefact, tmp_path / "CompareFunction")
        if (found := list((folder / "pixelgate").rglob("*.py")))
    ]
    assert sources[0] == sources[1]


def test_only_what_lambda_needs(artefact: Path) -> None:
    names = {path.relative_to(artefact).parts[0] for path in artefact.rglob("*")}
    assert {"urllib3", "pixelgate", "PIL", "numpy", "boto3", "aws_lambda_powertools"} <= names
    assert not names & {"bin", "rich", "typer", ".lock", "tests"}
    assert not [
        n for n in ("cli", "client", "ci", "pytest") if (artefact / "pixelgate" / n).exists()
    ]
    assert sum(p.stat().st_size for p in artefact.rglob("*") if p.is_file()) < LAMBDA_S_LIMIT * 0.6


def test_modules_are_compiled_for_lambda_s_python_and_no_other(artefact: Path) -> None:
    """By a hash that nobody checks (flags 1): all files of the zip have one time of change."""
    compiled = list(artefact.rglob("*.pyc"))
    if sys.version_info[:2] == (3, 13):  # as template.yaml's Runtime
        sources = len(list(artefact.rglob("*.py")))
        assert len(compiled) >= 0.99 * sources  # but for a few that are no modules
        ours = (
            artefact / "pixelgate" / "pipeline" / "compare" / "__pycache__" / "run.cpython-313.pyc"
        )
        content = ours.read_bytes()
        assert content[4:8] == b"\1\0\0\0"
        code = marshal.loads(content[16:])
        assert code.co_filename == "/var/task/pixelgate/pipeline/compare/run.py"
    assert [p for p in compiled if not p.name.endswith(".cpython-313.pyc")] == []


def test_no_path_of_this_machine(artefact: Path) -> None:
    here = os.fsencode(ROOT)
    assert [p for p in artefact.rglob("*") if p.is_file() and here in p.read_bytes()] == []
