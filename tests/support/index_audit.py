"""What the index of a project must say: of each published comparison once what it came to."""

from __future__ import annotations

import json
from collections import Counter

from pixelgate.domain import keys
from pixelgate.domain.history import Entry
from pixelgate.domain.keys import BuildId
from pixelgate.domain.records import State
from pixelgate.past.model import Past, read_lines
from support.deliveries import counted
from support.doubles.memory import MemoryBucket, MemoryLedger


def audit_index(
    project: str, objects: MemoryBucket, ledger: MemoryLedger, *, deleted: bool = False
) -> None:
    """Holds a project's index against its records and statuses, when all is announced.

    Args:
        project: whose index.
        objects: what is in the bucket.
        ledger: what is in the table.
        deleted: whether an object was deleted: what a result has for the index may be lost then.

    Raises:
        AssertionError: a result lacks, is there twice or is told wrongly, or something else is
            there.
    """
    found = Counter(
        (line.build, line.execution)
        for line in read_lines(objects, project)
        if isinstance(line, Entry)
    )
    records = {
        (record.id.head, record.execution): record
        for record in ledger.comparisons.values()
        if record.id.project == project and record.state is State.SUCCEEDED
    }
    assert set(found.values()) <= {1}, f"twice in the index: {found}"
    assert found.keys() <= records.keys(), found.keys() - records.keys()
    past = Past.of(objects, project, executions=True)
    entries = {(entry.build, entry.execution): entry for entry in past.entries}
    for one, record in records.items():
        if deleted and one not in entries:
            continue
        entry = entries.get(one)
        assert entry is not None, f"{one} is not in the index"
        assert (entry.comparison, entry.verdict) == (record.id, record.verdict), one
        assert {n: k for n, k in entry.counts.items() if k} == counted(record), one
        status = json.loads(objects.objects[keys.status(BuildId(project, record.id.head))])
        if status["execution"] == record.execution and status["review"] is not None:
            told = status["review"]
            # A refused review counts for nothing, and is the history's business as little.
            revision = entry.revision if not told["refused"] else told["revision"]
            assert (entry.review, revision) == (told["state"], told["revision"]), one
            if told["carried_from"] is None:
                assert set(told["by"]) <= {given.by for given in entry.reviews}, one
