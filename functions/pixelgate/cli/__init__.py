"""The command line: `pixelgate`."""

from __future__ import annotations

import signal
import sys

from pixelgate.cli.app import run


def main() -> None:
    """Runs the command line and exits with its code."""
    # What CI sends when a job is cancelled: leave as after an error, with everything tidied up.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    sys.exit(run())
