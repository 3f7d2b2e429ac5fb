"""Decides whether one worker compares a build, or many: by pixels, and by the time that is left."""

from __future__ import annotations

from pixelgate.pipeline.diffing.plan import Pair, Plan

# Of one processor, all included: bench/scale.py measured 5.5 a second of a worker with two, on a
# busy machine, 20 ms from its bucket, with thumbnails; the diff alone is many times faster. Only a
# guess of how long it takes: a worker that runs out of time keeps its diffs.
MEGAPIXELS_PER_SECOND = 2.5
# Of a size that the manifest does not tell: a full page of a desktop.
_UNKNOWN = 1_440 * 4_000
# A manifest may say what it likes; larger pairs are refused by their headers.
_MOST = 50_000_000


def pixels_of(plan: Plan) -> dict[Pair, int]:
    """The pixels of the larger image of each pair, as far as the manifests tell."""
    pixels: dict[Pair, int] = {}
    for m in plan.matches:
        pair = plan.pair_of.get(m.name)
        if pair is None or pair in pixels:
            continue
        sizes = (image.size for image in plan.images_of(m) if image and image.size)
        pixels[pair] = min(max((w * h for w, h in sizes), default=_UNKNOWN), _MOST)
    return pixels


def why_fan_out(work: float, budget: float, processors: int, seconds_left: float) -> str | None:
    """Why one worker should not do it alone, in words; None if it should.

    Args:
        work: megapixels to compare.
        budget: megapixels that one worker may compare.
        processors: pairs that it compares at a time.
        seconds_left: until it has to stop.
    """
    if work > budget:
        return f"{work:,.0f} megapixels to compare are more than the {budget:,.0f} for one worker"
    seconds = work / (MEGAPIXELS_PER_SECOND * processors)
    if seconds > seconds_left:
        return (
            f"{work:,.0f} megapixels to compare may take one worker {seconds:,.0f} s, "
            f"and it has {max(seconds_left, 0):,.0f} left"
        )
    return None
