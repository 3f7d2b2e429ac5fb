"""`make fuzz`, for a moment: no damage makes a wrong answer, and the fuzzer would see one."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support import hostile

ROOT = Path(__file__).parents[2]


@contextmanager
def fuzzing(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, ROOT / "tools" / "fuzz.py", *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT / "tests")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def child_at_work(process: subprocess.Popen[str]) -> int:
    """The process in which the engine runs, once it has an odiff of its own to work with."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for child in children(process.pid):
            if len(children(child)) >= 2:
                return child
        time.sleep(0.05)
    pytest.fail("the fuzzer did not begin")


def children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(child) for child in task.read_text().split()]
    return found


def test_four_hundred_pairs_of_a_fixed_seed_keep_every_invariant() -> None:
    with fuzzing("--seed", 20, "--pairs", 400, "--seconds", 60, "--like-pillow") as process:
        said, _ = process.communicate(timeout=90)
    assert process.returncode == 0, said
    counts = {name: int(n) for name, n in re.findall(r"(\w+) (\d+)", said.splitlines()[-1])}
    assert counts["known"] > 50
    assert counts["compared"] > 30
    assert counts["UNREADABLE"] > 100
    assert "wrong" not in counts


def test_a_crash_of_the_engines_process_is_told_and_its_pairs_are_kept(tmp_path: Path) -> None:
    kept, said = tmp_path / "kept", ""
    for _ in range(5):
        with fuzzing("--seconds", 30, "--seed", 1, "--keep", kept) as process:
            os.kill(child_at_work(process), signal.SIGSEGV)
            said, _ = process.communicate(timeout=30)
        assert process.returncode == 1
        assert "was ended by SIGSEGV" in said
        if kept.exists():  # now and then it is hit between two pairs
            break
    assert 1 <= len(list(kept.iterdir())) <= 2
    assert "--seed 1" in said


def test_a_hang_is_told_and_ended(tmp_path: Path) -> None:
    with fuzzing("--seconds", 3, "--limit", 1, "--keep", tmp_path / "kept") as process:
        os.kill(child_at_work(process), signal.SIGSTOP)
        said, _ = process.communicate(timeout=40)
    assert process.returncode == 1
    assert "hang: a pair takes more than 1 s" in said


def test_a_pair_that_was_kept_can_be_tried_again(tmp_path: Path) -> None:
    (tmp_path / "base").write_bytes(hostile.good_png())
    (tmp_path / "head").write_bytes(hostile.good_png()[:3_000])
    with fuzzing("--replay", tmp_path / "base", tmp_path / "head") as process:
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert "3 pairs: UNREADABLE 3" in said
