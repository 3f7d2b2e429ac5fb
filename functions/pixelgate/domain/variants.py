"""Names without the words of their variant, so that another browser's picture is found.

A snapshot is identified by its whole name. But if a name is gone and another has come that differs
only in words that its tags list, both are the same snapshot in another variant: they are compared,
instead of counting as removed and added (decision 0064).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from pixelgate.domain.names import canonical

_DENSITY = re.compile(r"(?:dpr[-_]?|@)(\d+(?:\.\d+)?)x?")


def without_variant(name: str, tags: Any) -> str | None:
    """Returns a name without the words that are tags; None if it contains none of them.

    `tags` are those of the manifest: a list of words, or words by kind.
    """
    words = tags.values() if isinstance(tags, Mapping) else tags
    if isinstance(words, str) or not isinstance(words, Iterable):
        return None
    stem = canonical(name)
    for word in sorted({str(word) for word in words}, key=lambda word: (-len(word), word)):
        stem = _pattern(word).sub("", stem)
    return None if stem == canonical(name) else stem


@lru_cache(maxsize=1_024)
def _pattern(word: str) -> re.Pattern[str]:
    """Finds a word between separators; spaces and hyphens in it may be written either way."""
    if match := _DENSITY.fullmatch(word):
        text = rf"(?:@{re.escape(match[1])}x|dpr[-_]?{re.escape(match[1])})"
        return re.compile(rf"[-_. ]?{text}(?=$|[-_. @/\[(])")
    parts = [re.escape(part) for part in re.split(r"[-_ ]+", canonical(word)) if part]
    if not parts:
        return re.compile(r"(?!)")
    return re.compile(
        r"(?:^|(?<=/)|[-_. @\[(]+)" + "[-_ ]+".join(parts) + r"[\])]?(?=$|[-_. @/\[(])"
    )
