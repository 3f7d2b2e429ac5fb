"""The harmless renderings, by group: settings, styles, fonts, treatments."""

from __future__ import annotations

import base64
import io
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from PIL import Image

from bench.quality.measure import Rgb
from bench.quality.pages import MODULES

Treat = Callable[[Rgb, int], Rgb]  # pixels, seed


@dataclass(frozen=True)
class Noise:
    """One harmless difference between base and head.

    Attributes:
        group: the folder it goes to.
        kind: its name in expected.json.
        variants: the browser of base and of head.
        styles: rules that are added to the page of base and of head.
        treats: what is done to the pixels of base and of head.
        scales: device scale factors at which it makes a difference.
        strict: what its label rests on: "place" that nothing moved, "colour" that no area is of
            another colour; compression is given more room than the rest.
    """

    group: str
    kind: str
    variants: tuple[str, str] = ("reference", "reference")
    styles: tuple[str, str] = ("", "")
    treats: tuple[Treat | None, Treat | None] = (None, None)
    scales: tuple[int, ...] = (1, 2, 3)
    strict: tuple[str, ...] = ("place",)


def _saved_as(kind: str, **options: Any) -> Treat:
    """Saves the picture as a lossy file, and reads that."""

    def treat(pixels: Rgb, seed: int) -> Rgb:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, kind, **options)
        return _read(file)

    return treat


def _read(file: io.BytesIO) -> Rgb:
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"))


def _pngquant(colours: int, *options: str) -> Treat:
    def treat(pixels: Rgb, seed: int) -> Rgb:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG", compress_level=1)
        command = ["pngquant", *options, str(colours), "-"]
        done = subprocess.run(command, input=file.getvalue(), capture_output=True, check=True)
        return _read(io.BytesIO(done.stdout))

    return treat


def _median(dither: Image.Dither) -> Treat:
    """A palette of 256 colours by median cut."""

    def treat(pixels: Rgb, seed: int) -> Rgb:
        image = Image.fromarray(pixels)
        palette = image.quantize(256, Image.Quantize.MEDIANCUT)
        return np.asarray(image.quantize(palette=palette, dither=dither).convert("RGB"))

    return treat


