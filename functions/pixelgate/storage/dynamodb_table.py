"""One DynamoDB table: conditional updates, reads and queries."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pixelgate.domain.records import State
from pixelgate.storage.dynamodb_items import from_item, to_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Comparisons are kept for 90 days after their last write; reports stay in the bucket.
KEPT_SECONDS = 90 * 24 * 3600

_BATCH = 100  # the most that BatchGetItem takes


class Refused(Exception):
    """The condition of an update did not hold; `item` is the item as it is."""

    def __init__(self, item: dict[str, Any]) -> None:
        super().__init__("the condition does not hold")
        self.item = item


class DynamoTable:
    """One table."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def _update(
        self,
        key: Mapping[str, str],
        fields: Mapping[str, Any],
        condition: str,
        values: Mapping[str, Any] | None = None,
        *,
        once: Mapping[str, Any] | None = None,
        count: Sequence[str] = (),
        remove: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Updates or creates an item if the condition holds; returns the new item.

        Args:
            key: the item's key.
            fields: attributes to set.
            condition: a condition of DynamoDB. `#name` stands for an attribute, `:name` for the
                new value of a field, `:PROCESSING` for that state of a comparison.
            values: the condition's other values.
            once: attributes to set only if the item has none.
            count: attributes to increase by one.
            remove: attributes to remove.

        Raises:
            Refused: the condition does not hold.
        """
        sets = [f"#{name} = :{name}" for name in fields]
        sets += [f"#{name} = if_not_exists(#{name}, :{name})" for name in once or ()]
        clauses = {
            "SET": sets,
            "ADD": [f"#{name} :one" for name in count],
            "REMOVE": [f"#{name}" for name in remove],
        }
        update = " ".join(f"{verb} {', '.join(each)}" for verb, each in clauses.items() if each)
        states = {*State}.intersection(re.findall(r":(\w+)", condition))
        placed = {**fields, **(once or {}), **(values or {}), **{state: state for state in states}}
        if count:
            placed["one"] = 1
        # Every attribute has a placeholder: DynamoDB reserves words such as `by`, `at` and `state`.
        attributes = set(re.findall(r"#(\w+)", f"{update} {condition}"))
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key=to_item(key),
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeNames={f"#{name}": name for name in attributes},
                ExpressionAttributeValues=to_item({f":{n}": value for n, value in placed.items()}),
                ReturnValues="ALL_NEW",
                # Saves a read of the item, and the race of that read.
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ConditionalCheckFailedException":
                raise
            raise Refused(from_item(error.response.get("Item", {}))) from error  # type: ignore[arg-type]
        return from_item(answer["Attributes"])

    def _update_if(
        self,
        key: Mapping[str, str],
        fields: Mapping[str, Any],
        condition: str,
        values: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> dict[str, Any] | None:
        """Like `_update`, but returns None if the condition does not hold."""
        try:
            return self._update(key, fields, condition, values, **changes)
        except Refused:
            return None

    def _get(self, key: Mapping[str, str]) -> dict[str, Any] | None:
        answer = self._client.get_item(TableName=self._table, Key=to_item(key), ConsistentRead=True)
        return from_item(answer["Item"]) if "Item" in answer else None

    def _put(self, item: Mapping[str, Any]) -> None:
        self._client.put_item(TableName=self._table, Item=to_item(item))

    def _delete(self, key: Mapping[str, str]) -> None:
        self._client.delete_item(TableName=self._table, Key=to_item(key))

    def _query(self, project: str, prefix: str, *, newest: bool = False) -> Iterator[Any]:
        """Yields the items whose sort key begins with the prefix, page by page as needed."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues=to_item({":pk": project, ":prefix": prefix}),
            ConsistentRead=True,
            ScanIndexForward=not newest,
        )
        for page in pages:
            yield from map(from_item, page["Items"])

    def _existing(self, project: str, sort_keys: Sequence[str]) -> Iterator[str]:
        """Yields those sort keys under which there are items."""
        for start in range(0, len(sort_keys), _BATCH):
            keys = [to_item({"pk": project, "sk": sk}) for sk in sort_keys[start : start + _BATCH]]
            while keys:
                answer = self._client.batch_get_item(
                    RequestItems={self._table: {"Keys": keys, "ConsistentRead": True}}
                )
                yield from (from_item(i)["sk"] for i in answer["Responses"].get(self._table, []))
                # Keys that were too much for one request are asked for again.
                left: Any = answer.get("UnprocessedKeys", {})
                keys = left[self._table]["Keys"] if left else []
