"""Matches the snapshots of a head build with those of its base, by name and by hash.

Names are compared in NFC: see pixelgate.domain.names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from pixelgate.domain.names import canonical, in_any_case, same_names
from pixelgate.domain.wording import shortened

# Comparing every old name with every new one costs the product of their lengths. Above this limit,
# about two seconds, equal images (such as hundreds of blank screenshots) are paired in name order.
_MAX_LETTERS = 50_000_000
_HINTS = 10


# Return the name of a head's or a base's snapshot without the words of its variant, or None.
Variants = tuple[Callable[[str], str | None], Callable[[str], str | None]]


class Kind(StrEnum):
    """The result for a snapshot as far as name and hash decide it."""

    UNCHANGED = "unchanged"
    DIFFERING = "differing"
    ADDED = "added"
    REMOVED = "removed"
    RENAMED = "renamed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Match:
    """One line of the comparison: a head snapshot, or a base snapshot that the head lacks.

    A renamed snapshot has its new `name`; `head` and `base` are hashes of its images.
    `previous_name` is the name in the base, if it differs: the snapshot was renamed, is of another
    variant there, or the base writes its name in another Unicode form.
    """

    name: str
    kind: Kind
    head: str | None = None
    base: str | None = None
    previous_name: str | None = None


def match(
    head: Mapping[str, str],
    base: Mapping[str, str],
    *,
    selective: bool = False,
    all_names: Collection[str] | None = None,
    variants: Variants | None = None,
) -> list[Match]:
    """Matches two builds; the result is sorted by name.

    Every head name appears once; every base name appears once, as a name or as a previous name.
    Names that differ only in their Unicode form match; each is shown as it was written.

    `head` and `base` map names to sha256. If the head is `selective`, it holds only a part of the
    suite, and the rest is skipped; but missing snapshots that are not among `all_names`, those of
    the whole suite, are removed. A removed and an added name that are the same without the words
    of their `variants` match, if no other name is.
    """
    same = same_names(head.keys(), base.keys())
    removed, skipped = _split_missing(base.keys() - {*same.values()}, selective, all_names)
    if variants:
        same |= _of_another_variant(head.keys() - same.keys(), removed, variants)
        removed = [name for name in removed if name not in {*same.values()}]
    renamed = dict(_renames({n: head[n] for n in head.keys() - same.keys()}, removed, base))
    old_names = set(renamed.values())

    matches = [Match(n, Kind.SKIPPED, base=base[n]) for n in skipped]
    matches += [Match(n, Kind.REMOVED, base=base[n]) for n in removed if n not in old_names]
    for name, sha in head.items():
        if name in same:
            old = same[name]
            kind = Kind.UNCHANGED if base[old] == sha else Kind.DIFFERING
            if kind is Kind.UNCHANGED and canonical(old) != canonical(name):
                kind = Kind.RENAMED
            matches.append(Match(name, kind, sha, base[old], None if old == name else old))
        elif name in renamed:
            matches.append(Match(name, Kind.RENAMED, sha, sha, previous_name=renamed[name]))
        else:
            matches.append(Match(name, Kind.ADDED, head=sha))
    return sorted(matches, key=lambda m: m.name)


def variant_hints(matches: Sequence[Match]) -> list[str]:
    """Returns a sentence about snapshots that are compared with those of another variant."""
    pairs = [
        (m.previous_name, m.name)
        for m in matches
        if m.previous_name
        and m.kind is Kind.DIFFERING
        and canonical(m.previous_name) != canonical(m.name)
    ]
    if not pairs:
        return []
    number = "1 snapshot was" if len(pairs) == 1 else f"{len(pairs):,} snapshots were"
    return [
        f"{number} compared with another variant's, as the base has none of their own: "
        f"{pairs[0][1]!r} with {pairs[0][0]!r}"
    ]


def case_hints(matches: Sequence[Match]) -> list[str]:
    """Returns a sentence about each added and removed name that differ only in case."""
    gone: dict[str, str] = {}
    for m in matches:
        if m.kind is Kind.REMOVED:
            gone.setdefault(in_any_case(m.name), m.name)
    hints = [
        f"{m.name!r} was added and {old!r} removed: the names differ in case only, so these two "
        "were not compared"
        for m in matches
        if m.kind is Kind.ADDED and (old := gone.pop(in_any_case(m.name), None)) is not None
    ]
    return shortened(hints, _HINTS, "such pairs")


def _of_another_variant(
    added: Collection[str], removed: Collection[str], variants: Variants
) -> dict[str, str]:
    """Maps new names to old ones that are the same without their variants, if only one is."""
    of_head, of_base = variants
    old: dict[str, list[str]] = defaultdict(list)
    for name in removed:
        if (stem := of_base(name)) is not None:
            old[stem].append(name)
    new: dict[str, list[str]] = defaultdict(list)
    for name in added if old else ():
        if (stem := of_head(name)) is not None:
            new[stem].append(name)
    alone = {stem: names[0] for stem, names in new.items() if len(names) == 1}
    return {name: old[stem][0] for stem, name in alone.items() if len(old.get(stem, ())) == 1}


def _split_missing(
    missing: Iterable[str], selective: bool, all_names: Collection[str] | None
) -> tuple[list[str], list[str]]:
    """Splits names that only the base has into removed and skipped ones."""
    if all_names is not None:
        known = {canonical(n) for n in all_names}
        gone = [n for n in missing if canonical(n) not in known]
        return gone, [n for n in missing if canonical(n) in known]
    return ([], list(missing)) if selective else (list(missing), [])


def _renames(
    added: Mapping[str, str], removed: Iterable[str], base: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Yields new and old name of each image that has another name in the head."""
    old_by_hash: dict[str, list[str]] = defaultdict(list)
    for name in sorted(removed):
        old_by_hash[base[name]].append(name)
    new_by_hash: dict[str, list[str]] = defaultdict(list)
    for name, sha in sorted(added.items()):
        if sha in old_by_hash:
            new_by_hash[sha].append(name)
    letters_left = _MAX_LETTERS
    for sha, new_names in new_by_hash.items():
        old_names = old_by_hash[sha]
        letters = sum(map(len, new_names)) * sum(map(len, old_names))
        if len(new_names) == len(old_names) == 1 or letters > letters_left:
            yield from zip(new_names, old_names, strict=False)
        else:
            letters_left -= letters
            yield from _pair_by_similarity(new_names, old_names)


def _pair_by_similarity(new_names: list[str], old_names: list[str]) -> Iterator[tuple[str, str]]:
    ranked = sorted(
        ((SequenceMatcher(None, old, new).ratio(), old, new) for old in old_names
         for new in new_names),
        key=lambda r: (-r[0], r[1], r[2]),
    )  # fmt: skip
    paired: set[str] = set()
    taken: set[str] = set()
    for _, old, new in ranked:
        if old not in taken and new not in paired:
            taken.add(old)
            paired.add(new)
            yield new, old
