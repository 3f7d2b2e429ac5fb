"""Damaged images: flipped bytes, lost parts, and damage under checksums that were set right."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

from support.images import chunk, encoded, interlaced_png, palette_png, png_16_bit

Random = np.random.Generator
SIGNATURE = b"\x89PNG\r\n\x1a\n"
# What a parser may take for a length, a size or a count.
ODD_NUMBERS = (0, 1, 2, 0x7F, 0xFF, 0x100, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1)
KINDS = [
    *(b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"iCCP", b"acTL", b"fcTL"),
    *(b"fdAT", b"zTXt", b"iTXt", b"tEXt", b"eXIf", b"pHYs", b"sRGB", b"cHRM", b"CgBI"),
]


def seeds() -> list[bytes]:
    """One good file of every kind that the engine reads; small, so that there is time for many."""
    y, x = np.mgrid[0:40, 0:56]
    waves = np.dstack([x * 4, y * 6, (x * y) % 256]).astype(np.uint8)
    picture = Image.fromarray(waves)
    clear = Image.fromarray(np.dstack([waves, (x * 4).astype(np.uint8)]))
    made: list[tuple[Image.Image, str, dict[str, object]]] = [
        (picture, "PNG", {}),
        (picture, "PNG", {"compress_level": 0}),
        (clear, "PNG", {}),
        (picture.convert("L"), "PNG", {"transparency": 7}),
        (picture.convert("1"), "PNG", {}),
        (picture.quantize(40), "PNG", {"transparency": 3}),
        (picture, "JPEG", {"quality": 80}),
        (picture, "JPEG", {"progressive": True, "subsampling": 0}),
        (picture, "JPEG", {"restart_marker_rows": 1}),
        (picture.convert("L"), "JPEG", {}),
        (picture.convert("CMYK"), "JPEG", {}),
        (picture, "WEBP", {"quality": 60}),
        (picture, "WEBP", {"lossless": True}),
        (clear, "WEBP", {"quality": 60}),
        (clear, "WEBP", {"lossless": True}),
    ]
    files = [encoded(image, kind, **options) for image, kind, options in made]
    palette = palette_png([0, 1, 2, 1] * 30, 10, [9, 8, 7, 6, 5, 4, 3, 2, 1], alpha=b"\x80\xff")
    rgba = png_16_bit((20, 15), (0x1234, 0x5678, 0x9ABC, 0x8000))
    return [
        *files,
        palette,
        rgba,
        png_16_bit((20, 15), (0x4321,)),
        interlaced_png((9, 7), (1, 2, 3)),
    ]


def mutant(random: Random, files: list[bytes]) -> bytes:
    """One of these files, damaged once to three times."""
    body = _any(random, files)
    for _ in range(random.integers(1, 4)):
        body = _damage(random, body, files)
    return body


def without_the_rest(body: bytes) -> bytes:
    """A PNG without what stands behind its pixels, which a decoder need not look at."""
    parts = _png_parts(body)
    data = [n for n, (kind, _) in enumerate(parts) if kind == b"IDAT"]
    last = next((n for n in data if n + 1 not in data), len(parts) - 1)
    return _png_of([*parts[: last + 1], (b"IEND", b"")])


def without_what_browsers_skip(body: bytes) -> bytes:
    """A PNG without the chunks that may be left out, except transparency before the pixels.

    What has to be understood stays as it is, damaged or not. For comparisons with a decoder that
    refuses a picture for its texts, and knows nothing of colours.
    """
    kept, at, found = [SIGNATURE], len(SIGNATURE), set[bytes]()
    while at + 12 <= len(body):
        (length,) = struct.unpack_from(">I", body, at)
        whole = body[at : at + 12 + length]
        kind, content = whole[4:8], whole[8:-4]
        if len(whole) < 12 + length:
            break
        at += len(whole)
        right = chunk(kind, content) == whole
        if kind == b"tRNS":
            wanted = {0: 2, 2: 6}.get(body[25], length)
            needed = right and length == wanted and not found & {b"IDAT", b"tRNS"}
        else:
            needed = not kind[0] & 0x20 or (right and kind in {b"acTL", b"fcTL", b"fdAT"})
        if needed:
            found.add(kind)
            kept.append(whole)
        if kind == b"IEND":
            break
    return b"".join([*kept, body[at:]])


def _damage(random: Random, body: bytes, files: list[bytes]) -> bytes:
    """Half of the time the container is known and stays valid around the damage."""
    deep: tuple[Callable[[Random, bytes], bytes], ...] = ()
    if body.startswith(SIGNATURE):
        deep = (_png_chunks, _png_chunks, _png_stream, _png_header)
    elif body.startswith(b"\xff\xd8"):
        deep = (_jpeg_segments,)
    elif body.startswith(b"RIFF"):
        deep = (_webp_chunks,)
    if deep and random.random() < 0.6:
        try:
            return deep[random.integers(0, len(deep))](random, body)
        except (ValueError, IndexError, struct.error, zlib.error):
            pass  # an earlier damage has left nothing to take apart
    match random.integers(0, 6):
        case 0:
            return body[: random.integers(0, len(body) + 1)]
        case 1:  # the head of one and the tail of another
            other = _any(random, files)
            return body[: _place(random, body)] + other[_place(random, other) :]
        case 2:  # a part is lost or comes twice
            start, end = sorted((_place(random, body), _place(random, body)))
            return body[:end] + body[start:]
        case 3:
            start, end = sorted((_place(random, body), _place(random, body)))
            return body[:start] + body[end:]
        case _:
            return _flipped(random, body)


def _flipped(random: Random, body: bytes) -> bytes:
    """Some bytes are others; now and then four of them are a number of note."""
    changed = bytearray(body)
    for _ in range(random.integers(1, 9) if changed else 0):
        place = int(random.integers(0, len(changed)))
        if random.random() < 0.3:
            number = ODD_NUMBERS[random.integers(0, len(ODD_NUMBERS))]
            changed[place : place + 4] = struct.pack(
                ">I" if random.random() < 0.5 else "<I", number
            )
        else:
            changed[place] = random.integers(0, 256)
    return bytes(changed)


def _png_parts(body: bytes) -> list[tuple[bytes, bytes]]:
    """Kind and content of every chunk."""
    parts, at = [], len(SIGNATURE)
    while at + 12 <= len(body):
        (length,) = struct.unpack_from(">I", body, at)
        parts.append((body[at + 4 : at + 8], body[at + 8 : at + 8 + length]))
        at += 12 + length
    if not parts:
        raise ValueError
    return parts


def _png_of(parts: list[tuple[bytes, bytes]]) -> bytes:
    return SIGNATURE + b"".join(chunk(kind, content) for kind, content in parts)


def _png_chunks(random: Random, body: bytes) -> bytes:
    """A chunk is damaged, renamed, lost, doubled or moved, and all checksums are right."""
    parts = _png_parts(body)
    at, to = (int(n) for n in random.integers(0, len(parts), 2))
    kind, content = parts[at]
    match random.integers(0, 7):
        case 0:
            parts[at] = KINDS[random.integers(0, len(KINDS))], content
        case 1:
            del parts[at]
        case 2:
            parts.insert(to, parts[at])
        case 3:
            parts[at], parts[to] = parts[to], parts[at]
        case 4:
            invented = bytes(random.integers(0, 256, random.integers(0, 40), np.uint8))
            if random.random() < 0.3:  # what a search for a chunk could take for one
                invented += KINDS[random.integers(0, len(KINDS))]
            parts.insert(to, (KINDS[random.integers(0, len(KINDS))], invented))
        case 5:  # the pixels come in pieces
            cut = _place(random, content)
            parts[at : at + 1] = [(kind, content[:cut]), (kind, content[cut:])]
        case _:
            parts[at] = kind, _flipped(random, content)
    return _png_of(parts)


def _png_header(random: Random, body: bytes) -> bytes:
    """Size, depth, colour type or interlacing are others; the pixels stay."""
    parts = _png_parts(body)
    fields = list(struct.unpack(">IIBBBBB", parts[0][1]))
    which = int(random.choice([0, 1, 2, 3, 6]))
    if which < 2:
        near = max(0, fields[which] + int(random.integers(-3, 4)))
        odd = ODD_NUMBERS[random.integers(0, len(ODD_NUMBERS))]
        fields[which] = near if random.random() < 0.7 else odd
    else:
        fields[which] = int(random.choice([0, 1, 2, 3, 4, 6, 8, 16]))
    changed = (b"IHDR", struct.pack(">IIBBBBB", *fields))
    if random.random() < 0.3:  # both, in either order: which of them counts?
        both = [changed, parts[0]] if random.random() < 0.5 else [parts[0], changed]
        return _png_of([*both, *parts[1:]])
    return _png_of([changed, *parts[1:]])


def _png_stream(random: Random, body: bytes) -> bytes:
    """The rows or their filters are damaged before they are compressed anew."""
    parts = _png_parts(body)
    stream = zlib.decompress(b"".join(content for kind, content in parts if kind == b"IDAT"))
    rows = bytearray(_flipped(random, stream))
    match random.integers(0, 4):
        case 0:
            del rows[_place(random, rows) :]
        case 1:
            rows += bytes(random.integers(0, 256, random.integers(1, 500), np.uint8))
        case 2:  # any filter for some rows, whatever a row's length is
            step = max(1, len(rows) // 40)
            rows[::step] = bytes(random.integers(0, 6, len(rows[::step]), np.uint8))
    made = zlib.compressobj(int(random.integers(0, 10)), wbits=int(random.integers(9, 16)))
    data = made.compress(bytes(rows)) + made.flush()
    before = [part for part in parts if part[0] not in {b"IDAT", b"IEND"}]
    return _png_of([*before, (b"IDAT", data), (b"IEND", b"")])


def _jpeg_segments(random: Random, body: bytes) -> bytes:
    """A segment is damaged, lost, doubled or moved; lengths are right."""
    markers = [i for i in range(len(body) - 3) if body[i] == 0xFF and 0xC0 <= body[i + 1] < 0xFF]
    starts = [i for i in markers if not 0xD0 <= body[i + 1] <= 0xD9]
    at = starts[random.integers(0, len(starts))]
    end = at + 2 + int.from_bytes(body[at + 2 : at + 4], "big")
    segment = body[at:end]
    match random.integers(0, 5):
        case 0:
            return body[:at] + body[end:]
        case 1:
            return body[:end] + segment + body[end:]
        case 2:
            to = starts[random.integers(0, len(starts))]
            return body[:to] + segment + body[to:]
        case _:
            return body[: at + 4] + _flipped(random, segment[4:]) + body[end:]


def _webp_chunks(random: Random, body: bytes) -> bytes:
    """A chunk is damaged, lost or doubled; all sizes are right."""
    parts, at = [], 12
    while at + 8 <= len(body):
        size = int.from_bytes(body[at + 4 : at + 8], "little")
        parts.append((body[at : at + 4], body[at + 8 : at + 8 + size]))
        at += 8 + size + size % 2
    which = int(random.integers(0, len(parts)))
    match random.integers(0, 5):
        case 0:
            del parts[which]
        case 1:
            parts.insert(which, parts[which])
        case _:
            kind, content = parts[which]
            parts[which] = kind, _flipped(random, content)
    out = io.BytesIO()
    for kind, content in parts:
        out.write(kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2))
    inside = b"WEBP" + out.getvalue()
    return b"RIFF" + struct.pack("<I", len(inside)) + inside


def _any(random: Random, files: list[bytes]) -> bytes:
    return files[random.integers(0, len(files))]


def _place(random: Random, body: bytes | bytearray) -> int:
    return int(random.integers(0, len(body) + 1))
