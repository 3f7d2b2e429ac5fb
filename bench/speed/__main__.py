"""Measures all routes on two sets of pairs: `make bench`, with ARGS="--help" for the options."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.speed import machine
from bench.speed.decoders import OURS, fastest, measure
from bench.speed.equality import check
from bench.speed.pairs import Pair, drawn, from_folders
from bench.speed.profiling import profile
from bench.speed.report import Measured
from bench.speed.routes.base import Route
from bench.speed.routes.limit import DecodeOnce
from bench.speed.routes.node import BlazediffNode, Pixelmatch, RegCli
from bench.speed.routes.odiff import CommandLine, Plain, Sentry
from bench.speed.routes.ours import Pixelgate
from bench.speed.routes.python import (
    BlazediffPython,
    BlazediffPythonPng,
    PixelhogCount,
    PixelhogImage,
)
from bench.speed.timing import time_all

EXAMPLES = Path(__file__).parents[2] / "examples"
ROUTES: tuple[type[Route], ...] = (
    Pixelgate,
    Plain,
    CommandLine,
    Sentry,
    BlazediffPython,
    BlazediffPythonPng,
    BlazediffNode,
    PixelhogCount,
    PixelhogImage,
    Pixelmatch,
    RegCli,
)


def main() -> int:
    """Returns 1 if routes that claim the same thing found something else."""
    options = _options()
    described = machine.describe()
    told = ", ".join(f"{what} {value}" for what, value in described.items())
    print(textwrap.fill(told, 100, break_long_words=False, break_on_hyphens=False))
    command = shlex.join(["python", "-m", "bench.speed", *sys.argv[1:]])
    print(command)
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        # Whoever makes temporary files, we too, makes them there.
        tempfile.tempdir = folder
        sets: dict[str, Callable[[], list[Pair]]] = {
            "real": lambda: from_folders(options.corpus, Path(folder, "real"), options.pairs),
            "drawn": lambda: drawn(options.drawn, Path(folder, "drawn")),
        }
        measured = []
        for title in options.sets:
            measured.append(_measure(title, sets[title](), options))
            print("\n".join(measured[-1].lines()), flush=True)
    if options.json:
        figures = {
            "command": command,
            "machine": described,
            "rounds": options.rounds,
            "sets": [one.as_json() for one in measured],
        }
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    return int(any(said.startswith("UNEQUAL") for one in measured for said in one.checks))


def _measure(title: str, pairs: Sequence[Pair], options: argparse.Namespace) -> Measured:
    decoders = measure(pairs)
    routes: list[Route] = [make() for make in ROUTES]
    # By the fastest decoder at hand, and by the fastest that others have made.
    names = dict.fromkeys((fastest(decoders), fastest(decoders, without=OURS)))
    routes += [DecodeOnce(name) for name in names]
    if options.only:
        routes = [r for r in routes if any(part in r.name for part in options.only)]
    timed = time_all(routes, pairs, options.rounds)
    found = {one.route.name: one.found for one in timed if not one.problem}
    profiled = profile(pairs) if options.profile else []
    return Measured(title, pairs, timed, check(pairs, found), decoders, profiled)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.speed", description=__doc__)
    parser.add_argument(
        "--corpus", type=Path, default=EXAMPLES, help="holds base/ and head/; default: examples"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pairs", type=int, help="only so many real pairs")
    parser.add_argument("--drawn", type=int, default=60, help="how many pairs are drawn")
    parser.add_argument("--sets", nargs="+", choices=("real", "drawn"), default=("real", "drawn"))
    parser.add_argument("--only", nargs="+", help="only routes with this in their names")
    parser.add_argument("--profile", action="store_true", help="also where our own time goes")
    parser.add_argument("--json", type=Path, help="where the figures go as JSON")
    parser.add_argument("--scratch", type=Path, default=_tmpfs(), help="folder for files")
    return parser.parse_args()


def _tmpfs() -> Path | None:
    """A folder in memory, where there is one: no route shall wait for a disk."""
    shared = Path("/dev/shm")  # noqa: S108 - a fresh folder is made in it
    return shared if shared.is_dir() else None


if __name__ == "__main__":
    sys.exit(main())
