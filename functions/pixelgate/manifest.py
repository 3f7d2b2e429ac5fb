"""The build manifest: what CI says that a build holds, validated before anything believes it."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from pydantic import ValidationError

from pixelgate.errors import BadManifest
from pixelgate.keys import BuildId, check_id
from pixelgate.manifest_schema import ImageFields, ManifestFields, in_words, warnings_of
from pixelgate.policies import Policies, overridden
from pixelgate.policy import Policy
from pixelgate.strict_json import check_encodable, read_object

MAX_BYTES = 256 * 1024 * 1024
MAX_NAME_BYTES = 1_024
DETAILS = ("display_name", "group", "description", "tags", "context")
_MAX_MESSAGE = 5_000
_MAX_WARNINGS = 20
# U+202A–202E and U+2066–2069 turn the reading direction: a name could show as another one.
_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


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
        pull_request: its number.
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
    pull_request: str | None = None

    def hashes(self) -> dict[str, str]:
        """Name to sha256."""
        return {name: image.sha256 for name, image in self.images.items()}

    def policy_for(self, name: str) -> Policy:
        """The policy of one image: its own, on its rules', on the build's, on the built-in one."""
        image = self.images.get(name)
        return image.policy if image and image.policy else self.policy


def parse(body: bytes, build: BuildId) -> BuildManifest:
    """Validates a manifest that lies under the key of `build`.

    Raises:
        BadManifest: with a message that names the image, the field and the rule.
    """
    try:
        return _parse(body, build)
    except RecursionError as error:
        raise BadManifest("the manifest is nested too deep") from error
    except BadManifest as error:
        # It goes into a record of at most 400 KB and is read by a person.
        message = str(error)
        if len(message) <= _MAX_MESSAGE:
            raise
        raise BadManifest(message[:_MAX_MESSAGE] + " …") from error


def _parse(body: bytes, build: BuildId) -> BuildManifest:
    fields = read_object(body, MAX_BYTES)
    try:
        parsed = ManifestFields.model_validate(fields)
    except ValidationError as error:
        raise BadManifest(in_words(error)) from error
    for what, said, key in (
        ("project", parsed.project, build.project),
        ("build", parsed.build, build.build),
    ):
        check_id(key, what)
        if said != key:
            raise BadManifest(f"{what}: the manifest says {said!r}, its key says {key!r}")
    for what, named in (
        ("commit", parsed.commit),
        ("base_commit", parsed.base_commit),
        ("base_build", parsed.base_build),
    ):
        if named is not None:
            check_id(named, what)
    for name in (*parsed.images, *(parsed.all_names or ())):
        check_name(name)
    check_encodable(fields, body)
    selective = parsed.all_names is not None if parsed.selective is None else parsed.selective
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
        images={name: _image(name, entry, policies) for name, entry in parsed.images.items()},
        warnings=_first(list(warnings_of(parsed))),
        pull_request=_number(parsed.pull_request),
    )


def _number(pull_request: str | int | None) -> str | None:
    """5 and "#5" are the same pull request."""
    return None if pull_request is None else str(pull_request).removeprefix("#")


def _first(warnings: list[str]) -> tuple[str, ...]:
    """The first ones: they are for a person, and stand in every report of the build."""
    if len(warnings) <= _MAX_WARNINGS:
        return tuple(warnings)
    return (*warnings[:_MAX_WARNINGS], f"and {len(warnings) - _MAX_WARNINGS} more warnings")


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
    if any(unicodedata.category(c) in {"Cc", "Zl", "Zp"} or c in _BIDI_CONTROLS for c in name):
        _bad_name(name, "holds a control character")
    if any(part in {"", ".", ".."} for part in name.split("/")):
        _bad_name(name, "must be a relative path without '.', '..' or an empty part")
    return name


def _bad_name(name: str, rule: str) -> NoReturn:
    raise BadManifest(f"images[{name!a}]: the name {rule}")


def _image(name: str, entry: ImageFields, policies: Policies) -> Image:
    policy = policies.of(name, entry.policy)
    return Image(
        sha256=entry.sha256,
        size=(entry.width, entry.height),
        # Most have the build's: one object for all of them.
        policy=None if policy is policies.default else policy,
        details={f: v for f in DETAILS if (v := getattr(entry, f)) is not None},
    )
