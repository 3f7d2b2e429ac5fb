"""Compares two images: from their bytes to counts, mask, regions and evidence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pixelgate.domain.comparison import Diff
from pixelgate.domain.policy import Policy
from pixelgate.engine import evidence, native, pixel_flags
from pixelgate.engine.buffers import BufferPool
from pixelgate.engine.canvas import lay_out
from pixelgate.engine.header import MAX_PIXELS, Header, canvas_of, read_header
from pixelgate.engine.mask import write_mask
from pixelgate.engine.native import Flag
from pixelgate.engine.odiff import Closing, OdiffServer
from pixelgate.engine.odiff_mask import Reference
from pixelgate.engine.pixels import read
from pixelgate.errors import ImageFault


class OdiffDiffer(Closing):
    """The engine for one thread: compiled code finds what differs, odiff decides what counts."""

    def __init__(
        self, server: OdiffServer, *, folder: Path | None = None, max_pixels: int = MAX_PIXELS
    ) -> None:
        """Creates a differ that owns an odiff server.

        It is closed with the differ. Files for odiff are written to the folder, by default the
        system's temporary one. No canvas over `max_pixels` is compared.
        """
        self._reference = Reference(server, folder=folder)
        self._max_pixels = max_pixels
        self._buffers = BufferPool()

    def close(self) -> None:
        """Ends the odiff process."""
        self._reference.close()

    def diff(self, base: bytes, head: bytes, policy: Policy) -> Diff:
        """Measures how two images differ under a policy.

        They are the bytes of PNG, JPEG or WebP files.

        Raises:
            ImageFault: an image cannot be read, is too large, or odiff failed on it.
        """
        with _of("base"):
            base_header = self._header_of(base)
        with _of("head"):
            head_header = self._header_of(head)
        canvas_of(base_header, head_header, self._max_pixels)
        with _of("base"):
            before = read(base, self._buffers, "base")
        with _of("head"):
            after = read(head, self._buffers, "head")
        profiles = before.profile, after.profile
        canvas = lay_out(
            before.pixels,
            after.pixels,
            self._buffers,
            align_rows=policy.align_rows,
            max_pixels=self._max_pixels,
        )
        del before, after  # aligned images are copies, and no more than two large ones may stay
        planes = pixel_flags.find(canvas, policy, self._buffers, self._reference)
        flags = planes.flags
        pixel_flags.clear(flags, policy.ignore_regions, canvas.rows.shown, canvas.columns.shown)
        counts = native.count_blocks(flags)
        findings = evidence.find(canvas, planes, counts, policy)
        evidence.count_pixels(planes, counts, findings, policy)
        areas = native.find_areas(flags, counts)
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
            mask=write_mask(flags, two=counted > 0) if len(areas.boxes) else None,
            bands=canvas.bands,
            picture=findings.picture,
            fingerprint=evidence.fingerprint_of(
                canvas, flags, counts, areas, findings, self._buffers
            ),
            profiles=profiles if profiles[0] != profiles[1] else None,
        )

    def _header_of(self, body: bytes) -> Header:
        header = read_header(body)
        canvas_of(header, header, self._max_pixels)
        return header


@contextmanager
def _of(side: str) -> Iterator[None]:
    """Names the side in the message of an image's fault."""
    try:
        yield
    except ImageFault as fault:
        raise ImageFault(fault.code, f"{side}: {fault}") from fault
