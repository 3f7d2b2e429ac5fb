"""The manifest that an upload writes, checked by the rules that will meet it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from pixelgate.ci.origin import BuildOrigin
from pixelgate.client.config import Config
from pixelgate.domain import keys
from pixelgate.domain.keys import FORK, BuildId, ShardId, check_id
from pixelgate.domain.manifest import MAX_BYTES, check_name
from pixelgate.domain.manifest_schema import ManifestFields, in_words
from pixelgate.errors import BadManifest, UsageError

# IAM lets the role for forks write below uploads/<project>/fork.* only: the key decides.


@dataclass(frozen=True)
class Shard:
    """One part of a build; a total of 0 is not known yet."""

    index: int
    total: int


@dataclass(frozen=True)
class Extent:
    """How much of the suite an upload holds.

    Attributes:
        selective: what it lacks is skipped, not removed.
        all_names: the names of the whole suite, if they are known.
        shard: which part of the build it is.
        allow_empty: whether having no images is meant.
    """

    selective: bool = False
    all_names: Sequence[str] | None = None
    shard: Shard | None = None
    allow_empty: bool = False


WHOLE = Extent()


def build_id(project: str, build: str, *, fork: bool) -> BuildId:
    """The id under which a build is uploaded; that of a fork's says so.

    Raises:
        UsageError: it cannot stand in a key.
    """
    name = f"{FORK}{build}" if fork and not build.startswith(FORK) else build
    try:
        return BuildId(check_id(project, "the project"), check_id(name, "the build's id"))
    except BadManifest as error:
        raise UsageError(str(error)) from error


def key_of(build: BuildId, extent: Extent) -> str:
    """Where the manifest goes."""
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
    """The manifest as bytes: the same for the same input, so that it can be sent again.

    Args:
        build: its id.
        origin: commit, base and the rest.
        images: `images` of the manifest; None for plain images beside it.
        config: defaults and rules.
        extent: how much of the suite it is.

    Raises:
        UsageError: it would be refused; the message names the field and the rule.
    """
    fields: dict[str, Any] = {
        "schema_version": 1,
        "project": build.project,
        "build": build.build,
        **origin.fields(),
        **config.policy_fields(),
    }
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
    """Holds the fields to the rules of the pipeline, before anything is uploaded."""
    if plain:
        fields = {**fields, "allow_empty": True}
    try:
        parsed = ManifestFields.model_validate(fields)
        for what in ("commit", "base_commit", "base_build"):
            if (value := getattr(parsed, what)) is not None:
                check_id(value, what)
        for name in parsed.all_names or ():
            check_name(name)
    except ValidationError as error:
        raise UsageError(in_words(error)) from error
    except BadManifest as error:
        raise UsageError(str(error).replace("images[", "all_names[", 1)) from error
