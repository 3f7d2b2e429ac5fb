"""Reads what the state machine says to its workers and to whoever publishes."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, NonNegativeInt, PositiveInt

from pixelgate.domain.keys import ComparisonId
from pixelgate.pipeline.compare.batches import Batch, Handed


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


class _Caught(BaseModel):
    Error: str
    Cause: str = ""


class _Publish(_Handed):
    caught: _Caught | None = None


def work_of(event: dict[str, Any]) -> tuple[Handed, Batch]:
    """What a worker is to do. Raises ValidationError: a state machine of another version."""
    said = _Work.model_validate(event)
    return _handed(said), Batch(said.batch.number, said.batch.offset, said.batch.length)


def result_of(event: dict[str, Any]) -> tuple[Handed, str | None]:
    """Whose result is to be published; and what went wrong, if there cannot be any."""
    said = _Publish.model_validate(event)
    caught = said.caught
    return _handed(said), f"{caught.Error}: {caught.Cause}" if caught else None


def _handed(said: _Handed) -> Handed:
    return Handed(ComparisonId(said.project, said.head, said.base), said.execution)
