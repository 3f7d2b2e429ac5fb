"""Many jobs on some threads, and an end to all of them with the first failure."""

from __future__ import annotations

import threading
import time

import pytest

from pixelgate.client.parallel import bounded_map


def test_every_item_has_its_result() -> None:
    assert dict(bounded_map(lambda n: n * n, range(100), 4)) == {n: n * n for n in range(100)}


def test_nothing_to_do() -> None:
    assert list(bounded_map(lambda n: n, [], 4)) == []


def test_only_a_few_are_begun_ahead() -> None:
    taken: list[int] = []

    def items() -> object:
        for n in range(1_000):
            taken.append(n)
            yield n

    results = bounded_map(lambda n: n, items(), 4)  # type: ignore[arg-type, var-annotated]
    next(results)
    assert len(taken) <= 4 * 2 + 4
    results.close()  # type: ignore[attr-defined]
    assert len(taken) < 20


def test_the_first_failure_ends_it_and_leaves_no_thread() -> None:
    done: list[int] = []

    def work(n: int) -> None:
        if n == 10:
            raise ValueError("ten")
        time.sleep(0.001)
        done.append(n)

    with pytest.raises(ValueError, match="ten"):
        list(bounded_map(work, range(1_000), 4))
    assert len(done) < 40
    assert not [t for t in threading.enumerate() if t.name.startswith("pixelgate")]
