"""The built artefact, as new as its sources."""

from __future__ import annotations

import fcntl
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILD = ROOT / ".aws-sam" / "build"
SOURCES = ("template.yaml", "functions", "layers")
NOT_SOURCES = {"__pycache__", "node_modules", "pixelgate.egg-info"}


def up_to_date() -> Path:
    """Where it lies. It is built first when it is missing or older than a source."""
    with (ROOT / "Makefile").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests may run in several processes
        changed = newer_source(BUILD / "template.yaml")
        if changed:
            done = subprocess.run(
                ["make", "build"], cwd=ROOT, capture_output=True, text=True, timeout=600
            )
            if done.returncode:
                said = (done.stdout + done.stderr)[-3000:]
                pytest.fail(
                    f"`make build`, needed as {changed} is new, failed:\n{said}", pytrace=False
                )
    return BUILD


def newer_source(artefact: Path) -> Path | None:
    """The source that changed last, if that was after the artefact was made."""
    files = [
        path
        for source in (ROOT / name for name in SOURCES)
        for path in (source.rglob("*") if source.is_dir() else [source])
        if path.is_file()
        and not NOT_SOURCES & {*path.parts}
        and not path.name.startswith("native-")  # compiled here, for this machine
    ]
    newest = max(files, key=lambda path: path.stat().st_mtime)
    if artefact.exists() and artefact.stat().st_mtime >= newest.stat().st_mtime:
        return None
    return newest.relative_to(ROOT)
