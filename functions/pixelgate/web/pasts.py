"""Reads the pasts of projects and remembers those whose index did not change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from pixelgate.domain import keys
from pixelgate.past.model import Past
from pixelgate.ports import Bucket, Listed
from pixelgate.web.catalogue import Cache

_REMEMBERED = 4
# Compressed bytes of an index that a page reads: some 20,000 results, which take 4 s and 300 MB. An
# answer may take half a minute, and a function has 1.8 GB.
MOST_BYTES = 16_000_000


class Pasts:
    """The pasts of a bucket's projects. For several threads."""

    def __init__(self, store: Bucket, most: int | None = MOST_BYTES) -> None:
        """Takes how many bytes of an index are read: its newest months, but one at least.

        None reads all of it.
        """
        self._store = store
        self._most = most
        self._known: Cache[Past] = Cache(_REMEMBERED)

    def of(self, project: str) -> Past:
        """Returns the past of a project, with one request if its index did not change.

        Of a very large index only the newest months are read; `since` says from when.

        Raises:
            BucketError: the bucket cannot be read, or holds something else under a key of ours.
        """
        listed = tuple(self._store.list(keys.index(project)))
        since = None if self._most is None else _first_read(listed, self._most)
        known = tuple((entry.key, entry.tag) for entry in listed)
        return self._known.get((project, known), lambda: Past.of(self._store, project, since))


def _first_read(listed: Iterable[Listed], most: int) -> datetime | None:
    """Returns the beginning of the earliest month to read; None if all of them are few enough."""
    sizes: Counter[str] = Counter()
    for entry in listed:
        if month := keys.index_month_of(entry.key):
            sizes[month] += entry.size
    kept, total = "", 0
    for month in sorted(sizes, reverse=True):
        total += sizes[month]
        if kept and total > most:
            return datetime.strptime(kept, "%Y-%m").replace(tzinfo=UTC)
        kept = month
    return None
