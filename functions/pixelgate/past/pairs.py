"""Pairs of images of one snapshot that were made of the same input: the evidence of flakes.

What the same code drew twice should be the same image. Each pair says whether it was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from pixelgate.domain.names import canonical
from pixelgate.past.life import How, ruling
from pixelgate.past.model import Entry, Past, Seen

# What groups the builds of the same input: ("tree", its hash) or ("commit", its hash).
_Input = tuple[str, str]
# Whoever accepted such a change says that the input was another one.
_BY_PEOPLE = frozenset({How.APPROVED, How.CARRIED})


class PairKind(StrEnum):
    """Why the input of a pair's images is the same."""

    COMMIT = "commit"  # two builds of one commit
    TREE = "tree"  # merge-queue twins: two commits with the same files
    ATTEMPT = "attempt"  # two attempts of one run
    RETURNED = "returned"  # builds of a branch before and after have one image


@dataclass(frozen=True)
class Pair:
    """Two images of a snapshot that were made of the same input.

    Attributes:
        first, second: SHA-256 of the images (64 hexadecimal digits), the earlier first.
        at: when the later one's build was compared, ISO 8601 in UTC.
        build: the later one's build.
        seen: the entry and the shot in which exactly these two images were diffed with one another
            under this name, in either order; None if that never happened.
        earlier: the earlier one's build; of attempts it is the same.
    """

    name: str
    kind: PairKind
    first: str
    second: str
    at: str
    build: str
    seen: Seen | None = None
    earlier: str = ""

    @property
    def differs(self) -> bool:
        """Whether the same input gave two images."""
        return self.first != self.second


def same_input(past: Past) -> Mapping[str, tuple[Pair, ...]]:
    """Returns the pairs of each snapshot by the name that it had last, the earliest first.

    Names without a pair are left out. A pair belongs to the time of its later build, so the earlier
    one may lie before the past's first entry. Three kinds of evidence count:

    - Builds of one commit, or of commits with the same tree: each with the one before it. A push's
      build and its pull request's are no pair, as CI may have merged the base into the latter.
    - Attempts of one run: each with the one before it, the last with the build's image.
    - Three consecutive builds of a branch (none of a pull request), of which the first and the last
      have one image: the first with the middle one, which is the same or "returned" (A → B → A). If
      a person approved the middle one, or an earlier approval was carried over to it, it is a
      change that was reverted, and no pair. Nor is it one if the middle is paired with a
      neighbour already, as a build of the same commit or tree.

    Forks' builds are never evidence: strangers choose what they upload. A quarantine changes
    nothing.
    """
    every = sorted((*past.earlier, *past.entries), key=lambda e: (e.at, e.build, e.execution))
    trusted = [entry for entry in every if entry.trusted]
    inputs = _inputs(trusted)
    ours = {entry.build for entry in past.entries}
    twins = [builds for builds in _by_input(trusted, inputs) if ours & {e.build for e in builds}]
    branches = _by_branch(trusted)
    diffed = _diffed(every)
    found = {}
    for name in _names(every):
        images = _images_of(name, every)
        pairs = [
            pair
            for pair in (
                *_of_twins(images, twins),
                *_of_attempts(past, name, images),
                *_returned(past, name, images, branches, inputs),
            )
            if pair[3].build in ours
        ]
        if pairs:
            made = (_pair(name, *pair, diffed) for pair in pairs)
            found[name] = tuple(sorted(made, key=lambda p: (p.at, p.build)))
    return found


def _names(entries: Iterable[Entry]) -> list[str]:
    """Returns every name that an entry lists, sorted; each in the form in which it came last."""
    return sorted({canonical(name): name for entry in entries for name in entry.shots}.values())


# Kind, hashes of the two images, the later entry and the earlier one.
_Found = tuple[PairKind, str, str, Entry, Entry]
_Diffed = Mapping[tuple[str, str, str], Seen]
_Images = Mapping[str, str]  # of one snapshot: build to hash


def _pair(
    name: str, kind: PairKind, first: str, second: str, at: Entry, earlier: Entry, diffed: _Diffed
) -> Pair:
    seen = None
    if first != second:
        key = canonical(name)
        seen = diffed.get((key, first, second)) or diffed.get((key, second, first))
    return Pair(name, kind, first, second, at.at, at.build, seen, earlier.build)