def _blend_rounded_down(pixels: Rgb, seed: int) -> Rgb:
    """Blended over itself at alpha 254/255, with both products cut instead of rounded.

    What is neither black nor white becomes one level darker.
    """
    values = pixels.astype(np.uint32)
    return (values * 254 // 255 + values // 255).astype(np.uint8)


def _levels(levels: int, *, share: float = 1, textured: bool = False) -> Treat:
    """Noise of this many levels in a share of the pixels, or only where there is texture."""

    def treat(pixels: Rgb, seed: int) -> Rgb:
        random = np.random.default_rng(seed)
        offset = random.integers(-levels, levels + 1, pixels.shape, dtype=np.int16)
        if share < 1:
            offset[random.random(pixels.shape[:2]) >= share] = 0
        if textured:
            offset[~_texture(pixels)] = 0
        noisy: Rgb = np.clip(pixels + offset, 0, 255).astype(np.uint8)
        return noisy

    return treat


def _texture(pixels: Rgb) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Where at least 40 of a block's 64 pixels have a colour of their own: photos, not text."""
    mask = np.zeros(pixels.shape[:2], bool)
    packed = (pixels.astype(np.uint32) * (1, 256, 65536)).sum(2)
    for top in range(0, pixels.shape[0], 8):
        for left in range(0, pixels.shape[1], 8):
            block = slice(top, top + 8), slice(left, left + 8)
            mask[block] = len(np.unique(packed[block])) >= 40
    return mask


def _dither(pixels: Rgb, seed: int) -> Rgb:
    """Ordered dithering on the gradients: every second pixel of a soft step one level up."""
    values = pixels.astype(np.int16)
    steps = np.zeros(pixels.shape, bool)
    for axis, inner in ((0, np.s_[1:, :]), (1, np.s_[:, 1:])):
        apart = np.abs(np.diff(values, axis=axis))
        steps[inner] |= (apart > 0) & (apart <= 2)
    y, x = np.mgrid[0 : pixels.shape[0], 0 : pixels.shape[1]]
    chequered = ((x + y) % 2 == 0)[..., None] & steps
    dithered: Rgb = np.clip(values + chequered, 0, 255).astype(np.uint8)
    return dithered


def _treated(group: str, strict: str, treats: Mapping[str, Treat]) -> list[Noise]:
    """Noises of which only the head is treated."""
    return [
        Noise(group, kind, treats=(None, treat), strict=(strict,)) for kind, treat in treats.items()
    ]


def _hinting() -> list[Noise]:
    names = {"none": "reference"} | {n: f"hinting-{n}" for n in ("slight", "medium", "full")}
    return [
        Noise("n_hint", f"{a}-{b}", (names[a], names[b]), scales=(1,))
        for a, b in combinations(names, 2)
    ]


def _compositor() -> list[Noise]:
    some = "header,nav,main,article,table,form,section,ul,ol,p,.card,.uk-card,.tile,figure,fieldset"
    rules = {
        "comp-will": "will-change:transform", "comp-3d": "transform:translateZ(0)",
        "comp-opacity": "opacity:.999", "comp-filter": "filter:brightness(1)",
        "comp-backface": "backface-visibility:hidden;transform:rotate(0.0001deg)",
    }  # fmt: skip
    return [
        Noise("n_comp", kind, styles=("", f"{some}{{{rule}}}"), strict=("place", "colour"))
        for kind, rule in rules.items()
    ]


def _shifts() -> list[Noise]:
    ways = {
        "right": "transform:translateX({}px)", "down": "transform:translateY({}px)",
        "left-of": "position:relative;left:{}px",
    }  # fmt: skip
    # From half a device pixel on, the picture looks moved.
    return [
        Noise("n_frac", f"frac{by}-{way}", styles=("", f"body{{{rule.format(by)}}}"), scales=scales)
        for by, scales in ((".1", (1, 2, 3)), (".2", (1, 2)), (".3", (1,)))
        for way, rule in ways.items()
    ]


def _fonts() -> list[Noise]:
    """Two releases of a font each, as npm has them; the later drew some outlines anew."""

    def rules(name: str, release: int) -> str:
        file = MODULES / f"{name}-{release}" / f"files/{name}-latin-400-normal.woff2"
        data = base64.b64encode(file.read_bytes()).decode()
        return (
            f'@font-face{{font-family:"Bench";src:url(data:font/any;base64,{data})}}'
            '*{font-family:"Bench" !important}'
        )

    return [
        Noise("n_font", f"{name}-4-5", styles=(rules(name, 4), rules(name, 5)))
        for name in ("roboto", "arimo", "open-sans")
    ]


def _jpeg(quality: int, sampling: int = 0) -> Treat:
    return _saved_as("JPEG", quality=quality, subsampling=sampling)


def _webp(quality: int) -> Treat:
    return _saved_as("WEBP", quality=quality, method=2)


def _codecs() -> list[Noise]:
    treats = {
        f"jpeg{quality}-{name}": _jpeg(quality, sampling)
        for quality in (85, 90, 95)
        for name, sampling in (("444", 0), ("420", 2))
    }
    treats |= {f"webp{quality}": _webp(quality) for quality in (80, 90, 95)}
    both = {"jpeg95-vs-90": (_jpeg(95), _jpeg(90)), "jpeg90-vs-webp90": (_jpeg(90, 2), _webp(90))}
    return [
        *_treated("n_codec", "codec", treats),
        *(Noise("n_codec", kind, treats=pair, strict=("codec",)) for kind, pair in both.items()),
    ]


def _palettes() -> list[Noise]:
    treats = {
        "median": _median(Image.Dither.NONE), "median-dither": _median(Image.Dither.FLOYDSTEINBERG),
    }  # fmt: skip
    if shutil.which("pngquant"):
        treats |= {
            "imagequant": _pngquant(256), "imagequant-128": _pngquant(128),
            "imagequant-nodither": _pngquant(256, "--nofs"),
        }  # fmt: skip
    return _treated("n_palette", "colour", treats)


def all_noises() -> list[Noise]:
    """Every noise, the groups taking turns; fonts need what ``pages.install`` fetches."""
    gpu = [
        Noise("n_gpu", "gpu", ("reference", "gpu-raster"), strict=("place", "colour")),
        Noise("n_gpu", "tiles", ("reference", "tiles")),
    ]
    lcd = [
        Noise("n_lcd", "lcd", ("reference", "lcd")),
        Noise("n_lcd", "lcd-bgr", ("reference", "lcd-bgr")),
        Noise("n_lcd", "lcd-slight", ("hinting-slight", "lcd-slight"), scales=(1,)),
        Noise("n_lcd", "lcd-none-slight", ("reference", "lcd-slight"), scales=(1,)),
    ]
    levels = _treated("n_level", "colour", {
        "all1": _levels(1), "all2": _levels(2), "photo1": _levels(1, textured=True),
        "photo2": _levels(2, textured=True), "dither": _dither,
        "some2": _levels(2, share=0.02), "blend": _blend_rounded_down,
    })  # fmt: skip
    groups = [
        _codecs(), _compositor(), _fonts(), _shifts(), gpu, _hinting(), lcd, levels, _palettes(),
    ]  # fmt: skip
    turns = max(len(group) for group in groups)
    # A group's own noises take turns too: a group of two has as many pairs as one of nine.
    return [group[turn % len(group)] for turn in range(turns) for group in groups]


# Under which an edit is planted as well.
MIXED = (
    "jpeg85-420", "lcd", "imagequant", "gpu", "none-slight", "webp90", "photo2", "frac.1-right",
    "none-full", "jpeg95-444", "all1", "comp-will", "jpeg90-444", "lcd-bgr", "median-dither",
    "frac.2-down", "all2", "slight-full", "jpeg95-vs-90", "comp-opacity", "dither", "webp80",
)  # fmt: skip
