"""A project of a user of the plugin, whose tests a pytest of its own runs."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from PIL import Image

# What the tests of the project draw with.
DRAW = """
import io, os, sys
from pathlib import Path
import pytest
from PIL import Image

def drawn(colour="red", size=(40, 30)):
    return Image.new("RGB", size, os.environ.get("COLOUR") or colour)

def encoded(colour="red", kind="PNG"):
    body = io.BytesIO()
    drawn(colour).save(body, kind)
    return body.getvalue()
"""


@dataclass(frozen=True)
class Ended:
    """How a run of pytest ended."""

    code: int
    text: str

    @property
    def results(self) -> dict[str, int]:
        """How many tests passed, failed and so on, from the last line."""
        last = self.text.rstrip().splitlines()[-1].partition(" in ")[0]
        return {word: int(number) for number, word in re.findall(r"(\d+) ([a-z]+)", last)}

    def section(self) -> list[str]:
        """The plugin's lines in the summary; empty if it says nothing."""
        found = re.search(r"^=+ pixelgate =+\n(.*?)\n(?==+|\d+ \w+)", self.text, re.M | re.S)
        return found[1].splitlines() if found else []


@dataclass(frozen=True)
class Project:
    """A folder with tests."""

    folder: Path

    @property
    def snapshots(self) -> Path:
        return self.folder / "pixelgate-snapshots"

    @property
    def baseline(self) -> Path:
        return self.folder / "tests/pixelgate-baseline"

    @property
    def report(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(
            (self.folder / "pixelgate-report/comparison.json").read_text()
        )
        return content

    def statuses(self) -> dict[str, str]:
        """What the report says of each screenshot."""
        return {name: image["status"] for name, image in self.report["images"].items()}

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(DRAW + dedent(text), encoding="utf-8")
        return path

    def run(self, *arguments: object, **environ: str) -> Ended:
        """Runs pytest with the plugin; keywords are variables of the environment."""
        return self.run_with("xdist", *arguments, **environ)

    def run_with(self, plugins: str, *arguments: object, **environ: str) -> Ended:
        return self.run_alone(
            *[f"-p{n}" for n in ("pixelgate.pytest", *plugins.split())], *arguments, **environ
        )

    def run_alone(self, *arguments: object, **environ: str) -> Ended:
        """Runs pytest with those plugins only that the arguments or the environment load."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "PIXELGATE_"))}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", *map(str, arguments)],
            cwd=self.folder,
            env={**kept, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COLUMNS": "200", **environ},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Ended(done.returncode, done.stdout + done.stderr)


def files(folder: Path) -> dict[str, str]:
    """The files below a folder and the hashes of what is in them; also hidden ones."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def pictures(folder: Path) -> list[str]:
    """The names of the images below a folder."""
    return sorted(name for name in files(folder) if not name.endswith(".json"))


def sidecar(folder: Path, name: str) -> Mapping[str, Any]:
    content: Mapping[str, Any] = json.loads((folder / name).with_suffix(".json").read_text())
    return content


def colour_of(path: Path) -> object:
    with Image.open(io.BytesIO(path.read_bytes())) as image:
        return image.convert("RGB").getpixel((0, 0))


def made(folder: Path) -> Project:
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    return Project(folder)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return made(tmp_path)
