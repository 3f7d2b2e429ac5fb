"""Applies a quarantine or a lift: one delivery of its event, from the object to the project's log.

Nothing is compared or announced anew: a build keeps what it was stamped with, and the next one
reads the log.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pixelgate.domain import keys
from pixelgate.domain.quarantine_review import (
    MAX_ACTIVE,
    MAX_BYTES,
    Body,
    Entered,
    LiftBody,
    QuarantineLog,
    entered,
    lifted,
    parse,
)
from pixelgate.domain.review_state import Refusal
from pixelgate.errors import NotFound, ReviewRefused, TooLarge, WriteConflict
from pixelgate.pipeline.announce.quarantine_store import (
    change_quarantine_log,
    read_quarantine_log,
)
from pixelgate.pipeline.context import StorageContext

_MAX_TEXT = 10_000


@dataclass(frozen=True)
class WrittenQuarantine:
    """The event of a quarantine or a lift; the fields are those of `apply.Written`."""

    project: str
    id: str
    by: str
    at: str
    tag: str | None = None


@dataclass(frozen=True)
class Logged:
    """It counts; this delivery or an earlier one added it to the log."""

    action: str


@dataclass(frozen=True)
class NotLogged:
    """It does not count; the log says why."""

    why: str


@dataclass(frozen=True)
class NothingThere:
    """The object was deleted before this delivery."""


Outcome = Logged | NotLogged | NothingThere


def carry_out_quarantine(written: WrittenQuarantine, storage: StorageContext) -> Outcome:
    """Adds a quarantine or a lift to the log, only once however often its event is delivered."""
    key = keys.quarantine_review(written.project, written.id)
    try:
        body, tag = storage.objects.read_tagged(key, MAX_BYTES)
    except NotFound:
        return NothingThere()
    except TooLarge as error:
        return _refuse(written, str(error), b"", storage)
    if written.tag is not None and tag.strip('"') != written.tag:
        why = "the object was overwritten before it was carried out; it is written once"
        return _refuse(written, why, body, storage)
    try:
        request = parse(body)
        _check(written, request, storage)
        _add(written, request, hashlib.sha256(body).hexdigest(), storage)
    except ReviewRefused as error:
        return _refuse(written, str(error), body, storage)
    _keep(written, request.action, None, json.loads(body.decode("utf-8-sig")), storage)
    return Logged(request.action)


def _check(written: WrittenQuarantine, request: Body, storage: StorageContext) -> None:
    """Checks what does not depend on the log. Raises ReviewRefused."""
    if storage.site_role and written.by.startswith(f"AWS:{storage.site_role}:"):
        raise ReviewRefused("the review site writes no quarantines: it would hide who did")
    if not isinstance(request, LiftBody):
        return
    # Events come in any order: the quarantine may be written and not be in the log yet.
    if request.quarantine in read_quarantine_log(written.project, storage.objects).entries:
        return
    if not storage.objects.exists(keys.quarantine_review(written.project, request.quarantine)):
        raise ReviewRefused(
            f"quarantine: project {written.project} has no quarantine {request.quarantine}; "
            "`pixelgate quarantine list` names them"
        )


def _add(written: WrittenQuarantine, request: Body, sha256: str, storage: StorageContext) -> None:
    def add(present: QuarantineLog) -> QuarantineLog:
        known = present.entries.get(written.id) or present.lifts.get(written.id)
        if known is not None:
            if (known.sha256, known.by) != (sha256, written.by):
                raise ReviewRefused(
                    f"{written.id} was written before, by {known.by}; it is written once"
                )
            return present
        if isinstance(request, LiftBody):
            lift = lifted(request, written.by, written.at, sha256)
            return present.with_lift(written.id, lift)
        if present.active(datetime.fromisoformat(written.at)) >= MAX_ACTIVE:
            raise ReviewRefused(
                f"the project has {MAX_ACTIVE} quarantines that have not expired; no more are taken"
            )
        entry: Entered = entered(request, written.by, written.at, sha256)
        return present.with_entry(written.id, entry)

    change_quarantine_log(written.project, storage.objects, add)


def _refuse(
    written: WrittenQuarantine, why: str, body: bytes, storage: StorageContext
) -> NotLogged:
    """Writes to the log why an object does not count."""
    refusal = Refusal(written.id, written.by, written.at, why)
    change_quarantine_log(written.project, storage.objects, lambda log: log.with_refusal(refusal))
    _keep(written, "", why, body[:_MAX_TEXT].decode("utf-8", "replace"), storage)
    return NotLogged(why)


def _keep(
    written: WrittenQuarantine, action: str, refused: str | None, body: Any, storage: StorageContext
) -> None:
    """Copies an object to a folder where reviewers cannot write; it is kept for ever."""
    kept = {
        "schema_version": 1,
        "project": written.project,
        "id": written.id,
        "action": action,
        "by": written.by,
        "at": written.at,
        "refused": refused,
        "written": body,
    }
    key = keys.kept_quarantine_review(written.project, written.id)
    encoded = json.dumps(kept, ensure_ascii=False, indent=2).encode()
    with suppress(WriteConflict):  # an earlier delivery has copied it
        storage.objects.replace(key, encoded, "application/json", None)
