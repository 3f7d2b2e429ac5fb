"""Makes the labelled pairs: ``python -m bench.quality.render DIR``.

Two processes, one for each half. All that is made of a page lies in one half, so that what was
tuned on one half was never seen on the other.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from playwright.sync_api import sync_playwright

from bench.quality.cases import LABELS, Case, write_cases
from bench.quality.maker import Maker
from bench.quality.pages import install, load_pages

HALVES = ("tune", "held-out")


def render_half(half: str, folder: Path) -> tuple[list[Case], str]:
    """Makes the pairs of one half; returns them and the version of Chromium."""
    pages = [page for page in load_pages() if page.half == half]
    with tempfile.TemporaryDirectory() as work, sync_playwright() as playwright:
        maker = Maker(playwright, folder, Path(work), half)
        return maker.make(pages), maker.version


def render(folder: Path) -> list[Case]:
    """Makes the whole set in a folder; what lay there under the labels' names is removed."""
    install()
    for label in LABELS:
        shutil.rmtree(folder / label, ignore_errors=True)
    (folder / "cases.json").unlink(missing_ok=True)
    with ProcessPoolExecutor(len(HALVES)) as pool:
        made = list(pool.map(render_half, HALVES, [folder] * len(HALVES)))
    cases = [case for half, _ in made for case in half]
    write_cases(folder, cases, {"chromium": made[0][1], "pairs": len(cases)})
    return cases


def main() -> int:
    """Makes the set and says how many pairs it has."""
    parser = argparse.ArgumentParser(description="Render labelled pairs of screenshots.")
    parser.add_argument("folder", type=Path, help="where to put them")
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    cases = render(folder)
    seconds = time.monotonic() - began
    print(f"{len(cases)} pairs in {seconds:.0f} s")
    for (half, label), count in sorted(Counter((c.half, c.label) for c in cases).items()):
        print(f"  {half:9} {label:14} {count}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
