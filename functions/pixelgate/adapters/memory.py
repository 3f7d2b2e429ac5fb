"""Doubles of the bucket and the ledger in memory: for tests, and for one run on a laptop."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from pixelgate.errors import (
    AlreadyFinished,
    BuildConflict,
    HeldByOther,
    LeaseLost,
    NotFound,
    TooLarge,
    WriteConflict,
)
from pixelgate.keys import BuildId, ComparisonId
from pixelgate.record import Baseline, BuildRecord, ComparisonRecord, Failure, Result, State


class MemoryObjects:
    """A bucket in a dictionary."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.content_types: dict[str, str] = {}
        self._versions: dict[str, int] = {}
        self._lock = threading.Lock()

    def read(self, key: str, limit: int | None = None) -> bytes:
        """The object's bytes."""
        body = self.read_tagged(key)[0]
        if limit is not None and len(body) > limit:
            raise TooLarge(f"{key} has {len(body):,} bytes; {limit:,} are allowed")
        return body

    def read_tagged(self, key: str) -> tuple[bytes, str]:
        """The object's bytes and its version."""
        with self._lock:
            if key not in self.objects:
                raise NotFound(key)
            return self.objects[key], str(self._versions[key])

    def write(self, key: str, body: bytes, content_type: str) -> None:
        """Writes the object."""
        with self._lock:
            self._put(key, body, content_type)

    def replace(self, key: str, body: bytes, content_type: str, tag: str | None) -> None:
        """Writes the object if it still has the tag."""
        with self._lock:
            present = str(self._versions[key]) if key in self.objects else None
            if present != tag:
                raise WriteConflict(key)
            self._put(key, body, content_type)

    def exists(self, key: str) -> bool:
        """Whether the object is there."""
        with self._lock:
            return key in self.objects

    def _put(self, key: str, body: bytes, content_type: str) -> None:
        self.objects[key] = body
        self.content_types[key] = content_type
        self._versions[key] = self._versions.get(key, 0) + 1


class MemoryLedger:
    """The ledger in two dictionaries under one lock."""

    def __init__(self) -> None:
        self.builds: dict[BuildId, BuildRecord] = {}
        self.rejected: dict[BuildId, str] = {}
        self.comparisons: dict[ComparisonId, ComparisonRecord] = {}
        self._lock = threading.Lock()

    def register(self, build: BuildRecord) -> BuildRecord:
        """Accepts a build."""
        with self._lock:
            stored = self.builds.setdefault(build.id, build)
            if stored.manifest_sha256 != build.manifest_sha256:
                raise BuildConflict(f"{build.id} was uploaded before with another manifest")
            self.rejected.pop(build.id, None)
            return stored

    def reject(self, build: BuildId, message: str, now: float) -> None:
        """Records a wrong manifest."""
        with self._lock:
            if build not in self.builds:
                self.rejected[build] = message

    def build(self, build: BuildId) -> BuildRecord | None:
        """The accepted build of that id."""
        return self.builds.get(build)

    def builds_at(self, project: str, commit: str) -> list[BuildRecord]:
        """The accepted builds of a commit, newest first."""
        with self._lock:
            found = [
                b for b in self.builds.values() if b.id.project == project and b.commit == commit
            ]
        return sorted(found, key=lambda b: (b.created, b.id), reverse=True)

    def complete(self, build: BuildId) -> None:
        """Notes that its images are all there."""
        with self._lock:
            self.builds[build] = replace(self.builds[build], complete=True)

    def choose_baseline(self, build: BuildId, baseline: Baseline) -> Baseline:
        """Decides the baseline once."""
        with self._lock:
            stored = self.builds[build]
            if stored.baseline is None:
                self.builds[build] = replace(stored, baseline=baseline)
            return stored.baseline or baseline

    def claim(
        self, comparison: ComparisonId, reason: str, execution: str, now: float, lease_until: float
    ) -> ComparisonRecord:
        """Takes the comparison if the rule of `ComparisonRecord.can_be_claimed` allows it."""
        with self._lock:
            old = self.comparisons.get(comparison)
            if old and not old.can_be_claimed(now):
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
            )
            self.comparisons[comparison] = claimed
            return claimed

    def heartbeat(self, claim: ComparisonRecord, now: float, lease_until: float) -> None:
        """Prolongs the lease."""
        with self._owned(claim) as record:
            self._store(replace(record, lease_until=lease_until, updated=now))

    def release(self, claim: ComparisonRecord, code: str, message: str, now: float) -> None:
        """Gives the lease back."""
        with self._owned(claim) as record:
            self._store(
                replace(record, lease_until=0.0, updated=now, error_message=f"{code}: {message}")
            )

    def publish(self, claim: ComparisonRecord, result: Result, now: float) -> ComparisonRecord:
        """PROCESSING → SUCCEEDED."""
        with self._owned(claim) as record:
            return self._store(
                replace(
                    record,
                    state=State.SUCCEEDED,
                    updated=now,
                    verdict=result.verdict,
                    counts=result.counts,
                    comparison_key=result.comparison_key,
                    report_key=result.report_key,
                    error_message=None,
                )
            )

    def fail(self, claim: ComparisonRecord, failure: Failure, now: float) -> ComparisonRecord:
        """PROCESSING → FAILED."""
        with self._owned(claim) as record:
            return self._store(
                replace(
                    record,
                    state=State.FAILED,
                    updated=now,
                    attempts=0,
                    error_code=failure.code,
                    error_message=failure.message,
                    retryable=failure.retryable,
                )
            )

    def settle(self, record: ComparisonRecord) -> None:
        """Notes that status.json tells of the final state."""
        with self._lock:
            stored = self.comparisons.get(record.id)
            if stored and stored.execution == record.execution and stored.finished:
                self._store(replace(stored, settled=True))

    def comparison(self, comparison: ComparisonId) -> ComparisonRecord | None:
        """The record of a comparison."""
        return self.comparisons.get(comparison)

    def unfinished(self, lease_before: float) -> Iterable[ComparisonRecord]:
        """Records that nobody works on and that are not settled."""
        with self._lock:
            return [
                c
                for c in self.comparisons.values()
                if not c.settled and c.lease_until < lease_before
            ]

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
