"""Doubles of the bucket and the ledger in memory: for tests, and for one run on a laptop."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from pixelgate.domain.baseline import Choice
from pixelgate.domain.keys import BuildId, ComparisonId
from pixelgate.domain.records import (
    Baseline,
    BuildRecord,
    ComparisonRecord,
    Failure,
    Lookup,
    Result,
    Review,
    Series,
    State,
)
from pixelgate.domain.review_request import Decision, ReviewRecord
from pixelgate.errors import (
    AlreadyFinished,
    BucketError,
    BuildConflict,
    ErrorCode,
    HeldByOther,
    LeaseLost,
    NotFound,
    NotTold,
    StillWaiting,
    TooLarge,
    WriteConflict,
)
from pixelgate.ports import Listed

VERSIONS_KEPT = 30 * 86_400.0  # as template.yaml's rule old-versions


class MemoryBucket:
    """ports.py's Bucket in a dictionary; `clock` dates what is written and what is deleted."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.content_types: dict[str, str] = {}
        self.modified: dict[str, float] = {}
        self.deleted: dict[str, tuple[float, bytes]] = {}
        self.clock: Callable[[], float] = time.time
        self.reads: list[str] = []
        self._versions: dict[str, int] = {}
        self._lock = threading.Lock()

    def read(self, key: str, limit: int | None = None) -> bytes:
        self.reads.append(key)
        return self.read_tagged(key, limit)[0]

    def read_tagged(self, key: str, limit: int | None = None) -> tuple[bytes, str]:
        with self._lock:
            if key not in self.objects:
                raise NotFound(key)
            body = self.objects[key]
            return _within(limit, key, body), str(self._versions[key])

    def read_range(self, key: str, offset: int, length: int) -> bytes:
        return self.read(key)[offset : offset + length]

    def write(self, key: str, body: bytes, content_type: str) -> None:
        with self._lock:
            self._put(key, body, content_type)

    def replace(self, key: str, body: bytes, content_type: str, tag: str | None) -> None:
        with self._lock:
            present = str(self._versions[key]) if key in self.objects else None
            if present != tag:
                raise WriteConflict(key)
            self._put(key, body, content_type)

    def read_changed(self, key: str, tag: str | None) -> tuple[bytes, str] | None:
        body, present = self.read_tagged(key)
        return None if present == tag else (body, present)

    def put_new(self, key: str, body: bytes, content_type: str, sha256: bytes) -> bool:
        if hashlib.sha256(body).digest() != sha256:
            raise BucketError(f"{key} was damaged on its way")
        with self._lock:
            if key in self.objects:
                return False
            self._put(key, body, content_type)
            return True

    def check_write(self, key: str) -> None:
        """Everybody may write."""

    def caller(self) -> str:
        return "this process"

    def exists(self, key: str) -> bool:
        with self._lock:
            return key in self.objects

    def read_deleted(self, key: str, limit: int | None = None) -> bytes:
        """The bytes of an object that was deleted not too long ago."""
        with self._lock:
            when, body = self.deleted.get(key, (float("-inf"), b""))
        if self.clock() - when > VERSIONS_KEPT:
            raise NotFound(key)
        return _within(limit, key, body)

    def list(self, prefix: str) -> Iterator[Listed]:
        """Objects by key."""
        with self._lock:
            found = [
                Listed(
                    key, len(body), hashlib.sha256(body).hexdigest(), self.modified.get(key, 0.0)
                )
                for key, body in sorted(self.objects.items())
                if key.startswith(prefix)
            ]
        yield from found

    def folders(self, prefix: str) -> Iterator[str]:
        """Names up to the next "/"."""
        below = (found.key.removeprefix(prefix) for found in self.list(prefix))
        yield from sorted({key.partition("/")[0] for key in below if "/" in key})

    def delete(self, keys: Collection[str]) -> None:
        """Deletes objects; their bytes stay for VERSIONS_KEPT seconds, as the bucket's do."""
        with self._lock:
            for key in keys:
                if key in self.objects:
                    self.deleted[key] = (self.clock(), self.objects.pop(key))

    def _put(self, key: str, body: bytes, content_type: str) -> None:
        self.objects[key] = body
        self.content_types[key] = content_type
        self.modified[key] = self.clock()
        self._versions[key] = self._versions.get(key, 0) + 1


def _within(limit: int | None, key: str, body: bytes) -> bytes:
    if limit is not None and len(body) > limit:
        raise TooLarge(f"{key} has {len(body):,} bytes; {limit:,} are allowed")
    return body


class MemoryEvents:
    """Keeps the events that were emitted; fails as often as a test says."""

    def __init__(self, failures: int = 0) -> None:
        self.emitted: list[tuple[str, dict[str, Any]]] = []
        self.failures = failures

    def emit(self, kind: str, detail: Mapping[str, Any]) -> None:
        if self.failures:
            self.failures -= 1
            raise NotTold("the bus is down")
        self.emitted.append((kind, dict(detail)))


