"""When two names are the same: Unicode writes "ü" as one character (NFC) or as two (NFD).

They look the same, and macOS writes the second where most others write the first. So names are
compared in NFC, everywhere; what is shown and stored is what was written.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Iterator


def canonical(name: str) -> str:
    """The form in which names are compared."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def in_any_case(name: str) -> str:
    """The same for names that differ in case only."""
    return canonical(canonical(name).casefold())


def collisions(names: Iterable[str]) -> Iterator[str]:
    """Two names of one build that are the same: a sentence on each such pair, by name."""
    first: dict[str, str] = {}
    for name in sorted(names):
        other = first.setdefault(canonical(name), name)
        if other != name:
            yield collision(other, name)


def collision(one: str, two: str) -> str:
    """The sentence; all but ASCII is spelt out, as both names look the same otherwise."""
    return f"{one!a} and {two!a} are one name in two Unicode forms; a build can hold only one"


def same_names(ours: Collection[str], theirs: Collection[str]) -> dict[str, str]:
    """Ours to theirs, for each of our names that they have too, in whatever form.

    Each of theirs is found once at most. A name that they have as it is written here is never
    taken by another one.
    """
    known = set(theirs)
    same = {name: name for name in ours if name in known}
    left = {canonical(name): name for name in sorted(known - same.keys(), reverse=True)}
    for name in sorted(set(ours) - same.keys()):
        if (other := left.pop(canonical(name), None)) is not None:
            same[name] = other
    return same


def find(name: str, names: Collection[str]) -> str | None:
    """A name as it is written among these; None if it is not among them."""
    if name in names:
        return name
    wanted = canonical(name)
    return next((known for known in names if canonical(known) == wanted), None)
