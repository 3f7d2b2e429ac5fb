"""The ways from two screenshots to what differs: pixelgate's and the rivals'.

Every route compares the same pairs with two workers (threads or processes), in the fastest set-up
that we found for it. All of them measure colours on one scale, the YIQ distance of Kotsarenko and
Ramos from 0 to 1, so one threshold means the same to each.
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
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, ClassVar

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


class Route:
    """One way to compare pairs. It is started once and used for several rounds.

    Attributes:
        name: its name in the table.
        gives: what one gets for the time.
    """

    name: ClassVar[str]
    gives: ClassVar[str]

    def __init__(self) -> None:
        """Starts what a service starts once, not for each pair. Raises Missing."""
        self._ends = ExitStack()

    def run(self, pairs: Sequence[Pair]) -> list[Found]:
        """Compares all pairs in two threads. This is what is timed."""
        with ThreadPoolExecutor(WORKERS) as threads:
            return list(threads.map(self.compare, pairs))

    def compare(self, pair: Pair) -> Found:
        """Compares one pair."""
        raise NotImplementedError

    def close(self) -> None:
        """Ends what the constructor started."""
        self._ends.close()


class Pixelgate(Route):
    """Our own engine, as a worker runs it: from bytes in memory to counts, mask and regions."""

    name, gives = "pixelgate", "two counts, mask PNG, regions"

    def __init__(self) -> None:
        """Starts a pool of two."""
        super().__init__()
        binary = find_engine().binary
        self._pool = SharedDiffers([OdiffDiffer(OdiffServer(binary)) for _ in range(WORKERS)])
        self._ends.callback(self._pool.close)

    def compare(self, pair: Pair) -> Found:
        """Compares with the default policy."""
        diff = self._pool.diff(pair.base, pair.head, Policy())
        return Found(diff.changed_pixels, diff.structural_pixels, diff.mask, bool(diff.bands))


class _Processes(Route):
    """Two processes that answer each line of JSON with a line of JSON."""

    def __init__(self) -> None:
        """Starts both and waits until they say that they are ready."""
        super().__init__()
        self._free: queue.SimpleQueue[tuple[int, subprocess.Popen[str]]] = queue.SimpleQueue()
        command = self.command()
        for number in range(WORKERS):
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            self._ends.callback(process.wait)
            self._ends.callback(process.terminate)
            self._read(process)
            self._free.put((number, process))

    def command(self) -> list[str]:
        """What to start."""
        raise NotImplementedError

    def compare(self, pair: Pair) -> Found:
        """Takes the process that is free."""
        number, process = self._free.get()
        try:
            return self.compare_on(process, number, pair)
        finally:
            self._free.put((number, process))

    def compare_on(self, process: subprocess.Popen[str], number: int, pair: Pair) -> Found:
        """Compares one pair in this process, which nobody else uses meanwhile."""
        raise NotImplementedError

    def ask(self, process: subprocess.Popen[str], question: object) -> Any:
        """Sends one line and returns the answer."""
        if process.stdin is None:
            raise AssertionError
        process.stdin.write(json.dumps(question) + "\n")
        process.stdin.flush()
        return self._read(process)

    def _read(self, process: subprocess.Popen[str]) -> Any:
        if process.stdout is None:
            raise AssertionError
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name}: its process ended with {process.wait()}")
        return json.loads(line)


class OdiffServers(_Processes):
    """Both passes on two plain odiff servers. Writing the files is not counted: its best case."""

    name, gives = "odiff server, both passes", "two counts, two mask PNGs"

    def command(self) -> list[str]:
        """The server of odiff."""
        return [str(find_engine().binary), "--server"]

    def compare_on(self, process: subprocess.Popen[str], number: int, pair: Pair) -> Found:
        """The sensitive pass, then the structural one."""
        mask, other = (pair.output.with_name(f"{pair.output.name}-{n}.png") for n in range(2))
        changed = self.count(process, *pair.files, mask, SENSITIVE)
        structural = self.count(process, *pair.files, other, STRUCTURAL)
        return Found(changed, structural, mask if changed else None)

    def count(
        self, process: subprocess.Popen[str], base: Path, head: Path, mask: Path, threshold: float
    ) -> int:
        """Changed pixels; odiff writes the mask if there are any."""
        options = {"threshold": threshold, "antialiasing": True, "outputDiffMask": True}
        files = {"base": str(base), "compare": str(head), "output": str(mask)}
        answer = self.ask(process, {"requestId": 1, **files, "options": options})
        return 0 if answer["match"] else int(answer["diffCount"])


class Sentry(OdiffServers):
    """As Sentry's snapshot comparison works, from a description of it: bytes to a grey mask.

    Kinder than it could be: opaque images stay RGB, which encodes faster than RGBA.
    """

    name, gives = "Sentry's route", "one count, mask PNG"

    def compare_on(self, process: subprocess.Popen[str], number: int, pair: Pair) -> Found:
        """Pad, encode, ask odiff, decode its mask, count, encode."""
        with tempfile.TemporaryDirectory(dir=pair.output.parent) as folder:
            base, head, mask = (Path(folder, f"{name}.png") for name in ("base", "head", "mask"))
            images = [Image.open(io.BytesIO(body)) for body in (pair.base, pair.head)]
            size = max(i.width for i in images), max(i.height for i in images)
            mode = "RGB" if all(image.mode == "RGB" for image in images) else "RGBA"
            for image, file in zip(images, (base, head), strict=True):
                canvas = Image.new(mode, size)
                canvas.paste(image if image.mode == mode else image.convert(mode))
                canvas.save(file)
            if not self.count(process, base, head, mask, 0.01):
                return Found(0)
            with Image.open(mask) as shown:
                grey = shown.convert("RGBA").getchannel("A").point([0] + [255] * 255)
        encoded = io.BytesIO()
        grey.save(encoded, "PNG")
        return Found(grey.histogram()[255], mask=encoded.getvalue())


class OdiffCommand(Route):
    """odiff's command line: a process for each pair, one pass."""

    name, gives = "odiff command line", "one count, mask PNG"

    def compare(self, pair: Pair) -> Found:
        """Runs it on the two files."""
        output = pair.output.with_name(pair.output.name + "-cli.png")
        words = [find_engine().binary, *pair.files, output, "--threshold", SENSITIVE]
        words += ["--antialiasing", "--diff-mask", "--parsable-stdout"]
        ended = subprocess.run(list(map(str, words)), capture_output=True, text=True)
        if ended.returncode == 0:
            return Found(0)
        count = re.match(r"(\d+)", ended.stdout)
        return Found(int(count[1]) if count else None, mask=output)


