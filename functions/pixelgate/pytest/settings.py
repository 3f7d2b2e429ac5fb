"""Where the plugin writes and reads: command line, ini file, defaults."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from pixelgate.errors import UsageError


@dataclass(frozen=True)
class Settings:
    """The folders of a run, absolute; `baseline` is None if nothing shall be compared."""

    root: Path
    snapshots: Path
    baseline: Path | None
    report: Path
    update: bool

    def shown(self, path: Path) -> str:
        """Returns a path for a message: relative to the root, if it is below."""
        return str(path.relative_to(self.root) if path.is_relative_to(self.root) else path)


def settings_of(config: pytest.Config) -> Settings:
    """Reads the options; those of the command line are relative to the working directory.

    Raises:
        UsageError: two folders contain one another, or there is no baseline to update.
    """

    def folder(name: str) -> Path | None:
        given = config.getoption(f"pixelgate_{name}")
        start = config.rootpath if given is None else config.invocation_params.dir
        named = config.getini(f"pixelgate_{name}") if given is None else given
        return (start / named).resolve() if named else None

    snapshots, baseline, report = folder("snapshots"), folder("baseline"), folder("report")
    update = bool(config.getoption("pixelgate_update"))
    if snapshots is None or report is None:
        raise UsageError("pixelgate_snapshots and pixelgate_report need a folder, not ''")
    if update and baseline is None:
        raise UsageError("--pixelgate-update needs a folder in pixelgate_baseline, not ''")
    folders = {"snapshots": snapshots, "baseline": baseline, "report": report}
    for one, inner in folders.items():
        for other, outer in folders.items():
            if one != other and inner and outer and inner.is_relative_to(outer):
                raise UsageError(
                    f"pixelgate_{one} ({inner}) lies in pixelgate_{other} ({outer}); "
                    "give each a folder of its own"
                )
    return Settings(config.rootpath.resolve(), snapshots, baseline, report, update)