class MemoryLedger:
    """The ledger in two dictionaries under one lock."""

    def __init__(self) -> None:
        self.builds: dict[BuildId, BuildRecord] = {}
        self.rejected: dict[BuildId, str] = {}
        self.comparisons: dict[ComparisonId, ComparisonRecord] = {}
        self.revisions: dict[BuildId, int] = {}
        self.history: dict[tuple[BuildId, str], ReviewRecord] = {}
        self.decided: dict[tuple[str, Series], dict[BuildId, tuple[int, Decision]]] = {}
        self.waits: dict[tuple[str, str], set[ComparisonId]] = {}
        self.hidden: dict[BuildId, float] = {}
        self._lock = threading.Lock()

    def register(self, build: BuildRecord) -> BuildRecord:
        with self._lock:
            if build.id in self.hidden:
                raise BuildConflict(f"{build.id} was removed after its retention")
            stored = self.builds.setdefault(build.id, build)
            if stored.manifest_sha256 != build.manifest_sha256:
                raise BuildConflict(f"{build.id} was uploaded before with another manifest")
            self.rejected.pop(build.id, None)
            return stored

    def reject(self, build: BuildId, message: str, now: float) -> None:
        with self._lock:
            if build not in self.builds:
                self.rejected[build] = message

    def build(self, build: BuildId) -> BuildRecord | None:
        return self.builds.get(build)

    def builds_at(self, project: str, commit: str) -> list[BuildRecord]:
        return self._newest_first(project, lambda build: build.commit == commit)

    def builds_by(self, project: str, lookup: Lookup, value: str) -> Iterator[BuildRecord]:
        yield from self._newest_first(project, lambda build: lookup.of(build) == value)

    def _newest_first(self, project: str, fits: Callable[[BuildRecord], bool]) -> list[BuildRecord]:
        with self._lock:
            found = [b for b in self.builds.values() if b.id.project == project and fits(b)]
        return sorted(found, key=lambda b: (b.created, b.id), reverse=True)

    def existing_lookup_keys(self, project: str, topics: Collection[str]) -> set[str]:
        with self._lock:
            of_builds = [b.topics for b in self.builds.values() if b.id.project == project]
        return {t for of in of_builds for t in of} & set(topics)

    def mark_images_valid(self, build: BuildId) -> None:
        self._note(build, complete=True, arrived=True, lost=False)

    def mark_images_present(self, build: BuildId) -> None:
        self._note(build, arrived=True, lost=False)

    def mark_images_missing(self, build: BuildId) -> None:
        self._note(build, lost=True)

    def _note(self, build: BuildId, **changes: Any) -> None:
        with self._lock:
            self.builds[build] = replace(self.builds[build], **changes)

    def hide(self, build: BuildId, now: float) -> bool:
        with self._lock:
            if build in self.hidden:
                return True
            stored = self.builds.get(build)
            if stored is None or stored.review is Review.APPROVED:
                return False
            del self.builds[build]
            self.hidden[build] = now
            return True

    def hidden_since(self, build: BuildId) -> float | None:
        return self.hidden.get(build)

    def delete_build(self, build: BuildId) -> None:
        self.hidden.pop(build, None)

    def choose_baseline(self, build: BuildId, baseline: Baseline) -> Baseline:
        with self._lock:
            stored = self.builds[build]
            if stored.baseline is None:
                self.builds[build] = replace(stored, baseline=baseline)
            return stored.baseline or baseline

    def set_review(self, build: BuildId, review: Review | None, revision: int) -> None:
        with self._lock:
            if build in self.builds and revision > self.revisions.get(build, -1):
                self.revisions[build] = revision
                self.builds[build] = replace(self.builds[build], review=review)

    def add_review(self, review: ReviewRecord) -> ReviewRecord:
        with self._lock:
            return self.history.setdefault((review.build, review.id), review)

    def reviews(self, build: BuildId) -> list[ReviewRecord]:
        with self._lock:
            found = [r for r in self.history.values() if r.build == build]
        return sorted(found, key=lambda r: (r.at, r.id))

    def set_decision(self, series: Series, decision: Decision, revision: int) -> None:
        with self._lock:
            known = self.decided.setdefault((decision.build.project, series), {})
            if decision.build not in known or revision > known[decision.build][0]:
                known[decision.build] = revision, decision

    def decisions(self, project: str, series: Series) -> list[Decision]:
        with self._lock:
            found = [d for _, d in self.decided.get((project, series), {}).values()]
        return sorted(found, key=lambda d: (d.at, d.build), reverse=True)

    def reopen(self, record: ComparisonRecord, now: float) -> ComparisonRecord:
        """Notes that there is something new to tell."""
        with self._lock:
            stored = self.comparisons.get(record.id)
            if stored is None or stored.execution != record.execution or not stored.finished:
                raise LeaseLost(f"{record.id}: {record.execution} is no longer the latest")
            return self._store(replace(stored, updated=now, announced=False))

    def claim(
        self,
        comparison: ComparisonId,
        reason: str,
        execution: str,
        now: float,
        lease_until: float,
        choice: Choice | None = None,
    ) -> ComparisonRecord:
        with self._lock:
            old = self.comparisons.get(comparison)
            if old and not _can_be_claimed(old, now):
                if old.state is State.WAITING_FOR_BASE:
                    raise StillWaiting(f"{comparison} waits")
                if old.finished:
                    raise AlreadyFinished(f"{comparison} is {old.state}")
                raise HeldByOther(f"{comparison} is being processed by {old.execution}")
            claimed = ComparisonRecord(
                id=comparison,
                state=State.PROCESSING,
                execution=execution,
                lease_until=lease_until,
                attempts=(old.attempts if old else 0) + 1,
                claims=(old.claims if old else 0) + 1,
                created=old.created if old else now,
                claimed=now,
                updated=now,
                baseline_reason=reason,
                choice=choice,
                wait_until=old.wait_until if old else None,
            )
            self.comparisons[comparison] = claimed
            return claimed

    def heartbeat(self, claim: ComparisonRecord, now: float, lease_until: float) -> None:
        self._change(claim, now, lease_until=lease_until)

    def hand_over(
        self, claim: ComparisonRecord, reason: str, now: float, lease_until: float
    ) -> ComparisonRecord:
        return self._change(claim, now, fan_out=reason, lease_until=lease_until)

    def release(self, claim: ComparisonRecord, code: str, message: str, now: float) -> None:
        self._change(claim, now, lease_until=0.0, error_message=f"{code}: {message}")

    def publish(self, claim: ComparisonRecord, result: Result, now: float) -> ComparisonRecord:
        """PROCESSING → SUCCEEDED."""
        done: dict[str, Any] = {"state": State.SUCCEEDED, "error_message": None, **vars(result)}
        return self._change(claim, now, **done)

    def fail(self, claim: ComparisonRecord, failure: Failure, now: float) -> ComparisonRecord:
        """PROCESSING → FAILED."""
        error: dict[str, Any] = {"error_code": failure.code, "error_message": failure.message}
        error["retryable"] = failure.retryable
        return self._change(claim, now, state=State.FAILED, attempts=0, **error)

    def wait(
        self, claim: ComparisonRecord, topics: Iterable[str], wait_until: float, now: float
    ) -> ComparisonRecord:
        """PROCESSING → WAITING_FOR_BASE."""
        waits: dict[str, Any] = {
            "lease_until": wait_until,
            "wait_until": wait_until,
            "error_message": None,
        }
        with self._owned(claim) as record:
            for topic in topics:
                self.waits.setdefault((claim.id.project, topic), set()).add(claim.id)
            changes: dict[str, Any] = {
                "state": State.WAITING_FOR_BASE,
                "attempts": 0,
                "updated": now,
                **waits,
            }
            return self._store(replace(record, **changes))

    def waiting(self, project: str, topics: Iterable[str]) -> list[ComparisonId]:
        with self._lock:
            found: set[ComparisonId] = set()
            return sorted(found.union(*(self.waits.get((project, t), ()) for t in topics)))

    def wake(self, comparison: ComparisonId, now: float) -> bool:
        with self._lock:
            old = self.comparisons.get(comparison)
            if old is None or old.state is not State.WAITING_FOR_BASE:
                return False
            self._store(replace(old, state=State.PROCESSING, lease_until=0.0, updated=now))
            return True

    def end_wait(self, comparison: ComparisonId, message: str, now: float) -> None:
        with self._lock:
            old = self.comparisons.get(comparison)
            if old is None or old.finished:
                return
            self._store(
                replace(
                    old,
                    state=State.FAILED,
                    error_code=ErrorCode.BASE_MISSING,
                    error_message=message,
                    retryable=False,
                    announced=True,
                    updated=now,
                )
            )

    def mark_announced(self, record: ComparisonRecord) -> None:
        with self._lock:
            stored = self.comparisons.get(record.id)
            told = stored and (stored.execution, stored.updated) == (
                record.execution,
                record.updated,
            )
            if stored and told and stored.finished:
                self._store(replace(stored, announced=True))

    def comparison(self, comparison: ComparisonId) -> ComparisonRecord | None:
        return self.comparisons.get(comparison)

    def unfinished(self, lease_before: float) -> Iterable[ComparisonRecord]:
        """Records that nobody works on and that are not settled."""
        with self._lock:
            return [
                c
                for c in self.comparisons.values()
                if not c.announced and c.lease_until < lease_before
            ]

    def _change(self, claim: ComparisonRecord, now: float, **changes: Any) -> ComparisonRecord:
        with self._owned(claim) as record:
            return self._store(replace(record, updated=now, **changes))

    def _store(self, record: ComparisonRecord) -> ComparisonRecord:
        self.comparisons[record.id] = record
        return record

    @contextmanager
    def _owned(self, claim: ComparisonRecord) -> Iterator[ComparisonRecord]:
        with self._lock:
            stored = self.comparisons.get(claim.id)
            if (
                stored is None
                or stored.execution != claim.execution
                or stored.state is not State.PROCESSING
            ):
                raise LeaseLost(f"{claim.id}: execution {claim.execution} is no longer the owner")
            yield stored


def _can_be_claimed(comparison: ComparisonRecord, now: float) -> bool:
    if comparison.state is State.PROCESSING:
        return comparison.lease_until <= now
    return comparison.state is State.FAILED and comparison.retryable
