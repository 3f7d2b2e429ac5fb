"""Looks back on all end-to-end tests: what the functions were allowed, called, logged and counted.

Grants that nobody uses and metrics that nobody emits show only in a whole run, so those tests are
left out when a part was run; a refused request is wrong in any run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import Ran
from pixelgate.sandbox.cloud import Decision, EmbeddedCloud
from template.stack import Json, Stack, allows, covers, listed, translated
from template.test_watching import alarms, charted

pytestmark = pytest.mark.e2e

ACCOUNT = "000000000000"
SECRET = "arn:aws:secretsmanager:us-east-1:" + ACCOUNT + ":secret:{}TokenSecret-??????"
ARNS = {
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:us-east-1:{account}:table/{id}",
    "AWS::Lambda::Function": "arn:aws:lambda:us-east-1:{account}:function:{id}",
    "AWS::SQS::Queue": "arn:aws:sqs:us-east-1:{account}:{id}",
    "AWS::StepFunctions::StateMachine": "{id}",
}

# What this cloud has no way to use, and why.
UNUSED = {
    "logs:CreateLogStream": "Lambda itself writes logs; here they are files",
    "logs:PutLogEvents": "as above",
    "kms:Decrypt": "only with a KmsKeyArn: tests/template/test_options.py",
    "kms:GenerateDataKey": "as above",
}
# Grants of one function that no end-to-end test comes to, and where that is tested.
RARELY_USED = {
    # The sweeper tells of a review whose worker died, and wakes who waited for the approved build.
    ("SweepFunction", "TakeThemOver", "dynamodb:Query"): "tests/pipeline/test_interleaved_reviews",
    # Many workers' heartbeat: one in five minutes does for a lease of a quarter of an hour.
    ("WorkerFunction", "KeepTheLease", "dynamodb:UpdateItem"): "tests/pipeline/test_fan_out",
    # Only with CommentPictures, which is off.
    ("NotifyFunction", "ListPicturesOfComments", "s3:GetObject"): "tests/template/test_pictures",
    ("NotifyFunction", "ReadPicturesOfComments", "s3:GetObject"): "tests/template/test_pictures",
    # An image is missed by the first worker that looks for it, before many share the diff.
    **{
        (function, sid, action): "tests/pipeline/test_collect"
        for function in ("WorkerFunction", "PublishFunction")
        for sid, action in (
            ("RestoreImages", "s3:GetObjectVersion"),
            ("FindDeletedImages", "s3:ListBucketVersions"),
            ("FindOldImages", "s3:GetObject"),
            ("PutImagesBack", "s3:PutObject"),
        )
    },
}
# What no end-to-end test brings about, and where it is tested.
NOT_EMITTED = {
    ("ImagesErrored", "ENGINE_FAILED"): "odiff dies twice on one pair: tests/engine/test_odiff.py",
    ("ImagesErrored", "ENGINE_TIMEOUT"): "odiff hangs for 30 s, twice: tests/engine/test_odiff.py",
    (
        "ImagesErrored",
        "RESULT_MISSING",
    ): "five workers die on one pair: tests/pipeline/test_fan_out",
    ("LostUploads", ""): "S3 sends no event for ten minutes: tests/handlers/test_sweep",
}
OURS = "Pixelgate"
NO_TABLE = ":table/none"  # test_fan_out takes the table away from the workers
CLAIMED = {"SUCCEEDED", "PROCESSING", "WAITING_FOR_BASE"}
FIELDS = {"project", "build", "comparison", "execution"}
OF_A_BUILD = (
    *("build compared", "build compared before", "comparison handed over", "build failed"),
    *("build waiting for its base", "build waiting for its shards", "manifest rejected"),
    "comparison superseded",
    *("delivery failed", "comparison failed", "image missing", "thumbnails missing"),
    "pictures missing",
    *("notification sent", "notification refused", "review handled", "review refused"),
    *("batch compared", "stalled comparison", "waiting build resumed"),
)


@dataclass(frozen=True)
class Grant:
    """One action on one resource that a function's role allows."""

    function: str
    sid: str
    action: str
    resource: str

    @property
    def statement(self) -> Json:
        return {"Effect": "Allow", "Action": self.action, "Resource": self.resource}


@pytest.fixture(scope="module")
def stack() -> Stack:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        return translated(
            GitHubTokenSecret=SECRET.format("GitHub"),
            GitLabTokenSecret=SECRET.format("GitLab"),
            GitHubApp="/pixelgate/github-app",
        )


