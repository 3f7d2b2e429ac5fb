"""What is kept is private, encrypted, recoverable, and only the cache is deleted for its age."""

from __future__ import annotations

import pytest

from pixelgate.domain import keys

from .stack import BUCKET_NAME, Json, Stack


def test_bucket_is_private_encrypted_and_versioned(stack: Stack) -> None:
    bucket = stack.only("AWS::S3::Bucket")
    assert bucket["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}


def test_the_cache_expires_and_leftovers_go_and_nothing_else_does(stack: Stack) -> None:
    rules = stack.only("AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]
    assert {rule["Status"] for rule in rules} == {"Enabled"}
    cache = keys.cached_diffs("shop", "f").partition("/")[0] + "/"
    does: dict[str, dict[str, Json]] = {}
    for rule in rules:
        wanted = {k: v for k, v in rule.items() if k not in ("Id", "Status", "Prefix")}
        does.setdefault(rule.get("Prefix", ""), {}).update(wanted)
    assert does == {
        cache: {"ExpirationInDays": 60, "NoncurrentVersionExpiration": {"NoncurrentDays": 1}},
        "": {
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
            "ExpiredObjectDeleteMarker": True,
        },
    }


def test_only_a_manifest_s_arrival_and_a_review_s_call_a_function(stack: Stack) -> None:
    notifications = stack.only("AWS::S3::Bucket")["NotificationConfiguration"]
    called = [
        ("${CompareFunction.Arn}", "uploads/", "/manifest.json"),
        ("${ReviewFunction.Arn}", "reviews/", ".json"),
    ]
    assert notifications == {
        "LambdaConfigurations": [
            {
                "Event": "s3:ObjectCreated:*",
                "Function": function,
                "Filter": {
                    "S3Key": {
                        "Rules": [
                            {"Name": "prefix", "Value": prefix},
                            {"Name": "suffix", "Value": suffix},
                        ]
                    }
                },
            }
            for function, prefix, suffix in called
        ]
    }


def test_notification_waits_for_the_permission_and_no_function_for_the_bucket(stack: Stack) -> None:
    permissions = ["BucketMayCallCompare", "BucketMayCallReview"]
    assert stack.resources["Bucket"]["DependsOn"] == permissions
    assert stack.only("AWS::S3::Bucket")["BucketName"] == BUCKET_NAME
    functions = ("CompareFunction", "CompareRole", "ReviewFunction", "ReviewRole", "SweepRole")
    for name in (*permissions, *functions):
        assert "${Bucket}" not in str(stack.resources[name])


@pytest.mark.parametrize(
    ("name", "policy"),
    [
        ("Bucket", "RetainExceptOnCreate"),
        pytest.param("BucketPolicy", "RetainExceptOnCreate", id="the bucket's rules stay with it"),
        pytest.param("Table", "Retain", id="a protected table cannot be deleted"),
    ],
)
def test_data_outlives_the_stack(stack: Stack, name: str, policy: str) -> None:
    assert stack.resources[name]["DeletionPolicy"] == policy
    assert stack.resources[name]["UpdateReplacePolicy"] == "Retain"


def test_the_table_is_protected_from_deletion(stack: Stack) -> None:
    assert stack.only("AWS::DynamoDB::Table")["DeletionProtectionEnabled"] is True


def test_the_policy_for_reviewers_keeps_its_name_and_description(stack: Stack) -> None:
    """Another one would replace it, which fails as long as it is attached to people."""
    policy = stack.only("AWS::IAM::ManagedPolicy")
    said = "Allows reading every report of this stack, and approving or rejecting builds"
    assert policy["Description"] == said
    assert policy.keys() == {"Description", "PolicyDocument"}


def test_table_is_keyed_for_comparisons_and_for_the_sweeper(stack: Stack) -> None:
    table = stack.only("AWS::DynamoDB::Table")
    [index] = table["GlobalSecondaryIndexes"]
    assert names(table["KeySchema"]) == {"HASH": "pk", "RANGE": "sk"}
    assert names(index["KeySchema"]) == {"HASH": "unfinished", "RANGE": "lease_until"}
    assert index["IndexName"] == "unfinished"
    assert index["Projection"] == {"ProjectionType": "ALL"}
    types = {a["AttributeName"]: a["AttributeType"] for a in table["AttributeDefinitions"]}
    assert types == {"pk": "S", "sk": "S", "unfinished": "S", "lease_until": "N"}


def names(schema: Json) -> dict[str, str]:
    """Attributes by the part of the key that they are."""
    return {part["KeyType"]: part["AttributeName"] for part in schema}


def test_table_is_on_demand_recoverable_and_tidies_up(stack: Stack) -> None:
    table = stack.only("AWS::DynamoDB::Table")
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
