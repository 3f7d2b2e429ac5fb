"""Learns from a project's past what the noise of its snapshots looks like.

docs/learned-noise.md explains it. The rule is `domain.learned_noise.learn`. Here is what it learns
from: the pairs of one input that differ and that were diffed with one another, and what people have
decided.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pixelgate.domain import keys
from pixelgate.domain.comparison import Status
from pixelgate.domain.learned_noise import LearnedNoise, Patch, Proof, encode, learn
from pixelgate.domain.names import canonical
from pixelgate.domain.verdict import Mark, NoiseKind
from pixelgate.errors import NotFound, WriteConflict
from pixelgate.past.life import How, ruling
from pixelgate.past.model import Past, Seen, Shot, Spot
from pixelgate.past.pairs import Pair, PairKind, same_input
from pixelgate.ports import Bucket

# Noise that was not seen for so long is forgotten; the time is measured from the latest entry.
DAYS = 90
# In these the input was the same beyond doubt; what returned may be a change and its revert.
_CERTAIN = frozenset({PairKind.COMMIT, PairKind.TREE, PairKind.ATTEMPT})
_MARKS = {str(mark): mark for mark in Mark}
_BY_PEOPLE = frozenset({How.APPROVED, How.CARRIED, How.REJECTED})


def learned(past: Past) -> Mapping[str, LearnedNoise]:
    """Returns what the past proves of the noise of each snapshot, by name.

    A pair counts unless a person approved or rejected the difference of its two images. A place
    that would explain a difference that was rejected at any time is not learned.
    """
    found = {}
    decided = _decided(past)
    for name, pairs in same_input(_recent(past)).items():
        proofs = [pair for pair in pairs if pair.differs and pair.seen is not None]
        if not proofs:
            continue
        known = decided[canonical(name)]
        what = learn(
            [
                _proof(past, pair, pair.seen)
                for pair in proofs
                if pair.seen is not None and _images(pair.first, pair.second) not in known.images
            ],
            known.rejected,
        )
        if what is not None:
            found[name] = what
    return found


def remember(project: str, objects: Bucket) -> int:
    """Writes what the whole past of a project proves, for later comparisons; returns of how many.

    It writes only what is new, and nothing where nothing was ever learned. Runs may overlap.

    Raises:
        BucketError: the bucket holds something else under a key of the index.
    """
    known = learned(Past.of(objects, project))
    key, body = keys.learned_noise(project), encode(known)
    try:
        present, tag = objects.read_tagged(key)
    except NotFound:
        present, tag = None, None
    if present != body and (known or present is not None):
        with suppress(WriteConflict):  # another run has written what it learned of the same past
            objects.replace(key, body, "application/json", tag)
    return len(known)


def _recent(past: Past) -> Past:
    if not past.entries:
        return past
    latest = datetime.fromisoformat(past.entries[-1].at)
    since = (latest - timedelta(days=DAYS)).isoformat()
    return past.only(entry for entry in past.entries if entry.at >= since)


def _images(first: str, second: str) -> frozenset[str]:
    return frozenset((first, second))


@dataclass
class _Decided:
    """What people decided of one snapshot.

    `images` are the two images of each difference that they approved or rejected, `rejected` what
    was measured of those that they rejected.
    """

    images: set[frozenset[str]] = field(default_factory=set)
    rejected: list[Proof] = field(default_factory=list)


def _decided(past: Past) -> Mapping[str, _Decided]:
    """Returns what people decided, by canonical name."""
    found: dict[str, _Decided] = defaultdict(_Decided)
    for entry in (*past.earlier, *past.entries):
        if entry.review == "not_needed" and not entry.reviews:
            continue
        for shot in entry.shots.values():
            if not shot.head or not shot.base or not shot.total:
                continue
            how = ruling(past, entry, shot).how
            of_learned = shot.status == Status.UNCHANGED and any(s.kind for s in shot.regions)
            if how not in _BY_PEOPLE or not (shot.status == Status.CHANGED or of_learned):
                continue
            known = found[canonical(shot.name)]
            known.images.add(_images(shot.base, shot.head))
            if how is How.REJECTED:
                known.rejected.append(
                    Proof(entry.at, entry.build, entry.commit, False, shot.total, _patches(shot))
                )
    return found


def _proof(past: Past, pair: Pair, seen: Seen) -> Proof:
    later = past.entry(pair.build)
    commit = later.commit if later else seen.entry.commit
    certain = pair.kind in _CERTAIN
    return Proof(pair.at, pair.build, commit, certain, seen.shot.total, _patches(seen.shot))


def _patches(shot: Shot) -> tuple[Patch, ...]:
    return tuple(_as_patches(shot))


def _as_patches(shot: Shot) -> Iterator[Patch]:
    for spot in shot.regions:
        kind = _kind_of(spot)
        if kind is not None:
            yield Patch.of(kind, spot, spot.pixels, spot.strength)


def _kind_of(spot: Spot) -> Mark | None:
    """Returns why a region counts, or would without what was learned before."""
    word = spot.kind if spot.noise == NoiseKind.LEARNED else spot.mark
    # A mark of another version of pixelgate teaches nothing.
    return _MARKS.get(word or "")
