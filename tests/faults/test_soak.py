"""A soak: nothing lost, nothing double, nothing left; and its audit sees what is wrong."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pixelgate.bootstrap import find_engine, open_pool
from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.errors import NotFound
from support.town import Town
from support.town_audit import audit, nothing_changes_any_more
from support.world import PROJECT

ROOT = Path(__file__).parents[2]


def test_sixty_comparisons(seed: int) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "soak.py", "--comparisons", "60", "--seed", str(seed)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "left: 0 files, 0 processes" in done.stdout
    assert int(re.findall(r"([\d,]+) faults", done.stdout)[0].replace(",", "")) >= 150


@pytest.fixture(scope="module")
def soaked() -> Iterator[Town]:
    """Ten comparisons after some trouble."""
    with open_pool(find_engine(), 1) as pool:
        town = Town(pool, 1)
        town.settle_in(10)
        town.run()
        town.end_trouble()
        audit(town)
        yield town


def succeeded(town: Town) -> BuildId:
    return next(
        b
        for b in town.expected
        if json.loads(town.objects.objects[keys.status(b)])["state"] == "SUCCEEDED"
        and b.build.startswith("head")
    )


def lose_a_result(town: Town) -> None:
    status = json.loads(town.objects.objects[keys.status(succeeded(town))])
    del town.objects.objects[status["comparison"]]


def lose_a_mask(town: Town) -> None:
    del town.objects.objects[next(k for k in town.objects.objects if _is_mask(k))]


def _is_mask(key: str) -> bool:
    return key.startswith("diffs/") and key.endswith(".png")


def lose_a_build(town: Town) -> None:
    build = succeeded(town)
    for comparison in [c for c in town.ledger.comparisons if c.head == build.build]:
        del town.ledger.comparisons[comparison]


def publish_twice(town: Town) -> None:
    town.ledger.published.append(town.ledger.published[-1])


def leave_one_open(town: Town) -> None:
    key, record = next(iter(town.ledger.comparisons.items()))
    town.ledger.comparisons[key] = replace(record, announced=False)


def count_wrongly(town: Town) -> None:
    key = keys.status(succeeded(town))
    status = json.loads(town.objects.objects[key])
    status["counts"]["changed"] += 1
    town.objects.objects[key] = json.dumps(status).encode()


def leave_something_strange(town: Town) -> None:
    town.objects.objects[f"builds/{PROJECT}/nobody/status.json"] = b"{}"


@pytest.mark.parametrize(
    "spoil",
    [lose_a_result, lose_a_mask, lose_a_build, publish_twice, leave_one_open, count_wrongly,
     leave_something_strange],
    ids=lambda spoil: spoil.__name__,
)  # fmt: skip
def test_the_audit_sees(spoil: Callable[[Town], None], soaked: Town) -> None:
    objects, comparisons = dict(soaked.objects.objects), dict(soaked.ledger.comparisons)
    published = list(soaked.ledger.published)
    try:
        spoil(soaked)
        with pytest.raises((AssertionError, NotFound)):
            audit(soaked)
    finally:
        soaked.objects.objects.clear()
        soaked.objects.objects.update(objects)
        soaked.ledger.comparisons.clear()
        soaked.ledger.comparisons.update(comparisons)
        soaked.ledger.published[:] = published


def test_what_comes_again_a_day_later_changes_nothing(soaked: Town) -> None:
    nothing_changes_any_more(soaked)
