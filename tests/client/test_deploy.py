"""What `pixelgate deploy` asks of CloudFormation, and what it says when that does not do it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from pixelgate.aws import deployment
from pixelgate.aws.deployment import ArtefactBucket, CloudStack, Target
from pixelgate.client.deploy import deploy
from pixelgate.client.release import Release, read_release
from pixelgate.errors import BucketError, UsageError
from pixelgate.ports import Progress
from support.releases import FUNCTION, LAYER, write_release

ACCOUNT, REGION = "123456789012", "eu-central-1"  # moto's
OURS = [{"OutputKey": "CompareFunction", "OutputValue": "f"}]


class CloudFormation:
    """Answers as CloudFormation does; remembers the requests."""

    def __init__(self) -> None:
        self.status: str | None = None  # of the stack before
        self.after = "CREATE_COMPLETE"
        self.parameters: dict[str, str] = {}
        self.outputs = OURS
        self.processor = "x86_64"  # as the template has it
        self.changes = [change("Bucket", "AWS::S3::Bucket", "Add")]
        self.change_set: dict[str, Any] = {"Status": "CREATE_COMPLETE"}
        self.refusal: tuple[str, str] | None = None
        self.events: list[dict[str, str]] = []
        self.invalid: list[dict[str, str]] = []
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        if self.status is None:
            raise answer("ValidationError", f"Stack with id {StackName} does not exist")
        given = [{"ParameterKey": k, "ParameterValue": v} for k, v in self.parameters.items()]
        return {"Stacks": [{"StackId": "arn", "StackStatus": self.status, "Parameters": given,
                            "Outputs": self.outputs}]}  # fmt: skip

    def create_change_set(self, **request: Any) -> None:
        self.asked.append(("create", request))
        if self.refusal:
            raise answer(*self.refusal)
        self.status = self.status or "REVIEW_IN_PROGRESS"

    def describe_change_set(self, **request: Any) -> dict[str, Any]:
        return {"Changes": self.changes, "ChangeSetId": "arn:set", **self.change_set}

    def execute_change_set(self, **request: Any) -> None:
        self.asked.append(("execute", request))
        self.status = self.after

    def delete_change_set(self, **request: Any) -> None:
        self.asked.append(("withdraw", request))

    def delete_stack(self, **request: Any) -> None:
        self.asked.append(("delete stack", request))

    def get_template(self, **request: Any) -> dict[str, Any]:
        properties = {"Architectures": [self.processor]}
        function = {"Type": "AWS::Lambda::Function", "Properties": properties}
        return {"TemplateBody": {"Resources": {"CompareFunction": function}}}

    def describe_events(self) -> None:
        """Only by pages."""

    def get_paginator(self, name: str) -> Any:
        pages = {
            "describe_stack_events": [{"StackEvents": self.events}],
            "describe_events": [{"OperationEvents": self.invalid}],
        }
        return type("Paginator", (), {"paginate": lambda *_, **__: pages[name]})()

    @property
    def did(self) -> list[str]:
        return [what for what, _ in self.asked]

    @property
    def asked_for(self) -> dict[str, str | bool]:
        [given] = [request["Parameters"] for what, request in self.asked if what == "create"]
        return {
            one["ParameterKey"]: one.get("ParameterValue", one.get("UsePreviousValue"))
            for one in given
        }


def change(name: str, kind: str, action: str, replacement: str = "False") -> dict[str, Any]:
    return {"ResourceChange": {"LogicalResourceId": name, "ResourceType": kind, "Action": action,
                               "Replacement": replacement}}  # fmt: skip


def answer(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "operation")


def failed(name: str, kind: str, reason: str, status: str = "CREATE_FAILED") -> dict[str, str]:
    return {"LogicalResourceId": name, "ResourceType": kind, "ResourceStatus": status,
            "ResourceStatusReason": reason}  # fmt: skip


BEGUN = failed("shots", "AWS::CloudFormation::Stack", "User Initiated", "CREATE_IN_PROGRESS")


@pytest.fixture
def stacks(monkeypatch: pytest.MonkeyPatch) -> CloudFormation:
    monkeypatch.setattr(deployment, "_FIRST_PAUSE", 0.0)
    return CloudFormation()


@pytest.fixture
def target(stacks: CloudFormation) -> Iterator[Target]:
    with mock_aws():
        s3 = boto3.client("s3", region_name=REGION)
        artefacts = ArtefactBucket(s3, "artefacts", ACCOUNT, REGION)
        artefacts.make()
        s3.delete_bucket_policy(Bucket="artefacts")  # moto reads no conditions
        named: Any = stacks
        yield Target(s3, ACCOUNT, REGION, artefacts, CloudStack(named, "shots"))


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return read_release(write_release(tmp_path))


def refusal(release: Release, target: Target, **chosen: str) -> str:
    with pytest.raises((UsageError, BucketError)) as told:
        deploy(release, target, chosen, Progress())
    return str(told.value)


def test_a_new_stack_gets_defaults_and_where_the_code_lies(
    release: Release, target: Target, stacks: CloudFormation
) -> None:
    said: list[str] = []
    assert deploy(release, target, {"MemorySize": "2304"}, Progress(say=said.append)) == {
        "CompareFunction": "f"
    }
    assert stacks.did == ["create", "execute"]
    request = stacks.asked[0][1]
    assert (request["ChangeSetType"], request["Capabilities"]) == ("CREATE", ["CAPABILITY_IAM"])
    assert stacks.asked_for == {
        "CodeBucket": "artefacts", "CodePrefix": "pixelgate/",
        "Architecture": "x86_64", "MemorySize": "2304", "Suffix": "",
    }  # fmt: skip
    keys = [o["Key"] for o in target.s3.list_objects_v2(Bucket="artefacts")["Contents"]]
    assert {f"pixelgate/{FUNCTION}", f"pixelgate/{LAYER}"} < {*keys}
    assert request["TemplateURL"].partition("artefacts/")[2] in keys
    assert said[-1] == "release 1.2.3 for x86_64: resources: 1 added"


def test_an_update_keeps_what_is_not_chosen_and_drops_what_is_no_more(
    release: Release, target: Target, stacks: CloudFormation
) -> None:
    stacks.status, stacks.after = "UPDATE_ROLLBACK_COMPLETE", "UPDATE_COMPLETE"
    stacks.parameters = {"Architecture": "x86_64", "MemorySize": "3538", "Gone": "1"}
    deploy(release, target, {}, Progress())
    assert stacks.asked[0][1]["ChangeSetType"] == "UPDATE"
    kept = {"Architecture": True, "MemorySize": True, "Suffix": ""}
    assert stacks.asked_for == {"CodeBucket": "artefacts", "CodePrefix": "pixelgate/", **kept}


def test_nothing_to_change_is_a_success(
    release: Release, target: Target, stacks: CloudFormation
) -> None:
    stacks.status = "UPDATE_COMPLETE"
    reason = "The submitted information didn't contain changes. Submit different information."
    stacks.change_set, stacks.changes = {"Status": "FAILED", "StatusReason": reason}, []
    assert deploy(release, target, {}, Progress()) == {"CompareFunction": "f"}
    assert stacks.did == ["create", "withdraw"]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (
            "ROLLBACK_COMPLETE",
            "was never made (ROLLBACK_COMPLETE) and cannot be updated. Delete it",
        ),
        ("CREATE_FAILED", "aws cloudformation delete-stack --stack-name shots --region eu-cent"),
        ("DELETE_FAILED", "could not be deleted (DELETE_FAILED)"),
        (
            "UPDATE_ROLLBACK_FAILED",
            "aws cloudformation continue-update-rollback --stack-name shots",
        ),
        ("UPDATE_IN_PROGRESS", "is being changed by somebody else (UPDATE_IN_PROGRESS). Wait"),
    ],
)
def test_a_stack_that_cannot_be_updated_is_told_with_the_cure(
    release: Release, target: Target, stacks: CloudFormation, status: str, said: str
) -> None:
    stacks.status = status
    assert said in refusal(release, target)
    assert stacks.asked == []


def test_a_stack_of_others_is_left_alone(
    release: Release, target: Target, stacks: CloudFormation
) -> None:
    stacks.status, stacks.outputs = "CREATE_COMPLETE", []
    assert "the stack shots is none of pixelgate's" in refusal(release, target)
    assert stacks.asked == []


def test_an_imported_bucket_and_table_get_the_rest(
    release: Release, target: Target, stacks: CloudFormation
) -> None:
    stacks.status, stacks.outputs, stacks.after = "IMPORT_COMPLETE", [], "UPDATE_COMPLETE"
    deploy(release, target, {}, Progress())
    assert stacks.did == ["create", "execute"]


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"Memorysize": "1"}, "no parameter 'Memorysize'; did you mean MemorySize? It has Arch"),
        ({"CodeBucket": "mine"}, "the parameter CodeBucket is set by this command"),
        ({"Architecture": "arm64"}, "the release has no code for arm64, only for x86_64"),
    ],
)
def test_a_wrong_parameter_is_told_before_anything_is_made(
    release: Release, target: Target, stacks: CloudFormation, chosen: dict[str, str], said: str
) -> None:
    assert said in refusal(release, target, **chosen)
    assert stacks.asked == []
    assert target.s3.list_objects_v2(Bucket="artefacts")["KeyCount"] == 0


def test_a_stack_for_a_processor_that_the_release_lacks_is_not_changed(
    release: Release, target: Target, stacks: CloudFormation
) -> None:
    """Neither if a parameter says so, nor the template that `make deploy` has written it into."""
    stacks.status, stacks.parameters = "CREATE_COMPLETE", {"Architecture": "arm64"}
    assert "no code for arm64, only for x86_64" in refusal(release, target)
    stacks.parameters, stacks.processor = {}, "arm64"
    assert "no code for arm64, only for x86_64" in refusal(release, target)
    stacks.processor, stacks.after = "x86_64", "UPDATE_COMPLETE"
    deploy(release, target, {}, Progress())
    assert stacks.asked_for["Architecture"] == "x86_64"


def test_a_bucket_that_an_earlier_stack_left_is_told(
    release: Release, target: Target, stacks: CloudFormation
) -> None:
    place: Any = {"LocationConstraint": REGION}
    name = f"shots-{ACCOUNT}-{REGION}-an"
    target.s3.create_bucket(Bucket=name, CreateBucketConfiguration=place)
    assert f"there is no stack shots, but its bucket {name}" in refusal(
        release, target, Suffix="-an"
    )
    assert stacks.asked == []
    deploy(release, target, {}, Progress())  # whose bucket has another name


@pytest.mark.parametrize(
    "lost",
    [
        change("Bucket", "AWS::S3::Bucket", "Modify", "True"),
        change("Bucket", "AWS::S3::Bucket", "Remove"),
        change("Table", "AWS::DynamoDB::Table", "Modify", "True"),
    ],
)
def test_bucket_and_table_are_never_given_up(
    release: Release, target: Target, stacks: CloudFormation, lost: dict[str, Any]
) -> None:
    stacks.status = "CREATE_COMPLETE"
    stacks.changes = [change("CompareFunction", "AWS::Lambda::Function", "Modify"), lost]
    name = lost["ResourceChange"]["LogicalResourceId"]
    assert f"the stack would give up its {name} for a new, empty one" in refusal(release, target)
    assert stacks.did == ["create", "withdraw"]


def test_a_change_set_that_fails_leaves_no_empty_stack(
    release: Release, target: Target, stacks: CloudFormation
) -> None:
    stacks.change_set = {"Status": "FAILED", "StatusReason": "a hook failed"}
    stacks.invalid = [
        {"EventType": "VALIDATION_ERROR", "LogicalResourceId": "Bucket",
         "ResourceType": "AWS::S3::Bucket", "ValidationStatusReason": "it already exists"},
    ]  # fmt: skip
    said = refusal(release, target)
    assert "a hook failed\n  Bucket (AWS::S3::Bucket): it already exists" in said
    assert "docs/teardown.md says how to adopt or to remove it" in said
    assert stacks.did == ["create", "withdraw", "delete stack"]


@pytest.mark.parametrize(
    ("refused", "said"),
    [
        (("ValidationError", "Parameter MemorySize failed to satisfy constraint"), "MemorySize"),
        (("AccessDenied", "no"), "AWS refuses cloudformation:CreateChangeSet on shots"),
        (("ExpiredToken", "no"), "does not accept these credentials (ExpiredToken)"),
    ],
)
def test_a_refusal_is_told(
    release: Release, target: Target, stacks: CloudFormation, refused: tuple[str, str], said: str
) -> None:
    stacks.refusal = refused
    assert said in refusal(release, target)


@pytest.mark.parametrize(
    ("reason", "cure"),
    [
        ("'MemorySize' value failed to satisfy constraint: Member must have value less than or "
         "equal to 3008", "--parameter MemorySize=3008"),
        ("Specified ReservedConcurrentExecutions decreases UnreservedConcurrentExecution below its "
         "minimum value of [10]", "too little Lambda concurrency"),
        ("User: arn:aws:iam::1:user/me is not authorized to perform: iam:CreateRole",
         "deploy with those of an administrator"),
        ("shots-1-eu already exists in stack arn", "docs/teardown.md"),
    ],
)  # fmt: skip
def test_a_failed_first_deployment_is_told_with_its_causes_and_the_cure(
    release: Release, target: Target, stacks: CloudFormation, reason: str, cure: str
) -> None:
    stacks.after = "ROLLBACK_COMPLETE"
    stacks.events = [
        failed("shots", "AWS::CloudFormation::Stack", "The following resource(s) failed"),
        failed("Table", "AWS::DynamoDB::Table", "Resource creation cancelled"),
        failed("Function", "AWS::Lambda::Function", reason),
        BEGUN,
        failed("Earlier", "AWS::Lambda::Function", "of an operation before"),
    ]
    said = refusal(release, target)
    assert f"(ROLLBACK_COMPLETE):\n  Function (AWS::Lambda::Function): {reason}\n" in said
    assert cure in said
    assert "delete-stack --stack-name shots --region eu-central-1" in said
    assert "cancelled" not in said
    assert "Earlier" not in said


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ("UPDATE_ROLLBACK_COMPLETE", "it is as it was before, and works"),
        ("UPDATE_ROLLBACK_FAILED", "aws cloudformation continue-update-rollback"),
    ],
)
def test_a_failed_update_says_what_is_there_now(
    release: Release, target: Target, stacks: CloudFormation, after: str, said: str
) -> None:
    stacks.status, stacks.after = "CREATE_COMPLETE", after
    stacks.events = [failed("Table", "AWS::DynamoDB::Table", "limit", "UPDATE_FAILED"), BEGUN]
    told = refusal(release, target)
    assert f"({after}):\n  Table (AWS::DynamoDB::Table): limit\n" in told
    assert said in told


def test_the_stack_s_name_must_fit_into_the_bucket_s(
    release: Release, stacks: CloudFormation, target: Target
) -> None:
    for name in ("Shots", "1shots", "a" * 36, "s_hots"):
        named: Any = stacks
        other = Target(target.s3, ACCOUNT, REGION, target.artefacts, CloudStack(named, name))
        assert "cannot be the stack's name" in refusal(release, other)
