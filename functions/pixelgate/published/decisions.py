"""Writes reviews: objects in the bucket, which a function applies to the build."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.domain.names import canonical, compile_glob, find
from pixelgate.errors import UsageError
from pixelgate.ports import Bucket
from pixelgate.published.status import needs_review

APPROVE, REJECT = "approve", "reject"
MAX_REASON = 2_000  # characters


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
        open_ones = {n: i for n, i in images.items() if needs_review(i)}
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
    # The fields of `OnBehalfOf`: whom the review site writes it for.
    on_behalf_of: Mapping[str, str] | None = None

    def body(self) -> bytes:
        """Returns the review object.

        A reviewer's own name is not in it: S3's event has it.
        """
        s = self.selection
        fields = {
            "schema_version": 1,
            "action": self.action,
            "execution": self.execution,
            "names": list(s.names),
            "globs": list(s.globs),
            "groups": list(s.groups),
            "reason": self.reason,
            "on_behalf_of": dict(self.on_behalf_of) if self.on_behalf_of else None,
        }
        kept = {name: value for name, value in fields.items() if value}
        return json.dumps(kept, ensure_ascii=False).encode()


def new_id(now: datetime | None = None) -> str:
    """Makes a unique id that sorts by time."""
    moment = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%S%fZ")
    return f"{moment}-{secrets.token_hex(4)}"


def write_review(store: Bucket, build: BuildId, decision: Decision, review: str) -> str:
    """Writes the review of this id, such as `new_id` makes; returns its key.

    Raises:
        UsageError: the reason is too long.
        WriteConflict: there is a review of this id.
        BucketError: it could not be written.
    """
    if decision.reason and len(decision.reason) > MAX_REASON:
        raise UsageError(f"--reason has {len(decision.reason):,} characters; up to {MAX_REASON:,}")
    key = keys.review(build, review)
    store.replace(key, decision.body(), "application/json", None)
    return key


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
