"""A canvas for small screens: text in the ways that browsers rasterise it, lines, smoothed shapes.

Nothing depends on the fonts of a machine: letters are those of the font inside Pillow, and the
signs that it lacks are strokes of ours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from support.plain_odiff import Pixels

Coverage = npt.NDArray[np.float64]  # (height, width) or (height, width, 3), from 0 to 1
Point = tuple[float, float]
Stroke = tuple[float, tuple[Point, ...]]

_LEFT = 4  # pixels left of the pen that a glyph's coverage has
_LCD_FILTER = np.array([8, 77, 86, 77, 8]) / 256  # FreeType's default


class Mode(StrEnum):
    """How text becomes pixels."""

    HINTED = "hinted"  # as FreeType does it at this size
    GREY = "grey"  # the outline, smoothed
    LCD = "lcd"  # the outline, smoothed by subpixels: red, green, blue from left to right


@dataclass(frozen=True)
class Raster:
    """A way to rasterise text.

    Attributes:
        mode: what makes pixels of an outline.
        shift: device pixels by which all text lies further to the right.
        gamma: the power to which coverage is raised: under 1, text is a little bolder.
        snapped: each glyph begins at a whole pixel; otherwise where the one before it ends.
    """

    mode: Mode = Mode.HINTED
    shift: float = 0.0
    gamma: float = 1.0
    snapped: bool = True


def rgb(colour: str) -> tuple[int, int, int]:
    """`#rgb` or `#rrggbb` as numbers."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    red, green, blue = bytes.fromhex(digits)
    return red, green, blue


