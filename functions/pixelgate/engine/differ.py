"""Compares two images: decides the route, asks odiff, and builds mask, counts and regions."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from pixelgate.comparison import Diff
from pixelgate.engine import mask as masks
from pixelgate.engine.difference import as_bitmap, difference, part_around, put, take
from pixelgate.engine.header import Header, canvas_of, read_header
from pixelgate.engine.mask import Mask
from pixelgate.engine.odiff import Answer, OdiffServer
from pixelgate.engine.pixels import Rgb, Rgba, decode, is_opaque, on_background
from pixelgate.errors import EngineDied, FaultCode, ImageFault
from pixelgate.policy import Policy

WHITE, BLACK = 255, 0


@dataclass(frozen=True)
class _Seen:
    """What both passes saw on one background, in the overlap of both images."""

    sensitive: Mask
    structural: Mask

    def __or__(self, other: _Seen) -> _Seen:
        return _Seen(self.sensitive | other.sensitive, self.structural | other.structural)


class OdiffDiffer:
    """The engine for one thread: an odiff server and a folder of its own for its files.

    Both thresholds see only what a person could see. Where an image is transparent, the two are
    compared on white and on black: what looks the same on both looks the same on every
    background, because blending is linear; odiff itself blends on white and would not see white
    turn half transparent.
    """

    def __init__(self, server: OdiffServer, *, folder: Path | None = None) -> None:
        """Takes over an odiff server.

        Args:
            server: the odiff to ask; it is closed with the differ.
            folder: where files for odiff are written; the system's temporary folder by default.
        """
        self._server = server
        self._folder = folder

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the odiff process."""
        self._server.close()

    def diff(self, base: bytes, head: bytes, policy: Policy) -> Diff:
        """Measures how two images differ under a policy.

        Args:
            base: the bytes of a PNG, JPEG or WebP file.
            head: the same.
            policy: thresholds, anti-aliasing, ignored regions.

        Raises:
            ImageFault: an image cannot be read, is too large, or odiff failed on it.
        """
        base_header, head_header = _header_of("base", base), _header_of("head", head)
        width, height = canvas_of(base_header, head_header)
        seen = self._compare(_decode("base", base), _decode("head", head), policy)
        changed = masks.without(_on_canvas(seen.sensitive, width, height), policy.ignore_regions)
        structural = masks.without(
            _on_canvas(seen.structural, width, height), policy.ignore_regions
        )
        changed_pixels = masks.count(changed)
        return Diff(
            changed_pixels=changed_pixels,
            structural_pixels=masks.count(structural),
            total_pixels=width * height,
            base_size=base_header.size,
            head_size=head_header.size,
            regions=masks.regions(changed),
            mask=masks.write_mask(changed) if changed_pixels else None,
        )

    def _compare(self, base: Rgb | Rgba, head: Rgb | Rgba, policy: Policy) -> _Seen:
        """Compares where both images have pixels."""
        height, width = min(base.shape[0], head.shape[0]), min(base.shape[1], head.shape[1])
        base, head = base[:height, :width], head[:height, :width]
        if is_opaque(base) and is_opaque(head):
            return self._compare_opaque(base, head, policy)
        on_white, on_black = (
            self._compare_opaque(on_background(base, level), on_background(head, level), policy)
            for level in (WHITE, BLACK)
        )
        return on_white | on_black

    def _compare_opaque(self, base: Rgb, head: Rgb, policy: Policy) -> _Seen:
        """Finds what lies far enough apart, and asks odiff once what of it is anti-aliasing.

        odiff's rule of anti-aliasing does not depend on the threshold: the structural pass sees
        those pixels of the sensitive one that lie further apart.
        """
        found = difference(
            base,
            head,
            sensitive_threshold=policy.sensitive_threshold,
            structural_threshold=policy.structural_threshold,
        )
        if not policy.antialiasing or not found.sensitive.any():
            return _Seen(found.sensitive, found.structural)
        rows, columns = part_around(found.sensitive)
        changed = self._ask(take(base, rows, columns), take(head, rows, columns), policy)
        seen = _Seen(np.zeros_like(found.sensitive), found.structural)
        put(seen.sensitive, rows, columns, changed)
        if masks.count(seen.sensitive & ~found.sensitive):
            raise ImageFault(
                FaultCode.ENGINE_FAILED,
                "odiff reports pixels as changed that are nearer than the threshold",
            )
        np.logical_and(seen.structural, seen.sensitive, out=seen.structural)
        return seen

    def _ask(self, base: Rgb, head: Rgb, policy: Policy) -> Mask:
        """The mask that odiff makes under the sensitive threshold, without smoothed edges."""
        options = {
            "threshold": policy.sensitive_threshold,
            "antialiasing": True,
            "outputDiffMask": True,
            "failOnLayoutDiff": False,
        }
        # A folder of our own for each pair: short paths without quotes, and nothing left behind.
        place = Path(tempfile.mkdtemp(prefix="pg", dir=self._folder))
        try:
            files = place / "b.bmp", place / "h.bmp", place / "m.png"
            files[0].write_bytes(as_bitmap(base))
            files[1].write_bytes(as_bitmap(head))
            try:
                answer = self._server.compare(*files, options)
            except EngineDied as died:
                if died.code is FaultCode.ENGINE_TIMEOUT:
                    raise
                # Killed from outside, as by a machine short of memory: a fresh one may do it.
                answer = self._server.compare(*files, options)
            return _mask_of(answer, files[2], base.shape[:2])
        finally:
            shutil.rmtree(place, ignore_errors=True)


def _mask_of(answer: Answer, output: Path, shape: tuple[int, ...]) -> Mask:
    if answer.match:
        return np.zeros(shape, bool)
    try:
        mask = masks.read_mask(output.read_bytes())
    except (OSError, ImageFault) as error:
        raise ImageFault(FaultCode.ENGINE_FAILED, f"odiff left no mask: {error}") from error
    if mask.shape != shape or masks.count(mask) != answer.pixels:
        raise ImageFault(
            FaultCode.ENGINE_FAILED,
            f"odiff counted {answer.pixels} pixels, its mask of {mask.shape[::-1]} shows "
            f"{masks.count(mask)}",
        )
    return mask


def _on_canvas(overlap: Mask, width: int, height: int) -> Mask:
    """The mask of the canvas: what only one of the images covers counts as changed."""
    if overlap.shape == (height, width):
        return overlap
    canvas = np.ones((height, width), bool)
    canvas[: overlap.shape[0], : overlap.shape[1]] = overlap
    return canvas


def _header_of(side: str, body: bytes) -> Header:
    try:
        return read_header(body)
    except ImageFault as fault:
        raise ImageFault(fault.code, f"{side}: {fault}") from fault


def _decode(side: str, body: bytes) -> Rgb | Rgba:
    try:
        return decode(body)
    except ImageFault as fault:
        raise ImageFault(fault.code, f"{side}: {fault}") from fault
