"""How a baseline was chosen: by which rule, and which nearer builds were passed over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

# People read the list, and it is stored in a DynamoDB item, which has at most 400 KB.
MAX_PASSED_OVER = 20
# The time of git's own first commit. A commit of before has its time from a wrong clock.
_GIT_BEGAN = 1_112_911_993


class Kind(StrEnum):
    """How a baseline was found."""

    NAMED = "named"  # the manifest's base_build
    EXACT = "exact"  # a build of its base_commit
    ANCESTOR = "ancestor"  # the nearest ancestor that has an eligible build
    BRANCH = "branch"  # the newest eligible build of the base branch
    GRACE = "grace"  # an ancestor or the branch, as the exact build did not come in time
    NONE = "none"  # no build is known to compare with
    REFUSED = "refused"  # builds exist, but none is approved: added snapshots need a review


@dataclass(frozen=True)
class PassedOver:
    """A nearer candidate that may not be the baseline: a build, or a commit without one."""

    why: str
    build: str | None = None
    commit: str | None = None

    def as_json(self) -> dict[str, str]:
        """Returns the entry of `passed_over` in comparison.json and in the record."""
        fields = {"build": self.build, "commit": self.commit, "why": self.why}
        return {name: value for name, value in fields.items() if value is not None}


@dataclass(frozen=True)
class Choice:
    """How a baseline was chosen, and at most 20 nearer candidates that may not be the baseline.

    `distance` is the number of commits from the base that was asked for, or from the head if none
    was; None where commits were not walked.
    """

    kind: Kind
    distance: int | None = None
    passed_over: tuple[PassedOver, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Returns the field `baseline` of comparison.json and status.json."""
        distance = {} if self.distance is None else {"distance": self.distance}
        passed_over = [candidate.as_json() for candidate in self.passed_over]
        return {"kind": self.kind, **distance, "passed_over": passed_over}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Choice:
        """Reads what `as_json` returns."""
        distance = stored.get("distance")
        return cls(
            Kind(stored["kind"]),
            None if distance is None else int(distance),
            tuple(PassedOver(**candidate) for candidate in stored["passed_over"]),
        )


def is_waited_for(committed: int | None, uploaded: float, grace: float) -> bool:
    """Whether a build waits for its base, judged by the time of the base's commit.

    CI runs right after a commit. So if a commit is older than the grace period and has no build,
    none will come, as where CI skips commits that change other folders. A commit without a time, or
    with one that cannot be right, is waited for.

    Args:
        committed: the time of the base's commit as CI says it, in seconds since 1970.
        uploaded: when the build that waits was accepted, in seconds since 1970.
        grace: the grace period, in seconds.
    """
    if committed is None or not _GIT_BEGAN <= committed <= uploaded:
        return True
    return uploaded - committed <= grace
