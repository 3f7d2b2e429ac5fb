"""ICC colour profiles: built from numbers, and turned into a conversion to sRGB."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from pixelgate.engine.native import Pixels

Point = tuple[float, float]  # chromaticity: x and y

D65: Point = 0.3127, 0.3290
# A larger profile is ignored: those of cameras and printing presses have up to 2 MB.
MAX_BYTES = 4 * 1024 * 1024
# A profile that changes no colour by more than this many levels is another spelling of sRGB.
_SAME_LEVELS = 2
_LONGEST_NAME = 60
# Pixels converted at a time: Pillow needs eight bytes for each.
_STRIP_PIXELS = 1 << 20
_GREY, _RGB = "GRAY", "RGB"
_D50 = np.array((0.9642, 1.0, 0.8249))
_BRADFORD = np.array(
    ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
)


@dataclass(frozen=True, eq=False)
class Profile:
    """The colour space of an image."""

    name: str  # shown to users
    is_grey: bool = False  # whether it applies to greyscale images only
    # The conversion to sRGB; None if the image is sRGB already.
    way: ImageCms.ImageCmsTransform | None = None

    def convert(self, pixels: Pixels) -> None:
        """Converts the colours to sRGB in place; alpha stays."""
        if self.way is None:
            return
        rows = max(1, _STRIP_PIXELS // max(1, pixels.shape[1]))
        for top in range(0, len(pixels), rows):
            strip = pixels[top : top + rows, :, :3]
            strip[:] = _converted(strip, self.way, is_grey=self.is_grey)


SRGB = Profile("sRGB")


@lru_cache(maxsize=16)
def read(body: bytes, name: str | None = None) -> Profile | None:
    """The profile in a file's ICC block; None if it cannot be used, which browsers ignore.

    Users see the name; by default it is the one in the profile.
    """
    if len(body) > MAX_BYTES:
        return None
    try:
        stored = ImageCms.ImageCmsProfile(io.BytesIO(body))
        space = stored.profile.xcolor_space.strip()
        if space not in {_GREY, _RGB}:
            return SRGB  # CMYK and others: browsers do not convert these either
        is_grey = space == _GREY
        way = ImageCms.buildTransform(
            stored,
            _srgb(),
            "L" if is_grey else "RGB",
            "RGB",
            # LittleCMS's optimised grey curves are ten levels off in dark tones.
            flags=ImageCms.Flags.NOOPTIMIZE if is_grey else ImageCms.Flags.NONE,
        )
        profile = Profile(name or _name_of(stored), is_grey, way)
        return SRGB if _changes_nothing(profile) else profile
    except MemoryError:
        raise
    except Exception:
        return None  # LittleCMS and Pillow raise errors of several kinds on damaged profiles


def from_numbers(red: Point, green: Point, blue: Point, white: Point, gamma: float | None) -> bytes:
    """An ICC block for primaries and a power curve.

    All points are chromaticities. `gamma` is the exponent from the numbers to light, None for
    sRGB's own curve.

    Raises:
        ValueError: no such colours exist.
    """
    columns = _to_d50((red, green, blue), white).T
    curve = _curve(gamma)
    tags = {
        b"wtpt": _xyz(_D50),
        **{bytes((c,)) + b"XYZ": _xyz(column) for c, column in zip(b"rgb", columns, strict=True)},
        **{bytes((c,)) + b"TRC": curve for c in b"rgb"},
    }
    at, table, data = 132 + 12 * len(tags), b"", b""
    for tag, value in tags.items():
        table += tag + struct.pack(">II", at + len(data), len(value))
        data += value
    head = struct.pack(
        ">I4xI4s4s4s12x4s28x12s48x",
        at + len(data),
        0x04300000,
        b"mntr",
        b"RGB ",
        b"XYZ ",
        b"acsp",
        _fixed(_D50),
    )
    return head + struct.pack(">I", len(tags)) + table + data


def _to_d50(primaries: Sequence[Point], white: Point) -> npt.NDArray[np.float64]:
    """From linear RGB to XYZ as seen under D50, shape (3, 3)."""
    with np.errstate(divide="raise", invalid="raise"):
        try:
            whole = np.array([(x / y, 1.0, (1 - x - y) / y) for x, y in (*primaries, white)])
            colours = whole[:3].T * np.linalg.solve(whole[:3].T, whole[3])
        except (ArithmeticError, np.linalg.LinAlgError) as error:
            raise ValueError("these primaries span no colours") from error
    seen = np.diag((_BRADFORD @ _D50) / (_BRADFORD @ whole[3]))
    to_xyz: npt.NDArray[np.float64] = np.linalg.inv(_BRADFORD) @ seen @ _BRADFORD @ colours
    return to_xyz


def _curve(gamma: float | None) -> bytes:
    if gamma is not None:
        return b"para" + struct.pack(">4xHH", 0, 0) + _fixed((gamma,))
    srgb = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    return b"para" + struct.pack(">4xHH", 3, 0) + _fixed(srgb)


def _xyz(values: Sequence[float] | npt.NDArray[np.float64]) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(values)


def _fixed(values: Sequence[float] | npt.NDArray[np.float64]) -> bytes:
    """Numbers as ICC stores them: 32 bits each, 16 of them fractional."""
    try:
        return struct.pack(f">{len(values)}i", *(round(float(v) * 65536) for v in values))
    except (struct.error, OverflowError) as error:
        raise ValueError("these numbers have no place in a profile") from error


@cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _name_of(profile: ImageCms.ImageCmsProfile) -> str:
    description = profile.profile.profile_description or ""
    name = " ".join("".join(c if c.isprintable() else " " for c in description).split())
    return name[:_LONGEST_NAME] or "a profile without a name"


def _converted(strip: Pixels, way: ImageCms.ImageCmsTransform, *, is_grey: bool) -> Pixels:
    if not is_grey:
        image = Image.fromarray(np.ascontiguousarray(strip))
        return np.asarray(ImageCms.applyTransform(image, way))
    levels = np.arange(256, dtype=np.uint8)[None]
    table = np.asarray(ImageCms.applyTransform(Image.fromarray(levels), way))[0]
    converted: Pixels = table[strip[..., 0]]
    return converted


def _changes_nothing(profile: Profile) -> bool:
    """Whether it hardly changes any grey, nor any colour of a grid through the whole space."""
    grid = np.indices((18, 18, 18)).reshape(1, 3, -1).transpose(0, 2, 1) * 15
    greys = np.broadcast_to(np.arange(256)[None, :, None], (1, 256, 3))
    samples = greys if profile.is_grey else np.hstack([grid, greys])
    converted = samples.astype(np.uint8)
    profile.convert(converted)
    return bool(np.abs(converted - samples).max() <= _SAME_LEVELS)
