"""Routes that leave the whole work to odiff, on PNG files."""

from __future__ import annotations

import io
import re
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from PIL import Image

from bench.speed.pairs import Pair
from bench.speed.routes.base import SENSITIVE, STRUCTURAL, Found, Route
from bench.speed.workers import WORKERS, Lines, spread
from pixelgate.bootstrap import find_engine

_TO_BLACK_AND_WHITE = [0] + [255] * 255


class Server(Lines):
    """A plain `odiff --server`."""

    def __init__(self) -> None:
        super().__init__([find_engine().binary, "--server"])
        self.read()
        self._requests = 0

    def count(self, base: Path, head: Path, output: Path, threshold: float) -> int:
        """Changed pixels; the mask is at `output` if there are any."""
        self._requests += 1
        options = {"threshold": threshold, "antialiasing": True, "outputDiffMask": True}
        answer = self.ask(
            {
                "requestId": self._requests,
                "base": str(base),
                "compare": str(head),
                "output": str(output),
                "options": options,
            }
        )
        return 0 if answer["match"] else int(answer["diffCount"])


class _Servers(Route):
    """Two odiff servers, each driven by a thread."""

    def start(self) -> None:
        """Two servers, ready."""
        self._servers = [Server() for _ in range(WORKERS)]

    def run(self, pairs: Sequence[Pair]) -> list[Found]:
        """Each server takes the next pair when it is free."""
        workers: list[Callable[[Pair], Found]] = [partial(self.compare, s) for s in self._servers]
        return spread(pairs, workers)

    def compare(self, server: Server, pair: Pair) -> Found:
        """One pair on one server."""
        raise NotImplementedError

    def close(self) -> None:
        """Ends the servers."""
        for server in self._servers:
            server.close()


class Plain(_Servers):
    """Both passes on the PNG files. Writing the files is not counted: its best setting."""

    name = "odiff server, both passes"
    gives = "two counts, two mask PNGs"

    def compare(self, server: Server, pair: Pair) -> Found:
        """The sensitive pass, then the structural one."""
        mask = pair.output.with_name(pair.output.name + "-sensitive.png")
        other = pair.output.with_name(pair.output.name + "-structural.png")
        changed = server.count(*pair.files, mask, SENSITIVE)
        structural = server.count(*pair.files, other, STRUCTURAL)
        return Found(changed, structural, mask if changed else None)


class Sentry(_Servers):
    """As Sentry's snapshot comparison does it, from a description of it: bytes to a grey mask.

    Kinder than it could be: opaque images stay RGB, which encodes faster than RGBA.
    """

    name = "Sentry's route"
    gives = "one count, mask PNG"
    threshold: ClassVar[float] = 0.01

    def compare(self, server: Server, pair: Pair) -> Found:
        """Pad, encode, ask, decode, count, encode."""
        with tempfile.TemporaryDirectory(dir=pair.output.parent) as folder:
            files = [Path(folder, name) for name in ("base.png", "head.png", "mask.png")]
            images = [Image.open(io.BytesIO(body)) for body in (pair.base, pair.head)]
            size = max(i.width for i in images), max(i.height for i in images)
            mode = "RGB" if all(image.mode == "RGB" for image in images) else "RGBA"
            for image, file in zip(images, files[:2], strict=True):
                canvas = Image.new(mode, size)
                canvas.paste(image if image.mode == mode else image.convert(mode))
                canvas.save(file)
            if not server.count(files[0], files[1], files[2], self.threshold):
                return Found(0)
            with Image.open(files[2]) as mask:
                grey = mask.convert("RGBA").getchannel("A").point(_TO_BLACK_AND_WHITE)
        encoded = io.BytesIO()
        grey.save(encoded, "PNG")
        return Found(grey.histogram()[255], mask=encoded.getvalue())


class CommandLine(Route):
    """A process for each pair, on the PNG files."""

    name = "odiff command line"
    gives = "one count, mask PNG"

    def start(self) -> None:
        """Only finds it."""
        self._binary = find_engine().binary

    def run(self, pairs: Sequence[Pair]) -> list[Found]:
        """Two at a time."""
        return spread(pairs, [self._compare] * WORKERS)

    def _compare(self, pair: Pair) -> Found:
        output = pair.output.with_name(pair.output.name + "-cli.png")
        words = [self._binary, *pair.files, output, "--threshold", str(SENSITIVE)]
        words += ["--antialiasing", "--diff-mask", "--parsable-stdout"]
        ended = subprocess.run(list(map(str, words)), capture_output=True, text=True)
        if ended.returncode == 0:
            return Found(0)
        count = re.match(r"(\d+)", ended.stdout)
        return Found(int(count[1]) if count else None, mask=output)

    def close(self) -> None:
        """Nothing runs."""
