"""The command line: `pixelgate`."""

from __future__ import annotations

import sys

from pixelgate.cli.app import run


def main() -> None:
    """Runs the command line and exits with its code."""
    sys.exit(run())
