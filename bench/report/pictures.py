"""Draws a large suite: two folders with so many screenshots, of which so many changed."""

from __future__ import annotations

import os
import random
from pathlib import Path

from PIL import Image, ImageDraw

SIZE = (480, 320)
_FOLDER_OF = 40  # screenshots a folder
_INKS = ("#0b0c0c", "#1d70b8", "#00703c", "#d4351c", "#4c2c92", "#505a5f")


def draw_suite(root: Path, snapshots: int, changed: int) -> tuple[Path, Path]:
    """Makes base and head; nothing is drawn anew where that has been done.

    Args:
        root: where.
        snapshots: how many each folder holds.
        changed: how many of them differ, spread over all of it.
    """
    base, head = root / "base", root / "head"
    done = root / f"{snapshots}-{changed}"
    if done.exists():
        return base, head
    every = max(1, snapshots // changed) if changed else 0
    for n in range(snapshots):
        name = f"area-{n // _FOLDER_OF // 10:03}/page-{n // _FOLDER_OF:04}/state-{n:05}.png"
        picture = _page(n)
        _save(picture, base / name)
        (head / name).parent.mkdir(parents=True, exist_ok=True)
        if every and n % every == 0 and n // every < changed:
            _change(picture, n)
            _save(picture, head / name)
        else:
            (head / name).unlink(missing_ok=True)
            os.link(base / name, head / name)
    done.touch()
    return base, head


def _page(n: int) -> Image.Image:
    """A header, a heading and lines of words, other ones for each number."""
    chance = random.Random(n)  # noqa: S311 - the same suite every time
    image = Image.new("RGB", SIZE, "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, SIZE[0], 32), chance.choice(_INKS))
    draw.rectangle((16, 52, 16 + chance.randint(80, 260), 68), "#0b0c0c")
    for y in range(88, 300, 16):
        x = 16
        while x < SIZE[0] - 80:
            width = chance.randint(8, 60)
            draw.rectangle((x, y, x + width, y + 6), "#6f777b")
            x += width + 6
    return image


def _change(image: Image.Image, n: int) -> None:
    """Something that counts, another one for each number."""
    chance = random.Random(-n - 1)  # noqa: S311 - likewise
    draw = ImageDraw.Draw(image)
    for _ in range(chance.randint(1, 4)):
        x, y = chance.randint(0, SIZE[0] - 90), chance.randint(40, SIZE[1] - 50)
        size = chance.randint(8, 80), chance.randint(8, 40)
        draw.rectangle((x, y, x + size[0], y + size[1]), chance.choice(_INKS))


def _save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # it may be a link to the base's
    image.save(path, compress_level=1)
