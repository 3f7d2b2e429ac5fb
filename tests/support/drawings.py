"""Random pairs of images with the changes that screenshots have, and policies for them."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from pixelgate.domain.policy import Policy, Rectangle
from support.plain_odiff import Pixels, pixels_of, unaligned


@dataclass(frozen=True)
class Pair:
    """Two files, the pixels that are in them, and the policy under which to compare them."""

    base: bytes
    head: bytes
    policy: Policy

    @property
    def base_pixels(self) -> Pixels:
        """What the base file shows."""
        return pixels_of(self.base)

    @property
    def head_pixels(self) -> Pixels:
        """What the head file shows."""
        return pixels_of(self.head)


def random_pair(random: np.random.Generator, largest: int = 160) -> Pair:
    """Any two images: of one size or of two, opaque or not, in any lossless way of storing them."""
    width, height = (int(n) for n in random.integers(1, largest, 2))
    image = drawing(random, width, height)
    base, head = np.asarray(image), changed(random, image)
    if random.random() < 0.3:
        base, head = _with_alpha(random, base), _with_alpha(random, head)
    if random.random() < 0.3:
        head = _resized(random, head)
    policy = random_policy(random, width, height)
    return Pair(_stored(random, base), _stored(random, head), policy)


def random_policy(random: np.random.Generator, width: int, height: int) -> Policy:
    """Thresholds in order, anti-aliasing or not, now and then boxes in which nothing counts."""
    structural, sensitive = sorted(random.choice([0.0, 0.01, 0.0225, 0.06, 0.15, 0.3], 2))[::-1]
    boxes = []
    for _ in range(random.integers(1, 6) if random.random() < 0.3 else 0):
        x, y = (int(random.integers(0, side + 5)) for side in (width, height))
        boxes.append(Rectangle(x, y, *(int(n) for n in random.integers(1, 60, 2))))
    return unaligned(
        Policy(
            structural,
            sensitive,
            antialiasing=bool(random.integers(0, 2)),
            ignore_regions=tuple(boxes),
        )
    )


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


def png(pixels: Pixels) -> bytes:
    """A plain PNG, made fast."""
    return _saved(Image.fromarray(pixels), "PNG", compress_level=1)


def _with_alpha(random: np.random.Generator, pixels: Pixels) -> Pixels:
    """Part of it shines through: evenly, fading, in noise, or not at all after all."""
    height, width, _ = pixels.shape
    alpha = np.full((height, width), 255, np.uint8)
    part = alpha[int(random.integers(0, height)) :, int(random.integers(0, width)) :]
    match random.integers(0, 4):
        case 0:
            part[:] = random.integers(0, 256)
        case 1:
            part[:] = np.linspace(0, 255, part.shape[1])
        case 2:
            part[:] = random.integers(0, 256, part.shape)
    return np.dstack([pixels, alpha])


def _resized(random: np.random.Generator, pixels: Pixels) -> Pixels:
    """Cut off or continued at the right and at the bottom, by up to 20 pixels."""
    height, width, channels = pixels.shape
    size = [max(1, side + int(random.integers(-20, 21))) for side in (height, width)]
    result = np.full((*size, channels), int(random.integers(0, 256)), np.uint8)
    part = pixels[: size[0], : size[1]]
    result[: part.shape[0], : part.shape[1]] = part
    return result


def _stored(random: np.random.Generator, pixels: Pixels) -> bytes:
    """In one of the lossless ways; a palette of few colours changes the picture first."""
    image = Image.fromarray(pixels)
    match random.integers(0, 8):
        case 0:
            return _saved(image, "WEBP", lossless=True, exact=True)
        case 1 if pixels.shape[2] == 3:
            return _saved(image.quantize(int(random.integers(2, 257))), "PNG")
        case 2 if pixels.shape[2] == 3:
            few = image.quantize(int(random.integers(2, 257)))
            return _saved(few, "PNG", transparency=bytes(random.integers(0, 256, 2, np.uint8)))
        case 3:
            return _saved(image.convert("LA" if pixels.shape[2] == 4 else "L"), "PNG")
        case 4:
            return _saved(image.convert("RGB"), "JPEG", quality=int(random.integers(30, 100)))
        case _:
            return png(pixels)


def _saved(image: Image.Image, file_format: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, file_format, **options)
    return out.getvalue()
