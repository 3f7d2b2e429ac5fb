"""Compares two images: from their bytes to counts, mask, regions and evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pixelgate.domain.comparison import Diff
from pixelgate.domain.policy import Policy
from pixelgate.engine import evidence, native, pixel_flags
from pixelgate.engine.buffers import BufferPool
from pixelgate.engine.canvas import lay_out
from pixelgate.engine.header import MAX_PIXELS, Header, canvas_of, read_header
from pixelgate.engine.mask import write_mask
from pixelgate.engine.native import Flag
from pixelgate.engine.odiff import OdiffServer
from pixelgate.engine.odiff_mask import Reference
from pixelgate.engine.pixels import Picture, read
from pixelgate.errors import ImageFault


class OdiffDiffer:
    """The engine for one thread: compiled code finds what differs, odiff says what of it counts."""

    def __init__(
        self,
        server: OdiffServer,
        *,
        folder: Path | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        """Takes over an odiff server.

        Args:
            server: the odiff to ask; it is closed with the differ.
            folder: where files for odiff are written; the system's temporary folder by default.
            max_pixels: of the largest canvas that is compared.
        """
        self._reference = Reference(server, folder=folder)
        self._max_pixels = max_pixels
        self._buffers = BufferPool()

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
            self._buffers,
            align_rows=policy.align_rows,
            max_pixels=self._max_pixels,
        )
        del before, after  # aligned images are copies: no more than two large ones shall stay
        found = pixel_flags.find(canvas, policy, self._buffers, self._reference)
        pixel_flags.clear(
            found.flags, policy.ignore_regions, canvas.rows.shown, canvas.columns.shown
        )
        counts = native.count_blocks(found.flags)
        findings = evidence.find(canvas, found, counts, policy)
        evidence.count_pixels(found, findings, policy)
        counts = native.count_blocks(found.flags)
        areas = native.find_areas(found.flags, counts)
        regions, listed = evidence.regions_of(areas, findings)
        counted = int(counts[Flag.COUNTED.plane].sum())
        return Diff(
            changed_pixels=int(counts[Flag.SENSITIVE.plane].sum()),
            counted_pixels=counted,
            structural_pixels=int(counts[Flag.STRUCTURAL.plane].sum()),
            total_pixels=canvas.shape[0] * canvas.shape[1],
            base_size=base_header.size,
            head_size=head_header.size,
            regions=regions,
            areas=listed,
            explained=findings.explained,
            mask=write_mask(found.flags, two=counted > 0) if len(areas.boxes) else None,
            bands=canvas.bands,
            picture=findings.picture,
            fingerprint=evidence.fingerprint_of(canvas, found.flags, counts, areas, findings),
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
            return read(body, self._buffers, side)
        except ImageFault as fault:
            raise ImageFault(fault.code, f"{side}: {fault}") from fault


def _unlike(base: str, head: str) -> tuple[str, str] | None:
    return None if base == head else (base, head)
