"""Parses the input of the state machine's functions: the worker and the publisher."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, NonNegativeInt, PositiveInt

from pixelgate.domain.keys import ComparisonId
from pixelgate.pipeline.compare.batches import Batch, Handed
from pixelgate.pipeline.compare.fan_out import Round


class _Batch(BaseModel):
    number: NonNegativeInt
    offset: NonNegativeInt
    length: PositiveInt


class _Caught(BaseModel):
    Error: str
    Cause: str = ""


class _Handed(BaseModel):
    project: str
    head: str
    base: str
    execution: str

    @property
    def handed(self) -> Handed:
        return Handed(ComparisonId(self.project, self.head, self.base), self.execution)


class _Round(BaseModel):
    number: NonNegativeInt
    list: str
    concurrency: PositiveInt
    batches: NonNegativeInt = 0


class _Search(_Handed):
    find_lost: _Round


class _Work(_Handed):
    batch: _Batch


class _Publish(_Handed):
    caught: _Caught | None = None


def parse_work(event: dict[str, Any]) -> tuple[Handed, Batch]:
    """Parses a worker's input. Raises ValidationError if another version's machine sent it."""
    given = _Work.model_validate(event)
    return given.handed, Batch(**vars(given.batch))


def parse_search(event: dict[str, Any]) -> tuple[Handed, Round] | None:
    """Parses the input of the search for lost batches; None if it is of another step."""
    if "find_lost" not in event:
        return None
    given = _Search.model_validate(event)
    return given.handed, Round(**vars(given.find_lost))


def parse_publish(event: dict[str, Any]) -> tuple[Handed, str | None]:
    """Parses the publisher's input: the comparison, and the error if the workers failed."""
    given = _Publish.model_validate(event)
    caught = given.caught
    return given.handed, f"{caught.Error}: {caught.Cause}" if caught else None
