"""Who may do what: the table of design section 2, asked of the roles and the bucket's policy."""

from __future__ import annotations

import json
import re

import pytest
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from pixelgate.domain import state_events
from pixelgate.domain.keys import BuildId, is_trusted

from .stack import (
    BUCKET_ARN,
    BUCKET_NAME,
    ROOT,
    Stack,
    allows,
    covers,
    decided,
    listed,
    object_arn,
    texts,
    translated,
)

MANIFEST = "uploads/web/4f2a9c1d/manifest.json"
PLAIN_IMAGE = "uploads/web/4f2a9c1d/pages/home.png"
IMAGE = "images/web/9f86d081"
STATUS = "builds/web/4f2a9c1d/status.json"
REPORT = "comparisons/web/4f2a9c1d/b7730e52/1/index.html"
CACHED = "cache/web/1/9f86d081-60303ae2.json"
OLD_MASK = "diffs/web/2026-08/1/9f86d081-60303ae2.png"
REVIEW = "reviews/web/4f2a9c1d/1.json"
ASIDE = "aside/web/9f86d081"
TABLE = "${Table.Arn}"
INDEX = "${Table.Arn}/index/unfinished"
BUCKET = "the bucket itself"
BUS = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/default"
MACHINE = "${CompareMachine}"
STATES = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}"
PLAN = "comparisons/web/4f2a9c1d/b7730e52/1/fan-out/plan.jsonl"
SSM = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter"
SITE_SETTINGS = f"{SSM}/${{AWS::StackName}}/site"
TOKEN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:github-token-AbCdEf"

OBJECT_WRITES = [
    "s3:PutObject",
    "s3:PutObjectAcl",
    "s3:PutObjectTagging",
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "s3:RestoreObject",
    "s3:ReplicateObject",
]


