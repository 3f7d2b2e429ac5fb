"""Compares two images: decides the route, asks odiff, and builds mask, counts and regions."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np

from pixelgate.comparison import Diff, Region
from pixelgate.engine import mask as masks
from pixelgate.engine.canvas import lay_out
from pixelgate.engine.difference import Difference, Views, as_bitmap, difference, part_around, put
from pixelgate.engine.evidence import evidence_of, fingerprint_of, spread_of
from pixelgate.engine.header import Header, canvas_of, read_header
from pixelgate.engine.mask import Mask
from pixelgate.engine.odiff import Answer, OdiffServer
from pixelgate.engine.pixels import Rgb, Rgba, decode
from pixelgate.errors import EngineDied, FaultCode, ImageFault
from pixelgate.policy import Policy


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
        if "_place" in vars(self):
            shutil.rmtree(self._place, ignore_errors=True)
            del self._place

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
        canvas_of(base_header, head_header)
        canvas = lay_out(_decode("base", base), _decode("head", head), align_rows=policy.align_rows)
        found = canvas.extend(self._compare(canvas.views, policy))
        for plane in (found.at_all, found.sensitive, found.structural, found.faint):
            masks.clear(plane, policy.ignore_regions, canvas.rows)
        changed = found.sensitive
        areas = masks.find_areas(changed)
        evidence = evidence_of(areas, changed, found, canvas.views, canvas.one_sided)
        return Diff(
            changed_pixels=masks.count(changed),
            structural_pixels=masks.count(found.structural),
            total_pixels=canvas.shape[0] * canvas.shape[1],
            base_size=base_header.size,
            head_size=head_header.size,
            regions=tuple(
                Region(*box, evidence=one) for box, one in zip(areas.boxes, evidence, strict=True)
            ),
            mask=masks.write_mask(changed) if areas.boxes else None,
            bands=canvas.bands,
            spread=spread_of(found, canvas.views),
            fingerprint=fingerprint_of(found, canvas.images, canvas.bands),
        )

    def _compare(self, views: Views, policy: Policy) -> Difference:
        """Compares two images on each background; what differs on one of them differs."""
        found, *others = (self._compare_on(level, views, policy) for level in views.levels)
        for other in others:
            found |= other
        return found

    def _compare_on(self, level: int, views: Views, policy: Policy) -> Difference:
        """Finds what lies far enough apart, and asks odiff once what of it is anti-aliasing.

        odiff's rule of anti-aliasing does not depend on the threshold: the structural pass sees
        those pixels of the sensitive one that lie further apart.
        """
        found = difference(views, level, policy)
        if not policy.antialiasing or not found.sensitive.any():
            return found
        rows, columns = part_around(found.sensitive)
        changed = np.zeros_like(found.sensitive)
        put(changed, rows, columns, self._ask(*views.part(rows, columns, level), policy))
        if masks.count(changed & ~found.sensitive):
            raise ImageFault(
                FaultCode.ENGINE_FAILED,
                "odiff reports pixels as changed that are nearer than the threshold",
            )
        found.structural[~changed] = False
        return replace(found, sensitive=changed)

    def _ask(self, base: Rgb, head: Rgb, policy: Policy) -> Mask:
        """The mask that odiff makes under the sensitive threshold, without smoothed edges."""
        options = {
            "threshold": policy.sensitive_threshold,
            "antialiasing": True,
            "outputDiffMask": True,
            "failOnLayoutDiff": False,
        }
        files = self._place / "b.bmp", self._place / "h.bmp", self._place / "m.png"
        try:
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
            # odiff writes no mask where nothing changed: that of another pair must not be found.
            for file in files:
                file.unlink(missing_ok=True)

    @cached_property
    def _place(self) -> Path:
        """A folder of our own: short paths without quotes."""
        return Path(tempfile.mkdtemp(prefix="pg", dir=self._folder))


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


def _header_of(side: str, body: bytes) -> Header:
    try:
        header = read_header(body)
        canvas_of(header, header)
        return header
    except ImageFault as fault:
        raise ImageFault(fault.code, f"{side}: {fault}") from fault


def _decode(side: str, body: bytes) -> Rgb | Rgba:
    try:
        return decode(body)
    except ImageFault as fault:
        raise ImageFault(fault.code, f"{side}: {fault}") from fault
