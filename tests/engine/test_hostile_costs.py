"""What a small file may cost: bounded time and memory, measured in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import support
from support import hostile


@dataclass(frozen=True)
class Cost:
    """One line of support/costs.py: processor seconds, and MiB by which memory rose."""

    outcome: str
    seconds: float
    mib: float
    known_pair: int


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Cost]:
    folder = tmp_path_factory.mktemp("bombs")
    (folder / "good").write_bytes(hostile.good_png())
    names = dict(enumerate(hostile.BOMBS))
    for number, name in names.items():
        (folder / str(number)).write_bytes(hostile.BOMBS[name]())
    child = subprocess.run(
        [sys.executable, "-m", "support.costs", "good", *map(str, names)],
        cwd=folder,
        env=os.environ
        | {"PYTHONPATH": str(Path(next(iter(support.__path__))).parent), "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (child.returncode, child.stderr) == (0, "")
    found = {}
    for line in map(json.loads, child.stdout.splitlines()):
        name = names[int(line.pop("file"))]
        found[name] = Cost(**line)
    return found


@pytest.mark.parametrize("name", hostile.BOMBS)
def test_a_bomb_costs_little_and_the_next_pair_is_right(costs: dict[str, Cost], name: str) -> None:
    cost = costs[name]
    assert cost.known_pair == 20
    assert cost.seconds < 5
    # What a stream says it holds must not be held; a picture's own pixels may, before they fail.
    assert cost.mib < (300 if "000×" in name else 60)
