"""A folder of screenshots as the images of a manifest, or everything that is wrong with it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pixelgate.client.parallel import bounded_map
from pixelgate.client.progress import SILENT, Progress
from pixelgate.domain.manifest import DETAILS, check_name
from pixelgate.domain.manifest_schema import MAX_IMAGES, ImageFields, in_words
from pixelgate.domain.names import collisions
from pixelgate.domain.policy import Policy
from pixelgate.domain.policy_rules import overridden
from pixelgate.engine.header import MAX_PIXELS, Header, read_header
from pixelgate.errors import BadManifest, FaultCode, ImageFault, UsageError
from pixelgate.storage.folder import find_images

# As the pipeline has it: an image of more bytes is read by nobody.
MAX_IMAGE_BYTES = 256 * 1024 * 1024
# Reading a file and hashing it both let other threads run.
_THREADS = min(16, 2 * (os.cpu_count() or 1))
_SIDECAR_FIELDS = frozenset({*DETAILS, "policy"})
_MAX_SIDECAR_BYTES = 1024 * 1024
_PROBLEMS_SHOWN = 100


@dataclass(frozen=True)
class Entry:
    """One screenshot.

    Attributes:
        path: the file.
        sha256: of its bytes.
        header: its format and size.
        bytes: how many it has.
        sidecar: what the file beside it says.
    """

    path: Path
    sha256: str
    header: Header
    bytes: int
    sidecar: Mapping[str, Any] = field(default_factory=dict)

    def fields(self) -> dict[str, Any]:
        """The image's entry in the manifest."""
        return {
            **self.sidecar,
            "sha256": self.sha256,
            "width": self.header.width,
            "height": self.header.height,
            "bytes": self.bytes,
        }


@dataclass(frozen=True)
class Scan:
    """A folder in which nothing is wrong.

    Attributes:
        entries: name to screenshot, by name.
        warnings: what was ignored, in words.
    """

    entries: Mapping[str, Entry]
    warnings: tuple[str, ...] = ()

    def fields(self) -> dict[str, dict[str, Any]]:
        """`images` of the manifest."""
        return {name: entry.fields() for name, entry in self.entries.items()}


def scan(folder: Path, progress: Progress = SILENT, max_megapixels: float | None = None) -> Scan:
    """Reads every image below a folder once: its hash, its header, and the sidecar beside it.

    Args:
        folder: the screenshots. Hidden files and folders are left out.
        progress: whom to tell how far it is.
        max_megapixels: of the largest image that is compared; the engine's limit by default.

    Raises:
        UsageError: the folder is missing, or files in it cannot be uploaded; all of them are
            listed, each with what is wrong.
    """
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise UsageError(f"{folder} {what}; name the folder with the screenshots")
    try:
        files = find_images(folder)
    except OSError as error:
        raise UsageError(f"{error.filename or folder} cannot be read: {error.strerror}") from error
    if len(files) > MAX_IMAGES:
        raise UsageError(
            f"{folder} holds {len(files):,} images; a build may have {MAX_IMAGES:,}. "
            "Split it into projects"
        )
    progress.begin("hashing", len(files))
    most = MAX_PIXELS if max_megapixels is None else round(max_megapixels * 1e6)
    look = partial(_read, most=most)
    read: dict[str, Entry] = {}
    problems: dict[str, list[str]] = {}
    ignored: dict[str, str] = {}
    for (name, path), (entry, wrong, unknown) in bounded_map(look, files.items(), _THREADS):
        progress.step()
        if entry and not wrong:
            read[name] = entry
        if wrong:
            problems[name] = [f"{_shown(path)}: {what}" for what in wrong]
        ignored.update(dict.fromkeys(unknown, _shown(path.with_suffix(".json"))))
    wrong = [line for name in sorted(problems) for line in problems[name]]
    wrong += collisions(files)
    if wrong:
        raise UsageError(_listed(folder, wrong))
    return Scan(
        entries={name: read[name] for name in files},
        warnings=tuple(
            f"unknown field {name!r} was ignored, in {where} and maybe others"
            for name, where in sorted(ignored.items())
        ),
    )


def _read(item: tuple[str, Path], most: int) -> tuple[Entry | None, list[str], list[str]]:
    """One file: what it is, what is wrong with it, and which fields beside it nobody knows."""
    name, path = item
    wrong: list[str] = []
    try:
        check_name(name)
    except BadManifest as error:
        wrong.append(str(error).partition(": ")[2])
    sidecar, unknown, wrong_beside = _read_sidecar(path)
    entry = None
    try:
        entry = _read_image(path, sidecar, most)
    except ImageFault as fault:
        wrong.append(str(fault))
    except OSError as error:
        wrong.append(f"cannot be read: {error.strerror}")
    wrong += [f"{path.with_suffix('.json').name} beside it: {what}" for what in wrong_beside]
    return entry, wrong, unknown


def _read_image(path: Path, sidecar: Mapping[str, Any], most: int) -> Entry:
    """Hash and header; nothing is decoded.

    Raises:
        ImageFault: it could not be compared.
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    if size > MAX_IMAGE_BYTES:
        raise ImageFault(
            FaultCode.EXCEEDS_BYTE_LIMIT, f"has {size:,} bytes; up to {MAX_IMAGE_BYTES:,} are read"
        )
    body = path.read_bytes()
    header = read_header(body)
    pixels = header.width * header.height
    if pixels > most:
        raise ImageFault(
            FaultCode.EXCEEDS_PIXEL_LIMIT,
            f"{header.width}×{header.height} are {pixels:,} pixels; up to {most:,} are compared",
        )
    return Entry(path, hashlib.sha256(body).hexdigest(), header, len(body), sidecar)


def _read_sidecar(image: Path) -> tuple[dict[str, Any], list[str], list[str]]:
    """`x.json` beside `x.png`: its fields, those nobody knows, and what is wrong with them."""
    path = image.with_suffix(".json")
    try:
        if path.stat().st_size > _MAX_SIDECAR_BYTES:
            return {}, [], [f"has over {_MAX_SIDECAR_BYTES:,} bytes"]
        said = json.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        return {}, [], []
    except OSError as error:
        return {}, [], [f"cannot be read: {error.strerror}"]
    except (ValueError, RecursionError) as error:
        return {}, [], [f"is no valid JSON: {error}"]
    if not isinstance(said, dict):
        return {}, [], ["must be a JSON object"]
    known = {name: value for name, value in said.items() if name in _SIDECAR_FIELDS}
    try:
        # The sizes are the image's own; they stand in so that the rest is held to its rules.
        fields = ImageFields.model_validate({**known, "sha256": "0" * 64, "width": 1, "height": 1})
        if fields.policy:
            overridden("policy", fields.policy, Policy())
    except ValidationError as error:
        return {}, [], [in_words(error)]
    except BadManifest as error:
        return {}, [], [str(error)]
    return known, sorted(said.keys() - known.keys()), []


def _shown(path: Path) -> str:
    """A path as it can be printed, with anything that could move the cursor spelt out."""
    text = str(path)
    return text if text.isprintable() else ascii(text)


def _listed(folder: Path, lines: list[str]) -> str:
    shown = [f"  {line}" for line in lines[:_PROBLEMS_SHOWN]]
    if len(lines) > _PROBLEMS_SHOWN:
        shown.append(f"  and {len(lines) - _PROBLEMS_SHOWN:,} more")
    number = "1 file" if len(lines) == 1 else f"{len(lines):,} files"
    return "\n".join([f"nothing was uploaded: {number} in {folder} cannot be:", *shown])
