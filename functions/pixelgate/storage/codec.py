"""Records as attributes of a DynamoDB item, and back, by the dataclass's own fields and types.

Nobody lists the fields by hand: a field that is added to a record is stored and read as it is.
"""

from __future__ import annotations

import types
from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")
_SIMPLE = (str, bool, int, float)


def encode(record: DataclassInstance, *, without: Collection[str] = ()) -> dict[str, Any]:
    """The fields of a record by name; those that are None are left out.

    Args:
        record: a dataclass whose fields are texts, numbers, truths, enums, mappings, tuples, or
            such dataclasses again.
        without: names of fields that are stored elsewhere, in the item's key for example.
    """
    known = {f.name: getattr(record, f.name) for f in fields(record) if f.name not in without}
    return {name: _encoded(value) for name, value in known.items() if value is not None}


def decode(record: type[T], item: Mapping[str, Any], **known: Any) -> T:
    """The inverse of `encode`: a record from an item's attributes.

    A field that the item lacks has its default; attributes that are no fields are passed over.

    Args:
        record: the dataclass.
        item: attributes by name; numbers may be Decimals.
        known: fields that are not among the attributes.

    Raises:
        TypeError: the item lacks a field without a default, or a field has a type that is not
            stored.
    """
    read = {
        name: _decoded(kind, item[name])
        for name, kind in _types(record).items()
        if name not in known and item.get(name) is not None
    }
    return record(**read, **known)


@cache
def _types(record: type[DataclassInstance]) -> dict[str, Any]:
    hints = get_type_hints(record)
    return {f.name: _without_none(hints[f.name]) for f in fields(record)}


def _without_none(kind: Any) -> Any:
    if get_origin(kind) not in (Union, types.UnionType):
        return kind
    [other] = [one for one in get_args(kind) if one is not types.NoneType]
    return other


def _encoded(value: Any) -> Any:
    match value:
        case tuple():
            return [_encoded(one) for one in value]
        case Mapping():
            return {name: _encoded(one) for name, one in value.items()}
    return encode(value) if is_dataclass(value) and not isinstance(value, type) else value


def _decoded(kind: Any, value: Any) -> Any:
    if kind in _SIMPLE or (isinstance(kind, type) and issubclass(kind, Enum)):
        return kind(value)
    if is_dataclass(kind) and isinstance(kind, type):
        return decode(kind, value)
    match get_origin(kind), get_args(kind):
        case origin, (one, *_) if origin is tuple:
            return tuple(_decoded(one, part) for part in value)
        case origin, (_, one) if origin is Mapping:
            return {name: _decoded(one, part) for name, part in value.items()}
    raise TypeError(f"{kind} is not stored")
