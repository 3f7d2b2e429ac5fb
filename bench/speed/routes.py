"""The ways from two screenshots to what differs: pixelgate's and the rivals'.

Every route compares the same pairs with two workers (threads or processes), in the fastest set-up
that we found for it. All of them measure colours on one scale, the YIQ distance of Kotsarenko and
Ramos from 0 to 1, so one threshold means the same to each.

A route is a function. It starts what a service starts once, not for each pair, and leaves to an
ExitStack how that ends. It returns what is timed: a function that compares all pairs.
"""

from __future__ import annotations

import importlib
import io
import json
import multiprocessing
import os
import queue
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from PIL import Image

from pixelgate.bootstrap import find_engine
from pixelgate.domain.policy import Policy
from pixelgate.engine.differ import OdiffDiffer
from pixelgate.engine.odiff import OdiffServer
from pixelgate.engine.pool import SharedDiffers

HERE = Path(__file__).parent
WORKERS = 2
SENSITIVE, STRUCTURAL = 0.0225, 0.15  # the thresholds of pixelgate's two counts
BLAZEDIFF = "@blazediff/bin-linux-x64"  # npm serves no other
START_SECONDS = 60


class Missing(Exception):
    """This route cannot run on this machine; the text says why."""


@dataclass(frozen=True)
class Pair:
    """Two PNG files that differ.

    Attributes:
        name: their path below base/ and head/.
        base: bytes of the base image.
        head: bytes of the head image.
        files: the same as files, for the routes that read files.
        output: where a route may write its mask, without extension.
        comparable: both have the same size and are opaque, so that every engine sees the same
            pixels, and plain odiff can be held against pixelgate.
    """

    name: str
    base: bytes
    head: bytes
    files: tuple[Path, Path]
    output: Path
    comparable: bool


@dataclass(frozen=True)
class Found:
    """What a route found in one pair.

    Attributes:
        changed: pixels that differ under the sensitive threshold; None if it does not count them.
        structural: the same under the structural threshold, if the route measures it.
        mask: bytes or file of the mask, in which changed pixels are opaque.
        bands: whether pixelgate took moved rows for moved: its counts are not odiff's then.
        refused: the route would not compare the pair, for instance because the sizes differ.
    """

    changed: int | None
    structural: int | None = None
    mask: bytes | Path | None = None
    bands: bool = False
    refused: bool = False


Compare = Callable[[Sequence[Pair]], list[Found]]


@dataclass(frozen=True)
class Route:
    """One way to compare pairs. It is started once and used for several rounds.

    Attributes:
        name: its name in the table.
        gives: what one gets for the time.
        start: returns what compares all pairs. Raises Missing.
    """

    name: str
    gives: str
    start: Callable[[ExitStack], Compare]


def _each(compare: Callable[[Pair], Found]) -> Compare:
    """Compares all pairs in two threads."""

    def run(pairs: Sequence[Pair]) -> list[Found]:
        with ThreadPoolExecutor(WORKERS) as threads:
            return list(threads.map(compare, pairs))

    return run


def _pixelgate(ends: ExitStack) -> Compare:
    """Our own engine, as a worker runs it: from bytes in memory to counts, mask and regions."""
    binary = find_engine().binary
    pool = SharedDiffers([OdiffDiffer(OdiffServer(binary)) for _ in range(WORKERS)])
    ends.callback(pool.close)

    def compare(pair: Pair) -> Found:
        diff = pool.diff(pair.base, pair.head, Policy())
        return Found(diff.changed_pixels, diff.structural_pixels, diff.mask, bool(diff.bands))

    return _each(compare)


class _Process:
    """A process that answers each line of JSON with a line of JSON."""

    def __init__(self, command: Sequence[str], number: int, ends: ExitStack) -> None:
        """Starts it and waits until it says that it is ready."""
        self.number, self._command = number, " ".join(command)
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        ends.callback(self._process.wait)
        ends.callback(self._process.terminate)
        self._read()

    def ask(self, question: object) -> Any:
        """Sends one line and returns the answer."""
        print(json.dumps(question), file=self._process.stdin, flush=True)
        return self._read()

    def _read(self) -> Any:
        if self._process.stdout is None or not (line := self._process.stdout.readline()):
            raise RuntimeError(f"{self._command} ended with {self._process.wait()}")
        return json.loads(line)