@pytest.mark.parametrize(
    ("role", "action", "resource", "expected"),
    [
        ("CompareRole", "s3:GetObject", MANIFEST, True),
        ("CompareRole", "s3:GetObject", PLAIN_IMAGE, True),
        ("CompareRole", "s3:GetObject", IMAGE, True),
        ("CompareRole", "s3:GetObject", STATUS, True),
        ("CompareRole", "s3:GetObject", CACHED, True),
        ("CompareRole", "s3:GetObject", REVIEW, False),
        ("CompareRole", "s3:GetObject", REPORT, True),
        ("CompareRole", "events:PutEvents", BUS, True),
        ("CompareRole", "secretsmanager:GetSecretValue", TOKEN, False),
        ("CompareRole", "s3:PutObject", STATUS, True),
        ("CompareRole", "s3:PutObject", REPORT, True),
        ("CompareRole", "s3:PutObject", CACHED, True),
        ("CompareRole", "s3:PutObject", REVIEW, False),
        ("CompareRole", "s3:DeleteObject", CACHED, False),
        ("CompareRole", "s3:ListBucket", BUCKET, True),
        ("CompareRole", "dynamodb:GetItem", TABLE, True),
        ("CompareRole", "dynamodb:BatchGetItem", TABLE, True),
        ("CompareRole", "dynamodb:PutItem", TABLE, True),
        ("CompareRole", "dynamodb:UpdateItem", TABLE, True),
        ("CompareRole", "dynamodb:Query", TABLE, True),
        ("CompareRole", "dynamodb:Query", INDEX, False),
        ("CompareRole", "dynamodb:DeleteItem", TABLE, False),
        ("CompareRole", "dynamodb:Scan", TABLE, False),
        ("CompareRole", "sqs:SendMessage", "${FailedEvents.Arn}", True),
        pytest.param(
            "CompareRole", "lambda:InvokeFunction", "${CompareFunction.Arn}", True, id="wakes heads"
        ),
        ("CompareRole", "lambda:InvokeFunction", "${SweepFunction.Arn}", False),
        ("CompareRole", "logs:PutLogEvents", "${CompareLogs.Arn}", True),
        ("CompareRole", "logs:PutLogEvents", "${SweepLogs.Arn}", False),
        ("CompareRole", "logs:CreateLogGroup", "${CompareLogs.Arn}", False),
        ("CompareRole", "states:StartExecution", MACHINE, True),
        ("CompareRole", "states:StopExecution", MACHINE, False),
        ("CompareRole", "lambda:InvokeFunction", "${WorkerFunction.Arn}", False),
        ("WorkerRole", "s3:GetObject", IMAGE, True),
        ("WorkerRole", "s3:GetObject", CACHED, True),
        ("WorkerRole", "s3:GetObject", PLAN, True),
        ("WorkerRole", "s3:GetObject", STATUS, False),
        ("WorkerRole", "s3:GetObject", MANIFEST, False),
        ("WorkerRole", "s3:PutObject", CACHED, True),
        ("WorkerRole", "s3:PutObject", PLAN, True),
        ("WorkerRole", "s3:PutObject", STATUS, False),
        ("WorkerRole", "s3:ListBucket", BUCKET, True),
        ("WorkerRole", "dynamodb:GetItem", TABLE, True),
        ("WorkerRole", "dynamodb:UpdateItem", TABLE, True),
        ("WorkerRole", "dynamodb:PutItem", TABLE, False),
        ("WorkerRole", "dynamodb:Query", TABLE, False),
        ("WorkerRole", "events:PutEvents", BUS, False),
        ("WorkerRole", "states:StartExecution", MACHINE, False),
        ("WorkerRole", "lambda:InvokeFunction", "${CompareFunction.Arn}", False),
        ("WorkerRole", "secretsmanager:GetSecretValue", TOKEN, False),
        ("WorkerRole", "logs:PutLogEvents", "${WorkerLogs.Arn}", True),
        ("PublishRole", "s3:GetObject", STATUS, True),
        ("PublishRole", "s3:GetObject", PLAN, True),
        ("PublishRole", "s3:GetObject", CACHED, True),
        ("PublishRole", "s3:GetObject", IMAGE, True),
        ("PublishRole", "s3:GetObject", MANIFEST, False),
        ("PublishRole", "s3:PutObject", STATUS, True),
        ("PublishRole", "s3:PutObject", REPORT, True),
        ("PublishRole", "s3:ListBucket", BUCKET, True),
        ("PublishRole", "dynamodb:GetItem", TABLE, True),
        ("PublishRole", "dynamodb:UpdateItem", TABLE, True),
        ("PublishRole", "dynamodb:Query", TABLE, True),
        ("PublishRole", "dynamodb:PutItem", TABLE, False),
        ("PublishRole", "dynamodb:DeleteItem", TABLE, False),
        ("PublishRole", "events:PutEvents", BUS, True),
        ("PublishRole", "states:StartExecution", MACHINE, False),
        ("PublishRole", "secretsmanager:GetSecretValue", TOKEN, False),
        ("PublishRole", "logs:PutLogEvents", "${PublishLogs.Arn}", True),
        ("MachineRole", "lambda:InvokeFunction", "${WorkerFunction.Arn}", True),
        ("MachineRole", "lambda:InvokeFunction", "${PublishFunction.Arn}", True),
        ("MachineRole", "lambda:InvokeFunction", "${CompareFunction.Arn}", False),
        ("MachineRole", "s3:GetObject", PLAN, True),
        ("MachineRole", "s3:GetObject", IMAGE, False),
        ("MachineRole", "s3:PutObject", PLAN, False),
        (
            "MachineRole",
            "states:StartExecution",
            f"{STATES}:stateMachine:${{AWS::StackName}}-compare",
            True,
        ),
        (
            "MachineRole",
            "states:StopExecution",
            f"{STATES}:execution:${{AWS::StackName}}-compare/CompareBatches:1",
            True,
        ),
        *(
            ("MachineRole", action, f"{STATES}:{kind}:${{AWS::StackName}}-compare{name}", True)
            for action, kind, name in (
                ("states:DescribeExecution", "execution", ":e1"),
                ("states:StopExecution", "execution", ":e1"),
                ("states:StopExecution", "express", "/CompareBatches:1:2"),
                ("states:RedriveExecution", "execution", "/CompareBatches:1"),
            )
        ),
        (
            "MachineRole",
            "states:StopExecution",
            f"{STATES}:execution:${{AWS::StackName}}-compare2:e1",
            False,
        ),
        ("MachineRole", "states:StartExecution", f"{STATES}:stateMachine:another", False),
        ("SweepRole", "dynamodb:Query", INDEX, True),
        ("SweepRole", "dynamodb:Query", TABLE, True),
        ("SweepRole", "dynamodb:GetItem", TABLE, True),
        ("SweepRole", "dynamodb:UpdateItem", TABLE, True),
        ("SweepRole", "dynamodb:PutItem", TABLE, False),
        ("SweepRole", "dynamodb:BatchGetItem", TABLE, False),
        ("SweepRole", "lambda:InvokeFunction", "${CompareFunction.Arn}", True),
        ("SweepRole", "lambda:InvokeFunction", "${SweepFunction.Arn}", False),
        ("SweepRole", "s3:GetObject", STATUS, True),
        ("SweepRole", "s3:PutObject", STATUS, True),
        ("SweepRole", "s3:PutObject", REPORT, False),
        ("SweepRole", "s3:PutObject", IMAGE, False),
        ("SweepRole", "s3:GetObject", MANIFEST, False),
        ("SweepRole", "s3:ListBucket", BUCKET, True),
        ("SweepRole", "logs:PutLogEvents", "${SweepLogs.Arn}", True),
        ("SweepRole", "s3:GetObject", REPORT, True),
        ("SweepRole", "s3:GetObject", REVIEW, False),
        ("SweepRole", "events:PutEvents", BUS, True),
        ("SweepRole", "secretsmanager:GetSecretValue", TOKEN, False),
        ("ReviewRole", "s3:GetObject", REVIEW, True),
        ("ReviewRole", "s3:GetObject", STATUS, True),
        ("ReviewRole", "s3:GetObject", REPORT, True),
        ("ReviewRole", "s3:GetObject", MANIFEST, False),
        ("ReviewRole", "s3:GetObject", IMAGE, False),
        ("ReviewRole", "s3:PutObject", STATUS, True),
        ("ReviewRole", "s3:PutObject", REPORT, False),
        ("ReviewRole", "s3:PutObject", CACHED, False),
        ("ReviewRole", "s3:ListBucket", BUCKET, True),
        ("ReviewRole", "dynamodb:GetItem", TABLE, True),
        ("ReviewRole", "dynamodb:UpdateItem", TABLE, True),
        ("ReviewRole", "dynamodb:PutItem", TABLE, False),
        ("ReviewRole", "dynamodb:DeleteItem", TABLE, False),
        ("ReviewRole", "dynamodb:Query", TABLE, True),
        ("ReviewRole", "events:PutEvents", BUS, True),
        ("ReviewRole", "lambda:InvokeFunction", "${CompareFunction.Arn}", True),
        ("ReviewRole", "lambda:InvokeFunction", "${SweepFunction.Arn}", False),
        ("ReviewRole", "dynamodb:Query", INDEX, False),
        ("ReviewRole", "secretsmanager:GetSecretValue", TOKEN, False),
        ("ReviewRole", "logs:PutLogEvents", "${ReviewLogs.Arn}", True),
        *[
            grant
            for role in ("CompareRole", "WorkerRole", "PublishRole", "TidyRole")
            for grant in (
                pytest.param(role, "s3:GetObject", ASIDE, True, id=f"{role} finds an old image"),
                pytest.param(role, "s3:GetObjectVersion", IMAGE, True, id=f"{role} restores"),
                pytest.param(role, "s3:ListBucketVersions", BUCKET, True, id=f"{role} finds"),
                pytest.param(role, "s3:PutObject", IMAGE, True, id=f"{role} puts back"),
                pytest.param(role, "s3:GetObjectVersion", REPORT, False, id=f"{role} images only"),
            )
        ],
        ("SweepRole", "s3:ListBucketVersions", BUCKET, False),
        ("ReviewRole", "s3:ListBucketVersions", BUCKET, False),
        ("NotifyRole", "s3:ListBucketVersions", BUCKET, False),
        ("TidyRole", "s3:GetObject", STATUS, True),
        ("TidyRole", "s3:GetObject", MANIFEST, True),
        ("TidyRole", "s3:GetObject", REPORT, True),
        ("TidyRole", "s3:PutObject", ASIDE, False),
        ("TidyRole", "s3:PutObject", MANIFEST, False),
        ("TidyRole", "s3:DeleteObject", IMAGE, True),
        ("TidyRole", "s3:DeleteObject", OLD_MASK, True),
        ("TidyRole", "s3:DeleteObject", CACHED, False),
        ("TidyRole", "s3:DeleteObjectVersion", IMAGE, False),
        ("TidyRole", "dynamodb:DeleteItem", TABLE, True),
        ("TidyRole", "s3:GetObject", REVIEW, False),
        ("TidyRole", "s3:DeleteObject", REPORT, True),
        ("TidyRole", "s3:DeleteObjectVersion", REPORT, False),
        ("TidyRole", "s3:PutObject", STATUS, False),
        ("TidyRole", "s3:PutObject", REPORT, False),
        ("TidyRole", "dynamodb:GetItem", TABLE, True),
        ("TidyRole", "dynamodb:Scan", TABLE, False),
        ("TidyRole", "lambda:InvokeFunction", "${CompareFunction.Arn}", False),
        ("SiteRole", "s3:GetObject", STATUS, True),
        ("SiteRole", "s3:GetObject", REPORT, True),
        ("SiteRole", "s3:GetObject", IMAGE, True),
        ("SiteRole", "s3:GetObject", OLD_MASK, True),
        ("SiteRole", "s3:GetObject", MANIFEST, False),
        ("SiteRole", "s3:GetObject", CACHED, False),
        ("SiteRole", "s3:GetObject", REVIEW, False),
        ("SiteRole", "s3:PutObject", REVIEW, True),
        ("SiteRole", "s3:PutObject", STATUS, False),
        ("SiteRole", "s3:PutObject", REPORT, False),
        ("SiteRole", "s3:PutObject", IMAGE, False),
        ("SiteRole", "s3:PutObject", MANIFEST, False),
        ("SiteRole", "s3:DeleteObject", REVIEW, False),
        ("SiteRole", "s3:ListBucket", BUCKET, True),
        ("SiteRole", "s3:ListBucketVersions", BUCKET, False),
        ("SiteRole", "dynamodb:PutItem", TABLE, False),
        ("SiteRole", "dynamodb:UpdateItem", TABLE, False),
        ("SiteRole", "dynamodb:Scan", TABLE, False),
        ("SiteRole", "events:PutEvents", BUS, False),
        ("SiteRole", "lambda:InvokeFunction", "${ReviewFunction.Arn}", False),
        ("SiteRole", "ssm:GetParameter", SITE_SETTINGS, True),
        ("SiteRole", "ssm:GetParameter", f"{SITE_SETTINGS}2", False),
        ("SiteRole", "ssm:PutParameter", SITE_SETTINGS, False),
        ("SiteRole", "logs:PutLogEvents", "${SiteLogs.Arn}", True),
        ("ReviewRole", "ssm:GetParameter", SITE_SETTINGS, False),
        ("NotifyRole", "ssm:GetParameter", SITE_SETTINGS, False),
        ("NotifyRole", "s3:GetObject", STATUS, True),
        ("NotifyRole", "s3:GetObject", REPORT, False),
        ("NotifyRole", "s3:GetObject", IMAGE, False),
        ("NotifyRole", "s3:PutObject", STATUS, False),
        ("NotifyRole", "dynamodb:GetItem", TABLE, True),
        ("NotifyRole", "dynamodb:Query", TABLE, True),
        ("NotifyRole", "dynamodb:UpdateItem", TABLE, False),
        ("NotifyRole", "dynamodb:PutItem", TABLE, False),
        ("NotifyRole", "events:PutEvents", BUS, False),
        ("NotifyRole", "logs:PutLogEvents", "${NotifyLogs.Arn}", True),
    ],
)
def test_role_may(stack: Stack, role: str, action: str, resource: str, expected: bool) -> None:
    assert allows(stack.grants(role), action, arn(resource)) is expected


