"""Makes the manifest of an upload, and checks it by the rules of the pipeline."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from pixelgate.ci.origin import BuildOrigin
from pixelgate.client.config import Config
from pixelgate.domain import keys
from pixelgate.domain.keys import FORK, TRUNK, BuildId, ShardId, check_id
from pixelgate.domain.manifest import MAX_BYTES, check_name
from pixelgate.domain.manifest_schema import ManifestFields, in_words
from pixelgate.errors import BadManifest, UsageError


@dataclass(frozen=True)
class Shard:
    """One shard of a build; a total of 0 means that the number of shards is not known yet."""

    index: int
    total: int


@dataclass(frozen=True)
class Extent:
    """The part of the suite that an upload contains."""

    selective: bool = False  # whether missing snapshots are skipped instead of removed
    all_names: Sequence[str] | None = None  # the names of the whole suite, if they are known
    shard: Shard | None = None  # the shard of the build, if it has several
    allow_empty: bool = False


WHOLE = Extent()


def build_id(project: str, build: str, *, fork: bool, trunk: bool = False) -> BuildId:
    """Returns the id of an uploaded build; it begins with `fork.` or `trunk.` if it is of such.

    IAM allows the role for forks to write only below uploads/<project>/fork.*, so the key decides.

    Raises:
        UsageError: the id is not valid in a key.
    """
    prefix = FORK if fork else TRUNK if trunk else ""
    name = build if build.startswith(prefix) else f"{prefix}{build}"
    try:
        return BuildId(check_id(project, "the project"), check_id(name, "the build's id"))
    except BadManifest as error:
        raise UsageError(str(error)) from error


def key_of(build: BuildId, extent: Extent) -> str:
    """Returns the key of the manifest."""
    if extent.shard:
        return keys.uploaded_manifest(build, ShardId(extent.shard.index, extent.shard.total))
    return keys.uploaded_manifest(build)


def manifest_of(
    build: BuildId,
    origin: BuildOrigin,
    images: Mapping[str, Mapping[str, Any]] | None,
    config: Config,
    extent: Extent = WHOLE,
) -> bytes:
    """Makes the manifest; the same input gives the same bytes, so that it can be sent again.

    `images` is the manifest's field of that name, None for a plain upload.

    Raises:
        UsageError: the pipeline would reject it; the message names the field and the rule.
    """
    fields: dict[str, Any] = {
        "schema_version": 1,
        "project": build.project,
        "build": build.build,
        **origin.fields(),
        **config.policy_fields(),
    }
    if config.fields.grace is not None:
        fields["grace"] = config.fields.grace
    if extent.selective:
        fields["selective"] = True
    if extent.all_names is not None:
        fields["all_names"] = sorted(set(extent.all_names))
    if extent.allow_empty:
        fields["allow_empty"] = True
    _check({**fields, "images": images or {}}, plain=images is None)
    if extent.shard:
        shard = extent.shard
        fields["shard"] = {"index": shard.index, "total": shard.total, "id": build.build}
    if images is not None:
        fields["images"] = {name: dict(images[name]) for name in sorted(images)}
    body = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
    if len(body) > MAX_BYTES:
        raise UsageError(
            f"the manifest would have {len(body):,} bytes; {MAX_BYTES:,} are allowed. "
            "Shorten the sidecars, or split the suite into projects"
        )
    return body


def _check(fields: dict[str, Any], *, plain: bool) -> None:
    """Checks the fields by the rules of the pipeline, before anything is uploaded."""
    if plain:
        fields = {**fields, "allow_empty": True}
    try:
        parsed = ManifestFields.model_validate(fields)
        for field in ("commit", "base_commit", "base_build"):
            if (value := getattr(parsed, field)) is not None:
                check_id(value, field)
        for name in parsed.all_names or ():
            check_name(name)
    except ValidationError as error:
        raise UsageError(in_words(error)) from error
    except BadManifest as error:
        raise UsageError(str(error).replace("images[", "all_names[", 1)) from error
