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


def fetch(*arguments: object, npm: Path | None = None) -> subprocess.CompletedProcess[str]:
    path = f"{npm.parent}:{os.environ['PATH']}" if npm else os.environ["PATH"]
    return subprocess.run(
        [LAYER / "fetch.sh", *map(str, arguments)],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


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


@pytest.mark.parametrize("architecture", PINNED)
def test_every_pinned_version_is_new_enough(architecture: str) -> None:
    assert tuple(map(int, PINNED[architecture][1].split("."))) >= OLDEST_ODIFF


@pytest.mark.parametrize("architecture", PINNED)
def test_another_executable_than_the_pinned_one_is_refused(
    architecture: str, tmp_path: Path, npm: Path
) -> None:
    done = fetch(architecture, tmp_path / "opt", npm=npm)
    assert done.returncode != 0
    found = hashlib.sha256(b"not odiff").hexdigest()
    pinned = (LAYER / architecture / "odiff.sha256").read_text().split()[0]
    assert f"sha256 {found}, expected {pinned}" in done.stderr
    assert not (tmp_path / "opt").exists()


def test_no_package_script_runs_and_the_platform_is_named(tmp_path: Path, npm: Path) -> None:
    npm.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/words\n')
    done = fetch("arm64", tmp_path / "opt", npm=npm)
    assert done.returncode != 0
    assert "what npm fetched holds no odiff for arm64" in done.stderr
    words = (tmp_path / "words").read_text().split()
    assert {"ci", "--ignore-scripts", "--os=linux", "--cpu=arm64"} <= set(words)


def test_an_executable_that_is_there_already_is_checked_too(tmp_path: Path, npm: Path) -> None:
    tampered = tmp_path / "odiff"
    tampered.write_text("something else")
    tampered.chmod(0o755)
    assert fetch("x86_64", tmp_path, npm=npm).returncode != 0


def test_an_architecture_without_a_lock_is_refused(tmp_path: Path, npm: Path) -> None:
    done = fetch_in(copy_of_layer(tmp_path), tmp_path / "opt", npm)
    assert done.returncode != 0
    assert "no executable is pinned for arm64" in done.stderr
    assert "make -C layers/odiff pin ARCH=arm64" in done.stderr
    assert not (tmp_path / "opt").exists()


def test_a_locked_package_without_a_checksum_is_refused(tmp_path: Path, npm: Path) -> None:
    layer = copy_of_layer(tmp_path)
    (layer / "arm64/package-lock.json").write_text("{}")
    done = fetch_in(layer, tmp_path / "opt", npm)
    assert done.returncode != 0
    assert "layers/odiff/arm64/odiff.sha256 is missing" in done.stderr


def test_pinning_takes_the_executable_of_the_architecture(tmp_path: Path, npm: Path) -> None:
    layer = copy_of_layer(tmp_path)
    npm.write_text(f"{npm.read_text()}echo '{{}}' > package-lock.json\n")
    done = fetch_in(layer, "--pin", npm)
    assert done.returncode == 0
    pinned = (layer / "arm64/odiff.sha256").read_text()
    assert pinned == f"{hashlib.sha256(b'not odiff').hexdigest()}  odiff\n"
    assert (layer / "arm64/package-lock.json").read_text() == "{}\n"


def copy_of_layer(tmp_path: Path) -> Path:
    """A layer in which nothing is pinned for arm64 yet."""
    layer = tmp_path / "layer"
    (layer / "arm64").mkdir(parents=True)
    for name in ("fetch.sh", "arm64/package.json"):
        (layer / name).write_bytes((LAYER / name).read_bytes())
    return layer


def fetch_in(layer: Path, dest: Path | str, npm: Path) -> subprocess.CompletedProcess[str]:
    words = ["--pin", "arm64"] if dest == "--pin" else ["arm64", dest]
    return subprocess.run(
        ["sh", layer / "fetch.sh", *words],
        env={**os.environ, "PATH": f"{npm.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_unknown_architectures_are_refused(tmp_path: Path) -> None:
    done = fetch("riscv64", tmp_path)
    assert done.returncode != 0
    assert "'riscv64' is no Lambda architecture" in done.stderr
