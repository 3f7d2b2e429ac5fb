"""Reports the progress of long work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """Functions that receive the progress of long work."""

    # Called with the name of a stage and the number of its steps.
    begin: Callable[[str, int], None] = lambda stage, total: None
    step: Callable[[], None] = lambda: None  # called after each step
    say: Callable[[str], None] = lambda words: None  # called with a message for the log


SILENT = Progress()
