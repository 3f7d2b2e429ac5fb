"""What a deployment asks of AWS: a bucket for the code, and change sets of a stack."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from pixelgate.aws import errors
from pixelgate.errors import BucketError, NotFound, Refused

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_s3 import S3Client

_NO_CHANGE = ("didn't contain changes", "No updates are to be performed")
_CONSEQUENCES = ("Resource creation cancelled", "Resource update cancelled")
_BEGUN = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")  # the stack's first event of an operation
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 5.0  # seconds between two questions


@dataclass(frozen=True)
class Change:
    """What a change set does to one resource: Add, Modify or Remove."""

    name: str
    kind: str
    action: str
    replaced: bool


_DENIED = (
    ", or it is not yours. Deploy with those of an administrator; docs/deploy.md lists what is "
    "needed"
)
in_words = partial(errors.in_words, denied=_DENIED)


class ArtefactBucket:
    """A private bucket of the account with the code that stacks of one region are made from."""

    def __init__(self, s3: S3Client, name: str, account: str, region: str) -> None:
        self._s3 = s3
        self.name = name
        self._account = account
        self._region = region

    def exists(self) -> bool:
        """Whether it is there. Raises BucketError if it is not ours or in another region."""
        try:
            with in_words("s3:ListBucket", self.name):
                found = self._s3.head_bucket(Bucket=self.name, ExpectedBucketOwner=self._account)
        except Refused as error:
            raise Refused(
                f"the bucket {self.name} belongs to another account, or these credentials lack "
                "s3:ListBucket on it; nothing was uploaded. If it is not yours, name a bucket of "
                "your own with --artefacts"
            ) from error
        except BucketError as error:
            status = _status(error.__cause__)
            if status == 404:
                return False
            if status == 301:
                raise BucketError(
                    f"the bucket {self.name} lies in another region than {self._region}, and "
                    "Lambda takes code only from its own; name another with --artefacts"
                ) from error
            raise
        if found.get("BucketRegion", self._region) != self._region:
            raise BucketError(
                f"the bucket {self.name} lies in {found['BucketRegion']}, and Lambda takes code "
                f"only from its own region, {self._region}; name another with --artefacts"
            )
        return True

    def make(self) -> None:
        """Creates it, private and over TLS only."""
        place: Any = {}
        if self._region != "us-east-1":  # which S3 does not take as a constraint
            place = {"CreateBucketConfiguration": {"LocationConstraint": self._region}}
        try:
            with in_words("s3:CreateBucket", self.name):
                self._s3.create_bucket(
                    Bucket=self.name, ObjectOwnership="BucketOwnerEnforced", **place
                )
        except BucketError as error:
            if _code(error.__cause__) == "BucketAlreadyExists":
                raise BucketError(
                    f"the name {self.name} is taken by another account; name a bucket of your own "
                    "with --artefacts"
                ) from error
            raise
        with in_words("s3:PutBucketPublicAccessBlock", self.name):
            self._s3.put_public_access_block(
                Bucket=self.name,
                ExpectedBucketOwner=self._account,
                PublicAccessBlockConfiguration={
                    "BlockPublicAcls": True, "BlockPublicPolicy": True,
                    "IgnorePublicAcls": True, "RestrictPublicBuckets": True,
                },
            )  # fmt: skip
        partition = self._s3.meta.partition
        arn = f"arn:{partition}:s3:::{self.name}"
        tls_only = {
            "Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
            "Resource": [arn, f"{arn}/*"], "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }  # fmt: skip
        policy = {"Version": "2012-10-17", "Statement": [tls_only]}
        with in_words("s3:PutBucketPolicy", self.name):
            self._s3.put_bucket_policy(
                Bucket=self.name, ExpectedBucketOwner=self._account, Policy=json.dumps(policy)
            )

    def put(self, key: str, content: bytes) -> bool:
        """Uploads what is not there with the same hash; returns whether it did."""
        checksum = base64.b64encode(hashlib.sha256(content).digest()).decode()
        if self._checksum(key) == checksum:
            return False
        with in_words("s3:PutObject", f"{self.name}/{key}"):
            self._s3.put_object(
                Bucket=self.name,
                Key=key,
                Body=content,
                ChecksumAlgorithm="SHA256",
                ChecksumSHA256=checksum,  # S3 refuses what arrives with another
                ExpectedBucketOwner=self._account,
            )
        return True

    def url(self, key: str) -> str:
        """An object's URL, for CloudFormation."""
        return f"{self._s3.meta.endpoint_url}/{self.name}/{key}"

    def _checksum(self, key: str) -> str | None:
        try:
            with in_words("s3:GetObject", f"{self.name}/{key}"):
                found = self._s3.head_object(
                    Bucket=self.name,
                    Key=key,
                    ChecksumMode="ENABLED",
                    ExpectedBucketOwner=self._account,
                )
        except BucketError as error:
            if _status(error.__cause__) == 404:
                return None
            raise
        return found.get("ChecksumSHA256")


