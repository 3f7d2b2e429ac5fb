"""The fields of a build manifest as pydantic models, with types, ranges and rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from pixelgate.domain.names import canonical
from pixelgate.domain.policy import Noise, Policy, Sensitivity
from pixelgate.domain.wording import shortened

MAX_IMAGES = 100_000
MAX_RULES = 100  # every rule is matched with every name
MAX_SHARDS = 1_000
MAX_ANCESTORS = 300
MAX_ATTEMPTS = 20  # of one snapshot
MAX_GRACE = 86_400  # seconds, as the stack's parameter BaseGraceSeconds
_SHOWN_PROBLEMS = 10
_MAX_DEPTH = 32

SHA256 = r"^[0-9a-f]{64}$"
Sha256 = Annotated[str, StringConstraints(pattern=SHA256)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=1_024)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Amount = Annotated[float, Field(ge=0)]
Pixels = Annotated[int, Field(ge=1, le=2**31 - 1)]
Grace = Annotated[float, Field(ge=0, le=MAX_GRACE)]


class _Model(BaseModel):
    # Unknown fields are allowed, as a newer CLI may send them, but each becomes a warning, so that
    # "base_comit" is noticed.
    model_config = ConfigDict(strict=True, frozen=True, extra="allow")


class Region(_Model):
    """A box in which differences do not count."""

    model_config = ConfigDict(extra="forbid")
    x: Count
    y: Count
    width: Pixels
    height: Pixels


def _overrides_of(policy: type[Policy | Noise], kinds: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a model's fields: every field of a policy, all optional; kinds by their types."""
    return {field.name: (kinds[str(field.type)] | None, None) for field in fields(policy)}


NoiseOverrides = create_model(
    "NoiseOverrides",
    __config__=ConfigDict(strict=True, frozen=True, extra="forbid"),
    __doc__="The numbers of the verdict's rule that a project or a snapshot overrides.",
    **_overrides_of(Noise, {"int": Count, "float": Amount, "bool": bool}),
)

_PolicyFields: Any = create_model(
    "_PolicyFields",
    __base__=_Model,
    **_overrides_of(
        Policy,
        {
            "float": Share,
            "bool": bool,
            "int": Count,
            "int | None": Count,
            "Sensitivity": Literal[*(word.value for word in Sensitivity)],
            "Noise": NoiseOverrides,
            "tuple[Rectangle, ...]": Annotated[list[Region], Field(max_length=1_000)],
        },
    ),
)


class PolicyOverrides(_PolicyFields):  # type: ignore[misc]
    """The fields of `Policy` that a project or a snapshot overrides; unknown ones are errors."""

    model_config = ConfigDict(extra="forbid")

    def on(self, policy: Policy) -> Policy:
        """Returns the given policy with these fields replaced. Raises BadManifest."""
        set_here = self.model_dump(exclude_none=True)
        return policy.with_overrides(set_here) if set_here else policy


class Rule(_Model):
    """A policy for all snapshots whose names match; `*` stands for any text, also with `/`."""

    model_config = ConfigDict(extra="forbid")
    match: Text
    policy: PolicyOverrides


class PolicyFields(_Model):
    """A policy file: one policy for all snapshots, and rules by name."""

    model_config = ConfigDict(extra="forbid")
    policy: PolicyOverrides = PolicyOverrides()
    rules: list[Rule] = Field(default=[], max_length=MAX_RULES)


class ImageFields(_Model):
    """One snapshot: hash and size of its image, and fields that the report shows."""

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
    # Hashes of the images that earlier attempts of the same run gave, the first one first.
    attempts: list[Sha256] = Field(default=[], max_length=MAX_ATTEMPTS)

    @field_validator("context")
    @classmethod
    def _shallow(cls, context: dict[str, Any] | None) -> dict[str, Any] | None:
        if context is not None and _depth(context) > _MAX_DEPTH:
            raise ValueError(f"may be nested {_MAX_DEPTH} deep")
        return context


class Shard(_Model):
    """The part of a build that this manifest lists."""

    index: Annotated[int, Field(ge=1, le=MAX_SHARDS)]
    total: Annotated[int, Field(ge=0, le=MAX_SHARDS)]  # 0: unknown until `finalize`
    id: Text | None = None

    @model_validator(mode="after")
    def _index_within_total(self) -> Self:
        if self.total and self.index > self.total:
            raise ValueError(f"index {self.index} is more than total {self.total}")
        return self


class LandedFields(_Model):
    """Facts from git about an ancestor, to find the pull request that it came from.

    `committed` is the time of the commit, in seconds since 1970. Any number is taken, because git
    takes any; `baseline.is_waited_for` decides which it believes.
    """

    tree: Text | None = None
    pull_request: Text | int | None = None
    committed: int | None = None


class ManifestFields(_Model):
    """An uploaded manifest; `pixelgate.domain.manifest` checks more rules."""

    schema_version: int = 1
    project: str
    build: str
    commit: Text
    branch: Text
    base_build: str | None = None
    base_commit: Text | None = None
    base_branch: Text | None = None
    ancestors: list[Text] = Field(default=[], max_length=MAX_ANCESTORS)
    branch_commits: list[Text] | None = Field(default=None, max_length=MAX_ANCESTORS)
    grace: Grace | None = None
    tree: Text | None = None
    landed: dict[Text, LandedFields] = Field(default={}, max_length=MAX_ANCESTORS + 1)
    pull_request: Text | int | None = None
    ci_url: Text | None = None
    author: Text | None = None
    selective: bool | None = None
    all_names: list[str] | None = Field(default=None, max_length=MAX_IMAGES)
    allow_empty: bool = False
    shard: Shard | None = None
    defaults: PolicyOverrides = PolicyOverrides()
    rules: list[Rule] = Field(default=[], max_length=MAX_RULES)
    # None means a plain upload: its images are beside the manifest.
    images: dict[str, ImageFields] | None = Field(default=None, max_length=MAX_IMAGES)

    @field_validator("schema_version")
    @classmethod
    def _known_version(cls, version: int) -> int:
        if version != 1:
            raise ValueError(f"this pixelgate reads schema version 1, not {version}")
        return version

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        if self.images == {} and not self.allow_empty:
            raise ValueError("images: the build is empty; set allow_empty if that is meant")
        if self.base_build == self.build:
            raise ValueError("base_build: a build cannot be its own base")
        if self.all_names is not None and self.images is not None:
            known = {canonical(name) for name in self.all_names}
            missing = sorted(name for name in self.images if canonical(name) not in known)
            if missing:
                raise ValueError(f"all_names: lacks {missing[0]!r}, which is among the images")
        return self


