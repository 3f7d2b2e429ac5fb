"""Reads who decided what on a build, and which decisions a later review overturned."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.domain.wording import and_more
from pixelgate.errors import BucketError, NotFound, UsageError
from pixelgate.pipeline.parallel import bounded_map
from pixelgate.ports import Bucket
from pixelgate.published.decisions import Selection
from pixelgate.published.status import needs_review, review_in, review_of, reviewers, short_name

_THREADS = 8
_NAMES_SHOWN = 5
DONE = {"approve": "approved", "reject": "rejected"}
_NOUN = {"approve": "approval", "reject": "rejection"}

Images = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Given:
    """One review that counts."""

    id: str
    action: str  # approve or reject
    by: str  # the reviewer's short name
    at: str  # when S3 stored it, ISO 8601 in UTC
    reason: str | None = None
    names: tuple[str, ...] | None = None  # the snapshots that it selects; None for the whole build
    issuer: str | None = None  # who told the review site the reviewer's name, if it wrote this

    def __hash__(self) -> int:
        """Returns the hash of its id; there may be 100,000 names."""
        return hash(self.id)

    def as_json(self) -> dict[str, Any]:
        """Returns the fields that `--json` prints and the report reads."""
        names = None if self.names is None else list(self.names)
        return {"id": self.id, "action": self.action, "by": self.by, "at": self.at,
                "reason": self.reason, "names": names, "issuer": self.issuer}  # fmt: skip

    @property
    def words(self) -> str:
        """Who decided what, when and why: `bob rejected 2 snapshots (a, b), 2026-…: too blue`."""
        what = "all of it" if self.names is None else in_words(self.names)
        return f"{self.by} {DONE[self.action]} {what}{self.tail}"

    @property
    def tail(self) -> str:
        """When, on whose word the reviewer has this name, and why."""
        site = f" on the review site (login by {self.issuer})" if self.issuer else ""
        return f", {moment(self.at)}{site}{f': {self.reason}' if self.reason else ''}"


@dataclass(frozen=True)
class Overturned:
    """A decision that a later review, or one that is about to be written, overturns."""

    given: Given
    names: tuple[str, ...]  # the snapshots on which it no longer counts
    later: Given | None = None

    @property
    def words(self) -> str:
        """Whose decision on what: `bob's rejection of 2 snapshots (a, b), 2026-…: too blue`."""
        what = in_words(self.names) if self.names else "the build"
        return f"{self.given.by}'s {_NOUN[self.given.action]} of {what}{self.given.tail}"


def in_words(names: Sequence[str]) -> str:
    """Returns a number of snapshots and the first of their names."""
    if len(names) == 1:
        return names[0]
    shown = ", ".join((*names[:_NAMES_SHOWN], *and_more(len(names) - _NAMES_SHOWN)))
    return f"{len(names):,} snapshots ({shown})"


def moment(at: str) -> str:
    """Formats a time for people, to the minute."""
    return f"{at[:10]} {at[11:16]} UTC"


def read_reviews(
    store: Bucket, status: Mapping[str, Any], comparison: Mapping[str, Any] | None
) -> tuple[Given, ...]:
    """Returns the reviews of a build's present result, the earliest first.

    Raises:
        BucketError: the bucket cannot be read, or holds something else under the log's key.
    """
    if not reviewers(status):
        return ()  # most builds; nothing has to be read for them
    build = BuildId(str(status["project"]), str(status["build"]))
    log = _read(store, keys.review_log(build)) or {}
    if log.get("execution") != status.get("execution"):
        return ()
    images: Images = (comparison or {}).get("images") or {}
    stored = log.get("reviews") or {}

    def given(identifier: str) -> Given:
        review = stored[identifier]
        names = None if review.get("whole") else _names(store, build, identifier, log, images)
        by, at = short_name(str(review.get("by"))), str(review.get("at"))
        issuer = (review.get("on_behalf_of") or {}).get("issuer")
        return Given(identifier, str(review["action"]), by, at, review.get("reason"), names, issuer)

    try:
        found = [one for _, one in bounded_map(given, list(stored), _THREADS)]
    except (KeyError, TypeError, AttributeError) as error:
        raise BucketError(
            f"{keys.review_log(build)} is no review log of pixelgate: {error!r}; does something "
            "else write there?"
        ) from error
    return tuple(sorted(found, key=lambda one: (one.at, one.id)))


def _names(
    store: Bucket, build: BuildId, identifier: str, log: Mapping[str, Any], images: Images
) -> tuple[str, ...]:
    """Returns the names that a review selects.

    The log has only the latest review of each name, so the review itself is read; where that is
    gone, the log has to do.
    """
    written = (_read(store, keys.kept_review(build, identifier)) or {}).get("written")
    if isinstance(written, dict):
        parts = (tuple(written.get(part) or ()) for part in ("names", "globs", "groups"))
        with suppress(UsageError):  # it selects what the result does not have: the log decides
            return tuple(sorted(Selection(*parts).of(images)))
    return tuple(sorted(n for n, latest in log["decisions"].items() if latest == identifier))


def _read(store: Bucket, key: str) -> dict[str, Any] | None:
    try:
        found = json.loads(store.read(key))
    except (NotFound, ValueError):
        return None
    return found if isinstance(found, dict) else None


def counting(reviews: Iterable[Given], name: str) -> list[Given]:
    """Returns the reviews about a snapshot, the earliest first; the last one counts."""
    return [r for r in reviews if r.names is None or name in r.names]


def rejected_names(reviews: Iterable[Given], images: Images) -> dict[Given, list[str]]:
    """Returns each review by which something is rejected now, and the names of that."""
    rejected: dict[Given, list[str]] = {}
    for name, given in _latest(reviews, _open(images)).items():
        if given.action == "reject":
            rejected.setdefault(given, []).extend([name] if name else [])
    return rejected


def overturned(reviews: Sequence[Given], images: Images) -> list[Overturned]:
    """Returns every decision that a later review overturned, the earliest first."""
    found = []
    for n, later in enumerate(reviews):
        found += overturned_by(later.action, later.names, reviews[:n], images, later)
    return found


def overturned_by(
    action: str,
    names: Collection[str] | None,
    reviews: Iterable[Given],
    images: Images,
    later: Given | None = None,
) -> list[Overturned]:
    """Returns what a decision on these names overturns; None means the whole build."""
    meant = _open(images) if names is None else names
    lost: dict[Given, list[str]] = {}
    for name, given in _latest(reviews, meant).items():
        about = name in meant if name else names is None
        if about and given.action != action:
            lost.setdefault(given, []).extend([name] if name else [])
    return [Overturned(given, tuple(sorted(mine)), later) for given, mine in lost.items()]


def _open(images: Images) -> set[str]:
    return {name for name, image in images.items() if needs_review(image)}


def _latest(reviews: Iterable[Given], universe: Collection[str]) -> dict[str, Given]:
    """Returns the review that counts for each name; the name "" is the build itself."""
    latest: dict[str, Given] = {}
    for given in reviews:
        # Reviews of the whole build also decide anew on what was named before.
        names = {"", *universe, *latest} if given.names is None else given.names
        latest |= dict.fromkeys(names, given)
    return latest


def standing(
    status: Mapping[str, Any], reviews: Iterable[Given], bucket: str | None
) -> dict[str, Any]:
    """Returns the state of a build's reviews as its report reads it."""
    review = review_in(status)
    return {
        "schema_version": 1,
        "execution": status.get("execution") or "",
        "bucket": bucket or "",
        "state": review_of(status),
        "by": list(reviewers(status)),
        "reasons": [str(reason) for reason in review.get("reasons") or ()],
        "carried_from": review.get("carried_from"),
        # The page that handed a review in recognises it by its id.
        "reviews": [given.as_json() for given in reviews],
    }
