"""The harmless renderings, by group: settings, styles, fonts, treatments."""

from __future__ import annotations

import base64
import io
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from bench.quality.measure import Rgb
from bench.quality.pages import MODULES

Treat = Callable[[Rgb, int], Rgb]


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


def _codec(kind: str, quality: int, sampling: int = 0) -> Treat:
    def treat(pixels: Rgb, seed: int) -> Rgb:
        file = io.BytesIO()
        image = Image.fromarray(pixels)
        if kind == "JPEG":
            image.save(file, kind, quality=quality, subsampling=sampling)
        else:
            image.save(file, kind, quality=quality, method=2)
        with Image.open(file) as read:
            return np.asarray(read.convert("RGB"))

    return treat


def _pngquant(colours: int, *options: str) -> Treat:
    def treat(pixels: Rgb, seed: int) -> Rgb:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG", compress_level=1)
        command = ["pngquant", *options, str(colours), "-"]
        done = subprocess.run(command, input=file.getvalue(), capture_output=True, check=True)
        with Image.open(io.BytesIO(done.stdout)) as image:
            return np.asarray(image.convert("RGB"))

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
    """Where at least 12 of a block's 64 pixels have a colour of their own: photos, not text."""
    mask = np.zeros(pixels.shape[:2], bool)
    packed = (pixels.astype(np.uint32) * (1, 256, 65536)).sum(2)
    for top in range(0, pixels.shape[0], 8):
        for left in range(0, pixels.shape[1], 8):
            block = packed[top : top + 8, left : left + 8]
            if len(np.unique(block)) >= 40:
                mask[top : top + 8, left : left + 8] = True
    return mask


def _dither(pixels: Rgb, seed: int) -> Rgb:
    """Ordered dithering on the gradients: every second pixel of a soft step one level up."""
    values = pixels.astype(np.int16)
    steps = np.zeros(pixels.shape, bool)
    for axis in (0, 1):
        apart = np.abs(np.diff(values, axis=axis))
        small = (apart > 0) & (apart <= 2)
        inner = [slice(None)] * 3
        inner[axis] = slice(1, None)
        steps[tuple(inner)] |= small
    y, x = np.mgrid[0 : pixels.shape[0], 0 : pixels.shape[1]]
    chequered = ((x + y) % 2 == 0)[..., None] & steps
    dithered: Rgb = np.clip(values + chequered, 0, 255).astype(np.uint8)
    return dithered


def _font(package: str, file: str) -> str:
    """Rules that set all text in one of the fonts that are installed as packages."""
    family = "Bench"
    data = base64.b64encode((MODULES / package / file).read_bytes()).decode()
    return (
        f'@font-face{{font-family:"{family}";src:url(data:font/any;base64,{data})}}'
        f'*{{font-family:"{family}" !important}}'
    )


def _hinting() -> list[Noise]:
    names = ("reference", "hinting-slight", "hinting-medium", "hinting-full")
    said = {"reference": "none"}
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    kinds = ["-".join(said.get(n, n.removeprefix("hinting-")) for n in pair) for pair in pairs]
    return [
        Noise("n_hint", kind, pair, scales=(1,)) for kind, pair in zip(kinds, pairs, strict=True)
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
    # From half a device pixel on, the picture looks moved.
    scales = {1: (1, 2, 3), 2: (1, 2), 3: (1,)}
    return [
        Noise(
            "n_frac", f"frac.{tenths}{way}", styles=("", f"body{{{rule}}}"), scales=scales[tenths]
        )
        for tenths in (1, 2, 3)
        for way, rule in (
            ("-right", f"transform:translateX(.{tenths}px)"),
            ("-down", f"transform:translateY(.{tenths}px)"),
            ("-left-of", f"position:relative;left:.{tenths}px"),
        )
    ]


def _fonts() -> list[Noise]:
    """Two releases of a font each, as npm has them; the later drew some outlines anew."""
    noises = []
    for name in ("roboto", "arimo", "open-sans"):
        file = f"files/{name}-latin-400-normal.woff2"
        styles = (_font(f"{name}-4", file), _font(f"{name}-5", file))
        noises.append(Noise("n_font", f"{name}-4-5", styles=styles))
    return noises


def _codecs() -> list[Noise]:
    treats = {
        f"jpeg{quality}-{name}": _codec("JPEG", quality, sampling)
        for quality in (85, 90, 95)
        for name, sampling in (("444", 0), ("420", 2))
    }
    treats |= {f"webp{quality}": _codec("WEBP", quality) for quality in (80, 90, 95)}
    one = [
        Noise("n_codec", kind, treats=(None, treat), strict=("codec",))
        for kind, treat in treats.items()
    ]
    both = (
        ("jpeg95-vs-90", _codec("JPEG", 95), _codec("JPEG", 90)),
        ("jpeg90-vs-webp90", _codec("JPEG", 90, 2), _codec("WEBP", 90)),
    )
    return one + [Noise("n_codec", kind, treats=(a, b), strict=("codec",)) for kind, a, b in both]


def _palettes() -> list[Noise]:
    treats = {
        "median": _median(Image.Dither.NONE), "median-dither": _median(Image.Dither.FLOYDSTEINBERG),
    }  # fmt: skip
    if shutil.which("pngquant"):
        treats |= {
            "imagequant": _pngquant(256),
            "imagequant-128": _pngquant(128),
            "imagequant-nodither": _pngquant(256, "--nofs"),
        }
    return [
        Noise("n_palette", kind, treats=(None, t), strict=("colour",)) for kind, t in treats.items()
    ]


def _level_noises() -> list[Noise]:
    treats = {
        "all1": _levels(1), "all2": _levels(2), "photo1": _levels(1, textured=True),
        "photo2": _levels(2, textured=True), "dither": _dither,
        "some2": _levels(2, share=0.02), "blend": _blend_rounded_down,
    }  # fmt: skip
    return [
        Noise("n_level", kind, treats=(None, t), strict=("colour",)) for kind, t in treats.items()
    ]


def all_noises() -> list[Noise]:
    """Every noise, the groups taking turns; fonts need what ``pages.install`` fetches."""
    lcd = [
        Noise("n_lcd", "lcd", ("reference", "lcd")),
        Noise("n_lcd", "lcd-bgr", ("reference", "lcd-bgr")),
        Noise("n_lcd", "lcd-slight", ("hinting-slight", "lcd-slight"), scales=(1,)),
        Noise("n_lcd", "lcd-none-slight", ("reference", "lcd-slight"), scales=(1,)),
    ]
    gpu = [
        Noise("n_gpu", "gpu", ("reference", "gpu-raster"), strict=("place", "colour")),
        Noise("n_gpu", "tiles", ("reference", "tiles")),
    ]
    groups = [
        _codecs(), _compositor(), _fonts(), _shifts(), gpu, _hinting(), lcd, _level_noises(),
        _palettes(),
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
