"""Nothing but the pinned odiff gets into the layer or onto a laptop."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest

from .stack import ROOT

LAYER = ROOT / "layers/odiff"
X86_64 = LAYER / "x86_64"

# Stands in for npm: "installs" an executable with this text.
FAKE_NPM = """#!/bin/sh
mkdir -p node_modules/@odiff/linux-x64
printf %s '{text}' > node_modules/@odiff/linux-x64/odiff
"""


def refusal(*arguments: object, npm: Path | None = None, script: Path = LAYER / "fetch.sh") -> str:
    """What it says when it refuses."""
    path = f"{npm.parent}:{os.environ['PATH']}" if npm else os.environ["PATH"]
    done = subprocess.run(
        ["sh", script, *map(str, arguments)],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    return done.stderr


@pytest.fixture
def npm(tmp_path: Path) -> Path:
    """An npm that serves another executable than the pinned one."""
    script = tmp_path / "bin/npm"
    script.parent.mkdir()
    script.write_text(FAKE_NPM.format(text="not odiff"))
    script.chmod(0o755)
    return script


def test_package_lock_and_version_agree() -> None:
    wanted = json.loads((X86_64 / "package.json").read_text())["dependencies"]
    lock = json.loads((X86_64 / "package-lock.json").read_text())["packages"]
    assert lock[""]["dependencies"] == wanted == {"@odiff/linux-x64": "4.5.0"}
    package = lock["node_modules/@odiff/linux-x64"]
    assert package["version"] == "4.5.0"
    assert package["integrity"].startswith("sha512-")
    assert "resolved" not in package  # no registry's name: any may serve it, the hash decides
    arm64 = json.loads((LAYER / "arm64/package.json").read_text())["dependencies"]
    assert arm64 == {"@odiff/linux-arm64": "4.5.0"}


def test_another_executable_than_the_pinned_one_is_refused(tmp_path: Path, npm: Path) -> None:
    said = refusal("x86_64", tmp_path / "opt", npm=npm)
    found = hashlib.sha256(b"not odiff").hexdigest()
    pinned = (X86_64 / "odiff.sha256").read_text().split()[0]
    assert f"sha256 {found}, expected {pinned}" in said
    assert not (tmp_path / "opt").exists()


def test_an_executable_that_is_there_already_is_checked_too(tmp_path: Path, npm: Path) -> None:
    tampered = tmp_path / "odiff"
    tampered.write_text("something else")
    tampered.chmod(0o755)
    assert "sha256" in refusal("x86_64", tmp_path, npm=npm)


def test_what_is_not_pinned_is_refused_and_how_to_pin_it_is_said(tmp_path: Path) -> None:
    assert "'riscv64' is no Lambda architecture" in refusal("riscv64", tmp_path)
    if (LAYER / "arm64/package-lock.json").exists():
        pytest.skip("somebody has pinned it; the test of the wrong executable covers the rest")
    said = refusal("arm64", tmp_path)
    assert "no executable is pinned for arm64" in said
    assert "make -C layers/odiff pin ARCH=arm64" in said
    assert list(tmp_path.iterdir()) == []


def test_a_locked_package_without_a_checksum_is_refused(tmp_path: Path, npm: Path) -> None:
    layer = tmp_path / "layer"
    (layer / "arm64").mkdir(parents=True)
    for name in ("fetch.sh", "arm64/package.json"):
        (layer / name).write_bytes((LAYER / name).read_bytes())
    (layer / "arm64/package-lock.json").write_text("{}")
    said = refusal("arm64", tmp_path / "opt", npm=npm, script=layer / "fetch.sh")
    assert "layers/odiff/arm64/odiff.sha256 is missing" in said
