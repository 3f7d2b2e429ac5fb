"""Drawings for the pages: icons, charts, a month and photos, as inline SVG and HTML."""

from __future__ import annotations

import base64
import io
import re
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image

# 24 × 24, drawn with a stroke of 2. Each looks different when flipped.
ICONS = {
    "anchor": "M12 7v14M5 13c0 5 4 8 7 8s7-3 7-8M8 10h8M12 3a2 2 0 1 1 0 4a2 2 0 1 1 0-4",
    "arrow": "M4 12h15M13 6l6 6l-6 6",
    "bag": "M5 8h14l1 13H4zM8 8c0-6 8-6 8 0",
    "bell": "M6 17c1-2 1-4 1-6c0-7 10-7 10 0c0 2 0 4 1 6zM10 20c1 1 3 1 4 0M12 3v2",
    "book": "M4 4h7c1 0 1 1 1 1v15s0-1-1-1H4zM20 4h-7c-1 0-1 1-1 1v15s0-1 1-1h7zM6 8h3M6 11h3",
    "calendar": "M4 6h16v15H4zM4 11h16M8 3v5M16 3v5M7 15h2M11 15h2",
    "check": "M4 13l5 5L20 6",
    "dot-circle": "M12 3a9 9 0 1 1 0 18a9 9 0 1 1 0-18M12 10a2 2 0 1 1 0 4a2 2 0 1 1 0-4",
    "folder": "M3 6h6l2 3h10v11H3z",
    "gear": "M12 8a4 4 0 1 1 0 8a4 4 0 1 1 0-8M12 2v4M12 18v4M2 12h4M18 12h4M5 5l3 3M16 16l3 3",
    "heart": "M12 20C2 13 3 5 8 5c2 0 4 2 4 4c0-2 2-4 4-4c5 0 6 8-4 15z",
    "info": "M12 3a9 9 0 1 1 0 18a9 9 0 1 1 0-18M12 11v6M12 7v1",
    "lock": "M5 11h14v10H5zM8 11V8c0-6 8-6 8 0v3M12 15v3",
    "mail": "M3 5h18v14H3zM3 6l9 7l9-7",
    "minus": "M5 12h14",
    "phone": "M6 3h4l1 5l-3 2c1 3 3 5 6 6l2-3l5 1v4c0 2-2 3-3 3C9 20 3 14 3 6c0-1 1-3 3-3",
    "pin": "M12 21c-6-7-7-9-7-12c0-8 14-8 14 0c0 3-1 5-7 12M12 7a2 2 0 1 1 0 4a2 2 0 1 1 0-4",
    "plus": "M12 4v16M4 12h16",
    "refresh": "M20 12a8 8 0 1 1-3-6M17 2v5h-5",
    "truck": "M2 6h12v11H2zM14 10h4l4 4v3h-8M6 16a2 2 0 1 1 0 4a2 2 0 1 1 0-4",
    "user": "M12 4a4 4 0 1 1 0 8a4 4 0 1 1 0-8M4 21c0-8 16-8 16 0",
}
LINE = (34, 30, 31, 24, 26, 18, 21, 14, 17, 12, 15, 8)
BARS = (18, 26, 22, 35, 31, 44, 40, 52, 37, 48, 29, 41)
EVENTS = {3: "x", 4: "y", 9: "z", 13: "x", 17: "y", 18: "x", 23: "z", 27: "x"}
EVENT_NAMES = {"x": "Review", "y": "Lunch", "z": "Dentist"}
# Sky, hill, ground and light of the photos.
SCENES = (
    ((120, 160, 205), (70, 95, 80), (130, 110, 80), (250, 225, 180)),
    ((230, 150, 110), (80, 60, 90), (50, 45, 60), (255, 215, 140)),
    ((170, 190, 200), (110, 125, 130), (205, 205, 200), (245, 245, 240)),
    ((60, 75, 110), (30, 40, 60), (25, 30, 40), (235, 225, 190)),
    ((205, 215, 190), (60, 110, 60), (150, 130, 70), (255, 250, 210)),
)
Plane = npt.NDArray[np.float64]


def expand(markup: str) -> str:
    """Puts the drawings where the markup asks for them: ``{{icon bell 16}}``."""

    def drawing(match: re.Match[str]) -> str:
        match match[1].split():
            case ["icon", name, *size]:
                return _icon(name, *size)
            case ["chart", kind]:
                return _chart(kind)
            case ["days"]:
                return "".join(map(_day, range(1, 36)))
            case ["photo", number, width, height]:
                url = _photo_url(int(number), int(width), int(height))
                return f'<img src="{url}" width="{width}" height="{height}" alt="">'
        raise SystemExit(f"there is no drawing {match[0]}")

    return re.sub(r"\{\{([^}]*)\}\}", drawing, markup)


