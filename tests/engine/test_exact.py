"""The shortcuts change nothing: what we say of two images is what plain odiff says of them.

We decode once, hand odiff only the part that changed as a bitmap, and take the second threshold
from the mask of the first. Plain odiff gets both files as PNGs, whole, once for each threshold.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw

from pixelgate.engine.differ import OdiffDiffer
from pixelgate.engine.mask import read_mask
from pixelgate.engine.odiff import OdiffServer
from pixelgate.engine.yiq import distances, least
from pixelgate.policy import Policy

Pixels = npt.NDArray[np.uint8]


def plain_odiff(
    server: OdiffServer, folder: Path, base: Pixels, head: Pixels, threshold: float, aa: bool
) -> npt.NDArray[np.bool_]:
    """What odiff's own mask says of two whole PNGs of one size."""
    folder.mkdir(exist_ok=True)
    files = folder / "b.png", folder / "h.png", folder / "m.png"
    Image.fromarray(base).save(files[0], compress_level=1)
    Image.fromarray(head).save(files[1], compress_level=1)
    options = {"threshold": threshold, "antialiasing": aa, "outputDiffMask": True}
    answer = server.compare(*files, options)
    if answer.match:
        return np.zeros(base.shape[:2], bool)
    mask = read_mask(files[2].read_bytes())
    assert np.count_nonzero(mask) == answer.pixels
    return mask


def drawing(random: np.random.Generator, width: int, height: int) -> Image.Image:
    """Smoothed shapes and text on a page: drawn four times as large and made small."""
    image = Image.new("RGB", (width * 4, height * 4), tuple(random.integers(200, 256, 3)))
    draw = ImageDraw.Draw(image)
    for _ in range(random.integers(1, 8)):
        x, y = int(random.integers(0, width * 4)), int(random.integers(0, height * 4))
        box = (x, y, x + int(random.integers(4, 200)), y + int(random.integers(4, 200)))
        colour = tuple(int(c) for c in random.integers(0, 256, 3))
        match random.integers(0, 3):
            case 0:
                draw.ellipse(box, fill=colour)
            case 1:
                draw.rectangle(box, fill=colour, outline=(0, 0, 0))
            case _:
                draw.text((x, y), "Grüße 0123", fill=colour, font_size=40)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def changed(random: np.random.Generator, image: Image.Image) -> Pixels:
    """The same, with one of the changes that screenshots have."""
    pixels = np.asarray(image).copy()
    height, width, _ = pixels.shape
    y, x = int(random.integers(0, height)), int(random.integers(0, width))
    h, w = int(random.integers(1, height + 1)), int(random.integers(1, width + 1))
    part = pixels[y : y + h, x : x + w]
    match random.integers(0, 6):
        case 0:  # recoloured by a shade or two
            part[:] = np.clip(part.astype(int) + random.integers(-12, 13, 3), 0, 255)
        case 1:  # noise as a lossy format leaves it
            noise = random.integers(-25, 26, part.shape)
            part[:] = np.clip(part.astype(int) + noise, 0, 255)
        case 2:  # moved by one pixel
            pixels[:, 1:] = pixels[:, :-1].copy()
        case 3:  # rendered half a pixel further on
            shifted = image.transform(
                image.size, Image.Transform.AFFINE, (1, 0, 0.5, 0, 1, 0), Image.Resampling.BILINEAR
            )
            pixels = np.asarray(shifted).copy()
        case 4:  # something else there
            part[:] = random.integers(0, 256, 3)
        case _:  # single pixels
            for _ in range(5):
                pixels[random.integers(0, height), random.integers(0, width)] ^= 0xFF
    return pixels


@pytest.mark.parametrize("seed", range(60))
def test_random_pairs_come_out_as_from_plain_odiff(
    differ: OdiffDiffer, odiff: Path, tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    random = np.random.default_rng(seed)
    width, height = (int(n) for n in random.integers(1, 160, 2))
    image = drawing(random, width, height)
    base, head = np.asarray(image), changed(random, image)
    structural, sensitive = sorted(random.choice([0.0, 0.01, 0.0225, 0.06, 0.15, 0.3], 2))[::-1]
    policy = Policy(structural, sensitive, antialiasing=bool(random.integers(0, 2)))

    found = differ.diff(png(base), png(head), policy)
    with OdiffServer(odiff) as server:
        place = tmp_path_factory.mktemp("plain")
        wanted = plain_odiff(server, place, base, head, sensitive, policy.antialiasing)
        structure = plain_odiff(server, place, base, head, structural, policy.antialiasing)
    assert found.changed_pixels == np.count_nonzero(wanted)
    assert found.structural_pixels == np.count_nonzero(structure)
    if found.mask is None:
        assert not wanted.any()
    else:
        assert np.array_equal(read_mask(found.mask), wanted)


@pytest.mark.parametrize("threshold", [0.0, 0.01, 0.0225, 0.1, 0.15, 0.5])
def test_the_distance_of_two_colours_is_odiffs(
    odiff: Path, tmp_path: Path, threshold: float
) -> None:
    """65,536 pairs of colours, most of them near one another."""
    random = np.random.default_rng(11)
    base = random.integers(0, 256, (256, 256, 3))
    spread = np.geomspace(1, 300, 256)[:, None, None]
    head = np.clip(base + random.normal(0, 1, (256, 256, 3)) * spread, 0, 255)
    one, other = base.astype(np.uint8), head.astype(np.uint8)
    with OdiffServer(odiff) as server:
        wanted = plain_odiff(server, tmp_path / "p", one, other, threshold, aa=False)
    found = distances(one, other) >= least(threshold)
    assert np.array_equal(found, wanted)
    assert 0 < np.count_nonzero(wanted) < 65_536


def png(pixels: Pixels) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=1)
    return out.getvalue()
