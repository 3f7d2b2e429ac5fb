"""How long engine/rows.py takes, in ms, best of five: python bench/rows.py.

The page is made of lines of text, 20 rows with something on them and 12 blank ones, which is what
a screenshot looks like to it; the cases are the worst that screenshots have, and two that they do
not have.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import numpy.typing as npt

from pixelgate.engine.row_alignment import align

Pixels = npt.NDArray[np.uint8]
SIZES = ((1170, 2532), (8000, 5000), (1280, 31250), (16, 99_000))


def page(random: np.random.Generator, width: int, height: int) -> Pixels:
    """White, with lines of noise."""
    pixels = np.full((height, width, 3), 255, np.uint8)
    for top in range(40, height - 20, 32):
        pixels[top : top + 20, width // 8 : width // 8 * 7] = random.integers(
            0, 256, (20, width // 8 * 7 - width // 8, 3), np.uint8
        )
    return pixels


def pairs(width: int, height: int) -> dict[str, tuple[Pixels, Pixels]]:
    """The cases: base and head."""
    random = np.random.default_rng(0)
    base = page(random, width, height)
    banner = random.integers(0, 256, (100, width, 3), np.uint8)
    middle = height // 2
    few = base.copy()
    few[:: height // 20] ^= 1
    table = base.copy()  # each line of it three times
    for top in range(40, height - 96, 96):
        table[top + 32 : top + 64] = table[top + 64 : top + 96] = table[top : top + 32]
    return {
        "banner at the top": (base, np.concatenate([banner, base])[:height]),
        "banner, taller page": (base, np.concatenate([banner, base])),
        "taller paragraph": (base, np.concatenate([base[:middle], banner, base[middle:]])),
        "every row differs": (base, base ^ 1),
        "20 rows differ": (base, few),
        "repeated rows": (table, np.concatenate([banner, table])[:height]),
        "a row less in each line": (base, np.delete(base, np.s_[50::32], axis=0)),
        "rows in any order": (base, base[random.permutation(height)]),
    }


def milliseconds(base: Pixels, head: Pixels) -> tuple[float, str]:
    """The time, and what came out."""
    best, answer = float("inf"), ""
    for _ in range(5):
        start = time.perf_counter()
        alignment = align(base, head)
        best = min(best, time.perf_counter() - start)
        answer = "None" if alignment is None else f"{len(alignment.bands)} bands"
    return best * 1000, answer


def main() -> None:
    """Prints a table for each size."""
    for width, height in SIZES:
        sys.stdout.write(f"{width} × {height}\n")
        for name, (base, head) in pairs(width, height).items():
            taken, answer = milliseconds(base, head)
            sys.stdout.write(f"  {name:24} {taken:8.1f}  {answer}\n")


if __name__ == "__main__":
    main()
