"""What an operator's commands ask of AWS: the outputs of a stack, and errors in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from pixelgate.aws import errors
from pixelgate.aws.deployment import CloudStack
from pixelgate.errors import NotFound, Refused, UsageError
from pixelgate.storage.dynamodb_projects import DynamoProjects

# STACK-ACCOUNT-REGION, and "-an" in the account's own namespace.
_STACK_S_BUCKET = re.compile(r"(.+)-\d{12}-([a-z]{2,}(?:-[a-z]+)+-\d)(?:-an)?")


@dataclass(frozen=True)
class StackFacts:
    """What a stack says about itself; empty where it says nothing.

    Attributes:
        table: the table's name.
        queue: the URL of the queue of failed events.
        branches: the baseline branches, separated by commas.
        site: the URL of the review site.
    """

    table: str = ""
    queue: str = ""
    branches: str = ""
    site: str = ""


def stack_of(bucket: str) -> tuple[str, str] | None:
    """Returns name and region of a stack, from its bucket's name; None for another name."""
    found = _STACK_S_BUCKET.fullmatch(bucket)
    return (found[1], found[2]) if found else None


def read_stack(stack: CloudStack) -> StackFacts:
    """Reads a stack's outputs; an older stack has its branches among its parameters only.

    Raises:
        UsageError: there is no such stack.
        BucketError: AWS does not answer or refuses.
    """
    try:
        described: dict[str, Any] = stack.describe()
    except NotFound as error:
        raise UsageError(
            f"there is no stack {stack.name} in this account and region; name it by --stack, or "
            "pass the values that you need of it yourself"
        ) from error
    except Refused as error:
        raise Refused(
            f"AWS refuses cloudformation:DescribeStacks on {stack.name}, whose outputs say what to "
            "use: compare these credentials with examples/ci/role-operator.json, or pass "
            "the values yourself (--help lists them)"
        ) from error
    outputs = {one["OutputKey"]: one["OutputValue"] for one in described.get("Outputs", ())}
    given = {one["ParameterKey"]: one["ParameterValue"] for one in described.get("Parameters", ())}
    return StackFacts(
        table=outputs.get("Table", ""),
        queue=outputs.get("FailedEvents", ""),
        branches=outputs.get("BaselineBranches") or given.get("BaselineBranches", ""),
        site=outputs.get("SiteUrl", "").rstrip("/"),
    )


def in_words(table: str) -> AbstractContextManager[None]:
    """Translates DynamoDB's errors into Refused or BucketError."""
    return errors.in_words(
        "dynamodb:",
        f"the table {table}",
        ". Compare them with examples/ci/role-operator.json, or role-projects.json for moves",
        {
            "ResourceNotFoundException": f"there is no table {table} in this account and region; "
            "its name is the stack's output Table"
        },
    )


class ProjectTable:
    """The records of the projects of one table, for an operator: each error is in words."""

    def __init__(self, items: DynamoProjects, name: str) -> None:
        self._items = items
        self._name = name

    def items(self, project: str) -> list[dict[str, Any]]:
        """Returns every item of a project, in the order of their sort keys."""
        with in_words(self._name):
            return list(self._items.items(project))

    def put_new(self, item: Mapping[str, Any]) -> dict[str, Any] | None:
        """Writes an item unless there is one with its key; returns the one that was there."""
        with in_words(self._name):
            return self._items.put_new(item)

    def put(self, item: Mapping[str, Any]) -> None:
        """Writes an item, also over another one."""
        with in_words(self._name):
            self._items.put(item)

    def delete(self, item: Mapping[str, Any]) -> bool:
        """Deletes an item if it is as it was; returns whether it is gone."""
        with in_words(self._name):
            return self._items.delete(item)
