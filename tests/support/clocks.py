"""When a test is run: now, or at a given time; and whether it reads a clock.

`make test-all CLOCKS=FILE` runs what `make test-dates` runs at its first date, and notes who reads
a clock then; `make test-dates CLOCKS=FILE` repeats only those, at the others. Nobody keeps a list:
each run finds its own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import time_machine

# Whose tests are repeated at other times, unless they start a cloud or a browser, or are slow: such
# processes have clocks of their own.
FOLDERS = ("tests/cli/", "tests/client/", "tests/contract/", "tests/handlers/", "tests/pipeline/")
NOT = ("e2e", "browser", "slow")
# They read the clock for themselves: how long a test took, when a line was logged.
OF_THE_RUN = ("_pytest.", "pluggy.", "xdist.", "execnet.", "hypothesis.", "logging.")
# They stamp what they send or store. Whoever makes something of such a time reads a clock as well.
STAMPING = (
    "http.server.",
    "zipfile.",
    "botocore.",
    "dateutil.",
    "moto.",
    "support.doubles.memory.",
)


class Clocks:
    """Sets the clock of each test. Its option decides how."""

    def __init__(self, config: pytest.Config) -> None:
        self._at: str | None = config.getoption("--at")
        note: str | None = config.getoption("--note-clocks")
        self._note = None if note is None else Path(note)
        if self._note and not self._at:
            raise pytest.UsageError("--note-clocks needs --at")
        only: str | None = config.getoption("--clocked")
        self._only = None if only is None else frozenset(Path(only).read_text("utf-8").splitlines())
        self._files = {config.rootpath / name.partition("::")[0] for name in self._only or ()}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Runs the test, and the fixtures made for it, at its time."""
        if self._at is None or (self._note and not is_repeated(item)):
            return (yield)
        with noticing(self._at) as readers:
            result = yield
        if readers and self._note:
            with self._note.open("a", encoding="utf-8") as file:  # each process adds its lines
                file.write(f"{item.nodeid}\n")
        return result

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """With `--clocked`: does not even import files in which nothing is to run."""
        if self._only is None or not collection_path.name.startswith("test_"):
            return None
        return collection_path not in self._files or None

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """With `--clocked`: leaves out what read no clock when that was noted."""
        if self._only is None:
            return
        without = [item for item in items if item.nodeid not in self._only]
        items[:] = [item for item in items if item.nodeid in self._only]
        config.hook.pytest_deselected(items=without)


def is_repeated(item: pytest.Item) -> bool:
    """Whether the test is one of those that `make test-dates` runs."""
    return item.nodeid.startswith(FOLDERS) and not any(map(item.get_closest_marker, NOT))


@contextmanager
def noticing(at: str) -> Iterator[set[str]]:
    """Begins at that local time of that zone; yields the modules that read the clock meanwhile."""
    local, _, zone = at.rpartition(" ")
    readers: set[str] = set()
    with time_machine.travel(datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone))):
        # Whatever tells the time, datetime.now too, asks the traveller.
        traveller = time_machine.traveller_stack[-1]
        told = traveller.time_ns

        def time_ns() -> int:
            reader = sys._getframe(1)
            while (name := str(reader.f_globals.get("__name__"))) == "time_machine":
                assert reader.f_back is not None
                reader = reader.f_back
            if not f"{name}.".startswith((*OF_THE_RUN, *STAMPING)):
                readers.add(name)
            return int(told())

        traveller.time_ns = time_ns  # type: ignore[method-assign]
        yield readers


def add_options(parser: pytest.Parser) -> None:
    """The options that say how."""
    parser.addoption(
        "--at",
        metavar="'2028-02-29 12:00:00 Europe/Berlin'",
        help="when every test begins, as local time and time zone; the clock goes on from there."
        " With --note-clocks: every test of those that `make test-dates` runs",
    )
    parser.addoption(
        "--note-clocks",
        metavar="FILE",
        help="write down which of those tests read a clock; needs --at",
    )
    parser.addoption(
        "--clocked",
        metavar="FILE",
        help="run only the tests that --note-clocks has written down there",
    )
