"""Adds published results and their reviews to the index of their project.

A run writes its entry beside its unpublished result. Whoever announces the result copies it to the
index, however large the comparison was. Each later state of the review adds a change. Lines are
only added, under keys that follow from what they say, so two announcements of one state are one.
"""

from __future__ import annotations

from contextlib import suppress

from pixelgate.domain import keys
from pixelgate.domain.history import Change, Entry, decode, encode, with_log
from pixelgate.domain.records import ComparisonRecord, State
from pixelgate.errors import NotFound, WriteConflict
from pixelgate.pipeline.announce.review_store import ReviewStatus
from pixelgate.ports import Bucket

CONTENT_TYPE = "application/gzip"


def write_part(entry: Entry, objects: Bucket) -> None:
    """Writes the entry of an unpublished result beside it."""
    key = keys.history_part(entry.comparison, entry.execution)
    objects.write(key, encode([entry]), CONTENT_TYPE)


def add_to_index(record: ComparisonRecord, now: ReviewStatus, objects: Bucket) -> None:
    """Adds a published result, and the state of its review, to the index.

    A failed comparison leaves nothing there, nor does a result of a version that wrote no entry:
    `pixelgate admin index` adds those.
    """
    if record.state is not State.SUCCEEDED:
        return
    entry = read_part(record, objects)
    if entry is None:
        return
    reviewed = with_status(entry, record, now)
    _add(keys.index_line(entry.project, entry.at, entry.build, entry.execution), reviewed, objects)
    if now.review_log.reviews or now.review_log.granted:
        revision = f"{now.review_log.revision:06}"
        key = keys.index_line(entry.project, entry.at, entry.build, entry.execution, revision)
        _add(key, reviewed.change, objects)


def read_part(record: ComparisonRecord, objects: Bucket) -> Entry | None:
    """Returns the entry that a run wrote beside its result; None if it wrote none."""
    try:
        body = objects.read(keys.history_part(record.id, record.execution))
    except NotFound:
        return None
    entry = next(decode(record.id.project, body), None)
    return entry if isinstance(entry, Entry) else None


def with_status(entry: Entry, record: ComparisonRecord, now: ReviewStatus) -> Entry:
    """Returns an entry with the state of its review."""
    status = now.to_status_json(record)
    state = str(status["state"]) if status else entry.review
    granted = (now.reviewable and now.reviewable.granted) or now.review_log.granted
    return with_log(entry, state, now.review_log, granted)


def _add(key: str, line: Entry | Change, objects: Bucket) -> None:
    with suppress(WriteConflict):  # it is there
        objects.replace(key, encode([line]), CONTENT_TYPE, None)
