"""What is kept is private, encrypted, recoverable, and only the cache is deleted for its age."""

from __future__ import annotations

import pytest

from pixelgate.domain import keys

from .stack import BUCKET_NAME, Stack


def test_bucket_is_private(stack: Stack) -> None:
    bucket = stack.only("AWS::S3::Bucket")
    assert bucket["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


def test_bucket_is_versioned(stack: Stack) -> None:
    bucket = stack.only("AWS::S3::Bucket")
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}


def test_the_cache_expires_and_nothing_else_does(stack: Stack) -> None:
    rules = stack.only("AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]
    [expiring] = [rule for rule in rules if "ExpirationInDays" in rule]
    assert (expiring["Prefix"], expiring["ExpirationInDays"]) == ("cache/", 60)
    assert keys.cached_diffs("shop", "f").startswith(expiring["Prefix"])


def test_lifecycle_removes_leftovers(stack: Stack) -> None:
    rules = stack.only("AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]
    assert {rule["Status"] for rule in rules} == {"Enabled"}
    everywhere = [rule for rule in rules if "Prefix" not in rule]
    does = {key: value for rule in everywhere for key, value in rule.items()}
    assert does.keys() - {"Id", "Status"} == {
        "AbortIncompleteMultipartUpload",
        "NoncurrentVersionExpiration",
        "ExpiredObjectDeleteMarker",
    }
    assert does["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert does["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert does["ExpiredObjectDeleteMarker"] is True


def test_only_a_manifest_s_arrival_and_a_review_s_call_a_function(stack: Stack) -> None:
    notifications = stack.only("AWS::S3::Bucket")["NotificationConfiguration"]
    assert notifications == {
        "LambdaConfigurations": [
            {
                "Event": "s3:ObjectCreated:*",
                "Function": "${CompareFunction.Arn}",
                "Filter": {
                    "S3Key": {
                        "Rules": [
                            {"Name": "prefix", "Value": "uploads/"},
                            {"Name": "suffix", "Value": "/manifest.json"},
                        ]
                    }
                },
            },
            {
                "Event": "s3:ObjectCreated:*",
                "Function": "${ReviewFunction.Arn}",
                "Filter": {
                    "S3Key": {
                        "Rules": [
                            {"Name": "prefix", "Value": "reviews/"},
                            {"Name": "suffix", "Value": ".json"},
                        ]
                    }
                },
            },
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
    assert table["KeySchema"] == [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ]
    assert table["GlobalSecondaryIndexes"] == [
        {
            "IndexName": "unfinished",
            "KeySchema": [
                {"AttributeName": "unfinished", "KeyType": "HASH"},
                {"AttributeName": "lease_until", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "ALL"},
        }
    ]
    types = {a["AttributeName"]: a["AttributeType"] for a in table["AttributeDefinitions"]}
    assert types == {"pk": "S", "sk": "S", "unfinished": "S", "lease_until": "N"}


def test_table_is_on_demand_recoverable_and_tidies_up(stack: Stack) -> None:
    table = stack.only("AWS::DynamoDB::Table")
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