def _on_processes(
    ends: ExitStack, command: Sequence[str], compare: Callable[[_Process, Pair], Found]
) -> Compare:
    """Compares each pair in one of two processes, the one that is free."""
    free: queue.SimpleQueue[_Process] = queue.SimpleQueue()
    for number in range(WORKERS):
        free.put(_Process(command, number, ends))

    def compare_on_free(pair: Pair) -> Found:
        process = free.get()
        try:
            return compare(process, pair)
        finally:
            free.put(process)

    return _each(compare_on_free)


def _odiff_servers(compare: Callable[[_Process, Pair], Found], ends: ExitStack) -> Compare:
    return _on_processes(ends, [str(find_engine().binary), "--server"], compare)


def _count(process: _Process, base: Path, head: Path, mask: Path, threshold: float) -> int:
    """Changed pixels as odiff's server counts them; it writes the mask if there are any."""
    options = {"threshold": threshold, "antialiasing": True, "outputDiffMask": True}
    files = {"base": str(base), "compare": str(head), "output": str(mask)}
    answer = process.ask({"requestId": 1, **files, "options": options})
    return 0 if answer["match"] else int(answer["diffCount"])


def _both_passes(process: _Process, pair: Pair) -> Found:
    """The sensitive pass, then the structural one. Its best case: its input files are there."""
    mask, other = (pair.output.with_name(f"{pair.output.name}-{n}.png") for n in range(2))
    changed = _count(process, *pair.files, mask, SENSITIVE)
    structural = _count(process, *pair.files, other, STRUCTURAL)
    return Found(changed, structural, mask if changed else None)


def _as_sentry(process: _Process, pair: Pair) -> Found:
    """As Sentry's snapshot comparison works, from a description of it: bytes to a grey mask.

    Kinder than it could be: opaque images stay RGB, which encodes faster than RGBA.
    """
    with tempfile.TemporaryDirectory(dir=pair.output.parent) as folder:
        base, head, mask = (Path(folder, f"{name}.png") for name in ("base", "head", "mask"))
        images = [Image.open(io.BytesIO(body)) for body in (pair.base, pair.head)]
        size = max(i.width for i in images), max(i.height for i in images)
        mode = "RGB" if all(image.mode == "RGB" for image in images) else "RGBA"
        for image, file in zip(images, (base, head), strict=True):
            canvas = Image.new(mode, size)
            canvas.paste(image if image.mode == mode else image.convert(mode))
            canvas.save(file)
        if not _count(process, base, head, mask, 0.01):
            return Found(0)
        with Image.open(mask) as shown:
            grey = shown.convert("RGBA").getchannel("A").point([0] + [255] * 255)
    encoded = io.BytesIO()
    grey.save(encoded, "PNG")
    return Found(grey.histogram()[255], mask=encoded.getvalue())


def _odiff_command(ends: ExitStack) -> Compare:
    """The command line of odiff: a process for each pair, one pass."""

    def compare(pair: Pair) -> Found:
        output = pair.output.with_name(pair.output.name + "-cli.png")
        words = [find_engine().binary, *pair.files, output, "--threshold", SENSITIVE]
        words += ["--antialiasing", "--diff-mask", "--parsable-stdout"]
        ended = subprocess.run(list(map(str, words)), capture_output=True, text=True)
        if ended.returncode == 0:
            return Found(0)
        count = re.match(r"(\d+)", ended.stdout)
        return Found(int(count[1]) if count else None, mask=output)

    return _each(compare)


def _in_node(engine: str, package: str, ends: ExitStack) -> Compare:
    """Two processes of rivals.mjs; each writes one file again and again."""

    def compare(process: _Process, pair: Pair) -> Found:
        base, head = map(str, pair.files)
        output = str(pair.output.with_name(f"{engine}-{process.number}.png"))
        question = {"base": base, "head": head, "output": output, "threshold": SENSITIVE}
        changed = process.ask(question)["changed"]
        return Found(changed, refused=changed is None)

    npm_version(package)
    return _on_processes(ends, [_node(), str(HERE / "rivals.mjs"), engine], compare)


def _reg_cli(ends: ExitStack) -> Compare:
    """reg-cli on two folders; its start counts, as nobody runs it as a server."""
    npm_version("reg-cli")
    command = [_node(), str(HERE / "node_modules" / "reg-cli" / "dist" / "cli.js")]

    def run(pairs: Sequence[Pair]) -> list[Found]:
        # One call for all pairs; below twenty it takes one process whatever it is told.
        place = pairs[0].output.parent.parent
        report = place / "reg.json"
        report.unlink(missing_ok=True)
        words = [*command, *(str(place / name) for name in ("head", "base", "reg"))]
        words += ["-C", str(WORKERS), "-M", str(SENSITIVE), "-A", "-I", "-J", str(report)]
        subprocess.run(words, check=True, capture_output=True, cwd=place)
        failed = set(json.loads(report.read_text())["failedItems"])
        # It does not say how many pixels differ, only that some do.
        return [Found(None if pair.files[1].name in failed else 0) for pair in pairs]

    return run


