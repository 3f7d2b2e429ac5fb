"""What starts many workers starts them once, whatever it is made of."""

from __future__ import annotations

import json

import boto3
import pytest
from moto import mock_aws

from pixelgate.aws.stepfunctions import StateMachine
from pixelgate.domain.keys import ComparisonId
from support.aws import REGION
from support.doubles.memory_fan_out import MemoryFanOut

ID, OTHER = ComparisonId("shop", "b2", "b1"), ComparisonId("shop", "b3", "b1")


def test_one_execution_for_each_name_in_memory() -> None:
    fan_out = MemoryFanOut()
    for execution, comparison in (("e1", ID), ("e1", ID), ("e2", OTHER)):
        fan_out.start(execution, comparison)
    ran: list[tuple[str, ComparisonId]] = []
    fan_out.run(lambda execution, comparison: ran.append((execution, comparison)))
    fan_out.start("e1", ID)
    fan_out.run(lambda execution, comparison: ran.append((execution, comparison)))
    assert ran == [("e1", ID), ("e2", OTHER)]


def test_one_execution_for_each_name_on_step_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        client = boto3.client("stepfunctions", region_name=REGION)
        arn = client.create_state_machine(
            name="compare",
            definition=json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}),
            roleArn="arn:aws:iam::123456789012:role/machine",
        )["stateMachineArn"]
        fan_out = StateMachine(client, arn, "bucket", 3)
        for execution, comparison in (("e1", ID), ("e1", ID), ("e2", OTHER)):
            fan_out.start(execution, comparison)
        # Another concurrency is another input, and still the same execution.
        StateMachine(client, arn, "bucket", 4).start("e1", ID)
        listed = client.list_executions(stateMachineArn=arn)["executions"]
        assert sorted(e["name"] for e in listed) == ["e1", "e2"]


def test_a_machine_that_is_not_there_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        client = boto3.client("stepfunctions", region_name=REGION)
        arn = f"arn:aws:states:{REGION}:123456789012:stateMachine:none"
        with pytest.raises(client.exceptions.StateMachineDoesNotExist):
            StateMachine(client, arn, "bucket", 3).start("e1", ID)