class _Node(_Processes):
    """Two processes of rivals.mjs."""

    engine: ClassVar[str]
    package: ClassVar[str]

    def command(self) -> list[str]:
        """Node with the rival's package."""
        npm_version(self.package)
        return [_node(), str(HERE / "rivals.mjs"), self.engine]

    def compare_on(self, process: subprocess.Popen[str], number: int, pair: Pair) -> Found:
        """Each process writes one file again and again."""
        base, head = map(str, pair.files)
        output = str(pair.output.with_name(f"{self.engine}-{number}.png"))
        question = {"base": base, "head": head, "output": output, "threshold": SENSITIVE}
        changed = self.ask(process, question)["changed"]
        return Found(changed, refused=changed is None)


class Pixelmatch(_Node):
    """pixelmatch with pngjs, as Playwright and jest-image-snapshot use it."""

    name, gives = "pixelmatch with pngjs", "one count, diff PNG"
    engine, package = "pixelmatch", "pixelmatch"


class BlazediffNode(_Node):
    """blazediff's N-API binding; it works in Node's only thread, hence two processes."""

    name, gives = "blazediff (npm)", "one count, mask PNG"
    engine, package = "blazediff", BLAZEDIFF


class RegCli(Route):
    """reg-cli on two folders; its start counts, as nobody runs it as a server."""

    name, gives = "reg-cli", "changed or not, diff PNG"

    def __init__(self) -> None:
        """Finds it."""
        super().__init__()
        npm_version("reg-cli")
        self._command = [_node(), str(HERE / "node_modules" / "reg-cli" / "dist" / "cli.js")]

    def run(self, pairs: Sequence[Pair]) -> list[Found]:
        """One call for all pairs; below twenty it takes one process whatever it is told."""
        place = pairs[0].output.parent.parent
        report = place / "reg.json"
        report.unlink(missing_ok=True)
        words = [*self._command, str(place / "head"), str(place / "base"), str(place / "reg")]
        words += ["-C", str(WORKERS), "-M", str(SENSITIVE), "-A", "-I", "-J", str(report)]
        subprocess.run(words, check=True, capture_output=True, cwd=place)
        failed = set(json.loads(report.read_text())["failedItems"])
        # It does not say how many pixels differ, only that some do.
        return [Found(None if pair.files[1].name in failed else 0) for pair in pairs]


