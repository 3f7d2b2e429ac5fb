"""Reviews: what a person wrote, what it decides, and what is left for a person to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
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

from pixelgate.comparison import Comparison, Status, Verdict
from pixelgate.errors import BadManifest, ReviewRefused
from pixelgate.keys import NO_BASE, BuildId
from pixelgate.manifest_schema import MAX_IMAGES, in_words
from pixelgate.record import Review
from pixelgate.strict_json import check_encodable, read_object

MAX_BYTES = 16 * 1024 * 1024  # 100,000 names of 160 bytes
NAMES_SHOWN = 100
_WORDS_SHOWN = 20
_UNKNOWN_SHOWN = 5
MAX_REASON = 2_000
# Of a result on which nobody has said anything yet.
FIRST_REVISION = 1

Text = Annotated[str, StringConstraints(min_length=1, max_length=1_024)]


class Action(StrEnum):
    """What a review does."""

    APPROVE = "approve"
    REJECT = "reject"


class ReviewState(StrEnum):
    """How far the review of a build is."""

    NOT_NEEDED = "not_needed"
    NEEDED = "needed"
    APPROVED = "approved"
    REJECTED = "rejected"


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
class Granted:
    """An approval that no review object of this build gives.

    Attributes:
        why: in words.
        by: who gave the approval that it rests on; empty for a rule.
        build: the build that a person approved, for a carried-over approval.
    """

    why: str
    by: tuple[str, ...] = ()
    build: str | None = None


@dataclass(frozen=True)
class Subject:
    """What there is to review in one published comparison; written once, beside its report.

    Attributes:
        execution: the run that published it.
        changes: what needs a person, by name.
        others: the names of everything else.
        granted: the approval that the build has without a review of its own.
    """

    execution: str
    changes: Mapping[str, Change]
    others: frozenset[str] = frozenset()
    granted: Granted | None = None

    @classmethod
    def of(cls, comparison: Comparison) -> Subject:
        """Reads off a comparison what a person has to look at; agrees with `comparison.judge`."""
        wanted = {Status.ERRORED}
        if comparison.id.base != NO_BASE:
            wanted |= {Status.CHANGED, Status.ADDED, Status.REMOVED}
        changes = {
            name: Change(
                str(s.status), s.head_sha256, s.base_sha256, (s.group, s.details.get("group"))
            )
            for name, s in comparison.snapshots.items()
            if s.status in wanted
        }
        others = frozenset(comparison.snapshots.keys() - changes.keys())
        return cls(comparison.execution, changes, others)

    def as_json(self) -> dict[str, Any]:
        """review.json beside comparison.json."""
        return {
            "schema_version": 1,
            "execution": self.execution,
            "changes": {name: c.as_json() for name, c in self.changes.items()},
            "others": sorted(self.others),
            "granted": vars(self.granted) if self.granted else None,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Subject:
        """The inverse of `as_json`."""
        granted = stored["granted"]
        return cls(
            stored["execution"],
            {name: Change.from_json(row) for name, row in stored["changes"].items()},
            frozenset(stored["others"]),
            Granted(granted["why"], tuple(granted["by"]), granted["build"]) if granted else None,
        )


def select(review: ReviewBody, subject: Subject) -> frozenset[str]:
    """The snapshots that a review speaks of; for the whole build none by name.

    Raises:
        ReviewRefused: it names a snapshot or group that the build does not have, or a pattern
            matches nothing that needs a person.
    """
    if review.whole:
        return frozenset()
    named = set(review.names or ())
    unknown = sorted(named - subject.changes.keys() - subject.others)
    if unknown:
        shown = ", ".join(map(repr, unknown[:_UNKNOWN_SHOWN]))
        more = f" and {len(unknown) - _UNKNOWN_SHOWN} more" if len(unknown) > _UNKNOWN_SHOWN else ""
        raise ReviewRefused(f"names: the build has no snapshot {shown}{more}")
    for glob in review.globs or ():
        pattern = _compiled(glob)
        found = {name for name in subject.changes if pattern.match(name)}
        named |= _some(found, f"globs: {glob!r} matches no snapshot that needs a review")
    if review.groups:
        by_group = _by_group(subject)
        for group in review.groups:
            found = by_group.get(group, set())
            named |= _some(found, f"groups: no snapshot that needs a review has group {group!r}")
    return frozenset(named)


def _compiled(glob: str) -> re.Pattern[str]:
    # Only the star is one, as in a manifest's rules: names do hold brackets and question marks.
    return re.compile(translate(glob.replace("[", "[[]").replace("?", "[?]")))


def _some(found: set[str], rule: str) -> set[str]:
    if not found:
        raise ReviewRefused(rule)
    return found


def _by_group(subject: Subject) -> dict[str, set[str]]:
    """Names by group. Where both say the same word, the comparison's group is meant.

    A manifest is CI's: its groups must not add a snapshot to a change that a person approves.
    """
    ours: dict[str, set[str]] = {}
    theirs: dict[str, set[str]] = {}
    for name, change in subject.changes.items():
        for groups, group in zip((ours, theirs), change.groups, strict=True):
            if group is not None:
                groups.setdefault(group, set()).add(name)
    return theirs | ours


@dataclass(frozen=True)
class Applied:
    """One review that counts: who said what, and when.

    Reviews are ordered by S3's clock, not by the order in which their events come.
    """

    id: str
    action: Action
    by: str
    at: str
    reason: str | None = None
    whole: bool = False

    @property
    def stamp(self) -> tuple[str, str]:
        """Of two reviews of one snapshot the one with the higher stamp counts."""
        return self.at, self.id


@dataclass(frozen=True)
class Refusal:
    """A review that does not count, and why."""

    id: str
    by: str
    at: str
    why: str


@dataclass(frozen=True)
class Ballot:
    """Everything that reviews have decided about one execution.

    Merging is commutative and idempotent: the last review of each snapshot counts, in the order
    of their stamps. So the events of reviews may come twice and in any order.

    Attributes:
        execution: of which result; empty while the build has none.
        revision: counts what changed; a higher one is the newer.
        reviews: the reviews that count, by id.
        decisions: name of a snapshot to the id of its latest review by name.
        refused: the latest reviews that do not count.
    """

    execution: str = ""
    revision: int = 0
    reviews: Mapping[str, Applied] = field(default_factory=dict)
    decisions: Mapping[str, str] = field(default_factory=dict)
    refused: tuple[Refusal, ...] = ()

    def of_execution(self, execution: str) -> Ballot:
        """The ballot of that result: decisions on another one do not count for it."""
        if self.execution == execution:
            return self
        return Ballot(execution, self.revision + 1, refused=self.refused)

    def with_review(self, review: Applied, names: Iterable[str]) -> Ballot:
        """Adds a review; the same ballot if it is there already."""
        if review.id in self.reviews:
            return self
        reviews = {**self.reviews, review.id: review}
        decisions = dict(self.decisions)
        for name in names:
            present = decisions.get(name)
            if present is None or reviews[present].stamp < review.stamp:
                decisions[name] = review.id
        return replace(self, revision=self.revision + 1, reviews=reviews, decisions=decisions)

    def with_refusal(self, refusal: Refusal) -> Ballot:
        """Adds a refusal, and forgets the oldest of many."""
        if any(r.id == refusal.id and r.why == refusal.why for r in self.refused):
            return self
        latest = sorted([*self.refused, refusal], key=lambda r: (r.at, r.id, r.why))
        if refusal not in latest[-_WORDS_SHOWN:]:
            return self
        return replace(self, revision=self.revision + 1, refused=tuple(latest[-_WORDS_SHOWN:]))

    def decision(self, name: str) -> Applied | None:
        """What counts for a snapshot: its own latest review or that of the whole build."""
        own = self.decisions.get(name)
        found = [r for r in (self.reviews[own] if own else None, self.whole) if r]
        return max(found, key=lambda r: r.stamp, default=None)

    @property
    def whole(self) -> Applied | None:
        """The latest review of the whole build."""
        found = (r for r in self.reviews.values() if r.whole)
        return max(found, key=lambda r: r.stamp, default=None)

    def as_json(self) -> dict[str, Any]:
        """review.json of the build."""
        return {
            "schema_version": 1,
            "execution": self.execution,
            "revision": self.revision,
            "reviews": {key: vars(review) for key, review in self.reviews.items()},
            "decisions": dict(self.decisions),
            "refused": [vars(refusal) for refusal in self.refused],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Ballot:
        """The inverse of `as_json`."""
        return cls(
            stored["execution"],
            stored["revision"],
            {
                key: Applied(**{**review, "action": Action(review["action"])})
                for key, review in stored["reviews"].items()
            },
            stored["decisions"],
            tuple(Refusal(**refusal) for refusal in stored["refused"]),
        )


@dataclass(frozen=True)
class Tallied:
    """What a ballot makes of its subject.

    Attributes:
        state: how far the review is.
        left: names that nobody has decided, sorted.
        approved: how many snapshots that needed a person are approved.
        rejected: how many snapshots are rejected.
        by: who decided, in the order of their reviews.
        reasons: what they said.
        at: when the latest review was written that counts; empty if none was.
        human: whether people decided all of it, so that it may be carried over.
    """

    state: ReviewState
    left: tuple[str, ...] = ()
    approved: int = 0
    rejected: int = 0
    by: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    at: str = ""
    human: bool = False

    @property
    def result(self) -> Review | None:
        """`review` of the build's record, on which its use as a baseline depends."""
        return Review(self.state) if self.state in {*Review} else None


