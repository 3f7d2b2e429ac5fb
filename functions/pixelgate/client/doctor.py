"""Checks whether uploads will work from here, and suggests fixes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from itertools import islice

from pixelgate.ci.origin import BuildOrigin
from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.errors import NotFound, PixelgateError, Refused, UsageError
from pixelgate.ports import Bucket

# No build can have this id (none starts with "@"), so a check with it starts no comparison.
_PROBE = "@doctor"

# Roles that may write only builds whose ids begin so, and what they are for.
_ROLES = {
    keys.TRUNK: "may be written: this role makes baselines, by `upload --trunk`",
    keys.FORK: "may be written: this role uploads builds of forks, by `upload --fork`",
}


class Health(StrEnum):
    """The result of a check."""

    GOOD = "good"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True)
class Check:
    """One check."""

    what: str  # the name of the check
    health: Health
    words: str  # an explanation; for a failed check, with what to do


def check_origin(find: Callable[[], BuildOrigin]) -> Iterator[Check]:
    """Checks that the CI system, commit, branch and base are known; yields the notes on them."""
    try:
        origin = find()
    except UsageError as error:
        yield Check("commit", Health.WRONG, str(error))
        return
    vendor = origin.vendor or "no known CI system"
    fork = ", from a fork: its builds are never a baseline" if origin.fork else ""
    name = "merge request" if origin.merge_request else "pull request"
    pull = f", {name} {origin.pull_request}" if origin.pull_request else ""
    yield Check("CI", Health.GOOD, f"{vendor}{pull}{fork}")
    yield Check("commit", Health.GOOD, f"{origin.commit} on {origin.branch}")
    if origin.base_commit:
        base = f"{origin.base_commit}, shared with {origin.base_branch or 'the base branch'}"
    else:
        base = "the nearest ancestor that has a build"
    known = f"{len(origin.ancestors)} ancestor{'s' if len(origin.ancestors) != 1 else ''} known"
    yield Check("base", Health.GOOD, f"{base}; {known}")
    for note in origin.notes:
        yield Check("git", Health.WRONG if "shallow" in note else Health.NOTE, note)


def check_bucket(open_bucket: Callable[[], Bucket], project: str) -> Iterator[Check]:
    """Checks credentials and permissions without writing anything."""
    try:
        store = open_bucket()
        yield Check("credentials", Health.GOOD, store.caller())
    except PixelgateError as error:
        yield Check("credentials", Health.WRONG, str(error))
        return
    images = f"images/{project}/"
    probe = BuildId(project, _PROBE)
    known: list[str] = []

    def list_images() -> str:
        known.extend(entry.key for entry in islice(store.list(images), 1))
        return "there are images already" if known else "there are no images yet"

    def read_results() -> str:
        with suppress(NotFound):
            store.read(keys.status(probe))
        return "may be read"

    yield _tried(
        f"list {images}", list_images, "uploads work without it, but send every image again"
    )
    yield _tried(f"read builds/{project}/", read_results, "`wait`, `status` and `report` need it")
    uploads = _check_uploads(store, project)
    reviews = _check_reviews(store, project) if uploads.health is Health.WRONG else uploads
    yield reviews if reviews.health is Health.GOOD else uploads
    if known and reviews is uploads:
        yield _tried(f"write {images}", lambda: _put_again(store, known[0]), None)


def _check_uploads(store: Bucket, project: str) -> Check:
    """Checks whether builds may be written: all, or those of the baseline branch or of forks."""

    def tried(prefix: str, words: str) -> Check:
        def write() -> str:
            store.check_write(keys.plain_image(BuildId(project, prefix + _PROBE), "probe"))
            return words

        return _tried(f"write uploads/{project}/{prefix}", write, None)

    whole = tried("", "may be written")
    if whole.health is Health.GOOD:
        return whole
    parts = (tried(prefix, words) for prefix, words in _ROLES.items())
    return next((part for part in parts if part.health is Health.GOOD), whole)


def _check_reviews(store: Bucket, project: str) -> Check:
    """Checks whether reviews may be written, which is all that a reviewer's role may write."""

    def write() -> str:
        store.check_write(keys.review(BuildId(project, _PROBE), "probe"))
        return "may be written: this role reviews, and uploads nothing"

    return _tried(f"write reviews/{project}/", write, None)


def _put_again(store: Bucket, key: str) -> str:
    """Tries to put an existing key on condition that it does not exist, so nothing is written."""
    store.put_new(key, b"", "application/octet-stream", sha256(b"").digest())
    return "may be written"


def _tried(what: str, act: Callable[[], str], without: str | None) -> Check:
    """Runs a check; if access is denied and `without` explains what still works, it is a note."""
    try:
        return Check(what, Health.GOOD, act())
    except Refused as error:
        if without:
            return Check(what, Health.NOTE, f"{error} ({without})")
        return Check(what, Health.WRONG, str(error))
    except PixelgateError as error:
        return Check(what, Health.WRONG, str(error))
