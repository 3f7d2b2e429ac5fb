"""What is remembered of the choice of a baseline: how it was found, and what was passed over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

# A person reads them, and they lie in a record of at most 400 KB.
MAX_PASSED_OVER = 20


class Kind(StrEnum):
    """How a baseline was found."""

    NAMED = "named"  # the manifest's base_build
    EXACT = "exact"  # a build of its base_commit
    ANCESTOR = "ancestor"  # the nearest ancestor that has an eligible build
    BRANCH = "branch"  # the newest eligible build of the base branch
    GRACE = "grace"  # one of these two, after the exact one was waited for in vain
    NONE = "none"  # nothing is known that it could be compared with
    REFUSED = (
        "refused"  # there are builds, and nobody has approved them: what is new needs a person
    )


@dataclass(frozen=True)
class PassedOver:
    """A nearer candidate that could not serve.

    Attributes:
        why: in words.
        build: the build's id; None if the commit has no build.
        commit: the commit without a build.
    """

    why: str
    build: str | None = None
    commit: str | None = None

    def as_json(self) -> dict[str, str]:
        """As comparison.json and the record hold it."""
        what = {"build": self.build, "commit": self.commit, "why": self.why}
        return {name: value for name, value in what.items() if value is not None}


@dataclass(frozen=True)
class Choice:
    """How a baseline was chosen.

    Attributes:
        kind: how it was found.
        distance: commits between it and the base that was asked for, or the head if none was; None
            where that says nothing.
        passed_over: nearer candidates and why they could not serve, the first 20 of them.
    """

    kind: Kind
    distance: int | None = None
    passed_over: tuple[PassedOver, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The field `baseline` of comparison.json and status.json."""
        distance = {} if self.distance is None else {"distance": self.distance}
        passed_over = [candidate.as_json() for candidate in self.passed_over]
        return {"kind": self.kind, **distance, "passed_over": passed_over}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Choice:
        """The inverse of `as_json`."""
        distance = stored.get("distance")
        return cls(
            Kind(stored["kind"]),
            None if distance is None else int(distance),
            tuple(PassedOver(**candidate) for candidate in stored["passed_over"]),
        )
