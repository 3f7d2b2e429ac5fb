"""The ledger on DynamoDB: one table, conditional writes.

    pk        sk                                   item
    project   build/<build>                        an accepted, rejected or hidden build
    project   commit/<commit>/<build>              entry that finds the builds of a commit
    project   branch/<digest>/<created>/<build>    … of a branch, oldest first; in the same way
    project   tree/…, pull_request/…               … of a tree and of a pull request
    project   known/<digest>                       a build with that commit, tree, … was uploaded
    project   comparison/<head>/<base>             a comparison
    project   waits/<digest>/<head>                entry that finds the heads that wait for a base
    project   review/<build>/<id>                  one review of a build
    project   decided/<digest>/<build>             the decision on a build of a pull request
    project   decided/branch/<digest>/<build>      … on a build of a branch without a pull request

An id has no "/" and at most 255 bytes, so a sort key is unambiguous and within DynamoDB's limit of
1,024 bytes. A comparison that is unfinished or not announced has the attribute `unfinished`, which
puts it into the sparse index of that name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pixelgate.domain.baseline import Choice
from pixelgate.domain.keys import ComparisonId
from pixelgate.domain.records import ComparisonRecord, Failure, Result, State
from pixelgate.errors import AlreadyFinished, ErrorCode, HeldByOther, LeaseLost, StillWaiting
from pixelgate.storage.codec import encode
from pixelgate.storage.dynamodb_items import (
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
# A comparison can be claimed in three cases:
#   - nobody has claimed it yet:         no item
#   - its worker died or gave it back:   PROCESSING, and the lease has expired
#   - it failed and may be retried:      FAILED and retryable
FREE = (
    "attribute_not_exists(pk)"
    " OR (#state = :PROCESSING AND lease_until <= :now)"
    " OR (#state = :FAILED AND retryable = :true)"
)
# The fence: only the execution that holds the claim may write, and only until it is finished.
OWNED = "#state = :PROCESSING AND execution = :owner"


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
        """Creates the item in state PROCESSING, or takes it over."""
        try:
            item = self._update(
                comparison_key(comparison),
                {
                    "state": State.PROCESSING,
                    "execution": execution,
                    "lease_until": lease_until,
                    "updated": now,
                    "claimed": now,
                    "baseline_reason": reason,
                    "baseline_choice": encode(choice) if choice else None,
                    "unfinished": _UNFINISHED,
                },
                FREE,
                {"now": now, "true": True},
                once={"created": now},
                count=("attempts", "claims"),
                remove=("error_code", "error_message", "retryable", "expires_at", "fan_out"),
            )
        except Refused as refused:
            old = comparison_record(comparison, refused.item)
            if old.execution == execution:
                return old  # the SDK sent our write twice, as the first answer was lost
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
        """Sets the new end of the lease."""
        self._write_owned(claim, now, {"lease_until": lease_until})

    def hand_over(
        self, claim: ComparisonRecord, reason: str, now: float, lease_until: float
    ) -> ComparisonRecord:
        """Extends the lease for the other workers; the next claim removes the reason."""
        return self._write_owned(claim, now, {"lease_until": lease_until, "fan_out": reason})

    def release(self, claim: ComparisonRecord, code: str, message: str, now: float) -> None:
        """Ends the lease at once and writes the error; the state stays PROCESSING."""
        self._write_owned(claim, now, {"lease_until": 0, "error_message": f"{code}: {message}"})

    def publish(self, claim: ComparisonRecord, result: Result, now: float) -> ComparisonRecord:
        """Writes the result; the item stays in the index until the state is announced."""
        return self._write_owned(
            claim,
            now,
            {**encode(result), "state": State.SUCCEEDED, "expires_at": int(now + KEPT_SECONDS)},
            remove=("error_code", "error_message"),
        )

    def fail(self, claim: ComparisonRecord, failure: Failure, now: float) -> ComparisonRecord:
        """Writes the error; the attempts of a later claim count from one again."""
        return self._write_owned(
            claim,
            now,
            {
                "state": State.FAILED,
                "error_code": failure.code,
                "error_message": failure.message,
                "retryable": failure.retryable,
                "attempts": 0,
                "expires_at": int(now + KEPT_SECONDS),
            },
        )

    def wait(
        self, claim: ComparisonRecord, topics: Iterable[str], wait_until: float, now: float
    ) -> ComparisonRecord:
        """Writes first the entries by which a base finds the head, then the state.

        In the index the item lies at the end of its wait.
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
        return self._write_owned(
            claim,
            now,
            {
                "state": State.WAITING_FOR_BASE,
                "lease_until": wait_until,
                "wait_until": wait_until,
                "attempts": 0,
            },
            remove=["error_message"],
        )

    def waiting(self, project: str, topics: Iterable[str]) -> list[ComparisonId]:
        """Reads the entries of the topics; a wait may have ended long ago."""
        comparisons = {
            ComparisonId(project, entry["head"], entry["base"])
            for topic in topics
            for entry in self._query(project, f"waits/{digest(topic)}/")
        }
        return sorted(comparisons)

    def wake(self, comparison: ComparisonId, now: float) -> bool:
        """Sets PROCESSING with an expired lease, so that the comparison can be claimed."""
        woken = self._update_if(
            comparison_key(comparison),
            {"state": State.PROCESSING, "lease_until": 0, "updated": now},
            "#state = :WAITING_FOR_BASE",
        )
        return woken is not None

    def end_wait(self, comparison: ComparisonId, message: str, now: float) -> None:
        """Sets FAILED, which also fences a worker that still holds the claim."""
        self._update_if(
            comparison_key(comparison),
            {
                "state": State.FAILED,
                "error_code": ErrorCode.BASE_MISSING,
                "error_message": message,
                "retryable": False,
                "updated": now,
                "expires_at": int(now + KEPT_SECONDS),
            },
            "#state IN (:WAITING_FOR_BASE, :PROCESSING)",
            remove=["unfinished"],
        )

    def mark_announced(self, record: ComparisonRecord) -> None:
        """Takes a finished item out of the index, unless it was written since it was read."""
        self._update_if(
            comparison_key(record.id),
            {},
            "#state <> :PROCESSING AND execution = :owner AND updated = :read",
            {"owner": record.execution, "read": record.updated},
            remove=["unfinished"],
        )

    def comparison(self, comparison: ComparisonId) -> ComparisonRecord | None:
        """Reads the comparison's item."""
        item = self._get(comparison_key(comparison))
        return comparison_record(comparison, item) if item else None

    def unfinished(self, lease_before: float) -> Iterable[ComparisonRecord]:
        """Reads the index, which is sorted by lease and may be some seconds old."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=INDEX,
            KeyConditionExpression="unfinished = :yes AND lease_until < :before",
            ExpressionAttributeValues=to_item({":yes": _UNFINISHED, ":before": lease_before}),
        )
        for page in pages:
            for item in map(from_item, page["Items"]):
                _, head, base = item["sk"].split("/")
                yield comparison_record(ComparisonId(item["pk"], head, base), item)

    def _write_owned(
        self,
        claim: ComparisonRecord,
        now: float,
        fields: Mapping[str, Any],
        remove: Sequence[str] = (),
    ) -> ComparisonRecord:
        """Writes as the owner of a claim. Raises LeaseLost."""
        try:
            item = self._update(
                comparison_key(claim.id),
                {"updated": now, **fields},
                OWNED,
                {"owner": claim.execution},
                remove=remove,
            )
        except Refused as refused:
            item, new_state = refused.item, fields.get("state")
            # The SDK sends a write twice if the first answer was lost: then it is done already.
            done = new_state is not None and item.get("state") == new_state
            if not done or item.get("execution") != claim.execution:
                raise LeaseLost(
                    f"{claim.id}: execution {claim.execution} is no longer the owner"
                ) from refused
        return comparison_record(claim.id, item)
