"""Runs a command within a limit of memory, and leaves none of its processes behind.

usage: supervise.py MEMORY_MB command...    (0 MB: no limit)

It ends when the command does, with SIGTERM, and when its parent ends, even by SIGKILL. Then it
kills everything that the command has started, daemons and other process groups included: it is
their "subreaper", so orphans become its children. Exits as the command did, or with 128 + signal.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
CHECK_SECONDS = 0.1


def children(parent: int) -> list[int]:
    """The live children of a process. (/proc/PID/task/TID/children is not in every kernel.)"""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # "pid (name) state ppid …", and a name may hold spaces and parentheses.
            state, ppid = stat.read_text(errors="replace").rpartition(")")[2].split()[:2]
            if int(ppid) == parent and state != "Z":
                found.append(int(stat.parent.name))
    return found


def resident_mb(pid: int) -> float:
    """The memory of a process and of its children, in MB."""
    pages = 0
    for one in (pid, *_children(pid)):
        with contextlib.suppress(OSError):
            pages += int(Path(f"/proc/{one}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _children(pid: int) -> Iterator[int]:
    """As `children`, cheap enough to be asked all the time; some kernels lack these files."""
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            yield from map(int, file.read_text().split())


def kill_descendants() -> None:
    """Kills and reaps until this process has no descendant left."""
    while True:
        for pid in children(os.getpid()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            # One death may hand its children to us, so look again after each.
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def main(memory_mb: int, command: list[str]) -> int:
    """Runs the command to its end, or to ours."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    parent = os.getppid()
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = process.wait(CHECK_SECONDS)
                return status if status >= 0 else 128 - status
            if memory_mb and resident_mb(process.pid) > memory_mb:
                print("Runtime exited with error: signal: killed", flush=True)  # as Lambda says
                process.kill()
            if os.getppid() != parent:
                process.kill()
    finally:
        kill_descendants()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
