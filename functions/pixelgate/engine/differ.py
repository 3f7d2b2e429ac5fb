"""Compares two images: from their bytes to counts, mask, regions and evidence."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Self

import numpy as np

from pixelgate.comparison import Diff
from pixelgate.engine import native, planes
from pixelgate.engine.canvas import lay_out
from pixelgate.engine.evidence import fingerprint_of, regions_of, spread_of
from pixelgate.engine.header import MAX_PIXELS, Header, canvas_of, read_header
from pixelgate.engine.mask import Mask, write_mask
from pixelgate.engine.native import Flag, Plane, View
from pixelgate.engine.odiff import OdiffServer
from pixelgate.engine.pixels import Picture, read
from pixelgate.engine.reference import Reference
from pixelgate.engine.rooms import Rooms
from pixelgate.errors import ImageFault
from pixelgate.policy import Policy

logger = logging.getLogger(__name__)

_WITHOUT = np.uint8(~(Flag.SENSITIVE | Flag.STRUCTURAL))
# Of so many pairs odiff judges one again: docs/decisions/0015.
CHECK_EVERY = 50


# Of a larger pair it judges only a part: on 50 megapixels it takes over half a gigabyte.
_CHECKED_PIXELS = 8_000_000


class OdiffDiffer:
    """The engine for one thread: odiff's rule, and an odiff server that it is held against.

    The first pair and every fiftieth after it are judged by odiff as well. Should it ever say
    something else than we do, its word counts, from then on for every pair, and the log tells.
    """

    def __init__(
        self,
        server: OdiffServer,
        *,
        folder: Path | None = None,
        check_every: int | None = CHECK_EVERY,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        """Takes over an odiff server.

        Args:
            server: the odiff to ask; it is closed with the differ.
            folder: where files for odiff are written; the system's temporary folder by default.
            check_every: of so many pairs odiff judges one again; 1: each, None: none.
            max_pixels: of the largest canvas that is compared.
        """
        self._reference = Reference(server, folder=folder)
        self._check_every = check_every
        self._max_pixels = max_pixels
        self._unchecked = check_every or 0
        self._rooms = Rooms()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the odiff process."""
        self._reference.close()

    def diff(self, base: bytes, head: bytes, policy: Policy) -> Diff:
        """Measures how two images differ under a policy.

        Args:
            base: the bytes of a PNG, JPEG or WebP file.
            head: the same.
            policy: thresholds, anti-aliasing, ignored regions.

        Raises:
            ImageFault: an image cannot be read, is too large, or odiff failed on it.
        """
        base_header, head_header = self._header_of("base", base), self._header_of("head", head)
        canvas_of(base_header, head_header, self._max_pixels)
        before, after = self._decode("base", base), self._decode("head", head)
        profiles = _unlike(before.profile, after.profile)
        canvas = lay_out(
            before.pixels,
            after.pixels,
            self._rooms,
            align_rows=policy.align_rows,
            max_pixels=self._max_pixels,
        )
        del before, after  # aligned images are copies: no more than two large ones shall stay
        found = planes.find(canvas, policy, self._rooms, self._check_of(policy))
        planes.clear(found.flags, policy.ignore_regions, canvas.rows)
        counts = native.count_blocks(found.flags)
        areas = native.find_areas(found.flags, counts)
        return Diff(
            changed_pixels=int(counts[Flag.SENSITIVE.plane].sum()),
            structural_pixels=int(counts[Flag.STRUCTURAL.plane].sum()),
            total_pixels=canvas.shape[0] * canvas.shape[1],
            base_size=base_header.size,
            head_size=head_header.size,
            regions=regions_of(found, counts, areas),
            mask=write_mask(found.flags) if len(areas.boxes) else None,
            bands=canvas.bands,
            spread=spread_of(canvas, found, counts),
            fingerprint=fingerprint_of(canvas, found.flags, counts, areas),
            profiles=profiles,
        )

    def _header_of(self, side: str, body: bytes) -> Header:
        try:
            header = read_header(body)
            canvas_of(header, header, self._max_pixels)
            return header
        except ImageFault as fault:
            raise ImageFault(fault.code, f"{side}: {fault}") from fault

    def _decode(self, side: str, body: bytes) -> Picture:
        try:
            return read(body, self._rooms, side)
        except ImageFault as fault:
            raise ImageFault(fault.code, f"{side}: {fault}") from fault

    def _check_of(self, policy: Policy) -> planes.Check | None:
        """What odiff has to say of this pair, if it is asked."""
        self._unchecked += 1
        if self._check_every is None or self._unchecked < self._check_every:
            return None

        def check(view: View, before: Plane, flags: Plane) -> None:
            apart = native.has(before, Flag.SENSITIVE)
            if not apart.any():
                return
            rows, sure = _checked_rows(apart) if self._check_every != 1 else (slice(None),) * 2
            part = view[0][rows], view[1][rows]
            changed = self._reference.changed(part, apart[rows], policy.sensitive_threshold)
            # Only now: a pair that odiff failed on is no check, and the next one will be.
            self._unchecked = 0
            ours = native.has(flags[rows], Flag.SENSITIVE)
            if np.array_equal(changed[sure], ours[sure]):
                return
            logger.error("odiff judges smoothed edges otherwise than pixelgate: odiff is asked")
            self._check_every = 1
            if len(changed) < len(apart):
                changed = self._reference.changed(view, apart, policy.sensitive_threshold)
            flags[:] = np.where(changed, before, before & _WITHOUT)

        return check


def _checked_rows(apart: Mask) -> tuple[slice, slice]:
    """From the first row in question on, as many as are checked, and which of them are sure.

    odiff judges a pixel by the two rows around it, which the last ones do not have.
    """
    height, width = apart.shape
    start = max(0, int(np.argmax(apart.any(axis=1))) - 2)
    stop = min(height, start + max(5, _CHECKED_PIXELS // width))
    return slice(start, stop), slice(0, None if stop == height else -2)


def _unlike(base: str, head: str) -> tuple[str, str] | None:
    return None if base == head else (base, head)
