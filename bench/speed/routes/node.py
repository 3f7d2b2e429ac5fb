"""Rivals that live in Node."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from bench.speed.pairs import Pair
from bench.speed.routes.base import SENSITIVE, Found, Missing, Route
from bench.speed.workers import WORKERS, Lines, spread

HERE = Path(__file__).parent.parent
BLAZEDIFF = "@blazediff/bin-linux-x64"  # npm serves no other


def installed(package: str) -> str:
    """The version of an npm package that is installed here. Raises Missing."""
    try:
        manifest = (HERE / "node_modules" / package / "package.json").read_text()
    except OSError as error:
        raise Missing(f"npm's {package} is not installed") from error
    return str(json.loads(manifest)["version"])


def node() -> str:
    """Where Node is. Raises Missing."""
    found = shutil.which("node")
    if found is None:
        raise Missing("Node is not installed")
    return found


class _NodeWorkers(Route):
    """Two processes of rivals.mjs."""

    engine: ClassVar[str]
    package: ClassVar[str]

    def start(self) -> None:
        """Starts both and waits until they have loaded their code."""
        installed(self.package)
        command = [node(), str(HERE / "rivals.mjs"), self.engine]
        self._workers = [Lines(command) for _ in range(WORKERS)]
        for worker in self._workers:
            worker.read()

    def run(self, pairs: Sequence[Pair]) -> list[Found]:
        """Each process takes the next pair when it is free."""
        workers: list[Callable[[Pair], Found]] = [
            partial(self._compare, worker, f"{self.engine}-{number}.png")
            for number, worker in enumerate(self._workers)
        ]
        return spread(pairs, workers)

    def _compare(self, worker: Lines, output: str, pair: Pair) -> Found:
        """Each worker writes one file again and again."""
        base, head = map(str, pair.files)
        place = str(pair.output.with_name(output))
        question = {"base": base, "head": head, "output": place, "threshold": SENSITIVE}
        changed = worker.ask(question)["changed"]
        return Found(changed, refused=changed is None)

    def close(self) -> None:
        """Ends both processes."""
        for worker in self._workers:
            worker.close()


class Pixelmatch(_NodeWorkers):
    """pixelmatch with pngjs, as Playwright and jest-image-snapshot use it."""

    name = "pixelmatch with pngjs"
    gives = "one count, diff PNG"
    engine, package = "pixelmatch", "pixelmatch"


class BlazediffNode(_NodeWorkers):
    """blazediff's N-API binding; it works in Node's only thread, hence two processes."""

    name = "blazediff (npm)"
    gives = "one count, mask PNG"
    engine, package = "blazediff", BLAZEDIFF


class RegCli(Route):
    """reg-cli on two folders; its process start counts, as nobody runs it as a server."""

    name = "reg-cli"
    gives = "changed or not, diff PNG"

    def start(self) -> None:
        """Only finds it."""
        installed("reg-cli")
        self._command = [node(), str(HERE / "node_modules" / "reg-cli" / "dist" / "cli.js")]

    def warm_up(self, pairs: Sequence[Pair]) -> None:
        """Nothing of one call is left for the next."""

    def run(self, pairs: Sequence[Pair]) -> list[Found]:
        """One call for all pairs; below twenty it takes one process whatever it is told."""
        place = pairs[0].output.parent.parent
        report = place / "reg.json"
        report.unlink(missing_ok=True)
        words = [*self._command, str(place / "head"), str(place / "base"), str(place / "reg")]
        words += ["-C", str(WORKERS), "-M", str(SENSITIVE), "-A", "-I", "-J", str(report)]
        subprocess.run(words, check=True, capture_output=True, cwd=place)
        failed = set(json.loads(report.read_text())["failedItems"])
        # It does not say how many pixels: only that there are any.
        return [Found(None if pair.files[1].name in failed else 0) for pair in pairs]

    def close(self) -> None:
        """Nothing runs."""