def test_no_role_can_write_what_triggers_a_function(stack: Stack) -> None:
    writers = [
        (role, action, resource)
        for role in stack.of_type("AWS::IAM::Role")
        for action in OBJECT_WRITES
        for resource in (MANIFEST, PLAIN_IMAGE, REVIEW)
        # S3 tells nobody of deletions: the notification is for what was created.
        if (role, action) != ("TidyRole", "s3:DeleteObject")
        # Through the site people review: that is what it is for.
        if (role, action, resource) != ("SiteRole", "s3:PutObject", REVIEW)
        if allows(stack.grants(role), action, arn(resource))
    ]
    assert writers == []


def test_what_a_function_writes_triggers_nothing(stack: Stack) -> None:
    """Plain images are stored under images/, of which S3 tells nobody."""
    notification = stack.only("AWS::S3::Bucket")["NotificationConfiguration"]
    filters = [c["Filter"]["S3Key"]["Rules"] for c in notification["LambdaConfigurations"]]
    calling = [tuple(rule["Value"] for rule in rules) for rules in filters]
    assert calling == [("uploads/", "/manifest.json"), ("reviews/", ".json")]
    for key in (IMAGE, STATUS, REPORT, CACHED):
        assert not any(key.startswith(prefix) for prefix, _ in calling)