class PixelhogCount(Route):
    """pixelhog's batch call; it has threads of its own, one for each core."""

    name, gives, call = "pixelhog, count only", "one count", "diff_count_batch"

    def __init__(self) -> None:
        """Loads it."""
        super().__init__()
        os.environ["RAYON_NUM_THREADS"] = str(WORKERS)
        self._batch = getattr(_package("pixelhog"), self.call)

    def run(self, pairs: Sequence[Pair]) -> list[Found]:
        """One call for all pairs; the count follows the image, if one is made."""
        answers = self._batch([(pair.base, pair.head) for pair in pairs], threshold=SENSITIVE)
        return [Found(next(part for part in answer if isinstance(part, int))) for answer in answers]


class PixelhogImage(PixelhogCount):
    """The same with its diff image."""

    name, gives, call = "pixelhog, diff image", "one count, diff PNG", "diff_batch"


class Blazediff(Route):
    """blazediff's Python binding; it holds the interpreter's lock, hence two processes.

    Its own PNG codec, which has to be asked for, is four times as fast as its default.
    """

    name, gives, extension = "blazediff (PyPI), QOI", "one count, mask QOI", ".qoi"

    def __init__(self) -> None:
        """Starts both processes and has them load it."""
        super().__init__()
        os.environ["BLAZEDIFF_PNG_ENABLED"] = "1"
        _package("blazediff")
        spawn = multiprocessing.get_context("spawn")
        both_ready = spawn.Barrier(WORKERS + 1)
        self._processes = spawn.Pool(WORKERS, _load_blazediff, (both_ready,))
        self._ends.callback(self._processes.join)
        self._ends.callback(self._processes.terminate)
        both_ready.wait(START_SECONDS)

    def run(self, pairs: Sequence[Pair]) -> list[Found]:
        """In parcels of four: handing over single pairs would show in its times."""
        jobs = [(*map(str, pair.files), str(pair.output.parent), self.extension) for pair in pairs]
        counts = self._processes.map(_blazediff, jobs, chunksize=4)
        return [Found(count, refused=count is None) for count in counts]


class BlazediffPng(Blazediff):
    """The same with the mask as a PNG, which a browser can show; not compressed, its fastest."""

    name, gives, extension = "blazediff (PyPI), PNG", "one count, mask PNG", ".png"


ROUTES: tuple[type[Route], ...] = (
    Pixelgate, OdiffServers, OdiffCommand, Sentry, Blazediff, BlazediffPng, BlazediffNode,
    PixelhogCount, PixelhogImage, Pixelmatch, RegCli,
)  # fmt: skip


def npm_version(package: str) -> str:
    """The version of an npm package that is installed here. Raises Missing."""
    try:
        manifest = (HERE / "node_modules" / package / "package.json").read_text()
    except OSError as error:
        raise Missing(f"npm's {package} is not installed") from error
    return str(json.loads(manifest)["version"])


def _node() -> str:
    found = shutil.which("node")
    if found is None:
        raise Missing("Node is not installed")
    return found


def _package(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise Missing(f"not installed: {error}") from error


def _load_blazediff(both_ready: Barrier) -> None:
    _package("blazediff")
    both_ready.wait(START_SECONDS)


def _blazediff(job: tuple[str, ...]) -> int | None:
    """Runs in a process of its own; returns None where blazediff refuses the pair."""
    base, head, folder, extension = job
    # Each process writes one file again and again: some weigh 12 MB.
    output = f"{folder}/blazediff-{os.getpid()}{extension}"
    options = {"threshold": SENSITIVE, "antialiasing": True, "diff_mask": True}
    found = _package("blazediff").compare(base, head, output, **options)
    if found.match_result:
        return 0
    return None if found.reason == "layout-diff" else int(found.diff_count)
