"""Accepts the shards of a build and merges them; of each shard the first upload counts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId, ShardId
from pixelgate.domain.manifest import MAX_BYTES, fingerprint, parse, parse_accepted, parse_finalize
from pixelgate.domain.names import canonical, collision
from pixelgate.domain.shards import came_in_words, listed, missing_of
from pixelgate.domain.strict_json import read_object
from pixelgate.domain.wording import shortened
from pixelgate.errors import BadManifest, NotFound, TooLarge, WriteConflict
from pixelgate.pipeline.intake.plain_upload import import_images, list_plain_upload
from pixelgate.ports import Bucket, DifferPool

# Fields that must be equal in all shards: they are from the same commit of the same suite.
_ALIKE = ("commit", "branch", "base_build", "base_commit", "base_branch", "tree", "pull_request",
          "selective", "defaults", "rules", "quarantine")  # fmt: skip
# Fields of which the largest counts: jobs may have clones of different depths, or older clients.
_LARGEST: Mapping[str, Callable[[Any], float]] = {
    "branch_commits": len,
    "own_commits": len,
    "grace": float,
}
_SHOWN = 20


@dataclass(frozen=True)
class ShardSet:
    """The shards that make up a build, in order, and the indices of those that never came."""

    shards: tuple[ShardId, ...]
    missing: tuple[int, ...]


def keep_shard(build: BuildId, shard: ShardId, objects: Bucket, pool: DifferPool) -> bool:
    """Validates an uploaded shard and stores a copy, unless the shard was accepted before.

    Returns whether an earlier upload with other content was accepted, and still counts.

    Raises:
        NotFound: the shard's manifest does not exist.
        BadManifest: it breaks a rule, or was uploaded after the build was closed without it.
    """
    key, plain = keys.accepted_shard(build, shard), None
    body = _read(keys.uploaded_manifest(build, shard), objects)
    manifest = parse(body, build, shard)
    if manifest.plain:
        plain = list_plain_upload(body, keys.uploads(build, shard), objects)
    uploaded = plain.fingerprint if plain else fingerprint(body)
    with suppress(NotFound):
        return fingerprint(objects.read(key)) != uploaded
    closed = _closed(build, objects)
    if closed and shard not in closed.shards:
        present = listed([s.index for s in closed.shards])
        raise BadManifest(
            f"it came after the build was closed with {present}; upload all of them under another "
            "parallel id"
        )
    if plain:
        body = import_images(body, manifest, plain, objects, pool).body
    try:
        objects.replace(key, body, "application/json", None)
    except WriteConflict:
        return fingerprint(objects.read(key)) != uploaded
    return False


def keep_all_shards(build: BuildId, objects: Bucket, pool: DifferPool) -> int | None:
    """Accepts every uploaded shard after `finalize` was uploaded.

    Events come in any order, so the events of some shards may still be on their way. Returns the
    number of shards, if `finalize` contains it.

    Raises:
        NotFound: the manifest of `finalize` does not exist.
        BadManifest: `finalize` or a shard breaks a rule, or there is no shard.
    """
    total = parse_finalize(_read(keys.finalize(build), objects), build)
    uploads = (keys.upload_of(o.key) for o in objects.list(keys.uploaded_shards(build)))
    shards = sorted(upload.shard for upload in uploads if upload and upload.shard)
    if not shards:
        raise BadManifest(f"no shard lies under {keys.uploaded_shards(build)}: nothing to finalize")
    for shard in shards:
        try:
            keep_shard(build, shard, objects, pool)
        except BadManifest as error:
            raise BadManifest(f"{shard.words}: {error}") from error
    return total


def kept_shards(build: BuildId, objects: Bucket) -> list[ShardId]:
    """Lists the accepted shards, in order; raises BadManifest if their totals differ."""
    accepted = (keys.accepted_shard_of(o.key) for o in objects.list(keys.accepted_shards(build)))
    shards = sorted(shard for shard in accepted if shard)
    for shard in shards[1:]:
        if shard.total != shards[0].total:
            raise BadManifest(
                f"shard: {shards[0].words} and {shard.words} do not agree on the total"
            )
    return shards


def merge_shards(
    build: BuildId, objects: Bucket, *, final: bool = False, total: int | None = None
) -> bytes | None:
    """Merges the shards of a build into one manifest; None while shards may still come.

    The first worker that finds the build complete decides which shards belong to it. If the merge
    is `final`, no other shard will come. `total` is needed if the shards do not contain it. Raises
    BadManifest if two shards contradict each other.
    """
    closed = _closed(build, objects)
    if closed is None:
        shards = kept_shards(build, objects)
        known = (shards[0].total if shards else 0) or total or 0
        missing = missing_of(shards, known)
        if not shards or not (final or (known and not missing)):
            return None
        closed = _close(build, ShardSet(tuple(shards), tuple(missing)), objects)
    bodies = {s: objects.read(keys.accepted_shard(build, s)) for s in closed.shards}
    return _merge(build, bodies, closed.missing)


def progress(build: BuildId, objects: Bucket) -> str:
    """Describes which shards were uploaded."""
    return came_in_words(kept_shards(build, objects))


def _read(key: str, objects: Bucket) -> bytes:
    try:
        return objects.read(key, MAX_BYTES)
    except TooLarge as error:
        raise BadManifest(str(error)) from error


def _closed(build: BuildId, objects: Bucket) -> ShardSet | None:
    try:
        stored = json.loads(objects.read(keys.closed_shards(build)))
    except NotFound:
        return None
    shards = tuple(ShardId(index, total) for index, total in stored["shards"])
    return ShardSet(shards, tuple(stored["missing"]))


def _close(build: BuildId, closed: ShardSet, objects: Bucket) -> ShardSet:
    shards = [[shard.index, shard.total] for shard in closed.shards]
    stored = {"schema_version": 1, "shards": shards, "missing": closed.missing}
    try:
        body = json.dumps(stored).encode()
        objects.replace(keys.closed_shards(build), body, "application/json", None)
    except WriteConflict:
        return _closed(build, objects) or closed
    return closed


def _merge(build: BuildId, bodies: Mapping[ShardId, bytes], missing: Sequence[int]) -> bytes:
    """Merges the shards into one manifest; every worker makes the same bytes."""
    fields = {shard: read_object(body, MAX_BYTES) for shard, body in bodies.items()}
    first = next(iter(fields))
    for shard, manifest in fields.items():
        for name in _ALIKE:
            ours, theirs = fields[first].get(name), manifest.get(name)
            if ours != theirs:
                raise BadManifest(
                    f"{name}: {first.words} says {_short(ours)}, "
                    f"{shard.words} says {_short(theirs)}"
                )
    names = [set(f["all_names"]) for f in fields.values() if f.get("all_names") is not None]
    whole: dict[str, Any] = {
        name: value for name, value in fields[first].items() if name not in {"shard", "images"}
    }
    whole |= {
        "images": _all_images(fields),
        "ancestors": max((f.get("ancestors") or [] for f in fields.values()), key=len),
        "landed": _all_landed(fields.values()),
        "allow_empty": True,
        "notes": [note for f in fields.values() for note in f.get("notes", [])],
        "upload_sha256": hashlib.sha256(b"\0".join(bodies.values())).hexdigest(),
    }
    for name, size in _LARGEST.items():
        if said := [f[name] for f in fields.values() if f.get(name) is not None]:
            whole[name] = max(said, key=size)
    if len(names) == len(fields):
        whole["all_names"] = sorted({canonical(name): name for name in set.union(*names)}.values())
    else:
        whole.pop("all_names", None)
    if missing:
        whole["selective"] = True
        whole["notes"].append(
            f"{listed(missing)} of {len(missing) + len(fields)} never came: what they hold is "
            "skipped, and this build is never a baseline"
        )
    body = json.dumps(whole, ensure_ascii=False).encode()
    parse_accepted(body, build)  # the merged manifest may exceed a limit
    return body


def _all_landed(manifests: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    landed: dict[str, Any] = {}
    for manifest in manifests:
        for commit, facts in (manifest.get("landed") or {}).items():
            landed[commit] = {**landed.get(commit, {}), **facts}
    return landed


def _all_images(fields: Mapping[ShardId, Mapping[str, Any]]) -> dict[str, Any]:
    images: dict[str, Any] = {}
    owner: dict[str, tuple[str, ShardId]] = {}
    twice = []
    for shard, manifest in fields.items():
        for name, image in manifest["images"].items():
            first, holder = owner.setdefault(canonical(name), (name, shard))
            if holder != shard and first == name:
                twice.append(f"images[{name!a}]: {holder.words} and {shard.words} both hold it")
            elif holder != shard:
                twice.append(
                    f"images: {collision(first, name)}: {holder.words} has the first, "
                    f"{shard.words} the second"
                )
            images[name] = image
    if twice:
        raise BadManifest("; ".join(shortened(twice, _SHOWN)))
    return images


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= 80 else text[:80] + "…"
