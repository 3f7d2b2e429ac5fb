"""Runs many small jobs on some threads, and ends all of them as soon as one fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def bounded_map(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    threads: int,
    *,
    check: Callable[[], None] = lambda: None,
    check_every: float | None = None,
    stopping: Callable[[], None] = lambda: None,
) -> Iterator[tuple[Item, Result]]:
    """Yields each item with its result, in the order in which they are done.

    No more items are taken than there are threads, so an early stop leaves little behind. When
    `work` raises, `check` raises, or the caller stops, running items are waited for and no other
    begins. `check` is called before items are taken, and after `check_every` seconds in which none
    was done. `stopping` is called at the end, before running items are waited for.
    """
    todo = iter(items)
    running: dict[Future[Result], Item] = {}
    pool = ThreadPoolExecutor(threads, thread_name_prefix="pixelgate")
    try:
        while True:
            check()
            for item in islice(todo, threads - len(running)):
                running[pool.submit(work, item)] = item
            if not running:
                return
            done, _ = wait(running, timeout=check_every, return_when=FIRST_COMPLETED)
            for future in done:
                yield running.pop(future), future.result()
    finally:
        stopping()
        pool.shutdown(wait=True, cancel_futures=True)
