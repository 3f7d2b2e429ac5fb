"""Reviews: which snapshots of a result need one, and how a review object selects among them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from pixelgate.domain.comparison import Comparison, needing_review
from pixelgate.domain.keys import BuildId
from pixelgate.domain.manifest_schema import MAX_IMAGES, in_words
from pixelgate.domain.names import canonical, compile_glob
from pixelgate.domain.records import Review
from pixelgate.domain.strict_json import check_encodable, read_object
from pixelgate.domain.wording import joined
from pixelgate.errors import BadManifest, ReviewRefused

MAX_BYTES = 16 * 1024 * 1024  # 100,000 names of 160 bytes
_UNKNOWN_SHOWN = 5
MAX_REASON = 2_000
QUARANTINED_SHOWN = 100

Text = Annotated[str, StringConstraints(min_length=1, max_length=1_024)]


class Action(StrEnum):
    """The decision of a review."""

    APPROVE = "approve"
    REJECT = "reject"


class _Selector(BaseModel):
    # Unknown fields are refused: a misspelt selector must not approve the whole build.
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


# Readers show a name in one line, and an event has to hold twenty.
Word = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class _Person(_Selector):
    issuer: Word
    subject: Word
    login: Word

    @field_validator("*")
    @classmethod
    def _is_one_line(cls, value: str) -> str:
        if not value.isprintable():
            raise ValueError("may hold no unprintable character")
        return value


class ReviewBody(_Selector):
    """A review object as a client uploaded it.

    Attributes:
        schema_version: 1.
        action: `approve` or `reject`, in lower case.
        execution: the result that was reviewed; the review is refused if there is a later one.
        names: selects snapshots by name.
        globs: selects snapshots that need a review by patterns; `*` stands for any text.
        groups: selects snapshots that need a review by their group in comparison.json or in the
            manifest.
        reason: why, for readers of the history.
        on_behalf_of: whom the review site wrote it for; only the site's role may name somebody.

    Without names, globs and groups, a review selects the whole build.
    """

    schema_version: int
    action: str
    execution: Text | None = None
    names: list[str] | None = Field(default=None, max_length=MAX_IMAGES)
    globs: list[Text] | None = Field(default=None, max_length=1_000)
    groups: list[Text] | None = Field(default=None, max_length=MAX_IMAGES)
    reason: Annotated[str, StringConstraints(max_length=MAX_REASON)] | None = None
    on_behalf_of: _Person | None = None

    @field_validator("schema_version")
    @classmethod
    def _known_version(cls, version: int) -> int:
        if version != 1:
            raise ValueError(f"this pixelgate reads schema version 1, not {version}")
        return version

    @field_validator("action")
    @classmethod
    def _known_action(cls, action: str) -> str:
        if action not in {*Action}:
            raise ValueError("must be 'approve' or 'reject'")
        return action

    @model_validator(mode="after")
    def _selects(self) -> Self:
        for selector in ("names", "globs", "groups"):
            if getattr(self, selector) == []:
                raise ValueError(f"{selector}: an empty list selects nothing; leave it out for all")
        return self

    @property
    def whole(self) -> bool:
        """Whether it selects the whole build."""
        return self.names is None and self.globs is None and self.groups is None

    @property
    def person(self) -> OnBehalfOf | None:
        """Whom the review site wrote it for; None if the reviewer wrote it."""
        return OnBehalfOf(**self.on_behalf_of.model_dump()) if self.on_behalf_of else None


def parse(body: bytes) -> ReviewBody:
    """Parses a review object. Raises ReviewRefused with the field and the rule."""
    try:
        fields = read_object(body, MAX_BYTES)
        check_encodable(fields, body)
        return ReviewBody.model_validate(fields)
    except BadManifest as error:
        raise ReviewRefused(f"the review{str(error).removeprefix('the manifest')}") from error
    except RecursionError as error:
        raise ReviewRefused("the review is nested too deep") from error
    except ValidationError as error:
        raise ReviewRefused(in_words(error)[:MAX_REASON]) from error


@dataclass(frozen=True)
class OnBehalfOf:
    """A person who decided on the review site.

    Attributes:
        issuer: who says so: the URL of an OpenID Connect issuer, or of GitHub.
        subject: the issuer's id of the person, which never changes.
        login: the name at that time.
    """

    issuer: str
    subject: str
    login: str


@dataclass(frozen=True)
class Change:
    """A snapshot that needs a review, with the fields that matter for an approval.

    `head` and `base` are hashes of its images; `groups` are its group in comparison.json and the
    manifest's.
    """

    status: str
    head: str | None
    base: str | None
    groups: tuple[str | None, str | None] = (None, None)


@dataclass(frozen=True)
class InheritedApproval:
    """An approval by a rule, or one that was carried over from a build that people approved."""

    why: str
    by: tuple[str, ...] = ()
    build: str | None = None

    @classmethod
    def from_json(cls, stored: Mapping[str, Any] | None) -> InheritedApproval | None:
        """Reads the field `granted` of review.json; None stays None."""
        return cls(stored["why"], tuple(stored["by"]), stored["build"]) if stored else None


@dataclass(frozen=True)
class Reviewable:
    """All that can be reviewed in one comparison; stored once, beside its report.

    `changes` are the snapshots that need a review, by name, and `others` the names of the rest.
    `granted` is an approval without a review. A `first` upload's added snapshots need no review.
    `quarantine` is the field of that name of status.json; None if there is nothing to say.
    """

    execution: str
    changes: Mapping[str, Change]
    others: frozenset[str] = frozenset()
    granted: InheritedApproval | None = None
    first: bool = False
    quarantine: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, comparison: Comparison) -> Reviewable:
        """Collects what can be reviewed in a comparison."""
        wanted = needing_review(has_base=not comparison.is_first)
        changes = {
            name: Change(
                str(s.status), s.head_sha256, s.base_sha256, (s.group, s.details.get("group"))
            )
            for name, s in comparison.snapshots.items()
            if s.status in wanted and not s.is_excused
        }
        others = frozenset(comparison.snapshots.keys() - changes.keys())
        return cls(
            *(comparison.execution, changes, others),
            first=comparison.is_first,
            quarantine=quarantine_of(comparison),
        )

    def as_json(self) -> dict[str, Any]:
        """Returns review.json, which is stored beside comparison.json."""
        return {
            "schema_version": 1,
            "execution": self.execution,
            "changes": {
                # A short row, as there may be 100,000.
                name: [c.status, c.head, c.base, *c.groups]
                for name, c in self.changes.items()
            },
            "others": sorted(self.others),
            "granted": asdict(self.granted) if self.granted else None,
            "first": self.first,
            **({"quarantine": dict(self.quarantine)} if self.quarantine else {}),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Reviewable:
        """Reads what `as_json` returns."""
        return cls(
            stored["execution"],
            {
                name: Change(status, head, base, tuple(groups))
                for name, (status, head, base, *groups) in stored["changes"].items()
            },
            frozenset(stored["others"]),
            InheritedApproval.from_json(stored["granted"]),
            stored.get("first", False),
            stored.get("quarantine"),
        )


def quarantine_of(comparison: Comparison) -> dict[str, Any] | None:
    """Returns the field `quarantine` of status.json; None if there is nothing to say.

    `changed` is the number of snapshots that changed and need no review, `snapshots` the first of
    them with owner, reason and end.
    """
    excused = comparison.excused
    if not excused and not comparison.quarantine_notes:
        return None
    shown = sorted(excused.items())[:QUARANTINED_SHOWN]
    return {
        "changed": len(excused),
        "snapshots": [
            {"name": name, "owner": s.owner, "reason": s.reason, "until": s.until}
            for name, s in shown
        ],
        "notes": list(comparison.quarantine_notes),
    }


def select(review: ReviewBody, reviewable: Reviewable) -> frozenset[str]:
    """Returns the names of the selected snapshots; none if the review selects the whole build.

    Raises ReviewRefused if the build has no snapshot of a name, or if a group or pattern selects
    none that needs a review.
    """
    if review.whole:
        return frozenset()
    spellings = _as_written(review.names or (), reviewable)
    selected = {spelling for spelling in spellings.values() if spelling is not None}
    unknown = sorted(name for name, spelling in spellings.items() if spelling is None)
    if unknown:
        shown = joined(unknown, _UNKNOWN_SHOWN)
        raise ReviewRefused(f"names: the build has no snapshot {shown}")
    for glob in review.globs or ():
        pattern = compile_glob(glob)
        names = {name for name in reviewable.changes if pattern.match(canonical(name))}
        if not names:
            raise ReviewRefused(f"globs: {glob!r} matches no snapshot that needs a review")
        selected |= names
    by_group = _by_group(reviewable) if review.groups else {}
    for group in review.groups or ():
        if group not in by_group:
            raise ReviewRefused(f"groups: no snapshot that needs a review has group {group!r}")
        selected |= by_group[group]
    return frozenset(selected)


def _as_written(names: Iterable[str], reviewable: Reviewable) -> dict[str, str | None]:
    """Maps each name to its spelling in the build; None if the build has no such name."""
    known = reviewable.changes.keys() | reviewable.others
    forms: dict[str, str] = {}
    if any(name not in known for name in names):
        forms = {canonical(name): name for name in sorted(known)}
    return {name: name if name in known else forms.get(canonical(name)) for name in names}


def _by_group(reviewable: Reviewable) -> dict[str, set[str]]:
    """Maps groups to names; a group of the comparison hides the manifest's group of that name.

    The manifest comes from CI: its groups must not add a snapshot to a change that people approve.
    """
    ours, theirs = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for name, change in reviewable.changes.items():
        for groups, group in zip((ours, theirs), change.groups, strict=True):
            if group is not None:
                groups[group].add(name)
    return {**theirs, **ours}


@dataclass(frozen=True)
class ReviewRecord:
    """One review in a build's history; it is written once and never changes.

    Attributes:
        action: approve or reject; empty if the object could not be read.
        by, at: who uploaded it, according to S3's event, and when, ISO 8601 in UTC.
        sha256: hash of the review object.
        execution: the result that it was applied to; empty if it was refused.
        refused: why the review does not count; None if it counts.
        on_behalf_of: the person who decided, if the review site wrote it.
    """

    build: BuildId
    id: str
    action: str
    by: str
    at: str
    sha256: str
    execution: str = ""
    reason: str | None = None
    refused: str | None = None
    on_behalf_of: OnBehalfOf | None = None

    @property
    def reviewer(self) -> str:
        """Who decided, in the form in which S3 names sessions: `AWS:<id of the role>:<name>`.

        The site's role has one session for all; its place takes the person's login.
        """
        if self.on_behalf_of is None:
            return self.by
        return ":".join((*self.by.split(":", 2)[:2], self.on_behalf_of.login))


@dataclass(frozen=True)
class Decision:
    """The decision of people on a build of a pull request, from which approvals are carried over.

    `review` is None if the build needs a review again; `at` is that of the latest, ISO 8601 in UTC.
    """

    build: BuildId
    review: Review | None
    at: str
