"""Which tests are repeated at other times: those that read a clock, whichever way they do."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from support.clocks import FOLDERS, noticing

ROOT = Path(__file__).parents[2]
THEN = "2026-12-31 23:59:59 America/New_York"


@pytest.mark.parametrize(
    "read",
    [
        time.time,
        time.time_ns,
        time.localtime,
        lambda: time.strftime("%Y"),
        lambda: time.clock_gettime(time.CLOCK_REALTIME),
        datetime.now,
        lambda: datetime.now(UTC),
        date.today,
    ],
)
def test_whoever_reads_a_clock_is_noticed(read: Callable[[], object]) -> None:
    with noticing(THEN) as readers:
        read()
    assert readers == {__name__}


def test_what_tells_no_time_is_not_noticed() -> None:
    with noticing(THEN) as readers:
        time.monotonic()
        time.gmtime(0)
        datetime.fromtimestamp(0, UTC)
        logging.getLogger("clocks").warning("pytest's and logging's own reading does not count")
    assert readers == set()


def test_what_only_stamps_is_not_noticed(tmp_path: Path) -> None:
    with noticing(THEN) as readers, zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a", "a")
    assert readers == set()


def test_it_is_then_and_there() -> None:
    with noticing(THEN):
        assert time.strftime("%d %Z") == "31 EST"
        assert datetime.now(UTC).isoformat().startswith("2027-01-01T04:59:59")


def test_the_same_folders_are_noted_as_are_repeated() -> None:
    [listed] = re.findall(r"^CLOCKED := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert [f"{folder}/" for folder in listed.split()] == list(FOLDERS)


CONFTEST = """
from support.clocks import Clocks, add_options as pytest_addoption

def pytest_configure(config):
    config.addinivalue_line("markers", "slow: so")
    config.pluginmanager.register(Clocks(config))
"""
TESTS = """
import time
import pytest

def test_reads():
    assert time.localtime().tm_zone in {zones}

def test_reads_not():
    pass

@pytest.mark.slow
def test_reads_slowly():
    time.time()
"""


def run(folder: Path, *words: str) -> str:
    """The last line of pytest's that runs what lies there."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words, "tests"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()[-1]


def test_a_run_notes_them_and_another_one_runs_only_those(tmp_path: Path) -> None:
    """As `make test-all` and `make test-dates` do, the first in two processes."""
    folder = tmp_path / FOLDERS[0]
    folder.mkdir(parents=True)
    (tmp_path / "tests" / "conftest.py").write_text(CONFTEST)
    (folder / "test_a.py").write_text(TESTS.format(zones={"EST", "CET"}))
    (folder / "test_b.py").write_text("def test_reads_not():\n    pass\n")
    assert run(tmp_path, "-n2", "--note-clocks=noted", f"--at={THEN}").startswith("4 passed")
    assert (tmp_path / "noted").read_text() == f"{FOLDERS[0]}test_a.py::test_reads\n"
    winter = "--at=2028-02-29 12:00:00 Europe/Berlin"
    assert run(tmp_path, "--clocked=noted", winter).startswith("1 passed, 2 deselected")