def tally(subject: Subject, ballot: Ballot) -> Tallied:
    """Counts: one rejection rejects the build, and it is approved when nothing is left."""
    decided = {name: ballot.decision(name) for name in {*subject.changes, *ballot.decisions}}
    rejected = sum(1 for d in decided.values() if d and d.action is Action.REJECT)
    granted = subject.granted
    left = () if granted else tuple(sorted(n for n in subject.changes if not decided[n]))
    approved = sum(
        1
        for name in subject.changes
        if ((d := decided[name]) and d.action is Action.APPROVE) or (granted and not d)
    )
    counting = sorted(
        {d.stamp: d for d in (*decided.values(), ballot.whole) if d}.values(),
        key=lambda d: d.stamp,
    )
    state = _state(subject, ballot, rejected, len(left))
    return Tallied(
        state=state,
        left=left,
        approved=approved,
        rejected=rejected,
        by=_once([*(granted.by if granted else ()), *(d.by for d in counting)]),
        reasons=_once(
            [*([granted.why] if granted else []), *(d.reason for d in counting if d.reason)]
        ),
        at=counting[-1].at if counting else "",
        human=bool(counting)
        and (state is ReviewState.REJECTED or all(decided[n] for n in subject.changes)),
    )


def _state(subject: Subject, ballot: Ballot, rejected: int, left: int) -> ReviewState:
    whole = ballot.whole
    if rejected or (whole and whole.action is Action.REJECT and not subject.changes):
        return ReviewState.REJECTED
    if left:
        return ReviewState.NEEDED
    if subject.changes or whole:
        return ReviewState.APPROVED
    return ReviewState.NOT_NEEDED


def _once(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))[:_WORDS_SHOWN]


def block(subject: Subject, ballot: Ballot) -> dict[str, Any]:
    """`review` of status.json."""
    counted = tally(subject, ballot)
    return {
        "state": counted.state,
        "left": len(counted.left),
        "names": list(counted.left[:NAMES_SHOWN]),
        "approved": counted.approved,
        "rejected": counted.rejected,
        "by": list(counted.by),
        "reasons": list(counted.reasons),
        "carried_from": subject.granted.build if subject.granted else None,
        **_tail(ballot),
    }


def block_without_subject(verdict: str | None, left: int, ballot: Ballot) -> dict[str, Any] | None:
    """`review` where there is nothing to review yet, or nobody knows what: refusals only."""
    if verdict is None and not ballot.refused:
        return None
    state = ReviewState.NOT_NEEDED if verdict == Verdict.PASSED else ReviewState.NEEDED
    return {
        "state": state,
        "left": left,
        "names": [],
        "approved": 0,
        "rejected": 0,
        "by": [],
        "reasons": [],
        "carried_from": None,
        **_tail(ballot),
    }


def _tail(ballot: Ballot) -> dict[str, Any]:
    return {"refused": [vars(r) for r in ballot.refused], "revision": ballot.revision}


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