class TakenInImage(ImageFields):
    """A snapshot of a plain upload; its size is unknown if the image could not be read."""

    width: Pixels | None = None  # type: ignore[assignment]
    height: Pixels | None = None  # type: ignore[assignment]


class AcceptedFields(ManifestFields):
    """The manifest that we write for a plain or sharded upload, with fields of our own.

    `upload_sha256` is a hash of all that was uploaded; `notes` say how the build was put together.
    """

    images: dict[str, TakenInImage] | None = None  # type: ignore[assignment]
    upload_sha256: Sha256 | None = None
    notes: list[str] = []

    @classmethod
    def ours(cls) -> set[str]:
        """Returns the names of the fields that CI may not write."""
        return cls.model_fields.keys() - ManifestFields.model_fields.keys()


class FinalizeFields(_Model):
    """The object by which CI declares that every shard of a build is uploaded."""

    schema_version: Annotated[int, Field(ge=1, le=1)] = 1
    project: str
    build: str
    total: Annotated[int, Field(ge=1, le=MAX_SHARDS)] | None = None


def in_words(error: ValidationError) -> str:
    """Describes the first ten problems, each with its place and its rule, in our own words."""
    problems = error.errors(include_url=False)
    # A value that fits none of several kinds has one problem for each kind, but one rule.
    lines = dict.fromkeys(_sentence(problem) for problem in problems)
    return "; ".join(shortened(lines, _SHOWN_PROBLEMS))


# The rules of fields that may have several kinds of values.
_EITHER = {
    "tags": "must be a list of texts of 1 to 1,024 characters, or an object of texts",
    "pull_request": "must be a number or a text of 1 to 1,024 characters",
}
# What pydantic calls these kinds.
_KINDS = frozenset({"list[constrained-str]", "dict[str,str]", "constrained-str", "int"})
_PATTERNS = {SHA256: "must be a SHA-256 hash: 64 characters from 0 to 9 and a to f"}
# Our words for pydantic's types of errors; the names in braces are of its context.
_RULES = {
    "missing": "must be given",
    "extra_forbidden": "there is no such field",
    "string_type": "must be a text",
    "string_too_short": "must have at least {min_length} character",
    "string_too_long": "may have up to {max_length:,} characters",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object (in TOML a table)",
    "model_type": "must be an object (in TOML a table)",
    "too_long": "may have up to {max_length:,} entries",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "may be at most {le:.16g}",
    "literal_error": "must be {expected}",
}
# Errors about a list or object as a whole, or about a place where nothing was given.
_WITHOUT_VALUE = frozenset({"missing", "extra_forbidden"})


def _sentence(problem: ErrorDetails) -> str:
    """Returns place and rule of a problem, and what was given there."""
    loc = problem["loc"]
    for number, (field, kind) in enumerate(pairwise(loc), start=1):
        if field in _EITHER and kind in _KINDS:
            return f"{_place(loc[:number])}{_EITHER[str(field)]}"
    return f"{_place(loc)}{_rule(problem)}"


def _place(loc: Sequence[str | int]) -> str:
    """Returns `images['a.png'].width: ` for ("images", "a.png", "width"), "" for the body."""
    path = ""
    for part in loc:
        if part == "[key]":  # pydantic's word for a name that breaks a rule; the name is before it
            continue
        if path == "images" or part == "":
            path += f"[{part!a}]"
        elif isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{part}" if path else part
    return f"{path}: " if path else ""


def _rule(problem: ErrorDetails) -> str:
    kind, context, given = problem["type"], problem.get("ctx", {}), problem["input"]
    if kind == "value_error":  # the words are our own validator's
        rule = str(context["error"])
    elif kind == "string_pattern_mismatch":
        rule = _PATTERNS.get(context["pattern"], "has characters that are not allowed here")
    else:
        rule = _RULES.get(kind, "is not valid here").format_map(context)
    if kind in _WITHOUT_VALUE or isinstance(given, dict | list) or given is None:
        return rule
    return f"{rule} (got {ascii(given)[:80]})"


def warnings_of(body: ManifestFields) -> Iterator[str]:
    """Yields a sentence about each unknown field."""
    for unknown in body.model_extra or ():
        yield f"unknown field {unknown!r} was ignored"
    for unknown in (body.shard and body.shard.model_extra) or ():
        yield f"unknown field {unknown!r} of shard was ignored"
    images = (body.images or {}).items()
    odd = {unknown: name for name, image in images for unknown in image.model_extra or ()}
    for unknown, name in odd.items():
        yield f"unknown field {unknown!r} of images[{name!r}] was ignored"


def _depth(value: object) -> int:
    """Returns how deep objects and lists are nested."""
    if not isinstance(value, dict | list):
        return 0
    return 1 + max(map(_depth, value.values() if isinstance(value, dict) else value), default=0)
