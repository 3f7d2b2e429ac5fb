"""tools/install/install.sh, with programs in the place of venv, pip and uv that fetch nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pixelgate.sandbox.files import COPIED

ROOT = Path(__file__).parents[2]
INSTALLER = ROOT / "tools" / "install" / "install.sh"


def program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_the_installer_builds_from_a_copy_that_has_all_files(tmp_path: Path) -> None:
    """`uv pip install FOLDER` is the build of our package by its setup.py, without the download."""
    env, built = tmp_path / "env", tmp_path / "built"
    (env / "bin").mkdir(parents=True)
    program(env / "bin/python", "exit 0")
    program(
        env / "bin/uv",
        f"""for last; do :; done
if [ -d "$last" ]; then
    cd "$last" && '{sys.executable}' setup.py --quiet build_py -d '{built}'
fi""",
    )
    program(env / "bin/pixelgate", "echo pixelgate")
    program(tmp_path / "python", f"""[ "$2" = venv ] || exec '{sys.executable}' "$@" """)
    done = subprocess.run(
        [INSTALLER, env],
        env={**os.environ, "PYTHON": str(tmp_path / "python"), "UV_CACHE_DIR": str(tmp_path)},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "pixelgate\n"), done.stderr
    data = built / "pixelgate" / "sandbox" / "data"
    assert {path.name for path in data.iterdir()} == set(COPIED)
    for name, place in COPIED.items():
        assert (data / name).read_bytes() == (ROOT / place).read_bytes()
