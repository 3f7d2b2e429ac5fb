"""Finds what runs have left behind that nobody will ever read: part of the sweeper, by day."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby

from pixelgate.domain import keys
from pixelgate.domain.keys import ComparisonId
from pixelgate.domain.records import ComparisonRecord, State
from pixelgate.errors import NotFound
from pixelgate.pipeline.context import StorageContext
from pixelgate.ports import Bucket, Listed

# S3 dates objects in whole seconds, and its clock is not the workers'. An earlier life of a record
# ended weeks before.
_HOUR = 3_600.0


def projects(bucket: Bucket) -> list[str]:
    """Every project that has builds or results, or had some."""
    tops = ("builds/", "comparisons/", "uploads/", "images/", "diffs/", "aside/")
    return sorted({name for top in tops for name in bucket.folders(top)})


def orphans(
    project: str, records: StorageContext, *, older_than: float
) -> Iterator[tuple[str, list[str]]]:
    """Executions that left files which nobody refers to, with those files.

    These are all files of an execution that never published and never will, and of one that did
    what its workers left for one another. Nothing is touched of an execution that a record or a
    status.json shows, nor of a time before its record: that one may have been published by a
    record which has expired since.

    Args:
        project: its id.
        records: bucket and table.
        older_than: seconds since the execution wrote last; longer than any worker lives.
    """
    now = records.clock()
    entries = records.objects.list(f"comparisons/{project}/")
    for run, found in groupby(entries, key=lambda entry: entry.key.split("/", 5)[2:5]):
        head, base, execution = run
        files = list(found)
        if now - max(entry.modified for entry in files) < older_than:
            continue
        record = records.ledger.comparison(ComparisonId(project, head, base))
        if record is None or not record.finished:
            continue
        if _is_shown(record, execution, records) or _is_earlier(files, record):
            files = [entry for entry in files if keys.is_scratch(entry.key)]
        if files:
            yield execution, [entry.key for entry in files]


def _is_earlier(files: list[Listed], record: ComparisonRecord) -> bool:
    return min(entry.modified for entry in files) < record.created - _HOUR


def _is_shown(record: ComparisonRecord, execution: str, records: StorageContext) -> bool:
    if record.state is State.SUCCEEDED and record.execution == execution:
        return True
    try:
        status = json.loads(records.objects.read(keys.status(record.head)))
    except NotFound:
        return False
    return f"/{execution}/" in str(status["comparison"])
