"""Imports a plain upload: a manifest that lists no images, and the images in its folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from pixelgate.domain import keys
from pixelgate.domain.manifest import (
    FOREIGN_SUFFIXES,
    IMAGE_SUFFIXES,
    MAX_BYTES,
    BuildManifest,
    check_name,
)
from pixelgate.domain.manifest_schema import MAX_IMAGES
from pixelgate.domain.names import collisions
from pixelgate.domain.strict_json import read_object
from pixelgate.domain.wording import shortened
from pixelgate.errors import BadManifest, ImageFault, NotFound, TooLarge, WriteConflict
from pixelgate.pipeline.intake.images import MAX_IMAGE_BYTES
from pixelgate.ports import Bucket, DifferPool, Listed

# Each image takes three requests and mostly waits for them: about 100 images a second.
_THREADS = 16
_SHOWN = 10
_TYPES = {".png": "image/png", ".apng": "image/png", ".webp": "image/webp"}


@dataclass(frozen=True)
class PlainUpload:
    """The objects of a plain upload, listed but not read; `left_out` are files that are no images.

    `fingerprint` is a hash of the manifest's bytes and of the listed images.
    """

    folder: str
    images: tuple[Listed, ...]
    left_out: tuple[str, ...]
    fingerprint: str


@dataclass(frozen=True)
class ImportedUpload:
    """A manifest that lists the stored images, whether all are readable, and those that existed."""

    body: bytes
    whole: bool
    found: frozenset[str]


def list_plain_upload(body: bytes, folder: str, objects: Bucket) -> PlainUpload:
    """Lists the images of a plain upload without reading them.

    `body` is the manifest, and `folder` the key of its folder, with "/". Raises BadManifest with
    all names and sizes that are not allowed, or if there are too many images.
    """
    digest = hashlib.sha256(body)
    images: list[Listed] = []
    left_out: list[str] = []
    problems: list[str] = []
    for listed in objects.list(folder):
        name = listed.key.removeprefix(folder)
        if _is_hidden(name) or keys.upload_of(listed.key):
            continue
        if PurePosixPath(name).suffix.lower() not in IMAGE_SUFFIXES | FOREIGN_SUFFIXES:
            left_out.append(name)
            continue
        digest.update(f"\0{name}\0{listed.size}\0{listed.tag}".encode())
        problems += _problems(name, listed.size)
        images.append(listed)
    problems += [
        f"images: {problem}" for problem in collisions(f.key.removeprefix(folder) for f in images)
    ]
    if len(images) > MAX_IMAGES:
        problems.append(
            f"there are {len(images):,} images under {folder}; {MAX_IMAGES:,} are allowed"
        )
    if problems:
        raise BadManifest("; ".join(shortened(problems, _SHOWN)))
    return PlainUpload(folder, tuple(images), tuple(left_out), digest.hexdigest())


def import_images(
    body: bytes, manifest: BuildManifest, listed: PlainUpload, objects: Bucket, pool: DifferPool
) -> ImportedUpload:
    """Reads every image, stores it by its hash, and lists it in the manifest.

    A repeated import reads the images again and changes nothing. Raises BadManifest if there is no
    image, or if one was deleted meanwhile.
    """
    if not listed.images and not manifest.allow_empty:
        raise BadManifest(
            f"images: the manifest lists none and no image (PNG, JPEG, WebP) lies under "
            f"{listed.folder}; upload them before the manifest, or set allow_empty"
        )

    def store(image: Listed) -> tuple[dict[str, Any], bool]:
        return _store(image, manifest.id.project, objects, pool)

    with ThreadPoolExecutor(_THREADS, thread_name_prefix="plain") as threads:
        stored = list(threads.map(store, listed.images))
    entries = [entry for entry, _ in stored]
    left_out = ", ".join(shortened(map(repr, listed.left_out), _SHOWN))
    notes = [f"left out, as they are no images by their names: {left_out}"] if left_out else []
    fields = read_object(body, MAX_BYTES)
    names = [image.key.removeprefix(listed.folder) for image in listed.images]
    fields |= {
        "images": dict(zip(names, entries, strict=True)),
        "upload_sha256": listed.fingerprint,
        "notes": notes,
    }
    whole = all(entry["width"] for entry in entries)
    found = frozenset(entry["sha256"] for entry, existed in stored if existed)
    return ImportedUpload(json.dumps(fields, ensure_ascii=False).encode(), whole, found)


def _store(
    listed: Listed, project: str, objects: Bucket, pool: DifferPool
) -> tuple[dict[str, Any], bool]:
    """Stores an image by its hash; returns its manifest entry, and whether it existed before."""
    try:
        image = objects.read(listed.key, MAX_IMAGE_BYTES)
    except (NotFound, TooLarge) as error:
        raise BadManifest(f"{listed.key} was changed while the build was taken in") from error
    sha256 = hashlib.sha256(image).hexdigest()
    key = keys.image(project, sha256)
    existed = objects.exists(key)
    if not existed:
        kind = _TYPES.get(PurePosixPath(listed.key).suffix.lower(), "image/jpeg")
        with suppress(WriteConflict):  # another worker stored the same bytes: a key is a hash
            objects.replace(key, image, kind, None)
    try:
        width, height = pool.inspect(image)
    except ImageFault:
        width, height = None, None  # the comparison reports the fault
    return {"sha256": sha256, "width": width, "height": height, "bytes": len(image)}, existed


def _is_hidden(name: str) -> bool:
    """Whether a name is a hidden file, or the empty object that S3's console makes for a folder."""
    return not name or name.endswith("/") or any(p.startswith(".") for p in name.split("/"))


def _problems(name: str, size: int) -> Iterator[str]:
    try:
        check_name(name)
    except BadManifest as error:
        yield str(error)
    if size > MAX_IMAGE_BYTES:
        yield f"images[{name!a}]: has {size:,} bytes; {MAX_IMAGE_BYTES:,} are allowed"
