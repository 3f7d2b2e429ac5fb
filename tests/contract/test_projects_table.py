"""The records of a project on DynamoDB: deleted only as they were read; errors in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from pixelgate.aws.deployment import CloudStack
from pixelgate.aws.operator import ProjectTable, StackFacts, in_words, read_stack
from pixelgate.client.projects import Table
from pixelgate.errors import BucketError, Refused, UsageError
from pixelgate.storage.dynamodb_projects import DynamoProjects
from support import aws
from support.doubles.project_table import MemoryProjectTable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KNOWN = {"pk": "shop", "sk": "known/1"}  # an item with nothing but its key
BUILD = {"pk": "shop", "sk": "build/1", "created": 1.5, "commit": "c1", "tags": ["a"]}


@pytest.fixture(scope="module")
def client() -> Iterator[DynamoDBClient]:
    with aws.dynamodb() as client:
        yield client


@pytest.fixture(params=["DynamoDB", "memory"])
def table(client: DynamoDBClient, request: pytest.FixtureRequest) -> Table:
    if request.param == "memory":
        return MemoryProjectTable()
    name = aws.make_table(client)
    return ProjectTable(DynamoProjects(client, name), name)


def test_a_project_s_items_are_its_own(table: Table) -> None:
    for item in (KNOWN, BUILD, {**BUILD, "pk": "shop2"}):
        assert table.put_new(item) is None
    assert [item["sk"] for item in table.items("shop")] == ["build/1", "known/1"]
    assert table.items("sho") == []


def test_what_is_there_is_not_overwritten(table: Table) -> None:
    table.put_new(BUILD)
    present = table.put_new({**BUILD, "commit": "c2"})
    assert present is not None
    assert present["commit"] == "c1"
    table.put({**BUILD, "commit": "c2"})
    assert table.items("shop")[0]["commit"] == "c2"


@pytest.mark.parametrize("item", [KNOWN, BUILD])
def test_an_item_is_deleted_as_it_was_read(table: Table, item: dict[str, Any]) -> None:
    table.put_new(item)
    [read] = table.items("shop")
    assert table.delete(read) is True
    assert table.items("shop") == []
    assert table.delete(read) is True  # it is gone


@pytest.mark.parametrize("change", [{"commit": "c2"}, {"review": "approved"}, {"forgotten": 2}])
def test_an_item_that_has_changed_stays(table: Table, change: dict[str, Any]) -> None:
    table.put_new(BUILD)
    [read] = table.items("shop")
    table.put({**BUILD, **change})
    assert table.delete(read) is False
    assert len(table.items("shop")) == 1


def test_a_table_that_is_not_there_is_said(client: DynamoDBClient) -> None:
    table = ProjectTable(DynamoProjects(client, "none"), "none")
    with pytest.raises(BucketError, match="there is no table none in this account and region"):
        table.items("shop")


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (
            ClientError({"Error": {"Code": "AccessDeniedException"}}, "Query"),
            Refused,
            r"AWS refuses dynamodb:Query on the table t: .*/role-operator.json, or role-projects",
        ),
        (
            ClientError({"Error": {"Code": "Throttled", "Message": "slow"}}, "PutItem"),
            BucketError,
            "dynamodb:PutItem on the table t: AWS answered Throttled: slow",
        ),
        (NoCredentialsError(), BucketError, "there are no AWS credentials"),
    ],
)
def test_errors_in_words(error: Exception, kind: type[Exception], words: str) -> None:
    with pytest.raises(BucketError, match=words) as caught, in_words("t"):
        raise error
    assert type(caught.value) is kind


class Client:
    """CloudFormation's client with one stack."""

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        if StackName == "theirs":
            denied: Any = {"Error": {"Code": "AccessDenied", "Message": "no"}}
            raise ClientError(denied, "DescribeStacks")
        if StackName != "acme":
            message = f"Stack with id {StackName} does not exist"
            answer: Any = {"Error": {"Code": "ValidationError", "Message": message}}
            raise ClientError(answer, "DescribeStacks")
        outputs = [{"OutputKey": "Table", "OutputValue": "t"}]
        return {"Stacks": [{"StackName": StackName, "Outputs": outputs}]}


def test_a_stack_says_what_it_has() -> None:
    client: Any = Client()
    assert read_stack(CloudStack(client, "acme")) == StackFacts(table="t")
    with pytest.raises(UsageError, match="there is no stack gone in this account and region"):
        read_stack(CloudStack(client, "gone"))
    with pytest.raises(Refused, match=r"role-operator\.json, or pass the values yourself"):
        read_stack(CloudStack(client, "theirs"))
