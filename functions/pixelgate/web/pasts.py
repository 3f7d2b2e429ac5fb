"""Reads the pasts of projects and remembers those whose index did not change."""

from __future__ import annotations

from pixelgate.domain import keys
from pixelgate.past.model import Past
from pixelgate.ports import Bucket
from pixelgate.web.catalogue import Cache

_REMEMBERED = 8


class Pasts:
    """The pasts of a bucket's projects. For several threads."""

    def __init__(self, store: Bucket) -> None:
        self._store = store
        self._known: Cache[Past] = Cache(_REMEMBERED)

    def of(self, project: str) -> Past:
        """Returns the past of a project, with one request if its index did not change.

        Raises:
            BucketError: the bucket cannot be read, or holds something else under a key of ours.
        """
        listed = tuple((entry.key, entry.tag) for entry in self._store.list(keys.index(project)))
        return self._known.get((project, listed), lambda: Past.of(self._store, project))