def _diffed(entries: Iterable[Entry]) -> _Diffed:
    """Returns the last comparison of each two images: canonical name, base and head to it."""
    return {
        (canonical(shot.name), shot.base, shot.head): Seen(entry, shot)
        for entry in entries
        for shot in entry.shots.values()
        if shot.base and shot.head and shot.base != shot.head and shot.total
    }


def _inputs(entries: Iterable[Entry]) -> Mapping[str, _Input]:
    """Returns what each build was made of: the tree, or the commit where no build says its tree."""
    trees: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        if entry.tree:
            trees[entry.commit].add(entry.tree)
    return {entry.build: _input(entry, trees.get(entry.commit, set())) for entry in entries}


def _input(entry: Entry, trees: set[str]) -> _Input:
    if entry.tree:
        return "tree", entry.tree
    # A commit has one tree; if builds disagree, this one may be of either.
    return ("tree", next(iter(trees))) if len(trees) == 1 else ("commit", entry.commit)


def _by_input(entries: Iterable[Entry], inputs: Mapping[str, _Input]) -> list[list[Entry]]:
    groups: dict[_Input, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[inputs[entry.build]].append(entry)
    return [group for group in groups.values() if len(group) > 1]


def _by_branch(entries: Iterable[Entry]) -> list[list[Entry]]:
    branches: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if not entry.pull_request:
            branches[entry.branch].append(entry)
    return list(branches.values())


def _images_of(name: str, entries: Sequence[Entry]) -> _Images:
    """Returns the hash of a snapshot in each build that has one, as far as it is known.

    What is not listed is as in the base, so builds form groups with one image, and it is enough to
    know it of one of them. `Past.hash` goes only back to where an image was listed: where that is
    missing, it would know fewer of the pairs that are alike, and rates would be too high.
    """
    key = canonical(name)
    like: dict[str, str] = {}  # each build that is as its base, and that
    known: dict[str, str | None] = {}
    bases = []
    for entry in entries:
        shot = entry.shot(name)
        if shot is not None:
            known[entry.build] = shot.head
            if shot.base and entry.base and shot.renamed_from is None:
                bases.append((entry.base, shot.base))
        elif entry.base is None or key in entry.renamed_away:
            known[entry.build] = None
        else:
            like[entry.build] = entry.base

    def first_of(build: str) -> str:
        way = []
        while build in like and build not in way:
            way.append(build)
            build = like[build]
        like.update((step, build) for step in way if step != build)
        return build

    for base, image in bases:
        known.setdefault(first_of(base), image)
    images = ((entry.build, known.get(first_of(entry.build))) for entry in entries)
    return {build: image for build, image in images if image is not None}


def _of_twins(every: _Images, groups: Iterable[Sequence[Entry]]) -> Iterator[_Found]:
    for group in groups:
        images = [(entry, every[entry.build]) for entry in group if entry.build in every]
        for (a, first), (b, second) in pairwise(images):
            if a.branch == b.branch and a.pull_request != b.pull_request:
                continue
            kind = PairKind.COMMIT if a.commit == b.commit else PairKind.TREE
            yield kind, first, second, b, a


def _of_attempts(past: Past, name: str, every: _Images) -> Iterator[_Found]:
    key = canonical(name)
    for entry in past.entries:
        if not entry.attempts or not entry.trusted:
            continue
        hashes = next((h for n, h in entry.attempts.items() if canonical(n) == key), ())
        last = every.get(entry.build)
        if hashes and last is not None:
            for first, second in zip(hashes, (*hashes[1:], last), strict=True):
                yield PairKind.ATTEMPT, first, second, entry, entry


def _returned(
    past: Past,
    name: str,
    every: _Images,
    branches: Iterable[Sequence[Entry]],
    inputs: Mapping[str, _Input],
) -> Iterator[_Found]:
    for branch in branches:
        images = [(entry, every[entry.build]) for entry in branch if entry.build in every]
        for (a, first), (b, second), (c, third) in zip(
            images, images[1:], images[2:], strict=False
        ):
            if first != third or inputs[b.build] in (inputs[a.build], inputs[c.build]):
                continue
            if first == second or not _was_a_change(past, name, b):
                yield PairKind.RETURNED, first, second, b, a


def _was_a_change(past: Past, name: str, entry: Entry) -> bool:
    shot = entry.shot(name)
    return shot is not None and ruling(past, entry, shot).how in _BY_PEOPLE
