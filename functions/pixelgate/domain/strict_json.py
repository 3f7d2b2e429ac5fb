"""Reads JSON that somebody else wrote: whatever it might mean twice, or not at all, is refused."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any, NoReturn

from pixelgate.errors import BadManifest

# Empty lists take 3 bytes here and 60 in memory; 100,000 images with all their fields need a third.
_MAX_CONTAINERS = 3_000_000
# An escape such as \ud83d: half of a pair, which may or may not have its other half beside it.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def read_object(body: bytes, max_bytes: int) -> dict[str, Any]:
    """Reads a JSON object.

    Raises:
        BadManifest: it is too large, no JSON object, has a key twice, or holds a number or text
            that cannot be written again.
    """
    if len(body) > max_bytes:
        raise BadManifest(f"the manifest has {len(body)} bytes; {max_bytes} are allowed")
    if body.count(b"{") + body.count(b"[") > _MAX_CONTAINERS:
        raise BadManifest(f"the manifest holds over {_MAX_CONTAINERS:,} objects and lists")
    try:
        fields = json.loads(
            body.decode("utf-8-sig"),
            object_pairs_hook=_no_duplicates,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
    except ValueError as error:
        # ValueError covers wrong UTF-8, wrong JSON and integers of absurd length.
        raise BadManifest(f"the manifest is not valid JSON: {error}") from error
    if not isinstance(fields, dict):
        raise BadManifest("the manifest must be a JSON object")
    return fields


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise BadManifest(f"the manifest has the key {twice!r} twice in one object")
    return fields


def _finite(number: str) -> float:
    value = float(number)
    if math.isinf(value):
        raise BadManifest(f"the manifest holds {number[:20]}, which no computer can count to")
    return value


def _no_constant(constant: str) -> NoReturn:
    raise BadManifest(f"the manifest holds {constant}, which is not JSON")


def check_encodable(fields: dict[str, Any], body: bytes) -> None:
    """Refuses text with half a surrogate pair, which no file, key or page can hold.

    Args:
        fields: what was read.
        body: from what; without an escape of a surrogate there is nothing to look for.

    Raises:
        BadManifest: there is such a text.
    """
    if _SURROGATE.search(body):
        _check_each_text(fields)


def _check_each_text(value: object) -> None:
    match value:
        case str():
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise BadManifest(f"the text {ascii(value)[:80]} is not valid Unicode") from error
        case dict():
            for name, inner in value.items():
                _check_each_text(name)
                _check_each_text(inner)
        case list():
            for inner in value:
                _check_each_text(inner)
