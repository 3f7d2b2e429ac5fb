"""A small suite of screenshots in which everything happens that a report has to show."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from pixelgate.bootstrap import find_engine, open_pool
from pixelgate.client.compare_folders import LocalResult, compare_folders
from pixelgate.domain import keys
from pixelgate.domain.comparison import Comparison, Judgement, Measured, Snapshot
from pixelgate.report import render, with_review

GREY, INK, BLUE, RED, GREEN = "#f3f2f1", "#0b0c0c", "#1d70b8", "#d4351c", "#00703c"
HOSTILE = '"><img src=x onerror=document.title=1>.png'
ALIKE = 4
UNCHANGED = 30


def page(size: tuple[int, int] = (640, 420), *, header: str = INK) -> Image.Image:
    """A header, a heading and some lines of text as blocks."""
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, size[0], 40), header)
    draw.rectangle((24, 70, size[0] // 2, 90), INK)
    words = random.Random(1)
    for line in range(6):
        x, y = 24, 120 + 26 * line
        while x < size[0] - 90:
            width = words.randint(12, 60)
            for row in range(10):  # as in letters, no two rows are alike
                draw.line((x, y + row, x + words.randint(4, width), y + row), INK)
            x += width + 8
    draw.rectangle((24, 290, 150, 330), GREEN)
    return image


def draw_folders(root: Path) -> tuple[Path, Path]:
    """Makes base and head below a folder."""
    base, head = root / "base", root / "head"
    for folder in (base, head):
        for n in range(UNCHANGED):
            _save(page((320, 200)), folder / "quiet" / f"same-{n:02}.png")

    _draw_pages(base, head)
    _draw_special(base, head)
    _pair(base, head, HOSTILE, page((200, 150)), page((200, 150), header=RED))
    _save(page((300, 300), header=GREEN), head / "new/welcome.png")
    _save(page((300, 300), header=RED), base / "old/goodbye.png")
    for folder, name in ((base, "was.png"), (head, "is.png")):
        _save(page((333, 222), header=BLUE), folder / "moved" / name)
    _save(page((200, 200)), base / "broken.png")
    (head / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    return base, head


def _draw_pages(base: Path, head: Path) -> None:
    """What changes on ordinary pages."""
    before, after = page(), page()
    draw = ImageDraw.Draw(after)
    draw.rectangle((24, 290, 150, 330), BLUE)
    draw.rectangle((500, 380, 506, 386), RED)
    _pair(base, head, "cart/button-desktop.png", before, after)

    for n in range(ALIKE):
        before, after = page((360, 640)), page((360, 640))
        ImageDraw.Draw(after).rectangle((300, 10, 340, 30), BLUE)
        for image in (before, after):
            ImageDraw.Draw(image).rectangle((24, 400, 60 + 40 * n, 420), INK)
        _pair(base, head, f"pages/step-{n + 1}-mobile.png", before, after)

    grown = Image.new("RGB", (640, 500), GREY)
    grown.paste(page(), (0, 0))
    _pair(base, head, "cart/grown.png", page(), grown)

    # A banner between the header and the rest pushes all below it down.
    banner = Image.new("RGB", (640, 480), "white")
    banner.paste(page().crop((0, 0, 640, 60)), (0, 0))
    ImageDraw.Draw(banner).rectangle((24, 66, 616, 112), BLUE)
    banner.paste(page().crop((0, 60, 640, 420)), (0, 120))
    _pair(base, head, "cart/banner.png", page(), banner)


def _draw_special(base: Path, head: Path) -> None:
    """A long page, a faint recolour, a transparent icon."""
    tall = [page((400, 420)), page((400, 420))]
    canvases = [Image.new("RGB", (400, 3_000), "white") for _ in tall]
    for canvas, image in zip(canvases, tall, strict=True):
        for y in range(0, 3_000, 420):
            canvas.paste(image, (0, y))
    ImageDraw.Draw(canvases[1]).rectangle((100, 2_400, 200, 2_440), RED)
    _pair(base, head, "long/terms.png", *canvases)

    soft = [Image.new("RGB", (300, 200), "white") for _ in range(2)]
    for image, level in zip(soft, ((200, 200, 200), (197, 197, 197)), strict=True):
        picture = ImageDraw.Draw(image)
        picture.rectangle((0, 0, 140, 200), level)
        for y in range(0, 190, 24):
            picture.rectangle((160, y, 280, y + 12), INK)
    _pair(base, head, "soft/recoloured.png", *soft)

    clear = [Image.new("RGBA", (120, 120), (0, 0, 0, 0)) for _ in range(2)]
    for image, colour in zip(clear, (BLUE, RED), strict=True):
        ImageDraw.Draw(image).ellipse((20, 20, 100, 100), colour)
    _pair(base, head, "icons/clear.png", *clear)


def _pair(base: Path, head: Path, name: str, before: Image.Image, after: Image.Image) -> None:
    _save(before, base / name)
    _save(after, head / name)


def _save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def compare(base: Path, head: Path, out: Path, *, inline: bool = False) -> LocalResult:
    """Compares two folders with the real engine."""
    engine = find_engine()
    with open_pool(engine) as pool:
        return compare_folders(base, head, out, pool=pool, engine=engine.label, inline=inline)


def as_before(name: str, snapshot: Snapshot) -> Snapshot:
    """A faint recolour as results of version 0.1 have it: it counts, and no mask shows it."""
    if name != "soft/recoloured.png" or snapshot.measured is None:
        return snapshot
    diff = replace(
        snapshot.measured.diff, regions=(), areas=(), explained=(), counted_pixels=0, mask=None
    )
    judgement = Judgement(changed=True, marks=(), recoloured=True)
    return replace(snapshot, measured=Measured(diff, None), judgement=judgement)


def tagged(name: str, snapshot: Snapshot) -> Snapshot:
    """As if the manifest had said something of it."""
    details: dict[str, object] = {"tags": ["mobile" if "mobile" in name else "desktop"]}
    if name == "cart/button-desktop.png":
        details |= {
            "display_name": "Cart with one item",
            "description": "The button below the list",
            "context": {"browser": "chromium 156"},
        }
    return replace(snapshot, details=details)


def rewrite(
    result: LocalResult,
    name: str,
    shown: Comparison,
    *,
    local: bool = False,
    bucket: str | None = None,
    reviews: Mapping[str, Any] | None = None,
) -> Path:
    """Another page beside the report, of another comparison with the same pictures."""
    path = result.out / name
    page = render(shown, lambda sha: _kept(result.out, sha), name, local=local, bucket=bucket)
    path.write_bytes(with_review(page, reviews) if reviews else page)
    return path


def _kept(out: Path, sha256: str) -> str | None:
    key = keys.image("local", sha256)
    return key if (out / key).exists() else None
