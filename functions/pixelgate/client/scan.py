"""Reads a folder of screenshots for a manifest, and lists every file that cannot be uploaded."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pixelgate.client.layouts.select import ALL, Choice, Selection, Taken, select
from pixelgate.domain.manifest import DETAILS, check_name
from pixelgate.domain.manifest_schema import MAX_ATTEMPTS, MAX_IMAGES, ImageFields, in_words
from pixelgate.domain.names import collisions
from pixelgate.domain.policy import Policy
from pixelgate.domain.policy_rules import overridden
from pixelgate.domain.wording import shortened
from pixelgate.engine.header import MAX_PIXELS, Header, read_header
from pixelgate.errors import BadManifest, FaultCode, ImageFault, UsageError
from pixelgate.pipeline.parallel import bounded_map
from pixelgate.ports import SILENT, Progress

# The limit of the pipeline, which does not read larger images.
MAX_IMAGE_BYTES = 256 * 1024 * 1024
# Reading and hashing release the GIL, so threads help.
_THREADS = min(16, 2 * (os.cpu_count() or 1))
_SIDECAR_FIELDS = frozenset({*DETAILS, "policy"})
_MAX_SIDECAR_BYTES = 1024 * 1024
_PROBLEMS_SHOWN = 100
_UNREADABLE = "unreadable"  # in the place of a hash


@dataclass(frozen=True)
class Entry:
    """One screenshot."""

    path: Path
    sha256: str  # the hash of its bytes
    header: Header  # its format and size
    bytes: int  # its number of bytes
    # The fields of the JSON file beside it.
    sidecar: Mapping[str, Any] = field(default_factory=dict)
    # The fields that its runner's layout and files tell.
    found: Mapping[str, Any] = field(default_factory=dict)

    def fields(self) -> dict[str, Any]:
        """Returns the image's entry in the manifest; its sidecar overrides what was found."""
        fields = {
            **_joined(self.found, self.sidecar),
            "sha256": self.sha256,
            "width": self.header.width,
            "height": self.header.height,
            "bytes": self.bytes,
        }
        attempts = [sha for sha in self.attempts if sha != _UNREADABLE][-MAX_ATTEMPTS:]
        return {**fields, "attempts": attempts} if attempts else fields

    @property
    def attempts(self) -> list[str]:
        """The hashes of its earlier attempts, the first one first."""
        return list(self.found.get("context", {}).get("attempts", ()))


@dataclass(frozen=True)
class Scan:
    """A scanned folder, all of whose images can be uploaded."""

    entries: Mapping[str, Entry]  # maps a name to its screenshot, ordered by name
    selection: Selection  # what was taken of the folder, and what was left out
    warnings: tuple[str, ...] = ()  # messages about fields that were ignored

    def fields(self) -> dict[str, dict[str, Any]]:
        """Returns the field `images` of the manifest."""
        return {name: entry.fields() for name, entry in self.entries.items()}


def scan(
    folder: Path,
    progress: Progress = SILENT,
    max_megapixels: float | None = None,
    choice: Choice = ALL,
) -> Scan:
    """Reads the hash, the header and the sidecar of every snapshot below a folder.

    Args:
        folder: the folder with the screenshots. Hidden files and folders are ignored.
        progress: receives the progress.
        max_megapixels: the size of the largest image that is compared; by default the engine's
            limit.
        choice: the layout of the folder, and the snapshots that are wanted.

    Raises:
        UsageError: the folder is missing, or files in it cannot be uploaded; the message lists
            each with its problem.
    """
    selection = chosen(folder, choice)
    files = selection.files
    if len(files) > MAX_IMAGES:
        raise UsageError(
            f"{folder} holds {len(files):,} images; a build may have {MAX_IMAGES:,}. "
            "Split it into projects"
        )
    progress.begin("hashing", len(files))
    most = MAX_PIXELS if max_megapixels is None else round(max_megapixels * 1e6)
    look = partial(_read, most=most, taken=selection.taken)
    read: dict[str, Entry] = {}
    problems: dict[str, list[str]] = {}
    ignored: dict[str, str] = {}
    for (name, path), (entry, wrong, unknown) in bounded_map(look, files.items(), _THREADS):
        progress.step()
        if entry and not wrong:
            read[name] = entry
        if wrong:
            problems[name] = [f"{_shown(path)}: {problem}" for problem in wrong]
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
        selection=selection,
    )


