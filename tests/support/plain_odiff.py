"""The reference for all that the engine says: plain odiff on whole images, once a threshold.

Nothing here knows the engine's shortcuts: each image is a whole PNG, each threshold is a request
of its own. Where an image is transparent, both are blended on white and on black first, in
floating point; what lies outside the overlap of both is changed by definition.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from pixelgate.domain.comparison import Diff
from pixelgate.domain.policy import Policy
from pixelgate.engine.odiff import OdiffServer
from pixelgate.engine.pixels import decode, is_opaque

Pixels = npt.NDArray[np.uint8]  # (height, width, 3 or 4)
Mask = npt.NDArray[np.bool_]
_RED, _ORANGE = (255, 0, 0, 255), (255, 140, 0, 255)


def read_mask(body: bytes) -> Mask:
    """Reads a mask: changed pixels are opaque, all others transparent.

    Raises:
        ImageFault: UNREADABLE.
    """
    pixels = decode(body)
    if is_opaque(pixels):
        return np.ones(pixels.shape[:2], bool)
    found: Mask = pixels[..., 3] != 0
    return found


@dataclass(frozen=True)
class Expected:
    """What both passes must see, on the canvas."""

    sensitive: Mask
    structural: Mask


class PlainOdiff:
    """Asks one odiff server; its files lie in a folder of their own."""

    def __init__(self, server: OdiffServer, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._server = server
        self._files = folder / "b.png", folder / "h.png", folder / "m.png"

    def mask(self, base: Pixels, head: Pixels, threshold: float, antialiasing: bool) -> Mask:
        """The mask that odiff itself makes of two whole images of one size."""
        for pixels, file in zip((base, head), self._files[:2], strict=True):
            Image.fromarray(pixels).save(file, compress_level=1)
        return self.mask_of_files(*self._files[:2], threshold, antialiasing)

    def mask_of_files(self, base: Path, head: Path, threshold: float, antialiasing: bool) -> Mask:
        """The same of two files as they are; odiff takes their format by their names."""
        output = self._files[2]
        options = {"threshold": threshold, "antialiasing": antialiasing, "outputDiffMask": True}
        answer = self._server.compare(base, head, output, options)
        if answer.match:
            with Image.open(base) as image:
                return np.zeros(image.size[::-1], bool)
        mask = read_mask(output.read_bytes())
        assert np.count_nonzero(mask) == answer.pixels
        return mask

    def expected(self, base: Pixels, head: Pixels, policy: Policy) -> Expected:
        """Both masks of any two images under a policy that does not align rows."""
        height, width = (max(b, h) for b, h in zip(base.shape[:2], head.shape[:2], strict=True))
        both = tuple(min(b, h) for b, h in zip(base.shape[:2], head.shape[:2], strict=True))
        views = views_of(base[: both[0], : both[1]], head[: both[0], : both[1]])
        masks = []
        for threshold in (policy.sensitive_threshold, policy.structural_threshold):
            canvas = np.ones((height, width), bool)
            canvas[: both[0], : both[1]] = False
            for one, other in views:
                seen = self.mask(one, other, threshold, policy.antialiasing)
                canvas[: both[0], : both[1]] |= seen
            for box in policy.ignore_regions:
                canvas[box.y : box.y + box.height, box.x : box.x + box.width] = False
            masks.append(canvas)
        return Expected(*masks)


def views_of(base: Pixels, head: Pixels) -> list[tuple[Pixels, Pixels]]:
    """The pairs that a person could see: one, or for transparency one on white and one on black."""
    opaque = all(image.shape[2] == 3 or np.all(image[..., 3] == 255) for image in (base, head))
    if opaque:
        return [(base[..., :3], head[..., :3])]
    return [(blended(base, level), blended(head, level)) for level in (255, 0)]


def blended(image: Pixels, level: int) -> Pixels:
    """The image on a grey background, rounded to the nearest."""
    if image.shape[2] == 3:
        return image
    alpha = image[..., 3:] / 255
    return np.rint(image[..., :3] * alpha + level * (1 - alpha)).astype(np.uint8)


def pixels_of(body: bytes) -> Pixels:
    """What Pillow sees in a file, upright, in 8 bits a channel; RGBA if that says more than RGB."""
    with Image.open(io.BytesIO(body)) as opened:
        opened.load()  # only then is known what stands behind the pixels, transparency perhaps
        image = opened if opened.format == "PNG" else ImageOps.exif_transpose(opened)
        if image.mode.startswith("I"):
            image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
        transparent = "A" in image.getbands() or "transparency" in image.info
        return np.asarray(image.convert("RGBA" if transparent else "RGB"))


def unaligned(policy: Policy) -> Policy:
    """The policy under which a row is compared with the row at the same height."""
    aligns: dict[str, Any] = {"align_rows": False} if hasattr(policy, "align_rows") else {}
    return replace(policy, **aligns)


def masks_in(body: bytes) -> tuple[Mask, Mask]:
    """A mask's red pixels, which are odiff's, and its orange ones, as Pillow sees them."""
    with Image.open(io.BytesIO(body)) as image:
        seen = np.asarray(image.convert("RGBA"))
    red, orange = ((seen == colour).all(axis=2) for colour in (_RED, _ORANGE))
    assert (red | orange | (seen[..., 3] == 0)).all(), "a mask with other colours"
    return red, orange


def mismatch(found: Diff, wanted: Expected) -> str | None:
    """Which number or pixel of odiff's part of a result is not the expected one; None if none."""
    mask = np.zeros_like(wanted.sensitive) if found.mask is None else masks_in(found.mask)[0]
    counts = found.changed_pixels, found.structural_pixels
    right = tuple(int(np.count_nonzero(m)) for m in (wanted.sensitive, wanted.structural))
    if counts != right:
        return f"changed and structural pixels are {counts}; plain odiff says {right}"
    if found.total_pixels != wanted.sensitive.size or mask.shape != wanted.sensitive.shape:
        return f"a canvas of {mask.shape[::-1]} instead of {wanted.sensitive.shape[::-1]}"
    if (wrong := mask != wanted.sensitive).any():
        y, x = (int(places[0]) for places in np.nonzero(wrong))
        return f"{np.count_nonzero(wrong)} pixels of the mask are wrong, the first at ({x}, {y})"
    return None