class CloudStack:
    """One stack of CloudFormation, given by its name."""

    def __init__(self, cloudformation: CloudFormationClient, name: str) -> None:
        self._client = cloudformation
        self.name = name

    def describe(self, stack_id: str | None = None) -> dict[str, Any]:
        """Status, parameters and outputs. Raises NotFound if there is no such stack."""
        try:
            with in_words("cloudformation:DescribeStacks", self.name):
                stacks = self._client.describe_stacks(StackName=stack_id or self.name)["Stacks"]
        except BucketError as error:
            if _code(error.__cause__) == "ValidationError" and "does not exist" in str(error):
                raise NotFound(self.name) from error
            raise
        return dict(stacks[0])

    def architecture(self) -> str:
        """The processor of its functions, as its template says; empty if that does not say."""
        with in_words("cloudformation:GetTemplate", self.name):
            template: Any = self._client.get_template(
                StackName=self.name, TemplateStage="Processed"
            )["TemplateBody"]
        if isinstance(template, str):
            return ""
        for resource in template.get("Resources", {}).values():
            if resource.get("Type") == "AWS::Lambda::Function":
                named = resource.get("Properties", {}).get("Architectures", ["x86_64"])[0]
                return named if isinstance(named, str) else ""
        return ""

    def propose(
        self, url: str, parameters: Mapping[str, str | None], token: str, *, new: bool
    ) -> list[Change]:
        """Creates a change set named by the token; an empty list if nothing is to change.

        Args:
            url: where the template lies.
            parameters: their values; None keeps the stack's.
            token: a name that was not used before.
            new: whether the stack does not exist yet.

        Raises:
            BucketError: CloudFormation does not take the template or a parameter.
        """
        with in_words("cloudformation:CreateChangeSet", self.name):
            self._client.create_change_set(
                StackName=self.name,
                ChangeSetName=token,
                ChangeSetType="CREATE" if new else "UPDATE",
                TemplateURL=url,
                Capabilities=["CAPABILITY_IAM"],
                Parameters=[
                    {"ParameterKey": key, "UsePreviousValue": True}
                    if value is None
                    else {"ParameterKey": key, "ParameterValue": value}
                    for key, value in parameters.items()
                ],
            )
        pauses = _pauses()
        while True:
            with in_words("cloudformation:DescribeChangeSet", self.name):
                found = self._client.describe_change_set(StackName=self.name, ChangeSetName=token)
            if found["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
                break
            time.sleep(next(pauses))
        if found["Status"] == "FAILED":
            reason = found.get("StatusReason", "no reason given")
            unchanged = any(words in reason for words in _NO_CHANGE)
            details = [] if unchanged else self._invalid(ChangeSetName=found["ChangeSetId"])
            self.withdraw(token, new=new)
            if unchanged:
                return []
            listed = "".join(f"\n  {detail}" for detail in details)
            raise BucketError(f"CloudFormation does not take the changes: {reason}{listed}")
        changes = list(found.get("Changes", ()))
        while more := found.get("NextToken"):
            with in_words("cloudformation:DescribeChangeSet", self.name):
                found = self._client.describe_change_set(
                    StackName=self.name, ChangeSetName=token, NextToken=more
                )
            changes += found.get("Changes", ())
        return [
            Change(
                change.get("LogicalResourceId", ""),
                change.get("ResourceType", ""),
                change.get("Action", ""),
                change.get("Replacement") == "True",
            )
            for change in (one["ResourceChange"] for one in changes if "ResourceChange" in one)
        ]

    def withdraw(self, token: str, *, new: bool) -> None:
        """Deletes a change set, and the empty stack that it made."""
        with in_words("cloudformation:DeleteChangeSet", self.name):
            self._client.delete_change_set(StackName=self.name, ChangeSetName=token)
        if new:
            with in_words("cloudformation:DeleteStack", self.name):
                self._client.delete_stack(StackName=self.name)

    def execute(self, token: str) -> dict[str, Any]:
        """Executes a change set and returns the stack as it is when that has ended."""
        stack_id = self.describe()["StackId"]
        with in_words("cloudformation:ExecuteChangeSet", self.name):
            self._client.execute_change_set(
                StackName=self.name, ChangeSetName=token, ClientRequestToken=token
            )
        pauses = _pauses()
        while True:
            time.sleep(next(pauses))
            found = self.describe(stack_id)
            if not found["StackStatus"].endswith("_IN_PROGRESS"):
                return found

    def failures(self, stack_id: str) -> list[str]:
        """Why the last operation did not make resources, first cause first.

        What CloudFormation cancelled as a consequence is left out.
        """
        failed: list[str] = []
        with in_words("cloudformation:DescribeStackEvents", self.name):
            pages = self._client.get_paginator("describe_stack_events").paginate(StackName=stack_id)
            for event in (event for page in pages for event in page["StackEvents"]):  # newest first
                status = event["ResourceStatus"]
                if event["ResourceType"] == "AWS::CloudFormation::Stack":
                    if status in _BEGUN:
                        break
                    continue  # it only lists the resources that failed
                reason = event.get("ResourceStatusReason", "no reason given")
                if status.endswith("_FAILED") and not reason.startswith(_CONSEQUENCES):
                    kind = event["ResourceType"]
                    failed.append(f"{event['LogicalResourceId']} ({kind}): {reason}")
        return failed[::-1] or self._invalid(StackName=stack_id)

    def _invalid(self, **where: Any) -> list[str]:
        """What CloudFormation found wrong before it began; stack events do not have that."""
        if not hasattr(self._client, "describe_events"):  # an older SDK
            return []
        found: dict[str, None] = {}
        with suppress(BucketError), in_words("cloudformation:DescribeEvents", self.name):
            pages = self._client.get_paginator("describe_events").paginate(
                **where, Filters={"FailedEvents": True}
            )
            for event in (event for page in pages for event in page.get("OperationEvents", ())):
                if event.get("EventType") == "VALIDATION_ERROR":
                    name, kind = event.get("LogicalResourceId"), event.get("ResourceType")
                    found[f"{name} ({kind}): {event.get('ValidationStatusReason')}"] = None
        return list(found)


@dataclass(frozen=True)
class Target:
    """Where a release is deployed to."""

    s3: S3Client
    account: str
    region: str
    artefacts: ArtefactBucket
    stack: CloudStack

    def has_bucket(self, name: str) -> bool:
        """Whether the account has a bucket of that name, as far as these credentials can see."""
        try:
            return ArtefactBucket(self.s3, name, self.account, self.region).exists()
        except BucketError:
            return False


def open_target(stack: str, region: str | None, artefacts: str | None) -> Target:
    """Asks whose credentials these are. Raises BucketError.

    Args:
        stack: the stack's name.
        region: None for the profile's.
        artefacts: the name of the bucket for code; None for ours, of this account and region.
    """
    with in_words("sts:GetCallerIdentity", "these credentials"):
        session = boto3.Session(region_name=region)
        config = Config(retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=5)
        s3 = session.client("s3", config=config)
        cloudformation = session.client("cloudformation", config=config)
        account = session.client("sts", config=config).get_caller_identity()["Account"]
    region = cloudformation.meta.region_name
    name = artefacts or f"pixelgate-artefacts-{account}-{region}"
    bucket = ArtefactBucket(s3, name, account, region)
    return Target(s3, account, region, bucket, CloudStack(cloudformation, stack))


def _pauses() -> Iterator[float]:
    pause = _FIRST_PAUSE
    while True:
        yield pause
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def _status(error: BaseException | None) -> int:
    if not isinstance(error, ClientError):
        return 0
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _code(error: BaseException | None) -> str:
    if not isinstance(error, ClientError):
        return ""
    return str(error.response.get("Error", {}).get("Code", ""))
