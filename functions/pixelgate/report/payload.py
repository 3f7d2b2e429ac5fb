"""Packs a report into two blocks of columns: what the list needs, and what is asked for later.

A hundred thousand snapshots are mostly names and zeros, which gzip makes small; columns of one
kind each make them smaller than objects would, and the page parses them faster.
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
# Why a region counts, or, negative, which noise explains it.
_REASONS: dict[Mark | NoiseKind | None, int] = {
    None: 0,
    **{mark: n for n, mark in enumerate(Mark, 1)},
    **{kind: -n for n, kind in enumerate(NoiseKind, 1)},
}


def packed(block: dict[str, Any]) -> str:
    """A block as gzipped JSON in base64; equal blocks give equal text."""
    body = json.dumps(block, ensure_ascii=False, separators=(",", ":")).encode()
    return base64.b64encode(gzip.compress(body, 9, mtime=0)).decode()


def list_block(report: Report) -> dict[str, Any]:
    """What the list shows of every snapshot, and what the page says of the run."""
    entries = report.entries
    sizes: dict[tuple[int, int], int] = {}
    groups: dict[str, int] = {}
    return {
        "run": {
            "project": report.project,
            "head": report.head,
            "base": report.base,
            "execution": report.execution or "",
            "kind": report.kind,
            "reviewable": report.reviewable,
            "local": report.local,
            "advice": report.advice,
            "facts": report.facts,
            "marks": {str(mark): words for mark, words in MARKS.items()},
            "noises": {str(kind): words for kind, words in NOISES.items()},
        },
        "names": [e.name for e in entries],
        "titles": _sparse(entries, lambda e: e.title if e.title != e.name else None),
        "status": "".join(_STATUSES[e.status] for e in entries),
        "changed": _sparse(entries, lambda e: e.changed),
        "total": _sparse(entries, lambda e: e.total),
        "recoloured": _sparse(entries, lambda e: int(e.recoloured)),
        "head_size": [_number(sizes, e.head_size) for e in entries],
        "base_size": [_number(sizes, e.base_size) for e in entries],
        "group": _sparse(
            entries, lambda e: _number(groups, e.group) - 1 if e.group else None, zero=True
        ),
        "thumb": _addresses(e.thumb for e in entries),
        "tags": _sparse(entries, lambda e: e.tags),
        "sizes": list(sizes),
    }


def details_block(report: Report) -> dict[str, Any]:
    """What the main view and the facts show of a snapshot."""
    entries = report.entries
    return {
        "marks": [str(mark) for mark in Mark],
        "noises": [str(kind) for kind in NoiseKind],
        "head": _addresses(e.head.url if e.head else None for e in entries),
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
    """The base's address, but not once more the head's: an unchanged snapshot has one picture."""
    if entry.base is None or (entry.head and entry.head.url == entry.base.url):
        return None
    return entry.base.url


def _regions(entry: Entry) -> list[int]:
    """x, y, width, height, pixels and reason of each, one after the other."""
    return [
        n
        for r, reason in entry.regions
        for n in (r.x, r.y, r.width, r.height, r.pixels, _REASONS[reason])
    ]


def _bands(entry: Entry) -> list[int]:
    """Kind, first line, number, and the line of base and head of each, one after the other.

    The kind is 1 where lines were deleted, and 2 more where they are columns.
    """
    return [
        n for b in entry.bands for n in (_kind_of(b), b.start, b.length, b.base_start, b.head_start)
    ]


def _kind_of(band: Band) -> int:
    return (band.kind is BandKind.DELETED) + 2 * (band.axis is Axis.COLUMNS)


def _sparse(
    entries: Sequence[Entry], value: Callable[[Entry], Any], *, zero: bool = False
) -> dict[int, Any]:
    """Values by place, of those that have one."""
    found = ((n, value(e)) for n, e in enumerate(entries))
    return {n: v for n, v in found if v or (zero and v == 0)}


def _addresses(urls: Iterable[str | None]) -> dict[str, Any]:
    """A column of addresses, with what all of them begin with said once."""
    column = [url or "" for url in urls]
    prefix = _common(min(there), max(there)) if (there := [url for url in column if url]) else ""
    rest = {n: url[len(prefix) :] or "" for n, url in enumerate(column) if url}
    if any(not r for r in rest.values()):  # one of them is the prefix itself
        prefix, rest = "", {n: url for n, url in enumerate(column) if url}
    return {"prefix": prefix, "rest": rest}


def _common(first: str, last: str) -> str:
    """What all begin with is what the first and the last of them in order begin with."""
    differ = (n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b)
    return first[: next(differ, min(len(first), len(last)))]


def _number(table: dict[T, int], value: T | None) -> int:
    """The number of a value in a table that grows, from 1; 0 if there is none."""
    return 0 if value is None else table.setdefault(value, len(table) + 1)