FORK = "uploads/web/fork.77-1/"


@pytest.mark.parametrize(
    ("action", "key", "expected"),
    [
        ("s3:PutObject", f"{FORK}manifest.json", True),
        ("s3:PutObject", f"{FORK}pages/home.png", True),
        ("s3:PutObject", f"{FORK}shards/1-of-2/manifest.json", True),
        ("s3:PutObject", MANIFEST, False),
        ("s3:PutObject", PLAIN_IMAGE, False),
        pytest.param("s3:PutObject", "uploads/web/4f2a9c1d/fork.png", False, id="beside others"),
        pytest.param("s3:PutObject", "uploads/docs/fork.77-1/a.png", False, id="another project"),
        pytest.param("s3:PutObject", IMAGE, False, id="garbage under a hash"),
        ("s3:PutObject", REVIEW, False),
        ("s3:PutObject", STATUS, False),
        ("s3:GetObject", "builds/web/fork.77-1/status.json", True),
        ("s3:GetObject", STATUS, False),
        ("s3:GetObject", IMAGE, False),
        ("s3:DeleteObject", f"{FORK}manifest.json", False),
    ],
)
def test_the_role_of_forks_may(action: str, key: str, expected: bool) -> None:
    """The policy as decision 0024 prints it."""
    [page] = (ROOT / "docs/decisions").glob("0024-*.md")
    [policy] = re.findall(r"```json\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    policy = policy.replace("arn:aws:s3:::BUCKET", BUCKET_ARN).replace("PROJECT", "web")
    assert allows(json.loads(policy)["Statement"], action, object_arn(key)) is expected
    build = re.match(r"uploads/web/([^/]+)/", key)
    if expected and build:
        assert not is_trusted(BuildId("web", build[1]))


LOG_DELIVERY = {
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
}


def test_only_the_machine_s_log_has_no_resource(stack: Stack) -> None:
    granted_on_everything = {
        (role == "MachineRole", action)
        for role in stack.of_type("AWS::IAM::Role")
        for grant in stack.grants(role)
        if "*" in listed(grant["Resource"])
        for action in listed(grant["Action"])
    }
    assert granted_on_everything == {(True, a) for a in LOG_DELIVERY}


def test_every_grant_names_its_actions_and_a_resource_of_the_stack(stack: Stack) -> None:
    for role in stack.of_type("AWS::IAM::Role"):
        for grant in stack.grants(role):
            assert not any("*" in action or "?" in action for action in listed(grant["Action"]))
            for resource in set(listed(grant["Resource"])) - {"*"}:
                if grant["Sid"] in {"ListPicturesOfComments", "ReadPicturesOfComments"}:
                    # Project, head, base and execution: each execution has such a folder.
                    assert resource.startswith(f"{BUCKET_ARN}/comparisons/*/*/*/*/previews/")
                    continue
                # A wildcard stands for the rest of a key, behind a prefix, or nowhere.
                # (Step Functions names executions behind a colon.) The index of a project lies
                # among its builds, and who merges it may write no build.
                resource = resource.replace("/*/@history/*", "/*")
                rest = ":*" if resource.startswith(f"{STATES}:execution:") else "/*"
                assert "*" not in resource.removesuffix(rest).removesuffix("/*"), grant["Sid"]
                ours = (BUCKET_ARN, BUS, "${", f"{STATES}:", f"{SSM}/${{AWS::StackName}}/")
                if grant["Sid"] in {
                    "ReadItsToken",
                    "ReadItsGitLabToken",
                    "AskWhoMayDecide",
                    "UseTheKey",
                }:
                    assert resource == ""  # the parameter, which by default is nothing
                    continue
                if grant["Sid"] in {"ReadItsGitHubApp", "AskAsGitHubApp"}:
                    assert resource == SSM  # and the parameter behind it
                    continue
                assert resource.startswith(ours), grant["Sid"]
                assert resource != object_arn("*"), grant["Sid"]


def test_each_function_has_a_role_of_its_own_that_only_lambda_assumes(stack: Stack) -> None:
    roles = {n: f["Role"] for n, f in stack.of_type("AWS::Lambda::Function").items()}
    assert roles == {
        "CompareFunction": "${CompareRole.Arn}",
        "NotifyFunction": "${NotifyRole.Arn}",
        "PublishFunction": "${PublishRole.Arn}",
        "ReviewFunction": "${ReviewRole.Arn}",
        "SiteFunction": "${SiteRole.Arn}",
        "SweepFunction": "${SweepRole.Arn}",
        "TidyFunction": "${TidyRole.Arn}",
        "WorkerFunction": "${WorkerRole.Arn}",
    }
    for name, role in stack.of_type("AWS::IAM::Role").items():
        [trust] = role["AssumeRolePolicyDocument"]["Statement"]
        service = "states" if name == "MachineRole" else "lambda"
        assert trust["Principal"] == {"Service": f"{service}.amazonaws.com"}
        assert "ManagedPolicyArns" not in role  # AWS's own grant more than is needed


def test_events_are_sent_as_nobody_but_pixelgate(stack: Stack) -> None:
    for role in ("CompareRole", "PublishRole", "ReviewRole", "SweepRole"):
        [grant] = [g for g in stack.grants(role) if covers(g, "events:PutEvents", BUS)]
        assert grant["Condition"] == {"StringEquals": {"events:source": state_events.SOURCE}}


@pytest.mark.parametrize(
    ("forge", "policy", "sid"),
    [
        ("GitHub", "NotifyMayReadItsToken", "ReadItsToken"),
        ("GitLab", "NotifyMayReadItsGitLabToken", "ReadItsGitLabToken"),
    ],
)
def test_only_the_notifier_may_read_a_token_and_only_if_it_is_on(
    forge: str, policy: str, sid: str
) -> None:
    chosen = {f"{forge}TokenSecret": TOKEN, f"{forge}Repositories": "acme/shop"}
    stack = translated(**chosen)
    made = stack.of_type("AWS::IAM::Policy")[policy]
    assert stack.resources[policy]["Condition"] == f"Notifies{forge}"
    assert made["Roles"] == ["${NotifyRole}"]
    [grant] = made["PolicyDocument"]["Statement"]
    assert grant == {
        "Sid": sid,
        "Effect": "Allow",
        "Action": "secretsmanager:GetSecretValue",
        "Resource": TOKEN,
    }
    for site, readers in (("none", {"NotifyRole"}), ("http-api", {"NotifyRole", "SiteRole"})):
        made = decided(Site=site, **chosen)
        readers = readers if forge == "GitHub" else {"NotifyRole"}
        for role in made.of_type("AWS::IAM::Role"):
            may = allows(made.grants(role), "secretsmanager:GetSecretValue", TOKEN)
            assert may is (role in readers)


APP = f"{SSM}/acme/github-app"


@pytest.mark.parametrize(
    ("chosen", "readers"),
    [
        ({}, set[str]()),
        ({"Site": "http-api"}, set()),
        ({"GitHubApp": "/acme/github-app"}, set()),
        ({"GitHubRepositories": "acme/shop"}, set()),
        ({"GitHubApp": "/acme/github-app", "GitHubRepositories": "acme/shop"}, {"NotifyRole"}),
        (
            {
                "GitHubApp": "/acme/github-app",
                "GitHubRepositories": "acme/shop",
                "Site": "http-api",
            },
            {"NotifyRole", "SiteRole"},
        ),
    ],
)
def test_who_may_read_the_github_app(chosen: dict[str, str], readers: set[str]) -> None:
    stack = decided(**chosen)
    for role in stack.of_type("AWS::IAM::Role"):
        grants = stack.grants(role)
        assert allows(grants, "ssm:GetParameter", APP) is (role in readers)
        assert not allows(grants, "ssm:PutParameter", APP)
        assert not allows(grants, "ssm:GetParameter", APP.replace("github-app", "other"))
    if "Site" in chosen:  # which asks the table only which build is the newest, for the button
        for action in ("dynamodb:GetItem", "dynamodb:Query"):
            may = allows(stack.grants("SiteRole"), action, TABLE)
            assert may is ("SiteRole" in readers)


def test_the_app_takes_the_place_of_the_token() -> None:
    stack = decided(
        GitHubApp="/acme/github-app",
        GitHubRepositories="acme/shop",
        GitHubTokenSecret=TOKEN,
        Site="http-api",
    )
    for role in stack.of_type("AWS::IAM::Role"):
        assert not allows(stack.grants(role), "secretsmanager:GetSecretValue", TOKEN)
    assert "StateChanges" in stack.resources


def test_unseen_approval_is_off_unless_it_is_asked_for(stack: Stack) -> None:
    assert stack.parameters["ApproveFromCheck"]["Default"] == "off"
    told = stack.function("NotifyFunction")["Environment"]["Variables"]
    assert told["PIXELGATE_APPROVE_FROM_CHECK"] == "off"


def test_the_notifier_is_called_only_if_a_token_and_a_repository_are_given(stack: Stack) -> None:
    conditions = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))["Conditions"]
    for forge in ("GitHub", "GitLab"):
        needed = [f"{forge}TokenSecret", f"{forge}Repositories"]
        assert [stack.parameters[name]["Default"] for name in needed] == ["", ""]
        given = [{"Fn::Not": [{"Fn::Equals": [{"Ref": name}, ""]}]} for name in needed]
        instead = [{"Fn::Equals": [{"Ref": "GitHubApp"}, ""]}] if forge == "GitHub" else []
        assert conditions[f"Notifies{forge}"] == {"Fn::And": [*instead, *given]}
    assert conditions["NotifiesAsGitHubApp"] == {
        "Fn::And": [
            {"Fn::Not": [{"Fn::Equals": [{"Ref": name}, ""]}]}
            for name in ("GitHubApp", "GitHubRepositories")
        ]
    }
    any_of = ("NotifiesAsGitHubApp", "NotifiesGitHub", "NotifiesGitLab")
    assert conditions["Notifies"] == {"Fn::Or": [{"Condition": name} for name in any_of]}
    for name in ("StateChanges", "RuleMayCallNotify"):
        assert stack.resources[name]["Condition"] == "Notifies"
    [target] = stack.of_type("AWS::Events::Rule")["StateChanges"]["Targets"]
    assert target["Arn"] == "${NotifyFunction.Arn}"
    permission = stack.of_type("AWS::Lambda::Permission")["RuleMayCallNotify"]
    assert permission["SourceArn"] == "${StateChanges.Arn}"
    assert permission["Principal"] == "events.amazonaws.com"


