"""Finds files of executions that nobody will read; they are deleted once a day."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from pixelgate.domain import keys
from pixelgate.domain.keys import ComparisonId
from pixelgate.domain.records import ComparisonRecord, State
from pixelgate.pipeline.announce.update import read_json
from pixelgate.pipeline.context import StorageContext
from pixelgate.ports import Bucket

# S3's clock may differ from the workers'. An expired record of the same comparison is weeks older.
_HOUR = 3_600.0


def projects(bucket: Bucket) -> list[str]:
    """Returns every project that has or had builds or comparisons."""
    tops = ("builds/", "comparisons/", "uploads/", "images/", "diffs/", "aside/")
    return sorted({name for top in tops for name in bucket.folders(top)})


def orphans(
    project: str, storage: StorageContext, *, older_than: float
) -> Iterator[tuple[str, list[str]]]:
    """Yields executions that left files to which nothing refers, with the keys of these files.

    They are all files of an execution that published nothing and never will, and the files that
    the workers of a published one exchanged. An execution is published if a record or a status.json
    says so, or if it is older than its record, because an earlier record has expired. Only
    executions that wrote nothing for `older_than` seconds are considered, longer than a worker
    lives.
    """
    now = storage.clock()
    entries = storage.objects.list(f"comparisons/{project}/")
    for run, files_of_run in groupby(entries, key=lambda entry: entry.key.split("/", 5)[2:5]):
        head, base, execution = run
        files = list(files_of_run)
        if now - max(entry.modified for entry in files) < older_than:
            continue
        record = storage.ledger.comparison(ComparisonId(project, head, base))
        if record is None or not record.finished:
            continue
        earlier = min(entry.modified for entry in files) < record.created - _HOUR
        if earlier or _is_shown(record, execution, storage):
            files = [entry for entry in files if keys.is_scratch(entry.key)]
        if files:
            yield execution, [entry.key for entry in files]


def _is_shown(record: ComparisonRecord, execution: str, storage: StorageContext) -> bool:
    if record.state is State.SUCCEEDED and record.execution == execution:
        return True
    status = read_json(storage.objects, keys.status(record.head))
    return status is not None and f"/{execution}/" in str(status["comparison"])
