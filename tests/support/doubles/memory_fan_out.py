"""A double of the state machine in memory: it keeps what was started until somebody runs it."""

from __future__ import annotations

from collections.abc import Callable

from pixelgate.domain.keys import ComparisonId


class MemoryFanOut:
    """Executions by name; fails as often as a test says."""

    def __init__(self, failures: int = 0) -> None:
        self.started: dict[str, ComparisonId] = {}
        self.ran: set[str] = set()
        self.calls = 0
        self.failures = failures

    def start(self, execution: str, comparison: ComparisonId) -> None:
        self.calls += 1
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the state machine does not answer")
        self.started.setdefault(execution, comparison)

    def run(self, one: Callable[[str, ComparisonId], None]) -> None:
        """Runs what was started and has not been run."""
        for execution, comparison in list(self.started.items()):
            if execution not in self.ran:
                self.ran.add(execution)
                one(execution, comparison)
