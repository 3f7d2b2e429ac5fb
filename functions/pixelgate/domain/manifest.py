"""The build manifest: what CI says that a build holds, validated before anything believes it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn

from pydantic import ValidationError

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId, ShardId, check_id
from pixelgate.domain.manifest_schema import (
    AcceptedFields,
    FinalizeFields,
    ImageFields,
    ManifestFields,
    Shard,
    in_words,
    warnings_of,
)
from pixelgate.domain.names import canonical, collisions
from pixelgate.domain.policy import Policy
from pixelgate.domain.policy_rules import Policies, overridden
from pixelgate.domain.strict_json import check_encodable, read_object
from pixelgate.errors import BadManifest

IMAGE_SUFFIXES = frozenset({".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp"})
# Pictures that we do not compare. They are listed all the same, so that none is lost in silence.
FOREIGN_SUFFIXES = frozenset(
    {".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".jxl", ".svg", ".pdf"}
)
MAX_BYTES = 256 * 1024 * 1024
MAX_NAME_BYTES = 1_024
DETAILS = ("display_name", "group", "description", "tags", "context")
_MAX_MESSAGE = 5_000
_MAX_WARNINGS = 20
# Unicode's controls (Cc), line and paragraph separators (Zl, Zp), and U+202A–202E and U+2066–2069,
# which turn the reading direction: a name could show as another one.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_NO_PARTS = frozenset({"", ".", ".."})


@dataclass(frozen=True, slots=True)
class Image:
    """One snapshot of a build.

    Attributes:
        sha256: of the image file.
        size: width and height in pixels as the upload says them; None where nobody could tell.
        policy: its own policy, where it has one.
        details: what to show beside it: display_name, group, description, tags, context.
    """

    sha256: str
    size: tuple[int, int] | None
    policy: Policy | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Landed:
    """What git tells of a commit that a pull request became when it was merged.

    Attributes:
        tree: hash of the commit's tree.
        pull_request: number of the pull request, as its title ends on it.
    """

    tree: str | None = None
    pull_request: str | None = None


@dataclass(frozen=True)
class BuildManifest:
    """A valid manifest.

    Attributes:
        id: project and build, as the manifest and its key agree on them.
        commit: the head commit.
        branch: the branch it was built from.
        base_build: the build to compare with, by id.
        base_commit: the build to compare with, by its commit.
        selective: the build holds only a part of the suite.
        all_names: the names of the whole suite, if a selective upload says them. What a full one
            lacks is removed, whatever its list of names says.
        policy: the built-in policy with the manifest's defaults on it.
        images: name to image.
        warnings: fields nobody knows, in words for a person.
        base_branch: the branch that the change will be merged into.
        ancestors: commits before the base, the nearest one first.
        tree: hash of the head commit's tree.
        landed: what git tells of base_commit and its ancestors, by commit.
        pull_request: its number.
        ci_url: where the CI job is looked at.
        shard: which part of a build this is, if it is one.
        plain: the images lie beside the manifest and have yet to be taken in.
        allow_empty: whether it is meant if there is none.
    """

    id: BuildId
    commit: str
    branch: str
    base_build: str | None
    base_commit: str | None
    selective: bool
    all_names: frozenset[str] | None
    policy: Policy
    images: Mapping[str, Image]
    warnings: tuple[str, ...] = ()
    base_branch: str | None = None
    ancestors: tuple[str, ...] = ()
    tree: str | None = None
    landed: Mapping[str, Landed] = field(default_factory=dict)
    pull_request: str | None = None
    ci_url: str | None = None
    shard: Shard | None = None
    plain: bool = False
    allow_empty: bool = False

    @property
    def partial(self) -> bool:
        """Whether it lacks snapshots of its suite, as far as anybody can tell."""
        if not self.selective:
            return False
        here = {canonical(name) for name in self.images}
        return not self.all_names or any(canonical(name) not in here for name in self.all_names)

    def hashes(self) -> dict[str, str]:
        """Name to sha256."""
        return {name: image.sha256 for name, image in self.images.items()}

    def policy_for(self, name: str) -> Policy:
        """The policy of one image: its own, on its rules', on the build's, on the built-in one."""
        image = self.images.get(name)
        return image.policy if image and image.policy else self.policy


def parse(body: bytes, build: BuildId, shard: ShardId | None = None) -> BuildManifest:
    """Validates a manifest that lies under the key of `build`, or of a shard of it.

    Raises:
        BadManifest: with a message that names the image, the field and the rule.
    """
    with _brief_errors():
        return _parse(body, build, ManifestFields, shard)


def parse_accepted(body: bytes, build: BuildId) -> BuildManifest:
    """Reads the copy of a manifest that was accepted; what we have put together ourselves too.

    Raises:
        BadManifest: the copy was damaged.
    """
    with _brief_errors():
        return _parse(body, build, AcceptedFields, None)


def parse_finalize(body: bytes, build: BuildId) -> int | None:
    """Reads what says that all shards of a build are there; returns how many, if it says that.

    Raises:
        BadManifest: it breaks a rule.
    """
    with _brief_errors():
        fields = read_object(body, MAX_BYTES)
        try:
            parsed = FinalizeFields.model_validate(fields)
        except ValidationError as error:
            raise BadManifest(in_words(error)) from error
        _check_place(parsed.project, parsed.build, build)
        return parsed.total


def fingerprint(body: bytes) -> str:
    """Stands for an upload: its manifest's hash, or what is said of all that came with it."""
    said = json.loads(body).get("upload_sha256") if b'"upload_sha256"' in body else None
    return str(said or hashlib.sha256(body).hexdigest())


