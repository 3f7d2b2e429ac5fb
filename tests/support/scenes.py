"""Random screens and edits of them, always the same for a seed."""

from __future__ import annotations

import numpy as np

from support.drawings import png
from support.plain_odiff import Pixels


def scene(seed: int) -> tuple[bytes, bytes]:
    """A screen and an edited one: boxes, noise, more rows, another size, transparency."""
    random_ = np.random.default_rng(seed)
    height, width = (int(n) for n in random_.integers(40, 160, 2))
    base: Pixels = np.full((height, width, 4), 255, np.uint8)
    for _ in range(int(random_.integers(1, 12))):
        _paint(base, random_, 255)
    head = base.copy()
    if seed % 3 == 0:  # transparent, so compared on white and on black
        _paint(head, random_, int(random_.integers(0, 256)))
        _paint(base, random_, int(random_.integers(0, 256)))
    for _ in range(int(random_.integers(0, 3))):
        _paint(head, random_, 255)
    if seed % 2:
        rough = random_.integers(-3, 4, (*head.shape[:2], 3))
        head[..., :3] = np.clip(head[..., :3].astype(int) + rough, 0, 255).astype(np.uint8)
    if seed % 5 == 0:
        at = int(random_.integers(0, height))
        head = np.insert(head, at, np.repeat(head[at : at + 1], 7, axis=0), axis=0)
    if seed % 7 == 0:
        head = head[:, : width - int(random_.integers(1, 20))]
    return png(base), png(np.ascontiguousarray(head))


def _paint(pixels: Pixels, random_: np.random.Generator, alpha: int) -> None:
    height, width = pixels.shape[:2]
    x, y = int(random_.integers(0, width)), int(random_.integers(0, height))
    w, h = (int(n) for n in random_.integers(1, 40, 2))
    some = random_.integers(0, 256, 3)
    # Some are faint, so that they differ by few levels.
    before = pixels[y : y + h, x : x + w, :3].astype(int)
    faint = before + random_.integers(-6, 7, 3)
    colour = np.clip(faint if random_.random() < 0.4 else some, 0, 255).astype(np.uint8)
    pixels[y : y + h, x : x + w, :3] = colour
    pixels[y : y + h, x : x + w, 3] = alpha
