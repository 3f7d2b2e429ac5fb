"""How near a difference that passed came to the limits of the verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from functools import lru_cache

from pixelgate.domain.comparison import Diff
from pixelgate.domain.policy import SCALED, Noise, Policy
from pixelgate.domain.verdict import explain

# Counts of pixels of plain areas from which an area counts; `sensitivity` does not scale them.
_COUNTS = frozenset({"min_plain_pixels", "min_solid_pixels", "min_strong_pixels"})
# Halving the range so often finds the headroom to a thirty-second. Whoever passes with that much of
# the limits is near to none of them.
_STEPS = 5
_LEAST = 2.0**-_STEPS


def headroom(diff: Diff, policy: Policy) -> float | None:
    """Returns the share of the nearest limit that is left, 0 to 1; None if there is none.

    A difference that a noise explains has the headroom by which all limits of the noises could be
    lowered at once, and it would still be explained. One that passes by its number of pixels has
    what is left of that number. If it passes by both, the larger one counts, as it would still pass
    by that one. None stands for a difference that counts, for one that no limit is near to, and for
    one that differs in nothing.
    """
    judged = diff.judge(policy)
    if judged.changed or diff.picture.differing == 0:
        return None
    left = [_of_pixels(diff, policy)]
    if not policy.is_exact and not any(judged.marks):
        explained = _of_noise(diff, policy.limits)
        if explained is None:
            return None
        left.append(explained)
    return round(max(left), 3)


def _of_noise(diff: Diff, limits: Noise) -> float | None:
    """Returns by which share the limits could be lowered; None if by nearly all of it."""

    def passes(share: float) -> bool:
        lowered = _lowered(limits, share)
        return all(explain(area, diff.picture, lowered) for area in diff.areas)

    if passes(_LEAST):
        return None
    return _largest(lambda left: passes(1 - left))


def _largest(holds: Callable[[float], bool]) -> float:
    """Returns the largest number of 0 to 1 for which it holds, which it does for 0."""
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


@lru_cache(maxsize=256)
def _lowered(limits: Noise, share: float) -> Noise:
    return replace(
        limits,
        **{
            field.name: getattr(limits, field.name) * share
            for field in fields(Noise)
            if field.name in SCALED or field.name in _COUNTS
        },
    )


def _of_pixels(diff: Diff, policy: Policy) -> float:
    """Returns what is left of the limits on pixels; 0 if it does not pass by one of them."""
    changed = diff.changed_pixels + diff.counted_pixels
    ratio = changed / diff.total_pixels if diff.total_pixels else 0.0
    regions = zip(diff.regions, diff.judge(policy).marks, strict=True)
    largest = max((r.pixels for r, mark in regions if mark or policy.is_exact), default=0)
    pairs = (
        (changed, policy.max_changed_pixels),
        (ratio, policy.max_changed_ratio),
        (largest, policy.max_region_pixels or 0),
    )
    return max((1 - used / limit for used, limit in pairs if 0 < limit >= used), default=0.0)
