"""What organisations ask for: each a parameter, off by default."""

from __future__ import annotations

import re

import pytest

from pixelgate.bootstrap import trunk_only

from .stack import BUCKET_ARN, Json, Stack, decided, listed

BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"
KEY = "arn:aws:kms:us-east-1:123456789012:key/0d1f2e3c-4b5a-6978-8796-a5b4c3d2e1f0"


@pytest.fixture(scope="module")
def plain(region: None) -> Stack:
    """The stack with all options off."""
    return decided()


def test_every_role_has_the_boundary_that_is_asked_for(plain: Stack) -> None:
    roles = decided(PermissionsBoundary=BOUNDARY).of_type("AWS::IAM::Role")
    assert len(roles) == 8
    assert {role["PermissionsBoundary"] for role in roles.values()} == {BOUNDARY}
    assert not any("PermissionsBoundary" in r for r in plain.of_type("AWS::IAM::Role").values())


def test_concurrency_is_reserved_only_if_asked_for(plain: Stack) -> None:
    def reserved(stack: Stack) -> dict[str, Json]:
        functions = stack.of_type("AWS::Lambda::Function")
        name = "ReservedConcurrentExecutions"
        return {n: f[name] for n, f in functions.items() if name in f}

    assert reserved(plain) == {}
    chosen = decided(CompareConcurrency="20", WorkerConcurrency="50")
    assert reserved(chosen) == {"CompareFunction": "20", "WorkerFunction": "50"}


def test_without_a_key_everything_is_encrypted_with_aws_s(plain: Stack) -> None:
    assert "RolesMayUseTheKey" not in plain.resources
    [rule] = encryption(plain)
    assert rule == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    assert plain.only("AWS::DynamoDB::Table")["SSESpecification"] == {"SSEEnabled": True}
    queue = plain.only("AWS::SQS::Queue")
    assert queue["SqsManagedSseEnabled"] is True
    assert "KmsMasterKeyId" not in queue
    assert not any("KmsKeyId" in group for group in plain.of_type("AWS::Logs::LogGroup").values())


def test_a_key_encrypts_bucket_table_queue_and_logs() -> None:
    stack = decided(KmsKeyArn=KEY)
    by_key = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}
    [rule] = encryption(stack)
    assert rule == {"ServerSideEncryptionByDefault": by_key, "BucketKeyEnabled": True}
    table = stack.only("AWS::DynamoDB::Table")["SSESpecification"]
    assert table == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY}
    queue = stack.only("AWS::SQS::Queue")
    assert (queue["SqsManagedSseEnabled"], queue["KmsMasterKeyId"]) == (False, KEY)
    groups = stack.of_type("AWS::Logs::LogGroup")
    assert {group["KmsKeyId"] for group in groups.values()} == {KEY}


def test_who_reads_and_writes_may_use_the_key_through_these_services_only() -> None:
    stack = decided(KmsKeyArn=KEY, Site="function-url")
    policy = stack.resources["RolesMayUseTheKey"]["Properties"]
    assert {f"${{{name}}}" for name in stack.of_type("AWS::IAM::Role")} == set(policy["Roles"])
    [grant] = policy["PolicyDocument"]["Statement"]
    assert (grant["Action"], grant["Resource"]) == (["kms:Decrypt", "kms:GenerateDataKey"], KEY)
    services = grant["Condition"]["StringEquals"]["kms:ViaService"]
    assert [s.partition(".")[0] for s in services] == [
        "s3",
        "dynamodb",
        "sqs",
        "secretsmanager",
        "ssm",
    ]
    reviewers = stack.only("AWS::IAM::ManagedPolicy")["PolicyDocument"]["Statement"]
    assert [s["Resource"] for s in reviewers if s["Sid"] == "UseTheKey"] == [KEY]


def test_other_accounts_may_upload_and_read_results_and_no_more(plain: Stack) -> None:
    assert {s["Effect"] for s in plain.denials()} == {"Deny"}
    allowed = [
        s
        for s in decided(WriterAccounts="111111111111,222222222222").denials()
        if s["Effect"] == "Allow"
    ]
    assert {str(s["Principal"]) for s in allowed} == {"{'AWS': '111111111111,222222222222'}"}
    granted = {
        (s["Action"], r.removeprefix(BUCKET_ARN)) for s in allowed for r in listed(s["Resource"])
    }
    assert granted == {
        ("s3:PutObject", "/uploads/*"),
        ("s3:PutObject", "/images/*"),
        *(("s3:GetObject", f"/{top}/*") for top in ("uploads", "images", "builds", "comparisons")),
        ("s3:ListBucket", ""),
    }
    [listing] = [s for s in allowed if s["Action"] == "s3:ListBucket"]
    prefixes = listing["Condition"]["StringLike"]["s3:prefix"]
    assert prefixes == ["images/*", "uploads/*", "builds/*"]


def test_only_the_baseline_branch_s_role_makes_baselines_unless_told_otherwise(
    plain: Stack,
) -> None:
    for stack, required in ((plain, True), (decided(TrunkPrefix="optional"), False)):
        functions = stack.of_type("AWS::Lambda::Function").values()
        assert {trunk_only(f["Environment"]["Variables"]) for f in functions} == {required}


def test_events_go_to_the_bus_that_is_named() -> None:
    stack = decided(
        EventBusName="visual",
        GitHubTokenSecret="arn:aws:secretsmanager:us-east-1:123456789012:secret:t-AbCdEf",
        GitHubRepositories="acme/shop",
    )
    variables = stack.function("CompareFunction")["Environment"]["Variables"]
    assert variables["PIXELGATE_EVENT_BUS"] == "visual"
    assert stack.of_type("AWS::Events::Rule")["StateChanges"]["EventBusName"] == "visual"
    for role in ("CompareRole", "PublishRole", "ReviewRole", "SweepRole"):
        [grant] = [g for g in stack.grants(role) if g["Action"] == "events:PutEvents"]
        assert grant["Resource"].endswith(":event-bus/visual")


@pytest.mark.parametrize(
    ("parameter", "value", "taken"),
    [
        ("PermissionsBoundary", "", True),
        ("PermissionsBoundary", BOUNDARY, True),
        ("PermissionsBoundary", "arn:aws:iam::aws:policy/PowerUserAccess", True),
        ("PermissionsBoundary", "boundary", False),
        ("KmsKeyArn", "", True),
        ("KmsKeyArn", KEY, True),
        ("KmsKeyArn", "arn:aws:kms:us-east-1:123456789012:alias/shots", False),
        ("WriterAccounts", "", True),
        ("WriterAccounts", "123456789012", True),
        ("WriterAccounts", "*", False),
        ("EventBusName", "default", True),
        ("EventBusName", "", False),
        # Without its last letters IAM would compare it with the whole ARN, and refuse.
        ("GitHubTokenSecret", "arn:aws:secretsmanager:us-east-1:123456789012:secret:token", False),
        ("GitLabTokenSecret", "arn:aws:secretsmanager:us-east-1:123456789012:secret:token", False),
    ],
)
def test_parameter_takes(plain: Stack, parameter: str, value: str, taken: bool) -> None:
    pattern = plain.parameters[parameter]["AllowedPattern"]
    assert bool(re.search(pattern, value)) is taken


def encryption(stack: Stack) -> list[Json]:
    rules: list[Json] = stack.only("AWS::S3::Bucket")["BucketEncryption"][
        "ServerSideEncryptionConfiguration"
    ]
    return rules
