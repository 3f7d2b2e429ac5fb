"""Reviews: what there is to review in a result, and what a person may say of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import translate
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

from pixelgate.domain.comparison import Comparison, Status
from pixelgate.domain.keys import BuildId
from pixelgate.domain.manifest_schema import MAX_IMAGES, in_words
from pixelgate.domain.names import canonical
from pixelgate.domain.records import Review
from pixelgate.domain.strict_json import check_encodable, read_object
from pixelgate.errors import BadManifest, ReviewRefused

MAX_BYTES = 16 * 1024 * 1024  # 100,000 names of 160 bytes
_UNKNOWN_SHOWN = 5
MAX_REASON = 2_000

Text = Annotated[str, StringConstraints(min_length=1, max_length=1_024)]


class Action(StrEnum):
    """What a review does."""

    APPROVE = "approve"
    REJECT = "reject"


class _Selector(BaseModel):
    # A misspelt selector must not turn "these two" into "everything": unknown fields are refused.
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class ReviewBody(_Selector):
    """A review object as a person's client wrote it.

    Attributes:
        schema_version: 1.
        action: approve or reject; any case is refused but this one.
        execution: which result was looked at; a later one makes the review stale.
        names: snapshots by name.
        globs: snapshots that need a person, by pattern; `*` stands for anything, `/` too.
        groups: snapshots that need a person, by the group of comparison.json or of the manifest.
        reason: why, for whoever reads the history.

    Without names, globs and groups a review speaks of the whole build.
    """

    schema_version: int
    action: str
    execution: Text | None = None
    names: list[str] | None = Field(default=None, max_length=MAX_IMAGES)
    globs: list[Text] | None = Field(default=None, max_length=1_000)
    groups: list[Text] | None = Field(default=None, max_length=MAX_IMAGES)
    reason: Annotated[str, StringConstraints(max_length=MAX_REASON)] | None = None

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
        for what in ("names", "globs", "groups"):
            if getattr(self, what) == []:
                raise ValueError(f"{what}: an empty list selects nothing; leave it out for all")
        return self

    @property
    def whole(self) -> bool:
        """Whether it speaks of the whole build."""
        return self.names is None and self.globs is None and self.groups is None


def parse(body: bytes) -> ReviewBody:
    """Reads a review object.

    Raises:
        ReviewRefused: with a message that names the field and the rule.
    """
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
class Change:
    """One snapshot that needs a person, as far as approving it goes.

    Attributes:
        status: changed, added, removed or errored.
        head: sha256 of the head image, if there is one.
        base: sha256 of the base image, if there is one.
        groups: of comparison.json, then of the manifest.
    """

    status: str
    head: str | None
    base: str | None
    groups: tuple[str | None, str | None] = (None, None)

    def as_json(self) -> list[Any]:
        """A short row: there may be 100,000."""
        return [self.status, self.head, self.base, *self.groups]

    @classmethod
    def from_json(cls, row: list[Any]) -> Change:
        """The inverse of `as_json`."""
        status, head, base, change_group, own_group = row
        return cls(status, head, base, (change_group, own_group))


@dataclass(frozen=True)
class InheritedApproval:
    """An approval that no review object of this build gives.

    Attributes:
        why: in words.
        by: who gave the approval that it rests on; empty for a rule.
        build: the build that a person approved, for a carried-over approval.
    """

    why: str
    by: tuple[str, ...] = ()
    build: str | None = None

    def as_json(self) -> dict[str, Any]:
        """As it is kept beside a result or among its reviews."""
        return {"why": self.why, "by": list(self.by), "build": self.build}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any] | None) -> InheritedApproval | None:
        """The inverse of `as_json`; None for none."""
        return cls(stored["why"], tuple(stored["by"]), stored["build"]) if stored else None


@dataclass(frozen=True)
class Reviewable:
    """What there is to review in one published comparison; written once, beside its report.

    Attributes:
        execution: the run that published it.
        changes: what needs a person, by name.
        others: the names of everything else.
        granted: the approval that the build has without a review of its own.
        first: nothing was compared: others were added, and nobody has to look at them.
    """

    execution: str
    changes: Mapping[str, Change]
    others: frozenset[str] = frozenset()
    granted: InheritedApproval | None = None
    first: bool = False

    @classmethod
    def of(cls, comparison: Comparison) -> Reviewable:
        """Reads off a comparison what a person has to look at; agrees with `comparison.judge`."""
        wanted = {Status.ERRORED}
        if not comparison.is_first:
            wanted |= {Status.CHANGED, Status.ADDED, Status.REMOVED}
        changes = {
            name: Change(
                str(s.status), s.head_sha256, s.base_sha256, (s.group, s.details.get("group"))
            )
            for name, s in comparison.snapshots.items()
            if s.status in wanted
        }
        others = frozenset(comparison.snapshots.keys() - changes.keys())
        return cls(comparison.execution, changes, others, first=comparison.is_first)

    def as_json(self) -> dict[str, Any]:
        """review.json beside comparison.json."""
        return {
            "schema_version": 1,
            "execution": self.execution,
            "changes": {name: c.as_json() for name, c in self.changes.items()},
            "others": sorted(self.others),
            "granted": self.granted.as_json() if self.granted else None,
            "first": self.first,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Reviewable:
        """The inverse of `as_json`."""
        return cls(
            stored["execution"],
            {name: Change.from_json(row) for name, row in stored["changes"].items()},
            frozenset(stored["others"]),
            InheritedApproval.from_json(stored["granted"]),
            stored.get("first", False),
        )


def select(review: ReviewBody, reviewable: Reviewable) -> frozenset[str]:
    """The snapshots that a review speaks of; for the whole build none by name.

    Raises:
        ReviewRefused: it names a snapshot or group that the build does not have, or a pattern
            matches nothing that needs a person.
    """
    if review.whole:
        return frozenset()
    found_as = _as_written(review.names or (), reviewable)
    named = {found for found in found_as.values() if found is not None}
    unknown = sorted(name for name, found in found_as.items() if found is None)
    if unknown:
        shown = ", ".join(map(repr, unknown[:_UNKNOWN_SHOWN]))
        more = f" and {len(unknown) - _UNKNOWN_SHOWN} more" if len(unknown) > _UNKNOWN_SHOWN else ""
        raise ReviewRefused(f"names: the build has no snapshot {shown}{more}")
    for glob in review.globs or ():
        pattern = _compiled(canonical(glob))
        found = {name for name in reviewable.changes if pattern.match(canonical(name))}
        named |= _some(found, f"globs: {glob!r} matches no snapshot that needs a review")
    if review.groups:
        by_group = _by_group(reviewable)
        for group in review.groups:
            found = by_group.get(group, set())
            named |= _some(found, f"groups: no snapshot that needs a review has group {group!r}")
    return frozenset(named)


def _as_written(names: Iterable[str], reviewable: Reviewable) -> dict[str, str | None]:
    """Each name as the build writes it; None if the build has none that is the same."""
    known = reviewable.changes.keys() | reviewable.others
    forms: dict[str, str] = {}
    if any(name not in known for name in names):
        forms = {canonical(name): name for name in sorted(known)}
    return {name: name if name in known else forms.get(canonical(name)) for name in names}


def _compiled(glob: str) -> re.Pattern[str]:
    # Only the star is one, as in a manifest's rules: names do hold brackets and question marks.
    return re.compile(translate(glob.replace("[", "[[]").replace("?", "[?]")))


def _some(found: set[str], rule: str) -> set[str]:
    if not found:
        raise ReviewRefused(rule)
    return found


def _by_group(reviewable: Reviewable) -> dict[str, set[str]]:
    """Names by group. Where both say the same word, the comparison's group is meant.

    A manifest is CI's: its groups must not add a snapshot to a change that a person approves.
    """
    ours: dict[str, set[str]] = {}
    theirs: dict[str, set[str]] = {}
    for name, change in reviewable.changes.items():
        for groups, group in zip((ours, theirs), change.groups, strict=True):
            if group is not None:
                groups.setdefault(group, set()).add(name)
    return theirs | ours


@dataclass(frozen=True)
class ReviewRecord:
    """One line of a build's history of reviews; written once, whatever becomes of it.

    Attributes:
        build: what was reviewed.
        id: of the review object.
        action: approve or reject; empty if the object could not be read.
        by: who wrote it, as S3's event says.
        at: when S3 took it, ISO 8601 in UTC.
        sha256: of its bytes.
        execution: the result it was applied to; empty if it was refused.
        reason: what the reviewer said.
        refused: why it does not count; None if it does.
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


@dataclass(frozen=True)
class Decision:
    """What people decided on a build of a pull request; approvals are carried over from it.

    Attributes:
        build: which build.
        review: approved or rejected; None if it is open again.
        at: when the latest review of it was written, ISO 8601 in UTC.
    """

    build: BuildId
    review: Review | None
    at: str
