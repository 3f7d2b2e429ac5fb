"""Drift: what a snapshot has come to in many steps, each of which passed by itself.

The anchor of a chain is the image that was accepted last as a change: by a person, by a rule or as
the first one. After it, every image passed against the one before. Only the anchor against the
newest image shows what they add up to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pixelgate.domain.comparison import Diff, Status
from pixelgate.domain.names import canonical
from pixelgate.domain.policy import Policy
from pixelgate.past.model import Entry, Past, Seen

# With one step, head was compared with the anchor itself, and passed.
_FEWEST = 2


@dataclass(frozen=True)
class Chain:
    """How a snapshot of a build came from its anchor to its image.

    Attributes:
        name: the snapshot's name in the build.
        anchor, head: hashes of the first and the last image.
        since: the entry in which the anchor was accepted; None if the index does not have it.
        steps: the entries in which the image differed and passed, the earliest first.
    """

    entry: Entry
    name: str
    anchor: str
    head: str
    since: Entry | None
    steps: tuple[Seen, ...]

    @property
    def pixels(self) -> int:
        """The sum of the pixels that differed in each step."""
        return sum(step.shot.pixels for step in self.steps)


@dataclass(frozen=True)
class Drift:
    """A chain, measured from one end to the other.

    `needs_review` says whether head would need a review if it were compared with the anchor;
    `pixels` of `total` differ.
    """

    chain: Chain
    needs_review: bool
    pixels: int
    total: int

    @property
    def words(self) -> str:
        """The drift as a sentence."""
        c, n = self.chain, len(self.chain.steps)
        since = f" since build {c.since.build} ({c.since.at[:10]})" if c.since else ""
        what = "would need a review against" if self.needs_review else "still passes against"
        return (
            f"{c.name} changed in {n:,} steps{since}, each of which passed; now it {what} the "
            f"image that was accepted then: {self.pixels:,} of {self.total:,} pixels differ"
        )

    def row(self) -> dict[str, Any]:
        """Returns the row of a table."""
        c = self.chain
        return {
            "name": c.name,
            "build": c.entry.build,
            "needs_review": self.needs_review,
            "pixels": self.pixels,
            "total": self.total,
            "steps": len(c.steps),
            "pixels_of_steps": c.pixels,
            "since_build": c.since.build if c.since else None,
            "since": c.since.at if c.since else None,
            "anchor": c.anchor,
            "image": c.head,
        }


def chain_of(past: Past, entry: Entry, name: str) -> Chain | None:
    """Returns the chain of a build's snapshot; None if it has no image, or only one step passed."""
    head = anchor = past.hash(entry, name)
    if head is None:
        return None
    steps: list[Seen] = []
    since: Entry | None = None
    named = name
    for step in _way(past, entry):
        since = step
        shot = step.shot(named)
        if shot is None or shot.status == Status.SKIPPED:
            continue
        named = shot.previous or named
        if shot.status not in {Status.UNCHANGED, Status.RENAMED}:
            break  # as a change, it was decided by itself
        if shot.base is not None and shot.base != shot.head:
            steps.append(Seen(step, shot))
            anchor, since = shot.base, None
    if len(steps) < _FEWEST or anchor is None or anchor == head:
        return None
    return Chain(entry, name, anchor, head, since, tuple(reversed(steps)))


def chains(past: Past, entry: Entry) -> list[Chain]:
    """Returns the chains of all snapshots of a build, those with most changed pixels first."""
    names: dict[str, str] = {}
    renamed: dict[str, str] = {}
    for step in _way(past, entry):
        for name, shot in step.shots.items():
            now = renamed.get(canonical(name), name)
            if shot.renamed_from is not None:
                renamed[canonical(shot.renamed_from)] = now
            if shot.status in {Status.UNCHANGED, Status.RENAMED} and shot.base != shot.head:
                names.setdefault(canonical(now), now)
    found = (chain_of(past, entry, name) for name in names.values())
    return sorted(filter(None, found), key=lambda chain: (-chain.pixels, chain.name))


def _way(past: Past, entry: Entry) -> Iterator[Entry]:
    """Yields an entry, the entry of its base, and so on."""
    seen = set()
    step: Entry | None = entry
    while step is not None and step.build not in seen:
        seen.add(step.build)
        yield step
        step = past.entry(step.base) if step.base else None


def newest(past: Past, branch: str | None = None) -> Entry | None:
    """Returns the build whose drift matters: the latest of a branch that could be a baseline.

    Without a branch, the latest of any that is of no fork and no pull request.
    """
    fit = (
        entry
        for entry in reversed(past.entries)
        if entry.trusted
        and not entry.partial
        and entry.pull_request is None
        and entry.review in {"approved", "not_needed"}
        and branch in (None, entry.branch)
    )
    return next(fit, None)


def measure(
    found: Iterable[Chain], diff: Callable[[Chain], Diff | None], policy: Callable[[str], Policy]
) -> Iterator[Drift]:
    """Yields the drift of each chain whose images can be compared.

    `diff` measures anchor against head and returns None if one of them is gone or unreadable;
    `policy` is the build's of a name.
    """
    for chain in found:
        measured = diff(chain)
        if measured is not None:
            pixels = measured.changed_pixels + measured.counted_pixels
            needs = not measured.passes(policy(chain.name))
            yield Drift(chain, needs, pixels, measured.total_pixels)
