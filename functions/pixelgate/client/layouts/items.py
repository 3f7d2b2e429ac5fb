"""The images of a folder while the rules decide about each."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Item:
    """One image: what the rules have found out about it."""

    where: str  # its path below the folder, with "/"
    path: Path
    name: str  # the snapshot's name; its path, unless a rule knows better
    runner: str = "folder"  # the layout that it belongs to
    # Whether its place says that it is a snapshot, whatever its name says.
    sure: bool = False
    reason: str | None = None  # why it is left out
    failure: bool = False  # whether it is left out as a picture of a failure
    tags: dict[str, str] = field(default_factory=dict)  # words of its variant, by kind
    attempt: tuple[int, ...] = ()  # orders the attempts of one snapshot
    earlier: list[Item] = field(default_factory=list)  # its earlier attempts, the first one first
    details: dict[str, Any] = field(default_factory=dict)  # from another tool's sidecar

    @property
    def folder(self) -> str:
        """The path of its folder; empty at the top."""
        return self.where.rpartition("/")[0]

    @property
    def stem(self) -> str:
        """Its file's name without the extension."""
        return re.sub(r"\.[^.]*$", "", self.where.rpartition("/")[2])

    def leave(self, reason: str, *, failure: bool = False) -> None:
        """Leaves the image out, unless an earlier rule has done so."""
        if self.reason is None:
            self.reason, self.failure = reason, failure


def taken(items: Iterable[Item]) -> list[Item]:
    """Returns the images that no rule has left out."""
    return [item for item in items if item.reason is None]


def unsure(items: Iterable[Item]) -> list[Item]:
    """Returns the images that their names decide about, of those that are not left out."""
    return [item for item in taken(items) if not item.sure]


def by_folder(items: Iterable[Item]) -> Mapping[str, list[Item]]:
    """Groups images by their folder."""
    groups: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        groups[item.folder].append(item)
    return groups


def same_bytes(one: Item, other: Item) -> bool:
    """Whether two files have the same bytes; a file that cannot be read is like no other."""
    try:
        if one.path.stat().st_size != other.path.stat().st_size:
            return False
        return _hash(one) == _hash(other)
    except OSError:
        return False


def _hash(item: Item) -> bytes:
    return hashlib.sha256(item.path.read_bytes()).digest()


def with_suffix_of(name: str, stem: str) -> str:
    """Returns a path whose file has another stem, and the same extension."""
    folder, slash, file = name.rpartition("/")
    dot = file.rfind(".")
    return f"{folder}{slash}{stem}{file[dot:] if dot >= 0 else ''}"


def with_file_of(name: str, other: str) -> str:
    """Returns a path in its own folder with another path's file."""
    folder, slash, _ = name.rpartition("/")
    return f"{folder}{slash}{other.rpartition('/')[2]}"


def without_part(name: str, part: int, number: int = 1) -> str:
    """Returns a path without some of its folders, counted from the top."""
    parts = name.split("/")
    return "/".join(parts[:part] + parts[part + number :])
