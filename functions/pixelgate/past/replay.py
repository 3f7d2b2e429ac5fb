"""Past comparisons under another rule, judged from their stored measurements where these suffice.

`stored_verdict` says what the engine would say of a pair under another policy, from what it
measured under the old one, or that only the images can tell. All is pure; `client.replay` reads.

Why less than the same policy often suffices: the evidence of a difference depends on the images, on
how they are laid out (`align_rows`), on what is ignored, and on the limits of the noises. It does
not depend on thresholds, on anti-aliasing or on odiff, which decide only which pixels are in the
mask; and these matter only for limits on pixels.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from pixelgate.domain.comparison import Diff, Measured
from pixelgate.domain.learned_noise import LearnedNoise
from pixelgate.domain.names import canonical
from pixelgate.domain.policy import Policy
from pixelgate.past.life import How, Row, Ruling
from pixelgate.past.model import Entry, Past
from pixelgate.past.pairs import same_input

# Fields that decide which pixels are in the mask, and nothing else.
_MASKING = ("structural_threshold", "sensitive_threshold", "antialiasing")
# A block is judged if a pixel of it differs by more than so many levels. Up to that number, every
# area that counts has pixels in the mask.
_JUDGED_LEVELS = 2


class Answer(StrEnum):
    """What becomes of a difference under the other rule."""

    NEWLY_QUIET = "newly quiet"
    NEWLY_LOUD = "newly loud"
    STILL_CAUGHT = "still caught"
    STILL_QUIET = "still quiet"
    UNKNOWN = "unknown"  # what would tell is gone


# The answers of which a report shows pictures, each in a report of its own.
PICTURED_ANSWERS = (Answer.NEWLY_QUIET, Answer.NEWLY_LOUD)


class Decided(StrEnum):
    """What people decided about a difference."""

    REJECTED = "rejected"
    APPROVED = "approved"
    UNDECIDED = "undecided"  # nobody decided: it is open, passed, or approved by a rule


class Source(StrEnum):
    """What the new verdict was judged from."""

    STORED = "stored"
    IMAGES = "images"
    NONE = "none"


def stored_verdict(
    diff: Diff,
    old: Policy,
    new: Policy,
    learned: LearnedNoise | None = None,
    *,
    same_odiff: bool = True,
) -> bool | None:
    """Returns whether a pair counts as changed under the new policy; None if the images must tell.

    `diff` was measured by our present algorithm under the old policy; `same_odiff` says whether
    the same odiff would measure it again. `learned` is the learned noise that applies.
    """
    same_place = old.align_rows == new.align_rows and _ignored(old) == _ignored(new)
    if diff.picture.differing == 0 and (same_place or not old.ignore_regions):
        return False  # each pixel is equal
    if not same_place:
        return None
    if _measures_the_same(old, new) and same_odiff:
        return diff.judge(new, learned).changed
    if new.is_exact:
        return _exact_verdict(diff, new)
    if old.limits == new.limits and new.limits.levels <= _JUDGED_LEVELS:
        if not any(diff.judge(new).marks):
            return False
        # Learned noise explains regions, whose shape the mask decides.
        by_region = learned is not None and new.learned_noise
        return None if _has_pixel_limits(new) or by_region else True
    # No noise explains what only one image has; learned noise explains nothing then.
    one_sided = any(area.one_sided for area in diff.areas)
    return True if one_sided and not _has_pixel_limits(new) else None


def _exact_verdict(diff: Diff, new: Policy) -> bool | None:
    """Judges a pair in which every pixel counts; a largest region is not known of it."""
    differing = diff.picture.differing
    if new.max_region_pixels is None:
        return not new.tolerates(differing, diff.total_pixels, differing)
    tolerated = replace(new, max_region_pixels=None).tolerates(
        differing, diff.total_pixels, differing
    )
    # A region has no more pixels than all regions together.
    return False if tolerated or differing <= new.max_region_pixels else None


def _measures_the_same(old: Policy, new: Policy) -> bool:
    """Whether the same images give the same measurements under both policies."""
    masks = all(getattr(old, name) == getattr(new, name) for name in _MASKING)
    return masks and old.is_exact == new.is_exact and old.limits == new.limits


def _has_pixel_limits(policy: Policy) -> bool:
    """Whether a difference may pass by the number of its pixels."""
    default = Policy()
    return any(
        getattr(policy, name) != getattr(default, name)
        for name in ("max_changed_pixels", "max_changed_ratio", "max_region_pixels")
    )


def _ignored(policy: Policy) -> frozenset[Any]:
    return frozenset(policy.ignore_regions)


@dataclass(frozen=True)
class Piece:
    """One difference of the past: a snapshot whose image was not byte for byte its base's.

    Attributes:
        base, head: hashes of the images.
        loud: whether it needed a review: it changed, or could not be compared.
        ruling: what became of it.
        measured: what was measured; None if the images could not be compared, or it is gone.
        old, new: its policy then, and under the other rule; None if that cannot be known.
        current: whether this version's algorithm measured it.
        same_odiff: whether the odiff that would measure it again did.
        errored: whether its images could not be compared then.
        gone: what would tell its verdict and is gone, in words.
        noise: whether the two images are of the same input, so that a difference is noise.
        learned: the learned noise that explained a part of it then; it explains no more now.
    """

    entry: Entry
    name: str
    base: str
    head: str
    loud: bool
    ruling: Ruling
    measured: Measured | None = None
    old: Policy | None = None
    new: Policy | None = None
    current: bool = True
    same_odiff: bool = True
    errored: bool = False
    gone: str | None = None
    noise: bool = False
    learned: LearnedNoise | None = None

    @property
    def decided(self) -> Decided:
        """What people decided about it."""
        if self.ruling.how is How.FORK and self.ruling.given is not None:
            return _DECIDED[self.ruling.given.action]
        return _BY_HOW.get(self.ruling.how, Decided.UNDECIDED)

    def stored(self) -> bool | None:
        """Whether it is loud under the new rule, by what is stored; None if that cannot tell."""
        if self.gone is not None or self.old is None or self.new is None or not self.current:
            return None
        if self.errored:
            return True  # no policy makes an unreadable image readable
        if self.measured is None:
            return None
        return stored_verdict(
            self.measured.diff, self.old, self.new, self.learned, same_odiff=self.same_odiff
        )


_DECIDED = {"approve": Decided.APPROVED, "reject": Decided.REJECTED}
_BY_HOW = {
    How.APPROVED: Decided.APPROVED,
    How.CARRIED: Decided.APPROVED,
    How.REJECTED: Decided.REJECTED,
}


@dataclass(frozen=True)
class Replayed:
    """A piece and its verdict under the other rule; `why` says what is missing."""

    piece: Piece
    answer: Answer
    source: Source
    why: str = ""

    def row(self) -> Row:
        """Returns the row of a table."""
        p = self.piece
        diff = p.measured.diff if p.measured else None
        return {
            "answer": str(self.answer),
            "decided": str(p.decided),
            "name": p.name,
            "build": p.entry.build,
            "at": p.entry.at,
            "branch": p.entry.branch,
            "pull_request": p.entry.pull_request,
            "commit": p.entry.commit,
            "pixels": diff.changed_pixels + diff.counted_pixels if diff else None,
            "same_input": p.noise,
            "how": str(p.ruling.how),
            "by": p.ruling.by,
            "reason": p.ruling.why,
            "source": str(self.source),
            "why": self.why,
            "base_image": p.base,
            "image": p.head,
        }


# The columns of a table without rows.
COLUMNS = ("answer", "decided", "name", "build", "at", "branch", "pull_request", "commit", "pixels",
           "same_input", "how", "by", "reason", "source", "why", "base_image", "image")  # fmt: skip


def same_inputs(past: Past) -> Callable[[str, str, str], bool]:
    """Returns a function that says of a name and two images whether they are of the same input."""
    known = {
        (canonical(name), frozenset((pair.first, pair.second)))
        for name, pairs in same_input(past).items()
        for pair in pairs
    }
    return lambda name, base, head: (canonical(name), frozenset((base, head))) in known


def replayed(piece: Piece, loud: bool | None, source: Source, why: str = "") -> Replayed:
    """Returns the answer for a piece that is `loud` under the other rule; None if unknown."""
    if loud is None:
        return Replayed(piece, Answer.UNKNOWN, Source.NONE, why or piece.gone or "")
    return Replayed(piece, _ANSWERS[piece.loud, loud], source)


_ANSWERS = {
    (True, True): Answer.STILL_CAUGHT,
    (True, False): Answer.NEWLY_QUIET,
    (False, True): Answer.NEWLY_LOUD,
    (False, False): Answer.STILL_QUIET,
}
# The order in which people should look.
_URGENCY = {
    (Answer.NEWLY_QUIET, Decided.REJECTED): 0,
    (Answer.UNKNOWN, Decided.REJECTED): 1,
    (Answer.NEWLY_QUIET, Decided.UNDECIDED): 2,
    (Answer.NEWLY_LOUD, Decided.UNDECIDED): 3,
    (Answer.NEWLY_LOUD, Decided.APPROVED): 3,
    (Answer.NEWLY_LOUD, Decided.REJECTED): 3,
    (Answer.NEWLY_QUIET, Decided.APPROVED): 4,
    (Answer.UNKNOWN, Decided.UNDECIDED): 5,
    (Answer.UNKNOWN, Decided.APPROVED): 5,
}


def in_order(found: Iterable[Replayed]) -> list[Replayed]:
    """Sorts by urgency, a rejected change that would be quiet first, then by name, newest first."""
    latest = sorted(
        found, key=lambda one: (one.piece.entry.at, one.piece.entry.build), reverse=True
    )
    return sorted(
        latest, key=lambda one: (_URGENCY.get((one.answer, one.piece.decided), 6), one.piece.name)
    )


def totals(found: Iterable[Replayed]) -> dict[str, Any]:
    """Counts the answers, with what people decided about those that changed."""
    counts: Counter[tuple[Answer, Decided]] = Counter()
    noise: Counter[Answer] = Counter()
    for one in found:
        counts[one.answer, one.piece.decided] += 1
        noise[one.answer] += one.piece.noise

    def of(answer: Answer) -> int:
        return sum(n for (given, _), n in counts.items() if given is answer)

    def split(answer: Answer) -> dict[str, int]:
        return {str(decided): counts[answer, decided] for decided in Decided}

    return {
        "differences": sum(counts.values()),
        "still_caught": of(Answer.STILL_CAUGHT),
        "newly_quiet": {"total": of(Answer.NEWLY_QUIET), **split(Answer.NEWLY_QUIET)},
        "newly_loud": {"total": of(Answer.NEWLY_LOUD), "same_input": noise[Answer.NEWLY_LOUD]},
        "still_quiet": of(Answer.STILL_QUIET),
        "unknown": {"total": of(Answer.UNKNOWN), **split(Answer.UNKNOWN)},
    }


def by_snapshot(found: Iterable[Replayed]) -> list[Row]:
    """Returns a row for each snapshot whose verdict changes somewhere, or cannot be told.

    Those with a rejected change that would be quiet come first.
    """
    groups: dict[str, list[Replayed]] = defaultdict(list)
    for one in found:
        groups[canonical(one.piece.name)].append(one)
    rows = [_snapshot_row(group) for group in groups.values()]
    changed = [row for row in rows if row["newly_quiet"] or row["newly_loud"] or row["unknown"]]
    return sorted(
        changed,
        key=lambda row: (
            *(-row["newly_quiet_rejected"], -row["newly_quiet"], -row["newly_loud"]),
            *(-row["unknown"], row["name"]),
        ),
    )


def _snapshot_row(group: Sequence[Replayed]) -> Row:
    counts = Counter(one.answer for one in group)
    quiet = Counter(one.piece.decided for one in group if one.answer is Answer.NEWLY_QUIET)
    loud = [one for one in group if one.answer is Answer.NEWLY_LOUD]
    return {
        "name": max(group, key=lambda one: one.piece.entry.at).piece.name,
        "still_caught": counts[Answer.STILL_CAUGHT],
        "newly_quiet": counts[Answer.NEWLY_QUIET],
        "newly_quiet_rejected": quiet[Decided.REJECTED],
        "newly_quiet_approved": quiet[Decided.APPROVED],
        "newly_quiet_undecided": quiet[Decided.UNDECIDED],
        "newly_loud": counts[Answer.NEWLY_LOUD],
        "newly_loud_same_input": sum(one.piece.noise for one in loud),
        "still_quiet": counts[Answer.STILL_QUIET],
        "unknown": counts[Answer.UNKNOWN],
    }


def is_risky(found: Iterable[Replayed]) -> bool:
    """Whether a change that a person rejected would be quiet."""
    return any(
        one.answer is Answer.NEWLY_QUIET and one.piece.decided is Decided.REJECTED for one in found
    )
