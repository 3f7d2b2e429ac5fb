"""What the figures were measured on and with."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

from bench.speed.routes.base import Missing
from bench.speed.routes.node import BLAZEDIFF, installed, node
from pixelgate.bootstrap import find_engine

PYTHON_PACKAGES = (
    "numpy", "pillow", "imagecodecs", "imgread", "pyspng", "opencv-python-headless",
    "pixelhog", "blazediff",
)  # fmt: skip
NPM_PACKAGES = ("pixelmatch", "pngjs", "reg-cli", BLAZEDIFF)


def describe() -> dict[str, str]:
    """Processor, system, and the versions of all that takes part."""
    said = {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "odiff": find_engine().version,
        "node": _node(),
    }
    return said | _python_packages() | _npm_packages()


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _node() -> str:
    try:
        answer = subprocess.run([node(), "--version"], capture_output=True, text=True, check=True)
    except (Missing, OSError, subprocess.SubprocessError) as error:
        return f"none: {error}"
    return answer.stdout.strip().removeprefix("v")


def _python_packages() -> dict[str, str]:
    found = {}
    for name in PYTHON_PACKAGES:
        try:
            found[f"PyPI {name}"] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[f"PyPI {name}"] = "none"
    return found


def _npm_packages() -> dict[str, str]:
    found = {}
    for name in NPM_PACKAGES:
        try:
            found[f"npm {name}"] = installed(name)
        except Missing:
            found[f"npm {name}"] = "none"
    return found