def chosen(folder: Path, choice: Choice) -> Selection:
    """Returns the snapshots of a folder.

    Raises:
        UsageError: the folder is missing or cannot be read, or the layout is unknown.
    """
    if not folder.is_dir():
        problem = "is not a folder" if folder.exists() else "does not exist"
        raise UsageError(f"{folder} {problem}; name the folder with the screenshots")
    try:
        return select(folder, choice)
    except OSError as error:
        raise UsageError(f"{error.filename or folder} cannot be read: {error.strerror}") from error


def _read(
    item: tuple[str, Path], most: int, taken: Mapping[str, Taken]
) -> tuple[Entry | None, list[str], list[str]]:
    """Reads one file; returns its entry, its problems, and the unknown fields of its sidecar."""
    name, path = item
    wrong: list[str] = []
    try:
        check_name(name)
    except BadManifest as error:
        wrong.append(str(error).partition(": ")[2])
    sidecar, unknown, wrong_beside = _read_sidecar(path)
    entry = None
    try:
        entry = replace(_read_image(path, sidecar, most), found=details_of(taken[name]))
    except ImageFault as fault:
        wrong.append(str(fault))
    except OSError as error:
        wrong.append(f"cannot be read: {error.strerror}")
    wrong += [f"{path.with_suffix('.json').name} beside it: {problem}" for problem in wrong_beside]
    return entry, wrong, unknown


def details_of(taken: Taken) -> dict[str, Any]:
    """Returns the fields of a manifest that a runner's layout and files tell of a snapshot.

    The hashes of earlier attempts are evidence of noise: the test was run again on the same input.
    """
    found = dict(taken.details)
    if taken.tags:
        found["tags"] = list(dict.fromkeys(taken.tags.values()))
    if taken.attempts:
        found["context"] = {"attempts": [_hash(path) for path in taken.attempts]}
    return found


def _hash(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return _UNREADABLE


def _joined(found: Mapping[str, Any], sidecar: Mapping[str, Any]) -> dict[str, Any]:
    """Joins the fields of a snapshot: tags are added to the sidecar's, and so is context."""
    fields = {**found, **sidecar}
    ours, theirs = found.get("tags"), sidecar.get("tags")
    if ours and isinstance(theirs, list):
        fields["tags"] = list(dict.fromkeys([*theirs, *ours]))
    elif ours and isinstance(theirs, dict):
        known = {*theirs.values()}
        fields["tags"] = {**theirs, **{word: word for word in ours if word not in known}}
    if "context" in found and isinstance(sidecar.get("context"), dict):
        fields["context"] = {**found["context"], **sidecar["context"]}
    return fields


def _read_image(path: Path, sidecar: Mapping[str, Any], most: int) -> Entry:
    """Reads the hash and the header of an image, without decoding it.

    Raises:
        ImageFault: the image cannot be compared.
        OSError: the file cannot be read.
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
    """Reads `x.json` beside `x.png`; returns its fields, the unknown fields, and its problems."""
    path = image.with_suffix(".json")
    try:
        if path.stat().st_size > _MAX_SIDECAR_BYTES:
            return {}, [], [f"has over {_MAX_SIDECAR_BYTES:,} bytes"]
        content = json.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        return {}, [], []
    except OSError as error:
        return {}, [], [f"cannot be read: {error.strerror}"]
    except (ValueError, RecursionError) as error:
        return {}, [], [f"is not valid JSON: {error}"]
    if not isinstance(content, dict):
        return {}, [], ["must be a JSON object"]
    known = {name: value for name, value in content.items() if name in _SIDECAR_FIELDS}
    try:
        # Hash and size are placeholders; the model checks the other fields.
        fields = ImageFields.model_validate({**known, "sha256": "0" * 64, "width": 1, "height": 1})
        if fields.policy:
            overridden("policy", fields.policy, Policy())
    except ValidationError as error:
        return {}, [], [in_words(error)]
    except BadManifest as error:
        return {}, [], [str(error)]
    return known, sorted(content.keys() - known.keys()), []


def _shown(path: Path) -> str:
    """Returns a path for a message, with control characters escaped."""
    text = str(path)
    return text if text.isprintable() else ascii(text)


def _listed(folder: Path, lines: list[str]) -> str:
    shown = [f"  {line}" for line in shortened(lines, _PROBLEMS_SHOWN)]
    number = "1 file" if len(lines) == 1 else f"{len(lines):,} files"
    return "\n".join([f"nothing was uploaded: {number} in {folder} cannot be:", *shown])
