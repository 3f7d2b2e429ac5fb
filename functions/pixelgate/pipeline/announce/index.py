"""Adds published results and their reviews to the index of their project.

A run writes its entry beside its unpublished result. Whoever announces the result copies it to the
index, however large the comparison was. Each later state of the review adds a change. Lines are
only added, under keys that follow from what they say, so two announcements of one state are one.
"""

from __future__ import annotations

from contextlib import suppress

from pixelgate.domain import keys
from pixelgate.domain.history import Change, Entry, change_of, decode, encode
from pixelgate.domain.records import ComparisonRecord, State
from pixelgate.errors import NotFound, WriteConflict
from pixelgate.pipeline.announce.review_store import ReviewStatus
from pixelgate.pipeline.announce.status import iso
from pixelgate.ports import Bucket

CONTENT_TYPE = "application/gzip"


def write_part(entry: Entry, objects: Bucket) -> None:
    """Writes the entry of an unpublished result beside it."""
    key = keys.history_part(entry.comparison, entry.execution)
    objects.write(key, encode([entry]), CONTENT_TYPE)


def add_to_index(record: ComparisonRecord, now: ReviewStatus, objects: Bucket) -> None:
    """Adds a published result, and the state of its review, to the index.

    A failed comparison leaves nothing there. Of a result of a version that wrote no entry, only
    reviews are added: `pixelgate admin index` adds the result.
    """
    if record.state is not State.SUCCEEDED:
        return
    project, build, execution = record.id.project, record.id.head, record.execution
    entry = read_part(record, objects)
    change = _change(record, now)
    at = entry.at if entry else iso(record.claimed)
    if now.review_log.reviews or now.review_log.granted:
        # Whoever adds to the log has announced the result before, and so added the entry.
        key = keys.index_line(project, at, build, execution, f"{change.revision:06}")
        _add(key, change, objects)
    elif entry is not None:
        key = keys.index_line(project, at, build, execution)
        _add(key, entry.with_change(change), objects)


def _change(record: ComparisonRecord, now: ReviewStatus) -> Change:
    status = now.to_status_json(record)
    state = str(status["state"]) if status else ""
    granted = (now.reviewable and now.reviewable.granted) or now.review_log.granted
    return change_of(record.id.head, record.execution, state, now.review_log, granted)


def read_part(record: ComparisonRecord, objects: Bucket) -> Entry | None:
    """Returns the entry that a run wrote beside its result; None if it wrote none."""
    try:
        body = objects.read(keys.history_part(record.id, record.execution))
    except NotFound:
        return None
    entry = next(decode(record.id.project, body), None)
    return entry if isinstance(entry, Entry) else None


def _add(key: str, line: Entry | Change, objects: Bucket) -> None:
    with suppress(WriteConflict):  # it is there
        objects.replace(key, encode([line]), CONTENT_TYPE, None)
