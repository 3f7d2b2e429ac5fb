"""All records of a project as they are stored, to move or to delete them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from pixelgate.storage.dynamodb_items import from_item, to_item
from pixelgate.storage.dynamodb_table import DynamoTable

# Fields that an item gets after it was made.
_LATER = frozenset({
    "arrived", "baseline", "complete", "forgotten", "lost", "review", "review_revision",
    "unfinished",
})  # fmt: skip


class DynamoProjects(DynamoTable):
    """The items of one table, project by project; their values are Python's, numbers decimals."""

    def items(self, project: str) -> Iterator[dict[str, Any]]:
        """Yields every item of a project, in the order of their sort keys."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=to_item({":pk": project}),
            ConsistentRead=True,
        )
        for page in pages:
            yield from map(from_item, page["Items"])

    def put_new(self, item: Mapping[str, Any]) -> dict[str, Any] | None:
        """Writes an item unless there is one with its key; returns the one that was there."""
        try:
            self._client.put_item(
                TableName=self._table,
                Item=to_item(item),
                ConditionExpression="attribute_not_exists(pk)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            return from_item(_refused(error))
        return None

    def put(self, item: Mapping[str, Any]) -> None:
        """Writes an item, also over another one."""
        self._put(item)

    def delete(self, item: Mapping[str, Any]) -> bool:
        """Deletes an item if it is as it was; returns whether it is gone.

        Fields that are written later, such as a review, must not have come either.
        """
        key = {"pk": item["pk"], "sk": item["sk"]}
        same = {name: value for name, value in item.items() if name not in key}
        new = sorted(_LATER - same.keys())
        names = {f"#{number}": name for number, name in enumerate([*same, *new])}
        placed = dict(zip(same, names, strict=False))
        values = {f":{placed[name][1:]}": value for name, value in same.items()}
        holds = [f"{placed[name]} = :{placed[name][1:]}" for name in same]
        holds += [f"attribute_not_exists({at})" for at in list(names)[len(same) :]]
        try:
            self._client.delete_item(
                TableName=self._table,
                Key=to_item(key),
                ConditionExpression=" AND ".join(holds),
                ExpressionAttributeNames=names,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **({"ExpressionAttributeValues": to_item(values)} if values else {}),  # type: ignore[arg-type]
            )
        except ClientError as error:
            return not _refused(error)
        return True


def _refused(error: ClientError) -> dict[str, Any]:
    """Returns the item for which a condition does not hold, empty if there is none."""
    if error.response.get("Error", {}).get("Code") != "ConditionalCheckFailedException":
        raise error
    item: dict[str, Any] = error.response.get("Item", {})  # type: ignore[assignment]
    return item
