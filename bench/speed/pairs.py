"""The pairs of images that every route compares."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from bench.speed.synthetic import draw_pairs


@dataclass(frozen=True)
class Pair:
    """Two PNG files that differ, in memory and on a tmpfs.

    Attributes:
        name: what they show.
        base: bytes of the base image.
        head: bytes of the head image.
        files: the same as files, for the routes that read files.
        output: where a route may leave its diff image, without extension.
        plain: both have the same size and nothing shines through, so that every engine sees the
            same pixels and plain odiff is the judge of ours.
    """

    name: str
    base: bytes
    head: bytes
    files: tuple[Path, Path]
    output: Path
    plain: bool


def from_folders(corpus: Path, folder: Path, limit: int | None) -> list[Pair]:
    """The pairs of `corpus`/base and `corpus`/head: same name, other bytes, each content once.

    Args:
        corpus: the two folders' parent.
        folder: where the files are laid out for the routes.
        limit: take so many, spread evenly over the names.
    """
    found: dict[bytes, tuple[str, bytes, bytes]] = {}
    for path in sorted((corpus / "base").rglob("*.png")):
        name = path.relative_to(corpus / "base")
        other = corpus / "head" / name
        if other.is_file():
            base, head = path.read_bytes(), other.read_bytes()
            digest = hashlib.sha256(base).digest() + hashlib.sha256(head).digest()
            if base != head:
                found.setdefault(digest, (name.as_posix(), base, head))
    return _laid_out(_thinned(list(found.values()), limit), folder)


def drawn(count: int, folder: Path) -> list[Pair]:
    """Pages drawn here, each with one to three small changes."""
    return _laid_out(draw_pairs(count), folder)


def _thinned(
    pairs: list[tuple[str, bytes, bytes]], limit: int | None
) -> list[tuple[str, bytes, bytes]]:
    if limit is None or limit >= len(pairs):
        return pairs
    return [pairs[number * len(pairs) // limit] for number in range(limit)]


def _laid_out(pairs: Iterable[tuple[str, bytes, bytes]], folder: Path) -> list[Pair]:
    """Writes them as files of short names, in folders as reg-cli wants them."""
    for part in ("base", "head", "out"):
        (folder / part).mkdir(parents=True)
    laid_out = []
    for number, (name, base, head) in enumerate(pairs):
        files = folder / "base" / f"{number}.png", folder / "head" / f"{number}.png"
        for file, body in zip(files, (base, head), strict=True):
            file.write_bytes(body)
        sizes = {_size(body) for body in (base, head)}
        plain = len(sizes) == 1 and _is_opaque(base) and _is_opaque(head)
        laid_out.append(Pair(name, base, head, files, folder / "out" / str(number), plain))
    return laid_out


def _size(body: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(body)) as image:
        return image.size


def _is_opaque(body: bytes) -> bool:
    with Image.open(io.BytesIO(body)) as image:
        if not image.has_transparency_data:
            return True
        return image.convert("RGBA").getchannel("A").getextrema() == (255, 255)
