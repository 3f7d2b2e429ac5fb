"""Reads the size of a JPEG from its segments (ITU-T T.81, annex B)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pixelgate.engine import exif
from pixelgate.errors import FaultCode, ImageFault

# A decoder goes over the whole picture for each scan of a progressive JPEG. Real files have about
# ten scans; a file of 200 KB with a thousand scans keeps a decoder busy for half a minute.
_MAX_SCANS = 100
_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
_START, _END, _SCAN, _APP1 = 0xD8, 0xD9, 0xDA, 0xE1
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_DECODED = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended and progressive, as in browsers
_EXIF = b"Exif\0\0"


def read(body: bytes) -> tuple[int, int, int]:
    """Width, height and orientation.

    Raises:
        ImageFault: UNREADABLE.
    """
    if _has_many_scans(body):
        raise _unreadable(f"the JPEG has more than {_MAX_SCANS} scans, which are not read")
    size: tuple[int, int] | None = None
    orientation = exif.UPRIGHT
    for marker, segment in _segments(body):
        if marker in _FRAMES:
            if size:
                raise _unreadable("the header is damaged: it has two sizes")
            size = _size_of(marker, segment)
        elif marker == _APP1 and segment.startswith(_EXIF) and orientation == exif.UPRIGHT:
            orientation = exif.orientation_of(segment)
    if size is None:
        raise _unreadable("the header is damaged: it has no size")
    return *size, orientation


def _segments(body: bytes) -> Iterator[tuple[int, bytes]]:
    """The segments before the first scan: marker and content.

    Raises:
        ImageFault: one is cut off, or there is no scan.
    """
    at = 2
    # Decoders pass over what is no marker.
    while (at := body.find(b"\xff", at)) >= 0:
        while body[at : at + 1] == b"\xff":  # any number of them may fill
            at += 1
        marker = body[at] if at < len(body) else _END
        at += 1
        if marker == _SCAN:
            return
        if marker and marker not in _ALONE:
            length = int.from_bytes(body[at : at + 2])
            if marker == _END or length < 2 or at + length > len(body):
                break
            yield marker, body[at + 2 : at + length]
            at += length
    raise _unreadable("the header is damaged")


def _size_of(marker: int, frame: bytes) -> tuple[int, int]:
    if marker not in _DECODED:
        raise _unreadable("the JPEG is of a kind that browsers do not show")
    if len(frame) < 6:
        raise _unreadable("the header is damaged")
    bits, channels = frame[0], frame[5]
    height, width = int.from_bytes(frame[1:3]), int.from_bytes(frame[3:5])
    if bits != 8 or channels not in (1, 3, 4) or not width or not height:
        raise _unreadable(
            f"the JPEG of {width}×{height} pixels, {bits} bits and {channels} channels is not read"
        )
    return width, height


def _unreadable(why: str) -> ImageFault:
    return ImageFault(FaultCode.UNREADABLE, why)


def _has_many_scans(body: bytes) -> bool:
    """Whether a JPEG has too many scans before its end marker. Bytes after that are not read.

    Segments are skipped as libjpeg skips them. The length of a scan or of an unknown marker is not
    trusted, so nothing that libjpeg could take for a scan is skipped.
    """
    at, scans = 2, 0
    while match := _MARKER.search(body, at):
        at, marker = match.end(), match[1][0]
        if marker == _END:
            return False
        if marker == _SCAN:
            scans += 1
            if scans > _MAX_SCANS:
                return True
        elif marker >= 0xC0 and marker != _START:
            at += max(2, int.from_bytes(body[at : at + 2]))
    return False
