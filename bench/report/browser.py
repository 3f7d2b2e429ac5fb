"""Opens a report in headless Chromium and measures what a person would feel."""

from __future__ import annotations

import os
import shutil
import statistics
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

_VIEWPORT = {"width": 1400, "height": 900}
_WHEEL, _STEPS = 600, 120

# Notes long tasks from the beginning, and the first frame in which what was asked for is painted.
_WATCH = """
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


@dataclass(frozen=True)
class Subject:
    """A report to measure.

    Attributes:
        name: whose.
        page: its HTML file.
        pictures: selectors of the images that must be painted for it to be usable.
        list: selector of what scrolls; "" for the whole page.
    """

    name: str
    page: Path
    pictures: tuple[str, ...]
    list: str


@dataclass(frozen=True)
class Felt:
    """What was measured, medians of the rounds.

    Attributes:
        usable_ms: from navigation until the first pictures are painted.
        blocked_ms: the longest task until then.
        scroll_long_tasks: tasks over 50 ms while the list is scrolled to its end.
        scroll_longest_ms: the longest of them.
        heap_mb: JavaScript's heap afterwards.
        memory_mb: what the renderer's process holds for itself afterwards.
    """

    usable_ms: float
    blocked_ms: float
    scroll_long_tasks: float
    scroll_longest_ms: float
    heap_mb: float
    memory_mb: float


def measure(subject: Subject, rounds: int) -> Felt:
    """Opens a report so many times, each time in a fresh browser."""
    felt = [_once(subject) for _ in range(rounds)]
    return Felt(*(statistics.median(values) for values in zip(*map(_values, felt), strict=True)))


def _values(felt: Felt) -> tuple[float, ...]:
    return tuple(vars(felt).values())


def _once(subject: Subject) -> Felt:
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            page = browser.new_page(viewport=_VIEWPORT)  # type: ignore[arg-type]
            page.add_init_script(_WATCH % list(subject.pictures))
            page.goto(subject.page.as_uri(), wait_until="commit")
            usable = _wait(page)
            tasks = page.evaluate("longTasks")
            blocked = max((d for start, d in tasks if start < usable), default=0.0)
            long = _scroll(page, subject)
            client = page.context.new_cdp_session(page)
            return Felt(
                usable_ms=usable,
                blocked_ms=blocked,
                scroll_long_tasks=len(long),
                scroll_longest_ms=max(long, default=0.0),
                heap_mb=_heap(client),
                memory_mb=_private(browser),
            )
        finally:
            browser.close()


def _wait(page: Page) -> float:
    for _ in range(1_200):
        usable = page.evaluate("window.usable ?? 0")
        if usable:
            return float(usable)
        page.wait_for_timeout(50)
    raise TimeoutError("no picture was painted within a minute")


def _scroll(page: Page, subject: Subject) -> list[float]:
    """Turns the wheel over the list; returns the long tasks meanwhile."""
    page.evaluate("longTasks.length = 0")
    if subject.list:
        box = page.locator(subject.list).first.bounding_box()
        if box is None:
            raise LookupError(f"{subject.name} shows no {subject.list}")
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    else:
        page.mouse.move(_VIEWPORT["width"] / 2, _VIEWPORT["height"] / 2)
    for _ in range(_STEPS):
        page.mouse.wheel(0, _WHEEL)
        page.wait_for_timeout(16)
    page.wait_for_timeout(500)
    return [float(duration) for _, duration in page.evaluate("longTasks")]


def _heap(client: CDPSession) -> float:
    client.send("Performance.enable")
    client.send("HeapProfiler.collectGarbage")
    metrics = {m["name"]: m["value"] for m in client.send("Performance.getMetrics")["metrics"]}
    return float(metrics["JSHeapUsedSize"]) / 1e6


def _private(browser: Browser) -> float:
    """The renderer's proportional share of memory, as Linux counts it; the largest if several."""
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    found = []
    for process in processes:
        if process["type"] == "renderer":
            rollup = Path(f"/proc/{process['id']}/smaps_rollup").read_text()
            found.append(
                next(
                    int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")
                )
            )
    return max(found) / 1024
