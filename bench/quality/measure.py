"""Measurements on a pair that the labels rest on: what moved, and how far colours lie apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Rgb = npt.NDArray[np.uint8]
Float = npt.NDArray[np.float64]
Word = tuple[str, float, float, float, float]

# Words that moved by so many CSS pixels have moved for a person's eye, too.
MOVED = 0.5
# So many words moved that it is no rounding of one of them.
MOVED_SHARE = 0.05
# In CIE ΔE*ab (1976): about the smallest difference that an untrained eye sees side by side.
JUST_NOTICEABLE = 2.3
# Blocks of so many CSS pixels stand for what is left of small things when one steps back. That
# the worst of them may lie two steps apart after compression is what looking at such pairs told.
BLOCK = 12
COMPRESSED = 2 * JUST_NOTICEABLE
# A smooth area that changed by so many levels is what also counts when it is planted: a soft
# shadow that is not drawn, a white that became a light grey.
SMOOTH_RANGE = 4
FLAT_LEVELS = 1.5
FLAT_SHARE = 0.02

_D65 = np.array([0.95047, 1.0, 1.08883])
_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)


def to_lab(rgb: Float) -> Float:
    """CIE L*a*b* of sRGB values from 0 to 255."""
    part = rgb / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _TO_XYZ.T / _D65
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1
    )


def block_delta_e(base: Rgb, head: Rgb, block: int) -> float:
    """The largest ΔE between the means of blocks: what is left when one steps back."""
    means = [_blocks(image, block).mean((1, 3)) for image in (base, head)]
    apart = to_lab(means[0]) - to_lab(means[1])
    return float(np.sqrt((apart**2).sum(-1)).max(initial=0.0))


def flat_share(base: Rgb, head: Rgb, block: int) -> float:
    """The share of the blocks that are smooth in the base and of another colour in the head."""
    blocks = [_blocks(image, block) for image in (base, head)]
    flat = (blocks[0].max((1, 3)) - blocks[0].min((1, 3))).max(-1) <= SMOOTH_RANGE
    shift = np.abs(blocks[0].mean((1, 3)) - blocks[1].mean((1, 3))).max(-1)
    return float((flat & (shift >= FLAT_LEVELS)).mean())


def _blocks(image: Rgb, block: int) -> Float:
    height, width = (size // block * block for size in image.shape[:2])
    cut = image[:height, :width].astype(np.float64)
    return cut.reshape(height // block, block, width // block, block, 3)


def pixel_numbers(base: Rgb, head: Rgb) -> dict[str, Any]:
    """How many pixels differ, by how much at most, where, and ΔE of the strongest."""
    delta = np.abs(base.astype(np.int16) - head.astype(np.int16)).max(2)
    ys, xs = np.nonzero(delta)
    if not ys.size:
        return {"pixels": 0, "levels": 0, "delta_e": 0.0, "box": None}
    apart = to_lab(base[ys, xs].astype(np.float64)) - to_lab(head[ys, xs].astype(np.float64))
    left, top = int(xs.min()), int(ys.min())
    return {
        "pixels": int(ys.size),
        "levels": int(delta.max()),
        "delta_e": round(float(np.sqrt((apart**2).sum(-1)).max()), 2),
        "box": [left, top, int(xs.max()) - left + 1, int(ys.max()) - top + 1],
    }


def words_moved(base: list[Word], head: list[Word]) -> float:
    """How far, in CSS pixels, the box of any word moved or grew; infinite if the words differ."""
    if [word[0] for word in base] != [word[0] for word in head]:
        return float("inf")
    if not base:
        return 0.0
    boxes = [np.array([word[1:] for word in words]) for words in (base, head)]
    return float(np.abs(boxes[0] - boxes[1]).max())


def words_shifted(base: Rgb, head: Rgb, words: list[Word], scale: int) -> float:
    """The share of words that are painted elsewhere although their boxes stayed.

    A word counts if it fits clearly better when shifted by whole device pixels that make at
    least half a CSS pixel.
    """
    grey = [image.astype(np.float64).mean(2) for image in (base, head)]
    height, width = grey[0].shape
    far = [d for d in range(-scale, scale + 1) if abs(d) >= -(-scale // 2)]
    shifts = [(0, 0), *((d, 0) for d in far), *((0, d) for d in far)]
    shifted = total = 0
    for _, x, y, w, h in words:
        left, top = round(x * scale) - 1, round(y * scale) - 1
        right, bottom = round((x + w) * scale) + 1, round((y + h) * scale) + 1
        if min(left, top) < scale or right + scale > width or bottom + scale > height:
            continue
        total += 1
        seen = grey[0][top:bottom, left:right]
        stayed, *others = (
            ((grey[1][top + dy : bottom + dy, left + dx : right + dx] - seen) ** 2).mean()
            for dx, dy in shifts
        )
        shifted += bool(stayed > 1 and min(others) < 0.5 * stayed)
    return shifted / total if total else 0.0


def words_in(box: tuple[int, int, int, int], *looks: list[Word]) -> tuple[list[Word], ...]:
    """The words of which at least a part lies in the box, from its corner; all if they differ."""
    if len({len(words) for words in looks}) > 1:
        return looks
    left, top, width, height = box
    inside = [
        n for n, (_, x, y, w, h) in enumerate(looks[0])
        if x < left + width and x + w > left and y < top + height and y + h > top
    ]  # fmt: skip
    return tuple(
        [(t, x - left, y - top, w, h) for t, x, y, w, h in (words[n] for n in inside)]
        for words in looks
    )
