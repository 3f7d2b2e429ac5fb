"""The command line: `pixelgate`."""

from __future__ import annotations

import signal
import sys

from pixelgate.cli.app import run


def main() -> None:
    """Runs the command line and exits with its code."""
    # CI systems send SIGTERM to cancel a job. Exiting by an exception runs the clean-up code.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    sys.exit(run())
