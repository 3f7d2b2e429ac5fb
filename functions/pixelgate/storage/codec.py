"""Encodes dataclasses as plain values and decodes them, by their fields and types.

Such values are stored as attributes of a DynamoDB item. No list of fields has to be kept: a field
that is added to a record is stored and read.
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
    """Returns the fields of a record by name, without those that are None.

    Args:
        record: a dataclass whose fields are str, numbers, bool, enums, mappings, tuples, or other
            such dataclasses.
        without: names of fields that are stored elsewhere, such as in the item's key.
    """
    values = {f.name: getattr(record, f.name) for f in fields(record) if f.name not in without}
    return {name: _encoded(value) for name, value in values.items() if value is not None}


def decode(record: type[T], item: Mapping[str, Any], **known: Any) -> T:
    """Returns the record of which `encode` made the item.

    A field that the item lacks gets its default; attributes that are no fields are ignored.

    Args:
        record: the dataclass.
        item: attributes by name; numbers may be Decimals.
        known: fields that are not among the attributes.

    Raises:
        TypeError: the item lacks a field without a default, or a field's type is not supported.
    """
    decoded = {
        name: _decoded(kind, item[name])
        for name, kind in _types(record).items()
        if name not in known and item.get(name) is not None
    }
    return record(**decoded, **known)


@cache
def _types(record: type[DataclassInstance]) -> dict[str, Any]:
    hints = get_type_hints(record)
    return {f.name: _without_none(hints[f.name]) for f in fields(record)}


def _without_none(kind: Any) -> Any:
    if get_origin(kind) not in (Union, types.UnionType):
        return kind
    [only] = [each for each in get_args(kind) if each is not types.NoneType]
    return only


def _encoded(value: Any) -> Any:
    match value:
        case tuple():
            return [_encoded(each) for each in value]
        case Mapping():
            return {name: _encoded(each) for name, each in value.items()}
    return encode(value) if is_dataclass(value) and not isinstance(value, type) else value


def _decoded(kind: Any, value: Any) -> Any:
    if kind in _SIMPLE or (isinstance(kind, type) and issubclass(kind, Enum)):
        return kind(value)
    if is_dataclass(kind) and isinstance(kind, type):
        return decode(kind, value)
    match get_origin(kind), get_args(kind):
        case origin, (item, *_) if origin is tuple:
            return tuple(_decoded(item, each) for each in value)
        case origin, (_, item) if origin is Mapping:
            return {name: _decoded(item, each) for name, each in value.items()}
    raise TypeError(f"{kind} is not stored")
