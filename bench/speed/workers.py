"""Two workers at a time: threads, Node processes, Python processes."""

from __future__ import annotations

import json
import queue
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

WORKERS = 2

J = TypeVar("J")
R = TypeVar("R")


def spread(jobs: Sequence[J], workers: Sequence[Callable[[J], R]]) -> list[R]:
    """Each worker, in a thread of its own, takes the next job whenever it is free.

    Returns:
        The results in the order of the jobs.
    """
    todo: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in range(len(jobs)):
        todo.put(number)
    done: dict[int, R] = {}

    def work(worker: Callable[[J], R]) -> None:
        while True:
            try:
                number = todo.get_nowait()
            except queue.Empty:
                return
            done[number] = worker(jobs[number])

    with ThreadPoolExecutor(len(workers)) as threads:
        for ended in [threads.submit(work, worker) for worker in workers]:
            ended.result()
    return [done[number] for number in range(len(jobs))]


class Lines:
    """A process that answers a line of JSON with a line of JSON."""

    def __init__(self, command: Sequence[str | Path], cwd: Path | None = None) -> None:
        self._process = subprocess.Popen(
            list(map(str, command)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=cwd,
        )

    def read(self) -> Any:
        """The next answer."""
        if self._process.stdout is None:
            raise AssertionError
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args!r} ended with {self._process.wait()}")
        return json.loads(line)

    def ask(self, question: object) -> Any:
        """Sends one line and waits for its answer."""
        if self._process.stdin is None:
            raise AssertionError
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return self.read()

    def close(self) -> None:
        """Ends the process."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()
        self._process.terminate()
        self._process.wait()
