"""How a function is kept apart from the host: a sandbox like Lambda's, or a plain process."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

HERE = Path(__file__).parent
PYTHON_HOME = Path(sys.base_prefix)
PYTHON_NAME = f"python{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True)
class Places:
    """Where an environment's files lie; in the sandbox a function sees them elsewhere."""

    task: Path  # the function's code
    opt: Path  # its layers
    runtime: Path  # what Lambda's runtime brings: awslambdaric, boto3
    python: Path  # the interpreter's home
    tmp: Path


class Isolation(Protocol):
    """A way to run a function's runtime."""

    description: str
    depth: int  # how many generations below supervise.py the runtime is

    def seen_from_inside(self, places: Places) -> Places:
        """The same places under the paths that the function sees."""

    def supervised(
        self, command: list[str], places: Places, memory_mb: int, tmp_mb: int
    ) -> list[str]:
        """The command line that runs `command` in isolation, under supervision."""


class PlainProcess:
    """A process of the user who started the cloud: no limits, no root, runs anywhere.

    Layers lie where they were unpacked instead of in /opt, temporary files in a directory of
    the environment's own.
    """

    depth = 1

    def __init__(self, reason: str) -> None:
        self.description = f"plain process, without memory limit ({reason})"

    def seen_from_inside(self, places: Places) -> Places:
        """Where they are."""
        return places

    def supervised(
        self, command: list[str], places: Places, memory_mb: int, tmp_mb: int
    ) -> list[str]:
        """Supervision is all there is."""
        return supervise(0, command)


class Sandbox:
    """Lambda's view: /var/task and /opt read-only, a /tmp of its own, no other process, no root."""

    depth = 3  # unshare, the shell of sandbox.sh, the runtime
    description = "sandbox with Lambda's paths, memory limit and user"

    def seen_from_inside(self, places: Places) -> Places:
        """Lambda's own paths."""
        return Places(
            task=Path("/var/task"),
            opt=Path("/opt"),
            runtime=Path("/var/runtime"),
            python=Path("/var/lang"),
            tmp=Path("/tmp"),  # noqa: S108 — the sandbox has its own
        )

    def supervised(
        self, command: list[str], places: Places, memory_mb: int, tmp_mb: int
    ) -> list[str]:
        """Namespaces around a script that mounts what Lambda shows. Its root goes where tmp is."""
        namespaces = ["--mount", "--pid", "--ipc", "--uts", "--fork"]
        view = [places.tmp, places.task, places.opt, places.runtime, places.python, tmp_mb]
        script = [HERE / "sandbox.sh", *view]
        return supervise(memory_mb, ["unshare", *namespaces, *map(str, script), *command])


def supervise(memory_mb: int, command: list[str]) -> list[str]:
    """The command line that leaves nothing of `command` behind."""
    # Isolated (-I) from the function's environment variables, without site-packages (-S).
    return [sys.executable, "-I", "-S", str(HERE / "supervise.py"), str(memory_mb), *command]


def choose(wanted: str, work_dir: Path) -> Isolation:
    """The sandbox where this host allows it, else a plain process, unless one is asked for."""
    if wanted == "plain":
        return PlainProcess("asked for")
    obstacle = what_prevents_a_sandbox(work_dir)
    if not obstacle:
        return Sandbox()
    if wanted == "sandbox":
        raise SystemExit(f"no sandbox on this host: {obstacle}")
    return PlainProcess(f"no sandbox: {obstacle}")


def what_prevents_a_sandbox(work_dir: Path) -> str:
    """Why there can be no sandbox, found by trying one; empty when it works."""
    if os.geteuid() != 0:
        return "needs root"
    if not shutil.which("unshare"):
        return "unshare (util-linux) is missing"
    empty = work_dir / "trial"
    empty.mkdir()
    places = Places(task=empty, opt=empty, runtime=empty, python=PYTHON_HOME, tmp=empty)
    inside = Sandbox().seen_from_inside(places)
    trial = [str(inside.python / "bin" / PYTHON_NAME), "-S", "-c", "pass"]
    process = subprocess.Popen(
        Sandbox().supervised(trial, places, memory_mb=128, tmp_mb=1),
        env={**os.environ, "LD_LIBRARY_PATH": str(inside.python / "lib")},
        stdin=subprocess.PIPE,  # kept open: its end would be the trial's end
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stderr  # noqa: S101 — a pipe, for mypy
        complaint = process.stderr.read().strip()
    return "" if process.returncode == 0 else (complaint.splitlines() or ["unknown"])[-1]
