"""The build manifest: what CI says that a build holds, validated before anything believes it."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, NoReturn, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from pixelgate.errors import BadManifest
from pixelgate.keys import BuildId, check_id
from pixelgate.policy import Policy, Rectangle

MAX_BYTES = 256 * 1024 * 1024
MAX_IMAGES = 100_000
MAX_NAME_BYTES = 1_024
DETAILS = ("display_name", "group", "description", "tags", "context")
_SHOWN_PROBLEMS = 10
_MAX_MESSAGE = 5_000
_MAX_DEPTH = 32
# U+202A–202E and U+2066–2069 turn the reading direction: a name could show as another one.
# An escape such as \ud83d: half of a pair, which may or may not have its other half beside it.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=1_024)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Pixels = Annotated[int, Field(ge=1, le=2**31 - 1)]


class _Model(BaseModel):
    # Unknown fields are kept aside and become warnings: a newer CLI may send more than we know,
    # but "base_comit" must not vanish without a word.
    model_config = ConfigDict(strict=True, frozen=True, extra="allow")


class Region(_Model):
    """A box in which differences do not count."""

    model_config = ConfigDict(extra="forbid")
    x: Count
    y: Count
    width: Pixels
    height: Pixels


class PolicyOverrides(_Model):
    """The policy fields that a project or an image sets; a misspelt one is an error."""

    model_config = ConfigDict(extra="forbid")
    structural_threshold: Share | None = None
    sensitive_threshold: Share | None = None
    antialiasing: bool | None = None
    max_changed_pixels: Count | None = None
    max_changed_ratio: Share | None = None
    max_region_pixels: Count | None = None
    ignore_regions: list[Region] | None = Field(default=None, max_length=1_000)

    def on(self, policy: Policy) -> Policy:
        """The given policy with what is set here.

        Raises:
            BadManifest: the fields contradict one another.
        """
        set_here = {k: v for k, v in self.model_dump().items() if v is not None}
        if "ignore_regions" in set_here:
            set_here["ignore_regions"] = tuple(Rectangle(**r) for r in set_here["ignore_regions"])
        return policy.with_overrides(set_here) if set_here else policy


class _Image(_Model):
    """One snapshot: which bytes it is, how large, and what to show beside it."""

    sha256: Sha256
    width: Pixels
    height: Pixels
    bytes: Count | None = None
    display_name: Text | None = None
    group: Text | None = None
    description: Annotated[str, StringConstraints(max_length=10_000)] | None = None
    tags: list[Text] | dict[str, str] | None = None
    policy: PolicyOverrides | None = None
    context: dict[str, Any] | None = None

    @field_validator("context")
    @classmethod
    def _shallow(cls, context: dict[str, Any] | None) -> dict[str, Any] | None:
        if context is not None and _depth(context) > _MAX_DEPTH:
            raise ValueError(f"may be nested {_MAX_DEPTH} deep")
        return context


class Shard(_Model):
    """Which part of a build this upload is."""

    index: Annotated[int, Field(ge=1)]
    total: Annotated[int, Field(ge=1)]
    id: Text | None = None


class _Body(_Model):
    schema_version: int = 1
    project: str
    build: str
    commit: Text
    branch: Text
    base_build: str | None = None
    base_commit: Text | None = None
    ancestors: list[Text] = Field(default=[], max_length=300)
    pull_request: Text | int | None = None
    ci_url: Text | None = None
    selective: bool = False
    all_names: list[str] | None = Field(default=None, max_length=MAX_IMAGES)
    allow_empty: bool = False
    shard: Shard | None = None
    defaults: PolicyOverrides = PolicyOverrides()
    images: dict[str, _Image] = Field(max_length=MAX_IMAGES)

    @field_validator("schema_version")
    @classmethod
    def _known_version(cls, version: int) -> int:
        if version != 1:
            raise ValueError(f"this pixelgate reads schema version 1, not {version}")
        return version

    @field_validator("shard")
    @classmethod
    def _whole(cls, shard: Shard | None) -> Shard | None:
        if shard and shard.total > 1:
            raise ValueError("builds in several shards are not supported by this version")
        return shard

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        if not self.images and not self.allow_empty:
            raise ValueError("images: the build is empty; set allow_empty if that is meant")
        if self.base_build == self.build:
            raise ValueError("base_build: a build cannot be its own base")
        if self.all_names is not None:
            missing = sorted(self.images.keys() - set(self.all_names))
            if missing:
                raise ValueError(f"all_names: lacks {missing[0]!r}, which is among the images")
        return self


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
        all_names: the names of the whole suite, if the upload says them.
        policy: the built-in policy with the manifest's defaults on it.
        images: name to image.
        warnings: fields nobody knows, in words for a person.
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

    def hashes(self) -> dict[str, str]:
        """Name to sha256."""
        return {name: image.sha256 for name, image in self.images.items()}

    def policy_for(self, name: str) -> Policy:
        """The policy of one image: its own fields on the build's on the built-in ones."""
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
    fields = _read_json(body)
    try:
        parsed = _Body.model_validate(fields)
    except ValidationError as error:
        raise BadManifest(_in_words(error)) from error
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
    if _SURROGATE.search(body):
        _check_encodable(fields)
    policy = _policy_of("defaults", parsed.defaults, Policy())
    return BuildManifest(
        id=build,
        commit=parsed.commit,
        branch=parsed.branch,
        base_build=parsed.base_build,
        base_commit=parsed.base_commit,
        selective=parsed.selective or parsed.all_names is not None,
        all_names=None if parsed.all_names is None else frozenset(parsed.all_names),
        policy=policy,
        images={name: _image(name, entry, policy) for name, entry in parsed.images.items()},
        warnings=tuple(_warnings(parsed)),
    )


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


