"""The ledger on DynamoDB: one table, conditional writes.

    pk        sk                                   what
    project   build/<build>                        an accepted or rejected build
    project   commit/<commit>/<build>              finds the builds of a commit
    project   branch/<digest>/<created>/<build>    … of a branch, in their order; so do
    project   tree/…, pull_request/…               these of a tree and of a pull request
    project   known/<digest>                       there is a build of that commit, tree …
    project   comparison/<head>/<base>             a comparison
    project   waits/<digest>/<head>                finds who waits for a build, commit, tree …
    project   review/<build>/<id>                  one review of a build
    project   decided/<digest>/<build>             what people decided in a pull request

No id holds a "/", and none is longer than 255 bytes, so a sort key is unambiguous and within its
1,024 bytes. An item that is unfinished or unsettled carries the attribute `unfinished`, which puts
it into the sparse index of that name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pixelgate.domain.baseline import Choice
from pixelgate.domain.keys import ComparisonId
from pixelgate.domain.records import ComparisonRecord, Failure, Result, State
from pixelgate.errors import AlreadyFinished, ErrorCode, HeldByOther, LeaseLost, StillWaiting
from pixelgate.storage.codec import encode
from pixelgate.storage.dynamodb_items import (
    assignment,
    comparison_id,
    comparison_key,
    comparison_record,
    digest,
    from_item,
    to_item,
)
from pixelgate.storage.dynamodb_reviews import DynamoReviews
from pixelgate.storage.dynamodb_table import KEPT_SECONDS, Refused

INDEX = "unfinished"
_UNFINISHED = "yes"
# A comparison is free in three cases:
#   - nobody has claimed it yet:         no item
#   - its worker died or gave it back:   PROCESSING, and the lease has run out
#   - it failed and may be tried again:  FAILED and retryable
FREE = (
    "attribute_not_exists(pk)"
    " OR (#state = :processing AND lease_until <= :now)"
    " OR (#state = :failed AND retryable = :true)"
)
# The fence: only the execution that holds the claim may write, and only until it is finished.
OWNED = "#state = :processing AND execution = :execution"


class DynamoLedger(DynamoReviews):
    """The ledger in one table."""

    def claim(
        self,
        comparison: ComparisonId,
        reason: str,
        execution: str,
        now: float,
        lease_until: float,
        choice: Choice | None = None,
    ) -> ComparisonRecord:
        """One conditional write creates the item in PROCESSING or takes it over."""
        try:
            item = self._update(
                comparison_key(comparison),
                "SET #state = :processing, execution = :execution, lease_until = :lease_until, "
                "updated = :now, claimed = :now, created = if_not_exists(created, :now), "
                "baseline_reason = :reason, baseline_choice = :choice, unfinished = :unfinished "
                "REMOVE error_code, error_message, retryable, expires_at, fan_out "
                "ADD attempts :one, claims :one",
                FREE,
                {
                    ":processing": State.PROCESSING,
                    ":failed": State.FAILED,
                    ":true": True,
                    ":execution": execution,
                    ":lease_until": lease_until,
                    ":now": now,
                    ":reason": reason,
                    ":choice": encode(choice) if choice else None,
                    ":unfinished": _UNFINISHED,
                    ":one": 1,
                },
                names={"#state": "state"},
            )
        except Refused as refused:
            old = comparison_record(comparison, refused.item)
            if old.execution == execution:
                return old  # the SDK sent our write twice: the first answer was lost on the way
            if old.state is State.WAITING_FOR_BASE:
                raise StillWaiting(f"{comparison} waits") from refused
            if old.finished:
                raise AlreadyFinished(f"{comparison} is {old.state}") from refused
            raise HeldByOther(
                f"{comparison} is being processed by execution {old.execution}, "
                f"which holds the lease for another {old.lease_until - now:.0f} s",
                renewed=old.updated,
            ) from refused
        return comparison_record(comparison, item)

    def heartbeat(self, claim: ComparisonRecord, now: float, lease_until: float) -> None:
        """Prolongs the lease."""
        self._owned_update(
            claim, "SET lease_until = :lease_until", {":lease_until": lease_until}, now
        )

    def hand_over(
        self, claim: ComparisonRecord, reason: str, now: float, lease_until: float
    ) -> ComparisonRecord:
        """Prolongs the lease for whoever goes on; the next claim forgets the reason."""
        item = self._owned_update(
            claim,
            "SET lease_until = :lease_until, fan_out = :reason",
            {":lease_until": lease_until, ":reason": reason},
            now,
        )
        return comparison_record(claim.id, item)

    def release(self, claim: ComparisonRecord, code: str, message: str, now: float) -> None:
        """Ends the lease at once and keeps the error; the state stays PROCESSING."""
        self._owned_update(
            claim,
            "SET lease_until = :zero, error_message = :message",
            {":zero": 0, ":message": f"{code}: {message}"},
            now,
        )

    def publish(self, claim: ComparisonRecord, result: Result, now: float) -> ComparisonRecord:
        """PROCESSING → SUCCEEDED; the item stays in the index until status.json tells of it."""
        update, values, names = assignment(encode(result))
        item = self._finish(
            claim,
            State.SUCCEEDED,
            f"{update}, #state = :state, expires_at = :expires_at REMOVE error_code, error_message",
            {**values, ":expires_at": int(now + KEPT_SECONDS)},
            now,
            names,
        )
        return comparison_record(claim.id, item)

    def fail(self, claim: ComparisonRecord, failure: Failure, now: float) -> ComparisonRecord:
        """PROCESSING → FAILED; a later claim counts its attempts from one again."""
        item = self._finish(
            claim,
            State.FAILED,
            "SET #state = :state, error_code = :code, error_message = :message, "
            "retryable = :retryable, attempts = :zero, expires_at = :expires_at",
            {
                ":code": failure.code,
                ":message": failure.message,
                ":retryable": failure.retryable,
                ":zero": 0,
                ":expires_at": int(now + KEPT_SECONDS),
            },
            now,
        )
        return comparison_record(claim.id, item)

    def wait(
        self, claim: ComparisonRecord, topics: Iterable[str], wait_until: float, now: float
    ) -> ComparisonRecord:
        """PROCESSING → WAITING_FOR_BASE; first the entries by which an arrival finds it.

        Its place in the index is where its wait ends.
        """
        for topic in topics:
            self._put(
                {
                    "pk": claim.id.project,
                    "sk": f"waits/{digest(topic)}/{claim.id.head}",
                    "head": claim.id.head,
                    "base": claim.id.base,
                    "expires_at": int(wait_until + KEPT_SECONDS),
                }
            )
        item = self._finish(
            claim,
            State.WAITING_FOR_BASE,
            "SET #state = :state, lease_until = :until, wait_until = :until, attempts = :zero "
            "REMOVE error_message",
            {":until": wait_until, ":zero": 0},
            now,
        )
        return comparison_record(claim.id, item)

    def waiting(self, project: str, topics: Iterable[str]) -> list[ComparisonId]:
        """Reads the entries; what they name may have ended its wait long ago."""
        found = {
            ComparisonId(project, entry["head"], entry["base"])
            for topic in topics
            for entry in self._entries(project, f"waits/{digest(topic)}/")
        }
        return sorted(found)

    def wake(self, comparison: ComparisonId, now: float) -> bool:
        """WAITING_FOR_BASE → PROCESSING, free to be claimed; only one caller gets True."""
        try:
            self._update(
                comparison_key(comparison),
                "SET #state = :processing, lease_until = :zero, updated = :now",
                "#state = :waiting",
                {
                    ":processing": State.PROCESSING,
                    ":waiting": State.WAITING_FOR_BASE,
                    ":zero": 0,
                    ":now": now,
                },
                names={"#state": "state"},
            )
        except Refused:
            return False
        return True

    def end_wait(self, comparison: ComparisonId, message: str, now: float) -> None:
        """Closes what only stood for a base; whoever still works on it has lost it."""
        try:
            self._update(
                comparison_key(comparison),
                "SET #state = :failed, error_code = :code, error_message = :message, "
                "retryable = :false, updated = :now, expires_at = :expires_at REMOVE unfinished",
                "#state IN (:waiting, :processing)",
                {
                    ":failed": State.FAILED,
                    ":waiting": State.WAITING_FOR_BASE,
                    ":processing": State.PROCESSING,
                    ":code": ErrorCode.BASE_MISSING,
                    ":message": message,
                    ":false": False,
                    ":now": now,
                    ":expires_at": int(now + KEPT_SECONDS),
                },
                names={"#state": "state"},
            )
        except Refused:
            return

    def mark_announced(self, record: ComparisonRecord) -> None:
        """Takes a finished item out of the index, unless there is something newer to tell."""
        try:
            self._update(
                comparison_key(record.id),
                "REMOVE unfinished",
                "#state <> :processing AND execution = :execution AND updated = :updated",
                {
                    ":processing": State.PROCESSING,
                    ":execution": record.execution,
                    ":updated": record.updated,
                },
                names={"#state": "state"},
            )
        except Refused:
            return

    def comparison(self, comparison: ComparisonId) -> ComparisonRecord | None:
        """The record of a comparison."""
        item = self._get(comparison_key(comparison))
        return comparison_record(comparison, item) if item else None

    def unfinished(self, lease_before: float) -> Iterable[ComparisonRecord]:
        """Reads the index, whose order is by lease."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=INDEX,
            KeyConditionExpression="unfinished = :yes AND lease_until < :before",
            ExpressionAttributeValues=to_item({":yes": _UNFINISHED, ":before": lease_before}),
        )
        for page in pages:
            for item in page["Items"]:
                values = from_item(item)
                yield comparison_record(comparison_id(values), values)

    def _finish(
        self,
        claim: ComparisonRecord,
        state: State,
        update: str,
        values: Mapping[str, Any],
        now: float,
        names: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        try:
            return self._owned_update(claim, update, {**values, ":state": state}, now, names)
        except LeaseLost:
            stored = self._get(comparison_key(claim.id)) or {}
            if stored.get("execution") == claim.execution and stored.get("state") == state:
                return stored  # the SDK sent our write twice: the first answer was lost
            raise

    def _owned_update(
        self,
        claim: ComparisonRecord,
        update: str,
        values: Mapping[str, Any],
        now: float,
        names: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        try:
            return self._update(
                comparison_key(claim.id),
                update.replace("SET ", "SET updated = :now, ", 1),
                OWNED,
                {
                    **values,
                    ":now": now,
                    ":processing": State.PROCESSING,
                    ":execution": claim.execution,
                },
                {**(names or {}), "#state": "state"},
            )
        except Refused as refused:
            raise LeaseLost(
                f"{claim.id}: execution {claim.execution} is no longer the owner"
            ) from refused
