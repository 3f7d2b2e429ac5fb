"""The records of builds and comparisons, on which all workers agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pixelgate import __version__
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
    """The decision of people on a build."""

    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Baseline:
    """The base of a comparison: a build's id or NO_BASE, and why and how it was chosen."""

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
        manifest_sha256: hash of the upload (see `manifest.fingerprint`); it never changes.
        created: when it was accepted, seconds since 1970.
        baseline: the base of its comparison; None until it is chosen, then it never changes.
        complete: whether all its images were found, are readable and have the right hash.
        arrived: whether all its images are in the bucket, readable or not.
        lost: whether some of its images were not found in the bucket.
        branch, pull_request: the branch it was built from, and the number of its pull request.
        tree: git's hash of its commit's tree.
        trusted: whether it comes from the repository itself, and not from a fork.
        selective: whether it lacks snapshots of its suite.
        review: the decision of people; None while there is none.
        author: who wrote the commit, as git names them; nothing is decided by it.
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
    author: str | None = None

    @property
    def comparison(self) -> ComparisonId | None:
        """The id of its comparison; None until its baseline is chosen."""
        return self.id.against(self.baseline.build) if self.baseline else None

    @property
    def topics(self) -> tuple[str, ...]:
        """The keys under which a waiting comparison may name this build, such as `commit:1a2b`."""
        values = {
            "build": self.id.build,
            "commit": self.commit,
            "tree": self.tree,
            "pull_request": self.pull_request,
        }
        return tuple(f"{kind}:{value}" for kind, value in values.items() if value)


class Lookup(StrEnum):
    """The fields by which builds are found, besides id and commit."""

    BRANCH = "branch"
    TREE = "tree"
    PULL_REQUEST = "pull_request"

    def of(self, build: BuildRecord) -> str | None:
        """Returns the build's value of this field; None if it has none."""
        match self:
            case Lookup.BRANCH:
                return build.branch or None
            case Lookup.TREE:
                return build.tree
            case Lookup.PULL_REQUEST:
                return build.pull_request


@dataclass(frozen=True)
class Series:
    """The builds among which an approval is carried over: those of one pull request or branch.

    `value` is the number of the pull request, or the name of the branch.
    """

    lookup: Lookup
    value: str


@dataclass(frozen=True)
class ComparisonRecord:
    """The record of one comparison.

    Attributes:
        execution: id of the run that owns it; a condition of every write after the claim.
        lease_until: until when the owner counts as alive, seconds since 1970.
        attempts: number of claims since it was new or last FAILED; after the last allowed attempt
            it fails for good.
        claims: number of all claims; a later claim has a higher number.
        created, claimed, updated: when it was first claimed, when its owner claimed it, and when it
            was last written; seconds since 1970.
        baseline_reason: why this base was chosen, for people.
        verdict, counts, comparison_key, report_key: the result, once SUCCEEDED.
        version: the version of pixelgate that made the result.
        error_code: why it FAILED.
        error_message: the error for people; while attempts remain, that of the last attempt.
        retryable: whether a new delivery may claim it after FAILED.
        announced: whether status.json shows this final state and its event was sent.
        choice: how this base was chosen.
        wait_until: when the wait for a base ends, seconds since 1970; None if it never waited.
        fan_out: why its execution was handed over to many workers; None if it was not.
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
    version: str | None = None
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
        """Whether the comparison is SUCCEEDED or FAILED."""
        return self.state in {State.SUCCEEDED, State.FAILED}


@dataclass(frozen=True)
class Result:
    """The part of the record that a successful run publishes."""

    verdict: str
    counts: Mapping[str, int]
    comparison_key: str
    report_key: str
    version: str = __version__


@dataclass(frozen=True)
class Failure:
    """Why a run failed, and whether a new delivery may retry."""

    code: ErrorCode
    message: str
    retryable: bool
