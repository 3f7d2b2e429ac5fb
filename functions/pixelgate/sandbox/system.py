"""Which systems the embedded cloud runs on. No import here fails on the others."""

from __future__ import annotations

import sys

from pixelgate.errors import SandboxFailed


def check_system() -> None:
    """Raises SandboxFailed on a system that cannot run the embedded cloud."""
    if sys.platform != "linux":
        raise SandboxFailed(
            "the local AWS runs functions under Lambda's own runtime client, which exists for "
            "Linux only: start it in WSL on Windows, in a Linux container or virtual machine on "
            "macOS (docs/sandbox.md has the command)"
        )
