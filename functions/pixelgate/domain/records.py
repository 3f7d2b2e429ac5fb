"""The records of builds and comparisons that workers agree on, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pixelgate.domain.baseline import Choice, Kind
from pixelgate.domain.keys import NO_BASE, BuildId, ComparisonId
from pixelgate.errors import ErrorCode

_NAMED = Choice(Kind.NAMED)


class State(StrEnum):
    """The state of a comparison."""

    WAITING_FOR_BASE = "WAITING_FOR_BASE"
    PROCESSING = "PROCESSING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class Review(StrEnum):
    """What people said of a build."""

    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Baseline:
    """The base of a comparison: a build's id or NO_BASE, why it was chosen, and how."""

    build: str
    reason: str
    choice: Choice = _NAMED

    @property
    def exists(self) -> bool:
        """Whether there is a build to compare with."""
        return self.build != NO_BASE


@dataclass(frozen=True)
class BuildRecord:
    """An accepted build.

    Attributes:
        id: project and build.
        commit: its commit.
        manifest_sha256: of the manifest that was accepted; a build is written once.
        created: when it was accepted, seconds since 1970.
        baseline: what it is compared with, once that is decided; it never changes afterwards.
        complete: whether every image that it lists has arrived whole.
        arrived: whether every image that it lists is in the bucket, readable or not.
        lost: whether images of it were looked for and are not in the bucket.
        branch: the branch it was built from.
        pull_request: number of its pull request.
        tree: git's hash of its commit's tree.
        trusted: whether its key says that it is none of a fork.
        selective: whether it lacks snapshots of its suite.
        review: what people said of it; None while nobody has.
    """

    id: BuildId
    commit: str
    manifest_sha256: str
    created: float
    baseline: Baseline | None = None
    complete: bool = False
    arrived: bool = False
    lost: bool = False
    branch: str = ""
    pull_request: str | None = None
    tree: str | None = None
    trusted: bool = True
    selective: bool = False
    review: Review | None = None

    @property
    def topics(self) -> tuple[str, ...]:
        """What a build is waited for as, and what is known of a project."""
        known = {
            "build": self.id.build,
            "commit": self.commit,
            "tree": self.tree,
            "pull_request": self.pull_request,
        }
        return tuple(f"{what}:{value}" for what, value in known.items() if value)


class Lookup(StrEnum):
    """What builds are found by, beside their id and their commit."""

    BRANCH = "branch"
    TREE = "tree"
    PULL_REQUEST = "pull_request"

    def of(self, build: BuildRecord) -> str | None:
        """The value of a build; None if it cannot be found so."""
        match self:
            case Lookup.BRANCH:
                return build.branch or None
            case Lookup.TREE:
                return build.tree
            case Lookup.PULL_REQUEST:
                return build.pull_request


@dataclass(frozen=True)
class ComparisonRecord:
    """The record of one comparison.

    Attributes:
        id: project, head and base.
        state: where it stands.
        execution: the run that owns it; every write after the claim is fenced by it.
        lease_until: until when the owner may be trusted to be alive, seconds since 1970.
        attempts: claims since it was last FAILED or new; after the last one it fails for good.
        claims: claims ever; a later claim always has the higher number.
        created: when it was first claimed, seconds since 1970.
        claimed: when its owner claimed it, seconds since 1970.
        updated: when it was last written, seconds since 1970.
        baseline_reason: why this base.
        verdict: what CI gates on, once SUCCEEDED.
        counts: snapshots by status, once SUCCEEDED.
        comparison_key: where comparison.json lies, once SUCCEEDED.
        report_key: where the report lies, once SUCCEEDED.
        error_code: why it FAILED.
        error_message: the same in words; the last error too, while attempts remain.
        retryable: whether a new delivery may claim it after FAILED.
        announced: whether status.json tells of this final state.
        choice: how this base was chosen.
        wait_until: when the wait for a base ends, seconds since 1970; None if it never waited.
        fan_out: why its execution was handed over to many workers; None if one does it all.
    """

    id: ComparisonId
    state: State
    execution: str
    lease_until: float
    attempts: int
    claims: int
    created: float
    claimed: float
    updated: float
    baseline_reason: str = ""
    verdict: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    comparison_key: str | None = None
    report_key: str | None = None
    error_code: ErrorCode | None = None
    error_message: str | None = None
    retryable: bool = False
    announced: bool = False
    choice: Choice | None = None
    wait_until: float | None = None
    fan_out: str | None = None

    @property
    def head(self) -> BuildId:
        """The build that is compared."""
        return BuildId(self.id.project, self.id.head)

    @property
    def finished(self) -> bool:
        """Whether no worker has anything left to do."""
        return self.state in {State.SUCCEEDED, State.FAILED}

    def can_be_claimed(self, now: float) -> bool:
        """The claim rule: its worker is dead, or it failed and may be tried again."""
        if self.state is State.PROCESSING:
            return self.lease_until <= now
        return self.state is State.FAILED and self.retryable


@dataclass(frozen=True)
class Result:
    """What a successful run publishes in the record."""

    verdict: str
    counts: Mapping[str, int]
    comparison_key: str
    report_key: str


@dataclass(frozen=True)
class Failure:
    """Why a run failed, and whether a new delivery may try again."""

    code: ErrorCode
    message: str
    retryable: bool
