"""Decides from pixels and time left whether one worker compares a build, or many workers."""

from __future__ import annotations

from pixelgate.pipeline.diffing.plan import Pair, Plan

# The speed of one processor, with all requests and thumbnails. bench/scale.py measured 5.5 for a
# worker with two processors on a busy machine, 20 ms away from its bucket; the diff alone is many
# times faster. An estimate is enough: a worker that runs out of time keeps its diffs.
MEGAPIXELS_PER_SECOND = 2.5
# The pixels of an image whose size is not in the manifest: a full page on a desktop.
_UNKNOWN = 1_440 * 4_000
# A manifest may claim any size; the engine refuses larger pairs by their headers.
_MOST = 50_000_000


def pixels_of(plan: Plan) -> dict[Pair, int]:
    """Returns the pixels of the larger image of each pair, from the sizes in the manifests."""
    pixels: dict[Pair, int] = {}
    for m in plan.matches:
        pair = plan.pair_of.get(m.name)
        if pair is None or pair in pixels:
            continue
        sizes = (image.size for image in plan.images_of(m) if image and image.size)
        pixels[pair] = min(max((w * h for w, h in sizes), default=_UNKNOWN), _MOST)
    return pixels


def fan_out_reason(work: float, budget: float, processors: int, seconds_left: float) -> str | None:
    """Returns the reason why many workers should compare a build; None if one is enough.

    `work` and `budget`, the most for one worker, are in megapixels. One worker compares
    `processors` pairs at a time.
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
