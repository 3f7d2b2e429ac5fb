"""What single images cost the engine: run as a program, so that its memory is its own.

    python -m support.costs GOOD FILE…

Compares each FILE with GOOD under an address space limit and prints a line of JSON for each:
outcome, seconds of processor time, MiB by which resident memory rose at its peak, and whether a
known pair still has its answer afterwards.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings
from pathlib import Path

from pixelgate.bootstrap import find_engine
from pixelgate.domain.policy import Policy
from pixelgate.engine.differ import OdiffDiffer
from pixelgate.engine.odiff import OdiffServer
from pixelgate.errors import ImageFault
from support import hostile

ADDRESS_SPACE = 3 * 1024**3


def main() -> None:
    good, *files = map(Path, sys.argv[1:])
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, hard))
    warnings.simplefilter("ignore")  # Pillow's; in production they are no errors either
    with OdiffDiffer(OdiffServer(find_engine().binary)) as differ:
        differ.diff(good.read_bytes(), hostile.other_png(), Policy())  # all is loaded now
        for file in files:
            body, before = file.read_bytes(), _reset_peak()
            started = time.process_time()
            try:
                outcome = f"{differ.diff(good.read_bytes(), body, Policy()).total_pixels} pixels"
            except ImageFault as fault:
                outcome = fault.reason
            seconds = time.process_time() - started
            risen = (_memory("VmHWM") - before) / 1024
            again = differ.diff(good.read_bytes(), hostile.other_png(), Policy()).changed_pixels
            line = {"file": file.name, "outcome": outcome, "seconds": seconds, "mib": risen}
            print(json.dumps(line | {"known_pair": again}), flush=True)  # noqa: T201 - it is a program


def _reset_peak() -> int:
    """Makes the peak of resident memory what is resident now, in KiB."""
    Path("/proc/self/clear_refs").write_text("5")
    return _memory("VmRSS")


def _memory(name: str) -> int:
    status = Path("/proc/self/status").read_text()
    return next(int(n.split()[1]) for n in status.splitlines() if n.startswith(name + ":"))


if __name__ == "__main__":
    main()