def _image(name: str, entry: _Image, policy: Policy) -> Image:
    return Image(
        sha256=entry.sha256,
        size=(entry.width, entry.height),
        policy=_policy_of(f"images[{name!r}].policy", entry.policy, policy)
        if entry.policy
        else None,
        details={f: v for f in DETAILS if (v := getattr(entry, f)) is not None},
    )


def _policy_of(where: str, overrides: PolicyOverrides, policy: Policy) -> Policy:
    try:
        return overrides.on(policy)
    except BadManifest as error:
        raise BadManifest(f"{where}: {error}") from error


def _read_json(body: bytes) -> dict[str, Any]:
    if len(body) > MAX_BYTES:
        raise BadManifest(f"the manifest has {len(body)} bytes; {MAX_BYTES} are allowed")
    try:
        fields = json.loads(
            body.decode("utf-8-sig"),
            object_pairs_hook=_no_duplicates,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
    except ValueError as error:
        # ValueError covers wrong UTF-8, wrong JSON and integers of absurd length.
        raise BadManifest(f"the manifest is not valid JSON: {error}") from error
    if not isinstance(fields, dict):
        raise BadManifest("the manifest must be a JSON object")
    return fields


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise BadManifest(f"the manifest has the key {twice!r} twice in one object")
    return fields


def _depth(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, inner), default=0)


def _finite(number: str) -> float:
    value = float(number)
    if math.isinf(value):
        raise BadManifest(f"the manifest holds {number[:20]}, which no computer can count to")
    return value


def _check_encodable(value: object) -> None:
    """Refuses text with half a surrogate pair, which no file, key or page can hold."""
    match value:
        case str():
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise BadManifest(f"the text {ascii(value)[:80]} is not valid Unicode") from error
        case dict():
            for name, inner in value.items():
                _check_encodable(name)
                _check_encodable(inner)
        case list():
            for inner in value:
                _check_encodable(inner)


def _no_constant(constant: str) -> NoReturn:
    raise BadManifest(f"the manifest holds {constant}, which is not JSON")


def _in_words(error: ValidationError) -> str:
    problems = error.errors(include_url=False)
    lines = [f"{_place(p)}{_rule(p)}" for p in problems[:_SHOWN_PROBLEMS]]
    if len(problems) > _SHOWN_PROBLEMS:
        lines.append(f"and {len(problems) - _SHOWN_PROBLEMS} more")
    return "; ".join(lines)


def _place(problem: ErrorDetails) -> str:
    """`images['a.png'].width: ` for ("images", "a.png", "width"); nothing for the whole body."""
    path = ""
    for part in problem["loc"]:
        if path == "images":
            path += f"[{part!a}]"
        elif isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{part}" if path else part
    return f"{path}: " if path else ""


def _rule(problem: ErrorDetails) -> str:
    rule = problem["msg"].removeprefix("Value error, ")
    given = problem["input"]
    if problem["type"] == "missing" or isinstance(given, dict | list) or given is None:
        return rule
    return f"{rule} (got {ascii(given)[:80]})"


def _warnings(body: _Body) -> Iterator[str]:
    for unknown in body.model_extra or ():
        yield f"unknown field {unknown!r} was ignored"
    for unknown in (body.shard and body.shard.model_extra) or ():
        yield f"unknown field {unknown!r} of shard was ignored"
    odd = {unknown: name for name, i in body.images.items() for unknown in i.model_extra or ()}
    for unknown, name in odd.items():
        yield f"unknown field {unknown!r} of images[{name!r}] was ignored"
