"""Draws small pictures of snapshots for an agent: base, head and difference beside one another."""

from __future__ import annotations

import io
from collections.abc import Iterable
from contextlib import suppress

from pixelgate.client.mcp.answers import Answer, Picture
from pixelgate.client.mcp.source import Result, Source
from pixelgate.domain.comparison import BandKind, Snapshot, Status
from pixelgate.errors import ImageFault, UsageError
from pixelgate.pipeline.diffing.thumbnails import slices_of
from pixelgate.ports import Slices

MOST = 4  # pictures of one answer
MOST_BYTES = 150_000  # of one; clients cut answers of more than a megabyte in base64
_EVERYWHERE: tuple[Slices, Slices] = (((), ()), ((), ()))
_QUALITIES = (85, 60, 35)


def installed() -> str | None:
    """Returns None if pictures can be drawn, else why not."""
    from pixelgate.engine.compiled import check_installed

    try:
        check_installed()
    except UsageError as error:
        return str(error)
    return None


def draw(
    source: Source, result: Result, names: Iterable[str]
) -> tuple[list[Answer], list[Picture]]:
    """Draws snapshots; returns what each picture shows, in their order, and the pictures.

    A snapshot that cannot be drawn says why, and has none.
    """
    told: list[Answer] = []
    drawn: list[Picture] = []
    missing = installed()
    for name in names:
        label: Answer = {"untrusted": {"name": name}}
        if missing:
            told.append({**label, "picture": None, "why_not": missing})
            continue
        try:
            body, has_difference = _draw(source, result, name)
        except ImageFault as fault:
            told.append({**label, "picture": None, "why_not": _why_not(fault)})
        else:
            drawn.append(_small(body))
            told.append({**label, "picture": len(drawn), "shows_difference": has_difference})
    return told, drawn


def _why_not(fault: ImageFault) -> str:
    return f"it cannot be drawn: {fault}; its images may be gone with their retention"


def _draw(source: Source, result: Result, name: str) -> tuple[bytes, bool]:
    """Draws a snapshot; returns whether the difference is in it too. Raises ImageFault."""
    from pixelgate.engine.header import read_header
    from pixelgate.engine.preview import preview

    if result.comparison is None:
        raise UsageError("build: it has no result")
    snapshot = result.comparison.snapshots[name]
    mask, places = _mask(source, snapshot)
    project = result.build.project
    shas = snapshot.base_sha256, snapshot.head_sha256
    base, head = (source.image(project, sha) for sha in shas)
    for image in filter(None, (base, head, mask)):
        _check_size(read_header(image).size)
    if mask is not None:
        with suppress(OSError, ValueError):  # something else wrote under the mask's key
            return preview(base, head, mask, places), True
    return preview(base, head, None, _EVERYWHERE), False


def _check_size(size: tuple[int, int]) -> None:
    from pixelgate.engine.header import MAX_PIXELS
    from pixelgate.errors import FaultCode

    if size[0] * size[1] > MAX_PIXELS:
        raise ImageFault(
            FaultCode.EXCEEDS_PIXEL_LIMIT,
            f"an image has {size[0]:,} × {size[1]:,} pixels; up to {MAX_PIXELS:,} are drawn",
        )


def _mask(source: Source, snapshot: Snapshot) -> tuple[bytes | None, tuple[Slices, Slices]]:
    """Returns the mask of a snapshot, and how its rows and columns lie in both images."""
    measured = snapshot.measured if snapshot.status in {Status.CHANGED, Status.UNCHANGED} else None
    mask = source.object(measured.mask_key) if measured else None
    if measured is None or mask is None:
        return None, _EVERYWHERE
    diff = measured.diff
    return mask, (slices_of(diff, BandKind.DELETED), slices_of(diff, BandKind.INSERTED))


def _small(body: bytes) -> Picture:
    """Returns a picture of at most MOST_BYTES: as PNG if it can be, else as a JPEG."""
    if len(body) <= MOST_BYTES:
        return Picture(body, "image/png")
    from PIL import Image

    with Image.open(io.BytesIO(body), formats=("PNG",)) as opened:
        whole = opened.convert("RGBA")
    paper = Image.new("RGB", whole.size, (255, 255, 255))
    paper.paste(whole, mask=whole.getchannel("A"))
    while True:
        for quality in _QUALITIES:
            out = io.BytesIO()
            paper.save(out, "JPEG", quality=quality)
            if out.tell() <= MOST_BYTES:
                return Picture(out.getvalue(), "image/jpeg")
        paper = paper.reduce(2)
