"""Every boundary of docs/threat-model.md is crossed with real requests, and IAM refuses them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from e2e.deployed import wait_until
from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.sandbox.cloud import ACCOUNT, EmbeddedCloud
from pixelgate.sandbox.roles import JOBS, PEOPLE, Roles, deploy_roles
from support import images
from uploader import Uploader

pytestmark = pytest.mark.e2e

PROJECT, OTHER = "boundaries", "boundaries-2"  # the one's name begins with the other's
STRANGER = "111111111111"  # an account; MiniStack takes its id as its root's key

Act = Callable[[Any, str], object]


@pytest.fixture(scope="module")
def project(cloud: EmbeddedCloud) -> Roles:
    return deploy_roles(cloud, PROJECT)


@pytest.fixture(scope="module")
def roles(cloud: EmbeddedCloud, project: Roles) -> Mapping[str, Any]:
    """A client of S3 for each role of PROJECT."""
    return {name: cloud.client("s3", project.take(name)) for name in (*JOBS, *PEOPLE)}


@pytest.fixture(scope="module")
def functions(cloud: EmbeddedCloud) -> Mapping[str, Any]:
    """A client of S3 for each function's role, as somebody who took the function over has it."""
    named = {n: physical for n, physical in cloud.stack.resources.items() if n.endswith("Role")}
    iam, found = cloud.client("iam"), {}
    for name, physical in named.items():
        role = iam.get_role(RoleName=physical)["Role"]
        original = json.dumps(role["AssumeRolePolicyDocument"])
        trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
        iam.update_assume_role_policy(
            RoleName=physical, PolicyDocument=json.dumps({"Statement": [trust]})
        )
        found[name] = cloud.client("s3", cloud.assume(physical, "taken-over"))
        iam.update_assume_role_policy(RoleName=physical, PolicyDocument=original)
    return found


@pytest.fixture(scope="module")
def published(cloud: EmbeddedCloud, roles: Mapping[str, Any], tmp_path_factory: Any) -> BuildId:
    """A build of PROJECT that CI uploaded under its role, with its result."""
    folder = tmp_path_factory.mktemp("shots")
    (folder / "home.png").write_bytes(images.png((8, 8), (1, 2, 3)))
    uploader = Uploader(roles["ci"], cloud.bucket, PROJECT)
    build = uploader.upload("main.1", folder)
    assert uploader.wait(build)["state"] == "SUCCEEDED"
    return build


def put(key: str, **more: str) -> Act:
    return lambda s3, bucket: s3.put_object(Bucket=bucket, Key=key, Body=b"x", **more)


def get(key: str) -> Act:
    return lambda s3, bucket: s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def listing(prefix: str) -> Act:
    return lambda s3, bucket: s3.list_objects_v2(Bucket=bucket, Prefix=prefix)


def delete(key: str) -> Act:
    return lambda s3, bucket: s3.delete_object(Bucket=bucket, Key=key)