@pytest.fixture
def runs(cloud: EmbeddedCloud, earlier: list[Ran]) -> list[Ran]:
    """Every cloud of this session, the shared one last."""
    cloud.wait_until_idle()
    return [*earlier, Ran.of(cloud)]


@pytest.fixture
def whole(request: pytest.FixtureRequest) -> None:
    """Only when every file of end-to-end tests was collected, and no test was deselected."""
    wanted = {path.name for path in Path(__file__).parent.glob("test_*.py")}
    ran = {item.path.name for item in request.session.items if item.path.parent.name == "e2e"}
    chosen = request.config.getoption("-k") or any("::" in a for a in request.config.args)
    if wanted - ran or chosen or request.session.testsfailed:
        pytest.skip("looks back on a whole run without failures: pytest tests/e2e")


def grants(stack: Stack, run: Ran) -> Iterator[Grant]:
    for function, properties in stack.of_type("AWS::Lambda::Function").items():
        role = properties["Role"].removeprefix("${").removesuffix(".Arn}")
        for statement in stack.grants(role):
            for action in listed(statement["Action"]):
                for resource in listed(statement["Resource"]):
                    concrete = in_this_cloud(resource, stack, run)
                    yield Grant(function, statement.get("Sid", ""), action, concrete)


def in_this_cloud(text: str, stack: Stack, run: Ran) -> str:
    """A resource as it is called in a deployed stack."""
    known = {"AWS::Partition": "aws", "AWS::StackName": "pixelgate", "AWS::Region": "us-east-1"}
    for name, text_id in known.items():
        text = text.replace(f"${{{name}}}", text_id)
    text = text.replace("${AWS::AccountId}", ACCOUNT)
    for name in re.findall(r"\$\{(\w+)\.Arn\}", text):
        kind = stack.resources[name]["Type"]
        if kind in ARNS:
            physical = run.resources[name].rpartition("/")[2]
            text = text.replace(f"${{{name}.Arn}}", ARNS[kind].format(account=ACCOUNT, id=physical))
    return re.sub(r"\$\{(\w+)\}", lambda found: run.resources.get(found[1], found[0]), text)


def test_iam_refused_no_request_of_the_stack(runs: list[Ran]) -> None:
    """Neither of a function, nor of the state machine, nor of a service that calls a function."""
    refused = [
        d
        for run in runs
        for d in run.decisions
        if not d.allowed and of_the_stack(d, run) and not d.resource.endswith(NO_TABLE)
    ]
    assert refused == []


def test_the_roles_as_the_template_has_them_allow_what_iam_allowed(
    runs: list[Ran], stack: Stack
) -> None:
    """The evaluator of tests/template agrees with the one of the embedded cloud."""
    unexplained = set()
    for run in runs:
        granted = list(grants(stack, run))
        for decision in run.decisions:
            mine = [g.statement for g in granted if g.function == decision.function]
            if not decision.function or not decision.allowed:
                continue
            if not allows(mine, decision.action, decision.resource):
                unexplained.add((decision.function, decision.action, decision.resource))
    assert unexplained == set()


def of_the_stack(decision: Decision, run: Ran) -> bool:
    """Whether a role, a bucket or a rule of the stack asked, and no test in a role's name."""
    if decision.principal.endswith("/taken-over"):
        return False
    parts = re.split(r"[/:]", decision.principal)
    # Stages of other APIs are called $default, too.
    own = {physical.rpartition("/")[2] for physical in run.resources.values()} - {"$default"}
    return not own.isdisjoint(parts)


@pytest.mark.usefixtures("whole")
def test_no_role_grants_what_nobody_uses(runs: list[Ran], stack: Stack) -> None:
    used: set[tuple[str, str, str]] = set()
    every: set[tuple[str, str, str]] = set()
    for run in runs:
        for number, grant in enumerate(grants(stack, run)):
            about = (grant.function, grant.sid, f"{grant.action} {number}")
            every.add(about)
            excused = (grant.function, grant.sid, grant.action) in RARELY_USED
            if (
                grant.action in UNUSED
                or excused
                or any(
                    decision.function == grant.function
                    and covers(grant.statement, decision.action, decision.resource)
                    for decision in run.decisions
                )
            ):
                used.add(about)
    assert sorted(every - used) == []


