"""Names of screenshots: from the tests that take them, and back."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator

import pytest

# What a file's name must not have on Windows, and what a snapshot's name must not have.
_UNSAFE = re.compile(
    '[<>:"|?*\\\\/\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]'
)
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_MAX_BYTES = 120  # of one part; file systems allow 255, and suffixes are added


def safe(part: str) -> str:
    """Returns one part of a path that every system can write; the same for the same part.

    A part that is changed gets a hash of what it was, so that two parts never become one.
    """
    written = _unescaped(part)
    text = _UNSAFE.sub("_", unicodedata.normalize("NFC", written))
    if text.startswith("."):  # upload and compare ignore hidden files
        text = "_" + text[1:]
    if text.endswith((".", " ")):
        text = text[:-1] + "_"
    if not text or _RESERVED.fullmatch(text):
        text = f"_{text}"
    if len(text.encode()) > _MAX_BYTES:
        text = text.encode()[:_MAX_BYTES].decode(errors="ignore")
    if text == written:
        return text
    return f"{text}~{hashlib.sha256(part.encode(errors='backslashreplace')).hexdigest()[:8]}"


def _unescaped(part: str) -> str:
    r"""Undoes pytest's escapes: the parameter `größe` is `gr\xf6\xdfe` in the name of its test."""
    if "\\" not in part or not part.isascii():
        return part
    try:
        return part.encode("ascii").decode("unicode_escape")
    except UnicodeDecodeError:
        return part


def stem_of(item: pytest.Item) -> str:
    """Returns the path of what a test takes: `tests/test_cart.py/TestEmpty/test_total[mobile]`.

    Its screenshot without a name is `<stem>.png`, others are `<stem>/<name>.png`. xdist may append
    a group to a test's id, so the id is not used whole.
    """
    return "/".join(map(safe, [*_place(item), item.name]))


def _place(item: pytest.Item) -> list[str]:
    classes = [node.name for node in item.listchain() if isinstance(node, pytest.Class)]
    return [*item.nodeid.partition("::")[0].split("/"), *classes]


def gone(
    names: Iterable[str], items: Collection[pytest.Item], partly: Collection[str]
) -> Iterator[str]:
    """Yields the names whose test functions are no longer in their files.

    Only files of which all tests were collected are considered. `partly` are files, relative to
    the root, of which only some were. Parameters are not considered, as options may change them.
    """
    known: dict[str, set[str]] = {}
    for item in items:
        file = item.nodeid.partition("::")[0]
        if file not in partly:
            function = getattr(item, "originalname", None) or item.name
            stem = "/".join(map(safe, [*_place(item), function]))
            known.setdefault("/".join(map(safe, file.split("/"))), set()).add(stem)
    for name in names:
        place = file_of(name)
        if place in known and "~" not in name and _stems(name).isdisjoint(known[place]):
            yield name


def file_of(name: str) -> str | None:
    """Returns the test file, relative to the root, that a name begins with; None if unknown."""
    parts = name.split("/")
    for number, part in enumerate(parts[:-1], 1):
        if part.endswith(".py"):
            return "/".join(parts[:number])
    return None


def _stems(name: str) -> set[str]:
    """Returns what the function's stem could be: each leading path without parameters."""
    parts = name.split("/")
    return {
        "/".join([*parts[:number], re.split(r"[.\[]", part)[0]])
        for number, part in enumerate(parts)
    }
