"""Packs a report into two blocks of columns: one for the list, one for details of a snapshot.

There may be a hundred thousand snapshots. Columns compress better than one object for each
snapshot, and the page parses them faster.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from pixelgate.domain.comparison import Axis, Band, BandKind, Status
from pixelgate.domain.verdict import Mark, NoiseKind
from pixelgate.report.explain import MARKS, NOISES
from pixelgate.report.model import Entry, Report

T = TypeVar("T")

_STATUSES = {status: str(n) for n, status in enumerate(Status)}
# A section of its own, after all statuses: `QUARANTINED` of app/types.js.
_QUARANTINED = str(len(_STATUSES))
# Positive numbers: the mark of a region that counts; negative: the noise that explains it.
_REASONS: dict[Mark | NoiseKind | None, int] = {
    None: 0,
    **{mark: n for n, mark in enumerate(Mark, 1)},
    **{kind: -n for n, kind in enumerate(NoiseKind, 1)},
}


def packed(block: dict[str, Any]) -> str:
    """Returns a block as gzipped JSON in base64; equal blocks give equal text."""
    body = json.dumps(block, ensure_ascii=False, separators=(",", ":")).encode()
    return base64.b64encode(gzip.compress(body, 9, mtime=0)).decode()


def list_block(report: Report) -> dict[str, Any]:
    """Returns the columns for the list of snapshots, and the details of the run."""
    entries = report.entries
    sizes: dict[tuple[int, int], int] = {}
    groups: dict[str, int] = {}
    quarantine = _sparse(entries, lambda e: e.quarantine)
    return {
        "run": {
            "project": report.project,
            "head": report.head,
            "base": report.base,
            "execution": report.execution or "",
            "kind": report.kind,
            "reviewable": report.reviewable,
            "local": report.local,
            "bucket": report.bucket or "",
            "advice": report.advice,
            "facts": report.facts,
            "marks": {str(mark): words for mark, words in MARKS.items()},
            "noises": {str(kind): words for kind, words in NOISES.items()},
        },
        "names": [e.name for e in entries],
        "titles": _sparse(entries, lambda e: e.title if e.title != e.name else None),
        "status": "".join(_QUARANTINED if e.quarantine else _STATUSES[e.status] for e in entries),
        "changed": _sparse(entries, lambda e: e.changed),
        "total": _sparse(entries, lambda e: e.total),
        "recoloured": _sparse(entries, lambda e: int(e.recoloured)),
        "learned": _sparse(entries, lambda e: e.learned),
        "head_size": [_number(sizes, e.head_size) for e in entries],
        "base_size": [_number(sizes, e.base_size) for e in entries],
        "group": _sparse(
            entries, lambda e: _number(groups, e.group) - 1 if e.group else None, zero=True
        ),
        "thumb": _addresses(e.thumb for e in entries),
        "tags": _sparse(entries, lambda e: e.tags),
        "sizes": list(sizes),
        **({"quarantine": quarantine} if quarantine else {}),
    }


def details_block(report: Report) -> dict[str, Any]:
    """Returns the columns for the view of one snapshot."""
    entries = report.entries
    return {
        "marks": [str(mark) for mark in Mark],
        "noises": [str(kind) for kind in NoiseKind],
        "head": _addresses(e.head for e in entries),
        "base": _addresses(_base(e) for e in entries),
        "mask": _addresses(e.mask for e in entries),
        "regions": _sparse(entries, _regions),
        "bands": _sparse(entries, _bands),
        "why": _sparse(
            entries, lambda e: e.why if e.status is not Status.UNCHANGED or e.total else None
        ),
        "facts": _sparse(entries, lambda e: e.facts),
        "reason": _sparse(entries, lambda e: e.reason),
    }


def _base(entry: Entry) -> str | None:
    """Returns the base's URL; None if it is the head's, as for an unchanged snapshot."""
    return None if entry.base == entry.head else entry.base


def _regions(entry: Entry) -> list[int]:
    """Returns x, y, width, height, pixels and reason of each region, as one flat list."""
    return [
        n
        for r, reason in entry.regions
        for n in (r.x, r.y, r.width, r.height, r.pixels, _REASONS[reason])
    ]


def _bands(entry: Entry) -> list[int]:
    """Returns kind, start, length, base_start and head_start of each band, as one flat list.

    The kind is 0 for inserted and 1 for deleted rows, 2 for inserted and 3 for deleted columns.
    """
    return [
        n for b in entry.bands for n in (_kind_of(b), b.start, b.length, b.base_start, b.head_start)
    ]


def _kind_of(band: Band) -> int:
    return (band.kind is BandKind.DELETED) + 2 * (band.axis is Axis.COLUMNS)


def _sparse(
    entries: Sequence[Entry], value: Callable[[Entry], Any], *, zero: bool = False
) -> dict[int, Any]:
    """Returns a column as index to value, without empty values."""
    values = ((n, value(e)) for n, e in enumerate(entries))
    return {n: v for n, v in values if v or (zero and v == 0)}


def _addresses(urls: Iterable[str | None]) -> dict[str, Any]:
    """Returns a column of URLs, with their common prefix stored once."""
    column = [url or "" for url in urls]
    present = [url for url in column if url]
    prefix = _common(min(present), max(present)) if present else ""
    rest = {n: url[len(prefix) :] or "" for n, url in enumerate(column) if url}
    if any(not r for r in rest.values()):  # one URL is the prefix itself
        prefix, rest = "", {n: url for n, url in enumerate(column) if url}
    return {"prefix": prefix, "rest": rest}


def _common(first: str, last: str) -> str:
    """Returns the common prefix of the first and the last of sorted texts, so of all of them."""
    differ = (n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b)
    return first[: next(differ, min(len(first), len(last)))]


def _number(table: dict[T, int], value: T | None) -> int:
    """Returns a value's number, counted from 1, and adds new values to the table; 0 for None."""
    return 0 if value is None else table.setdefault(value, len(table) + 1)
