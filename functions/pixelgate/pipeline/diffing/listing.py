"""Which of many keys are there: asked by a listing where that takes fewer requests than asking."""

from __future__ import annotations

from itertools import islice

from pixelgate.ports import Bucket

PAGE = 1_000  # keys that S3 lists in one request
# A listing may take a tenth of the requests that it saves; what has grown larger is not listed.
_SAVES = 10


def list_if_cheaper(objects: Bucket, prefix: str, wanted: int) -> frozenset[str] | None:
    """All keys below a prefix; None if they are too many to be listed for the sake of so few.

    Args:
        objects: the bucket.
        prefix: where the keys lie.
        wanted: how many would have to be asked for one by one.
    """
    pages = wanted // _SAVES
    if not pages:
        return None
    found = frozenset(o.key for o in islice(objects.list(prefix), pages * PAGE + 1))
    return found if len(found) <= pages * PAGE else None