def refused(client: Any, bucket: str, act: Act) -> bool:
    """Whether the request is refused for want of permission; any other error is raised."""
    try:
        act(client, bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("AccessDenied", "403"):
            raise
        return True
    return False


OBJECT = f"images/{PROJECT}/{hashlib.sha256(b'x').hexdigest()}"
TRUNK = f"uploads/{PROJECT}/trunk.7/manifest.json"
MANIFEST = f"uploads/{PROJECT}/7/manifest.json"
STATUS = f"builds/{PROJECT}/main.1/status.json"


@pytest.mark.parametrize(
    ("role", "act", "expected"),
    [
        pytest.param("ci", put(OBJECT, IfNoneMatch="*"), True, id="CI uploads an image"),
        pytest.param("ci", put(OBJECT), False, id="CI overwrites an image"),
        pytest.param("ci", put(MANIFEST), True, id="CI uploads a manifest"),
        pytest.param("ci", get(STATUS), True, id="CI reads its status"),
        # The condition on s3:prefix hides that it is missing, as on AWS.
        pytest.param("ci", get(f"builds/{PROJECT}/none/status.json"), False, id="there is none"),
        pytest.param("ci", put(f"reviews/{PROJECT}/main.1/1.json"), False, id="CI approves"),
        pytest.param("ci", put(STATUS), False, id="CI writes its verdict"),
        pytest.param("ci", put(TRUNK), False, id="CI makes a baseline"),
        pytest.param("trunk", put(TRUNK), True, id="the baseline branch makes one"),
        pytest.param("trunk", put(MANIFEST), False, id="the baseline branch, another build"),
        pytest.param("trunk", put(f"reviews/{PROJECT}/main.1/1.json"), False, id="it approves"),
        pytest.param("fork", put(TRUNK), False, id="a fork makes a baseline"),
        pytest.param("ci", put(f"cache/{PROJECT}/1/a-b.json"), False, id="CI writes a diff"),
        pytest.param("ci", delete(MANIFEST), False, id="CI deletes"),
        pytest.param("ci", put(f"uploads/{OTHER}/7/manifest.json"), False, id="another's upload"),
        pytest.param("ci", get(f"builds/{OTHER}/1/status.json"), False, id="another's status"),
        pytest.param("ci", listing(f"images/{OTHER}/"), False, id="another's images"),
        pytest.param("ci", listing(""), False, id="CI lists the bucket"),
        # `status` and `wait` say which shards came.
        pytest.param("ci", listing(f"builds/{PROJECT}/7/shards/"), True, id="CI sees shards"),
        pytest.param("ci", listing(f"uploads/{PROJECT}/7/shards/"), True, id="and uploads of them"),
        pytest.param(
            "reviewer", listing(f"builds/{PROJECT}/7/shards/"), True, id="a reviewer sees shards"
        ),
        pytest.param(
            "reviewer", listing(f"uploads/{PROJECT}/7/shards/"), False, id="but no uploads"
        ),
        pytest.param(
            "fork", listing(f"builds/{PROJECT}/fork.7/shards/"), True, id="a fork sees its shards"
        ),
        pytest.param(
            "fork", listing(f"builds/{PROJECT}/7/shards/"), False, id="a fork sees another's"
        ),
        pytest.param(
            "fork", put(f"uploads/{PROJECT}/fork.1/manifest.json"), True, id="a fork uploads"
        ),
        pytest.param("fork", put(OBJECT, IfNoneMatch="*"), False, id="a fork writes an image"),
        pytest.param("fork", put(MANIFEST), False, id="a fork writes another's upload"),
        pytest.param("fork", get(STATUS), False, id="a fork reads another build"),
        pytest.param("fork", put(f"reviews/{PROJECT}/main.1/1.json"), False, id="a fork approves"),
        pytest.param(
            "reviewer", put(f"reviews/{PROJECT}/main.1/1.json"), True, id="a reviewer decides"
        ),
        pytest.param("reviewer", put(MANIFEST), False, id="a reviewer uploads"),
        pytest.param("reviewer", put(STATUS), False, id="a reviewer writes a verdict"),
        pytest.param(
            "reviewer", put(f"reviews/{OTHER}/1/1.json"), False, id="in another's project"
        ),
        pytest.param("operator", delete(OBJECT), True, id="an operator deletes"),
        pytest.param(
            "operator", delete(f"images/{OTHER}/x"), False, id="an operator elsewhere deletes"
        ),
        pytest.param(
            "operator", put(f"reviews/{PROJECT}/main.1/2.json"), False, id="an operator approves"
        ),
    ],
)
def test_a_role_does_its_work_and_no_more(
    cloud: EmbeddedCloud,
    roles: Mapping[str, Any],
    published: BuildId,
    role: str,
    act: Act,
    expected: bool,
) -> None:
    assert refused(roles[role], cloud.bucket, act) is not expected


@pytest.mark.parametrize(
    ("act", "allowed"),
    [
        pytest.param(put(MANIFEST), set(), id="writes an upload"),
        pytest.param(put(f"reviews/{PROJECT}/main.1/9.json"), set(), id="approves"),
        pytest.param(delete("images/nobody/x"), {"TidyRole"}, id="deletes"),
        pytest.param(
            get(keys.uploaded_manifest(BuildId(PROJECT, "main.1"))),
            {"CompareRole", "TidyRole"},
            id="reads an upload",
        ),
    ],
)
def test_a_function_that_was_taken_over_is_held_by_its_role(
    cloud: EmbeddedCloud,
    functions: Mapping[str, Any],
    published: BuildId,
    act: Act,
    allowed: set[str],
) -> None:
    passed = {name for name, s3 in functions.items() if not refused(s3, cloud.bucket, act)}
    assert passed == allowed


def test_nobody_overwrites_an_image_not_even_with_if_match(
    cloud: EmbeddedCloud, functions: Mapping[str, Any], roles: Mapping[str, Any]
) -> None:
    for client in (*functions.values(), *roles.values()):
        assert refused(client, cloud.bucket, put(OBJECT, IfMatch='"0"'))


def test_plain_http_is_refused(
    cloud: EmbeddedCloud, project: Roles, roles: Mapping[str, Any]
) -> None:
    client = cloud.client("s3", project.take("ci"))

    def plainly(request: Any, **_: object) -> None:
        request.headers["X-Forwarded-Proto"] = "http"

    client.meta.events.register("before-sign.s3", plainly)
    assert refused(client, cloud.bucket, get(STATUS))
    assert not refused(roles["ci"], cloud.bucket, put(MANIFEST))


def stranger(cloud: EmbeddedCloud) -> Any:
    """A client of S3 for the root of another account."""
    return boto3.client(
        "s3",
        cloud.region,
        endpoint_url=cloud.endpoint_url,
        aws_access_key_id=STRANGER,
        aws_secret_access_key="test",
        config=Config(proxies={}),
    )


@pytest.mark.parametrize("act", [get(STATUS), put(MANIFEST), listing("images/")])
def test_a_stranger_is_refused(cloud: EmbeddedCloud, published: BuildId, act: Act) -> None:
    """Another account's root, and who has no credentials at all."""
    outside = stranger(cloud)
    unsigned = boto3.client(
        "s3",
        cloud.region,
        endpoint_url=cloud.endpoint_url,
        config=Config(proxies={}, signature_version=UNSIGNED),
    )
    assert refused(outside, cloud.bucket, act)
    assert refused(unsigned, cloud.bucket, act)


def test_another_bucket_calls_no_function(cloud: EmbeddedCloud) -> None:
    s3, name = cloud.client("s3"), "not-of-the-stack"
    function = cloud.client("lambda").get_function_configuration(
        FunctionName=cloud.stack.resources["CompareFunction"]
    )["FunctionArn"]
    s3.create_bucket(Bucket=name)
    wanted = {"LambdaFunctionArn": function, "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=name, NotificationConfiguration={"LambdaFunctionConfigurations": [wanted]}
    )
    s3.put_object(Bucket=name, Key=MANIFEST, Body=b"{}")
    cloud.wait_until_idle()
    asked = {d.principal: d.allowed for d in cloud.decisions()}
    assert asked[f"s3.amazonaws.com for arn:aws:s3:::{name}"] is False
    assert not cloud.events()


def made_role(cloud: EmbeddedCloud, name: str, service: str, *statements: Mapping[str, Any]) -> str:
    """Makes a role that a service or the account's root may take; returns its ARN."""
    iam = cloud.client("iam")
    root = f"arn:aws:iam::{ACCOUNT}:root"
    principal = {"Service": service} if service else {"AWS": root}
    trust = {"Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    if statements:
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=policy)
    return str(role["Arn"])


def test_a_request_to_a_bucket_of_another_account_is_refused(cloud: EmbeddedCloud) -> None:
    """By the condition on aws:ResourceAccount, and by the expected owner of the bucket."""
    outside = stranger(cloud)
    outside.create_bucket(Bucket="taken-name")
    everybody = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": ["arn:aws:s3:::taken-name", "arn:aws:s3:::taken-name/*"],
    }
    outside.put_public_access_block(
        Bucket="taken-name", PublicAccessBlockConfiguration={"BlockPublicPolicy": False}
    )
    outside.put_bucket_policy(Bucket="taken-name", Policy=json.dumps({"Statement": [everybody]}))
    all_buckets = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    ours_only = {
        **all_buckets,
        "Condition": {"StringEquals": {"aws:ResourceAccount": ACCOUNT}},
    }
    made_role(cloud, "everywhere", "", all_buckets)
    made_role(cloud, "at-home", "", ours_only)
    everywhere = cloud.client("s3", cloud.assume("everywhere", "job"))
    at_home = cloud.client("s3", cloud.assume("at-home", "job"))
    assert not refused(everywhere, "taken-name", put("a"))
    assert refused(at_home, "taken-name", put("a"))
    assert not refused(at_home, cloud.bucket, put(MANIFEST))
    assert refused(everywhere, "taken-name", put("a", ExpectedBucketOwner=ACCOUNT))
    assert not refused(everywhere, cloud.bucket, put(MANIFEST, ExpectedBucketOwner=ACCOUNT))


def test_a_rule_without_permission_calls_no_function(cloud: EmbeddedCloud) -> None:
    events = cloud.client("events")
    notify = cloud.client("lambda").get_function_configuration(
        FunctionName=cloud.stack.resources["NotifyFunction"]
    )["FunctionArn"]
    events.put_rule(Name="of-a-stranger", EventPattern=json.dumps({"source": ["stranger"]}))
    events.put_targets(Rule="of-a-stranger", Targets=[{"Id": "1", "Arn": notify}])
    entry = {"Source": "stranger", "DetailType": "x", "Detail": "{}"}
    events.put_events(Entries=[entry])
    refusals = [d for d in cloud.decisions() if d.resource == notify and not d.allowed]
    rule = f"arn:aws:events:{cloud.region}:{ACCOUNT}:rule/of-a-stranger"
    assert [d.principal for d in refusals] == [f"events.amazonaws.com for {rule}"]


@pytest.mark.parametrize(
    ("name", "service", "granted", "expected"),
    [
        pytest.param("machine-none", "states.amazonaws.com", False, "FAILED", id="no policy"),
        pytest.param("machine-trust", "lambda.amazonaws.com", True, "FAILED", id="no trust"),
        pytest.param("machine-all", "states.amazonaws.com", True, "SUCCEEDED", id="both"),
    ],
)
def test_a_state_machine_does_what_its_role_allows(
    cloud: EmbeddedCloud, name: str, service: str, granted: bool, expected: str
) -> None:
    function = cloud.client("lambda").get_function_configuration(
        FunctionName=cloud.stack.resources["SweepFunction"]
    )["FunctionArn"]
    invoke = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": function}
    task = {"Type": "Task", "Resource": function, "End": True}
    states = cloud.client("stepfunctions")
    machine = states.create_state_machine(
        name=name,
        definition=json.dumps({"StartAt": "Sweep", "States": {"Sweep": task}}),
        roleArn=made_role(cloud, name, service, *([invoke] if granted else [])),
    )["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine)["executionArn"]

    def status() -> str:
        return str(states.describe_execution(executionArn=execution)["status"])

    wait_until(lambda: status() != "RUNNING")
    assert status() == expected


def test_a_function_whose_role_lambda_may_not_take_does_not_start(cloud: EmbeddedCloud) -> None:
    function = cloud.stack.resources["SweepFunction"]
    own = cloud.client("lambda").get_function_configuration(FunctionName=function)["Role"]
    try:
        cloud.configure("SweepFunction", Role=made_role(cloud, "no-lambda", "ec2.amazonaws.com"))
        answer = cloud.client("lambda").invoke(FunctionName=function, Payload=b"{}")
        assert "cannot be assumed by Lambda" in answer["Payload"].read().decode()
    finally:
        cloud.configure("SweepFunction", Role=own)
