"""Reads the comparison.json of a build."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pixelgate.errors import BucketError, NotFound
from pixelgate.ports import Bucket


def read_comparison(store: Bucket, status: Mapping[str, Any]) -> dict[str, Any] | None:
    """Reads the comparison.json of a status; None if it has none.

    Raises:
        BucketError: the file cannot be read.
    """
    key = status.get("comparison")
    if not key:
        return None
    try:
        comparison = json.loads(store.read(key))
    except NotFound as error:
        raise BucketError(f"the status refers to {key}, which does not exist") from error
    except ValueError as error:
        raise BucketError(f"{key} is not JSON") from error
    if not isinstance(comparison, dict):
        raise BucketError(f"{key} is not a JSON object")
    return comparison
