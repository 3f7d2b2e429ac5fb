"""How fast this machine can decode a PNG: the floor under every comparison of two of them."""

from __future__ import annotations

import io
import statistics
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from bench.speed.pairs import Pair
from bench.speed.routes.base import Missing, optional
from pixelgate.engine import png
from pixelgate.engine.buffers import BufferPool

Pixels = npt.NDArray[np.uint8]
Decode = Callable[[bytes], Pixels]

ROUNDS = 5
SAMPLES = 6  # images of each size
_SIZE = slice(16, 24)  # where a PNG says its width and height


@dataclass(frozen=True)
class Decoder:
    """A decoder and what it takes.

    Attributes:
        name: the package, and the function where there are several.
        milliseconds: processor time for an image of each size; it is empty if `problem` is set.
        problem: why it could not be measured, or is no choice.
    """

    name: str
    milliseconds: dict[str, float]
    problem: str = ""


def measure(pairs: Sequence[Pair]) -> list[Decoder]:
    """All decoders on some of the images, the quickest first.

    Processor time of one thread: other programs on the machine disturb it least.
    """
    samples = _samples(pairs)
    return sorted(
        (_measure(name, make, samples) for name, make in DECODERS.items()),
        key=lambda decoder: sum(decoder.milliseconds.values()) or float("inf"),
    )


def _samples(pairs: Sequence[Pair]) -> dict[str, list[bytes]]:
    """The two commonest sizes of image, a few of each."""
    by_size: dict[str, list[bytes]] = {}
    for pair in pairs:
        width, height = np.frombuffer(pair.head[_SIZE], ">u4").tolist()
        by_size.setdefault(f"{width}x{height}", []).append(pair.head)
    commonest = sorted(by_size.items(), key=lambda item: -len(item[1]))[:2]
    return {size: bodies[:: max(1, len(bodies) // SAMPLES)][:SAMPLES] for size, bodies in commonest}


def _measure(name: str, make: Callable[[], Decode], samples: dict[str, list[bytes]]) -> Decoder:
    try:
        decode = make()
    except Missing as missing:
        return Decoder(name, {}, str(missing))
    if not all(_is_right(decode, body) for bodies in samples.values() for body in bodies):
        return Decoder(name, {}, "other pixels than Pillow's")
    taken: dict[str, list[float]] = {size: [] for size in samples}
    for _ in range(ROUNDS):
        for size, bodies in samples.items():
            began = time.thread_time()
            for body in bodies:
                decode(body)
            taken[size].append((time.thread_time() - began) / len(bodies) * 1000)
    return Decoder(name, {size: statistics.median(t) for size, t in taken.items()})


def _is_right(decode: Decode, body: bytes) -> bool:
    """Whether it gives Pillow's pixels, in one order of channels or the other."""
    with Image.open(io.BytesIO(body)) as image:
        right = np.asarray(image)
    try:
        pixels = decode(body)
    except Exception:  # whatever a decoder raises: it is no choice
        return False
    if pixels.shape != right.shape:
        return False
    swapped = [2, 1, 0, 3][: right.shape[2]] if right.ndim == 3 else ...
    return np.array_equal(pixels, right) or np.array_equal(pixels[..., swapped], right)


def _pillow() -> Decode:
    def decode(body: bytes) -> Pixels:
        with Image.open(io.BytesIO(body)) as image:
            return np.asarray(image)

    return decode


def _imagecodecs(function: str) -> Callable[[], Decode]:
    """With a buffer for each thread and size that is used again: no new pages to be mapped."""

    def make() -> Decode:
        native = getattr(optional("imagecodecs"), function)
        buffers = threading.local()

        def decode(body: bytes) -> Pixels:
            kept: Pixels | None = getattr(buffers, str(body[_SIZE]), None)
            try:
                decoded: Pixels = native(body, out=kept)
            except ValueError:  # another number of channels than the last image of this size
                decoded = native(body)
            setattr(buffers, str(body[_SIZE]), decoded)
            return decoded

        return decode

    return make


def _imgread() -> Decode:
    load: Decode = optional("imgread").load_numpy_from_bytes
    return load


def _opencv() -> Decode:
    cv2 = optional("cv2")

    def decode(body: bytes) -> Pixels:
        raw = np.frombuffer(body, np.uint8)
        decoded: Pixels = cv2.imdecode(raw, cv2.IMREAD_UNCHANGED)
        return decoded

    return decode


def _pyspng() -> Decode:
    load: Decode = optional("pyspng").load
    return load


def _ours() -> Decode:
    kept = threading.local()

    def decode(body: bytes) -> Pixels:
        if not hasattr(kept, "rooms"):
            kept.buffers = BufferPool()  # for one thread
        decoded = png.read(body, kept.buffers, "image")
        if decoded is None:
            raise ValueError("not an ordinary PNG")
        return decoded

    return decode


OURS = "pixelgate"
DECODERS: dict[str, Callable[[], Decode]] = {
    OURS: _ours,
    "imagecodecs spng": _imagecodecs("spng_decode"),
    "imagecodecs png": _imagecodecs("png_decode"),
    "imgread": _imgread,
    "pyspng": _pyspng,
    "opencv": _opencv,
    "pillow": _pillow,
}


def fastest(decoders: Iterable[Decoder], *, without: str = "") -> str:
    """The first name of `measure`'s list that works: Pillow always does."""
    return next(d.name for d in decoders if not d.problem and d.name != without)