def test_the_notifier_is_told_every_parameter_of_its_forges(stack: Stack) -> None:
    chosen = {name: name for name in stack.parameters if name.startswith(("GitHub", "GitLab"))}
    function = translated(**chosen).of_type("AWS::Lambda::Function")["NotifyFunction"]
    told = function["Environment"]["Variables"]
    assert {name: told[name] for name in told if "_GIT" in name} == {
        "PIXELGATE_GITHUB_APP": "GitHubApp",
        "PIXELGATE_GITHUB_TOKEN_SECRET": "GitHubTokenSecret",
        "PIXELGATE_GITHUB_REPOSITORIES": "GitHubRepositories",
        "PIXELGATE_GITHUB_API": "GitHubApi",
        "PIXELGATE_GITLAB_TOKEN_SECRET": "GitLabTokenSecret",
        "PIXELGATE_GITLAB_REPOSITORIES": "GitLabRepositories",
        "PIXELGATE_GITLAB_API": "GitLabApi",
    }
    assert told["PIXELGATE_COMMENT_COMMANDS"] == "false"
    asked = translated(CommentCommands="true").of_type("AWS::Lambda::Function")["NotifyFunction"]
    assert asked["Environment"]["Variables"]["PIXELGATE_COMMENT_COMMANDS"] == "true"


