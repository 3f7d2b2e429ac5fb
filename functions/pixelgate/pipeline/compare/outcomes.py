"""The outcomes of one delivery."""

from __future__ import annotations

from dataclasses import dataclass

from pixelgate.domain.cost import Usage
from pixelgate.domain.keys import ComparisonId
from pixelgate.domain.records import ComparisonRecord
from pixelgate.pipeline.diffing.pairs import DiffStats


@dataclass(frozen=True)
class Published:
    """This delivery published the result."""

    record: ComparisonRecord
    tally: DiffStats
    seconds: float
    # Why status.json does not have the result yet; another delivery writes it.
    announce_error: Exception | None = None
    # Why thumbnails are missing; the report shows the images themselves.
    thumbnail_error: Exception | None = None
    # Why the pull request's comment has no pictures.
    preview_error: Exception | None = None
    cost: Usage | None = None  # what the run used, as in its result


@dataclass(frozen=True)
class Failed:
    """This delivery recorded a final failure."""

    record: ComparisonRecord


@dataclass(frozen=True)
class Rejected:
    """The manifest breaks a rule."""

    message: str


@dataclass(frozen=True)
class Duplicate:
    """The comparison had finished before; its result was announced if that was missing."""

    record: ComparisonRecord


@dataclass(frozen=True)
class Waiting:
    """The base is missing; its upload, or the end of the grace period, resumes the build."""

    record: ComparisonRecord


@dataclass(frozen=True)
class HandedOver:
    """The comparison is too large for one worker; many workers compare and publish it."""

    record: ComparisonRecord


@dataclass(frozen=True)
class Superseded:
    """Another worker took over; nothing of this run is visible."""

    comparison: ComparisonId


@dataclass(frozen=True)
class Gone:
    """The manifest was deleted before this delivery."""


Outcome = Published | HandedOver | Failed | Rejected | Duplicate | Waiting | Superseded | Gone
