"""What the system tells about an odiff process and forbids it; less outside Linux."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress

FILE_BYTES = 512 * 1024**2
ADDRESS_BYTES = 4 * 1024**3  # 50 Mpx need up to 1.8 GB


def few_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of odiff: empty, so that a hostile image finds no credentials there.

    Windows' own libraries need one variable.
    """
    kept = ("SYSTEMROOT",) if sys.platform == "win32" else ()
    return {name: environ[name] for name in kept if name in environ}


if sys.platform == "linux":
    import os
    import resource

    _PAGE = os.sysconf("SC_PAGESIZE")

    def limit(pid: int, cpu_seconds: int) -> None:
        """Limits what a hostile image may cost a process: memory, files and processor time.

        It is done from outside: code between fork and exec is unsafe beside threads.
        """
        limits: Mapping[int, int] = {
            resource.RLIMIT_AS: ADDRESS_BYTES,
            resource.RLIMIT_FSIZE: FILE_BYTES,
            resource.RLIMIT_CPU: cpu_seconds,
            resource.RLIMIT_CORE: 0,
        }
        for kind, value in limits.items():
            # The process may have ended by now; reading its answer will tell.
            with suppress(ProcessLookupError):
                _, hard = resource.prlimit(pid, kind)
                allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
                resource.prlimit(pid, kind, (allowed, allowed))

    def resident_bytes(pid: int | None) -> int:
        """The memory that a process occupies; 0 if there is none."""
        try:
            with open(f"/proc/{pid}/statm", "rb", buffering=0) as statm:
                return int(statm.read(200).split()[1]) * _PAGE
        except (OSError, IndexError, ValueError):
            return 0

else:

    def limit(pid: int, cpu_seconds: int) -> None:
        """Does nothing: only Linux sets another process's limits. The time limits remain."""

    def resident_bytes(pid: int | None) -> int:
        """Always 0: the process is recycled by its number of answers."""
        return 0