@pytest.mark.parametrize(
    ("parameter", "value", "taken"),
    [
        ("GitHubRepositories", "acme/shop", True),
        ("GitHubRepositories", "shop=acme/shop,web=acme/web.site", True),
        ("GitHubRepositories", "acme", False),
        ("GitHubRepositories", "https://github.com/acme/shop", False),
        ("GitHubApi", "https://ghe.example.com/api/v3", True),
        ("GitHubApi", "http://ghe.example.com/api/v3", False),
        ("GitHubApp", "", True),
        ("GitHubApp", "/acme/github-app", True),
        ("GitHubApp", "github-app", False),
        ("GitHubApp", "/acme/*", False),
        ("GitHubApp", "/acme/", False),
        ("GitHubTokenSecret", TOKEN, True),
        ("GitHubTokenSecret", "ghp_0123456789", False),
        ("GitHubRepositories", "acme/web/shop", False),
        ("GitLabRepositories", "", True),
        ("GitLabRepositories", "acme/shop", True),
        ("GitLabRepositories", "acme/web/design/shop", True),
        ("GitLabRepositories", "shop=acme/web/shop,docs=acme/docs", True),
        ("GitLabRepositories", "acme", False),
        ("GitLabRepositories", "acme/shop/", False),
        ("GitLabRepositories", "https://gitlab.com/acme/shop", False),
        ("GitLabApi", "https://git.example.com/api/v4", True),
        ("GitLabApi", "http://git.example.com/api/v4", False),
        ("GitLabTokenSecret", TOKEN, True),
        ("GitLabTokenSecret", "glpat-0123456789", False),
    ],
)
def test_parameter_takes(stack: Stack, parameter: str, value: str, taken: bool) -> None:
    pattern = stack.parameters[parameter]["AllowedPattern"]
    assert bool(re.search(pattern, value)) is taken


