"""Nothing but the pinned odiff gets into the layer or onto a laptop."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest

from pixelgate.bootstrap import OLDEST_ODIFF

from .stack import ROOT

LAYER = ROOT / "layers/odiff"
PINNED = {"x86_64": ("@odiff/linux-x64", "4.5.0"), "arm64": ("odiff-bin", "4.3.8")}

# Stands in for npm: "installs" an executable with this text, and those of other platforms.
FAKE_NPM = """#!/bin/sh
mkdir -p node_modules/@odiff/linux-x64 node_modules/odiff-bin/raw_binaries
printf %s '{text}' > node_modules/@odiff/linux-x64/odiff
printf %s '{text}' > node_modules/odiff-bin/raw_binaries/odiff-linux-arm64
printf %s 'for a Mac' > node_modules/odiff-bin/raw_binaries/odiff-macos-arm64
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
        timeout=300,
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


@pytest.mark.parametrize("architecture", PINNED)
def test_package_lock_and_version_agree(architecture: str) -> None:
    name, version = PINNED[architecture]
    wanted = json.loads((LAYER / architecture / "package.json").read_text())["dependencies"]
    lock = json.loads((LAYER / architecture / "package-lock.json").read_text())["packages"]
    assert lock[""]["dependencies"] == wanted == {name: version}
    package = lock[f"node_modules/{name}"]
    assert package["version"] == version
    assert package["integrity"].startswith("sha512-")
    assert "resolved" not in package  # no registry's name: any may serve it, the hash decides
    assert tuple(map(int, version.split("."))) >= OLDEST_ODIFF


@pytest.mark.parametrize("architecture", PINNED)
def test_another_executable_than_the_pinned_one_is_refused(
    architecture: str, tmp_path: Path, npm: Path
) -> None:
    said = refusal(architecture, tmp_path / "opt", npm=npm)
    found = hashlib.sha256(b"not odiff").hexdigest()
    pinned = (LAYER / architecture / "odiff.sha256").read_text().split()[0]
    assert f"sha256 {found}, expected {pinned}" in said
    assert not (tmp_path / "opt").exists()


def test_no_package_script_runs_and_the_platform_is_named(tmp_path: Path, npm: Path) -> None:
    npm.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/words\n')
    said = refusal("arm64", tmp_path / "opt", npm=npm)
    assert "what npm fetched holds no odiff for arm64" in said
    words = (tmp_path / "words").read_text().split()
    assert {"ci", "--ignore-scripts", "--os=linux", "--cpu=arm64"} <= set(words)


def test_an_executable_that_is_there_already_is_checked_too(tmp_path: Path, npm: Path) -> None:
    tampered = tmp_path / "odiff"
    tampered.write_text("something else")
    tampered.chmod(0o755)
    assert "sha256" in refusal("x86_64", tmp_path, npm=npm)


@pytest.fixture
def unpinned(tmp_path: Path) -> Path:
    """The script of a layer in which nothing is pinned for arm64 yet."""
    layer = tmp_path / "layer"
    (layer / "arm64").mkdir(parents=True)
    for name in ("fetch.sh", "arm64/package.json"):
        (layer / name).write_bytes((LAYER / name).read_bytes())
    return layer / "fetch.sh"


def test_what_is_not_pinned_is_refused_and_how_to_pin_it_is_said(
    tmp_path: Path, npm: Path, unpinned: Path
) -> None:
    assert "'riscv64' is no Lambda architecture" in refusal("riscv64", tmp_path)
    said = refusal("arm64", tmp_path / "opt", npm=npm, script=unpinned)
    assert "no executable is pinned for arm64" in said
    assert "make -C layers/odiff pin ARCH=arm64" in said
    assert not (tmp_path / "opt").exists()


def test_a_locked_package_without_a_checksum_is_refused(
    tmp_path: Path, npm: Path, unpinned: Path
) -> None:
    (unpinned.parent / "arm64/package-lock.json").write_text("{}")
    said = refusal("arm64", tmp_path / "opt", npm=npm, script=unpinned)
    assert "layers/odiff/arm64/odiff.sha256 is missing" in said


def test_pinning_takes_the_executable_of_the_architecture(npm: Path, unpinned: Path) -> None:
    npm.write_text(f"{npm.read_text()}echo '{{}}' > package-lock.json\n")
    path = f"{npm.parent}:{os.environ['PATH']}"
    words = ["sh", str(unpinned), "--pin", "arm64"]
    subprocess.run(words, env={**os.environ, "PATH": path}, check=True, timeout=300)
    pins = unpinned.parent / "arm64"
    found = hashlib.sha256(b"not odiff").hexdigest()
    assert (pins / "odiff.sha256").read_text() == f"{found}  odiff\n"
    assert (pins / "package-lock.json").read_text() == "{}\n"
