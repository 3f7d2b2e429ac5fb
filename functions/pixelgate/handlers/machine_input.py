"""Parses the input of the state machine's functions: the worker and the publisher."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, NonNegativeInt, PositiveInt

from pixelgate.domain.keys import ComparisonId
from pixelgate.pipeline.compare.batches import Batch, Handed
from pixelgate.pipeline.compare.fan_out import Round


class _Lines(BaseModel):
    number: NonNegativeInt
    offset: NonNegativeInt
    length: PositiveInt


class _Handed(BaseModel):
    project: str
    head: str
    base: str
    execution: str


class _Work(_Handed):
    batch: _Lines


class _Round(BaseModel):
    number: NonNegativeInt
    list: str
    concurrency: PositiveInt
    batches: NonNegativeInt = 0


class _Search(_Handed):
    find_lost: _Round


class _Caught(BaseModel):
    Error: str
    Cause: str = ""


class _Publish(_Handed):
    caught: _Caught | None = None


def parse_work(event: dict[str, Any]) -> tuple[Handed, Batch]:
    """Parses a worker's input. Raises ValidationError if another version's machine sent it."""
    given = _Work.model_validate(event)
    return _handed(given), Batch(given.batch.number, given.batch.offset, given.batch.length)


def parse_search(event: dict[str, Any]) -> tuple[Handed, Round] | None:
    """Parses the input of the search for lost batches; None if it is of another step."""
    if "find_lost" not in event:
        return None
    given = _Search.model_validate(event)
    return _handed(given), Round(**given.find_lost.model_dump())


def parse_publish(event: dict[str, Any]) -> tuple[Handed, str | None]:
    """Parses the publisher's input: the comparison, and the error if the workers failed."""
    given = _Publish.model_validate(event)
    caught = given.caught
    return _handed(given), f"{caught.Error}: {caught.Cause}" if caught else None


def _handed(given: _Handed) -> Handed:
    return Handed(ComparisonId(given.project, given.head, given.base), given.execution)
