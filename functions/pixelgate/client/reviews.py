"""Approves and rejects: a review object, whose creation the system carries out."""

from __future__ import annotations

import fnmatch
import json
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pixelgate.client.exit_code import FAILING, review_of
from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.domain.names import canonical, find
from pixelgate.errors import UsageError
from pixelgate.ports import Bucket

APPROVE, REJECT = "approve", "reject"
_MAX_REASON = 2_000
# As in a policy's rules only the star is one: names do hold brackets and question marks.
_LITERAL = str.maketrans({"[": "[[]", "?": "[?]"})


@dataclass(frozen=True)
class Selection:
    """Which snapshots of a build are meant; nothing said means all of them."""

    names: tuple[str, ...] = ()
    globs: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    @property
    def is_all(self) -> bool:
        """Whether the whole build is meant."""
        return not (self.names or self.globs or self.groups)

    def of(self, images: Mapping[str, Mapping[str, Any]]) -> set[str]:
        """The names that it selects: by name any, by glob and group what a person has to look at.

        Raises:
            UsageError: a name, glob or group is none of the build's; most likely it is misspelt.
        """
        if self.is_all:
            return set(images)
        found: set[str] = set()
        open_ones = {n: i for n, i in images.items() if i.get("status") in FAILING}
        for name in self.names:
            written = find(name, images)
            if written is None:
                raise UsageError(f"the build has no snapshot {name!r}{_similar(name, images)}")
            found.add(written)
        for glob in self.globs:
            matching = re.compile(fnmatch.translate(canonical(glob).translate(_LITERAL)))
            found |= _some({n for n in open_ones if matching.match(canonical(n))}, "--glob", glob)
        for group in self.groups:
            members = {n for n, image in open_ones.items() if group in _groups(image)}
            found |= _some(members, "--group", group)
        return found


@dataclass(frozen=True)
class Decision:
    """What a reviewer decides.

    Attributes:
        action: approve or reject.
        selection: of what.
        execution: the run whose report was looked at.
        reason: in words.
    """

    action: str
    selection: Selection
    execution: str | None
    reason: str | None = None

    def body(self) -> bytes:
        """The review object. Who it is by is not in it: the event says that."""
        s = self.selection
        fields = {
            "schema_version": 1,
            "action": self.action,
            "execution": self.execution,
            "names": list(s.names),
            "globs": list(s.globs),
            "groups": list(s.groups),
            "reason": self.reason,
        }
        kept = {name: value for name, value in fields.items() if value}
        return json.dumps(kept, ensure_ascii=False).encode()


def new_id(now: datetime | None = None) -> str:
    """An id that sorts by time and that nobody else chooses."""
    moment = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%S%fZ")
    return f"{moment}-{secrets.token_hex(4)}"


def write_review(
    store: Bucket, build: BuildId, decision: Decision, make_id: Callable[[], str] = new_id
) -> str:
    """Writes a review object under a new key; returns the key.

    Raises:
        UsageError: the reason is too long.
        BucketError: it could not be written.
    """
    if decision.reason and len(decision.reason) > _MAX_REASON:
        raise UsageError(f"--reason has {len(decision.reason):,} characters; up to {_MAX_REASON:,}")
    key = keys.review(build, make_id())
    store.replace(key, decision.body(), "application/json", None)
    return key


def read_decisions(path: Path, build: BuildId | None) -> tuple[BuildId, tuple[Decision, ...]]:
    """A decisions.json as the report writes it: what to approve and what to reject.

    Args:
        path: of the file.
        build: which build was named, if one was.

    Raises:
        UsageError: it is no such file, or is about another build.
    """
    try:
        said = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise UsageError(f"--from {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"--from {path} is no valid JSON: {error}") from error
    decisions = said.get("decisions") if isinstance(said, dict) else None
    if not isinstance(decisions, dict) or said.get("schema_version") != 1:
        raise UsageError(
            f"--from {path} is no decisions.json of a report: it needs schema_version 1, project, "
            "build, execution and decisions"
        )
    named = BuildId(str(said.get("project")), str(said.get("build")))
    if build and build != named:
        raise UsageError(f"--from {path} decides on {named}, the command line names {build}")
    wrong = {n: d for n, d in decisions.items() if d not in {APPROVE, REJECT}}
    if wrong:
        name, word = next(iter(wrong.items()))
        raise UsageError(f"--from {path}: decisions[{name!r}] is {word!r}; approve or reject")
    if not decisions:
        raise UsageError(f"--from {path} decides nothing")
    execution = said.get("execution")
    return named, tuple(
        Decision(action, Selection(names=names), str(execution) if execution else None)
        for action in (APPROVE, REJECT)
        if (names := tuple(sorted(n for n, d in decisions.items() if d == action)))
    )


def refusal_of(status: Mapping[str, Any] | None, key: str) -> str | None:
    """Why the system does not count a review, if the status says that it does not."""
    review = (status or {}).get("review")
    refused = review.get("refused") if isinstance(review, dict) else None
    identifier = key.rpartition("/")[2].removesuffix(".json")
    found = (r for r in refused or () if isinstance(r, dict) and r.get("id") == identifier)
    return next((str(r.get("why")) for r in found), None)


def is_carried_out(status: Mapping[str, Any] | None, decision: Decision, names: set[str]) -> bool:
    """Whether the status tells of the decision.

    Args:
        status: status.json as it is now.
        decision: what was written.
        names: what it selects.
    """
    review = (status or {}).get("review")
    if not isinstance(review, dict):
        return False
    if decision.action == REJECT:
        return review_of(status or {}) == "rejected" or bool(review.get("rejected"))
    if decision.selection.is_all:
        return review_of(status or {}) == "approved"
    left = review.get("names") or []
    listed_all = len(left) >= int(review.get("left") or 0)
    return not names & set(left) and (listed_all or bool(review.get("approved")))


def _groups(image: Mapping[str, Any]) -> set[str]:
    """The group of equal changes, and the one that the upload gave it."""
    named = image.get("group"), (image.get("details") or {}).get("group")
    return {str(group) for group in named if group}


def _some(found: set[str], flag: str, said: str) -> set[str]:
    if not found:
        raise UsageError(f"{flag} {said!r} matches no snapshot of the build that needs a review")
    return found


def _similar(name: str, names: Iterable[str]) -> str:
    from difflib import get_close_matches

    inside = sorted(known for known in names if known.endswith(f"/{name}"))
    close = inside[:1] or get_close_matches(name, list(names), n=1)
    return f"; is {close[0]!r} meant?" if close else ""
