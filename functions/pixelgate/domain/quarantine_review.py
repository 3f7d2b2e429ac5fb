"""Quarantines and lifts as reviewers write them, and the log of those of a project.

The log only grows until it forgets what has long expired, and adding to it is commutative and
idempotent, so the events of the objects may arrive twice and in any order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
)

from pixelgate.domain.keys import check_id
from pixelgate.domain.manifest_schema import Text, in_words
from pixelgate.domain.quarantine import DEFAULT_DAYS, MAX_DAYS, Lift, Quarantine, Source
from pixelgate.domain.review_state import Refusal
from pixelgate.domain.strict_json import check_encodable, read_object
from pixelgate.errors import BadManifest, ReviewRefused

MAX_BYTES = 64 * 1024
# The most quarantines of a project that may apply at a time; each is matched with every name.
MAX_ACTIVE = 200
_REFUSED_KEPT = 20
# How long the log remembers what does nothing any more; its copy beside the log is kept for ever.
_REMEMBERED = timedelta(days=MAX_DAYS)

# Readers show it in one line.
Line = Annotated[str, StringConstraints(min_length=1, max_length=1_024)]


class _Body(BaseModel):
    # Unknown fields are refused: a misspelt one must not be lost.
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")
    schema_version: Literal[1]

    @field_validator("match", "owner", "reason", check_fields=False)
    @classmethod
    def _is_one_line(cls, value: str | None) -> str | None:
        if value is not None and not (value.isprintable() and value.strip()):
            raise ValueError("must be words without an unprintable character")
        return value


class QuarantineBody(_Body):
    """A quarantine, as a client uploaded it. It begins when S3 stores it."""

    action: Literal["quarantine"]
    match: Line
    owner: Line
    reason: Line
    days: Annotated[int, Field(ge=1, le=MAX_DAYS)] = DEFAULT_DAYS


class LiftBody(_Body):
    """A lift, as a client uploaded it: of which quarantine, and at which commit.

    `tree` and `pull_request` are the commit's, if they are known: see `quarantine.Lift`.
    """

    action: Literal["lift"]
    quarantine: Text
    commit: Text
    tree: Text | None = None
    pull_request: Text | None = None
    reason: Line | None = None

    @field_validator("quarantine", "commit")
    @classmethod
    def _is_id(cls, value: str) -> str:
        try:
            return check_id(value, "it")
        except BadManifest as error:
            raise ValueError(str(error).removeprefix("it: ")) from error


Body = QuarantineBody | LiftBody


def parse(body: bytes) -> Body:
    """Parses a quarantine or a lift. Raises ReviewRefused with the field and the rule."""
    try:
        fields = read_object(body, MAX_BYTES)
        check_encodable(fields, body)
        models: dict[object, type[Body]] = {"quarantine": QuarantineBody, "lift": LiftBody}
        action = fields.get("action")
        model = models.get(action) if isinstance(action, str) else None
        if model is None:
            raise ReviewRefused("action: must be 'quarantine' or 'lift'")
        return model.model_validate(fields)
    except BadManifest as error:
        raise ReviewRefused(f"the review{str(error).removeprefix('the manifest')}") from error
    except RecursionError as error:
        raise ReviewRefused("the review is nested too deep") from error
    except ValidationError as error:
        raise ReviewRefused(in_words(error)) from error


@dataclass(frozen=True)
class Entered:
    """A quarantine in the log.

    `by` is who wrote it, according to S3's event; `since` is when, and `sha256` the object's hash.
    """

    match: str
    owner: str
    reason: str
    since: str
    until: str
    by: str
    sha256: str


@dataclass(frozen=True)
class Lifted:
    """A lift in the log: of which quarantine, and at which commit; the rest as of `Entered`."""

    quarantine: str
    commit: str
    by: str
    at: str
    sha256: str
    tree: str | None = None
    pull_request: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class QuarantineLog:
    """The quarantines and the lifts of a project, by the ids of their objects.

    `revision` counts changes; `refused` are the latest objects that do not count, at most 20.
    """

    revision: int = 0
    entries: Mapping[str, Entered] = field(default_factory=dict)
    lifts: Mapping[str, Lifted] = field(default_factory=dict)
    refused: tuple[Refusal, ...] = ()

    def with_entry(self, key: str, entry: Entered) -> QuarantineLog:
        """Returns the log with this quarantine; the same log if it has one of that id."""
        if key in self.entries:
            return self
        return self._changed(entry.since, entries={**self.entries, key: entry})

    def with_lift(self, key: str, lift: Lifted) -> QuarantineLog:
        """Returns the log with this lift; the same log if it has one of that id."""
        if key in self.lifts:
            return self
        return self._changed(lift.at, lifts={**self.lifts, key: lift})

    def with_refusal(self, refusal: Refusal) -> QuarantineLog:
        """Returns the log with this refusal added; only the latest ones are kept."""
        if any(r.id == refusal.id and r.why == refusal.why for r in self.refused):
            return self
        latest = sorted([*self.refused, refusal], key=lambda r: (r.at, r.id, r.why))
        return self._changed(refusal.at, refused=tuple(latest[-_REFUSED_KEPT:]))

    def _changed(self, at: str, **fields: Any) -> QuarantineLog:
        """Returns the next revision, without what expired long before `at`."""
        changed = replace(self, revision=self.revision + 1, **fields)
        oldest = datetime.fromisoformat(at) - _REMEMBERED
        entries = {k: e for k, e in changed.entries.items() if _moment(e.until) > oldest}
        lifts = {
            k: one
            for k, one in changed.lifts.items()
            # A lift may come before its quarantine.
            if one.quarantine in entries or _moment(one.at) > oldest
        }
        return replace(changed, entries=entries, lifts=lifts)

    def active(self, now: datetime) -> int:
        """Returns how many quarantines have not expired."""
        return sum(1 for entry in self.entries.values() if _moment(entry.until) > now)

    def quarantines(self) -> tuple[Quarantine, ...]:
        """Returns all quarantines with their lifts, the earliest first."""
        lifts: dict[str, list[Lift]] = {}
        for one in self.lifts.values():
            lift = Lift(one.commit, one.tree, one.pull_request)
            lifts.setdefault(one.quarantine, []).append(lift)
        return tuple(
            Quarantine(
                match=e.match,
                owner=e.owner,
                reason=e.reason,
                since=e.since,
                until=e.until,
                source=Source.REVIEW,
                id=key,
                by=e.by,
                lifts=tuple(lifts.get(key, ())),
            )
            for key, e in sorted(self.entries.items(), key=lambda item: (item[1].since, item[0]))
        )

    def as_json(self) -> dict[str, Any]:
        """Returns log.json."""
        return {"schema_version": 1, **asdict(self)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> QuarantineLog:
        """Reads what `as_json` returns."""
        return cls(
            stored["revision"],
            {key: Entered(**entry) for key, entry in stored["entries"].items()},
            {key: Lifted(**lift) for key, lift in stored["lifts"].items()},
            tuple(Refusal(**refusal) for refusal in stored["refused"]),
        )


def entered(body: QuarantineBody, by: str, at: str, sha256: str) -> Entered:
    """Returns what the log says of a quarantine that was stored `at` this time."""
    since = datetime.fromisoformat(at)
    until = (since + timedelta(days=body.days)).isoformat(timespec="milliseconds")
    return Entered(body.match, body.owner, body.reason, at, until, by, sha256)


def lifted(body: LiftBody, by: str, at: str, sha256: str) -> Lifted:
    """Returns what the log says of a lift that was stored `at` this time."""
    return Lifted(
        *(body.quarantine, body.commit, by, at, sha256),
        *(body.tree, body.pull_request, body.reason),
    )


def _moment(at: str) -> datetime:
    return datetime.fromisoformat(at)
