"""Runs many small jobs on a few threads, and stops all of them when one fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def bounded_map(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> Iterator[tuple[Item, Result]]:
    """Yields each item with its result, in the order in which they finish.

    At most two items a thread are in progress. If one raises, or the caller stops iterating, the
    running ones finish and no further one starts.
    """
    todo = iter(items)
    with ThreadPoolExecutor(threads, thread_name_prefix="pixelgate") as pool:
        running: dict[Future[Result], Item] = {
            pool.submit(work, item): item for item in islice(todo, threads * 2)
        }
        try:
            while running:
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    item = running.pop(future)
                    for following in islice(todo, 1):
                        running[pool.submit(work, following)] = following
                    yield item, future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