def test_reviewers_may_review_and_look_and_no_more(stack: Stack) -> None:
    policy = stack.only("AWS::IAM::ManagedPolicy")["PolicyDocument"]["Statement"]
    assert allows(policy, "s3:PutObject", arn(REVIEW))
    for key in (STATUS, REPORT, IMAGE, OLD_MASK):
        assert allows(policy, "s3:GetObject", arn(key))
        assert not any(allows(policy, write, arn(key)) for write in OBJECT_WRITES)
    assert not allows(policy, "s3:GetObject", arn(MANIFEST))
    assert not allows(policy, "s3:DeleteObject", arn(REVIEW))


def test_every_grant_on_s3_names_the_account_of_the_bucket(stack: Stack) -> None:
    """Anybody may own a bucket of our bucket's name, once that is deleted."""
    granted = [s for role in stack.of_type("AWS::IAM::Role") for s in stack.grants(role)]
    granted += stack.only("AWS::IAM::ManagedPolicy")["PolicyDocument"]["Statement"]
    on_s3 = [s for s in granted if any(a.startswith("s3:") for a in listed(s["Action"]))]
    assert len(on_s3) > 30
    for statement in on_s3:
        condition = statement["Condition"]["StringEquals"]
        assert condition == {"aws:ResourceAccount": "${AWS::AccountId}"}, statement["Sid"]
    variables = stack.function("CompareFunction")["Environment"]["Variables"]
    assert variables["PIXELGATE_BUCKET_OWNER"] == "${AWS::AccountId}"


