"""Says which lines of two images are compared with each other; a line is a row or a column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pixelgate.domain.comparison import Axis, Band, BandKind

Indices = npt.NDArray[np.int64]  # (lines,)


@dataclass(frozen=True)
class Alignment:
    """A canvas on which both images have room: one line for each pair and each line of a band."""

    bands: tuple[Band, ...]  # in order, all of one axis; lines outside them are paired
    base_length: int  # lines of the base image

    @property
    def length(self) -> int:
        """Lines of the canvas."""
        inserted = (b.length for b in self.bands if b.kind is BandKind.INSERTED)
        return self.base_length + sum(inserted)

    def base_lines(self) -> Indices:
        """For each line of the canvas base's line, or -1 where base has none."""
        return self._lines(absent=BandKind.INSERTED)

    def head_lines(self) -> Indices:
        """For each line of the canvas head's line, or -1 where head has none."""
        return self._lines(absent=BandKind.DELETED)

    def pairs(self) -> tuple[Indices, Indices]:
        """Base's lines and head's that are compared with one another, both ascending."""
        base, head = self.base_lines(), self.head_lines()
        both = (base >= 0) & (head >= 0)
        return base[both], head[both]

    def _lines(self, absent: BandKind) -> Indices:
        present = np.ones(self.length, bool)
        for band in self.bands:
            if band.kind is absent:
                present[band.start : band.stop] = False
        return np.where(present, np.cumsum(present) - 1, -1)


class Run(NamedTuple):
    """Consecutive lines of both images that are paired."""

    base: int
    head: int
    length: int


class Gap(NamedTuple):
    """Lines of both images that lie between two runs; either side may be empty."""

    base: slice
    head: slice

    @property
    def lengths(self) -> tuple[int, int]:
        """Lines of base and of head."""
        return self.base.stop - self.base.start, self.head.stop - self.head.start


def gaps_between(whole: Gap, runs: Iterable[Run]) -> Iterator[Gap]:
    """What the runs leave of it, in order."""
    y, z = whole.base.start, whole.head.start
    for b, h, n in [*runs, Run(whole.base.stop, whole.head.stop, 0)]:
        if b > y or h > z:
            yield Gap(slice(y, b), slice(z, h))
        y, z = b + n, h + n


def bands_between(runs: Iterable[Run], axis: Axis) -> tuple[Band, ...]:
    """The lines between the runs, each on one side only; the runs cover all the others."""
    bands = []
    at = base = head = 0
    for b, h, n in runs:
        for kind, length in ((BandKind.DELETED, b - base), (BandKind.INSERTED, h - head)):
            if length:
                bands.append(Band(kind, at, length, base, head, axis))
                at += length
                base, head = (b, head) if kind is BandKind.DELETED else (base, h)
        at, base, head = at + n, b + n, h + n
    return tuple(bands)
