"""Where the reviews of a build add up: one object beside its status, changed by compare-and-set."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.domain.records import ComparisonRecord, State
from pixelgate.domain.review_request import Subject
from pixelgate.domain.review_state import Ballot, Tallied, block, block_without_subject, tally
from pixelgate.errors import NotFound
from pixelgate.pipeline.announce.update import update
from pixelgate.ports import Objects


@dataclass(frozen=True)
class Standing:
    """How a comparison stands with its reviewers.

    Attributes:
        ballot: what was decided on this execution.
        subject: what there is to decide; None if there is no result, or nobody knows any more.
        counted: what follows; None without a subject.
    """

    ballot: Ballot
    subject: Subject | None = None
    counted: Tallied | None = None

    def block(self, record: ComparisonRecord) -> dict[str, Any] | None:
        """`review` of status.json."""
        if self.subject:
            return block(self.subject, self.ballot)
        return block_without_subject(record.verdict, _to_review(record.counts), self.ballot)


def standing(record: ComparisonRecord, objects: Objects) -> Standing:
    """Reads how a comparison stands with its reviewers."""
    ballot = read_ballot(record.head, objects)
    if record.state is not State.SUCCEEDED:
        return Standing(ballot)
    ballot = ballot.of_execution(record.execution)
    subject = read_subject(record, objects)
    return Standing(ballot, subject, tally(subject, ballot) if subject else None)


def read_ballot(build: BuildId, objects: Objects) -> Ballot:
    """What was decided on a build so far; an empty one if nobody has said anything."""
    try:
        return Ballot.from_json(json.loads(objects.read(keys.ballot(build))))
    except NotFound:
        return Ballot()


def read_subject(record: ComparisonRecord, objects: Objects) -> Subject | None:
    """What there is to decide on a published result; None if it was deleted."""
    try:
        body = objects.read(keys.result(record.id, record.execution, "review.json"))
    except NotFound:
        return None
    return Subject.from_json(json.loads(body))


def change_ballot(build: BuildId, objects: Objects, change: Callable[[Ballot], Ballot]) -> Ballot:
    """Changes what was decided, whoever else does at the same time.

    Raises:
        WriteConflict: so many others did that another delivery should try again.
    """
    changed = Ballot()

    def encoded(stored: bytes | None) -> bytes | None:
        nonlocal changed
        present = Ballot() if stored is None else Ballot.from_json(json.loads(stored))
        changed = change(present)
        if changed == present:
            return None
        return json.dumps(changed.as_json(), ensure_ascii=False).encode()

    update(objects, keys.ballot(build), encoded)
    return changed


def _to_review(counts: Mapping[str, int]) -> int:
    return sum(counts.get(status, 0) for status in ("changed", "added", "removed", "errored"))
