"""Many small jobs on some threads, and an end to all of them as soon as one fails."""

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
    """Each item with its result, in the order in which they are done.

    Only a few are begun ahead of what was taken. When one raises, or the caller stops, those that
    run are waited for and no other one begins.
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
