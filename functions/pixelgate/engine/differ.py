"""Compares two images: decides the route, asks odiff, and builds mask, counts and regions."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from pixelgate.comparison import Diff
from pixelgate.engine import mask as masks
from pixelgate.engine.header import Header, canvas_of, read_header
from pixelgate.engine.mask import Mask
from pixelgate.engine.odiff import Answer, OdiffServer
from pixelgate.engine.pixels import Rgb, as_bitmap, decode, is_opaque, on_background
from pixelgate.errors import EngineDied, FaultCode, ImageFault
from pixelgate.policy import Policy

WHITE, BLACK = 255, 0


@dataclass(frozen=True)
class _Seen:
    """What both passes saw: pixels of the overlap of both images."""

    sensitive: Mask
    structural: Mask


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
        base_header = _header_of("base", base)
        head_header = _header_of("head", head)
        width, height = canvas_of(base_header, head_header)
        with self._workplace() as place:
            if _as_they_came(base_header, head_header):
                seen = place.compare_files(base, head, policy, base_header)
            else:
                seen = place.compare_pixels(_decode("base", base), _decode("head", head), policy)
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

    @contextmanager
    def _workplace(self) -> Iterator[_Workplace]:
        # A folder of our own for each pair: short paths without quotes, and nothing left behind.
        path = Path(tempfile.mkdtemp(prefix="pg", dir=self._folder))
        try:
            yield _Workplace(self._server, path)
        finally:
            shutil.rmtree(path, ignore_errors=True)


class _Workplace:
    """One pair of files before one odiff server."""

    def __init__(self, server: OdiffServer, path: Path) -> None:
        self._server = server
        self._path = path

    def compare_files(self, base: bytes, head: bytes, policy: Policy, header: Header) -> _Seen:
        """Hands both files over as they came: PNGs of one size without transparency."""
        return self._compare(base, head, ".png", (header.height, header.width), policy)

    def compare_pixels(self, base: np.ndarray, head: np.ndarray, policy: Policy) -> _Seen:
        """Compares decoded images where both have pixels."""
        height, width = min(base.shape[0], head.shape[0]), min(base.shape[1], head.shape[1])
        base, head = base[:height, :width], head[:height, :width]
        if is_opaque(base) and is_opaque(head):
            return self._compare_rgb(base[..., :3], head[..., :3], policy)
        seen = [
            self._compare_rgb(on_background(base, level), on_background(head, level), policy)
            for level in (WHITE, BLACK)
        ]
        return _Seen(
            sensitive=seen[0].sensitive | seen[1].sensitive,
            structural=seen[0].structural | seen[1].structural,
        )

    def _compare_rgb(self, base: Rgb, head: Rgb, policy: Policy) -> _Seen:
        shape = base.shape[:2]
        if np.array_equal(base, head):
            nothing = np.zeros(shape, bool)
            return _Seen(nothing, nothing)
        return self._compare(as_bitmap(base), as_bitmap(head), ".bmp", shape, policy)

    def _compare(
        self, base: bytes, head: bytes, suffix: str, shape: tuple[int, ...], policy: Policy
    ) -> _Seen:
        base_file, head_file = self._path / f"b{suffix}", self._path / f"h{suffix}"
        base_file.write_bytes(base)
        head_file.write_bytes(head)

        def pixels_over(threshold: float) -> Mask:
            return self._ask(base_file, head_file, threshold, policy.antialiasing, shape)

        sensitive = pixels_over(policy.sensitive_threshold)
        # What the sensitive pass does not see, the structural one cannot see either.
        structural = pixels_over(policy.structural_threshold) if sensitive.any() else sensitive
        return _Seen(sensitive, structural)

    def _ask(
        self, base: Path, head: Path, threshold: float, antialiasing: bool, shape: tuple[int, ...]
    ) -> Mask:
        output = self._path / "m.png"
        options = {
            "threshold": threshold,
            "antialiasing": antialiasing,
            "outputDiffMask": True,
            "failOnLayoutDiff": False,
        }
        try:
            answer = self._server.compare(base, head, output, options)
        except EngineDied as died:
            if died.code is FaultCode.ENGINE_TIMEOUT:
                raise
            # Killed from outside, as by a machine short of memory: a fresh process may do it.
            answer = self._server.compare(base, head, output, options)
        return _mask_of(answer, output, shape)


def _mask_of(answer: Answer, output: Path, shape: tuple[int, ...]) -> Mask:
    if answer.match:
        return np.zeros(shape, bool)
    try:
        mask = masks.read_mask(output.read_bytes())
    except OSError as error:
        raise ImageFault(FaultCode.ENGINE_FAILED, f"odiff left no mask: {error}") from error
    if mask.shape != shape or masks.count(mask) != answer.pixels:
        raise ImageFault(
            FaultCode.ENGINE_FAILED,
            f"odiff counted {answer.pixels} pixels, its mask of {mask.shape[::-1]} shows "
            f"{masks.count(mask)}",
        )
    return mask


def _as_they_came(base: Header, head: Header) -> bool:
    """Whether odiff reads both files right by itself, which spares decoding them here."""
    return (
        base.format == head.format == "PNG"
        and base.size == head.size
        and not base.may_be_transparent
        and not head.may_be_transparent
    )


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


def _decode(side: str, body: bytes) -> np.ndarray:
    try:
        return decode(body)
    except ImageFault as fault:
        raise ImageFault(fault.code, f"{side}: {fault}") from fault
