"""What all routes have in common."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from bench.speed.pairs import Pair

# What our sensitive pass uses; every engine here but ImageMagick's kin measures in this scale,
# the YIQ distance of Kotsarenko and Ramos from 0 to 1.
SENSITIVE, STRUCTURAL = 0.0225, 0.15
WARM_UP = 8


class Missing(Exception):
    """This route cannot run on this machine; the text says why."""


@dataclass(frozen=True)
class Found:
    """What a route says about one pair.

    Attributes:
        changed: pixels that differ under the sensitive threshold; None where it did not count.
        structural: the same under the structural threshold, if the route measures it.
        mask: bytes or file of the mask in which the changed pixels are opaque.
        bands: whether ours took moved rows for moved, so that its counts are not plain odiff's.
        refused: it would not compare them, as when it wants both in one size.
    """

    changed: int | None
    structural: int | None = None
    mask: bytes | Path | None = None
    bands: bool = False
    refused: bool = False


class Route(ABC):
    """One way to compare all pairs, used for several rounds.

    Attributes:
        name: how the table calls it.
        gives: what one gets for the time.
    """

    name: str
    gives: ClassVar[str]

    @abstractmethod
    def start(self) -> None:
        """Starts processes and loads code: what a service does once, not for each pair.

        Raises:
            Missing: it is not installed.
        """

    def warm_up(self, pairs: Sequence[Pair]) -> None:
        """Runs once before it counts: caches, lazy imports, compilers."""
        self.run(pairs[:WARM_UP])

    @abstractmethod
    def run(self, pairs: Sequence[Pair]) -> list[Found]:
        """Compares all pairs; this is what is timed."""

    @abstractmethod
    def close(self) -> None:
        """Ends what `start` began."""


def optional(module: str) -> Any:
    """Imports a rival's package. Raises Missing."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise Missing(f"not installed: {error}") from error
