"""One table and how it is asked: conditional updates that answer with the item as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pixelgate.storage.dynamodb_items import from_item, to_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Records are kept for a quarter after their last write; reports stay in the bucket.
KEPT_SECONDS = 90 * 24 * 3600

_BATCH = 100  # the most that BatchGetItem takes


class Refused(Exception):
    """A condition did not hold; carries the item as it is."""

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
            raise Refused(from_item(error.response.get("Item", {}))) from error  # type: ignore[arg-type]
        return from_item(answer["Attributes"])

    def _get(self, key: Mapping[str, str]) -> dict[str, Any] | None:
        answer = self._client.get_item(TableName=self._table, Key=to_item(key), ConsistentRead=True)
        return from_item(answer["Item"]) if "Item" in answer else None

    def _put(self, item: Mapping[str, Any]) -> None:
        self._client.put_item(TableName=self._table, Item=to_item(item))

    def _entries(self, project: str, prefix: str, *, newest: bool = False) -> Iterator[Any]:
        """The items whose sort key begins so, read page by page as they are asked for."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues=to_item({":pk": project, ":prefix": prefix}),
            ConsistentRead=True,
            ScanIndexForward=not newest,
        )
        for page in pages:
            yield from map(from_item, page["Items"])

    def _there(self, project: str, sort_keys: Sequence[str]) -> Iterator[str]:
        """Those sort keys under which there are items."""
        for start in range(0, len(sort_keys), _BATCH):
            wanted = [{"pk": project, "sk": sk} for sk in sort_keys[start : start + _BATCH]]
            keys = [to_item(key) for key in wanted]
            while keys:
                answer = self._client.batch_get_item(
                    RequestItems={self._table: {"Keys": keys, "ConsistentRead": True}}
                )
                yield from (from_item(i)["sk"] for i in answer["Responses"].get(self._table, []))
                # What was too much at once is asked for again.
                left: Any = answer.get("UnprocessedKeys", {})
                keys = left[self._table]["Keys"] if left else []