def luma(colour: str) -> float:
    """Brightness from 0 to 255."""
    red, green, blue = rgb(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def of_equal_luma(colour: str, other: str) -> str:
    """The hue of another colour, brought to the brightness of the first."""
    wanted = luma(colour)
    return min(
        (_mixed(other, end, share / 400) for end in ("#000000", "#ffffff") for share in range(401)),
        key=lambda mixed: abs(luma(mixed) - wanted),
    )


def _mixed(colour: str, other: str, share: float) -> str:
    pairs = zip(rgb(colour), rgb(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


class Canvas:
    """Pixels to draw on. Lengths are CSS pixels; `density` device pixels make one.

    Attributes:
        density: device pixels per CSS pixel.
        raster: how text is drawn.
        smoothing: samples per pixel, across and down, with which shapes are smoothed.
        nudge: device pixels by which smoothed shapes lie further to the right and down.
    """

    def __init__(
        self,
        width: int,
        height: int,
        colour: str = "#ffffff",
        *,
        density: int = 1,
        raster: Raster | None = None,
        smoothing: int = 4,
        nudge: float = 0.0,
    ) -> None:
        self.density = density
        self.raster = raster or Raster()
        self.smoothing = smoothing
        self.nudge = nudge
        self._pixels = np.empty((height * density, width * density, 3))
        self._pixels[:] = rgb(colour)

    def pixels(self) -> Pixels:
        """What was drawn: (height, width, 3) of uint8."""
        return np.rint(self._pixels).astype(np.uint8)

    def fill(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """A rectangle with sharp edges."""
        left, top, right, bottom = (
            round(side * self.density) for side in (x, y, x + width, y + height)
        )
        self._pixels[top:bottom, left:right] = rgb(colour)

    def frame(
        self, x: float, y: float, width: float, height: float, colour: str, *, dash: int = 0
    ) -> None:
        """A border of one device pixel inside of a rectangle; dashed if `dash` is not 0."""
        thin = 1 / self.density
        for left, top, wide, high in (
            (x, y, width, thin),
            (x, y + height - thin, width, thin),
            (x, y, thin, height),
            (x + width - thin, y, thin, height),
        ):
            self.line(left, top, wide, high, colour, dash=dash)

    def line(
        self, x: float, y: float, width: float, height: float, colour: str, *, dash: int = 0
    ) -> None:
        """A straight line with sharp edges, across or down; dashes as long as their gaps."""
        if not dash:
            self.fill(x, y, width, height, colour)
            return
        across = width > height
        for start in np.arange(0, max(width, height), 2 * dash):
            long = min(dash, max(width, height) - start)
            if across:
                self.fill(x + start, y, long, height, colour)
            else:
                self.fill(x, y + start, width, long, colour)

    def picture(self, x: int, y: int, pixels: Pixels) -> None:
        """Pixels as they are, at a place in device pixels."""
        height, width, _ = pixels.shape
        self._pixels[y : y + height, x : x + width] = pixels

    def rounded(
        self, x: float, y: float, width: float, height: float, radius: float, colour: str
    ) -> None:
        """A rectangle with round, smoothed corners."""
        box = (x, y, x + width, y + height)
        self._shape(box, lambda d, b, k: d.rounded_rectangle(b, radius * k, fill=255), colour)

    def disc(self, x: float, y: float, radius: float, colour: str) -> None:
        """A smoothed disc around a point."""
        box = (x - radius, y - radius, x + radius, y + radius)
        self._shape(box, lambda d, b, _: d.ellipse(b, fill=255), colour)

    def ring(self, x: float, y: float, radius: float, thickness: float, colour: str) -> None:
        """A smoothed circle around a point; `radius` is the outer one."""
        box = (x - radius, y - radius, x + radius, y + radius)

        def paint(draw: ImageDraw.ImageDraw, sides: Sequence[float], scale: float) -> None:
            draw.ellipse(sides, fill=255)
            edge = thickness * scale
            left, top, right, bottom = sides
            inner = (left + edge, top + edge, right - edge, bottom - edge)
            draw.ellipse(inner, fill=0)

        self._shape(box, paint, colour)

    def slice(self, x: float, y: float, radius: float, start: int, end: int, colour: str) -> None:
        """A smoothed piece of a pie, from one angle to another, in degrees."""
        box = (x - radius, y - radius, x + radius, y + radius)
        self._shape(box, lambda d, b, _: d.pieslice(b, start, end, fill=255), colour)

    def stroke(self, points: Sequence[Point], thickness: float, colour: str) -> None:
        """A smoothed line with round ends through points."""
        half = thickness / 2 + 1
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        box = (min(xs) - half, min(ys) - half, max(xs) + half, max(ys) + half)

        def paint(draw: ImageDraw.ImageDraw, sides: Sequence[float], scale: float) -> None:
            moved = [(sides[0] + (px - box[0]) * scale, sides[1] + (py - box[1]) * scale)
                     for px, py in points]  # fmt: skip
            _paint_stroke(draw, moved, thickness * scale)

        self._shape(box, paint, colour)

    def polygon(self, points: Sequence[Point], colour: str) -> None:
        """A smoothed, filled polygon."""
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        box = (min(xs), min(ys), max(xs), max(ys))

        def paint(draw: ImageDraw.ImageDraw, sides: Sequence[float], scale: float) -> None:
            draw.polygon(
                [(sides[0] + (px - box[0]) * scale, sides[1] + (py - box[1]) * scale)
                 for px, py in points], fill=255,
            )  # fmt: skip

        self._shape(box, paint, colour)

    def text(self, x: float, baseline: float, said: str, size: float, colour: str) -> float:
        """A line of text; returns where it ends."""
        pixels, pen = size * self.density, x * self.density
        for character in said:
            self._glyph(character, pixels, pen, round(baseline * self.density), colour)
            pen += advance(character, pixels)
        return pen / self.density

    def cell(self, x: float, baseline: float, said: str, size: float, colour: str) -> None:
        """Text in which every character is as wide as a digit."""
        for place, character in enumerate(said):
            pen = x * self.density + place * advance("0", size * self.density)
            self._glyph(character, size * self.density, pen, round(baseline * self.density), colour)

    def right(self, x: float, baseline: float, said: str, size: float, colour: str) -> None:
        """A line of text that ends at x."""
        width = sum(advance(character, size) for character in said)
        self.text(x - width, baseline, said, size, colour)

    def _glyph(self, character: str, size: float, pen: float, baseline: int, colour: str) -> None:
        if character == " ":
            return
        raster = self.raster
        pen = (round(pen) if raster.snapped else round(pen * 4) / 4) + raster.shift
        whole = math.floor(pen)
        covered = _covered(character, size, replace(raster, shift=pen - whole, snapped=True))
        self._blend(covered, whole - _LEFT, baseline - math.ceil(size), colour)

    def _shape(self, box: Sequence[float], paint: _Paint, colour: str) -> None:
        left, top, right, bottom = (side * self.density + self.nudge for side in box)
        x, y, samples = math.floor(left), math.floor(top), self.smoothing
        width, height = math.ceil(right) - x + 1, math.ceil(bottom) - y + 1
        image = Image.new("L", (width * samples, height * samples))
        sides = [(left - x) * samples, (top - y) * samples,
                 (right - x) * samples - 1, (bottom - y) * samples - 1]  # fmt: skip
        paint(ImageDraw.Draw(image), sides, self.density * samples)
        self._blend(_reduced(image, samples, samples), x, y, colour)

    def _blend(self, covered: Coverage, x: int, y: int, colour: str) -> None:
        high, wide = self._pixels.shape[:2]
        cut_x, cut_y = max(0, -x), max(0, -y)
        covered = covered[cut_y : high - y, cut_x : wide - x]
        x, y = x + cut_x, y + cut_y
        if not covered.size:
            return
        part = self._pixels[y : y + covered.shape[0], x : x + covered.shape[1]]
        share = covered if covered.ndim == 3 else covered[..., None]
        part += (np.array(rgb(colour)) - part) * share


class _Paint(Protocol):
    """What paints a shape white on black: onto a drawing, within sides, at a scale."""

    def __call__(
        self, draw: ImageDraw.ImageDraw, sides: Sequence[float], scale: float, /
    ) -> None: ...


@lru_cache(maxsize=4096)
def advance(character: str, size: float) -> float:
    """How far the pen moves, in pixels."""
    known = _SIGNS.get(character)
    if known is None:
        return _font(256).getlength(character) * size / 256
    return known[0] * size


@lru_cache(maxsize=64)
def _font(size: float) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):  # only a Pillow without FreeType has another
        raise TypeError(font)
    return font


@lru_cache(maxsize=8192)
def _covered(character: str, size: float, raster: Raster) -> Coverage:
    """A glyph's coverage; the pen is `_LEFT` + shift from the left, the baseline `size` down."""
    across, down = {Mode.HINTED: (1, 1), Mode.GREY: (8, 8), Mode.LCD: (6, 6)}[raster.mode]
    if character in _SIGNS and raster.mode == Mode.HINTED:
        across, down = 4, 4
    width = math.ceil(advance(character, size)) + 2 * _LEFT
    height = math.ceil(size) + math.ceil(size / 2)
    image = Image.new("L", (width * across, height * down))
    draw = ImageDraw.Draw(image)
    pen, base = (_LEFT + raster.shift) * across, math.ceil(size) * down
    if character in _SIGNS:
        for letter in _SIGNS[character][1]:
            draw.text((pen, base), letter, fill=255, font=_font(size * down), anchor="ls")
        for thickness, points in _SIGNS[character][2]:
            moved = [(pen + px * size * across, base - py * size * down) for px, py in points]
            _paint_stroke(draw, moved, thickness * size * down)
    else:
        draw.text((pen, base), character, fill=255, font=_font(size * down), anchor="ls")
    if raster.mode == Mode.LCD:
        covered = _by_subpixels(_reduced(image, across // 3, down))
    else:
        covered = _reduced(image, across, down)
    powered: Coverage = covered**raster.gamma
    return powered


def _by_subpixels(thirds: Coverage) -> Coverage:
    """Three columns of coverage make one pixel's red, green and blue."""
    padded = np.pad(thirds, ((0, 0), (2, 2)))
    width = thirds.shape[1]
    filtered = sum(
        (weight * padded[:, k : k + width] for k, weight in enumerate(_LCD_FILTER)),
        start=np.zeros_like(thirds),
    )
    return np.clip(filtered.reshape(len(thirds), width // 3, 3), 0, 1)


def _reduced(image: Image.Image, across: int, down: int) -> Coverage:
    samples = np.asarray(image, np.float64)
    height, width = samples.shape
    blocks = samples.reshape(height // down, down, width // across, across)
    mean: Coverage = blocks.mean((1, 3)) / 255
    return mean


def _paint_stroke(draw: ImageDraw.ImageDraw, points: Sequence[Point], thickness: float) -> None:
    half = thickness / 2
    if len(points) > 1:
        draw.line([*points], fill=255, width=max(1, round(thickness)))
    for x, y in points:
        draw.ellipse((x - half, y - half, x + half - 1, y + half - 1), fill=255)


def _arc(x: float, y: float, rx: float, ry: float, start: int, end: int) -> tuple[Point, ...]:
    """Points of an arc, anticlockwise, in degrees, y upwards."""
    angles = [math.radians(start + (end - start) * k / 16) for k in range(17)]
    return tuple((x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles)


def _dots(*points: Point, thickness: float = 0.11) -> tuple[Stroke, ...]:
    return tuple((thickness, (point,)) for point in points)


_BOX: Stroke = (0.07, ((0.12, 0.0), (0.82, 0.0), (0.82, 0.7), (0.12, 0.7), (0.12, 0.0)))
_HAND = 0.07

# What the font lacks: advance, letters to begin with, and strokes (thickness and points), in em.
_SIGNS: dict[str, tuple[float, str, tuple[Stroke, ...]]] = {
    "€": (0.57, "", ((0.08, _arc(0.34, 0.35, 0.21, 0.33, 50, 310)),
                     (0.06, ((0.03, 0.42), (0.4, 0.42))), (0.06, ((0.03, 0.28), (0.38, 0.28))))),
    "£": (0.57, "", ((0.08, _arc(0.34, 0.52, 0.16, 0.16, 20, 200)),
                     (0.08, ((0.18, 0.48), (0.2, 0.04))),
                     (0.08, ((0.08, 0.04), (0.5, 0.04))), (0.06, ((0.08, 0.33), (0.4, 0.33))))),
    "ü": (0.56, "u", _dots((0.17, 0.66), (0.38, 0.66))),
    "ö": (0.56, "o", _dots((0.18, 0.66), (0.39, 0.66))),
    "ä": (0.54, "a", _dots((0.17, 0.66), (0.36, 0.66))),
    "ñ": (0.56, "n", ((_HAND, ((0.14, 0.62), (0.21, 0.68), (0.33, 0.63), (0.41, 0.69))),)),
    "–": (0.56, "", ((_HAND, ((0.04, 0.25), (0.52, 0.25))),)),
    "−": (0.57, "", ((_HAND, ((0.1, 0.3), (0.47, 0.3))),)),
    "×": (0.57, "", ((_HAND, ((0.14, 0.14), (0.44, 0.46))), (_HAND, ((0.14, 0.46), (0.44, 0.14))))),
    "÷": (0.57, "", ((_HAND, ((0.1, 0.3), (0.47, 0.3))), *_dots((0.285, 0.5), (0.285, 0.1)))),
    "≤": (0.57, "", ((_HAND, ((0.47, 0.6), (0.12, 0.4), (0.47, 0.2))),
                     (_HAND, ((0.12, 0.06), (0.47, 0.06))))),
    "≥": (0.57, "", ((_HAND, ((0.12, 0.6), (0.47, 0.4), (0.12, 0.2))),
                     (_HAND, ((0.12, 0.06), (0.47, 0.06))))),
    "←": (0.95, "", ((_HAND, ((0.1, 0.3), (0.85, 0.3))),
                     (_HAND, ((0.34, 0.52), (0.1, 0.3), (0.34, 0.08))))),
    "→": (0.95, "", ((_HAND, ((0.1, 0.3), (0.85, 0.3))),
                     (_HAND, ((0.61, 0.52), (0.85, 0.3), (0.61, 0.08))))),
    "✓": (0.85, "", ((0.1, ((0.12, 0.3), (0.32, 0.06), (0.74, 0.62))),)),
    "✗": (0.85, "", ((0.1, ((0.16, 0.06), (0.7, 0.62))), (0.1, ((0.16, 0.62), (0.7, 0.06))))),
    "☐": (0.95, "", (_BOX,)),
    "☑": (0.95, "", (_BOX, (0.09, ((0.26, 0.34), (0.42, 0.16), (0.7, 0.54))))),
    "•": (0.45, "", _dots((0.22, 0.3), thickness=0.26)),
    "◦": (0.45, "", ((0.05, _arc(0.22, 0.3, 0.11, 0.11, 0, 360)),)),
    "¹": (0.35, "", ((0.06, ((0.08, 0.6), (0.19, 0.69), (0.19, 0.36))),)),
}  # fmt: skip
