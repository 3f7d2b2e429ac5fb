"""What came of one delivery."""

from __future__ import annotations

from dataclasses import dataclass

from pixelgate.domain.keys import ComparisonId
from pixelgate.domain.records import ComparisonRecord
from pixelgate.pipeline.diffing.pairs import DiffStats


@dataclass(frozen=True)
class Published:
    """This delivery published the result."""

    record: ComparisonRecord
    tally: DiffStats
    seconds: float
    # Why status.json does not tell of it yet; another delivery will.
    announce_error: Exception | None = None
    # Why thumbnails are missing; the report shows the images themselves.
    thumbnail_error: Exception | None = None


@dataclass(frozen=True)
class Failed:
    """This delivery recorded a failure for good."""

    record: ComparisonRecord


@dataclass(frozen=True)
class Rejected:
    """The manifest is wrong."""

    message: str


@dataclass(frozen=True)
class Duplicate:
    """The comparison was finished before; its status is told again if it was not."""

    record: ComparisonRecord


@dataclass(frozen=True)
class Waiting:
    """The base is not there yet; its arrival, or the end of the grace, delivers the build again."""

    record: ComparisonRecord


@dataclass(frozen=True)
class HandedOver:
    """It is too much for one worker; many go on with it, and publish it."""

    record: ComparisonRecord


@dataclass(frozen=True)
class Superseded:
    """Another worker took over while this one worked; nothing of this run is visible."""

    comparison: ComparisonId


@dataclass(frozen=True)
class Gone:
    """There is no manifest under the key any more."""


Outcome = Published | HandedOver | Failed | Rejected | Duplicate | Waiting | Superseded | Gone
