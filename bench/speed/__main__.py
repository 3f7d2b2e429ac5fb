"""Times every route on the same real pairs: `make bench`, with ARGS="--help" for the options."""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import io
import os
import platform
import statistics
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from bench.speed.routes import (
    BLAZEDIFF,
    ODIFF_COMMAND,
    ODIFF_SERVERS,
    PIXELGATE,
    ROUTES,
    Compare,
    Found,
    Missing,
    Pair,
    Route,
    npm_version,
)
from pixelgate.bootstrap import find_engine

EXAMPLES = Path(__file__).parents[2] / "examples"
WARM_UP = 8  # pairs that each route compares before the clock runs


@dataclass
class Timed:
    """A route with the seconds of each round, what it found, or why it does not take part."""

    route: Route
    compare: Compare | None = None
    problem: str = ""
    seconds: list[float] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)

    def against(self, other: Timed) -> float:
        """How many times as long as the other it takes: the median of the rounds' ratios.

        Both ran within seconds of each other in each round, so what disturbs one of them mostly
        disturbs the other too.
        """
        rounds = zip(self.seconds, other.seconds, strict=True)
        return statistics.median(mine / theirs for mine, theirs in rounds)


def main() -> int:
    """Prints the table; returns 1 if routes that should agree found something else."""
    options = _options()
    print(textwrap.fill(", ".join(_machine()), 100, break_on_hyphens=False))
    routes = [r for r in ROUTES if not options.only or any(part in r.name for part in options.only)]
    # In memory where that is possible: no route shall wait for a disk.
    shared = Path("/dev/shm")  # noqa: S108 - a fresh folder is made in it
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        tempfile.tempdir = folder
        pairs = real_pairs(options.corpus, Path(folder, "pairs"), options.pairs)
        print(f"{len(pairs)} pairs, {options.rounds} rounds")
        timed = time_all(routes, pairs, options.rounds)
        print("\n".join(_table(timed, len(pairs))))
        checks = check(pairs, {one.route.name: one.found for one in timed if not one.problem})
        print("\n".join(checks))
    return int(any(line.startswith("UNEQUAL") for line in checks))