@pytest.mark.usefixtures("whole")
def test_all_that_is_charted_or_watched_is_emitted_and_the_other_way_round(
    runs: list[Ran], stack: Stack
) -> None:
    watched = {row_of(row) for row in charted(stack) if row[0] == OURS}
    for alarm in alarms(stack).values():
        if alarm["Namespace"] == OURS:
            pairs = [(d["Name"], d["Value"]) for d in alarm["Dimensions"]]
            watched.add(row_of([OURS, alarm["MetricName"], *chain.from_iterable(pairs)]))
    found = {one for run in runs for log in run.logs.values() for one in emitted(log)}
    excused = {
        (metric, frozenset({("service", "pixelgate"), *([("reason", reason)] if reason else [])}))
        for metric, reason in NOT_EMITTED
    }
    assert sorted(map(str, watched - found - excused)) == []
    assert sorted(map(str, found - watched)) == []
    assert sorted(map(str, found & excused)) == [], "no excuse is needed any more"


@pytest.mark.usefixtures("whole")
def test_what_aws_s_own_metrics_are_charted_by_exists(runs: list[Ran], stack: Stack) -> None:
    """Functions, queue and table of the dashboard and of the alarms are in a deployed stack.

    Those of the review site only in stacks that have one.
    """
    named = {row[3] for row in charted(stack) if row[0] != OURS}
    named |= {
        d["Value"]
        for alarm in alarms(stack).values()
        for d in alarm["Dimensions"]
        if alarm["Namespace"] != OURS
    }
    logical = {re.sub(r"^\$\{(\w+)(\.QueueName)?\}$", r"\1", text) for text in named}
    assert logical
    assert logical - {"SiteFunction"} <= runs[-1].resources.keys()
    assert any(logical <= run.resources.keys() for run in runs)


@pytest.mark.usefixtures("whole")
def test_every_line_about_a_build_says_of_which_comparison_and_execution(runs: list[Ran]) -> None:
    lines = [line for run in runs for log in run.logs.values() for line in structured(log)]
    of_builds = [line for line in lines if line["message"] in OF_A_BUILD]
    assert of_builds
    assert [line for line in of_builds if not line.keys() >= {"project", "build"}] == []
    # Before a claim there is neither of the two.
    claimed = [line for line in of_builds if line.get("outcome", {}).get("state") in CLAIMED]
    assert claimed
    assert [line for line in claimed if not line.keys() >= FIELDS] == []


@pytest.mark.usefixtures("whole")
def test_no_line_at_info_names_an_image(runs: list[Ran]) -> None:
    """The pictures of these tests are called so; test_hostile.py has some that are errored."""
    lines = [line for run in runs for log in run.logs.values() for line in structured(log)]
    at_info = [json.dumps(line) for line in lines if line["level"] == "INFO"]
    assert at_info
    assert [line for line in at_info if re.search(r"odd/|\.png\b|\.webp\b|\.jpe?g\b", line)] == []


@pytest.mark.usefixtures("whole")
def test_every_step_of_a_run_is_timed(runs: list[Ran]) -> None:
    lines = [line for run in runs for log in run.logs.values() for line in structured(log)]
    steps = {frozenset(line["stages"]) for line in lines if line.get("outcome", {}).get("verdict")
             and not line["outcome"].get("duplicate")}  # fmt: skip
    every = {"accept", "claim", "plan", "fetch", "diff", "thumbnails", "report", "publish"}
    assert every in steps


def row_of(row: list[str]) -> tuple[str, frozenset[tuple[str, str]]]:
    _, metric, *dimensions = (part.replace("${AWS::StackName}", "pixelgate") for part in row)
    return metric, frozenset(zip(dimensions[::2], dimensions[1::2], strict=True))


def structured(log: str) -> Iterator[dict[str, Any]]:
    """The lines of our logger."""
    for text in log.splitlines():
        if text.startswith("{") and '"message"' in text and '"level"' in text:
            line = json.loads(text)
            if line.get("service") == "pixelgate":
                yield line


def emitted(log: str) -> Iterator[tuple[str, frozenset[tuple[str, str]]]]:
    """Name and dimensions of the metrics in a log, as CloudWatch reads them (EMF)."""
    for text in log.splitlines():
        if not (text.startswith("{") and '"_aws"' in text):
            continue
        blob = json.loads(text)
        for directive in blob["_aws"]["CloudWatchMetrics"]:
            assert directive["Namespace"] == OURS
            for names in directive["Dimensions"]:
                dimensions = frozenset((name, blob[name]) for name in names)
                for metric in directive["Metrics"]:
                    yield metric["Name"], dimensions
