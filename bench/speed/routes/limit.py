"""What no comparison of two PNG files can undercut: decoding both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.speed.decoders import DECODERS, Pixels
from bench.speed.pairs import Pair
from bench.speed.routes.base import Found, Route
from bench.speed.workers import WORKERS, spread


class DecodeOnce(Route):
    """Both images decoded by the fastest decoder, then read once, side by side."""

    gives = "equal or not"

    def __init__(self, decoder: str) -> None:
        self.name = f"limit: decode both once, {decoder}"
        self._decoder = decoder

    def start(self) -> None:
        """A decoder for each side: one may write into its last image's buffer again."""
        self._decode_base, self._decode_head = (DECODERS[self._decoder]() for _ in range(2))

    def run(self, pairs: Sequence[Pair]) -> list[Found]:
        """Two threads."""
        return spread(pairs, [self._compare] * WORKERS)

    def _compare(self, pair: Pair) -> Found:
        base, head = self._decode_base(pair.base), self._decode_head(pair.head)
        return Found(None if _differs(base, head) else 0)

    def close(self) -> None:
        """Nothing runs."""


def _differs(base: Pixels, head: Pixels) -> bool:
    """Reads both to the end, eight bytes at a time, as fast as memory goes."""
    if base.shape != head.shape:
        return True
    words = base.size // 8 * 8
    flat = [pixels.reshape(-1)[:words].view(np.uint64) for pixels in (base, head)]
    return bool(np.not_equal(*flat).any()) or not np.array_equal(
        base.flat[words:], head.flat[words:]
    )
