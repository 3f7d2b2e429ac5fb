"""Our own route, as the pipeline drives it."""

from __future__ import annotations

from collections.abc import Sequence

from bench.speed.pairs import Pair
from bench.speed.routes.base import Found, Route
from bench.speed.workers import WORKERS, spread
from pixelgate.bootstrap import find_engine
from pixelgate.domain.policy import Policy
from pixelgate.engine.differ import OdiffDiffer
from pixelgate.engine.odiff import OdiffServer
from pixelgate.engine.pool import SharedDiffers


class Pixelgate(Route):
    """Bytes in memory in; both counts, the mask as PNG and the regions out."""

    name = "pixelgate"
    gives = "two counts, mask PNG, regions"

    def start(self) -> None:
        """A pool of two, as in a worker."""
        binary = find_engine().binary
        self._differs = SharedDiffers([OdiffDiffer(OdiffServer(binary)) for _ in range(WORKERS)])

    def run(self, pairs: Sequence[Pair]) -> list[Found]:
        """Two threads hand the pool pair after pair."""
        return spread(pairs, [self.compare] * WORKERS)

    def compare(self, pair: Pair) -> Found:
        """One pair."""
        diff = self._differs.diff(pair.base, pair.head, Policy())
        bands = bool(getattr(diff, "bands", ()))
        return Found(diff.changed_pixels, diff.structural_pixels, diff.mask, bands)

    def close(self) -> None:
        """Ends odiff."""
        self._differs.close()
