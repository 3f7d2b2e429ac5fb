"""Says at once which test failed and why, so that a run that is cut off has said it."""

from __future__ import annotations

import pytest


class AtOnce:
    """With `-n 2`: pytest's own report of failures comes only when all has run."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if report.failed and terminal:
            last = "\n".join(report.longreprtext.splitlines()[-12:])
            terminal.write_line(f"\n== {report.when} of {report.nodeid} failed:\n{last}")
