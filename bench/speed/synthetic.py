"""Pages as an interface looks: bars, cards, text, buttons, photographs; and small changes to them.

Drawn with Pillow and the font it brings, from seeds: every machine gets the same pixels.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw, ImageFont

# A phone at three pixels a point, a laptop at one.
SIZES = ((1170, 2532, 3), (1440, 900, 1))
WORDS = [
    "account", "balance", "billing", "close", "confirm", "delivery", "edit", "help",
    "invoice", "new", "order", "page", "payment", "print", "profile", "save",
]  # fmt: skip
COLOURS = ((29, 112, 184), (0, 112, 60), (212, 53, 28), (80, 90, 95), (244, 119, 56), (76, 44, 146))
INK, PAPER, LINE = (11, 12, 12), (255, 255, 255), (177, 180, 182)


@dataclass(frozen=True)
class Element:
    """One thing on a page."""

    kind: str  # text, button, card, photo
    x: int
    y: int
    width: int
    height: int
    colour: tuple[int, int, int]
    words: tuple[str, ...] = ()
    seed: int = 0


def draw_pairs(count: int) -> Iterator[tuple[str, bytes, bytes]]:
    """Name, base and head of `count` pages; phones and laptops in turn."""
    for number in range(count):
        width, height, scale = SIZES[number % len(SIZES)]
        rng = np.random.default_rng(number)
        page = _page(width, height, scale, rng)
        changed = _with_changes(page, scale, rng)
        base, head = (_png(_render(elements, width, height, scale)) for elements in (page, changed))
        yield f"page-{number}-{width}x{height}", base, head


def _page(width: int, height: int, scale: int, rng: np.random.Generator) -> list[Element]:
    """A bar on top, then rows of cards with a heading, text, and a button or a photograph."""
    unit = 8 * scale
    page = [Element("button", 0, 0, width, 7 * unit, INK, _some_words(rng, 2))]
    columns = 1 if height > width else 3
    card = width // columns - 2 * unit
    top = 9 * unit
    while top < height - 12 * unit:
        tall = int(rng.integers(14, 30)) * unit
        for column in range(columns):
            left = column * (card + 2 * unit) + unit
            page.append(Element("card", left, top, card, tall, LINE))
            page += _inside(left, top, card, tall, unit, rng)
        top += tall + 2 * unit
    return page


def _inside(
    left: int, top: int, width: int, height: int, unit: int, rng: np.random.Generator
) -> list[Element]:
    """What a card shows."""
    colour = COLOURS[int(rng.integers(len(COLOURS)))]
    inner = width - 2 * unit
    heading = Element("text", left + unit, top + unit, inner, 3 * unit, colour, _some_words(rng, 3))
    lines = [
        Element("text", left + unit, y, inner, 2 * unit, INK, _some_words(rng, inner // (7 * unit)))
        for y in range(top + 5 * unit, top + height - 8 * unit, 3 * unit)
    ]
    foot = top + height - 5 * unit
    if rng.random() < 0.2:
        tall = min(height - 6 * unit, 12 * unit)
        seed = int(rng.integers(1 << 30))
        return [
            heading,
            Element("photo", left + unit, top + 5 * unit, inner, tall, colour, (), seed),
        ]
    button = Element("button", left + unit, foot, 14 * unit, 4 * unit, colour, _some_words(rng, 1))
    return [heading, *lines, button]


def _with_changes(page: list[Element], scale: int, rng: np.random.Generator) -> list[Element]:
    """One to three elements say something else, change their colour or move a little."""
    changed = list(page)
    candidates = [i for i, element in enumerate(page) if element.kind in {"text", "button"}]
    for index in rng.choice(candidates, size=int(rng.integers(1, 4)), replace=False):
        element = changed[index]
        match int(rng.integers(3)):
            case 0:
                new = replace(element, words=_some_words(rng, len(element.words)))
            case 1:
                red, green, blue = element.colour
                new = replace(element, colour=(min(255, red + 24), green, max(0, blue - 16)))
            case _:
                new = replace(element, x=element.x + scale, y=element.y + 2 * scale)
        changed[index] = new
    return changed


def _some_words(rng: np.random.Generator, count: int) -> tuple[str, ...]:
    return tuple(WORDS[i] for i in rng.integers(len(WORDS), size=max(1, count)))


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _render(page: list[Element], width: int, height: int, scale: int) -> Image.Image:
    image = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(image)
    for element in page:
        left, top = element.x, element.y
        box = (left, top, left + element.width - 1, top + element.height - 1)
        text = " ".join(element.words)
        if element.kind == "card":
            draw.rounded_rectangle(box, 4 * scale, PAPER, element.colour, scale)
        elif element.kind == "photo":
            image.paste(_photo(element), (left, top))
        elif element.kind == "button":
            draw.rounded_rectangle(box, 3 * scale, element.colour)
            place = (left + 8 * scale, top + element.height // 4)
            draw.text(place, text, PAPER, _font(element.height // 2))
        else:
            draw.text((left, top), text, element.colour, _font(element.height * 3 // 4))
    return image


def _photo(element: Element) -> Image.Image:
    """Smooth light with the grain of a camera: what compresses badly and decodes slowly."""
    rng = np.random.default_rng(element.seed)
    y, x = np.mgrid[0 : element.height, 0 : element.width]
    light = 60 * np.sin(x / 90) + 50 * np.cos(y / 70)
    tint = np.array(element.colour, float) / 2 + 60
    grain = rng.integers(-3, 4, (element.height, element.width, 1))
    pixels = np.clip(light[..., None] + tint + grain, 0, 255)
    return Image.fromarray(pixels.astype(np.uint8))


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