def real_pairs(corpus: Path, folder: Path, limit: int | None) -> list[Pair]:
    """The pairs of `corpus`/base and `corpus`/head: same name, other bytes, each content once.

    Args:
        corpus: the parent of the two folders.
        folder: where the files are laid out for the routes, as reg-cli wants them.
        limit: take this many, spread evenly over the names.
    """
    found: dict[bytes, tuple[str, bytes, bytes]] = {}
    for path in sorted((corpus / "base").rglob("*.png")):
        name = path.relative_to(corpus / "base")
        if (other := corpus / "head" / name).is_file():
            base, head = path.read_bytes(), other.read_bytes()
            if base != head:
                digest = hashlib.sha256(base).digest() + hashlib.sha256(head).digest()
                found.setdefault(digest, (name.as_posix(), base, head))
    distinct = list(found.values())
    if limit is not None and limit < len(distinct):
        distinct = [distinct[number * len(distinct) // limit] for number in range(limit)]
    for part in ("base", "head", "out"):
        (folder / part).mkdir(parents=True)
    pairs = []
    for number, (title, *bodies) in enumerate(distinct):
        files = folder / "base" / f"{number}.png", folder / "head" / f"{number}.png"
        for file, body in zip(files, bodies, strict=True):
            file.write_bytes(body)
        sizes = [_size_if_opaque(body) for body in bodies]
        comparable = sizes[0] is not None and sizes[0] == sizes[1]
        output = folder / "out" / str(number)
        pairs.append(Pair(title, bodies[0], bodies[1], files, output, comparable))
    return pairs


def _size_if_opaque(body: bytes) -> tuple[int, int] | None:
    with Image.open(io.BytesIO(body)) as image:
        transparent = image.has_transparency_data
        if transparent and image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
            return None
        return image.size


def time_all(routes: Sequence[Route], pairs: Sequence[Pair], rounds: int) -> list[Timed]:
    """Times all routes, round after round; each round begins with another route.

    That way, noise of the machine hits all of them alike.
    """
    timed = [Timed(route) for route in routes]
    with ExitStack() as ends:
        for one in timed:
            try:
                one.compare = one.route.start(ends)
                one.compare(pairs[:WARM_UP])
            except Missing as missing:
                one.problem = str(missing)
            except (OSError, RuntimeError, ValueError) as error:
                one.problem = f"failed: {error}"
        running = [one for one in timed if not one.problem]
        for number in range(rounds):
            first = number % len(running)
            for one in running[first:] + running[:first]:
                if one.compare is not None:
                    began = time.perf_counter()
                    one.found = one.compare(pairs)
                    one.seconds.append(time.perf_counter() - began)
    return timed


def check(pairs: Sequence[Pair], found: Mapping[str, list[Found]]) -> list[str]:
    """Whether routes that claim the same found the same, in lines that begin with EQUAL or UNEQUAL.

    pixelgate is held against plain odiff where both see the same pixels: images of one size,
    opaque, without rows that pixelgate takes for moved.
    """
    lines = []
    plain = found.get(ODIFF_SERVERS.name, [])
    if plain and (ours := found.get(PIXELGATE.name)):
        held = [i for i, pair in enumerate(pairs) if pair.comparable and not ours[i].bands]
        wrong = [pairs[i].name for i in held if not _same(ours[i], plain[i])]
        lines.append(_verdict("pixelgate and odiff: both counts and the mask", len(held), wrong))
        lines[-1] += f" ({len(pairs) - len(held)} of two sizes, transparent or moved left out)"
    if plain and (cli := found.get(ODIFF_COMMAND.name)):
        trios = zip(pairs, cli, plain, strict=True)
        wrong = [pair.name for pair, a, b in trios if a.changed != b.changed]
        lines.append(_verdict("odiff's command line and server: the count", len(pairs), wrong))
    return lines


def _verdict(what: str, count: int, wrong: Sequence[str]) -> str:
    if not wrong:
        return f"equal: {what}, {count} pairs"
    return f"UNEQUAL: {what}, {len(wrong)} of {count} pairs: {', '.join(wrong[:5])}"


def _same(ours: Found, plain: Found) -> bool:
    if (ours.changed, ours.structural) != (plain.changed, plain.structural):
        return False
    # In pixelgate's mask, colour 1 is what odiff reports; the others are pixelgate's own.
    ours_mask = _pixels(ours.mask) == 1 if ours.mask is not None else None
    if plain.mask is None or ours_mask is None:
        return plain.mask is None and (ours_mask is None or not ours_mask.any())
    return np.array_equal(ours_mask, _pixels(plain.mask, "RGBA")[..., 3] > 0)


def _pixels(mask: bytes | Path, mode: str | None = None) -> npt.NDArray[np.uint8]:
    with Image.open(io.BytesIO(mask) if isinstance(mask, bytes) else mask) as image:
        return np.asarray(image.convert(mode) if mode else image)


def _table(timed: Sequence[Timed], count: int) -> Iterable[str]:
    """A line for each route; `time ×` is in multiples of pixelgate's."""
    ours = next((one for one in timed if one.route is PIXELGATE and one.seconds), None)
    yield f"{'route':28}{'seconds':>8}{'range':>14}{'pairs/s':>9}{'time ×':>8}  gives"
    for one in timed:
        if one.problem:
            yield f"{one.route.name:28}{one.problem}"
            continue
        middle = statistics.median(one.seconds)
        spread = f"{min(one.seconds):.2f}–{max(one.seconds):.2f}"
        times = f"{one.against(ours):.2f}" if ours else "–"
        refused = sum(found.refused for found in one.found)
        gives = one.route.gives + (f"; {refused} pairs refused" if refused else "")
        speed = f"{middle:8.2f}{spread:>14}{count / middle:9.1f}{times:>8}"
        yield f"{one.route.name:28}{speed}  {gives}"


def _machine() -> Iterable[str]:
    """Processor, system, and the versions of everything that takes part."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            yield line.partition(":")[2].strip()
            break
    yield f"{len(os.sched_getaffinity(0))} cores"
    yield f"Python {platform.python_version()}"
    yield f"odiff {find_engine().version}"
    for name in ("numpy", "pillow", "pixelhog", "blazediff"):
        with suppress(importlib.metadata.PackageNotFoundError):
            yield f"{name} {importlib.metadata.version(name)}"
    for name in ("pixelmatch", "pngjs", "reg-cli", BLAZEDIFF):
        with suppress(Missing):
            yield f"{name} {npm_version(name)} (npm)"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.speed", description=__doc__)
    parser.add_argument(
        "--corpus", type=Path, default=EXAMPLES, help="holds base/ and head/; default: examples"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pairs", type=int, help="take only this many pairs")
    parser.add_argument("--only", nargs="+", help="only routes with this in their names")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
