"""Photos for the pages: drawn from a seed, with the texture and soft gradients that photos have."""

from __future__ import annotations

import base64
import io
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image

# Sky, hill, ground and light of each scene.
SCENES = (
    ((120, 160, 205), (70, 95, 80), (130, 110, 80), (250, 225, 180)),
    ((230, 150, 110), (80, 60, 90), (50, 45, 60), (255, 215, 140)),
    ((170, 190, 200), (110, 125, 130), (205, 205, 200), (245, 245, 240)),
    ((60, 75, 110), (30, 40, 60), (25, 30, 40), (235, 225, 190)),
    ((205, 215, 190), (60, 110, 60), (150, 130, 70), (255, 250, 210)),
)
Plane = npt.NDArray[np.float64]


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


def photo(number: int, width: int, height: int) -> npt.NDArray[np.uint8]:
    """A landscape, the same for the same number.

    Returns:
        RGB, (height, width, 3).
    """
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


@cache
def photo_url(number: int, width: int, height: int) -> str:
    """The photo as a data URL of a JPEG, as a camera leaves it."""
    file = io.BytesIO()
    Image.fromarray(photo(number, width, height)).save(file, "JPEG", quality=90)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
