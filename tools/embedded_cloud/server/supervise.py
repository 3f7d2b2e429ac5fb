"""Run one execution environment's processes and leave none behind, however it ends.

usage: supervise.py MEMORY_MB command...    (0 MB: no limit)

It ends when the command does, or when its standard input closes: that is how the server asks
for the end, and what a killed server does too. It then kills whatever the command started,
daemons and other process groups included: this process is their "subreaper", so an orphan
becomes its child. Exits as the command did, 128 + signal, or OUT_OF_MEMORY.
"""

import contextlib
import ctypes
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

OUT_OF_MEMORY = 254
PR_SET_CHILD_SUBREAPER = 36
CGROUPS = Path("/sys/fs/cgroup")


class MemoryGroup:
    """A control group with a memory limit, of cgroup version 1 or 2, whichever this host has."""

    def __init__(self, limit_mb: int) -> None:
        first = (CGROUPS / "memory").is_dir()
        # Not by the number of our process alone: one that was killed leaves its group behind.
        name = f"pixelgate-{os.getpid()}-{secrets.token_hex(4)}"
        self.path = CGROUPS / ("memory" if first else "") / name
        if not first:
            # Refused (EBUSY) inside most containers: the caller then has no sandbox.
            (CGROUPS / "cgroup.subtree_control").write_text("+memory")
        self.path.mkdir()
        limit = str(limit_mb * 1024 * 1024)
        (self.path / ("memory.limit_in_bytes" if first else "memory.max")).write_text(limit)
        # Lambda does not swap. The file is missing where the kernel does not account for swap.
        with contextlib.suppress(OSError):
            if first:
                (self.path / "memory.memsw.limit_in_bytes").write_text(limit)
            else:
                (self.path / "memory.swap.max").write_text("0")
        self._events = self.path / ("memory.oom_control" if first else "memory.events")

    def has_killed(self) -> bool:
        """Whether the kernel has killed a process of this group for memory."""
        counts = dict(line.split() for line in self._events.read_text().splitlines())
        return int(counts.get("oom_kill", 0)) > 0

    def remove(self) -> None:
        """Remove the group. The kernel needs a moment to let go of processes just killed."""
        for _ in range(50):
            try:
                return self.path.rmdir()
            except FileNotFoundError:
                return None
            except OSError:
                time.sleep(0.01)
        return None


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


def reap_everything() -> None:
    """Kill and reap until this process has no descendant left."""
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
    """Run the command to its end, or to ours."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    group = MemoryGroup(memory_mb) if memory_mb else None
    if group:
        os.environ["SANDBOX_CGROUP"] = str(group.path)
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)

        def kill_when_input_closes() -> None:
            sys.stdin.buffer.read()
            process.kill()

        threading.Thread(target=kill_when_input_closes, daemon=True).start()
        status = process.wait()
        status = status if status >= 0 else 128 - status
        if status == 128 + signal.SIGKILL and group and group.has_killed():
            status = OUT_OF_MEMORY
    finally:
        reap_everything()
        if group:
            group.remove()
    return status


if __name__ == "__main__":
    # Not sys.exit: its clean-up waits for the lock that the thread holds on standard input.
    os._exit(main(int(sys.argv[1]), sys.argv[2:]))
