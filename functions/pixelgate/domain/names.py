"""Compares names of snapshots: in NFC, because "ü" can be one character (NFC) or two (NFD).

Both forms look the same; macOS tends to write NFD, most other systems NFC. Names are shown and
stored as they were written.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from fnmatch import translate


def canonical(name: str) -> str:
    """Returns the form of a name in which it is compared."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def in_any_case(name: str) -> str:
    """Returns a form that is equal for names that differ only in case."""
    return canonical(canonical(name).casefold())


def collisions(names: Iterable[str]) -> Iterator[str]:
    """Yields a sentence about each pair of names that differ only in their Unicode form."""
    first: dict[str, str] = {}
    for name in sorted(names):
        earlier = first.setdefault(canonical(name), name)
        if earlier != name:
            yield collision(earlier, name)


def collision(first: str, second: str) -> str:
    """Returns a sentence about two such names, escaped, as they would look the same."""
    return f"{first!a} and {second!a} are one name in two Unicode forms; a build can hold only one"


def same_names(ours: Collection[str], theirs: Collection[str]) -> dict[str, str]:
    """Maps each of our names to the same name among theirs, in whatever Unicode form.

    Each of their names is used at most once. Names that are written alike match first.
    """
    known = set(theirs)
    same = {name: name for name in ours if name in known}
    left = {canonical(name): name for name in sorted(known - same.keys(), reverse=True)}
    for name in sorted(set(ours) - same.keys()):
        if (match := left.pop(canonical(name), None)) is not None:
            same[name] = match
    return same


def compile_glob(glob: str) -> re.Pattern[str]:
    """Compiles a pattern for names in which only `*` is special; it stands for any text.

    Brackets and question marks are literal, as names do contain them.
    """
    literal = str.maketrans({"[": "[[]", "?": "[?]"})
    return re.compile(translate(canonical(glob).translate(literal)))


def find(name: str, names: Collection[str]) -> str | None:
    """Returns a name as these names spell it; None if it is not among them."""
    if name in names:
        return name
    wanted = canonical(name)
    return next((known for known in names if canonical(known) == wanted), None)
