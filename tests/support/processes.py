"""Whose process is whose: tests look at processes of their own, not at all of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

PROC = Path("/proc")
# On two quiet processors, in seconds: as many of these at once as there are processors there.
_WORK, _QUIET = "sum(i * i for i in range(10_000_000))", 0.6
_MOST = 10.0


def slowness() -> float:
    """How many times longer this machine takes now than two quiet processors; at least once."""
    begun = time.monotonic()
    for process in [subprocess.Popen([sys.executable, "-Sc", _WORK]) for _ in range(2)]:
        process.wait()
    return min(max(1.0, (time.monotonic() - begun) / _QUIET), _MOST)


def interruptible() -> None:
    """For `preexec_fn`: a process takes Ctrl-C as in a terminal.

    A shell without job control, such as that of CI, lets what it starts in the background ignore
    SIGINT, and so does everything below.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def odiffs(ancestor: int) -> list[int]:
    """The odiff servers below a process."""
    return [pid for pid in descendants(ancestor) if _is_odiff(pid)]


def descendants(ancestor: int) -> list[int]:
    """The processes that a process has started, and those that they have started."""
    children: dict[int, list[int]] = {}
    for pid in _all():
        with suppress(OSError):
            # "pid (name) state ppid …", and a name may hold spaces and parentheses.
            stat = (PROC / str(pid) / "stat").read_text(errors="replace")
            children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(pid)
    found = [*children.get(ancestor, [])]
    for pid in found:  # it grows meanwhile
        found += children.get(pid, [])
    return found


def executing(program: IO[bytes]) -> list[int]:
    """The processes that run a program, whoever is their parent now; zombies do not run.

    A copy of it is another program: each cloud has unpacked an odiff of its own. As long as the
    file is open nobody else can get its number.
    """
    found = []
    for pid in _all():
        with suppress(OSError):
            if os.path.samestat((PROC / str(pid) / "exe").stat(), os.fstat(program.fileno())):
                found.append(pid)
    return found


def _is_odiff(pid: int) -> bool:
    try:
        command = (PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return command[0].endswith(b"odiff") and b"--server" in command


def _all() -> list[int]:
    return [int(entry.name) for entry in PROC.glob("[0-9]*")]
