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
from pixelgate.domain.history import Entry, decode, encode
from pixelgate.domain.keys import BuildId
from pixelgate.errors import NotFound
from support.soak_audit import audit, nothing_changes_any_more
from support.soak_world import SoakWorld
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
def soaked() -> Iterator[SoakWorld]:
    """Ten comparisons after some trouble."""
    with open_pool(find_engine(), 1) as pool:
        soak = SoakWorld(pool, 1)
        soak.settle_in(10)
        soak.run()
        soak.end_trouble()
        audit(soak)
        yield soak


def succeeded(soak: SoakWorld) -> str:
    heads = [build.build for build in soak.expected if build.build.startswith("head")]
    return next(head for head in heads if soak.world.status(head)["state"] == "SUCCEEDED")


def lose_a_result(soak: SoakWorld) -> None:
    del soak.objects.objects[soak.world.status(succeeded(soak))["comparison"]]


def lose_a_mask(soak: SoakWorld) -> None:
    images = soak.world.published(succeeded(soak))["images"].values()
    del soak.objects.objects[next(image["mask"] for image in images if image.get("mask"))]


def lose_a_build(soak: SoakWorld) -> None:
    build = succeeded(soak)
    for comparison in [c for c in soak.ledger.comparisons if c.head == build]:
        del soak.ledger.comparisons[comparison]


def publish_twice(soak: SoakWorld) -> None:
    soak.ledger.published.append(soak.ledger.published[-1])


def leave_one_open(soak: SoakWorld) -> None:
    key, record = next(iter(soak.ledger.comparisons.items()))
    soak.ledger.comparisons[key] = replace(record, announced=False)


def count_wrongly(soak: SoakWorld) -> None:
    head = succeeded(soak)
    status = soak.world.status(head)
    status["counts"]["changed"] += 1
    soak.objects.objects[keys.status(BuildId(PROJECT, head))] = json.dumps(status).encode()


def leave_something_strange(soak: SoakWorld) -> None:
    soak.objects.objects[f"builds/{PROJECT}/nobody/status.json"] = b"{}"


def entry_of(soak: SoakWorld) -> str:
    """The key of one build's entry in the index."""
    head = succeeded(soak)
    new = [e.key for e in soak.objects.list(keys.index_new(PROJECT)) if f"Z-{head}-" in e.key]
    return next(key for key in new if "-review-" not in key)


def lose_an_entry_of_the_history(soak: SoakWorld) -> None:
    del soak.objects.objects[entry_of(soak)]


def tell_of_a_result_twice(soak: SoakWorld) -> None:
    key = entry_of(soak)
    soak.objects.write(key.replace("Z-", "Z-again-"), soak.objects.objects[key], "")


def tell_another_verdict(soak: SoakWorld) -> None:
    key = entry_of(soak)
    [entry] = decode(PROJECT, soak.objects.objects[key])
    assert isinstance(entry, Entry)
    soak.objects.objects[key] = encode([replace(entry, verdict="passed")])


@pytest.mark.parametrize(
    "spoil",
    [lose_a_result, lose_a_mask, lose_a_build, publish_twice, leave_one_open, count_wrongly,
     leave_something_strange, lose_an_entry_of_the_history, tell_of_a_result_twice,
     tell_another_verdict],
    ids=lambda spoil: spoil.__name__,
)  # fmt: skip
def test_the_audit_sees(spoil: Callable[[SoakWorld], None], soaked: SoakWorld) -> None:
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


def test_what_comes_again_a_day_later_changes_nothing(soaked: SoakWorld) -> None:
    nothing_changes_any_more(soaked)