@contextmanager
def _brief_errors() -> Iterator[None]:
    try:
        yield
    except RecursionError as error:
        raise BadManifest("the manifest is nested too deep") from error
    except BadManifest as error:
        # It goes into a record of at most 400 KB and is read by a person.
        message = str(error)
        if len(message) <= _MAX_MESSAGE:
            raise
        raise BadManifest(message[:_MAX_MESSAGE] + " …") from error


def _check_place(project: str, name: str, build: BuildId) -> None:
    for what, said, key in (
        ("project", project, build.project),
        ("build", name, build.build),
    ):
        check_id(key, what)
        if said != key:
            raise BadManifest(f"{what}: the manifest says {said!r}, its key says {key!r}")


def _check_shard(said: Shard | None, build: BuildId, shard: ShardId | None) -> None:
    """A shard's manifest lies under a shard's key, and they agree."""
    if shard is None:
        if said and said.total != 1:
            its = keys.uploaded_manifest(build, ShardId(said.index, said.total))
            raise BadManifest(f"shard: the manifest of a shard lies under {its}")
        return
    if said is None:
        raise BadManifest(f"shard: Field required, as its key says that it is {shard.words}")
    if (said.index, said.total) != (shard.index, shard.total):
        whole = ShardId(said.index, said.total)
        raise BadManifest(f"shard: the manifest says {whole.words}, its key says {shard.words}")
    if said.id is not None and said.id != build.build:
        raise BadManifest(f"shard.id: the manifest says {said.id!r}, its key {build.build!r}")


def _parse(
    body: bytes, build: BuildId, model: type[ManifestFields], shard: ShardId | None
) -> BuildManifest:
    fields = read_object(body, MAX_BYTES)
    if model is ManifestFields:
        for ours in sorted(AcceptedFields.ours() & fields.keys()):
            raise BadManifest(f"{ours}: only pixelgate itself writes this field")
    try:
        parsed = model.model_validate(fields)
    except ValidationError as error:
        raise BadManifest(in_words(error)) from error
    _check_place(parsed.project, parsed.build, build)
    _check_shard(parsed.shard, build, shard)
    for what, named in (
        ("commit", parsed.commit),
        ("base_commit", parsed.base_commit),
        ("base_build", parsed.base_build),
        *(("ancestors", ancestor) for ancestor in parsed.ancestors),
    ):
        if named is not None:
            check_id(named, what)
    images = parsed.images or {}
    for name in (*images, *(parsed.all_names or ())):
        check_name(name)
    if model is ManifestFields:  # what was accepted before this rule stays readable
        check_collisions(images)
    check_encodable(fields, body)
    selective = parsed.all_names is not None if parsed.selective is None else parsed.selective
    notes = parsed.notes if isinstance(parsed, AcceptedFields) else ()
    policies = Policies(overridden("defaults", parsed.defaults, Policy()), parsed.rules)
    return BuildManifest(
        id=build,
        commit=parsed.commit,
        branch=parsed.branch,
        base_build=parsed.base_build,
        base_commit=parsed.base_commit,
        selective=selective,
        all_names=frozenset(parsed.all_names) if parsed.all_names and selective else None,
        policy=policies.default,
        images={name: _image(name, entry, policies) for name, entry in images.items()},
        warnings=_first([*notes, *warnings_of(parsed)]),
        base_branch=parsed.base_branch,
        ancestors=tuple(parsed.ancestors),
        tree=parsed.tree,
        landed={
            commit: Landed(said.tree, _number(said.pull_request))
            for commit, said in parsed.landed.items()
        },
        pull_request=_number(parsed.pull_request),
        ci_url=parsed.ci_url,
        shard=parsed.shard,
        plain=parsed.images is None,
        allow_empty=parsed.allow_empty,
    )


def _number(pull_request: str | int | None) -> str | None:
    """5 and "#5" are the same pull request."""
    return None if pull_request is None else str(pull_request).removeprefix("#")


def _first(warnings: list[str], what: str = "warnings") -> tuple[str, ...]:
    """The first ones: they are for a person, and stand in every report of the build."""
    if len(warnings) <= _MAX_WARNINGS:
        return tuple(warnings)
    return (*warnings[:_MAX_WARNINGS], f"and {len(warnings) - _MAX_WARNINGS} more {what}")


def check_name(name: str) -> str:
    """Returns the name if a snapshot may have it: a relative path with "/".

    Raises:
        BadManifest: it is empty, too long, absolute, climbs with "..", or holds control characters.
    """
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        _bad_name(name, "is not valid Unicode")
    if not 1 <= size <= MAX_NAME_BYTES:
        _bad_name(name[:60], f"must have 1 to {MAX_NAME_BYTES} bytes, has {size}")
    if _CONTROLS.search(name):
        _bad_name(name, "holds a control character")
    if not _NO_PARTS.isdisjoint(name.split("/")):
        _bad_name(name, "must be a relative path without '.', '..' or an empty part")
    return name


def check_collisions(names: Iterable[str]) -> None:
    """Refuses names that only Unicode's forms tell apart.

    Raises:
        BadManifest: naming both of each such pair.
    """
    if wrong := list(collisions(names)):
        raise BadManifest(f"images: {'; '.join(_first(wrong, 'names'))}")


def _bad_name(name: str, rule: str) -> NoReturn:
    raise BadManifest(f"images[{name!a}]: the name {rule}")


def _image(name: str, entry: ImageFields, policies: Policies) -> Image:
    policy = policies.of(name, entry.policy)
    return Image(
        sha256=entry.sha256,
        size=(entry.width, entry.height) if entry.width and entry.height else None,
        # Most have the build's: one object for all of them.
        policy=None if policy is policies.default else policy,
        details={f: v for f in DETAILS if (v := getattr(entry, f)) is not None},
    )
