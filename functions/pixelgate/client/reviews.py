"""Writes reviews: objects in the bucket, which a function applies to the build."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pixelgate.client.exit_code import FAILING, review_in, review_of
from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.domain.names import canonical, compile_glob, find
from pixelgate.errors import UsageError
from pixelgate.ports import Bucket

APPROVE, REJECT = "approve", "reject"
_MAX_REASON = 2_000


@dataclass(frozen=True)
class Selection:
    """The snapshots that a review selects; an empty selection means all of them."""

    names: tuple[str, ...] = ()
    globs: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    @property
    def is_all(self) -> bool:
        """Whether the whole build is selected."""
        return not (self.names or self.globs or self.groups)

    def of(self, images: Mapping[str, Mapping[str, Any]]) -> set[str]:
        """Returns the selected names; globs and groups select only what needs a review.

        Raises:
            UsageError: a name, glob or group selects nothing; most likely it is misspelt.
        """
        if self.is_all:
            return set(images)
        selected: set[str] = set()
        open_ones = {n: i for n, i in images.items() if i.get("status") in FAILING}
        for name in self.names:
            known = find(name, images)
            if known is None:
                raise UsageError(f"the build has no snapshot {name!r}{_similar(name, images)}")
            selected.add(known)
        for glob in self.globs:
            pattern = compile_glob(glob)
            selected |= _some({n for n in open_ones if pattern.match(canonical(n))}, "--glob", glob)
        for group in self.groups:
            members = {n for n, image in open_ones.items() if group in _groups(image)}
            selected |= _some(members, "--group", group)
        return selected


@dataclass(frozen=True)
class Decision:
    """A reviewer's decision."""

    action: str  # approve or reject
    selection: Selection  # the snapshots that it applies to
    execution: str | None  # the execution whose report was reviewed
    reason: str | None = None  # the reviewer's reason, in words

    def body(self) -> bytes:
        """Returns the review object. The reviewer's name is not in it; S3's event has it."""
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
    """Makes a unique id that sorts by time."""
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
    """Reads a decisions.json that the report saved, with approvals and rejections.

    `build` is the one named on the command line, if any.

    Raises:
        UsageError: the file is not a decisions.json, or belongs to another build.
    """
    try:
        fields = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise UsageError(f"--from {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"--from {path} is not valid JSON: {error}") from error
    decisions = fields.get("decisions") if isinstance(fields, dict) else None
    if not isinstance(decisions, dict) or fields.get("schema_version") != 1:
        raise UsageError(
            f"--from {path} is not a decisions.json of a report: it needs schema_version 1, "
            "project, build, execution and decisions"
        )
    named = BuildId(str(fields.get("project")), str(fields.get("build")))
    if build and build != named:
        raise UsageError(f"--from {path} is for {named}, but the command line names {build}")
    wrong = {n: d for n, d in decisions.items() if d not in {APPROVE, REJECT}}
    if wrong:
        name, word = next(iter(wrong.items()))
        raise UsageError(
            f"--from {path}: decisions[{name!r}] is {word!r}; it must be approve or reject"
        )
    if not decisions:
        raise UsageError(f"--from {path} has no decisions")
    reasons = _reasons(path, fields.get("reasons"), decisions)
    execution = fields.get("execution")
    # One review for each action and reason: approvals first, those without a reason before others.
    alike: dict[tuple[str, str], list[str]] = {}
    for name in sorted(decisions):
        alike.setdefault((decisions[name], reasons.get(name, "")), []).append(name)
    return named, tuple(
        Decision(
            action,
            Selection(names=tuple(alike[action, reason])),
            str(execution) if execution else None,
            reason or None,
        )
        for action, reason in sorted(alike)
    )


def _reasons(path: Path, stated: Any, decisions: Mapping[str, str]) -> dict[str, str]:
    """Returns the reasons of a file; reports of older versions write none."""
    reasons = {} if stated is None else stated
    if not isinstance(reasons, dict) or not all(isinstance(r, str) for r in reasons.values()):
        raise UsageError(f"--from {path}: reasons must map names to texts")
    if unknown := sorted(reasons.keys() - decisions.keys()):
        raise UsageError(f"--from {path}: reasons[{unknown[0]!r}] belongs to no decision")
    for name, reason in reasons.items():
        if len(reason) > _MAX_REASON:
            raise UsageError(
                f"--from {path}: reasons[{name!r}] has {len(reason):,} characters; "
                f"up to {_MAX_REASON:,}"
            )
    return reasons


def refusal_of(status: Mapping[str, Any] | None, key: str) -> str | None:
    """Returns the reason why a review was refused, if the status lists it as refused."""
    refused = review_in(status).get("refused")
    identifier = key.rpartition("/")[2].removesuffix(".json")
    matching = (r for r in refused or () if isinstance(r, dict) and r.get("id") == identifier)
    return next((str(r.get("why")) for r in matching), None)


def is_carried_out(status: Mapping[str, Any] | None, decision: Decision, names: set[str]) -> bool:
    """Whether the decision is applied to the status."""
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
    """Returns the groups of an image: the one of its change, and the one in its sidecar."""
    named = image.get("group"), (image.get("details") or {}).get("group")
    return {str(group) for group in named if group}


def _some(names: set[str], flag: str, value: str) -> set[str]:
    if not names:
        raise UsageError(f"{flag} {value!r} matches no snapshot of the build that needs a review")
    return names


def _similar(name: str, names: Iterable[str]) -> str:
    from difflib import get_close_matches

    inside = sorted(known for known in names if known.endswith(f"/{name}"))
    close = inside[:1] or get_close_matches(name, list(names), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