def _icon(name: str, size: str = "22") -> str:
    return (
        f'<svg data-icon="{name}" width="{size}" height="{size}" viewBox="0 0 24 24" fill="none" '
        'stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" '
        f'style="vertical-align:middle"><path d="{ICONS[name]}"/></svg>'
    )


def _chart(kind: str) -> str:
    """Bars, a line or an area, as wide as its surroundings; ``data-s`` marks the series."""
    grid = "".join(
        f'<line x1="0" x2="330" y1="{y}" y2="{y}" stroke="currentColor" stroke-opacity=".15"/>'
        for y in (10, 30, 50, 70)
    )
    points = " ".join(f"{30 * i},{2 * y}" for i, y in enumerate(LINE))
    series = ""
    if kind == "bars":
        series = "".join(
            f'<rect data-s="bar" x="{8 + 27 * i}" y="{70 - h}" width="17" height="{h}" rx="2" '
            'fill="#3b82f6" fill-opacity=".8"/>'
            for i, h in enumerate(BARS)
        )
    if kind == "area":
        series = (
            f'<polygon data-s="area" points="0,80 {points} 330,80" fill="#0d9488" '
            'fill-opacity=".3"/>'
        )
    if kind != "bars":
        ink = "#0d9488" if kind == "area" else "#e0662a"
        series += (
            f'<polyline data-s="line" points="{points}" fill="none" stroke="{ink}" '
            'stroke-width="2"/>'
        )
    labels = "".join(
        f'<text x="{60 * i + 4}" y="90" font-size="9" fill="currentColor">{i * 2 + 1}h</text>'
        for i in range(6)
    )
    return (
        '<svg data-q="chart" data-crop viewBox="0 0 330 94" width="330" '
        f'style="max-width:100%;display:block">{grid}{series}{labels}</svg>'
    )


def _day(day: int) -> str:
    event = EVENTS.get(day)
    note = f'<span class="e {event}" data-q="badge">{EVENT_NAMES[event]}</span>' if event else ""
    return f"<div>{(day - 1) % 30 + 1}{note}</div>"


@cache
def _photo_url(number: int, width: int, height: int) -> str:
    """The photo as a data URL of a JPEG, as a camera leaves it."""
    file = io.BytesIO()
    Image.fromarray(_photo(number, width, height)).save(file, "JPEG", quality=90)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def _photo(number: int, width: int, height: int) -> npt.NDArray[np.uint8]:
    """A landscape with the texture and soft gradients of a photo, the same for the same number."""
    random = np.random.default_rng(number)
    sky, hill, ground, light = (np.array(c, float) for c in SCENES[number % len(SCENES)])
    y, x = np.mgrid[0:height, 0:width] / max(height, 1)
    image = sky + (light - sky) * np.clip(y * 1.6, 0, 1)[..., None] * 0.7
    image = image + 26 * (_noise(random, width, height, 5) - 0.5)[..., None]
    sun = np.hypot(x - random.uniform(0.2, 1.0), y - random.uniform(0.15, 0.35))
    image += (light - image) * np.exp(-((sun / 0.12) ** 2))[..., None]
    for layer, colour in enumerate((0.6 * hill + 0.4 * sky, hill, ground)):
        ridge = _noise(random, width, 8, 6)[0] * 0.22 + 0.42 + 0.17 * layer
        cover = np.clip((y - ridge) * height / 1.6, 0, 1)[..., None]
        grain = (_noise(random, width, height, 7) - 0.5)[..., None] * (28 + 18 * layer)
        image = image * (1 - cover) + (colour + grain) * cover
    image += random.normal(0, 2.2, (height, width, 1))
    levels: npt.NDArray[np.uint8] = np.clip(image, 0, 255).astype(np.uint8)
    return levels


def _noise(random: np.random.Generator, width: int, height: int, octaves: int) -> Plane:
    """Fractal noise from 0 to 1."""
    total: Plane = np.zeros((height, width))
    weight = 1.0
    for octave in range(octaves):
        size = 3 * 2**octave
        grid = random.random((size, size)).astype(np.float32)
        layer = Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)
        total += weight * np.asarray(layer)
        weight *= 0.55
    low, high = float(np.min(total)), float(np.max(total))
    scaled: Plane = (total - low) / (high - low)
    return scaled
