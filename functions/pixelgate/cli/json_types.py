"""Small words for JSON schemas; `json_schemas` describes with them what `--json` prints."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from typing import Any, Union, get_args, get_origin, get_type_hints

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
INTEGER: Schema = {"type": "integer"}
COUNT: Schema = {"type": "integer", "minimum": 0}
FLAG: Schema = {"type": "boolean"}
ANY: Schema = {}
_PLAIN: Mapping[Any, Schema] = {
    str: TEXT, int: INTEGER, float: NUMBER, bool: FLAG, type(None): {"type": "null"}, Any: ANY,
}  # fmt: skip


def said(schema: Schema, words: str) -> Schema:
    """Returns a schema with what it is about, in words."""
    return {**schema, "description": words}


def text(words: str) -> Schema:
    """Returns a text that is described."""
    return said(TEXT, words)


def maybe(schema: Schema) -> Schema:
    """Returns what may also be null."""
    kept = {"description": schema["description"]} if "description" in schema else {}
    inner = {name: value for name, value in schema.items() if name != "description"}
    if isinstance(inner.get("type"), str) and "enum" not in inner:
        return {**inner, "type": [inner["type"], "null"], **kept}
    return {"anyOf": [inner, {"type": "null"}], **kept}


def one_of(words: Iterable[object]) -> Schema:
    """Returns a text that is one of these."""
    return {"type": "string", "enum": [str(word) for word in words]}


def array(schema: Schema, words: str = "") -> Schema:
    """Returns any number of such values."""
    return {"type": "array", "items": schema, **({"description": words} if words else {})}


def table(schema: Schema, words: str = "") -> Schema:
    """Returns an object whose names are data, with such values."""
    made = {"type": "object", "additionalProperties": schema}
    return said(made, words) if words else made


def record(optional: Mapping[str, Schema] | None = None, /, **required: Schema) -> Schema:
    """Returns an object with these fields and no others; those of `optional` may be missing."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def of(kind: type, *, all_required: bool = True) -> Schema:
    """Returns the schema of a dataclass that is stored by its fields."""
    hints = get_type_hints(kind)
    made = {known.name: _of_hint(hints[known.name]) for known in fields(kind)}
    return record(**made) if all_required else record(made)


def _of_hint(hint: Any) -> Schema:
    if hint in _PLAIN:
        return _PLAIN[hint]
    origin, inner = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        [other] = [one for one in inner if one is not type(None)]
        return maybe(_of_hint(other))
    if origin in {tuple, list}:
        if origin is tuple and inner[-1:] != (Ellipsis,):
            parts = [_of_hint(one) for one in inner]
            return {
                "type": "array", "prefixItems": parts, "minItems": len(parts), "items": False,
            }  # fmt: skip
        return array(_of_hint(inner[0]))
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return one_of(hint)
    if is_dataclass(hint) and isinstance(hint, type):
        return of(hint)
    return table(ANY)
