"""Harmless treatments of a finished picture: compression, quantisation, noise."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from bench.quality.measure import Rgb


@dataclass(frozen=True)
class Treated:
    """A picture after its treatment.

    Attributes:
        pixels: as they are after decoding.
        stored: the file in which it was kept in between, with its suffix, if not PNG.
    """

    pixels: Rgb
    stored: tuple[str, bytes] | None = None


@dataclass(frozen=True)
class Treatment:
    """One treatment: its name, its parameters, and what it does with pixels and a seed."""

    name: str
    parameters: Mapping[str, Any]
    apply: Callable[[Rgb, int], Treated]


def _jpeg(quality: int, sampling: str) -> Treatment:
    subsampling = {"4:4:4": 0, "4:2:0": 2}[sampling]

    def apply(pixels: Rgb, seed: int) -> Treated:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=subsampling)
        return Treated(_decoded(file), ("jpg", file.getvalue()))

    name = f"jpeg-{quality}-{sampling.replace(':', '')}"
    return Treatment(name, {"quality": quality, "sampling": sampling}, apply)


def _webp(quality: int) -> Treatment:
    def apply(pixels: Rgb, seed: int) -> Treated:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "WEBP", quality=quality, method=2)
        return Treated(_decoded(file), ("webp", file.getvalue()))

    return Treatment(f"webp-{quality}", {"quality": quality}, apply)


def _palette(dither: Image.Dither) -> Treatment:
    def apply(pixels: Rgb, seed: int) -> Treated:
        image = Image.fromarray(pixels)
        palette = image.quantize(256, Image.Quantize.MEDIANCUT)
        return Treated(np.asarray(image.quantize(palette=palette, dither=dither).convert("RGB")))

    name = "palette" if dither is Image.Dither.NONE else "palette-dithered"
    return Treatment(name, {"colours": 256, "dither": dither.name.lower()}, apply)


def _noise(levels: int, share: float) -> Treatment:
    def apply(pixels: Rgb, seed: int) -> Treated:
        random = np.random.default_rng(seed)
        offset = random.integers(-levels, levels + 1, pixels.shape, dtype=np.int16)
        if share < 1:
            offset[random.random(pixels.shape[:2]) >= share] = 0
        return Treated(np.clip(pixels + offset, 0, 255).astype(np.uint8))

    return Treatment(f"noise-{levels}-of-{share:g}", {"levels": levels, "share": share}, apply)


def _blend_rounding() -> Treatment:
    def apply(pixels: Rgb, seed: int) -> Treated:
        # Blended over itself at alpha 254/255, with both products cut instead of rounded: what
        # is neither black nor white goes down by one level.
        values = pixels.astype(np.uint32)
        return Treated((values * 254 // 255 + values // 255).astype(np.uint8))

    return Treatment("blend-rounding", {"alpha": "254/255", "rounding": "down"}, apply)


def _again() -> Treatment:
    return Treatment("recompressed", {"pixels": "identical"}, lambda pixels, seed: Treated(pixels))


TREATMENTS = (
    _jpeg(95, "4:2:0"),
    _palette(Image.Dither.NONE),
    _jpeg(85, "4:4:4"),
    _noise(1, 1),
    _webp(90),
    _jpeg(95, "4:4:4"),
    _palette(Image.Dither.FLOYDSTEINBERG),
    _jpeg(85, "4:2:0"),
    _noise(2, 0.02),
    _blend_rounding(),
    _again(),
)
BY_NAME = {treatment.name: treatment for treatment in TREATMENTS}


def _decoded(file: io.BytesIO) -> Rgb:
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"))
