"""Runs a command and leaves none of its processes behind, however it ends.

usage: supervise.py command...

It ends when the command does, or when its standard input closes: that is how the server asks for
the end, and what a killed server does too. Then it kills everything that the command has started,
daemons and other process groups included: it is their "subreaper", so orphans become its children.
Exits as the command did, or with 128 + signal.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36


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


def main(command: list[str]) -> int:
    """Runs the command to its end, or to ours."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)

        def kill_when_input_closes() -> None:
            sys.stdin.buffer.read()
            process.kill()

        threading.Thread(target=kill_when_input_closes, daemon=True).start()
        status = process.wait()
    finally:
        kill_descendants()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    # Not sys.exit: its clean-up waits for the lock that the thread holds on standard input.
    os._exit(main(sys.argv[1:]))
