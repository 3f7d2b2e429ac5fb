"""Pages that a person has read and accepted."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest


class Gold:
    """Compares pages with the accepted ones, or accepts them."""

    def __init__(self, accept: bool) -> None:
        self.accepts = accept

    def check(self, page: bytes, accepted: Path) -> None:
        if self.accepts:
            accepted.write_bytes(page)
            return
        want = accepted.read_bytes()
        if page != want:
            diff = difflib.unified_diff(
                want.decode().splitlines(),
                page.decode().splitlines(),
                accepted.name,
                "this run",
                lineterm="",
            )
            pytest.fail(
                f"{accepted.name} is another page now; if that is meant, run "
                "pytest --accept-gold and read the diff\n" + "\n".join(diff),
                pytrace=False,
            )
