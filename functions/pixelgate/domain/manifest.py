"""The build manifest: parses and validates the list of snapshots that CI uploads."""

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
from pixelgate.domain.keys import BuildId, ShardId, check_build, check_id
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
from pixelgate.domain.wording import shortened
from pixelgate.errors import BadManifest

IMAGE_SUFFIXES = frozenset({".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp"})
# Image formats that are not compared. They are listed as errored, so that none is lost silently.
FOREIGN_SUFFIXES = frozenset(
    {".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".jxl", ".svg", ".pdf"}
)
MAX_BYTES = 256 * 1024 * 1024
MAX_NAME_BYTES = 1_024
DETAILS = ("display_name", "group", "description", "tags", "context")
_MAX_MESSAGE = 5_000
_MAX_WARNINGS = 20  # they are shown in every report of the build
# Unicode's controls (Cc), line and paragraph separators (Zl, Zp), and U+202A–202E and U+2066–2069,
# which change the reading direction: a name could be displayed as another one.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_NO_PARTS = frozenset({"", ".", ".."})


@dataclass(frozen=True, slots=True)
class Image:
    """One snapshot of a build.

    `size` is width and height, from the manifest; None if unknown. Without a `policy` of its own it
    has the build's. `details` are DETAILS, which the report shows. `attempts` are the hashes of the
    images that earlier attempts of the same run gave, which are evidence of flakes and not stored.
    """

    sha256: str
    size: tuple[int, int] | None
    policy: Policy | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    attempts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Landed:
    """Facts from git about a commit: its tree, the pull request that its title names, its time.

    `committed` is in seconds since 1970; it is what CI says, and may be absurd.
    """

    tree: str | None = None
    pull_request: str | None = None
    committed: int | None = None


@dataclass(frozen=True)
class BuildManifest:
    """A valid manifest.

    Attributes:
        commit, branch: the head commit, and the branch it was built from.
        base_build, base_commit: id or commit of the build to compare with.
        selective: whether the build holds only a part of the suite.
        all_names: the names of the whole suite, which tell removed from skipped snapshots; None
            if the manifest lists none, or the build is not selective.
        policy: the built-in policy, overridden by the manifest's defaults.
        warnings: sentences about unknown fields.
        base_branch: the branch that the change will be merged into.
        ancestors: commits before the base, the nearest one first.
        branch_commits: of a push to a release branch, the branch's own commits before this one, the
            nearest first; None for any other build.
        grace: how long the build waits for its base, in seconds; None if the project does not say.
        tree: hash of the head commit's tree.
        landed: commit to facts from git, for base_commit and its ancestors.
        ci_url: the page of the CI job.
        author: who wrote the commit, as git names them; nothing is decided by it.
        shard: the part of the build that this manifest lists; None if it lists the whole.
        plain: whether this is a plain upload, whose images have yet to be hashed and stored.
        allow_empty: whether a build without snapshots is intended.
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
    branch_commits: tuple[str, ...] | None = None
    grace: float | None = None
    tree: str | None = None
    landed: Mapping[str, Landed] = field(default_factory=dict)
    pull_request: str | None = None
    ci_url: str | None = None
    author: str | None = None
    shard: Shard | None = None
    plain: bool = False
    allow_empty: bool = False

    @property
    def partial(self) -> bool:
        """Whether snapshots of the suite are missing; assumed if `all_names` is not given."""
        if not self.selective:
            return False
        present = {canonical(name) for name in self.images}
        return not self.all_names or any(canonical(n) not in present for n in self.all_names)

    def hashes(self) -> dict[str, str]:
        """Returns name to sha256."""
        return {name: image.sha256 for name, image in self.images.items()}

    def policy_for(self, name: str) -> Policy:
        """Returns the policy of one snapshot: its own, or else the build's."""
        image = self.images.get(name)
        return image.policy if image and image.policy else self.policy


def parse(body: bytes, build: BuildId, shard: ShardId | None = None) -> BuildManifest:
    """Parses and validates a manifest that was uploaded for `build`, or for a shard of it.

    Raises:
        BadManifest: it breaks a rule; the message names the image, the field and the rule.
    """
    with _brief_errors():
        return _parse(body, build, ManifestFields, shard)


def parse_accepted(body: bytes, build: BuildId) -> BuildManifest:
    """Parses an accepted manifest, also one that was merged from shards. Raises BadManifest."""
    with _brief_errors():
        return _parse(body, build, AcceptedFields, None)


def parse_finalize(body: bytes, build: BuildId) -> int | None:
    """Parses `finalize`; returns the number of shards if it is given. Raises BadManifest."""
    with _brief_errors():
        fields = read_object(body, MAX_BYTES)
        try:
            parsed = FinalizeFields.model_validate(fields)
        except ValidationError as error:
            raise BadManifest(in_words(error)) from error
        _check_place(parsed.project, parsed.build, build)
        return parsed.total


def fingerprint(body: bytes) -> str:
    """Returns a hash that identifies an upload: `upload_sha256`, or else the manifest's own."""
    stated = json.loads(body).get("upload_sha256") if b'"upload_sha256"' in body else None
    return str(stated or hashlib.sha256(body).hexdigest())


@contextmanager
def _brief_errors() -> Iterator[None]:
    try:
        yield
    except RecursionError as error:
        raise BadManifest("the manifest is nested too deep") from error
    except BadManifest as error:
        # It is stored in a DynamoDB item of at most 400 KB, and read by people.
        message = str(error)
        if len(message) <= _MAX_MESSAGE:
            raise
        raise BadManifest(message[:_MAX_MESSAGE] + " …") from error


def _check_place(project: str, name: str, build: BuildId) -> None:
    check_build(build)
    for field_name, value, in_key in (
        ("project", project, build.project),
        ("build", name, build.build),
    ):
        if value != in_key:
            raise BadManifest(f"{field_name}: the manifest says {value!r}, its key says {in_key!r}")


def _check_shard(stated: Shard | None, build: BuildId, shard: ShardId | None) -> None:
    """Checks that the manifest and its key mean the same shard, or none."""
    if shard is None:
        if stated and stated.total != 1:
            right_key = keys.uploaded_manifest(build, ShardId(stated.index, stated.total))
            raise BadManifest(f"shard: the manifest of a shard lies under {right_key}")
        return
    if stated is None:
        raise BadManifest(f"shard: must be given, as its key says that it is {shard.words}")
    if (stated.index, stated.total) != (shard.index, shard.total):
        words = ShardId(stated.index, stated.total).words
        raise BadManifest(f"shard: the manifest says {words}, its key says {shard.words}")
    if stated.id is not None and stated.id != build.build:
        raise BadManifest(f"shard.id: the manifest says {stated.id!r}, its key {build.build!r}")


def _parse(
    body: bytes, build: BuildId, model: type[ManifestFields], shard: ShardId | None
) -> BuildManifest:
    fields = read_object(body, MAX_BYTES)
    if model is ManifestFields:
        for field_name in sorted(AcceptedFields.ours() & fields.keys()):
            raise BadManifest(f"{field_name}: only pixelgate itself writes this field")
    try:
        parsed = model.model_validate(fields)
    except ValidationError as error:
        raise BadManifest(in_words(error)) from error
    _check_place(parsed.project, parsed.build, build)
    _check_shard(parsed.shard, build, shard)
    for field_name, identifier in (
        ("commit", parsed.commit),
        ("base_commit", parsed.base_commit),
        ("base_build", parsed.base_build),
        *(("ancestors", ancestor) for ancestor in parsed.ancestors),
        *(("branch_commits", commit) for commit in parsed.branch_commits or ()),
    ):
        if identifier is not None:
            check_id(identifier, field_name)
    images = parsed.images or {}
    for name in (*images, *(parsed.all_names or ())):
        check_name(name)
    if model is ManifestFields:  # manifests that were accepted before this rule stay readable
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
        warnings=tuple(shortened([*notes, *warnings_of(parsed)], _MAX_WARNINGS, "warnings")),
        base_branch=parsed.base_branch,
        ancestors=tuple(parsed.ancestors),
        branch_commits=None if parsed.branch_commits is None else tuple(parsed.branch_commits),
        grace=parsed.grace,
        tree=parsed.tree,
        landed={
            commit: Landed(facts.tree, _number(facts.pull_request), facts.committed)
            for commit, facts in parsed.landed.items()
        },
        pull_request=_number(parsed.pull_request),
        ci_url=parsed.ci_url,
        author=parsed.author,
        shard=parsed.shard,
        plain=parsed.images is None,
        allow_empty=parsed.allow_empty,
    )


def _number(pull_request: str | int | None) -> str | None:
    """Returns the number without "#": 5 and "#5" are the same pull request."""
    return None if pull_request is None else str(pull_request).removeprefix("#")


def check_name(name: str) -> str:
    """Returns a snapshot's name, a relative path with "/"; raises BadManifest if it is invalid."""
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
    """Checks that no two names differ only in their Unicode form; else raises BadManifest."""
    if pairs := list(collisions(names)):
        raise BadManifest(f"images: {'; '.join(shortened(pairs, _MAX_WARNINGS, 'names'))}")


def _bad_name(name: str, rule: str) -> NoReturn:
    raise BadManifest(f"images[{name!a}]: the name {rule}")


def _image(name: str, entry: ImageFields, policies: Policies) -> Image:
    policy = policies.of(name, entry.policy)
    return Image(
        sha256=entry.sha256,
        size=(entry.width, entry.height) if entry.width and entry.height else None,
        # Most snapshots have the build's policy, which is stored once.
        policy=None if policy is policies.default else policy,
        details={f: v for f in DETAILS if (v := getattr(entry, f)) is not None},
        attempts=tuple(entry.attempts),
    )