def test_the_bucket_may_have_a_name_in_the_account_s_own_namespace(stack: Stack) -> None:
    assert stack.parameters["BucketNameSuffix"]["AllowedValues"] == ["", "-an"]
    own = translated(BucketNameSuffix="-an")
    name = own.only("AWS::S3::Bucket")["BucketName"]
    assert name == f"{BUCKET_NAME}-an"
    namespace = stack.only("AWS::S3::Bucket")["BucketNamespace"]
    assert namespace == {"if": "HasOwnNamespace", "then": "account-regional"}
    named = {n: r for n, r in own.resources.items() if n != "BucketPolicy"}  # it has a reference
    spelt = {t for t in texts(named) if BUCKET_NAME in t}
    assert len(spelt) >= 10
    assert [t for t in spelt if f"{BUCKET_NAME}-an" not in t] == []


def test_plain_http_is_refused_by_bucket_and_queue(stack: Stack) -> None:
    [bucket] = [s for s in stack.denials() if s["Sid"] == "TlsOnly"]
    [queue] = stack.only("AWS::SQS::QueuePolicy")["PolicyDocument"]["Statement"]
    for statement, resources, actions in [
        (bucket, [BUCKET_ARN, object_arn("*")], "s3:*"),
        (queue, ["${FailedEvents.Arn}"], "sqs:*"),
    ]:
        assert statement["Effect"] == "Deny"
        assert statement["Principal"] == "*"
        assert statement["Action"] == actions
        assert listed(statement["Resource"]) == resources
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (IMAGE, True),
        pytest.param(MANIFEST, False, id="a refused manifest is sent again"),
        pytest.param(PLAIN_IMAGE, False, id="aws s3 cp of plain images works"),
        pytest.param(STATUS, False, id="a status changes while its comparison runs"),
        (REPORT, False),
        (CACHED, False),
        (REVIEW, False),
    ],
)
def test_written_once(stack: Stack, resource: str, expected: bool) -> None:
    [write_once] = [s for s in stack.denials() if s["Sid"] == "WriteOnce"]
    assert covers(write_once, "s3:PutObject", arn(resource)) is expected


def test_writing_once_means_if_none_match_also_for_multipart_uploads(stack: Stack) -> None:
    [write_once] = [s for s in stack.denials() if s["Sid"] == "WriteOnce"]
    assert write_once["Effect"] == "Deny"
    assert write_once["Principal"] == "*"
    assert write_once["Condition"] == {
        "Null": {"s3:if-none-match": "true"},
        "Bool": {"s3:ObjectCreationOperation": "true"},
    }


def test_the_bucket_s_policy_only_denies(stack: Stack) -> None:
    assert {s["Effect"] for s in stack.denials()} == {"Deny"}


@pytest.mark.parametrize("function", ["CompareFunction", "ReviewFunction"])
def test_only_our_bucket_in_our_account_may_call(stack: Stack, function: str) -> None:
    permissions = stack.of_type("AWS::Lambda::Permission").values()
    [ours] = [p for p in permissions if p["FunctionName"] == f"${{{function}}}"]
    assert ours == {
        "Action": "lambda:InvokeFunction",
        "FunctionName": f"${{{function}}}",
        "Principal": "s3.amazonaws.com",
        "SourceArn": BUCKET_ARN,
        "SourceAccount": "${AWS::AccountId}",
    }


def arn(resource: str) -> str:
    """What these tests call a resource, as policies name it: keys lie in the bucket."""
    if resource == BUCKET:
        return BUCKET_ARN
    return resource if resource.startswith(("${", "arn:")) else object_arn(resource)
