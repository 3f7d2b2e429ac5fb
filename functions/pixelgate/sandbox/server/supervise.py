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
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
CHECK_SECONDS = 0.2


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


def peak_mb(pid: int) -> float:
    """The most memory that a process has had, in MB, without its children's; 0 if it has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0


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
    parent = os.getppid()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    awaited = {signal.SIGCHLD, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, awaited)  # after the start: children inherit it
    while process.poll() is None:
        came = signal.sigtimedwait(awaited, CHECK_SECONDS)
        if (came and came.si_signo == signal.SIGTERM) or os.getppid() != parent:
            process.kill()
        elif memory_mb and peak_mb(process.pid) > memory_mb:
            print("Runtime exited with error: signal: killed", flush=True)  # as Lambda says
            process.kill()
    kill_descendants()
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
