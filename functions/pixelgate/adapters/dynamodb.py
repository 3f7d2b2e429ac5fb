"""The ledger on DynamoDB: one table, five kinds of items, conditional writes.

    pk        sk                          what
    project   build/<build>               an accepted or rejected build
    project   commit/<commit>/<build>     finds the builds of a commit
    project   comparison/<head>/<base>    a comparison
    project   review/<build>/<id>         one review of a build
    project   decided/<pull>/<build>      what people decided on a build of a pull request

No id holds a "/", and none is longer than 255 bytes, so a sort key is unambiguous and within its
1,024 bytes. An item that is unfinished or unsettled carries the attribute `unfinished`, which puts
it into the sparse index of that name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pixelgate.adapters.dynamodb_items import (
    build_key,
    build_record,
    comparison_id,
    comparison_key,
    comparison_record,
    from_item,
    to_item,
)
from pixelgate.adapters.dynamodb_reviews import KEPT_SECONDS, DynamoReviews
from pixelgate.errors import AlreadyFinished, BuildConflict, ErrorCode, HeldByOther, LeaseLost
from pixelgate.keys import BuildId, ComparisonId
from pixelgate.record import Baseline, BuildRecord, ComparisonRecord, Failure, Result, State

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

INDEX = "unfinished"
_UNFINISHED = "yes"
_KEPT_SECONDS = KEPT_SECONDS

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

# The same manifest again is a second delivery; a rejected build may be uploaded anew.
FRESH_BUILD = (
    "attribute_not_exists(pk) OR attribute_not_exists(manifest_sha256)"
    " OR manifest_sha256 = :manifest_sha256"
)


class DynamoLedger(DynamoReviews):
    """The ledger in one table."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def register(self, build: BuildRecord) -> BuildRecord:
        """Accepts a build: first its commit's entry, then the build, whose item decides."""
        self._client.put_item(
            TableName=self._table,
            Item=to_item(
                {
                    "pk": build.id.project,
                    "sk": f"commit/{build.commit}/{build.id.build}",
                    "build": build.id.build,
                }
            ),
        )
        try:
            stored = self._update(
                build_key(build.id),
                "SET manifest_sha256 = :manifest_sha256, #commit = :commit, "
                "created = if_not_exists(created, :created), branch = :branch, "
                "pull_request = :pull_request "
                "REMOVE error_code, error_message, updated, expires_at",
                FRESH_BUILD,
                {
                    ":manifest_sha256": build.manifest_sha256,
                    ":commit": build.commit,
                    ":created": build.created,
                    ":branch": build.branch,
                    ":pull_request": build.pull_request,
                },
                names={"#commit": "commit"},
            )
        except _Refused as refused:
            raise BuildConflict(
                f"{build.id} was uploaded before with another manifest"
            ) from refused
        return build_record(build.id, stored)

    def reject(self, build: BuildId, message: str, now: float) -> None:
        """Records a wrong manifest on the build's item, unless a right one is there."""
        try:
            self._update(
                build_key(build),
                "SET error_code = :code, error_message = :message, updated = :now, "
                "expires_at = :expires_at",
                "attribute_not_exists(manifest_sha256)",
                {
                    ":code": ErrorCode.BAD_MANIFEST,
                    ":message": message,
                    ":now": now,
                    ":expires_at": int(now + _KEPT_SECONDS),
                },
            )
        except _Refused:
            return

    def build(self, build: BuildId) -> BuildRecord | None:
        """The accepted build of that id."""
        item = self._get(build_key(build))
        return build_record(build, item) if item and "manifest_sha256" in item else None

    def builds_at(self, project: str, commit: str) -> list[BuildRecord]:
        """The accepted builds of a commit, newest first."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :commit)",
            ExpressionAttributeValues=to_item({":pk": project, ":commit": f"commit/{commit}/"}),
            ConsistentRead=True,
        )
        names = [from_item(item)["build"] for page in pages for item in page["Items"]]
        found = [b for name in names if (b := self.build(BuildId(project, name)))]
        # An entry is written before its build is decided; one that was refused leaves its entry.
        found = [b for b in found if b.commit == commit]
        return sorted(found, key=lambda b: (b.created, b.id), reverse=True)

    def complete(self, build: BuildId) -> None:
        """Notes that its images are all there."""
        self._update(
            build_key(build), "SET complete = :true", "attribute_exists(pk)", {":true": True}
        )

    def choose_baseline(self, build: BuildId, baseline: Baseline) -> Baseline:
        """Decides the baseline once; who comes second gets the first one's decision."""
        try:
            self._update(
                build_key(build),
                "SET baseline = :build, baseline_reason = :reason",
                "attribute_exists(pk) AND attribute_not_exists(baseline)",
                {":build": baseline.build, ":reason": baseline.reason},
            )
        except _Refused:
            stored = self.build(build)
            if stored is None or stored.baseline is None:
                raise
            return stored.baseline
        return baseline

    def claim(
        self, comparison: ComparisonId, reason: str, execution: str, now: float, lease_until: float
    ) -> ComparisonRecord:
        """One conditional write creates the item in PROCESSING or takes it over."""
        try:
            item = self._update(
                comparison_key(comparison),
                "SET #state = :processing, execution = :execution, lease_until = :lease_until, "
                "updated = :now, claimed = :now, created = if_not_exists(created, :now), "
                "baseline_reason = :reason, unfinished = :unfinished "
                "REMOVE error_code, error_message, retryable, expires_at "
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
                    ":unfinished": _UNFINISHED,
                    ":one": 1,
                },
                names={"#state": "state"},
            )
        except _Refused as refused:
            old = comparison_record(comparison, refused.item)
            if old.execution == execution:
                return old  # the SDK sent our write twice: the first answer was lost on the way
            if old.finished:
                raise AlreadyFinished(f"{comparison} is {old.state}") from refused
            raise HeldByOther(
                f"{comparison} is being processed by execution {old.execution}, "
                f"which holds the lease for another {old.lease_until - now:.0f} s"
            ) from refused
        return comparison_record(comparison, item)

    def heartbeat(self, claim: ComparisonRecord, now: float, lease_until: float) -> None:
        """Prolongs the lease."""
        self._owned_update(
            claim, "SET lease_until = :lease_until", {":lease_until": lease_until}, now
        )

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
        item = self._finish(
            claim,
            State.SUCCEEDED,
            "SET #state = :state, verdict = :verdict, counts = :counts, "
            "comparison_key = :comparison_key, report_key = :report_key, expires_at = :expires_at "
            "REMOVE error_code, error_message",
            {
                ":verdict": result.verdict,
                ":counts": dict(result.counts),
                ":comparison_key": result.comparison_key,
                ":report_key": result.report_key,
                ":expires_at": int(now + _KEPT_SECONDS),
            },
            now,
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
                ":expires_at": int(now + _KEPT_SECONDS),
            },
            now,
        )
        return comparison_record(claim.id, item)

    def settle(self, record: ComparisonRecord) -> None:
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
        except _Refused:
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
    ) -> dict[str, Any]:
        try:
            return self._owned_update(claim, update, {**values, ":state": state}, now)
        except LeaseLost:
            stored = self._get(comparison_key(claim.id)) or {}
            if stored.get("execution") == claim.execution and stored.get("state") == state:
                return stored  # the SDK sent our write twice: the first answer was lost
            raise

    def _owned_update(
        self, claim: ComparisonRecord, update: str, values: Mapping[str, Any], now: float
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
                names={"#state": "state"},
            )
        except _Refused as refused:
            raise LeaseLost(
                f"{claim.id}: execution {claim.execution} is no longer the owner"
            ) from refused

    def _update(
        self,
        key: Mapping[str, str],
        update: str,
        condition: str,
        values: Mapping[str, Any],
        names: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """One conditional update; returns the new item."""
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key=to_item(key),
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues=to_item(values),
                **({"ExpressionAttributeNames": names} if names else {}),  # type: ignore[arg-type]
                ReturnValues="ALL_NEW",
                # Saves the read that would tell who holds it, and the race in that read.
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ConditionalCheckFailedException":
                raise
            raise _Refused(from_item(error.response.get("Item", {}))) from error  # type: ignore[arg-type]
        return from_item(answer["Attributes"])

    def _get(self, key: Mapping[str, str]) -> dict[str, Any] | None:
        answer = self._client.get_item(TableName=self._table, Key=to_item(key), ConsistentRead=True)
        return from_item(answer["Item"]) if "Item" in answer else None


class _Refused(Exception):
    """A condition did not hold; carries the item as it is."""

    def __init__(self, item: dict[str, Any]) -> None:
        super().__init__("the condition does not hold")
        self.item = item