def _pixelhog(call: str, ends: ExitStack) -> Compare:
    """The batch call of pixelhog; it has threads of its own, one for each core."""
    os.environ["RAYON_NUM_THREADS"] = str(WORKERS)
    batch = getattr(_package("pixelhog"), call)

    def run(pairs: Sequence[Pair]) -> list[Found]:
        # The count follows the image, if one is made.
        answers = batch([(pair.base, pair.head) for pair in pairs], threshold=SENSITIVE)
        return [Found(next(part for part in answer if isinstance(part, int))) for answer in answers]

    return run


def _blazediff(extension: str, ends: ExitStack) -> Compare:
    """The Python binding of blazediff; it holds the interpreter's lock, hence two processes.

    Its own PNG codec, which has to be asked for, is four times as fast as its default.
    """
    os.environ["BLAZEDIFF_PNG_ENABLED"] = "1"
    _package("blazediff")
    spawn = multiprocessing.get_context("spawn")
    both_ready = spawn.Barrier(WORKERS + 1)
    processes = spawn.Pool(WORKERS, _load_blazediff, (both_ready,))
    ends.callback(processes.join)
    ends.callback(processes.terminate)
    both_ready.wait(START_SECONDS)

    def run(pairs: Sequence[Pair]) -> list[Found]:
        jobs = [(*map(str, pair.files), str(pair.output.parent), extension) for pair in pairs]
        # In parcels of four: handing over single pairs would show in its times.
        counts = processes.map(_blazediff_count, jobs, chunksize=4)
        return [Found(count, refused=count is None) for count in counts]

    return run


def _load_blazediff(both_ready: Barrier) -> None:
    _package("blazediff")
    both_ready.wait(START_SECONDS)


def _blazediff_count(job: tuple[str, ...]) -> int | None:
    """Runs in a process of its own; returns None where blazediff refuses the pair."""
    base, head, folder, extension = job
    # Each process writes one file again and again: some weigh 12 MB.
    output = f"{folder}/blazediff-{os.getpid()}{extension}"
    options = {"threshold": SENSITIVE, "antialiasing": True, "diff_mask": True}
    found = _package("blazediff").compare(base, head, output, **options)
    if found.match_result:
        return 0
    return None if found.reason == "layout-diff" else int(found.diff_count)


PIXELGATE = Route("pixelgate", "two counts, mask PNG, regions", _pixelgate)
ODIFF_SERVERS = Route(
    "odiff server, both passes", "two counts, two mask PNGs", partial(_odiff_servers, _both_passes)
)
ODIFF_COMMAND = Route("odiff command line", "one count, mask PNG", _odiff_command)
ROUTES = (
    PIXELGATE, ODIFF_SERVERS, ODIFF_COMMAND,
    Route("Sentry's route", "one count, mask PNG", partial(_odiff_servers, _as_sentry)),
    Route("blazediff (PyPI), QOI", "one count, mask QOI", partial(_blazediff, ".qoi")),
    # A PNG can be shown by a browser; not compressed, which is the fastest.
    Route("blazediff (PyPI), PNG", "one count, mask PNG", partial(_blazediff, ".png")),
    Route("blazediff (npm)", "one count, mask PNG", partial(_in_node, "blazediff", BLAZEDIFF)),
    Route("pixelhog, count only", "one count", partial(_pixelhog, "diff_count_batch")),
    Route("pixelhog, diff image", "one count, diff PNG", partial(_pixelhog, "diff_batch")),
    # As Playwright and jest-image-snapshot use it.
    Route("pixelmatch with pngjs", "one count, diff PNG",
          partial(_in_node, "pixelmatch", "pixelmatch")),
    Route("reg-cli", "changed or not, diff PNG", _reg_cli),
)  # fmt: skip


def npm_version(package: str) -> str:
    """The version of an npm package that is installed here. Raises Missing."""
    try:
        manifest = (HERE / "node_modules" / package / "package.json").read_text()
    except OSError as error:
        raise Missing(f"npm's {package} is not installed") from error
    return str(json.loads(manifest)["version"])


def _node() -> str:
    if (found := shutil.which("node")) is None:
        raise Missing("Node is not installed")
    return found


def _package(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise Missing(f"not installed: {error}") from error
