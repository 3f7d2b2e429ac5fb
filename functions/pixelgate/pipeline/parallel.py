"""Many small jobs on some threads, and an end to all of them as soon as one fails."""

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
    """Each item with its result, in the order in which they are done.

    No more items are taken than there are threads, so an early stop leaves little behind. When one
    raises, `check` raises, or the caller stops, those that run are waited for and no other begins.

    Args:
        work: called in the threads.
        items: taken as threads become free.
        threads: how many.
        check: called before items are taken; raises to stop.
        check_every: seconds after which it is called though no item was done; None for never.
        stopping: called at the end, before those that run are waited for.
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
