"""How quick the report is with many snapshots, and reg-cli's beside it: `make bench-report`.

Draws two folders of screenshots, compares them with both programs, opens both reports in headless
Chromium, and measures what a person would feel.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from pixelgate.bootstrap import find_engine, open_pool
from pixelgate.client.compare_folders import compare_folders

ROOT = Path(__file__).parents[1]
REG_CLI = ROOT / "bench" / "speed" / "node_modules" / "reg-cli" / "dist" / "cli.js"
SIZE = (480, 320)  # of a screenshot
INKS = ("#0b0c0c", "#1d70b8", "#00703c", "#d4351c", "#4c2c92", "#505a5f")
VIEWPORT: ViewportSize = {"width": 1400, "height": 900}
WHEEL, STEPS = 600, 120  # pixels a turn, turns
PAGE_LIMIT = 160_000  # bytes of our page without the snapshots' data

# Notes long tasks from the beginning, and the first frame in which what was asked for is painted.
WATCH = """
  window.longTasks = [];
  const note = list => longTasks.push(...list.getEntries().map(e => [e.startTime, e.duration]));
  new PerformanceObserver(note).observe({ type: 'longtask', buffered: true });
  const look = () => {
    const drawn = %s.every(selector => {
      const image = document.querySelector(selector);
      return image && image.complete && image.naturalWidth && image.getClientRects().length;
    });
    // One more frame: what is complete now is on the screen then.
    if (drawn) requestAnimationFrame(() => { window.usable = performance.now(); });
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
"""


class Report(NamedTuple):
    """A report to measure."""

    page: Path
    pictures: tuple[str, ...]  # selectors of the images that must be painted for it to be usable
    list: str  # selector of what scrolls


class Felt(NamedTuple):
    """What was measured, medians of the rounds."""

    usable_ms: float  # from navigation until the first pictures are painted
    blocked_ms: float  # the longest task until then
    scroll_long_tasks: float  # tasks over 50 ms while the list is scrolled to its end
    scroll_longest_ms: float  # the longest of them
    heap_mb: float  # JavaScript's heap afterwards
    memory_mb: float  # of the renderer's process afterwards


LIMITS = Felt(1_500, float("inf"), 0, 50, float("inf"), 300)


def main() -> int:
    """Returns 1 if our report exceeds a limit."""
    parser = argparse.ArgumentParser(prog="python -m bench.report", description=__doc__)
    parser.add_argument("--snapshots", type=int, default=10_000)
    parser.add_argument("--changed", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    place = ROOT / ".bench" / "report"
    base, head = draw_suite(place, options.snapshots, options.changed)
    ours = report_ours(base, head, place / "pixelgate")
    felt = measure("pixelgate", ours, options.rounds)
    # The page without what depends on the snapshots.
    empty = re.sub(rb'(id="(?:list|details)-data">)[^<]*', rb"\1", ours.page.read_bytes())
    print(f"  {'page without data':20} {len(empty):>10,} bytes")
    if shutil.which("node") and REG_CLI.exists():
        measure("reg-cli", report_theirs(base, head, place / "reg-cli"), options.rounds)
    else:
        print("reg-cli is left out: npm ci in bench/speed installs it")
    names = zip(Felt._fields, felt, LIMITS, strict=True)
    over = [name for name, measured, limit in names if measured > limit]
    over += ["page without data"] if len(empty) > PAGE_LIMIT else []
    print(f"\nover the limit: {', '.join(over)}" if over else "\nwithin all limits")
    return int(bool(over))


# Two folders of screenshots


def draw_suite(root: Path, snapshots: int, changed: int) -> tuple[Path, Path]:
    """Draws base and head, of which so many differ; nothing is drawn anew where it is there."""
    base, head = root / "base", root / "head"
    done = root / f"{snapshots}-{changed}"
    if done.exists():
        return base, head
    shutil.rmtree(root, ignore_errors=True)
    differing = set(range(0, snapshots, snapshots // changed)[:changed]) if changed else set()
    for n in range(snapshots):
        name = f"area-{n // 400:03}/page-{n // 40:04}/state-{n:05}.png"
        for side in (base, head):
            (side / name).parent.mkdir(parents=True, exist_ok=True)
        image = draw_page(n)
        image.save(base / name, compress_level=1)
        if n in differing:
            draw_change(image, n)
            image.save(head / name, compress_level=1)
        else:
            os.link(base / name, head / name)
    done.touch()
    return base, head


def draw_page(n: int) -> Image.Image:
    """A header, a heading and lines of words, other ones for each number."""
    chance = random.Random(n)  # noqa: S311 - the same suite every time
    image = Image.new("RGB", SIZE, "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, SIZE[0], 32), chance.choice(INKS))
    draw.rectangle((16, 52, 16 + chance.randint(80, 260), 68), "#0b0c0c")
    for y in range(88, 300, 16):
        x = 16
        while x < SIZE[0] - 80:
            width = chance.randint(8, 60)
            draw.rectangle((x, y, x + width, y + 6), "#6f777b")
            x += width + 6
    return image


def draw_change(image: Image.Image, n: int) -> None:
    """Some rectangles, other ones for each number."""
    chance = random.Random(-n - 1)  # noqa: S311 - likewise
    for _ in range(chance.randint(1, 4)):
        x, y = chance.randint(0, SIZE[0] - 90), chance.randint(40, SIZE[1] - 50)
        box = (x, y, x + chance.randint(8, 80), y + chance.randint(8, 40))
        ImageDraw.Draw(image).rectangle(box, chance.choice(INKS))


# Reports


def report_ours(base: Path, head: Path, out: Path) -> Report:
    """Compares the folders with pixelgate."""
    engine = find_engine()
    with open_pool(engine) as pool:
        compare_folders(base, head, out, pool=pool, engine=engine.label)
    return Report(out / "index.html", (".row.card .thumb img", ".pane img"), "#list")


def report_theirs(base: Path, head: Path, out: Path) -> Report:
    """Compares the folders with reg-cli."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    page = out / "report.html"
    words = ["node", str(REG_CLI), str(head), str(base), str(out / "diff"), "-R", str(page)]
    words += ["-J", str(out / "reg.json"), "-M", "0.0225", "-I"]
    subprocess.run(words, check=True, capture_output=True, cwd=out, timeout=1_800)
    return Report(page, ("img[src*='state-']",), "body")


# A browser


def measure(name: str, report: Report, rounds: int) -> Felt:
    """Opens a report so many times, each time in a fresh browser, and prints what was felt."""
    felt = [open_once(report) for _ in range(rounds)]
    middle = Felt(*map(statistics.median, zip(*felt, strict=True)))
    print(f"\n{name}: {report.page.stat().st_size:,} bytes")
    for what, value in middle._asdict().items():
        print(f"  {what:20} {value:>10,.1f}")
    return middle


def open_once(report: Report) -> Felt:
    """Opens a report, scrolls to its end, and looks at its memory."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            page = browser.new_page(viewport=VIEWPORT)
            page.add_init_script(WATCH % list(report.pictures))
            page.goto(report.page.as_uri(), wait_until="commit")
            usable = wait_until_usable(page)
            tasks = page.evaluate("longTasks")
            scrolled = scroll(page, report)
            return Felt(
                usable_ms=usable,
                blocked_ms=max((took for start, took in tasks if start < usable), default=0.0),
                scroll_long_tasks=len(scrolled),
                scroll_longest_ms=max(scrolled, default=0.0),
                heap_mb=heap_mb(page),
                memory_mb=renderer_mb(browser),
            )
        finally:
            browser.close()


def wait_until_usable(page: Page) -> float:
    """Milliseconds until the first pictures were painted. (The page forbids wait_for_function.)"""
    for _ in range(1_200):
        if usable := page.evaluate("window.usable ?? 0"):
            return float(usable)
        page.wait_for_timeout(50)
    raise TimeoutError("no picture was painted within a minute")


def scroll(page: Page, report: Report) -> list[float]:
    """Turns the wheel over the list; returns the milliseconds of long tasks meanwhile."""
    page.evaluate("longTasks.length = 0")
    page.locator(report.list).first.hover(position={"x": 100, "y": 300})
    for _ in range(STEPS):
        page.mouse.wheel(0, WHEEL)
        page.wait_for_timeout(16)
    page.wait_for_timeout(500)
    return [float(took) for _, took in page.evaluate("longTasks")]


def heap_mb(page: Page) -> float:
    """JavaScript's heap after a collection."""
    client = page.context.new_cdp_session(page)
    client.send("Performance.enable")
    client.send("HeapProfiler.collectGarbage")
    metrics = {m["name"]: m["value"] for m in client.send("Performance.getMetrics")["metrics"]}
    return float(metrics["JSHeapUsedSize"]) / 1e6


def renderer_mb(browser: Browser) -> float:
    """The renderer's proportional share of memory, as Linux counts it; the largest if several."""
    session = browser.new_browser_cdp_session()
    rollups = [
        Path(f"/proc/{process['id']}/smaps_rollup").read_text()
        for process in session.send("SystemInfo.getProcessInfo")["processInfo"]
        if process["type"] == "renderer"
    ]
    return max(int(re.findall(r"(?m)^Pss: +(\d+)", text)[0]) for text in rollups) / 1024


if __name__ == "__main__":
    sys.exit(main())
