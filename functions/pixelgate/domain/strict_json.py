"""Parses untrusted JSON: ambiguous and invalid input is refused."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any, NoReturn

from pixelgate.errors import BadManifest

# An empty list takes 3 bytes in JSON and 60 in memory, so many of them could fill the memory.
# 100,000 images with all their fields need a third of this.
_MAX_CONTAINERS = 3_000_000
# An escape such as \ud83d, one half of a surrogate pair; the other half may be missing.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def read_object(body: bytes, max_bytes: int) -> dict[str, Any]:
    """Parses a JSON object; raises BadManifest if it is too large, ambiguous or no such object."""
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
        # ValueError covers invalid UTF-8, invalid JSON and integers with too many digits.
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
        raise BadManifest(f"the manifest holds {number[:20]}, which is too large a number")
    return value


def _no_constant(constant: str) -> NoReturn:
    raise BadManifest(f"the manifest holds {constant}, which is not JSON")


def check_encodable(fields: dict[str, Any], body: bytes) -> None:
    """Raises BadManifest if a text has half a surrogate pair, which UTF-8 cannot encode."""
    if _SURROGATE.search(body):  # the JSON of the fields
        _check_each_text(fields)


def _check_each_text(value: object) -> None:
    match value:
        case str():
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise BadManifest(f"the text {ascii(value)[:80]} is not valid Unicode") from error
        case dict():
            _check_each_text([*value.keys(), *value.values()])
        case list():
            for each in value:
                _check_each_text(each)
